"""Probes by the names that SPICE has for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.errors import CircuitError, OptionError, Place
from netlearn.learn.model import Probes

_PROBE = re.compile(r"([vi])\((.*)\)", re.IGNORECASE | re.DOTALL)

SOURCES = ("voltage source", "current source")


def is_probe(name: str) -> bool:
    """Whether a name is written as a probe: V(a), V(p,n) or I(V1)."""
    return _PROBE.fullmatch(name.strip()) is not None


def probes_of(circuit: Circuit, names: Sequence[str], places: Mapping[str, Place] | None = None) -> Probes:
    """Probes by name: V(a) and V(p,n) in volts, I(V1) in amperes.

    I(V1) is the current into the first node of V1. Raises OptionError, at the name's place,
    for what is no probe, and CircuitError for a node or source that does not exist.
    """
    plus, minus = [], []
    for name in names:
        place = (places or {}).get(name)
        found = _PROBE.fullmatch(name.strip())
        if found is None:
            raise OptionError(f"'{name}' is not a probe", place, "write V(node), V(plus,minus) or I(source)")
        kind, inside = found[1].lower(), [part.strip() for part in found[2].split(",")]
        if len(inside) > (2 if kind == "v" else 1) or not all(inside):
            raise OptionError(f"'{name}' is not a probe", place, "write V(node), V(plus,minus) or I(source)")
        try:
            if kind == "i":
                ends = circuit.branch(inside[0]), GROUND
            else:
                ends = circuit.node(inside[0]), circuit.node(inside[1]) if len(inside) == 2 else GROUND
        except CircuitError as error:
            raise CircuitError(f"the probe '{name}' cannot be read: {error.message}", place, error.hint) from None
        if ends[0] == ends[1]:
            raise OptionError(f"the probe '{name}' always reads zero", place)
        plus.append(ends[0])
        minus.append(ends[1])
    return Probes(tuple(names), np.array(plus, dtype=np.intp), np.array(minus, dtype=np.intp))


def source_names(circuit: Circuit) -> tuple[str, ...]:
    """The names of the independent sources that can be driven, voltage sources first."""
    return tuple(name for group in circuit.groups if group.device.name in SOURCES for name in group.names)
