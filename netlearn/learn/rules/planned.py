"""A model's step of training by a plan: from parameters and inputs to states, and from errors back to parameters.

What neither parameters nor inputs change is worked out when a model is first asked, see ``solve.bordered.plan``. Where
there is no plan, or where it has no answer, the general way is to be taken: a plan tells of nothing that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Column
from netlearn.circuit.devices.ideal_diode import IdealDiode
from netlearn.circuit.devices.linear import Resistor
from netlearn.circuit.parameters import Direct
from netlearn.errors import CircuitError
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.solve.blocks.choice import FEWEST, sweeps_worth_trying
from netlearn.solve.bordered.plan import BorderedPlan, Compared, PlannedStates
from netlearn.solve.compiled.load import available, in_rows
from netlearn.solve.internal import InternalSolver
from netlearn.solve.linear_states import surely_fits
from netlearn.solve.nonlinear import bordered_point
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.reduced_states import moving_of

KEPT = 2
"""So many models of a circuit have their plans kept, by convention: one that is trained, and another beside it."""
Fixed = dict[Column, bytes]


@dataclass(frozen=True, eq=False)
class PlannedStep:
    """The free states of a batch, as far as somebody asks for them."""

    plan: PlannedModel
    theta: Array
    circuit: Circuit
    states: PlannedStates

    @property
    def read(self) -> Array:
        """What the probes read, (S, o)."""
        return self.states.read

    @property
    def point(self) -> OperatingPoint:
        """The free states as the solver has them."""
        states, reduction = self.states, self.plan.border.model.reduction
        held = states.volts if len(reduction.sources) else None
        return bordered_point(self.circuit, held, states.moving, states.steps, states.factors)

    def gradient(self, errors: Array) -> Array | None:
        """The derivatives (P,) of a function with the derivatives ``errors`` (S, o) by the outputs; None if unknown."""
        if errors.dtype != float or errors.shape != self.read.shape:
            return None
        return self._by_parameters(self.states.by_resistance(in_rows(errors)))

    def contrast(
        self, conductance: Array | None, current: Array, strength: float, compared: Compared, scale: float
    ) -> Array | None:
        """What parameters (P,) compare between pairs of nudged states, see ``PlannedStates``; None for unknown."""
        if conductance is None:
            conductance = np.zeros(self.read.shape[1])
        if current.shape != self.read.shape or conductance.shape != self.read.shape[1:]:
            return None
        if current.dtype != float or conductance.dtype != float:
            return None
        # Currents lie in memory as targets do, which somebody may have turned around.
        elements = in_rows(conductance), in_rows(current)
        return self._by_parameters(self.states.contrast(*elements, strength, compared, scale))

    def transfer(self, samples: Array) -> Array | None:
        """What the outputs see of each other, see ``PlannedStates``; None for unknown."""
        return self.states.transfer(samples)

    def _by_parameters(self, found: Array | None) -> Array | None:
        plan = self.plan
        if found is None or plan.alone is not None:
            return found
        parts = {column: plan.border.part(found, column[0]) for column in plan.model.parameters.columns}
        return plan.model.pullback(self.theta, parts)


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """A model whose resistances alone are trained, and whose inputs are independent sources."""

    model: Model
    border: BorderedPlan
    fixed: Fixed
    """What values of the diodes were when the plan was made: they can be changed in place."""
    swept: list[bool] = field(default_factory=list, repr=False)
    """Whether the solver would go from block to block, once it is known."""

    @classmethod
    def of(cls, model: Model) -> PlannedModel | None:
        """The plan of a model; the same again for the same one. None for a model of another kind."""
        circuit = model.parameters.circuit
        kept: list[tuple[Model, PlannedModel | None]] = circuit.wiring.once(cls.of, list)
        for n, (known, plan) in enumerate(kept):
            if known is model and (plan is None or plan.fixed == _fixed(circuit, plan.border)):
                if n:
                    # What is asked for once beside it is to make room for the next of its kind.
                    kept[:] = [(model, plan), *(each for each in kept if each[0] is not model)]
                return plan
        suited = _suited(model)
        # Compiled loops take their time to be loaded, which most models have no use for.
        if suited and not available():
            # It may be soon.
            return None
        made = cls._build(model) if suited else None
        kept[:] = [(model, made), *(each for each in kept if each[0] is not model)][:KEPT]
        return made

    @classmethod
    def _build(cls, model: Model) -> PlannedModel | None:
        circuit, probes = model.parameters.circuit, model.probes
        border = BorderedPlan.of(circuit, np.asarray(probes.plus), np.asarray(probes.minus))
        if border is None:
            return None
        return cls(model, border, _fixed(circuit, border))

    @property
    def nudgeable(self) -> bool:
        """Whether conductances and currents at the outputs lead to states that a step's ``contrast`` knows."""
        return self.border.push is not None

    def step(self, theta: Array, batch: Batch) -> PlannedStep | None:
        """The free states of a batch; None where the general way is to find them."""
        inputs, model = batch.inputs, self.model
        size, parameters = model.parameters.circuit.size, model.parameters.initial.shape
        # Compiled loops look at no bounds.
        if theta.dtype != float or theta.shape != parameters or inputs.dtype.kind not in "fiu" or inputs.ndim != 2:
            return None
        if inputs.shape[1] != len(model.inputs) or inputs.dtype.itemsize > 8:
            return None
        if not len(inputs) or not surely_fits(len(inputs), size):
            return None
        inputs = np.ascontiguousarray(inputs, dtype=float)
        if len(inputs) >= FEWEST and self._swept(theta, inputs):
            return None
        # Their values are their own: whoever gave these may change them in place before somebody asks for the unknowns.
        if self.alone is None:
            own, copy = np.array(theta), None
            circuit = model.circuit(own, inputs)
            resistance = self._resistances(circuit)
        else:
            own = copy = np.empty(theta.shape)
            circuit = model.driven_circuit(inputs, {self.alone: own})
            resistance = in_rows(theta)
        volts, drives = self._drives(circuit, len(inputs))
        states = self.border.settled(resistance, volts, drives, self._start(batch), copy=copy)
        return None if states is None else PlannedStep(self, own, circuit, states)

    @cached_property
    def alone(self) -> Column | None:
        """The column of the resistances where they are the parameters, and no others, in their order."""
        parameters = self.model.parameters
        if len(parameters.bindings) != 1:
            return None
        (ohms,) = parameters.bindings
        whole = np.array_equal(ohms.elements, np.arange(self.border.firsts[-1])) and len(self.border.resistors) == 1
        plain = isinstance(ohms, Direct) and ohms.trained and ohms.plain
        return ohms.column if plain and whole and len(parameters) == len(ohms.elements) else None

    def _swept(self, theta: Array, inputs: Array) -> bool:
        """Whether the solver would go from block to block, which follows from what is connected to what."""
        solver = self.model.solver
        assert isinstance(solver, InternalSolver)
        if not self.swept:
            try:
                sweeps = sweeps_worth_trying(self.model.circuit(theta, inputs)) if solver.method == "auto" else 0
            except CircuitError:
                # The general way says it each time that it is asked.
                return True
            self.swept.append(sweeps > 0)
        return self.swept[0]

    def _resistances(self, circuit: Circuit) -> Array:
        """(k,) those of all resistors."""
        groups = [circuit.groups[g] for g in self.border.resistors]
        parts = [_spread(each.values["resistance"], (len(each),)) for each in groups]
        return in_rows(parts[0]) if len(parts) == 1 else np.concatenate([*parts, np.zeros(0)])

    def _drives(self, circuit: Circuit, samples: int) -> tuple[Array, Array | None]:
        """The volts (S, t) at held nodes, and what current sources add to the equations (S, r)."""
        border = self.border

        def dc(g: int) -> Array:
            group = circuit.groups[g]
            return _spread(group.values["dc"], (samples, len(group)))

        parts = [dc(g) for g in border.stamps.sources]
        drops = parts[0] if len(parts) == 1 else np.concatenate([np.zeros((samples, 0)), *parts], axis=1)
        volts = border.model.reduction.forest.potentials(drops.T).T
        return np.ascontiguousarray(volts), border.drives([dc(g) for g in border.injecting], samples)

    def _start(self, batch: Batch) -> Array | None:
        """(S, h) inner voltages to start from."""
        moving = None if batch.start is None else moving_of(batch.start.states, self.border.model.reduction)
        if moving is None or len(moving) != len(batch):
            return None
        found = np.ascontiguousarray(moving[:, self.border.layout.inner])
        return found if found.dtype == float and np.isfinite(found).all() else None


def planned_step(model: Model, theta: Array, batch: Batch, *, nudged: bool = False) -> PlannedStep | None:
    """The free states of a batch by the model's plan; None where the general way is to find them.

    That is also where they are to be ``nudged``, and the plan cannot say what nudges do.
    """
    plan = PlannedModel.of(model)
    if plan is None or (nudged and not plan.nudgeable):
        return None
    return plan.step(theta, batch)


def _suited(model: Model) -> bool:
    """Whether the solver, the parameters, inputs and outputs of a model are such as a plan is for, and the elements."""
    parameters, solver, circuit = model.parameters, model.solver, model.parameters.circuit
    plain = type(solver) is InternalSolver and not solver.careful and solver.method in ("auto", "newton")
    if not plain or model.text is not None or model.chip is not None:
        return False
    if not any(len(group) and isinstance(group.device, IdealDiode) for group in circuit.groups):
        return False
    if parameters.settings or parameters.quantities or not model.measured.between_unknowns:
        return False
    if not all(_is_resistance(model, each.column) for each in parameters.bindings):
        return False
    return all(isinstance(place, tuple) for place in model.inputs) and not circuit.by_sample


def _spread(values: Array, shape: tuple[int, ...]) -> Array:
    values = np.asarray(values, dtype=float)
    return values if values.shape == shape else np.broadcast_to(values, shape)


def _fixed(circuit: Circuit, border: BorderedPlan) -> Fixed:
    """The values of the diodes as they are now."""
    groups = ((g, circuit.groups[g].values) for g in border.layout.groups)
    return {(g, name): np.asarray(value).tobytes() for g, values in groups for name, value in values.items()}


def _is_resistance(model: Model, column: Column) -> bool:
    g, name = column
    return g >= 0 and name == "resistance" and isinstance(model.parameters.circuit.groups[g].device, Resistor)
