"""Tables of samples from files: CSV and .npz."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, Place, did_you_mean

CLASS = "class"
"""The name of the column that holds class labels."""


@dataclass(frozen=True)
class Table:
    """Columns of S rows: numbers, and labels where the column ``class`` is.

    ``lines`` (S,) are the lines of the file that the rows stand on, None where it has none.
    """

    path: str
    columns: Mapping[str, Array]
    labels: Array | None = None
    lines: Array | None = None

    def __len__(self) -> int:
        return (
            len(next(iter(self.columns.values()))) if self.columns else 0 if self.labels is None else len(self.labels)
        )

    def place(self, row: int) -> Place:
        """Where row ``row`` stands, counted from 0."""
        return Place(self.path, int(self.lines[row]) if self.lines is not None else row + 1)

    @classmethod
    def of(cls, columns: Mapping[str, object], path: str = "<data>") -> Table:
        """A table from arrays by column name. Raises DataError."""
        arrays = {name.strip(): np.asarray(column) for name, column in columns.items()}
        label = next((name for name in arrays if name.lower() == CLASS), None)
        labels = None if label is None else np.array([_label(value) for value in arrays.pop(label).ravel()], dtype=str)
        numbers = {}
        for name, column in arrays.items():
            if column.ndim != 1:
                raise DataError(f"the column '{name}' of {path} has shape {column.shape}, not (samples,)")
            if column.dtype.kind not in "buif":
                raise DataError(f"the column '{name}' of {path} holds {column.dtype}, not numbers")
            numbers[name] = column.astype(float)
        lengths = {len(column) for column in numbers.values()} | ({len(labels)} if labels is not None else set())
        if not lengths:
            raise DataError(f"{path} has no columns")
        if len(lengths) > 1:
            raise DataError(f"the columns of {path} differ in length: {sorted(lengths)}")
        table = cls(path, numbers, labels)
        table.check()
        return table

    def check(self) -> None:
        """Raise DataError where there are no rows, or a number is not finite."""
        if not len(self):
            raise DataError("there are no rows of data", Place(self.path, 1))
        for name, column in self.columns.items():
            bad = np.flatnonzero(~np.isfinite(column))
            if len(bad):
                row = int(bad[0])
                raise DataError(f"row {row + 1}, column '{name}': {column[row]} is not finite", self.place(row))


def read_table(path: Path) -> Table:
    """Read a ``.npz`` archive of columns, or CSV whose first row names the columns.

    Raises DataError, with the row and the column, for a file that is missing, ragged, empty or
    holds something else than finite numbers outside the column ``class``.
    """
    if not path.is_file():
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"the data file '{path}' {what}", hint=did_you_mean(path.name, near))
    return _read_npz(path) if path.suffix.lower() == ".npz" else _read_csv(path)


def _read_npz(path: Path) -> Table:
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"'{path}' is not a .npz archive of plain arrays ({error})") from None
    return Table.of(columns, str(path))


def _read_csv(path: Path) -> Table:
    raw = path.read_bytes()
    if b"\0" in raw[:4096]:
        raise DataError(f"the data file '{path}' is binary", hint="data files are CSV or .npz")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if not text.strip():
        raise DataError("the data file is empty", Place(str(path), 1))
    lines = text.splitlines(keepends=True)
    table = _read_numbers(path, text, lines)
    return _read_fields(path, lines) if table is None else table


def _read_numbers(path: Path, text: str, lines: Sequence[str]) -> Table | None:
    """A table of nothing but numbers, several times faster; None for any other, right or wrong."""
    header = _names(lines[0].split(","))
    if len(lines) < 2 or not lines[1].strip() or CLASS in (name.lower() for name in header):
        return None
    if '"' in text or "#" in text:
        return None
    try:
        numbers = np.loadtxt(lines[1:], delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    if numbers.shape != (len(lines) - 1, len(header)):
        return None
    _check_names(header, Place(str(path), 1, text=lines[0].rstrip("\r\n")))
    columns = dict(zip(header, numbers.T, strict=True))
    table = Table(str(path), columns, lines=np.arange(2, len(lines) + 1))
    table.check()
    return table


def _read_fields(path: Path, lines: Sequence[str]) -> Table:
    """A table field by field, which finds what is wrong."""
    reader = csv.reader(lines, skipinitialspace=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        for row in reader:
            if row and not (len(row) == 1 and not row[0].strip()) and not row[0].startswith("#"):
                rows.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"not readable as CSV: {error}", Place(str(path), reader.line_num)) from None
    if not rows:
        raise DataError("there is no row that names the columns", Place(str(path), 1))
    header = _names(rows[0])
    _check_names(header, Place(str(path), numbers[0], text=lines[numbers[0] - 1].rstrip("\r\n")))
    body, at = rows[1:], np.array(numbers[1:], dtype=np.intp)
    for i, row in enumerate(body):
        if len(row) != len(header):
            place = Place(str(path), int(at[i]), text=lines[at[i] - 1].rstrip("\r\n"))
            raise DataError(f"row {i + 1} has {len(row)} fields where {len(header)} columns are named", place)
    columns: dict[str, Array] = {}
    labels: Array | None = None
    for name, column in zip(header, zip(*body, strict=True) if body else [()] * len(header), strict=True):
        if name.lower() == CLASS:
            labels = np.array([_label(value) for value in column], dtype=str)
        else:
            columns[name] = _floats(column, name, path, at, lines)
    table = Table(str(path), columns, labels, at)
    table.check()
    return table


def _names(row: Sequence[str]) -> list[str]:
    """Column names; an unquoted V(p,n) was split at its comma and is put together again."""
    names: list[str] = []
    for field in row:
        if names and names[-1].count("(") > names[-1].count(")"):
            names[-1] += "," + field.strip()
        else:
            names.append(field.strip())
    return names


def _check_names(names: Sequence[str], place: Place) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not name:
            raise DataError("a column has no name", place, "the first row names the columns, such as V1,V2,V(out)")
        if name.lower() in seen:
            raise DataError(f"the column '{name}' is there twice", place)
        seen[name.lower()] = name
        if ";" in name or "\t" in name:
            what = "tabs" if "\t" in name else "';'"
            raise DataError(f"the columns are separated by {what}", place, "separate them by commas")
    if all(_is_number(name) for name in names):
        raise DataError("the first row holds numbers", place, "it must name the columns, such as V1,V2,V(out)")


def _floats(column: Sequence[str], name: str, path: Path, at: Array, lines: Sequence[str]) -> Array:
    try:
        return np.array(list(map(float, column)), dtype=float)
    except ValueError:
        row = next(i for i, field in enumerate(column) if not _is_number(field))
    text = lines[at[row] - 1].rstrip("\r\n")
    field = column[row].strip()
    what = f"'{field}' is not a number" if field else "there is no number"
    start = max(0, text.find(field)) if field else 0
    place = Place(str(path), int(at[row]), start + 1, max(1, len(field)), text)
    raise DataError(f"row {row + 1}, column '{name}': {what}", place)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _label(value: object) -> str:
    """A class label as text; 1, 1.0 and '1' are the same class."""
    text = str(value).strip()
    if _is_number(text) and float(text).is_integer():
        return str(int(float(text)))
    return text
