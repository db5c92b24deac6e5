"""Nothing is written over what is read with a netlist: its data, what it includes, what its directives name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.netlist.output_check import read_with

NETLIST = """a divider
*@data "data.csv" test=test.csv
*@output V(out)
*@train R*
.include common.inc
V1 in 0 1
R1 in out 1k
.end
"""
WORDS = {
    "train": ("--epochs", "1", "-o"),
    "round": ("--series", "e24", "--budget", "10", "-o"),
    "flatten": ("-o",),
    "report": ("--no-ngspice", "-o"),
    "predict": ("--data", "new.csv", "-o"),
    "export": ("--to", "json", "-o"),
    "eval": ("--hardware", "noise=0.01", "--write-realisation"),
    "unlearn": ("--rows", "2", "-o"),
    "calibrate": ("--measured", "new.csv", "--prior", "20%", "-o"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("data.csv", "test.csv", "new.csv"):
        (tmp_path / name).write_text("V1,V(out)\n1,0.3\n2,0.5\n")
    (tmp_path / "common.inc").write_text("R2 out 0 2k\n")
    (tmp_path / "n.cir").write_text(NETLIST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_read_with_a_netlist(folder: Path) -> None:
    netlist = netlearn.read("n.cir")
    netlearn.elaborate(netlist)
    assert {path.name for path in read_with(netlist)} == {"data.csv", "test.csv", "common.inc"}
    assert read_with(netlearn.parse("t\n*@data 'x\n*@output " + "a" * 300 + "\nR1 a 0 1\n.end")) == ()


@pytest.mark.parametrize("command", WORDS)
@pytest.mark.parametrize("read", ["data.csv", "test.csv", "common.inc"])
def test_it_is_not_written_over(command: str, read: str, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = CliRunner().invoke(main, [command, "n.cir", *WORDS[command], f"./{read}"])
    assert result.exit_code == 2, result.output
    assert "is read" in result.stderr or "names no form of data" in result.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("option", ["--plot", "--report", "--write-realisation", "--show-nudged"])
def test_nor_by_what_a_training_writes_besides(option: str, folder: Path) -> None:
    Path("n.cir").write_text(NETLIST.replace("data.csv", "data.png"))
    Path("data.png").write_bytes(Path("data.csv").read_bytes())
    before = Path("data.png").read_bytes()
    result = CliRunner().invoke(main, ["train", "n.cir", "--epochs", "1", "--rule", "ep", option, "data.png"])
    assert result.exit_code == 2, result.output
    assert Path("data.png").read_bytes() == before
    assert not Path("n.trained.cir").exists()
