"""The example of a bench: instruments of PyVISA's simulated backend, and a board behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.chips.function import loaded

pytest.importorskip("pyvisa", reason='PyVISA is not installed: pip install "netlearn[visa]"')
pytest.importorskip("pyvisa_sim", reason='PyVISA-sim is not installed: pip install "netlearn[visa]"')

ROOT = Path(__file__).resolve().parents[2]
NETLIST = ROOT / "netlists" / "voltage_division.cir"
BENCH = f"python:{ROOT / 'examples' / 'visa.py'}:measure"


def test_the_bench_sets_and_reads_what_is_asked() -> None:
    """What it reads is the netlist's circuit with a mismatch of 20 % in its resistors, which no reading is far from."""
    measure = loaded(BENCH.removeprefix("python:")).function
    project = netlearn.Trainer(NETLIST, input=["Vin"])
    told = project.predict([[1.0], [2.0]])
    found = measure(project.theta, np.array([[1.0], [2.0]]))
    assert found.shape == (2, 2)
    assert np.allclose(found, told, rtol=0.4)
    assert np.allclose(found[1], 2.0 * found[0], atol=1e-3)
    assert not np.allclose(found, told, atol=1e-3)


def test_it_learns() -> None:
    before = netlearn.evaluate(NETLIST, forward=BENCH)
    found = netlearn.train(NETLIST, epochs=60, forward=BENCH)
    assert found.loss < 1e-5 < before.loss
    assert "readings" in found.notes[-1]
