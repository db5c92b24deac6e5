"""How the numbers of a circuit follow from the numbers in the text, as one acyclic graph.

Quantities are numbered in the order in which they become known, so that every one depends
only on earlier ones. Millions of literal numbers are kept as arrays, not as objects.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Column
from netlearn.expressions.expression import Expression
from netlearn.netlist.source import Source

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Computed:
    """A quantity that an expression gives from others, one for each of its names."""

    expression: Expression
    inputs: tuple[int, ...]


class ValueGraph:
    """Quantities: literals with the stretch of text that they stand in, constants, results."""

    def __init__(self) -> None:
        self._values = array("d")
        self._starts = array("q")
        self._ends = array("q")
        self._sources = array("q")
        self._constants: dict[float, int] = {}
        self._literals: dict[tuple[int, int], int] = {}
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self.sources: list[Source] = []
        self._source_numbers: dict[int, int] = {}
        self.computed: dict[int, Computed] = {}

    def __len__(self) -> int:
        return len(self._values)

    def source_number(self, source: Source) -> int:
        """The number that stands for ``source`` in places."""
        number = self._source_numbers.get(id(source))
        if number is None:
            number = self._source_numbers[id(source)] = len(self.sources)
            self.sources.append(source)
        return number

    def value(self, quantity: int) -> float:
        return self._values[quantity]

    def values(self) -> Array:
        """All values, by quantity."""
        return np.array(self._values)

    def literal(self, value: float, source: Source, start: int, end: int) -> int:
        """A number in the text, which may be trained; the same quantity however often it is read."""
        number = self.source_number(source)
        known = self._literals.get((number, start))
        if known is None:
            known = self._literals[number, start] = self._append(value, number, start, end)
        return known

    def literals(self, values: Array, source: Source, starts: Array, ends: Array) -> Array:
        """Many numbers in one text: their quantities (k,), the same however often they are read."""
        key = (self.source_number(source), int(starts[0]))
        first, count = len(self), len(values)
        if key in self._literals:
            first = self._literals[key]
            return np.arange(first, first + count)
        self._literals[key] = first
        self._values.frombytes(np.ascontiguousarray(values, float).tobytes())
        self._starts.frombytes(np.ascontiguousarray(starts, np.int64).tobytes())
        self._ends.frombytes(np.ascontiguousarray(ends, np.int64).tobytes())
        self._sources.frombytes(np.full(count, self.source_number(source), np.int64).tobytes())
        return np.arange(first, first + count)

    def constant(self, value: float) -> int:
        """A number that stands nowhere in the text."""
        if math.isnan(value):
            # Not equal to itself, a NaN is found again only as the same object.
            value = math.nan
        if value not in self._constants:
            self._constants[value] = self._append(value, NOWHERE, 0, 0)
        return self._constants[value]

    def compute(self, expression: Expression, inputs: tuple[int, ...]) -> int:
        """The result of ``expression`` with ``inputs`` for its names; an equal one is shared."""
        key = (id(expression), inputs)
        known = self._known.get(key)
        if known is not None:
            return known
        environment = {name: self._values[i] for name, i in zip(expression.names, inputs, strict=True)}
        result = self._append(float(np.real(expression.evaluate(environment))), NOWHERE, 0, 0)
        # The graph holds the expression, so that its identity stays its own.
        self.computed[result] = Computed(expression, inputs)
        self._known[key] = result
        return result

    def is_literal(self, quantity: int) -> bool:
        return self._sources[quantity] != NOWHERE

    def literal_mask(self) -> Array:
        """Which quantities are numbers in the text."""
        mask: Array = np.array(self._sources) != NOWHERE
        return mask

    def stretch(self, quantity: int) -> tuple[Source, int, int]:
        """Where a literal stands."""
        return self.sources[self._sources[quantity]], self._starts[quantity], self._ends[quantity]

    def origins(self, quantity: int) -> list[int]:
        """The literals that a quantity depends on, itself if it is one."""
        found: dict[int, None] = {}
        seen = {quantity}
        pending = [quantity]
        while pending:
            at = pending.pop()
            if at in self.computed:
                fresh = [i for i in self.computed[at].inputs if i not in seen]
                seen.update(fresh)
                pending.extend(reversed(fresh))
            elif self.is_literal(at):
                found[at] = None
        return list(found)

    def dependants(self, literals: Iterable[int]) -> Array:
        """Which quantities depend on any of ``literals``, themselves included."""
        mask = np.zeros(len(self), bool)
        mask[list(literals)] = True
        if np.any(mask):
            for quantity, computed in self.computed.items():
                if any(mask[i] for i in computed.inputs):
                    mask[quantity] = True
        return mask

    def _append(self, value: float, source: int, start: int, end: int) -> int:
        self._values.append(value)
        self._sources.append(source)
        self._starts.append(start)
        self._ends.append(end)
        return len(self._values) - 1


@dataclass(frozen=True, slots=True)
class Stage:
    """One expression for q quantities at once: slots (q, names) in, slots (q,) out."""

    expression: Expression
    inputs: Array
    outputs: Array


@dataclass(frozen=True)
class Program:
    """Quantities from P parameters: slots 0..P-1 hold these, later ones constants and results."""

    start: Array
    stages: tuple[Stage, ...]
    outputs: Array = field(repr=False)

    def run(self, theta: Array) -> Array:
        """The values of all slots."""
        slots = self.start.astype(np.result_type(theta, float))
        slots[: len(theta)] = theta
        for stage in self.stages:
            slots[stage.outputs] = stage.expression.evaluate(self._environment(stage, slots))
        return slots

    def transposed(self, theta: Array, gradient: Array) -> Array:
        """The transposed Jacobian of the outputs times ``gradient``, in reverse over the stages."""
        slots = self.run(theta)
        adjoint = np.zeros(len(slots), dtype=np.result_type(slots, gradient))
        np.add.at(adjoint, self.outputs, gradient)
        for stage in reversed(self.stages):
            names = stage.expression.names
            _, slopes = stage.expression.evaluate_with_derivatives(self._environment(stage, slots), names)
            for j, slope in enumerate(slopes):
                np.add.at(adjoint, stage.inputs[:, j], slope * adjoint[stage.outputs])
        return adjoint[: len(theta)]

    @staticmethod
    def _environment(stage: Stage, slots: Array) -> Mapping[str, Array]:
        return {name: slots[stage.inputs[:, j]] for j, name in enumerate(stage.expression.names)}


@dataclass(frozen=True)
class ThroughExpressions:
    """values = results of expressions in the parameters: the chain rule over the value graph."""

    column: Column
    elements: Array
    program: Program

    def values(self, theta: Array) -> Array:
        slots = self.program.run(theta)
        return slots[self.program.outputs]

    def pullback(self, theta: Array, gradient: Array) -> Array:
        return self.program.transposed(theta, gradient)


def compile_program(graph: ValueGraph, parameters: Sequence[int], wanted: Array) -> Program:
    """The program for the quantities ``wanted`` (q,) where ``parameters`` may change.

    Quantities of the same depth whose expressions differ only in names and numbers become one
    stage, evaluated as arrays.
    """
    mask = graph.dependants(parameters)
    slot: dict[int, int] = {quantity: p for p, quantity in enumerate(parameters)}
    numbers: dict[float, int] = {}
    start = [graph.value(quantity) for quantity in parameters]
    needed = _needed(graph, mask, wanted)
    depth: dict[int, int] = {}
    stages: dict[tuple[int, int], tuple[Expression, list[tuple[int, ...]], list[int]]] = {}

    def slot_of(quantity: int) -> int:
        if quantity not in slot:
            slot[quantity] = len(start)
            start.append(graph.value(quantity))
        return slot[quantity]

    def slot_of_number(value: float) -> int:
        if value not in numbers:
            numbers[value] = len(start)
            start.append(value)
        return numbers[value]

    for quantity in sorted(needed):
        computed = graph.computed[quantity]
        expression, sources = computed.expression.shape
        given = dict(zip(computed.expression.names, computed.inputs, strict=True))
        depth[quantity] = 1 + max((depth.get(i, 0) for i in computed.inputs), default=0)
        key = (depth[quantity], id(expression))
        _, inputs, outputs = stages.setdefault(key, (expression, [], []))
        inputs.append(tuple(slot_of(given[s]) if isinstance(s, str) else slot_of_number(s) for s in sources))
        outputs.append(slot_of(quantity))
    ordered = sorted(stages.items(), key=lambda item: item[0][0])
    return Program(
        np.array(start, float),
        tuple(Stage(expression, np.array(inputs), np.array(outputs)) for _, (expression, inputs, outputs) in ordered),
        np.array([slot_of(int(quantity)) for quantity in wanted], dtype=int),
    )


def _needed(graph: ValueGraph, mask: Array, wanted: Array) -> set[int]:
    """The computed quantities under ``mask`` that ``wanted`` depends on."""
    needed: set[int] = set()
    pending = [int(q) for q in np.unique(wanted) if mask[q] and int(q) in graph.computed]
    while pending:
        at = pending.pop()
        if at in needed:
            continue
        needed.add(at)
        pending.extend(i for i in graph.computed[at].inputs if mask[i] and i in graph.computed and i not in needed)
    return needed
