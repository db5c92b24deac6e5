"""The vertical power MOSFET, ngspice's model VDMOS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Internal, Values, derivative
from netlearn.circuit.devices.diode import DIODE_WITHOUT_SERIES
from netlearn.circuit.devices.junction import (
    given,
    inverse,
    limit_transistor,
    stamp,
    temperatures,
)
from netlearn.circuit.devices.model_type import ModelType, names

NAN = float("nan")
LEAKAGE = 1e-15
"""The conductance in siemens between drain and source where rds is not given, of ngspice's default of it."""
LEAST_GAP = 0.1
"""The least activation energy of the body diode in electronvolts, as ngspice has it."""


@dataclass(frozen=True)
class Vdmos(Device):
    """A channel that turns on smoothly, a body diode from source to drain, and a resistance at each terminal.

    Unknowns are drain, gate and source, the three behind ``rd``, ``rg`` and ``rs``, and the body diode's anode
    behind ``rb``. ``polarity`` is 1 for nchan and -1 for pchan. With ``rq`` and ``vq`` the drain's resistance
    rises with the drain's voltage (quasi-saturation). A value that is NaN was not given.
    """

    def prepare(self, values: Values, environment: Environment) -> Values:
        v = {name: np.asarray(value) for name, value in values.items()}
        temperature, nominal = temperatures(v, environment)
        dt, ratio, polarity = temperature - nominal, temperature / nominal, v["polarity"].real
        drain = v["rd"] * np.where(
            np.isnan(v["texp0"]), 1.0 + v["trd1"] * dt + v["trd2"] * dt**2, ratio ** given(v["texp0"], 0.0)
        )
        quasi = ~np.isnan(v["rq"]) & ~np.isnan(v["vq"])
        rds = given(v["rds"], 0.0)
        body = DIODE_WITHOUT_SERIES.prepare(
            {
                **{name: np.asarray(value) for name, value in DIODE_WITHOUT_SERIES.parameters.items()},
                **{name: v[name] for name in ("is", "n", "xti", "nbv", "m", "tnom", "temp", "dtemp")},
                "eg": np.where(v["eg"].real < LEAST_GAP, LEAST_GAP, v["eg"]),
                "bv": np.where(v["bv"].real < 0, -v["bv"], v["bv"]),
                # Unlike the diode's, this current does not count for each of m transistors.
                "ibv": v["ibv"] / v["m"],
                "rs": v["rb"],
                "trs": v["trb1"],
                "trs2": v["trb2"],
            },
            environment,
        )
        return {
            "polarity": polarity,
            "beta": v["kp"] * v["m"] * ratio ** v["mu"],
            "threshold": polarity * v["vto"] - v["tcvth"] * dt,
            "slope": v["ksubthres"] * (1.0 + v["tksubthres1"] * dt + v["tksubthres2"] * dt**2),
            "shift": v["subshift"],
            "lambda": v["lambda"],
            "theta": v["theta"],
            "triode": v["mtriode"],
            "drain": drain / v["m"],
            "quasi": np.where(quasi, v["rq"], 0.0) / v["m"] * ratio ** v["texp1"],
            "quasi_voltage": np.where(quasi, np.where(v["vq"].real < 0, -v["vq"], v["vq"]), 1.0),
            "gate": inverse(v["rg"]) * v["m"] / (1.0 + v["trg1"] * dt + v["trg2"] * dt**2),
            "source": inverse(v["rs"]) * v["m"] / (1.0 + v["trs1"] * dt + v["trs2"] * dt**2),
            "leakage": np.where(rds.real > 0, v["m"] * inverse(rds), LEAKAGE),
            "gmin": np.asarray(environment.gmin),
            **{f"body_{name}": value for name, value in body.items()},
        }

    def residual(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vds = (sign * (x[..., t] - x[..., 5]) for t in (4, 3))
        channel = sign * self._channel(vgs, vds, p)
        body = sign * DIODE_WITHOUT_SERIES.residual(self._body_voltage(x, p), _body(p))[..., 0]
        drain = self._drain_conductance(sign * (x[..., 0] - x[..., 2]), vds, p) * (x[..., 0] - x[..., 3])
        gate, source = p["gate"] * (x[..., 1] - x[..., 4]), p["source"] * (x[..., 2] - x[..., 5])
        anode, leak = p["body_series"] * (x[..., 2] - x[..., 6]), p["leakage"] * (x[..., 0] - x[..., 2])
        return np.stack(
            np.broadcast_arrays(
                drain + leak - body,
                gate,
                source + anode - leak,
                channel - drain,
                -gate,
                -channel - source,
                body - anode,
            ),
            axis=-1,
        )

    def jacobian(self, x: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"]
        vgs, vds, across = (sign * (x[..., a] - x[..., b]) for a, b in ((4, 5), (3, 5), (0, 2)))
        by_gate = derivative(lambda v: self._channel(v, vds, p), vgs)
        by_drain = derivative(lambda v: self._channel(vgs, v, p), vds)
        result = np.zeros((*x.shape, 7), np.result_type(by_gate, by_drain))
        stamp(result, (3, 5), (4, 5), by_gate)
        stamp(result, (3, 5), (3, 5), by_drain)
        conductance = self._drain_conductance(across, vds, p)
        bent = derivative(lambda v: self._drain_conductance(v, vds, p), across)
        stamp(result, (0, 3), (0, 3), conductance)
        stamp(result, (0, 3), (0, 2), sign * bent * (x[..., 0] - x[..., 3]))
        stamp(result, (1, 4), (1, 4), p["gate"])
        stamp(result, (2, 5), (2, 5), p["source"])
        stamp(result, (2, 6), (2, 6), p["body_series"])
        stamp(result, (0, 2), (0, 2), p["leakage"])
        body = DIODE_WITHOUT_SERIES.jacobian(self._body_voltage(x, p), _body(p))[..., 0, 0]
        stamp(result, (6, 0), (6, 0), body)
        return result

    def limit(self, x: Array, previous: Array, prepared: Values) -> Array:
        p, sign = prepared, prepared["polarity"].real
        vgs, vds = (sign * (x[..., t] - x[..., 5]) for t in (4, 3))
        old_vgs, old_vds = (sign * (previous[..., t] - previous[..., 5]) for t in (4, 3))
        new_vgs, new_vds = limit_transistor((vgs, old_vgs), (vds, old_vds), p["threshold"].real)
        old_body = self._body_voltage(previous, p)
        body = self._body_voltage(x, p)
        new_body = DIODE_WITHOUT_SERIES.limit(body, old_body, _body(p))[..., 0]
        result = x.copy()
        for t, foot, new, old in ((4, 5, new_vgs, vgs), (3, 5, new_vds, vds), (6, 0, new_body, body[..., 0])):
            result[..., t] = np.where(new == old, x[..., t], x[..., foot] + sign * new)
        return result

    def _body_voltage(self, x: Array, p: Values) -> Array:
        """The unknowns (..., 2) of the body diode as those of an n-channel transistor's."""
        across = p["polarity"] * (x[..., 6] - x[..., 0])
        return np.stack([across, 0.0 * across], axis=-1)

    def _channel(self, vgs: Array, vds: Array, p: Values) -> Array:
        """The current from drain to source of an n-channel device."""
        normal = vds.real >= 0
        over = (np.where(normal, vgs, vgs - vds) - p["threshold"] - p["shift"]) / p["slope"]
        # log(1 + exp): a straight line above the threshold, an exponential below.
        large = over.real > 30.0
        gate = p["slope"] * np.where(large, over, np.log1p(np.exp(np.where(large, 0.0, over))))
        drop = p["triode"] * np.where(normal, vds, -vds)
        along = np.where(gate.real <= drop.real, gate, drop)
        # As in ngspice, both take the voltages as they are in reverse mode, too.
        falling = 1.0 + p["theta"] * vgs
        # At the pole, far below the threshold, there is no current to speak of.
        beta = p["beta"] * (1.0 + p["lambda"] * vds) / np.where(falling.real == 0, 1.0, falling)
        current = beta * along * (gate - 0.5 * along)
        result: Array = np.where(normal, current, -current)
        return result

    def _drain_conductance(self, across: Array, vds: Array, p: Values) -> Array:
        quasi = (p["quasi"].real != 0) & (vds.real >= 0)
        part = np.where(quasi, across, 0.0)
        whole = part + p["quasi_voltage"]
        resistance = p["drain"] + p["quasi"] * part / np.where(whole.real == 0, 1.0, whole)
        positive = quasi & (resistance.real > 0)
        total: Array = inverse(np.where(positive, resistance, p["drain"])) + np.where(positive, p["gmin"], 0.0)
        return total


def _body(p: Values) -> Values:
    return {name.removeprefix("body_"): value for name, value in p.items() if name.startswith("body_")}


VDMOS = Vdmos(
    "vdmos",
    ("d", "g", "s", "drain", "gate", "source", "body"),
    {
        "polarity": 1.0,
        "vto": 0.0,
        "kp": 1.0,
        "lambda": 0.0,
        "theta": 0.0,
        "mtriode": 1.0,
        "subshift": 0.0,
        "ksubthres": 0.1,
        "tksubthres1": 0.0,
        "tksubthres2": 0.0,
        "tcvth": 0.0,
        "mu": -1.5,
        "rd": 0.0,
        "trd1": 0.0,
        "trd2": 0.0,
        "texp0": NAN,
        "rq": NAN,
        "vq": NAN,
        "texp1": 0.3,
        "rg": 0.0,
        "trg1": 0.0,
        "trg2": 0.0,
        "rs": 0.0,
        "trs1": 0.0,
        "trs2": 0.0,
        "rds": NAN,
        "rb": 0.0,
        "trb1": 0.0,
        "trb2": 0.0,
        "is": 1e-14,
        "n": 1.0,
        "eg": 1.11,
        "xti": 3.0,
        "bv": float("inf"),
        "ibv": 1e-10,
        "nbv": 1.0,
        "tnom": NAN,
        "m": 1.0,
        "temp": NAN,
        "dtemp": 0.0,
    },
    {
        "drain": Internal("rd", "d"),
        "gate": Internal("rg", "g"),
        "source": Internal("rs", "s"),
        "body": Internal("rb", "s"),
    },
    linear=False,
    reciprocal=False,
)

MODELS = {
    "vdmos": ModelType(
        "vdmos",
        "M",
        VDMOS,
        # A bulk node, as LTspice writes one, is read and left unconnected.
        (3, 4),
        names(
            "vto=vth0 kp lambda theta mtriode subshift ksubthres tksubthres1 tksubthres2 tcvth=vtotc mu=bex"
            " rd trd1 trd2 texp0 rq vq texp1 rg trg1 trg2 rs trs1 trs2 rds rb trb1 trb2 is n eg xti bv ibv nbv tnom"
        ),
        names("m temp dtemp"),
        flags={"off": None, "nchan": ("polarity", 1.0), "pchan": ("polarity", -1.0)},
        ignored=names(
            "phi kf af tt vj cjo m fc cgdmin cgdmax a cgs rthjc rthca cthj vgs_max vgd_max vds_max vgsr_max vgdr_max"
            " pd_max id_max idr_max te_max rth_ext derating vdmosn vdmosp vdmos ron qg vds"
        ),
        ignored_on_element=("off", "ic", "icvds", "icvgs"),
        refused={"thermal": "self-heating"},
        types={1.0: "vdmos", -1.0: "vdmos pchan"},
    )
}
