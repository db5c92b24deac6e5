"""The law of a behavioural source: an expression of its controls and values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Values
from netlearn.expressions.expression import Expression


@dataclass(frozen=True)
class Law:
    """An expression whose probes are ``#0``, ``#1``, ... and whose parameters ``$0``, ``$1``, ..."""

    expression: Expression
    differences: tuple[bool, ...]
    """For each probe, whether it is the difference of two controls."""
    parameters: int

    def __call__(self, controls: Array, values: Values) -> Array:
        value = self.expression.evaluate(self._environment(controls, values))
        # A constant expression has to have the shape of what it is evaluated at all the same.
        return np.asarray(value) + 0.0 * (controls[..., 0] if controls.shape[-1] else np.zeros(controls.shape[:-1]))

    def gradient(self, controls: Array, values: Values) -> Array:
        """Derivatives (..., k, c) by the controls."""
        probes = [f"#{i}" for i in range(len(self.differences))]
        environment = self._environment(controls, values)
        _, slopes = self.expression.evaluate_with_derivatives(environment, probes)
        columns = []
        for slope, difference in zip(slopes, self.differences, strict=True):
            columns += [slope, -slope] if difference else [slope]
        shape = np.broadcast_shapes(controls.shape[:-1], *(np.shape(column) for column in columns))
        return np.stack([np.broadcast_to(column, shape) for column in columns], axis=-1)

    def slope(self, controls: Array, values: Values, name: str) -> Array:
        """The derivative (..., k) by the value ``name``, ``p0``, ``p1``, ..."""
        environment = self._environment(controls, values)
        value, (slope,) = self.expression.evaluate_with_derivatives(environment, [f"${name.removeprefix('p')}"])
        shape = np.broadcast_shapes(np.shape(value), controls.shape[:-1])
        return np.asarray(np.broadcast_to(slope, shape))

    def _environment(self, controls: Array, values: Values) -> dict[str, Array]:
        environment = {f"${i}": values[f"p{i}"] for i in range(self.parameters)}
        at = 0
        for i, difference in enumerate(self.differences):
            environment[f"#{i}"] = controls[..., at] - controls[..., at + 1] if difference else controls[..., at]
            at += 1 + difference
        return environment
