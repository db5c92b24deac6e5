"""What is trained where nothing says what, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main

LIBRARY = """.subckt opamp p n o
Rin p n 2meg
E1 x 0 p n 1e5
Ro x o 50
.ends
"""
SUMMING = """* a summing amplifier
*@goal V(out) = -3 within=1%
*@optimizer lbfgs
.include amp.lib
Vsig a 0 1
Rsig a a1 50
R1 a1 n 10k
Rf n out 10k
Rload out 0 2k
X1 0 n out opamp
.end
"""


@pytest.fixture
def summing(tmp_path: Path) -> Path:
    (tmp_path / "amp.lib").write_text(LIBRARY)
    path = tmp_path / "sum.cir"
    path.write_text(SUMMING)
    return path


def test_by_default_nothing_outside_of_the_named_file_is_changed(summing: Path) -> None:
    done = CliRunner().invoke(main, ["train", str(summing)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in summing.parent.iterdir()) == ["amp.lib", "sum.cir", "sum.trained.cir"]
    assert (summing.parent / "amp.lib").read_text() == LIBRARY
    assert "the 4 resistors of" in done.output
    assert "the 2 of" in done.output
    assert "amp.lib' stay as they are" in done.output
    before, after = SUMMING.splitlines(), (summing.parent / "sum.trained.cir").read_text().splitlines()
    assert [a.split()[0] for a, b in zip(before, after, strict=True) if a != b] == ["Rsig", "R1", "Rf", "Rload"]


def test_sources_and_loads_are_named_and_the_values_are_printed(summing: Path) -> None:
    result = netlearn.train(summing)
    notes = " | ".join(result.notes)
    assert "'rsig' looks like the resistance of a source" in notes
    assert "'rload' looks like a load" in notes
    printed = CliRunner().invoke(main, ["train", str(summing), "--train", "R1 Rf min=5k max=12k", "--digits", "4"])
    assert "looks like" not in printed.output, "what was named is meant"
    rows = [line.split() for line in printed.output.splitlines() if "│" in line]
    assert [(row[1], row[-2]) for row in rows] == [("r1", "min"), ("rf", "max")]
    assert all(cell in printed.output for cell in ("before", "after", "change", "bound"))


def test_values_know_their_change_and_their_bound(summing: Path) -> None:
    values = netlearn.train(summing, train="R1 Rf min=5k max=12k").values
    by_name = {value.name: value for value in values}
    assert by_name["r1"].at == "min"
    assert by_name["rf"].at == "max"
    assert by_name["rf"].after == 12e3
    assert by_name["rf"].change == pytest.approx(0.2)
    assert by_name["rf"].before == 10e3


def test_a_run_that_is_loaded_has_the_bounds_again(summing: Path, tmp_path: Path) -> None:
    result = netlearn.train(summing, train="R1 Rf min=5k max=12k")
    result.save_run(tmp_path / "run")
    assert netlearn.load_run(tmp_path / "run", allow=[tmp_path]).values == result.values


def test_what_is_named_in_included_files_is_changed_and_said(summing: Path) -> None:
    done = CliRunner().invoke(main, ["train", str(summing), "--train", "R*"])
    assert done.exit_code == 0, done.output
    assert "'x1.rin' and 'x1.ro' stand in" in done.output
    assert "a changed copy of it is written" in done.output
    assert (summing.parent / "sum.trained.amp.lib").exists()


def test_more_than_forty_values_are_not_printed(tmp_path: Path) -> None:
    lines = ["* many", "*@goal V(n0) = 0.1", "V1 in 0 1", *(f"R{k} in n{k // 25} 1k" for k in range(50))]
    path = tmp_path / "many.cir"
    path.write_text("\n".join([*lines, "Ra n0 0 1k", "Rb n1 0 1k", ""]))
    done = CliRunner().invoke(main, ["train", str(path), "--epochs", "1"])
    assert done.exit_code == 0
    assert "┃" not in done.output


def test_only_an_included_file_has_resistors(tmp_path: Path) -> None:
    (tmp_path / "part.lib").write_text("R1 in out 1k\nR2 out 0 1k\n")
    path = tmp_path / "main.cir"
    path.write_text("* main\n*@goal V(out) = 0.1\nV1 in 0 1\n.include part.lib\n")
    with pytest.raises(netlearn.OptionError, match=r"no resistor of '.*main.cir' itself") as raised:
        netlearn.train(path)
    assert "*@train R*" in raised.value.hint


def test_a_param_in_an_included_file_is_not_changed_through_an_expression(tmp_path: Path) -> None:
    (tmp_path / "values.inc").write_text(".param base=1k\n")
    path = tmp_path / "main.cir"
    path.write_text("* main\n*@goal V(out) = 0.1\n.include values.inc\nV1 in 0 1\nR1 in out {2*base}\nR2 out 0 1k\n")
    assert netlearn.train(path, epochs=1).names == ("r2",)
