"""Calibration against scipy's fits by finite differences, closed formulas, many draws of noise, and ngspice."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import linregress

import netlearn
from netlearn.arrays import Array
from netlearn.calibration import Calibration
from netlearn.errors import DataError, NetlearnError, NetlistWarning
from netlearn.learn.calibration import calibrated
from netlearn.learn.measured_pairs import MeasuredPairs
from netlearn.learn.model import Model
from netlearn.project import open_project

DIODE = """* a ladder with a diode
*@output V(out) V(m)
*@train R*
V1 in 0 1
R1 in out 1k
R2 out 0 2k
R3 out m 3k
R4 m 0 5k
D1 m 0 dm
.model dm d
.end
"""
TRUE = np.array([1.1, 0.93, 1.2, 0.8])
NOISE = 1e-4


def model_of(text: str, outputs: list[str], **settings: str) -> Model:
    """The model of a netlist with one driven source V1."""
    columns = {"V1": np.ones(2), **{name: np.zeros(2) for name in outputs}}
    return open_project(netlearn.parse(text), columns, overrides=dict(settings)).model


def chip(
    text: str, outputs: list[str], factors: Array, columns: dict[str, Array], noise: float = 0.0
) -> dict[str, Array]:
    """What a chip whose trained values are off by ``factors`` gives at the settings of columns."""
    model = model_of(text, outputs)
    theta = np.tile(model.parameters.initial, (len(columns["V1"]), 1))
    for k, name in enumerate(model.parameters.names):
        theta[:, k] = columns.get(name.upper(), theta[:, k])
    read = np.array(
        [
            model.outputs(model.forward(factors * row, np.array([[v]])))[0]
            for row, v in zip(theta, columns["V1"], strict=True)
        ]
    )
    read += noise * np.random.default_rng(0).normal(size=read.shape)
    return {**columns, **dict(zip(outputs, read.T, strict=True))}


def settings() -> dict[str, Array]:
    """24 settings of V1, R1 and R4."""
    rows = [(v, r1, r4) for v in np.linspace(0.3, 3.0, 6) for r1 in (1e3, 2e3) for r4 in (5e3, 1e4)]
    return dict(zip(("V1", "R1", "R4"), np.array(rows).T, strict=True))


def runs(noise: float = NOISE) -> dict[str, Array]:
    """What a chip of DIODE gives whose resistances are off by TRUE."""
    return chip(DIODE, ["V(out)", "V(m)"], TRUE, settings(), noise)


def quietly(netlist: str, measured: dict[str, Array], **options: object) -> Calibration:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetlistWarning)
        return netlearn.calibrate(netlearn.parse(netlist), measured, **options)  # type: ignore[arg-type]


def test_values_and_errors_are_those_of_scipy_with_finite_differences() -> None:
    measured = runs()
    measured["V(out)"] += 2e-3
    measured["V(m)"] -= 1e-3
    found = netlearn.calibrate(netlearn.parse(DIODE), measured)
    model = model_of(DIODE, ["V(out)", "V(m)"])
    programmed = np.tile([1e3, 2e3, 3e3, 5e3], (24, 1))
    programmed[:, 0], programmed[:, 3] = measured["R1"], measured["R4"]

    def outputs(_: object, *z: float) -> Array:
        rows = [
            model.outputs(model.forward(np.array(z[:4]) * theta, np.array([[v]])))[0] + z[4:]
            for theta, v in zip(programmed, measured["V1"], strict=True)
        ]
        return np.ravel(rows)

    read = np.stack([measured["V(out)"], measured["V(m)"]], axis=1).ravel()
    best, covariance = curve_fit(outputs, np.zeros(1), read, p0=[1.0] * 4 + [0.0] * 2, x_scale="jac", method="trf")
    assert found.with_offsets
    assert found.freedom == pytest.approx(48 - 6)
    errors = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(1.0 + found.deviations, best[:4], atol=1e-4 * errors[:4].min())
    np.testing.assert_allclose(found.deviation_errors, errors[:4], rtol=1e-4)
    np.testing.assert_allclose(found.standard_errors, errors[:4] * [1e3, 2e3, 3e3, 5e3], rtol=1e-4)
    np.testing.assert_allclose(found.offsets, best[4:], atol=1e-3 * errors[4:].min())
    np.testing.assert_allclose(found.offset_errors, errors[4:], rtol=1e-4)
    np.testing.assert_allclose(found.correlation[0, 1], covariance[0, 1] / (errors[0] * errors[1]), rtol=1e-3)
    np.testing.assert_allclose(found.values, [1e3, 2e3, 3e3, 5e3] * TRUE, atol=5 * found.standard_errors.max())


def test_a_gain_and_an_offset_are_those_of_linear_regression() -> None:
    text = "* an amplifier\n*@train E1\nV1 a 0 1\nE1 out 0 a 0 2\nR1 out 0 1k\n.end\n"
    rng = np.random.default_rng(3)
    v1, gain = rng.normal(size=20), rng.uniform(1, 3, size=20)
    read = (gain + 0.07) * v1 - 0.004 + 1e-3 * rng.normal(size=20)
    found = netlearn.calibrate(netlearn.parse(text), {"V1": v1, "E1": gain, "V(out)": read})
    best = linregress(v1, read - gain * v1)
    np.testing.assert_allclose(found.deviations, best.slope, rtol=1e-7)
    np.testing.assert_allclose(found.values, 2 + best.slope, rtol=1e-7)
    np.testing.assert_allclose(found.standard_errors, best.stderr, rtol=1e-7)
    np.testing.assert_allclose(found.offsets, best.intercept, rtol=1e-7)
    np.testing.assert_allclose(found.offset_errors, best.intercept_stderr, rtol=1e-7)


LADDER = """* a ladder
*@train R*
V1 in 0 1
R1 in out 1k
R2 out 0 2k
R3 out m 3k
R4 m 0 5k
.end
"""


def test_standard_errors_cover_the_truth_as_often_as_they_say() -> None:
    outputs, columns = ["V(out)", "V(m)"], {name: column[::2] for name, column in settings().items()}
    columns["R4"] = np.tile([5e3, 1e4, 2e4], 4)
    text = LADDER.replace("V1 in 0 1", "V1 in 0 1\nR0 in 0 1k\nI1 0 out 1m")
    model, rng = model_of(text.replace("*@train R*", "*@train R1 R2 R3 R4"), outputs), np.random.default_rng(1)
    exact = chip(text.replace("*@train R*", "*@train R1 R2 R3 R4"), outputs, TRUE, columns)
    theta = np.tile([1e3, 2e3, 3e3, 5e3], (len(columns["V1"]), 1))
    theta[:, 0], theta[:, 3] = columns["R1"], columns["R4"]
    read = np.stack([exact[name] for name in outputs], axis=1)
    within, draws = np.zeros(4), 60
    for _ in range(draws):
        noisy = read + NOISE * rng.normal(size=read.shape)
        found = calibrated(model, MeasuredPairs(theta, columns["V1"][:, None], noisy))
        within += np.abs(found.deviation - np.log(TRUE)) < found.errors
    # One standard deviation of the binomial at 0.68 of 60 draws is 0.06.
    assert np.all(np.abs(within / draws - 0.683) < 0.18), within / draws
    assert abs(np.mean(within) / draws - 0.683) < 0.12


def test_a_calibrated_netlist_gives_in_ngspice_what_the_chip_gave(ngspice: None, tmp_path: Path) -> None:
    found = netlearn.calibrate(netlearn.parse(DIODE), runs(noise=0.0), offsets="no", out=tmp_path / "chip.cir")
    np.testing.assert_allclose(found.deviations, TRUE - 1, atol=1e-6)
    point = netlearn.operating_point(tmp_path / "chip.cir", "ngspice", {"V1": np.array([0.3, 1.92])})
    model = model_of(DIODE, ["V(out)", "V(m)"])
    chip = model.outputs(model.forward(TRUE * [1e3, 2e3, 3e3, 5e3], np.array([[0.3], [1.92]])))
    np.testing.assert_allclose(point.measure("V(out)", "V(m)").real, chip, atol=2e-6)


def test_what_the_data_do_not_determine_is_named() -> None:
    text = LADDER.replace("R4 m 0 5k", "R4 m 0 5k\nR5 in 0 1k")
    factors = np.array([*TRUE, 1.3])
    # Voltages tell of resistances what they are relative to each other.
    measured = chip(text, ["V(out)", "V(m)"], factors, settings(), NOISE)
    with pytest.warns(NetlistWarning, match="tells nothing of 'r5'"):
        found = netlearn.calibrate(netlearn.parse(text), measured, offsets="no")
    assert found.silent == ("r5",)
    assert found.relative == (("r1", "r2", "r3", "r4"),)
    assert found.determined.tolist() == [True] * 4 + [False]
    assert "R5 in 0 1k" in str(found.netlist)
    programmed, four = np.array([1e3, 2e3, 3e3, 5e3]), found.values[:4]
    np.testing.assert_allclose(np.prod(four / programmed), 1, rtol=1e-6)
    relative = TRUE / np.prod(TRUE) ** 0.25
    assert np.all(np.abs(four - programmed * relative) < 4 * found.standard_errors[:4])
    np.testing.assert_allclose(found.freedom, 48 - 3)
    # Two in series, of which none is ever programmed otherwise, are told together; a current tells the factor.
    columns = {name: column for name, column in settings().items() if name != "R4"}
    measured = chip(text, ["V(out)", "I(R1)"], factors, columns)
    with pytest.warns(NetlistWarning, match="tells r3, r4 in combination only"):
        found = netlearn.calibrate(netlearn.parse(text), measured, offsets="no", fix="R2 R5")
    assert found.together == (("r3", "r4"),)
    assert found.determined.tolist() == [True, False, False]
    assert np.isinf(found.standard_errors[1:]).all()
    assert np.sqrt(np.mean(found.residuals**2)) < 0.1


def test_units_are_weighed_by_their_own_noise() -> None:
    text = "* a divider\n*@train R*\nV1 in 0 1\nR1 in out 1k\nR2 out 0 2k\n.end\n"
    rng, v1 = np.random.default_rng(0), np.linspace(1, 3, 40)
    volts = v1 * 1.9 / 3.0 + 1e-4 * rng.normal(size=40)
    amperes = -v1 / 3.0e3 + 1e-7 * rng.normal(size=40)
    found = netlearn.calibrate(netlearn.parse(text), {"V1": v1, "V(out)": volts, "I(V1)": amperes}, offsets="no")
    np.testing.assert_allclose(found.values, [1.1e3, 1.9e3], atol=4 * found.standard_errors.max())
    np.testing.assert_allclose(found.sigma, [1e-4, 1e-7], rtol=0.35)
    # As a least squares fit has it that is told the two.
    best, covariance = curve_fit(
        lambda _, r1, r2: np.concatenate([v1 * r2 / (r1 + r2), -v1 / (r1 + r2)]),
        np.zeros(1),
        np.concatenate([volts, amperes]),
        p0=[1e3, 2e3],
        sigma=np.repeat(found.sigma, 40),
    )
    np.testing.assert_allclose(found.values, best, rtol=1e-5)
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(covariance)), rtol=0.05)


def test_a_prior_holds_what_the_data_tell_too_little_of() -> None:
    measured = {name: column[:2] for name, column in runs(noise=0.0).items()}
    with pytest.raises(DataError, match="2 readings for 4 values; not determined: r1, r2, r3, r4") as caught:
        netlearn.calibrate(netlearn.parse(DIODE), {n: c[:1] for n, c in measured.items()}, offsets="no")
    assert "--prior" in caught.value.hint
    found = quietly(DIODE, {n: c[:1] for n, c in measured.items()}, prior=0.2)
    assert np.all(np.abs(found.deviations) < 0.4)
    assert np.all(found.deviation_errors[found.determined] < 0.25)
    assert np.sqrt(np.mean(found.residuals**2)) < 0.1 * np.sqrt(np.mean(found.before**2))


def test_parameters_of_the_netlist_and_shared_numbers_are_fitted() -> None:
    text = "* shared\n*@train rv\n.param rv=1k\nV1 in 0 1\nR1 in out {rv}\nR2 out 0 {2*rv}\nR3 out 0 1k\n.end\n"
    v1, rv = np.array([1.0, 2.0, 3.0]), np.array([1e3, 2e3, 4e3])
    x = 1.25 * rv
    read = v1 / (1 + x * (1 / (2 * x) + 1e-3))
    found = netlearn.calibrate(netlearn.parse(text), {"V1": v1, "rv": rv, "V(out)": read}, offsets="no")
    np.testing.assert_allclose(found.values, [1250.0], rtol=1e-9)
    assert "rv=1250" in str(found.netlist)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("V1,V(out)\n1,nan\n", r"m.csv:2:3.*'nan' is not a number"),
        ("V1,V(out)\nnan,1\n", "m.csv:2.*nan"),
        ("V1,V(out)\n1,\n", "m.csv:2.*nothing was read"),
        ("V1,R9,V(out)\n1,2,3\n", "m.csv:1:4.*'R9'"),
        ("V1,V(nowhere)\n1,2\n", "nowhere"),
        ("V1,R1\n1,2\n", "m.csv:1.*nothing was read: no column"),
        ("V1,R1,V(out)\n1,-5,0.3\n", "m.csv:2.*-5 is programmed for 'R1'"),
        ("V1,V(out)\n1,0.4\n", r"m.csv:1.*1 reading for 4 values"),
        ("V1,class\n1,a\n", "m.csv:1.*class"),
        ("V1,V(out) min\n1,2\n", "m.csv:1:4.*bound"),
        ("V1,V(out)\n1,2,3\n", "m.csv:2.*3 fields"),
        ("", "m.csv:1.*empty"),
    ],
)
def test_what_is_wrong_with_measurements_is_said_where_it_stands(tmp_path: Path, columns: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(columns)
    with pytest.raises(NetlearnError) as caught, np.errstate(all="raise"):
        netlearn.calibrate(netlearn.parse(DIODE), tmp_path / "m.csv", offsets="no")
    assert re.search(message, str(caught.value).replace("\n", " ")), str(caught.value)
    assert caught.value.exit_code == 2


def test_a_value_that_changes_nothing_alone_is_refused(tmp_path: Path) -> None:
    text = "* no influence\n*@train R2\nV1 in 0 1\nR1 in out 1k\nR2 in 0 2k\nR3 out 0 1k\n.end\n"
    with pytest.raises(DataError, match="does not determine any value: r2"):
        netlearn.calibrate(netlearn.parse(text), {"V1": np.array([1.0, 2.0]), "V(out)": np.array([0.5, 1.0])})
