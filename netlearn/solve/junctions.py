"""The equations of networks whose only nonlinear elements are junctions, as the compiled loops take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from netlearn.circuit.devices.base import Array, Device, Values
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.junction import JunctionLaw
from netlearn.solve.system import Model


class Junctions(NamedTuple):
    """Junctions between unknowns ``anode`` and ``cathode`` (m,), n standing for given voltages.

    ``slots`` (m, 4) are the matrix entries that a conductance between them adds to (anode and
    cathode on the diagonal, then the two beside it), -1 for none. The rest, (m,), is a JunctionLaw's.
    """

    anode: Array
    cathode: Array
    slots: Array
    vte: Array
    saturation: Array
    gmin: Array
    breakdown: Array
    breakdown_vte: Array
    critical: Array


class Linear(NamedTuple):
    """The linear part of the matrix: entries ``data`` (nnz,) at ``rows`` and ``columns``."""

    rows: Array
    columns: Array
    data: Array


class Problem(NamedTuple):
    """Samples to solve: their starts ``y`` (S, n), which the solutions overwrite.

    ``drive`` (S, d) is what sources add to the equations ``driven`` (d,), and ``offset`` (S, l)
    what they add to the volts across the junctions ``lifted`` (l,). If the starts are ``cold``,
    junctions begin at no volts.
    """

    cold: bool
    y: Array
    driven: Array
    drive: Array
    lifted: Array
    offset: Array


class Settling(NamedTuple):
    """When Newton's method ends: Tolerances, with the ``floor`` (n,) of each unknown."""

    reltol: float
    floor: Array
    iterations: int
    exact: float
    settled: float


class Balance(NamedTuple):
    """When Kirchhoff's laws hold: as ``balanced`` has it, ``floor`` (n,) and ``row_sums`` (n,) of magnitudes."""

    floor: Array
    share: float
    rounding: float
    row_sums: Array


@dataclass(frozen=True)
class Laws:
    """All junctions of a circuit: their ends among its unknowns (m,), and the ``values`` (m,) by name."""

    anode: Array
    cathode: Array
    values: dict[str, Array]
    data: Array
    """The circuit's linear entries (nnz,), the elements' own linear parts among them."""

    @classmethod
    def of(cls, model: Model) -> Laws | None:
        """None for circuits with other nonlinear elements, or whose junctions or resistors differ by sample."""
        if model.linear_data.ndim > 1 or model.dtype.kind == "c":
            return None
        ends, values, data = [], [], model.linear_data
        for g in model.nonlinear:
            group, topology = model.circuit.groups[g], model.equations.topology
            index = np.asarray(group.index)
            law = _law(group.device, index.shape[1], model.equations.prepared[g])
            if law is None:
                return None
            ends.append(index[:, [law.anode, law.cathode]])
            values.append({name: np.broadcast_to(value, len(index)) for name, value in law.values.items()})
            if index.shape[1] > 2:
                data = data + topology.add_stamps(g, np.broadcast_to(law.linear, (len(index), *law.linear.shape[-2:])))
        together = {name: np.concatenate([each[name] for each in values]) for name in values[0]}
        anode, cathode = np.concatenate(ends).T
        return cls(anode, cathode, together, data)


def _law(device: Device, terminals: int, prepared: Values) -> JunctionLaw | None:
    law = device.junction_law(terminals, prepared) if isinstance(device, Diode) else None
    return law if law is not None and all(np.ndim(value) <= 1 for value in law.values.values()) else None


@dataclass(frozen=True)
class Sources:
    """What the independent sources of all samples do to the equations.

    ``driven`` (d,) are the reduced equations that get ``drive`` (S, d), ``lifted`` (l,) the
    junctions that get ``offset`` (S, l) volts besides those of the reduced unknowns, and ``tree``
    (S, s) are the volts at the reduction's tree nodes.
    """

    driven: Array
    drive: Array
    lifted: Array
    offset: Array
    tree: Array

    @classmethod
    def of(cls, model: Model, laws: Laws, inner: sparse.csc_array, count: int) -> Sources:
        """For ``count`` samples; ``inner`` (N, N) is the linear part without the reduced sources."""
        reduction = model.reduction
        constant = model.constant if model.constant.ndim == 2 else model.constant[:, None]
        tree = reduction.potentials(-constant[reduction.sources])
        moved = (reduction.gather @ inner[:, reduction.tree]).tocsr()
        injected = reduction.gather @ constant
        driven = np.flatnonzero((np.diff(moved.indptr) > 0) | injected.any(axis=1))
        at_tree = np.full(len(reduction.place) + 1, len(tree))
        at_tree[reduction.tree] = np.arange(len(tree))
        anode, cathode = at_tree[laws.anode], at_tree[laws.cathode]
        lifted = np.flatnonzero((anode < len(tree)) | (cathode < len(tree)))
        volts = np.concatenate([tree, np.zeros((1, tree.shape[1]))])
        parts = (moved[driven] @ tree + injected[driven], volts[anode[lifted]] - volts[cathode[lifted]], tree)
        drive, offset, tree = (np.broadcast_to(part.T, (count, len(part))) for part in parts)
        return cls(driven, drive, lifted, offset, tree)


@dataclass(frozen=True)
class Frame:
    """The equations of n unknowns, which are the reduced ones ``members`` (n,)."""

    linear: Linear
    junctions: Junctions
    driven: Array
    members: Array

    @classmethod
    def of(cls, entries: tuple[Array, Array, Array], laws: Laws, driven: Array, members: Array, place: Array) -> Frame:
        """The equations of ``members``.

        In ``entries`` (rows, columns, data), by compressed columns, and in ``driven`` the members
        are numbered as they come among the reduced unknowns; ``place`` (N,) is which of those
        each unknown is.
        """
        (rows, columns, data), size, position = entries, len(members), np.argsort(members)
        number = np.full(place.max(initial=-1) + 2, -1)
        number[members[position]] = np.arange(size)
        number = number[np.append(place, -1)]
        keys = columns.astype(np.int64) * size + rows

        def slot(row: Array, column: Array) -> Array:
            found = np.searchsorted(keys, column.astype(np.int64) * size + row)
            return np.where((row >= 0) & (column >= 0), found, -1)

        a, c, goes = number[laws.anode], number[laws.cathode], np.append(position, size)
        slots = np.stack([slot(a, a), slot(c, c), slot(a, c), slot(c, a)], axis=1)
        values = {name: np.ascontiguousarray(value, dtype=float) for name, value in laws.values.items()}
        linear = Linear(position[rows], position[columns], data)
        return cls(linear, Junctions(goes[a], goes[c], slots, **values), position[driven], members)
