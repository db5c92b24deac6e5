"""Elements at a hub as one: its current and slope beside the sums over elements of those of the array code."""

from __future__ import annotations

import ctypes

import mpmath
import numpy as np
import pytest

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.solve.codegen.expansion import BESIDE, HERE, OWN, Expansion, Inseparable
from netlearn.solve.codegen.graph import Graph, LawProgram, Node
from netlearn.solve.codegen.laws import COLD, WARM
from netlearn.solve.codegen.one_ports import one_port_of
from netlearn.solve.codegen.separation import MOST_REACH
from netlearn.solve.crowds import Crowd, crowd_places
from tests.solve.codegen.test_crowds import EPSILON, of_expression, of_model

ROWS, COLUMNS, LANES = 7, 5, 16
CELLS = np.array([(i, j) for j in range(COLUMNS) for i in range(ROWS)])

SEPARABLE = {
    "g*sinh(k*v(p,n))/sinh(k)": 3,
    "g*(cosh(v(p,n)/0.7)-1)": 2,
    "g*v(p,n)*v(p,n)*v(p,n)+g*sinh(v(p))": 4,
    "g*exp(v(p))*v(n)+g*v(n)**2*v(p)": 2,
    "g*sinh(exp(v(p))-exp(v(n)))": 3,
    "g/k*sinh(v(p,n)/k)+g*g*v(p)": 4,
}
"""Laws, and how many sums over elements each needs."""
INSEPARABLE = [
    "g*tanh(v(p,n))",
    "g*sinh(1k*g*v(p,n))",
    "v(p)>v(n) ? g : g*v(n)",
    "g*v(n)**2",
    "g/(v(p)+v(n))",
    # Beyond 228 exp() is level, as in SPICE, of each cell somewhere else.
    "g*exp(v(p,n))",
]


def run(
    device: Device, prepared: Values, terminals: tuple[int, ...], held: Array, y: Array, mode: float
) -> tuple[Array, ...]:
    """Where they hold, current, slope, balance and size of elements at hubs, for voltages (nodes, lanes)."""
    law = one_port_of(device, prepared, terminals, Crowd(1, (1,)))
    assert law is not None
    assert law.holds(prepared)
    reads = np.ascontiguousarray(CELLS[:, :1])
    values, at_hubs = law.parameters(prepared, np.arange(0, len(CELLS), ROWS), len(CELLS))
    crowd = crowd_places(reads, CELLS[:, 1])
    found = np.zeros((1 + law.middles + law.count * COLUMNS, held.shape[1]))
    call(law.sums, len(CELLS), held.shape[1], reads, reads, reads, reads, crowd, values, held, *[found] * 5)
    rows = np.concatenate([y, found])
    index = [[j, *range(COLUMNS + 1, COLUMNS + 1 + law.middles)] for j in range(COLUMNS)]
    first = COLUMNS + 1 + law.middles
    index = [[*own, *range(first + j * law.count, first + (j + 1) * law.count)] for j, own in enumerate(index)]
    reads, slots = np.array(index), np.arange(COLUMNS)
    modes = np.full((1, held.shape[1]), mode)
    total, data, balance, size = np.zeros((4, *y.shape))
    limited = np.zeros((1, held.shape[1]))
    given = (reads, reads, reads, slots, slots, at_hubs, rows)
    call(law.law.step, COLUMNS, held.shape[1], *given, modes, modes, total, data, limited)
    call(law.law.balance, COLUMNS, held.shape[1], *given, np.full(modes.shape, 1e-8), balance, size, size, size)
    assert (limited[0] > 0).all() == (mode == COLD)
    return found[0] == 0.0, total, data, balance, size


def call(address: int, count: int, lanes: int, *arrays: Array) -> None:
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 12)(address)
    function(count, lanes, *(array.ctypes.data for array in arrays))


def by_arrays(device: Device, prepared: Values, terminals: tuple[int, ...], held: Array, y: Array, cold: bool) -> Array:
    """Current and slope (2, columns, lanes) that elements have at their columns in all."""
    x = np.stack([held[CELLS[:, 0]], y[CELLS[:, 1]]])[list(terminals)]
    x = np.moveaxis(x, (0, 2), (2, 0))
    place = device.start(x, prepared) if cold else x
    slopes = device.jacobian(place, prepared)
    each = device.residual(place, prepared) + (slopes @ (x - place)[..., None])[..., 0]
    at = np.array([t for t, same in enumerate(terminals) if same == 1])
    each, slopes = each[..., at].sum(axis=-1), slopes[..., at[:, None], at].sum(axis=(-1, -2))
    return np.stack([part.reshape(len(x), COLUMNS, ROWS).sum(axis=2).T for part in (each, slopes)])


@pytest.mark.parametrize("text", SEPARABLE)
def test_the_same_as_elements_apart(text: str) -> None:
    rng = np.random.default_rng(0)
    law = of_expression(text)
    prepared = {name: value[: len(CELLS)] if np.ndim(value) else value for name, value in law[1].items()}
    held, y = rng.uniform(-0.5, 0.5, (ROWS, LANES)) + 0.3, rng.uniform(-0.7, 0.7, (COLUMNS, LANES)) + 0.3
    found = one_port_of(law[0], prepared, law[2], Crowd(1, (1,)))
    assert found is not None
    assert found.count == SEPARABLE[text]
    for mode in (WARM, COLD):
        near, total, data, balance, size = run(law[0], prepared, law[2], held, y, mode)
        assert near.all()
        wanted = by_arrays(law[0], prepared, law[2], held, y, mode == COLD)
        for mine, one in ((total, wanted[0]), (data, wanted[1])):
            np.testing.assert_allclose(mine, one, rtol=1e-11, atol=1e-13 * np.abs(one).max())
    wanted = by_arrays(law[0], prepared, law[2], held, y, cold=False)
    np.testing.assert_allclose(balance, wanted[0], rtol=1e-11, atol=1e-13 * np.abs(wanted[0]).max())
    np.testing.assert_allclose(size, np.abs(wanted[0]) + 1e-8 * np.abs(wanted[1]), rtol=1e-8)


@pytest.mark.parametrize("text", INSEPARABLE)
def test_others_are_left_apart(text: str) -> None:
    device, prepared, terminals = of_expression(text)
    assert one_port_of(device, prepared, terminals, Crowd(1, (1,))) is None


def test_devices_that_limit_their_steps_are_left_apart() -> None:
    device, prepared, terminals = of_model("d")
    assert one_port_of(device, prepared, terminals, Crowd(1, (1,))) is None


def test_values_that_nothing_holds_for() -> None:
    """Where a number that all have in common is zero, what else it says there is not summed."""
    device, prepared, terminals = of_expression("g*sinh(k*v(p,n))/k")
    law = one_port_of(device, prepared, terminals, Crowd(1, (1,)))
    assert law is not None
    assert law.holds(prepared)
    assert not law.holds({**prepared, "p1": np.zeros(len(CELLS))})


@pytest.mark.parametrize("volts", [1e-9, 1e-3, 1.0, 2 * MOST_REACH["sinh"] / 1.3])
@pytest.mark.parametrize("beyond", [0.0, 0.4, 8.0])
def test_digits(beyond: float, volts: float) -> None:
    """Held voltages are as if rounded by some units of what lies between them, wherever the hub is."""
    device, prepared, terminals = of_expression("g*sinh(k*v(p,n))")
    prepared = {name: value if np.ndim(value) == 0 else value[: len(CELLS)] for name, value in prepared.items()}
    rng = np.random.default_rng(2)
    held, y = rng.uniform(-0.5, 0.5, (ROWS, 8)) * volts, rng.uniform(-0.5, 0.5, (COLUMNS, 8)) * volts + beyond
    near, found, *_ = run(device, prepared, terminals, held, y, WARM)
    assert near.all()
    g = prepared["p0"].reshape(COLUMNS, ROWS)
    units = 8.0 * np.cosh(1.3 * volts / 2.0) ** 2
    with mpmath.workdps(50):
        for j, lane in np.ndindex(COLUMNS, 8):
            apart = [mpmath.mpf(p) - mpmath.mpf(y[j, lane]) for p in held[:, lane].tolist()]
            own = g[j].tolist()
            wanted = -sum(mpmath.mpf(a) * mpmath.sinh(1.3 * v) for a, v in zip(own, apart, strict=True))
            allowed = sum(a * 1.3 * mpmath.cosh(1.3 * v) for a, v in zip(own, apart, strict=True))
            assert abs(found[j, lane] - wanted) <= units * EPSILON * (volts + beyond) * allowed


def test_voltages_that_reach_too_far_are_named() -> None:
    device, prepared, terminals = of_expression("g*sinh(k*v(p,n))")
    prepared = {name: value if np.ndim(value) == 0 else value[: len(CELLS)] for name, value in prepared.items()}
    held = np.random.default_rng(0).uniform(-0.5, 0.5, (ROWS, LANES))
    held[2, 5], held[1, 9] = 4.0, -3.5
    near, *_ = run(device, prepared, terminals, held, np.zeros((COLUMNS, LANES)), WARM)
    assert np.flatnonzero(~near).tolist() == [5, 9]


def test_products() -> None:
    """What a node is made out to be has its value, and factors that depend on one thing each."""
    graph = Graph()
    names = {"g": OWN, "h": OWN, "u": BESIDE, "w": BESIDE, "y": HERE, "k": None}
    g, h, u, w, y, k = (graph.input(name) for name in names)

    def made(operation: str, *parts: Node) -> Node:
        return graph.apply(operation, *parts)

    node = made("mul", made("div", g, k), made("add", u, made("mul", y, w)))
    node = made("sub", node, made("neg", made("mul", h, y)))
    node = made("div", node, made("mul", made("mul", k, h), made("exp", y)))
    node = made("select", made("lt", y, k), node, made("mul", g, made("sinh", u)))
    terms = Expansion(graph, lambda each: names[each.value[0]]).terms(node)
    values = np.random.default_rng(0).uniform(0.5, 2.0, (6, 9))
    given = {(name,): value for name, value in zip(names, values, strict=True)}
    products = [LawProgram([each.own, each.beside, each.here])(given) for each in terms.values()]
    total = sum(own * beside * here for own, beside, here in products)
    np.testing.assert_allclose(total, LawProgram([node])(given)[0], rtol=1e-13)
    for each in terms.values():
        assert {names[part.value[0]] for part in _inputs(each.own)} <= {OWN, None}
        assert {names[part.value[0]] for part in _inputs(each.beside)} <= {BESIDE, None}
        assert {names[part.value[0]] for part in _inputs(each.here)} <= {HERE, None}
    which = made("select", made("lt", u, y), u, y)
    for wrong in (made("exp", made("mul", g, u)), made("div", k, made("add", u, y)), which):
        with pytest.raises(Inseparable):
            Expansion(graph, lambda each: names[each.value[0]]).terms(wrong)


def _inputs(node: Node) -> list[Node]:
    return [node] if node.operation == "input" else [each for part in node.inputs for each in _inputs(part)]
