"""Which program a netlist was written for, where its own lines tell."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from netlearn.netlist.statements import Card

if TYPE_CHECKING:
    from netlearn.netlist.netlist import Netlist


class Dialect(Enum):
    """The program whose reading counts where simulators differ; the value is ngspice's ``ngbehavior`` for it."""

    NGSPICE = ""
    LTSPICE = "ltpsa"
    PSPICE = "psa"


_MARKS = {
    # LTspice ends every netlist with it, and OrCAD begins its own with these.
    "backanno": Dialect.LTSPICE,
    "probe64": Dialect.PSPICE,
    "aliases": Dialect.PSPICE,
    "external": Dialect.PSPICE,
    "stmlib": Dialect.PSPICE,
}


def dialect_of(netlist: Netlist) -> Dialect:
    """The dialect of a netlist's own lines, whatever it includes; ngspice's where nothing tells."""
    cards = (statement.name for statement in netlist.statements if isinstance(statement, Card))
    return next((_MARKS[name] for name in cards if name in _MARKS), Dialect.NGSPICE)
