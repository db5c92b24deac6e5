"""What learning works on: a circuit with inputs, probes, trained parameters and a solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from netlearn.arrays import Array, lasting
from netlearn.chips.solver import OnChip
from netlearn.circuit.circuit import Circuit, Column
from netlearn.circuit.parameters import Input, Parameters
from netlearn.errors import CircuitError, NgspiceError
from netlearn.learn.devices.converters import Converter
from netlearn.ngspice.own_text import OwnText
from netlearn.ngspice.text_solution import BY_FLAT
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Outputs
from netlearn.probes.readings import Slopes
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint, Solver


@dataclass(frozen=True)
class Model:
    """A circuit as a function from inputs to outputs.

    ``inputs`` says what each of the p inputs sets: an independent source, by group and place,
    or one of the parameters' settings, by its number.
    """

    parameters: Parameters
    inputs: Sequence[Input]
    measured: Outputs | Probes
    solver: Solver
    text: OwnText | None = None
    """What finds the free states from the netlist's own text, if that is not the solver."""
    chip: OnChip | None = None
    """What gives the outputs, if the circuit is a chip that is measured."""
    adc: Converter | None = None
    """What outputs pass before anybody has them."""

    @property
    def probes(self) -> Probes:
        """The outputs as probes between unknowns. Raises CircuitError for one that is something else."""
        return self.measured.ends

    @cached_property
    def probe_matrix(self) -> sparse.csr_array:
        """(o, N): outputs = x Mᵀ. Raises CircuitError as ``probes`` does."""
        return self.probes.matrix(self.parameters.circuit.size)

    @cached_property
    def reads_currents(self) -> bool:
        """Whether any output is a branch current. Raises CircuitError as ``probes`` does."""
        return bool(self.probes.currents(self.parameters.circuit).any())

    @cached_property
    def constant_slopes(self) -> Slopes:
        """The derivatives of outputs between unknowns, the same at all states. Raises what ``probes`` raises."""
        return self.probes.slopes(self.parameters.circuit, np.zeros((0, 0)), ())

    @cached_property
    def _driven(self) -> dict[int, tuple[Array, Array]]:
        """For each group of sources with inputs the numbers of these, and their places in the group."""
        sources = [(j, *place) for j, place in enumerate(self.inputs) if isinstance(place, tuple)]
        numbers, groups, places = np.array(sources, dtype=np.intp).reshape(-1, 3).T
        return {g: (numbers[groups == g], places[groups == g]) for g in dict.fromkeys(groups.tolist())}

    @cached_property
    def _driven_whole(self) -> frozenset[int]:
        """The groups all of whose sources have inputs of their own, in their order, and which come first."""
        lengths = ((g, j, k, len(self.parameters.circuit.groups[g])) for g, (j, k) in self._driven.items())
        return frozenset(g for g, j, k, n in lengths if len(j) == n and _in_order(j) and _in_order(k))

    def circuit(self, theta: Array, inputs: Array) -> Circuit:
        """The circuit at parameters ``theta`` (P,), driven by ``inputs`` (S, p)."""
        return self.driven_circuit(inputs, *self.parameters.values(theta, self.settings(inputs)))

    def driven_circuit(
        self, inputs: Array, columns: Mapping[Column, Array], quantities: Mapping[str, Array] | None = None
    ) -> Circuit:
        """The circuit with the values that follow from parameters, driven by ``inputs`` (S, p)."""
        circuit, columns = self.parameters.circuit, dict(columns)
        for g in self._driven:
            fixed = columns.get((g, "dc"))
            fixed = np.asarray(circuit.groups[g].values["dc"]) if fixed is None else fixed
            columns[g, "dc"] = self._driven_by(g, fixed, inputs)
        return circuit.with_values(columns, quantities)

    def _driven_by(self, g: int, fixed: Array, inputs: Array) -> Array:
        """What sources of a group with inputs drive, (S, k), which later changes of ``inputs`` (S, p) do not change.

        That is ``fixed`` (k,) or (S, k) where a source has no input.
        """
        shape, dtype = (len(inputs), fixed.shape[-1]), np.result_type(fixed, inputs)
        if g in self._driven_whole and inputs.shape[1] == shape[1]:
            return lasting(inputs, dtype)
        values = np.array(np.broadcast_to(fixed, shape), dtype=dtype)
        numbers, places = self._driven[g]
        values[:, places] = inputs[:, numbers]
        return values

    def settings(self, inputs: Array) -> Array | None:
        """Those of the inputs (S, p) that set other numbers than sources' values, in the order of the parameters'."""
        if not self.parameters.settings:
            return None
        return np.asarray(inputs[:, self.setting_places])

    @cached_property
    def setting_places(self) -> list[int]:
        """Which input each of the parameters' settings is."""
        places = {number: j for j, number in enumerate(self.inputs) if not isinstance(number, tuple)}
        return [places[i] for i in range(len(self.parameters.settings))]

    def forward(
        self, theta: Array, inputs: Array, start: OperatingPoint | None = None, *, whole: bool = True
    ) -> OperatingPoint:
        """The free state of every sample, or of a chip its outputs alone. Raises what the solver or the chip raises.

        Unless the state is wanted as a ``whole``, a linear circuit's is worked out where it is read.
        """
        if self.chip is not None:
            circuit = self.circuit(theta, inputs)
            unknown = np.broadcast_to(np.nan, (len(inputs), circuit.size))
            return OperatingPoint(circuit, unknown, read=self.chip.outputs(theta, inputs))
        if len(inputs) > 1 and not inputs.shape[1] and self.parameters.circuit.samples is None:
            # Without inputs all samples are one.
            return self.forward(theta, inputs[:1], whole=whole).repeated(len(inputs))
        if self.text is not None:
            return self.text.solve(self.circuit(theta, inputs), inputs, self.parameters, theta)
        if not whole and isinstance(self.solver, InternalSolver):
            return self.solver.solve_to_read(self.circuit(theta, inputs), start)
        return self.solver.solve(self.circuit(theta, inputs), start)

    @property
    def simulated(self) -> Model:
        """The same as the internal solver has it: what is known of a chip before it is measured."""
        return replace(self, solver=InternalSolver(), text=None, chip=None)

    def counted(self, measurements: int) -> int:
        """How many readings there were of late: those that a rule says it needs, or of a chip all that it gave."""
        return measurements if self.chip is None else self.chip.chip.count.take()

    def pullback(
        self,
        theta: Array,
        gradients: Mapping[Column, Array],
        inputs: Array | None = None,
        quantities: Mapping[str, Array] | None = None,
    ) -> Array:
        """From derivatives by column values to derivatives by parameter, (P,).

        ``gradients`` (k,) are summed over the samples, but for the parameters' ``mixed`` columns: these are
        (S, k), at ``inputs`` (S, p). ``quantities`` (S,) are derivatives by numbers that outputs read. Raises
        CircuitError for a mixed column that is summed.
        """
        if any(gradients[column].ndim != 2 for column in self.parameters.mixed):
            raise CircuitError(
                "this rule sums over samples what differs between them: columns set numbers that stand in one "
                "expression with trained ones",
                hint="use rule analytic",
            )
        own = {column: self.undriven(column, gradient) for column, gradient in gradients.items()}
        return self.parameters.pullback(theta, own, None if inputs is None else self.settings(inputs), quantities)

    def undriven(self, column: Column, change: Array) -> Array:
        """``change`` (k,) of a column with zeros where an input sets the value, whatever the parameters say."""
        g, name = column
        if name != "dc" or g not in self._driven:
            return change
        result = np.array(change)
        result[..., self._driven[g][1]] = 0.0
        return result

    def outputs(self, point: OperatingPoint) -> Array:
        """What the probes read and the ADC makes of it, (S, o). Raises what ``read`` raises."""
        return self.converted(self.read(point))

    def converted(self, read: Array) -> Array:
        """What probes read (S, o), as it comes out of the ADC, if there is one."""
        return read if self.adc is None else self.adc.convert(read)

    def read(self, point: OperatingPoint) -> Array:
        """What the probes read, (S, o). Raises NgspiceError where ngspice has no number for what a probe needs."""
        if point.read is not None:
            return point.read
        if point.rest is None and self.measured.between_unknowns:
            drops = point.drops(self.probes.plus, self.probes.minus)
            if drops is not None:
                return drops
        read = self.measured.read(point.circuit, point.x, point.rest)
        lost = np.flatnonzero(np.isnan(read).any(axis=0)).tolist() if self.text is not None else []
        if lost:
            names = ", ".join(self.measured.names[k] for k in lost)
            raise NgspiceError(f"ngspice knows nothing by the names that {names} needs", hint=BY_FLAT)
        return read


def _in_order(places: Array) -> bool:
    """Whether places are 0, 1, 2 and so on."""
    return bool((places == np.arange(len(places))).all())
