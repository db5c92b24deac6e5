"""The equations of a group of elements as machine code, made from what the device states for arrays.

Three functions come from one trace of the device: Newton's step (where limiting puts the junctions,
currents and slopes there), the balance of currents at a point, and the curvature of the currents along
a step. Each works on rows: one number of every sample in step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.solve.codegen.derivatives import Differentiation
from netlearn.solve.codegen.graph import Graph, LawProgram, Node, reached, rebuilt
from netlearn.solve.codegen.law_loops import LoopWriter
from netlearn.solve.codegen.trace import Traced, Untraceable
from netlearn.solve.codegen.vector_code import machine_code

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


@dataclass(frozen=True)
class CompiledLaw:
    """The machine code for elements whose terminals coincide in one way.

    ``terminals`` (c,) are the device's unknowns that are left, ``entries`` (e, 2) pairs of them
    (row, column) at which the Jacobian may not be zero, ``kept`` how many rows the step keeps
    for limiting the next one. ``step``, ``balance`` and ``curve`` are addresses; the last one is 0
    for laws made of straight lines, and for those of transistors and those that would be too long
    with it, which are not ``corrected``.
    """

    device: Device
    terminals: tuple[int, ...]
    entries: tuple[tuple[int, int], ...]
    kept: int
    step: int
    balance: int
    curve: int
    corrected: bool
    hoisted: LawProgram

    def parameters(self, prepared: Values, count: int) -> Array:
        """What the functions take of the ``count`` elements' prepared values, (p, count)."""
        return _parameters(self.hoisted, prepared, count)


def _parameters(hoisted: LawProgram, prepared: Values, count: int) -> Array:
    given = {("value", name): np.asarray(value) for name, value in prepared.items()}
    values = hoisted(given)
    result = np.empty((len(values), count))
    for row, value in zip(result, values, strict=True):
        row[:] = value
    return result


@dataclass(frozen=True)
class CompiledWeights:
    """The machine code that sums, over samples, states times a law's derivatives by one of its values.

    ``terminals`` are as in ``CompiledLaw``; ``weigh`` is an address, 0 where there is nothing to sum.
    """

    terminals: tuple[int, ...]
    weigh: int
    hoisted: LawProgram

    def parameters(self, prepared: Values, count: int) -> Array:
        """What the function takes of the ``count`` elements' prepared values, (p, count)."""
        return _parameters(self.hoisted, prepared, count)


_laws: dict[tuple[Any, ...], CompiledLaw | None] = {}


def law_of(device: Device, prepared: Values, terminals: Terminals) -> CompiledLaw | None:
    """The law of elements with these prepared values; None where a device cannot be compiled."""
    plain = _plain(prepared)
    key = (device, terminals, plain, tuple(sorted(prepared)), MOST_NODES)
    if key not in _laws:
        _laws[key] = _or_none(lambda: _Maker(device, prepared, dict(plain), terminals).law())
    return _laws[key]


_weights: dict[tuple[Any, ...], CompiledWeights | None] = {}


def weights_of(device: Device, prepared: Values, terminals: Terminals, name: str) -> CompiledWeights | None:
    """The derivatives of elements with these prepared values by the one ``name``; None for what cannot be compiled.

    That one must be the elements' own value, on which no other prepared value depends.
    """
    plain = _plain(prepared, name)
    key = (device, terminals, plain, tuple(sorted(prepared)), name, MOST_NODES)
    if key not in _weights:
        _weights[key] = _or_none(lambda: _Maker(device, prepared, dict(plain), terminals).weights(name))
    return _weights[key]


def _or_none(make: Callable[[], T]) -> T | None:
    """What is made of a device, or None where it cannot be compiled."""
    try:
        return make()
    except (Untraceable, AttributeError, IndexError, TypeError, ValueError):
        return None


def _plain(prepared: Values, but: str | None = None) -> tuple[tuple[str, Any], ...]:
    """Those of the prepared values that are part of the law, by name, but for the one ``but``."""
    plain = ((name, value) for name, value in sorted(prepared.items()) if name != but and _is_plain(value))
    return tuple((name, np.asarray(value).flat[0].item()) for name, value in plain)


def _is_plain(value: Array) -> bool:
    """Whether all elements have the one value 0, 1, -1, infinity, or a truth: then it is part of the law."""
    array = np.asarray(value)
    if not array.size or (array.dtype != bool and array.flat[0] not in (0.0, 1.0, -1.0, np.inf)):
        return False
    return bool((array == array.flat[0]).all())


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


class _Maker:
    def __init__(self, device: Device, prepared: Values, plain: dict[str, Any], terminals: Terminals) -> None:
        self.graph, self.device, self.terminals = Graph(), device, terminals
        self.classes = tuple(sorted({t for t in terminals if t >= 0}))
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

    def law(self) -> CompiledLaw:
        graph, device, count = self.graph, self.device, len(self.terminals)
        x = [self._row("y", t) for t in range(count)]
        limits = self._limits(x)
        places, kept = limits.places, limits.kept
        variables = [graph.cut(place, "place", t) for t, place in enumerate(places)]
        currents = self._currents(variables)
        rows = Differentiation(graph, variables).rows(currents)
        step = self._step(limits, currents, rows)
        plain_variables = [graph.cut(place, "unknown", t) for t, place in enumerate(x)]
        plain_currents = self._currents(plain_variables)
        plain_rows = Differentiation(graph, plain_variables).rows(plain_currents)
        balance = self._balance(plain_currents, plain_rows)
        curve = self._curve(variables, rows)
        coefficients = _coefficients(list(curve.values()))
        if len(coefficients) <= MOST_KEPT:
            # The step has them, at places where the unknowns are wherever it is corrected.
            known = {node.number: graph.input("kept", len(kept) + k) for k, node in enumerate(coefficients)}
            curve = dict(zip(curve, rebuilt(list(curve.values()), known), strict=True))
        else:
            curve, coefficients = self._curve(plain_variables, plain_rows), []
        entries = tuple(sorted(step[1]))
        plain = [*step[0].values(), *step[1].values(), step[2], *kept]
        plain += [node for pair in balance.values() for node in pair]
        # A correction spares junctions some steps, but costs transistors more than it spares.
        short = len(reached([*plain, *coefficients, *curve.values()])) <= MOST_NODES
        corrected = not curve or (device.reciprocal and short)
        if not corrected:
            curve, coefficients = {}, []
        kept = [*kept, *coefficients]
        everything = [*plain, *coefficients, *curve.values()]
        if len(reached(everything)) > MOST_NODES:
            raise Untraceable("a long law")
        hoisted = _hoisted(everything)
        module = ir.Module("law")
        writer = LoopWriter(module, hoisted, self.classes, entries, len(kept))
        writer.step(step, kept)
        writer.balance(balance)
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
            LawProgram(hoisted),
        )

    def weights(self, name: str) -> CompiledWeights:
        """What sums states at the terminals times the currents' derivatives by a value."""
        graph = self.graph
        currents = self._currents([self._row("y", t) for t in range(len(self.terminals))])
        rows = Differentiation(graph, [graph.input("value", name)]).rows(currents)
        total = graph.constant(0.0)
        for t, row in enumerate(rows):
            if 0 in row:
                total = graph.apply("add", total, graph.apply("mul", row[0], self._row("change", t)))
        if len(reached([total])) > MOST_NODES:
            raise Untraceable("a long law")
        hoisted = _hoisted([total])
        if total.equals(0.0):
            return CompiledWeights(self.classes, 0, LawProgram([]))
        module = ir.Module("weights")
        LoopWriter(module, hoisted, self.classes, (), 0).weigh(total)
        return CompiledWeights(self.classes, machine_code(module)["weigh"], LawProgram(hoisted))

    def _currents(self, at: Sequence[Node]) -> list[Node]:
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
        wanted = _frontier([*limited, near], {node.number for node in last})
        known = {node.number: graph.input("kept", k) for k, node in enumerate(wanted)}
        *limited, near = rebuilt([*limited, near], known)
        mode = graph.input("mode")
        cold, warm = (graph.apply("eq", mode, graph.constant(kind)) for kind in (COLD, WARM))
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
            if row < 0:
                continue
            # The device is linear from where it was evaluated to where the unknowns are.
            beyond = current
            for u, slope in rows[t].items():
                if u in limits.distances:
                    beyond = graph.apply("add", beyond, graph.apply("mul", slope, limits.distances[u]))
                if terminals[u] >= 0:
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
            if self.terminals[t] < 0:
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


def _frontier(results: Sequence[Node], last: set[int]) -> list[Node]:
    """Sums and differences of the inputs ``last`` that all else of the results is made of, if they are fewer."""
    order = reached(results)
    plain = {number: number in last for number in (node.number for node in order)}
    for node in order:
        if node.operation in ("add", "sub", "neg"):
            plain[node.number] = all(plain[part.number] for part in node.inputs)
    used = {part.number for node in order if not plain[node.number] for part in node.inputs}
    used |= {node.number for node in results}
    inputs = [node for node in order if node.number in last]
    wanted = [node for node in order if plain[node.number] and node.number in used]
    return wanted if len(wanted) <= len(inputs) else inputs


def _coefficients(curve: Sequence[Node]) -> list[Node]:
    """What does not depend on the step, but on the unknowns, and is used by what depends on the step."""
    order = reached(curve)
    moves: dict[int, bool] = {}
    varies: dict[int, bool] = {}
    for node in order:
        kind = node.value[0] if node.operation == "input" else None
        moves[node.number] = kind == "change" or any(moves[part.number] for part in node.inputs)
        varies[node.number] = kind not in (None, "value") or any(varies[part.number] for part in node.inputs)
    used = {part.number for node in order if moves[node.number] for part in node.inputs}
    # A number with the other sign is no other number.
    for node in reversed(order):
        if node.number in used and not moves[node.number] and node.operation == "neg":
            used.remove(node.number)
            used.add(node.inputs[0].number)
    return [node for node in order if node.number in used and varies[node.number] and not moves[node.number]]


def _hoisted(outputs: Sequence[Node]) -> list[Node]:
    """What does not differ by sample, and is used by something that does: worked out once for each element."""
    order = reached(list(outputs))
    fixed: dict[int, bool] = {}
    for node in order:
        own = node.operation != "input" or node.value[0] == "value"
        fixed[node.number] = own and all(fixed[part.number] for part in node.inputs)
    used = {part.number for node in order if not fixed[node.number] for part in node.inputs}
    used |= {node.number for node in outputs}
    return [node for node in order if fixed[node.number] and node.operation != "constant" and node.number in used]
