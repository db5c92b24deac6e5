"""How much memory there is, and what of it may be asked for at once."""

from __future__ import annotations

import os

SHARE = 0.25
"""Part of the machine's memory that one thing may take: what is made of it takes as much again, a few times."""
UNKNOWN = 1 << 34
"""Bytes that are taken to be there where the system does not tell."""


def installed() -> int:
    """The machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return UNKNOWN


def most() -> int:
    """Bytes that one thing may take."""
    return int(SHARE * installed())


def in_words(size: int) -> str:
    """A number of bytes, such as '6.4 GB'."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {unit}" if size < 10 ** (power + 3) else f"{size / 10**power:.3e} {unit}"
    return f"{size} bytes"
