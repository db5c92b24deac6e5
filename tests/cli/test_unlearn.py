"""``netlearn unlearn`` and ``netlearn influence``, as one types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import netlearn
from tests.influences.tasks import ROWS, fitted, samples, transconductances

Run = Callable[..., Result]


@pytest.fixture
def netlist(tmp_path: Path) -> Path:
    """A read-out at its least squares fit, and its data with a note before the names of the columns."""
    inputs, wanted = samples()
    (tmp_path / "d.csv").write_text("# a note\n" + table(np.column_stack([inputs, wanted])), encoding="utf-8")
    transconductances(fitted(inputs, wanted), "*@data d.csv").save(tmp_path / "net.cir")
    return tmp_path / "net.cir"


def table(rows: np.ndarray, names: str = "V1,V2,V3,V(out)") -> str:
    return "\n".join([names, *(",".join(repr(float(cell)) for cell in row) for row in rows)]) + "\n"


def test_unlearning_writes_a_netlist_and_counts_rows_from_one(run: Run, tmp_path: Path, netlist: Path) -> None:
    inputs, wanted = samples()
    by_number = run("unlearn", netlist, "--rows", "3,7-8", "--verify", "--damping", "0")
    assert by_number.exit_code == 0, by_number.output
    assert "forgotten 3 rows: 3, 7, 8" in by_number.stdout
    assert "retrained remaining: loss" in by_number.stdout
    assert "take them out before it trains again" in by_number.stdout
    text = (tmp_path / "net.unlearned.cir").read_text(encoding="utf-8")
    assert text == str(netlearn.unlearn(netlist, rows=[2, 6, 7], damping=0.0).netlist)
    # Only numbers differ.
    before = netlist.read_text(encoding="utf-8").split("\n")
    changed = [new for old, new in zip(before, text.split("\n"), strict=True) if old != new]
    assert [line.split()[0] for line in changed] == ["G1", "G2", "G3", "I1"]
    kept = np.delete(np.arange(ROWS), [2, 6, 7])
    values = [float(line.split()[-1]) for line in changed]
    assert values == pytest.approx(1e-3 * fitted(inputs[kept], wanted[kept]), rel=1e-9)


def test_rows_of_a_file_may_have_another_order_and_form(run: Run, tmp_path: Path, netlist: Path) -> None:
    inputs, wanted = samples()
    rows = np.column_stack([wanted, inputs])[[7, 2, 6]]
    rows = np.array([[float(f"{cell:.12e}") for cell in row] for row in rows])
    (tmp_path / "rows.csv").write_text(table(rows, "V(OUT),v1,V2,V3"), encoding="utf-8")
    words = ("unlearn", netlist, "--forget", tmp_path / "rows.csv", "-o", tmp_path / "b.cir", "--json")
    done = run(*words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["rows"] == [3, 7, 8]
    assert said["written"] == [str(tmp_path / "b.cir")]
    wanted_netlist = netlearn.unlearn(netlist, rows=[2, 6, 7])
    assert said["loss_after"]["remaining"] == pytest.approx(wanted_netlist.losses_after[1])
    assert (tmp_path / "b.cir").read_text(encoding="utf-8") == str(wanted_netlist.netlist)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--rows", "0"), "there is no row 0"),
        (("--rows", "15"), "there is no row 15, only 1 to 14"),
        (("--rows", "1-1000000000000000000"), "there is no row 15, only 1 to 14"),
        (("--rows", "9999999999999999-10000000000000000"), "only 1 to 14"),
        (("--rows", "1-1e12"), "'1-1e12' is not a row"),
        (("--rows", "9" * 9999), "is not a row"),
        (("--rows", "1-14"), "nothing would be left"),
        (("--rows", "2,x"), "'x' is not a row"),
        (("--rows", "9-3"), "end before they begin"),
        ((), "nothing says which rows are to be forgotten"),
        (("--rows", "1", "--forget", "f.csv"), "the rows are given twice"),
        (("--forget", "f.csv"), "the data file 'f.csv' does not exist"),
        (("--rows", "1", "--damping", "nan"), "damping"),
        (("--rows", "1", "-o", "d.csv"), "is read"),
    ],
)
def test_refusals_write_nothing(
    run: Run, tmp_path: Path, netlist: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "d.csv").read_bytes()
    result = run("unlearn", netlist, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "net.unlearned.cir").exists()
    assert (tmp_path / "d.csv").read_bytes() == before


def test_influence_ranks(run: Run, netlist: Path) -> None:
    shown = run("influence", netlist, "--top", "2")
    assert shown.exit_code == 0, shown.output
    assert "2 of 14 with most influence" in shown.stdout
    listed = run("influence", netlist, "--csv").stdout.splitlines()
    assert listed[0] == "row,change,loss"
    # The outlier is the last row: neither the note nor the names of columns are counted.
    assert listed[1].startswith(f"{ROWS},")
    assert len(listed) == ROWS + 1
    said = json.loads(run("influence", netlist, "--json", "--probe", "V(out)", "--sample", "5").stdout)
    assert said["of"] == "V(out), at sample 5"
    assert sorted(row["row"] for row in said["rows"]) == list(range(1, ROWS + 1))
