"""The adjoint network as a circuit: elements that, at an operating point, have the transposed Jacobian.

Director and Rohrer (IEEE Trans. Circuit Theory 16, 1969): resistors stay, transconductances change places with
their controls, an E becomes an F and an F an E, an H senses where it drove and drives where it sensed, and of
nonlinear elements the derivatives remain. Branches keep their sources, with their ends where they were; what the
transposed equation of a branch holds beside its own voltage stands in series with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.linear import (
    CCCS,
    CCVS,
    CURRENT_SOURCE,
    VCCS,
    VCVS,
    VOLTAGE_SOURCE,
    CurrentSource,
    Resistor,
    Vccs,
    VoltageSource,
)
from netlearn.circuit.wiring import Wiring
from netlearn.solve.equations.assembly import Equations, with_ground
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Transposed:
    """A circuit, and where the unknowns of the one that it was made from stand in it, (N,)."""

    circuit: Circuit
    unknowns: Array

    def at(self, numbers: Array) -> Array:
        """Where unknowns stand, GROUND staying what it is."""
        return np.where(numbers == GROUND, GROUND, self.unknowns[numbers])


def adjoint_circuit(point: OperatingPoint) -> Transposed:
    """The linear circuit with the equations Jᵀλ = 0 at each sample of ``point``; sources are to drive it.

    Volts stand for the adjoint state of Kirchhoff's current laws, amperes for that of branch equations.
    """
    return _transposed(point, keep=False)


def corrected_circuit(point: OperatingPoint) -> Transposed:
    """The circuit itself, with Jᵀ in place of J around ``point``: F(x) + (Jᵀ - J)(x - x₀) for what is not reciprocal.

    The operating point is one of this circuit, too. Reciprocal elements and transistors stay as they are, and the
    latter get transconductances beside them; controlled sources hold what they gave at the operating point, and
    pass on the other way what moves.
    """
    return _transposed(point, keep=True)


def _transposed(point: OperatingPoint, *, keep: bool) -> Transposed:
    circuit, x = point.circuit, np.asarray(point.x)
    equations, padded = Equations.of(circuit), with_ground(x)
    couplings: dict[int, Array] = {}
    offset = np.zeros((circuit.size, len(x)))
    for g, group in enumerate(circuit.groups):
        if not _treated(group, keep=keep):
            continue
        linear = group.device.linear
        at = np.zeros((1, *np.shape(group.index))) if linear else equations.at(g, padded)
        block = np.asarray(group.device.jacobian(at, equations.prepared[g]))
        block = block.reshape(-1, *block.shape[-3:])
        beside = keep and _stays(circuit, group)
        couplings[g] = np.swapaxes(block, -1, -2) - (block if beside else 0.0)
        if keep:
            # Constants by which the equations hold at the operating point as they did.
            there = equations.at(g, padded)
            rest = -np.einsum("...tu,...u->...t", couplings[g], there)
            if not beside:
                rest = rest + group.device.residual(there, equations.prepared[g])
            offset += equations.topology.add_currents(g, rest)
    plan = _plan(circuit, couplings, keep=keep)
    return Transposed(plan.circuit(circuit, couplings, offset.T, keep=keep), plan.unknowns)


def _treated(group: Group, *, keep: bool) -> bool:
    """Whether a group's equations are transposed."""
    if not len(group) or isinstance(group.device, VoltageSource | CurrentSource | Resistor):
        return False
    return not group.device.reciprocal or not keep


def _stays(circuit: Circuit, group: Group) -> bool:
    """Whether a group can stay beside its correction: it is nonlinear and touches no branch current."""
    return not group.device.linear and bool(np.all(np.asarray(group.index) < len(circuit.nodes)))


@dataclass(frozen=True)
class _Couplings:
    """Elements of one kind, from one unknown each to one equation: ``index`` (E, T).

    Their values are the ``sign`` times entries ``row``, ``column`` of the groups ``group``, at elements ``element``.
    """

    device: Device
    names: Sequence[str]
    index: Array
    places: Sequence[tuple[int, Array, int, int]]
    sign: float

    def group(self, couplings: Mapping[int, Array]) -> Group:
        """The elements with their values."""
        values = [self.sign * couplings[g][:, elements, row, column] for g, elements, row, column in self.places]
        samples = max(len(each) for each in values)
        gain = np.concatenate([np.broadcast_to(each, (samples, each.shape[1])) for each in values], axis=1)
        return Group(self.device, self.names, self.index, {"gain": gain if samples > 1 else gain[0]})


@dataclass
class _Plan:
    """What of a transposed circuit depends on connections only.

    ``kept`` (g, index) are the groups that stay, ``sources`` (m, 3) the ends of all branches' sources,
    ``shifted`` the nodes into which constants flow, and ``wiring`` that of all circuits made, once there is one.
    """

    nodes: Sequence[str]
    branches: Sequence[str]
    unknowns: Array
    kept: Sequence[tuple[int, Array]]
    couplings: Sequence[_Couplings]
    sources: Array
    shifted: Array
    shifts: tuple[Sequence[str], Array]
    driven: Sequence[str]
    wiring: Wiring | None = None

    def circuit(self, original: Circuit, couplings: Mapping[int, Array], offset: Array, *, keep: bool) -> Circuit:
        """The circuit at values: ``couplings`` (S, k, T, T) by group and ``offset`` (S, N)."""
        n, m = len(original.nodes), len(original.branches)
        groups = [Group(old.device, old.names, index, old.values) for old, index in self._kept(original)]
        groups += [each.group(couplings) for each in self.couplings]
        dc = np.zeros((len(offset), m))
        if keep:
            for group in original.groups:
                if isinstance(group.device, VoltageSource):
                    dc[:, np.asarray(group.index)[:, 2] - n] = group.values["dc"]
            dc -= offset[:, n:]
            groups.append(Group(CURRENT_SOURCE, *self.shifts, {"dc": offset[:, self.shifted]}))
        groups.append(Group(VOLTAGE_SOURCE, self.driven, self.sources, {"dc": dc}))
        result = Circuit(
            self.nodes,
            self.branches,
            tuple(groups),
            original.environment,
            original.nodeset,
            original.options,
            wiring=self.wiring,  # type: ignore[arg-type]
        )
        self.wiring = result.wiring
        return result

    def _kept(self, original: Circuit) -> Iterator[tuple[Group, Array]]:
        return ((original.groups[g], index) for g, index in self.kept)


def _plan(circuit: Circuit, couplings: Mapping[int, Array], *, keep: bool) -> _Plan:
    """The plan for a circuit; the same object again for the same one with other values."""
    used = {g: _used(circuit.groups[g].device, each) for g, each in couplings.items()}
    return circuit.wiring.once((_Plan, keep, str(used)), lambda: _planned(circuit, used, keep=keep))


def _used(device: Device, coupling: Array) -> list[tuple[int, int]]:
    """Places (row, column) at which any element has an entry, without those of a branch's own source."""
    some = (coupling != 0).any(axis=(0, 1))
    if device.unknowns[-1] == "i":
        some[-1, :2] = some[:2, -1] = False
    return [(int(row), int(column)) for row, column in np.argwhere(some)]


def _planned(circuit: Circuit, used: Mapping[int, list[tuple[int, int]]], *, keep: bool) -> _Plan:
    n, m = len(circuit.nodes), len(circuit.branches)
    parts: dict[str, list[tuple[list[str], Array, tuple[int, Array, int, int]]]] = {}
    for g, places in used.items():
        group = circuit.groups[g]
        index, names, every = np.asarray(group.index), list(group.names), np.arange(len(group))
        if isinstance(group.device, Vccs):
            parts.setdefault(VCCS.name, []).append((names, index[:, [2, 3, 0, 1]], (g, every, 2, 0)))
            continue
        if index.shape[1] == 2 and not keep:
            parts.setdefault(VCCS.name, []).append((names, index[:, [0, 1, 0, 1]], (g, every, 0, 0)))
            continue
        for row, column in places:
            for device, inside, ends in _kinds(n, index[:, row], index[:, column]):
                words = [f"{names[k]}_{group.device.unknowns[row]}_{group.device.unknowns[column]}" for k in inside]
                parts.setdefault(device.name, []).append((words, ends, (g, inside, row, column)))
    made = []
    new_nodes: list[str] = []
    new_branches: list[str] = []
    sources = _sources(circuit)
    for device in (VCCS, CCCS, VCVS, CCVS):
        several = parts.get(device.name, [])
        if not several:
            continue
        in_series = device in (VCVS, CCVS)
        words = [word for names, _, _ in several for word in names]
        index = np.concatenate([ends for _, ends, _ in several])
        if in_series:
            index = index.copy()
            for e, branch in enumerate(index[:, 0] - n):
                # The source of the branch ends at a new node, and what is in series goes on to where it ended.
                node = -2 - len(new_nodes)
                index[e, :2], sources[branch, 1] = (node, sources[branch, 1]), node
                index[e, -1] = circuit.size + len(new_branches)
                new_nodes.append(f"{words[e]}_in")
                new_branches.append(words[e])
        made.append((device, words, index, [place for _, _, place in several], -1.0 if in_series else 1.0))

    def renumbered(index: Array) -> Array:
        moved = np.where(index >= n, index + len(new_nodes), index)
        return np.where(index < GROUND, n - 2 - index, moved)

    kept = [
        (g, renumbered(np.asarray(group.index)))
        for g, group in enumerate(circuit.groups)
        if len(group) and not isinstance(group.device, VoltageSource) and _remains(circuit, group, keep=keep)
    ]
    touched = np.unique(np.concatenate([np.zeros(0, int), *(np.ravel(circuit.groups[g].index) for g in used)]))
    shifted = touched[(touched != GROUND) & (touched < n)]
    return _Plan(
        nodes=[*circuit.nodes, *new_nodes],
        branches=[*circuit.branches, *new_branches],
        unknowns=np.concatenate([np.arange(n), n + len(new_nodes) + np.arange(m)]),
        kept=kept,
        couplings=[
            _Couplings(device, words, renumbered(index), places, sign) for device, words, index, places, sign in made
        ],
        sources=renumbered(sources),
        shifted=shifted,
        shifts=(
            [f"{circuit.nodes[node]}_held" for node in shifted],
            np.stack([shifted, np.full(len(shifted), GROUND)], axis=1),
        ),
        driven=list(circuit.branches),
    )


def _remains(circuit: Circuit, group: Group, *, keep: bool) -> bool:
    """Whether a group is in the transposed circuit as it is."""
    return not _treated(group, keep=keep) or _stays(circuit, group) if keep else isinstance(group.device, Resistor)


def _kinds(n: int, rows: Array, columns: Array) -> Iterator[tuple[Device, Array, Array]]:
    """The devices for entries at equations ``rows`` of unknowns ``columns``: which of them, and their ends."""
    ground = np.full(len(rows), GROUND)
    inside = (rows != GROUND) & (columns != GROUND)
    for device, chosen, ends in (
        (VCCS, (rows < n) & (columns < n), (rows, ground, columns, ground)),
        (CCCS, (rows < n) & (columns >= n), (rows, ground, columns)),
        (VCVS, (rows >= n) & (columns < n), (rows, ground, columns, ground, ground)),
        (CCVS, (rows >= n) & (columns >= n), (rows, ground, columns, ground)),
    ):
        places = np.flatnonzero(inside & chosen)
        if len(places):
            yield device, places, np.stack(ends, axis=1)[places]


def _sources(circuit: Circuit) -> Array:
    """Ends and current (m, 3) of the source that stands in each branch."""
    result = np.zeros((len(circuit.branches), 3), dtype=np.intp)
    for group in circuit.groups:
        if group.device.unknowns[-1:] == ("i",) and len(group):
            index = np.asarray(group.index)
            result[index[:, -1] - len(circuit.nodes)] = index[:, [0, 1, -1]]
    return result
