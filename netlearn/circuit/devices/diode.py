"""The junction diode, ngspice's model at level 1."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Internal, Values
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE_MODEL, IDEAL_DIODE_WORDS
from netlearn.circuit.devices.junction import (
    EXPONENT_LIMIT,
    REFERENCE_TEMPERATURE,
    critical_voltage,
    exponential,
    exponential_less_one,
    given,
    inverse,
    junction_conductance,
    junction_current,
    junction_potential,
    limit_junction,
    near_on_junction,
    temperatures,
    thermal_voltage,
)
from netlearn.circuit.devices.model_type import ModelType, names

NAN = float("nan")
SMALLEST_SATURATION = 1e-28
"""ngspice's floor of a diode's saturation current, in amperes."""
KNEE_FROM = 1e-18
"""Currents, in amperes, from which ngspice takes a knee into account."""


@dataclass(frozen=True)
class Diode(Device):
    """Forward exponential, reverse cubic, breakdown, gmin in parallel and rs in series.

    With two unknowns (a, c) there is no series resistance; with three, ai is the anode behind it.
    Sidewall, recombination, tunnel and high-injection currents are there where their parameters
    are not zero. ``bv`` is infinite where there is no breakdown.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        temperature, nominal = temperatures(v, environment)
        dt, vt = temperature - nominal, thermal_voltage(temperature)
        ratio = temperature / nominal
        gap, logarithm = (ratio - 1.0) * v["eg"] / vt, np.log(ratio)
        thermal = gap + v["xti"] * logarithm
        scale, side = v["area"] * v["m"], v["pj"] * v["m"]
        saturation = np.where(v["is"].real < SMALLEST_SATURATION, SMALLEST_SATURATION, v["is"])
        prepared = {
            "vte": v["n"] * vt,
            "saturation": saturation * scale * np.exp(thermal / v["n"]),
            "gmin": np.asarray(environment.gmin),
        }
        if "rs" in v:
            prepared["series"] = inverse(v["rs"]) * scale / (1.0 + v["trs"] * dt + v["trs2"] * dt**2)
        if np.isfinite(v["bv"].real).any():
            prepared |= _breakdown(v, prepared, vt, dt, saturation)
        if any((v[name].real != 0).any() for name in ("jsw", "isr", "jtun", "jtunsw", "ikf", "ikr")):
            side_n = given(v["ns"], 1.0)
            tunnel = np.exp((v["keg"] * gap + v["xtitun"] * logarithm) / v["ntun"])
            prepared |= {
                "side": v["jsw"] * side * np.exp(thermal / side_n),
                "side_vte": np.where(np.isnan(v["ns"]), prepared["vte"], side_n * vt),
                "recombination": v["isr"] * scale * np.exp(thermal / v["nr"]),
                "recombination_vte": v["nr"] * vt,
                "grading": v["mj"] * (1.0 + v["tm1"] * dt + v["tm2"] * dt**2),
                "potential": np.where(
                    v["tlevc"].real == 1,
                    v["vj"] - v["tpb"] * (temperature - REFERENCE_TEMPERATURE),
                    junction_potential(v["vj"], temperature, nominal),
                ),
                "tunnel": (v["jtun"] * scale + v["jtunsw"] * side) * tunnel,
                "tunnel_vte": v["ntun"] * vt,
                "forward_knee": inverse(v["ikf"] * scale),
                "reverse_knee": inverse(v["ikr"] * scale),
            }
        return prepared

    def residual(self, x: Array, prepared: Values) -> Array:
        if x.shape[-1] == 2:
            current = self._current(x[..., 0] - x[..., 1], prepared)
            return np.stack([current, -current], axis=-1)
        current = self._current(x[..., 2] - x[..., 1], prepared)
        series = prepared["series"] * (x[..., 0] - x[..., 2])
        return np.stack([series, -current, current - series], axis=-1)

    def jacobian(self, x: Array, prepared: Values) -> Array:
        if "side" in prepared:
            return super().jacobian(x, prepared)
        terminals = x.shape[-1]
        g = self._conductance(x[..., terminals - 1] - x[..., 1] if terminals == 3 else x[..., 0] - x[..., 1], prepared)
        result = np.empty((*g.shape, terminals, terminals), g.dtype)
        if terminals == 2:
            result[..., 0, 0] = result[..., 1, 1] = g
            result[..., 0, 1] = result[..., 1, 0] = -g
            return result
        series = prepared["series"]
        result[..., 0, 0] = series
        result[..., 0, 1] = result[..., 1, 0] = 0.0
        result[..., 0, 2] = result[..., 2, 0] = -series
        result[..., 1, 1] = g
        result[..., 1, 2] = result[..., 2, 1] = -g
        result[..., 2, 2] = g + series
        return result

    def limit(self, x: Array, previous: Array, prepared: Values) -> Array:
        anode = x.shape[-1] - 1 if x.shape[-1] == 3 else 0
        new, old = x[..., anode] - x[..., 1], previous[..., anode] - previous[..., 1]
        vte = prepared["vte"]
        critical = critical_voltage(vte, prepared["saturation"])
        limited = limit_junction(new, old, vte, critical, to_bend=True)
        if "breakdown" in prepared:
            at, vtb = prepared["breakdown"], prepared["breakdown_vte"]
            beyond = new < np.minimum(0.0, 10.0 * vtb - at)
            reverse = -(new + at)
            mirrored = limit_junction(reverse, -(old + at), vtb, critical, to_bend=True)
            limited = np.where(beyond, np.where(mirrored == reverse, new, -(mirrored + at)), limited)
        result = x.copy()
        # Only what was limited moves, so that a step that needs no limit is Newton's own to the last bit.
        result[..., anode] = np.where(limited == new, x[..., anode], x[..., 1] + limited)
        return result

    def near(self, x: Array, previous: Array, prepared: Values) -> Array:
        anode = x.shape[-1] - 1 if x.shape[-1] == 3 else 0
        new, old = x[..., anode] - x[..., 1], previous[..., anode] - previous[..., 1]
        found = near_on_junction(new, old, prepared["vte"])
        if "breakdown" in prepared:
            found = found & near_on_junction(new, old, prepared["breakdown_vte"])
        return found

    def start(self, x: Array, prepared: Values) -> Array:
        # On, as in SPICE: of several operating points, the same one is then found.
        result = np.zeros_like(x)
        result[..., x.shape[-1] - 1 if x.shape[-1] == 3 else 0] = critical_voltage(
            prepared["vte"], prepared["saturation"]
        )
        return result

    def _current(self, v: Array, p: Values) -> Array:
        current = _with_breakdown(v, p["vte"], p["saturation"], p)
        if "side" in p:
            current = _secondary(v, current, p)
        total: Array = current + p["gmin"] * v
        return total

    def _conductance(self, v: Array, p: Values) -> Array:
        g = junction_conductance(v, p["vte"], p["saturation"])
        if "breakdown" in p:
            beyond, arg = _beyond_breakdown(v, p["vte"], p)
            if beyond.any():
                capped = np.where(arg.real > EXPONENT_LIMIT, EXPONENT_LIMIT, arg)
                g = np.where(beyond, np.exp(capped) * p["saturation"] / p["breakdown_vte"], g)
        total: Array = g + p["gmin"]
        return total


def _breakdown(v: Values, prepared: Values, vt: Array, dt: Array, saturation: Array) -> dict[str, Array]:
    """Where the breakdown exponential starts, so that the current at -bv is -ibv."""
    has = np.isfinite(v["bv"].real)
    bv = np.where(has, v["bv"], 1.0)
    bv = np.where(v["tlev"].real == 0, bv - v["tcv"] * dt, bv * (1.0 - v["tcv"] * dt))
    vtb = given(v["nbv"], v["n"]) * vt
    current = v["ibv"] * v["m"] / prepared["saturation"]
    fitted = current.real >= (bv / vt).real
    current = np.where(fitted, current, bv / vt)
    at = bv - vtb * np.log(1.0 + current)
    # A fixed point that contracts by about saturation / ibv each time; ngspice stops at 25, too.
    for _ in range(25):
        previous, at = at, bv - vtb * np.log(current + 1.0 - at / vt)
        if np.all(np.abs(at - previous) <= 1e-16 * np.abs(at)):
            break
    at = np.where(fitted, at, bv)
    return {"breakdown": np.where(has, at, np.inf), "breakdown_vte": vtb}


def _with_breakdown(v: Array, vte: Array, saturation: Array, p: Values) -> Array:
    current = junction_current(v, vte, saturation)
    if "breakdown" not in p:
        return current
    beyond, arg = _beyond_breakdown(v, vte, p)
    return np.where(beyond, -saturation * exponential(arg), current) if beyond.any() else current


def _beyond_breakdown(v: Array, vte: Array, p: Values) -> tuple[Array, Array]:
    """Where the breakdown exponential holds, and its exponent there (0 elsewhere)."""
    at = p["breakdown"]
    beyond = (v.real < -at.real) & (v.real < -3.0 * vte.real)
    # An infinite breakdown voltage must not meet a complex step.
    return beyond, np.where(beyond, -(np.where(beyond, at, 0.0) + v) / p["breakdown_vte"], 0.0)


def _secondary(v: Array, current: Array, p: Values) -> Array:
    """The current with sidewall, recombination, tunnel and high-injection effects."""
    forward = v.real >= -3.0 * p["vte"].real
    at = np.where(forward, v, 0.0)
    depletion = ((1.0 - at / p["potential"]) ** 2 + 0.005) ** (p["grading"] / 2.0)
    recombination = p["recombination"] * exponential_less_one(at / p["recombination_vte"]) * depletion
    side = _with_breakdown(v, p["side_vte"], p["side"], p)
    tunnel = -p["tunnel"] * exponential_less_one(-v / p["tunnel_vte"])
    total = current + recombination + side + tunnel
    knee = np.where(forward, p["forward_knee"], p["reverse_knee"])
    magnitude = np.where(forward, total, -total)
    active = (knee.real > 0) & (magnitude.real > KNEE_FROM)
    root = np.sqrt(np.where(active, magnitude * knee, 0.25))
    result: Array = np.where(active, total / (1.0 + root), total)
    return result


PARAMETERS = {
    "is": 1e-14,
    "n": 1.0,
    "rs": 0.0,
    "trs": 0.0,
    "trs2": 0.0,
    "bv": float("inf"),
    "ibv": 1e-3,
    "nbv": NAN,
    "tcv": 0.0,
    "eg": 1.11,
    "xti": 3.0,
    "tnom": NAN,
    "tlev": 0.0,
    "tlevc": 0.0,
    "jsw": 0.0,
    "ns": NAN,
    "isr": 0.0,
    "nr": 1.0,
    "vj": 1.0,
    "tpb": 0.0,
    "mj": 0.5,
    "tm1": 0.0,
    "tm2": 0.0,
    "jtun": 0.0,
    "jtunsw": 0.0,
    "ntun": 30.0,
    "xtitun": 3.0,
    "keg": 1.0,
    "ikf": 0.0,
    "ikr": 0.0,
    "area": 1.0,
    "pj": 0.0,
    "m": 1.0,
    "temp": NAN,
    "dtemp": 0.0,
}
"""Values by ngspice's names, with its defaults; NaN where one was not given and another rule applies."""

DIODE = Diode("diode", ("a", "c", "internal"), PARAMETERS, {"internal": Internal("rs", "a")}, linear=False)
WITHOUT_SERIES = {name: default for name, default in PARAMETERS.items() if name not in ("rs", "trs", "trs2")}
DIODE_WITHOUT_SERIES = Diode("diode without series resistance", ("a", "c"), WITHOUT_SERIES, linear=False)


def _geometry(given: Collection[str]) -> dict[str, str]:
    """Area and perimeter of a level 3 diode, from its width and length where both are given."""
    if "w" in given and "l" in given:
        return {"area": "w*l*scale*scale", "pj": "2*(w+l)*scale"}
    return {"area": "area*scale*scale", "pj": "pj*scale"}


_LEVEL_1 = ModelType(
    "d",
    "D",
    DIODE,
    (2,),
    names(
        "is=js n rs trs=trs1 trs2 bv ibv=ib nbv tcv eg xti tnom=tref tlev tlevc jsw ns isr nr"
        " vj=pb tpb=tvj mj=m tm1 tm2 jtun jtunsw ntun xtitun keg ikf=ik ikr area pj"
    ),
    names("area pj m temp dtemp"),
    ("area",),
    {"off": None},
    ignored=names(
        "tt ttt1 ttt2 cjo cj0 cj cjp cjsw php mjsw cta ctc ctp tphp kf af fc fcs d fv_max"
        " bv_max id_max te_max pd_max rth0 cth0 lm lp wm wp xom xoi xm xp"
    ),
    ignored_on_element=("ic", "off", "w", "l", "lm", "lp", "wm", "wp"),
    refused={"thermal": "self-heating"},
    only={"tlev": (0, 1)},
    plain=DIODE_WITHOUT_SERIES,
    variants={IDEAL_DIODE_WORDS: IDEAL_DIODE_MODEL},
)
_LEVEL_3 = replace(
    _LEVEL_1,
    level=3,
    element={**_LEVEL_1.element, "w": "w", "l": "l"},
    ignored_on_element=("ic", "off", "lm", "lp", "wm", "wp"),
    derived=_geometry,
)
# As in ngspice, where the level says only whether width and length count.
MODELS = {"d": replace(_LEVEL_1, levels={3: _LEVEL_3}, any_level=True)}
