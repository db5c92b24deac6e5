"""What kinds of numbers a netlist has: in which unit, and which of them must stay above zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.elaboration.columns import PRINCIPAL, Contents
from netlearn.elaboration.template import NOTHING
from netlearn.elaboration.valuegraph import ValueGraph

UNITS: Mapping[str, str] = {
    "resistor": "ohm",
    "voltage source": "V",
    "current source": "A",
    "vccs": "A/V",
    "vcvs": "V/V",
    "cccs": "A/A",
    "ccvs": "V/A",
}
"""The unit of the value that an element line states by itself, by the name of its device."""

LETTERS = "viegfh"
"""What begins the names of sources, independent and controlled."""

_POSITIVE = """
    resistance rs rd rg rb rbm re rc rsh rds rq rrev ron roff area areab areac m pj l w ad as nrd nrs
    is js jsw isr ise isc iss ibe ibc jtun jtunsw ikf ikr irb ibv ibd n ns nr nf ne nc nbv ntun
    bf br vaf var bv vbd vj pb phi eg beta kp kv kc nv lambda gamma uo tox nsub xj vmax ucrit theta eta kappa
"""
POSITIVE = frozenset(_POSITIVE.split())
"""Values of devices that are above zero wherever they are not absent, so that ratios of them are what counts."""


@dataclass(frozen=True)
class Kinds:
    """What is known of each of a netlist's quantities: (count,) whether it must be positive, and units."""

    positive: Array
    units: Array

    @classmethod
    def of(cls, circuit: Circuit, contents: Sequence[Contents], graph: ValueGraph) -> Kinds:
        """Of the quantities of these elements, and of those that they follow from.

        One that gives several values is positive if any of them must be. A factor of what is positive keeps its sign,
        and what goes by another name further in, as an instance's parameter does, has the unit that it has there.
        """
        positive, units = np.zeros(len(graph), bool), np.full(len(graph), "", dtype="U3")
        for group, content in zip(circuit.groups, contents, strict=True):
            for name, quantities in content.values.items():
                if name in POSITIVE:
                    positive[quantities] = True
            if group.device.name in PRINCIPAL:
                written = content.written[content.written != NOTHING]
                units[written] = UNITS[group.device.name]
                positive[written] |= group.device.name == "resistor"
        # Every quantity follows from earlier ones.
        for quantity, computed in reversed(graph.computed.items()):
            expression, inputs = computed.expression, computed.inputs
            if not (positive[quantity] or units[quantity]):
                continue
            if expression.single is not None and not units[inputs[0]]:
                units[inputs[0]] = units[quantity]
            if positive[quantity]:
                for name, source in zip(expression.names, inputs, strict=True):
                    positive[source] |= name in expression.factors
        return cls(positive, units)
