"""One bar, drawn in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def drawn_bar(unit: str, doing: str | None = None) -> Iterator[Any]:
    """A bar of tqdm's that counts in a unit, closed with the context."""
    # It takes a while to import, and most have no use for it.
    from tqdm.auto import tqdm

    with tqdm(desc=doing, unit=unit) as bar:
        yield bar
