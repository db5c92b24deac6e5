"""A user's mistake gives a located message and exit code 2, no traceback, and leaves every file as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlearn.cli import main

NETLIST = """\
* a divider
*@data data.csv
*@output V(out)
*@loss mse
*@train R* min=10 max=1meg
*@optimizer adam lr=0.1
*@options epochs=3
V1 in 0 1
R1 in out 1k
R2 out 0 2k
.end
"""
DATA = "V1,V(out)\n1,0.5\n2,1\n"


@dataclass(frozen=True)
class Mistake:
    """What is put in place of what, and what the message must say, its place first."""

    old: str
    new: str
    says: tuple[str, ...]
    data: str = DATA


MISTAKES = {
    "unreadable number": Mistake("R1 in out 1k", "R1 in out 1..2k", ("case.cir:9:11: error", "1..2k")),
    "too few nodes": Mistake("R1 in out 1k", "R1 in", ("case.cir:9:", "R1")),
    "duplicate element": Mistake("R2 out 0 2k", "R1 out 0 2k", ("case.cir:10:1: error", "R1")),
    "unknown element": Mistake("R2 out 0 2k", "R2 out 0 2k\nZ1 out 0 x", ("case.cir:11:1: error", "Z1")),
    "unknown card": Mistake("R2 out 0 2k", "R2 out 0 2k\n.sbckt a b", ("case.cir:11:", "sbckt")),
    "unknown directive": Mistake("*@optimizer", "*@optimiser", ("case.cir:6:3: error", "did you mean 'optimizer'?")),
    "misspelt option": Mistake("epochs=3", "epoch=3", ("case.cir:7:11: error", "did you mean 'epochs'?")),
    "misspelt choice": Mistake("adam", "adma", ("case.cir:6:13: error", "did you mean 'adam'?")),
    "option out of range": Mistake("lr=0.1", "lr=-1", ("case.cir:6:", "lr", "above 0")),
    "bounds crossed": Mistake("min=10 max=1meg", "min=10 max=1", ("case.cir:5:", "above the upper bound")),
    "pattern matches nothing": Mistake("*@train R*", "*@train RX*", ("case.cir:5:9: error", "RX*")),
    "probe of no node": Mistake("*@output V(out)", "*@output V(aut)", ("case.cir:3:10: error", "V(aut)")),
    "missing data file": Mistake(
        "data.csv", "dota.csv", ("case.cir:2:8: error", "dota.csv", "did you mean 'data.csv'?")
    ),
    "data outside the folder": Mistake("data.csv", "../data.csv", ("case.cir:2:8: error", "outside")),
    "floating node": Mistake("R2 out 0 2k", "R2 out 0 2k\nR3 a b 1k", ("error", "'a'", "no DC path to ground")),
    "loop of voltage sources": Mistake("V1 in 0 1", "V1 in 0 1\nV2 in 0 2", ("error", "V2")),
    "negative resistance": Mistake("R1 in out 1k", "R1 in out -1k", ("error", "R1")),
    "ragged data": Mistake("", "", ("data.csv:3", "row 2 has 3 fields"), data="V1,V(out)\n1,0.5\n2,1,3\n"),
    "text for a number": Mistake(
        "", "", ("data.csv:3:3: error", "row 2", "'V(out)'", "'much'"), "V1,V(out)\n1,0.5\n2,much\n"
    ),
    "no number": Mistake("", "", ("data.csv:3", "row 2", "'V(out)'"), "V1,V(out)\n1,0.5\n2,half\n"),
    "not finite": Mistake("", "", ("data.csv", "V(out)"), "V1,V(out)\n1,0.5\n2,inf\n"),
    "column of nothing": Mistake("", "", ("data.csv:1", "'V7'", "names no source"), "V7,V(out)\n1,0.5\n"),
    "no rows": Mistake("", "", ("data.csv", "error"), "V1,V(out)\n"),
    "empty data": Mistake("", "", ("data.csv", "empty"), ""),
    "class never seen": Mistake(
        "*@data data.csv\n*@output V(out)\n*@loss mse",
        "*@data data.csv test=test.csv\n*@output V(out) V(in)\n*@loss cross_entropy",
        ("test.csv:3", "'bird'"),
        "V1,class\n1,cat\n2,dog\n",
    ),
    "classes without outputs": Mistake("*@output V(out)\n*@loss mse\n", "", ("class",), "V1,class\n1,cat\n2,dog\n"),
}


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _train(folder: Path, *options: str) -> tuple[int, str, dict[str, bytes], dict[str, bytes]]:
    """Train case.cir over an older trained file, which must survive; exit code, message, files before and after."""
    (folder / "case.trained.cir").write_text("* an older result\n")
    before = _snapshot(folder)
    result = CliRunner().invoke(main, ["train", str(folder / "case.cir"), *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr, before, _snapshot(folder)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_located_and_changes_no_file(name: str, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    assert mistake.old in NETLIST
    (tmp_path / "case.cir").write_text(NETLIST.replace(mistake.old, mistake.new) if mistake.old else NETLIST)
    (tmp_path / "data.csv").write_text(mistake.data)
    (tmp_path / "test.csv").write_text("V1,class\n1,cat\n2,bird\n")
    code, message, before, after = _train(tmp_path)
    assert code == 2, message
    for words in mistake.says:
        assert words.lower() in message.lower()
    assert "Traceback" not in message
    assert after == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4, "binary"),
    ],
)
def test_a_file_that_is_no_netlist(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "case.cir").write_bytes(content)
    code, message, before, after = _train(tmp_path)
    assert code == 2
    assert "case.cir" in message
    assert says in message
    assert after == before


def test_latin_1_comments_are_kept(tmp_path: Path) -> None:
    text = NETLIST.replace("* a divider", "* diviseur \xe9talonn\xe9, 10 k\u00b5").encode("latin-1")
    (tmp_path / "case.cir").write_bytes(text)
    (tmp_path / "data.csv").write_text(DATA)
    code, message, _, after = _train(tmp_path)
    assert code == 0, message
    assert after["case.trained.cir"].splitlines()[0] == text.splitlines()[0]
    assert after["case.cir"] == text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--optimizer", "adma"), "did you mean 'adam'?"),
        (("--rule", "cl bta=1"), "did you mean 'beta'?"),
        (("--epochs", "many"), "--epochs"),
        (("--epochs", "-1"), "at least 0"),
        (("--loss", "cross_entropy"), "class"),
        (("--no-such",), "--no-such"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
        (("-o", "nowhere/out.cir"), "no folder 'nowhere'"),
        (("-o", "."), "is a folder"),
        (("--resume",), "no checkpoint"),
        (("--plot", "picture.xyz"), "picture.xyz"),
    ],
)
def test_an_option_that_is_wrong(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "case.cir").write_text(NETLIST)
    (tmp_path / "data.csv").write_text(DATA)
    code, message, before, after = _train(tmp_path, *options)
    assert code == 2
    assert says in message
    assert after == before


def test_several_mistakes_are_said_at_once(tmp_path: Path) -> None:
    wrong = NETLIST.replace("R1 in out 1k", "R1 in out 1..2").replace("R2 out 0 2k", "R2 out 0 2..k")
    (tmp_path / "case.cir").write_text(wrong)
    (tmp_path / "data.csv").write_text(DATA)
    code, message, _, _ = _train(tmp_path)
    assert code == 2
    assert "case.cir:9:" in message
    assert "case.cir:10:" in message


def test_a_missing_netlist_and_an_unknown_command() -> None:
    result = CliRunner().invoke(main, ["train", "no-such.cir"])
    assert result.exit_code == 2
    assert "no-such.cir" in result.stderr
    result = CliRunner().invoke(main, ["trian", "x.cir"])
    assert result.exit_code == 2
    assert "did you mean 'train'?" in result.stderr


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    (tmp_path / "case.cir").write_text(NETLIST)
    monkeypatch.setattr("netlearn.api.operating_point", broken)
    result = CliRunner().invoke(main, ["op", str(tmp_path / "case.cir")])
    assert isinstance(result.exception, ZeroDivisionError)


MANY = "10000000000000000000"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("tolerance", ("--tolerance", "R* 1%", "--draws", MANY)),
        ("eval", ("--hardware", "noise=0.1", "--realisations", MANY)),
        ("train", ("--for", "tolerance", "--tolerance", "R* 1%", "--draws", MANY)),
        ("compare", ("--rules", "analytic", "--epochs", "1", "--seeds", MANY)),
        ("train", ("--rule", f"spsa directions={MANY}")),
        ("train", ("--rule", f"holomorphic points={MANY}")),
        ("train", ("--rule", f"emulator explore={MANY}")),
        ("train", ("--rule", "emulator hidden=1000000000")),
        ("train", ("--hardware", "min=1 max=1k levels=1000000000")),
        ("train", ("--epochs", "9" * 400)),
        ("train", ("--epochs", "9" * 5000)),
        ("train", ("--rule", "emulator every=" + "9" * 5000)),
    ],
)
def test_numbers_that_no_memory_holds_are_refused(command: str, words: tuple[str, ...], divider: Path) -> None:
    before = {path: path.read_bytes() for path in divider.parent.iterdir()}
    result = CliRunner().invoke(main, [command, str(divider), *words])
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert {path: path.read_bytes() for path in divider.parent.iterdir()} == before
