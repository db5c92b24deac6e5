"""Networks of nodes that lie in the plane: neighbours of random points, and disks that touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.options import Declared, option
from netlearn.topologies.network import Network, key, spread

RATIO = 1.4
"""Of the radii of large and small disks, which keeps them from forming a crystal (C. S. O'Hern and others, Phys. Rev. E
68, 011306, 2003)."""

CONTACTS = 3
"""A disk with fewer contacts in the plane is not held, but rattles: one more than there are dimensions (C. S. O'Hern
and others, Phys. Rev. E 68, 011306, 2003)."""


@dataclass(frozen=True)
class Delaunay(Declared):
    """Random points in a square, each joined to its neighbours in the Delaunay triangulation.

    Driven along its left side, read along its right, grounded at the bottom right. ``apart`` keeps points at
    a distance, as a part of the mean one, so that no resistors are very short.
    """

    nodes: int = option(50, "number of nodes", least=4)
    apart: float = option(
        0.6, "least distance of two nodes, as a part of their mean one", least=0.0, most=0.8, part=True
    )

    def network(self, rng: np.random.Generator) -> Network:
        from scipy.spatial import Delaunay as Triangulation

        points = _points(self.nodes, self.apart, rng)
        corners = Triangulation(points).simplices
        ends = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        return across(points, _once(ends, self.nodes))


@dataclass(frozen=True)
class Geometric(Declared):
    """Random points in a square, all joined that are closer than a distance.

    J. Dall, M. Christensen, "Random geometric graphs", Phys. Rev. E 66, 016121 (2002).
    """

    nodes: int = option(50, "number of nodes", least=4)
    radius: float | None = option(
        None, "distance within which nodes are joined, in sides of the square; the least that joins all if not given",
        above=0.0, most=1.5,
    )  # fmt: skip

    def network(self, rng: np.random.Generator) -> Network:
        from scipy.sparse.csgraph import minimum_spanning_tree
        from scipy.spatial import cKDTree
        from scipy.spatial.distance import pdist, squareform

        points = _points(self.nodes, 0.0, rng)
        # The longest edge of the shortest tree is the least radius at which all hang together.
        least = float(minimum_spanning_tree(squareform(pdist(points))).data.max())
        if self.radius is not None and self.radius < least:
            raise OptionError(
                f"with 'radius' {self.radius:g} the network falls apart", hint=f"{least * 1.001:.4g} holds it together"
            )
        ends = cKDTree(points).query_pairs(self.radius or least * (1 + 1e-9), output_type="ndarray")
        return across(points, _once(ends, self.nodes))


@dataclass(frozen=True)
class Packing(Declared):
    """The contacts of a jammed packing of disks of two sizes: a disordered network that is just stiff.

    Disks at random places, as many large as small ones, are pushed apart by their overlaps until these cost least
    energy; nodes are the disks, resistors the contacts, and disks that rattle are left out, so that there are a
    few nodes fewer than disks. After C. S. O'Hern, L. E. Silbert, A. J. Liu, S. R. Nagel, "Jamming at zero
    temperature and zero applied stress: the epitome of disorder", Phys. Rev. E 68, 011306 (2003), in a box of soft
    walls.
    """

    disks: int = option(64, "number of disks", least=10)
    density: float = option(0.9, "area of the disks in parts of the box's; they jam at 0.84", least=0.85, most=1.2)

    def network(self, rng: np.random.Generator) -> Network:
        from scipy.optimize import minimize
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components
        from scipy.spatial import cKDTree

        radii = np.where(np.arange(self.disks) % 2 == 0, 1.0, RATIO)
        radii *= np.sqrt(self.density / (np.pi * np.sum(radii**2)))
        largest = 2 * radii.max()

        def contacts(points: Array) -> tuple[Array, Array, Array]:
            ends = np.sort(cKDTree(points).query_pairs(largest, output_type="ndarray"), axis=1)
            between = points[ends[:, 1]] - points[ends[:, 0]]
            overlap = 1.0 - np.linalg.norm(between, axis=1) / radii[ends].sum(axis=1)
            return ends[overlap > 0], between[overlap > 0], overlap[overlap > 0]

        def energy(flat: Array) -> tuple[float, Array]:
            points = flat.reshape(-1, 2)
            ends, between, overlap = contacts(points)
            sums = radii[ends].sum(axis=1)
            force = (overlap / sums / np.maximum(np.linalg.norm(between, axis=1), 1e-300))[:, None] * between
            slope = np.zeros_like(points)
            np.add.at(slope, ends[:, 0], force)
            np.add.at(slope, ends[:, 1], -force)
            low, high = 1.0 - points / radii[:, None], 1.0 - (1.0 - points) / radii[:, None]
            low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
            slope += (high - low) / radii[:, None]
            return 0.5 * float(overlap @ overlap + np.sum(low**2) + np.sum(high**2)), slope.ravel()

        start = rng.random(2 * self.disks)
        found = minimize(energy, start, jac=True, method="L-BFGS-B", options={"maxiter": 20_000, "ftol": 1e-15})
        points = found.x.reshape(-1, 2)
        ends, _, _ = contacts(points)
        held = np.ones(self.disks, dtype=bool)
        while True:
            ends = ends[held[ends].all(axis=1)]
            # The walls hold, too.
            walls = ((points < radii[:, None]) | (1.0 - points < radii[:, None])).sum(axis=1)
            loose = held & (np.bincount(ends.ravel(), minlength=self.disks) + walls < CONTACTS)
            if not loose.any():
                break
            held &= ~loose
        ones = np.ones(len(ends))
        _, part = connected_components(coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(self.disks, self.disks)))
        held &= part == np.bincount(part[held]).argmax()
        number = np.cumsum(held) - 1
        return across(points[held], _once(number[ends[held[ends].all(axis=1)]], int(held.sum())))


def across(points: Array, ends: Array) -> Network:
    """A network of points: driven along its left side, read along its right, grounded at the bottom right."""
    n = len(points)
    points = points.round(4)
    side = max(2, int(np.sqrt(n)))
    order = np.argsort(points[:, 0], kind="stable")
    left, right = order[: min(side, n // 2)], order[n - min(side, n - n // 2) :]
    left, right = (nodes[np.argsort(-points[nodes, 1], kind="stable")] for nodes in (left, right))
    names = [f"n{i}" for i in range(n)]
    return Network(names, ends, spread(left), spread(right[:-1]), int(right[-1]), points)


def _points(count: int, apart: float, rng: np.random.Generator) -> Array:
    """Points (count, 2) in the unit square, at the distance ``apart`` / √count or farther from each other."""
    if not apart:
        return rng.random((count, 2))
    points = np.empty((0, 2))
    while len(points) < count:
        new = rng.random((1, 2))
        if len(points) == 0 or np.min(np.sum((points - new) ** 2, axis=1)) >= apart**2 / count:
            points = np.concatenate([points, new])
    return points


def _once(ends: Array, n: int) -> Array:
    """Each pair once, in order."""
    keys = np.unique(key(np.asarray(ends, dtype=np.intp), n))
    return np.stack([keys // n, keys % n], axis=1)
