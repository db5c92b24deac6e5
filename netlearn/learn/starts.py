"""What training may start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netlearn.options import Declared


@dataclass(frozen=True)
class OwnValues(Declared):
    """The values that stand in the netlist."""


@dataclass(frozen=True)
class SolvedReadout(Declared):
    """The read-out layer solved by least squares in one step, all other values as they stand in the netlist.

    The read-out are the trained resistors between nodes that sources or amplifiers hold and nodes that nothing but the
    outputs follow, virtual grounds of summing amplifiers among them. Whatever the rest of the circuit is, outputs are
    linear in their conductances, or linear over a sum that all outputs of a node share, so that the best values within
    their bounds are those of a convex quadratic problem. In a linear circuit that trains no resistance, but
    transconductances or sources in which the outputs are linear, these are the read-out. Loss mse. Where there is
    no such layer the directive is refused, with what stands in its way.
    """


STARTS: Mapping[str, type] = {"values": OwnValues, "least-squares": SolvedReadout}
