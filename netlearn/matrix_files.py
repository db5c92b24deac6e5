"""Files that hold a matrix of numbers: CSV, with or without names of its rows and columns, .npy and .npz."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from netlearn import archives
from netlearn.archives import BadArchive, Member
from netlearn.arrays import Array
from netlearn.errors import DataError, Place, did_you_mean

NUMBERS = "biuf"
"""The kinds of arrays that hold real numbers."""


@dataclass(frozen=True)
class NamedMatrix:
    """A matrix (n, m) of finite numbers from ``path``, with the names of its rows and columns where it has them.

    ``lines`` (n,) are the lines of the file that its rows stand on, for messages.
    """

    path: str
    values: Array
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    member: str = ""
    """What it is called in the archive that it is from."""

    def place(self, row: int) -> Place | None:
        """Where a row stands, if it stands on a line."""
        return Place(self.path, self.lines[row]) if self.lines else None

    def cell(self, row: int, column: int) -> str:
        """What a number is called in messages."""
        named = self.rows[row] if self.rows else row + 1, self.columns[column] if self.columns else column + 1
        return f"row {named[0]}, column {named[1]}"

    def check(self) -> NamedMatrix:
        """The same. Raises DataError for a number that is not finite, at its place."""
        wrong = np.argwhere(~np.isfinite(self.values))
        if len(wrong):
            i, j = (int(k) for k in wrong[0])
            number = self.values[i, j]
            where = "" if self.lines else f" of '{self.path}'"
            raise DataError(f"{self.cell(i, j)}{where}: {number:g} is not a finite number", self.place(i))
        return self


def read_matrix(given: object, what: str = "matrix", members: Sequence[str] = (), *, check: bool = True) -> NamedMatrix:
    """A matrix from a file's path (.npy, .npz or CSV), or an array.

    CSV may name its columns in its first row, and its rows in its first column. Of a ``.npz`` archive the first of
    ``members`` is taken that there is, or the one array; arrays ``rows`` and ``columns`` are names. Nothing is
    unpickled. Without ``check`` an archive may hold NaN where it has no number. Raises DataError for what is no matrix
    of finite numbers, with its place.
    """
    if isinstance(given, NamedMatrix):
        return given.check()
    if not isinstance(given, str | os.PathLike):
        return _of_array(np.asarray(given), f"<{what}>").check()
    path = Path(given)
    require(path, what)
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            with path.open("rb") as file:
                return _of_array(Member(path.name, file, path.stat().st_size).whole(), str(path)).check()
        if suffix == ".npz":
            found = _of_archive(archives.load_arrays(path), str(path), members)
            return found.check() if check else found
    except (BadArchive, OSError, ValueError) as error:
        raise DataError(f"'{path}' is not a {suffix} file of a plain array ({error})") from None
    return _of_csv(path, text_rows(path)).check()


def require(path: Path, what: str) -> None:
    """Raise DataError for a file that is not there."""
    if path.is_file():
        return
    said = "is a folder" if path.is_dir() else "does not exist"
    near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    raise DataError(f"the {what} '{path}' {said}", hint=did_you_mean(path.name, near))


def text_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file that are neither empty nor comments, each with its line. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"'{path}' is not readable as CSV ({error})", hint="matrices are CSV, .npy or .npz") from None
    if "\0" in text:
        raise DataError(f"'{path}' is binary", hint="matrices are CSV, .npy or .npz")
    reader = csv.reader(text.splitlines(), skipinitialspace=True)
    found = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#"):
                found.append((reader.line_num, cells))
    except csv.Error as error:
        raise DataError(f"not readable as CSV: {error}", Place(str(path), reader.line_num)) from None
    if not found:
        raise DataError("there are no numbers", Place(str(path), 1))
    line, cells = found[0]
    separator = next(filter(None, map(_other_separator, cells)), None)
    if separator is not None:
        hint = "separate them by commas: numpy.savetxt(..., delimiter=',')"
        raise DataError(f"the columns are separated by {separator}", Place(str(path), line), hint)
    return found


def _other_separator(cell: str) -> str | None:
    """What stands between columns in the place of commas; blanks do between numbers alone, as names have them."""
    if ";" in cell or "\t" in cell:
        return "';'" if ";" in cell else "tabs"
    words = cell.split()
    return "blanks" if len(words) > 1 and all(number_of(word) is not None for word in words) else None


def number_of(text: str) -> float | None:
    """A cell as a number, None where it is none; 'nan' is one."""
    try:
        return float(text)
    except ValueError:
        return None


def _of_array(values: Array, path: str) -> NamedMatrix:
    if values.dtype.kind not in NUMBERS:
        raise DataError(f"{path} holds {values.dtype}, not real numbers")
    if values.ndim != 2 or not values.size:
        hint = "a vector is a matrix of one row: w[None]" if values.ndim == 1 else ""
        raise DataError(f"{path} has the shape {values.shape}, not (rows, columns)", hint=hint)
    return NamedMatrix(path, values.astype(float))


def _of_archive(arrays: Mapping[str, Array], path: str, members: Sequence[str]) -> NamedMatrix:
    plain = {name: array for name, array in arrays.items() if name not in ("rows", "columns")}
    name = next((name for name in members if name in plain), None)
    if name is None and len(plain) == 1:
        name = next(iter(plain))
    if name is None:
        wanted = " or ".join(f"'{member}'" for member in members) or "one array"
        raise DataError(f"'{path}' holds {', '.join(sorted(arrays)) or 'nothing'}", hint=f"it needs {wanted}")
    names: Any = {which: tuple(str(each) for each in arrays.get(which, ())) for which in ("rows", "columns")}
    found = replace(_of_array(plain[name], path), member=name, **names)
    for which, count in (("rows", found.values.shape[0]), ("columns", found.values.shape[1])):
        if names[which] and len(names[which]) != count:
            raise DataError(f"'{path}' names {len(names[which])} {which}, and '{name}' has {count}")
    return found


def _of_csv(path: Path, rows: list[tuple[int, list[str]]]) -> NamedMatrix:
    header: list[str] = []
    first = rows[0][1]
    # One word among numbers is a slip, not a header.
    if all(number_of(cell) is None for cell in first):
        header, rows = first, rows[1:]
        if not rows:
            raise DataError("there are no numbers", Place(str(path), 1))
    named = all(len(cells) > 1 and number_of(cells[0]) is None for _, cells in rows)
    width = len(header) if header else len(rows[0][1])
    # The corner above the rows' names may be left out.
    if header and named and all(len(cells) == width + 1 for _, cells in rows):
        header, width = ["", *header], width + 1
    values = np.empty((len(rows), width - named))
    for i, (line, cells) in enumerate(rows):
        if len(cells) != width:
            raise DataError(f"row {i + 1} has {len(cells)} cells where there should be {width}", Place(str(path), line))
        for j, cell in enumerate(cells[named:]):
            number = number_of(cell)
            if number is None:
                said = f"'{cell}' is not a number" if cell else "there is no number"
                raise DataError(f"row {i + 1}, column {j + 1}: {said}", Place(str(path), line))
            values[i, j] = number
    names = tuple(cells[0] for _, cells in rows) if named else ()
    return NamedMatrix(str(path), values, names, tuple(header[named:]), tuple(line for line, _ in rows))
