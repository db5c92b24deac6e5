"""Elaboration: names, sharing, gradients through expressions, writing back."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.elaboration.design import Selection
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlistError, NetlistWarning, OptionError
from netlearn.netlist.netlist import parse, read
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import linearize, pullback


def design_of(text):
    return elaborate(parse(f"title\n{text}\n.end\n", "t.cir"))


def values(design, theta=None, parameters=None):
    """All element values by element and value name."""
    circuit = design.circuit if parameters is None else parameters.apply(theta)
    return {
        (name, key): float(value)
        for group in circuit.groups
        for key, column in group.values.items()
        for name, value in zip(group.names, column, strict=True)
    }


# Names and numbering -------------------------------------------------------------------------


def test_nodes_and_branches_stand_in_the_order_of_their_first_appearance():
    circuit = design_of(
        "R1 b a 1\nV1 c 0 1\nX1 a d s\nR2 e d 1\nV2 e GND 1\n.subckt s p q\nR1 p n 1\nV1 n q 1\n.ends"
    ).circuit
    assert list(circuit.nodes) == ["b", "a", "c", "d", "x1.n", "e"]
    assert list(circuit.branches) == ["v1", "v.x1.v1", "v2"]


def test_elements_have_the_names_that_ngspice_gives_them():
    design = design_of(
        "X1 a 0 s\nV1 a 0 1\n.subckt s p q\nX2 p q t\n.ends\n.subckt t p q\nRload p m 1\nE1 m q p 0 2\n.ends"
    )
    assert design.circuit.element("r.x1.x2.rload")
    assert design.circuit.element("e.x1.x2.e1")
    assert "x1.x2.m" in design.circuit.nodes
    assert "x1.x2.rload" in design.trainable_names()
    assert design.element_place("R.X1.X2.Rload").line == 8


def test_blocks_and_single_lines_give_the_same_circuit():
    lines = [f"R{k} n{k % 7} n{(k * k + 1) % 11} {k + 1}k" for k in range(60)]
    block = design_of("V1 n0 0 1\n" + "\n".join(lines))
    # An assignment makes a line other than plain, so that it is parsed alone.
    single = design_of("V1 n0 0 1\n" + "\n".join(f"{line} ac=1" for line in lines))
    assert list(block.circuit.nodes) == list(single.circuit.nodes)
    assert values(block) == values(single)
    for one, other in zip(block.circuit.groups, single.circuit.groups, strict=True):
        np.testing.assert_array_equal(one.index, other.index)


@pytest.mark.parametrize("card", [".options temp=77", ".options reltol=1m method=gear", ".temp 77"])
def test_what_a_subcircuit_sets_for_the_whole_circuit_is_warned_of(card):
    text = f"t\nV1 a 0 1\nX1 a s\n.subckt s a\n{card}\nR1 a 0 1k\n.ends\n"
    with pytest.warns(NetlistWarning, match="in a subcircuit is left out") as caught:
        elaborate(parse(text))
    assert [str(warning.message).split(":")[1] for warning in caught] == ["5"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        elaborate(parse(text.replace(card, ".options method=gear")))


def test_options_and_guesses_reach_the_circuit():
    circuit = design_of(
        "V1 a 0 1\nR1 a b 1\nX1 b s\n.subckt s p\nR1 p n 1\nR2 n 0 1\n.ends\n"
        ".options temp=40 tnom=30 gmin=1e-13 reltol=1e-5 abstol=1e-14 vntol=1e-8 itl1=300\n"
        ".nodeset v(b)=0.5 v(x1.n)={0.1+0.1}"
    ).circuit
    assert circuit.environment.temperature == pytest.approx(313.15)
    assert circuit.environment.nominal_temperature == pytest.approx(303.15)
    assert circuit.environment.gmin == 1e-13
    assert circuit.options == {"reltol": 1e-5, "abstol": 1e-14, "vntol": 1e-8, "itl1": 300.0}
    assert circuit.nodeset == {circuit.node("b"): 0.5, circuit.node("x1.n"): 0.2}


def test_a_negative_tolerance_is_an_error_at_its_place():
    with pytest.raises(NetlistError, match="'reltol' must be at least 0, not -1") as caught:
        design_of("V1 a 0 1\nR1 a 0 1\n.options abstol=0 reltol=-1")
    assert caught.value.place is not None
    assert caught.value.place.line == 4


# Choosing parameters -------------------------------------------------------------------------

CELLS = """\
.param rb=1k ra={rb*2}
V1 in 0 5
R1 in a 1.5k
R2 a 0 {ra}
R3 a 0 2k m=2 tc1=0.01 temp=37
X1 a d cell
X2 a 0 cell r=3k
X3 d 0 cell r={rb/4}
.subckt cell p q r=5k
R1 p n {r}
R2 n q 700
.ends"""


def test_a_number_in_a_subcircuit_is_one_parameter():
    design = design_of(CELLS)
    parameters = design.parameters([Selection("X2.R2", 10, 1e4)])
    assert list(parameters.names) == ["x1.r2"]
    assert parameters.initial == [700.0]
    assert (parameters.lower, parameters.upper, parameters.positive) == ([10.0], [1e4], [True])
    changed = values(design, np.array([900.0]), parameters)
    assert [changed[f"r.x{k}.r2", "resistance"] for k in (1, 2, 3)] == [900.0] * 3
    ((_, binding),) = [(b.column, b) for b in parameters.bindings]
    # The gradient of the shared weight is the sum over its instances.
    assert binding.pullback(parameters.initial, np.array([1.0, 10.0, 100.0])) == [111.0]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("R1", ["r1"]),
        ("r[12]", ["r1", "rb"]),
        ("*", ["x1.r", "x2.r", "rb", "r1", "r3", "x1.r2"]),
        ("R.X2.R?", ["x2.r", "x1.r2"]),
        ("X2.r1", ["x2.r"]),
        ("x*.R1", ["x1.r", "x2.r", "rb"]),
        ("x1.r", ["x1.r"]),
        ("RB", ["rb"]),
        ("ra", ["rb"]),
    ],
)
def test_globs_choose_over_both_notations(pattern, names):
    chosen = design_of(CELLS).parameters([Selection(pattern)]).names
    assert sorted(chosen) == sorted(names)


def test_what_decides_a_condition_cannot_be_trained():
    design = design_of(".param r=1k k=2\nV1 a 0 1\n.if (r>500)\nR1 a 0 {r}\n.else\nR1 a 0 {k}\n.endif\nR2 a 0 {k}")
    with pytest.raises(OptionError, match="'r' cannot be trained") as caught:
        design.parameters([Selection("*")])
    assert caught.value.place is not None
    assert caught.value.place.line == 4
    assert list(design.parameters([Selection("k")]).names) == ["k"]


def test_later_bounds_win_and_fixed_numbers_stay():
    design = design_of(CELLS)
    parameters = design.parameters([Selection("*", 1, 1e6), Selection("R3", 5, 50)], fix=["X*", "rb"])
    assert list(parameters.names) == ["r1", "r3"]
    assert list(parameters.lower) == [1.0, 5.0]
    assert list(parameters.upper) == [1e6, 50.0]
    assert len(design.parameters([])) == 0
    with pytest.raises(OptionError, match="is fixed"):
        design.parameters([Selection("R1")], fix=["*"])


def test_patterns_without_a_match_are_refused_with_a_suggestion():
    design = design_of("V1 a 0 1\nRbias a 0 1k\nR2 a 0 rm l=2u\n.model rm r rsh=100")
    with pytest.raises(OptionError, match="'Rbais' matches no") as caught:
        design.parameters([Selection("Rbais")])
    assert "rbias" in caught.value.hint
    with pytest.raises(OptionError, match="no number of its own"):
        design.parameters([Selection("R2")])
    assert list(design.parameters([Selection("rm.rsh")]).names) == ["rm.rsh"]


def test_derivatives_go_through_every_kind_of_expression():
    """Every parameter's derivative of every element value, against differences."""
    design = design_of(
        ".param a=2 b={a*a+c} c=3k\n.func f(u,v) {u*v+sqrt(u)}\nV1 n 0 {b/1k}\nR1 n m {f(b,a)} tc1=0.01 dtemp=5\n"
        "R2 m 0 {c} m={a}\nX1 m 0 s q={b}\nX2 m 0 s q={a*100}\nX3 m 0 s\n"
        ".subckt s p q q=2k\n.param w={q*a}\nR1 p q {w+c}\nD1 p q dm area={a}\n.model dm d is={1e-14*q/1k} n=1.2 rs=3\n"
        ".ends"
    )
    parameters = design.parameters([Selection("*")])
    theta = parameters.initial
    rng = np.random.default_rng(1)
    assert sorted(parameters.names) == ["a", "c", "x1.dm.n", "x1.dm.rs", "x3.q"]
    for binding in parameters.bindings:
        gradient = rng.normal(size=len(binding.elements))
        exact = binding.pullback(theta, gradient)
        for p in range(len(theta)):
            step = np.zeros(len(theta))
            step[p] = 1e-5 * abs(theta[p])
            change = binding.values(theta + step) - binding.values(theta - step)
            assert exact[p] == pytest.approx(gradient @ change / (2 * step[p]), rel=1e-6, abs=1e-25)


def test_values_at_other_parameters_are_those_of_the_edited_text():
    design = design_of(CELLS)
    parameters = design.parameters([Selection("*")])
    theta = parameters.initial * np.linspace(0.5, 1.7, len(parameters))
    again = elaborate(design.write(parameters, theta))
    assert values(design, theta, parameters) == pytest.approx(values(again), rel=1e-14)
    np.testing.assert_array_equal(again.parameters([Selection("*")]).initial, theta)


def test_the_gradient_of_a_voltage_by_a_param_is_that_of_differences():
    design = design_of(CELLS + "\nD1 d 0 dm\n.model dm d is=1e-14 n=1.5 rs=20")
    parameters = design.parameters([Selection("*"), Selection("dm.*")])
    solver = InternalSolver()

    def voltage(theta):
        return solver.solve(parameters.apply(theta)).voltage("d")[0]

    op = solver.solve(parameters.apply(parameters.initial))
    adjoint = np.zeros((1, design.circuit.size))
    adjoint[0, design.circuit.node("d")] = 1.0
    lam = linearize(op).solve(adjoint, transpose=True)
    exact = parameters.pullback(parameters.initial, pullback(op, lam, parameters.columns))
    for p, name in enumerate(parameters.names):
        step = np.zeros(len(parameters))
        step[p] = 1e-3 * parameters.initial[p]
        slope = (voltage(parameters.initial + step) - voltage(parameters.initial - step)) / (2 * step[p])
        assert exact[p] == pytest.approx(slope, rel=2e-4, abs=1e-12), name


# Writing back --------------------------------------------------------------------------------


def test_only_trained_numbers_change():
    design = design_of(CELLS)
    parameters = design.parameters([Selection("R1"), Selection("X2.r1"), Selection("rb")])
    theta = np.array([0.1 + 0.2, parameters.initial[1], 1e-7])
    before = str(design.netlist).splitlines()
    after = str(design.write(parameters, theta)).splitlines()
    assert {a for a, b in zip(after, before, strict=True) if a != b} == {
        "R1 in a 0.30000000000000004",
        ".param rb=1e-07 ra={rb*2}",
    }


def test_edits_reach_through_continuations_braces_and_includes(tmp_path):
    (tmp_path / "cell.inc").write_text(".subckt cell p q r=1k\nR1 p q\n+ {r} ; keep\n.ends\n.param g={ 2k }\n")
    text = "title\n.include cell.inc\nV1 a 0 1\nX1 a b\n+ cell ; here\n+ r = 5K\nX2 b 0 cell\nR9 b 0 '3k'\nR8 b 0 {g}\n"
    (tmp_path / "main.cir").write_text(text)
    design = elaborate(read(tmp_path / "main.cir"))
    parameters = design.parameters([Selection("*")])
    assert dict(zip(parameters.names, parameters.initial, strict=True)) == {
        "x1.r": 5000.0, "x2.r": 1000.0, "g": 2000.0, "r9": 3000.0
    }  # fmt: skip
    trained = design.write(parameters, parameters.initial + 1)
    trained.save(tmp_path / "out.cir")
    assert (tmp_path / "main.cir").read_text() == text
    lines = (tmp_path / "out.cir").read_text()
    assert "+ r = 5001\n" in lines
    assert "R9 b 0 '3001'\n" in lines
    assert "r=1001" in (tmp_path / "out.cell.inc").read_text()
    assert ".param g={ 2001 }" in (tmp_path / "out.cell.inc").read_text()


def test_files_may_be_included_within_subcircuits_of_included_files(tmp_path):
    (tmp_path / "inner.inc").write_text("R1 p n 3k\n.if (k>1)\n.include last.inc\n.endif\n")
    (tmp_path / "last.inc").write_text("R2 n 0 {k*1k}\n")
    (tmp_path / "outer.inc").write_text(".subckt s p k=1\n.include inner.inc\n.ends\n")
    (tmp_path / "main.cir").write_text("title\n.include outer.inc\nV1 a 0 1\nX1 a s k=2\nX2 a s k={k2}\n.param k2=3\n")
    design = elaborate(read(tmp_path / "main.cir"))
    resistances = {name: value for (name, _), value in values(design).items() if name.startswith("r")}
    assert resistances == {"r.x1.r1": 3e3, "r.x1.r2": 2e3, "r.x2.r1": 3e3, "r.x2.r2": 3e3}
    (tmp_path / "last.inc").write_text("R2 n 0 {q*1k}\n")
    with pytest.raises(NetlistError) as caught:
        elaborate(read(tmp_path / "main.cir"))
    assert caught.value.place is not None
    assert caught.value.place.path.endswith("last.inc")
    assert [(link.path.rpartition("/")[2], link.line) for link in caught.value.place.chain] == [
        ("main.cir", 2), ("main.cir", 4), ("outer.inc", 2), ("inner.inc", 3)
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    resistances=st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=8),
    theta=st.lists(st.floats(1e-12, 1e12), min_size=8, max_size=8),
)
def test_every_float_survives_writing(resistances, theta):
    lines = "\n".join(f"R{k} a 0 {value!r}" for k, value in enumerate(resistances))
    design = design_of(f"V1 a 0 1\n{lines}")
    parameters = design.parameters([Selection("R*")])
    wanted = np.array(theta[: len(parameters)])
    written = elaborate(design.write(parameters, wanted)).parameters([Selection("R*")])
    np.testing.assert_array_equal(written.initial, wanted)


# Copies and size ---------------------------------------------------------------------------


def test_circuits_and_parameters_travel_between_processes():
    design = design_of(
        ".param k=2\nV1 a 0 1\nR1 a b {k*1k}\nX1 b s\nB1 b 0 I=sin(V(a))*k\nD1 b 0 dm\n.model dm d\n"
        ".subckt s p\nR1 p 0 1\n.ends"
    )
    parameters = pickle.loads(pickle.dumps(design.parameters([Selection("*")])))
    solver = InternalSolver()
    again = solver.solve(parameters.apply(parameters.initial))
    np.testing.assert_array_equal(again.x, solver.solve(design.circuit).x)


def test_sources_of_one_form_are_evaluated_together():
    lines = "\n".join(
        f"B{k} b{k} 0 V=tanh(V(a{k},c)*{k + 1})*g\nR{k} a{k} b{k} {{g*{k + 1}k}}\nS{k} a{k} 0 1" for k in range(5)
    )
    design = design_of(f".param g=2\nV1 c 0 1\n{lines}".replace("\nS", "\nRS"))
    assert [len(g) for g in design.circuit.groups if g.device.name.startswith("behavioural")] == [5]
    parameters = design.parameters([Selection("g")])
    by_expression = [b for b in parameters.bindings if b.column[1] == "resistance"]
    assert [len(b.program.stages) for b in by_expression] == [1]
    np.testing.assert_allclose(by_expression[0].values(np.array([3.0])), 3e3 * np.arange(1, 6))
    np.testing.assert_allclose(by_expression[0].pullback(np.array([3.0]), np.ones(5)), [15e3])


def test_instances_share_what_is_the_same_for_all():
    rows = "\n".join(f"X{k} in o{k} row\nR{k} o{k} 0 1k" for k in range(100))
    cells = "\n".join(f"X{k} a m{k} cell\nR{k} m{k} b 1k" for k in range(100))
    parts = "\n".join(f"R{k} n{k} n{(7 * k + 1) % 10} {100 + k}" for k in range(10))
    design = design_of(f"V1 in 0 1\n{rows}\n.subckt row a b\n{cells}\n.ends\n.subckt cell n0 n5\n{parts}\n.ends")
    assert len(design.circuit.groups[design.circuit.group("resistor")]) == 100 + 100 * (100 + 100 * 10)
    assert len(design.parameters([Selection("X*.X*.R*")])) == 10
    g, k = design.circuit.element("r.x42.x17.r3")
    assert design.circuit.groups[g].values["resistance"][k] == 103.0
    assert math.isclose(design.circuit.groups[g].index[k, 0], design.circuit.node("x42.x17.n3"))


def test_a_pair_of_temperature_coefficients_without_a_blank():
    for pair in ("0.01,0.001", "0.01, 0.001", "0.01 0.001"):
        assert values(design_of(f"R1 a 0 1k tc={pair}\n.temp 77"))["r1", "resistance"] == pytest.approx(4000.0)
    with pytest.raises(NetlistError, match="more than two") as caught:
        design_of("R1 a 0 1k tc=0.01,0.001,3")
    assert str(caught.value.place) == "t.cir:2:14"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temp", 85.0),
        ("temper", 85.0),
        ("TEMP", 85.0),
        # The thermal voltage with CODATA's constants of 2014, as ngspice 39 has them.
        ("vt", 1.38064852e-23 * (85.0 + 273.15) / 1.6021766208e-19),
        ("gmin", 2e-12),
        ("time", 0.0),
        ("hertz", 0.0),
    ],
)
def test_names_that_simulators_define(name, value):
    cards = ".temp 85\n.options gmin=2p"
    for text in (f".param x={{1+{name}}}\nV1 a 0 {{x}}", f"V1 a 0 {{1+{name}}}", f"B1 a 0 V=1+{name}"):
        circuit = elaborate(parse(f"t\n{text}\n{cards}\nR1 a 0 1k\n.end\n")).circuit
        assert InternalSolver().solve(circuit).voltage("a")[0] == pytest.approx(1.0 + value, rel=1e-12)


def test_a_parameter_may_have_a_name_that_simulators_define():
    circuit = elaborate(parse("t\n.param vt=3 temp=2\nB1 a 0 V=vt+temp\nR1 a 0 1k\n.temp 50\n.end\n")).circuit
    assert InternalSolver().solve(circuit).voltage("a")[0] == pytest.approx(5.0)


def test_global_parameters_of_xyce():
    text = "t\n.global_param k = 2 big={3*k}\nX1 a s\n.subckt s p\nV1 p 0 {big}\n.ends\nR1 a 0 1k\n.end\n"
    circuit = elaborate(parse(text)).circuit
    assert InternalSolver().solve(circuit).voltage("a")[0] == pytest.approx(6.0)
