"""Columns that set any quantity of a circuit, sample by sample: against ngspice, run on the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.loss import Mse
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.energy import EquilibriumPropagation
from netlearn.learn.rules.second_order import OutputJacobian
from netlearn.netlist.netlist import parse
from netlearn.project import Project, open_project
from netlearn.solve.internal import InternalSolver
from netlearn.solve.nonlinear import NonlinearSolver

TEXT = """* every kind of column
.param vsup={VSUP} rx={2*vsup*100} alias={vsup} r0={R0}
V1 in 0 {V1}
R1 in a {rx} tc1={TC1}
Rload a 0 {RLOAD} tc1=1e-3
Rs s 0 {alias*1k}
Is 0 s 1m
D1 a k dm
Rk k 0 1k
Q1 c b e qm area={AREA}
Rc in c 1k
Rb in b 100k
Re e 0 100
M1 g1 in 0 0 mm w={W} l=1u
Rg in g1 10k
X1 a y cell r={XR}
X2 a z cell
Ry y 0 1k
Rz z 0 {1k*(1+0.01*(temper-27))}
I1 0 y {I1} m=2
E1 ee 0 a 0 {E1}
Ree ee ef {r0}
Ref ef 0 1k
.subckt cell p q r=1k
Rc p m {r*2}
X3 m q inner s={r}
.ends
.subckt inner p q s=1
Rd p q {s}
.ends
.model dm d is={IS} rs={RS}
.model qm npn bf={BF} is=1e-15 rb=10
.model mm nmos vto=1 kp=50u
.temp {TEMP}
.end
"""
COLUMNS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "V1": ("V1", (5.0, 4.0, 6.0)),
    "vsup": ("VSUP", (5.0, 5.5, 4.5)),
    "Rload": ("RLOAD", (2e3, 1e3, 3e3)),
    "r1.TC1": ("TC1", (2e-3, 1e-3, 0.0)),
    "X1.r": ("XR", (3e3, 2e3, 1e3)),
    "dm.is": ("IS", (1e-14, 1e-13, 1e-15)),
    "dm.rs": ("RS", (10.0, 5.0, 20.0)),
    "Q1.area": ("AREA", (2.0, 1.0, 3.0)),
    "qm.bf": ("BF", (100.0, 50.0, 200.0)),
    "M1.w": ("W", (10e-6, 20e-6, 5e-6)),
    "I1": ("I1", (1e-3, 0.0, 2e-3)),
    "E1": ("E1", (2.0, 1.0, 3.0)),
    "r0": ("R0", (5e3, 2e3, 1e3)),
    "temp": ("TEMP", (27.0, -40.0, 125.0)),
}
PROBED = ("a", "c", "y", "z", "k", "s", "g1", "ef")
OUTPUTS = " ".join(f"V({node})" for node in PROBED)


def text_at(sample: int) -> str:
    """The netlist with the numbers of one sample written into it."""
    text = TEXT
    for word, values in COLUMNS.values():
        text = text.replace(f"{{{word}}}", repr(values[sample]))
    return text


def project_of(names: Iterable[str], train: str = "rb re rk", text: str | None = None) -> Project:
    columns: dict[str, Any] = {name: COLUMNS[name][1] for name in names}
    count = len(next(iter(columns.values())))
    targets = {f"V({node})": np.linspace(0.0, 1.0, count) for node in PROBED}
    source = parse(text_at(0) if text is None else text, "t.cir")
    return open_project(source, {**columns, **targets}, overrides={"train": train, "output": OUTPUTS})


def outputs_of(prepared: Project) -> tuple[Array, Array]:
    """Outputs (S, o) and inputs (S, p)."""
    model, inputs = prepared.plain_model, prepared.dataset(prepared.table).inputs
    return model.outputs(model.forward(model.parameters.initial, inputs)), inputs


def test_columns_mean_what_the_same_numbers_mean_in_the_text_of_a_netlist(ngspice):
    outputs, _ = outputs_of(project_of(COLUMNS))
    points = ngspice.run_many([text_at(s) for s in range(3)])
    expected = [[point[f"v({node})"] for node in PROBED] for point in points]
    np.testing.assert_allclose(outputs, expected, rtol=1e-7)


@pytest.mark.parametrize("name", COLUMNS)
def test_each_column_alone_sets_just_what_it_names(name, ngspice):
    outputs, _ = outputs_of(project_of([name]))
    word, values = COLUMNS[name]
    decks = []
    for value in values:
        text = TEXT.replace(f"{{{word}}}", repr(value))
        for other, others in COLUMNS.values():
            text = text.replace(f"{{{other}}}", repr(others[0]))
        decks.append(text)
    expected = [[point[f"v({node})"] for node in PROBED] for point in ngspice.run_many(decks)]
    np.testing.assert_allclose(outputs, expected, rtol=1e-7)


def test_temperatures_are_those_of_ngspice(ngspice):
    temperatures = (-55.0, -40.0, 0.0, 27.0, 85.0, 125.0)
    netlist = parse(text_at(0).replace(".temp 27.0\n", ""), "t.cir")
    data = {"temp": temperatures, **{f"V({node})": np.zeros(6) for node in PROBED}}
    outputs, _ = outputs_of(open_project(netlist, data, overrides={"output": OUTPUTS}))
    decks = [text_at(0).replace(".temp 27.0", f".temp {value}") for value in temperatures]
    expected = [[point[f"v({node})"] for node in PROBED] for point in ngspice.run_many(decks)]
    np.testing.assert_allclose(outputs, expected, rtol=1e-7)


def test_ngspice_as_the_solver_takes_the_same_columns(libngspice):
    prepared = project_of(COLUMNS)
    from netlearn.ngspice.solver import NgspiceSolver

    model, inputs = prepared.plain_model, prepared.dataset(prepared.table).inputs
    with NgspiceSolver(processes=1) as solver:
        theirs = solver.solve(model.circuit(model.parameters.initial, inputs))
    np.testing.assert_allclose(model.outputs(theirs), outputs_of(prepared)[0], rtol=1e-7)


def test_an_instance_is_set_alone_where_it_has_the_default_that_all_share():
    prepared = open_project(
        parse("* t\nV1 a 0 1\nX1 a b s\nX2 b 0 s\n.subckt s p q r=1k\nR1 p q {r}\n.ends\n.end", "t.cir"),
        {"X1.r": [1e3, 3e3], "V(b)": [0.0, 0.0]},
    )
    np.testing.assert_allclose(outputs_of(prepared)[0][:, 0], [0.5, 0.25], rtol=1e-12)


def test_a_resistor_inside_an_instance_is_set_alone_by_either_of_its_names():
    for name in ("X1.R1", "r.x1.r1"):
        prepared = open_project(
            parse("* t\nV1 a 0 1\nX1 a b s\nX2 b 0 s\n.subckt s p q\nR1 p q 1k\n.ends\n.end", "t.cir"),
            {name: [1e3, 3e3], "V(b)": [0.0, 0.0]},
        )
        np.testing.assert_allclose(outputs_of(prepared)[0][:, 0], [0.5, 0.25], rtol=1e-12)


def test_one_of_two_equal_parameters_is_set_without_the_other():
    netlist = parse("* t\n.param v=1 ra=1k rb={ra} rc={ra}\nV1 a 0 {v}\nR1 a b {rb}\nR2 b 0 {rc}\n.end", "t.cir")
    for column, expected in (("rb", 0.25), ("rc", 0.75), ("ra", 0.5)):
        prepared = open_project(netlist, {column: [3e3], "V(b)": [0.0]})
        np.testing.assert_allclose(outputs_of(prepared)[0], [[expected]], rtol=1e-12)


def test_a_number_that_equals_the_temperature_is_not_it():
    netlist = parse("* t\nV1 a 0 27\nR1 a b 27\nR2 b 0 27\n.end", "t.cir")
    prepared = open_project(netlist, {"temp": [27.0, 100.0], "V(b)": [0.0, 0.0]})
    np.testing.assert_allclose(outputs_of(prepared)[0][:, 0], [13.5, 13.5], rtol=1e-12)


# Derivatives ---------------------------------------------------------------------------------


def test_derivatives_by_every_kind_of_column_are_those_of_central_differences():
    prepared = project_of(COLUMNS)
    model, inputs = prepared.model, prepared.dataset(prepared.table).inputs
    theta = np.asarray(model.parameters.initial)
    weights = np.random.default_rng(0).normal(size=(3, len(PROBED)))
    exact = Adjoint(model, theta, inputs, model.forward(theta, inputs), weights).by_inputs()
    for j, name in enumerate(prepared.layout.driven):
        step = 1e-5 * np.where(inputs[:, j] == 0, 1e-3, np.abs(inputs[:, j]))
        ends = []
        for sign in (1.0, -1.0):
            moved = inputs.copy()
            moved[:, j] += sign * step
            ends.append(np.sum(weights * model.outputs(model.forward(theta, moved)), axis=1))
        differences = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(exact[:, j], differences, rtol=2e-5, atol=1e-7 * np.abs(differences).max() + 1e-12)
        assert np.any(exact[:, j] != 0), name


@pytest.mark.parametrize(
    ("columns", "train"),
    [
        (("temp", "V1"), "rx rload rk rc"),
        (("temp", "V1", "Rload", "r1.TC1", "dm.is"), "rx rk rc"),
        (("V1", "X1.r"), "x2.r rx rk rc re"),
        (("vsup", "temp"), "rload rk re"),
    ],
)
def test_gradients_are_exact_where_columns_and_parameters_meet_in_one_expression(columns, train):
    prepared = project_of(columns, train)
    model, data, loss = prepared.model, prepared.dataset(prepared.table), Mse()
    theta, batch, rng = np.asarray(model.parameters.initial), Batch(data.inputs, data.targets), np.random.default_rng(0)
    exact = Analytic().estimate(model, loss, theta, batch, rng).gradient
    differences = np.empty(len(theta))
    for j in range(len(theta)):
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[j] *= 1 + sign * 1e-4
            ends.append(np.mean(loss.value(model.outputs(model.forward(moved, data.inputs)), data.targets)))
        differences[j] = (ends[0] - ends[1]) / (2e-4 * theta[j])
    np.testing.assert_allclose(exact, differences, rtol=1e-6)
    jacobian = OutputJacobian(model, theta, model.forward(theta, data.inputs), data.inputs)
    direction, weights = rng.normal(size=len(theta)), rng.normal(size=data.targets.shape)
    np.testing.assert_allclose(
        np.sum(weights * jacobian.forward(direction)), direction @ jacobian.backward(weights), rtol=1e-9
    )


def test_equilibrium_propagation_finds_the_gradient_at_every_temperature():
    text = (
        "* t\n.param rr=1k\nV1 in 0 1\nR1 in a {rr} tc1=5m\nD1 a 0 dm\nR2 a b {rr*2}\nRload b 0 1k\n.model dm d\n.end"
    )
    data = {"temp": [-40.0, 27.0, 125.0], "Rload": [1e3, 2e3, 3e3], "V(b)": [0.1, 0.2, 0.3]}
    prepared = open_project(parse(text, "t.cir"), data, overrides={"train": "rr"})
    model, samples = prepared.model, prepared.dataset(prepared.table)
    theta, batch = np.asarray(model.parameters.initial), Batch(samples.inputs, samples.targets)
    rng = np.random.default_rng(0)
    exact = Analytic().estimate(model, Mse(), theta, batch, rng).gradient
    found = EquilibriumPropagation(beta=1e-6).estimate(model, Mse(), theta, batch, rng).gradient
    np.testing.assert_allclose(found, exact, rtol=1e-5)


# Sharing -------------------------------------------------------------------------------------


def _many(count: int, linear: bool) -> Project:
    rng = np.random.default_rng(1)
    diodes = "" if linear else "D1 a 0 dm\nD2 b 0 dm\n.model dm d\n"
    text = f"* t\n.param rl=1k\nV1 in 0 1\nR1 in a {{rl}} tc1=1m\nR2 a b 2k\nRload b 0 1k\n{diodes}.end"
    columns = {
        "V1": rng.uniform(0.0, 3.0, count),
        "temp": rng.choice([-40.0, 27.0, 125.0], count),
        "Rload": rng.choice([1e3, 2e3], count),
        "V(b)": rng.uniform(0.0, 1.0, count),
    }
    return open_project(parse(text, "t.cir"), columns, overrides={"train": "rl"})


def test_samples_that_share_settings_are_solved_as_if_each_were_alone():
    prepared = _many(40, linear=False)
    model, inputs = prepared.model, prepared.dataset(prepared.table).inputs
    theta = np.asarray(model.parameters.initial)
    circuit = model.circuit(theta, inputs)
    together, alone = InternalSolver().solve(circuit), NonlinearSolver().solve(circuit)
    np.testing.assert_allclose(together.x, alone.x, rtol=1e-8, atol=1e-13)
    assert together.linearization is not None
    assert alone.linearization is not None
    rhs = np.random.default_rng(2).normal(size=together.x.shape)
    for transpose in (False, True):
        found = together.linearization.solve(rhs, transpose=transpose)
        np.testing.assert_allclose(found, alone.linearization.solve(rhs, transpose=transpose), rtol=1e-6, atol=1e-9)


def test_superposition_over_settings_gives_what_sample_by_sample_solutions_give():
    prepared = _many(200, linear=True)
    model, data = prepared.model, prepared.dataset(prepared.table)
    theta, rng = np.asarray(model.parameters.initial), np.random.default_rng(0)
    batch = Batch(data.inputs, data.targets)
    one, each = (Analytic(superpose=how).estimate(model, Mse(), theta, batch, rng) for how in (True, False))
    assert one.point is None
    np.testing.assert_allclose(one.outputs, each.outputs, rtol=1e-12)
    np.testing.assert_allclose(one.gradient, each.gradient, rtol=1e-10)


def test_linear_samples_with_settings_of_their_own_are_solved_together():
    rng = np.random.default_rng(3)
    text = "* t\nV1 in 0 1\nR1 in a 1k\nR2 a b 1k\nR3 b 0 1k\nE1 e 0 a b 2\nR4 e b 3k\n.end"
    data = {"R1": rng.uniform(500, 2000, 50), "R3": rng.uniform(500, 2000, 50), "V(b)": np.zeros(50)}
    outputs, inputs = outputs_of(open_project(parse(text, "t.cir"), data))
    for row in (0, 17, 49):
        changed = text.replace("R1 in a 1k", f"R1 in a {float(inputs[row, 0])!r}").replace(
            "R3 b 0 1k", f"R3 b 0 {float(inputs[row, 1])!r}"
        )
        alone = netlearn.operating_point(parse(changed, "t.cir")).voltage("b")
        np.testing.assert_allclose(outputs[row], alone, rtol=1e-11)


# What cannot be ------------------------------------------------------------------------------


DIVIDER = """* t
.param vs=1 unused=3
V1 in 0 {vs}
R1 in a 1k
D1 a 0 dm
Rload a 0 1k
.if (vs > 0)
R9 a 0 1k
.endif
.model dm d
.end"""


def samples_of(text: str, columns: Mapping[str, Any]) -> int:
    """How many samples there are; raises what reading them raises."""
    prepared = open_project(parse(text, "t.cir"), columns)
    return len(prepared.dataset(prepared.table))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"Rlaod": [1.0]}, ("'Rlaod' names no source, element or parameter", "did you mean 'rload'?")),
        ({"gmin": [1e-12]}, ("'gmin' is an option of the simulator",)),
        ({"D1": [1.0]}, ("'d1' has no value of its own", "such as d1.area")),
        ({"vs": [1.0]}, ("it decides a condition or an option", "t.cir:7:")),
        ({"Rload": [0.0]}, ("the resistance of 'rload' would be 0",)),
        ({"Rload": [1.0, 2.0], "rLOAD ": [1.0, 2.0]}, ("is there twice",)),
        ({"dm.rs": [1.0]}, ("'dm.rs' names no source",)),
    ],
)
def test_a_column_that_cannot_be_set_is_refused_with_its_place(columns, said):
    count = len(next(iter(columns.values())))
    with pytest.raises(DataError) as caught:
        samples_of(DIVIDER, {**columns, "V(a)": [0.5] * count})
    for words in said:
        assert words in str(caught.value)


def test_a_number_is_driven_or_trained_but_not_both():
    data = {"Rload": [1e3, 2e3], "V(a)": [0.3, 0.4]}
    text = DIVIDER.replace(".param vs=1", ".param vs=1 rp=1k").replace("R9 a 0 1k", "R9 a 0 {rp}")
    with pytest.raises(OptionError, match="'rload' matches is set by the data"):
        _ = open_project(parse(text, "t.cir"), data, overrides={"train": "rload"}).parameters
    # A pattern leaves out what the data sets, as it leaves out what is fixed.
    prepared = open_project(parse(text, "t.cir"), data, overrides={"train": "r*"})
    assert set(prepared.parameters.names) == {"r1", "rp"}


def test_a_series_resistance_of_zero_has_no_node_that_a_sample_could_need():
    text = "* t\nV1 in 0 1\nR1 in a 1k\nD1 a 0 dm\nD2 a 0 dn\n.model dm d rs=1\n.model dn d rs=0\n.end"
    with pytest.raises(DataError, match="the rs of 'd1' would be 0"):
        samples_of(text, {"dm.rs": [1.0, 0.0], "V(a)": [0.5, 0.5]})
    bjt = "* t\nV1 in 0 1\nR1 in b 1k\nQ1 in b 0 qm\n.model qm npn rb=0\n.end"
    with pytest.raises(DataError, match="'rb' of 'q1' is zero in the netlist"):
        _ = (
            open_project(parse(bjt, "t.cir"), {"qm.rb": [1.0, 2.0], "V(b)": [0.5, 0.5]}).layout
            and open_project(parse(bjt, "t.cir"), {"qm.rb": [1.0, 2.0], "V(b)": [0.5, 0.5]}).driven
        )
