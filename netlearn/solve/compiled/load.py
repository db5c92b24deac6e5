"""Where the compiled loops are, if numba is there.

They are much faster than array operations on the small matrices of many samples. Without numba,
which takes its time to support new versions of Python, and while the loops are compiled, other code gives the same
results.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import warn

KERNELS = "netlearn.solve.compiled.kernels"
MOST_LANES = 64
"""More samples in step than this no longer make a sample cheaper: lattices of 32x32 diodes take as long within a
fiftieth with 32 and with 128 (benchmarks/block_sizes.py)."""
KEPT_NUMBERS = 8_000_000
"""How many numbers their factors may have in all, a bound of memory, 64 MB: lattices of 72x72 diodes take as long
within a thirtieth with half and with twice as many (benchmarks/block_sizes.py)."""
KEPT_BYTES = 24_000_000
"""Blocks of up to this size the process keeps when arrays are freed: below what the C library by default learns at the
most, 32 MB (mallopt(3))."""


class DoesNotLoad(ImportError):
    """numba is installed, but cannot be used."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")


_told: list[Callable[[], None]] = []


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` whenever functions are compiled meanwhile, which happens once on a machine."""
    _told.append(tell)
    try:
        yield
    finally:
        _told.remove(tell)


def tell_of_compiling() -> None:
    """Tell those who want to know that a function is being compiled."""
    for tell in _told:
        tell()


@cache
def kernels() -> Any:
    """The compiled functions, which the first use on a machine takes some seconds to compile.

    Raises ImportError where numba is not installed, and DoesNotLoad where it is, but fails.
    """
    module = import_module(KERNELS)
    # From the size of a block that was given back, the C library learns which ones to keep for the next time:
    # without one so large, every array of a megabyte is fetched anew from the system, a tenth of the time of all.
    np.empty(KEPT_BYTES, dtype=np.uint8)
    return module


@cache
def numba_loads() -> bool:
    """Whether numba is there. Warns where it is installed, but does not load."""
    try:
        kernels()
    except DoesNotLoad as error:
        warn(
            f"numba does not load, so that the slower array operations take its place ({error}); "
            "install it anew, or uninstall it to hear no more of it"
        )
        return False
    except ImportError:
        return False
    return True


def available() -> bool:
    """Whether compiled functions are to be called: once they are, they always will be.

    Where their machine code is nowhere to be found, another process begins to make it, until when array operations are
    to do the work. Raises OptionError where the environment names no way to compile.
    """
    return numba_loads() and _way().ready()


def at_hand() -> bool:
    """Whether compiled functions are to be called for what takes much less time than loading them: others did so."""
    return KERNELS in sys.modules and available()


def being_compiled() -> bool:
    """Whether array operations do the work because another process is compiling the functions."""
    return any(way.going_on for way in _ways)


class Here:
    """Compiling in this process, whatever is not there, when it is needed first."""

    going_on = False

    def ready(self) -> bool:
        """Whether there are functions to be called: always."""
        return True


def compile_here() -> None:
    """Compile what is not compiled yet in this process, whenever it is called first."""
    _ways[:] = [Here()]


@contextmanager
def compiled_by(way: Any) -> Iterator[None]:
    """Come by compiled functions in a way of one's own, such as :class:`Here`, while the context lasts."""
    former, _ways[:] = list(_ways), [way]
    try:
        yield
    finally:
        _ways[:] = former


_ways: list[Any] = []


def _way() -> Any:
    """How this process comes by compiled functions, found out when they are first wanted."""
    if not _ways:
        _ways.append(import_module("netlearn.solve.compiled.meanwhile").compilation())
    return _ways[0]


def lanes(samples: int, numbers: int) -> int:
    """How many of some samples to solve in step, each with so many numbers to keep: a multiple of 8."""
    most = max(8, min(MOST_LANES, KEPT_NUMBERS // max(numbers, 1)) // 8 * 8)
    # As many rounds as it takes, all of about the same width.
    rounds = -(-samples // most)
    return -(-samples // (8 * rounds)) * 8


def writable(values: Array) -> Array:
    """The same as an array that may be written to: for one that may not, numba would compile a loop once more."""
    return values if values.flags.writeable else values.copy()


def in_rows(values: Array) -> Array:
    """The same with rows that lie along memory, as an array that may be written to."""
    return writable(np.ascontiguousarray(values))


def in_lanes(values: Array, width: int) -> list[Array]:
    """(n, S) numbers in blocks (n, ``width``), the last one filled up with copies of its last sample."""
    count = values.shape[1]
    columns = np.minimum(np.arange(-(-count // width) * width), count - 1)
    return [np.ascontiguousarray(values[:, part]) for part in columns.reshape(-1, width)]
