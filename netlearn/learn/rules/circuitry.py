"""What a nudge puts at the outputs: sources and conductances that a simulator or a bench can wire up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE, VoltageSource
from netlearn.circuit.graph import voltage_branches
from netlearn.errors import CircuitError
from netlearn.probes.ends import Probes


@dataclass(frozen=True)
class Circuitry:
    """Elements at the o outputs, one of each kind that is not None, for S samples.

    ``current`` (S, o): a source whose amperes flow out of the output's first node into its
    second. At an output that is the current of a voltage source, the same numbers, in
    volts, lower that source's voltage: the dual element.
    ``conductance`` (o,): siemens between the output's two nodes; may be negative.
    ``clamp`` (S, o): a voltage source of so many volts across the output, none where it is NaN.
    ``constant`` (S,): what the energy is at outputs of zero, in watts; no element, but part of the nudge n.
    """

    current: Array | None = None
    conductance: Array | None = None
    clamp: Array | None = None
    constant: Array | None = None

    def energy(self, outputs: Array) -> Array:
        """n(β, y) (S,) at outputs (S, o): Σ_j i_j y_j + g_j y_j²/2, and the constant. Clamps have none."""
        return np.asarray(
            np.sum(self.force(outputs, half=True) * outputs, axis=-1)
            + (0.0 if self.constant is None else self.constant)
        )

    def force(self, outputs: Array, *, half: bool = False) -> Array:
        """∂n/∂y (S, o), the currents that the elements draw at ``outputs`` (S, o); those of conductances ``half``."""
        part = 0.5 if half else 1.0
        current = 0.0 if self.current is None else self.current
        drawn = 0.0 if self.conductance is None else part * self.conductance * outputs
        return np.asarray(current + drawn + 0.0 * outputs)

    def times(self, strength: complex) -> Circuitry:
        """So many times as strong: currents, conductances and their energy. Clamps have no strength."""
        parts = (self.current, self.conductance, self.constant)
        current, conductance, constant = (None if part is None else strength * part for part in parts)
        return Circuitry(current, conductance, self.clamp, constant)

    def scaled(self, factors: Array) -> Circuitry:
        """Currents and conductances times ``factors`` (o,); a clamp stays as it is."""
        current, conductance = (None if part is None else part * factors for part in (self.current, self.conductance))
        return Circuitry(current, conductance, self.clamp, self.constant)

    def clamped(self) -> Sequence[Array]:
        """The samples that are clamped at the same outputs, for each such set of outputs."""
        if self.clamp is None:
            return []
        free = np.isnan(self.clamp)
        if not free.any():
            return [np.arange(len(free))]
        _, pattern = np.unique(free, axis=0, return_inverse=True)
        pattern = pattern.ravel()
        return [np.flatnonzero(pattern == number) for number in range(pattern.max(initial=-1) + 1)]

    def attach(self, circuit: Circuit, probes: Probes) -> Circuit:
        """The circuit with these elements at the probes.

        New unknowns, if any, stand behind all the others. Raises CircuitError where an
        output is held by voltage sources, so that no nudge moves it, where a conductance or a clamp
        is asked for at an output that is a current, and where samples are clamped at different outputs.
        """
        require_free(circuit, probes)
        currents = probes.currents(circuit)
        if np.any(currents) and (self.conductance is not None or self.clamp is not None):
            name = probes.names[int(np.argmax(currents))]
            raise CircuitError(
                f"the output {name} is a current, and neither a conductance nor a voltage can be put across it",
                hint="use equilibrium propagation with nudge=current",
            )
        nodes = np.flatnonzero(~currents)
        across = tuple((int(probes.plus[j]), int(probes.minus[j])) for j in nodes)
        groups: list[Group] = []
        branches: list[str] = []
        if self.current is not None:
            circuit = _in_series(circuit, probes, self.current, np.flatnonzero(currents))
            if len(nodes):
                names = _names(circuit, "inudge", nodes)
                groups.append(Group(CURRENT_SOURCE, names, _terminals(across), {"dc": self.current[:, nodes]}))
        if self.conductance is not None:
            names = _names(circuit, "rnudge", nodes)
            groups.append(Group(RESISTOR, names, _terminals(across), {"resistance": 1.0 / self.conductance[nodes]}))
        if self.clamp is not None:
            patterns = self.clamped()
            if len(patterns) > 1:
                raise CircuitError("not all samples are clamped at the same outputs", hint="take one sample")
            held = np.asarray(~np.isnan(self.clamp).any(axis=0))[nodes]
            nodes, across = nodes[held], tuple(ends for ends, is_held in zip(across, held, strict=True) if is_held)
            branches = _names(circuit, "vnudge", nodes)
            index = _terminals(across, circuit.size)
            groups.append(Group(VOLTAGE_SOURCE, branches, index, {"dc": self.clamp[:, nodes]}))
        return circuit.with_elements(groups, branches)


def require_free(circuit: Circuit, probes: Probes) -> None:
    """Raise CircuitError if voltage sources alone fix the voltage at a probe, and no element senses their currents.

    A probe between a node and itself is fixed, too.
    """
    key = (require_free, tuple(probes.names), probes.plus.tobytes(), probes.minus.tobytes())
    circuit.wiring.once(key, lambda: _require_free(circuit, probes))


def _require_free(circuit: Circuit, probes: Probes) -> None:
    n = len(circuit.nodes)  # and the number of ground, here
    tied = voltage_branches(circuit)
    tails, heads = (np.where(ends == GROUND, n, ends) for ends in (tied.plus, tied.minus))
    silent = ~np.isin(_branch_numbers(circuit), _sensed(circuit))
    graph = sparse.coo_array((np.ones(silent.sum()), (tails[silent], heads[silent])), shape=(n + 1, n + 1))
    part = connected_components(graph, directed=False)[1]
    for name, plus, minus in zip(probes.names, probes.plus, probes.minus, strict=True):
        if plus == minus:
            raise CircuitError(
                f"the output {name} is zero whatever happens, so there is nothing to nudge",
                hint="probe two nodes that differ",
            )
        if plus < n and minus < n and part[n if plus == GROUND else plus] == part[n if minus == GROUND else minus]:
            raise CircuitError(
                f"the output {name} is held by voltage sources, so there is nothing to nudge",
                hint="probe a node behind a resistor, or the current of the source",
            )


def _branch_numbers(circuit: Circuit) -> Array:
    """The branch currents of the elements of :func:`voltage_branches`, in their order."""
    mine = [group.index[:, -1] for group in circuit.groups if group.device.unknowns[-1:] == ("i",) and len(group)]
    return np.concatenate([np.zeros(0, dtype=np.intp), *mine])


def _sensed(circuit: Circuit) -> Array:
    """Branch currents on which other elements depend."""
    others = [
        np.ravel(group.index[:, :-1] if group.device.unknowns[-1:] == ("i",) else group.index)
        for group in circuit.groups
    ]
    index = np.concatenate([np.zeros(0, dtype=np.intp), *others])
    return index[index >= len(circuit.nodes)]


def _terminals(across: tuple[tuple[int, int], ...], branch: int | None = None) -> Array:
    """Terminal numbers (k, T)."""
    index = np.array(across, dtype=np.intp).reshape(-1, 2)
    if branch is None:
        return index
    return np.concatenate([index, branch + np.arange(len(index))[:, None]], axis=-1)


def _in_series(circuit: Circuit, probes: Probes, volts: Array, outputs: Array) -> Circuit:
    """Voltage sources whose currents are outputs, lowered by ``volts`` (S, o).

    The branch equation of a voltage source stands at its current, so this adds ``volts`` to
    it as a current source adds amperes to Kirchhoff's current law.
    """
    columns: dict[Column, Array] = {}
    for j in outputs:
        for number, sign in ((probes.plus[j], 1.0), (probes.minus[j], -1.0)):
            if number == GROUND:
                continue
            g, k = _source(circuit, int(number), probes.names[j])
            if (g, "dc") not in columns:
                fixed = np.asarray(circuit.groups[g].values["dc"])
                shape = (len(volts), fixed.shape[-1])
                columns[g, "dc"] = np.array(np.broadcast_to(fixed, shape), np.result_type(fixed, volts))
            columns[g, "dc"][:, k] -= sign * volts[:, j]
    return circuit.with_values(columns)


def _source(circuit: Circuit, number: int, probe: str) -> tuple[int, int]:
    for g, group in enumerate(circuit.groups):
        if isinstance(group.device, VoltageSource):
            found = np.flatnonzero(group.index[:, 2] == number)
            if len(found):
                return g, int(found[0])
    raise CircuitError(
        f"the output {probe} is not the current of an independent voltage source, so it cannot be nudged",
        hint="put a zero-volt source in series and probe its current",
    )


def _names(circuit: Circuit, stem: str, outputs: Sequence[int] | Array) -> list[str]:
    taken = circuit.wiring.once(_names, lambda: _nudges(circuit))
    names = []
    for j in outputs:
        name = f"{stem}{j + 1}"
        while name in taken:
            name += "_"
        names.append(name)
    return names


def _nudges(circuit: Circuit) -> frozenset[str]:
    """Those names of elements that a nudge's might have, too."""
    return frozenset(name for group in circuit.groups for name in group.names if name[1:6] == "nudge")
