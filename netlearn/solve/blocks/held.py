"""Voltage-controlled sources that only pass on what independent sources hold, as sources of the voltage they have.

A network that takes its inputs upright and inverted has such sources, ``E1 xn 0 x 0 -1``. With their voltages
known, what is left has the symmetry of its resistors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.linear import VCVS, VOLTAGE_SOURCE, Vcvs, VoltageSource
from netlearn.circuit.wiring import Wiring


@dataclass(frozen=True)
class _Level:
    """Sources of one group whose voltage at ``known`` nodes gives that at the ``found`` ones, all (k,)."""

    group: int
    elements: Array
    known: Array
    found: Array
    sign: Array


@dataclass(frozen=True)
class _Plan:
    """In which order voltages follow from ground's, and which elements of which groups of ``Vcvs`` become sources."""

    levels: tuple[_Level, ...]
    turned: dict[int, Array]
    wiring: Wiring
    origins: tuple[tuple[int, Array | None], ...]
    """For each group of the new circuit the old one, and the elements of it, or None for all."""


def with_held_sources(circuit: Circuit) -> Circuit:
    """The circuit with those sources turned into independent ones; its unknowns are the same."""
    if not any(isinstance(group.device, Vcvs) and len(group) for group in circuit.groups):
        return circuit
    plan = circuit.wiring.once(with_held_sources, lambda: _plan(circuit))
    if not plan.turned:
        return circuit
    volts = _voltages(circuit, plan)
    groups = []
    for number, (g, elements) in enumerate(plan.origins):
        group, wiring = circuit.groups[g], plan.wiring
        device, names, index = wiring.devices[number], wiring.names[number], wiring.indices[number]
        if elements is None:
            values = group.values
        elif isinstance(device, VoltageSource):
            values = {"dc": _driven(group, elements, volts)}
        else:
            values = {name: np.asarray(value)[..., elements] for name, value in group.values.items()}
        groups.append(Group(device, names, index, values))
    return replace(circuit, groups=tuple(groups), wiring=plan.wiring)


def _plan(circuit: Circuit) -> _Plan:
    held = np.zeros(circuit.size + 1, dtype=bool)
    held[GROUND] = True
    levels: list[_Level] = []
    turned: dict[int, list[Array]] = {}
    left = {
        g: np.arange(len(group))
        for g, group in enumerate(circuit.groups)
        if isinstance(group.device, VoltageSource | Vcvs) and len(group)
    }
    going = True
    while going:
        going = False
        for g, elements in left.items():
            group = circuit.groups[g]
            index = np.asarray(group.index)[elements]
            plus, minus = held[index[:, 0]], held[index[:, 1]]
            ready = plus != minus
            if isinstance(group.device, Vcvs):
                ready &= held[index[:, 2]] & held[index[:, 3]]
            places = np.flatnonzero(ready)
            known = np.where(plus, index[:, 0], index[:, 1])[places]
            found, sign = np.where(plus, index[:, 1], index[:, 0])[places], np.where(plus, -1.0, 1.0)[places]
            # Two sources that hold one node are a loop, which is told elsewhere.
            _, first = np.unique(found, return_index=True)
            if not len(first):
                continue
            going = True
            held[found] = True
            levels.append(_Level(g, elements[places[first]], known[first], found[first], sign[first]))
            if isinstance(group.device, Vcvs):
                turned.setdefault(g, []).append(elements[places[first]])
            left[g] = np.delete(elements, places)
    chosen = {g: np.sort(np.concatenate(parts)) for g, parts in turned.items()}
    devices: list[Device] = []
    names, indices, origins = [], [], []
    for g, group in enumerate(circuit.groups):
        index, own = np.asarray(group.index), list(group.names)
        parts: list[tuple[Device, Array | None, Array]] = [(group.device, None, group.index)]
        if g in chosen:
            rest = np.setdiff1d(np.arange(len(group)), chosen[g])
            parts = [(VOLTAGE_SOURCE, chosen[g], index[chosen[g]][:, [0, 1, 4]]), (VCVS, rest, index[rest])]
        for device, some, ends in parts:
            devices.append(device)
            names.append(group.names if some is None else tuple(own[k] for k in some.tolist()))
            indices.append(ends)
            origins.append((g, some))
    wiring = Wiring(circuit.nodes, circuit.branches, tuple(devices), tuple(names), tuple(indices))
    return _Plan(tuple(levels), chosen, wiring, tuple(origins))


def _voltages(circuit: Circuit, plan: _Plan) -> Array:
    """The voltages (N + 1, S) or (N + 1, 1) that sources hold, zero for all others."""
    volts = np.zeros((circuit.size + 1, circuit.samples or 1))
    for level in plan.levels:
        group = circuit.groups[level.group]
        if isinstance(group.device, Vcvs):
            drop = _driven(group, level.elements, volts)
        else:
            drop = np.asarray(group.values["dc"])[..., level.elements]
        volts[level.found] = volts[level.known] + level.sign[:, None] * np.atleast_2d(drop).T
    return volts


def _driven(group: Group, elements: Array, volts: Array) -> Array:
    """The voltages (S, k) of controlled sources."""
    ends = np.asarray(group.index)[elements]
    drop: Array = (volts[ends[:, 2]] - volts[ends[:, 3]]).T * np.asarray(group.values["gain"])[..., elements]
    return drop if drop.shape[0] > 1 else drop[0]
