"""The element letters of SPICE: one table of what each stands for and what its lines look like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """An element type.

    ``nodes`` is how many positional words a line has at least, ``words`` how many of any kind, both after
    the name; ``syntax`` is what a line looks like.
    """

    title: str
    nodes: int
    words: int
    syntax: str
    value_after: int | None = None
    """After how many positional words a plain value stands, if one may."""
    value_names: tuple[str, ...] = ()
    """The names by which the value may be given as ``name=value``."""
    model_first: bool = False
    """Whether a model's name may stand before the value."""
    solved: bool = True
    """Whether netlearn can work out its operating point; otherwise it is read and kept."""


SOURCE_WORDS = frozenset((
    "ac", "acmag", "acphase", "am", "cpar", "dc", "distof1", "distof2", "exp", "external", "freq", "load", "m",
    "phase", "portnum", "pulse", "pwl", "pwr", "r", "rser", "sffm", "sin", "sine", "td", "trnoise", "trrandom", "z0",
))  # fmt: skip
"""What may follow the nodes of a voltage or current source instead of its value."""

LETTERS = {
    "A": Letter("XSPICE code model", 0, 2, "Aname port ... model", solved=False),
    "B": Letter("behavioural source", 2, 3, "Bname n+ n- V=expression", value_names=("v", "i")),
    "C": Letter("capacitor", 2, 3, "Cname n+ n- value", 2, ("c", "capacitance"), model_first=True),
    "D": Letter("diode", 2, 3, "Dname anode cathode model"),
    "E": Letter("voltage-controlled voltage source", 2, 3, "Ename n+ n- c+ c- gain", 4, ("value", "vol")),
    "F": Letter("current-controlled current source", 2, 3, "Fname n+ n- Vname gain", 3),
    "G": Letter("voltage-controlled current source", 2, 3, "Gname n+ n- c+ c- transconductance", 4, ("value", "cur")),
    "H": Letter("current-controlled voltage source", 2, 3, "Hname n+ n- Vname transresistance", 3),
    "I": Letter("current source", 2, 2, "Iname n+ n- value", 2, ("dc",)),
    "J": Letter("junction field-effect transistor", 3, 4, "Jname drain gate source model"),
    "K": Letter("inductive coupling", 0, 2, "Kname Lname Lname coefficient", 2),
    "L": Letter("inductor", 2, 3, "Lname n+ n- value", 2, ("l", "inductance"), model_first=True),
    "M": Letter("MOSFET", 3, 4, "Mname drain gate source bulk model"),
    "N": Letter("Verilog-A device", 0, 1, "Nname node ... model", solved=False),
    "O": Letter("lossy transmission line", 4, 5, "Oname n1 n2 n3 n4 model"),
    "P": Letter("coupled transmission line", 0, 1, "Pname node ... model"),
    "Q": Letter("bipolar transistor", 3, 4, "Qname collector base emitter model"),
    "R": Letter("resistor", 2, 3, "Rname n1 n2 value", 2, ("r", "resistance"), model_first=True),
    "S": Letter("voltage-controlled switch", 4, 5, "Sname n+ n- c+ c- model"),
    "T": Letter("transmission line", 4, 4, "Tname n1 n2 n3 n4 Z0=value TD=value"),
    "U": Letter("uniform RC line", 3, 4, "Uname n1 n2 n3 model"),
    "V": Letter("voltage source", 2, 2, "Vname n+ n- value", 2, ("dc",)),
    "W": Letter("current-controlled switch", 2, 4, "Wname n+ n- Vname model"),
    "X": Letter("subcircuit call", 0, 1, "Xname node ... subcircuit"),
    "Y": Letter("single lossy transmission line", 0, 1, "Yname node ... model"),
    "Z": Letter("MESFET", 3, 4, "Zname drain gate source model", solved=False),
}
