"""The equations of a group of elements as machine code, made from what the device states for arrays.

Three functions come from one trace of the device: Newton's step (where limiting puts the junctions,
currents and slopes there), the balance of currents at a point, and the curvature of the currents along
a step. Each works on rows: one number of every sample in step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.solve.codegen.compiled_law import CompiledLaw, CompiledWeights
from netlearn.solve.codegen.crowd_loops import CrowdLoop
from netlearn.solve.codegen.derivatives import Differentiation
from netlearn.solve.codegen.graph import Graph, LawProgram, Node, reached, rebuilt
from netlearn.solve.codegen.hoisting import coefficients, frontier, hoisted
from netlearn.solve.codegen.law_loops import ElementLoop, LoopWriter
from netlearn.solve.codegen.separation import COSTLY, Separation
from netlearn.solve.codegen.trace import Traced, Untraceable
from netlearn.solve.codegen.vector_code import machine_code
from netlearn.solve.crowds import Crowd

T = TypeVar("T")

FREE, COLD, WARM = 0.0, 1.0, 2.0
"""Each stands for whether a sample's next step is limited by its last one, starts where devices do, or is taken as it
is."""
MOST_NODES = 4000
"""Longer laws would take long to compile, and are left to arrays, by convention."""
MOST_KEPT = 8
"""So many numbers of a step its correction for curvature is made of, by convention; for more it evaluates the law
again."""
NEAR = 0.25
"""Steps are corrected for curvature where that is up to this part of what is linear in them: with half or twice as much
lattices of diodes take as long within a fiftieth (benchmarks/block_sizes.py)."""

Terminals = tuple[int, ...]
"""For each unknown of a device the first one that is the same in all elements; -1 for ground."""


_laws: dict[tuple[Any, ...], CompiledLaw | None] = {}


def law_of(device: Device, prepared: Values, terminals: Terminals, crowd: Crowd | None = None) -> CompiledLaw | None:
    """The law of elements with these prepared values; None where a device cannot be compiled."""
    plain = plain_values(prepared)
    alike = frozenset() if crowd is None else values_alike(device, prepared, terminals, plain)
    key = (device, terminals, plain, tuple(sorted(prepared)), MOST_NODES, crowd, alike)
    if key not in _laws:
        maker = partial(LawMaker, device, prepared, dict(plain), terminals, crowd=crowd, alike=alike)
        _laws[key] = or_none(lambda: maker().law())
    return _laws[key]


_weights: dict[tuple[Any, ...], CompiledWeights | None] = {}


def weights_of(
    device: Device, prepared: Values, terminals: Terminals, name: str, crowd: Crowd | None = None
) -> CompiledWeights | None:
    """The derivatives of elements with these prepared values by the one ``name``; None for what cannot be compiled.

    That one must be the elements' own value, on which no other prepared value depends.
    """
    plain = plain_values(prepared, name)
    alike = frozenset() if crowd is None else values_alike(device, prepared, terminals, plain)
    key = (device, terminals, plain, tuple(sorted(prepared)), name, MOST_NODES, crowd, alike)
    if key not in _weights:
        maker = partial(LawMaker, device, prepared, dict(plain), terminals, crowd=crowd, alike=alike)
        _weights[key] = or_none(lambda: maker().weights(name))
    return _weights[key]


def or_none(make: Callable[[], T]) -> T | None:
    """What is made of a device, or None where it cannot be compiled."""
    try:
        return make()
    except (Untraceable, AttributeError, IndexError, TypeError, ValueError):
        return None


def plain_values(prepared: Values, but: str | None = None) -> tuple[tuple[str, Any], ...]:
    """Those of the prepared values that are part of the law, by name, but for the one ``but``."""
    plain = ((name, value) for name, value in sorted(prepared.items()) if name != but and _is_plain(value))
    return tuple((name, np.asarray(value).flat[0].item()) for name, value in plain)


def _is_plain(value: Array) -> bool:
    """Whether all elements have the one value 0, 1, -1, infinity, or a truth: then it is part of the law."""
    array = np.asarray(value)
    if not array.size or (array.dtype != bool and array.flat[0] not in (0.0, 1.0, -1.0, np.inf)):
        return False
    return bool((array == array.flat[0]).all())


_inside: dict[tuple[Any, ...], frozenset[str]] = {}


def values_alike(
    device: Device, prepared: Values, terminals: Terminals, plain: tuple[tuple[str, Any], ...]
) -> frozenset[str]:
    """The values that all elements have in common, of those in arguments of functions, as others do not matter."""
    key = (device, terminals, plain, tuple(sorted(prepared)))
    if key not in _inside:
        _inside[key] = or_none(lambda: LawMaker(device, prepared, dict(plain), terminals).inside()) or frozenset()
    values = ((name, np.asarray(prepared[name])) for name in _inside[key])
    return frozenset(name for name, value in values if (value == value.flat[0]).all())


@dataclass(frozen=True)
class _Limits:
    """What comes of the device's limits.

    ``places`` are where they put the unknowns, ``kept`` what they have to know of these the next time, and ``moves``
    says where they may do anything; there ``distances`` are how far unknowns are from their places, and ``held``
    says where one of them is.
    """

    places: list[Node]
    kept: list[Node]
    moves: Node
    distances: dict[int, Node]
    held: Node


class LawMaker:
    """The graph of a device's equations at terminals, and what is made of it."""

    def __init__(
        self,
        device: Device,
        prepared: Values,
        plain: dict[str, Any],
        terminals: Terminals,
        *,
        crowd: Crowd | None = None,
        alike: frozenset[str] = frozenset(),
    ) -> None:
        self.graph, self.device, self.terminals = Graph(), device, terminals
        self.classes = tuple(sorted({t for t in terminals if t >= 0}))
        self.alike, self.moving = alike, self.classes if crowd is None else crowd.moving
        self.loop = ElementLoop if crowd is None else partial(CrowdLoop, hub=crowd.hub)
        self.values = {
            name: _array(self._traced([plain[name] if name in plain else self.graph.input("value", name)])[0])
            for name in prepared
        }

    def _traced(self, entries: Sequence[Any]) -> Traced:
        return Traced.of(self.graph, np.array([*entries, None], dtype=object)[:-1])

    def _row(self, kind: str, t: int) -> Node:
        """The input of a kind at a terminal, which is one with others, or ground."""
        same = self.terminals[t]
        return self.graph.constant(0.0) if same < 0 else self.graph.input(kind, same)

    def inside(self) -> frozenset[str]:
        """The values in arguments of functions that take long."""
        currents = self.currents([self._row("y", t) for t in range(len(self.terminals))])
        costly = [node for node in reached(currents) if node.operation in COSTLY]
        parts = (part for part in reached(costly) if part.operation == "input" and part.value[0] == "value")
        return frozenset(part.value[1] for part in parts)

    def law(self) -> CompiledLaw:
        graph, device, count = self.graph, self.device, len(self.terminals)
        x = [self._row("y", t) for t in range(count)]
        limits = self._limits(x)
        places, kept = limits.places, limits.kept
        variables = [graph.cut(place, "place", t) for t, place in enumerate(places)]
        currents = self.currents(variables)
        rows = Differentiation(graph, variables).rows(currents)
        step = self._step(limits, currents, rows)
        plain_variables = [graph.cut(place, "unknown", t) for t, place in enumerate(x)]
        plain_currents = self.currents(plain_variables)
        plain_rows = Differentiation(graph, plain_variables).rows(plain_currents)
        balance = self._balance(plain_currents, plain_rows)
        curve = self._curve(variables, rows)
        ahead = coefficients(list(curve.values()))
        if len(ahead) <= MOST_KEPT:
            # The step has them, at places where the unknowns are wherever it is corrected.
            known = {node.number: graph.input("kept", len(kept) + k) for k, node in enumerate(ahead)}
            curve = dict(zip(curve, rebuilt(list(curve.values()), known), strict=True))
        else:
            curve, ahead = self._curve(plain_variables, plain_rows), []
        entries = tuple(sorted(step[1]))
        plain = [*step[0].values(), *step[1].values(), step[2], *kept]
        plain += [node for pair in balance.values() for node in pair]
        # A correction spares junctions some steps, but costs transistors more than it spares.
        short = len(reached([*plain, *ahead, *curve.values()])) <= MOST_NODES
        corrected = not curve or (device.reciprocal and short)
        if not corrected:
            curve, ahead = {}, []
        kept = [*kept, *ahead]
        everything = [*plain, *ahead, *curve.values()]
        if len(reached(everything)) > MOST_NODES:
            raise Untraceable("a long law")
        total, slopes, held = step
        nodes = [*total.values(), *slopes.values(), held, *kept]
        in_step = self._separated(nodes)
        nodes = in_step.nodes
        total = dict(zip(total, nodes, strict=False))
        slopes = dict(zip(slopes, nodes[len(total) :], strict=False))
        held, *kept = nodes[len(total) + len(slopes) :]
        in_balance = self._separated([node for pair in balance.values() for node in pair])
        pairs = zip(in_balance.nodes[::2], in_balance.nodes[1::2], strict=True)
        balance = dict(zip(balance, pairs, strict=True))
        everything = [*in_step.everything, *in_balance.everything, *curve.values()]
        own = hoisted(everything)
        module = ir.Module("law")
        writer = LoopWriter(module, own, self.classes, entries, len(kept), loop=self.loop)
        writer.step((total, slopes, held), kept, in_step)
        writer.balance(balance, in_balance)
        if curve:
            writer.curve(curve)
        addresses = machine_code(module)
        return CompiledLaw(
            device,
            self.classes,
            entries,
            len(kept),
            addresses["step"],
            addresses["balance"],
            addresses.get("curve", 0),
            corrected,
            LawProgram(own),
        )

    def at_hub(self, hub: int) -> tuple[list[Node], list[Node]]:
        """The current and its slope at a terminal that alone moves, in a step as it is and where devices start."""
        graph = self.graph
        x = [self._row("y", t) for t in range(len(self.terminals))]
        limits = self._limits(x)
        if limits.kept:
            raise Untraceable("steps that are limited by the last one")
        variables = [graph.cut(place, "place", t) for t, place in enumerate(limits.places)]
        currents = self.currents(variables)
        total, slopes, _ = self._step(limits, currents, Differentiation(graph, variables).rows(currents))
        zero = graph.constant(0.0)
        nodes, mode = [total.get(hub, zero), slopes.get((hub, hub), zero)], graph.input("mode").number
        usual, cold = (rebuilt(nodes, {mode: graph.constant(kind)}) for kind in (WARM, COLD))
        if len(reached([*usual, *cold])) > MOST_NODES:
            raise Untraceable("a long law")
        return usual, cold

    def weights(self, name: str) -> CompiledWeights:
        """What sums states at the terminals times the currents' derivatives by a value."""
        graph = self.graph
        currents = self.currents([self._row("y", t) for t in range(len(self.terminals))])
        rows = Differentiation(graph, [graph.input("value", name)]).rows(currents)
        total = graph.constant(0.0)
        for t, row in enumerate(rows):
            if 0 in row:
                total = graph.apply("add", total, graph.apply("mul", row[0], self._row("change", t)))
        if len(reached([total])) > MOST_NODES:
            raise Untraceable("a long law")
        if total.equals(0.0):
            return CompiledWeights(self.classes, 0, LawProgram([]))
        separation = self._separated([total])
        own = hoisted(separation.everything)
        module = ir.Module("weights")
        LoopWriter(module, own, self.classes, (), 0, loop=self.loop).weigh(separation.nodes[0], separation)
        return CompiledWeights(self.classes, machine_code(module)["weigh"], LawProgram(own))

    def _separated(self, nodes: Sequence[Node]) -> Separation:
        """The same nodes, of elements in a crowd with what they share worked out once."""
        if self.loop is ElementLoop:
            return Separation(self.graph, self.alike, list(nodes))
        separation, graph = Separation.of(self.graph, nodes, self.alike), self.graph
        # Devices start once for each sample.
        separation.usual[graph.apply("eq", graph.input("mode"), graph.constant(COLD))] = False
        return separation

    def currents(self, at: Sequence[Node]) -> list[Node]:
        """The currents at all terminals where the unknowns there are ``at``."""
        found = Traced.of(self.graph, self.device.residual(_array(self._traced(at)), self.values))
        if found.shape != (len(self.terminals),):
            raise Untraceable("currents of another shape")
        return list(found.nodes)

    def _limits(self, x: Sequence[Node]) -> _Limits:
        """What the device's limits make of the unknowns ``x``."""
        graph, here = self.graph, _array(self._traced(x))
        last = [graph.input("last", t) for t in range(len(x))]
        before = _array(self._traced(last))
        limited = list(Traced.of(graph, self.device.limit(here, before, self.values)).nodes)
        near = _node(graph, self.device.near(here, before, self.values))
        start = Traced.of(graph, self.device.start(here, self.values)).nodes
        # Mostly voltages across junctions, which are fewer than the unknowns.
        wanted = frontier([*limited, near], {node.number for node in last})
        known = {node.number: graph.input("kept", k) for k, node in enumerate(wanted)}
        *limited, near = rebuilt([*limited, near], known)
        mode = graph.input("mode")
        cold, warm = (graph.apply("eq", mode, graph.constant(kind)) for kind in (COLD, WARM))
        if all(later is at for later, at in zip(limited, x, strict=True)):
            # What does not limit steps has a say in where it starts only.
            near = graph.constant(True)
        moves = graph.apply("not", graph.apply("or", warm, graph.apply("and", near, graph.apply("not", cold))))
        moved = [graph.apply("select", cold, first, later) for first, later in zip(start, limited, strict=True)]
        # All that the limits cost is left out where no sample of a vector has to heed them.
        places = [graph.apply("select", moves, there, at) for at, there in zip(x, moved, strict=True)]
        now = {node.number: place for node, place in zip(last, places, strict=True)}
        distances = {t: graph.apply("sub", at, moved[t]) for t, at in enumerate(x) if moved[t] is not at}
        held = graph.constant(False)
        for t, distance in distances.items():
            allowed = graph.apply(
                "add",
                graph.constant(1e-12),
                graph.apply("mul", graph.constant(1e-9), graph.apply("abs", x[t])),
            )
            held = graph.apply("or", held, graph.apply("lt", allowed, graph.apply("abs", distance)))
        held = graph.apply("select", moves, held, graph.constant(False))
        return _Limits(places, rebuilt(wanted, now), moves, distances, held)

    def _step(
        self, limits: _Limits, currents: Sequence[Node], rows: Sequence[dict[int, Node]]
    ) -> tuple[dict[int, Node], dict[tuple[int, int], Node], Node]:
        """Currents by terminal, slopes by pair of them, and whether the sample was limited."""
        graph, terminals = self.graph, self.terminals
        total: dict[int, Node] = {}
        slopes: dict[tuple[int, int], Node] = {}
        for t, current in enumerate(currents):
            row = terminals[t]
            if row not in self.moving:
                continue
            # The device is linear from where it was evaluated to where the unknowns are.
            beyond = current
            for u, slope in rows[t].items():
                if u in limits.distances:
                    beyond = graph.apply("add", beyond, graph.apply("mul", slope, limits.distances[u]))
                if terminals[u] in self.moving:
                    self._sum(slopes, (row, terminals[u]), slope)
            self._sum(total, row, graph.apply("select", limits.moves, beyond, current))
        return total, slopes, limits.held

    def _sum(self, sums: dict[Any, Node], key: Any, part: Node) -> None:
        sums[key] = self.graph.apply("add", sums[key], part) if key in sums else part

    def _balance(self, currents: Sequence[Node], rows: Sequence[dict[int, Node]]) -> dict[int, tuple[Node, Node]]:
        """Currents by terminal, and the sum of the magnitudes that may cancel in them."""
        graph, rounding = self.graph, self.graph.input("rounding")
        total: dict[int, Node] = {}
        size: dict[int, Node] = {}
        for t, current in enumerate(currents):
            row = self.terminals[t]
            if row < 0 or current.equals(0.0):
                continue
            self._sum(total, row, current)
            self._sum(size, row, graph.apply("abs", current))
            for slope in rows[t].values():
                self._sum(size, row, graph.apply("mul", graph.apply("abs", slope), rounding))
        return {row: (total[row], size[row]) for row in total}

    def _curve(self, variables: Sequence[Node], rows: Sequence[dict[int, Node]]) -> dict[int, Node]:
        """Half the second derivative of the currents along a step, by terminal."""
        graph, half = self.graph, self.graph.constant(0.5)
        along: list[Node] = []
        for row in rows:
            total = graph.constant(0.0)
            for u, slope in row.items():
                total = graph.apply("add", total, graph.apply("mul", slope, self._row("change", u)))
            along.append(total)
        bends = Differentiation(graph, variables).rows(along)
        zero, result = graph.constant(0.0), dict[int, Node]()
        for t, bend in enumerate(bends):
            if self.terminals[t] not in self.moving:
                continue
            total = zero
            for u, slope in bend.items():
                total = graph.apply("add", total, graph.apply("mul", slope, self._row("change", u)))
            if total.equals(0.0):
                continue
            second = graph.apply("mul", half, total)
            limit = graph.apply("mul", graph.constant(NEAR), graph.apply("abs", along[t]))
            near = graph.apply("lt", graph.apply("abs", second), limit)
            self._sum(result, self.terminals[t], graph.apply("select", near, second, zero))
        return {row: node for row, node in result.items() if not node.equals(0.0)}


def _node(graph: Graph, value: Any) -> Node:
    """A single number or truth."""
    nodes: Any = Traced.of(graph, value).nodes
    found: Node = nodes.item()
    return found


def _array(traced: Traced) -> Array:
    """What devices take for an array of numbers."""
    return cast(Array, traced)
