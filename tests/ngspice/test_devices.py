"""Nonlinear devices in the decks that netlearn writes, against decks written by hand."""

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import ZERO_CELSIUS, Environment
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.ngspice import solver as ngspice_module
from netlearn.ngspice.deck import write_deck
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.difference import compare
from netlearn.solve.internal import InternalSolver

pytestmark = pytest.mark.ngspice

NODES = ["in", "out", "far"]
R = Group(RESISTOR, ["r1", "r2"], np.array([[0, 1], [1, 2]]), {"resistance": np.array([1e3, 5e3])})
HAND = """by hand
v1 in 0 dc 2
r1 in out 1k
r2 out far 5k
v2 far 0 dc 0.9
{element}
.model mod {model}
.temp {temp}
.end
"""


def circuit(kind, model, element, terminals, temperature=27.0):
    """v1 - r1 - out - r2 - v2 with one nonlinear element; ``terminals`` are node numbers."""
    level = model.get("level", 1)
    kind = MODEL_TYPES[kind].at_level(level)
    values = kind.complete({name: value for name, value in model.items() if name != "level"}, element)
    device = kind.device
    inside = [name for name in device.internal if values[device.internal[name].parameter] != 0]
    nodes = [*NODES, *(f"x1#{name}" for name in inside)]
    given = dict(zip([u for u in device.unknowns if u not in device.internal], terminals, strict=True))
    n = len(nodes)
    v1, v2 = n, n + 1
    if "ic" in given:
        given["ic"] = v1
    index = [
        (len(NODES) + inside.index(u) if u in inside else given[device.internal[u].alias])
        if u in device.internal
        else given[u]
        for u in device.unknowns
    ]
    group = Group(device, ["x1"], np.array([index]), {name: np.array([value]) for name, value in values.items()})
    sources = Group(
        VOLTAGE_SOURCE, ["v1", "v2"], np.array([[0, GROUND, v1], [2, GROUND, v2]]), {"dc": np.array([[2.0, 0.9]])}
    )
    return Circuit(nodes, ["v1", "v2"], (R, sources, group), Environment(temperature + ZERO_CELSIUS))


CASES = {
    "diode": ("d", {"is": 2e-14, "n": 1.2}, {}, (1, -1), "d1 out 0 mod", "d(is=2e-14 n=1.2)"),
    "diode with resistance": (
        "d",
        {"rs": 20.0, "xti": 2.5},
        {"area": 2.0, "temp": 50.0},
        (1, -1),
        "d1 out 0 mod area=2 temp=50",
        "d(rs=20 xti=2.5)",
    ),
    "diode in breakdown": ("d", {"bv": 1.0, "ibv": 1e-4}, {"m": 3.0}, (-1, 1), "d1 0 out mod m=3", "d(bv=1 ibv=1e-4)"),
    "npn": (
        "npn",
        {"bf": 80.0, "vaf": 50.0, "rb": 100.0, "rc": 10.0, "re": 2.0},
        {"area": 1.5},
        (0, 1, -1, -1),
        "q1 in out 0 mod 1.5",
        "npn(bf=80 vaf=50 rb=100 rc=10 re=2)",
    ),
    "pnp": ("pnp", {"is": 1e-15}, {}, (-1, 1, 0, -1), "q1 0 out in mod", "pnp(is=1e-15)"),
    "nmos": (
        "nmos",
        {"vto": 0.5, "kp": 2e-4, "lambda": 0.02, "gamma": 0.4, "rd": 30.0, "rs": 10.0},
        {"w": 2e-5, "l": 1e-6},
        (1, 0, -1, -1),
        "m1 out in 0 0 mod w=2e-5 l=1e-6",
        "nmos(vto=0.5 kp=2e-4 lambda=0.02 gamma=0.4 rd=30 rs=10)",
    ),
    "pmos": ("pmos", {"vto": -0.4}, {"m": 2.0}, (1, -1, 0, 0), "m1 out 0 in in mod m=2", "pmos(vto=-0.4)"),
    "nmos with sheet resistance": (
        "nmos",
        {"vto": 0.5, "rsh": 100.0},
        {"nrd": 3.0, "nrs": 2.0},
        (1, 0, -1, -1),
        "m1 out in 0 0 mod nrd=3 nrs=2",
        "nmos(vto=0.5 rsh=100)",
    ),
    "nmos of level 2": (
        "nmos",
        {"level": 2, "vto": 0.5, "tox": 2e-8, "nsub": 1e16, "nfs": 1e11, "vmax": 5e4, "xj": 2e-7, "rd": 30.0},
        {"w": 2e-5, "l": 2e-6},
        (1, 0, -1, -1),
        "m1 out in 0 0 mod w=2e-5 l=2e-6",
        "nmos(level=2 vto=0.5 tox=2e-8 nsub=1e16 nfs=1e11 vmax=5e4 xj=2e-7 rd=30)",
    ),
    "nmos of level 3": (
        "nmos",
        {"level": 3, "vto": 0.5, "tox": 2e-8, "nsub": 1e16, "theta": 0.1, "eta": 0.2, "delvto": 0.1, "rs": 30.0},
        {"w": 2e-5, "l": 2e-6},
        (1, 0, -1, -1),
        "m1 out in 0 0 mod w=2e-5 l=2e-6",
        "nmos(level=3 vto=0.5 tox=2e-8 nsub=1e16 theta=0.1 eta=0.2 delvto=0.1 rs=30)",
    ),
    "pmos of level 6": (
        "pmos",
        {"level": 6, "vto": -0.4, "kc": 1e-4, "nc": 1.2, "sigma": 0.02},
        {"m": 2.0},
        (1, -1, 0, 0),
        "m1 out 0 in in mod m=2",
        "pmos(level=6 vto=-0.4 kc=1e-4 nc=1.2 sigma=0.02)",
    ),
    "power mosfet": (
        "vdmos",
        {"vto": 1.0, "kp": 0.01, "rd": 30.0, "rg": 5.0, "rs": 10.0, "rb": 20.0, "bv": 50.0},
        {"m": 2.0},
        (1, 0, -1),
        "m1 out in 0 mod m=2",
        "vdmos(vto=1 kp=0.01 rd=30 rg=5 rs=10 rb=20 bv=50)",
    ),
    "p-channel power mosfet": (
        "vdmos",
        {"polarity": -1.0, "vto": -1.0, "kp": 0.01, "rd": 30.0, "rq": 100.0, "vq": 1.0},
        {},
        (1, -1, 0),
        "m1 out 0 in mod",
        "vdmos(pchan vto=-1 kp=0.01 rd=30 rq=100 vq=1)",
    ),
    "njf of level 2": (
        "njf",
        {"level": 2, "vto": -1.5, "beta": 1e-3, "vst": 0.1, "q": 1.8, "rd": 5.0, "rs": 3.0},
        {"area": 2.0},
        (0, -1, 1),
        "j1 in 0 out mod 2",
        "njf(level=2 vto=-1.5 beta=1e-3 vst=0.1 q=1.8 rd=5 rs=3)",
    ),
    "njf": (
        "njf",
        {"vto": -1.5, "beta": 1e-3, "rd": 5.0, "rs": 3.0},
        {"area": 2.0},
        (0, -1, 1),
        "j1 in 0 out mod 2",
        "njf(vto=-1.5 beta=1e-3 rd=5 rs=3)",
    ),
    "pjf": ("pjf", {"lambda": 0.1}, {}, (1, 2, 0), "j1 out far in mod", "pjf(lambda=0.1)"),
    "switch": (
        "sw",
        {"vt": 1.0, "ron": 50.0, "roff": 1e7},
        {},
        (1, -1, 0, -1),
        "s1 out 0 in 0 mod",
        "sw(vt=1 ron=50 roff=1e7)",
    ),
    "switch with a memory": (
        "sw",
        {"vt": 2.0, "vh": 0.5, "ron": 50.0, "roff": 1e7},
        {"on": 1.0},
        (1, -1, 0, -1),
        "s1 out 0 in 0 mod on",
        "sw(vt=2 vh=0.5 ron=50 roff=1e7)",
    ),
    "current switch": (
        "csw",
        {"it": -1e-2, "ron": 20.0},
        {},
        (1, -1, None),
        "w1 out 0 v1 mod",
        "csw(it=-1e-2 ron=20)",
    ),
}


@pytest.fixture(scope="module")
def solver():
    with NgspiceSolver(processes=1) as solver:
        yield solver


@pytest.mark.parametrize("temperature", [27.0, -20.0])
@pytest.mark.parametrize("case", CASES)
def test_device_agrees_with_a_deck_written_by_hand(case, temperature, solver, ngspice, libngspice):
    kind, model, element, terminals, line, card = CASES[case]
    op = solver.solve(circuit(kind, model, element, terminals, temperature))
    by_hand = ngspice.run(HAND.format(element=line, model=card, temp=temperature))
    assert np.all(np.isfinite(op.x))
    for node in NODES:
        assert op.voltage(node)[0] == pytest.approx(by_hand[f"v({node})"], rel=1e-9, abs=1e-12)
    for source in ("v1", "v2"):
        assert op.current(source)[0] == pytest.approx(by_hand[f"i({source})"], rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if "switch" not in case])
def test_currents_balance_at_inner_nodes_too(case, solver, libngspice):
    """With ngspice's voltages in netlearn's equations: inner nodes must be the ones that are meant."""
    built = circuit(*CASES[case][:4])
    op = solver.solve(built)
    x = np.append(op.x[0], 0.0)
    balance, size = np.zeros(built.size + 1), np.zeros(built.size + 1)
    for group in built.groups:
        values = {name: v[0] if v.ndim == 2 else v for name, v in group.values.items()}
        residual = group.device.residual(x[group.index], group.device.prepare(values, built.environment))
        np.add.at(balance, group.index, residual)
        np.add.at(size, group.index, np.abs(residual))
    assert np.all(np.abs(balance[:-1]) <= 1e-6 * size[:-1] + 1e-12)


@pytest.mark.parametrize("case", ["npn", "nmos of level 2", "power mosfet"])
def test_batch_mode_gives_the_same_with_inner_nodes(case, solver, ngspice, libngspice, monkeypatch):
    built = circuit(*CASES[case][:4])
    expected = solver.solve(built)
    monkeypatch.setattr(ngspice_module, "library", lambda: None)
    np.testing.assert_allclose(NgspiceSolver().solve(built).x, expected.x, rtol=1e-12)


@pytest.mark.parametrize("v", [-5.0, -1.0, 0.2, 3.0])
def test_ideal_diode(v, solver, libngspice):
    values = {**IDEAL_DIODE.parameters, "ron": 10.0, "roff": 1e6, "vfwd": 0.6, "vrev": 2.0, "rrev": 50.0, "area": 2.0}
    diode = Group(IDEAL_DIODE, ["d1"], np.array([[0, GROUND]]), {k: np.array([x]) for k, x in values.items()})
    source = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 1]]), {"dc": np.array([v])})
    op = solver.solve(Circuit(["in"], ["v1"], (source, diode)))
    line = (
        2 * v / 1e6 + (v - 0.6 if v > 0.6 else 0) * 2 * (1 / 10 - 1e-6) + (v + 2 if v < -2 else 0) * 2 * (1 / 50 - 1e-6)
    )
    assert op.current("v1")[0] == pytest.approx(-line, rel=1e-9)


def test_equal_models_are_written_once():
    kind = MODEL_TYPES["d"]
    rows = [kind.complete({"is": i}, {}) for i in (1e-14, 2e-14, 1e-14, 2e-14)]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    group = Group(kind.device, ["d1", "d2", "d3", "d4"], np.array([[0, -1, 0]] * 4), values)
    lines = write_deck(Circuit(["in"], [], (group,))).lines
    assert [line for line in lines if line.startswith(".model")] == [".model m0x0 d ()", ".model m0x1 d (is=2e-14)"]


@pytest.mark.parametrize("temperature", [27.0, 85.0])
@pytest.mark.parametrize("case", CASES)
def test_the_internal_solver_finds_the_same_operating_point(case, temperature, solver, libngspice):
    built = circuit(*CASES[case][:4], temperature)
    comparison = compare(InternalSolver().solve(built), solver.solve(built), floor=1e-9)
    assert comparison.within(1e-6), comparison.largest_relative
