"""Small CSV files of devices: rows by the names of their columns, each with its place."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from netlearn.errors import DataError, Place, did_you_mean

Row = tuple[Place, Mapping[str, str]]


def rows_of(path: str | os.PathLike[str], known: Sequence[str], what: str) -> Iterator[Row]:
    """The rows of a CSV file, by the names in its first, empty lines and ``#`` comments left out.

    Raises DataError where it cannot be read, for a column that is not among ``known``, where there are no rows, and
    for a row that is too long or too short.
    """
    heading, names, rows = headed_rows(path, known, what)
    for name in names:
        if name not in known:
            raise DataError(f"{what} has no column '{name}'", heading, did_you_mean(name, known))
    first = next(rows, None)
    if first is None:
        raise DataError(f"{what} has no rows", heading)
    yield first
    yield from rows


def headed_rows(
    path: str | os.PathLike[str], known: Sequence[str], what: str
) -> tuple[Place, Sequence[str], Iterator[Row]]:
    """The place of the heading, the names in it, and the rows, where columns may have other names than ``known``.

    Raises DataError where it cannot be read, for a known column that stands twice, and for a row that is too long or
    too short when it comes to it.
    """
    lines = _text_of(path).splitlines()
    rows = [
        (number, cells)
        for number, line in enumerate(lines, 1)
        if not line.lstrip().startswith("#") and any(cells := _cells(path, number, line))
    ]
    if not rows:
        raise DataError(f"{what} is empty", Place(str(path), 1), f"its first row names columns: {', '.join(known)}")
    first, names = rows[0][0], [name.lower() for name in rows[0][1]]
    heading = _place(path, first, lines)
    if any(names.count(name) > 1 for name in known):
        raise DataError(f"{what} has a column twice", heading)
    return heading, names, _rows(names, ((_place(path, number, lines), cells) for number, cells in rows[1:]))


def _rows(names: Sequence[str], rows: Iterable[tuple[Place, Sequence[str]]]) -> Iterator[Row]:
    for place, row in rows:
        if len(row) != len(names):
            hint = "a decimal point is written as one" if len(row) > len(names) else ""
            raise DataError(f"there are {len(row)} cells, and {len(names)} columns", place, hint)
        yield place, dict(zip(names, row, strict=True))


def _text_of(path: str | os.PathLike[str]) -> str:
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
        raise DataError(f"this is not a row of CSV: {error}", Place(str(path), number)) from None


def _place(path: str | os.PathLike[str], number: int, lines: Sequence[str]) -> Place:
    text = lines[number - 1]
    return Place(str(path), number, 1, max(len(text), 1), text)
