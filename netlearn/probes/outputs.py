"""What is measured of a circuit: voltages, currents, powers, and expressions of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column
from netlearn.errors import CircuitError
from netlearn.expressions.expression import Expression
from netlearn.probes.ends import Probes
from netlearn.probes.readings import Between, Current, Quantity, Reading, Readings, Slopes


@dataclass(frozen=True)
class Output:
    """One output: a reading, or an expression whose names stand for the readings in their order."""

    name: str
    readings: tuple[Reading, ...]
    expression: Expression | None = None
    unit: str = ""


@dataclass(frozen=True)
class Outputs:
    """The o outputs of a circuit."""

    outputs: tuple[Output, ...]

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """What the outputs are called, as they were asked for."""
        return tuple(output.name for output in self.outputs)

    @property
    def units(self) -> tuple[str, ...]:
        """V, A, W, or nothing where it is not known."""
        return tuple(output.unit for output in self.outputs)

    @property
    def quantities(self) -> tuple[str, ...]:
        """The numbers of the netlist that outputs read."""
        found = (reading for output in self.outputs for reading in output.readings)
        return tuple(dict.fromkeys(reading.name for reading in found if isinstance(reading, Quantity)))

    @cached_property
    def ends(self) -> Probes:
        """The outputs as probes between unknowns. Raises CircuitError for one that is something else."""
        for output in self.outputs:
            if output.expression is not None or not isinstance(output.readings[0], Between):
                raise CircuitError(
                    f"the output {output.name} is not a voltage or the current of a voltage source, "
                    "so it can be measured, but not nudged",
                    hint="use rule analytic, or probe the current of a 0 V source in series",
                )
        between = [reading for output in self.outputs for reading in output.readings if isinstance(reading, Between)]
        plus, minus = (np.array([getattr(b, end) for b in between], dtype=np.intp) for end in ("plus", "minus"))
        return Probes(self.names, plus, minus)

    @cached_property
    def between_unknowns(self) -> bool:
        """Whether every output is a difference of unknowns."""
        return all(o.expression is None and isinstance(o.readings[0], Between) for o in self.outputs)

    def affine(self, circuit: Circuit) -> bool:
        """Whether every output is an affine function of the unknowns, with the same values for all samples."""
        return all(
            output.expression is None
            and (
                isinstance(reading, Between)
                or (isinstance(reading, Current) and circuit.groups[reading.group].device.linear)
            )
            for output in self.outputs
            for reading in output.readings
        )

    def read(self, circuit: Circuit, x: Array, rest: Array | None = None) -> Array:
        """The outputs (S, o) at operating points ``x`` (S, N) and the ``rest`` (S, N) that rounding took off them."""
        if self.between_unknowns:
            return self.ends.read(circuit, x, rest)
        values = Readings(circuit, x, self._readings, rest).values()
        columns = []
        for output, places in zip(self.outputs, self._places, strict=True):
            if output.expression is None:
                columns.append(values[:, places[0]])
            else:
                found = output.expression.evaluate(_environment(output.expression, values, places))
                columns.append(np.broadcast_to(found, len(x)))
        return np.stack(columns, axis=1) if columns else np.zeros((len(x), 0))

    def slopes(self, circuit: Circuit, x: Array, columns: Sequence[Column], quantities: Sequence[str] = ()) -> Slopes:
        """Derivatives of the outputs by the unknowns, by values of elements and by quantities, at ``x`` (S, N)."""
        if self.between_unknowns:
            return self.ends.slopes(circuit, x, columns, quantities)
        readings = Readings(circuit, x, self._readings)
        plain = readings.slopes(columns, quantities)
        chains: list[tuple[Array, Array, Array]] = []
        values = None if all(output.expression is None for output in self.outputs) else readings.values()
        for row, (output, places) in enumerate(zip(self.outputs, self._places, strict=True)):
            factors = np.ones((1, 1))
            if output.expression is not None and values is not None:
                environment = _environment(output.expression, values, places)
                _, slopes = output.expression.evaluate_with_derivatives(environment, list(environment))
                factors = np.stack([np.broadcast_to(slope, len(x)) for slope in slopes], axis=1)
            chains.append((np.full(len(places), row), np.array(places, dtype=np.intp), factors))
        return _chained(plain, chains, len(self._readings))

    @cached_property
    def _readings(self) -> tuple[Reading, ...]:
        """What all outputs read, each once."""
        return tuple(dict.fromkeys(reading for output in self.outputs for reading in output.readings))

    @cached_property
    def _places(self) -> tuple[tuple[int, ...], ...]:
        """The places of each output's readings among all."""
        place = {reading: k for k, reading in enumerate(self._readings)}
        return tuple(tuple(place[reading] for reading in output.readings) for output in self.outputs)


def _environment(expression: Expression, values: Array, places: Sequence[int]) -> Mapping[str, Array]:
    return {name: values[:, place] for name, place in zip(expression.names, places, strict=True)}


def _chained(plain: Slopes, chains: Sequence[tuple[Array, Array, Array]], count: int) -> Slopes:
    """Slopes of outputs from those of readings: ``chains`` hold rows, readings and factors (S or 1, n)."""
    rows, readings = (np.concatenate([chain[k] for chain in chains]) for k in (0, 1))
    samples = max(len(factors) for _, _, factors in chains)
    factors = np.concatenate([np.broadcast_to(f, (samples, f.shape[1])) for _, _, f in chains], axis=1)
    order = np.argsort(readings, kind="stable")
    counts = np.bincount(readings, minlength=count)
    starts = np.concatenate([[0], np.cumsum(counts)])

    def spread(at: Array) -> tuple[Array, Array]:
        """For entries that belong to the readings ``at``: which entry, and which link of the chain it goes on by."""
        entries = np.repeat(np.arange(len(at)), counts[at])
        first = np.repeat(starts[at], counts[at])
        within = np.arange(len(entries)) - np.repeat(np.cumsum(counts[at]) - counts[at], counts[at])
        return entries, order[first + within]

    entries, links = spread(plain.rows)
    values = {}
    for column, (at, elements, weights) in plain.values.items():
        which, by = spread(at)
        values[column] = rows[by], elements[which], weights[:, which] * factors[:, by]
    quantities = {}
    for name, (at, weights) in plain.quantities.items():
        which, by = spread(at)
        quantities[name] = rows[by], weights[:, which] * factors[:, by]
    return Slopes(
        rows[links], plain.unknowns[entries], plain.weights[:, entries] * factors[:, links], values, quantities
    )
