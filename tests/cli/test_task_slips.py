"""Slips in what a task says are answered with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

DECK = "a divider\n{task}\nVin in 0 12\nR1 in out 33k\nR2 out 0 10k\n.end\n"


@pytest.mark.parametrize(
    ("task", "arguments", "said"),
    [
        ("*@goal V(out) = 2.5", ["train", "--hardware", "E24"], "did you mean 'series=e24'?"),
        ("*@goal V(out) = 2.5\n*@train R1 R2 1k 100k", ["train"], "bounds have names: min=1k or max=1k"),
        ("*@goal V(out) > 2.5", ["train"], "write min=VALUE"),
        ("*@goal V(out) = 2.5 ≤3", ["train"], "write max=3"),
        ("*@goal V(out) = 2.5 ±1%", ["train"], "write within=1%"),
        ("*@goal V(out) = 2.5 within=1 %", ["train"], "one word: write within=1%"),
        ("*@goal V(out) = 2.5", ["train", "--optimizer", "adam 0.1"], "such as lr=0.1"),
        ("*@goal V(out) = 2.5", ["train", "--train", "R* min=1k max=1M"], "1M is 0.001, and a million is 1meg"),
        ("*@goal V(out) min=1k max=1M", ["train"], "1M is 0.001, and a million is 1meg"),
        ("*@goal V(out) = 2.5", ["train", "--lr", "0.1"], 'an option of optimizer: --optimizer "NAME lr=..."'),
        ("*@goal V(out) = 2.5", ["train", "--fraction", "0.1"], 'an option of subset: --subset "fraction=..."'),
        ("*@goal V(out) = 2.5", ["eval", "--lr", "0.1"], "No such option"),
        ("*@goal V(out) = 2.5±1%", ["train"], "write 2.5 within=1%"),
        ("*@goal V(out) = 2.5", ["train", "--corner", "V1=24±10%"], "list the values, such as v1=21.6,24,26.4"),
        ("*@goal V(out) = 2.5", ["train", "--corner", "V1=5+/-0.5"], "list the values, such as v1=4.5,5,5.5"),
        ("*@goal V(out) = 2.5", ["train", "--corner", "V1=±10%"], "such as v1=low,nominal,high"),
        ("*@goal P(R*) max=1m", ["train"], "give each a probe of its own: r1, r2"),
        ("*@goal V(out) = 2.5", ["train", "--corner", "temp=-40;125"], "so that '125' of 'corner' is not read"),
        ("* @goal V(out) = 2.5", ["train"], ":2:3: warning: a blank before the @ makes a comment of this"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(task, arguments, said, tmp_path: Path, run) -> None:
    path = tmp_path / "d.cir"
    path.write_text(DECK.format(task=task))
    command, *more = arguments
    result = run(command, path, *more)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "d.trained.cir").exists()


def test_a_node_is_told_from_a_probe(tmp_path: Path, run) -> None:
    path = tmp_path / "d.cir"
    path.write_text(DECK.format(task="* @author somebody"))
    result = run("op", path, "out")
    assert result.exit_code == 2
    assert "did you mean 'V(out)'?" in result.stderr
    assert "warning" not in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        DECK.format(task="*@goal V(out) = 2.5\n* @data sheet of the part\n* @goal of this circuit\n* @loss at 25C"),
        DECK.format(task="*@goal V(out) = 2.5").replace("a divider", "* @train R* of a divider"),
        DECK.format(task="*@goal V(out) = 2.5") + "* @train R1\n",
    ],
)
def test_remarks_are_no_slips(text: str, tmp_path: Path, run) -> None:
    path = tmp_path / "d.cir"
    path.write_text(text)
    result = run("train", path, "--epochs", "1")
    assert result.exit_code == 0
    assert "a blank before" not in result.stderr
