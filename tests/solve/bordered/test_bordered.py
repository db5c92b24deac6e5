"""Layers of ideal diodes by products of matrices, against every combination of their straight lines, one by one."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.planned import PlannedModel
from netlearn.project import open_project
from netlearn.solve.bordered import few, layout, system
from netlearn.solve.bordered import part as bordered_part
from netlearn.solve.bordered.layout import BorderedLayout
from netlearn.solve.bordered.system import BorderedSystem
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import ReducedStates
from netlearn.solve.threads import set_threads

INPUTS, HIDDEN, OUTPUTS = 3, 4, 2

pytestmark = pytest.mark.filterwarnings("ignore::netlearn.NetlistWarning")


def layers(rng: np.random.Generator, *, held: bool = True) -> str:
    """Inputs, nodes with diodes of many kinds, and outputs; some diodes end at a source."""
    lines = ["layers", *(f"Vx{i} x{i} 0 0" for i in range(INPUTS)), "Vb b 0 0.2", "I1 0 y0 1u", "I2 h1 0 2u"]
    ohms = 10 ** rng.uniform(3, 5, (INPUTS + OUTPUTS, HIDDEN))
    lines += [f"Ra{i}_{j} x{i} h{j} {float(ohms[i, j])!r}" for i in range(INPUTS) for j in range(HIDDEN)]
    lines += [f"Rb{i}_{j} h{j} y{i} {float(ohms[INPUTS + i, j])!r}" for i in range(OUTPUTS) for j in range(HIDDEN)]
    lines += ["Rc y0 y1 5k", "Rd y0 0 20k", "Re h0 0 50k"]
    lines += ["D0 h0 0 da", "D1 0 h1 db", "D2 h2 0 da", "D3 0 h2 dc", f"D4 h3 {'b' if held else '0'} db"]
    lines += [".model da d(ron=1m roff=1g vfwd=0)", ".model db d(ron=10 roff=100k vfwd=0.1)"]
    lines += [".model dc d(ron=5 roff=1meg vfwd=0.15 vrev=0.3 rrev=40)", ".end"]
    return "\n".join(lines)


def circuit_of(text: str) -> Circuit:
    return netlearn.elaborate(netlearn.parse(text)).circuit


def driven(circuit: Circuit, x: Array) -> Circuit:
    g = circuit.group("voltage source")
    assert g is not None
    volts = np.tile(np.asarray(circuit.groups[g].values["dc"], dtype=float), (len(x), 1))
    volts[:, :INPUTS] = x
    return circuit.with_values({(g, "dc"): volts})


def by_lines(circuit: Circuit, sample: int) -> Array:
    """The node voltages by nodal analysis with every combination of the diodes' lines, until one is consistent."""
    nodes, size = len(circuit.nodes), circuit.size
    matrix, right, diodes = np.zeros((size + 1, size + 1)), np.zeros(size + 1), []
    for group in circuit.groups:
        for k, index in enumerate(np.asarray(group.index)):
            value = {name: np.atleast_2d(v)[sample if np.ndim(v) == 2 else 0] for name, v in group.values.items()}
            value = {name: v[k] if len(v) > 1 else v[0] for name, v in value.items()}
            a, b = index[:2]
            if group.device.name == "resistor":
                matrix[np.ix_([a, b], [a, b])] += np.array([[1, -1], [-1, 1]]) / value["resistance"]
            elif group.device.name == "voltage source":
                i = index[2]
                matrix[[a, b], i] += [1, -1]
                matrix[i, [a, b]] += [1, -1]
                right[i] = value["dc"]
            elif group.device.name == "current source":
                right[[a, b]] += [-value["dc"], value["dc"]]
            else:
                reverse = value["ron"] if np.isnan(value["rrev"]) else value["rrev"]
                on, off, back = 1 / value["ron"], 1 / value["roff"], 1 / reverse
                forward, backward = value["vfwd"], value["vrev"]
                lines = [(on, (off - on) * forward, forward, np.inf), (off, 0.0, -backward, forward)]
                if np.isfinite(backward):
                    lines.append((back, (back - off) * backward, -np.inf, -backward))
                diodes.append((a, b, lines))
    for chosen in product(*(lines for _, _, lines in diodes)):
        whole, rest = matrix.copy(), right.copy()
        for (a, b, _), (slope, constant, _, _) in zip(diodes, chosen, strict=True):
            whole[np.ix_([a, b], [a, b])] += slope * np.array([[1, -1], [-1, 1]])
            rest[[a, b]] += [-constant, constant]
        x = np.append(np.linalg.solve(whole[:-1, :-1], rest[:-1]), 0.0)
        drops = [x[a] - x[b] for a, b, _ in diodes]
        if all(low - 1e-13 <= v <= high + 1e-13 for v, (_, _, low, high) in zip(drops, chosen, strict=True)):
            return np.asarray(x[:nodes])
    raise AssertionError("no combination is consistent")


@pytest.mark.parametrize("samples", [2, 300])
def test_voltages_are_those_of_the_one_consistent_combination_of_lines(samples: int) -> None:
    rng = np.random.default_rng(samples)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-1, 1, (samples, INPUTS)))
    point = InternalSolver().solve(circuit)
    assert isinstance(point.linearization, NonlinearLinearization)
    assert isinstance(point.linearization.together, BorderedSystem)
    for sample in (0, 1, samples - 1):
        expected = by_lines(circuit, sample)
        np.testing.assert_allclose(point.x[sample, : len(expected)], expected, rtol=0, atol=1e-12)
    # Kirchhoff's laws at the sources' nodes, with the currents of the diodes that end there.
    assert np.abs(point.residual().values).max() < 1e-15


def test_all_unknowns_are_those_of_newton_s_method_in_lockstep() -> None:
    rng = np.random.default_rng(5)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-2, 2, (40, INPUTS)))
    model = NonlinearModel.of(circuit)
    lockstep = Lockstep.of(model, 40)
    assert lockstep is not None
    expected = lockstep.solve(None, Tolerances(), unique=True).states.x
    np.testing.assert_allclose(InternalSolver().solve(circuit).x, expected, rtol=1e-9, atol=1e-13)


def test_nothing_but_resistors_sources_and_ideal_diodes_apart_from_each_other_is_taken() -> None:
    text = layers(np.random.default_rng(0))
    for line in ("Rn h0 h1 1k", "D9 h0 h1 da", "D9 y0 0 da", "E1 z 0 y0 0 2\nRz z h0 1k", "D9 h0 0 dj\n.model dj d"):
        for given in (text, text.replace("\n.end", f"\n{line}\n.end")):
            found = BorderedLayout.of(NonlinearModel.of(circuit_of(given)))
            assert (found is None) == (given is not text), line


def test_a_state_that_is_started_at_another_one_has_the_same_voltages_as_one_from_zero() -> None:
    rng = np.random.default_rng(2)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-1, 1, (300, INPUTS)))
    free = InternalSolver().solve(circuit)
    for far in (1e-6, 3.0):
        g = circuit.group("current source")
        pushed = circuit.with_values({(g or 0, "dc"): np.array([far * 1e-3, 0.0])})
        near = OperatingPoint.of_states(pushed, free.states, linearization=free.linearization)  # type: ignore[arg-type]
        np.testing.assert_allclose(
            InternalSolver().solve(pushed, near).x, InternalSolver().solve(pushed).x, rtol=1e-9, atol=1e-13
        )


@pytest.mark.parametrize("samples", [2, 7, 16])
def test_loops_for_few_samples_say_what_products_of_matrices_say(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(samples)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-1, 1, (samples, INPUTS)))
    right = rng.normal(size=(samples, circuit.size))
    right[:, len(circuit.nodes) :] = 0.0
    found = []
    for most in (0, 16):
        monkeypatch.setattr(few, "MOST", most)
        point = InternalSolver().solve(circuit)
        known = point.linearization
        assert isinstance(known, NonlinearLinearization)
        assert known.definite is not None
        found.append((point.x, known.solve(right), point.iterations, known.definite))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-15)


def test_an_elimination_that_is_too_large_to_be_kept_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-1, 1, (300, INPUTS)))
    right = rng.normal(size=(300, circuit.size))
    right[:, len(circuit.nodes) :] = 0.0
    expected = InternalSolver().solve(circuit).linearization
    monkeypatch.setattr(system, "KEPT_NUMBERS", 0)
    known = InternalSolver().solve(circuit).linearization
    assert isinstance(known, NonlinearLinearization)
    assert isinstance(known.together, BorderedSystem)
    assert known.together.kept is None
    assert expected is not None
    np.testing.assert_allclose(known.solve(right), expected.solve(right), rtol=1e-11, atol=1e-15)


def test_a_wide_border_has_the_voltages_of_sparse_elimination(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(12)
    lines = ["a wide border", *(f"V{i} x{i} 0 0" for i in range(INPUTS))]
    lines += [f"Ra{i}_{j} x{i} h{j} {rng.uniform(1e3, 1e5):.6g}" for i in range(INPUTS) for j in range(40)]
    lines += [f"Rb{j}_{k} h{j} y{k} {rng.uniform(1e3, 1e5):.6g}" for j in range(40) for k in range(29)]
    lines += [*(f"D{j} h{j} 0 d" for j in range(40)), ".model d d(ron=1 roff=1meg vfwd=0.1)", ".end"]
    circuit = driven(circuit_of("\n".join(lines)), rng.uniform(-1, 1, (20, INPUTS)))
    point = InternalSolver(method="newton").solve(circuit)
    assert isinstance(point.linearization, NonlinearLinearization)
    assert isinstance(point.linearization.together, BorderedSystem)
    monkeypatch.setattr(layout, "MOST_NUMBERS", 0)
    other = InternalSolver(method="newton").solve(circuit_like(circuit))
    assert isinstance(other.linearization, NonlinearLinearization)
    assert isinstance(other.linearization.together, Lockstep)
    np.testing.assert_allclose(point.x, other.x, rtol=1e-9, atol=1e-13)


def circuit_like(circuit: Circuit) -> Circuit:
    """The same with a wiring of its own, which nothing is known of."""
    return Circuit(circuit.nodes, circuit.branches, circuit.groups)


def test_samples_have_the_same_voltages_alone_and_among_others() -> None:
    rng = np.random.default_rng(3)
    circuit, x = circuit_of(layers(rng)), rng.uniform(-1, 1, (520, INPUTS))
    every, some = (InternalSolver().solve(driven(circuit, part)).x for part in (x, x[256:300]))
    np.testing.assert_allclose(every[256:300], some, rtol=1e-12, atol=1e-15)


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    rng = np.random.default_rng(9)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-1, 1, (600, INPUTS)))
    found = set()
    for count in (1, 2, 3):
        set_threads(count)
        try:
            point = InternalSolver().solve(circuit)
        finally:
            set_threads(None)
        assert point.linearization is not None
        found.add((point.x.tobytes(), point.linearization.solve(point.x, transpose=True).tobytes()))
    assert len(found) == 1


def test_samples_that_do_not_arrive_are_solved_by_newton_s_method(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-2, 2, (40, INPUTS)))
    expected = InternalSolver().solve(circuit)
    monkeypatch.setattr(system, "STEPS", 1)
    point = InternalSolver().solve(circuit)
    assert isinstance(point.linearization, NonlinearLinearization)
    assert isinstance(point.linearization.together, Lockstep)
    np.testing.assert_allclose(point.x, expected.x, rtol=1e-9, atol=1e-13)


RULES = [
    *((name, {}) for name in ("analytic", "ep", "cl", "contrastive", "al", "gauss-newton")),
    ("holomorphic", {"beta": 1e-4}),
    ("ep", {"beta": 0.5, "states": "positive"}),
    ("ep", {"beta": 0.3, "states": "negative", "nudge": "current"}),
]


@pytest.mark.parametrize(("name", "options"), RULES)
def test_rules_say_what_they_say_of_newton_s_states(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    columns = {f"Vx{i}": rng.uniform(-1, 1, 30) for i in range(INPUTS)}
    columns |= {name: rng.uniform(-0.2, 0.2, 30) for name in ("V(y0)", "V(y1,y0)")}
    x = np.stack(list(columns.values()), axis=1)
    text = layers(rng).replace("\n.end", "\n*@output V(y0) V(y1,y0)\n.end")

    def gradient() -> Array:
        project = open_project(netlearn.parse(text), columns)
        batch = Batch(x[:, :INPUTS], x[:, INPUTS:])
        return (
            make_rule(name, **options).estimate(project.model, Mse(), project.parameters.initial, batch, rng).gradient
        )

    found = gradient()
    monkeypatch.setattr(PlannedModel, "of", classmethod(lambda cls, _: None))
    in_products = gradient()
    monkeypatch.setattr(BorderedSystem, "of", classmethod(lambda cls, *_: None))
    expected = gradient()
    np.testing.assert_allclose(in_products, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(("samples", "part"), [(300, 0), (300, 10**9), (5, 3)])
def test_pushed_states_are_those_of_the_circuit_with_the_elements(
    samples: int, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Samples whose diodes move go on alone, always or never.
    monkeypatch.setattr(bordered_part, "FEW", part)
    rng = np.random.default_rng(8)
    circuit = driven(circuit_of(layers(rng)), rng.uniform(-1, 1, (samples, INPUTS)))
    free = InternalSolver().solve(circuit)
    assert isinstance(free.linearization, NonlinearLinearization)
    solved, states = free.linearization.together, free.states
    assert isinstance(solved, BorderedSystem)
    assert isinstance(states, ReducedStates)
    ends = np.array([[circuit.node("y0"), GROUND], [circuit.node("y1"), circuit.node("y0")]])
    conductance, current = np.array([1e-3, -1e-6]), 1e-4 * rng.normal(size=(samples, 2))
    found = solved.pushed(states, (ends[:, 0], ends[:, 1]), conductance, current)
    assert found is not None
    assert found.converged.all()
    groups = [
        Group(RESISTOR, ["ra", "rb"], ends, {"resistance": 1 / conductance}),
        Group(CURRENT_SOURCE, ["ia", "ib"], ends, {"dc": current}),
    ]
    monkeypatch.setattr(BorderedSystem, "of", classmethod(lambda cls, *_: None))
    expected = InternalSolver().solve(circuit.with_elements(groups)).x
    np.testing.assert_allclose(found.states.x, expected, rtol=1e-9, atol=1e-13)
    assert solved.pushed(states, (np.array([circuit.node("h0")]), np.array([GROUND])), 1.0, 0.0) is None


def test_gradients_are_differences_of_losses() -> None:
    rng = np.random.default_rng(6)
    columns = {f"Vx{i}": rng.uniform(-1, 1, 30) for i in range(INPUTS)}
    columns |= {f"V(y{i})": rng.uniform(-0.2, 0.2, 30) for i in range(OUTPUTS)}
    x = np.stack(list(columns.values()), axis=1)
    text = layers(rng).replace("\n.end", "\n*@output V(y0) V(y1)\n.end")
    project = open_project(netlearn.parse(text), columns)
    model, theta, batch = project.model, project.parameters.initial, Batch(x[:, :INPUTS], x[:, INPUTS:])
    found = make_rule("analytic").estimate(model, Mse(), theta, batch, rng).gradient
    for k in range(0, len(theta), 3):
        step = 1e-5 * theta[k] * np.eye(len(theta))[k]
        ends = [
            np.mean(Mse().value(model.outputs(model.forward(theta + sign * step, batch.inputs)), batch.targets))
            for sign in (1, -1)
        ]
        assert found[k] == pytest.approx((ends[0] - ends[1]) / (2 * step[k]), rel=1e-4, abs=1e-7 * np.abs(found).max())


WIRES = ["D1 a h dm", "D2 g 0 dm", "R1 h b 1u", "R2 b g 1u"]


def wired(lines: list[str], ends: str, samples: int) -> Circuit:
    circuit = circuit_of("\n".join(["wires", "V1 a 0 0", *lines, f".model dm d({ends})", ".end"]))
    return circuit.with_values({(circuit.group("voltage source") or 0, "dc"): np.linspace(0.5, 2, samples)[:, None]})


@pytest.mark.parametrize("most", [0, 16])
@pytest.mark.parametrize(
    ("lines", "ends"),
    [
        (WIRES, "ron=1"),
        ([line.replace("1u", "1m") for line in WIRES], "ron=1 roff=1e15"),
    ],
)
def test_a_border_that_is_singular_without_diodes_is_none_with_them(
    lines: list[str], ends: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few, "MOST", most)
    point = InternalSolver().solve(wired(lines, ends, 4))
    middle = point.x[:, list(point.circuit.nodes).index("b")]
    np.testing.assert_allclose(middle, np.linspace(0.5, 2, 4) / 2, rtol=1e-6)


def test_nodes_without_a_path_to_ground_are_named_beside_a_layer_of_diodes() -> None:
    lines = ["R0 a h 1k", "D1 h 0 dm", "R1 b c 1k", "R2 h y 1k", "R3 y 0 1k"]
    with pytest.raises(netlearn.CircuitError, match="'b' and 'c'"):
        InternalSolver().solve(wired(lines, "ron=1 roff=1meg", 4))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("threads", [1, 2])
def test_diodes_that_leak_nothing_warn_of_no_division(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLEARN_THREADS", str(threads))
    circuit = wired(["D1 a h dm", "R1 h y 1k", "R2 y 0 1k", "D2 k a dm", "R3 k y 1k"], "ron=1", 600)
    g = circuit.group("ideal diode")
    assert g is not None
    circuit = circuit.with_values({(g, "roff"): np.full(2, np.inf)})
    point = InternalSolver().solve(circuit)
    y = point.x[:, list(circuit.nodes).index("y")]
    np.testing.assert_allclose(y, np.linspace(0.5, 2, 600) * 1000 / 2001, rtol=1e-9)


@pytest.mark.parametrize(("inputs", "hidden", "outputs"), [(30, 50, 10), (10, 60, 20), (8, 40, 20)])
@pytest.mark.parametrize("samples", [16, 300])
def test_few_samples_need_more_than_the_first_guess(inputs: int, hidden: int, outputs: int, samples: int) -> None:
    rng = np.random.default_rng(inputs)
    ohms = 10 ** rng.uniform(3, 5, (inputs + outputs, hidden))
    lines = ["layers", *(f"Vx{i} x{i} 0 0" for i in range(inputs))]
    lines += [f"Ra{i}_{j} x{i} h{j} {float(ohms[i, j])!r}" for i in range(inputs) for j in range(hidden)]
    lines += [f"Rb{i}_{j} h{j} y{i} {float(ohms[inputs + i, j])!r}" for i in range(outputs) for j in range(hidden)]
    lines += [f"D{j} h{j} 0 dm" if j % 2 else f"D{j} 0 h{j} dm" for j in range(hidden)]
    circuit = circuit_of("\n".join([*lines, ".model dm d(ron=1m roff=1g vfwd=0)", ".end"]))
    g = circuit.group("voltage source")
    drives = rng.uniform(-1, 1, (samples, inputs))
    model = NonlinearModel.of(circuit.with_values({(g or 0, "dc"): drives}))
    bordered = BorderedSystem.of(model, samples)
    assert bordered is not None
    whole = bordered.solve(None, Tolerances())
    assert whole.converged.all()
    assert whole.steps <= 3
    # Of as many as have the same lines after one step it is known that they have arrived, the others are off them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(system, "STEPS", 1)
        first = bordered.solve(None, Tolerances())
    assert first.converged.mean() > 0.8
    np.testing.assert_allclose(
        first.states.moving[first.converged], whole.states.moving[first.converged], rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("samples", [4, 40, 260])
@pytest.mark.parametrize(
    "model",
    [
        "ron=1u roff=1e15 vfwd=0.3",
        "ron=1m roff=1g vfwd=0.3",
        "ron=1 roff=1meg vfwd=0.1 vrev=0.1 rrev=1m",
    ],
    ids=["steepest", "steep", "steep breakdown"],
)
def test_what_float64_rounds_off_is_no_current_out_of_balance(model: str, samples: int) -> None:
    """Nodes a volt from ground on lines of a million siemens, whose last digit is a tenth of a nanoampere."""
    rng = np.random.default_rng(samples)
    hidden, outputs = 5, 12
    lines = ["layers", *(f"Vx{i} x{i} 0 0" for i in range(INPUTS)), "Vb b 0 -0.2", "Vc c 0 0.7"]
    pairs = [(f"x{i}", f"h{j}") for i in range(INPUTS) for j in range(hidden)]
    pairs += [(f"h{j}", f"y{i}") for i in range(outputs) for j in range(hidden)]
    lines += [f"R{n} {a} {b} {float(10 ** rng.uniform(4, 6))!r}" for n, (a, b) in enumerate(pairs)]
    lines += [f"D{j} h{j} {'b' if j % 2 else '0'} dm" if j % 3 else f"D{j} c h{j} dm" for j in range(hidden)]
    circuit = circuit_of("\n".join([*lines, f".model dm d({model})", ".end"]))
    circuit = driven(circuit, rng.uniform(-1, 1, (samples, INPUTS)))
    bordered = BorderedSystem.of(NonlinearModel.of(circuit), samples)
    assert bordered is not None
    found = bordered.solve(None, Tolerances())
    assert found.converged.all()
    for sample in (0, samples - 1):
        expected = by_lines(circuit, sample)
        np.testing.assert_allclose(found.states.x[sample, : len(expected)], expected, rtol=0, atol=1e-12)
