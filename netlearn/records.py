"""Records of trainings as files and tables: JSON lines, Parquet, DataFrames."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlearn.atomic import write_atomically
from netlearn.errors import NetlearnError, OptionError

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = (
    *("train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    *("best_epoch", "solves", "measurements", "seconds"),
)
"""What came of a training, in numbers."""

LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() in PARQUET


def check_form(path: Path) -> None:
    """Raise OptionError where a file's ending names no form of records, or one that this machine cannot write."""
    if path.suffix.lower() not in (*LINES, *PARQUET):
        hint = f"known endings: {', '.join((*LINES, *PARQUET))}"
        raise OptionError(f"'{path}' names no form of records", hint=hint)
    if is_parquet(path):
        _arrow()


def columns_of(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """All columns that any of the records has, None where one has not, or has NaN."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [_known(record.get(name)) for record in records] for name in names}


def frame_of(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A pandas DataFrame with a row for each record. Raises NetlearnError without pandas."""
    try:
        pandas = import_module("pandas")
    except ImportError:
        raise NetlearnError("a DataFrame takes pandas", hint="pip install pandas") from None
    frame: pd.DataFrame = pandas.DataFrame(list(records))
    return frame


def write_parquet(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records as a Parquet file, whole or not at all. Raises OutputError."""
    arrow, parquet = _arrow()
    columns = {}
    for name, values in columns_of(records).items():
        try:
            columns[name] = arrow.array(values, arrow.float64() if name in QUANTITIES else None)
        except (arrow.ArrowInvalid, arrow.ArrowTypeError):
            # What is a number in one record and a word in another is a word in a file of columns.
            columns[name] = arrow.array([None if value is None else str(value) for value in values])
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(columns), buffer)
    write_atomically(path, buffer.getvalue())


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and isnan(value) else value


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise OptionError("writing Parquet takes pyarrow", hint="pip install 'netlearn[parquet]'") from None
