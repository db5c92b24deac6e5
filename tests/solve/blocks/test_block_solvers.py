"""Block solvers against Newton's method and ngspice, on circuits of several shapes."""

import warnings

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import one_sample
from netlearn.circuit.devices.linear import VoltageSource
from netlearn.errors import CircuitError, ConvergenceError, OptionError
from netlearn.generate import new_netlist
from netlearn.project import open_project
from netlearn.solve.blocks.choice import sweeps_worth_trying
from netlearn.solve.blocks.held import with_held_sources
from netlearn.solve.blocks.partition import Partition
from netlearn.solve.internal import InternalSolver
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.sensitivity import linearize

MIXED = """resistors, sources of all kinds, junctions and straight lines, between nodes and to ground
V1 a 0 1
V2 b 0 -0.7
Vf c d 0.3
Vam f g 0
Vbank g2 g 0.1
I1 0 e 1m
E1 an 0 a 0 -1
E2 twice an b 0 2
R1 a c 1k
R2 an d 2.2k
R3 c e 470
R4 d f 1.5k
R5 e 0 3.3k
R6 f b 680
R7 g2 0 5k
R8 twice e 8.2k
D1 e 0 junction
D2 g d resistive
D3 0 f zener
D4 c e straight
D5 e c straight
D6 g2 0 both
D7 c d junction
.model junction d(is=1e-12 n=1.3)
.model resistive d(is=1e-10 rs=900)
.model zener d(is=1e-13 bv=0.5 ibv=1u)
.model straight d(ron=200 roff=1meg vfwd=0.1)
.model both d(ron=80 roff=1meg vfwd=0.2 vrev=0.4 rrev=50)
.end
"""

DIODES_TO_A_SOURCE = """diodes from two nodes to a node that a source holds, and one between others
V1 a 0 1
V2 s 0 0.2
R1 a h1 1k
R2 a h2 2k
R3 h1 y 3k
R4 h2 y 1k
R5 y 0 5k
D1 0 h1 m
D2 s h2 m
D3 h1 s m
D4 y 0 m
.model m d(is=1e-12 n=1.3)
.end
"""
STRAIGHT = "d(ron=100 roff=1meg vfwd=0.1)"


def lattice(side):
    """A diode from each node of a lattice to ground, every other one turned, and one along each row."""
    lines = ["lattice", "V1 n0_0 0 1", f"V2 n{side - 1}_{side - 1} 0 -1"]
    for i in range(side):
        for j in range(side):
            ends = f"n{i}_{j} 0" if (i + j) % 2 else f"0 n{i}_{j}"
            lines.append(f"D{i}_{j} {ends} dm")
            lines += [f"Ra{i}_{j} n{i}_{j} n{i}_{j + 1} {300 + 70 * j}"] if j + 1 < side else []
            lines += [f"Rb{i}_{j} n{i}_{j} n{i + 1}_{j} {500 + 90 * i}"] if i + 1 < side else []
    return "\n".join([*lines, ".model dm d is=1e-9", ".end", ""])


def new(kind, **options):
    return new_netlist(kind, **options).netlist


def complete():
    text = new("complete", nodes=8)
    nodes = sorted({word for line in text.splitlines() if line[:1] == "R" for word in line.split()[1:3]} - {"0"})
    lines = [f"Dx{i} {a} {b} dm" for i, (a, b) in enumerate(zip(nodes, nodes[2:], strict=False))]
    return text.replace(".end", "\n".join([*lines, ".model dm d is=1e-9", ".end"]))


TEXTS = {
    "mixed": lambda: MIXED,
    "pairs of junctions": lambda: new("layered", layers="4-6-2", diodes=True),
    "three hidden layers": lambda: new("layered", layers="4-7-6-5-2", diodes=True, clamp="single"),
    "straight lines": lambda: new("layered", layers="5-9-8-2", diodes=True, clamp="single", ideal=True),
    "pairs of straight lines": lambda: new("layered", layers="4-6-2", diodes=True, ideal=True),
    "linear layers": lambda: new("layered", layers="4-8-2"),
    "lattice": lambda: lattice(5),
    "complete": complete,
    "random graph": lambda: new("random", nodes=12, degree=3.0),
}


def driven(text, samples=9, seed=1):
    """The circuit with sources drawn by sample."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        circuit = open_project(netlearn.parse(text)).circuit
    rng, columns = np.random.default_rng(seed), {}
    for g, group in enumerate(circuit.groups):
        if isinstance(group.device, VoltageSource):
            dc = np.asarray(group.values["dc"])
            columns[g, "dc"] = dc + rng.normal(size=(samples, len(dc)))
    return circuit.with_values(columns)


def apart(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


@pytest.mark.parametrize("method", ["gauss-seidel", "jacobi", "hybrid"])
@pytest.mark.parametrize("name", TEXTS)
def test_finds_what_newtons_method_finds(name, method):
    circuit = driven(TEXTS[name]())
    expected = InternalSolver(method="newton").solve(circuit).x
    found = InternalSolver(method=method, sweeps=20_000).solve(circuit)
    assert apart(found.x, expected) <= 1e-12
    assert found.iterations > 1 or method == "hybrid"


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["mixed", "three hidden layers", "straight lines", "lattice", "complete"])
def test_finds_what_ngspice_finds(name, ngspice):
    text = TEXTS[name]()
    circuit = driven(text, samples=1)
    point = InternalSolver(method="gauss-seidel", sweeps=20_000).solve(circuit)
    values: dict[str, float] = {}
    for group in circuit.groups:
        if isinstance(group.device, VoltageSource):
            values.update(zip(group.names, group.values["dc"][0].tolist(), strict=True))
    lines = [
        f"{line.rpartition(' ')[0]} {values[line.split()[0].lower()]!r}" if line.split()[0].lower() in values else line
        for line in text.splitlines()
        if line and not line.startswith("*@")
    ]
    told = ngspice.run("\n".join(lines), behaviour="ltpsa")
    nodes = [(i, f"v({node})") for i, node in enumerate(circuit.nodes) if f"v({node})" in told]
    assert len(nodes) >= len(circuit.nodes) - 1
    theirs = np.array([told[node] for _, node in nodes])
    assert np.abs(point.x[0, [i for i, _ in nodes]] - theirs).max() <= 1e-12 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("name", TEXTS)
def test_no_element_joins_two_unknowns_of_a_block(name):
    model = NonlinearModel.of(with_held_sources(driven(TEXTS[name](), samples=1)))
    partition = Partition.of(model)
    number = np.empty(model.reduction.size, int)
    for k, block in enumerate(partition.blocks):
        number[block] = k
    assert sorted(np.concatenate(partition.blocks).tolist()) == list(range(model.reduction.size))
    place = model.reduction.place
    for group in model.circuit.groups:
        for ends in np.asarray(group.index).tolist():
            unknowns = {int(place[end]) for end in ends if end >= 0 and place[end] >= 0}
            assert len({int(number[unknown]) for unknown in unknowns}) == len(unknowns)


def test_layers_are_found_as_they_were_made():
    circuit = with_held_sources(driven(TEXTS["three hidden layers"](), samples=1))
    model = NonlinearModel.of(circuit)
    partition = Partition.of(model)
    names = [{circuit.nodes[i][:2] for i in model.reduction.members[block].tolist()} for block in partition.blocks]
    assert partition.kind == "layers"
    assert [len(block) for block in partition.blocks] == [7, 6, 5, 4]
    assert names[:3] == [{"h1"}, {"h2"}, {"h3"}]


def test_a_lattice_has_two_colours():
    partition = Partition.of(NonlinearModel.of(driven(lattice(24), samples=1)))
    assert partition.kind == "colours"
    assert len(partition.blocks) == 2


def test_resistances_that_differ_by_sample():
    circuit = driven(TEXTS["pairs of junctions"](), samples=5)
    (g, group), *_ = [(g, group) for g, group in enumerate(circuit.groups) if group.device.name == "resistor"]
    factors = np.exp(np.random.default_rng(2).normal(scale=0.3, size=(5, len(group))))
    circuit = circuit.with_values({(g, "resistance"): group.values["resistance"] * factors})
    expected = InternalSolver(method="newton").solve(circuit).x
    assert apart(InternalSolver(method="gauss-seidel").solve(circuit).x, expected) <= 1e-12


def test_samples_that_finish_early_leave():
    circuit = driven(TEXTS["mixed"](), samples=40)
    columns = {(g, "dc"): group.values["dc"] for g, group in enumerate(circuit.groups) if group.device.name[:2] == "vo"}
    for values in columns.values():
        values[::2] *= 1e-3
    circuit = circuit.with_values(columns)
    expected = InternalSolver(method="newton").solve(circuit).x
    assert apart(InternalSolver(method="gauss-seidel").solve(circuit).x, expected) <= 1e-12


@pytest.mark.parametrize("name", ["three hidden layers", "lattice", "mixed"])
def test_a_start_near_by_takes_fewer_sweeps(name):
    circuit, solver = driven(TEXTS[name]()), InternalSolver(method="gauss-seidel")
    cold = solver.solve(circuit)
    warm = solver.solve(circuit, cold)
    assert warm.iterations < cold.iterations
    assert apart(warm.x, cold.x) <= 1e-12


@pytest.mark.parametrize("name", ["linear layers", "lattice", "complete"])
def test_adjoint_states_are_those_of_newtons_method(name):
    circuit = driven(TEXTS[name](), samples=4)
    rhs = np.zeros((4, circuit.size))
    rhs[:, : len(circuit.nodes)] = np.random.default_rng(0).normal(size=(4, len(circuit.nodes)))
    exact = linearize(InternalSolver(method="newton").solve(circuit))
    found = linearize(InternalSolver(method="gauss-seidel").solve(circuit))
    assert apart(found.solve(rhs, transpose=True), exact.solve(rhs, transpose=True)) <= 1e-10
    assert apart(found.solve(rhs), exact.solve(rhs)) <= 1e-10


def task(text, samples=24):
    rng = np.random.default_rng(3)
    lines = text.splitlines()
    sources = [line.split()[0] for line in lines if line[:1] == "V" and line.split()[0] not in ("Vbp", "Vbn")]
    probes = next(line for line in lines if line.startswith("*@output")).split()[1:]
    columns = {name: rng.normal(size=samples) for name in sources}
    return columns | {probe: 0.1 * rng.normal(size=samples) for probe in probes}


@pytest.mark.parametrize("text", [DIODES_TO_A_SOURCE, DIODES_TO_A_SOURCE.replace("d(is=1e-12 n=1.3)", STRAIGHT)])
def test_diodes_at_sources_may_have_values_of_their_own_in_each_sample(text):
    """Of fewer samples than diodes, and of more: currents of sources in adjoint states are sums over their diodes."""
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    diodes = next(g for g, group in enumerate(circuit.groups) if "diode" in group.device.name)
    for count in (3, 9):
        sizes = np.linspace(1, 3, 4 * count).reshape(count, 4)
        varied = circuit.with_values({(diodes, "area"): sizes}, {"temper": np.linspace(0.0, 60.0, count)})
        point = InternalSolver(method="gauss-seidel").solve(varied)
        right = np.random.default_rng(0).normal(size=point.x.shape)
        right[:, len(circuit.nodes) :] = 0.0
        for transpose in (False, True):
            found = linearize(point).solve(right, transpose=transpose)
            for s in range(count):
                alone = InternalSolver(method="newton").solve(one_sample(varied, s))
                expected = linearize(alone).solve(right[s : s + 1], transpose=transpose)
                np.testing.assert_allclose(found[s : s + 1], expected, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("rule", ["analytic", "ep", "cl"])
def test_training_comes_to_the_same_values(rule):
    text = new("layered", layers="4-8-6-2", diodes=True, clamp="single", ideal=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by = {
            solver: netlearn.train(netlearn.parse(text), task(text), epochs=3, rule=rule, solver=solver).theta
            for solver in ("newton", "gauss-seidel", "hybrid")
        }
    np.testing.assert_allclose(by["gauss-seidel"], by["newton"], rtol=1e-6)
    np.testing.assert_allclose(by["hybrid"], by["newton"], rtol=1e-6)


HELD = {
    "a diode": "D1 a 0 dm",
    "a junction": "D1 a 0 dj",
    "resistors": "",
    "two sources": "V2 b a 1\nR2 b 0 1k\nD1 b a dm",
    "a controlled source": "E1 b 0 a 0 2\nR2 b 0 1k\nD1 b a dm",
}
"""What is there where sources hold every node, so that there is no block at all."""


@pytest.mark.parametrize("samples", [1, 16])
@pytest.mark.parametrize("name", HELD)
def test_circuits_all_of_whose_nodes_are_held_have_nothing_to_sweep(name, samples):
    lines = ["held", "V1 a 0 1", "R1 a 0 1k", HELD[name], ".model dm d(ron=10 roff=1meg vfwd=0.1)", ".model dj d"]
    lines += ["*@train R1", "*@output I(V1)", ".end"]
    x = np.linspace(-0.6, 0.6, samples)
    columns, found, theta = {"V1": x, "I(V1)": 1e-3 * x}, {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for solver in ("newton", "auto", "gauss-seidel", "jacobi", "hybrid"):
            netlist = netlearn.parse("\n".join(lines))
            found[solver] = netlearn.predict(netlist, {"V1": x}, solver=solver).outputs
            theta[solver] = netlearn.train(netlist, columns, rule="analytic", epochs=1, solver=solver).theta
    assert np.ptp(found["newton"]) > 0 or samples == 1
    for solver, outputs in found.items():
        np.testing.assert_allclose(outputs, found["newton"], rtol=1e-12)
        np.testing.assert_allclose(theta[solver], theta["newton"], rtol=1e-9)


def test_wide_layers_of_straight_lines_are_solved_by_blocks_unasked():
    circuit = driven(new("layered", layers="8-80-80-4", diodes=True, clamp="single", ideal=True), samples=20)
    assert sweeps_worth_trying(circuit) > 0
    found = InternalSolver().solve(circuit)
    assert apart(found.x, InternalSolver(method="newton").solve(circuit).x) <= 1e-12
    assert found.iterations == InternalSolver(method="gauss-seidel").solve(circuit).iterations


@pytest.mark.parametrize("name", [name for name in TEXTS if "straight" not in name])
def test_all_others_are_left_to_newtons_method(name):
    assert sweeps_worth_trying(driven(TEXTS[name](), samples=20)) == 0


AMPLIFIED = new("layered", layers="4-6-2", diodes=True, amplifiers=True)
TRANSISTOR = "t\nV1 a 0 5\nR1 a c 1k\nR2 a b 100k\nQ1 c b 0 qm\n.model qm npn\n.end\n"
NEGATIVE = "n\nV1 a 0 1\nR1 a b 1k\nR2 b 0 -500\nD1 b 0 dm\n.model dm d\n.end\n"


@pytest.mark.parametrize("method", ["gauss-seidel", "jacobi"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (AMPLIFIED, "which does not let it solve for one node alone"),
        (TRANSISTOR, "'q1' is a bjt"),
        (NEGATIVE, "node 'b'.*not above zero"),
    ],
)
def test_refuses_what_has_no_blocks_and_says_why(text, said, method):
    with pytest.raises(CircuitError, match=said) as caught:
        InternalSolver(method=method).solve(driven(text, samples=2))
    assert "solver=newton" in caught.value.hint
    assert "hybrid" in caught.value.hint


@pytest.mark.parametrize("text", [AMPLIFIED, TRANSISTOR, NEGATIVE])
def test_a_hybrid_takes_newtons_method_there_and_says_so(text):
    circuit = driven(text, samples=2)
    with pytest.warns(UserWarning, match="solver=hybrid takes Newton's method alone: "):
        found = InternalSolver(method="hybrid").solve(circuit)
    assert apart(found.x, InternalSolver(method="newton").solve(circuit).x) <= 1e-12


def test_says_what_helps_where_the_sweeps_are_not_enough():
    with pytest.raises(ConvergenceError, match=r"3 sweeps of solver=gauss-seidel node '.*' still moves by") as caught:
        InternalSolver(method="gauss-seidel", sweeps=3).solve(driven(TEXTS["lattice"]()))
    assert "solver=hybrid" in caught.value.hint
    assert "sweeps" in caught.value.hint
    assert caught.value.sample == 0


def test_refuses_solvers_that_there_are_not():
    with pytest.raises(OptionError, match="no solver 'gauss'"):
        netlearn.operating_point(netlearn.parse(MIXED), solver="gauss")
    with pytest.raises(OptionError, match="'solver' cannot be 'gauss'"):
        open_project(netlearn.parse(MIXED.replace("V1", "*@options solver=gauss\nV1")))
    with pytest.raises(OptionError, match="at least 1"):
        InternalSolver(method="jacobi", sweeps=0)


def test_a_netlist_says_how_it_is_solved_and_python_may_say_otherwise():
    said = MIXED.replace("V1 a", "*@options solver=jacobi sweeps=2\nV1 a")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(ConvergenceError, match="solver=jacobi"):
            netlearn.operating_point(netlearn.parse(said))
        own = netlearn.operating_point(netlearn.parse(said), solver="newton").x
        assert apart(netlearn.operating_point(netlearn.parse(MIXED), solver="gauss-seidel").x, own) <= 1e-12
