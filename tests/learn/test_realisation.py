"""What devices hold, against the published formulas by statistics of 10,000 draws, and by brute force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.linear import RESISTOR
from netlearn.circuit.parameters import Parameters
from netlearn.errors import DataError, OptionError
from netlearn.learn.devices.converters import Converter
from netlearn.learn.devices.fault_maps import faults_of
from netlearn.learn.devices.level_tables import measured
from netlearn.learn.devices.times import seconds_of, times_of
from netlearn.learn.hardware import Hardware
from netlearn.learn.realisation import Devices, HeldValues, devices_for
from tests.helpers import circuit_of

N = 10_000
RNG = np.random.default_rng
G_MAX = 25e-6
"""Siemens, as of the devices that were measured."""


def parameters_of(
    count: int, unit: str = "ohm", low: float = 0.0, high: float = np.inf, value: float = 1e5
) -> Parameters:
    circuit = circuit_of(1, [(RESISTOR, np.array([[0, GROUND]]), {"resistance": np.array([1e3])})])
    names, ones = [f"x{k}" for k in range(count)], np.ones(count)
    positive = np.full(count, unit == "ohm")
    return Parameters(circuit, names, value * ones, low * ones, high * ones, positive, units=(unit,) * count)


def devices(count: int = N, unit: str = "ohm", **options: Any) -> Devices:
    bounds = {"low": -1.0, "high": 1.0, "value": 0.5} if unit == "V" else {}
    return devices_for(Hardware(**options), parameters_of(count, unit, **bounds))


def states(held: Devices, aimed: float, at: float | None = None, seed: int = 0) -> Array:
    """States of devices in siemens (or volts) into which one value was written."""
    found = held.states.of(np.full(len(held.chosen), aimed))
    return held.states.of(held.realised(found, seed, at))


def check_normal(values: Array, mean: float, deviation: float) -> None:
    """Mean and standard deviation within four standard errors, and the shape by Kolmogorov and Smirnov."""
    assert np.mean(values) == pytest.approx(mean, abs=4 * deviation / np.sqrt(len(values)))
    assert np.std(values, ddof=1) == pytest.approx(deviation, rel=4 / np.sqrt(2 * len(values)))
    assert stats.kstest((values - mean) / deviation, "norm").pvalue > 1e-3


PCM: dict[str, Any] = {"device": "pcm", "min": 1 / G_MAX, "max": 1e8}


def pcm_write_deviation(x: float) -> float:
    """σ in siemens: max(-1.1731 x² + 1.9650 x + 0.26348, 0) µS."""
    return max(-1.1731 * x**2 + 1.9650 * x + 0.26348, 0.0) * 1e-6


class TestWriteNoise:
    @pytest.mark.parametrize("x", [0.3, 0.6, 1.0])
    def test_of_phase_change_memory_by_the_state(self, x: float) -> None:
        """Before t0 nothing drifts; 1/f noise is left out to see the writing alone."""
        held = devices(**PCM, flicker=0.0)
        check_normal(states(held, x * G_MAX, at=0.0), x * G_MAX, pcm_write_deviation(x))

    def test_never_below_zero(self) -> None:
        found = states(devices(**PCM, flicker=0.0), 0.01 * G_MAX, at=0.0)
        assert found.min() > 0
        below = stats.norm.cdf(-0.01 * G_MAX / pcm_write_deviation(0.01))
        assert np.mean(found < 1e-6 * G_MAX) == pytest.approx(below, abs=4 * np.sqrt(below * (1 - below) / N))

    @pytest.mark.parametrize(("write", "x", "deviation"), [((0.02,), 0.5, 0.02), ((0.0, 0.1), 0.5, 0.05)])
    def test_absolute_and_relative(self, write: tuple[float, ...], x: float, deviation: float) -> None:
        held = devices(write=write, min=1 / G_MAX, max=1e8)
        check_normal(states(held, x * G_MAX), x * G_MAX, deviation * G_MAX)

    def test_of_voltages(self) -> None:
        """A trained source of -0.5 V between -1 and 1 V: by the size of the state, in parts of the largest."""
        check_normal(states(devices(unit="V", write=(0.01, 0.02)), -0.5), -0.5, 0.02)

    def test_lognormal_noise_and_spread_add_up(self) -> None:
        found = states(devices(noise=0.03, spread=0.04), 1e-5)
        check_normal(np.log(found / 1e-5), 0.0, 0.05)

    def test_of_measured_levels(self, tmp_path: Path) -> None:
        path = tmp_path / "levels.csv"
        path.write_text("conductance,deviation\n5u,0.1u\n10u,0.5u\n20u,\n")
        parameters = parameters_of(N)
        held = devices_for(Hardware(measured="levels.csv"), parameters, table=measured(path))
        assert set(held.aim(np.geomspace(1e4, 1e6, N))) == {1 / 5e-6, 1 / 10e-6, 1 / 20e-6}
        check_normal(states(held, 10e-6), 10e-6, 0.5e-6)
        check_normal(states(held, 5e-6), 5e-6, 0.1e-6)
        assert np.ptp(states(held, 20e-6)) == 0


class TestTime:
    @pytest.mark.parametrize("at", [60.0, 86400.0])
    def test_states_drift_by_their_exponents(self, at: float) -> None:
        """G(t) = G0 (t/t0)^-ν: the logarithm moves by -ν ln(t/t0)."""
        found = states(devices(drift=(0.05, 0.01), t0=20.0), 1e-5, at)
        times = np.log(at / 20.0)
        check_normal(np.log(found / 1e-5), -0.05 * times, 0.01 * times)

    def test_one_chip_keeps_its_exponents(self) -> None:
        held = devices(drift=(0.05, 0.01), t0=1.0)
        day, year = (np.log(states(held, 1e-5, seconds_of(at)) / 1e-5) for at in ("1d", "1y"))
        assert year / np.log(365.25 * 86400) == pytest.approx(day / np.log(86400))
        assert np.array_equal(states(held, 1e-5, 0.5), states(held, 1e-5))

    @pytest.mark.parametrize("x", [0.05, 0.5, 1.0])
    def test_of_phase_change_memory(self, x: float) -> None:
        """ν = |μ + σ n| with the published μ and σ by the state, t0 = 20 s."""
        held = devices(**PCM, write=0.0, flicker=0.0)
        exponents = -np.log(states(held, x * G_MAX, 3600.0) / (x * G_MAX)) / np.log(3600 / 20)
        mean = min(max(-0.0155 * np.log(x) + 0.0244, 0.049), 0.1)
        deviation = min(max(-0.0125 * np.log(x) - 0.0059, 0.008), 0.045)
        folded = stats.foldnorm(mean / deviation, scale=deviation)
        assert np.mean(exponents) == pytest.approx(folded.mean(), abs=4 * folded.std() / np.sqrt(N))
        assert stats.kstest(exponents, folded.cdf).pvalue > 1e-3

    @pytest.mark.parametrize(("x", "at"), [(1.0, 20.0), (0.2, 3600.0), (0.001, 3600.0)])
    def test_of_one_over_f_noise(self, x: float, at: float) -> None:
        """σ = G min(0.0088 x^-0.65, 0.2) √ln((t + 250 ns) / 500 ns)."""
        held = devices(flicker=(0.0088, 0.65, 0.2), min=1 / G_MAX, max=1e12)
        relative = min(0.0088 * x**-0.65, 0.2) * np.sqrt(np.log((at + 250e-9) / 500e-9))
        found = states(held, x * G_MAX, at) / (x * G_MAX)
        above = found[found > 0.01]
        if relative < 0.2:
            check_normal(found, 1.0, relative)
        else:
            # What noise would take below zero stays at zero.
            assert np.mean(found > 0.01) == pytest.approx(1 - stats.norm.cdf((0.01 - 1) / relative), abs=0.02)
            truncated = stats.truncnorm((0.01 - 1) / relative, np.inf, 1.0, relative)
            assert stats.kstest(above, truncated.cdf).pvalue > 1e-3

    def test_reading_noise_by_the_state_is_another_at_each_time(self) -> None:
        held = devices(read=(0.001, 0.01), min=1 / G_MAX, max=1e8)
        first, second = (states(held, 0.5 * G_MAX, at) for at in (3600.0, 7200.0))
        check_normal(first, 0.5 * G_MAX, 0.006 * G_MAX)
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(N)

    def test_times_as_they_are_said(self) -> None:
        assert [seconds_of(time) for time in ("90", "2min", "1h", "1.5d", "1y", "3ms")] == pytest.approx(
            [90, 120, 3600, 129600, 31557600, 3e-3]
        )
        assert times_of("1h, 2d") == ("1h", "2d")

    @pytest.mark.parametrize(
        ("time", "said"), [("1x", "is not a time"), ("-1h", "not a time after"), ("1m", "1min or 1ms"), ("nan", "time")]
    )
    def test_refuses(self, time: str, said: str) -> None:
        with pytest.raises(OptionError, match=said):
            times_of(time)


class TestStuck:
    def test_by_chance(self) -> None:
        held = devices(stuck_on=0.02, stuck_off=0.05, stuck=0.01, stuck_at="47k", min=1e4, max=1e6)
        found = held.realised(np.full(N, 1e5), 0, 3600.0)
        for value, part in ((1e4, 0.02), (1e6, 0.05), (47e3, 0.01), (1e5, 0.92)):
            assert np.mean(found == value) == pytest.approx(part, abs=4 * np.sqrt(part * (1 - part) / N))
        assert not np.array_equal(found, held.realised(np.full(N, 1e5), 1, 3600.0))

    def test_anywhere_between_the_bounds(self) -> None:
        held = devices(stuck=0.5, stuck_at="any", min=1e4, max=1e6)
        found = held.realised(np.full(N, 1e5), 0)
        low, high = 1e-6, 1e-4
        assert stats.kstest((1 / found[found != 1e5] - low) / (high - low), "uniform").pvalue > 1e-3

    def test_what_is_stuck_neither_drifts_nor_is_noisy(self) -> None:
        held = devices(**PCM, stuck_on=0.5)
        found = held.realised(np.full(N, 1e6), 0, 1e7)
        assert np.mean(found == 1 / G_MAX) == pytest.approx(0.5, abs=0.02)

    def test_by_a_map(self, tmp_path: Path) -> None:
        path = tmp_path / "faults.csv"
        path.write_text("# found by test\nelement,state\nX0,on\nx2,off\nx3,4.7k\n")
        card = Hardware(min=1e3, max=1e6, faults="faults.csv", noise=0.1)
        parameters = parameters_of(5)
        held = devices_for(card, parameters)
        held = devices_for(card, parameters, faults_of(path, parameters.names, held.states))
        aimed = held.aim(np.full(5, 2e5))
        assert aimed.tolist() == [1e3, 2e5, 1e6, 4.7e3, 2e5]
        assert (held.realised(aimed, 3) == aimed).tolist() == [True, False, True, True, False]

    @pytest.mark.parametrize(
        ("text", "line", "said"),
        [
            ("element,state\nx0,on\nx9,off\n", 3, "'x9', which is not a trained value"),
            ("element,state\nx0,on\nX0,off\n", 3, "stands twice"),
            ("element,state\nx0,nan\n", 2, "'nan' is not a state"),
            ("element,state\nx0,-3\n", 2, "cannot be stuck at -3"),
            ("element,stat\nx0,on\n", 1, "no column 'stat'"),
            ("element,state\nx0,on,1\n", 2, "3 cells, and 2 columns"),
            ("element,state\n", 1, "no rows"),
            ("element\nx0\n", 2, "needs the columns"),
            ("", 1, "empty"),
        ],
    )
    def test_refuses_maps(self, tmp_path: Path, text: str, line: int, said: str) -> None:
        path = tmp_path / "faults.csv"
        path.write_text(text)
        held = devices(3, min=1e3, max=1e6)
        with pytest.raises(DataError, match=said) as caught:
            faults_of(path, held.states.names, held.states)
        assert caught.value.place is not None
        assert caught.value.place.line == line

    def test_on_needs_bounds(self, tmp_path: Path) -> None:
        path = tmp_path / "faults.csv"
        path.write_text("element,state\nx0,on\n")
        held = devices(3)
        with pytest.raises(DataError, match="no bounds"):
            faults_of(path, held.states.names, held.states)


class TestLevels:
    @pytest.mark.parametrize(("spacing", "unit"), [("conductance", "V"), ("resistance", "V"), ("conductance", "ohm")])
    def test_nearest_of_evenly_spaced_ones(self, spacing: str, unit: str) -> None:
        ohms = {"min": 1e3, "max": 1e5} if unit == "ohm" else {}
        held = devices(500, unit, levels=7, spacing=spacing, **ohms)
        wanted = np.linspace(-1.1, 1.1, 500) if unit == "V" else np.geomspace(5e2, 2e5, 500)
        of = (lambda x: 1 / x) if unit == "ohm" else (lambda x: x)
        first, last = (1e-3, 1e-5) if unit == "ohm" else (-1.0, 1.0)
        possible = np.linspace(first, last, 7)
        nearest = possible[np.abs(of(wanted)[:, None] - possible).argmin(axis=1)]
        assert held.aim(wanted) == pytest.approx(of(nearest))

    @pytest.mark.parametrize("spacing", ["conductance", "resistance", "log"])
    def test_nearest_of_a_list(self, spacing: str) -> None:
        kinds: dict[str, Any] = {"conductance": lambda x: 1 / x, "resistance": lambda x: x, "log": np.log}
        of = kinds[spacing]
        values = np.array([1e3, 1.5e3, 4e3, 4.1e3, 9e4])
        wanted = np.geomspace(5e2, 2e5, 999)
        held = devices(999, values=tuple(values), spacing=spacing)
        nearest = values[np.abs(of(wanted)[:, None] - of(values)).argmin(axis=1)]
        assert np.array_equal(held.aim(wanted), nearest)

    @pytest.mark.parametrize(
        ("text", "line", "said"),
        [
            ("value\n1k\nnan\n", 3, "'nan' is not a number"),
            ("value\n1k\n2k\n1k\n", 4, "stands twice"),
            ("value\n1k\n3k\n2k\n", 4, "out of order"),
            ("value\n1k\n", 1, "at least two"),
            ("value,deviation\n1k,-2\n2k,1\n", 2, "below zero"),
            ("conductance\n0\n1u\n", 2, "is not a level"),
            ("value,conductance\n1k,1m\n", 1, "one column of them"),
        ],
    )
    def test_refuses_files(self, tmp_path: Path, text: str, line: int, said: str) -> None:
        path = tmp_path / "levels.csv"
        path.write_text(text)
        with pytest.raises(DataError, match=said) as caught:
            measured(path)
        assert caught.value.place is not None
        assert caught.value.place.line == line


class TestConverters:
    @pytest.mark.parametrize("bits", [1, 3, 8])
    def test_codes_by_brute_force(self, bits: int) -> None:
        converter = Converter(bits, -0.4, 1.2)
        values = RNG(0).uniform(-1, 2, 4000)
        possible = -0.4 + 1.6 * np.arange(2**bits) / (2**bits - 1)
        nearest = np.abs(values[:, None] - possible).argmin(axis=1)
        assert np.array_equal(converter.codes(values), nearest)
        assert converter.convert(values) == pytest.approx(possible[nearest], abs=1e-15)

    def test_error_of_a_quantiser(self) -> None:
        """Of values that are uniform over the range it is uniform too: Δ/√12 in the mean."""
        converter = Converter(6, 0.0, 1.0)
        values = RNG(1).uniform(0, 1, N)
        error = converter.convert(values) - values
        assert np.abs(error).max() <= converter.step / 2 * (1 + 1e-12)
        # The fourth moment of a uniform error gives the standard error of its mean square.
        assert np.mean(error**2) == pytest.approx(converter.step**2 / 12, rel=4 * np.sqrt(0.8 / N) + 0.02)

    def test_nothing_asked_stays_so_and_complex_is_refused(self) -> None:
        assert np.isnan(Converter(4, 0, 1).convert(np.array([np.nan]))[0])
        with pytest.raises(OptionError, match="complex"):
            Converter(4, 0, 1).convert(np.array([1j]))


class TestSteps:
    def test_symmetry_points_differ_between_devices(self) -> None:
        """A step d from w becomes d - γ |d| (w - w0), which tells w0."""
        held = devices(min=1e3 / 3, max=1e3, asymmetry=0.4, symmetry=0.1, memory="device")
        present = np.full(N, 1e3 / 2.5)
        wanted = np.full(N, 1e3 / 2.6)
        ones = np.ones(N)
        reached = 1e3 / held.write(wanted, HeldValues(present, present, ones), RNG(0)).held
        points = 0.5 - (0.1 - (reached - 2.5)) / (0.4 * 0.1)
        check_normal(points, 0.0, 0.1)

    def test_a_device_that_is_where_it_should_be_is_left_alone(self) -> None:
        held = devices(memory="device", noise=0.1, spread=0.1)
        present, ones = RNG(0).uniform(1e3, 1e5, N), np.ones(N)
        wanted = np.where(np.arange(N) % 2, present, 1.1 * present)
        found = held.write(wanted, HeldValues(present, present, ones), RNG(0))
        assert np.array_equal(found.held[1::2], present[1::2])
        # By a factor of its own each device takes longer steps or shorter ones.
        step = (1 / wanted - 1 / present)[::2]
        slope = (1 / found.aimed - 1 / present)[::2] / step
        check_normal(np.log(slope), 0.0, 0.1)

    def test_gradients_pass_through_what_is_drawn(self) -> None:
        """dg/dg0 is g/g0 of relative noise, 1 of noise by no state, 1 + c1 n of noise by the state, 0 of what is stuck.

        Of resistances that is dR/dR0 = (R/R0)² dg/dg0.
        """
        aimed, ones = np.full(N, 1e5), np.ones(N)
        cases: list[tuple[dict[str, Any], Any]] = [
            ({"noise": 0.1, "drift": (0.1,), "at": ("1h",)}, lambda g: g),
            ({"write": (0.01,)}, lambda g: np.ones(N)),
            # With g0 a tenth of the largest, g/g0 = 1 + c1 n.
            ({"write": (0.0, 0.2)}, lambda g: g),
        ]
        for options, slope in cases:
            held = devices(min=1e4, max=1e8, **options)
            found = held.write(aimed, HeldValues(aimed, aimed, ones), RNG(0))
            ratio = found.held / aimed
            assert found.slopes == pytest.approx(ratio**2 * slope(1 / ratio), rel=1e-5)
        stuck = devices(min=1e4, max=1e8, stuck_on=0.5, noise=0.1)
        found = stuck.write(aimed, HeldValues(aimed, aimed, ones), RNG(0))
        assert np.array_equal(found.slopes == 0, found.held == 1e4)

    def test_a_fresh_realisation_at_every_step(self) -> None:
        held = devices(write=0.01, min=1e4, max=1e6)
        aimed, ones, rng = np.full(N, 1e5), np.ones(N), RNG(0)
        first = held.write(aimed, HeldValues(aimed, aimed, ones), rng)
        second = held.write(aimed, first, rng)
        assert np.array_equal(first.aimed, second.aimed)
        assert abs(np.corrcoef(first.held, second.held)[0, 1]) < 4 / np.sqrt(N)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"levels": 4}, "levels need the bounds"),
        ({"asymmetry": 0.5, "max": 1e3}, "asymmetry needs the bounds"),
        ({"write": (0.1,)}, "write needs the bounds"),
        ({"device": "pcm"}, "device=pcm needs the bounds"),
        ({"stuck_on": 0.1}, "needs the bounds"),
        ({"min": -1.0}, "below zero, which 'x0' cannot be"),
        ({"values": (-1.0, 2.0)}, "as 'x0' must be"),
    ],
)
def test_refuses_what_cannot_hold_resistances(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        devices(2, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dac": 0, "dac_range": (0.0, 1.0)}, "at least 1"),
        ({"adc": 8}, "needs its lowest and highest"),
        ({"adc": 8, "adc_range": (1.0, 0.0)}, "needs its lowest and highest"),
        ({"adc_range": (0.0, 1.0)}, "without 'adc'"),
        ({"values": (1e3, 1e3)}, "stands twice"),
        ({"values": (2e3, 1e3)}, "out of order"),
        ({"values": (2e3, 3e3), "levels": 4}, "not both"),
        ({"drift": (0.1, -0.1)}, "its standard deviation"),
        ({"at": ("1h", "-2h")}, "not a time after"),
        ({"stuck_on": 0.6, "stuck_off": 0.5}, "all devices would be stuck"),
        ({"stuck_at": "here"}, "'stuck_at' cannot be 'here'"),
        ({"symmetry": 0.1}, "asymmetric"),
        ({"flicker": (1.0, 2.0, 3.0, 4.0)}, "up to three"),
    ],
)
def test_refuses_what_no_device_is(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Hardware(**options)
