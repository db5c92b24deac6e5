"""``netlearn new`` and ``netlearn compare``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from netlearn.topologies.kinds import TOPOLOGIES

Run = Callable[..., Result]


@pytest.mark.parametrize("kind", TOPOLOGIES)
def test_a_new_trains_as_it_is(kind: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.cir"
    result = run("new", kind, path)
    assert result.exit_code == 0, result.stderr
    assert path.with_suffix(".csv").exists()
    printed = json.loads(run("train", path, "--epochs", "20", "--json").stdout)
    assert printed["loss"] < printed["history"][0]["loss"]


def test_sizes_and_no_overwriting(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.cir"
    assert run("new", "lattice", path, "--rows", "3", "--columns", "5", "--inputs", "2").exit_code == 0
    described = json.loads(run("info", path, "--json").stdout)
    assert described["elements"] == {"voltage source": 2, "resistor": 3 * 4 + 2 * 5}
    text = path.read_text()
    refused = run("new", "complete", path)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert path.read_text() == text
    assert run("new", "complete", path, "--force").exit_code == 0
    assert path.read_text() != text
    assert run("new", "layered", tmp_path / "b.cir", "--layers", "3").exit_code == 2


@pytest.mark.parametrize("words", [("layered", "."), ("onestep", "."), ("onestep", "in.csv", "-o", ".")])
def test_a_folder_where_a_file_is_named(
    words: tuple[str, ...], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("x,y\n1,2\n2,3\n3,5\n")
    refused = run("new", *words)
    assert refused.exit_code == 2
    assert "is a folder" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_numbers_are_those_of_netlists(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.cir"
    assert run("new", "crossbar", path, "--min", "10k", "--max", "1meg", "--wire", "0.5").exit_code == 0
    assert "min=10000 max=1000000" in path.read_text()
    for wrong in ("abc", "20%", "1k2k"):
        refused = run("new", "crossbar", tmp_path / "b.cir", "--min", wrong)
        assert refused.exit_code == 2
        assert f"'{wrong}' is not a number, such as 1e4 or 10k" in refused.stderr
    assert not (tmp_path / "b.cir").exists()


def test_compare_gives_a_table_a_figure_and_results(divider: Path, run: Run) -> None:
    words = ("compare", divider, "--rules", "analytic,cl", "--seeds", "2", "--processes", "1", "--epochs", "4")
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert "analytic" in result.stdout
    assert divider.with_suffix(".compare.png").read_bytes().startswith(b"\x89PNG")
    results = divider.with_suffix(".compare.jsonl")
    lines = results.read_text()
    assert len(lines.splitlines()) == 4
    # What is there is not done again.
    rows = list(csv.DictReader(io.StringIO(run(*words, "--csv").stdout)))
    assert [row["rule"] for row in rows] == ["analytic", "analytic", "cl", "cl"]
    assert results.read_text() == lines
    assert len(json.loads(run(*words, "--json").stdout)) == 4


def test_compare_refuses_what_it_cannot_do(divider: Path, run: Run) -> None:
    before = {path.name for path in divider.parent.iterdir()}
    for words, says in (
        (("--rules", "analytik"), "did you mean 'analytic'?"),
        (("--rules", "ep", "--betas", "0"), "above 0"),
        (("--rules", "ep", "--betas", "much"), "--betas"),
        (("--rules", "ep", "--fractions", "2"), "at most 1"),
        (("--rules", ","), "nothing to compare"),
    ):
        result = run("compare", divider, *words)
        assert result.exit_code == 2
        assert says in result.stderr
    assert {path.name for path in divider.parent.iterdir()} == before


def test_compare_where_every_run_failed(divider: Path, run: Run) -> None:
    result = run("compare", divider, "--rules", "analytic,cl", "--fractions", "0.001", "--processes", "1")
    assert result.exit_code == 1
    assert result.stderr.count("a fraction of 0.001 selects nothing") == 2


def test_compare_where_one_of_two_failed(divider: Path, run: Run) -> None:
    words = ("--fractions", "0.001,1", "--seeds", "2", "--processes", "1", "--epochs", "1")
    result = run("compare", divider, "--rules", "analytic", *words)
    assert result.exit_code == 1
    assert result.stderr.count("a fraction of 0.001 selects nothing") == 2
    # What did not fail is shown all the same.
    assert divider.with_suffix(".compare.png").exists()
