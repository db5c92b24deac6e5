"""How far operating points may be trusted: what Kirchhoff's laws lack there, and how many digits hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array, moved_by
from netlearn.circuit.circuit import Circuit
from netlearn.errors import CircuitError
from netlearn.solve.equations.assembly import Equations, with_ground

if TYPE_CHECKING:
    from netlearn.probes.ends import Probes
    from netlearn.probes.outputs import Outputs
    from netlearn.solve.operating_point import Linearization, OperatingPoint

UNIT_ROUNDOFF = np.finfo(float).eps / 2
"""The largest part of a number that rounding to float64 takes off it."""
MOST_DIGITS = -np.log10(UNIT_ROUNDOFF)
"""As many decimal digits as float64 has, 16."""
FEW_DIGITS = 6
"""Unknowns with fewer digits are warned of: by convention as many as tables show."""
DRAWS = 3
"""So often random signs of rounding errors are tried: of 2289 voltages in networks that lose digits 0.2 % have fewer
digits than is said then, with one draw 0.7 % and with twice as many 0.04 % (benchmarks/draws_of_signs.py)."""
DRAWS_OF_DIFFERENCES = 10
"""And so often for differences, as two errors of equal signs cancel in them: of 2286 none has fewer digits than is said
then; with 6 draws 0.1 % have, and with 3 0.4 % (benchmarks/draws_of_signs.py)."""
NEGLIGIBLE = 1e-12
"""Voltages and currents below this part of the largest one are hardly asked for: SPICE's default of abstol beside an
ampere."""
TINY = np.finfo(float).tiny / np.finfo(float).eps
"""Below it numbers are rounded to less than float64's digits."""


@dataclass(frozen=True)
class Residual:
    """What the equations of a circuit lack at operating points, (S, N).

    ``values`` are amperes that Kirchhoff's current law lacks at nodes, and volts that the equation of
    a voltage source, say, lacks at a branch; ``relative`` are these beside the sum of what elements contribute.
    """

    circuit: Circuit
    values: Array
    relative: Array

    def __repr__(self) -> str:
        return f"<residual: {self.largest()}>"

    def largest(self) -> str:
        """The largest one relative to its equation, in words."""
        if not self.relative.size:
            return "no equation is left to be solved"
        sample, number = divmod(int(np.argmax(self.relative)), self.relative.shape[1])
        nodes = len(self.circuit.nodes)
        at, unit = (
            (f"node '{self.circuit.nodes[number]}'", "A")
            if number < nodes
            else (f"'{self.circuit.branches[number - nodes]}'", "V")
        )
        where = f", sample {sample + 1}" if len(self.values) > 1 else ""
        value, part = self.values[sample, number], self.relative[sample, number]
        return f"{abs(value):.3g} {unit} at {at}{where}, {part:.2g} of what its equation sums up"


def residual_of(point: OperatingPoint) -> Residual:
    """The residual of operating points, found from the devices' equations alone."""
    circuit = point.circuit
    total, size = np.zeros(point.x.shape, point.x.dtype), np.zeros(point.x.shape)
    for index, current, _ in _contributions(point):
        _add(total, index, current)
        _add(size, index, np.abs(current))
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(size > TINY, np.abs(total) / np.where(size > 0, size, 1.0), 0.0)
    return Residual(circuit, total, relative)


def digits_of(point: OperatingPoint, linearization: Linearization | None = None) -> Array:
    """About how many decimal digits hold of each unknown, (S, N), up to 16.

    Rounding errors of random signs in all terms of the equations are carried to the unknowns, and what the equations
    lack if that is more. What is negligible beside the largest voltage or current counts as known. Without a unique
    solution near by, none holds.
    """
    if point.rest is not None and point.circuit.linear:
        return np.full(point.x.shape, MOST_DIGITS)
    error = errors_at(_terms(point), _linearization(point, linearization))
    digits = _digits(point.x, error)
    known = negligible(point.x, error, len(point.circuit.nodes))
    if point.rest is not None:
        # Samples that were solved with more digits: rounding took something off some of their numbers.
        known |= point.rest.any(axis=1, keepdims=True)
    return np.where(known, MOST_DIGITS, digits)


def digits_read(point: OperatingPoint, outputs: Outputs | Probes, linearization: Linearization | None = None) -> Array:
    """About how many decimal digits hold of what is read, (S, o), up to 16.

    A difference of voltages that are nearly equal holds fewer than these. What is zero, and what is wrong by a
    negligible part of the same reading's largest one, counts as known.
    """
    read = outputs.read(point.circuit, point.x)
    if point.rest is not None and point.circuit.linear:
        return np.full(read.shape, MOST_DIGITS)
    used, error = _linearization(point, linearization), np.zeros(read.shape)
    for moved in _moved(_terms(point), used, DRAWS_OF_DIFFERENCES):
        with np.errstate(all="ignore"):
            change = np.abs(outputs.read(point.circuit, point.x, moved) - read)
        error = np.maximum(error, np.where(np.isnan(change), np.inf, change))
    known = read == 0
    if len(read) > 1:
        known |= error <= NEGLIGIBLE * np.abs(read).max(axis=0)
    if point.rest is not None:
        known |= point.rest.any(axis=1, keepdims=True)
    return np.where(known, MOST_DIGITS, _digits(read, error))


def _terms(point: OperatingPoint) -> Array:
    """The sizes (S, N) of what the equations of a point add up, or what they lack in units of its rounding."""
    terms, total = np.zeros(point.x.shape), np.zeros(point.x.shape, point.x.dtype)
    for index, current, reach in _contributions(point):
        _add(terms, index, np.abs(current) + reach)
        _add(total, index, current)
    return np.maximum(terms, np.abs(total) / UNIT_ROUNDOFF)


def _linearization(point: OperatingPoint, given: Linearization | None) -> Linearization:
    used = given if given is not None else point.linearization
    if used is None:
        raise CircuitError("this solver does not tell how its operating points depend on rounding")
    return used


def _digits(values: Array, error: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = -np.log10(error / np.abs(values))
    return np.where(np.isfinite(error), np.clip(np.nan_to_num(digits, nan=MOST_DIGITS), 0.0, MOST_DIGITS), 0.0)


def errors_at(terms: Array, linearization: Linearization) -> Array:
    """About what rounding the ``terms`` (S, N) of the equations does to their solutions (S, N).

    Errors of one sign are the worst that resistors can make of them, whose matrix has an inverse without
    negative entries; others need different signs.
    """
    error = np.zeros(terms.shape)
    for moved in _moved(terms, linearization):
        error = np.maximum(error, np.where(np.isnan(moved), np.inf, np.abs(moved)))
    return error


def _moved(terms: Array, linearization: Linearization, draws: int = DRAWS) -> Iterator[Array]:
    """What rounding errors of several signs make of the solutions, (S, N) each; NaN where there is none."""
    rng = np.random.default_rng(0)
    for signs in [np.ones(terms.shape[1]), *rng.choice([-1.0, 1.0], size=(draws, terms.shape[1]))]:
        try:
            with np.errstate(all="ignore"):
                moved = linearization.solve(UNIT_ROUNDOFF * terms * signs)
        except CircuitError:
            moved = np.full(terms.shape, np.nan)
        yield moved


def negligible(x: Array, error: Array, nodes: int) -> Array:
    """Which unknowns (S, N), and what is wrong with them, hardly count beside the others of their kind."""
    result = np.empty(x.shape, dtype=bool)
    for part in (slice(None, nodes), slice(nodes, None)):
        largest = np.abs(x[:, part]).max(axis=1, initial=0.0, keepdims=True)
        result[:, part] = np.maximum(np.abs(x[:, part]), error[:, part]) <= NEGLIGIBLE * largest
    return result


def doubts(point: OperatingPoint, digits: Array) -> str:
    """Which unknowns hold fewer than six digits, in words; empty if none does."""
    least = digits.min(axis=0, initial=MOST_DIGITS)
    poor = np.flatnonzero(least < FEW_DIGITS)
    if not len(poor):
        return ""
    if len(poor) == len(least) and not least.any():
        return "hardly a digit can be trusted: the circuit's equations are singular but for rounding"
    names = [*(f"v({name})" for name in point.circuit.nodes), *(f"i({name})" for name in point.circuit.branches)]
    return f"{_trusted(names, least, poor)}: in the circuit's equations large terms nearly cancel"


def doubts_read(names: Sequence[str], digits: Array) -> str:
    """Which of the readings by these names hold fewer than six digits, in words; empty if none does."""
    least = digits.min(axis=0, initial=MOST_DIGITS)
    poor = np.flatnonzero(least < FEW_DIGITS)
    return f"{_trusted(names, least, poor)}: numbers that are nearly equal cancel there" if len(poor) else ""


def _trusted(names: Sequence[str], least: Array, poor: Array) -> str:
    worst = int(poor[np.argmin(least[poor])])
    count = int(least[worst])
    held = "no digit" if count == 0 else f"about {count} {'digit' if count == 1 else 'digits'}"
    more = (
        f", and fewer than {FEW_DIGITS} of {_listed([names[k] for k in poor if k != worst])}" if len(poor) > 1 else ""
    )
    return f"{held} of {names[worst]} can be trusted{more}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _contributions(point: OperatingPoint) -> list[tuple[Array, Array, Array]]:
    """For each group its unknowns (k, T), what it adds to their equations (S, k, T), and the sizes of its terms."""
    equations, padded = Equations.of(point.circuit), with_ground(point.x)
    rest = None if point.rest is None else with_ground(point.rest)
    found = []
    for g, group in enumerate(point.circuit.groups):
        if not len(group):
            continue
        place, prepared = equations.at(g, padded), equations.prepared[g]
        with np.errstate(all="ignore"):
            current, slope = group.device.residual(place, prepared), group.device.jacobian(place, prepared)
        if rest is not None:
            current = current + moved_by(slope, equations.at(g, rest))
        reach = (np.where(np.isfinite(slope), np.abs(slope), 0.0) @ np.abs(place)[..., None])[..., 0]
        found.append((np.asarray(group.index), np.broadcast_to(current, place.shape), reach))
    return found


def _add(total: Array, index: Array, values: Array) -> None:
    """Add values (S, k, T) to the unknowns (k, T) of ``total`` (S, N), ground left out."""
    real = index >= 0
    np.add.at(total.T, index[real], values[:, real].T)
