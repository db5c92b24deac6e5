"""``netlearn calibrate`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from netlearn.cli.group import main

NETLIST = "* a divider\n*@train R*\nV1 in 0 1\nR1 in out 1k\nR2 out 0 2k\n.end\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.cir").write_text(NETLIST)
    rng, v1, r1 = np.random.default_rng(0), np.linspace(1, 3, 20), np.tile([1e3, 2e3], 10)
    whole = 1.1 * r1 + 1.9e3
    volts, amperes = v1 * 1.9e3 / whole + 1e-4 * rng.normal(size=20), v1 / whole + 1e-8 * rng.normal(size=20)
    rows = np.stack([v1, r1, volts, amperes], axis=1)
    np.savetxt(tmp_path / "runs.csv", rows, delimiter=",", header="V1,R1,V(out),I(R1)", comments="")
    return tmp_path


def test_a_netlist_is_calibrated(folder: Path) -> None:
    result = CliRunner().invoke(main, ["calibrate", "n.cir", "--measured", "runs.csv"])
    assert result.exit_code == 0, result.output
    for word in ("r1", "+10 %", "-5 %", "V(out)", "noise", "written   n.calibrated.cir"):
        assert word in result.output
    text = (folder / "n.calibrated.cir").read_text()
    assert text.splitlines()[:3] == NETLIST.splitlines()[:3]
    assert float(text.split("R1 in out ")[1].split()[0]) == pytest.approx(1100, rel=1e-3)
    # The same bytes again, over what is its own output.
    again = CliRunner().invoke(main, ["calibrate", "n.cir", "--measured", "runs.csv", "-q"])
    assert (again.exit_code, again.output) == (0, "")
    assert (folder / "n.calibrated.cir").read_text() == text


def test_all_is_said_as_json_too(folder: Path) -> None:
    words = ["calibrate", "n.cir", "--measured", "runs.csv", "--json", "--fix", "R2", "--prior", "20%", "-o", "c.cir"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    assert [entry["name"] for entry in said["values"]] == ["r1"]
    assert said["values"][0]["determined"] is True
    assert said["values"][0]["value"] == pytest.approx(1000 * (1 + said["values"][0]["deviation"]))
    assert {entry["output"] for entry in said["offsets"]} == {"V(out)", "I(R1)"}
    assert said["readings"] == 40
    assert said["written"] == ["c.cir"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--measured", "none.csv"], "none.csv' does not exist"),
        (["--measured", "runs.csv", "--prior", "much"], "'much' is not a part"),
        (["--measured", "runs.csv", "--prior", "-5%"], "above 0"),
        (["--measured", "runs.csv", "--train", "R9"], "R9"),
        (["--measured", "runs.csv", "-o", "runs.csv"], "read or written"),
        (["--measured", "nan.csv"], "nan.csv:2:3: error: row 1, column 'V(out)': 'nan' is not a number"),
        (["--measured", "few.csv"], "few.csv:1:1: error: 1 reading for 2 values"),
        ([], "Missing option '--measured'"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(folder: Path, words: list[str], message: str) -> None:
    (folder / "nan.csv").write_text("V1,V(out)\n1,nan\n")
    (folder / "few.csv").write_text("V1,V(out)\n1,0.5\n")
    before = sorted(path.name for path in folder.iterdir())
    result = CliRunner().invoke(main, ["calibrate", "n.cir", *words])
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert sorted(path.name for path in folder.iterdir()) == before


def test_elements_that_have_no_model_leave_nothing_to_calibrate(folder: Path) -> None:
    (folder / "n.cir").write_text(NETLIST.replace(".end", "M1 out in 0 0 nm\n.model nm nmos level=14\n.end"))
    result = CliRunner().invoke(main, ["calibrate", "n.cir", "--measured", "runs.csv"])
    assert result.exit_code == 2
    assert "n.cir" in result.output
