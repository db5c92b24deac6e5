"""Realisations of whole netlists: judged, written, confirmed by ngspice, and trained for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError

NETLIST = """* voltage division with devices
*@output V(a) V(b)
*@train R* min=1k max=100k
*@hardware levels=16 device=pcm
*@options epochs=40
V1 in 0 1
R1 in a 5k
R2 a 0 7k
R3 in b 9k
R4 b 0 20k
R5 a b 30k
.end
"""
DATA = {"V1": [1.0, 2.0], "V(a)": [0.3, 0.6], "V(b)": [0.6, 1.2]}
DIODE = NETLIST.replace("R5 a b 30k", "D1 a b dm\n.model dm d(is=1n)\nR5 a b 30k")


def values_of(netlist: netlearn.Netlist, names: Sequence[str]) -> list[float]:
    return [float(str(netlist[name.upper()].value)) for name in names]


def chip_loss(netlist: str, seed: int, at: str) -> float:
    chip = netlearn.realise(netlearn.parse(netlist), seed=seed, at=at)
    return netlearn.evaluate(chip, DATA).loss


class TestJudging:
    @pytest.mark.parametrize("netlist", [NETLIST, DIODE])
    def test_is_what_each_written_realisation_does(self, netlist: str) -> None:
        found = netlearn.realisations(netlearn.parse(netlist), DATA, count=6, at="1h,1y", seed=3)
        assert found.seeds == (3, 4, 5, 6, 7, 8)
        for t, at in enumerate(("1h", "1y")):
            assert found.losses[t] == pytest.approx([chip_loss(netlist, seed, at) for seed in found.seeds], rel=1e-9)
        assert found.mean == pytest.approx(found.losses.mean(axis=1))
        assert found.spread == pytest.approx(found.losses.std(axis=1, ddof=1))
        assert found.worst_seeds[1] == 3 + int(np.argmax(found.losses[1]))
        # The same devices at another time, and however many others are asked for.
        more = netlearn.realisations(netlearn.parse(netlist), DATA, count=8, at="1y", seed=3)
        assert np.array_equal(more.losses[0, :6], found.losses[1])

    def test_one_after_another_comes_to_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        together = netlearn.realisations(netlearn.parse(DIODE), DATA, count=4)
        monkeypatch.setattr("netlearn.realised.LARGE", 0)
        apart = netlearn.realisations(netlearn.parse(DIODE), DATA, count=4)
        assert apart.losses == pytest.approx(together.losses, rel=1e-6)
        assert apart.times == ()

    def test_of_goals(self) -> None:
        text = NETLIST.replace("*@output V(a) V(b)", "*@goal V(a) = 0.5 within=10%\n*@goal V(b) max=0.9")
        found = netlearn.realisations(netlearn.parse(text), count=30, at="1d")
        missed = []
        for seed in found.seeds:
            chip = netlearn.realise(netlearn.parse(text), seed=seed, at="1d")
            missed.append([0.0 if goal.met else abs(goal.missed) for goal in netlearn.evaluate(chip).goals])
        for goal, misses in zip(found.goals[0], np.array(missed).T, strict=True):
            assert goal.met == np.mean(misses == 0)
            assert [goal.mean, goal.worst] == pytest.approx([misses.mean(), misses.max()])
            assert goal.spread == pytest.approx(misses.std(ddof=1))

    def test_of_other_parameters_than_resistances(self) -> None:
        """A gate voltage whose charge leaks away: V(t) = V0 (t/t0)^-0.1."""
        text = """transistor
*@output I(Vd)
*@train Vg min=0 max=3
Vd d 0 1
Vg g 0 2
M1 d g 0 0 nm
.model nm nmos(vto=0.5 kp=1e-4)
.end
"""
        data = {"I(Vd)": [-1e-4]}
        chip = netlearn.realise(netlearn.parse(text), hardware="drift=0.1", at="1h")
        assert chip["Vg"].value == pytest.approx(2 * 3600**-0.1)
        found = netlearn.realisations(netlearn.parse(text), data, hardware="levels=4 drift=0.1", at=["1h"], count=2)
        expected = netlearn.evaluate(chip, data).loss
        assert found.losses.tolist() == [[pytest.approx(expected)] * 2]
        assert np.isnan(netlearn.realisations(netlearn.parse(text), data, hardware="drift=0.1", count=1).spread[0])

    def test_converters_by_hand(self) -> None:
        """A divider by two, driven with 2 bits from 0 to 3 V and read with 3 bits from 0 to 1.4 V (steps of 0.2)."""
        text = "divider\n*@output V(a)\n*@train R*\nV1 in 0 1\nR1 in a 1k\nR2 a 0 1k\n.end\n"
        data = {"V1": [0.4, 1.6, 2.9], "V(a)": [0.0, 0.0, 0.0]}
        card = "dac=2 dac_range=0,3 adc=3 adc_range=0,1.4"
        found = netlearn.realisations(netlearn.parse(text), data, hardware=card, count=1)
        # The DAC gives 0, 2 and 3 V, the circuit 0, 1 and 1.5 V, the ADC 0, 1 and 1.4 V.
        assert found.losses[0, 0] == pytest.approx((1.0 + 1.4**2) / 3)
        assert found.nominal == pytest.approx((0.2**2 + 0.8**2 + 1.45**2) / 3)

    def test_ngspice_solves_a_written_realisation_to_the_same(self, ngspice, tmp_path: Path) -> None:
        chip = netlearn.realise(netlearn.parse(DIODE), seed=5, at="1d")
        text = str(chip)
        assert "seed 5, 1d after writing" in text
        solved = ngspice.run(text)
        point = netlearn.operating_point(chip)
        assert [solved["v(a)"], solved["v(b)"]] == pytest.approx(point.measure("V(a)", "V(b)")[0], rel=1e-7)
        found = netlearn.realisations(
            netlearn.parse(DIODE), {"V1": [1.0], "V(a)": [0.3], "V(b)": [0.6]}, count=1, seed=5, at="1d"
        )
        loss = ((solved["v(a)"] - 0.3) ** 2 + (solved["v(b)"] - 0.6) ** 2) / 2
        assert found.losses[0, 0] == pytest.approx(loss, rel=1e-5)


class TestTraining:
    def test_the_netlist_holds_what_was_aimed_at(self) -> None:
        result = netlearn.train(netlearn.parse(NETLIST), DATA)
        levels = 1 / np.linspace(1e-3, 1e-5, 16)
        assert all(np.isclose(levels, value, rtol=1e-12).any() for value in result.theta)
        chip = netlearn.realise(result, seed=1)
        assert not np.isclose(levels[:, None], values_of(chip, result.names)).any()
        assert str(chip) == str(netlearn.realise(result, seed=1)) != str(netlearn.realise(result, seed=2))

    def test_aims_have_as_many_digits_as_are_wanted(self) -> None:
        text = NETLIST.replace("levels=16 device=pcm", "noise=0.01")
        result = netlearn.train(netlearn.parse(text), DATA, digits=3, epochs=10)
        assert all(float(f"{value:.3g}") == value for value in result.theta)
        with pytest.raises(OptionError, match="hardware says which values there are"):
            netlearn.train(netlearn.parse(NETLIST), DATA, digits=3)

    def test_of_devices_that_are_the_memory(self) -> None:
        hardware = "min=1k max=100k noise=0.02 memory=device"
        text = NETLIST.replace("levels=16 device=pcm", hardware)
        result = netlearn.train(netlearn.parse(text), DATA, optimizer="sgd lr=0.5", epochs=30)
        assert result.held is not None
        assert 0 < np.abs(np.log(result.held / result.theta)).max() < 0.1
        chip = netlearn.realise(result)
        assert values_of(chip, result.names) == result.held.tolist()
        assert netlearn.evaluate(chip, DATA).loss == pytest.approx(result.history[result.best_epoch].loss)
        with pytest.raises(OptionError, match="one set of devices"):
            netlearn.realise(result, seed=3)

    def test_for_realisations_makes_them_better(self) -> None:
        """A divider that is a quarter either way: of a small resistance to a large one, or in the middle of the range.

        Writing is the less exact the smaller the conductance, so that the way with large ones is to be found.
        """
        text = """divider
*@output V(a)
*@train R* min=1k max=1meg
V1 in 0 1
R1 in a 300k
R2 a 0 200k
R3 a 0 400k
.end
"""
        data, card = {"V1": [1.0], "V(a)": [0.25]}, "write=0.002 min=1k max=1meg"
        plain = netlearn.train(netlearn.parse(text), data, epochs=300)
        aware = netlearn.train(netlearn.parse(text), data, hardware=card, optimizer="adam lr=0.05", epochs=600)
        off, on = (
            netlearn.realisations(result.netlist, data, hardware=card, count=200).mean[0] for result in (plain, aware)
        )
        assert on < 0.3 * off

    def test_stays_the_same_after_an_interruption(self, tmp_path: Path) -> None:
        whole = netlearn.train(netlearn.parse(NETLIST), DATA, epochs=12)

        def stop(progress: netlearn.learn.state.Progress) -> None:  # type: ignore[name-defined]
            if progress.epoch == 5:
                raise KeyboardInterrupt

        kept = tmp_path / "kept.npz"
        netlearn.train(netlearn.parse(NETLIST), DATA, epochs=12, checkpoint=kept, progress=stop)
        again = netlearn.train(netlearn.parse(NETLIST), DATA, epochs=12, checkpoint=kept, resume=True)
        assert str(again.netlist) == str(whole.netlist)
        assert np.array_equal(again.history.array(), whole.history.array(), equal_nan=True)

    def test_known_faults_are_learnt_around(self, tmp_path: Path) -> None:
        (tmp_path / "x.cir").write_text(NETLIST.replace("levels=16 device=pcm", "faults=map.csv"))
        (tmp_path / "map.csv").write_text("element,state\nr1,off\nr5,7k\n")
        result = netlearn.train(tmp_path / "x.cir", DATA, epochs=200)
        values = dict(zip(result.names, result.theta.tolist(), strict=True))
        assert (values["r1"], values["r5"]) == (100e3, 7e3)
        assert result.loss < 1e-4 < netlearn.evaluate(tmp_path / "x.cir", DATA).loss

    def test_an_adc_is_passed_straight_through(self) -> None:
        text = NETLIST.replace("levels=16 device=pcm", "adc=8 adc_range=0,2")
        result = netlearn.train(netlearn.parse(text), DATA, epochs=200)
        found = netlearn.realisations(result, DATA, count=1)
        assert found.losses[0, 0] < 2 * (2 / 255) ** 2
        assert result.history[-1].loss == pytest.approx(found.losses[0, 0], abs=1e-4)


@pytest.mark.parametrize(
    ("hardware", "said"),
    [
        (None, "nothing says what devices hold"),
        ("only=Q*", "no trained parameter matches"),
        ("min=1k max=100k stuck_on=0.1 faults=nowhere.csv", "cannot read 'nowhere.csv'"),
        ("measured=nowhere.csv", "cannot read 'nowhere.csv'"),
    ],
)
def test_refuses(hardware: str | None, said: str) -> None:
    text = NETLIST.replace("*@hardware levels=16 device=pcm\n", "")
    with pytest.raises(netlearn.NetlearnError, match=said):
        netlearn.realisations(netlearn.parse(text), DATA, hardware=hardware)


def test_bounds_in_one_unit_are_of_one_kind_of_parameter() -> None:
    text = NETLIST.replace("*@train", "*@train V1 min=0 max=2\n*@train")
    with pytest.raises(OptionError, match="in one unit"):
        netlearn.realise(netlearn.parse(text), hardware="min=1k")
    chip = netlearn.realise(netlearn.parse(text), hardware="only=R* min=2k noise=0.1")
    assert (chip["V1"].value, chip["R1"].value == 5e3) == (1.0, False)


def test_a_chip_is_no_model_of_what_it_holds() -> None:
    with pytest.raises(OptionError, match="a chip holds values in its own way"):
        netlearn.realisations(netlearn.parse(NETLIST), DATA, forward=lambda values, inputs: [])


def test_step_by_step_through_converters() -> None:
    """The DAC has 1 V among its 16 values from 0 to 1.5 V; the ADC has steps of a 63rd of a volt."""
    card = "min=100 max=100k noise=0.01 dac=4 dac_range=0,1.5 adc=6 adc_range=0,1"
    text = "divider\n*@output V(b)\nV1 a 0 0\nR1 a b 1k\nR2 b 0 1k\n.end\n"
    trainer = netlearn.Trainer(netlearn.parse(text), hardware=card, optimizer="adam lr=0.1", seed=1)
    for _ in range(60):
        trainer.step([1.02], [0.25])
    found = trainer.predict([[0.98], [1.02], [1.49]]).ravel()
    assert found * 63 == pytest.approx(np.rint(found * 63), abs=1e-9)
    assert found[0] == found[1] == pytest.approx(0.25, abs=0.03)
    aimed = [float(str(trainer.netlist[name].value)) for name in ("R1", "R2")]
    assert 0 < np.abs(np.log(trainer.theta / aimed)).max() < 0.05


def test_lists_are_varied_in_parentheses() -> None:
    found = netlearn.sweep(
        netlearn.parse(NETLIST), DATA, vary=["hardware.write=(0.01,0.02),(0.001)"], epochs=1, processes=1
    )
    assert [given["hardware.write"] for given in found.variants] == [(0.01, 0.02), (0.001,)]
