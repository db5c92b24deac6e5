"""How the numbers of a circuit follow from those that are trained and those that samples set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Column
from netlearn.circuit.parameters import Binding, Direct
from netlearn.elaboration.columns import Contents
from netlearn.elaboration.valuegraph import ThroughExpressions, ValueGraph, compile_program


@dataclass(frozen=True)
class Bound:
    """Quantities that are ``trained`` (P,), and those that samples ``set`` (T,)."""

    graph: ValueGraph
    trained: Sequence[int]
    set: Sequence[int]

    @cached_property
    def by_training(self) -> Array:
        """Which quantities follow from those that are trained."""
        return self.graph.dependants(self.trained, self.set)

    @cached_property
    def _by_sample(self) -> Array:
        return self.graph.dependants(self.set, (*self.trained, *self.set))

    @cached_property
    def _number(self) -> Array:
        """The place of each quantity among trained numbers and settings, -1 for none."""
        number = np.full(len(self.graph), -1)
        number[[*self.trained, *self.set]] = np.arange(len(self.trained) + len(self.set))
        return number

    def of_contents(self, contents: Sequence[Contents]) -> Iterable[Binding]:
        """The bindings of elements' values."""
        for g, group in enumerate(contents):
            for name, ids in group.values.items():
                yield from self._of(ids, (g, name))

    def of_circuit(self, quantities: Mapping[str, int]) -> Iterable[tuple[str, Binding]]:
        """The bindings of numbers of the circuit itself, by their names."""
        for name, quantity in quantities.items():
            for binding in self._of(np.array([quantity]), (-1, name)):
                yield name, binding

    def _of(self, ids: Array, column: Column) -> Iterable[Binding]:
        """The bindings of one column, apart for what training changes, what samples set, and both."""
        number, by_training, by_sample = self._number, self.by_training[ids], self._by_sample[ids]
        for both in ((True, False), (False, True), (True, True)):
            elements = np.flatnonzero((by_training == both[0]) & (by_sample == both[1]))
            own = number[ids[elements]] >= 0
            direct, computed = elements[own], elements[~own]
            if len(direct):
                yield Direct(column, direct, number[ids[direct]], np.ones(len(direct)), *both)
            if len(computed):
                numbers = np.flatnonzero(number >= 0)
                program = compile_program(self.graph, numbers[np.argsort(number[numbers])].tolist(), ids[computed])
                yield ThroughExpressions(column, computed, program, *both)
