"""Slopes of traced laws where functions have edges, beside those that array code has from tables of formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.expressions.functions import BEHAVIOURAL_FUNCTIONS
from netlearn.solve.codegen.derivatives import Differentiation
from netlearn.solve.codegen.graph import LawProgram
from netlearn.solve.codegen.laws import LawMaker, plain_values

EDGES = [-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 230.0]
LAWS = [
    *(f"v(a){operator}v(b)" for operator in ("+", "-", "*", "/", "**", "==", "!=", "<", ">", "<=", ">=", "||", "&&")),
    *(
        f"{name}(v(a))"
        for name, f in BEHAVIOURAL_FUNCTIONS.items()
        if f.least <= 1 and name[0] != "_" and name != "ddt"
    ),
    *(f"{name}(v(a),v(b))" for name, f in BEHAVIOURAL_FUNCTIONS.items() if f.least <= 2 <= f.most and name[0] != "_"),
    *("limit(v(a),v(b),0.5)", "uplim(v(a),0.5,0.1)", "dnlim(v(a),0.5,0.1)", "v(a)>0?v(b):v(a)"),
    *("v(a)**3", "v(a)**0.5", "v(a)**(-1)", "v(a)**0", "0**v(a)", "pwr(v(a),0.5)", "pow(v(a),0)"),
    *(
        "pwl(v(a),0,0,1,1,2,0)",
        "table(v(a),0,0,1,1)",
        "v(a)/(v(a)*v(b))",
        "v(b)*v(a)/v(a)",
        "sinh(v(b)*v(a))/sinh(v(b))",
    ),
]


def device_of(law: str) -> tuple[Device, Values, list[int]]:
    """The source, its prepared values, and which of both voltages each terminal has, -1 for ground."""
    lines = ["t", f"B1 0 o I={{{law}}}", "R1 a 0 1", "R2 b 0 1", "R3 o 0 1", ".end"]
    circuit = netlearn.elaborate(netlearn.parse("\n".join(lines))).circuit
    group = next(group for group in circuit.groups if "behavioural" in group.device.name)
    named = {list(circuit.nodes).index(name): k for k, name in enumerate("abo")}
    places = [named.get(unknown, -1) for unknown in np.asarray(group.index)[0].tolist()]
    return group.device, group.device.prepare(group.values, Environment()), places


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.filterwarnings("ignore::netlearn.errors.NetlistWarning")
def test_values_and_slopes(law: str) -> None:
    device, prepared, places = device_of(law)
    points = np.array([[*pair, 0.0, 0.0] for pair in itertools.product(EDGES, EDGES)])
    x = points[:, None, places]
    terminals = tuple(-1 if place < 0 else places.index(place) for place in places)
    maker = LawMaker(device, prepared, dict(plain_values(prepared)), terminals)
    graph = maker.graph
    rows = [graph.constant(0.0) if t < 0 else graph.input("y", t) for t in terminals]
    variables = [graph.cut(row, "unknown", t) for t, row in enumerate(rows)]
    currents = maker.currents(variables)
    slopes = Differentiation(graph, variables).rows(currents)
    given: dict[tuple[object, ...], Array] = {("y", t): x[:, 0, t] for t in terminals if t >= 0}
    given |= {("value", name): np.full(len(points), np.ravel(value)[0]) for name, value in prepared.items()}
    with np.errstate(all="ignore"):
        values, wanted = device.residual(x, prepared)[:, 0], device.jacobian(x, prepared)[:, 0]
    for t, (current, row) in enumerate(zip(currents, slopes, strict=True)):
        assert_same(LawProgram([current])(given)[0], values[:, t])
        for u in range(len(terminals)):
            found = LawProgram([row[u]])(given)[0] if u in row else np.zeros(len(points))
            # Each control's voltage is a number of its own.
            if terminals[u] >= 0 and terminals.count(terminals[u]) == 1:
                assert_same(found, wanted[:, t, u])


def assert_same(found: Array, wanted: Array) -> None:
    np.testing.assert_allclose(np.broadcast_to(found, wanted.shape), wanted, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("law", ["v(a)/v(b)", "v(a)**v(b)", "sinh(v(b)*v(a))/sinh(v(b))"])
def test_slopes_are_finite_where_values_are(law: str) -> None:
    """0 / 0 is zero, as in ngspice, and so are its slopes; |x|^0 is 1."""
    device, prepared, places = device_of(law)
    x = np.zeros((1, 4))[:, None, places]
    assert np.isfinite(device.residual(x, prepared)).all()
    assert np.isfinite(device.jacobian(x, prepared)).all()


CUSPS = [
    *("abs(v(a))**0.5", "abs(v(a))^0.5", "pow(abs(v(a)),0.5)", "sqrt(abs(v(a)))", "v(a)^0", "pow(v(a),0)"),
    *("pwr(v(a),0.5)", "pwrs(v(a),0.5)", "sqrt(v(a)*v(b))", "(v(a)^2)^0.25", "max(0,v(a))^0.5"),
    *("v(b)*sqrt(abs(v(a)))", "hypot(v(a),v(b))", "asin(1+v(a)*v(a))", "acos(1-v(a)*v(a))", "acosh(1+v(a)*v(a))"),
    *("sqrt(sqrt(abs(v(a))))", "exp(abs(v(a))^0.3)", "ln(1+sqrt(abs(v(a))))", "abs(v(a))^(v(b)+0.5)"),
    "abs(v(a)-v(b))^0.5",
]


@pytest.mark.parametrize("law", CUSPS)
def test_slopes_are_finite_where_they_would_be_infinite_at_one_point_alone(law: str) -> None:
    device, prepared, places = device_of(law)
    x = np.array([[0.0] * 4, [1e-3, 2e-3, 0.0, 0.0]])[:, None, places]
    found = device.jacobian(x, prepared)
    assert np.isfinite(found[0]).all()
    # Beside the point they are what they are.
    step, terminals = 1e-9, x.shape[-1]
    for t in range(terminals):
        if places[t] < 0 or "1+v" in law or "1-v" in law:
            continue
        moved = step * np.array([place == places[t] for place in places])
        with np.errstate(invalid="ignore"):
            change = device.residual(x + moved, prepared) - device.residual(x - moved, prepared)
        wanted = np.sum(found[1][..., np.array(places) == places[t]], axis=-1)
        np.testing.assert_allclose(wanted, change[1] / (2 * step), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("law", ["sqrt(abs(v(x)))", "abs(v(x))**0.5", "pow(abs(v(x)),0.5)", "abs(v(x))^0.5", "v(x)^0"])
@pytest.mark.parametrize("kind", ["I=1m*", "V="])
@pytest.mark.filterwarnings("ignore:the loss has not moved")
def test_a_cusp_at_zero_volts_is_solved_and_leaves_the_gradients_of_other_samples(law: str, kind: str) -> None:
    lines = ["cusp", "*@output V(o)", "*@train R*", "V1 s 0 0", "R1 s x 1k", "R2 x 0 2k", f"B1 o 0 {kind}({law})"]
    if kind == "V=":
        lines[-1] = lines[-1].replace("B1 o", "B1 b")
        lines.append("R5 b o 3k")
    netlist = netlearn.parse("\n".join([*lines, "R3 o 0 1k", "R4 x o 5k", ""]))
    volts, wanted = [0.0, 1.0, -0.5], [0.1, 0.2, 0.3]
    samples = slice(0, 3), slice(1, 3), slice(0, 1)
    every, others, alone = (_gradient(netlist, volts[each], wanted[each]) for each in samples)
    assert np.isfinite(every).all()
    np.testing.assert_allclose(3 * every, 2 * others + alone, rtol=1e-6, atol=1e-12)
    names = [line.split()[0] for line in str(netlist).splitlines() if line.startswith("R")]
    for name, found in zip(names, others, strict=True):
        ohms = netlist[name].value
        assert isinstance(ohms, float)
        losses = []
        for factor in (1 + 1e-5, 1 - 1e-5):
            moved = netlearn.parse(str(netlist))
            moved[name].value = factor * ohms
            point = netlearn.operating_point(moved, data={"V1": volts[1:]})
            losses.append(np.mean((point.voltage("o") - wanted[1:]) ** 2))
        assert found == pytest.approx((losses[0] - losses[1]) / (2e-5 * ohms), rel=1e-4, abs=1e-10)


def _gradient(netlist: netlearn.Netlist, volts: list[float], wanted: list[float]) -> Array:
    seen: list[Array | None] = []
    data = {"V1": volts, "V(o)": wanted}
    netlearn.train(netlist, data, optimizer="sgd lr=1e-9", epochs=1, progress=lambda told: seen.append(told.gradient))
    return np.asarray(seen[0])


@pytest.mark.ngspice
@pytest.mark.usefixtures("libngspice")
@pytest.mark.parametrize("volts", ["0", "1m", "-2", "3"])
@pytest.mark.parametrize("law", ["sqrt(abs(v(a)))", "v(a)*sqrt(abs(v(a)))", "v(a)^0", "5*sqrt(abs(v(a)))"])
def test_cusps_are_solved_as_ngspice_solves_them(law: str, volts: str) -> None:
    netlist = netlearn.parse(f"t\nV1 s 0 {volts}\nR1 s a 1k\nB1 a 0 I=1m*({law})\nR2 a 0 1k\n.end\n")
    ours, theirs = (netlearn.operating_point(netlist, solver).voltage("a")[0] for solver in ("internal", "ngspice"))
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("law", "volts"), [("exp(1/v(a))", 1e99), ("min(exp(1/v(a)),5)", 5.0), ("exp(-1/v(a))", 0.0)])
def test_exponentials_of_infinity_are_the_highest_as_in_ngspice(law: str, volts: float) -> None:
    netlist = netlearn.parse(f"endless\nV1 a 0 0\nB1 o 0 V={law}\nR1 o 0 1k\n.end\n")
    assert netlearn.operating_point(netlist).voltage("o")[0] == volts
