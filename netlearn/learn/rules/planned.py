"""A model's step of training by a plan: from parameters and inputs to states, and from errors back to parameters.

What neither parameters nor inputs change is worked out when a model is first asked, see ``solve.bordered.plan``. Where
there is no plan, or where it has no answer, the general way is to be taken: a plan tells of nothing that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Column
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.parameters import Direct
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.probes.ends import Probes
from netlearn.solve.blocks.choice import FEWEST, sweeps_worth_trying
from netlearn.solve.bordered.plan import BorderedPlan, PlannedStates
from netlearn.solve.compiled.load import available
from netlearn.solve.internal import InternalSolver
from netlearn.solve.linear_states import surely_fits
from netlearn.solve.nonlinear import bordered_point
from netlearn.solve.operating_point import OperatingPoint

KEPT = 2
"""So many models of a circuit have their plans kept, by convention: one that is trained, and another beside it."""
Fixed = tuple[tuple[Array, bytes], ...]


@dataclass(frozen=True, eq=False)
class PlannedStep:
    """The free states of a batch, as far as somebody asks for them."""

    plan: PlannedModel
    theta: Array
    inputs: Array
    states: PlannedStates

    @property
    def read(self) -> Array:
        """What the probes read, (S, o)."""
        return self.states.read

    @property
    def point(self) -> OperatingPoint:
        """The free states as the solver has them."""
        states, model, theta, inputs = self.states, self.plan.model, self.theta, self.inputs
        return OperatingPoint.later(
            lambda: bordered_point(model.circuit(theta, inputs), states.moving, states.steps), states.steps
        )

    def gradient(self, errors: Array) -> Array | None:
        """The derivatives (P,) of a function with the derivatives ``errors`` (S, o) by the outputs; None if unknown."""
        if errors.dtype != float:
            return None
        return self._by_parameters(self.states.by_resistance(np.ascontiguousarray(errors)))

    @property
    def nudgeable(self) -> bool:
        """Whether conductances and currents at the outputs lead to states that ``contrast`` knows."""
        return self.plan.border.push is not None

    def contrast(
        self, conductance: Array, current: Array, pairs: Array, shares: Array, *, definite: bool
    ) -> Array | None:
        """What parameters (P,) compare between pairs of nudged states, see ``PlannedStates``; None for unknown."""
        return self._by_parameters(self.states.contrast(conductance, current, pairs, shares, definite=definite))

    def transfer(self, samples: Array) -> Array | None:
        """What the outputs see of each other, see ``PlannedStates``; None for unknown."""
        return self.states.transfer(samples)

    def _by_parameters(self, found: Array | None) -> Array | None:
        if found is None:
            return None
        plan = self.plan
        parts = {column: plan.border.part(found, column[0]) for column in plan.model.parameters.columns}
        return plan.model.pullback(self.theta, parts)


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """A model whose resistances alone are trained, and whose inputs are independent sources."""

    model: Model
    border: BorderedPlan
    fixed: Fixed
    """Values of the diodes, and what they were when the plan was made: arrays can be changed in place."""

    @classmethod
    def of(cls, model: Model) -> PlannedModel | None:
        """The plan of a model; the same again for the same one. None for a model of another kind."""
        circuit = model.parameters.circuit
        kept: list[tuple[Model, PlannedModel | None]] = circuit.wiring.once(cls.of, list)
        for known, plan in kept:
            if known is model and (plan is None or all(each.tobytes() == before for each, before in plan.fixed)):
                return plan
        if not available():
            # It may be soon.
            return None
        made = cls._build(model)
        kept[:] = [(model, made), *(each for each in kept if each[0] is not model)][:KEPT]
        return made

    @classmethod
    def _build(cls, model: Model) -> PlannedModel | None:
        parameters, solver, measured = model.parameters, model.solver, model.measured
        circuit = parameters.circuit
        plain = isinstance(solver, InternalSolver) and not solver.careful and solver.method in ("auto", "newton")
        if not plain or model.text is not None or model.chip is not None:
            return None
        if parameters.settings or parameters.quantities or not measured.between_unknowns:
            return None
        if not all(_is_resistance(model, each.column) for each in parameters.bindings):
            return None
        if any(not isinstance(place, tuple) for place in model.inputs) or circuit.by_sample:
            return None
        probes: Probes = model.probes
        border = BorderedPlan.of(circuit, np.asarray(probes.plus), np.asarray(probes.minus))
        if border is None:
            return None
        values = [np.asarray(v) for g in border.layout.groups for v in circuit.groups[g].values.values()]
        return cls(model, border, tuple((each, each.tobytes()) for each in values))

    def step(self, theta: Array, batch: Batch) -> PlannedStep | None:
        """The free states of a batch; None where the general way is to find them."""
        inputs, size = batch.inputs, self.model.parameters.circuit.size
        if theta.dtype != float or theta.ndim != 1 or inputs.dtype.kind not in "fiu" or inputs.ndim != 2:
            return None
        if not len(inputs) or not surely_fits(len(inputs), size) or (len(inputs) >= FEWEST and self._swept):
            return None
        # Whoever gave them may change them in place before somebody asks for the operating points.
        inputs, theta = np.array(inputs, dtype=float, order="C"), np.array(theta)
        resistance = theta if self._alone else self._resistances(theta)
        volts, drives = self._drives(inputs)
        states = self.border.settled(resistance, volts, drives, self._start(batch))
        return None if states is None else PlannedStep(self, theta, inputs, states)

    @cached_property
    def _alone(self) -> bool:
        """Whether the parameters are the resistances, and no others, in their order."""
        parameters = self.model.parameters
        ohms, *others = parameters.bindings
        whole = np.array_equal(ohms.elements, np.arange(self.border.firsts[-1])) and len(self.border.resistors) == 1
        return (
            not others and isinstance(ohms, Direct) and ohms.plain and whole and len(parameters) == len(ohms.elements)
        )

    @cached_property
    def _swept(self) -> bool:
        """Whether the solver would go from block to block."""
        model = self.model
        solver = model.solver
        assert isinstance(solver, InternalSolver)
        inputs = np.zeros((FEWEST, len(model.inputs)))
        return solver.method == "auto" and sweeps_worth_trying(model.circuit(model.parameters.initial, inputs)) > 0

    def _resistances(self, theta: Array) -> Array:
        """(k,) those of all resistors."""
        groups, parameters = self.border.resistors, self.model.parameters
        columns, _ = parameters.values(theta)
        circuit = parameters.circuit
        parts = [
            columns[g, "resistance"]
            if (g, "resistance") in columns
            else np.broadcast_to(np.asarray(circuit.groups[g].values["resistance"], float), (len(circuit.groups[g]),))
            for g in groups
        ]
        return np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)

    def _drives(self, inputs: Array) -> tuple[Array, Array | None]:
        """The volts (S, t) at held nodes, and what current sources add to the equations (S, r)."""
        border = self.border
        parts = [inputs] if self._driven_alone else [self._dc(g, inputs) for g in border.stamps.sources]
        drops = parts[0] if len(parts) == 1 else np.concatenate([inputs[:, :0], *parts], axis=1)
        volts = border.model.reduction.forest.potentials(drops.T).T
        currents = [self._dc(g, inputs) for g in border.injecting]
        return np.ascontiguousarray(volts), border.drives(currents, len(inputs))

    @cached_property
    def _driven_alone(self) -> bool:
        """Whether the inputs are the voltages of all sources, in their order, and nothing else."""
        sources = self.border.stamps.sources
        count = len(self.model.parameters.circuit.groups[sources[0]]) if len(sources) == 1 else -1
        return list(self.model.inputs) == [(sources[0], k) for k in range(count)] if count > 0 else False

    def _dc(self, g: int, inputs: Array) -> Array:
        """(S, k) what the sources of a group drive."""
        fixed = np.asarray(self.model.parameters.circuit.groups[g].values["dc"], dtype=float)
        return self.model.driven(g, fixed, inputs)

    def _start(self, batch: Batch) -> Array | None:
        """(S, h) inner voltages to start from."""
        start = batch.start
        if start is None or start.x.shape != (len(batch), self.model.parameters.circuit.size):
            return None
        layout, reduction = self.border.layout, self.border.model.reduction
        found = np.ascontiguousarray(start.x[:, reduction.members[layout.inner]])
        return found if found.dtype == float and np.isfinite(found).all() else None


def planned_step(model: Model, theta: Array, batch: Batch) -> PlannedStep | None:
    """The free states of a batch by the model's plan; None where the general way is to find them."""
    plan = PlannedModel.of(model)
    return None if plan is None else plan.step(theta, batch)


def _is_resistance(model: Model, column: Column) -> bool:
    g, name = column
    return g >= 0 and name == "resistance" and isinstance(model.parameters.circuit.groups[g].device, Resistor)
