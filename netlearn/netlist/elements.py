"""Which element letter is elaborated by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netlearn.netlist.body import Line
from netlearn.netlist.resistors import resistor
from netlearn.netlist.sources import (
    capacitor,
    current_controlled,
    current_source,
    inductor,
    nothing,
    voltage_controlled,
    voltage_source,
)

Handler = Callable[[Line], None]

HANDLERS: Mapping[str, Handler] = {
    "R": resistor,
    "V": voltage_source,
    "I": current_source,
    "E": voltage_controlled,
    "G": voltage_controlled,
    "F": current_controlled,
    "H": current_controlled,
    "C": capacitor,
    "L": inductor,
    "K": nothing,
}

UNSUPPORTED: Mapping[str, str] = {
    "A": "XSPICE code model",
    "N": "Verilog-A device",
    "O": "lossy transmission line",
    "P": "coupled transmission line",
    "T": "transmission line",
    "U": "uniform RC line",
    "Y": "single lossy transmission line",
    "Z": "MESFET",
}
"""Elements that are read and kept, yet whose operating point netlearn cannot work out."""
