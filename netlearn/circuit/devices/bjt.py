"""The bipolar junction transistor (Gummel and Poon, Bell System Technical Journal 49, 1970), at DC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Internal, Values, derivative
from netlearn.circuit.devices.junction import (
    critical_voltage,
    given,
    inverse,
    junction_conductance,
    junction_current,
    limit_junction,
    near_on_junction,
    stamp,
    temperatures,
    thermal_voltage,
)
from netlearn.circuit.devices.model_type import ModelType, names

NAN = float("nan")
# SPICE's fit of the base resistance's fall with current (Antognetti and Massobrio, 1988).
CROWDING_A, CROWDING_B = 14.59025, 2.4317


@dataclass(frozen=True)
class Bjt(Device):
    """Unknowns are collector, base, emitter, substrate, and the first three behind ``rc``, ``rb``, ``re``.

    ``polarity`` is 1 for npn and -1 for pnp; ``subs`` is 1 for a vertical transistor, whose
    substrate junction ends at the collector, and -1 for a lateral one, where it ends at the
    base. A value that is NaN was not given.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        temperature, nominal = temperatures(v, environment)
        vt, ratio, dt = thermal_voltage(temperature), temperature / nominal, temperature - nominal

        def drift(name: str, stem: str) -> Array:
            """A value with its linear and quadratic temperature coefficients."""
            drifted: Array = v[name] * (1.0 + v[stem + "1"] * dt + v[stem + "2"] * dt**2)
            return drifted

        area, m = v["area"], v["m"]
        areab, areac = given(v["areab"], area), given(v["areac"], area)
        vertical = given(v["subs"], v["polarity"]).real > 0
        level = v["tlev"].real
        thermal = (ratio - 1.0) * v["eg"] / vt + v["xti"] * np.log(ratio)
        beta = np.where(level == 1, 1.0 + v["xtb"] * dt, np.where(level == 3, 1.0, ratio ** v["xtb"]))

        def gain(stem: str) -> Array:
            """The temperature factor of a current gain: its own coefficients', if any was given, or the common one."""
            first, second = v[stem + "1"], v[stem + "2"]
            own = 1.0 + given(first, 0.0) * dt + given(second, 0.0) * dt**2
            return np.where(np.isnan(first) & np.isnan(second), beta, own)

        def saturation(value: Array, stem: str, n: Array | float, by_beta: bool = False) -> Array:
            factor = np.exp(thermal / n) / (beta if by_beta else 1.0)
            positive = np.where(value.real > 0, value, 1.0)
            power = positive ** (1.0 + v[stem + "1"] * dt + v[stem + "2"] * dt**2)
            return np.where(value.real > 0, np.where(level == 3, power, value * factor), 0.0)

        separate = ~np.isnan(v["ibe"]) & ~np.isnan(v["ibc"])
        common = area * saturation(v["is"], "tis", 1.0)
        junction_area = np.where(vertical, areab, areac)
        substrate_area = np.where(separate, np.where(vertical, areac, areab), area)
        rb, rbm = v["rb"], given(v["rbm"], v["rb"])
        return {
            "vt": vt,
            "polarity": v["polarity"].real,
            "vertical": vertical,
            "be": m * np.where(separate, area * saturation(v["ibe"], "tis", v["nf"]), common),
            # ngspice 39 multiplies by the junction's area where ``is`` has been multiplied by ``area`` already.
            "bc": m * junction_area * np.where(separate, saturation(v["ibc"], "tis", v["nr"]), common),
            "be_leakage": m * area * saturation(_leakage(v["ise"], v["is"]), "tise", v["ne"], True),
            "bc_leakage": m * junction_area * saturation(_leakage(v["isc"], v["is"]), "tisc", v["nc"], True),
            "substrate": m * substrate_area * saturation(v["iss"], "tiss", np.where(separate, v["nr"], 1.0)),
            "nf": drift("nf", "tnf"),
            "nr": drift("nr", "tnr"),
            "ne": drift("ne", "tne"),
            "nc": drift("nc", "tnc"),
            "ns": drift("ns", "tns"),
            "bf": v["bf"] * gain("tbf"),
            "br": v["br"] * gain("tbr"),
            "early_f": inverse(drift("vaf", "tvaf")),
            "early_r": inverse(drift("var", "tvar")),
            "knee_f": inverse(drift("ikf", "tikf") * area * m),
            "knee_r": inverse(drift("ikr", "tikr") * area * m),
            "nkf": v["nkf"],
            "has_base_resistance": rb.real != 0,
            "base_resistance": rb * (1.0 + v["trb1"] * dt + v["trb2"] * dt**2) / (area * m),
            "base_minimum": rbm * (1.0 + v["trm1"] * dt + v["trm2"] * dt**2) / (area * m),
            "crowding": inverse(drift("irb", "tirb") * area * m),
            "gc": inverse(drift("rc", "trc")) * area * m,
            "ge": inverse(drift("re", "tre")) * area * m,
            "gmin": environment.gmin * m,
        }

    def residual(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vbe, vbc = sign * (x[..., 5] - x[..., 6]), sign * (x[..., 5] - x[..., 4])
        collector, base, inverse_charge = _currents(vbe, vbc, p)
        to_collector = p["gc"] * (x[..., 0] - x[..., 4])
        to_emitter = p["ge"] * (x[..., 2] - x[..., 6])
        to_base = _base_conductance(base, inverse_charge, p) * (x[..., 1] - x[..., 5])
        toward, vsub = _substrate_voltage(x, p)
        substrate = toward * (junction_current(vsub, p["ns"] * p["vt"], p["substrate"]) + p["gmin"] * vsub)
        in_collector, in_base = np.where(p["vertical"], substrate, 0.0), np.where(p["vertical"], 0.0, substrate)
        return np.stack(
            np.broadcast_arrays(
                to_collector,
                to_base,
                to_emitter,
                substrate,
                sign * collector - to_collector - in_collector,
                sign * base - to_base - in_base,
                -sign * (collector + base) - to_emitter,
            ),
            axis=-1,
        )

    def jacobian(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vbe, vbc = sign * (x[..., 5] - x[..., 6]), sign * (x[..., 5] - x[..., 4])
        _, base, inverse_charge = _currents(vbe, vbc, p)
        slopes = _slopes(vbe, vbc, inverse_charge, p)
        result = np.zeros((*x.shape, 7), base.dtype)
        stamp(result, (0, 4), (0, 4), p["gc"])
        stamp(result, (2, 6), (2, 6), p["ge"])
        stamp(result, (1, 5), (1, 5), _base_conductance(base, inverse_charge, p))
        drop = sign * (x[..., 1] - x[..., 5])
        for end, by in ((6, slopes.by_vbe), (4, slopes.by_vbc)):
            stamp(result, (4, 6), (5, end), by.collector)
            stamp(result, (5, 6), (5, end), by.base)
            stamp(result, (1, 5), (5, end), drop * _base_conductance_slope(base, inverse_charge, by, p))
        _, vsub = _substrate_voltage(x, p)
        g = junction_conductance(vsub, p["ns"] * p["vt"], p["substrate"]) + p["gmin"]
        stamp(result, (3, 4), (3, 4), np.where(p["vertical"], g, 0.0))
        stamp(result, (3, 5), (3, 5), np.where(p["vertical"], 0.0, g))
        return result

    def limit(self, x: Array, previous: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"].real
        vt = p["vt"].real
        result = x.copy()
        for t, saturation in ((4, p["bc"]), (6, p["be"])):
            new, old = sign * (x[..., 5] - x[..., t]), sign * (previous[..., 5] - previous[..., t])
            limited = limit_junction(new, old, vt, critical_voltage(vt, saturation))
            result[..., t] = np.where(limited == new, x[..., t], x[..., 5] - sign * limited)
        toward, new = _substrate_voltage(x, p)
        limited = limit_junction(new, _substrate_voltage(previous, p)[1], vt, critical_voltage(vt, p["substrate"]))
        end = np.where(p["vertical"], result[..., 4], result[..., 5])
        still = (limited == new) & (end == np.where(p["vertical"], x[..., 4], x[..., 5]))
        result[..., 3] = np.where(still, x[..., 3], end + toward * limited)
        return result

    def near(self, x: Array, previous: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"].real
        vt = p["vt"].real
        by_collector, by_emitter = (
            near_on_junction(sign * (x[..., 5] - x[..., t]), sign * (previous[..., 5] - previous[..., t]), vt)
            for t in (4, 6)
        )
        substrate = near_on_junction(_substrate_voltage(x, p)[1], _substrate_voltage(previous, p)[1], vt)
        return np.asarray(by_collector & by_emitter & substrate)

    def start(self, x: Array, prepared: Values) -> Array:
        # On, as in SPICE: of several operating points, the same one is then found.
        result = np.zeros_like(x)
        result[..., 6] -= prepared["polarity"].real * critical_voltage(prepared["vt"].real, prepared["be"])
        return result


def _leakage(current: Array, saturation: Array) -> Array:
    # SPICE2 gave leakage as a multiple of is; ngspice takes any value above 1e-4 for one.
    return np.where(current.real > 1e-4, current * saturation, current)


class _By(NamedTuple):
    """Derivatives of the collector current, the base current and the inverse base charge by one voltage."""

    collector: Array
    base: Array
    inverse_charge: Array


class _Slopes(NamedTuple):
    by_vbe: _By
    by_vbc: _By


def _substrate_voltage(x: Array, p: Values) -> tuple[Array, Array]:
    """Which way the substrate's junction conducts (from the substrate to n-type silicon), and its voltage."""
    end = np.where(p["vertical"], x[..., 4], x[..., 5])
    toward = np.where(p["vertical"], p["polarity"], -p["polarity"])
    return toward, toward * (x[..., 3] - end)


def _injection(forward: Array, reverse: Array, p: Values) -> tuple[Array, Array]:
    """1 + 4 q2 and its power nkf, both 0 where the former is not positive; q2 is high injection's charge."""
    injection = 1.0 + 4.0 * (p["knee_f"] * forward + p["knee_r"] * reverse)
    positive = injection.real > 0
    return np.where(positive, injection, 0.0), np.where(positive, np.where(positive, injection, 1.0) ** p["nkf"], 0.0)


def _currents(vbe: Array, vbc: Array, p: Values) -> tuple[Array, Array, Array]:
    """Collector and base current of an npn transistor, and the inverse of its normalised base charge.

    The charge itself has a pole where a forward voltage is as large as its Early voltage; the inverse is zero there.
    """
    vt = p["vt"]
    forward = junction_current(vbe, p["nf"] * vt, p["be"])
    reverse = junction_current(vbc, p["nr"] * vt, p["bc"])
    be_leakage = junction_current(vbe, p["ne"] * vt, p["be_leakage"]) + p["gmin"] * vbe
    bc_leakage = junction_current(vbc, p["nc"] * vt, p["bc_leakage"]) + p["gmin"] * vbc
    early = 1.0 - p["early_f"] * vbc - p["early_r"] * vbe
    inverse_charge = early * (2.0 / (1.0 + _injection(forward, reverse, p)[1]))
    collector = (forward - reverse) * inverse_charge - reverse / p["br"] - bc_leakage
    base = forward / p["bf"] + be_leakage + reverse / p["br"] + bc_leakage
    return collector, base, inverse_charge


def _slopes(vbe: Array, vbc: Array, inverse_charge: Array, p: Values) -> _Slopes:
    """The derivatives of ``_currents``."""
    vt = p["vt"]
    forward = junction_current(vbe, p["nf"] * vt, p["be"])
    reverse = junction_current(vbc, p["nr"] * vt, p["bc"])
    g_forward = junction_conductance(vbe, p["nf"] * vt, p["be"])
    g_reverse = junction_conductance(vbc, p["nr"] * vt, p["bc"])
    g_be = junction_conductance(vbe, p["ne"] * vt, p["be_leakage"]) + p["gmin"]
    g_bc = junction_conductance(vbc, p["nc"] * vt, p["bc_leakage"]) + p["gmin"]
    injection, power = _injection(forward, reverse, p)
    low = 2.0 / (1.0 + power)
    # What high injection adds to the charge as a part of it, by a change of a junction's current.
    bend = 2.0 * low * p["nkf"] * (power * inverse(injection))
    by_vbe = -low * p["early_r"] - inverse_charge * (bend * (p["knee_f"] * g_forward))
    by_vbc = -low * p["early_f"] - inverse_charge * (bend * (p["knee_r"] * g_reverse))
    difference = forward - reverse
    return _Slopes(
        _By(g_forward * inverse_charge + difference * by_vbe, g_forward / p["bf"] + g_be, by_vbe),
        _By(
            difference * by_vbc - g_reverse * inverse_charge - g_reverse / p["br"] - g_bc,
            g_reverse / p["br"] + g_bc,
            by_vbc,
        ),
    )


def _base_conductance(base: Array, inverse_charge: Array, p: Values) -> Array:
    """The base resistance falls with the base charge, or with the base current where ``irb`` is given."""
    least, spread = p["base_minimum"], p["base_resistance"] - p["base_minimum"]
    resistance = least + spread * inverse_charge
    crowded = p["crowding"].real != 0
    if crowded.any():
        resistance = np.where(crowded, least + spread * _crowding(base * p["crowding"]), resistance)
    return np.where(p["has_base_resistance"], inverse(resistance), 0.0)


def _base_conductance_slope(base: Array, inverse_charge: Array, by: _By, p: Values) -> Array:
    """The derivative of ``_base_conductance`` by the voltage of ``by``."""
    spread = p["base_resistance"] - p["base_minimum"]
    slope = spread * by.inverse_charge
    crowded = p["crowding"].real != 0
    if crowded.any():
        ratio = base * p["crowding"]
        bend = derivative(_crowding, ratio)
        slope = np.where(crowded, spread * bend * by.base * p["crowding"], slope)
    conductance = _base_conductance(base, inverse_charge, p)
    result: Array = -conductance * conductance * slope
    return result


def _crowding(ratio: Array) -> Array:
    """3 (tan z - z) / (z tan² z) at the z that belongs to a base current ``ratio`` times ``irb``."""
    ratio = np.where(ratio.real > 1e-9, ratio, 1e-9)
    # z = (sqrt(1 + a r) - 1) / (b sqrt(r)), and by the series for small z, both without their cancellation.
    z = CROWDING_A / CROWDING_B * np.sqrt(ratio) / (np.sqrt(1.0 + CROWDING_A * ratio) + 1.0)
    small = np.abs(z.real) < 0.02
    other = np.where(small, 1.0, z)
    tangent = np.tan(other)
    exact = 3.0 * (tangent - other) / (other * tangent**2)
    square = z * z
    series = (1.0 + square * (0.4 + square * 17.0 / 105.0)) / (1.0 + square * (2.0 / 3.0 + square * 17.0 / 45.0))
    return np.where(small, series, exact)


PARAMETERS = (
    {
        "polarity": 1.0,
        "subs": NAN,
        "is": 1e-16,
        "ibe": NAN,
        "ibc": NAN,
        "bf": 100.0,
        "nf": 1.0,
        "vaf": 0.0,
        "ikf": 0.0,
        "ise": 0.0,
        "ne": 1.5,
        "br": 1.0,
        "nr": 1.0,
        "var": 0.0,
        "ikr": 0.0,
        "isc": 0.0,
        "nc": 2.0,
        "iss": 0.0,
        "ns": 1.0,
        "rb": 0.0,
        "irb": 0.0,
        "rbm": NAN,
        "re": 0.0,
        "rc": 0.0,
        "nkf": 0.5,
        "xtb": 0.0,
        "eg": 1.11,
        "xti": 3.0,
        "tlev": 0.0,
        "tnom": NAN,
        "area": 1.0,
        "areab": NAN,
        "areac": NAN,
        "m": 1.0,
        "temp": NAN,
        "dtemp": 0.0,
    }
    | {
        f"t{name}{order}": 0.0
        for name in (
            *("ikf", "ikr", "irb", "vaf", "var", "rb", "rm", "rc", "re"),
            *("nf", "nr", "ne", "nc", "ns", "is", "ise", "isc", "iss"),
        )
        for order in (1, 2)
    }
    | dict.fromkeys(("tbf1", "tbf2", "tbr1", "tbr2"), NAN)
)
"""Values by ngspice's names, with its defaults; zero switches an Early voltage, a knee or a resistance off."""

BJT = Bjt(
    "bjt",
    ("c", "b", "e", "s", "collcx", "base", "emitter"),
    PARAMETERS,
    {"collcx": Internal("rc", "c"), "base": Internal("rb", "b"), "emitter": Internal("re", "e")},
    linear=False,
    reciprocal=False,
)

_NO_QUASI_SATURATION = "quasi-saturation of the collector"

MODELS = {
    name: ModelType(
        name,
        "Q",
        BJT,
        (3, 4),
        names(
            "subs is ibe ibc bf nf vaf=va ikf=ik ise=c2 ne br nr var=vb ikr isc=c4 nc iss ns rb irb rbm re rc"
            " nkf=nk xtb eg xti tlev tnom=tref trb1=trb trc1=trc tre1=tre "
        )
        | {value: value for value in PARAMETERS if value.startswith("t") and value[-1] in "12"},
        names("area areab areac m temp dtemp"),
        ("area",),
        {"off": None},
        {"polarity": polarity},
        ignored=names(
            "cje vje pe mje me tf xtf vtf itf ptf cjc vjc pc mjc mc xcjc tr cjs csub ccs vjs"
            " ps mjs ms fc kf af tlevc ctc cte cts tvjc tvje tvjs titf1 titf2 ttf1 ttf2 ttr1"
            " ttr2 tmje1 tmje2 tmjc1 tmjc2 tmjs1 tmjs2 quasimod vo gamma qco vg cn d npn pnp"
            " rth0 vbe_max vbc_max vce_max pd_max ic_max ib_max te_max"
        ),
        ignored_on_element=("off", "ic", "icvbe", "icvce"),
        refused={"rco": _NO_QUASI_SATURATION},
        only={"tlev": (0, 1, 3)},
    )
    for name, polarity in (("npn", 1.0), ("pnp", -1.0))
}
