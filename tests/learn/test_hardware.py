"""Devices and the optimizers made for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.linear import RESISTOR
from netlearn.circuit.parameters import Parameters
from netlearn.errors import NetlearnError, OptionError
from netlearn.learn.hardware import Hardware
from netlearn.learn.optimizers import HamiltonianDescent, Sgd, TikiTaka
from netlearn.learn.realisation import HeldValues, devices_for
from tests.helpers import circuit_of

RNG = np.random.default_rng
WANTED = np.geomspace(50.0, 5e6, 400)


def resistances(count: int) -> Parameters:
    """So many resistances without bounds of their own."""
    names, ohms = [f"r{k}" for k in range(count)], np.full(count, 1e3)
    circuit = circuit_of(1, [(RESISTOR, np.array([[0, GROUND]]), {"resistance": np.array([1e3])})])
    return Parameters(circuit, names, ohms, np.zeros(count), np.full(count, np.inf), np.ones(count, dtype=bool))


def held(hardware: Hardware, wanted: Array, present: Array, rng: np.random.Generator) -> Array:
    """What devices hold after ``wanted`` was written over ``present``."""
    devices = devices_for(hardware, resistances(len(wanted)))
    return devices.write(wanted, HeldValues(present, present, np.ones(len(wanted))), rng).held


def write(hardware: Hardware, wanted: Array, present: Array | None = None, seed: int = 0) -> Array:
    return held(hardware, wanted, np.full(len(wanted), 1e3) if present is None else present, RNG(seed))


def test_bounds() -> None:
    found = write(Hardware(min=100.0, max=1e6), WANTED)
    inside = (WANTED > 100) & (WANTED < 1e6)
    assert np.array_equal(found[inside], WANTED[inside])
    assert set(found[~inside]) == {100.0, 1e6}


@pytest.mark.parametrize(
    ("spacing", "values"),
    [
        ("resistance", [100, 325, 550, 775, 1000]),
        ("log", [100, 100 * 10**0.25, 100 * 10**0.5, 100 * 10**0.75, 1000]),
        ("conductance", [1000, 1 / 3.25e-3, 1 / 5.5e-3, 1 / 7.75e-3, 100]),
    ],
)
def test_levels(spacing: str, values: list[float]) -> None:
    found = write(Hardware(min=100.0, max=1000.0, levels=5, spacing=spacing), WANTED)  # type: ignore[arg-type]
    assert sorted(set(np.round(found, 9))) == pytest.approx(sorted(values))


@pytest.mark.parametrize(
    ("series", "wanted", "found"),
    [
        ("e3", [31.0, 33.0], [22.0, 47.0]),
        ("e12", [4.6e3, 99.0, 9.2e5], [4.7e3, 100.0, 1e6]),
        ("e24", [1.05e3, 88.0], [1.1e3, 91.0]),
        ("e96", [1.01e3, 9.7e4], [1.02e3, 9.76e4]),
        ("e192", [9.19e2], [920.0]),
    ],
)
def test_preferred_numbers(series: str, wanted: list[float], found: list[float]) -> None:
    """Nearest by ratio: 31 lies below the geometric mean of 22 and 47, which is 32.2."""
    assert write(Hardware(series=series), np.array(wanted)).tolist() == found  # type: ignore[arg-type]


def test_write_noise_is_relative_and_follows_the_seed() -> None:
    hardware = Hardware(noise=0.05, memory="device")
    wanted = np.full(20000, 5e3)
    found = write(hardware, wanted)
    assert np.std(np.log(found)) == pytest.approx(0.05, rel=0.03)
    assert np.array_equal(found, write(hardware, wanted))
    assert not np.array_equal(found, write(hardware, wanted, seed=1))
    assert np.array_equal(write(hardware, wanted, present=wanted), wanted)


def test_stuck_devices_never_change() -> None:
    hardware = Hardware(stuck=0.25, seed=3)
    present = np.full(400, 1e3)
    moved = write(hardware, WANTED, present) != present
    assert moved.sum() == 300
    assert np.array_equal(moved, write(hardware, 2 * WANTED, present, seed=9) != present)
    assert not np.array_equal(moved, write(Hardware(stuck=0.25, seed=4), WANTED, present) != present)


def test_asymmetric_steps_by_hand() -> None:
    """Conductances from 1 to 3 mS, w = g/mS - 2. From w = 0.5, γ = 0.4: ±0.1 becomes 0.1 ∓ ... 0.08 and -0.12."""
    hardware = Hardware(min=1e3 / 3, max=1e3, asymmetry=0.4)
    present = 1e3 / np.array([2.5, 2.5, 2.0])
    wanted = 1e3 / np.array([2.6, 2.4, 2.1])
    assert 1e3 / write(hardware, wanted, present) == pytest.approx([2.58, 2.38, 2.1])


def settle(optimizer: Sgd | TikiTaka | HamiltonianDescent, steps: int = 20000) -> float:
    """Where the minimum of (w - 0.6)²/2 is found from noisy gradients on asymmetric devices."""
    hardware = Hardware(min=1e3 / 3, max=1e3, asymmetry=0.5, memory="device")
    rng, resistance = RNG(0), np.full(20, 500.0)
    state = optimizer.start(20)
    trail = []
    for step in range(steps):
        w = 1e3 / resistance - 2
        change, state = optimizer.step(state, w - 0.6 + rng.normal(size=20))
        resistance = held(hardware, 1e3 / np.clip(w + change + 2, 1, 3), resistance, rng)
        if step >= steps // 2:
            trail.append(np.mean(w))
    return float(np.mean(trail))


def test_asymmetry_pulls_plain_descent_off_and_not_the_others() -> None:
    """Plain descent rests where 0.6 - w = γ E|g| w, at w ≈ 0.43 for E|g| ≈ 0.8."""
    plain = settle(Sgd(lr=0.01), 4000)
    assert plain == pytest.approx(0.6 / (1 + 0.5 * np.sqrt(2 / np.pi)), abs=0.02)
    for optimizer in (HamiltonianDescent(lr=0.005, fast=0.02), TikiTaka(lr=0.005, fast=0.02, share=0.01)):
        assert abs(settle(optimizer, 6000) - 0.6) < 0.3 * abs(plain - 0.6)


def test_hamiltonian_descent_by_hand() -> None:
    """d = 0.1: A = 0.1, then 0.1 + 0.1 - 0.5·0.1·0.1 = 0.195; C moves by 0.2 A."""
    optimizer = HamiltonianDescent(lr=0.2, fast=0.1, asymmetry=0.5)
    first, state = optimizer.step(optimizer.start(1), np.array([-1.0]))
    second, state = optimizer.step(state, np.array([-1.0]))
    assert [first[0], second[0], state["fast"][0]] == pytest.approx([0.02, 0.039, 0.195])


def test_tiki_taka_transfers_now_and_then() -> None:
    optimizer = TikiTaka(lr=0.2, fast=0.1, asymmetry=0.0, share=0.5, every=2)
    first, state = optimizer.step(optimizer.start(1), np.array([-1.0]))
    second, state = optimizer.step(state, np.array([-1.0]))
    assert [first[0], second[0]] == pytest.approx([0.05, 0.05 + 0.04])


NETLIST = """* divider
*@output V(out)
*@train R* min=10 max=1meg
*@hardware series=e12
*@options epochs=30
V1 in 0 1
R1 in out 1.1k
R2 out 0 1.1k
.end
"""
DATA = {"V1": [1.0], "V(out)": [0.25]}


class TestTraining:
    def test_trained_values_are_the_hardwares(self) -> None:
        result = netlearn.train(netlearn.parse(NETLIST), DATA)
        assert all(write(Hardware(series="e12"), result.theta) == result.theta)
        assert result.loss < 0.01**2 * 4
        again = netlearn.train(netlearn.parse(NETLIST), DATA)
        assert str(again.netlist) == str(result.netlist)

    @pytest.mark.parametrize("memory", ["digital", "device"])
    def test_small_steps_are_lost_without_a_digital_memory(self, memory: str) -> None:
        """From E12 to E12 takes steps of 20 %, and none of 1 % gets there; sums of them do."""
        hardware = f"series=e12 memory={memory}"
        result = netlearn.train(netlearn.parse(NETLIST), DATA, hardware=hardware, optimizer="adam lr=0.01", epochs=60)
        assert (result.loss == result.history[0].loss) == (memory == "device")

    def test_a_series_is_of_resistances_only(self) -> None:
        text = NETLIST.replace("R2 out 0 1.1k", ".param half=550\nR2 out 0 {half+half}")
        with pytest.raises(NetlearnError, match="parts are of resistances, and 'half'"):
            netlearn.train(netlearn.parse(text), DATA, train="half")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min": 10.0, "max": 10.0}, "not above the lowest"),
        ({"min": 1.0, "max": 10.0, "levels": 4, "series": "e12"}, "not both"),
        ({"series": "e13"}, "did you mean"),
        ({"stuck": 1.0}, "below 1"),
    ],
)
def test_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Hardware(**options)  # type: ignore[arg-type]


class TestBias:
    """Steps that devices take by themselves, and a clamp that outweighs them."""

    def test_moves_every_device_by_its_own_factor(self) -> None:
        hardware, rng = Hardware(bias=0.01, seed=3, memory="device"), np.random.default_rng(0)
        wanted = np.full(2000, 1e3)
        moved = np.log(held(hardware, wanted, wanted, rng) / wanted)
        assert np.std(moved) == pytest.approx(0.01, rel=0.1)
        assert abs(np.mean(moved)) < 1e-3
        assert np.array_equal(np.log(held(hardware, wanted, wanted, rng) / wanted), moved)
        assert not np.allclose(np.log(held(replace(hardware, seed=4), wanted, wanted, rng) / wanted), moved)

    def test_leaves_an_error_that_overclamping_takes_away(self) -> None:
        """Dillavou and others, arXiv 2505.22887: the error grows with the square of the bias."""

        def left(bias: float, overclamp: float) -> float:
            result = netlearn.train(
                netlearn.parse(NETLIST.replace("*@hardware series=e12\n", "")),
                DATA,
                rule=f"cl beta=0.5 states=positive overclamp={overclamp}",
                optimizer="sgd lr=0.03",
                hardware=f"memory=device bias={bias} min=10 max=1meg",
                epochs=200,
            )
            return float(np.mean([record.loss for record in result.history[-20:]]))

        assert left(1e-3, 0.0) / left(1e-4, 0.0) == pytest.approx(100, rel=0.3)
        assert left(1e-3, 3e-3) < 0.05 * left(1e-3, 0.0)
