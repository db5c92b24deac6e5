"""Where ngspice is on this machine, and PySpice's interface to it, made quiet and strict.

``NgSpiceShared`` of PySpice 1.5 logs every line that ngspice writes to its standard error, warns of
each ngspice newer than itself, and takes any such line for a failed command, although ngspice 43
and later write harmless notes there. ``Shared`` keeps what ngspice says and leaves the judgement to
the caller, who looks at whether the wanted vectors exist.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import Any

from netlearn.errors import NgspiceError

INSTALL = "sudo apt-get install libngspice0 ngspice"


def library() -> str | None:
    """What to give to dlopen for libngspice: a path or a name; None where there is none.

    ``NGSPICE_LIBRARY_PATH`` goes first, as for PySpice. Debian's libngspice0 has only
    ``libngspice.so.0``, which PySpice alone would not find.
    """
    named = os.environ.get("NGSPICE_LIBRARY_PATH")
    if named:
        # Absolute, as it is loaded by a process that works elsewhere.
        return os.path.abspath(named) if Path(named).exists() else None
    return find_library("ngspice") or next(_library_files(), None)


def executable() -> str | None:
    """The path of the ngspice executable, or None."""
    return shutil.which("ngspice")


def missing() -> NgspiceError:
    """The error for a machine without ngspice."""
    return NgspiceError("neither libngspice nor the ngspice executable is installed", hint=INSTALL)


def _library_files() -> Iterator[str]:
    folders = [
        *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep),
        *os.environ.get("LIBRARY_PATH", "").split(os.pathsep),
        f"{sys.prefix}/lib",
        "/usr/local/lib",
        "/usr/lib",
        "/opt/homebrew/lib",
    ]
    for folder in filter(None, folders):
        for pattern in ("libngspice.so*", "libngspice*.dylib"):
            yield from sorted(str(path) for path in Path(folder).absolute().glob(pattern))


def shared(path: str) -> Any:
    """ngspice, loaded into this process through PySpice from the library at ``path``.

    Only a worker process should do so: a crash of ngspice ends the process that holds it.
    """
    import logging

    logging.disable(logging.CRITICAL)
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi

    class Shared(NgSpiceShared):  # type: ignore[misc]
        LIBRARY_PATH = path.replace("{", "{{").replace("}", "}}")
        exited = False

        # PySpice hands its static methods to cffi, which finds the instance through user_data.
        @staticmethod
        def _send_char(message: Any, ngspice_id: int, user_data: Any) -> int:
            self = ffi.from_handle(user_data)
            stream, _, text = ffi.string(message).decode("utf-8", "replace").partition(" ")
            (self._stderr if stream == "stderr" else self._stdout).append(text)
            return 0

        @staticmethod
        def _exit(status: int, immediate: bool, quit_exit: bool, ngspice_id: int, user_data: Any) -> int:
            # ngspice asks to be unloaded after an internal error; the process must then end.
            ffi.from_handle(user_data).exited = True
            return status

        def said(self) -> str:
            """What ngspice wrote since the last command: errors first."""
            return "\n".join(line for line in (*self._stderr, *self._stdout) if line.strip())

    return Shared.new_instance()


def text(pointer: Any) -> str:
    """A C string; empty for a null pointer."""
    from PySpice.Spice.NgSpice.Shared import ffi

    return str(ffi.string(pointer).decode("utf-8", "replace")) if pointer != ffi.NULL else ""


def names(pointers: Any) -> Iterator[bytes]:
    """The C strings of an array that a null pointer ends."""
    from PySpice.Spice.NgSpice.Shared import ffi

    at = 0
    while pointers != ffi.NULL and pointers[at] != ffi.NULL:
        yield bytes(ffi.string(pointers[at]))
        at += 1
