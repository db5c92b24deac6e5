"""What the Jacobian has at tree nodes, at which the currents of eliminated sources are solved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.solve.equations.assembly import MatrixTopology
from netlearn.solve.equations.extract import Extract


@dataclass(frozen=True, eq=False)
class TreeCoupling:
    """The rows and columns of tree nodes in a Jacobian J.

    ``tree`` (N + 1,) is the number of each unknown among the tree nodes, -1 for others and, last, for ground;
    ``place`` (N,), ``inner`` (nnz,) and ``size`` are those of ``SourceReduction``, and J is ``symmetric`` or not.
    """

    topology: MatrixTopology
    place: Array
    tree: Array
    inner: Array
    size: int
    symmetric: bool

    @cached_property
    def count(self) -> int:
        """How many tree nodes there are."""
        return int(self.tree.max(initial=-1)) + 1

    def at_tree(self, data: Array, x: Array, *, transpose: bool = False, place: Array | None = None) -> Array:
        """J x, or with ``transpose`` Jᵀ x, at the tree nodes, (s, S), for x (S, N).

        ``data`` (nnz,) or (nnz, S) are J's entries; the eliminated sources' currents have no part in it. ``place`` (N,)
        says where in ``x`` the unknowns stand that are ``reached``, if these alone are there.
        """
        total = np.zeros((self.count, len(x)), np.result_type(data, x))
        for part in self._transposed_rows if transpose else self._rows:
            if len(part.entries):
                total += part.product(data, x[:, part.reached if place is None else place[part.reached]].T)
        return total

    @property
    def reached(self) -> Array:
        """The unknowns that tree nodes' equations have entries of."""
        return np.concatenate([part.reached for part in self._rows])

    @cached_property
    def entries(self) -> tuple[Array, Array, Array]:
        """The entries of J in all rows of tree nodes, one row after another.

        First where in ``data`` they are, then the columns that they stand in, and where each row begins, (s + 1,).
        """
        both = ((part.rows, part.reached[part.columns], part.entries) for part in self._rows)
        rows, columns, entries = (np.concatenate(parts) for parts in zip(*both, strict=True))
        order = np.argsort(rows, kind="stable")
        return entries[order], columns[order], np.searchsorted(rows[order], np.arange(self.count + 1))

    def from_tree(self, data: Array, volts: Array, *, transpose: bool = False) -> tuple[Array, Array]:
        """What the tree nodes' voltages ``volts`` (s, S) do to Zᵀ J: those equations (d,), and the sums (d, S).

        With ``transpose`` to Zᵀ Jᵀ.
        """
        equations, sums = self._driven_transposed if transpose else self._driven
        parts = self._rows if transpose else self._transposed_rows
        matrices = [part.matrix(data) for part in parts] if data.ndim == 1 else []
        for before, known, result in self._last_driven if matrices else []:
            # All states of a training step have the same inputs.
            same = all(a is b for a, b in zip(before, matrices, strict=True)) and known.dtype == volts.dtype
            if same and np.array_equal(known, volts):
                return equations, result
        result = np.zeros((len(equations), volts.shape[1]), np.result_type(data, volts))
        for add, part in zip(sums, parts, strict=True):
            if add.nnz:
                result += add @ part.product(data, volts, transpose=True)
        if matrices:
            self._last_driven[:] = [(matrices, volts, result)]
        return equations, result

    @cached_property
    def _last_driven(self) -> list[tuple[list[Any], Array, Array]]:
        return []

    @cached_property
    def _driven(self) -> tuple[Array, list[sparse.csc_array]]:
        return self._sums(self._transposed_rows)

    @cached_property
    def _driven_transposed(self) -> tuple[Array, list[sparse.csc_array]]:
        return self._driven if self.symmetric else self._sums(self._rows)

    def _sums(self, parts: tuple[Extract, Extract]) -> tuple[Array, list[sparse.csc_array]]:
        """The reduced equations that tree nodes have a part in, and matrices that sum up what all equations get."""
        places = [self.place[part.reached] for part in parts]
        found = np.concatenate(places)
        equations = np.flatnonzero(np.bincount(found[found >= 0], minlength=self.size))
        sums = []
        for place in places:
            kept = place >= 0
            rows, pointers = np.searchsorted(equations, place[kept]), np.append(0, np.cumsum(kept))
            entries = np.ones(len(rows)), rows, pointers
            sums.append(sparse.csc_array(entries, shape=(len(equations), len(place))))
        return equations, sums

    @cached_property
    def _rows(self) -> tuple[Extract, Extract]:
        return self._extracts(self.topology.rows, self.topology.columns)

    @cached_property
    def _transposed_rows(self) -> tuple[Extract, Extract]:
        return self._rows if self.symmetric else self._extracts(self.topology.columns, self.topology.rows)

    def _extracts(self, rows: Array, columns: Array) -> tuple[Extract, Extract]:
        """Rows at tree nodes, in two parts: what other nodes do there, which may be much, and tree nodes themselves."""
        row, own = self.tree[rows], self.tree[columns] >= 0
        others, among = (
            Extract.of(entries, row[entries], columns[entries], self.count)
            for entries in (np.flatnonzero((row >= 0) & self.inner & which) for which in (~own, own))
        )
        return others, among
