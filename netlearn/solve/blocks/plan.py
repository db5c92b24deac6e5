"""A circuit's equations block by block: what depends on its graph alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.solve.blocks.nodes import NodeElements, NodeUpdate
from netlearn.solve.blocks.partition import Partition
from netlearn.solve.equations.assembly import summing
from netlearn.solve.newton.system import NonlinearModel

DENSE = 0.2
"""From so many of all entries on, what one block does to another is a dense matrix: of 200x200 entries and 512 samples
it takes 1.9 times as long as a sparse one for 0.1, as long for 0.2 and 0.5 for 0.4 (benchmarks/thresholds.py)."""


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """The blocks in a row: ``order`` (r,) are the unknowns block by block, ``rank`` the place of each in it.

    ``couplings`` say for each block which entries of the reduced matrix couple it to which others.
    """

    partition: Partition
    order: Array
    rank: Array
    blocks: tuple[slice, ...]
    updates: tuple[NodeUpdate, ...]
    couplings: tuple[tuple[Coupling, ...], ...]
    single: bool
    """Whether each nonlinear element touches one unknown only."""

    @classmethod
    def of(cls, model: NonlinearModel) -> BlockPlan:
        """Of a circuit; the same object again for the same circuit with other values."""
        return model.circuit.wiring.once(cls.of, lambda: cls.build(model))

    @classmethod
    def build(cls, model: NonlinearModel) -> BlockPlan:
        """Work it out."""
        partition, reduction = Partition.of(model), model.reduction
        order = np.concatenate([np.zeros(0, np.int64), *partition.blocks])
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        ends = np.cumsum([0, *map(len, partition.blocks)])
        blocks = tuple(slice(first, last) for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
        place = np.append(np.append(rank, -1)[reduction.place], -1)
        updates = []
        for block in blocks:
            found = (
                NodeElements.of(model.circuit, g, place, np.arange(block.start, block.stop), reduction.size)
                for g in model.nonlinear
            )
            updates.append(NodeUpdate.of([part for part in found if part is not None]))
        rows, columns = rank[reduction.pattern.rows], rank[reduction.columns]
        number = np.repeat(np.arange(len(blocks)), np.diff(ends))
        couplings = []
        for b, block in enumerate(blocks):
            at = np.flatnonzero((number[rows] == b) & (rows != columns))
            others = np.unique(number[columns[at]]).tolist()
            couplings.append(
                tuple(
                    Coupling.of(block, blocks[other], rows, columns, at[number[columns[at]] == other])
                    for other in others
                )
            )
        single = all(_touched(model, g) <= 1 for g in model.nonlinear)
        return cls(partition, order, rank, blocks, tuple(updates), tuple(couplings), single)

    def matrices(self, data: Array) -> list[list[tuple[slice, Any]]]:
        """For each block, what others do to it, from the entries (nnz,) or (nnz, S) of the reduced matrix."""
        return [[(each.beside, each.matrix(data)) for each in row] for row in self.couplings]

    def diagonal(self, model: NonlinearModel) -> Array:
        """The linear conductance that each unknown sees, in the blocks' order, (r, 1) or (r, S)."""
        data, reduction = model.reduced_data, model.reduction
        result = np.zeros((reduction.size, *data.shape[1:]))
        result[self.rank[reduction.columns[reduction.diagonal]]] = data[reduction.diagonal]
        return result if result.ndim > 1 else result[:, None]


@dataclass(frozen=True, eq=False)
class Coupling:
    """What unknowns ``beside`` do to the block ``at``: ``entries`` of the matrix, here at ``rows`` and ``columns``."""

    at: slice
    beside: slice
    entries: Array
    rows: Array
    columns: Array

    @classmethod
    def of(cls, at: slice, beside: slice, rows: Array, columns: Array, entries: Array) -> Coupling:
        """For the matrix's entries of those numbers."""
        return cls(at, beside, entries, rows[entries] - at.start, columns[entries] - beside.start)

    def matrix(self, data: Array) -> Any:
        """Something that multiplies unknowns (n, S), from the entries (nnz,) or (nnz, S) of all."""
        own = data[self.entries]
        shape = self.at.stop - self.at.start, self.beside.stop - self.beside.start
        if data.ndim == 2:
            return BySample(own, self.columns, summing(self.rows, shape[0]))
        if len(own) >= DENSE * shape[0] * shape[1]:
            dense = np.zeros(shape)
            dense[self.rows, self.columns] = own
            return dense
        return sparse.coo_array((own, (self.rows, self.columns)), shape=shape).tocsr()


def _touched(model: NonlinearModel, g: int) -> int:
    """How many unknowns an element of a group touches, at the most."""
    place = np.append(model.reduction.place, -1)[np.asarray(model.circuit.groups[g].index)]
    return max((len(set(row) - {-1}) for row in place.tolist()), default=0)


@dataclass(frozen=True, eq=False)
class BySample:
    """Matrices that differ by sample, as their entries (nnz, S)."""

    entries: Array
    columns: Array
    adder: sparse.csr_array

    def __matmul__(self, y: Array) -> Array:
        return np.asarray(self.adder @ (self.entries * y[self.columns]))

    def taken(self, kept: Array) -> BySample:
        return BySample(self.entries[:, kept], self.columns, self.adder)
