"""Data of generated netlists as text."""

from __future__ import annotations

from collections.abc import Sequence

from netlearn.arrays import Array
from netlearn.netlist.numbers import format_number


def csv_text(header: Sequence[str], table: Array) -> str:
    """CSV of numbers (S, k), names with commas in quotes."""
    rows = [header, *([format_number(value) for value in row] for row in table.tolist())]
    return "".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) + "\n" for row in rows)
