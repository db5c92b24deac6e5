"""A model whose parameters differ from sample to sample, as those of a chip that is programmed anew do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Binding, Parameters, Setting
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.model import Model
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize


@dataclass(frozen=True)
class PerSample:
    """A model of P parameters as the internal solver sees it, each sample at values of its own."""

    model: Model

    def forward(self, theta: Array, inputs: Array, start: OperatingPoint | None = None) -> OperatingPoint:
        """The free states at ``theta`` (S, P) and ``inputs`` (S, p). Raises what the solver raises."""
        return self._set.forward(_NOTHING, np.concatenate([theta, inputs], axis=1), start)

    def outputs(self, point: OperatingPoint) -> Array:
        """What the probes read, (S, o)."""
        return self._set.outputs(point)

    def jacobian(self, theta: Array, inputs: Array, point: OperatingPoint) -> Array:
        """∂y/∂θ of each sample, (S, o, P), at the states that ``forward`` gave; an adjoint solution for each output.

        Raises CircuitError where the circuit, linear around one of them, has no unique solution.
        """
        both, count = np.concatenate([theta, inputs], axis=1), len(self.model.measured)
        point = replace(point, linearization=linearize(point))
        found = np.empty((len(both), count, theta.shape[1]))
        for j in range(count):
            unit = np.zeros((len(both), count))
            unit[:, j] = 1.0
            found[:, j] = Adjoint(self._set, _NOTHING, both, point, unit).by_inputs()[:, : theta.shape[1]]
        return found

    @cached_property
    def _set(self) -> Model:
        parameters, count = self.model.parameters, len(self.model.parameters)
        inputs = tuple(place if isinstance(place, tuple) else count + place for place in self.model.inputs)
        return Model(_set_by_samples(parameters), (*range(count), *inputs), self.model.measured, InternalSolver())


_NOTHING = np.zeros(0)


def _set_by_samples(parameters: Parameters) -> Parameters:
    """The same numbers with none of them trained: what was trained stands first among the settings."""
    own = tuple(Setting(n, float(v)) for n, v in zip(parameters.names, parameters.initial, strict=True))
    return replace(
        parameters,
        names=(),
        initial=_NOTHING,
        lower=_NOTHING,
        upper=_NOTHING,
        positive=np.zeros(0, dtype=bool),
        bindings=tuple(map(_by_sample, parameters.bindings)),
        settings=(*own, *parameters.settings),
        quantities=tuple((name, _by_sample(binding)) for name, binding in parameters.quantities),
        units=(),
    )


def _by_sample(binding: Binding) -> Binding:
    found: Binding = replace(binding, trained=False, by_sample=binding.trained or binding.by_sample)  # type: ignore[type-var]
    return found
