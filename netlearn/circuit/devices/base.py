"""The protocol that every kind of element follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from netlearn.arrays import Array

Values = Mapping[str, Array]

COMPLEX_STEP = 1e-30
"""Of no consequence for rounding, however small (Squire and Trapp, SIAM Review 40, 1998)."""
COMPLEX_DIFFERENCE = 1e-6
"""Where a central difference, whose error is its square, meets the rounding of the values."""
ZERO_CELSIUS = 273.15
"""In kelvin, by the definition of the Celsius scale."""


def derivative(function: Callable[[Array], Array], at: Array, direction: Array | float = 1.0) -> Array:
    """The derivative of an analytic function of ``at`` in a direction.

    Exact by the complex step where ``at`` is real. Where it is complex, a central difference,
    good to about 1e-9: enough for Newton's method, whose residual stays exact.
    """
    if np.iscomplexobj(at):
        move = COMPLEX_DIFFERENCE * direction
        return (function(at + move) - function(at - move)) / (2.0 * COMPLEX_DIFFERENCE)
    result: Array = function(at + 1j * COMPLEX_STEP * direction).imag / COMPLEX_STEP
    return result


@dataclass(frozen=True, slots=True)
class Environment:
    """What all elements of a circuit share: temperatures in kelvin, gmin in siemens.

    The temperature is (samples, 1) where it differs by sample.
    """

    temperature: float | Array = 27.0 + ZERO_CELSIUS
    nominal_temperature: float = 27.0 + ZERO_CELSIUS
    gmin: float = 1e-12

    def taken(self, samples: slice | Array) -> Environment:
        """What some of the samples have."""
        kelvin = self.temperature
        return self if np.ndim(kelvin) == 0 else replace(self, temperature=np.asarray(kelvin)[samples])


@dataclass(frozen=True, slots=True)
class Internal:
    """An unknown inside an element, behind a series resistance.

    It exists where the value ``parameter`` is not zero, and is the same unknown as
    ``alias`` where it is. Its name is that of ngspice's internal node, in lower case.
    """

    parameter: str
    alias: str
    factors: tuple[str, ...] = ()
    """Other values whose product the series resistance may be."""


@dataclass(frozen=True, eq=False)
class Device:
    """The equations of one kind of element, for any number of instances and samples at once.

    A device touches T unknowns of the circuit (node voltages in volts and branch currents in
    amperes) and contributes to the equations that stand at the same T places: Kirchhoff's
    current law at a node (currents that *leave* the node into the element, in amperes), the
    branch equation at a branch current. ``residual`` is the one statement of the physics. It
    is written so that complex arguments pass through it (branch on ``.real``), from which
    exact derivatives follow by the complex step (Squire and Trapp, SIAM Review 40, 1998);
    devices override ``jacobian`` where a closed form is faster.

    Shapes: ``x`` is (..., k, T) for k instances; values are (k,) or (..., k).
    """

    name: str = ""
    unknowns: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Value names with their defaults; NaN marks one that must be given."""
    internal: Mapping[str, Internal] = field(default_factory=dict)
    linear: bool = True
    """Whether the residual is affine in ``x``, with a Jacobian that no sample changes."""
    homogeneous: bool = False
    """Of a linear element: whether it is known that its residual at zero is zero, so that it drives nothing."""
    reciprocal: bool = True
    """Whether the element has a co-content, that is a symmetric Jacobian."""

    def __init_subclass__(cls) -> None:
        # A device equals itself only, whatever its dataclass compares, so that tables can be kept by device.
        cls.__eq__ = object.__eq__  # type: ignore[method-assign]
        cls.__hash__ = object.__hash__  # type: ignore[method-assign]

    def prepare(self, values: Values, environment: Environment) -> Values:
        """Quantities that depend on values and temperature but not on the unknowns."""
        return values

    def residual(self, x: Array, prepared: Values) -> Array:
        """Contributions (..., k, T) to the circuit's equations."""
        raise NotImplementedError

    def jacobian(self, x: Array, prepared: Values) -> Array:
        """Derivatives (..., k, T, T) of the residual: [..., row, column]."""
        if self.linear:
            # Exact by differences, and for complex values too, where a complex step is not.
            origin = self.residual(np.zeros(x.shape), prepared)
            units = np.broadcast_to(np.eye(x.shape[-1])[:, *[None] * (x.ndim - 1)], (x.shape[-1], *x.shape))
            return np.moveaxis(self.residual(units, prepared) - origin, 0, -1)
        columns = [derivative(lambda moved: self.residual(moved, prepared), x, unit) for unit in np.eye(x.shape[-1])]
        return np.stack(columns, axis=-1)

    def scaled_slopes(self, prepared: Values) -> tuple[Array, Array] | None:
        """Of a linear element whose derivatives are one number times a constant matrix: (..., k) and (T, T)."""
        return None

    def driven(self, prepared: Values) -> tuple[tuple[int, Array], ...] | None:
        """Of a linear element, its residual (..., k) at zero by terminal; None where ``residual`` has to say it."""
        return () if self.homogeneous else None

    def value_jacobian(self, x: Array, values: Values, environment: Environment, name: str) -> Array:
        """Derivative (..., k, T) of the residual by the value ``name`` of the same instance."""

        def residual(value: Array) -> Array:
            return self.residual(x, self.prepare({**values, name: value}, environment))

        value = np.asarray(values[name])
        if not np.iscomplexobj(x):
            return derivative(residual, value)
        # A complex step through a complex state would mix the two imaginary parts.
        scale = np.where(value == 0, 1.0, np.abs(value))
        return derivative(residual, value.astype(complex), scale) / scale[..., None]

    def temperature_jacobian(self, x: Array, values: Values, environment: Environment) -> Array:
        """Derivative (..., k, T) of the residual by the circuit's temperature in kelvin, for real ``x``."""

        def residual(kelvin: Array) -> Array:
            return self.residual(x, self.prepare(values, replace(environment, temperature=kelvin)))

        return derivative(residual, np.asarray(environment.temperature))

    def channel_slope(self, prepared: Values) -> Array | None:
        """Of a transistor with a channel from ``d`` to ``s``: what a volt at ``g`` adds to its conductance, (..., k).

        In siemens per volt, without a drop along the channel and well above the threshold; below zero for
        p-channels. None for all other elements.
        """
        return None

    def limit(self, x: Array, previous: Array, prepared: Values) -> Array:
        """The unknowns that Newton's method may move to, from ``previous`` towards ``x``."""
        return x

    def near(self, x: Array, previous: Array, prepared: Values) -> Array:
        """Where (..., k) it is known without ``limit`` that this leaves the unknowns ``x`` as they are.

        Most of Newton's steps are so short that none is cut. Elsewhere ``limit`` may move them or not.
        """
        return np.zeros(x.shape[:-1], dtype=bool)

    def start(self, x: Array, prepared: Values) -> Array:
        """The unknowns at which Newton's method first takes the device, where ``x`` is only a guess."""
        return self.limit(x, np.zeros_like(x), prepared)
