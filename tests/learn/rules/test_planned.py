"""Gradients by plans, against the general way, finite differences, and what the general way does of unusual values."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.learn.loss import CrossEntropy, Loss, Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import GeneralizedEP, make_rule, planned
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.learn.rules.nudges import ConductanceNudge, CurrentNudge, Nudge
from netlearn.learn.rules.planned import PlannedModel, planned_step
from netlearn.probes.ends import Probes
from netlearn.project import open_project
from netlearn.solve.bordered import plan
from netlearn.solve.bordered.matrix import BorderedFactors
from netlearn.solve.bordered.part import BorderedPart
from netlearn.solve.compiled.load import kernels
from netlearn.solve.internal import InternalSolver
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.threads import set_threads
from tests.helpers import differences, mean_loss

pytestmark = pytest.mark.filterwarnings("ignore::netlearn.NetlistWarning")

INPUTS, HIDDEN, OUTPUTS = 3, 5, 2
TRAINED = ("R*", "Rb* Rc", "p q", "Ra* p")
"""All resistors, some, those that follow from two parameters by expressions, and some of all."""


def network(seed: int, train: str, *, layered: bool, plain: bool = False) -> str:
    """Diodes of three kinds with resistors in layers, or between whatever nodes may have one, in no order.

    All resistances are numbers in a ``plain`` one.
    """
    rng = np.random.default_rng(seed)
    kinds = [".model da d(ron=1m roff=1g vfwd=0)", ".model db d(ron=10 roff=100k vfwd=0.1)"]
    kinds += [".model dc d(ron=5 roff=1meg vfwd=0.15 vrev=0.3 rrev=40)", ".param p=2k q=7k"]
    sources = [*(f"Vx{i} x{i} 0 0" for i in range(INPUTS)), "Vb b 0 0.2", "I1 0 y0 1u", "I2 h1 0 2u"]
    diodes = ["D0 h0 0 da", "D1 0 h1 db", "D2 h2 0 da", "D3 0 h2 dc", "D4 h3 b db", "D5 h4 0 dc"]
    lines = [f"Ra{i}_{j} x{i} h{j} {{}}" for i in range(INPUTS) for j in range(HIDDEN)]
    lines += [f"Rb{i}_{j} h{j} y{i} {{}}" for i in range(OUTPUTS) for j in range(HIDDEN)]
    lines += ["Rc y0 y1 {}", "Rd y0 0 {}", "Re h0 0 {}", "Rg x0 x1 {}", "Rh b y1 {}", "Ri h1 h1 {}"]
    if not layered:
        lines = [line for line in lines if rng.uniform() < 0.7 or line[:3] in {"Ra0", "Rb0", "Rb1", "Rc "}]
        rng.shuffle(lines)
    ohms = 10 ** rng.uniform(3, 5, len(lines))
    resistors = [line.format(repr(float(r))) for line, r in zip(lines, ohms, strict=True)]
    resistors += [] if plain else ["Rp x1 y0 {p}", "Rq h3 y1 {2*p+q}", "Rr y1 0 {p*q/1k}"]
    return "\n".join(
        ["network", *resistors, *sources, *diodes, *kinds, f"*@train {train}", "*@output V(y0) V(y1,y0)", ".end"]
    )


def task(
    seed: int, samples: int, train: str = "R*", *, layered: bool = True, plain: bool = False
) -> tuple[Model, Array, Batch]:
    rng = np.random.default_rng(100 + seed)
    columns = {f"Vx{i}": rng.uniform(-1, 1, samples) for i in range(INPUTS)}
    columns["I2"] = rng.uniform(-1e-5, 1e-5, samples)
    columns |= {name: rng.uniform(-0.2, 0.2, samples) for name in ("V(y0)", "V(y1,y0)")}
    x = np.stack(list(columns.values()), axis=1)
    project = open_project(netlearn.parse(network(seed, train, layered=layered, plain=plain)), columns)
    return project.model, project.parameters.initial, Batch(x[:, :4], x[:, 4:])


@contextmanager
def general_way() -> Iterator[None]:
    """Without plans."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlannedModel, "of", classmethod(lambda cls, _: None))
        yield


def said(model: Model, theta: Array, batch: Batch, name: str, loss: Loss, **options: Any) -> Estimate:
    return make_rule(name, **options).estimate(model, loss, theta, batch, np.random.default_rng(0))


def same(one: Estimate, other: Estimate, relative: float = 1e-9) -> None:
    size = np.abs(other.gradient).max()
    np.testing.assert_allclose(one.gradient, other.gradient, rtol=relative, atol=relative * size)
    np.testing.assert_allclose(one.outputs, other.outputs, rtol=1e-11, atol=1e-14)
    assert one.loss == pytest.approx(other.loss, rel=1e-10)
    assert (one.solves, one.measurements) == (other.solves, other.measurements)
    assert one.point is not None
    assert other.point is not None
    np.testing.assert_allclose(one.point.x, other.point.x, rtol=1e-10, atol=1e-13)
    assert one.point.circuit.samples == other.point.circuit.samples
    assert np.abs(one.point.residual().values).max() < 1e-14


@pytest.mark.parametrize("layered", [True, False])
@pytest.mark.parametrize("train", TRAINED)
@pytest.mark.parametrize("samples", [1, 3, 40])
def test_gradients_are_those_of_the_general_way(samples: int, train: str, layered: bool) -> None:
    model, theta, batch = task(samples, samples, train, layered=layered)
    for name, options in (("analytic", {}), ("ep", {}), ("ep", {"states": "negative", "nudge": "current"})):
        found = said(model, theta, batch, name, Mse(), **options)
        assert planned_step(model, theta, batch) is not None
        with general_way():
            # Nudged states are compared, which differ by a thousandth.
            same(found, said(model, theta, batch, name, Mse(), **options), 1e-9 if name == "analytic" else 1e-7)


SIMPLEST = {
    "one node": ("R1 x h 1k", "R2 h 0 3k", "D1 h 0 dm", "Vx x 0 1"),
    "one node and ideal diodes both ways": ("R1 x h 1k", "D1 h 0 dm", "D2 0 h dm", "Vx x 0 1"),
    "two nodes nearly at one voltage": ("R1 x h 1k", "R2 x g 1001", "R3 h 0 3k", "D1 h 0 dm", "D2 g 0 dm", "Vx x 0 1"),
    "one node and a current source": ("R1 h 0 1k", "D1 h 0 dm", "Ix 0 h 1m"),
    "current sources only": ("R1 h 0 1k", "R2 h y 2k", "R3 y 0 3k", "R4 g y 1k", "D1 h 0 dm", "D2 0 g dm", "Ix 0 y 1m"),
    "nothing but a diode at the node": ("R1 h y 1k", "R2 y x 3k", "D1 h 0 dm", "Vx x 0 1"),
}
"""Circuits without a border, without voltage sources, or without either."""


@pytest.mark.parametrize("samples", [1, 2, 16, 17, 40])
@pytest.mark.parametrize("name", SIMPLEST)
def test_the_simplest_circuits_have_the_gradients_of_the_general_way(name: str, samples: int) -> None:
    elements, rng = SIMPLEST[name], np.random.default_rng(samples)
    end = (".model dm d(ron=10 roff=1meg vfwd=0.1)", "*@train R*", "*@output V(h)", ".end")
    source, size = ("Vx", 1.0) if "Vx x 0 1" in elements else ("Ix", 1e-3)
    x = size * rng.uniform(-1, 1, samples)
    project = open_project(netlearn.parse("\n".join([name, *elements, *end])), {source: x, "V(h)": 0.0 * x})
    model, theta = project.model, project.parameters.initial
    batch = Batch(x[:, None], rng.uniform(-0.2, 0.2, (samples, 1)))
    assert planned_step(model, theta, batch) is not None
    for rule, options in (("analytic", {}), ("ep", {}), ("ep", {"nudge": "current"}), ("al", {}), ("cl", {})):
        found = said(model, theta, batch, rule, Mse(), **options)
        with general_way():
            same(found, said(model, theta, batch, rule, Mse(), **options), 1e-6)


@pytest.mark.parametrize("samples", [3, 20])
def test_gradients_are_differences_of_losses(samples: int) -> None:
    for seed, train in enumerate(TRAINED):
        model, theta, batch = task(seed, samples, train, layered=seed % 2 == 0)
        found = said(model, theta, batch, "analytic", Mse()).gradient
        with general_way():
            expected = differences(lambda at, m=model, b=batch: mean_loss(m, at, b), theta)  # type: ignore[misc]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("finite-ep", {"beta": 0.02}),
        ("ep", {"beta": 2e-5, "unit": "siemens"}),
        ("cl", {}),
        ("al", {}),
    ],
)
@pytest.mark.parametrize("samples", [4, 30])
def test_other_rules_and_losses_are_served_or_left_alone(name: str, options: dict[str, Any], samples: int) -> None:
    model, theta, batch = task(3, samples)
    empty, classes = batch.targets.copy(), np.arange(samples) % 2
    empty[1, 0] = np.nan
    for targets, loss in (
        (batch.targets, Mse()),
        (empty, Mse()),
        (classes, CrossEntropy(20.0)),
        (classes, Mse(0.3, 0.1)),
    ):
        own = Batch(batch.inputs, targets)
        found = said(model, theta, own, name, loss, **options)
        with general_way():
            same(found, said(model, theta, own, name, loss, **options), 1e-6)


class Steep(Mse):
    """Twice as steep as its own value says, with slopes that lie in memory across the samples."""

    def gradient(self, outputs: Array, targets: Array) -> Array:
        return np.asfortranarray(2.0 * super().gradient(outputs, targets))


class DoubledNudge(CurrentNudge):
    """Twice as strong as the one that it is made of."""

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        return super().circuitry(2.0 * beta, outputs, targets, loss)


@pytest.mark.parametrize("samples", [1, 4, 30])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("nudge", [ConductanceNudge(), CurrentNudge(), DoubledNudge()])
def test_nudges_of_every_kind_sign_and_unit_are_compared_as_in_the_general_way(
    nudge: Nudge, plain: bool, samples: int
) -> None:
    model, theta, batch = task(18, samples, plain=plain)
    plan, rng = PlannedModel.of(model), np.random.default_rng(0)
    assert plan is not None
    assert (plan.alone is not None) == plain
    for loss in (Mse(), Steep()):
        for states, beta, relative in (("centered", 2e-2, True), ("positive", 2e-5, False), ("negative", 2e-5, False)):
            rule = GeneralizedEP(nudge, beta, states, relative=relative)  # type: ignore[arg-type]
            found = rule.estimate(model, loss, theta, batch, rng)
            with general_way():
                same(found, rule.estimate(model, loss, theta, batch, rng), 1e-7)


@pytest.mark.parametrize("samples", [1, 4, 30])
def test_resistances_that_are_the_parameters_are_copied_and_not_written_to(samples: int) -> None:
    model, theta, batch = task(19, samples, plain=True)
    own, inputs = theta.copy(), batch.inputs.copy()
    own.setflags(write=False)
    found = [said(model, own, Batch(inputs, batch.targets), name, Mse()) for name in ("analytic", "ep")]
    own.setflags(write=True)
    own *= 2.0
    inputs *= 2.0
    with general_way():
        expected = [said(model, theta, batch, name, Mse()) for name in ("analytic", "ep")]
    for one, other in zip(found, expected, strict=True):
        same(one, other, 1e-7)
        assert one.point is not None
        (ohms,) = (each.values["resistance"] for each in one.point.circuit.groups if "resistance" in each.values)
        np.testing.assert_array_equal(ohms, theta)


@pytest.mark.parametrize("nudge", [ConductanceNudge(), CurrentNudge()])
def test_what_a_nudge_is_at_a_strength_of_one_is_so_many_times_stronger_at_others(
    nudge: ConductanceNudge | CurrentNudge,
) -> None:
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(2, 5, 3))
    conductance, current = nudge.elements(outputs, targets, Mse())
    for beta in (1.0, -0.3, 2e-3):
        made = nudge.circuitry(beta, outputs, targets, Mse())
        assert made.current is not None
        np.testing.assert_allclose(made.current, beta * current, rtol=1e-15)
        assert (made.conductance is None) == (conductance is None)
        if made.conductance is not None and conductance is not None:
            np.testing.assert_allclose(made.conductance, beta * conductance, rtol=1e-15)
        # The loss, or its tangent there, is what is added to the circuit's energy.
        np.testing.assert_allclose(made.energy(outputs), beta * Mse().value(outputs, targets), rtol=1e-13)


def test_a_step_that_starts_at_the_last_states_ends_where_one_from_nothing_does() -> None:
    model, theta, batch = task(4, 5)
    before = said(model, theta, batch, "analytic", Mse())
    started = Batch(batch.inputs, batch.targets, before.point)
    same(said(model, 1.1 * theta, started, "ep", Mse()), said(model, 1.1 * theta, batch, "ep", Mse()))


@pytest.mark.parametrize("samples", [2, 30])
def test_numbers_may_be_changed_in_place_afterwards_and_between_steps(samples: int) -> None:
    model, theta, batch = task(5, samples)
    own, inputs = theta.copy(), batch.inputs.copy()
    found = said(model, own, Batch(inputs, batch.targets), "analytic", Mse())
    own *= 2.0
    inputs *= 2.0
    with general_way():
        same(found, said(model, theta, batch, "analytic", Mse()))
    # Values of diodes, of which a plan knows, and of what is not trained.
    model, theta, batch = task(5, samples, "Rb*")
    found = said(model, theta, batch, "analytic", Mse())
    circuit = model.parameters.circuit
    for name, value in (("ideal diode", "vfwd"), ("voltage source", "dc"), ("resistor", "resistance")):
        group = circuit.groups[circuit.group(name) or 0].values
        assert isinstance(group, dict)
        for replaced in (False, True):
            before = found
            if replaced:
                group[value] = group[value] * 1.1
            else:
                group[value][:] = group[value] * 1.2 + 0.01
            found = said(model, theta, batch, "analytic", Mse())
            with general_way():
                same(found, said(model, theta, batch, "analytic", Mse()))
            # What is asked for later is what was found then; diodes are what they are now.
            if value != "vfwd":
                assert before.point is not None
                assert np.abs(before.point.residual().relative).max() < 1e-9


@pytest.mark.parametrize("samples", [3, 30])
def test_errors_and_parameters_of_other_shapes_are_left_to_the_general_way(samples: int) -> None:
    model, theta, batch = task(12, samples)
    step = planned_step(model, theta, batch)
    assert step is not None
    for shape in ((samples, 1), (samples, 3), (samples + 1, 2), (samples - 1, 2)):
        assert step.gradient(np.ones(shape)) is None
    assert planned_step(model, theta[:-1], batch) is None
    assert planned_step(model, theta, Batch(batch.inputs[:, :-1], batch.targets)) is None


@pytest.mark.parametrize("samples", [1, 3, 30])
@pytest.mark.parametrize("rest", ["ron=-1k roff=1g", "ron=1 roff=-10k", "ron=1 roff=1g vrev=-1"])
def test_currents_that_fall_have_no_plan(rest: str, samples: int) -> None:
    model, theta, batch = task(13, samples)
    text = network(13, "R*", layered=True).replace("ron=1m roff=1g", rest)
    columns = {f"Vx{i}": batch.inputs[:, i] for i in range(INPUTS)} | {"I2": batch.inputs[:, 3]}
    columns |= {"V(y0)": batch.targets[:, 0], "V(y1,y0)": batch.targets[:, 1]}
    model = open_project(netlearn.parse(text), columns).model
    assert planned_step(model, theta, batch) is None


@pytest.mark.parametrize("samples", [1, 3, 30])
def test_the_layout_of_memory_makes_nothing_be_compiled_again(samples: int) -> None:
    model, theta, batch = task(14, samples)
    for name in ("ep", "analytic"):
        said(model, theta, batch, name, Mse())
    loops = {name: each for name, each in vars(kernels()).items() if hasattr(each, "signatures")}
    before = {name: len(each.signatures) for name, each in loops.items()}
    assert before["gather" if samples == 30 else "free_few"]
    turned = Batch(np.asfortranarray(batch.inputs), np.asfortranarray(batch.targets))
    for name in ("ep", "analytic"):
        said(model, theta, turned, name, Mse())
    assert {name: len(each.signatures) for name, each in loops.items()} == before


def test_a_solver_that_is_made_of_the_internal_one_is_asked() -> None:
    class Counted(InternalSolver):
        """Counts."""

        asked = 0

        def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
            Counted.asked += 1
            return super().solve(circuit, start)

    model, theta, batch = task(15, 3)
    said(replace(model, solver=Counted()), theta, batch, "analytic", Mse())
    assert Counted.asked == 1


def test_the_plan_of_what_is_trained_stays_beside_others_that_come_and_go() -> None:
    model = task(16, 3)[0]
    plan = PlannedModel.of(model)
    for _ in range(4):
        assert PlannedModel.of(replace(model)) is not None
        assert PlannedModel.of(model) is plan


def test_operating_points_that_are_made_later_are_there_for_all_threads() -> None:
    model, theta, batch = task(17, 3)
    known = InternalSolver().solve(model.circuit(theta, batch.inputs))
    waiting = threading.Barrier(2, timeout=60)

    def linearize() -> NonlinearLinearization:
        waiting.wait()
        return NonlinearLinearization(NonlinearModel.of(known.circuit), known.x)

    states = known.states
    assert isinstance(states, ReducedStates)
    for _ in range(20):
        point = OperatingPoint.later(known.circuit, states, 1, linearize)
        with ThreadPoolExecutor(2) as threads:
            one, other = threads.map(lambda each: each.linearization, [point, point])
        assert one is other is point.linearization
        assert point.x is states.x


@pytest.mark.parametrize("samples", [4, 30])
@pytest.mark.parametrize("name", ["gauss-newton", "natural", "cl", "al"])
def test_states_of_a_plan_are_eliminated_as_often_as_others(
    name: str, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once more for each product with their Jacobians."""
    model, theta, batch = task(18, samples)
    made: list[int] = []
    own = BorderedPart.factors

    def factors(self: BorderedPart, at: Array) -> BorderedFactors:
        made.append(at.shape[1])
        return own(self, at)

    monkeypatch.setattr(BorderedPart, "factors", factors)
    found = said(model, theta, batch, name, Mse()).gradient
    by_plan = len(made)
    made.clear()
    with general_way():
        other = said(model, theta, batch, name, Mse()).gradient
    np.testing.assert_allclose(found, other, rtol=1e-6, atol=1e-6 * np.abs(other).max())
    assert by_plan <= max(1, len(made))


OTHERS = {
    "linear": ("D1 b 0 d", "R3 b 0 1k"),
    "exponential": (".model d d(ron=1 roff=1meg vfwd=0)", ".model d d(is=1n)"),
    "settings": ("R2 b 0 1k", ".param p=1\n*@input V1 p\nR2 b 0 {p*1k}"),
    "quantities": ("*@output V(b)", "*@output P(R1)"),
    "sources": ("*@train R*", "*@train V2"),
    "careful": ("", ""),
}


@pytest.mark.parametrize("what", [None, *OTHERS])
def test_loops_are_loaded_for_models_alone_that_plans_may_be_for(
    what: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "divider\nV1 a 0 1\nV2 c 0 1\nR1 a b 1k\nR2 b 0 1k\nR4 c b 1k\nD1 b 0 d\n"
    text += ".model d d(ron=1 roff=1meg vfwd=0)\n*@train R*\n*@output V(b)\n.end\n"
    if what is not None:
        text = text.replace(*OTHERS[what])
    output = "P(R1)" if what == "quantities" else "V(b)"
    columns = {"V1": np.ones(2), output: np.ones(2)} | ({"p": np.ones(2)} if what == "settings" else {})
    model = open_project(netlearn.parse(text), columns).model
    if what == "careful":
        model = replace(model, solver=InternalSolver(careful=True))
    asked: list[int] = []
    monkeypatch.setattr(planned, "available", lambda: asked.append(1))
    for _ in range(3):
        assert PlannedModel.of(model) is None
    # What may be there soon is asked for each time.
    assert len(asked) == (3 if what is None else 0)


@pytest.mark.parametrize("samples", [3, 30])
@pytest.mark.parametrize("what", ["input", "nan", "zero", "negative"])
def test_values_that_are_unusual_are_told_of_as_ever(what: str, samples: int) -> None:
    model, theta, batch = task(6, samples, "Rb*")
    theta, inputs = theta.copy(), batch.inputs.copy()
    if what == "input":
        inputs[1, 1] = np.inf
    else:
        theta[2] = {"nan": np.nan, "zero": 0.0, "negative": -3e3}[what]
    told = []
    for way in (None, general_way()):
        if way is not None:
            way.__enter__()
        try:
            result: Any = said(model, theta, Batch(inputs, batch.targets), "analytic", Mse()).gradient.tolist()
        except netlearn.NetlearnError as error:
            result = type(error), str(error)
        finally:
            if way is not None:
                way.__exit__(None, None, None)
        told.append(result)
    assert told[0] == told[1]
    assert planned_step(model, theta, Batch(inputs, batch.targets)) is None


@pytest.mark.parametrize("samples", [3, 30])
def test_nudges_at_inner_nodes_take_no_step_that_would_be_thrown_away(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, theta, batch = task(19, samples)
    circuit = model.parameters.circuit
    inner = np.array([circuit.nodes.index("h0"), circuit.nodes.index("h1")])
    names = ["V(h0)", "V(h1)"]
    model = replace(model, measured=Probes(names, inner, np.full(2, GROUND)))
    assert planned_step(model, theta, batch) is not None
    with general_way():
        expected = [said(model, theta, batch, name, Mse()) for name in ("analytic", "ep")]
    same(said(model, theta, batch, "analytic", Mse()), expected[0])
    monkeypatch.delattr(PlannedModel, "step")
    same(said(model, theta, batch, "ep", Mse()), expected[1])


@pytest.mark.parametrize("samples", [1, 3, 30])
def test_an_output_between_a_node_and_itself_is_refused_with_and_without_a_plan(samples: int) -> None:
    model, theta, batch = task(20, samples)
    ends = (model.probes.plus, np.array([model.probes.minus[0], model.probes.plus[1]]))
    model = replace(model, measured=Probes(["V(y0)", "V(y1,y1)"], *ends))
    for name, options in (("ep", {}), ("ep", {"nudge": "current"}), ("cl", {}), ("al", {})):
        for way in (nullcontext(), general_way()):
            with way, pytest.raises(netlearn.CircuitError, match=r"V\(y1,y1\) is zero whatever happens"):
                said(model, theta, batch, name, Mse(), **options)
    with general_way():
        expected = said(model, theta, batch, "analytic", Mse())
    same(said(model, theta, batch, "analytic", Mse()), expected)


@pytest.mark.parametrize("samples", [1, 3, 30])
def test_states_are_told_of_though_currents_of_diodes_fall_by_then(samples: int) -> None:
    model, theta, batch = task(21, samples)
    expected = said(model, theta, batch, "analytic", Mse()).point
    found = said(model, theta, batch, "analytic", Mse()).point
    assert found is not None
    assert expected is not None
    nodes = slice(len(expected.circuit.nodes))
    volts = expected.x[:, nodes].copy()
    circuit = model.parameters.circuit
    group = circuit.groups[circuit.group("ideal diode") or 0].values
    group["ron"][:] = -group["ron"]
    np.testing.assert_allclose(found.x[:, nodes], volts, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("samples", [1, 3, 30])
@pytest.mark.parametrize("diode", ["D1 h 0 dm", "D1 h 0 dj", ""])
def test_batches_without_inputs_are_as_many_samples_as_they_have_rows(diode: str, samples: int) -> None:
    lines = ["t", "V1 x 0 1", "R1 x h 1k", "R2 h y 3k", "R3 y 0 1k", diode, ".model dj d"]
    lines += [".model dm d(ron=10 roff=1meg vfwd=0.3)", "*@train R*", "*@output V(y)", ".end"]
    columns = {"V1": np.ones(samples), "V(y)": np.linspace(0.0, 0.3, samples)}
    driven = open_project(netlearn.parse("\n".join(lines)), columns).model
    theta, targets = driven.parameters.initial, columns["V(y)"][:, None]
    for name in ("analytic", "ep", "cl", "gauss-newton"):
        expected = said(driven, theta, Batch(np.ones((samples, 1)), targets), name, Mse())
        for way in (nullcontext(), general_way()):
            with way:
                found = said(replace(driven, inputs=[]), theta, Batch(np.zeros((samples, 0)), targets), name, Mse())
            np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-11)
            np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-6)
            assert found.loss == pytest.approx(expected.loss, rel=1e-10)


@pytest.mark.parametrize("samples", [3, 16, 30])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -5.0])
def test_values_that_a_step_does_not_have_are_no_matter(value: float, samples: int) -> None:
    model, theta, batch = task(18, samples)
    initial = theta.copy()
    initial[3] = value
    other = replace(model, parameters=replace(model.parameters, initial=initial))
    assert planned_step(other, theta, batch) is not None
    same(said(other, theta, batch, "analytic", Mse()), said(model, theta, batch, "analytic", Mse()))


@pytest.mark.parametrize("samples", [3, 30])
def test_states_that_do_not_settle_in_time_are_found_in_the_general_way(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, theta, batch = task(23, samples)
    expected = {name: said(model, theta, batch, name, Mse()) for name in ("analytic", "ep")}
    monkeypatch.setattr(plan, "STEPS", 1)
    monkeypatch.setattr("netlearn.solve.bordered.system.STEPS", 1)
    assert planned_step(model, theta, batch) is None
    for name, wanted in expected.items():
        same(said(model, theta, batch, name, Mse()), wanted, 1e-6)


@pytest.mark.parametrize("samples", [3, 30])
def test_a_nudge_that_takes_the_stability_away_is_refused_as_ever(samples: int) -> None:
    model, theta, batch = task(8, samples)
    options = {"beta": 3.0, "states": "negative"}
    with pytest.raises(netlearn.ConvergenceError) as planned:
        said(model, theta, batch, "ep", Mse(), **options)
    with general_way(), pytest.raises(netlearn.ConvergenceError) as expected:
        said(model, theta, batch, "ep", Mse(), **options)
    assert str(planned.value) == str(expected.value)


@pytest.mark.parametrize(
    "change",
    [
        "*@train V*",
        "*@train da.vfwd",
        "*@output I(Vx0)",
        "D9 h0 h1 da",
        "R9 h0 h1 1k",
        "C1 y0 0 1u\n*@input Rg",
        "D8 y0 0 dj",
    ],
)
def test_other_circuits_parameters_outputs_and_inputs_have_no_plan(change: str) -> None:
    text = network(9, "R*", layered=True).replace("\n.end", f"\n{change}\n.model dj d\n.end")
    columns = {f"Vx{i}": np.ones(3) for i in range(INPUTS)} | {"V(y0)": np.zeros(3), "V(y1,y0)": np.zeros(3)}
    if "I(Vx0)" in change:
        columns["I(Vx0)"] = np.zeros(3)
    if "input" in change:
        columns["Rg"] = np.array([1e3, 2e3, 3e3])
    project = open_project(netlearn.parse(text), columns)
    assert PlannedModel.of(project.model) is None


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("planned_few", "planned_many"):
        monkeypatch.setattr(f"netlearn.solve.bordered.{module}.RUNS", 3)
    for samples in (5, 600):
        model, theta, batch = task(10, samples)
        found = set()
        for count in (1, 2, 3):
            set_threads(count)
            try:
                every = [said(model, theta, batch, name, Mse()) for name in ("analytic", "ep")]
            finally:
                set_threads(None)
            found.add(b"".join(each.gradient.tobytes() + each.outputs.tobytes() for each in every))
        assert len(found) == 1
