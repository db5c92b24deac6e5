"""L-BFGS where a step leads to where there is no loss."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlearnError

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
    with pytest.raises(NetlearnError, match="became"):
        netlearn.train(netlearn.parse(text), {"V1": 20 * VOLTS, "I(D1)": CURRENT})
