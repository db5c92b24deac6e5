"""``predict``, and other commands on data without targets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run


@pytest.fixture
def inputs(divider: Path) -> Path:
    path = divider.with_name("inputs.csv")
    path.write_text("V1\n3\n-6\n")
    return path


def test_a_table_csv_and_json(run: Run, divider: Path, inputs: Path) -> None:
    table = run("predict", divider, "--data", inputs)
    assert table.exit_code == 0
    assert "V(out)" in table.output
    assert "-4" in table.output
    rows = list(csv.DictReader(io.StringIO(run("predict", divider, "--data", inputs, "--csv").output)))
    assert [float(row["V(out)"]) for row in rows] == pytest.approx([2.0, -4.0], rel=1e-12)
    objects = json.loads(run("predict", divider, "--data", inputs, "--json").output)
    assert [entry["sample"] for entry in objects] == [1, 2]
    assert objects[1]["V(out)"] == pytest.approx(-4.0)
    quiet = run("predict", divider, "--data", inputs, "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")
    assert "does not exist" in run("predict", divider, "--data", "none.csv", "--quiet").output


def test_a_file_that_is_data_again(run: Run, divider: Path, inputs: Path) -> None:
    out = divider.with_name("y.csv")
    result = run("predict", divider, "--data", inputs, "-o", out)
    assert f"written   {out}" in result.output
    assert "samples   2" in result.output
    header, *rows = out.read_text().splitlines()
    assert header == "V(out)"
    assert [float(row) for row in rows] == pytest.approx([2.0, -4.0])
    assert run("predict", divider, "--data", inputs, "-o", out, "--quiet").output == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "none.csv"], "the data file 'none.csv' does not exist"),
        (["--data", "{folder}/inputs.csv", "-o", "{folder}/y.xls"], "names no form of data"),
        (["--data", "{folder}/inputs.csv", "-o", "{folder}/no/y.csv"], "there is no folder"),
        (["--data", "{folder}/other.csv"], "there is no column 'V1', which the training data has"),
        (["--data", "{folder}/inputs.csv", "--output", "V(a"], "error"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(run: Run, inputs: Path, words: list[str], said: str) -> None:
    folder = inputs.parent
    (folder / "other.csv").write_text("V(out)\n1\n")
    before = sorted(folder.iterdir())
    result = run("predict", folder / "divider.cir", *(word.format(folder=folder) for word in words))
    assert result.exit_code == 2
    assert said in result.output
    assert sorted(folder.iterdir()) == before


def test_operating_points_of_all_samples(run: Run, divider: Path, inputs: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("op", divider, "--data", inputs, "--csv").output)))
    assert list(rows[0]) == ["sample", "v(in)", "v(out)", "i(v1)"]
    assert [float(row["i(v1)"]) for row in rows] == pytest.approx([-1e-3, 2e-3])
    objects = json.loads(run("op", divider, "--data", inputs, "--json").output)
    assert objects[1] == pytest.approx({"sample": 2, "v(in)": -6.0, "v(out)": -4.0, "i(v1)": 2e-3})
    assert "v(out)" in run("op", divider, "--data", inputs).output


@pytest.mark.ngspice
def test_ngspice_checks_data_without_targets(run: Run, divider: Path, inputs: Path, libngspice: str) -> None:
    result = run("check", divider, "--data", inputs)
    assert result.exit_code == 0
    assert "samples            2" in result.output
    deck = run("export", divider, "--to", "ngspice", "--data", inputs).output
    assert "alter v1 dc = 3" in deck
    assert "print v(out)" in deck


def test_what_columns_drive_and_classes_are_words_of_one_option(run: Run, tmp_path: Path) -> None:
    net = tmp_path / "two.cir"
    net.write_text("two\n*@output V(b) V(d)\nV1 a 0 0\nR1 a b 1k\nR2 b 0 1k\nV2 c 0 0\nR3 c d 1k\nR4 d 0 1k\n")
    np.savez(tmp_path / "x.npz", X=np.array([[2.0, 0.0], [0.0, 2.0]]))
    words = ["--data", tmp_path / "x.npz", "--input", "V2 V1", "--classes", "red 'dark blue'", "--json"]
    rows = json.loads(run("predict", net, *words).output)
    assert [row["class"] for row in rows] == ["dark blue", "red"]
    assert [row["V(d)"] for row in rows] == pytest.approx([1.0, 0.0])
    repeated = ["--data", tmp_path / "x.npz", "--input", "V2", "--input", "V1", "--classes", "red", "--classes", "blue"]
    assert [row["class"] for row in json.loads(run("predict", net, *repeated, "--json").output)] == ["blue", "red"]
