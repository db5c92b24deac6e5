"""What stands at the crossings of a crossbar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import expm1
from pathlib import Path

from netlearn.circuit.devices.junction import K_OVER_Q, REFERENCE_TEMPERATURE
from netlearn.errors import NetlistError, OptionError, Place, did_you_mean
from netlearn.netlist.netlist import parse
from netlearn.netlist.numbers import format_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Card, Kept, Statement, Subcircuit

SUFFIXES = (".sub", ".subckt", ".lib", ".inc", ".cir", ".sp")
"""What files of subcircuits end with."""
ALLOWED = ("model", "param", "func")
"""What may stand beside the subcircuit of a cell."""
VOLT_DIODE = 1e-6 / expm1(1.0 / (8 * K_OVER_Q * REFERENCE_TEMPERATURE))
"""In amperes: with this saturation current a junction with n = 8 has 1 µA at 1 V and 27 °C, derived from its law."""


@dataclass(frozen=True)
class Cell:
    """A kind of cell: ``element`` writes one, from its name, its nodes and the text of its value.

    ``value`` makes the value of a conductance in siemens, and ``trained`` is the pattern of all values, in ``unit``.
    ``definitions`` stand in the netlist once. With ``one_way`` nothing flows from columns to rows.
    """

    element: Callable[[str, str, str, str], str]
    value: Callable[[float], float]
    trained: str
    says: str
    definitions: tuple[str, ...] = ()
    one_way: bool = False
    linear: bool = False

    def text(self, conductance: float) -> str:
        """The value as it is written."""
        return format_number(self.value(conductance))


def _inverse(value: float) -> float:
    return 1.0 / value


RESISTOR = Cell(lambda name, a, b, value: f"Rc{name} {a} {b} {value}", _inverse, "Rc*", "a resistor", linear=True)
DIODE = Cell(
    lambda name, a, b, value: f"Dc{name} {a} {b} cell area={value}",
    lambda g: 1e6 * g,
    "Dc*.area",
    "a junction whose area is its conductance at 1 V, in microsiemens",
    (f".model cell d is={VOLT_DIODE:.6g} n=8",),
    one_way=True,
)
SINH = Cell(
    lambda name, a, b, value: f"Xc{name} {a} {b} cell g={value}",
    float,
    "Xc*.g",
    "I = g sinh(2 V) / sinh(2), so that g is its conductance at 1 V, in siemens",
    (".subckt cell p n g=10u", "B1 p n I={g*sinh(2*V(p,n))/sinh(2)}", ".ends"),
)
CELLS = {"resistor": RESISTOR, "diode": DIODE, "sinh": SINH}


def cell_of(word: str) -> Cell:
    """The cell that a word or a file of a subcircuit names.

    Raises OptionError for neither, and NetlistError for a file whose subcircuit is not a cell, at its place.
    """
    if word in CELLS:
        return CELLS[word]
    if not word.lower().endswith(SUFFIXES):
        hint = did_you_mean(word, CELLS) or f"known: {', '.join(CELLS)}, or a file of a subcircuit such as cell.sub"
        raise OptionError(f"there is no cell '{word}'", hint=hint)
    return _of_file(Path(word))


def _of_file(path: Path) -> Cell:
    text = Source.read(path).text
    # A title line of its own keeps the file's first line from being taken for one.
    statements = parse(f"* cell\n{text}", str(path)).statements
    found = [each for each in statements if isinstance(each, Subcircuit)]
    for each in statements:
        if not _may_stand(each):
            raise NetlistError(
                f"a cell's file holds subcircuits and {', '.join(f'.{name}' for name in ALLOWED)}, nothing else",
                _place(each, path),
            )
    if not found:
        raise NetlistError("there is no subcircuit", Place(str(path), 1), "a cell is a .subckt with two nodes")
    cell = found[-1]
    if len(cell.nodes) != 2:
        said = f"the cell '{cell.name.text}' has {len(cell.nodes)} nodes, not two: its row's and its column's"
        raise NetlistError(said, _place(cell, path))
    names = [pair.name.text.lower() for pair in cell.assignments]
    parameter = next((name for name in ("r", "g") if name in names), None)
    if parameter is None:
        said = f"the cell '{cell.name.text}' has neither a parameter r, in ohms, nor g, in siemens"
        raise NetlistError(said, _place(cell, path), f"write it as '.subckt {cell.name.text} a b r=100k'")
    called = cell.name.text
    return Cell(
        lambda name, a, b, value: f"Xc{name} {a} {b} {called} {parameter}={value}",
        _inverse if parameter == "r" else float,
        f"Xc*.{parameter}",
        f"the subcircuit '{called}'",
        tuple(text.strip().splitlines()),
    )


def _may_stand(statement: Statement) -> bool:
    if isinstance(statement, Card):
        return statement.name in ALLOWED
    return isinstance(statement, Subcircuit) or (isinstance(statement, Kept) and statement.what == "title")


def _place(statement: Statement, path: Path) -> Place:
    place = statement.source.place(statement.start, statement.end)
    # Behind the title that the file does not have.
    return Place(str(path), place.line - 1, place.column, place.length, place.text)
