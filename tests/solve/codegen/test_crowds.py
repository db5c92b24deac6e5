"""Machine code of elements that outnumber their nodes against the array code that it was made from, and its digits."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import mpmath
import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.solve.codegen import separation
from netlearn.solve.codegen.graph import Graph, Node
from netlearn.solve.codegen.laws import COLD, FREE, WARM, law_of
from netlearn.solve.codegen.separation import HERE, MOST_REACH, Separation
from netlearn.solve.crowds import Crowd, crowd_places

ROWS, COLUMNS, LANES = 7, 5, 24
CELLS = np.array([(i, ROWS + j) for i in range(ROWS) for j in range(COLUMNS)])
EPSILON = float(np.finfo(float).eps)

EXPRESSIONS = {
    "g*sinh(k*v(p,n))/sinh(k)": 2,
    "g*(exp(v(p,n)/0.7)-1)": 2,
    "g*(cosh(2*v(p,n))-1)*sinh(-v(p,n))": 4,
    "g*exp(v(p))*v(n)+g*exp(v(n)-v(p))": 3,
    "g*exp(k*(v(p)+v(n)))+g*sinh(v(p)-2*v(n))": 0,
    "g*sinh(1k*g*v(p,n))": 0,
    "g*v(p,n)**3+g*tanh(v(p,n))": 0,
    "v(p)>v(n) ? g*exp(v(p,n)) : g*sinh(v(p,n))": 4,
    "g*sinh(exp(v(p))-exp(v(n)))": 3,
    "g*(exp(v(p,n))+exp(2*v(p,n))+exp(3*v(p,n)))": 4,
    "g/k*sinh(v(p,n)/k)": 2,
    "g*sinh(v(p,n)*(1+temper/100))": 2,
    "g*k/(k-1)*sinh(v(p,n)/(k-1))": 2,
    "sinh(v(p,n)/k)/(g/k)": 2,
    "g*exp((v(p)-v(n))/(k*k))+g/(k*k)*v(p,n)": 2,
    "-v(p)/k+g*sinh(v(p,n)/k)-(v(n)/k)/g": 2,
}
"""Laws, and how many functions of single nodes each is made of."""
MODELS = {"d": (0, 1), "nmos": (0, 1, 1, 1, 0, 1), "njf": (0, 1, 1, 0, 1)}


def of_expression(text: str) -> tuple[Device, Values, tuple[int, ...]]:
    """Cells from p to n, with a ``g`` each."""
    lines = ["cells", ".subckt cell p n g=1m k=1.3", f"B1 p n I={{{text}}}", ".ends", "X1 a b cell"]
    circuit = netlearn.elaborate(netlearn.parse("\n".join([*lines, "R1 a 0 1", "R2 b 0 1", ".end"]))).circuit
    group = next(group for group in circuit.groups if not group.device.linear)
    columns = {key: np.repeat(value, len(CELLS)) for key, value in group.values.items()}
    for key, value in columns.items():
        if value[0] == 1e-3:
            columns[key] = value * np.random.default_rng(0).uniform(1.0, 3.0, len(CELLS))
    index = np.asarray(group.index)[0].tolist()
    return group.device, group.device.prepare(columns, Environment()), tuple(index.index(each) for each in index)


def of_model(kind: str) -> tuple[Device, Values, tuple[int, ...]]:
    model = MODEL_TYPES[kind].variant({}).at_level(1)
    values = model.complete({}, {})
    columns = {key: np.full(len(CELLS), float(value)) for key, value in values.items()}
    device = model.device_for(values)
    assert len(device.unknowns) == len(MODELS[kind])
    return device, device.prepare(columns, Environment()), MODELS[kind]


@dataclass
class Crossbar:
    """Elements between all rows and columns, whose voltages are ``y`` (rows and columns, samples)."""

    device: Device
    prepared: Values
    terminals: tuple[int, ...]
    y: Array

    @property
    def x(self) -> Array:
        """(samples, elements, terminals)."""
        return np.moveaxis(self.y[CELLS[:, self.terminals]], 2, 0)

    def currents(self, each: Array) -> Array:
        """The sums (rows and columns, samples) of what elements have at their terminals."""
        total = np.zeros(self.y.shape)
        np.add.at(total, CELLS[:, self.terminals], np.moveaxis(each, 0, 2))
        return total

    def slopes(self, each: Array) -> Array:
        index = CELLS[:, self.terminals]
        total = np.zeros((len(self.y), *self.y.shape))
        np.add.at(total, (index[:, :, None], index[:, None, :]), np.moveaxis(each, 0, 3))
        return total

    def run(self, crowd: Crowd, mode: float, kept: Array | None = None) -> tuple[Array, ...]:
        """Currents, slopes, who was limited, the balance, the magnitudes in it, and what is kept."""
        law = law_of(self.device, self.prepared, self.terminals, crowd)
        assert law is not None
        assert law.terminals == (0, 1)
        count, lanes = self.y.shape
        order = np.argsort(CELLS[:, crowd.hub], kind="stable")
        cells = CELLS[order].astype(np.int64)
        own = {name: value if np.ndim(value) == 0 else value[order] for name, value in self.prepared.items()}
        slots = np.array([[cell[t] * count + cell[u] for t, u in law.entries] for cell in cells], dtype=np.int64)
        kept = np.zeros((len(cells) * law.kept + 1, lanes)) if kept is None else kept
        total, data, held = np.zeros(self.y.shape), np.zeros((count * count, lanes)), np.zeros((1, lanes))
        balance, size = np.zeros(self.y.shape), np.zeros(self.y.shape)
        given = (
            cells,
            cells,
            cells,
            slots,
            crowd_places(cells, cells[:, crowd.hub]),
            law.parameters(own, len(cells)),
            self.y,
        )
        for address, rows in (
            (law.step, (kept, np.full((1, lanes), mode), total, data, held)),
            (law.balance, (np.full((1, lanes), 1e-8), balance, size, size, size)),
        ):
            function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 12)(address)
            function(len(cells), lanes, *(array.ctypes.data for array in (*given, *rows)))
        return total, data.reshape(count, count, lanes), held[0] > 0, balance, size, kept


def close(found: Array, wanted: Array, relative: float) -> None:
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, rtol=relative, atol=relative * np.abs(wanted).max(initial=1e-30))


def check(crossbar: Crossbar, crowd: Crowd) -> None:
    device, prepared, x = crossbar.device, crossbar.prepared, crossbar.x
    moving = np.repeat([0 in crowd.moving, 1 in crowd.moving], [ROWS, COLUMNS])
    both = moving[:, None] & moving
    total, data, held, balance, size, kept = crossbar.run(crowd, WARM)
    each, slopes = device.residual(x, prepared), device.jacobian(x, prepared)
    close(total[moving], crossbar.currents(each)[moving], 1e-12)
    close(data[both], crossbar.slopes(slopes)[both], 1e-10)
    assert not total[~moving].any()
    assert not data[~both].any()
    assert not held.any()
    close(balance, crossbar.currents(each), 1e-12)
    close(size, crossbar.currents(np.abs(each) + 1e-8 * np.abs(slopes).sum(axis=-1)), 1e-8)
    # A step from there is limited as the device limits it, and linear beyond.
    further = crossbar.y + np.random.default_rng(1).normal(size=crossbar.y.shape)
    there = Crossbar(device, prepared, crossbar.terminals, further)
    for mode, place in ((FREE, device.limit(there.x, x, prepared)), (COLD, device.start(there.x, prepared))):
        total, data, held, *_ = there.run(crowd, mode, kept.copy())
        slopes, moved = device.jacobian(place, prepared), there.x - place
        wanted = there.currents(device.residual(place, prepared) + (slopes @ moved[..., None])[..., 0])
        close(total[moving], wanted[moving], 1e-8)
        close(data[both], there.slopes(slopes)[both], 1e-8)
        limited = (np.abs(moved) > 1e-12 + 1e-9 * np.abs(there.x)).any(axis=(1, 2))
        assert np.array_equal(held, limited)


def voltages(widest: float) -> Array:
    """Of samples within reach of products and, some of them, of ``widest`` volts."""
    wide = np.where(np.arange(LANES) % 11 == 10, widest, 1.0)
    return np.random.default_rng(0).uniform(-0.5, 0.5, (ROWS + COLUMNS, LANES)) * wide + 0.3


@pytest.mark.parametrize("crowd", [Crowd(0, (0, 1)), Crowd(1, (1,))], ids=["rows", "columns"])
@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Separation] = []
    separate = Separation.of

    def kept(graph: Graph, nodes: Sequence[Node], shared: frozenset[str]) -> Separation:
        found.append(separate(graph, nodes, shared))
        return found[-1]

    monkeypatch.setattr(Separation, "of", kept)
    for widest in (1.0, 8.0):
        check(Crossbar(*of_expression(text), voltages(widest)), crowd)
    assert {len(separation.functions) for separation in found} == {EXPRESSIONS[text]}


@pytest.mark.parametrize("kind", MODELS)
def test_models(kind: str) -> None:
    check(Crossbar(*of_model(kind), voltages(1.5)), Crowd(1, (0, 1)))


@pytest.mark.parametrize("volts", [1e-9, 1e-3, 1.0, 2 * MOST_REACH["sinh"] / 1.3, 20.0])
@pytest.mark.parametrize("offset", [0.0, 3.0])
@pytest.mark.parametrize("text", ["g*sinh(k*v(p,n))", "g*(exp(k*v(p,n))-1)"])
def test_digits(text: str, offset: float, volts: float) -> None:
    """Currents are those of voltages that are rounded by some units of what lies between the nodes, or of 1 / k."""
    device, prepared, terminals = of_expression(text)
    y = np.random.default_rng(2).uniform(-0.5, 0.5, (ROWS + COLUMNS, 8)) * volts
    y[:2], y[ROWS : ROWS + 2] = 0.5 * volts, -0.5 * volts
    y[0] = np.nextafter(y[ROWS + 2], 1.0)
    y = y + offset
    found = Crossbar(device, prepared, terminals, y).run(Crowd(1, (1,)), WARM)[0][ROWS:]
    law, scale = (mpmath.sinh, volts) if "sinh" in text else (mpmath.expm1, max(volts, 1.0))
    reach, g = 1.3 * volts / 2.0, prepared["p0"].reshape(ROWS, COLUMNS)
    units = 8.0 * (np.cosh(reach) ** 2 if "sinh" in text and reach <= 2.0 else 1.0 + reach)
    with mpmath.workdps(50):
        for j, lane in np.ndindex(COLUMNS, 8):
            apart = [mpmath.mpf(p) - mpmath.mpf(y[ROWS + j, lane]) for p in y[:ROWS, lane].tolist()]
            wanted = -sum(mpmath.mpf(own) * law(1.3 * v) for own, v in zip(g[:, j].tolist(), apart, strict=True))
            allowed = sum(own * 1.3 * mpmath.cosh(1.3 * v) for own, v in zip(g[:, j].tolist(), apart, strict=True))
            assert abs(found[j, lane] - wanted) <= units * EPSILON * scale * allowed


def test_what_separates() -> None:
    """Differences of one function of two nodes do, and what depends on a single node is worked out there."""
    graph = Graph()
    p, n, k, g = (graph.input(*name) for name in (("y", 0), ("y", 1), ("value", "k"), ("value", "g")))

    def made(node: Node) -> Separation:
        return Separation.of(graph, [node], frozenset({"k"}))

    difference = graph.apply("mul", k, graph.apply("sub", p, n))
    sine = made(graph.apply("mul", g, graph.apply("sinh", difference)))
    assert [node.operation for node in sine.functions] == ["sinh", "cosh"]
    assert len(sine.middles) == 1
    power = made(graph.apply("exp", graph.apply("sub", graph.apply("mul", k, p), graph.apply("mul", n, k))))
    assert [node.operation for node in power.functions] == ["exp", "exp"]
    alone = made(graph.apply("mul", n, graph.apply("exp", p)))
    assert alone.functions == [graph.apply("exp", graph.input("y", HERE))]
    assert not alone.middles
    for argument in (
        graph.apply("add", p, n),
        graph.apply("mul", g, graph.apply("sub", p, n)),
        graph.apply("sub", p, graph.apply("mul", k, n)),
        graph.apply("mul", p, n),
    ):
        node = graph.apply("sinh", argument)
        assert made(node).nodes == [node]
        assert not made(node).functions
    apart = graph.apply("sub", p, n)
    several = [graph.apply("exp", graph.apply("mul", graph.constant(c), apart)) for c in (2.0, 3.0, 4.0)]
    assert len(Separation.of(graph, several, frozenset()).functions) == separation.MOST_FUNCTIONS


@pytest.mark.parametrize("crowd", [Crowd(0, (0, 1)), Crowd(1, (1,))], ids=["rows", "columns"])
@pytest.mark.parametrize("text", [text for text in EXPRESSIONS if text.startswith(("g*sinh(k", "v(p)>", "g/k*"))])
def test_samples_do_not_depend_on_others_in_their_vector(text: str, crowd: Crowd) -> None:
    """Within reach or beyond it, and where devices start."""
    law = of_expression(text)
    y = np.random.default_rng(4).uniform(-0.5, 0.5, (ROWS + COLUMNS, 8)) + 0.3
    y[:, ::3] *= 8.0
    for mode in (WARM, COLD):
        mixed = Crossbar(*law, y).run(crowd, mode)
        for lane in (0, 1, 3, 7):
            alone = Crossbar(*law, np.repeat(y[:, [lane]], 8, axis=1)).run(crowd, mode)
            for found, wanted in zip(mixed, alone, strict=True):
                assert np.array_equal(found[..., lane], wanted[..., 0])
