"""Functions compiled by numba, and where their machine code is kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numba


def _cache() -> str:
    """A folder for the machine code of just these sources: numba itself looks at the time of one of them only."""
    here = Path(__file__).parent
    # Compiled code takes constants from the devices, too.
    sources = sorted((*here.glob("*.py"), *(here.parents[1] / "circuit" / "devices").glob("*.py")))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    users = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "netlearn"
    if numba.config.CACHE_DIR:
        base = Path(numba.config.CACHE_DIR)
    else:
        base = here / "__pycache__" if os.access(here, os.W_OK) else users
    return str(base / f"compiled-{digest}")


CACHE = _cache()


def compiled(function: Any) -> Any:
    """The function compiled when it is first called, for the kinds of arguments that it is called with."""
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, CACHE
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # No folder can be written to.
        return numba.njit(**options)(function)
    finally:
        numba.config.CACHE_DIR = before
