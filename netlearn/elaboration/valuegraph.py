"""How the numbers of a circuit follow from the numbers in the text, as one acyclic graph.

Quantities are numbered in the order in which they become known, so that every one depends
only on earlier ones. Millions of literal numbers are kept as arrays, not as objects.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Column
from netlearn.errors import Place
from netlearn.expressions.chance import Deviate
from netlearn.expressions.expression import Expression, Operation
from netlearn.netlist.source import Source

NOWHERE = -1
"""Stands for the text of a quantity that stands in none."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A quantity that an expression gives from others, one for each of its names."""

    expression: Expression
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A random number in the text: its distribution, and where it stands."""

    deviate: Deviate
    place: Place


class ValueGraph:
    """Quantities: literals with the stretch of text that they stand in, constants, results."""

    def __init__(self) -> None:
        self._values = array("d")
        self._starts = array("q")
        self._ends = array("q")
        self._sources = array("q")
        self._constants: dict[float, int] = {}
        self._literals: dict[tuple[int, int], int] = {}
        self._known: dict[tuple[Expression, tuple[int, ...]], int] = {}
        self._temperatures: dict[float, int] = {}
        self.sources: list[Source] = []
        self._source_numbers: dict[Source, int] = {}
        self.computed: dict[int, Computed] = {}
        self.drawn: dict[int, Drawn] = {}
        """Deviates of random numbers in expressions: quantities that are zero at the nominal values."""
        self._drawing: int | None = None

    def __len__(self) -> int:
        return len(self._values)

    def source_number(self, source: Source) -> int:
        """The number that stands for ``source`` in places."""
        number = self._source_numbers.get(source)
        if number is None:
            number = self._source_numbers[source] = len(self.sources)
            self.sources.append(source)
        return number

    def value(self, quantity: int) -> float:
        return self._values[quantity]

    def values(self) -> Array:
        """All values, by quantity."""
        return np.array(self._values)

    def literal(self, value: float, source: Source, start: int, end: int) -> int:
        """A number in the text, which may be trained; the same quantity however often it is read."""
        key = self.source_number(source), start
        known = self._literals.get(key)
        if known is None:
            known = self._literals[key] = self._append(value, key[0], start, end)
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
        known = self._constants.get(value)
        if known is None:
            if math.isnan(value):
                # Not equal to itself, a NaN is found again only as the same object.
                value = math.nan
            known = self._constants.setdefault(value, len(self))
            if known == len(self):
                self._append(value, NOWHERE, 0, 0)
        return known

    def temperature(self, value: float) -> int:
        """The circuit's temperature in degrees Celsius: a quantity of its own, whatever other numbers equal it."""
        if value not in self._temperatures:
            self._temperatures[value] = self._append(value, NOWHERE, 0, 0)
        return self._temperatures[value]

    def free(self, value: float) -> int:
        """A quantity that stands nowhere in the text and that nothing else shares, to be set by samples."""
        return self._append(value, NOWHERE, 0, 0)

    def draw(self, deviate: Deviate, place: Place) -> int:
        """A random number that nothing else shares."""
        quantity = self.free(0.0)
        self.drawn[quantity] = Drawn(deviate, place)
        return quantity

    @property
    def drawing(self) -> int:
        """The quantity that is 1 while values are drawn, else 0."""
        if self._drawing is None:
            self._drawing = self.free(0.0)
        return self._drawing

    def named(self, name: str, quantity: int) -> int:
        """A quantity equal to another one under a name of its own, so that one can be set without the other."""
        return self.compute(_itself(name), (quantity,))

    def compute(self, expression: Expression, inputs: tuple[int, ...]) -> int:
        """The result of ``expression`` with ``inputs`` for its names; an equal one is shared."""
        key = (expression, inputs)
        known = self._known.get(key)
        if known is not None:
            return known
        environment = {name: self._values[i] for name, i in zip(expression.names, inputs, strict=True)}
        result = self._append(float(np.real(expression.evaluate(environment))), NOWHERE, 0, 0)
        self.computed[result] = Computed(expression, inputs)
        self._known[key] = result
        return result

    def is_literal(self, quantity: int) -> bool:
        return self._sources[quantity] != NOWHERE

    def stands_at(self, quantity: int, source: Source, start: int) -> bool:
        """Whether a quantity is the number that is written there."""
        return self._literals.get((self.source_number(source), start)) == quantity

    def stretch(self, quantity: int) -> tuple[Source, int, int]:
        """Where a literal stands."""
        return self.sources[self._sources[quantity]], self._starts[quantity], self._ends[quantity]

    def stretches(self, quantities: Sequence[int]) -> tuple[list[Source], list[int], list[int]]:
        """Where many literals stand: source, start and end of each."""
        at = np.array(quantities, dtype=np.int64)
        numbers, starts, ends = (np.array(each)[at].tolist() for each in (self._sources, self._starts, self._ends))
        return [self.sources[number] for number in numbers], starts, ends

    def source_numbers(self, quantities: Array) -> Array:
        """The numbers (k,) of the texts that quantities stand in, NOWHERE for those that stand in none."""
        return np.array(self._sources)[quantities]

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

    def dependants(self, quantities: Iterable[int], cuts: Collection[int] = ()) -> Array:
        """Which quantities depend on any of ``quantities``, themselves included; not by way of a cut."""
        mask = np.zeros(len(self), bool)
        mask[list(quantities)] = True
        if np.any(mask):
            for quantity, computed in self.computed.items():
                if quantity not in cuts and any(mask[i] for i in computed.inputs):
                    mask[quantity] = True
        return mask

    def needed(self, quantities: Iterable[Array]) -> Array:
        """Which quantities any of ``quantities`` depends on, themselves included."""
        mask = np.zeros(len(self), bool)
        for some in quantities:
            mask[some] = True
        # Each was computed from earlier ones.
        for quantity in reversed(self.computed):
            if mask[quantity]:
                mask[list(self.computed[quantity].inputs)] = True
        return mask

    def substituted(self, quantity: int, swaps: dict[int, int]) -> int:
        """The quantity that comes of ``quantity`` once others take the place of some that it depends on.

        What is found is added to ``swaps``, so that one dictionary serves for many.
        """
        pending = [quantity]
        while pending:
            at = pending[-1]
            if at in swaps or at not in self.computed:
                swaps.setdefault(at, at)
                pending.pop()
                continue
            computed = self.computed[at]
            missing = [i for i in computed.inputs if i not in swaps]
            if missing:
                pending.extend(missing)
                continue
            inputs = tuple(swaps[i] for i in computed.inputs)
            swaps[at] = at if inputs == computed.inputs else self.compute(computed.expression, inputs)
            pending.pop()
        return swaps[quantity]

    def _append(self, value: float, source: int, start: int, end: int) -> int:
        quantity = len(self._values)
        self._values.append(value)
        self._sources.append(source)
        self._starts.append(start)
        self._ends.append(end)
        return quantity


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
        """The values of all slots, (..., slots) for ``theta`` (..., P)."""
        slots = np.empty((*theta.shape[:-1], len(self.start)), np.result_type(theta, float))
        slots[...] = self.start
        slots[..., : theta.shape[-1]] = theta
        for stage in self.stages:
            slots[..., stage.outputs] = stage.expression.evaluate(self._environment(stage, slots))
        return slots

    def transposed(self, theta: Array, gradient: Array) -> Array:
        """The transposed Jacobian (..., P) of the outputs times ``gradient`` (..., q), in reverse over the stages."""
        slots = self.run(theta)
        adjoint = np.zeros(slots.shape, dtype=np.result_type(slots, gradient))
        np.add.at(adjoint.T, self.outputs, gradient.T)
        for stage in reversed(self.stages):
            names = stage.expression.names
            _, slopes = stage.expression.evaluate_with_derivatives(self._environment(stage, slots), names)
            for j, slope in enumerate(slopes):
                np.add.at(adjoint.T, stage.inputs[:, j], (slope * adjoint[..., stage.outputs]).T)
        return adjoint[..., : theta.shape[-1]]

    @staticmethod
    def _environment(stage: Stage, slots: Array) -> Mapping[str, Array]:
        return {name: slots[..., stage.inputs[:, j]] for j, name in enumerate(stage.expression.names)}


@dataclass(frozen=True)
class ThroughExpressions:
    """values = results of expressions in the parameters: the chain rule over the value graph."""

    column: Column
    elements: Array
    program: Program
    trained: bool = True
    by_sample: bool = False

    def values(self, theta: Array) -> Array:
        slots = self.program.run(theta)
        return np.asarray(slots[..., self.program.outputs])

    def pullback(self, theta: Array, gradient: Array) -> Array:
        return self.program.transposed(theta, gradient)


def compile_program(graph: ValueGraph, parameters: Sequence[int], wanted: Array) -> Program:
    """The program for the quantities ``wanted`` (q,) where ``parameters`` may change, whatever gives them else.

    Quantities of the same depth whose expressions differ only in names and numbers become one
    stage, evaluated as arrays.
    """
    mask = graph.dependants(parameters, set(parameters))
    slot: dict[int, int] = {quantity: p for p, quantity in enumerate(parameters)}
    numbers: dict[float, int] = {}
    start = [graph.value(quantity) for quantity in parameters]
    needed = _needed(graph, mask, wanted, set(parameters))
    depth: dict[int, int] = {}
    stages: dict[tuple[int, Expression], tuple[list[tuple[int, ...]], list[int]]] = {}

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
        key = (depth[quantity], expression)
        inputs, outputs = stages.setdefault(key, ([], []))
        inputs.append(tuple(slot_of(given[s]) if isinstance(s, str) else slot_of_number(s) for s in sources))
        outputs.append(slot_of(quantity))
    ordered = sorted(stages.items(), key=lambda item: item[0][0])
    return Program(
        np.array(start, float),
        tuple(Stage(expression, np.array(inputs), np.array(outputs)) for (_, expression), (inputs, outputs) in ordered),
        np.array([slot_of(int(quantity)) for quantity in wanted], dtype=int),
    )


def _needed(graph: ValueGraph, mask: Array, wanted: Array, cuts: set[int]) -> set[int]:
    """The computed quantities under ``mask`` that ``wanted`` depends on, without those that are ``cuts``."""

    def follows(quantity: int) -> bool:
        return bool(mask[quantity]) and quantity in graph.computed and quantity not in cuts

    needed: set[int] = set()
    pending = [int(q) for q in np.unique(wanted) if follows(int(q))]
    while pending:
        at = pending.pop()
        if at in needed:
            continue
        needed.add(at)
        pending.extend(i for i in graph.computed[at].inputs if follows(i) and i not in needed)
    return needed


@lru_cache(maxsize=4096)
def _itself(name: str) -> Expression:
    return Expression(name, (Operation("name", name=name),))
