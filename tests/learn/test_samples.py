"""Samples as Python has them, all of which come to the same table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from netlearn.errors import DataError, NetlearnError, OptionError
from netlearn.learn.samples import Unnamed, drive_of, named_columns, table_of
from netlearn.learn.table import Table

COLUMNS = {"V1": [0.5, 1.0, -2.0], "I2": [1, 2, 3], "class": ["a", "b", "a"]}
X = np.array([[0.5, 1.0], [1.0, 2.0], [-2.0, 3.0]])
LABELS = ["a", "b", "a"]
NAMED = Unnamed(["V1", "I2"], ["V(a)", "V(b)"])


def structured() -> np.ndarray:
    rows = list(zip(*COLUMNS.values(), strict=True))
    return np.array(rows, dtype=[("V1", float), ("I2", int), ("class", "U1")])


@pytest.mark.parametrize(
    "data",
    [
        Table.of(COLUMNS),
        COLUMNS,
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).astype({"class": "category", "I2": "Int64"}),
        pl.DataFrame(COLUMNS),
        pa.table(COLUMNS),
        structured(),
        (X, LABELS),
        (X, np.array(LABELS)),
        (X, pd.Series(LABELS)),
        (X, pl.Series(LABELS)),
        (X, np.array(LABELS)[:, None]),
        (X.tolist(), tuple(LABELS)),
        (np.asfortranarray(X), LABELS),
        (sparse.csr_array(X), LABELS),
        (pd.DataFrame(X), LABELS),
        (pd.DataFrame({"V1": X[:, 0], "I2": X[:, 1]}), pd.DataFrame({"species": LABELS})),
        (pl.DataFrame({"V1": X[:, 0], "I2": X[:, 1]}), LABELS),
        {"X": X, "y": LABELS},
    ],
    ids=lambda data: type(data).__name__,
)
def test_every_kind_gives_the_same_table(data: object) -> None:
    table = table_of(data, NAMED)
    assert list(table.columns) == ["V1", "I2"]
    np.testing.assert_array_equal(np.stack(list(table.columns.values()), axis=1), X)
    assert table.labels is not None
    assert table.labels.tolist() == LABELS


@pytest.mark.parametrize("labels", [[3, 1, 3], [3.0, 1.0, 3.0], ["3", "1", "3"], [np.int8(3), 1, 3]])
def test_labels_may_be_numbers(labels: list[object]) -> None:
    table = table_of((X, labels), NAMED)
    assert table.labels is not None
    assert table.labels.tolist() == ["3", "1", "3"]


def test_numbers_are_values_of_one_output_and_labels_of_several() -> None:
    one = table_of((X, [1, 0, 1]), Unnamed(["V1", "I2"], ["V(a)"]))
    assert one.labels is None
    np.testing.assert_array_equal(one.columns["V(a)"], [1.0, 0.0, 1.0])
    assert table_of((X, [1, 0, 1]), NAMED).labels is not None
    assert table_of((X, [1, 0, 1]), Unnamed(["V1", "I2"], ["V(a)"], labels=True)).labels is not None


def test_values_of_several_outputs() -> None:
    targets = np.arange(6.0).reshape(3, 2)
    named = pd.DataFrame(targets, columns=["V(a)", "V(b)"])
    for given in (targets, named, pl.from_pandas(named), {"V(a)": targets[:, 0], "V(b)": targets[:, 1]}):
        table = table_of((X, given), NAMED)
        np.testing.assert_array_equal(table.columns["V(b)"], [1.0, 3.0, 5.0])


def test_one_column_may_drive_several_sources() -> None:
    unnamed = Unnamed(["(V1,-V2)", "-V3"])
    table = table_of(X, unnamed)
    np.testing.assert_array_equal(table.columns["V1"], X[:, 0])
    np.testing.assert_array_equal(table.columns["V2"], -X[:, 0])
    np.testing.assert_array_equal(table.columns["V3"], -X[:, 1])
    assert drive_of("( V1, -V2 )") == (("V1", 1.0), ("V2", -1.0))
    for wrong in ("(V1", "V1,", "()", "-", "(V1,(V2))"):
        with pytest.raises(OptionError, match="names no source"):
            drive_of(wrong)


def test_sources_of_the_netlist_are_what_columns_drive_where_nothing_else_says() -> None:
    table = table_of(X, Unnamed(sources=lambda: ("V7", "V8")))
    assert list(table.columns) == ["V7", "V8"]


def test_nothing_is_not_a_number() -> None:
    frame = pd.DataFrame({"V1": pd.array([1, None, 3], dtype="Int64"), "V2": [1.0, np.nan, 2.0]})
    columns = named_columns(frame)
    assert columns is not None
    np.testing.assert_array_equal(columns["V1"], [1.0, np.nan, 3.0])
    columns = named_columns(pl.DataFrame({"V1": [1, None, 3]}))
    assert columns is not None
    np.testing.assert_array_equal(columns["V1"], [1.0, np.nan, 3.0])
    table = table_of((X, ["a", None, float("nan")]), NAMED)
    assert table.labels is not None
    assert table.labels.tolist() == ["a", "", ""]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (X[0], "inputs have the shape (2,), not (samples, inputs)"),
        (X[None], "inputs have the shape (1, 3, 2)"),
        (X + 0j, "inputs hold complex128, not numbers"),
        (X.astype(str), "inputs hold '0.5' in row 1, not numbers"),
        (X[:, :1], "there is 1 column of inputs, and *@input names 2: V1 I2"),
        ((X, LABELS[:2]), "there are inputs of 3 samples and targets of 2"),
        ((X, np.zeros((3, 3))), "targets have the shape (3, 3), not (samples, 2)"),
        ((X, [0.5, 0.25, 1.0]), "targets have the shape (3,), not (samples, 2)"),
        ((X, [["a", "b"]] * 3), "targets hold 'a' in row 1, not numbers"),
        (
            (pd.DataFrame({"V1": X[:, 0]}), {"V1": X[:, 1], "V(a)": X[:, 0]}),
            "the column 'V1' is in the inputs and in the targets",
        ),
        (pd.DataFrame(X, columns=["V1", "V1"]), "the column 'V1' is there twice"),
        ({"V1": X}, "has shape (3, 2), not (samples,)"),
        (5, "inputs have the shape ()"),
        (None, "inputs have the shape ()"),
    ],
)
def test_what_does_not_fit_is_named(data: Any, said: str) -> None:
    with pytest.raises(NetlearnError) as caught:
        table_of(data, NAMED)
    assert said in str(caught.value)


def test_values_are_no_labels() -> None:
    with pytest.raises(DataError, match=r"targets are values such as 0\.5, not class labels"):
        table_of((X, [0.5, 1.0, 2.0]), Unnamed(["V1", "I2"], ["V(a)"], labels=True))
    with pytest.raises(DataError, match="targets without names need outputs"):
        table_of((X, [0.5, 1.0, 2.0]), Unnamed(["V1", "I2"]))
    with pytest.raises(DataError, match=r"3 columns of inputs for 2 sources \(V1, V2\)"):
        table_of(np.zeros((4, 3)), Unnamed(sources=lambda: ("V1", "V2")))
    with pytest.raises(DataError, match=r"1 column of inputs, and no source for them.*\n.*'\*@input V1 \.\.\.'"):
        table_of(np.zeros((4, 1)), Unnamed(sources=lambda: ()))
    with pytest.raises(DataError, match=r"there are 3 columns without names\n.*give them by name"):
        table_of(np.zeros((4, 3)), Unnamed())
    with pytest.raises(DataError, match="two columns of inputs drive 'V1'"):
        table_of(X, Unnamed(["V1", "V1"]))
