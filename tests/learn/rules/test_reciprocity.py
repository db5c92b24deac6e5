"""Weighted co-content: energy-based rules on circuits with amplifiers, against the adjoint method."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.errors import ConvergenceError
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.reciprocity import Reciprocity, reciprocity
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.project import open_project
from netlearn.solve.equations.assembly import Equations, MatrixTopology

RNG = np.random.default_rng
NETLISTS = Path(__file__).parents[3] / "netlists"
HEAD = "* test\n*@output V(out)\n*@train R*\nV1 in 0 0\n"
EXACT = [
    ("ep", {"beta": 1e-9, "unit": "siemens"}),
    ("ep", {"beta": 1e-9, "unit": "siemens", "nudge": "current", "states": "positive"}),
    ("ep", {"beta": 1e-9, "unit": "siemens", "states": "negative"}),
    ("al", {"beta": 1e-9, "unit": "siemens"}),
    ("holomorphic", {"beta": 1e-7, "unit": "siemens"}),
]

NETWORKS = {
    "an amplifier pair": "R1 in h 1k\nR2 h 0 3k\nE1 a 0 h 0 4\nF1 0 h E1 0.25\nR3 a out 2k\nR4 out 0 5k\n",
    "a pair whose gains are no inverses": "R1 in h 1k\nE1 a 0 h 0 3\nF1 0 h E1 0.5\nR3 a out 2k\nR4 out 0 5k\n",
    "an inverting pair": "R1 in h 1k\nR2 h 0 3k\nE1 a 0 h 0 -2\nF1 0 h E1 -0.5\nR3 a out 2k\nR4 out 0 5k\n",
    "two stages": "R1 in h 1k\nE1 a 0 h 0 4\nF1 0 h E1 0.25\nR2 a k 2k\n"
    "E2 b 0 k 0 3\nF2 0 k E2 0.2\nR3 b out 2k\nR4 out 0 5k\n",
    "a gyrator": "R1 in a 1k\nG1 a 0 b 0 1m\nG2 0 b a 0 1m\nR2 a 0 3k\nR3 b out 2k\nR4 out 0 5k\n",
    "transconductances of unlike size": "R1 in a 1k\nG1 a 0 b 0 1m\nG2 b 0 a 0 0.3m\nR2 a 0 900\n"
    "R3 b out 2k\nR4 out 0 1k\n",
    "an amplifier pair with a sensed current": "R1 in h 1k\nR2 h 0 3k\nE1 x 0 h 0 4\nVs a x 0\nF1 h 0 Vs 0.25\n"
    "R3 a out 2k\nR4 out 0 5k\n",
    "a gyrator of sensed currents": "R1 in p 1k\nVs p p1 0\nH1 p1 0 Vt 1k\nR2 p 0 9k\nVt q q1 0\nH2 q1 0 Vs -2k\n"
    "R3 q out 2k\nR4 out 0 5k\n",
    "a nonlinear resistor": "R1 in a 1k\nB1 a out I=1m*V(a,out)^3+1m*V(a,out)\nR2 out 0 5k\n",
    "an inverted input": "E1 x 0 in 0 -1\nR1 in h 1k\nR2 x h 3k\nR3 h out 2k\nR4 out 0 5k\n",
    "an amplified output that is shown": "R1 in h 1k\nR3 h out 2k\nR4 out 0 5k\nE1 shown 0 out 0 7\n"
    "R5 shown s2 1k\nR6 s2 0 1k\n",
    "stages of unlike gain beside each other": "R1 in h 1k\nR2 in k 2k\nE1 a 0 h 0 4\nF1 0 h E1 0.25\n"
    "E2 b 0 k 0 3\nF2 0 k E2 0.2\nR3 a out 2k\nR4 b out 3k\nR5 out 0 5k\n",
    "an input amplifier whose gain is trained": "*@train g\n.param g=-2\nE1 x 0 in 0 {g}\nR1 in h 1k\nR2 x h 3k\n"
    "R3 h out 2k\nR4 out 0 5k\n",
}
"""Circuits for which there are weights."""


def lab(elements: str, samples: int = 3) -> tuple[Model, Array, Batch]:
    volts = np.linspace(0.4, 1.0, samples)
    prepared = open_project(netlearn.parse(f"{HEAD}{elements}.end\n"), {"V1": volts, "V(out)": 0.3 - 0.5 * volts})
    data = prepared.dataset(prepared.table)
    return prepared.model, prepared.parameters.initial, Batch(data.inputs, data.targets)


def estimate(rule: object, model: Model, theta: Array, batch: Batch) -> Array:
    return rule.estimate(model, Mse(), theta, batch, RNG(0)).gradient  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("rule", "options"), EXACT)
def test_energy_rules_follow_the_gradient(name: str, rule: str, options: dict[str, object]) -> None:
    model, theta, batch = lab(NETWORKS[name])
    exact = estimate(Analytic(), model, theta, batch)
    assert np.all(exact != 0) or "shown" in name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimate(make_rule(rule, **options), model, theta, batch)
    assert found == pytest.approx(exact, rel=2e-5, abs=2e-6 * np.abs(exact).max())


@pytest.mark.parametrize("name", [name for name in NETWORKS if "sensed" not in name])
def test_weights_make_the_jacobian_symmetric(name: str) -> None:
    """D J, with J from finite differences of the equations, wherever all of it can be symmetric.

    Currents that are sensed by a source of their own are one with those of their neighbours, and not looked at here.
    """
    model, theta, batch = lab(NETWORKS[name])
    point = model.forward(theta, batch.inputs)
    found = reciprocity(point.circuit, point.x)
    if not found.exists:
        assert any(word in name for word in ("input", "output", "beside"))
        assert reciprocity(point.circuit, point.x, model.probes, model.parameters).exists
        return
    size, equations = point.circuit.size, Equations.of(point.circuit)
    steps = 1e-4 * np.eye(size)
    residual = equations.residual
    jacobian = np.array([(residual(point.x + h) - residual(point.x - h))[0] / 2e-4 for h in steps]).T
    weighted = found.weights[:, None] * jacobian
    assert weighted == pytest.approx(weighted.T, rel=1e-6, abs=1e-7 * np.abs(weighted).max())


def test_weights_of_the_literature() -> None:
    """A² at the inputs of bidirectional amplifiers and 1 at their outputs."""
    prepared = open_project(NETLISTS / "xor.cir")
    data = prepared.dataset(prepared.table)
    point = prepared.model.forward(prepared.parameters.initial, data.inputs)
    found = reciprocity(point.circuit, point.x, prepared.model.probes)
    assert found.exists
    assert not found.plain
    for node, weight in (("h1", 16), ("h4", 16), ("x1p", 16), ("a1", 1), ("yp", 1), ("yn", 1)):
        assert found.weights[point.circuit.node(node)] == pytest.approx(weight, rel=1e-12)


@pytest.mark.parametrize("name", ["xor", "digits"])
def test_shipped_networks_with_amplifiers(name: str) -> None:
    prepared = open_project(NETLISTS / f"{name}.cir")
    data = prepared.dataset(prepared.table).part(np.arange(4))
    model, theta, batch = prepared.model, prepared.parameters.initial, Batch(data.inputs, data.targets)
    exact = Analytic().estimate(model, prepared.loss, theta, batch, RNG(0)).gradient
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = make_rule("ep", beta=1e-9, unit="siemens").estimate(model, prepared.loss, theta, batch, RNG(0)).gradient
    assert found == pytest.approx(exact, rel=1e-4, abs=1e-6 * np.abs(exact).max())


def test_coupled_learning_descends_in_the_weighted_stiffness() -> None:
    """(K e)ᵀ ∂y/∂θ and the gradient of eᵀKe/2 with 1/K = M (D J)⁻¹ Mᵀ, which a unit current at the output shows."""
    model, theta, batch = lab(NETWORKS["an amplifier pair"])

    def stiffness(at: Array) -> float:
        circuit = model.circuit(at, batch.inputs[:1])
        jacobian = MatrixTopology.of(circuit).matrix(Equations.of(circuit).jacobian()).toarray()
        probes = model.probe_matrix.toarray()
        return float(1 / (probes @ np.linalg.solve(jacobian, probes.T))[0, 0])

    def error(at: Array) -> Array:
        return model.outputs(model.forward(at, batch.inputs)) - batch.targets

    def energy(at: Array) -> float:
        return float(np.mean(error(at) ** 2) * stiffness(at) / 2)

    steps = np.diag(1e-5 * theta)
    whole = np.array([(energy(theta + h) - energy(theta - h)) for h in steps]) / (2e-5 * theta)
    slope = np.array([(error(theta + h) - error(theta - h))[:, 0] for h in steps]) / (2e-5 * theta)[:, None]
    assert estimate(make_rule("contrastive"), model, theta, batch) == pytest.approx(whole, rel=1e-5)
    limit = stiffness(theta) * np.mean(error(theta)[:, 0] * slope, axis=1)
    assert estimate(make_rule("cl", beta=1e-5), model, theta, batch) == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize(
    ("elements", "breaking"),
    [
        ("R1 in h 1k\nR2 h 0 3k\nE1 a 0 h 0 4\nR3 a out 2k\nR4 out 0 5k\n", "e1"),
        ("R1 in h 1k\nE1 a 0 h 0 4\nF1 0 h E1 0.25\nR2 h a 9k\nR3 a out 2k\nR4 out 0 5k\n", "(e1|f1)"),
        ("R1 in h 1k\nG1 out 0 h 0 1m\nR3 h out 2k\nR4 out 0 5k\n", "g1"),
        ("R1 in h 1k\nB1 0 out I=1m*tanh(V(h))\nR3 h out 2k\nR4 out 0 5k\n", "b1"),
        (
            "R1 in h 1k\nE1 a 0 h 0 4\nF1 0 h E1 0.25\nE2 b 0 h 0 3\nF2 0 h E2 0.5\nR2 a out 1k\nR3 b out 2k\n",
            "(e|f)[12]",
        ),
    ],
    ids=["one way", "a resistor across the pair", "one transconductance", "a law one way", "unlike gains in a loop"],
)
def test_no_weights(elements: str, breaking: str) -> None:
    model, theta, batch = lab(elements)
    exact = estimate(Analytic(), model, theta, batch)
    with pytest.warns(UserWarning, match=f"no co-content, because .*{breaking}.* break"):
        found = estimate(make_rule("ep", beta=1e-9, unit="siemens"), model, theta, batch)
    assert np.linalg.norm(found - exact) > 1e-2 * np.linalg.norm(exact)


ONE_WAY = {
    "an amplifier one way": "R1 in h 1k\nR2 h 0 3k\nE1 a 0 h 0 4\nR3 a out 2k\nR4 out 0 5k\n",
    "a sensed current": "R1 in h 1k\nVs h s 0\nR2 s 0 3k\nF1 0 out Vs 2\nR3 h out 2k\nR4 out 0 5k\n",
    "a transconductance": "R1 in h 1k\nG1 out 0 h 0 1m\nR3 h out 2k\nR4 out 0 5k\n",
    "laws": "R1 in h 1k\nB1 0 out I=1m*tanh(V(h))\nB2 x 0 V=V(h)^2\nR2 x out 3k\nR3 h out 2k\nR4 out 0 5k\n",
    "two that sense one current": "R1 in h 1k\nVs h s 0\nR2 s 0 3k\nF1 0 out Vs 2\n"
    "H1 x 0 Vs 1k\nR3 x out 2k\nR4 out 0 5k\n",
    "transistors": "M1 out h 0 0 m\nR1 in h 1k\nR2 h 0 9k\n"
    "Vd d 0 3\nR3 d out 2k\nR4 h out 5k\n.model m nmos(vto=0.3 kp=1m)\n",
}


@pytest.mark.parametrize("name", ONE_WAY)
@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("ep", {"beta": 1e-7}),
        ("ep", {"beta": 1e-8, "nudge": "current", "states": "positive"}),
        ("al", {"beta": 1e-8}),
        ("holomorphic", {"beta": 1e-3}),
    ],
)
def test_corrected_nudges_follow_the_gradient(name: str, rule: str, options: dict[str, object]) -> None:
    """Whether or not there is a co-content (Scurria and others, arXiv 2602.03670)."""
    model, theta, batch = lab(ONE_WAY[name])
    exact = estimate(Analytic(), model, theta, batch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = estimate(make_rule(rule, reciprocal="correct", **options), model, theta, batch)
    assert found == pytest.approx(exact, rel=1e-5, abs=1e-6 * np.abs(exact).max())


def test_correction_changes_nothing_where_there_is_a_co_content() -> None:
    model, theta, batch = lab(NETWORKS["an amplifier pair"])
    plain, corrected = (make_rule("ep", beta=0.1, reciprocal=each) for each in ("warn", "correct"))
    assert np.array_equal(estimate(plain, model, theta, batch), estimate(corrected, model, theta, batch))


@pytest.mark.parametrize("settings", [{"temp": np.linspace(-20, 90, 5)}, {"rate": np.linspace(0.5, 2, 5)}])
def test_what_contrasts_say_nothing_of_is_found_where_samples_differ_in_more_than_their_sources(
    settings: dict[str, Array],
) -> None:
    """The circuit is looked at in other states than those of its samples, of which there are more or fewer."""
    text = f"{HEAD}.param rate=1\n{ONE_WAY['transistors'].replace('kp=1m', 'kp={1m*rate}')}.end\n"
    volts = np.linspace(0.4, 1.0, 5)
    prepared = open_project(netlearn.parse(text), {"V1": volts, **settings, "V(out)": 0.3 - 0.5 * volts})
    data = prepared.dataset(prepared.table)
    model, theta = prepared.model, prepared.parameters.initial
    every, *each = (Batch(data.inputs[s], data.targets[s]) for s in (slice(None), *np.arange(5)[:, None]))
    with pytest.warns(UserWarning, match="no co-content"):
        found = estimate(make_rule("ep", beta=1e-9, unit="siemens"), model, theta, every)
    with pytest.warns(UserWarning, match="no co-content"):
        alone = [estimate(make_rule("ep", beta=1e-9, unit="siemens"), model, theta, one) for one in each]
    assert found == pytest.approx(np.mean(alone, axis=0), rel=1e-4, abs=1e-6 * np.abs(found).max())


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["an amplifier one way", "two that sense one current", "transistors"])
def test_ngspice_runs_corrected_nudges(name: str, libngspice: str) -> None:
    model, theta, batch = lab(ONE_WAY[name])
    exact = estimate(Analytic(), model, theta, batch)
    with NgspiceSolver() as solver:
        found = estimate(make_rule("ep", beta=1e-3, reciprocal="correct"), replace(model, solver=solver), theta, batch)
    assert found == pytest.approx(exact, rel=1e-3, abs=1e-3 * np.abs(exact).max())


def test_negative_nudges_are_held_as_far_as_the_weighted_co_content_is_convex() -> None:
    model, theta, batch = lab(NETWORKS["an amplifier pair"])
    # Through a gain of 4 one way and 0.25 the other the output sees 1k || 3k as it is.
    seen = 1 / (1 / (2e3 + 750.0) + 1 / 5e3)
    estimate(make_rule("ep", beta=0.49 / seen, unit="siemens", states="negative"), model, theta, batch)
    with pytest.raises(ConvergenceError, match="no stable operating point"):
        estimate(make_rule("ep", beta=0.51 / seen, unit="siemens", states="negative"), model, theta, batch)


def test_reciprocal_circuits_need_no_weights() -> None:
    model, theta, batch = lab("R1 in h 1k\nD1 h 0 m\n.model m d(rs=10)\nR3 h out 2k\nR4 out 0 5k\n")
    point = model.forward(theta, batch.inputs)
    found = reciprocity(point.circuit, point.x)
    np.testing.assert_allclose(found.weights, 1.0)
    assert found == Reciprocity(found.weights)


def test_currents_of_one_voltage_need_no_look_at_the_states() -> None:
    """Cells of a crossbar have a co-content as they are written, either way round; all other sources are asked."""
    cells = "B1 h out I=1m*sinh(2*V(h,out))\nB2 out h I=1m*V(h,out)\nB3 0 out I=1m*V(0,out)\n"
    rest = "R1 in h 1k\nR2 out 0 2k\n.end"
    for extra, told in (("", True), ("B4 0 out I=1m*V(h)*V(out)\n", False), ("B4 h out I=1m*V(h)\n", False)):
        netlist = netlearn.parse(HEAD + cells + extra + rest)
        circuit = netlearn.elaborate(netlist).circuit
        nowhere = np.full((1, circuit.size), np.nan)
        with np.errstate(all="ignore"):
            found = reciprocity(circuit, nowhere)
        assert found.exists == told
        assert told or found.breaking == ("b4",)


KUIJK = """a band gap reference that is trained at its output
R1 vbg p 20k
R2 vbg n 20k
R3 n m 2.2k
D1 p 0 dm
D2 m 0 dm 8
{amplifier}
*@output V(vbg)
*@train R1 R2 R3
.model dm d(is=1e-15)
.end
"""


@pytest.mark.parametrize(
    "amplifier",
    [
        "E1 o 0 p n 100\nRo o vbg 100",
        "E1 o 0 p n 2000\nRo o vbg 100",
        "E1 o 0 p n 1e5\nRo o vbg 1k\nRL vbg 0 50k",
        "B1 o 0 V={2.5+2.5*tanh(400*(v(p)-v(n)))}\nRo o vbg 100",
    ],
)
@pytest.mark.parametrize("rule", ["ep", "holomorphic"])
def test_strengths_suit_nodes_that_amplifiers_have_move_farther_than_the_output(amplifier: str, rule: str) -> None:
    data = {"temp": np.array([0.0, 27.0, 60.0]), "V(vbg)": np.array([1.2, 1.2, 1.2])}
    project = open_project(netlearn.parse(KUIJK.format(amplifier=amplifier)), data)
    samples, theta = project.dataset(project.table), project.parameters.initial
    batch = Batch(samples.inputs, samples.targets)
    exact = estimate(Analytic(), project.model, theta, batch)
    found = estimate(make_rule(rule, reciprocal="correct"), project.model, theta, batch)
    assert found == pytest.approx(exact, rel=1e-3)
