"""What cards set for all of a netlist."""

from __future__ import annotations

from dataclasses import dataclass, field

from netlearn.errors import NetlistWarning
from netlearn.netlist.dialect import Dialect


@dataclass(frozen=True, slots=True)
class NodeShunt:
    """``.options rshunt``: the quantity in ohms, and where it stands, as in ``Rows.places``."""

    resistance: int
    place: tuple[int, int, int]


@dataclass
class ScopeSettings:
    """What ``.temp`` and ``.options`` set; temperatures in degrees Celsius."""

    dialect: Dialect = Dialect.NGSPICE

    temperature: float = 27.0
    nominal_temperature: float = 27.0
    gmin: float = 1e-12
    scale: float = 1.0
    badmos3: float = 0.0
    """1 for level 3 MOSFETs as SPICE had them once."""
    shunt: NodeShunt | None = None
    series: int | None = None
    """``.options rseries``: the quantity, in ohms, of the resistor that is in series with every inductor."""
    default_sizes: dict[str, float] = field(default_factory=dict)
    """Of MOSFETs that do not give their own: l and w in m, ad and as in m^2, to which ``scale`` is nothing."""
    options: dict[str, float] = field(default_factory=dict)
    warnings: list[NetlistWarning] = field(default_factory=list)
    """What is read, but perhaps not as it was meant."""
