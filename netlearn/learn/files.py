"""Files of samples: CSV, Parquet and .npz, whole or a part at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, did_you_mean
from netlearn.learn.samples import Unnamed, table_of
from netlearn.learn.table import Table, csv_chunks, read_csv

PARQUET = (".parquet", ".pq")
_UNREADABLE = (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError)


def read_table(path: Path, unnamed: Unnamed | None = None) -> Table:
    """Read a file of samples: a ``.npz`` archive of columns or of X and y, Parquet, or CSV.

    ``unnamed`` says what the columns of X and y stand for. Raises DataError, with the row and
    the column, for a file that is missing, ragged, empty or holds something else than finite
    numbers outside the column ``class``.
    """
    _require(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as archive:
                columns = {name: archive[name] for name in archive.files}
        except _UNREADABLE as error:
            raise _no_archive(path, error) from None
        return table_of(columns, unnamed or Unnamed(), str(path))
    if suffix in PARQUET:
        try:
            columns = _parquet().read_table(path)
        except _UNREADABLE as error:
            raise DataError(f"'{path}' is not readable as Parquet ({error})") from None
        return table_of(columns, unnamed or Unnamed(), str(path))
    return read_csv(path)


def table_chunks(path: Path, rows: int, unnamed: Unnamed | None = None) -> Iterator[Table]:
    """The same file as tables of about ``rows`` rows each, of which only one is held at a time."""
    _require(path)
    suffix = path.suffix.lower()
    if suffix not in (".npz", *PARQUET):
        yield from csv_chunks(path, rows)
        return
    first = 0
    for columns in _npz_chunks(path, rows) if suffix == ".npz" else _parquet_chunks(path, rows):
        table = table_of(columns, unnamed or Unnamed(), str(path), first)
        yield table
        first += len(table)


def _require(path: Path) -> None:
    if not path.is_file():
        near = [entry.name for entry in path.parent.iterdir() if entry.name[0] != "."] if path.parent.is_dir() else []
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"the data file '{path}' {what}", hint=did_you_mean(path.name, near))


def _no_archive(path: Path, error: Exception) -> DataError:
    return DataError(f"'{path}' is not a .npz archive of plain arrays ({error})")


class _Member:
    """An array of a .npz archive, read by its first axis from front to back."""

    def __init__(self, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"arrays of the format {version[0]}.{version[1]}")
        self.shape, by_columns, self.dtype = read(file)
        if self.dtype.hasobject:
            raise ValueError("objects cannot be loaded")
        if not self.shape:
            raise ValueError("a number by itself is not a column")
        self._file, self._row = file, int(np.prod(self.shape[1:]))
        self._whole: Array | None = None
        self._at = 0
        if by_columns and len(self.shape) > 1:
            values = np.frombuffer(file.read(), self.dtype)
            self._whole = values.reshape(self.shape, order="F")

    def next(self, rows: int) -> Array:
        """The next ``rows`` rows, or as many as are left."""
        start, self._at = self._at, min(self._at + rows, self.shape[0])
        if self._whole is not None:
            return self._whole[start : self._at]
        count = (self._at - start) * self._row
        data = self._file.read(count * self.dtype.itemsize)
        return np.frombuffer(data, self.dtype, count).reshape(self._at - start, *self.shape[1:])


def _npz_chunks(path: Path, rows: int) -> Iterator[dict[str, Array]]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            members = {name[:-4]: _Member(stack.enter_context(archive.open(name))) for name in names}
        except _UNREADABLE as error:
            raise _no_archive(path, error) from None
        lengths = {member.shape[0] for member in members.values()}
        if len(lengths) > 1:
            raise DataError(f"the columns of {path} differ in length: {sorted(lengths)}")
        for _ in range(0, max(1, *lengths), rows):
            try:
                part = {name: member.next(rows) for name, member in members.items()}
            except _UNREADABLE as error:
                raise _no_archive(path, error) from None
            yield part


def _parquet_chunks(path: Path, rows: int) -> Iterator[Any]:
    parquet, arrow = _parquet(), import_module("pyarrow")
    try:
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            empty = True
            for batch in file.iter_batches(rows):
                empty = False
                yield arrow.Table.from_batches([batch])
            if empty:
                yield file.read()
    except _UNREADABLE as error:
        raise DataError(f"'{path}' is not readable as Parquet ({error})") from None


def _parquet() -> Any:
    try:
        return import_module("pyarrow.parquet")
    except ImportError:
        raise DataError("reading Parquet takes pyarrow", hint="pip install 'netlearn[parquet]'") from None
