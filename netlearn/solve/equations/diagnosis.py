"""Why a circuit has no unique operating point, told by its elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.graph import floating_nodes, voltage_loop
from netlearn.errors import CircuitError
from netlearn.solve.equations.assembly import MatrixTopology

SHOWN = 6
"""Names that a message lists: by convention as many as one line has room for."""


def explain_singular(circuit: Circuit, masks: Sequence[Array]) -> CircuitError | None:
    """Why the circuit has no unique operating point, told by its elements; None if the graph does not show it."""
    loop = voltage_loop(circuit)
    if loop:
        text = "is short-circuited" if len(loop) == 1 else "form a loop of voltage sources"
        return CircuitError(f"{listed(loop)} {text}", hint="put a small resistor in series with one of them")
    lost = floating_nodes(circuit, masks)
    if len(lost):
        return floating_error(circuit, lost)
    return None


def floating(circuit: Circuit, topology: MatrixTopology) -> Array:
    """The nodes without a path to ground, as ``floating_nodes``, in a circuit of resistors and independent sources."""
    if not topology.size:
        return np.zeros(0, dtype=np.int64)
    # The pattern is symmetric, so that its strong components are the connected ones, for which it is not turned around.
    entries = np.ones(len(topology.rows)), topology.row_numbers, topology.pointers
    _, label = csgraph.connected_components(sparse.csr_array(entries, shape=2 * (topology.size,)), connection="strong")
    grounded = np.zeros(topology.size, dtype=bool)
    for index, mask in zip(topology.indices, topology.masks, strict=True):
        if len(index) and mask.any():
            plus, minus = index[:, 0], index[:, 1]
            inner = np.concatenate([plus[minus == GROUND], minus[plus == GROUND]])
            grounded[label[inner[inner != GROUND]]] = True
    result: Array = np.flatnonzero(~grounded[label[: len(circuit.nodes)]])
    return result


def floating_error(circuit: Circuit, nodes: Array) -> CircuitError:
    """The error that names nodes without a DC path to ground."""
    names = [circuit.nodes[i] for i in nodes[:SHOWN].tolist()]
    more = f" and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
    subject = f"node '{names[0]}' has" if len(nodes) == 1 else f"nodes {listed(names)}{more} have"
    return CircuitError(
        f"{subject} no DC path to ground",
        hint="connect it to ground through a resistor, for example 1G, or remove what floats",
    )


def listed(names: Sequence[str]) -> str:
    """'a', 'b' and 'c', shortened if there are many."""
    quoted = [f"'{name}'" for name in names[:SHOWN]]
    if len(names) > SHOWN:
        return ", ".join(quoted) + ", ..."
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def not_finite(circuit: Circuit) -> CircuitError:
    """The error that names the value that is not finite, or the resistance of zero."""
    for group in circuit.groups:
        for name, value in group.values.items():
            wrong = ~np.isfinite(value) if name != "resistance" else ~np.isfinite(value) | (np.asarray(value) == 0)
            bad = np.argwhere(wrong)
            if group.device.linear and len(bad):
                number = np.asarray(value)[tuple(bad[0])]
                hint = "use a voltage source of 0 V for a short circuit" if number == 0 else ""
                return CircuitError(f"'{group.names[int(bad[0][-1])]}' has the {name} {number}", hint=hint)
    return CircuitError("the circuit's equations hold a number that is not finite")


def beyond_range(circuit: Circuit, x: Array) -> CircuitError:
    """The error for a solution x (S, N) with a number that float64 does not hold."""
    sample, unknown = (int(place[0]) for place in np.nonzero(~np.isfinite(x)))
    names = [
        *(f"the voltage of node '{n}'" for n in circuit.nodes),
        *(f"the current of '{b}'" for b in circuit.branches),
    ]
    return CircuitError(
        f"{names[unknown]} is larger than any number that float64 holds",
        hint="look for a gain or a source far too large",
        sample=sample if len(x) > 1 else None,
    )


def singular(circuit: Circuit, topology: MatrixTopology, data: Array) -> CircuitError:
    """The error for equations without a unique solution, naming what the graph or the null vector shows."""
    named = explain_singular(circuit, topology.masks)
    if named is not None:
        return named
    names = [*(f"node '{n}'" for n in circuit.nodes), *(f"the current of '{b}'" for b in circuit.branches)]
    empty = np.flatnonzero(np.bincount(topology.columns[data != 0], minlength=topology.size) == 0)
    what = f" ({names[int(empty[0])]} is in no equation)" if len(empty) else ""
    return CircuitError(
        f"the circuit's equations have no unique solution{what}",
        hint="look for gains that cancel exactly, for example an amplifier with a loop gain of 1",
    )
