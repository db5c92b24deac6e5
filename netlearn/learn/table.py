"""Tables of samples, from CSV among others."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, Place
from netlearn.netlist.numbers import format_number, parse_number
from netlearn.probes.names import is_probe

CLASS = "class"
"""The name of the column that holds class labels."""

OWN_VALUES = "<the netlist's own values>"
"""What the one sample is called that no data give."""

IN_MEMORY = "<data>"
"""What data that come from no file are called in messages."""

LINES_AT_A_TIME = 1 << 16
"""Lines of a CSV file that are read together: with half and with twice as many 200,000 lines take as long within 6 %
(benchmarks/rows_at_a_time.py)."""

_BOUND = re.compile(r"(.*\S)\s*\b(min|max)", re.IGNORECASE | re.DOTALL)
_WHOLE_LABEL = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.0*)?")


def asked_by(column: str) -> tuple[str, str] | None:
    """The probe that a column asks something of, and what: its "value", or a bound "min" or "max".

    None for a column that sets something. ``V(out)`` asks for a value, ``V(out) min`` for at least one.
    """
    if is_probe(column):
        return column.strip(), "value"
    bound = _BOUND.fullmatch(column.strip())
    return (bound[1], bound[2].lower()) if bound is not None and is_probe(bound[1]) else None


@dataclass(frozen=True)
class Table:
    """Columns of S rows: numbers, and labels where the column ``class`` is.

    ``lines`` (S,) are the lines of the file that the rows stand on, None where it has none;
    ``first`` rows of it stand before these.
    """

    path: str
    columns: Mapping[str, Array]
    labels: Array | None = None
    lines: Array | None = None
    first: int = 0
    header: Place | None = None
    """The row of the file that names the columns."""
    count: int = 0
    """How many rows there are where there are no columns."""

    def __len__(self) -> int:
        if self.columns:
            return len(next(iter(self.columns.values())))
        return self.count if self.labels is None else len(self.labels)

    def place(self, row: int) -> Place:
        """Where row ``row`` stands, counted from 0."""
        return Place(self.path, int(self.lines[row]) if self.lines is not None else self.first + row + 1)

    def row(self, row: int) -> str:
        """What row ``row``, counted from 0, is called in messages."""
        return f"row {self.first + row + 1}"

    def heading(self, name: str) -> Place:
        """Where the name of a column stands, as far as that is known."""
        start = -1 if self.header is None else self.header.text.find(name)
        if self.header is None or start < 0:
            return Place(self.path, 1)
        return replace(self.header, column=start + 1, length=len(name))

    @classmethod
    def of(cls, columns: Mapping[str, object], path: str = IN_MEMORY, first: int = 0) -> Table:
        """A table from arrays by column name. Raises DataError."""
        check_twice(columns, path)
        arrays = {name.strip(): np.asarray(column) for name, column in columns.items()}
        label = next((name for name in arrays if name.lower() == CLASS), None)
        labels = (
            None if label is None else np.array([label_of(value) for value in arrays.pop(label).ravel()], dtype=str)
        )
        numbers = {}
        for name, column in arrays.items():
            if column.ndim != 1:
                raise DataError(f"the column '{name}' of {path} has shape {column.shape}, not (samples,)")
            if column.dtype.kind not in "buif":
                said = f"the column '{name}' of {path} holds {column.dtype}, not numbers"
                raise DataError(said, hint=_of_words(name, columns) if column.dtype.kind in "OUST" else "")
            numbers[name] = column.astype(float)
        lengths = {len(column) for column in numbers.values()} | ({len(labels)} if labels is not None else set())
        if not lengths:
            raise DataError(f"{path} has no columns")
        if len(lengths) > 1:
            raise DataError(f"the columns of {path} differ in length: {sorted(lengths)}")
        table = cls(path, numbers, labels, first=first)
        table.check()
        return table

    def check(self) -> None:
        """Raise DataError where there are no rows, or a number is not finite.

        In a column that asks something of a probe, NaN stands for asking nothing.
        """
        if not len(self):
            raise DataError("there are no rows of data", Place(self.path, 1))
        for name, column in self.columns.items():
            bad = np.flatnonzero(np.isinf(column) if asked_by(name) else ~np.isfinite(column))
            if len(bad):
                row = int(bad[0])
                raise DataError(f"{self.row(row)}, column '{name}': {column[row]} is not finite", self.place(row))


def read_csv(path: Path) -> Table:
    """Read CSV whose first row names the columns.

    An empty cell of a column that asks something of a probe is NaN: nothing is asked. Raises DataError,
    with the row and the column, for a file that is ragged, empty or holds something else than finite
    numbers outside the column ``class``.
    """
    # Lines as Python has them take many times the memory of their numbers.
    parts = list(csv_chunks(path, LINES_AT_A_TIME))
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    labels = None if parts[0].labels is None else np.concatenate([part.labels for part in parts])
    return replace(parts[0], columns=columns, labels=labels, lines=np.concatenate([part.lines for part in parts]))


def csv_chunks(path: Path, rows: int | None = None) -> Iterator[Table]:
    """The same file as tables of about ``rows`` lines each, of which only one is held at a time."""
    with path.open(encoding=_encoding(path), newline=None) as file:
        number, head = 0, ""
        for line in file:
            number += 1
            if line.strip() and not line.startswith("#"):
                rest = _rest_of_quoted(line, file)
                head = line + "".join(rest)
                break
        if not head:
            raise DataError("the data file is empty", Place(str(path), 1))
        place = Place(str(path), number, text=head.rstrip("\n"))
        try:
            header = _names(next(csv.reader([head], skipinitialspace=True)))
        except csv.Error as error:
            raise DataError(f"not readable as CSV: {error}", place) from None
        _check_names(header, place)
        number, first = number + len(rest), 0
        while lines := list(islice(file, rows)):
            lines += _rest_of_quoted("".join(lines), file)
            part = _Lines(path, header, lines, number, first)
            table = part.numbers() or part.fields()
            if len(table):
                table.check()
                yield replace(table, header=place)
            number, first = number + len(lines), first + len(table)
        if not first:
            Table(str(path), {name: np.zeros(0) for name in header}).check()


def _encoding(path: Path) -> str:
    """The file's encoding. Raises DataError for a file that is not text."""
    decoder, encoding = codecs.getincrementaldecoder("utf-8")(), "utf-8-sig"
    with path.open("rb") as file:
        block = b" "
        while block:
            block = file.read(1 << 16)
            if b"\0" in block:
                raise DataError(f"the data file '{path}' is binary", hint="data files are CSV, Parquet or .npz")
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                encoding = "latin-1"
    return encoding


def _rest_of_quoted(text: str, file: Iterator[str]) -> list[str]:
    """The lines that belong to a field in quotes which ``text`` leaves open."""
    rest: list[str] = []
    if text.count('"') % 2:
        for line in file:
            rest.append(line)
            if line.count('"') % 2:
                break
    return rest


@dataclass(frozen=True)
class _Lines:
    """Lines of a CSV file: ``number`` lines and ``first`` rows stand before them."""

    path: Path
    header: Sequence[str]
    lines: Sequence[str]
    number: int
    first: int

    def numbers(self) -> Table | None:
        """A table of nothing but numbers, several times faster; None for any other, right or wrong."""
        if not self.lines[0].strip() or CLASS in (name.lower() for name in self.header):
            return None
        if any('"' in line or "#" in line or not _plain(line) for line in self.lines):
            return None
        try:
            numbers = np.loadtxt(self.lines, delimiter=",", comments=None, ndmin=2)
        except ValueError:
            return None
        if numbers.shape != (len(self.lines), len(self.header)):
            return None
        at = np.arange(len(self.lines)) + self.number + 1
        return Table(str(self.path), dict(zip(self.header, numbers.T, strict=True)), lines=at, first=self.first)

    def fields(self) -> Table:
        """A table field by field, which finds what is wrong."""
        reader = csv.reader(self.lines, skipinitialspace=True)
        body: list[list[str]] = []
        at: list[int] = []
        try:
            for row in reader:
                if row and not (len(row) == 1 and not row[0].strip()) and not row[0].startswith("#"):
                    body.append(row)
                    at.append(reader.line_num)
        except csv.Error as error:
            place = Place(str(self.path), self.number + reader.line_num)
            raise DataError(f"not readable as CSV: {error}", place) from None
        for i, row in enumerate(body):
            if len(row) != len(self.header):
                said = f"has {len(row)} fields where {len(self.header)} columns are named"
                # A comma that was meant as a decimal point makes fields of digits alone.
                digits = len(row) > len(self.header) and all(re.fullmatch(r"\s*[+-]?\d+\s*", each) for each in row)
                hint = "a decimal point is written as a point, not as a comma" if digits else ""
                raise DataError(f"row {self.first + i + 1} {said}", self._place(at[i]), hint)
        columns: dict[str, Array] = {}
        labels: Array | None = None
        for name, column in zip(self.header, zip(*body, strict=True) if body else [()] * len(self.header), strict=True):
            if name.lower() == CLASS:
                labels = np.array([label_of(value) for value in column], dtype=str)
            else:
                columns[name] = self._floats(column, name, at)
        lines = np.array(at, dtype=np.intp) + self.number
        return Table(str(self.path), columns, labels, lines, self.first)

    def _floats(self, column: Sequence[str], name: str, at: Sequence[int]) -> Array:
        empty = asked_by(name) is not None
        try:
            return np.array([float(field) if field.strip() or not empty else np.nan for field in column], dtype=float)
        except ValueError:
            row = next(i for i, field in enumerate(column) if not is_number(field) and (field.strip() or not empty))
        text = self.lines[at[row] - 1].rstrip("\n")
        field = column[row].strip()
        what = f"'{field}' is not a number" if field else "there is no number"
        start = max(0, text.find(field)) if field else 0
        place = self._place(at[row], start + 1, max(1, len(field)))
        hint = _as_number(field)
        if not hint and not any(map(is_number, column)):
            hint = _of_words(name, self.header)
        raise DataError(f"row {self.first + row + 1}, column '{name}': {what}", place, hint)

    def _place(self, line: int, column: int = 1, length: int = 1) -> Place:
        """A place in a line, counted from 1 among these."""
        return Place(str(self.path), self.number + line, column, length, self.lines[line - 1].rstrip("\n"))


def _of_words(name: str, names: Iterable[str]) -> str:
    """What may be meant by a column that holds words."""
    if asked_by(name) is not None:
        return ""
    labeled = any(other.strip().lower() == CLASS for other in names)
    return f"labels are the column '{CLASS}'; leave others out" if labeled else f"call the column of labels '{CLASS}'"


def _plain(line: str) -> bool:
    """Whether all that reads numbers has one opinion of what is blank in a line, and of what is a digit."""
    return line.isascii() and line.rstrip("\r\n").isprintable()


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
    for name in names:
        if not name:
            hint = "the first row names the columns, such as V1,V2,V(out)"
            if name == names[0] and len(names) > 1:
                hint += "; pandas writes its index so unless told to_csv(..., index=False)"
            raise DataError("a column has no name", place, hint)
        if ";" in name or "\t" in name:
            what = "tabs" if "\t" in name else "';'"
            raise DataError(f"the columns are separated by {what}", place, "separate them by commas")
    check_twice(names, place.path, place)
    if all(is_number(name) for name in names):
        raise DataError("the first row holds numbers", place, "it must name the columns, such as V1,V2,V(out)")


def check_twice(names: Iterable[str], path: str, place: Place | None = None) -> None:
    """Raise DataError for a column that is there twice: letter case and blanks do not tell names apart."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.get(plain_name(name))
        if first is not None:
            beside = "" if first == name else f", as '{first}', too"
            where = "" if place is not None or path == IN_MEMORY else f" of '{path}'"
            raise DataError(f"the column '{name}'{where} is there twice{beside}", place)
        seen[plain_name(name)] = name


def plain_name(name: str) -> str:
    """What is the same for all ways to write the name of a column."""
    return "".join(name.lower().split())


def _as_number(text: str) -> str:
    """How a field would be written as the number that it was meant to be, if that can be told."""
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f"a decimal point is written as one: {text.replace(',', '.')}"
    value = parse_number(text.removesuffix("%").strip())
    if value is None:
        return ""
    return f"write {format_number(value / 100 if text.endswith('%') else value)}"


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def label_of(value: object) -> str:
    """A class label as text; what is missing is empty.

    1, 1.0 and '1' are the same class, as whole numbers become floats where libraries have no others.
    Else labels are told apart by how they are written, '1' from '001'.
    """
    if is_missing(value):
        return ""
    text = str(value).strip()
    whole = _WHOLE_LABEL.fullmatch(text)
    if whole is None:
        return text
    return whole[2] if whole[1] != "-" or whole[2] == "0" else f"-{whole[2]}"


def is_missing(value: object) -> bool:
    """Whether a value is one of those that stand for none: None, NaN, or a library's NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
