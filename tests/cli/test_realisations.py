"""``netlearn eval`` of realisations, and ``--write-realisation``, as they are typed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import netlearn
from netlearn.cli.group import main
from tests.test_realised import NETLIST

SAMPLES = "V1,V(a),V(b)\n1,0.3,0.6\n2,0.6,1.2\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "x.cir").write_text(NETLIST.replace("*@output", "*@data x.csv\n*@output"))
    (tmp_path / "x.csv").write_text(SAMPLES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_as_a_table_as_json_and_as_csv(folder: Path) -> None:
    words = ("eval", "x.cir", "--realisations", "20", "--at", "1h,1y", "--seed", "4")
    found = json.loads(typed(*words, "--json").output)
    assert found["seeds"] == list(range(4, 24))
    assert [time["at"] for time in found["times"]] == ["1h", "1y"]
    for time in found["times"]:
        losses = np.array(time["losses"])
        expected = [losses.mean(), losses.std(ddof=1), losses.max()]
        assert [time["loss"][name] for name in ("mean", "spread", "worst")] == pytest.approx(expected)
    rows = list(csv.DictReader(io.StringIO(typed(*words, "--csv").output)))
    assert [float(row["loss"]) for row in rows[:20]] == pytest.approx(found["times"][0]["losses"])
    shown = typed(*words).output
    assert "20 realisations of 5 values, on x.csv" in shown
    assert f"{found['times'][1]['loss']['worst_seed']} │" in shown


def test_the_worst_can_be_written_and_looked_at(folder: Path) -> None:
    found = json.loads(typed("eval", "x.cir", "--realisations", "20", "--at", "1d", "--json").output)
    worst = found["times"][0]["loss"]
    words = ("eval", "x.cir", "--seed", str(worst["worst_seed"]), "--at", "1d", "--write-realisation", "chip.cir")
    done = typed(*words, "--realisations", "1")
    assert done.exit_code == 0, done.output
    assert "written   chip.cir" in done.output
    assert netlearn.evaluate(folder / "chip.cir").loss == pytest.approx(worst["worst"])


def test_train_writes_both(folder: Path) -> None:
    done = typed("train", "x.cir", "--epochs", "5", "--seed", "3", "--write-realisation", "chip.cir")
    assert done.exit_code == 0, done.output
    expected = netlearn.realise(folder / "x.trained.cir", seed=3)
    assert (folder / "chip.cir").read_text() == str(expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--realisations", "0"), "0 is not in the range"),
        (("--at", "-1h"), "'-1h' is not a time after writing"),
        (("--at", "1q"), "'1q' is not a time"),
        (("--at", ""), "'' is not a time"),
        (("--hardware", "adc=0 adc_range=0,1"), "'adc' must be a whole number at least 1"),
        (
            ("--hardware", "faults=map.csv"),
            "map.csv:2:1: error: the fault map names 'r77', which is not a trained value",
        ),
        (("--hardware", "measured=nan.csv levels=none"), "nan.csv:3:1: error: the value 'nan' is not a number"),
        (("--hardware", "write=nan"), "'write' must be a number"),
        (("--hardware", "drift=0.1,0.2,0.3"), "'drift' is an exponent and its standard deviation"),
        (("--hardware", "only=Q*"), "no trained parameter matches"),
        (("--realisations", "2", "--errors"), "judged by their losses alone"),
        (("--write-realisation", "x.cir"), "'x.cir' is read or written by this command"),
    ],
)
def test_refuses(folder: Path, words: tuple[str, ...], said: str) -> None:
    (folder / "map.csv").write_text("element,state\nr77,on\n")
    (folder / "nan.csv").write_text("value\n1k\nnan\n")
    done = typed("eval", "x.cir", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert {path.name for path in folder.iterdir()} == {"x.cir", "x.csv", "map.csv", "nan.csv"}


def test_a_netlist_reads_no_fault_map_outside_of_its_folder(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (folder / "map.csv").write_text("element,state\nr1,on\n")
    (inner / "x.cir").write_text(NETLIST.replace("levels=16", "faults=../map.csv"))
    done = typed("eval", str(inner / "x.cir"), "--data", "x.csv", "--realisations", "2")
    assert done.exit_code == 2
    assert "inner/x.cir:4:" in done.stderr
    assert "outside the netlist's folder" in done.stderr
    done = typed("eval", str(inner / "x.cir"), "--data", "x.csv", "--realisations", "2", "--hardware", "faults=map.csv")
    assert done.exit_code == 0, done.stderr


def test_nothing_says_what_devices_do(folder: Path) -> None:
    (folder / "y.cir").write_text((folder / "x.cir").read_text().replace("*@hardware", "*"))
    done = typed("eval", "y.cir", "--at", "1h")
    assert done.exit_code == 2
    assert "nothing says what devices hold" in done.stderr
    assert "--hardware" in done.stderr
