"""Nodes inside instances that lines around these name by their paths, such as ``x1.m``, as they can in ngspice."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.elaboration.kept import Surplus
from netlearn.elaboration.names import PathNames, Selected
from netlearn.elaboration.template import Template
from netlearn.netlist.netlist import Netlist

_PATH = re.compile(r"(?<![\w.])x[^\s.,()]*\.", re.IGNORECASE)
"""How a word may begin that is the path of a node."""


@dataclass(frozen=True)
class JoinedNodes:
    """The nodes of a netlist when those of one name are one.

    ``names`` are theirs, and ``numbers`` (n,) what each has that was counted before; None if they stay as they are.
    """

    names: PathNames
    numbers: Array | None = None

    def index(self, index: Array) -> Array:
        """Connections with the new numbers; what is negative, ground and branches, stays."""
        if self.numbers is None:
            return index
        joined: Array = np.where(index < 0, index, self.numbers[np.maximum(index, 0)])
        return joined

    def number(self, node: int) -> int:
        """The new number of one node."""
        return node if self.numbers is None or node == GROUND else int(self.numbers[node])

    def surplus(self, kept: Surplus) -> Surplus:
        """What is kept of an element, with the new numbers."""
        return kept if self.numbers is None else replace(kept, nodes=tuple(map(self.number, kept.nodes)))


def joined_nodes(netlist: Netlist, template: Template) -> JoinedNodes:
    """The nodes of the finished template of a whole netlist."""
    names = template.nodes.all()
    if not template.placed or not any(_PATH.search(part.source.text) for part in netlist.walk()):
        return JoinedNodes(names)
    first: dict[str, int] = {}
    same = np.array([first.setdefault(name, at) for at, name in enumerate(names)], dtype=np.int64)
    kept = same == np.arange(len(same))
    if kept.all():
        return JoinedNodes(names)
    return JoinedNodes(PathNames([("", Selected(names, np.flatnonzero(kept)))]), (np.cumsum(kept) - 1)[same])
