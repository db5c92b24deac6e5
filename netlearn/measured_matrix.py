"""Measured matrices from files, and whether they fit a crossbar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, Place, did_you_mean
from netlearn.matrix_files import NamedMatrix, number_of, read_matrix, require, text_rows

QUANTITIES = ("conductance", "resistance", "value")
MEMBERS = tuple(f"{quantity}s" for quantity in QUANTITIES)
WHAT = "measured matrix"
"""What messages call the file."""
ELEMENT = "element"
"""The heading of the column of names."""


@dataclass(frozen=True)
class MeasuredMatrix:
    """A matrix (n, m) from ``path`` with names of its rows and columns, if it has any, and what it is of.

    ``places`` (n, m) are lines of the file, 0 where there is none, and ``elements`` what lines call their cells.
    """

    path: str
    values: Array
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    quantity: str | None = None
    places: Array | None = None
    elements: Array | None = None

    def fitted(self, rows: Sequence[str], columns: Sequence[str], there: Array) -> MeasuredMatrix:
        """The same in the order of a crossbar's rows and columns, of whose crossings those ``there`` (n, m) have cells.

        Raises DataError for what does not fit.
        """
        if self.values.shape != there.shape:
            (n, m), (own, other) = there.shape, self.values.shape
            hint = "its transpose would fit" if (m, n) == (own, other) else ""
            said = f"has {own} rows and {other} columns, the crossbar {n} rows and {m} columns"
            raise DataError(f"'{self.path}' {said}", None if self.places is None else Place(self.path, 1), hint)
        order = np.ix_(self._order(self.rows, rows, "row"), self._order(self.columns, columns, "column"))
        places = None if self.places is None else self.places[order]
        elements = None if self.elements is None else self.elements[order]
        found = replace(self, values=self.values[order], places=places, elements=elements)
        found = replace(found, rows=tuple(rows), columns=tuple(columns))
        if places is not None and self.rows and self.columns:
            found.refuse(there & (places == 0), "there is no line of this cell")
        found.refuse(there & ~np.isfinite(found.values), "{} where there should be a number")
        found.refuse(~there & ~np.isnan(found.values), "{}, and there is no such cell")
        return found

    def called(self, elements: Array) -> None:
        """Raise DataError for a cell that a line calls by the name of another element than ``elements`` (n, m) has."""
        own = np.full(elements.shape, "") if self.elements is None else self.elements
        wrong = np.argwhere((own != "") & (np.char.lower(own) != np.char.lower(elements)))
        if len(wrong):
            i, j = wrong[0].tolist()
            where = f"row {self.rows[i]}, column {self.columns[j]}"
            raise DataError(f"{where} is '{elements[i, j]}', not '{own[i, j]}'", self._place(i, j))

    def positive(self, there: Array) -> None:
        """Raise DataError for a cell's value that is not above zero."""
        what = self.quantity or QUANTITIES[0]
        hint = "a cell that does not conduct has a small conductance, not none" if what == QUANTITIES[0] else ""
        self.refuse(there & ~(np.where(there, self.values, 1.0) > 0), f"a {what} of {{}}", hint)

    def refuse(self, wrong: Array, said: str, hint: str = "") -> None:
        """Raise DataError at the first of the values (n, m) that are ``wrong``, which ``said`` is filled with."""
        if wrong.any():
            i, j = (int(k) for k in np.argwhere(wrong)[0])
            where = f"row {self.rows[i]}, column {self.columns[j]}"
            value = f"{self.values[i, j]:g}"
            raise DataError(f"{where} of '{self.path}': {said.format(value)}", self._place(i, j), hint)

    def _order(self, own: Sequence[str], wanted: Sequence[str], what: str) -> list[int]:
        if not own:
            return list(range(len(wanted)))
        known = {name.lower(): k for k, name in enumerate(own)}
        for k, name in enumerate(own):
            if name.lower() not in {each.lower() for each in wanted}:
                place = self._place(k, 0) if what == "row" else self._place(0, k)
                raise DataError(
                    f"the crossbar has no {what} '{name}'",
                    place,
                    did_you_mean(name, wanted) or f"it has {wanted[0]}, ...",
                )
            if known[name.lower()] != k:
                raise DataError(f"the {what} '{name}' of '{self.path}' is there twice", self._place(k, 0))
        return [known[name.lower()] for name in wanted]

    def _place(self, row: int, column: int) -> Place | None:
        line = 0 if self.places is None else int(self.places[row, column])
        return Place(self.path, line) if line else None


def measured_matrix(given: object) -> MeasuredMatrix:
    """A measured matrix: an array, or the path of a ``.npy``, ``.npz`` or CSV file.

    CSV whose first line names ``row`` and ``column`` has a line for each cell. Raises DataError.
    """
    if not isinstance(given, str | os.PathLike):
        return _of(read_matrix(given, WHAT), None)
    path = Path(given)
    require(path, WHAT)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _of_archive(path)
    if suffix == ".npy":
        return _of(read_matrix(path, WHAT), None)
    rows = text_rows(path)
    header = [cell.lower() for cell in rows[0][1]]
    if {"row", "column"} <= set(header):
        return _of_cells(path, header, rows)
    return _of(read_matrix(path, WHAT), None)


def _of(matrix: NamedMatrix, quantity: str | None) -> MeasuredMatrix:
    places = np.repeat(np.array(matrix.lines)[:, None], matrix.values.shape[1], axis=1) if matrix.lines else None
    return MeasuredMatrix(matrix.path, matrix.values, matrix.rows, matrix.columns, quantity, places)


def _of_archive(path: Path) -> MeasuredMatrix:
    matrix = read_matrix(path, WHAT, MEMBERS, check=False)
    name = matrix.member.removesuffix("s") if matrix.member in MEMBERS else None
    return _of(matrix, name)


def _of_cells(path: Path, header: Sequence[str], lines: Sequence[tuple[int, list[str]]]) -> MeasuredMatrix:
    place = Place(str(path), lines[0][0])
    quantity = next((name for name in QUANTITIES if name in header), None)
    if quantity is None:
        raise DataError(f"no column is named {' or '.join(QUANTITIES)}", place)
    of = {name: header.index(name) for name in ("row", "column", quantity)}
    element = header.index(ELEMENT) if ELEMENT in header else None
    cells: dict[tuple[str, str], tuple[float, int, str]] = {}
    for line, row in lines[1:]:
        here = Place(str(path), line)
        if len(row) != len(header):
            raise DataError(f"there are {len(row)} cells where {len(header)} columns are named", here)
        key, number = (row[of["row"]], row[of["column"]]), number_of(row[of[quantity]])
        called = f"row {key[0]}, column {key[1]}"
        if number is None:
            text = row[of[quantity]]
            said = f"'{text}' is not a number" if text else "there is no number"
            raise DataError(f"{called}: {said}", here)
        if not np.isfinite(number):
            raise DataError(f"{called}: {number:g} is not a finite number", here)
        if key in cells:
            raise DataError(f"{called} is there twice, on line {cells[key][1]} as well", here)
        cells[key] = number, line, "" if element is None else row[element]
    if not cells:
        raise DataError("there are no cells", place)
    rows, columns = (tuple(dict.fromkeys(key[k] for key in cells)) for k in (0, 1))
    values, places = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), int)
    row_of, column_of = ({name: k for k, name in enumerate(names)} for names in (rows, columns))
    elements = np.full(values.shape, "", dtype=object)
    for (row_name, column_name), (number, line, called) in cells.items():
        at = row_of[row_name], column_of[column_name]
        values[at], places[at], elements[at] = number, line, called
    return MeasuredMatrix(str(path), values, rows, columns, quantity, places, elements.astype(str))
