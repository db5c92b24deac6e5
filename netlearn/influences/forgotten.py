"""Which rows of the training data are meant: by their numbers, or by rows of another table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError, warn
from netlearn.influences.local import rows_of
from netlearn.learn.data import Dataset
from netlearn.learn.files import read_table
from netlearn.learn.samples import table_of
from netlearn.learn.table import Table, plain_name
from netlearn.overrides import DataLike
from netlearn.project import Project

SAME = 1e-9
"""Numbers that differ by no more than this part of themselves are the same, as they may have been written anew: by
convention, of ten digits that are written all hold."""

LONGEST = 40
"""Characters of two numbers of rows: by convention, more than two numbers of 19 digits, which float64 and files have no
room for, guards messages against long text."""


def rows_from(text: str) -> Iterable[int]:
    """Rows counted from 0, from text that counts them from 1, such as ``3,7,10-12``. Raises OptionError.

    They are counted out one by one, so that the first that is not there ends it, however many were to follow.
    """
    found: list[range] = []
    for word in text.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(word) > LONGEST:
            raise OptionError(f"'{word:.{LONGEST}}' is not a row", hint="rows are numbered from 1, as in 3,7,10-12")
        ends = int(first), int(last) if dash else int(first)
        if ends[0] > ends[1]:
            raise OptionError(f"the rows '{word}' end before they begin", hint=f"write {ends[1]}-{ends[0]}")
        if not ends[0]:
            raise OptionError("there is no row 0", hint="rows are numbered from 1, without the line of column names")
        found.append(range(ends[0] - 1, ends[1]))
    return chain.from_iterable(found)


def forgotten_rows(
    project: Project, data: Dataset, rows: Iterable[int] | Array | None, forget: DataLike | None
) -> Array:
    """The rows (m,) of the project's table to forget, in their order. Raises OptionError and DataError.

    ``rows`` count from 0; ``forget`` are rows that stand in the table.
    """
    if (rows is None) == (forget is None):
        what = "say which rows are to be forgotten" if rows is None else "rows are given twice"
        raise OptionError(what, hint="either by their numbers, or as rows of a file")
    table = project.table
    if forget is None:
        assert rows is not None
        chosen = _numbered(rows, len(table))
    elif isinstance(forget, str | os.PathLike):
        chosen = _found(table, read_table(Path(forget), project.unnamed))
    else:
        chosen = _found(table, table_of(forget, project.unnamed, "<the rows to forget>"))
    trained = np.unique(rows_of(data))
    aside = np.setdiff1d(chosen, trained)
    if len(aside):
        row = int(aside[0])
        message = f"{table.row(row)} was kept for validation: nothing was learned from it"
        raise DataError(message, table.place(row), "leave it out")
    left = ~np.isin(rows_of(data), chosen)
    if not left.any() or not data.part(np.flatnonzero(left)).asked.any():
        every = f"all {len(trained)} rows that say what is wanted are" if len(trained) > 1 else "the only row is"
        raise DataError(
            f"nothing would be left: {every} to be forgotten",
            hint="keep some rows, or begin from the untrained netlist",
        )
    return chosen


def _numbered(rows: Iterable[int] | Array, count: int) -> Array:
    if not (isinstance(rows, np.ndarray) and rows.dtype.kind in "iu"):
        rows = list(_there(rows, count))
    chosen = np.unique(np.array(rows, dtype=np.intp))
    if not len(chosen):
        raise OptionError("no rows are named that are to be forgotten", hint="such as 3,7")
    return np.fromiter(_there(chosen.tolist(), count), np.intp)


def _there(rows: Iterable[object], count: int) -> Iterator[int]:
    """Rows as they are, each of which has to be one of so many."""
    for row in rows:
        if not isinstance(row, int | np.integer):
            raise OptionError(f"rows are whole numbers, not {row!r:.40}", hint="such as [2, 6], counted from 0")
        if not 0 <= row < count:
            raise OptionError(f"there is no row {int(row) + 1}, only 1 to {count}")
        yield int(row)


def _found(table: Table, forget: Table) -> Array:
    """The rows of a table that are those of another, one for each. Raises DataError."""
    own, given = _columns(table), _columns(forget)
    for name in own:
        if name not in given:
            hint = f"the rows have the columns of '{table.path}': {', '.join(own.values())}"
            raise DataError(f"there is no column '{own[name]}', which the training data has", forget.place(0), hint)
    for name in given:
        if name not in own:
            hint = f"there are {', '.join(own.values())}"
            raise DataError(f"the training data has no column '{given[name]}'", forget.heading(given[name]), hint)
    numbers = [table.columns[own[name]] for name in own if own[name] in table.columns]
    wanted = [forget.columns[given[name]] for name in own if own[name] in table.columns]
    taken = np.zeros(len(table), dtype=bool)
    for row in range(len(forget)):
        same = np.ones(len(table), dtype=bool)
        for column, values in zip(numbers, wanted, strict=True):
            same &= np.isclose(column, values[row], rtol=SAME, atol=0.0, equal_nan=True)
        if table.labels is not None and forget.labels is not None:
            same &= table.labels == forget.labels[row]
        places = np.flatnonzero(same & ~taken)
        if not len(places):
            again = " so often" if same.any() else ""
            raise DataError(
                f"{forget.row(row)} is not in '{table.path}'{again}",
                forget.place(row),
                "forget only what was trained on, with the numbers that it has there",
            )
        taken[places[0]] = True
        if len(places) > 1:
            others = ", ".join(str(place + 1) for place in places[1:5].tolist())
            warn(
                f"{forget.row(row)} of '{forget.path}' is in '{table.path}' more than once: row {places[0] + 1} is "
                f"forgotten, and what is the same stands in row {others} still, if it is not to be forgotten, too"
            )
    return np.flatnonzero(taken)


def _columns(table: Table) -> dict[str, str]:
    """Names as they are written, by what is the same for all ways to write them."""
    names = [*table.columns, *(["class"] if table.labels is not None else [])]
    return {plain_name(name): name for name in names}
