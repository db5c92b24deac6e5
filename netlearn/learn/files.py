"""Files of samples: CSV, Parquet and .npz, whole or a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from netlearn import archives
from netlearn.arrays import Array
from netlearn.errors import DataError, did_you_mean
from netlearn.learn.samples import Unnamed, table_of
from netlearn.learn.table import Table, csv_chunks, read_csv

PARQUET = (".parquet", ".pq")
OTHERS = (".json", ".jsonl", ".xlsx", ".xls", ".ods", ".feather", ".pkl", ".pickle", ".mat", ".h5")
"""Endings of tables that other programs read."""
_UNREADABLE = (ValueError, OSError, EOFError, NotImplementedError, MemoryError)


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
            columns = archives.load_arrays(path)
        except (archives.BadArchive, OSError) as error:
            raise _no_archive(path, error) from None
        return table_of(columns, unnamed or Unnamed(), str(path))
    if suffix in PARQUET:
        try:
            parquet = _parquet()
            said = parquet.read_metadata(path)
            # Columns may be stored in next to nothing, but each row becomes a float64.
            archives.check_size("it", 8 * said.num_rows * said.num_columns)
            columns = parquet.read_table(path)
            # Text that is not UTF-8 is otherwise found when it is looked at, and no ValueError then.
            columns.validate(full=True)
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
    try:
        if path.is_file() and path.suffix.lower() in OTHERS:
            hint = "data files are CSV, Parquet or .npz; pandas reads many others, and writes to_csv(..., index=False)"
            raise DataError(f"'{path}' is no file of data: '{path.suffix}' is not read", hint=hint)
        if path.is_file():
            return
        what, folder = ("is a folder", path) if path.is_dir() else ("does not exist", path.parent)
        entries = folder.iterdir() if folder.is_dir() else ()
        near = [entry.name for entry in entries if entry.name[0] != "." and entry.is_file()]
    except OSError as error:
        raise DataError(f"the data file '{path}' cannot be read: {error.strerror}") from None
    raise DataError(f"the data file '{path}' {what}", hint=did_you_mean(path.name, near))


def _no_archive(path: Path, error: Exception) -> DataError:
    return DataError(f"'{path}' is not a .npz archive of plain arrays ({error})")


def _npz_chunks(path: Path, rows: int) -> Iterator[dict[str, Array]]:
    try:
        with archives.opened(path) as members:
            lengths = {member.shape[0] for member in members.values() if member.shape}
            if len(lengths) > 1:
                raise DataError(f"the columns of {path} differ in length: {sorted(lengths)}")
            for _ in range(0, max(1, *lengths, 0), rows):
                yield {name: member.next(rows) for name, member in members.items()}
    except (archives.BadArchive, OSError) as error:
        raise _no_archive(path, error) from None


def _parquet_chunks(path: Path, rows: int) -> Iterator[Any]:
    parquet, arrow = _parquet(), import_module("pyarrow")
    try:
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            empty = True
            for batch in file.iter_batches(rows):
                empty = False
                batch.validate(full=True)
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
