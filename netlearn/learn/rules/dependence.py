"""Which unknowns depend on which: where the elements have entries in the Jacobian, and what nudges reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_bipartite_matching

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, taken
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.graph import PLACES, VOLTS
from netlearn.circuit.parameters import Parameters
from netlearn.expressions.law import Law
from netlearn.learn.rules.source_shifts import SourceShifts
from netlearn.probes.ends import Probes
from netlearn.solve.equations.assembly import Equations, structure, with_ground


@dataclass(frozen=True)
class Entries:
    """Entries of the Jacobian (E, S) at ``rows`` and ``columns`` (E,), each place once."""

    rows: Array
    columns: Array
    values: Array

    def at(self, rows: Array, columns: Array, size: int) -> Array:
        """The values at other places, zero where there are none."""
        keys, wanted = self.rows * size + self.columns, rows * size + columns
        places = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        found = (keys[places] == wanted)[:, None] if len(keys) else np.zeros((len(wanted), 1), dtype=bool)
        return np.where(found, self.values[places], 0.0) if len(keys) else np.zeros((len(wanted), 1))


def reciprocal(circuit: Circuit, g: int) -> bool:
    """Whether all elements of a group are reciprocal, as are sources of currents that follow from their own voltage."""
    return circuit.groups[g].device.reciprocal or circuit.wiring.once((reciprocal, g), lambda: _two_poles(circuit, g))


def _two_poles(circuit: Circuit, g: int) -> bool:
    device, index = circuit.groups[g].device, np.asarray(circuit.groups[g].index)
    if not isinstance(device, BehaviouralSource) or not isinstance(device.law, Law) or device.unknowns[-1] == "i":
        return False
    if device.law.differences != (True,):
        return False
    return np.array_equal(np.sort(index[:, :2], axis=1), np.sort(index[:, 2:], axis=1))


def reciprocal_pairs(circuit: Circuit) -> tuple[Array, Array]:
    """Places (E,) at which reciprocal elements have entries, all of which are symmetric."""
    places = [
        _places(np.asarray(group.index), structure(group.device))
        for g, group in enumerate(circuit.groups)
        if len(group) and reciprocal(circuit, g)
    ]
    none = np.zeros(0, dtype=np.intp)
    rows, columns = (np.concatenate([none, *each]) for each in zip(*places, strict=True)) if places else (none, none)
    inside = (rows != GROUND) & (columns != GROUND)
    keys = np.unique(rows[inside] * circuit.size + columns[inside])
    return keys // circuit.size, keys % circuit.size


def _places(index: Array, mask: Array) -> tuple[Array, Array]:
    t, u = np.nonzero(mask)
    return index[:, t].ravel(), index[:, u].ravel()


def one_way_entries(circuit: Circuit, x: Array) -> Entries:
    """What the elements that are not reciprocal add up to, without zeros."""
    equations, padded = Equations.of(circuit), with_ground(x)
    keys, values = [np.zeros(0, dtype=np.intp)], [np.zeros((0, 1))]
    for g, group in enumerate(circuit.groups):
        if not len(group) or reciprocal(circuit, g):
            continue
        index = np.asarray(group.index)
        place = np.zeros(index.shape) if group.device.linear else equations.at(g, padded)
        jacobian = group.device.jacobian(place, equations.prepared[g]).real
        mask = np.ones(jacobian.shape[-2:], dtype=bool)
        rows, columns = _places(index, mask)
        stacked = jacobian.reshape(-1, len(rows)).T
        inside = (rows != GROUND) & (columns != GROUND)
        keys.append(rows[inside] * circuit.size + columns[inside])
        values.append(stacked[inside])
    samples = max(each.shape[1] for each in values)
    every = np.concatenate([np.broadcast_to(each, (len(each), samples)) for each in values])
    return added_entries(np.concatenate(keys), every, circuit.size)


def added_entries(keys: Array, values: Array, size: int) -> Entries:
    """Entries of which several may stand at one place, row * size + column, as their sums without zeros."""
    unique, where = np.unique(keys, return_inverse=True)
    adder = sparse.csr_array((np.ones(len(where)), (where, np.arange(len(where)))), shape=(len(unique), len(where)))
    total = np.asarray(adder @ values)
    there = (total != 0).any(axis=1)
    return Entries(unique[there] // size, unique[there] % size, total[there])


def without_sources(
    shifts: SourceShifts, like: tuple[Array, Array], unlike: Entries, size: int
) -> tuple[tuple[Array, Array], Entries]:
    """The entries of the equations without sources."""
    rows, columns = (shifts.at(each) for each in like)
    keys = np.unique((rows * size + columns)[(rows != GROUND) & (columns != GROUND)])
    rows, columns = (shifts.at(each) for each in (unlike.rows, unlike.columns))
    inside = (rows != GROUND) & (columns != GROUND)
    return (keys // size, keys % size), added_entries((rows * size + columns)[inside], unlike.values[inside], size)


@dataclass(frozen=True)
class Dependence:
    """With a matching of equations to unknowns, an unknown depends on the others in its equation.

    ``match`` (N,) is the unknown of each equation, ``depends`` (N, N) the graph from each unknown to those that
    depend on it. ``moving`` (N,) are those that move with what drives the outputs' equations, ``moving_outputs`` those
    on which the outputs depend.
    """

    match: Array
    depends: sparse.csr_array
    moving: Array
    moving_outputs: Array

    def heard(self, equations: Array) -> bool:
        """Whether what is put into any of these equations moves an output."""
        return bool(self.moving_outputs[self.match[equations]].any())


def dependence(size: int, probes: Probes, like: tuple[Array, Array], unlike: Entries) -> Dependence | None:
    """None where the equations cannot be matched to the unknowns."""
    rows, columns = (np.concatenate([a, b]) for a, b in zip(like, (unlike.rows, unlike.columns), strict=True))
    # An unknown that is in no equation, as it has been taken out, is one by itself.
    lost = np.setdiff1d(np.arange(size), np.concatenate([rows, columns]))
    rows, columns = np.concatenate([rows, lost]), np.concatenate([columns, lost])
    pattern = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    match = maximum_bipartite_matching(pattern, perm_type="column")
    if np.any(match < 0):
        return None
    depends = sparse.csr_array((np.ones(len(rows)), (columns, match[rows])), shape=(size, size))
    outputs = np.unique(np.concatenate([probes.plus, probes.minus]))
    outputs = outputs[outputs != GROUND]
    return Dependence(match, depends, reached(depends, match[outputs]), reached(depends.T.tocsr(), outputs))


def reached(graph: sparse.csr_array, start: Array) -> Array:
    """(N,) which nodes can be reached from any of ``start``."""
    size = graph.shape[0]
    root = sparse.csr_array((np.ones(len(start)), (np.zeros(len(start), dtype=np.intp), start)), shape=(1, size))
    whole = sparse.block_array([[graph, None], [root, sparse.csr_array((1, 1))]], format="csr")
    reached = np.zeros(size + 1, dtype=bool)
    reached[breadth_first_order(whole.astype(float), size, return_predecessors=False)] = True
    return reached[:size]


@dataclass(frozen=True)
class Unsaid:
    """The trained values, in words, of which contrasts say nothing where there is no co-content.

    Of ``silent`` ones contrasts are zero: no nudge reaches their elements, though their values reach the outputs, as
    that of a resistor before a gate. ``mistaken`` ones are voltages of controlled sources, or of sources whose current
    is sensed: what these compare is that current, which has nothing to do with the derivative. ``voltages`` are
    those silent ones that are no resistances, and ``others`` says whether there is anything else that is trained.
    """

    silent: tuple[str, ...]
    mistaken: tuple[str, ...]
    voltages: tuple[str, ...]
    others: bool

    @classmethod
    def of(cls, circuit: Circuit, probes: Probes, parameters: Parameters) -> Unsaid:
        """Those of a circuit; the same object again for the same circuit with other values."""
        places = tuple((each.column, each.elements.tobytes()) for each in parameters.bindings if each.trained)
        key = cls, places, probes.plus.tobytes(), probes.minus.tobytes()
        return circuit.wiring.once(key, lambda: cls._find(circuit, probes, parameters))

    @classmethod
    def _find(cls, circuit: Circuit, probes: Probes, parameters: Parameters) -> Unsaid:
        shifts, size = SourceShifts.of(circuit, probes, parameters), circuit.size
        somewhere = np.random.default_rng(0).uniform(-VOLTS, VOLTS, (PLACES, size))
        if circuit.samples is not None:
            # Each place has the values of one of the samples.
            circuit = taken(circuit, np.linspace(0, circuit.samples - 1, PLACES).astype(int))
        with np.errstate(all="ignore"):
            unlike = one_way_entries(circuit, somewhere)
        found = dependence(
            size, shifts.at_probes(probes), *without_sources(shifts, reciprocal_pairs(circuit), unlike, size)
        )
        silent, mistaken, voltages, others = [], [], [], False
        for binding in parameters.bindings:
            g, value = binding.column
            if not binding.trained or g < 0:
                others = others or binding.trained
                continue
            group = circuit.groups[g]
            for k in binding.elements.tolist():
                which = (shifts.elements == (g, k)).all(axis=1)
                held = value == "dc" and bool(which.any())
                at = shifts.neighbours(circuit, which) if held else np.asarray(group.index)[k]
                equations = shifts.at(at)
                equations = equations[equations != GROUND]
                name = f"the {value} of '{group.names[k]}'"
                if found is not None and not found.heard(equations):
                    others = True
                elif not held and group.device.unknowns[-1] == "i":
                    mistaken.append(name)
                elif found is None or found.moving[equations].any():
                    others = True
                else:
                    silent.append(name)
                    voltages += [] if isinstance(group.device, Resistor) else [name]
        return cls(tuple(silent), tuple(mistaken), tuple(voltages), others)
