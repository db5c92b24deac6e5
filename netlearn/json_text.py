"""JSON of results: arrays, records, paths, and null for what is not finite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.errors import UNSEEN

AT_A_TIME = 1000
"""Entries of a list that are written together, so that a long one is never a text as a whole. As JSON and as CSV,
samples take as long within 2 % with half and with twice as many (benchmarks/constants_of_reading.py)."""


def json_text(value: object, indent: int | None = 2) -> str:
    """JSON, with null for what is not finite, which JSON has no numbers for."""
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False)
    # As JSON may write any character, and does so for control characters below a space only.
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def json_parts(values: Mapping[str, object], name: str, entries: Iterable[object]) -> Iterator[str]:
    """The text of ``values`` and of a list of any length under one more name, some entries at a time, each a line."""
    head = json_text({**values, name: []})
    left = iter(entries)
    first = list(islice(left, AT_A_TIME))
    if not first:
        yield head + "\n"
        return
    yield head.removesuffix("]\n}")
    before = ""
    while first:
        yield before + ",".join(f"\n    {json_text(entry, None)}" for entry in first)
        before, first = ",", list(islice(left, AT_A_TIME))
    yield "\n  ]\n}\n"


def plain(value: Any) -> Any:
    """The value as JSON has it: numbers, texts, lists and mappings."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    return value
