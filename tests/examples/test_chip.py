"""The example of a chip: a board that knows nothing of netlearn is trained, and its mismatch does no harm."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netlearn

ROOT = Path(__file__).resolve().parents[2]
NETLIST = ROOT / "netlists" / "voltage_division.cir"


def board(*options: str) -> str:
    """The command of the board of the example."""
    return "command:" + shlex.join([sys.executable, str(ROOT / "examples" / "chip.py"), str(NETLIST), *options])


IDEAL = ("--mismatch", "0", "--noise", "0")


def test_an_ideal_board_is_the_circuit() -> None:
    told = netlearn.evaluate(NETLIST)
    found = netlearn.evaluate(NETLIST, forward=board(*IDEAL))
    assert np.allclose(found.outputs, told.outputs, rtol=1e-12)


@pytest.mark.parametrize("rule", ["cl", "ep", "al"])
def test_an_ideal_board_is_nudged_as_the_circuit_is(rule: str) -> None:
    told = netlearn.train(NETLIST, rule=rule, optimizer="sgd lr=0.02", epochs=3)
    chip = board(*IDEAL, "--batch", "2")
    found = netlearn.train(NETLIST, rule=rule, optimizer="sgd lr=0.02", epochs=3, forward=chip)
    assert np.allclose(found.theta, told.theta, rtol=1e-9)
    assert not np.allclose(found.theta, told.initial, rtol=1e-4)


@pytest.mark.parametrize("rule", ["in-the-loop", "cl beta=0.3"])
def test_a_board_with_mismatch_noise_and_drift_learns_what_its_model_does_not(rule: str) -> None:
    chip = board("--mismatch", "0.2", "--noise", "1e-4", "--drift", "1e-5")
    modelled = netlearn.train(NETLIST, epochs=80)
    assert modelled.loss < 1e-6
    off = netlearn.evaluate(modelled.netlist, forward=chip).loss
    assert off > 1e-4
    assert netlearn.train(NETLIST, epochs=80, forward=chip, rule=rule).loss < off / 20


def test_a_board_that_cannot_be_built_says_why() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "chip.py", "nowhere.cir"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("the board cannot be built: [Errno 2]")
