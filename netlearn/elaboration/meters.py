"""Currents of elements that have none among the unknowns, for the elements that they control.

As ngspice does for B sources, a voltage source of 0 V goes between an element and the node at its first terminal.
Its current is the one that flows into the element there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.linear import VOLTAGE_SOURCE
from netlearn.elaboration.template import Template, branch_code
from netlearn.elaboration.valuegraph import ValueGraph

Place = tuple[int, int, int]


@dataclass
class Meters:
    """The meters of one body, by the names of their elements."""

    template: Template
    graph: ValueGraph
    _meters: dict[str, _Meter] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._meters)

    def branch(self, name: str, place: Place) -> int:
        """The current into an element of this body at its first terminal, as an index code.

        ``place`` is that of the element which asks for it.
        """
        meter = self._meters.get(name)
        if meter is None:
            template = self.template
            node, branch = template.nodes.local(f"{name}#meter"), template.branches.local(f"v#{name}")
            meter = self._meters[name] = _Meter(node, branch_code(branch), place)
            for table in list(template.tables.values()):
                for at in table.positions(name):
                    self._insert(name, meter, table.first_terminal(at, meter.node))
        return meter.branch

    def terminal(self, name: str, node: int) -> int:
        """The node for the first terminal, which is at ``node``, of an element that is being added."""
        meter = self._meters.get(name)
        if meter is None:
            return node
        self._insert(name, meter, node)
        return meter.node

    def close(self) -> None:
        """Let what has turned out to be open, such as a capacitor, have no current."""
        for name, meter in self._meters.items():
            if not meter.inserted:
                self._insert(name, meter, GROUND)

    def _insert(self, name: str, meter: _Meter, outer: int) -> None:
        if not meter.inserted:
            meter.inserted = True
            index, values = (outer, meter.node, meter.branch), (self.graph.constant(0.0),)
            self.template.table(VOLTAGE_SOURCE).add(f"v#{name}", index, values, meter.place)


@dataclass
class _Meter:
    node: int
    branch: int
    place: Place
    inserted: bool = False
