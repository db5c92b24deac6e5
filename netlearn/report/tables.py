"""Results as tables for people, and as CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netlearn.errors import UNSEEN, visible

DIGITS = 6
"""Significant digits of numbers in tables for people; CSV and JSON hold all of them."""


def show(table: Table) -> None:
    """Print a table, as wide as it needs to be where the output is not a terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    console.print(table)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table with numbers to the right and words to the left."""
    table = Table(title=Text(visible(title)) if title else None, title_justify="left")
    cells = [list(row) for row in rows]
    for k, name in enumerate(columns):
        filled = [row[k] for row in cells if row[k] is not None]
        numeric = bool(filled) and all(isinstance(cell, int | float | np.number) for cell in filled)
        table.add_column(Text(shown(name)), justify="right" if numeric else "left", no_wrap=True)
    for row in cells:
        table.add_row(*(Text(shown(value)) for value in row))
    return table


def shown(value: object) -> str:
    """One value for people to read."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.{DIGITS}g}"
    return visible(str(value))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header; numbers read back to the same float64."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([value.item() if isinstance(value, np.generic) else value for value in row])
    return file.getvalue()


def json_text(value: object) -> str:
    """JSON, with null for what is not finite, which JSON has no numbers for."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False)
    # As JSON may write any character, and does so for control characters below a space only.
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    return value
