"""Results as tables for people, and as CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netlearn.errors import visible
from netlearn.json_text import AT_A_TIME

DIGITS = 6
"""Significant digits of numbers in tables for people, by convention; CSV and JSON hold all of them."""
FRAMED = 1000
"""Rows of the longest table that has a frame, by convention: its columns are as wide as their widest cells, all of
which are in memory for that."""
PLAIN_WIDTH = 12
"""Characters of a number with six digits, a sign and an exponent, derived from DIGITS."""


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


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table of any length; one of more than ``FRAMED`` rows without a frame, a part at a time."""
    left = iter(rows)
    first = list(islice(left, FRAMED + 1))
    if len(first) <= FRAMED:
        show(table_of(columns, first))
        return
    names = [shown(name) for name in columns]
    widths = [max(cell_len(name), PLAIN_WIDTH) for name in names]
    file = Console().file
    file.write("  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True)).rstrip() + "\n")
    while first:
        lines = ("  ".join(shown(cell).rjust(width) for cell, width in zip(row, widths, strict=True)) for row in first)
        file.write("\n".join(lines) + "\n")
        first = list(islice(left, AT_A_TIME))
    file.flush()


def fitting(
    columns: Sequence[str], rows: Iterable[Sequence[object]], kept: int, width: int = 80
) -> tuple[list[str], list[list[object]]]:
    """The first ``kept`` columns, and as many of the others, in their order, as fit into ``width`` characters."""
    cells = [list(row) for row in rows]
    taken: list[int] = []
    used = 1
    for k, name in enumerate(columns):
        # A border and a blank on either side of the widest cell.
        needed = 3 + max(map(cell_len, (shown(name), *(shown(row[k]) for row in cells))))
        if k < kept or used + needed <= width:
            taken.append(k)
            used += needed
    return [columns[k] for k in taken], [[row[k] for k in taken] for row in cells]


def shown(value: object) -> str:
    """One value for people to read."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        # Adding zero takes the sign off a negative one.
        return f"{value + 0.0:.{DIGITS}g}"
    return visible(str(value))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header; numbers read back to the same float64."""
    return "".join(csv_parts(columns, rows))


def csv_parts(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The same, some rows at a time."""
    left: Iterator[Sequence[object]] = chain([columns], rows)
    while part := list(islice(left, AT_A_TIME)):
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([value.item() if isinstance(value, np.generic) else value for value in row] for row in part)
        yield file.getvalue()
