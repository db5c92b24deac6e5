"""Closed derivatives against the complex step, the complex step against differences, and no stray warnings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from netlearn.circuit.devices.base import Device, Environment
from netlearn.circuit.devices.behavioural import behavioural_current_source, behavioural_voltage_source
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE
from netlearn.circuit.devices.models import MODEL_TYPES

HOT = Environment(temperature=330.0)

# Every parameter that can carry a derivative, away from the corners of the piecewise laws.
MODELS = {
    "d": {"is": 1e-13, "n": 1.2, "rs": 5.0, "bv": 4.0, "nbv": 1.3, "trs": 1e-3, "tcv": 1e-4, "tnom": 40.0},
    "d2": {"jsw": 1e-13, "ns": 1.3, "pj": 2.0, "isr": 1e-11, "nr": 2.0, "ikf": 1e-2, "ikr": 1e-9, "jtun": 1e-10,
           "bv": 4.0},
    "npn": {"vaf": 50.0, "var": 9.0, "ikf": 1e-2, "ikr": 2e-2, "ise": 1e-14, "isc": 1e-13, "rb": 90.0, "rbm": 20.0,
            "rc": 3.0, "re": 1.0, "xtb": 1.4, "iss": 1e-15, "irb": 1e-4},
    "pnp": {"vaf": 50.0, "rb": 90.0, "ikf": 1e-2, "rbm": 10.0, "nkf": 0.6, "ibe": 1e-15, "ibc": 2e-15},
    "njf": {"lambda": 0.02, "rd": 10.0, "rs": 5.0, "b": 0.7, "tcv": 1e-3, "bex": -1.1},
    "pjf": {"lambda": 0.02, "b": 0.7, "vtotc": 1e-3, "betatce": -0.4, "xti": 2.0},
    "nmos": {"vto": 0.6, "kp": 1e-4, "gamma": 0.4, "phi": 0.7, "lambda": 0.03, "rd": 10.0, "rs": 20.0, "js": 1e-4,
             "ad": 1e-11, "as": 2e-11, "ld": 1e-7, "l": 2e-6, "w": 1e-5},
    "pmos": {"tox": 2e-8, "nsub": 2e16, "nss": 1e10, "uo": 500.0, "rsh": 20.0, "nrd": 2.0, "tnom": 35.0},
    "nmos 2": {"tox": 2e-8, "nsub": 1e16, "uo": 500.0, "ucrit": 2e3, "uexp": 0.2, "xj": 3e-7, "ld": 1e-7, "delta": 0.5,
               "nfs": 2e11, "vmax": 5e4, "neff": 2.0, "rd": 10.0, "l": 2e-6, "w": 1e-5, "pb": 0.7},
    "pmos 2": {"vto": -0.2, "kp": 1e-4, "gamma": 0.4, "phi": 0.7, "lambda": 0.03, "tnom": 35.0, "rs": 5.0},
    "nmos 3": {"tox": 2e-8, "nsub": 1e16, "uo": 500.0, "xj": 3e-7, "ld": 1e-7, "delta": 0.5, "nfs": 2e11, "vmax": 5e4,
               "eta": 0.4, "theta": 0.1, "kappa": 0.8, "rd": 10.0, "l": 2e-6, "w": 1e-5, "wd": 1e-7, "delvto": 0.05},
    "pmos 3": {"vto": -0.2, "kp": 1e-4, "gamma": 0.4, "nsub": 3e15, "kappa": 0.3, "tnom": 35.0, "rs": 5.0},
    "nmos 6": {"vto": 0.1, "kv": 0.9, "nv": 0.6, "kc": 1e-4, "nc": 1.2, "lambda0": 0.02, "lambda1": 0.01, "gamma": 0.3,
               "gamma1": 0.1, "sigma": 0.03, "rd": 10.0, "l": 2e-6, "w": 1e-5},
    "vdmos": {"vto": 0.3, "kp": 5.0, "lambda": 0.02, "theta": 0.05, "mtriode": 0.7, "ksubthres": 0.15, "tcvth": 1e-3,
              "rd": 0.1, "rq": 0.5, "vq": 2.0, "rg": 3.0, "rs": 0.02, "rb": 0.03, "rds": 1e4, "bv": 0.6, "nbv": 1.3,
              "ibv": 1e-4, "is": 1e-12, "n": 1.1, "trd1": 1e-3, "trb1": 1e-3, "tnom": 35.0},
    "njf 2": {"vto": -0.9, "beta": 2e-3, "lambda": 0.02, "lfgam": 0.05, "lfg1": 0.01, "lfg2": 0.02, "vst": 0.1,
              "mvst": 0.05, "p": 2.3, "q": 1.8, "z": 0.6, "xi": 1.2, "mxi": 0.1, "delta": 0.5, "ibd": 1e-6, "vbd": 2.5,
              "n": 1.2, "rd": 10.0, "rs": 5.0, "pb": 0.8},
    "sw": {"vt": 0.1, "vh": 0.05, "ron": 2.0, "roff": 1e4},
    "csw": {"it": 0.1, "ron": 2.0, "roff": 1e4},
    "ideal": {"ron": 2.0, "roff": 1e5, "vfwd": 0.3, "vrev": 2.5, "rrev": 4.0},
}  # fmt: skip
# Zero switches these effects off, which is not the limit of a small value: no derivative there.
ZERO_IS_OFF = {
    *("rs", "rd", "rc", "rb", "re", "rsh", "irb", "ikf", "ikr", "vaf"),
    *("var", "ise", "isc", "iss", "jsw", "isr", "jtun", "jtunsw", "js", "is"),
    *("vmax", "nfs", "xj", "rg", "vst", "delta"),
}
LENGTHS = {"ld", "xl", "wd", "xw"}
PIECEWISE = {"vt", "vh", "it", "ih", "on", "polarity", "subs", "tlev", "tlevc", "sheet_d", "sheet_s", "tpg"}


def prepared_case(name):
    words = name.split()
    kind = MODEL_TYPES["d" if name in ("d2", "ideal") else words[0]].variant(MODELS[name])
    kind = kind.at_level(float(words[1]) if len(words) > 1 else 1.0)
    values = {n: np.array([v]) for n, v in kind.complete({}, MODELS[name]).items()}
    rng = np.random.default_rng(7)
    spread = 3.0 if name in ("d", "d2", "ideal") else 0.9
    x = rng.uniform(-spread, 0.75, (40, 1, len(kind.device.unknowns)))
    return kind.device, values, x


@pytest.mark.parametrize("name", list(MODELS))
def test_jacobian_is_the_complex_step(name):
    device, values, x = prepared_case(name)
    prepared = device.prepare(values, HOT)
    expected = Device.jacobian(device, x, prepared)
    scale = np.abs(expected).max(axis=(-1, -2), keepdims=True)
    assert np.all(np.abs(device.jacobian(x, prepared) - expected) <= 1e-10 * scale)
    assert scale.min() > 0


@pytest.mark.parametrize("name", list(MODELS))
def test_jacobian_is_the_difference_quotient(name):
    device, values, x = prepared_case(name)
    prepared = device.prepare(values, HOT)
    jacobian = device.jacobian(x, prepared)
    h = 1e-6
    for t in range(x.shape[-1]):
        up, down = x.copy(), x.copy()
        up[..., t] += h
        down[..., t] -= h
        expected = (device.residual(up, prepared) - device.residual(down, prepared)) / (2 * h)
        tolerance = 1e-6 * np.abs(jacobian).max(axis=(-1, -2))[..., None] + 1e-12
        wrong = np.abs(jacobian[..., t] - expected) > tolerance
        # A step over a corner of a piecewise law has no derivative to compare with.
        assert wrong.mean() < 0.03, (device.unknowns[t], jacobian[..., t][wrong], expected[wrong])


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("sw", "csw")])
def test_jacobian_holds_for_complex_unknowns(name):
    device, values, x = prepared_case(name)
    prepared = device.prepare(values, HOT)
    x = x + 1e-2j * np.random.default_rng(5).normal(size=x.shape)
    jacobian = device.jacobian(x, prepared)
    h = 1e-6 * np.random.default_rng(6).normal(size=x.shape)
    expected = (device.residual(x + 1j * h, prepared) - device.residual(x - 1j * h, prepared)) / 2j
    found = np.einsum("...ij,...j->...i", jacobian, h)
    tolerance = 1e-6 * np.abs(jacobian).max(axis=(-1, -2))[..., None] * np.abs(h).max() + 1e-17
    assert np.mean(np.abs(found - expected) > tolerance) < 0.03


@pytest.mark.parametrize("name", list(MODELS))
def test_value_jacobian_is_the_difference_quotient(name):
    device, values, x = prepared_case(name)
    moved = 0
    for parameter, value in values.items():
        if parameter in PIECEWISE or not np.isfinite(value).all():
            continue
        found = device.value_jacobian(x, values, HOT, parameter)
        assert np.isfinite(found).all(), parameter
        # Of a doped level 2 MOSFET, lambda too: at zero ngspice works the channel's length out.
        if value[0] == 0 and (parameter in ZERO_IS_OFF or (name, parameter) == ("nmos 2", "lambda")):
            continue
        h = 1e-5 * abs(value[0]) or (1e-12 if parameter in LENGTHS else 1e-7)
        up = device.residual(x, device.prepare({**values, parameter: value + h}, HOT))
        down = device.residual(x, device.prepare({**values, parameter: value - h}, HOT))
        expected = (up - down) / (2 * h)
        noise = 1e-15 * np.abs(up).max(axis=-1, keepdims=True) / h
        tolerance = 1e-5 * np.abs(expected).max(axis=-1, keepdims=True) + 20 * noise
        assert np.mean(np.abs(found - expected) > tolerance) < 0.03, (parameter, found[0], expected[0])
        moved += bool(np.any(found != 0))
    assert moved >= (3 if name in ("sw", "csw", "ideal") else 10) - 1


@pytest.mark.parametrize("name", list(MODELS))
def test_extreme_unknowns_stay_finite_without_warnings(name):
    device, values, x = prepared_case(name)
    prepared = device.prepare(values, HOT)
    wide = np.random.default_rng(3).uniform(-1.0, 1.0, (60, 1, x.shape[-1])) * np.logspace(-3, 4, 60)[:, None, None]
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        for at in (wide, wide + 0j):
            assert np.isfinite(device.residual(at, prepared)).all()
        assert np.isfinite(device.jacobian(wide, prepared)).all()
        limited = device.limit(wide, np.zeros_like(wide), prepared)
        assert np.isfinite(limited).all()
        assert np.isfinite(device.residual(limited, prepared)).all()


@pytest.mark.parametrize("name", ["d", "npn", "pnp", "njf", "pjf", "nmos", "pmos", "nmos 3", "vdmos", "njf 2"])
def test_limit_leaves_small_steps_alone(name):
    device, values, x = prepared_case(name)
    prepared = device.prepare(values, HOT)
    small = x + 1e-3
    small[..., 1] += 5e-3
    np.testing.assert_array_equal(device.limit(small, x, prepared), small)


@pytest.mark.parametrize("name", ["d", "npn", "pnp", "njf", "pjf", "nmos", "pmos"])
def test_limit_tames_a_forward_junction(name):
    device, values, x = prepared_case(name)
    prepared = device.prepare(values, HOT)
    polarity = values["polarity"][0] if "polarity" in values else 1.0
    control = {"d": "internal", "npn": "base", "pnp": "base", "njf": "g", "pjf": "g", "nmos": "b", "pmos": "b"}[name]
    start, far = np.zeros((1, 1, x.shape[-1])), np.zeros((1, 1, x.shape[-1]))
    far[..., device.unknowns.index(control)] = 20.0 * polarity
    at = device.unknowns.index(control)
    before = np.abs(device.residual(far, prepared)[..., at]).max()
    after = np.abs(device.residual(device.limit(far, start, prepared), prepared)[..., at]).max()
    assert before > 1e50
    assert after < 10.0


@pytest.mark.parametrize("make", [behavioural_current_source, behavioural_voltage_source])
def test_behavioural_source_with_and_without_a_gradient(make):
    def law(controls, values):
        return values["gain"] * np.tanh(controls[..., 0] - controls[..., 1]) * controls[..., 2] ** 2

    def gradient(controls, values):
        t, c = np.tanh(controls[..., 0] - controls[..., 1]), controls[..., 2]
        bend = values["gain"] * (1 - t**2) * c**2
        return np.stack([bend, -bend, 2 * values["gain"] * t * c], axis=-1)

    x = np.random.default_rng(1).normal(size=(5, 2, len(make(law, 3).unknowns)))
    values = {"gain": np.array([0.5, -2.0])}
    plain, closed = make(law, 3, {"gain": 1.0}), make(law, 3, {"gain": 1.0}, gradient)
    prepared = plain.prepare(values, HOT)
    np.testing.assert_allclose(plain.jacobian(x, prepared), Device.jacobian(plain, x, prepared), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(closed.jacobian(x, prepared), plain.jacobian(x, prepared), rtol=1e-12, atol=1e-14)
    residual = plain.residual(x, prepared)
    value = law(x[..., 2:5], values)
    current = x[..., -1] if make is behavioural_voltage_source else value
    np.testing.assert_allclose(residual[..., :2], np.stack([current, -current], axis=-1))
    if make is behavioural_voltage_source:
        np.testing.assert_allclose(residual[..., -1], x[..., 0] - x[..., 1] - value)
    by_gain = plain.value_jacobian(x, values, HOT, "gain")
    sign = {behavioural_current_source: (0, 1.0), behavioural_voltage_source: (-1, -1.0)}[make]
    np.testing.assert_allclose(by_gain[..., sign[0]], sign[1] * value / values["gain"])


def test_ideal_diode_bends_at_its_corners():
    values = {"ron": 2.0, "roff": 1e3, "vfwd": 0.5, "vrev": 4.0, "rrev": np.nan, "area": 1.0, "m": 1.0}
    prepared = IDEAL_DIODE.prepare({name: np.array([v]) for name, v in values.items()}, HOT)
    v = np.array([-6.0, -4.0, -1.0, 0.0, 0.5, 1.5])
    x = np.stack([v, 0 * v], axis=-1)[:, None, :]
    expected = [-4e-3 - 2.0 / 2.0, -4e-3, -1e-3, 0.0, 5e-4, 5e-4 + 1.0 / 2.0]
    np.testing.assert_allclose(IDEAL_DIODE.residual(x, prepared)[:, 0, 0], expected, rtol=1e-14)


@pytest.mark.ngspice
def test_ideal_diode_is_ngspices_sidiode(ngspice):
    volts = (-6.0, -2.5, 0.2, 0.8, 3.0)
    lines = ["ideal", ".model s sidiode(ron=10 roff=1000 vfwd=0.7 vrev=5 rrev=20)"]
    for k, v in enumerate(volts):
        lines += [f"v{k} n{k} 0 {v}", f"a{k} n{k} 0 s"]
    theirs = ngspice.run("\n".join(lines))
    kind = MODEL_TYPES["d"].variant({"ron": 10.0})
    values = kind.complete({"ron": 10.0, "roff": 1e3, "vfwd": 0.7, "vrev": 5.0, "rrev": 20.0}, {})
    prepared = kind.device.prepare({n: np.array([v]) for n, v in values.items()}, HOT)
    x = np.stack([np.array(volts), np.zeros(len(volts))], axis=-1)[:, None]
    expected = [-theirs[f"i(v{k})"] for k in range(len(volts))]
    np.testing.assert_allclose(kind.device.residual(x, prepared)[:, 0, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("name", list(MODELS))
def test_temperature_jacobian_is_the_difference_quotient(name):
    device, values, x = prepared_case(name)
    found = device.temperature_jacobian(x, values, HOT)
    h = 1e-3
    up, down = (
        device.residual(x, device.prepare(values, Environment(temperature=HOT.temperature + move))) for move in (h, -h)
    )
    expected = (up - down) / (2 * h)
    noise = 1e-15 * np.abs(up).max(axis=-1, keepdims=True) / h
    tolerance = 1e-6 * np.abs(expected).max(axis=-1, keepdims=True) + 20 * noise
    assert np.mean(np.abs(found - expected) > tolerance) < 0.03, (found[0], expected[0])
    assert np.any(found != 0) or name in ("sw", "csw", "ideal")
