"""The element letters of SPICE and how many words their lines need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Letter:
    """An element type.

    ``nodes`` is how many positional words a line has at least, ``words`` how many of any kind,
    both after the name; ``syntax`` is what a line looks like.
    """

    title: str
    nodes: int
    words: int
    syntax: str


LETTERS = {
    "A": Letter("XSPICE code model", 0, 2, "Aname port ... model"),
    "B": Letter("behavioural source", 2, 3, "Bname n+ n- V=expression"),
    "C": Letter("capacitor", 2, 3, "Cname n+ n- value"),
    "D": Letter("diode", 2, 3, "Dname anode cathode model"),
    "E": Letter("voltage-controlled voltage source", 2, 3, "Ename n+ n- c+ c- gain"),
    "F": Letter("current-controlled current source", 2, 3, "Fname n+ n- Vname gain"),
    "G": Letter("voltage-controlled current source", 2, 3, "Gname n+ n- c+ c- transconductance"),
    "H": Letter("current-controlled voltage source", 2, 3, "Hname n+ n- Vname transresistance"),
    "I": Letter("current source", 2, 2, "Iname n+ n- value"),
    "J": Letter("junction field-effect transistor", 3, 4, "Jname drain gate source model"),
    "K": Letter("inductive coupling", 0, 2, "Kname Lname Lname coefficient"),
    "L": Letter("inductor", 2, 3, "Lname n+ n- value"),
    "M": Letter("MOSFET", 3, 4, "Mname drain gate source bulk model"),
    "N": Letter("Verilog-A device", 0, 1, "Nname node ... model"),
    "O": Letter("lossy transmission line", 4, 5, "Oname n1 n2 n3 n4 model"),
    "P": Letter("coupled transmission lines", 0, 1, "Pname node ... model"),
    "Q": Letter("bipolar transistor", 3, 4, "Qname collector base emitter model"),
    "R": Letter("resistor", 2, 3, "Rname n1 n2 value"),
    "S": Letter("voltage-controlled switch", 4, 5, "Sname n+ n- c+ c- model"),
    "T": Letter("transmission line", 4, 4, "Tname n1 n2 n3 n4 Z0=value TD=value"),
    "U": Letter("uniform RC line", 3, 4, "Uname n1 n2 n3 model"),
    "V": Letter("voltage source", 2, 2, "Vname n+ n- value"),
    "W": Letter("current-controlled switch", 2, 4, "Wname n+ n- Vname model"),
    "X": Letter("subcircuit call", 0, 1, "Xname node ... subcircuit"),
    "Y": Letter("single transmission line", 0, 1, "Yname node ... model"),
    "Z": Letter("MESFET", 3, 4, "Zname drain gate source model"),
}


# Where a plain value stands: after so many positional words.
_VALUE_AFTER = {"R": 2, "C": 2, "L": 2, "V": 2, "I": 2, "E": 4, "G": 4, "F": 3, "H": 3, "K": 2}


_VALUE_NAMES = {
    "R": ("r", "resistance"),
    "C": ("c", "capacitance"),
    "L": ("l", "inductance"),
    "V": ("dc",),
    "I": ("dc",),
}


_VALUE_NAMES |= {"B": ("v", "i"), "E": ("value", "vol"), "G": ("value", "cur")}


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
