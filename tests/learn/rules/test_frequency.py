"""Errors that swing at the outputs against the exact gradient, and noise against averaging."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Group
from netlearn.circuit.devices.diode import DIODE_WITHOUT_SERIES
from netlearn.errors import OptionError
from netlearn.learn.loss import CrossEntropy, Loss, Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from tests.helpers import estimate, random_task


@pytest.mark.parametrize("loss", [Mse(), CrossEntropy(scale=5.0)])
@pytest.mark.parametrize("beta", [1e-3, 10.0])
def test_is_exact_in_linear_circuits_at_any_swing(loss: Loss, beta: float) -> None:
    model, theta, batch = random_task(0)
    if isinstance(loss, CrossEntropy):
        batch = Batch(batch.inputs, np.array([0, 1, 0, 0, 1]))
    found = estimate(make_rule("frequency", beta=beta), model, theta, batch, loss)
    assert found == pytest.approx(estimate(Analytic(), model, theta, batch, loss), rel=1e-8)


def test_bias_falls_with_the_square_of_the_swing() -> None:
    ends = np.array([(3, GROUND), (5, 4), (GROUND, 6), (2, 1)])
    values = {name: np.full(len(ends), value) for name, value in DIODE_WITHOUT_SERIES.parameters.items()}
    model, theta, batch = random_task(1, Group(DIODE_WITHOUT_SERIES, ["d1", "d2", "d3", "d4"], ends, values))
    batch = Batch(2 * batch.inputs, batch.targets)
    exact = estimate(Analytic(), model, theta, batch)
    betas = np.array([0.01, 0.02, 0.04])
    errors = [
        np.linalg.norm(estimate(make_rule("frequency", beta=beta), model, theta, batch) - exact) for beta in betas
    ]
    assert errors[0] < 1e-2 * np.linalg.norm(exact)
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(2.0, abs=0.15)


def test_a_lock_in_averages_noise_away() -> None:
    """The variance falls with the number of readings and of periods."""
    model, theta, batch = random_task(0)
    exact = estimate(Analytic(), model, theta, batch)

    def error(**options: object) -> float:
        rule = make_rule("frequency", beta=0.5, noise=1e-3, **options)
        found = [rule.estimate(model, Mse(), theta, batch, np.random.default_rng(s)).gradient for s in range(60)]
        return float(np.sqrt(np.mean(np.square(np.array(found) - exact))))

    once = error(readings=4)
    assert once / error(readings=64) == pytest.approx(4, rel=0.25)
    assert once / error(readings=4, averages=16) == pytest.approx(4, rel=0.25)


def test_refusals() -> None:
    with pytest.raises(OptionError, match="'readings' must be a whole number at least 3"):
        make_rule("frequency", readings=2)
