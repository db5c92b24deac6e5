"""The kinds of network by name."""

from __future__ import annotations

from collections.abc import Mapping

from netlearn.topologies.crossbar import Crossbar
from netlearn.topologies.layered import Layered
from netlearn.topologies.planar import Delaunay, Geometric, Packing
from netlearn.topologies.random_graphs import RandomGraph, SmallWorld
from netlearn.topologies.regular import Complete, Lattice, Triangular

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
}
