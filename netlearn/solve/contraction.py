"""Sums over samples of one state times the derivatives of the equations in another, element by element.

Every gradient ends in such a sum: with the adjoint state λ it is Σ_s λᵀ ∂F/∂p(x), with two physical
states Σ_s (b - a)ᵀ ∂F/∂p. Where ∂F/∂p is affine in x, as for linear elements, it is made of entries
of ΛᵀX over the unknowns; for a resistor Σ_s Δλ Δx. No array of samples times elements is made: between the
layers of a layered network these entries come from products of matrices, and for all other resistors a compiled
loop takes just them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column, Group
from netlearn.circuit.devices.base import Environment, Values
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.circuit.devices.linear import Resistor
from netlearn.solve.compiled.load import available, kernels
from netlearn.solve.equations.assembly import with_ground
from netlearn.solve.law_products import law_products
from netlearn.solve.reduced_states import ReducedStates, at_nodes, whole
from netlearn.solve.resistor_blocks import COMPILED, ResistorBlocks
from netlearn.solve.terminals import unknowns_of, unknowns_of_group
from netlearn.solve.threads import in_parts

HELD = 500_000
"""How many numbers of element states are held at a time where there is no loop for them: derivatives of 1104 junctions,
8192 samples, take 1.1 times as long with half and 1.3 times with twice as many (benchmarks/part_sizes.py)."""
ELEMENTS = 20_000
"""How many elements a thread takes at a time: with half or twice as many it takes as long within a fiftieth
(benchmarks/block_sizes.py)."""
WORTH_LOADING = 50_000
"""From so many products on, loops for them take 0.4 of the time of arrays, and loading them, a third of a second, is
repaid by some 300 sums; with half as many products by 700, with twice as many by 120 (benchmarks/contractions.py)."""


def contract(
    circuit: Circuit, column: Column, left: ReducedStates | Array, right: ReducedStates | Array, *, apart: bool = False
) -> Array:
    """Σ_s left_sᵀ ∂F/∂p(right_s) for each element (k,) of a group, with F its equations and p the column's value.

    Where samples are to stay ``apart`` it is (S, k), not summed. ``left`` and ``right`` are (S, N) unknowns,
    real or complex.
    """
    (g, name), environment = column, circuit.environment
    group = circuit.groups[g]
    values = group.values.values()
    if apart:
        return _by_states(circuit, column, left, right, apart=True)
    if not group.device.linear or any(np.ndim(value) > 1 or np.iscomplexobj(value) for value in values):
        return _by_states(circuit, column, left, right)
    if isinstance(group.device, Resistor):
        resistance = np.asarray(group.values["resistance"])
        return resistor_products(circuit, g, left, right, resistance)
    return _by_pairs(group, whole(left), whole(right), environment, name)


def resistor_products(
    circuit: Circuit,
    g: int,
    left: ReducedStates | Array,
    right: ReducedStates | Array,
    resistance: Array | None = None,
) -> Array:
    """Σ_s (left_p - left_n)(right_p - right_n) of a group's resistors (k,), for states (S, N).

    Where their ``resistance`` () or (k,) is given, over its negative square.
    """
    index = np.asarray(circuit.groups[g].index)
    if resistance is not None and resistance.ndim == 0:
        resistance = np.broadcast_to(resistance, (len(index),))
    blocks = circuit.wiring.once(("blocks of resistors", g), lambda: _blocks(circuit, g))
    result: Array | None = None
    others, large, filled = [blocks.rest], len(index) >= COMPILED, False
    for block in blocks.blocks:
        own = None if resistance is None else resistance[block.elements]
        place = None
        if isinstance(block.elements, slice):
            result = np.empty(len(index)) if result is None else result
            place = result[block.elements]
        found = block.products(
            lambda nodes: at_nodes(left, nodes), lambda nodes: at_nodes(right, nodes), own, compiled=large, out=place
        )
        if found is None:
            others.append(np.arange(len(index))[block.elements])
            continue
        if len(found) == len(index) and isinstance(block.elements, slice):
            return found
        filled = True
        if result is None:
            result = np.empty(len(index), found.dtype)
        if found.base is not result:
            result = result.astype(np.result_type(result, found), copy=False)
            result[block.elements] = found
    rest = others[0] if len(others) == 1 else np.concatenate(others)
    if result is None or not filled:
        if not (isinstance(left, ReducedStates) or isinstance(right, ReducedStates)):
            found = _bilinear(drop_products, index, left, right)
            return found if resistance is None else np.divide(found, -resistance * resistance, out=found)
        result = np.zeros(len(index))
    if len(rest):
        real, place = unknowns_of(index[rest])
        found = _bilinear(drop_products, place, _known(left, real), _known(right, real))
        if resistance is not None:
            found /= -resistance[rest] * resistance[rest]
        result = result.astype(np.result_type(result, found), copy=False)
        result[rest] = found
    return result


def _blocks(circuit: Circuit, g: int) -> ResistorBlocks:
    ends = [np.asarray(group.index)[:, :2] for group in circuit.groups if group.device.unknowns[-1:] == ("i",)]
    held = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *map(np.ravel, ends)]))
    return ResistorBlocks.build(np.asarray(circuit.groups[g].index), held[held != GROUND])


def _known(states: ReducedStates | Array, nodes: Array) -> Array:
    found = at_nodes(states, nodes)
    return np.zeros((len(states), len(nodes))) if found is None else found


def transposed_products(
    group: Group, left: Array, rights: Sequence[Array], shares: Array, environment: Environment
) -> Array:
    """Σ_j shares_j Jᵀ_j left (S, k, T) of each element at its own terminals, J_j its Jacobian at ``rights``, (S, N)."""
    index, device = np.asarray(group.index), group.device
    a, places = with_ground(left), [with_ground(right) for right in rights]
    result = np.zeros((len(left), *index.shape), np.result_type(left, *rights))
    for part in sample_parts(len(left), index.size * index.shape[1]):
        prepared = device.prepare(some_samples(group.values, part), environment.taken(part))
        jacobian = sum(
            share * device.jacobian(b[part][:, index], prepared) for share, b in zip(shares, places, strict=True)
        )
        result[part] = np.matmul(a[part][:, index][..., None, :], jacobian)[..., 0, :]
    return result


def drop_products(index: Array, left: Array, right: Array) -> Array:
    """Σ_s (left_p - left_n)(right_p - right_n) of elements (k,) between p and n, for real (S, N) states."""
    if _loops_pay(index, left):
        return _looped(kernels().drop_products, index, left, right)
    total = np.zeros(len(index))
    a, b = with_ground(left), with_ground(right)
    for part in sample_parts(len(left), len(index)):
        drops = a[part][:, index[:, 0]] - a[part][:, index[:, 1]]
        total += np.einsum("sk,sk->k", drops, b[part][:, index[:, 0]] - b[part][:, index[:, 1]])
    return total


def pair_products(index: Array, left: Array, right: Array) -> Array:
    """Σ_s left_a right_b of pairs of unknowns (k, 2), for real (S, N) states."""
    if _loops_pay(index, left):
        return _looped(kernels().pair_products, index, left, right)
    total = np.zeros(len(index))
    a, b = with_ground(left), with_ground(right)
    for part in sample_parts(len(left), len(index)):
        total += np.einsum("sk,sk->k", a[part][:, index[:, 0]], b[part][:, index[:, 1]])
    return total


def _loops_pay(index: Array, states: Array) -> bool:
    """Whether there is enough to do to load compiled loops for it: a matter of size alone, not of what is loaded."""
    return len(index) * len(states) >= WORTH_LOADING and available()


def _looped(loop: Callable[..., None], index: Array, left: Array, right: Array) -> Array:
    # Ground is the last of the states, which -1 stands for in compiled code, too.
    result, (first, second) = np.empty(len(index)), np.ascontiguousarray(index.T, dtype=np.int64)
    # Currents of sources, which stand behind all nodes, have no part in it.
    reached = int(index.max(initial=-1)) + 1
    a, b = _by_unknown(left[:, :reached]), _by_unknown(right[:, :reached])
    in_parts(lambda begin, end: loop(begin, end, first, second, a, b, result), len(index), ELEMENTS)
    return result


def _by_unknown(x: Array) -> Array:
    """ReducedStates (S, N) as (N + 1, S) with a row of zeros for ground."""
    result = np.zeros((x.shape[1] + 1, x.shape[0]))
    result[:-1] = x.T
    return result


def _bilinear(products: Callable[[Array, Array, Array], Array], index: Array, left: Array, right: Array) -> Array:
    """Products of complex states from those of their parts."""
    if np.iscomplexobj(left):
        real, imaginary = (_bilinear(products, index, part, right) for part in (left.real, left.imag))
    elif np.iscomplexobj(right):
        real, imaginary = (products(index, left, part) for part in (right.real, right.imag))
    else:
        return products(index, left, right)
    result: Array = real + 1j * imaginary
    return result


def _by_pairs(group: Group, left: Array, right: Array, environment: Environment, name: str) -> Array:
    """For any linear device: ∂F/∂p = D x + d, D found at unit vectors."""
    index, device = np.asarray(group.index), group.device
    k, terminals = index.shape

    def slope(place: Array) -> Array:
        at = np.broadcast_to(place, (1, k, terminals))
        slopes: Array = np.broadcast_to(device.value_jacobian(at, group.values, environment, name), at.shape)[0]
        return slopes

    constant = slope(np.zeros(terminals))
    result = (constant * np.append(left.sum(axis=0), 0.0)[index]).sum(axis=1)
    for u, unit in enumerate(np.eye(terminals)):
        part = slope(unit) - constant
        for t in np.flatnonzero((part != 0).any(axis=0)):
            pairs = np.stack([index[:, t], index[:, u]], axis=1)
            result = result + part[:, t] * _bilinear(pair_products, pairs, left, right)
    return np.asarray(result)


def _by_states(
    circuit: Circuit, column: Column, left: ReducedStates | Array, right: ReducedStates | Array, *, apart: bool = False
) -> Array:
    """From the derivatives at the states themselves, some samples at a time."""
    (g, name), environment = column, circuit.environment
    group = circuit.groups[g]
    unknowns, index = unknowns_of_group(circuit, g)
    at = [_at_unknowns(states, unknowns) for states in (left, right)]
    if not apart and len(index) * len(at[0]) >= WORTH_LOADING and _has_code(group, environment, at) and available():
        found = law_products(circuit, column, *at)
        if found is not None:
            return found
    a, b = (with_ground(states) for states in at)
    total = np.zeros(len(index), np.result_type(a, b, *group.values.values()))
    each: list[Array] = []
    for part in sample_parts(len(a), index.size):
        place = b[part][:, index]
        slope = group.device.value_jacobian(place, some_samples(group.values, part), environment.taken(part), name)
        products = np.einsum("skt,skt->sk", a[part][:, index], np.broadcast_to(slope, place.shape))
        if apart:
            each.append(products)
        else:
            total = total + products.sum(axis=0)
    return np.concatenate(each) if apart else total


def _has_code(group: Group, environment: Environment, states: Sequence[Array]) -> bool:
    """Whether a group's elements may have machine code for derivatives by their values, which prepared ones are.

    Nothing that is prepared may differ by sample, neither values nor the temperature.
    """
    plain = all(np.ndim(value) < 2 and not np.iscomplexobj(value) for value in group.values.values())
    plain = plain and np.ndim(environment.temperature) == 0
    return plain and isinstance(group.device, BehaviouralSource) and not any(map(np.iscomplexobj, states))


def _at_unknowns(states: ReducedStates | Array, unknowns: Array) -> Array:
    """What states (S, N) are there (S, n), without asking for the currents of sources that nobody reads."""
    if isinstance(states, ReducedStates) and not np.isin(unknowns, states.reduction.sources).any():
        return _known(states, unknowns)
    return np.asarray(whole(states)[:, unknowns])


def sample_parts(count: int, numbers: int) -> Iterator[slice]:
    """``count`` samples in parts, with ``numbers`` numbers for each sample."""
    step = max(1, HELD // max(1, numbers))
    return (slice(first, first + step) for first in range(0, count, step))


def some_samples(values: Values, part: slice) -> Mapping[str, Array]:
    return {name: value[part] if np.ndim(value) == 2 and len(value) > 1 else value for name, value in values.items()}
