"""The kinds of network by name."""

from __future__ import annotations

from collections.abc import Mapping

from netlearn.options import Declared
from netlearn.topologies.crossbar import Crossbar
from netlearn.topologies.layered import Layered
from netlearn.topologies.planar import Delaunay, Geometric, Packing
from netlearn.topologies.random_graphs import RandomGraph, SmallWorld
from netlearn.topologies.regular import Complete, Lattice, Triangular
from netlearn.topologies.start import Start
from netlearn.topologies.transistors import Transistors

TOPOLOGIES: Mapping[str, type] = {
    "lattice": Lattice,
    "triangular": Triangular,
    "delaunay": Delaunay,
    "geometric": Geometric,
    "packing": Packing,
    "random": RandomGraph,
    "smallworld": SmallWorld,
    "layered": Layered,
    "crossbar": Crossbar,
    "complete": Complete,
    "transistors": Transistors,
}


def start_of(kind: str) -> type[Declared]:
    """The options of a kind of network besides its own: Start where its edges are resistors."""
    found: type[Declared] = getattr(TOPOLOGIES[kind], "start", Start)
    return found
