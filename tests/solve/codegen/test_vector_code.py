"""Code for vectors of samples leaves out what none of them wants, and nothing else: against numpy and ngspice."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from llvmlite import ir

import netlearn
from netlearn.arrays import Array
from netlearn.solve.codegen.graph import Graph, LawProgram, Node
from netlearn.solve.codegen.vector_code import VECTOR, WIDTH, VectorCode, machine_code

CARDS = {
    "velocity and subthreshold": "vto=0.7 uo=600 tox=5e-8 nsub=1e15 ucrit=1e4 uexp=0.1 neff=3 vmax=5e4 nfs=1e11",
    "narrow and shallow": "vto=1.02 uo=1200 tox=1e-8 nsub=4.7e15 neff=3.7 ucrit=4.8e3 vmax=2e5 nfs=1e11 delta=1 xj=.3u",
    "all": "vto=0.4 uo=450 tox=3e-8 nsub=8e15 uexp=0.2 neff=2 vmax=8e4 nfs=4e11 delta=2 xj=2e-7 lambda=0.02 ld=1e-7",
}


def values(results: list[Node], given: dict[Node, Array], width: int) -> list[Array]:
    """What the code makes of the nodes' given values, each of ``width`` samples."""
    module = ir.Module()
    pointer = VECTOR.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, pointer]), "evaluate_vectors")
    builder = ir.IRBuilder(function.append_basic_block())
    places = {node.number: k for k, node in enumerate(given)}

    def at(start: ir.Argument, k: int) -> ir.Instruction:
        return builder.gep(start, [ir.Constant(ir.IntType(32), k)])

    def load(node: Node) -> ir.Instruction | None:
        k = places.get(node.number)
        # Rows of numpy's arrays begin at any number.
        return None if k is None else builder.load(at(function.args[0], k), align=8)

    code = VectorCode(builder, results, load)
    for k, node in enumerate(results):
        builder.store(code[node], at(function.args[1], k), align=8)
    builder.ret_void()
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(machine_code(module)["evaluate_vectors"])
    found = np.zeros((width // WIDTH, len(results), WIDTH))
    for k in range(len(found)):
        row = np.array([value[k * WIDTH : (k + 1) * WIDTH] for value in given.values()])
        call(row.ctypes.data, found[k].ctypes.data)
    return list(np.moveaxis(found, 1, 0).reshape(len(results), -1))


@pytest.mark.parametrize("hoisted", [False, True])
@pytest.mark.parametrize("condition_behind_another", [False, True])
def test_a_node_behind_two_guards_that_is_used_under_a_third(hoisted: bool, condition_behind_another: bool) -> None:
    graph = Graph()
    make = graph.apply
    x, y, z = (graph.input("y", k) for k in range(3))
    outer, one, other = make("lt", x, y), make("lt", y, z), make("lt", z, graph.constant(0.3))
    deep, beside = make("sin", make("mul", x, y)), make("cos", make("add", x, z))
    inner = make("lt", make("select", other, beside, y) if condition_behind_another else z, x)
    # Wherever it is used, `deep` is behind `one` and `inner`, but not always behind `outer`, which is met first.
    under = make("select", one, make("tan", make("select", inner, deep, x)), y)
    first = make("select", outer, make("tanh", under), z)
    # As `late` is not there yet when `outer` needs `deep`, neither is what `deep` is used by besides.
    late = make("atan", make("mul", y, z))
    second = make("select", one, make("asin", make("select", inner, make("cos", deep), late)), x)
    third = make("select", other, make("atan", beside), late)
    result = make("add", make("add", first, late), make("add", second, third))

    rng = np.random.default_rng(0)
    # A centre for each vector, so that some branches are wanted by none of its samples, by some and by all.
    numbers = [np.repeat(rng.uniform(-1, 1, 64), WIDTH) + rng.uniform(-0.3, 0.3, 64 * WIDTH) for _ in range(3)]
    numbers = [np.clip(each, -1, 1) for each in numbers]
    inputs = {("y", k): each for k, each in enumerate(numbers)}
    given = dict(zip((x, y, z), numbers, strict=True))
    if hoisted:
        given |= dict(zip((deep, beside), LawProgram((deep, beside))(inputs), strict=True))
    (found,) = values([result], given, 64 * WIDTH)
    with np.errstate(invalid="ignore"):
        (wanted,) = LawProgram((result,))(inputs)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("operation", ["lt", "le"])
@pytest.mark.parametrize("low", [None, -2000.0, -3.0])
@pytest.mark.parametrize("high", [None, 600.0, 2000.0])
@pytest.mark.parametrize("outside", [True, False])
def test_exponentials_behind_conditions_are_right_wherever_they_are_wanted(
    operation: str, low: float | None, high: float | None, outside: bool
) -> None:
    """Where a condition keeps the exponent within what the polynomial takes, nothing else does."""
    graph = Graph()
    x, y = graph.input("y", 0), graph.input("y", 1)
    result = graph.apply("exp", x)
    for bound, below in ((low, True), (high, False)):
        if bound is not None:
            limit = graph.constant(bound)
            # The exponential is in the second branch or in the first one.
            ends = (x, limit) if below == outside else (limit, x)
            branches = (y, result) if outside else (result, y)
            result = graph.apply("select", graph.apply(operation, *ends), *branches)
    special = [0.0, -0.0, 600.0, -3.0, 700.0, -700.0, 707.9, -707.9, np.inf, -np.inf, np.nan, 1e300, -1e300, 2000.0]
    rng = np.random.default_rng(0)
    points = np.concatenate([*(rng.uniform(-s, s, 400) for s in (1, 20, 700, 3000, 1e5, 1e17)), special, [0.5] * 2])
    (found,) = values([result], {x: points, y: np.full(len(points), 7.0)}, len(points))
    with np.errstate(all="ignore"):
        (wanted,) = LawProgram((result,))({("y", 0): points, ("y", 1): np.full(len(points), 7.0)})
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted)) | (np.abs(found / wanted - 1.0) <= 4.5e-16)
    # The exponential ends a little before overflow.
    assert (same | (np.abs(np.abs(points) - 727.0) < 19.0)).all()
    assert np.isnan(found[np.isnan(points)]).all() or not outside


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize("card", CARDS)
def test_mosfets_of_level_2_with_a_limit_of_velocity_and_current_below_the_threshold(card: str) -> None:
    rng = np.random.default_rng(0)
    data = {source: rng.uniform(0, 5, 24).tolist() for source in ("Vd", "Vg")}
    text = f"t\nVd d 0 1\nVg g 0 1\nM1 d g 0 0 mm w=10u l=10u\n.model mm NMOS (level=2 {CARDS[card]})\n.end"
    assert netlearn.check(netlearn.parse(text), data, processes=1).within(1e-6)


def test_logarithms_of_all_that_float64_holds() -> None:
    """Of subnormal numbers, too, which have fewer digits."""
    graph = Graph()
    x = graph.input("y", 0)
    given = np.array([5e-324, 1e-310, 2.2e-308, np.finfo(float).tiny, 1e-300, 1.0, 1e300, np.finfo(float).max])
    (found,) = values([graph.apply("log", x)], {x: given}, WIDTH)
    np.testing.assert_allclose(found, np.log(given), rtol=4e-16)
    (found,) = values(
        [graph.apply("log", x)], {x: np.array([0.0, -0.0, -5e-324, -1.0, np.inf, np.nan, 2.0, 3.0])}, WIDTH
    )
    np.testing.assert_array_equal(found[:6], [-np.inf, -np.inf, np.nan, np.nan, np.inf, np.nan])
