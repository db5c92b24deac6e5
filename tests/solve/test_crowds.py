"""Circuits whose elements outnumber their nodes: operating points and gradients beside those of other loops."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project
from netlearn.solve import crowds
from netlearn.solve.codegen.laws import law_of
from netlearn.solve.crowds import Crowd, crowd_places

CELLS = {
    "sinh": ".subckt cell p n g=10u\nB1 p n I={g*sinh(2*V(p,n))/sinh(2)}\n.ends",
    "exponential": ".subckt cell p n g=10u\nB1 p n I={g*(exp(3*V(p,n))-exp(-V(p,n)))}\n.ends",
    "power": ".subckt cell p n g=10u\nB1 p n I={g*V(p,n)*(1+V(p,n)*V(p,n))}\n.ends",
    "warm": ".subckt cell p n g=10u\nB1 p n I={g/(1+temper/50)*sinh(V(p,n)*(1+temper/100))}\n.ends",
    "diode": ".model dm D(is=1n n=2)\n.subckt cell p n g=10u\nR1 p n {0.01/g}\nD1 p n dm\n.ends",
}
ROWS, COLUMNS = 10, 8


def text(cell: str, *, wires: bool) -> str:
    """A crossbar whose rows are driven at once, or by a resistor each."""
    outputs, inside = [f"V(c{j},c{j + 1})" for j in range(0, COLUMNS, 2)], "w" if wires else "r"
    lines = ["cells", f"*@output {' '.join(outputs)}", "*@train Xc*.g min=1u max=10m", CELLS[cell]]
    lines += [f"V{i} r{i} 0 0" for i in range(ROWS)] + [f"Rl{j} c{j} 0 10k" for j in range(COLUMNS)]
    lines += [f"Rw{i} r{i} w{i} 300" for i in range(ROWS)] if wires else []
    cells = np.random.default_rng(0).uniform(1e-5, 1e-4, (ROWS, COLUMNS))
    lines += [f"Xc{i}_{j} {inside}{i} c{j} cell g={g:.6g}" for (i, j), g in np.ndenumerate(cells)]
    return "\n".join([*lines, ".end"])


def step(cell: str, volts: float, *, wires: bool) -> tuple[Array, float, Array]:
    """States, loss and gradient of a batch."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-0.5, 0.5, (40, ROWS)) * volts, rng.normal(size=(40, COLUMNS // 2))
    columns = {f"V{i}": x[:, i] for i in range(ROWS)}
    columns |= {f"V(c{2 * j},c{2 * j + 1})": y[:, j] for j in range(COLUMNS // 2)}
    project = open_project(netlearn.parse(text(cell, wires=wires)), columns)
    found = make_rule("analytic").estimate(project.model, Mse(), project.parameters.initial, Batch(x, y), rng)
    assert found.point is not None
    return found.point.x, found.loss, found.gradient


@pytest.mark.parametrize("wires", [False, True], ids=["", "wires"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_same_as_without_a_crowd(cell: str, wires: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for volts in (1.0, 6.0):
        with monkeypatch.context() as patch:
            patch.setattr(crowds, "CROWDED", 10**6)
            states, loss, gradient = step(cell, volts, wires=wires)
        found = step(cell, volts, wires=wires)
        np.testing.assert_allclose(found[0], states, rtol=1e-9, atol=1e-12 * np.abs(states).max())
        assert found[1] == pytest.approx(loss, rel=1e-9)
        np.testing.assert_allclose(found[2], gradient, rtol=1e-8, atol=1e-9 * np.abs(gradient).max())


@pytest.mark.parametrize("temperatures", [(60.0,), (-20.0, 27.0, 85.0)], ids=["one", "each its own"])
def test_temperatures(temperatures: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Expressions have them as a number that all cells share, or each sample its own."""
    rng = np.random.default_rng(3)
    data = {f"V{i}": rng.uniform(-0.5, 0.5, 48) for i in range(ROWS)} | {"temp": np.resize(temperatures, 48)}
    netlist = netlearn.parse(text("warm", wires=False))
    found = netlearn.operating_point(netlist, data=data)
    monkeypatch.setattr(crowds, "CROWDED", 10**6)
    wanted = netlearn.operating_point(netlist, data=data)
    np.testing.assert_allclose(found.x, wanted.x, rtol=1e-9, atol=1e-12)
    usual = netlearn.operating_point(netlist, data=data | {"temp": np.full(48, 27.0)})
    assert np.abs(found.x - usual.x).max() > 1e-3


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_ngspice_agrees() -> None:
    data = {f"V{i}": np.random.default_rng(2).uniform(-0.5, 0.5, 3).tolist() for i in range(ROWS)}
    assert netlearn.check(netlearn.parse(text("sinh", wires=False)), data, processes=1).within(1e-7)


def test_crossbars_are_crowds_and_lattices_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def sets(lines: list[str], held: str | None = None) -> list[tuple[int, tuple[int, ...]] | None]:
        circuit = netlearn.elaborate(netlearn.parse("\n".join(["t", *lines, ".end"]))).circuit
        g = next(g for g, group in enumerate(circuit.groups) if not group.device.linear)
        place = None if held is None else np.array([-1 if name[0] in held else 0 for name in circuit.nodes])
        found = crowds.crowds(circuit, g, place)
        every = np.concatenate([elements for _, elements, _ in found])
        assert sorted(every.tolist()) == list(range(len(circuit.groups[g])))
        for _, elements, crowd in found:
            at = np.asarray(circuit.groups[g].index)[elements]
            assert crowd is None or (np.diff(at[:, crowd.hub]) >= 0).all()
        return [None if crowd is None else (crowd.hub, crowd.moving) for *_, crowd in found]

    cells = [".subckt cell p n", "B1 p n I={sinh(V(p,n))}", ".ends"]
    cells += [f"X{i}_{j} a{i} b{j} cell" for i in range(20) for j in range(9)]
    ends = [f"R{i} a{i} 0 1k" for i in range(20)] + [f"Rb{j} b{j} 0 1k" for j in range(9)]
    assert sets(cells + ends) == [(1, (0, 1))]
    assert sets(cells + ends, "a") == [(1, (1,))]
    assert sets(cells + ends, "b") == [(0, (0,))]
    assert sets(cells + ends, "ab") == [None]
    assert sets(cells[:33] + ends) == [None]
    grounded = [f"Xg{i} a{i} 0 cell" for i in range(20)]
    assert sorted(map(str, sets(cells + grounded + ends))) == ["(1, (0, 1))", "None"]
    for most, found in ((29, (1, (0, 1))), (28, None)):
        monkeypatch.setattr(crowds, "MOST_NODES", most)
        assert sets(cells + ends) == [found]


def test_values_that_become_alike_change_no_law() -> None:
    """Only those in arguments of functions matter, so that training from equal values compiles nothing anew."""
    device, prepared = _device("sinh")
    some = {**prepared, "p0": np.linspace(1.0, 2.0, 4)}
    crowd = Crowd(1, (1,))
    assert law_of(device, prepared, (0, 1, 0, 1), crowd) is law_of(device, some, (0, 1, 0, 1), crowd)
    other = {**some, "p1": np.linspace(1.0, 2.0, 4)}
    assert law_of(device, other, (0, 1, 0, 1), crowd) is not law_of(device, some, (0, 1, 0, 1), crowd)


def _device(cell: str) -> tuple[Device, Values]:
    circuit = netlearn.elaborate(netlearn.parse(text(cell, wires=False))).circuit
    group = next(group for group in circuit.groups if not group.device.linear)
    values = {name: np.full(4, np.ravel(value)[0]) for name, value in group.values.items()}
    return group.device, group.device.prepare(values, circuit.environment)


def test_places() -> None:
    rows = np.array([[5, 2], [9, 2], [5, 4], [7, 4], [9, 4]])
    found = crowd_places(rows, rows[:, 1])
    assert found[:2].tolist() == [2, 5]
    assert found[2:5].tolist() == [0, 2, 5]
    assert found[5:10].tolist() == [2, 4, 5, 7, 9]
    assert np.array_equal(found[5:10][found[10:]].reshape(rows.shape), rows)
