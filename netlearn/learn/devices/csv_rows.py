"""Small CSV files of devices: rows by the names of their columns, each with its place."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from netlearn.errors import DataError, Place, did_you_mean


def rows_of(path: str | os.PathLike[str], known: Sequence[str], what: str) -> Iterator[tuple[Place, Mapping[str, str]]]:
    """The rows of a CSV file, by the names in its first, empty lines and ``#`` comments left out.

    Raises DataError where it cannot be read, for a column that is not among ``known``, and for a row that is too
    long or too short.
    """
    lines = text_of(path).splitlines()
    rows = [
        (number, cells)
        for number, line in enumerate(lines, 1)
        if not line.lstrip().startswith("#") and any(cells := _cells(path, number, line))
    ]
    if not rows:
        raise DataError(f"{what} is empty", Place(str(path), 1), f"its first row names columns: {', '.join(known)}")
    first, names = rows[0][0], [name.lower() for name in rows[0][1]]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise DataError(f"{what} has no column '{name}'", _place(path, first, lines), hint)
    if len(set(names)) < len(names):
        raise DataError(f"{what} has a column twice", _place(path, first, lines))
    if len(rows) == 1:
        raise DataError(f"{what} has no rows", _place(path, first, lines))
    for number, row in rows[1:]:
        place = _place(path, number, lines)
        if len(row) != len(names):
            hint = "a decimal point is written as one" if len(row) > len(names) else ""
            raise DataError(f"there are {len(row)} cells, and {len(names)} columns", place, hint)
        yield place, dict(zip(names, row, strict=True))


def text_of(path: str | os.PathLike[str]) -> str:
    """The text of a file. Raises DataError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"'{path}' is not UTF-8 text") from None


def _cells(path: str | os.PathLike[str], number: int, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error as error:
        raise DataError(f"this is no row of CSV: {error}", Place(str(path), number)) from None


def _place(path: str | os.PathLike[str], number: int, lines: Sequence[str]) -> Place:
    text = lines[number - 1]
    return Place(str(path), number, 1, max(len(text), 1), text)
