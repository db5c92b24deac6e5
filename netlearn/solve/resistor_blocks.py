"""Resistors between two sets of nodes: sums over samples of products of their drops as matrix products.

Σ_s (a_p - a_n)(b_p - b_n) over the samples is four entries of AᵀB. Where most nodes of one layer have a resistor
to most of another one, two products of matrices give these for all of them, and one where one of the states is zero
in a layer, as that of an adjoint circuit is at voltage sources. All others are left to a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.solve.compiled.load import available, kernels
from netlearn.solve.equations.source_reduction import in_a_row
from netlearn.solve.threads import in_parts, one_thread

DENSE = 0.1
"""From this share of all pairs of nodes on a product of matrices takes less time than a loop over the resistors: with
100x100 nodes of layers of ideal diodes and 64 samples 0.6 of it for 0.1, 0.8 for 0.05 and 1.2 times as long for 0.025
(benchmarks/thresholds.py)."""
FEWEST = 64
"""Blocks of fewer resistors are left to the loop: with 16 samples a block takes as long for 64 resistors, 1.1 times for
32 and 0.9 for 128 (benchmarks/thresholds.py)."""
ROWS = 512
"""So many nodes a thread multiplies at a time: of 2000x2000 it takes 1.05 times as long with half as many, and as long
within a fiftieth with twice as many (benchmarks/part_sizes.py)."""
COMMON = 1e4
"""Where voltages are so many times as large as they differ, a product of matrices would lose these digits, twice, as
drops are multiplied, of float64's 16."""

LOOKED_AT = 2
"""Nodes of each side whose voltages tell, nearly always, that all do not: by convention the fewest that differ."""
FEW = 12
"""Of so many samples sums of products are one pass over the resistors: between 150x150 nodes matrix products take 1.8
times as long for 6 samples, 1.4 for 12 and 1.1 for 24 (benchmarks/thresholds.py), and fewer between more nodes."""
COMPILED = 2500
"""From so many resistors in all on that and the last pass over them are compiled loops, so that small linear networks
need not load these; of nonlinear ones they are loaded already. Of 4 samples loops take 0.4 of the time, from 600 to
10 000 resistors (benchmarks/thresholds.py)."""
NONE = np.zeros((0, 0))

AtNodes = Callable[[Array], Array | None]
"""Voltages (S, n) at nodes, None where all are zero."""


@dataclass(frozen=True, eq=False)
class ResistorBlock:
    """Resistors ``elements`` from the nodes ``first`` (n,) to ``second`` (m,), each at a place of the (n, m) pairs."""

    first: Array
    second: Array
    elements: Array | slice
    places: Array | None
    """None where they are all places in their order."""

    def products(
        self,
        left: AtNodes,
        right: AtNodes,
        resistance: Array | None = None,
        *,
        compiled: bool = False,
        out: Array | None = None,
    ) -> Array | None:
        """Σ_s of the products of drops of two states (k,); None where voltages differ too little for a matrix product.

        Where ``resistance`` (k,) is given, over its negative square. With ``compiled`` loops where they are of use.
        What is asked for may be in ``out`` (k,), or in an array of its own.
        """
        a, b = [left(nodes) for nodes in self.ends], [right(nodes) for nodes in self.ends]
        kinds = [each for each in (*a, *b) if each is not None]
        compiled = compiled and bool(kinds) and not any(map(np.iscomplexobj, kinds)) and available()
        few = compiled and len(kinds[0]) <= FEW
        if not few and (common(a) or common(b)):
            return None
        shape = len(self.first), len(self.second)
        divisor = NONE if resistance is None or self.places is not None else resistance.reshape(shape)
        kind = np.result_type(float, *kinds)
        fits = out is not None and self.places is None and out.dtype == kind and out.flags.c_contiguous
        result = out.reshape(shape) if fits and out is not None else np.empty(shape, kind)
        if few:
            self._few(a, b, divisor, result)
        else:
            self._many(a, b, divisor if compiled else None, result)
        found: Array = result.ravel() if self.places is None else result.ravel()[self.places]
        if resistance is not None and not (compiled and len(divisor)):
            found /= -resistance * resistance
        return found

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """The nodes of both sides."""
        return self.first, self.second

    def _few(self, a: list[Array | None], b: list[Array | None], divisor: Array, result: Array) -> None:
        """The products of few samples, all at once."""
        count = next(len(each) for each in (*a, *b) if each is not None)
        parts = [
            np.zeros((count, n)) if each is None else np.ascontiguousarray(each)
            for part in (a, b)
            for each, n in zip(part, result.shape, strict=True)
        ]
        loop = kernels().few_products
        in_parts(lambda begin, end: loop(begin, end, *parts, divisor, result), len(result), ROWS)

    @staticmethod
    def _many(a: list[Array | None], b: list[Array | None], divisor: Array | None, result: Array) -> None:
        """The products of many samples, by matrix products; with a ``divisor``, divided by it in the same pass."""
        own = [None if p is None or q is None else (p * q).sum(axis=0) for p, q in zip(a, b, strict=True)]
        pairs = [(p, -q) for p, q in ((b[0], a[1]), (a[0], b[1])) if p is not None and q is not None]
        rows, columns = (np.zeros(n) if o is None else o for o, n in zip(own, result.shape, strict=True))

        def work(begin: int, end: int) -> None:
            part = result[begin:end]
            for k, (p, q) in enumerate(pairs):
                if k:
                    part += p[:, begin:end].T @ q
                else:
                    np.matmul(p[:, begin:end].T, q, out=part)
            if not pairs:
                part[:] = 0.0
            if divisor is not None:
                kernels().add_own(begin, end, rows, columns, divisor, result)
                return
            if own[1] is not None:
                part += columns
            if own[0] is not None:
                part += rows[begin:end, None]

        with one_thread():
            in_parts(work, len(result), ROWS)


def common(parts: Sequence[Array | None]) -> bool:
    """Whether the voltages of a sample are far larger than they differ within it."""
    known = [each for each in parts if each is not None]
    if len(known) < len(parts):
        # Some are zero, so that they differ by as much as they are large.
        return False
    some = np.concatenate([each[:, :LOOKED_AT] for each in known], axis=1)
    if not np.iscomplexobj(some):
        # Any other voltage is less than twice as large as these, or differs from them by half of itself and more.
        most, least = some.max(axis=1), some.min(axis=1)
        if (2.0 * np.maximum(most, -least) <= COMMON * (most - least)).all():
            return False
    for take in (np.real, np.imag) if any(map(np.iscomplexobj, known)) else (np.asarray,):
        most = np.max([take(each).max(axis=1) for each in known], axis=0)
        least = np.min([take(each).min(axis=1) for each in known], axis=0)
        if (np.maximum(np.abs(most), np.abs(least)) > COMMON * (most - least)).any():
            return True
    return False


@dataclass(frozen=True, eq=False)
class ResistorBlocks:
    """A group of resistors as dense blocks and ``rest``, the numbers of the others."""

    blocks: tuple[ResistorBlock, ...]
    rest: Array

    @classmethod
    def build(cls, index: Array, held: Array) -> ResistorBlocks:
        """From the ends (k, 2), in layers by the distance from the nodes ``held`` by sources."""
        if len(index) < FEWEST:
            return cls((), np.arange(len(index)))
        inner = np.flatnonzero((index != GROUND).all(axis=1))
        level = _levels(index[inner], held)
        ends = index[inner]
        turned = level[ends[:, 0]] > level[ends[:, 1]]
        ends = np.where(turned[:, None], ends[:, ::-1], ends)
        pair = level[ends].astype(np.int64) @ np.array([level.max(initial=0) + 1, 1])
        blocks, used = [], np.zeros(len(index), dtype=bool)
        for number in np.unique(pair).tolist():
            own = np.flatnonzero(pair == number)
            first, a = np.unique(ends[own, 0], return_inverse=True)
            second, b = np.unique(ends[own, 1], return_inverse=True)
            if len(own) < max(FEWEST, DENSE * len(first) * len(second)):
                continue
            places, elements = a.ravel() * len(second) + b.ravel(), inner[own]
            every = len(places) == len(first) * len(second) and np.array_equal(places, np.arange(len(places)))
            blocks.append(ResistorBlock(first, second, in_a_row(elements), None if every else places))
            used[elements] = True
        return cls(tuple(blocks), np.flatnonzero(~used))


def _levels(ends: Array, held: Array) -> Array:
    """The distance of each node from the nearest ``held`` one, or where there is none, from one of its own part."""
    size = int(max(ends.max(initial=-1), held.max(initial=-1))) + 1
    graph = sparse.coo_array((np.ones(len(ends)), ends.T), shape=(size, size)).tocsr()
    _, part = csgraph.connected_components(graph, directed=False)
    without = np.setdiff1d(part, part[held])
    starts = np.concatenate([held, np.unique(part, return_index=True)[1][without]])
    # One more node, beside all of those.
    rows = np.concatenate([ends[:, 0], np.full(len(starts), size)])
    columns = np.concatenate([ends[:, 1], starts])
    graph = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(size + 1, size + 1)).tocsr()
    found = np.asarray(csgraph.shortest_path(graph, "D", directed=False, unweighted=True, indices=size))[:-1]
    return np.where(np.isfinite(found), found, 0).astype(np.int64)
