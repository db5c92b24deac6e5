"""Elements of a crowd whose terminals but one are held by sources: all of them at a node as one element there.

As resistors to sources are a conductance and a current (Norton's theorem), cells g sinh(k (u - y)) at a column of
voltage y are one element with the current B sinh(k (y - m)) - A cosh(k (y - m)), where A and B are the sums over cells
of g sinh(k (u - m)) and g cosh(k (u - m)). These are worked out once for the voltages u that sources hold, and not in
each of Newton's steps. The middle m is that of all such u alone, and their reach is what ``separation`` has it for.

However far y is, rounding leaves some units of cosh(r)² in each cell's current, r being that reach: where y is beyond
it, cosh(k (y - m)) is less than 2 exp(r) times the magnitude of sinh(k (u - y)) for the farthest u, or of the order of
the latter's slope where y is near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.solve.codegen.compiled_law import CompiledLaw, parameters_of
from netlearn.solve.codegen.crowd_loops import CrowdLoop
from netlearn.solve.codegen.expansion import BESIDE, HERE, OWN, Expansion, Inseparable, Term
from netlearn.solve.codegen.graph import LawProgram, Node, reached, rebuilt
from netlearn.solve.codegen.hoisting import hoisted
from netlearn.solve.codegen.law_loops import ElementLoop, LoopWriter
from netlearn.solve.codegen.laws import COLD, LawMaker, Terminals, or_none, plain_values, values_alike
from netlearn.solve.codegen.separation import HERE as ANYWHERE
from netlearn.solve.codegen.separation import Separation
from netlearn.solve.codegen.trace import Untraceable
from netlearn.solve.codegen.vector_code import DOUBLE, INTEGER, VECTOR, WIDTH, machine_code
from netlearn.solve.crowds import Crowd


@dataclass(frozen=True)
class OnePortLaw:
    """The machine code of all elements at a hub as one, and of what is summed over them.

    ``sums`` is the address of a function that makes rows of held voltages, at terminals ``beside``: one that is above
    zero in samples where these reach too far for products, then ``middles`` ones, and for each hub ``count``. ``law``
    is that of the elements at hubs: its terminals are the hub, then the middles and the hub's sums. It takes values
    that all elements have in common, and by the names ``alone`` sums over elements of ``each`` that no voltage is a
    factor of. ``never`` are not to be for the values.
    """

    law: CompiledLaw
    beside: tuple[int, ...]
    middles: int
    count: int
    sums: int
    hoisted: LawProgram
    alone: tuple[str, ...]
    each: LawProgram
    never: LawProgram

    def holds(self, own: Values) -> bool:
        """Whether what mostly is does for these values."""
        given = {("value", name): np.asarray(value) for name, value in own.items()}
        return not any(np.any(truth) for truth in self.never(given))

    def parameters(self, own: Values, firsts: Array, count: int) -> tuple[Array, Array]:
        """What both functions take of the values of ``count`` elements, those at each hub from one of ``firsts`` on.

        (p, count) for the sums, (q, hubs) for the law.
        """
        given = {("value", name): np.asarray(value) for name, value in own.items()}
        sums = (np.add.reduceat(np.broadcast_to(each, count), firsts) for each in self.each(given))
        # What all have in common stands once for each hub.
        alike = {name: np.ravel(value)[:1] for name, value in own.items()}
        at_hubs = self.law.parameters({**alike, **dict(zip(self.alone, sums, strict=True))}, len(firsts))
        return parameters_of(self.hoisted, own, count), at_hubs


_known: dict[tuple[Any, ...], OnePortLaw | None] = {}


def one_port_of(device: Device, prepared: Values, terminals: Terminals, crowd: Crowd) -> OnePortLaw | None:
    """The law of elements of a crowd of which the hub alone moves; None where theirs is no sum of few products."""
    plain = plain_values(prepared)
    alike = values_alike(device, prepared, terminals, plain)
    key = (device, terminals, plain, tuple(sorted(prepared)), crowd, alike)
    if key not in _known:

        def make() -> OnePortLaw:
            return _Maker(LawMaker(device, prepared, dict(plain), terminals, crowd=crowd, alike=alike), crowd.hub).law()

        _known[key] = or_none(make)
    return _known[key]


class _Maker:
    def __init__(self, maker: LawMaker, hub: int) -> None:
        self.maker, self.graph, self.hub = maker, maker.graph, hub
        self.beside = tuple(t for t in maker.classes if t != hub)

    def law(self) -> OnePortLaw:
        graph, maker = self.graph, self.maker
        usual, cold = maker.at_hub(self.hub)
        separation = Separation.of(graph, [*usual, *cold], maker.alike)
        nodes = separation.mostly(separation.nodes)
        expansion = Expansion(graph, self._kind)
        try:
            terms = [expansion.terms(node) for node in nodes]
        except Inseparable:
            raise Untraceable("no sum of products") from None
        self.first = len(maker.terminals)
        self.middles = len(separation.middles)
        summed: list[Term] = []
        alone: dict[str, Node] = {}
        factors: dict[tuple[int, int], Node] = {}
        for term in (term for each in terms for term in each.values()):
            key = term.own.number, term.beside.number
            if key in factors:
                continue
            if term.beside.operation == "constant":
                name = f"sum {len(alone)}"
                alone[name] = graph.apply("mul", term.own, term.beside)
                factors[key] = graph.input("value", name)
            else:
                factors[key] = graph.input("y", self.first + self.middles + len(summed))
                summed.append(term)
        if not summed:
            raise Untraceable("nothing to sum")
        near = [node for node, value in separation.usual.items() if value]
        never = [node for node, value in separation.usual.items() if not value]
        sums, own = self._sums(separation, summed, near)
        law = self._law(separation, [self._total(each, factors) for each in terms], len(summed))
        each = LawProgram(list(alone.values()))
        return OnePortLaw(
            law, self.beside, self.middles, len(summed), sums, LawProgram(own), tuple(alone), each, LawProgram(never)
        )

    def _kind(self, node: Node) -> str | None:
        kind = node.value[0]
        if kind in ("y", "function"):
            return HERE if node.value[-1] == self.hub else BESIDE
        if kind != "value":
            raise Inseparable
        return None if node.value[1] in self.maker.alike else OWN

    def _total(self, terms: dict[tuple[int, int], Term], factors: dict[tuple[int, int], Node]) -> Node:
        total = self.graph.constant(0.0)
        for key, term in terms.items():
            total = self.graph.apply("add", total, self.graph.apply("mul", factors[key], term.here))
        return total

    def _law(self, separation: Separation, nodes: Sequence[Node], count: int) -> CompiledLaw:
        """The element at a hub, from its usual current and slope, and those where devices start."""
        graph, hub = self.graph, self.hub
        middle = {graph.input("middle", m).number: graph.input("y", self.first + m) for m in range(self.middles)}
        here = middle | {graph.input("y", ANYWHERE).number: graph.input("y", hub)}
        functions = rebuilt(separation.functions, here)
        places = {graph.input("function", f, hub).number: node for f, node in enumerate(functions)}
        total, slope, total_cold, slope_cold = rebuilt(nodes, places)
        cold = graph.apply("eq", graph.input("mode"), graph.constant(COLD))
        current = graph.apply("select", cold, total_cold, total)
        inclination = graph.apply("select", cold, slope_cold, slope)
        # Less than elements apart may have in all, so that Kirchhoff's laws are held to more closely.
        rounding = graph.apply("mul", graph.apply("abs", slope), graph.input("rounding"))
        size = graph.apply("add", graph.apply("abs", total), rounding)
        own = hoisted([current, inclination, total, size])
        terminals = (hub, *range(self.first, self.first + self.middles + count))
        module = ir.Module("one-port")
        writer = LoopWriter(module, own, terminals, ((hub, hub),), 0, loop=ElementLoop)
        writer.step(({hub: current}, {(hub, hub): inclination}, cold), [])
        writer.balance({hub: (total, size)})
        addresses = machine_code(module)
        return CompiledLaw(
            self.maker.device,
            terminals,
            ((hub, hub),),
            0,
            addresses["step"],
            addresses["balance"],
            0,
            False,
            LawProgram(own),
        )

    def _sums(self, whole: Separation, summed: Sequence[Term], near: Sequence[Node]) -> tuple[int, list[Node]]:
        """The address of the function that sums, and what it takes of the elements' values."""
        graph = self.graph
        beside = [term.beside for term in summed]
        inputs = [part.value for part in reached(beside) if part.operation == "input"]
        used = sorted({name[1] for name in inputs if name[0] == "function"})
        renumbered = {
            graph.input("function", f, t).number: graph.input("function", k, t)
            for k, f in enumerate(used)
            for t in self.beside
        }
        nodes = [
            graph.apply("mul", term.own, node) for term, node in zip(summed, rebuilt(beside, renumbered), strict=True)
        ]
        separation = Separation(
            graph, self.maker.alike, nodes, [whole.functions[f] for f in used], whole.middles, dict.fromkeys(near, True)
        )
        own = hoisted(separation.everything)
        module = ir.Module("sums")
        writer = LoopWriter(module, own, self.beside, (), 0, loop=_SumLoop)
        with _SumLoop(writer, "sums", {"y": "y"}, separation) as loop:
            assert isinstance(loop, _SumLoop)
            loop.store_reach(near)
            for versions in loop.versions(nodes):
                code = loop.code(versions)
                for k, node in enumerate(versions):
                    loop.add(code[node], "c", k)
        return machine_code(module)["sums"], own


class _SumLoop(CrowdLoop):
    """A crowd's loop that has no hub among its terminals, with rows of sums for each run of elements."""

    def __init__(self, writer: LoopWriter, name: str, inputs: dict[str, str], separation: Separation) -> None:
        super().__init__(writer, name, inputs, separation, hub=-1)

    def store_reach(self, near: Sequence[Node]) -> None:
        """Write down in which samples something is not ``near``, and the middles."""
        builder = self.builder
        far = ir.Constant(VECTOR, [ir.Constant(DOUBLE, 0.0)] * WIDTH)
        code = self.code(list(near))
        for node in near:
            far = builder.fadd(far, builder.uitofp(builder.not_(code[node]), VECTOR))
        for row, value in enumerate([far, *self.middles]):
            self.store(value, "c", ir.Constant(INTEGER, row))
        self._head = 1 + len(self.middles)

    def add(self, value: Any, rows: str, to: Any) -> None:
        self.add_in_run(value, rows, to)

    def target(self, to: Any) -> Any:
        builder, count = self.builder, len(self.separation.nodes)
        return builder.add(builder.mul(self.run, ir.Constant(INTEGER, count)), ir.Constant(INTEGER, self._head + to))
