"""Whether controlled sources among resistors and diodes may hold a circuit in one of several states.

Resistors and diodes whose currents rise with their voltages have one state: their co-content is convex (Millar, Phil.
Mag. 42, 1951). It is one still where controlled sources pass on what such a region of nodes does to others that never
act back, or act back as bidirectional amplifiers do (Kendall and others, arXiv 2006.01981, 2020), a voltage gain A one
way and a current gain g the other: A/g of the co-content at the input and 1 at the output make a convex sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.devices.linear import Cccs, Ccvs, CurrentSource, Resistor, Vccs, Vcvs, VoltageSource, Winding
from netlearn.circuit.wiring import Wiring

SAME = 1e-9
"""How far apart, relative, weights by two ways may be and be the same: by convention far above float64's rounding."""
CONTROLS: dict[type[Device], tuple[int, ...]] = {Vccs: (2, 3), Vcvs: (2, 3), Cccs: (2,), Ccvs: (2,)}
"""Which of its unknowns a controlled source is controlled by, by definition; it acts on the first two."""
JOINED: dict[type[Device], tuple[int, ...]] = {
    **{Resistor: (0, 1), Diode: (0, 1, -1), IdealDiode: (0, 1), VoltageSource: (0, 1, 2)},
    **{Winding: (0, 1, 2), Vcvs: (0, 1, 4), Ccvs: (0, 1, 3)},
}
"""Which of an element's unknowns are of one region, by definition; those of the others, sources of current, are not."""


@dataclass(frozen=True, eq=False)
class Amplifiers:
    """Pairs (k,) of a voltage source, ``forward`` among all Vcvs, and one of current, ``back`` among all Cccs.

    The latter acts where the former is controlled, and by its current, with this ``sign`` (k,). In front of them are
    the regions ``before`` (m,) and behind them ``after`` (m,), by their number among the ``pairs`` (m,). With ``loops``
    something else acts back.
    """

    forward: Array
    back: Array
    sign: Array
    pairs: Array
    before: Array
    after: Array
    loops: bool

    @classmethod
    def of(cls, wiring: Wiring, held: Array) -> Amplifiers:
        """For a circuit in which sources hold the unknowns that are ``held`` (N,)."""
        voltage, current = _all(wiring, Vcvs), _all(wiring, Cccs)
        forward, back, sign = _matched(voltage, current)
        free, ends = _free(wiring, held), np.concatenate([np.zeros((0, 2), np.int64), *_edges(wiring)])
        region, count = _components(len(held), ends[free[ends].all(axis=1)])
        # A current is of its source's region; the nodes of a control may be of two.
        control = voltage[forward][:, [2, 3]]
        pairs, side = np.nonzero(free[control])
        before, after = region[control[pairs, side]], region[voltage[forward[pairs], 4]]
        whole, count = _components(count, np.stack([before, after], axis=1))
        acts = np.concatenate([np.zeros((0, 2), np.int64), *_acts(wiring, {Vcvs: forward, Cccs: back})])
        acts = whole[region[acts[free[acts].all(axis=1)]]]
        strong, _ = connected_components(_graph(count, acts), connection="strong")
        return cls(
            forward, back, sign, pairs, before, after, bool(int(strong) < count or (acts[:, 0] == acts[:, 1]).any())
        )

    def act_back(self, circuit: Circuit) -> bool:
        """Whether they may hold the circuit in a state, with its values."""
        if self.loops or not len(self.sign):
            return self.loops
        with np.errstate(all="ignore"):
            gains = _gains(circuit, Vcvs)[..., self.forward], _gains(circuit, Cccs)[..., self.back]
            weights = np.atleast_2d(self.sign * gains[0] / gains[1])
        if not (weights == weights[:1]).all():
            return True
        return not circuit.wiring.once((Amplifiers, weights[0].tobytes()), lambda: self._weighted(weights[0]))

    def _weighted(self, weights: Array) -> bool:
        """Whether regions have weights (above zero), those before pairs ``weights`` (k,) times those after them."""
        if not ((weights > 0) & np.isfinite(weights)).all():
            return False
        edges = list(zip(self.before.tolist(), self.after.tolist(), np.log(weights[self.pairs]).tolist(), strict=True))
        found, beside = dict[int, float](), defaultdict[int, list[tuple[int, float]]](list)
        for before, after, log in edges:
            beside[after].append((before, log))
            beside[before].append((after, -log))
        for root in beside:
            queue = [] if root in found else [root]
            found.setdefault(root, 0.0)
            while queue:
                at = queue.pop()
                new = {other: found[at] + log for other, log in beside[at] if other not in found}
                found.update(new)
                queue += new
        return all(abs(found[before] - found[after] - log) <= SAME for before, after, log in edges)


def may_regenerate(circuit: Circuit, held: Array) -> bool:
    """Whether a circuit of linear elements and diodes may have several states, for all that is known.

    Sources hold the unknowns that are ``held`` (N,).
    """
    wiring = circuit.wiring
    if not wiring.once(may_regenerate, lambda: _simple(wiring)):
        return True
    if any((np.asarray(g.values["resistance"]) <= 0).any() for g in circuit.groups if type(g.device) is Resistor):
        return True
    return wiring.once((Amplifiers, held.tobytes()), lambda: Amplifiers.of(wiring, held)).act_back(circuit)


def _all(wiring: Wiring, kind: type[Device]) -> Array:
    """The unknowns (k, T) of all elements of a kind."""
    indices = zip(wiring.devices, wiring.indices, strict=True)
    none = np.zeros((0, {Vcvs: 5, Cccs: 3}[kind]), np.int64)
    return np.concatenate([none, *(np.asarray(index) for device, index in indices if type(device) is kind)])


def _gains(circuit: Circuit, kind: type[Device]) -> Array:
    """The gains (k,) or (S, k) of all elements of a kind."""
    groups = [group for group in circuit.groups if type(group.device) is kind]
    gains = [np.asarray(group.values["gain"]) + np.zeros(len(group)) for group in groups]
    samples = np.broadcast_shapes(*(gain.shape[:-1] for gain in gains))
    return np.concatenate([np.broadcast_to(gain, (*samples, gain.shape[-1])) for gain in gains], axis=-1)


def _edges(wiring: Wiring) -> Iterator[Array]:
    """Unknowns (k, 2) that are of one region."""
    for device, index in zip(wiring.devices, wiring.indices, strict=True):
        joined = JOINED.get(type(device), ())
        for other in joined[1:]:
            yield np.asarray(index)[:, [joined[0], other]]
        if len(joined) > 2:
            # Where the first node is held or ground.
            yield np.asarray(index)[:, [joined[1], joined[2]]]


def _acts(wiring: Wiring, paired: dict[type[Device], Array]) -> Iterator[Array]:
    """From which unknown to which (k, 2) controlled sources act that are no amplifiers' forward or back."""
    passed = dict.fromkeys(paired, 0)
    for device, index in zip(wiring.devices, wiring.indices, strict=True):
        kind, one_way = type(device), np.asarray(index)
        if kind in paired:
            number = passed[kind] + np.arange(len(one_way))
            passed[kind] += len(one_way)
            one_way = one_way[~np.isin(number, paired[kind])]
        for control in CONTROLS.get(kind, ()):
            for node in (0, 1):
                yield one_way[:, [control, node]]


def _free(wiring: Wiring, held: Array) -> Array:
    """Which unknowns (N + 1,) elements can move, or of which the current is a control; ground, the last, is not."""
    free, sensed = np.append(~held, False), np.zeros(len(held) + 1, bool)
    for device, index in zip(wiring.devices, wiring.indices, strict=True):
        if type(device) in (Cccs, Ccvs):
            sensed[np.asarray(index)[:, 2]] = True
    free |= sensed
    for device, index in zip(wiring.devices, wiring.indices, strict=True):
        if type(device) is VoltageSource:
            # What it supplies has a part in its current.
            free[np.asarray(index)[sensed[np.asarray(index)[:, 2]]]] = True
    free[GROUND] = False
    return free


def _matched(voltage: Array, current: Array) -> tuple[Array, Array, Array]:
    """The pairs (k,) of amplifiers by the numbers of their sources, and the signs of the currents."""
    by_current = {branch: k for k, branch in enumerate(voltage[:, 4].tolist())}
    found: dict[int, tuple[int, float]] = {}
    for k, (p, n, branch) in enumerate(current.tolist()):
        at = by_current.get(branch)
        if at is not None and at not in found:
            controls = voltage[at, 2:4].tolist()
            if controls in ([n, p], [p, n]):
                found[at] = k, 1.0 if controls == [n, p] else -1.0
    return (
        np.array(list(found), np.int64),
        np.array([k for k, _ in found.values()], np.int64),
        np.array([sign for _, sign in found.values()]),
    )


def _graph(size: int, edges: Array) -> sparse.coo_array:
    return sparse.coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))


def _components(size: int, edges: Array) -> tuple[Array, int]:
    """The part of a graph that each of its nodes is in, and how many there are."""
    count, label = connected_components(_graph(size, edges), directed=False)
    return label, int(count)


def _simple(wiring: Wiring) -> bool:
    """Whether there are no elements but those that regions are made of, and controlled sources."""
    known = (*JOINED, *CONTROLS, CurrentSource)
    return all(
        type(device) in known for device, index in zip(wiring.devices, wiring.indices, strict=True) if len(index)
    )
