"""What is drawn: a circuit, and what is known of it besides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netlearn.arguments import netlist_of
from netlearn.circuit.circuit import Circuit
from netlearn.drive import driven_circuit
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import DataError
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import DataLike, NetlistLike, settings_for
from netlearn.project import open_project
from netlearn.results import TrainResult
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

Drawable = NetlistLike | Circuit | OperatingPoint | TrainResult
_VOLTAGE = re.compile(r"\bv\s*\(([^()]*)\)", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """A circuit with its operating point, positions of nodes, and nodes that are read, as far as they are known."""

    circuit: Circuit
    netlist: Netlist | None = None
    point: OperatingPoint | None = None
    positions: Mapping[str, Sequence[float]] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @classmethod
    def of(cls, thing: Drawable) -> Subject:
        """Raises what reading and elaborating raise."""
        if isinstance(thing, OperatingPoint):
            return cls(thing.circuit, point=thing)
        if isinstance(thing, Circuit):
            return cls(thing)
        if isinstance(thing, TrainResult):
            told, netlist, names = thing.settings, thing.netlist, thing.train.names
        else:
            netlist = netlist_of(thing)
            told = settings_for(netlist, {})
            names = (*told.output, *(goal.probe for goal in told.goal))
        circuit = elaborate(netlist).circuit
        return cls(circuit, netlist, None, told.position, nodes_read(circuit, names))

    def point_for(self, by: str, data: DataLike | None = None) -> OperatingPoint | None:
        """The operating point that a quantity is that of, which is found if need be; None for a conductance.

        It is that of the samples of ``data``, or of the data that the netlist names if they can be read, or else
        of the sources' own values.
        """
        if by == "conductance" or self.point is not None:
            return self.point
        if self.netlist is None:
            return InternalSolver().solve(self.circuit)
        project = open_project(self.netlist, data)
        try:
            return InternalSolver().solve(driven_circuit(project))
        except DataError:
            if data is not None:
                raise
        return InternalSolver().solve(self.circuit)


def nodes_read(circuit: Circuit, probes: Sequence[str]) -> tuple[str, ...]:
    """The nodes whose voltages probes read, without ground."""
    names = [part.strip().lower() for probe in probes for found in _VOLTAGE.findall(probe) for part in found.split(",")]
    known = set(circuit.nodes)
    return tuple(dict.fromkeys(name for name in names if name in known))
