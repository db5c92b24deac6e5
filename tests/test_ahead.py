"""What is compiled ahead is what shipped netlists need: they make no further machine code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netlearn import ahead

ROOT = Path(__file__).resolve().parents[1]

# In a process of its own, where nothing has been compiled or loaded for other tests.
LOOK = r"""
import warnings
from pathlib import Path
import numpy as np
import netlearn
from netlearn.ahead import compile_ahead
from netlearn.solve.compiled import jit
from netlearn.solve.compiled.load import kernels

def kinds():
    return {name: set(getattr(kernels(), name).signatures) for name in kernels().__all__}

warnings.simplefilter("ignore")
assert not any(kinds().values())
assert compile_ahead()
ready = kinds()
assert ready["newton"]
# Each is compiled, and once: not again for arrays that may not be written to, say.
found = {path.name.split("-")[0].split(".")[1] for path in Path(jit.CACHE).rglob("*.nbi")}
assert set(kernels().__all__) <= found, found
twice = {name: each for name, each in ready.items() if len(each) > 1}
assert not twice, twice
for name in ("xor", "digits", "iris"):
    netlearn.train(f"netlists/{name}.cir", epochs=1)
lines = [f"R{i}_{j} {a} h{j} {1000 + 100 * i + j}" for i, a in enumerate("abcy") for j in range(5)]
lines += ["V1 a 0 0", "V2 b 0 0", "V3 c 0 1", *(f"D{j} h{j} 0 dm" for j in range(5)), ".model dm d(ron=1)"]
layer = "a layer of ideal diodes\n" + "\n".join([*lines, "*@input V1 V2", "*@output V(y)", "*@train R*", ".end"])
x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
for rule in ("analytic", "ep"):
    data = {"V1": x[:, 0], "V2": x[:, 1], "V(y)": x.sum(axis=1)}
    netlearn.train(netlearn.parse(layer), data=data, rule=rule, epochs=2)
more = {name: kinds()[name] - ready[name] for name in ready if kinds()[name] - ready[name]}
assert not more, more
"""


def test_shipped_netlists_need_nothing_beyond_what_is_compiled_ahead() -> None:
    pytest.importorskip("numba")
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_is_nothing_to_compile_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "available", lambda: False)
    assert not ahead.compile_ahead()
