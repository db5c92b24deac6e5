"""Sources whose value is any function of node voltages and branch currents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS, Device, Environment, Values, derivative

Law = Callable[[Array, Values], Array]
"""law(controls, values): the source's value (..., k) at its controls (..., k, c).

It takes complex controls and values, and finds the circuit's temperature in degrees Celsius as
the value ``temper``.
"""
Slope = Callable[[Array, Values, str], Array]
"""slope(controls, values, name): the law's derivative (..., k) by the value ``name``."""


@dataclass(frozen=True, kw_only=True)
class BehaviouralSource(Device):
    """B: a current from p through the source to n, or the voltage from n to p.

    Unknowns are p, n, then the c controls (node voltages or branch currents) and, for a voltage
    source, its own current. ``law`` gives the value; ``gradient``, if there is one, its
    derivatives (..., k, c) by the controls, and ``slope`` those (..., k) by a value, which
    otherwise come from the complex step.
    """

    law: Law
    gradient: Law | None = None
    slope: Slope | None = None

    def prepare(self, values: Values, environment: Environment) -> Values:
        return {"temper": np.asarray(environment.temperature - ZERO_CELSIUS), **values}

    @property
    def _is_voltage(self) -> bool:
        return self.unknowns[-1] == "i"

    def _controls(self, x: Array) -> Array:
        return x[..., 2:-1] if self._is_voltage else x[..., 2:]

    def residual(self, x: Array, prepared: Values) -> Array:
        value = self.law(self._controls(x), prepared)
        silent = [0.0 * x[..., c] for c in range(2, len(self.unknowns) - self._is_voltage)]
        if self._is_voltage:
            branch = x[..., 0] - x[..., 1] - value
            parts = [x[..., -1], -x[..., -1], *silent, branch]
        else:
            parts = [value, -value, *silent]
        return np.stack(np.broadcast_arrays(*parts), axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        controls = self._controls(x)
        slopes = self._slopes(controls, prepared)
        shape = np.broadcast_shapes(x.shape[:-1], slopes.shape[:-1])
        terminals, c = len(self.unknowns), controls.shape[-1]
        result = np.zeros((*shape, terminals, terminals), np.result_type(x, slopes))
        if self._is_voltage:
            result[..., 0, -1], result[..., 1, -1] = 1.0, -1.0
            result[..., -1, 0], result[..., -1, 1] = 1.0, -1.0
            result[..., -1, 2 : 2 + c] = -slopes
        else:
            result[..., 0, 2:] = slopes
            result[..., 1, 2:] = -slopes
        return result

    def start(self, x: Array, prepared: Values) -> Array:
        # At controls of zero, as in SPICE: where sources drive a control at once, a limiting amplifier would saturate.
        return np.zeros_like(x)

    def value_jacobian(self, x: Array, values: Values, environment: Environment, name: str) -> Array:
        if self.slope is None:
            return super().value_jacobian(x, values, environment, name)
        slope = self.slope(self._controls(x), self.prepare(values, environment), name)
        result = np.zeros((*slope.shape, len(self.unknowns)), slope.dtype)
        if self._is_voltage:
            result[..., -1] = -slope
        else:
            result[..., 0], result[..., 1] = slope, -slope
        return result

    def _slopes(self, controls: Array, prepared: Values) -> Array:
        if self.gradient is not None:
            return self.gradient(controls, prepared)
        units = np.eye(controls.shape[-1])
        columns = [derivative(lambda moved: self.law(moved, prepared), controls, unit) for unit in units]
        return np.stack(columns, axis=-1) if columns else np.zeros_like(controls, dtype=float)


def behavioural_current_source(
    law: Law,
    controls: int,
    parameters: Mapping[str, float] | None = None,
    gradient: Law | None = None,
    slope: Slope | None = None,
) -> BehaviouralSource:
    """A device with ``controls`` controls whose current (amperes) is ``law``'s value."""
    return _source("current", (), law, controls, parameters, gradient=gradient, slope=slope)


def behavioural_voltage_source(
    law: Law,
    controls: int,
    parameters: Mapping[str, float] | None = None,
    gradient: Law | None = None,
    slope: Slope | None = None,
) -> BehaviouralSource:
    """A device with ``controls`` controls and a branch current whose voltage is ``law``'s value."""
    return _source("voltage", ("i",), law, controls, parameters, gradient=gradient, slope=slope)


def _source(
    kind: str,
    branch: tuple[str, ...],
    law: Law,
    controls: int,
    parameters: Mapping[str, float] | None,
    *,
    gradient: Law | None,
    slope: Slope | None,
) -> BehaviouralSource:
    return BehaviouralSource(
        f"behavioural {kind} source",
        ("p", "n", *(f"c{i}" for i in range(controls)), *branch),
        dict(parameters or {}),
        linear=False,
        reciprocal=False,
        law=law,
        gradient=gradient,
        slope=slope,
    )
