"""Files whose names are no UTF-8, and names of hundreds of characters: every command takes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlearn.cli.group import main

ODD = os.fsdecode(b"od\xffd")
LONG = "x" * 300
TASK = "*@input {v}\n*@output V(b)\n*@train R2\n*@tolerance R* 1%\n*@options epochs=1\n"
CIRCUIT = "* t\n{v} {n} 0 1\nR1 {n} b 1k\nR2 b 0 1k\n"
COMMANDS = [
    ["op"],
    ["op", "--json"],
    ["info", "--json"],
    ["check-syntax"],
    ["flatten", "-o", "{o}.flat.cir"],
    ["sens", "V(b)"],
    ["eval", "--data", "{d}"],
    ["train", "--data", "{d}", "--quiet"],
    ["train", "--data", "{d}", "-o", "{o}.out.cir", "--checkpoint", "{o}.npz"],
    ["predict", "--data", "{d}"],
    ["compare", "--data", "{d}", "--rules", "analytic", "--seeds", "1", "--epochs", "1"],
    ["tolerance", "--data", "{d}", "--draws", "4"],
    ["export", "--to", "json", "-o", "{o}.json"],
    ["export", "--to", "graphml", "-o", "{o}.graphml"],
    ["export", "--to", "ngspice", "-o", "{o}.sp"],
]


def invoke(arguments: list[str]) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), arguments
    return f"{done.exit_code}\n{done.output}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    try:
        Path(f"{ODD}.csv").write_text("V1,V(b)\n1,0.3\n2,0.6\n")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    Path(f"{ODD}.cir").write_text(CIRCUIT.format(v="V1", n="a") + TASK.format(v="V1") + ".end\n")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_file_names_need_not_be_utf_8(command: list[str], folder: Path) -> None:
    name, *rest = (word.format(d=f"{ODD}.csv", o=ODD) for word in command)
    assert invoke([name, f"{ODD}.cir", *rest]).startswith("0\n")
    if "-o" in rest:
        assert Path(rest[rest.index("-o") + 1]).is_file()


def test_a_process_prints_names_that_a_terminal_cannot_show(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netlearn", "check-syntax", f"{ODD}.cir", f"{ODD}.none"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    )
    assert b"Traceback" not in done.stderr
    assert b"od\\xffd.cir: good" in done.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if "{o}" not in str(c)], ids=" ".join)
def test_names_may_have_hundreds_of_characters(command: list[str], folder: Path) -> None:
    v = f"V{LONG}"
    instance = f".param {LONG}=2k\nX{LONG} b s{LONG}\n.subckt s{LONG} p\nR{LONG} p 0 {{{LONG}}}\n.ends\n"
    Path("long.cir").write_text(CIRCUIT.format(v=v, n=LONG) + instance + TASK.format(v=v) + ".end\n")
    Path("long.csv").write_text(f"{v},V(b)\n1,0.3\n2,0.6\n")
    name, *rest = (word.format(d="long.csv") for word in command)
    assert invoke([name, "long.cir", *rest]).startswith("0\n")


@pytest.mark.parametrize("length", [300, 5000])
def test_files_of_such_names_are_not_there(length: int, folder: Path) -> None:
    name = "y" * length
    Path("a.cir").write_text(f"t\n.include {name}.lib\nV1 a 0 1\nR1 a 0 1\n*@data {name}.csv\n*@output V(a)\n")
    assert f"there is no file '{name}"[:200] in invoke(["op", "a.cir"])
    for arguments in (
        ["op", name],
        ["eval", "a.cir"],
        ["train", "a.cir", "-o", name],
        ["flatten", "a.cir", "-o", name],
    ):
        said = invoke(arguments)
        assert said.startswith("2\n"), said
