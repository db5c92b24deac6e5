"""One BLAS thread inside the solvers.

Circuit matrices are small or sparse. On them BLAS loses far more by waking threads than it
gains (milliseconds on a 15 x 15 matrix where another process has a core), and sums come out
in an order that may change; with one thread the same input gives the same bytes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@cache
def _libraries() -> ThreadpoolController:
    # Looking the loaded libraries up takes milliseconds, setting their limit microseconds.
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS uses one thread."""
    limits: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limits
