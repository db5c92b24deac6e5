"""Evaluations and predictions of more samples than a table has room for: all of them, in every form."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn import evaluation
from netlearn.errors import ConvergenceError
from netlearn.learn import table
from netlearn.learn.files import read_table
from tests.cli.conftest import Run

ROWS = 2500
NETLIST = """many samples
*@output V(out)
V1 a 0 1
R1 a out 1k
R2 out 0 1k
D1 out 0 d
.model d d
.end
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "n.cir").write_text(NETLIST)
    (tmp_path / "l.cir").write_text(NETLIST.replace("D1 out 0 d\n", ""))
    volts = np.linspace(-2, 2, ROWS).tolist()
    rows = "".join(f"{v!r},{repr(v / 3) if k % 7 else ''}\n" for k, v in enumerate(volts))
    (tmp_path / "d.csv").write_text("V1,V(out)\n" + rows)
    return tmp_path


@pytest.mark.parametrize("name", ["n.cir", "l.cir"])
def test_every_form_has_all_samples(name: str, folder: Path, run: Run) -> None:
    words = ("eval", folder / name, "--data", folder / "d.csv")
    wanted = netlearn.evaluate(folder / name, folder / "d.csv")
    rows = list(csv.DictReader(run(*words, "--csv").stdout.splitlines()))
    assert [float(row["V(out)"]) for row in rows] == wanted.outputs[:, 0].tolist()
    assert [row["wanted V(out)"] for row in rows[:3]] == ["", *map(repr, wanted.targets[1:3, 0].tolist())]
    found = json.loads(run(*words, "--json").stdout)
    assert found["loss"] == wanted.loss
    assert [entry["sample"] for entry in found["outputs"]] == list(range(1, ROWS + 1))
    assert [entry["V(out)"] for entry in found["outputs"]] == wanted.outputs[:, 0].tolist()
    assert found["outputs"][0]["wanted V(out)"] is None
    head, *lines = run(*words).stdout.splitlines()
    assert head.split() == ["sample", "V(out)", "wanted", "V(out)", "loss", "power"]
    shown = np.array([line.split()[1] for line in lines[:ROWS]], dtype=float)
    np.testing.assert_allclose(shown, wanted.outputs[:, 0], rtol=1e-5)
    assert lines[ROWS].startswith("samples   2500 of ")
    assert len({len(line) for line in lines[:ROWS]}) == 1
    predicted = run("predict", folder / name, "--data", folder / "d.csv").stdout.splitlines()
    assert len(predicted) == ROWS + 1
    assert predicted[-1].split()[0] == str(ROWS)


def test_a_few_samples_are_one_line_each_in_json(folder: Path, run: Run) -> None:
    (folder / "d.csv").write_text("V1,V(out)\n1,0.5\n")
    text = run("eval", folder / "l.cir", "--data", folder / "d.csv", "--json").stdout
    assert json.loads(text)["outputs"] == [
        {"sample": 1, "V(out)": 0.5, "wanted V(out)": 0.5, "loss": 0.0, "power": 0.0005}
    ]


def test_parts_of_the_samples_come_to_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = netlearn.evaluate(folder / "n.cir", folder / "d.csv")
    monkeypatch.setattr(evaluation, "HELD", 300)
    parts = netlearn.evaluate(folder / "n.cir", folder / "d.csv")
    np.testing.assert_allclose(parts.outputs, whole.outputs, rtol=1e-9)
    np.testing.assert_allclose(parts.watts, whole.watts, rtol=1e-9)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-9)
    # A sample without an operating point is named by its number among all.
    (folder / "b.cir").write_text(NETLIST.replace("D1 out 0 d", "B2 x 0 I=2*u(V(a)-1.5)-tanh(V(x))"))
    with pytest.raises(ConvergenceError, match=r"sample 21\d\d: "):
        netlearn.evaluate(folder / "b.cir", folder / "d.csv")


def test_a_table_read_in_parts_is_the_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f'{k},"a\nb",{k / 3}\n' if k % 3 else f"{k},c,{k / 3}\n\n" for k in range(100))
    (folder / "c.csv").write_text("V1,class,V2\n" + text)
    for name in ("d.csv", "c.csv"):
        monkeypatch.setattr(table, "LINES_AT_A_TIME", 10**6)
        whole = read_table(folder / name)
        monkeypatch.setattr(table, "LINES_AT_A_TIME", 7)
        parts = read_table(folder / name)
        assert parts.columns.keys() == whole.columns.keys()
        for column in whole.columns:
            np.testing.assert_array_equal(parts.columns[column], whole.columns[column])
        np.testing.assert_array_equal(parts.lines, whole.lines)
        if whole.labels is not None:
            assert parts.labels is not None
            assert parts.labels.tolist() == whole.labels.tolist()


def test_memory_is_that_of_the_numbers(folder: Path, run: Run) -> None:
    rows = 60_000
    columns: dict[str, Any] = {"V1": np.linspace(-2, 2, rows), "V(out)": np.zeros(rows)}
    np.savez(folder / "d.npz", **columns)
    words = ("eval", folder / "l.cir", "--data", folder / "d.npz", "--quiet")
    run(*words)
    tracemalloc.start()
    run(*words)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Some 30 arrays of one number for each sample, where a table of texts took a hundred times as much.
    assert peak < 30 * 8 * rows + (8 << 20)
