"""Times after writing, as they are said: ``1h``, ``30d``, ``1y``, or seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netlearn.errors import OptionError

UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "": 1.0,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 7 * 86400.0,
    "y": 365.25 * 86400.0,
}
"""Seconds, by definition; a year is a Julian one."""

_TIME = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zµ]*)", re.IGNORECASE)


def seconds_of(time: str | float) -> float:
    """The seconds that a time is. Raises OptionError for what is not a time, or before zero.

    >>> seconds_of("1h"), seconds_of("2d"), seconds_of(20)
    (3600.0, 172800.0, 20.0)
    """
    found = _TIME.fullmatch(str(time).strip())
    unit = "" if found is None else found[2].lower()
    if found is None or unit not in UNITS:
        hint = f"write a number and one of {', '.join(filter(None, UNITS))}, such as 1h"
        if unit == "m":
            hint = f"write {found[1]}min or {found[1]}ms" if found is not None else hint
        raise OptionError(f"'{time}' is not a time", hint=hint)
    seconds = float(found[1]) * UNITS[unit]
    if not 0 <= seconds < float("inf"):
        raise OptionError(f"'{time}' is not a time after writing", hint="a time at least 0, such as 1h")
    return seconds


def times_of(times: str | float | Iterable[str | float]) -> tuple[str, ...]:
    """Times as they are said, one by one; all that cannot be is refused. Raises OptionError."""
    listed = times.split(",") if isinstance(times, str) else [times] if isinstance(times, int | float) else times
    said = tuple(str(time).strip() for time in listed)
    for time in said:
        seconds_of(time)
    return said
