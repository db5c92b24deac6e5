"""The equations of networks whose only nonlinear elements are junctions, as the compiled loops take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.junction import JunctionLaw
from netlearn.solve.compiled.arguments import Junctions, Linear
from netlearn.solve.newton.system import NonlinearModel


@dataclass(frozen=True)
class Laws:
    """All junctions of a circuit: their ends among its unknowns (m,), and the ``values`` (m,) by name."""

    anode: Array
    cathode: Array
    values: dict[str, Array]
    data: Array
    """The circuit's linear entries (nnz,), the elements' own linear parts among them."""

    @classmethod
    def of(cls, model: NonlinearModel) -> Laws | None:
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
            zero = np.zeros(len(index))
            values.append({name: zero + value for name, value in law.values.items()})
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
    def of(cls, model: NonlinearModel, laws: Laws, count: int) -> Sources:
        """For ``count`` samples."""
        reduction = model.reduction
        constant = model.constant if model.constant.ndim == 2 else model.constant[:, None]
        tree = reduction.potentials(-constant[reduction.sources])
        reached, columns = reduction.tree_columns(laws.data)
        injected = model.driven[reduction.place[model.driven] >= 0]
        driven = np.union1d(reached, reduction.place[injected])
        drive = np.zeros((len(driven), constant.shape[1]))
        drive[np.searchsorted(driven, reached)] = columns @ tree
        np.add.at(drive, np.searchsorted(driven, reduction.place[injected]), constant[injected])
        anode, cathode = reduction.at_tree[laws.anode], reduction.at_tree[laws.cathode]
        lifted = np.flatnonzero((anode >= 0) | (cathode >= 0))
        volts = np.concatenate([tree, np.zeros((1, tree.shape[1]))])
        offset = volts[anode[lifted]] - volts[cathode[lifted]]
        drive, offset, tree = drive.T, offset.T, tree.T
        if len(tree) != count:
            drive, offset, tree = (np.broadcast_to(part, (count, part.shape[1])) for part in (drive, offset, tree))
        return cls(driven, drive, lifted, offset, tree)


@dataclass(frozen=True)
class Frame:
    """Where the equations of n unknowns stand, which are the reduced ones ``members`` (n,).

    ``position`` (n,) is where each of them, as they come among the reduced ones, stands here.
    """

    members: Array
    position: Array
    rows: Array
    columns: Array
    anode: Array
    cathode: Array
    slots: Array

    @classmethod
    def of(cls, entries: tuple[Array, Array], ends: tuple[Array, Array], members: Array, place: Array) -> Frame:
        """From ``entries`` (rows, columns), by compressed columns, that number the members as they come.

        ``ends`` are the junctions' anodes and cathodes (m,), and ``place`` (N,) is which reduced
        unknown each unknown is.
        """
        (rows, columns), size, position = entries, len(members), np.argsort(members)
        number = np.full(place.max(initial=-1) + 2, -1)
        number[members[position]] = np.arange(size)
        number = number[np.append(place, -1)]
        keys = columns.astype(np.int64) * size + rows

        def slot(row: Array, column: Array) -> Array:
            found = np.searchsorted(keys, column.astype(np.int64) * size + row)
            return np.where((row >= 0) & (column >= 0), found, -1)

        a, c, goes = number[ends[0]], number[ends[1]], np.append(position, size)
        slots = np.stack([slot(a, a), slot(c, c), slot(a, c), slot(c, a)], axis=1)
        return cls(members, position, position[rows], position[columns], goes[a], goes[c], slots)

    def linear(self, data: Array) -> Linear:
        """The linear part with these entries."""
        return Linear(self.rows, self.columns, data)

    def junctions(self, laws: Laws) -> Junctions:
        """The junctions with their laws."""
        return Junctions(self.anode, self.cathode, self.slots, **laws.values)
