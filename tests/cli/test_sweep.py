"""``netlearn sweep``: a table that fits, and records that are not made twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Run = Callable[..., Result]
VARY = ("--vary", "optimizer.lr=0.01,0.1", "--vary", "rule=analytic,cl beta=0.01", "--processes", "1", "--epochs", "2")


def test_a_table_of_80_columns_and_records(divider: Path, run: Run) -> None:
    result = run("sweep", divider, *VARY, "--seeds", "3")
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80
    assert "cl beta=0.01" in result.stdout
    assert "±" in result.stdout
    results = divider.with_suffix(".sweep.jsonl")
    lines = results.read_text()
    assert len(lines.splitlines()) == 12
    assert len(json.loads(run("sweep", divider, *VARY, "--seeds", "3", "--json").stdout)) == 12
    assert results.read_text() == lines


def test_what_fails_is_named(divider: Path, run: Run) -> None:
    result = run("sweep", divider, "--vary", "subset.fraction=0.001,1", "--processes", "1", "--epochs", "1")
    assert result.exit_code == 0
    assert "subset.fraction 0.001, seed 0: a fraction of 0.001 selects nothing" in result.stderr
    assert run("sweep", divider, "--vary", "subset.fraction=0.001", "--processes", "1").exit_code == 1


def test_refuses_before_anything_is_written(divider: Path, run: Run) -> None:
    before = {path.name for path in divider.parent.iterdir()}
    for words, says in (
        (("--vary", "optimizer.lrr=1"), "did you mean 'lr'?"),
        (("--vary", "nothing"), "varies nothing"),
        (("-o", divider.parent / "x.csv"), "names no form of records"),
        (("-o", divider), "read or written by this command"),
    ):
        result = run("sweep", divider, *words)
        assert result.exit_code == 2
        assert says in result.stderr
    assert {path.name for path in divider.parent.iterdir()} == before
