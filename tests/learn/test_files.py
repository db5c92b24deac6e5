"""Files of samples, whole and a part at a time, and files of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netlearn.errors import DataError, OutputError
from netlearn.learn.files import read_table, table_chunks
from netlearn.learn.output_files import output_file
from netlearn.learn.samples import Unnamed, table_of
from netlearn.learn.table import Table

ROWS = 250


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {"V1": rng.normal(size=ROWS), "V(out)": rng.normal(size=ROWS), "class": rng.choice(["a", "b c"], ROWS)}
    )


def written(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=64)
    else:
        arrays: dict[str, Any] = {str(name): frame[name].to_numpy("U" if name == "class" else None) for name in frame}
        np.savez(path, **arrays)
    return path


def joined(tables: list[Table]) -> tuple[np.ndarray, list[str]]:
    columns = [np.stack(list(table.columns.values()), axis=1) for table in tables]
    labels = [label for table in tables if table.labels is not None for label in table.labels.tolist()]
    return np.concatenate(columns), labels


@pytest.mark.parametrize("ending", [".csv", ".npz", ".parquet"])
@pytest.mark.parametrize("rows", [1, 7, 100, 1000])
def test_parts_are_the_whole(tmp_path: Path, frame: pd.DataFrame, ending: str, rows: int) -> None:
    path = written(frame, tmp_path / f"d{ending}")
    parts = list(table_chunks(path, rows))
    assert max(map(len, parts)) <= rows
    assert [part.first for part in parts] == np.cumsum([0, *map(len, parts)])[:-1].tolist()
    values, labels = joined(parts)
    np.testing.assert_array_equal(values, frame[["V1", "V(out)"]])
    assert labels == frame["class"].tolist()
    whole, same = joined([read_table(path)])
    np.testing.assert_array_equal(whole, values)
    assert same == labels


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_archive_of_inputs_and_targets(tmp_path: Path, order: str) -> None:
    x = np.asarray(np.random.default_rng(0).normal(size=(20, 2)), order=order)  # type: ignore[call-overload]
    np.savez_compressed(tmp_path / "d.npz", X=x, y=np.arange(20) % 3)
    unnamed = Unnamed(["V1", "(V2,-V3)"], ["V(a)", "V(b)", "V(c)"])
    for table in (read_table(tmp_path / "d.npz", unnamed), *table_chunks(tmp_path / "d.npz", 20, unnamed)):
        assert list(table.columns) == ["V1", "V2", "V3"]
        np.testing.assert_array_equal(table.columns["V3"], -x[:, 1])
        assert table.labels is not None
        assert table.labels.tolist()[:4] == ["0", "1", "2", "0"]
    parts = list(table_chunks(tmp_path / "d.npz", 6, unnamed))
    np.testing.assert_array_equal(np.concatenate([part.columns["V2"] for part in parts]), x[:, 1])


def test_lines_and_rows_are_counted_through_all_parts(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('# said before\n\nV1,class\n1,"a\nb"\n2,c\n\n3,d\n4,e\n5x,f\n')
    parts = table_chunks(path, 2)
    first = next(parts)
    assert first.labels is not None
    assert first.labels.tolist() == ["a\nb"]
    with pytest.raises(DataError, match=rf"{path}:10:1: error: row 5, column 'V1': '5x' is not a number"):
        list(parts)
    path.write_text("V1\n" + "1\n" * 9 + "inf\n")
    with pytest.raises(DataError, match=rf"{path}:11:1: error: row 10, column 'V1': inf is not finite"):
        list(table_chunks(path, 4))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.csv", b"V1\n", "there are no rows of data"),
        ("d.csv", b"", "the data file is empty"),
        ("d.csv", b"V1\n1\n" + b"x" * 5000 + b"\0", "is binary"),
        ("d.npz", b"PK nothing", "is not a .npz archive of plain arrays"),
        ("d.parquet", b"PAR1", "is not readable as Parquet"),
        ("d.parquet", b"", "is not readable as Parquet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    for reading in (lambda path: [read_table(path)], lambda path: list(table_chunks(path, 10))):
        with pytest.raises(DataError, match=said):
            reading(tmp_path / name)


def test_text_that_is_not_utf8_is_refused_as_the_file_is_read(tmp_path: Path) -> None:
    """Found by ``benchmarks/fuzz.py data``."""
    path = tmp_path / "d.parquet"
    pd.DataFrame({"V1": [1.0, 2.0], "class": ["aaaa", "bbbb"]}).to_parquet(path, compression=None)
    assert len(read_table(path)) == 2
    path.write_bytes(path.read_bytes().replace(b"bbbb", b"b\xffbb"))
    for reading in (lambda path: [read_table(path)], lambda path: list(table_chunks(path, 1))):
        with pytest.raises(DataError, match=r"is not readable as Parquet.*UTF8"):
            reading(path)


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_labels_that_are_stored_as_bytes_are_text(tmp_path: Path, ending: str) -> None:
    """Found by ``benchmarks/fuzz.py data``: b'1' was 1, unless there were others that are no numbers in its part."""
    path, labels = tmp_path / f"d{ending}", [b"a", b"001", b"1", "é".encode()]
    if ending == ".npz":
        arrays: dict[str, Any] = {"V1": np.arange(4.0), "class": np.array(labels)}
        np.savez(path, **arrays)
    else:
        pd.DataFrame({"V1": np.arange(4.0), "class": labels}).to_parquet(path)
    for tables in ([read_table(path)], list(table_chunks(path, 1))):
        assert joined(tables)[1] == ["a", "001", "1", "é"]
    pd.DataFrame({"V1": [1.0], "class": [b"\xff"]}).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="bytes that are no text"):
        read_table(tmp_path / "bad.parquet")


@pytest.mark.parametrize("blank", ["\x1c", "\x1f", "\x85", "\xa0", "\u2003", "\t", " ", "\x0b", "\u0660"])
def test_blanks_are_the_same_to_whole_files_and_parts(tmp_path: Path, blank: str) -> None:
    """Found by ``benchmarks/fuzz.py data``."""
    path = tmp_path / "d.csv"
    path.write_text(f"V1,V2\n0.{blank},1\n2,3\n4,5\n\n", encoding="utf-8")

    def read(tables: Callable[[], list[Table]]) -> object:
        try:
            return joined(tables())[0].tolist()
        except DataError as error:
            return str(error)

    assert read(lambda: [read_table(path)]) == read(lambda: list(table_chunks(path, 2)))


def test_archives_of_objects_and_of_unequal_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", V1=np.array([{}], dtype=object))
    np.savez(tmp_path / "u.npz", V1=np.zeros(3), V2=np.zeros(4))
    np.savez(tmp_path / "n.npz", V1=np.float64(3))
    for name, said in (
        ("o.npz", "objects|Object"),
        ("u.npz", r"differ in length: \[3, 4\]"),
        ("n.npz", "column|shape"),
    ):
        for reading in (lambda path: [read_table(path)], lambda path: list(table_chunks(path, 2))):
            with pytest.raises(DataError, match=said):
                reading(tmp_path / name)


@pytest.mark.parametrize("ending", [".csv", ".npz", ".parquet"])
def test_what_is_written_part_by_part_reads_back(tmp_path: Path, frame: pd.DataFrame, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with output_file(path) as write:
        for start in range(0, ROWS, 90):
            part = frame[start : start + 90]
            columns = {"V1": part["V1"].to_numpy(), "V(out)": part["V(out)"].to_numpy()}
            write({**columns, "class": part["class"].to_numpy("U3")})
    back = read_table(path)
    np.testing.assert_array_equal(back.columns["V1"], frame["V1"])
    assert back.labels is not None
    assert back.labels.tolist() == frame["class"].tolist()


def test_nothing_is_left_of_a_file_that_is_not_finished(tmp_path: Path) -> None:
    for ending in (".csv", ".npz", ".parquet"):
        path = tmp_path / f"out{ending}"
        path.write_text("as it was")
        with pytest.raises(ValueError, match=r"length|argument"), output_file(path) as write:
            write({"V1": np.zeros(3), "V2": np.zeros(4)})
        assert path.read_text() == "as it was"
        path.unlink()
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="names no form of data"), output_file(tmp_path / "out.xlsx"):
        pass
    with pytest.raises(OutputError, match="there is no folder"), output_file(tmp_path / "none" / "out.csv"):
        pass


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_labels_are_texts_in_every_form_and_in_parts(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"V1": np.arange(5.0), "class": ["001", "1", "001", "01", None]}, dtype=object)
    path = tmp_path / f"d{ending}"
    typed = frame.astype({"V1": float})
    if ending == ".csv":
        typed.to_csv(path, index=False)
    else:
        typed.to_parquet(path)
    for tables in ([read_table(path)], list(table_chunks(path, 2)), [table_of(frame, Unnamed())]):
        labels = [label for table in tables if table.labels is not None for label in table.labels.tolist()]
        assert labels == ["001", "1", "001", "01", ""]
    with pytest.raises(DataError, match=r"the column 'V1' .* not numbers"):
        table_of({"V1": np.array(["1", "2"], dtype=object), "class": ["a", "b"]}, Unnamed())


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        read_table(tmp_path / ("a" * 300))


def test_a_hint_names_files_alone(tmp_path: Path) -> None:
    (tmp_path / "samples" / "deep").mkdir(parents=True)
    (tmp_path / "samples" / "train.csv").write_text("V1\n1\n")
    for missing in (tmp_path / "samples", tmp_path / "samples" / "x.csv"):
        with pytest.raises(DataError, match=r"samples.*(is a folder|does not exist)") as caught:
            read_table(missing)
        assert caught.value.hint == "known: train.csv"


@pytest.mark.parametrize("name", ["iris.json", "iris.XLSX", "iris.feather"])
def test_tables_of_other_programs_are_refused_by_their_endings(tmp_path: Path, name: str) -> None:
    """Read as CSV, the first line of JSON is a row of names."""
    (tmp_path / name).write_text('{"V1": {"0": 1.0, "1": 2.0}}')
    with pytest.raises(DataError, match=r"is not read\n.*to_csv\(\.\.\., index=False\)"):
        read_table(tmp_path / name)


def test_a_frame_with_a_column_of_words_is_told_what_labels_are_called() -> None:
    columns = {"V1": np.array([1.0, 2.0]), "species": np.array(["setosa", "virginica"])}
    with pytest.raises(DataError, match="call the column of labels 'class'"):
        table_of(columns, Unnamed())
