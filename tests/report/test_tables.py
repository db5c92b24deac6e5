"""Tables, CSV and JSON hold what was computed."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.json_text import json_text
from netlearn.learn.history import Record
from netlearn.report.tables import csv_text, show, shown, table_of


@given(st.lists(st.floats(allow_nan=False), min_size=1))
@settings(deadline=None)
def test_csv_numbers_read_back_to_the_same_float(numbers: list[float]) -> None:
    rows = list(csv.reader(io.StringIO(csv_text(["x"], [[np.float64(value)] for value in numbers]))))
    assert rows[0] == ["x"]
    assert [float(cell) for (cell,) in rows[1:]] == numbers


@given(st.lists(st.floats()))
@settings(deadline=None)
def test_json_is_strict_and_exact(numbers: list[float]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    for value in (numbers, np.array(numbers)):
        read = json.loads(json_text({"x": value}), parse_constant=refuse)["x"]
        assert read == [value if np.isfinite(value) else None for value in numbers]


def test_json_of_paths_records_and_names() -> None:
    text = json_text({"path": Path("a") / "b", "record": Record(3, 0.5), "names": ("é", np.int64(2))})
    read = json.loads(text)
    assert read["path"] == "a/b"
    assert read["record"]["loss"] == 0.5
    assert read["record"]["accuracy"] is None
    assert read["names"] == ["é", 2]


def test_names_in_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show(table_of(["name", "value"], [["v(a[0])", 1.23456789e-5], ["[bold]x", None]]))
    text = capsys.readouterr().out
    assert "v(a[0])" in text
    assert "[bold]x" in text
    assert "1.23457e-05" in text


def test_a_wide_table_is_not_cut_where_nobody_has_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"a_rather_long_column_{k}" for k in range(30)]
    show(table_of(names, [list(range(30))]))
    text = capsys.readouterr().out
    assert all(name in text for name in names)


def test_zero_has_no_sign_for_people() -> None:
    assert [shown(value) for value in (-0.0, np.float64(-0.0), -1e-300, 0.0)] == ["0", "0", "-1e-300", "0"]
