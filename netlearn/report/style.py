"""How figures look: the same everywhere, whatever a matplotlibrc says. To be imported before matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netlearn.errors import visible
from netlearn.working_folder import ignoring

with ignoring("matplotlibrc"):
    import matplotlib.style

# PGF is set by LaTeX, which runs what it reads.
UNSAFE_FORMATS = {"pgf"}


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's own settings while a figure is made or saved; also a decorator."""
    # With this salt instead of a random one, the same figure is the same SVG.
    with matplotlib.style.context(["default", {"svg.hashsalt": "netlearn"}]):
        yield


def as_drawn(text: str) -> str:
    """Text that is drawn as it stands: dollars begin no formula, and control characters are escaped."""
    return visible(text).replace("$", r"\$")
