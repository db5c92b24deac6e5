"""The projector form against the adjoint form, which is another way through the same circuit."""

from __future__ import annotations

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, VCCS
from netlearn.errors import CircuitError
from netlearn.learn.loss import CrossEntropy, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.probes.ends import Probes
from tests.helpers import divider, estimate, random_task


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("current", [False, True])
def test_agrees_with_the_adjoint_form(seed: int, current: bool) -> None:
    model, theta, batch = random_task(seed)
    if current:
        probes = Probes(["V(n3)", "I(v2)"], np.array([3, 9]), np.array([GROUND, GROUND]))
        model = Model(model.parameters, model.inputs, probes, model.solver)
    for loss, targets in ((Mse(), batch.targets), (CrossEntropy(5.0), np.array([0, 1, 1, 0, 1]))):
        again = Batch(batch.inputs, targets)
        found, wanted = (
            rule.estimate(model, loss, theta, again, np.random.default_rng(0))
            for rule in (make_rule("projector"), Analytic())
        )
        assert found.outputs == pytest.approx(wanted.outputs, rel=1e-12, abs=1e-14)
        assert found.loss == pytest.approx(wanted.loss, rel=1e-12)
        scale = np.abs(wanted.gradient * theta).max()
        assert found.gradient * theta == pytest.approx(wanted.gradient * theta, rel=1e-10, abs=1e-12 * scale)


def test_divider_by_hand() -> None:
    """∂y/∂R1 = -R2/(R1 + R2)² = -0.25 /kΩ, and 2 e = 0.5."""
    assert estimate(make_rule("projector"), *divider()) == pytest.approx([-125e-6, 125e-6], rel=1e-12)


def test_current_sources_are_known() -> None:
    source = Group(CURRENT_SOURCE, ["i1"], np.array([[3, GROUND]]), {"dc": np.array([1e-3])})
    network = random_task(0, source)
    wanted = estimate(Analytic(), *network)
    assert estimate(make_rule("projector"), *network) == pytest.approx(wanted, rel=1e-9, abs=1e-12 * max(wanted))


def test_knows_only_resistors_and_sources() -> None:
    source = Group(VCCS, ["g1"], np.array([[3, GROUND, 2, GROUND]]), {"gain": np.array([1e-3])})
    with pytest.raises(CircuitError, match="'g1' is a vccs: the projector form is for resistors and sources only"):
        estimate(make_rule("projector"), *random_task(0, source))
