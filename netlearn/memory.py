"""How much memory there is, and what of it may be asked for at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netlearn.errors import Place, TooLargeError

SHARE = 0.25
"""Part of the machine's memory that one thing may take, by convention: what is made of it takes as much again, a few
times."""
GROUP = Path("/sys/fs/cgroup")
"""Where Linux tells what a container may take."""
GIVEN_BACK = ("active_file", "inactive_file", "slab_reclaimable")
"""What a container takes and would give back, as groups of version 2 name it."""
GIVEN_BACK_BEFORE = ("total_active_file", "total_inactive_file")
"""The same in groups of version 1, which count the groups below only in totals."""
UNLIMITED = 1 << 62
"""A limit in bytes from which on there is none: stands for what Linux has near 2⁶³, and is beyond any memory."""
UNKNOWN = 1 << 34
"""Bytes that are taken to be there where the system does not tell, by convention: 16 GiB, as common machines have."""


def installed() -> int:
    """The machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return UNKNOWN


def most() -> int:
    """Bytes that one thing may take."""
    return int(SHARE * installed())


def available() -> int:
    """Bytes that can still be had: what the system has free, within the limits of this process and its group."""
    return max(0, min(_free(), _within_limit(), _within_group()))


def require(size: int, of: str, hint: str) -> None:
    """See that something of at least ``size`` bytes can be had, before it is tried. Raises TooLargeError."""
    free = available()
    if size > free:
        raise TooLargeError(f"{of} would take {in_words(size)} of memory, and {in_words(free)} can be had", hint=hint)


@contextmanager
def asked_for_by(place: Place | None) -> Iterator[None]:
    """What is too large in the ``with`` block is said with the place of what asks for it."""
    try:
        yield
    except TooLargeError as error:
        error.place = error.place or place
        raise


def _free() -> int:
    with suppress(OSError, ValueError, KeyError):
        lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        sizes = {words[0]: 1024 * int(words[1]) for words in lines if words[2:] == ["kB"]}
        return sizes["MemAvailable:"] + sizes.get("SwapFree:", 0)
    return installed()


def _within_limit() -> int:
    """What ``ulimit -v`` leaves."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
            return limit - taken
    return UNKNOWN << 20


def _within_group() -> int:
    """What a container's limit leaves, with what it would give back: files, and the kernel's own of them."""
    old = GROUP / "memory"
    for limit, taken, stat, back in (
        (GROUP / "memory.max", GROUP / "memory.current", GROUP / "memory.stat", GIVEN_BACK),
        (old / "memory.limit_in_bytes", old / "memory.usage_in_bytes", old / "memory.stat", GIVEN_BACK_BEFORE),
    ):
        with suppress(OSError, ValueError):
            most, now = (int(path.read_text(encoding="ascii")) for path in (limit, taken))
            lines = (line.split() for line in stat.read_text(encoding="ascii").splitlines())
            kept = sum(int(words[1]) for words in lines if len(words) == 2 and words[0] in back)
            # The first kind of groups says that there is no limit by one near 2**63.
            if most < UNLIMITED:
                return most - now + kept
    return UNKNOWN << 20


def in_words(size: int) -> str:
    """A number of bytes, such as '6.4 GB'."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {unit}" if size < 10 ** (power + 3) else f"{size / 10**power:.3e} {unit}"
    return f"{size} bytes"
