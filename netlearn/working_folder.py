"""What the files of the working folder may decide: nothing.

The folder may be a stranger's, and libraries look into it for their configuration.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ignoring(*names: str) -> Iterator[None]:
    """Keep imports in the ``with`` block from reading files of these names in the working folder.

    Where there are such files, another folder is the working one meanwhile, as libraries have no switch for it.
    """
    if not any(os.path.lexists(name) for name in names):
        yield
        return
    # An open folder is found again even if it was moved or its path cannot be read.
    here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    try:
        os.chdir(os.path.abspath(os.sep))
        try:
            yield
        finally:
            os.fchdir(here)
    finally:
        os.close(here)


def private(folder: Path) -> bool:
    """Whether nobody but this user and the administrator can put files into a folder.

    Neither it nor one above it may be writable by others, except where each may remove only files
    of their own, as in ``/tmp``; a link counts as what it leads to.
    """
    resolved = Path(os.path.realpath(folder))
    try:
        return _owned(resolved, stat.S_IWGRP | stat.S_IWOTH) and all(
            _owned(each, stat.S_IWGRP | stat.S_IWOTH, sticky=True) for each in resolved.parents
        )
    except OSError:
        return False


def _owned(folder: Path, forbidden: int, sticky: bool = False) -> bool:
    found = folder.stat()
    loose = found.st_mode & forbidden and not (sticky and found.st_mode & stat.S_ISVTX)
    return found.st_uid in (0, os.geteuid()) and not loose
