"""The read-out layer of a circuit: trained resistors whose conductances reach the outputs linearly.

Let resistor k join a node a_k, which something holds, to a node n that moves nothing but outputs. Of changes δ of the
conductances at n, in a sample where the drops are d_k before, the node moves by z Σδ_k d_k / (1 + z Σδ_k), with z the
resistance that it sees, and output q by m_q/z times that. So outputs are linear in η_k = δ_k / (1 + z Σδ), as δ_k = η_k
/ (1 - z Ση), and bounds of the conductances are linear inequalities in η. With z = 0, at a virtual ground or an
ammeter, η is δ itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, one_sample
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.errors import OptionError
from netlearn.learn.model import Model
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import linearize

FELT = 1e-3
"""What moves by less than this part of the voltage that would drive it does not count as moved: of 18 resistors of
read-outs with a feedback of up to 1e-4 all are solved for with 1e-4 and more, of those with one of up to 1e-2 9, 10, 18
and 18 with 1e-4, 1e-3, 1e-2 and 0.1, in the mean (n = 5). A tenth of ``solved_start.AGREED``, so that what does not
count leaves what was computed true (benchmarks/constants_of_learning.py)."""


@dataclass(frozen=True)
class Readout:
    """K resistors that reach the outputs linearly, at H nodes.

    ``numbers`` (K,) are those of the trained parameters, ``conductances`` (K,) what they have, in siemens,
    ``scales`` (K,) ohms for each unit of the parameter; ``held`` and ``free`` (K,) the unknowns that each joins,
    ``hubs`` (H,) the free ones and ``hub`` (K,) which of these it is at; ``seen`` (H,) what a hub moves by, in
    volts per ampere, and ``moved`` (o, H) what the outputs do.
    """

    numbers: Array
    conductances: Array
    scales: Array
    held: Array
    free: Array
    hubs: Array
    hub: Array
    seen: Array
    moved: Array


def readout_of(model: Model, theta: Array, inputs: Array) -> Readout:
    """The read-out layer of a model at parameters (P,), for samples like ``inputs`` (1, p).

    Raises OptionError where there is none, with what stands in its way, and CircuitError as the solver does.
    """
    numbers, places, scales = _own_resistors(model.parameters)
    if not len(numbers):
        raise _none("no trained value is that of one resistor alone")
    circuit = model.circuit(theta, inputs)
    ends = np.array([np.asarray(circuit.groups[g].index)[k] for g, k in places], dtype=np.intp)
    ohms = np.array([np.atleast_2d(np.asarray(circuit.groups[g].values["resistance"]))[0][k] for g, k in places])
    holds = _held(model)
    is_held = (ends == GROUND) | np.isin(ends, holds)
    one = is_held[:, 0] ^ is_held[:, 1]
    # What a user would take for the read-out: resistors at the nodes that are read.
    probed = np.concatenate([np.asarray(model.probes.plus), np.asarray(model.probes.minus)])
    loose = np.flatnonzero(~is_held.any(axis=1) & np.isin(ends, probed).any(axis=1))
    if len(loose):
        name, (a, b) = model.parameters.names[numbers[loose[0]]], (circuit.nodes[n] for n in ends[loose[0]])
        why = f"neither end of '{name}' is held by a source or an amplifier, '{a}' and '{b}'"
    else:
        why = ""
    if not one.any():
        raise _none(why or "no trained resistor joins a node that a source or an amplifier holds to one that none does")
    swapped = is_held[one, 1]
    held = np.where(swapped, ends[one, 1], ends[one, 0])
    free = np.where(swapped, ends[one, 0], ends[one, 1])
    found = Readout(
        numbers[one], 1.0 / ohms[one], scales[one], held, free, *np.unique(free, return_inverse=True), *_nothing
    )
    return _chosen(model, found, theta, inputs, why)


_nothing = (np.zeros(0), np.zeros((0, 0)))


def _none(why: str) -> OptionError:
    hint = (
        "a buffer (E) before each layer, summing amplifiers, or sources that drive it directly make a read-out linear"
    )
    return OptionError(f"there is no read-out to solve by least squares: {why}", hint=hint)


def _own_resistors(parameters: Parameters) -> tuple[Array, list[tuple[int, int]], Array]:
    """Parameters (K,) that are the value of one resistor and nothing else, these resistors, and their scales (K,)."""
    uses = np.zeros(len(parameters))
    places: dict[int, tuple[int, int]] = {}
    scales = np.ones(len(parameters))
    every = [*parameters.bindings, *(binding for _, binding in parameters.quantities)]
    own = np.array([setting.value for setting in parameters.settings])
    values = np.concatenate([np.asarray(parameters.initial, dtype=float), own])
    for binding in every:
        if not isinstance(binding, Direct):
            if binding.trained:
                gradient = np.random.default_rng(0).uniform(1.0, 2.0, len(binding.elements))
                uses += 2 * (binding.pullback(values, gradient)[: len(uses)] != 0)
            continue
        mine = binding.parameters < len(uses)
        np.add.at(uses, binding.parameters[mine], 1)
        g, name = binding.column
        if name == "resistance" and isinstance(parameters.circuit.groups[g].device, Resistor):
            for number, element, scale in zip(
                binding.parameters[mine].tolist(), binding.elements[mine].tolist(), binding.scale[mine], strict=True
            ):
                places[number], scales[number] = (g, element), scale
    numbers = np.array([number for number in sorted(places) if uses[number] == 1], dtype=np.intp)
    return numbers, [places[number] for number in numbers.tolist()], scales[numbers]


def _held(model: Model) -> Array:
    """The nodes at terminals of elements that give a voltage: those with a branch current of their own."""
    found = [np.zeros(0, dtype=np.intp)]
    circuit = model.parameters.circuit
    for group in circuit.groups:
        if group.device.unknowns[-1:] == ("i",) and len(group):
            found.append(np.asarray(group.index)[:, :2].ravel())
    nodes = np.unique(np.concatenate(found))
    return np.asarray(nodes[nodes != GROUND])


def _chosen(model: Model, every: Readout, theta: Array, inputs: Array, why: str) -> Readout:
    """Those of the candidates that reach the outputs linearly. Raises OptionError where there are none."""
    circuit = model.parameters.circuit
    names = [*circuit.nodes, *circuit.branches]
    held, place = np.unique(every.held, return_inverse=True)
    asked = np.concatenate([every.hubs, held])
    moves = _influence(model, theta, inputs, asked)
    loads = np.concatenate(
        [
            np.bincount(every.hub, every.conductances, len(every.hubs)),
            np.bincount(place, every.conductances, len(held)),
        ]
    )
    # Volts that each node's own resistors move unknowns by, for a volt across them.
    felt = np.abs(moves[:, : len(circuit.nodes)]) * loads[:, None]
    # One more column, GROUND, which never moves.
    felt = np.concatenate([felt, np.zeros((len(felt), 1))], axis=1)
    reach = np.abs(moves @ model.probe_matrix.T.toarray()) * loads[:, None]
    count = len(every.hubs)
    reaching = reach[:count].max(axis=1) > FELT
    if not reaching.any():
        raise _none(why or "none of the trained resistors beside held nodes reaches an output")
    hubs = every.hubs
    between = felt[:count][:, hubs] > FELT
    np.fill_diagonal(between, False)
    between &= reaching[None, :]
    nonlinear = _nonlinear_nodes(model)
    bent = felt[:count][:, nonlinear] > FELT if len(nonlinear) else np.zeros((count, 1), dtype=bool)
    # A held node is one that no current moves: neither that of its own resistors nor that of a hub.
    firm = (felt[count:].max(axis=1) <= FELT)[place]
    pulled = felt[every.hub, every.held] > FELT
    good = reaching & ~between.any(axis=1) & ~bent.any(axis=1)
    kept = good[every.hub] & firm & ~pulled
    if not kept.any():
        raise _none(
            why
            or _reason(
                names,
                every=every,
                reaching=reaching,
                between=between,
                bent=bent,
                nonlinear=nonlinear,
                held=firm & ~pulled,
            )
        )
    numbers = np.flatnonzero(kept)
    left, hub = np.unique(every.hub[numbers], return_inverse=True)
    return replace(
        every,
        numbers=every.numbers[numbers],
        conductances=every.conductances[numbers],
        scales=every.scales[numbers],
        held=every.held[numbers],
        free=every.free[numbers],
        hubs=hubs[left],
        hub=hub,
        seen=moves[left, hubs[left]],
        moved=(moves[left] @ model.probe_matrix.T.toarray()).T,
    )


def _reason(
    names: list[str],
    *,
    every: Readout,
    reaching: Array,
    between: Array,
    bent: Array,
    nonlinear: Array,
    held: Array,
) -> str:
    first = int(np.flatnonzero(reaching)[0])
    hub = names[every.hubs[first]]
    if between[first].any():
        return f"what moves node '{hub}' moves '{names[every.hubs[int(np.argmax(between[first]))]]}', too"
    if bent[first].any():
        return (
            f"node '{hub}' acts on an element that is not linear, at '{names[nonlinear[int(np.argmax(bent[first]))]]}'"
        )
    at = every.hub == first
    loose = np.flatnonzero(at & ~held)
    return f"the currents of the resistors at '{hub}' move '{names[every.held[int(loose[0])]]}', which is not held"


def _nonlinear_nodes(model: Model) -> Array:
    """The nodes at elements that are not linear."""
    circuit = model.parameters.circuit
    found = [np.asarray(group.index).ravel() for group in circuit.groups if len(group) and not group.device.linear]
    nodes = np.unique(np.concatenate([*found, np.zeros(0, dtype=np.intp)]))
    return np.asarray(nodes[(nodes != GROUND) & (nodes < len(circuit.nodes))])


def _influence(model: Model, theta: Array, inputs: Array, nodes: Array) -> Array:
    """What an ampere into each of some nodes (k,) moves all unknowns by, (k, N); ground moves nothing."""
    circuit = one_sample(model.circuit(theta, inputs), 0)
    linear = linearize(InternalSolver().solve(circuit))
    drives = np.zeros((len(nodes), circuit.size))
    real = np.flatnonzero(nodes != GROUND)
    drives[real, nodes[real]] = 1.0
    found = linear.solve(drives) if circuit.linear else linear.solve(drives[None])[0]
    return np.asarray(found)
