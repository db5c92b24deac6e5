"""How many threads the solvers use: samples are shared among them, and BLAS has one thread in each.

Circuit matrices are small or sparse. On them BLAS loses far more by waking threads than it
gains (milliseconds on a 15 x 15 matrix where another process has a core), and sums come out
in an order that may change. Samples in parts are another matter: they are solved by as many threads as
there are cores, and what comes out are the same bytes whatever the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from netlearn.environment import count_named
from netlearn.errors import OptionError

VARIABLE = "NETLEARN_THREADS"
"""The variable of the environment that says how many threads there may be."""

_chosen: list[int] = []


@cache
def _libraries() -> ThreadpoolController:
    # Compiled loops call scipy's BLAS, which is another one than numpy's.
    import_module("scipy.linalg.cython_blas")
    # Looking the loaded libraries up takes milliseconds, setting their limit microseconds.
    return ThreadpoolController()


@cache
def _blas() -> list[Any]:
    return [each for each in _libraries().lib_controllers if each.user_api == "blas"]


def one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS uses one thread."""
    # Setting it takes longer than a look whether it has to be set.
    if all(each.num_threads == 1 for each in _blas()):
        return nullcontext()
    limits: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limits


def set_threads(count: int | None) -> None:
    """Use so many threads from now on; None for what the environment says, or as many as there are cores.

    Raises OptionError for fewer than one, be it here or in the environment.
    """
    if count is not None and count < 1:
        raise OptionError(f"there is no work in {count} threads", hint="give 1 or more")
    _chosen[:] = [] if count is None else [count]
    threads()


def threads() -> int:
    """How many threads the solvers use. Raises OptionError where the environment names no number of them."""
    if _chosen:
        return _chosen[0]
    if named := count_named(VARIABLE, "threads"):
        return named
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="netlearn")


SHARES = 2
"""Parts for each thread, by convention, so that one which is held up does not hold up all; one thread alone has a
single part."""


def in_shares(work: Callable[[int, int], None], count: int, least: int) -> None:
    """``work(first, last)`` for about equal parts, of ``least`` or more of ``count`` things, as the threads need them.

    What comes of a thing must not depend on the others in its part. See :func:`in_parts` for what does.
    """
    if count <= least:
        in_parts(work, count, least)
        return
    several = threads()
    shares = SHARES * several if several > 1 else 1
    in_parts(work, count, max(least, -(-count // shares)))


def in_parts(work: Callable[[int, int], None], count: int, size: int) -> None:
    """``work(first, last)`` for all parts of ``size`` of ``count`` things, in threads where there are several.

    The parts do not depend on the number of threads.

    The work has to be done without Python's lock to gain by it.
    """
    parts = [(first, min(first + size, count)) for first in range(0, count, size)]
    several = threads() if len(parts) > 1 else 1
    if several == 1:
        for part in parts:
            work(*part)
        return
    for done in [_pool(several).submit(work, *part) for part in parts]:
        done.result()
