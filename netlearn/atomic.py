"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netlearn.errors import NetlistError


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file or nothing: into a temporary file of the same folder, then moved into place.

    Raises
    ------
    NetlistError : if the folder or the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file of the same folder, which takes the place of ``path`` unless an error comes.

    Raises
    ------
    NetlistError : if the folder or the file cannot be written.
    """
    target = Path(path)
    temporary = None
    try:
        # A link is followed, so that the file it names is replaced and the link stays.
        target = target.resolve()
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:64]}.", delete=False) as file:
            temporary = Path(file.name)
        yield temporary
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except OSError as error:
        raise NetlistError(f"cannot write '{path}': {error.strerror}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
