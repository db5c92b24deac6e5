"""What devices with p-n junctions share: temperature, the junction's current, and limiting.

Equations, constants and defaults are those of ngspice 39 (SPICE3F5; Quarles, 1989), so that
operating points agree with it. Everything here takes complex arguments, which carry derivatives
by the complex step.
"""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import ZERO_CELSIUS, Environment, Values
from netlearn.circuit.devices.refused import refuse

# CODATA 2014, as ngspice 39 has them: later values would move a junction's current by 1e-5.
BOLTZMANN = 1.38064852e-23
CHARGE = 1.6021766208e-19
"""The elementary charge in coulombs, as ngspice has it (CODATA 2014)."""
K_OVER_Q = BOLTZMANN / CHARGE
REFERENCE_TEMPERATURE = 27.0 + ZERO_CELSIUS
"""In kelvin: ngspice's temperature of reference, 27 degrees Celsius."""

EXPONENT_LIMIT = 600.0
"""Beyond it the exponential goes on as its tangent, by convention: float64 ends at 709, so that 1e47 is left for
products, and it is far beyond any real current."""


def thermal_voltage(temperature: Array) -> Array:
    """k T / q in volts."""
    return K_OVER_Q * temperature


def temperatures(values: Values, environment: Environment) -> tuple[Array, Array]:
    """The device's and its model's nominal temperature in kelvin.

    ``temp`` and ``tnom`` are in degrees Celsius, NaN for the circuit's own; ``dtemp`` adds to
    the circuit's temperature only, as in ngspice. Raises RefusedValues for none above absolute zero.
    """
    temp, tnom = np.asarray(values["temp"]), np.asarray(values["tnom"])
    temperature = given(temp + ZERO_CELSIUS, environment.temperature + np.asarray(values["dtemp"]))
    nominal = given(tnom + ZERO_CELSIUS, environment.nominal_temperature)
    hint = f"temp, dtemp, tnom and .temp are in degrees Celsius, of which absolute zero is {-ZERO_CELSIUS:g}"
    refuse(temperature.real <= 0, "its temperature is not above absolute zero", hint)
    refuse(nominal.real <= 0, "its model's nominal temperature is not above absolute zero", hint)
    return temperature, nominal


def given(value: Array, otherwise: Array | float) -> Array:
    """``value`` where it was given, that is where it is not NaN."""
    return np.where(np.isnan(value), otherwise, value)


def inverse(value: Array) -> Array:
    """1 / value, and 0 where it is zero or infinite: how SPICE reads a parameter that switches an effect off."""
    off = (value.real == 0) | ~np.isfinite(value.real)
    return np.where(off, 0.0, 1.0 / np.where(off, 1.0, value))


def band_gap(temperature: Array) -> Array:
    """Silicon's band gap in electronvolts (Varshni, Physica 34, 1967, with SPICE's numbers)."""
    return 1.16 - 7.02e-4 * temperature**2 / (temperature + 1108.0)


def junction_potential(potential: Array, temperature: Array, nominal: Array) -> Array:
    """A built-in potential given at ``nominal`` kelvin, at ``temperature`` kelvin."""
    at_reference = (potential - _potential_shift(nominal)) / (nominal / REFERENCE_TEMPERATURE)
    return temperature / REFERENCE_TEMPERATURE * at_reference + _potential_shift(temperature)


def _potential_shift(temperature: Array) -> Array:
    # 1.1150877 eV is SPICE's band gap at 27 degrees Celsius.
    gap = 1.1150877 / REFERENCE_TEMPERATURE - band_gap(temperature) / temperature
    logarithm = 1.5 * np.log(temperature / REFERENCE_TEMPERATURE)
    return -2.0 * thermal_voltage(temperature) * (logarithm + gap / (2.0 * K_OVER_Q))


def exponential(x: Array) -> Array:
    """exp(x), beyond EXPONENT_LIMIT continued as a straight line."""
    beyond = x.real > EXPONENT_LIMIT
    if not beyond.any():
        plain: Array = np.exp(x)
        return plain
    most, inside = np.exp(EXPONENT_LIMIT), np.exp(np.where(beyond, EXPONENT_LIMIT, x))
    return np.where(beyond, most * (1.0 + (x - EXPONENT_LIMIT)), inside)


def exponential_less_one(x: Array) -> Array:
    """exp(x) - 1, which near 0 has all digits, beyond EXPONENT_LIMIT continued as a straight line."""
    beyond = x.real > EXPONENT_LIMIT
    if not beyond.any():
        plain: Array = np.expm1(x)
        return plain
    most, inside = np.exp(EXPONENT_LIMIT), np.expm1(np.where(beyond, EXPONENT_LIMIT, x))
    # Beside it the 1 is nothing.
    return np.where(beyond, most * (1.0 + (x - EXPONENT_LIMIT)), inside)


def junction_current(v: Array, vt: Array, saturation: Array) -> Array:
    """The current of a junction with emission coefficient in ``vt``: exponential, and cubic below -3 vt."""
    exponent = v / vt
    reverse = exponent.real < -3.0
    if not reverse.any():
        plain: Array = saturation * exponential_less_one(exponent)
        return plain
    # Products instead of a power, and an exponential only of what is used, for this runs in every iteration.
    cube = (3.0 / np.e) / np.where(reverse, exponent, -1.0)
    cube = cube * cube * cube
    forward = exponential_less_one(np.where(reverse, 0.0, exponent))
    current: Array = saturation * np.where(reverse, -1.0 - cube, forward)
    return current


def junction_conductance(v: Array, vt: Array, saturation: Array) -> Array:
    """The derivative of ``junction_current`` by ``v``."""
    exponent = v / vt
    reverse = exponent.real < -3.0
    capped = np.where(exponent.real > EXPONENT_LIMIT, EXPONENT_LIMIT, exponent)
    slope = saturation / vt
    if not reverse.any():
        steep: Array = slope * np.exp(capped)
        return steep
    inverse_exponent = 1.0 / np.where(reverse, exponent, -1.0)
    square = inverse_exponent * inverse_exponent
    flat = (3.0 * (3.0 / np.e) ** 3) * square * square
    conductance: Array = slope * np.where(reverse, flat, np.exp(np.where(reverse, 0.0, capped)))
    return conductance


def stamp(jacobian: Array, flow: tuple[int, int], across: tuple[int, int], g: Array) -> None:
    """Add a current g * (x[across 0] - x[across 1]) that leaves the first node of ``flow`` and enters the second."""
    (leaves, enters), (plus, minus) = flow, across
    jacobian[..., leaves, plus] += g
    jacobian[..., leaves, minus] -= g
    jacobian[..., enters, plus] -= g
    jacobian[..., enters, minus] += g


def critical_voltage(vt: Array, saturation: Array) -> Array:
    """Where a junction's characteristic bends most: Newton steps beyond it are cut."""
    result: Array = vt.real * np.log(vt.real / (np.sqrt(2.0) * np.maximum(saturation.real, 1e-300)))
    return result


def limit_junction(v: Array, previous: Array, vt: Array, critical: Array, *, to_bend: bool = False) -> Array:
    """Newton's next junction voltage, with steps up the exponential made logarithmic (Nagel, 1975).

    From reverse it goes ``to_bend`` at least, where the slope says something about the solution. This takes diodes
    fewer steps; transistors, of which several states may be possible, find that of SPICE more often without it.
    """
    step, on = (v - previous) / vt, previous > 0
    # One logarithm serves both ways.
    logarithm = np.log(np.maximum(np.where(on, np.abs(step) - 2.0, v / vt), 1e-12))
    from_above = previous + vt * np.sign(step) * (logarithm + 2.0)
    from_below = np.maximum(vt * logarithm, critical) if to_bend else vt * logarithm
    up = (v > critical) & (np.abs(step) > 2.0)
    limited = np.where(up, np.where(on, from_above, from_below), v)
    floor = np.where(on, -1.0 - previous, 2.0 * previous - 1.0)
    return np.where(v < 0, np.maximum(limited, floor), limited)


def near_on_junction(v: Array, previous: Array, vt: Array) -> Array:
    """Where ``limit_junction`` certainly leaves a step as it is."""
    return np.asarray(np.abs(v - previous) <= np.minimum(1.9 * vt, 1.0))


def limit_gate(v: Array, previous: Array, threshold: Array) -> Array:
    """Newton's next gate voltage of a field-effect transistor, in steps that cannot skip over the threshold."""
    over = previous - threshold
    wide, narrow = np.abs(2.0 * over) + 2.0, np.abs(over) + 1.0
    strong, on = over >= 3.5, over >= 0
    low_strong = np.where(v >= threshold + 3.5, previous - narrow, threshold + 2.0)
    low = np.where(strong, low_strong, np.where(on, threshold - 0.5, previous - wide))
    high_off = np.where(v <= threshold + 0.5, previous + narrow, threshold + 0.5)
    high = np.where(strong, previous + wide, np.where(on, threshold + 4.0, high_off))
    return np.clip(v, low, high)


def limit_channel(v: Array, previous: Array) -> Array:
    """Newton's next drain-source voltage of a field-effect transistor, for ``previous`` >= 0."""
    far = previous >= 3.5
    low = np.where(far, np.where(v < 3.5, 2.0, -np.inf), -0.5)
    high = np.where(far, 3.0 * previous + 2.0, 4.0)
    return np.clip(v, low, high)


NEAR_CHANNEL = 0.25
"""In volts: up to it steps of the gate's and the channel's voltages are left alone by ``limit_transistor``, also seen
from the other end of the channel, where they may be twice as large. It is derived from SPICE's limits for either, none
of which is nearer than half a volt."""


def near_on_channel(v: Array, previous: Array) -> Array:
    """Where ``limit_gate`` and ``limit_channel`` certainly leave a step as it is."""
    return np.asarray(np.abs(v - previous) <= NEAR_CHANNEL)


def limit_transistor(gate: tuple[Array, Array], channel: tuple[Array, Array], threshold: Array) -> tuple[Array, Array]:
    """Newton's next gate and drain voltages of a field-effect transistor, both against the source.

    ``gate`` and ``channel`` are each the voltage that Newton's method would go to, and the previous one;
    ``threshold`` is that of the lower of drain and source, whose places change in reverse mode.
    """
    (vgs, old_vgs), (vds, old_vds) = gate, channel
    normal = old_vds >= 0
    inner = np.where(normal, vgs, vgs - vds)
    limited = limit_gate(inner, np.where(normal, old_vgs, old_vgs - old_vds), threshold)
    # The other gate voltage stays what Newton's method made it; the channel's follows from both.
    drop = vds + np.where(normal, limited - inner, inner - limited)
    new_vds = np.where(normal, limit_channel(drop, old_vds), -limit_channel(-drop, -old_vds))
    return vgs + np.where(normal, limited - inner, limited - inner + (new_vds - vds)), new_vds
