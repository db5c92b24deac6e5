"""Files of results, written part by part: CSV, Parquet and .npz."""

from __future__ import annotations

import csv
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, TextIO

import numpy as np

from netlearn.arrays import Array
from netlearn.atomic import replacing
from netlearn.errors import DataError, did_you_mean
from netlearn.learn.files import PARQUET

Write = Callable[[Mapping[str, Array]], None]
"""Adds rows: arrays (S,) of the same columns each time."""

ENDINGS = (".csv", ".npz", *PARQUET)


def check_ending(path: Path) -> None:
    """Raise DataError where a file's ending names no form of data."""
    if path.suffix.lower() not in ENDINGS:
        hint = did_you_mean(path.suffix, ENDINGS)
        raise DataError(f"'{path}' names no form of data", hint=f"{hint}; known endings: {', '.join(ENDINGS)}")


@contextmanager
def output_file(path: Path) -> Iterator[Write]:
    """Columns to a file that takes its place when it is whole, in the form that its ending names.

    Raises DataError for an unknown ending, and OutputError for what cannot be written.
    """
    check_ending(path)
    suffix = path.suffix.lower()
    with replacing(path) as temporary, ExitStack() as stack:
        if suffix == ".csv":
            with temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
                yield csv_writer(file)
            return
        opened = _npz(temporary, path.parent) if suffix == ".npz" else _parquet(temporary)
        yield stack.enter_context(opened)


def csv_writer(file: TextIO) -> Write:
    """Rows of CSV, the names of the columns first; numbers read back to the same float64."""
    writer = csv.writer(file, lineterminator="\n")
    named = False

    def write(columns: Mapping[str, Array]) -> None:
        nonlocal named
        if not named:
            writer.writerow(columns)
            named = True
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))

    return write


@contextmanager
def _npz(path: Path, folder: Path) -> Iterator[Write]:
    """Each column goes to a file of its own first, since an array's length stands at its beginning.

    These files are in ``folder``, where there is room for the archive, and have no names that could be left behind.
    """
    with ExitStack() as stack:
        parts: dict[str, IO[bytes]] = {}
        kinds: dict[str, np.dtype] = {}
        rows = 0

        def write(columns: Mapping[str, Array]) -> None:
            nonlocal rows
            lengths = {len(column) for column in columns.values()}
            if len(lengths) > 1:
                raise ValueError(f"columns of different lengths: {sorted(lengths)}")
            for name, column in columns.items():
                if name not in parts:
                    parts[name] = stack.enter_context(tempfile.TemporaryFile(dir=folder))
                    kinds[name] = column.dtype
                parts[name].write(np.ascontiguousarray(column, kinds[name]).tobytes())
            rows += lengths.pop()

        yield write
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, file in parts.items():
                file.seek(0)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    header = {"descr": np.lib.format.dtype_to_descr(kinds[name]), "fortran_order": False}
                    np.lib.format.write_array_header_1_0(member, {**header, "shape": (rows,)})
                    while block := file.read(1 << 20):
                        member.write(block)


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise DataError("writing Parquet takes pyarrow", hint="pip install 'netlearn[parquet]'") from None
    with ExitStack() as stack:
        writer = None

        def write(columns: Mapping[str, Array]) -> None:
            nonlocal writer
            table = arrow.table(
                {name: column.tolist() if column.dtype.kind == "U" else column for name, column in columns.items()}
            )
            if writer is None:
                writer = stack.enter_context(parquet.ParquetWriter(os.fspath(path), table.schema))
            writer.write_table(table)

        yield write
