"""L-BFGS where a step leads to where there is no loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.errors import CircuitError, NetlearnError
from netlearn.learn import lbfgs, loop

DIODE = """diode
*@train dm.is dm.n
*@optimizer lbfgs
V1 a 0 0.5
D1 a 0 dm
.model dm d(is=1e-12 n=1)
"""
VOLTS = np.linspace(0.1, 0.7, 13)
CURRENT = 3e-10 * np.expm1(VOLTS / (1.6 * 0.0258649))


def test_it_turns_back_from_an_overflow() -> None:
    """The first step makes the exponent so large that the current overflows."""
    result = netlearn.train(netlearn.parse(DIODE), {"V1": VOLTS, "I(D1)": CURRENT}, epochs=300)
    assert result.loss < 1e-3 * result.history[0].loss
    assert np.all(np.isfinite(result.history.loss))


def test_a_run_with_a_wall_is_resumed_to_the_same_bits(tmp_path: object) -> None:
    data = {"V1": VOLTS, "I(D1)": CURRENT}
    whole = netlearn.train(netlearn.parse(DIODE), data, epochs=12)

    def stop(progress: object) -> None:
        stop.count += 1  # type: ignore[attr-defined]
        if stop.count == 2:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    stop.count = 0  # type: ignore[attr-defined]
    kept = f"{tmp_path}/kept.npz"
    first = netlearn.train(netlearn.parse(DIODE), data, epochs=12, checkpoint=kept, progress=stop)
    assert first.interrupted
    again = netlearn.train(netlearn.parse(DIODE), data, epochs=12, checkpoint=kept, resume=True)
    np.testing.assert_array_equal(again.theta, whole.theta)


def test_what_is_not_finite_from_the_start_is_still_said() -> None:
    text = DIODE.replace("n=1)", "n=0.01)")
    with pytest.raises(NetlearnError, match="is inf at the values as they are"):
        netlearn.train(netlearn.parse(text), {"V1": 20 * VOLTS, "I(D1)": CURRENT})


def test_it_turns_back_from_a_circuit_without_a_unique_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []

    def estimated(task: Any, trial: Any, *rest: Any) -> Any:
        if trial.theta.max() > 5000.0:
            refused.append(trial.theta.max())
            raise CircuitError("the circuit's equations have no unique solution")
        return loop.estimated(task, trial, *rest)

    monkeypatch.setattr(lbfgs, "estimated", estimated)
    net = netlearn.parse("divider\n*@train R*\n*@optimizer lbfgs\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n")
    result = netlearn.train(net, {"V1": [1.0, 2.0], "V(b)": [0.0, 0.0]}, epochs=30)
    assert refused
    assert result.loss < 0.2 * result.history.loss[0]
