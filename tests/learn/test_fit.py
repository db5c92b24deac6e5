"""Standard errors and correlations against scipy's, which fits closed forms by Levenberg's and Marquardt's method."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import curve_fit
from scipy.special import lambertw

import netlearn
from netlearn import memory
from netlearn.cli.group import main
from netlearn.errors import OptionError, TooLargeError

RNG = np.random.default_rng(7)
THERMAL = 1.380649e-23 / 1.602176634e-19 * 300.15
GMIN = 1e-12


def _diode(volts: np.ndarray, saturation: float, slope: float, ohms: float) -> np.ndarray:
    width = slope * THERMAL
    drive = saturation * ohms / width * np.exp((volts + saturation * ohms) / width)
    solved = lambertw(np.array(drive, dtype=np.float64))  # type: ignore[call-overload]
    return np.asarray(width / ohms * np.real(solved) - saturation)


def test_training_for_tolerances_has_the_errors_of_the_circuit_itself() -> None:
    netlist = netlearn.parse("t\n*@output V(b)\n*@tolerance R* 1%\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n")
    data = {"V1": [1.0, 2.0, 3.0], "V(b)": [0.31, 0.59, 0.92]}
    result = netlearn.train(netlist, data, epochs=2, aim="tolerance", draws=4, train="R1")
    again = netlearn.evaluate(result.netlist, data, errors=True, train="R1").fit
    assert result.fit is not None
    assert again is not None
    np.testing.assert_allclose(result.fit.standard_errors, again.standard_errors)


def test_a_diode_fits_as_scipy_fits_it() -> None:
    volts = np.linspace(0.25, 0.9, 40)
    current = _diode(volts, 4e-10, 1.7, 2.5) * np.exp(0.03 * RNG.normal(size=len(volts)))
    text = """diode
*@loss log floor=1e-14
*@train dm.*
*@optimizer lbfgs
*@options epochs=300
V1 a 0 0
D1 a 0 dm
.model dm d(is=1e-12 n=1 rs=0.5)
"""
    result = netlearn.train(netlearn.parse(text), {"V1": volts, "I(D1)": current})

    def logarithm(x: np.ndarray, p: float, q: float, r: float) -> np.ndarray:
        return np.log(_diode(x, np.exp(p), q, r))

    best, covariance = curve_fit(logarithm, volts, np.log(current), p0=[np.log(4e-10), 1.7, 2.5])
    best[0] = np.exp(best[0])
    covariance = np.diag([best[0], 1, 1]) @ covariance @ np.diag([best[0], 1, 1])
    assert result.fit is not None
    assert result.names == ("dm.is", "dm.n", "dm.rs")
    # What gmin carries beside the diode moves these by little.
    assert result.theta == pytest.approx(best, rel=2e-4)
    errors = np.sqrt(np.diag(covariance))
    assert result.fit.standard_errors == pytest.approx(errors, rel=1e-3)
    assert result.fit.covariance == pytest.approx(covariance, rel=2e-3)
    assert result.fit.freedom == 37
    assert result.fit.sigma == pytest.approx(
        np.std(logarithm(volts, np.log(best[0]), *best[1:]) - np.log(current)) * np.sqrt(40 / 37), rel=1e-3
    )
    assert result.fit.correlated(0.5)[0][:2] == ("dm.is", "dm.n")


def _gummel(volts: np.ndarray, *p: float) -> np.ndarray:
    """Collector and then base currents of a transistor whose base and collector are at one potential."""
    saturation, gain, leakage, slope = np.exp(p)
    forward = saturation * np.expm1(volts / THERMAL)
    leak = leakage * np.expm1(volts / (slope * THERMAL))
    return np.concatenate([forward, forward / gain + leak + GMIN * volts])


def test_a_transistor_fits_by_its_gummel_plot_as_scipy_fits_it() -> None:
    volts = np.linspace(0.35, 0.7, 25)
    true = np.log([2e-15, 180.0, 5e-13, 2.1])
    currents = _gummel(volts, *true) * np.exp(0.02 * RNG.normal(size=2 * len(volts)))
    text = """gummel
*@loss log floor=1e-15
*@train qn.is qn.bf qn.ise qn.ne
*@optimizer lbfgs
*@options epochs=400
Vb b 0 0.6
Vc c b 0
Q1 c b 0 qn
.model qn npn(is=1e-15 bf=100 ise=1e-13 ne=2 br=1e6)
"""
    data = {"Vb": volts, "Ic(Q1)": currents[:25], "Ib(Q1)": currents[25:]}
    result = netlearn.train(netlearn.parse(text), data)
    best, covariance = curve_fit(lambda x, *p: np.log(_gummel(x, *p)), volts, np.log(currents), p0=true)
    assert result.fit is not None
    assert result.theta == pytest.approx(np.exp(best), rel=1e-3)
    assert result.fit.standard_errors == pytest.approx(np.exp(best) * np.sqrt(np.diag(covariance)), rel=2e-3)
    assert result.fit.freedom == 46


def test_a_thevenin_source_fits_by_mse_as_a_line_does() -> None:
    """A straight line's errors have a closed form, and curve_fit's are the same."""
    load = np.linspace(1e-3, 9e-3, 12)
    volts = 5.0 - 220.0 * load + 0.01 * RNG.normal(size=len(load))
    text = """source
*@train Vs Rs
*@optimizer lbfgs
Vs s 0 1
Rs s o 50
Iload o 0 0
"""
    result = netlearn.train(netlearn.parse(text), {"Iload": load, "V(o)": volts})
    best, covariance = curve_fit(lambda i, v, r: v - r * i, load, volts, p0=[1.0, 50.0])
    assert result.fit is not None
    order = [result.names.index(name) for name in ("vs", "rs")]
    assert result.theta[order] == pytest.approx(best, rel=1e-5)
    assert result.fit.covariance[np.ix_(order, order)] == pytest.approx(covariance, rel=1e-4)


def test_derivatives_that_do_not_fit_are_refused_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.cir").write_text("t\n*@data x.csv\n*@train Vs Rs\n*@output V(o)\nVs s 0 1\nRs s o 50\nIl o 0 0\n")
    (tmp_path / "x.csv").write_text("Il,V(o)\n" + "".join(f"{k}e-3,{1 - 0.05 * k}\n" for k in range(100)))
    monkeypatch.setattr(memory, "available", lambda: 6000)
    said = (
        rf"{tmp_path / 'x.cir'}:1:1: error: the derivatives of 100 numbers by 2 values, and what they are told from, "
        r"would take 6.53 kB of memory, and 6 kB can be had"
    )
    with pytest.raises(TooLargeError, match=said) as caught:
        netlearn.evaluate(tmp_path / "x.cir", errors=True)
    assert "fit fewer values" in (caught.value.hint or "")
    # A training goes without them.
    assert netlearn.train(tmp_path / "x.cir", epochs=1).fit is None


def test_empty_cells_count_as_no_numbers() -> None:
    load = np.linspace(1e-3, 9e-3, 12)
    volts = 5.0 - 220.0 * load + 0.01 * RNG.normal(size=len(load))
    missing = volts.copy()
    missing[[2, 7]] = np.nan
    text = "source\n*@train Vs Rs\n*@optimizer lbfgs\nVs s 0 1\nRs s o 50\nIload o 0 0\n"
    kept = ~np.isnan(missing)
    # Samples of which nothing is asked count nothing.
    some = netlearn.train(netlearn.parse(text), {"Iload": load[kept], "V(o)": volts[kept]})
    fits = [
        netlearn.evaluate(some.netlist, {"Iload": a, "V(o)": b}, errors=True).fit
        for a, b in ((load, missing), (load[kept], volts[kept]))
    ]
    assert fits[0] is not None
    assert fits[1] is not None
    assert fits[0].freedom == fits[1].freedom == 8
    assert fits[0].standard_errors == pytest.approx(fits[1].standard_errors)


def test_what_the_data_do_not_determine_has_no_error() -> None:
    """A divider's ratio says nothing of its size; a third resistor is told well."""
    text = "divider\n*@train R*\n*@optimizer lbfgs\nV1 a 0 1\nR1 a o 1k\nR2 o 0 2k\nR3 a m 1k\nRm m 0 1k\n*@fix Rm\n"
    volts = np.array([0.5, 1.0, 2.0, 3.0])
    noise = 0.01 * RNG.normal(size=(2, 4))
    data = {"V1": volts, "V(o)": 0.3 * volts + noise[0], "V(m)": 0.25 * volts + noise[1]}
    fit = netlearn.train(netlearn.parse(text), data).fit
    assert fit is not None
    assert np.isinf(fit.standard_errors[:2]).all()
    assert np.isnan(fit.correlation[:2]).all()
    assert np.isfinite(fit.standard_errors[2])


def test_what_stands_at_a_bound_is_held_to_be_known() -> None:
    text = "source\n*@train Vs\n*@train Rs max=100\n*@optimizer lbfgs\nVs s 0 1\nRs s o 50\nIload o 0 0\n"
    load = np.linspace(1e-3, 9e-3, 12)
    volts = 5.0 - 220.0 * load + 0.01 * RNG.normal(size=len(load))
    fit = netlearn.train(netlearn.parse(text), {"Iload": load, "V(o)": volts}).fit
    assert fit is not None
    assert fit.freedom == 11
    assert np.isnan(fit.standard_errors[fit.names.index("rs")])
    spread = np.std(volts + 100 * load, ddof=1)
    assert fit.standard_errors[fit.names.index("vs")] == pytest.approx(spread / np.sqrt(12), rel=1e-6)


def test_errors_are_right_in_repeated_experiments() -> None:
    """The spread of what many noisy curves give is the error that each of them states."""
    load, found, stated = np.linspace(1e-3, 9e-3, 8), [], []
    text = netlearn.parse("source\n*@train Vs Rs\n*@optimizer lbfgs\nVs s 0 4\nRs s o 150\nIload o 0 0\n")
    for _ in range(24):
        volts = 5.0 - 220.0 * load + 0.02 * RNG.normal(size=len(load))
        result = netlearn.train(text, {"Iload": load, "V(o)": volts})
        assert result.fit is not None
        found.append(result.theta)
        stated.append(result.fit.standard_errors)
    # The standard deviation of 24 draws is known to 15 %.
    assert np.std(found, axis=0) == pytest.approx(np.sqrt(np.mean(np.square(stated), axis=0)), rel=0.45)


@pytest.mark.parametrize(
    ("loss", "train", "data"),
    [
        ("mse power=1", "Rs", {"Iload": [1e-3, 2e-3, 3e-3], "V(o)": [1.0, 0.9, 0.8]}),
        ("mse", "Vs Rs", {"Iload": [1e-3, 2e-3], "V(o)": [1.0, 0.9]}),
    ],
)
def test_no_errors_where_there_is_no_fit(loss: str, train: str, data: dict[str, list[float]]) -> None:
    text = f"source\n*@loss {loss}\n*@train {train}\nVs s 0 1\nRs s o 50\nIload o 0 0\n"
    assert netlearn.train(netlearn.parse(text), data, epochs=1).fit is None
    with pytest.raises(OptionError, match="there are no standard errors of"):
        netlearn.evaluate(netlearn.parse(text), data, errors=True)


def test_commands_print_errors_and_json_has_all(tmp_path: Path) -> None:
    path = tmp_path / "source.cir"
    path.write_text("source\n*@data d.csv\n*@train Vs Rs\n*@optimizer lbfgs\nVs s 0 1\nRs s o 50\nIload o 0 0\n")
    (tmp_path / "d.csv").write_text("Iload,V(o)\n1m,4.78\n2m,4.56\n".replace("m", "e-3") + "4e-3,4.13\n6e-3,3.67\n")
    done = CliRunner().invoke(main, ["train", str(path)])
    assert "standard error" in done.output
    assert "2 degrees of freedom" in done.output
    trained = str(tmp_path / "source.trained.cir")
    shown = CliRunner().invoke(main, ["eval", trained, "--errors"])
    assert "degrees of freedom" in shown.output
    values = json.loads(CliRunner().invoke(main, ["eval", trained, "--errors", "--json"]).output)["fit"]
    assert sorted(values) == ["correlation", "freedom", "names", "sigma", "standard_errors", "values"]
    result = netlearn.train(path)
    again = netlearn.load_run(result.save_run(tmp_path / "run"), allow=[tmp_path])
    assert again.fit is not None
    assert result.fit is not None
    assert again.fit.standard_errors == pytest.approx(result.fit.standard_errors)
    assert again.fit.sigma == result.fit.sigma
