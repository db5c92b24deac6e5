"""What comes of compiled loops does not depend on which of them a process loads first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

SCRIPT = """
import sys
import numpy as np
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project
import netlearn

rng = np.random.default_rng(0)
lines = ["layers", *(f"V{i} x{i} 0 0" for i in range(24))]
lines += [f"Ra{i}_{j} x{i} h{j} {10 ** rng.uniform(3, 5)!r}" for i in range(24) for j in range(10)]
lines += [f"Rb{j}_{k} h{j} y{k} {10 ** rng.uniform(3, 5)!r}" for j in range(10) for k in range(3)]
lines += [f"D{j} h{j} 0 dm" for j in range(10)]
lines += [".model dm d(ron=1m roff=1g vfwd=0)", "*@output V(y0) V(y1) V(y2)", "*@train R*", ".end"]
x, y = rng.uniform(-1, 1, (40, 24)), rng.normal(size=(40, 3))
columns = {f"V{i}": x[:, i] for i in range(24)} | {f"V(y{k})": y[:, k] for k in range(3)}
project = open_project(netlearn.parse("\\n".join(lines)), columns)
theta, rule, found = project.parameters.initial, make_rule("analytic"), b""
for samples in map(int, sys.argv[1:]):
    batch = Batch(x[:samples], y[:samples])
    found = rule.estimate(project.model, Mse(), theta, batch, rng).gradient.tobytes()
print(found.hex())
"""


def gradient_after(*samples: int) -> str:
    """The bytes of the gradient for the last of so many samples, asked one after another in a process of its own."""
    words = [sys.executable, "-W", "ignore", "-c", SCRIPT, *map(str, samples)]
    environment = os.environ | {"NETLEARN_COMPILE": "first"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout


def test_gradients_of_few_samples_are_the_same_whether_many_were_asked_before() -> None:
    """As in a run that is continued: steps of training follow the loss of all samples where it begins, and only there.

    Both kinds of steps call one loop, of which either's machine code has a copy.
    """
    gradient_after(40, 4)
    assert gradient_after(4) == gradient_after(40, 4)
