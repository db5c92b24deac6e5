from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlearn.errors import DataError
from netlearn.learn.files import read_table
from netlearn.learn.table import Table, label_of


def written(folder: Path, text: str | bytes, name: str = "d.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_labels_and_lines(tmp_path: Path) -> None:
    text = '\ufeffV1, "V(p,n)",class\r\n1,2,a\r\n\r\n# a comment\r\n 3e-3 ,-4.5,b c\r\n'
    table = read_table(written(tmp_path, text))
    assert list(table.columns) == ["V1", "V(p,n)"]
    np.testing.assert_array_equal(table.columns["V1"], [1.0, 3e-3])
    np.testing.assert_array_equal(table.columns["V(p,n)"], [2.0, -4.5])
    assert table.labels is not None
    assert table.labels.tolist() == ["a", "b c"]
    assert str(table.place(1)) == f"{tmp_path / 'd.csv'}:5:1"


def test_an_unquoted_difference_in_the_header_is_one_column(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "V1,V(p,n),V(q, r)\n1,2,3\n"))
    assert list(table.columns) == ["V1", "V(p,n)", "V(q,r)"]


def test_npz_gives_the_same_as_csv(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"V1": [1.0, 2.0], "class": np.array([3, 4])}
    np.savez(tmp_path / "d.npz", **columns)
    table = read_table(tmp_path / "d.npz")
    csv = read_table(written(tmp_path, "V1,class\n1,3.0\n2,4\n"))
    np.testing.assert_array_equal(table.columns["V1"], csv.columns["V1"])
    assert table.labels is not None
    assert csv.labels is not None
    assert table.labels.tolist() == csv.labels.tolist() == ["3", "4"]


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=200)
    table = read_table(written(tmp_path, "V1\n" + "\n".join(map(repr, values.tolist()))))
    np.testing.assert_array_equal(table.columns["V1"], values)


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", "1:1", "the data file is empty"),
        (" \n\n", "1:1", "the data file is empty"),
        ("V1,V(a)\n", "1:1", "there are no rows of data"),
        ("V1,V(a)\n1,2\n3\n", "3:1", "row 2 has 1 fields where 2 columns are named"),
        ("V1,V(a)\n1,2\n3,4,5\n", "3:1", "row 2 has 3 fields"),
        ("V1,V(a)\n1,2\n3,4k\n", "3:3", "row 2, column 'V(a)': '4k' is not a number"),
        ("V1,V(a)\n1,2\n3,4k\n", "3:3", "write 4000"),
        ("V1,V(a)\n1,2\n3,5%\n", "3:3", "write 0.05"),
        ('V1,V(a)\n1,2\n3,"4,5"\n', "3:4", "a decimal point is written as one: 4.5"),
        ("V1,V(a)\n1,2,5\n", "2:1", "a decimal point is written as a point, not as a comma"),
        ("V(a),V1\n1,\n", "2:1", "row 1, column 'V1': there is no number"),
        ("V1,V(a)\n1,2\n3,inf\n", "3:1", "row 2, column 'V(a)': inf is not finite"),
        ("V1,V(a)\n1,2\nnan,3\n", "3:1", "row 2, column 'V1': nan is not finite"),
        ("V1,V(a)\n1,2\n-inf,3\n", "3:1", "row 2, column 'V1': -inf is not finite"),
        ("V1,v1\n1,2\n", "1:1", "the column 'v1' is there twice, as 'V1', too"),
        ("V1,V(out),V( OUT )\n1,2,3\n", "1:1", "the column 'V( OUT )' is there twice, as 'V(out)', too"),
        ("V1,V(a,b),V(a , b)\n1,2,3\n", "1:1", "the column 'V(a,b)' is there twice"),
        ("V1,class,Class\n1,2,3\n", "1:1", "the column 'Class' is there twice"),
        ("V1,\n1,2\n", "1:1", "a column has no name"),
        (",V1,V(a)\n0,1,2\n", "1:1", "pandas writes its index so unless told to_csv(..., index=False)"),
        ("1,2\n3,4\n", "1:1", "the first row holds numbers"),
        ("V1;V(a)\n1;2\n", "1:1", "separated by ';'"),
        ("V1\tV(a)\n1\t2\n", "1:1", "separated by tabs"),
        ("V1,species\n1,setosa\n2,virginica\n", "2:3", "call the column of labels 'class'"),
        ("V1,name,class\n1,setosa,0\n2,virginica,1\n", "2:3", "labels are the column 'class'; leave others out"),
    ],
)
def test_bad_csv_is_named_with_row_and_column(tmp_path: Path, text: str, at: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"{path}:{at}: error: ")
    assert said in str(caught.value)


def test_names_that_differ_in_letter_case_or_blanks_alone_are_one(tmp_path: Path) -> None:
    for columns in ({"V1": [1.0], "v1": [2.0]}, {"V(o)": [1.0], "V( o)": [2.0]}, {"class": ["a"], "CLASS": ["b"]}):
        np.savez(tmp_path / "d.npz", **columns)
        for read in (lambda: Table.of(columns), lambda: read_table(tmp_path / "d.npz")):  # noqa: B023 used at once
            with pytest.raises(DataError, match="is there twice, as"):
                read()


def test_files_that_are_no_data(tmp_path: Path) -> None:
    written(tmp_path, "V1\n1\n", "iris_train.csv")
    with pytest.raises(DataError, match=r"does not exist\n.*did you mean 'iris_train.csv'"):
        read_table(tmp_path / "iris_trian.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(DataError, match="is binary"):
        read_table(written(tmp_path, b"\x7fELF\0\0", "d.csv"))
    with pytest.raises(DataError, match=r"not a .npz archive"):
        read_table(written(tmp_path, b"no zip", "d.npz"))
    np.savez(tmp_path / "pickled.npz", V1=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match=r"not a .npz archive of plain arrays"):
        read_table(tmp_path / "pickled.npz")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "has no columns"),
        ({"V1": [1.0], "V2": [1.0, 2.0]}, "differ in length"),
        ({"V1": [[1.0]]}, "shape"),
        ({"V1": ["a"]}, "not numbers"),
        ({"V1": []}, "no rows"),
    ],
)
def test_bad_arrays(columns: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Table.of(columns)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(["V1", "V(a,b)", "class", ",", ",", "\n", "\r", '"', "1", "-2e3", "nan", "é", "#", " "]),
            max_size=25,
        ).map(lambda parts: "".join(parts).encode("latin-1")),
    ),
    st.sampled_from(["d.csv", "d.npz"]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused(tmp_path: Path, content: bytes, name: str) -> None:
    try:
        table = read_table(written(tmp_path, content, name))
    except DataError:
        return
    assert len(table) > 0
    assert all(np.isfinite(column).all() for column in table.columns.values())


def test_both_ways_of_reading_agree(tmp_path: Path) -> None:
    rows = ["1,2e-3,-4", " 5 , 0.1,1e300", "0.30000000000000004,-0.0,7"]
    plain = read_table(written(tmp_path, "\n".join(["V1,V(p,n),I2", *rows])))
    other = read_table(written(tmp_path, "\n".join(["V1,V(p,n),I2", "# field by field", *rows])))
    assert list(plain.columns) == list(other.columns) == ["V1", "V(p,n)", "I2"]
    for name, column in plain.columns.items():
        assert column.tobytes() == other.columns[name].tobytes()
    assert [str(plain.place(row)) for row in range(3)] == [f"{tmp_path / 'd.csv'}:{line}:1" for line in (2, 3, 4)]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1.0", "1"),
        (" 1. ", "1"),
        ("+1", "1"),
        ("-1.00", "-1"),
        ("-0", "0"),
        ("001", "001"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("12345678901234567891", "12345678901234567891"),
        ("nan", "nan"),
        (float("nan"), ""),
        (None, ""),
        ("", ""),
        ("  ", ""),
        ("١", "١"),
    ],
)
def test_labels_are_told_apart_by_how_they_are_written(value: object, label: str) -> None:
    assert label_of(value) == label
