"""Weighted co-content: which circuits energy-based rules are exact on, and what each element's contrast counts.

A nudge moves the state by δ = -J⁻¹ D⁻¹ Mᵀe where the gradient needs the adjoint state λ = -J⁻ᵀ Mᵀe (Director
and Rohrer, IEEE Trans. Circuit Theory 16, 1969). With a diagonal matrix D for which D J is symmetric, λ = D δ:
the equations, each multiplied by its weight, are then the gradient of a function, the weighted co-content.
D is the identity for what is reciprocal (Millar, Phil. Mag. 42, 1951). Bidirectional amplifiers (Kendall and
others, arXiv 2006.01981, 2020), a voltage gain A one way and a current gain 1/A the other, have weights A² at the
input and 1 at the output; gyrators have weights of opposite signs.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.parameters import Parameters
from netlearn.learn.rules.dependence import (
    Entries,
    added_entries,
    dependence,
    one_way_entries,
    reached,
    reciprocal,
    reciprocal_pairs,
    without_sources,
)
from netlearn.learn.rules.source_shifts import SourceShifts
from netlearn.probes.ends import Probes
from netlearn.solve.reduced_states import ReducedStates, whole

SYMMETRIC = 1e-9
"""How far two entries may be from symmetry, relative, and be taken for symmetric: far above float64's rounding, and
from 1e-16 to 1e-2 the verdicts on networks with diodes are the same, with small transconductances and without (n = 5)
(benchmarks/constants_of_rules.py)."""


@dataclass(frozen=True)
class Reciprocity:
    """Weights (N,) of the circuit's equations, that make their Jacobian symmetric.

    Where there are none, they are ones, and ``breaking`` names the elements because of which there are none.
    """

    weights: Array
    breaking: tuple[str, ...] = ()
    sourceless: bool = False
    """Whether it is the equations without voltage sources that are weighted, see SourceShifts."""

    @property
    def exists(self) -> bool:
        """Whether there is a co-content, with or without weights."""
        return not self.breaking

    @property
    def plain(self) -> bool:
        """Whether the co-content needs no weights."""
        return self.exists and bool(np.all(self.weights == 1.0))

    def at_outputs(self, probes: Probes) -> Array:
        """The weights at the probes, (o,)."""
        return np.asarray(self.weights[np.where(probes.plus != GROUND, probes.plus, probes.minus)])


def non_reciprocal(circuit: Circuit) -> list[str]:
    """Names of the elements that have no co-content of their own."""
    groups = (group for g, group in enumerate(circuit.groups) if len(group) and not reciprocal(circuit, g))
    return [name for group in groups for name in group.names]


def reciprocity(
    circuit: Circuit, x: ReducedStates | Array, probes: Probes | None = None, parameters: Parameters | None = None
) -> Reciprocity:
    """The weights at the states ``x`` (S, N), equal for all of them.

    First all of the circuit is asked to be symmetric. Where it is not, and it is known what is probed and trained,
    only that part is that both moves with the nudges and moves the outputs: an amplifier that passes an input on,
    or shows a node without loading it, does no harm.

    Where that fails, too, the circuit is asked without its voltage sources: a transistor whose gate and source stay
    has a co-content of its channel, though it does not have one of its three terminals.

    Weights are scaled to 1 at the outputs where they can be; a probe between nodes of unlike weights has none.
    """
    size = circuit.size
    if not non_reciprocal(circuit):
        return Reciprocity(np.ones(size))
    like = reciprocal_pairs(circuit)
    unlike = one_way_entries(circuit, whole(x))
    merged = _series(circuit, probes, like, unlike)
    everywhere = np.ones(size, dtype=bool)
    found = _weights(circuit, probes, *merged, WeightedPart(everywhere, everywhere, ~everywhere))
    if not found.exists and probes is not None and parameters is not None:
        touched = _touched(circuit, parameters)
        part = _relevant(circuit, probes, touched, like, unlike)
        if part is not None:
            found = _weights(circuit, probes, *merged, part)
        if not found.exists:
            return _without_sources(circuit, probes, parameters, like, unlike)
    return found


def _without_sources(
    circuit: Circuit, probes: Probes, parameters: Parameters, like: tuple[Array, Array], unlike: Entries
) -> Reciprocity:
    """The weights of the equations that are left without the sources that nothing senses, see SourceShifts."""
    shifts, everywhere = SourceShifts.of(circuit, probes, parameters), np.ones(circuit.size, dtype=bool)
    left = shifts.at_probes(probes)
    like, unlike = without_sources(shifts, like, unlike, circuit.size)
    found = _weights(circuit, left, like, unlike, WeightedPart(everywhere, everywhere, ~everywhere), shifts=shifts)
    if not found.exists:
        part = _relevant(circuit, left, _touched(circuit, parameters, shifts), like, unlike)
        if part is not None:
            found = _weights(circuit, left, like, unlike, part, shifts=shifts)
    return Reciprocity(np.append(found.weights, 1.0)[shifts.place], found.breaking, sourceless=True)


@dataclass(frozen=True)
class WeightedPart:
    """Which unknowns move with the nudges, which equations must hold for λ = D δ, and where λ is zero, (N,) each."""

    moving: Array
    needed: Array
    silent: Array


def _series(
    circuit: Circuit, probes: Probes | None, like: tuple[Array, Array], unlike: Entries
) -> tuple[tuple[Array, Array], Entries]:
    """The entries with one current for all voltage sources that are in series, as where F senses a source of 0 V.

    Two branch currents meet at a node that nothing else touches, and no probe. They are one up to a sign, and so
    are the adjoint states of the two equations.
    """
    size = circuit.size
    ends = [np.asarray(group.index)[:, [0, 1, -1]] for group in circuit.groups if group.device.unknowns[-1:] == ("i",)]
    index = np.concatenate([np.zeros((0, 3), dtype=np.intp), *ends])
    nodes, currents, signs = index[:, :2].ravel(), np.repeat(index[:, 2], 2), np.tile([1.0, -1.0], len(index))
    rows, columns = (np.concatenate([a, b]) for a, b in zip(like, (unlike.rows, unlike.columns), strict=True))
    apart = rows != columns
    entries = np.bincount(rows[apart], minlength=size) + np.bincount(columns[apart], minlength=size)
    branches = np.bincount(nodes[nodes != GROUND], minlength=size)
    alone = (branches == 2) & (entries == 4)
    if probes is not None:
        alone[probes.plus[probes.plus != GROUND]] = alone[probes.minus[probes.minus != GROUND]] = False
    meeting = np.flatnonzero((nodes != GROUND) & alone[nodes])
    a, b = meeting[np.argsort(nodes[meeting], kind="stable")].reshape(-1, 2).T
    none = np.zeros(0, dtype=np.intp)
    sign, one = _walk(size, (none, none), (currents[a], currents[b], -signs[b] / signs[a]))
    keys = np.unique(one[like[0]] * size + one[like[1]])
    added = added_entries(
        one[unlike.rows] * size + one[unlike.columns],
        unlike.values * (sign[unlike.rows] * sign[unlike.columns])[:, None],
        size,
    )
    return (keys // size, keys % size), added


def _touched(circuit: Circuit, parameters: Parameters, shifts: SourceShifts | None = None) -> Array:
    """The unknowns in whose equations trained values stand; without sources, ``shifts`` says where theirs do."""
    touched = [np.asarray(circuit.groups[each.column[0]].index)[each.elements].ravel() for each in parameters.bindings]
    if shifts is None:
        found = np.unique(np.concatenate(touched))
    else:
        whole = np.concatenate([*touched, shifts.neighbours(circuit)])
        found = np.unique(shifts.at(whole))
    return np.asarray(found[found != GROUND])


def _relevant(
    circuit: Circuit, probes: Probes, touched: Array, like: tuple[Array, Array], unlike: Entries
) -> WeightedPart | None:
    """What :func:`_part` finds, which follows from where the entries are."""
    places = (*like, unlike.rows, unlike.columns, touched, probes.plus, probes.minus)
    key = (_part, *(each.tobytes() for each in places))
    return circuit.wiring.once(key, lambda: _part(circuit.size, probes, touched, like, unlike))


def _part(size: int, probes: Probes, touched: Array, like: tuple[Array, Array], unlike: Entries) -> WeightedPart | None:
    """The part of the circuit that must be symmetric; None where the equations cannot be matched to the unknowns.

    λ is zero in equations whose unknown moves no output, and of the others those matter that a trained value enters
    (``touched``), and those that they depend on in turn.
    """
    found = dependence(size, probes, like, unlike)
    if found is None:
        return None
    heard, match = found.moving_outputs, found.match
    touched = match[touched]
    inside = sparse.diags_array(heard.astype(float), format="csr")
    needed = reached((inside @ found.depends @ inside).tocsr(), touched[heard[touched]])
    return WeightedPart(found.moving, needed, ~heard[match])


def _weights(
    circuit: Circuit,
    probes: Probes | None,
    like: tuple[Array, Array],
    unlike: Entries,
    part: WeightedPart,
    *,
    shifts: SourceShifts | None = None,
) -> Reciprocity:
    """d with d_r J_rc = d_c J_cr where r moves and c is needed; d = 0 where λ is known to be zero.

    Entries are those of the equations without sources where ``shifts`` says where they have gone.
    """
    size, moving, needed = circuit.size, part.moving, part.needed
    dead = part.silent & moving
    rows, columns = like
    apart = rows != columns
    asked = moving[rows] & needed[columns] & apart
    rows, columns = rows[asked], columns[asked]
    # Both entries of such a pair are there, so that one weight of zero makes the other zero, too.
    wrong = dead[rows] != dead[columns]
    if wrong.any():
        return _none(circuit, _elements(circuit, rows[wrong], columns[wrong], shifts))
    r, c = _pairs(unlike, size)
    asked = moving[r] & needed[c]
    r, c = r[asked], c[asked]
    there, back = (
        np.where(dead[first][:, None], 0.0, unlike.at(first, second, size)) for first, second in ((r, c), (c, r))
    )
    # An entry that is not finite, as the slope of a root at zero, is like no other.
    one_way = (((there == 0) != (back == 0)) | ~np.isfinite(there) | ~np.isfinite(back)).any(axis=1)
    if one_way.any():
        return _none(circuit, _elements(circuit, r[one_way], c[one_way], shifts))
    coupled = (there != 0).any(axis=1)
    r, c, there, back = r[coupled], c[coupled], there[coupled], back[coupled]
    first = np.argmax(there != 0, axis=1)[:, None]
    ratio = np.take_along_axis(back, first, 1)[:, 0] / np.take_along_axis(there, first, 1)[:, 0]
    weights, tree = _walk(size, (rows, columns), (r, c, ratio))
    left, right = weights[r][:, None] * there, weights[c][:, None] * back
    unlike_pair = (np.abs(left - right) > SYMMETRIC * (np.abs(left) + np.abs(right))).any(axis=1)
    # Gains that multiply along a path may leave what a float64 holds.
    lost = ~np.isfinite(weights) | (weights == 0)
    unlike_pair |= lost[r] | lost[c]
    if unlike_pair.any():
        return _none(circuit, _elements(circuit, r[unlike_pair], c[unlike_pair], shifts))
    if probes is not None:
        weights = _scaled(weights, tree, probes)
        ends = np.stack([probes.plus, probes.minus])
        across = (ends != GROUND).all(axis=0)
        if np.any(
            np.abs(weights[ends[0, across]] - weights[ends[1, across]]) > SYMMETRIC * np.abs(weights[ends[0, across]])
        ):
            return _none(circuit, tuple(non_reciprocal(circuit)))
    weights[dead] = 0.0
    return Reciprocity(weights)


def _none(circuit: Circuit, breaking: tuple[str, ...]) -> Reciprocity:
    return Reciprocity(np.ones(circuit.size), breaking)


def _pairs(unlike: Entries, size: int) -> tuple[Array, Array]:
    """Both orders of every two unknowns between which there is an entry."""
    apart = unlike.rows != unlike.columns
    r, c = unlike.rows[apart], unlike.columns[apart]
    keys = np.unique(np.concatenate([r * size + c, c * size + r]))
    return keys // size, keys % size


def _walk(size: int, like: tuple[Array, Array], ratios: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    """d (N,) with d_r / d_c as asked along a spanning forest, and the tree that each belongs to.

    Equal ones are made one first, so that the walk goes over the others only.
    """
    same = sparse.coo_array((np.ones(len(like[0])), like), shape=(size, size))
    count, label = connected_components(same, directed=False)
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for a, b, ratio in zip(label[ratios[0]].tolist(), label[ratios[1]].tolist(), ratios[2].tolist(), strict=True):
        neighbours[b].append((a, ratio))
        neighbours[a].append((b, 1.0 / ratio))
    weight, tree = np.ones(count), np.arange(count)
    seen: set[int] = set()
    for root in list(neighbours):
        queue = deque([root] if root not in seen else ())
        seen.add(root)
        while queue:
            at = queue.popleft()
            for other, ratio in neighbours[at]:
                if other not in seen:
                    seen.add(other)
                    weight[other], tree[other] = weight[at] * ratio, root
                    queue.append(other)
    return weight[label], tree[label]


def _scaled(weights: Array, part: Array, probes: Probes) -> Array:
    """Every part that holds an output scaled to 1 at the first one."""
    scale: dict[int, float] = {}
    for plus, minus in zip(probes.plus.tolist(), probes.minus.tolist(), strict=True):
        end = plus if plus != GROUND else minus
        scale.setdefault(int(part[end]), float(weights[end]))
    factor = np.ones(int(part.max(initial=0)) + 1)
    factor[list(scale)] = [1.0 / each for each in scale.values()]
    return np.asarray(weights * factor[part])


def _elements(circuit: Circuit, rows: Array, columns: Array, shifts: SourceShifts | None) -> tuple[str, ...]:
    """The elements that are not reciprocal and touch both unknowns of the first pair; all of them where none does."""
    found = []
    for g, group in enumerate(circuit.groups):
        if len(group) and not reciprocal(circuit, g):
            index = np.asarray(group.index) if shifts is None else shifts.at(np.asarray(group.index))
            both = (index == rows[0]).any(axis=1) & (index == columns[0]).any(axis=1)
            found += [group.names[int(k)] for k in np.flatnonzero(both)]
    return tuple(found or non_reciprocal(circuit))
