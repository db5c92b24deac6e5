"""Resistors from every node to ground, as ``.options rshunt`` asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.linear import SHUNT
from netlearn.elaboration.scope_settings import NodeShunt
from netlearn.elaboration.template import NOTHING, Rows
from netlearn.elaboration.windings import WindingPart


def shunted(shunt: NodeShunt, nodes: Sequence[str]) -> WindingPart:
    """A resistor for each of ``nodes`` (n,), those inside elements among them."""
    count = len(nodes)
    names = [f"rshunt#{node}" for node in nodes]
    index = np.column_stack([np.arange(count), np.full(count, GROUND)])
    rows = Rows(
        index,
        {"resistance": np.full(count, shunt.resistance)},
        [("", names)],
        np.tile(np.array(shunt.place, dtype=np.int64), (count, 1)),
        np.full(count, NOTHING),
    )
    return WindingPart(SHUNT, names, index, rows)
