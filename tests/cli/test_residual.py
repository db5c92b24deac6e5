"""``op --residual`` and ``eval --residual``, and what is said of digits that do not hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from netlearn.careful import DOUBTED
from tests.cli.conftest import Run

CIRCUIT = """a diode and resistors
v1 a 0 2
r1 a b 1k
r2 b 0 2k
d1 b 0 dd
.model dd d(is=1e-14)
*@output V(b)
.end
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "diode.cir").write_text(CIRCUIT)
    (tmp_path / "data.csv").write_text("v1,V(b)\n1,0.5\n2,0.6\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_op_has_a_column_for_it(folder: Path, run: Run) -> None:
    rows = list(csv.DictReader(run("op", "diode.cir", "--residual", "--csv").stdout.splitlines()))
    assert [row["name"] for row in rows] == ["v(a)", "v(b)", "i(v1)"]
    assert all(abs(float(row["residual"])) < 1e-9 for row in rows)
    assert "of what its equation sums up" in run("op", "diode.cir", "--residual").stdout
    assert "residual" not in run("op", "diode.cir").stdout
    found = json.loads(run("op", "diode.cir", "--residual", "--json").stdout)["residual"]
    assert found["amperes"] < 1e-9
    assert found["relative"] < 1e-9


def test_op_has_one_for_each_sample(folder: Path, run: Run) -> None:
    words = ("op", "diode.cir", "--data", "data.csv", "--residual")
    samples = json.loads(run(*words, "--json").stdout)
    assert len(samples) == 2
    assert all(0 <= sample["residual"] < 1e-9 for sample in samples)
    assert "sample" in run(*words).stdout


def test_eval_tells_the_largest(folder: Path, run: Run) -> None:
    words = ("eval", "diode.cir", "--data", "data.csv")
    assert "residual  " in run(*words, "--residual").stdout
    assert "residual" not in run(*words).stdout
    assert json.loads(run(*words, "--residual", "--json").stdout)["residual"]["relative"] < 1e-9


def test_digits_that_do_not_hold_are_told(folder: Path, run: Run) -> None:
    (folder / "far.cir").write_text(CIRCUIT.replace("r2 b 0 2k", "r2 b c 1n\nr3 c 0 1g"))
    # A few are solved with more digits, many are not.
    assert run("op", "far.cir").stderr == ""
    rows = "".join(f"{1 + k / 100},0.5\n" for k in range(40))
    (folder / "many.csv").write_text("v1,V(b)\n" + rows)
    for words in (("op", "far.cir", "--data", "many.csv"), ("eval", "far.cir", "--data", "many.csv")):
        assert "fewer than six digits hold at 40 samples, the first of them sample 1" in run(*words).stderr
    assert run("eval", "diode.cir", "--data", "many.csv").stderr == ""


def test_where_ngspice_loses_digits_op_does_not(folder: Path, run: Run) -> None:
    (folder / "divider.cir").write_text("divider\nv1 a 0 1\nr1 a b 1t\nr2 b c 1m\nr3 c 0 1t\n.end\n")
    result = run("op", "divider.cir", "--json")
    assert json.loads(result.stdout)["v(b)"] == pytest.approx(0.5, abs=1e-15)
    assert result.stderr == ""


def test_how_many_samples_are_looked_at_is_told(run: Run) -> None:
    for command in ("op", "eval"):
        assert f"{DOUBTED} of the samples" in " ".join(run(command, "--help").stdout.split())
