"""Matrices of crossbars: out of netlists and back, by names and by nodes, and what does not fit."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import DataError, NetlearnError, OptionError

WEIGHTS = np.random.default_rng(3).normal(size=(4, 3))
HARDWARE = "min=10k max=1meg levels=16"


def made(**options: Any) -> netlearn.Netlist:
    return netlearn.parse(netlearn.new("crossbar", weights=WEIGHTS, wire=1, **options).netlist)


def run(*words: str) -> Any:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("bar.cir").write_text(str(made()))
    return tmp_path


def test_the_matrix_is_what_was_put_in() -> None:
    found = netlearn.crossbar_matrix(made(), hardware=HARDWARE)
    assert found.rows == ("row0", "row1", "row2", "row3")
    assert found.columns == ("col0p", "col0n", "col1p", "col1n", "col2p", "col2n")
    g = found.conductances
    difference = g[:, ::2] - g[:, 1::2]
    np.testing.assert_allclose(difference / difference[0, 0], WEIGHTS / WEIGHTS[0, 0], rtol=1e-12)
    assert found.elements[2, 3] == "rc2_1n"
    levels = np.linspace(1e-6, 1e-4, 16)
    number = np.abs(g[..., None] - levels).argmin(axis=-1)
    np.testing.assert_array_equal(found.levels, number)
    np.testing.assert_allclose(found.targets, levels[number])  # type: ignore[arg-type]


@pytest.mark.parametrize("spacing", ["resistance", "log"])
def test_levels_are_the_nearest_in_what_they_are_spaced_in(spacing: str) -> None:
    found = netlearn.crossbar_matrix(made(), hardware=f"{HARDWARE} spacing={spacing}")
    held = np.linspace(1e4, 1e6, 16) if spacing == "resistance" else np.geomspace(1e4, 1e6, 16)
    of = (lambda r: r) if spacing == "resistance" else np.log
    number = np.abs(of(1 / found.conductances[..., None]) - of(held)).argmin(axis=-1)
    np.testing.assert_array_equal(found.levels, 15 - number)
    series = netlearn.crossbar_matrix(made(), hardware="series=e12")
    assert series.targets is not None
    digits = 1 / series.targets / 10 ** np.floor(np.log10(1 / series.targets) + 1e-9)
    assert set(digits.round(6).ravel()) <= {1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2}


def test_levels_are_those_of_a_measured_file(folder: Path) -> None:
    held = np.array([1e-6, 3e-6, 2e-5, 1e-4])
    Path("levels.csv").write_text("conductance\n" + "\n".join(map(str, held)) + "\n")
    found = netlearn.crossbar_matrix("bar.cir", hardware="measured=levels.csv")
    number = np.abs(found.conductances[..., None] - held).argmin(axis=-1)
    np.testing.assert_array_equal(found.levels, number)
    np.testing.assert_allclose(found.targets, held[number])  # type: ignore[arg-type]
    for name in ("none.csv", "bar.cir"):
        refused = run("export", "bar.cir", "--to", "matrix", "--hardware", f"measured={name}")
        assert refused.exit_code == 2
        assert name in refused.output


@pytest.mark.parametrize("name", ["m.csv", "m.npz"])
@pytest.mark.parametrize("cell", ["resistor", "sinh", "diode"])
def test_there_and_back(folder: Path, name: str, cell: str) -> None:
    """To the same text, from another netlist of the same crossbar; and at once nothing changes at all."""
    Path("a.cir").write_text(str(made(cell=cell)))
    Path("b.cir").write_text(str(made(cell=cell, min=2e4, max=3e5)))
    for netlist in ("a.cir", "b.cir"):
        done = run("export", "a.cir", "--to", "matrix", "--hardware", HARDWARE, "-o", name)
        assert done.exit_code == 0, done.output
        assert run("import-values", netlist, name, "-o", "c.cir").exit_code == 0
        ours, theirs = (netlearn.crossbar_matrix(each) for each in ("c.cir", "a.cir"))
        np.testing.assert_allclose(ours.conductances, theirs.conductances, rtol=1e-15)
    assert run("import-values", "a.cir", name).exit_code == 0
    assert Path("a.measured.cir").read_text() == Path("a.cir").read_text()


def test_only_values_change(folder: Path) -> None:
    text = Path("bar.cir").read_text().replace("Rc0_0p ", "Rc0_0p  ").replace("\n.end", " ; a remark\n.end")
    Path("bar.cir").write_text(text)
    before = netlearn.crossbar_matrix("bar.cir")
    measured = before.conductances * np.random.default_rng(0).lognormal(0, 0.1, before.conductances.shape)
    np.save("measured.npy", measured)
    assert "written   bar.measured.cir" in run("import-values", "bar.cir", "measured.npy").output
    after = Path("bar.measured.cir").read_text()
    np.testing.assert_allclose(netlearn.crossbar_matrix("bar.measured.cir").conductances, measured, rtol=1e-15)
    for old, new in zip(text.splitlines(), after.splitlines(), strict=True):
        assert old == new or (old.startswith("Rc") and old.rpartition(" ")[0] == new.rpartition(" ")[0])


def test_names_put_rows_and_columns_in_their_order(folder: Path) -> None:
    found = netlearn.crossbar_matrix("bar.cir")
    turned = found.conductances[::-1, ::-1] * 2
    np.savez("m.npz", conductances=turned, rows=found.rows[::-1], columns=found.columns[::-1])
    lines = [["", *found.columns[::-1]], *([r, *row] for r, row in zip(found.rows[::-1], turned.tolist(), strict=True))]
    Path("m.csv").write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    np.savez("r.npz", resistances=1 / turned[::-1, ::-1])
    for name in ("m.npz", "m.csv", "r.npz"):
        after = netlearn.crossbar_matrix(netlearn.import_values("bar.cir", name))
        np.testing.assert_allclose(after.conductances, 2 * found.conductances, rtol=1e-14)
    same = netlearn.import_values("bar.cir", found)
    assert str(same) == Path("bar.cir").read_text()


def test_csv_has_a_line_for_each_cell(folder: Path) -> None:
    text = run("export", "bar.cir", "--to", "matrix", "--hardware", HARDWARE).output
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 24
    assert list(rows[0]) == ["row", "column", "element", "conductance", "target", "level"]
    assert rows[7]["element"] == "rc1_0n"
    assert text == netlearn.export("bar.cir", "matrix", hardware=HARDWARE)


def test_crossbars_without_numbers_in_their_names_are_found_by_nodes() -> None:
    text = "* bar\nV1 a 0 1\nV2 b 0 1\nRx a p 1k\nRy a q 2k\nRz b q 4k\nRp p 0 1k\nRq q 0 1k\n.end\n"
    found = netlearn.crossbar_matrix(netlearn.parse(text))
    assert (found.rows, found.columns) == (("a", "b"), ("p", "q"))
    np.testing.assert_allclose(found.conductances, [[1e-3, 5e-4], [np.nan, 2.5e-4]])
    again = netlearn.import_values(netlearn.parse(text), found)
    assert str(again) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,column,conductance\nrow0,col0p,nan\n", "m.csv:2:1: error: row row0, column col0p: nan is not a finite"),
        ("row,column,conductance\nrow0,col0p,\n", "m.csv:2:1: error: row row0, column col0p: there is no number"),
        ("row,column,conductance\nrow0,col0p,1u\n", "m.csv:2:1: error: row row0, column col0p: '1u' is not a number"),
        (
            "row,column,element,conductance\n"
            + "".join(f"row{i},col{j}{k},{'Rc' if i < 3 else 'Rx'}{i}_{j}{k},1e-6\n"
                      for i in range(4) for j in range(3) for k in "pn"),
            "m.csv:20:1: error: row row3, column col0p is 'rc3_0p', not 'Rx3_0p'",
        ),
        ("row,column\nrow0,col0p\n", "m.csv:1:1: error: no column is named conductance"),
        ("row,column,conductance\n", "m.csv:1:1: error: there are no cells"),
        ("row,column,conductance\nrow0,col0p,1\nrow0,col0p,2\n", "m.csv:3:1: error: row row0, column col0p is there"),
        ("1,2,3\n4,5,6\n", "m.csv:1:1: error: 'm.csv' has 2 rows and 3 columns, the crossbar 4 rows and 6 columns"),
        ("1;2\n3;4\n", "m.csv:1:1: error: the columns are separated by ';'"),
        ("# siemens\n1\t2\n3\t4\n", "m.csv:2:1: error: the columns are separated by tabs"),
        ("1e-6 2e-6\n3 4\n", "separated by blanks\n"),
        ("1,2\n3,nan\n", "m.csv:2:1: error: row 2, column 2: nan is not a finite number"),
        ("\n".join(["1,1,1,1"] * 6), "its transpose would fit"),
        ("\n".join(["1,1,1,1,1,1"] * 3 + ["1,1,0,1,1,1"]), "m.csv:4:1: error: row row3, column col1p of 'm.csv': "),
        ("\n".join(["1,1,1,1,1,1"] * 3 + ["1,1,-2,1,1,1"]), "a conductance of -2"),
        (",".join(["", "col0p", "col0n", "col1p", "col1n", "col2p", "col2x"])
         + "\n" + "\n".join(f"row{i},1,1,1,1,1,1" for i in range(4)), "the crossbar has no column 'col2x'"),
    ],
)  # fmt: skip
def test_bad_matrices(folder: Path, text: str, message: str) -> None:
    Path("m.csv").write_text(text)
    done = run("import-values", "bar.cir", "m.csv")
    assert done.exit_code == 2
    assert message in done.output
    assert not Path("bar.measured.cir").exists()


def test_missing_cells_and_other_archives(folder: Path) -> None:
    found = netlearn.crossbar_matrix("bar.cir")
    lines = found.csv().splitlines()
    Path("m.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(DataError, match=r"row row3, column col2n of 'm\.csv': there is no line of this cell"):
        netlearn.import_values("bar.cir", "m.csv")
    g = found.conductances.copy()
    g[1, 2] = np.nan
    np.savez("m.npz", conductances=g)
    with pytest.raises(DataError, match=r"row row1, column col1p of 'm\.npz': nan"):
        netlearn.import_values("bar.cir", "m.npz")
    np.savez("m.npz", weights=g, others=g)
    with pytest.raises(DataError, match=r"holds others, weights\n.*'conductances' or"):
        netlearn.import_values("bar.cir", "m.npz")
    np.savez("m.npz", conductances=np.array([[object()]]))
    with pytest.raises(DataError, match="holds objects"):
        netlearn.import_values("bar.cir", "m.npz")
    np.savez("m.npz", conductances=found.conductances, rows=["a"])
    with pytest.raises(DataError, match="names 1 rows, and 'conductances' has 4"):
        netlearn.import_values("bar.cir", "m.npz")
    with pytest.raises(DataError, match="does not exist"):
        netlearn.import_values("bar.cir", "none.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* none\nV1 a 0 1\nR1 a 0 1k\n.end\n", "there is no crossbar among what is trained"),
        (
            "* two\nV1 a 0 1\nRa0_0 a b 1\nRa0_1 a b 1\nRb0_0 b 0 1\nRb0_1 b 0 1\n.end\n",
            "both 'ra*' and 'rb*' could be",
        ),
        ("* twice\nV1 a 0 1\nRa0_0 a b 1\nRa00_0 a 0 1\n.end\n", "'ra0_0' and 'ra00_0' are at the same crossing"),
    ],
)
def test_what_is_no_crossbar(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        netlearn.crossbar_matrix(netlearn.parse(text))


def test_what_must_not_be_written_over_is_not(folder: Path) -> None:
    Path("m.csv").write_text(netlearn.crossbar_matrix("bar.cir").csv())
    for words in (("-o", "m.csv"), ("-o", "bar.cir"), ("-o", "there/is.cir")):
        assert run("import-values", "bar.cir", "m.csv", *words).exit_code == 2
    assert run("new", "crossbar", "other.cir").exit_code == 0
    for name in ("other.cir", "other.csv"):
        before = Path(name).read_text()
        for form in ("matrix", "json"):
            refused = run("export", "other.cir", "--to", form, "-o", name)
            assert refused.exit_code == 2
            assert f"'{name}' is read or written by this command for something else" in refused.output
            assert Path(name).read_text() == before
    assert run("flatten", "other.cir", "-o", "other.cir").exit_code == 2
    with pytest.raises(NetlearnError, match="no folder"):
        netlearn.crossbar_matrix("bar.cir").save("there/is.npz")


def test_levels_lie_within_the_cells_own_bounds_as_in_training() -> None:
    """``*@train`` of a crossbar has them, and training takes ``levels=16`` by itself."""
    own = netlearn.crossbar_matrix(made(), hardware="levels=16")
    said = netlearn.crossbar_matrix(made(), hardware=HARDWARE)
    np.testing.assert_array_equal(own.levels, said.levels)  # type: ignore[arg-type]
    narrower = netlearn.crossbar_matrix(made(), hardware="levels=16 max=500k")
    assert narrower.targets is not None
    assert narrower.targets.min() >= 1 / 500e3 * (1 - 1e-12)
    with pytest.raises(OptionError, match="levels need the bounds of a device"):
        netlearn.crossbar_matrix(made(), hardware="levels=16", train="Rc*")


def test_a_bare_matrix_of_ohms_is_no_matrix_of_siemens(folder: Path) -> None:
    siemens = netlearn.crossbar_matrix("bar.cir").conductances
    np.save("ohms.npy", 1 / siemens)
    with pytest.raises(DataError, match=r"'ohms.npy' seems to hold ohms, not siemens: .*\n.*'resistances'"):
        netlearn.import_values("bar.cir", "ohms.npy")
    np.savez("ohms.npz", resistances=1 / siemens)
    there = netlearn.crossbar_matrix(netlearn.import_values("bar.cir", "ohms.npz")).conductances
    np.testing.assert_allclose(there, siemens, rtol=1e-12)
    # A device that is a hundred times off is measured as it is.
    np.save("large.npy", siemens * 100)
    there = netlearn.crossbar_matrix(netlearn.import_values("bar.cir", "large.npy")).conductances
    np.testing.assert_allclose(there, siemens * 100, rtol=1e-12)
