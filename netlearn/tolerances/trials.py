"""A netlist with tolerances as a function of its random numbers: outputs, derivatives, and whether goals are met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import CircuitError, ConvergenceError, OptionError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.data import Dataset, Layout, inputs_of
from netlearn.learn.goals import Aim, Goals
from netlearn.learn.model import Model
from netlearn.learn.superposition import outputs_of
from netlearn.learn.table import asked_by
from netlearn.probes.names import probes_of
from netlearn.project import Project
from netlearn.solve.operating_point import OperatingPoint, Solver
from netlearn.tolerances.population import Population, population_of, tightened

ROWS = 20_000
"""So many operating points are solved at once: draws of lattices of 3x3 with diodes take 1.03 to 1.11 times as long
with half and 1.04 to 1.08 with twice as many, by two measurements (benchmarks/rows_at_a_time.py)."""


@dataclass(frozen=True)
class Trials:
    """Outputs (…, S, o) of a population at draws (…, n) of its random numbers, in S samples.

    ``loss`` and ``targets`` (S, G, 5) say what is wanted of the outputs, where ``aims`` are goals.
    """

    population: Population
    model: Model
    inputs: Array
    labels: tuple[str, ...]
    loss: Goals | None = None
    targets: Array | None = None
    aims: tuple[Aim, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The outputs."""
        return tuple(self.model.measured.names)

    @property
    def units(self) -> tuple[str, ...]:
        """V, A, W, or nothing where it is not known."""
        found: tuple[str, ...] = getattr(self.model.measured, "units", ("",) * len(self.names))
        return found

    @cached_property
    def nominal(self) -> Array:
        """Outputs (S, o) with nothing off."""
        return np.asarray(self.outputs(np.zeros((1, len(self.population.variables))))[0])

    def outputs(self, v: Array) -> Array:
        """Outputs (D, S, o) at draws (D, n); NaN where a draw has no operating point that can be found."""
        samples = max(len(self.inputs), 1)
        parts = np.array_split(np.arange(len(v)), max(1, -(-len(v) * samples // ROWS)))
        return np.concatenate([self._solved(self.population.rows(v[part], self.inputs), samples) for part in parts])

    def at(self, v: Array, samples: Array) -> Array:
        """Outputs (R, o), each at its own draw (R, n) and in its own sample (R,)."""
        return self._tried(self._rows(v, samples))

    def slopes(self, v: Array, samples: Array, outputs: Array) -> tuple[Array, Array]:
        """Values (R,) and derivatives (R, n) by the random numbers, each of its own output (R,)."""
        values, found = np.empty(len(v)), np.empty((len(v), len(self.population.variables)))
        for part in np.array_split(np.arange(len(v)), max(1, -(-len(v) // ROWS))):
            inputs = self._rows(v[part], samples[part])
            theta = self.model.parameters.initial
            point = self.model.forward(theta, inputs)
            errors = np.zeros((len(part), len(self.names)))
            errors[np.arange(len(part)), outputs[part]] = 1.0
            by_inputs = Adjoint(self.model, theta, inputs, point, errors).by_inputs()
            values[part] = self.model.outputs(point)[np.arange(len(part)), outputs[part]]
            found[part] = self.population.pullback(v[part], self.inputs[samples[part]], by_inputs)
        return values, found

    def missed(self, outputs: Array) -> Array:
        """Misses (D, S, G) of the goals by outputs (D, S, o); NaN where nothing is asked. Infinite without outputs."""
        assert self.loss is not None
        assert self.targets is not None
        flat = outputs.reshape(-1, outputs.shape[-1])
        targets = np.tile(self.targets, (len(outputs), 1, 1))
        found = self.loss.missed(flat, targets).reshape(*outputs.shape[:2], -1)
        lost = np.asarray(np.isnan(outputs).any(axis=2))[..., None] & ~np.isnan(self.targets[None, ..., 0])
        return np.where(lost, np.inf, found)

    def passing(self, outputs: Array) -> Array:
        """(D,) whether each draw with outputs (D, S, o) meets all goals in all samples."""
        return np.asarray((np.nan_to_num(self.missed(outputs)) == 0).all(axis=(1, 2)))

    def with_tolerances(self, tolerances: dict[str, float]) -> Trials:
        """The same with other tolerances of some parts."""
        return replace(self, population=tightened(self.population, tolerances))

    def with_solver(self, solver: Solver) -> Trials:
        """The same solved by something else."""
        return replace(self, model=replace(self.model, solver=solver))

    def _rows(self, v: Array, samples: Array) -> Array:
        """What the model takes for draws (R, n), each in its own sample (R,)."""
        if not len(v):
            return np.zeros((0, len(self.model.inputs)))
        rows = [self.population.rows(v[samples == s], self.inputs[s : s + 1]) for s in np.unique(samples)]
        order = np.concatenate([np.flatnonzero(samples == s) for s in np.unique(samples)])
        found = np.concatenate(rows)
        return found[np.argsort(order)]

    def _solved(self, rows: Array, samples: int) -> Array:
        return self._tried(rows).reshape(-1, samples, len(self.names))

    def _tried(self, rows: Array) -> Array:
        """Outputs (R, o); of what fails together each is tried by itself."""
        theta = self.model.parameters.initial
        try:
            return outputs_of(self.model, theta, rows, self._start(len(rows)))[0]
        except CircuitError:
            if len(rows) == 1:
                return np.full((1, len(self.names)), np.nan)
        half = len(rows) // 2
        return np.concatenate([self._tried(rows[:half]), self._tried(rows[half:])])

    def _start(self, count: int) -> OperatingPoint | None:
        """Where Newton's method starts: where nothing is off."""
        if self._typical is None or count < 2:
            return None
        return OperatingPoint(self.model.parameters.circuit, np.tile(self._typical, (count, 1)))

    @cached_property
    def _typical(self) -> Array | None:
        circuit = self.model.parameters.circuit
        if circuit.linear or not len(self.inputs):
            return None
        first = self.population.rows(np.zeros((1, len(self.population.variables))), self.inputs[:1])
        try:
            return self.model.forward(self.model.parameters.initial, first).x
        except ConvergenceError:
            return None


def trials_of(project: Project, parameters: Sequence[str] | None = None) -> Trials:
    """The trials of a project's goals, or of what it measures where there are none.

    Raises OptionError where nothing is measured or nothing has a tolerance, and what reading data raises.
    """
    layout, data = _task(project)
    design = project.design_for(layout)
    population = population_of(design, layout, project.settings.tolerance)
    fixed = population.design.parameters((), ())
    measured = probes_of(fixed.circuit, layout.outputs)
    model = Model(fixed, population.design.inputs, measured, project.solver)
    labels = tuple(data.label(i) for i in range(len(data)))
    if not layout.aims:
        return Trials(population, model, data.inputs, labels)
    loss = project.loss
    assert isinstance(loss, Goals)
    return Trials(population, model, data.inputs, labels, loss, data.targets, layout.aims)


def _task(project: Project) -> tuple[Layout, Dataset]:
    """What samples set and what is measured, and the samples."""
    if project.has_samples:
        table = project.table
        if project.settings.goal or table.labels is not None or any(asked_by(name) for name in table.columns):
            return project.layout, project.dataset(table)
        layout = project.input_layout(table)
        inputs = inputs_of(table, layout)
        data = Dataset(inputs, np.zeros((len(inputs), 0)), table.path, None, ())
    else:
        layout = Layout((), project.settings.output)
        data = Dataset(np.zeros((1, 0)), np.zeros((1, 0)))
    if not layout.outputs:
        raise OptionError("nothing is measured", hint="add '*@goal V(out) = 5 within=1%', or '*@output V(out)'")
    return layout, data
