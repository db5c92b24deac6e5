"""Energy-based rules against hand-worked circuits and finite differences."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE
from netlearn.circuit.devices.linear import VCCS
from netlearn.errors import CircuitError, ConvergenceError, OptionError
from netlearn.learn.loss import CrossEntropy, Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.learn.rules.generalized import GeneralizedEP
from netlearn.probes.ends import Probes
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from tests.helpers import differences, divider, estimate, mean_loss, model_of, random_task


class TestDividerByHand:
    """g1 = g2 = 1 mS, y = g1/(g1 + g2) = 0.5, ℓ = (y - t)², e = y - t = 0.25, K = g1 + g2 = 2 mS."""

    def test_equilibrium_propagation(self) -> None:
        # With the conductance 2β to t: y_β = (g1 + 2βt)/(g1 + g2 + 2β), and with β = 1 mS
        # y_β = (1 + 0.5)/4 = 0.375. Then ∂ℓ/∂g1 ≈ ((1 - y_β)² - (1 - y)²)/(2β) =
        # (0.390625 - 0.25)/2 mS = 70.3125 /S, ∂ℓ/∂g2 ≈ (0.140625 - 0.25)/2 mS = -54.6875 /S,
        # and ∂ℓ/∂R = -∂ℓ/∂g/R².
        model, theta, batch = divider()
        found = estimate(make_rule("ep", beta=1e-3, unit="siemens", states="positive"), model, theta, batch)
        assert found == pytest.approx([-70.3125e-6, 54.6875e-6], rel=1e-12)

    def test_coupled_learning(self) -> None:
        # Clamped at y + η(t - y) with η = 0.4: 0.4 V. ((0.6)² - (0.5)²)/(2·0.4) = 0.1375,
        # ((0.4)² - (0.5)²)/(2·0.4) = -0.1125.
        model, theta, batch = divider()
        found = estimate(make_rule("cl", beta=0.4, states="positive"), model, theta, batch)
        assert found == pytest.approx([-0.1375e-6, 0.1125e-6], rel=1e-12)

    def test_contrastive_learning(self) -> None:
        # Clamped at 0.25 V: ((0.75)² - 0.25)/2 = 0.15625 and ((0.25)² - 0.25)/2 = -0.09375.
        model, theta, batch = divider()
        found = estimate(make_rule("contrastive"), model, theta, batch)
        assert found == pytest.approx([-0.15625e-6, 0.09375e-6], rel=1e-12)

    def test_adjoint_learning_has_no_bias(self) -> None:
        # ∂y/∂g1 = g2/(g1 + g2)² = 250 /S, so ∂ℓ/∂g1 = 2 e · 250 = 125 /S, whatever β is.
        model, theta, batch = divider()
        found = estimate(make_rule("al", beta=0.3, unit="siemens"), model, theta, batch)
        assert found == pytest.approx([-125e-6, 125e-6], rel=1e-9)


def test_three_resistors_by_hand() -> None:
    """A star: r1 from 2 V, r2 from ground, r3 from the output node to ground, all 1 kΩ; 1 V wanted.

    y = 2/3, e = -1/3, ℓ' = -2/3, λ = ℓ'/(3 mS), so ∂ℓ/∂g1 = -(2 - y)·(-λ)... = Δv1 Δλ1 with
    Δv1 = 4/3 V across r1 and Δλ1 = 0 - λ: -(4/3)(-λ)·(-1) = (4/3) λ; and -(2/3) λ for the others.
    """
    model = model_of(2, [(0, 1), (1, GROUND), (1, GROUND)], np.full(3, 1e3), [0], [(1, GROUND)])
    batch = Batch(np.array([[2.0]]), np.array([[1.0]]))
    by_conductance = -2 / 3 / 3e-3 * np.array([4 / 3, -2 / 3, -2 / 3])
    for rule in (make_rule("al"), make_rule("ep", beta=1e-9, unit="siemens"), Analytic()):
        found = estimate(rule, model, model.parameters.initial, batch)
        assert found == pytest.approx(-by_conductance / 1e6, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", [Mse(), CrossEntropy(scale=5.0)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ep", {"beta": 1e-8, "unit": "siemens"}),
        ("ep", {"beta": 1e-7, "unit": "siemens", "nudge": "current"}),
        ("al", {}),
    ],
)
def test_descends_the_loss(seed: int, loss: Loss, name: str, options: dict[str, object]) -> None:
    model, theta, batch = random_task(seed)
    if isinstance(loss, CrossEntropy):
        batch = Batch(batch.inputs, np.array([0, 1, 0, 0, 1]))
    found = estimate(make_rule(name, **options), model, theta, batch, loss)

    wanted = differences(lambda t: mean_loss(model, t, batch, loss), theta)
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-7 * np.abs(wanted).max())


def stiffness(model: Model, theta: Array) -> Array:
    """K = (M L⁻¹ Mᵀ)⁻¹ from dense nodal analysis with the inputs at ground."""
    ends, n = model.parameters.circuit.groups[0].index, len(model.parameters.circuit.nodes)
    incidence = np.zeros((n + 1, len(ends)))
    incidence[ends[:, 0], np.arange(len(ends))] += 1
    incidence[ends[:, 1], np.arange(len(ends))] -= 1
    held = [
        n,
        *(
            int(model.parameters.circuit.groups[1].index[place[1], 0])
            for place in model.inputs
            if not isinstance(place, int)
        ),
    ]
    free = [i for i in range(n) if i not in held]
    laplacian = ((incidence / theta) @ incidence.T)[np.ix_(free, free)]
    probes = model.probes.matrix(n + len(model.inputs)).toarray()[:, free]
    return np.asarray(np.linalg.inv(probes @ np.linalg.solve(laplacian, probes.T)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "options", "moving"),
    [
        ("contrastive", {}, 1.0),
        ("cl", {"beta": 1e-5}, 0.0),
        ("cl", {"beta": 0.3, "states": "positive"}, 0.3),
        ("cl", {"beta": 0.3, "states": "negative"}, -0.3),
    ],
)
def test_descends_the_error_in_the_stiffness_metric(
    seed: int, name: str, options: dict[str, object], moving: float
) -> None:
    """CL at β is the derivative of eᵀKe/2 less (1 - β)/2 eᵀ(∂K/∂θ)e; full clamp is β = 1."""
    model, theta, batch = random_task(seed)

    def energy(t: Array, at: Array) -> float:
        error = model.outputs(model.forward(t, batch.inputs)) - batch.targets
        return float(np.mean(np.einsum("si,ij,sj->s", error, stiffness(model, at), error)) / 2)

    error = model.outputs(model.forward(theta, batch.inputs)) - batch.targets

    def frozen_error(at: Array) -> float:
        return float(np.mean(np.einsum("si,ij,sj->s", error, stiffness(model, at), error)) / 2)

    wanted = differences(lambda t: energy(t, t), theta) - (1 - moving) * differences(frozen_error, theta)
    found = estimate(make_rule(name, **options), model, theta, batch)
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize(("states", "slope"), [("positive", 1.0), ("negative", 1.0), ("centered", 2.0)])
def test_bias_falls_at_the_predicted_order(states: str, slope: float) -> None:
    model, theta, batch = random_task(1)
    exact = estimate(Analytic(), model, theta, batch)
    betas = np.array([1e-6, 2e-6, 4e-6])
    errors = [
        np.linalg.norm(
            estimate(make_rule("ep", beta=b, unit="siemens", states=states, nudge="conductance"), model, theta, batch)
            - exact
        )
        for b in betas
    ]
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(slope, abs=0.1)


@dataclass(frozen=True)
class CubicNudge:
    """A user's nudge of order 3: a current β³ ∂ℓ/∂y at the output."""

    order: int = 3
    contrast_order: int = 3

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        return Circuitry(current=beta**3 * loss.gradient(outputs, targets))


def test_user_defined_nudge_of_order_three() -> None:
    model, theta, batch = random_task(2)
    exact = estimate(Analytic(), model, theta, batch)
    betas = np.array([1e-3, 2e-3, 4e-3])
    errors = [
        np.linalg.norm(estimate(GeneralizedEP(CubicNudge(), b, "positive"), model, theta, batch) - exact) for b in betas
    ]
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(3.0, abs=0.1)
    assert errors[0] < 1e-3 * np.linalg.norm(exact)


def test_output_current_is_nudged_in_series() -> None:
    model, theta, batch = random_task(0)
    probes = Probes(["I(v1)"], np.array([8]), np.array([GROUND]))
    model = Model(model.parameters, model.inputs, probes, model.solver)
    batch = Batch(batch.inputs, np.full((5, 1), 1e-3))
    exact = estimate(Analytic(), model, theta, batch)
    assert np.abs(exact).max() > 0
    assert estimate(make_rule("ep", beta=1.0, unit="siemens"), model, theta, batch) == pytest.approx(exact, rel=1e-6)
    with pytest.raises(CircuitError, match=r"I\(v1\) is a current"):
        estimate(make_rule("cl"), model, theta, batch)


class TestRefusals:
    @pytest.mark.parametrize("beta", [0.0, -1e-3, float("nan")])
    def test_strength(self, beta: float) -> None:
        with pytest.raises(OptionError, match="'beta' must be a number above 0"):
            make_rule("ep", beta=beta, unit="siemens")

    def test_names_and_choices(self) -> None:
        with pytest.raises(OptionError, match="did you mean 'contrastive'"):
            make_rule("contrastiv")
        with pytest.raises(OptionError, match="no option 'bets'"):
            make_rule("ep", bets=1.0)
        with pytest.raises(OptionError, match="did you mean 'centered'"):
            make_rule("ep", states="centred")

    def test_even_order_cannot_be_centered(self) -> None:
        @dataclass(frozen=True)
        class Even(CubicNudge):
            contrast_order: int = 2

        with pytest.raises(OptionError, match="even order 2"):
            GeneralizedEP(Even())

    def test_output_held_by_sources(self) -> None:
        model, theta, batch = random_task(0)
        held = Probes(["V(n0)"], np.array([0]), np.array([7]))
        model = Model(model.parameters, model.inputs, held, model.solver)
        with pytest.raises(CircuitError, match=r"V\(n0\) is held by voltage sources"):
            estimate(make_rule("ep"), model, theta, Batch(batch.inputs, batch.targets[:, :1]))

    @pytest.mark.parametrize("beta", [1e-3, 1.1e-3])
    def test_negative_nudge_beyond_what_the_circuit_holds(self, beta: float) -> None:
        # The divider holds up to 2β = g1 + g2: at β = 1 mS it is singular, beyond it unstable.
        model, theta, batch = divider()
        with pytest.raises(ConvergenceError, match="nudge"):
            estimate(make_rule("ep", beta=beta, unit="siemens", states="negative"), model, theta, batch)
        estimate(make_rule("ep", beta=0.9e-3, unit="siemens", states="negative"), model, theta, batch)

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("diode", [False, True])
    def test_negative_nudges_are_held_as_far_as_the_co_content_is_convex(self, seed: int, diode: bool) -> None:
        """Up to the β at which the least eigenvalue of its Hessian is zero, whatever the samples are."""
        # A diode that never conducts more than its leakage, so that the circuit is not known as a linear one.
        values = {name: np.array([value]) for name, value in IDEAL_DIODE.parameters.items()}
        values |= {"vfwd": np.array([1e6]), "roff": np.array([1e4])}
        others = [Group(IDEAL_DIODE, ["d1"], np.array([[4, GROUND]]), values)] if diode else []
        model, theta, batch = random_task(seed, *others)
        circuit = model.circuit(theta, batch.inputs)
        # Nodes 0 and 7 are held by sources.
        hessian = np.zeros((9, 9))
        for (a, b), g in zip(circuit.groups[0].index, 1 / theta, strict=True):
            hessian[[a, b], [a, b]] += g
            hessian[[a, b], [b, a]] -= g
        hessian[4, 4] += 1e-4 if diode else 0.0
        inner, probes = np.arange(1, 7), model.probe_matrix.toarray()[:, 1:7]
        # The mean of two squares has a curvature of one.
        inverse = probes @ np.linalg.solve(hessian[np.ix_(inner, inner)], probes.T)
        limit = 1 / np.linalg.eigvalsh(inverse).max()

        def held(beta: float) -> Array:
            return estimate(make_rule("ep", beta=beta, unit="siemens", states="negative"), model, theta, batch)

        held(0.99 * limit)
        for beta in (1.01 * limit, 3 * limit, 100 * limit):
            with pytest.raises(ConvergenceError, match="no stable operating point"):
                held(beta)

    @pytest.mark.parametrize("name", ["ep", "holomorphic"])
    def test_the_nudge_that_cancels_what_outputs_see_is_told(self, name: str) -> None:
        """Of one output it is β = 1, where the equations are singular but for rounding; of two, by their curvature."""
        for seed in range(4):
            model, theta, batch = random_task(seed)
            one = Probes(model.probes.names[:1], model.probes.plus[:1], model.probes.minus[:1])
            single, part = replace(model, measured=one), Batch(batch.inputs, batch.targets[:, :1])
            for beta in (1.0, 1.0 + 1e-15, 2.5):
                for each, some in ((single, part), (model, batch)):
                    with pytest.raises(ConvergenceError, match=r"takes away all of the conductance") as raised:
                        estimate(make_rule(name, beta=beta), each, theta, some)
                    assert "make beta smaller than 1, where the two cancel" in raised.value.hint

    def test_clamps_in_a_loop(self) -> None:
        model, theta, batch = random_task(0)
        loop = Probes(["V(n1)", "V(n2)", "V(n1,n2)"], np.array([1, 2, 1]), np.array([GROUND, GROUND, 2]))
        model = Model(model.parameters, model.inputs, loop, model.solver)
        with pytest.raises(ConvergenceError, match="no operating point under the nudge"):
            estimate(make_rule("contrastive"), model, theta, Batch(batch.inputs, np.ones((5, 3))))

    def test_losses_without_a_target(self) -> None:
        model, theta, batch = random_task(0)
        batch = Batch(batch.inputs, np.array([0, 1, 0, 0, 1]))
        with pytest.raises(OptionError, match="names none"):
            estimate(make_rule("contrastive"), model, theta, batch, CrossEntropy(1.0))
        with pytest.raises(OptionError, match="only a squared error"):
            estimate(make_rule("ep", nudge="conductance"), model, theta, batch, CrossEntropy(1.0))

    def test_no_co_content(self) -> None:
        amplifier = Group(VCCS, ["g1"], np.array([[4, GROUND, 2, GROUND]]), {"gain": np.array([1e-4])})
        model, theta, batch = random_task(0, amplifier)
        with pytest.warns(UserWarning, match="no co-content, because g1 breaks reciprocity"):
            found = estimate(make_rule("ep", beta=1e-8, unit="siemens"), model, theta, batch)
        assert np.linalg.norm(found - estimate(Analytic(), model, theta, batch)) > 1e-3 * np.linalg.norm(found)
        with pytest.raises(CircuitError, match="no co-content"):
            estimate(make_rule("ep", reciprocal="require"), model, theta, batch)


def test_reciprocal_circuits_are_not_warned_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate(make_rule("ep"), *divider())


class TestStrength:
    """β relative to the conductance that the outputs see."""

    @pytest.mark.parametrize("name", ["ep", "al", "holomorphic"])
    @pytest.mark.parametrize("loss", [Mse(), CrossEntropy(scale=5.0)])
    def test_is_free_of_units(self, name: str, loss: Loss) -> None:
        """The same network at a thousand times the resistance has the same error."""
        model, theta, batch = random_task(0)
        if isinstance(loss, CrossEntropy):
            batch = Batch(batch.inputs, np.array([0, 1, 0, 0, 1]))
        rule = make_rule(name, beta=0.05)
        found = estimate(rule, model, theta, batch, loss) * theta
        assert estimate(rule, model, 1e3 * theta, batch, loss) * 1e3 * theta == pytest.approx(found, rel=1e-8)

    @pytest.mark.parametrize("ohms", [1.0, 4e5, 4e6, 1e12])
    def test_default_is_right_at_any_resistance(self, ohms: float) -> None:
        model, theta, batch = random_task(0)
        exact = estimate(Analytic(), model, ohms * theta, batch)
        for name in ("ep", "al", "holomorphic"):
            found = estimate(make_rule(name), model, ohms * theta, batch)
            assert found == pytest.approx(exact, rel=1e-4, abs=1e-5 * np.abs(exact).max())

    @pytest.mark.parametrize("outputs", [1, 2])
    def test_of_one_takes_stability_away(self, outputs: int) -> None:
        model, theta, batch = random_task(0)
        probes = Probes(model.probes.names[:outputs], model.probes.plus[:outputs], model.probes.minus[:outputs])
        model, batch = replace(model, measured=probes), Batch(batch.inputs, batch.targets[:, :outputs])
        estimate(make_rule("ep", beta=0.99, states="negative"), model, theta, batch)
        with pytest.raises(ConvergenceError, match="no stable operating point"):
            estimate(make_rule("ep", beta=1.01, states="negative"), model, theta, batch)

    def test_in_siemens(self) -> None:
        """The divider's output sees 1/r + 1/r = 2 mS, and the squared error has a curvature of 2."""
        model, theta, batch = divider()
        found = estimate(make_rule("ep", beta=0.3), model, theta, batch)
        assert estimate(make_rule("ep", beta=0.3e-3, unit="siemens"), model, theta, batch) == pytest.approx(found)


def test_noise_reaches_the_outputs_that_nudges_are_made_from() -> None:
    """Clamps stand where the output was read, not where it is."""
    model, theta, batch = random_task(0)
    clamps: list[Array] = []

    class Chip:
        def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
            clamps.extend(group.values["dc"] for group in circuit.groups if group.names[0].startswith("vnudge"))
            return InternalSolver().solve(circuit, start)

    chip = replace(model, solver=Chip())
    outputs = model.outputs(model.forward(theta, batch.inputs))
    for noise in (0.0, 1.0):
        make_rule("cl", beta=0.01, states="positive", noise=noise).estimate(
            chip, Mse(), theta, batch, np.random.default_rng(0)
        )
    exact, read = (clamp - (outputs + 0.01 * (batch.targets - outputs)) for clamp in clamps)
    assert np.abs(exact).max() < 1e-12
    assert 0.5 < np.std(read) < 2


@pytest.mark.parametrize("seed", range(3))
def test_centered_is_the_mean_of_both_sides(seed: int) -> None:
    """Resistors compare the two nudged states with each other, in which the free one drops out."""
    model, theta, batch = random_task(seed)
    centered, positive, negative = (
        estimate(make_rule("ep", beta=0.05, states=states), model, theta, batch)
        for states in ("centered", "positive", "negative")
    )
    np.testing.assert_allclose(centered, 0.5 * (positive + negative), rtol=1e-9, atol=1e-12 * np.abs(centered).max())
