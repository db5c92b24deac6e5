"""Functions compiled by numba, and where their machine code is kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from netlearn.interrupts import Shield, whole_import
from netlearn.solve.compiled.load import DoesNotLoad, tell_of_compiling
from netlearn.working_folder import ignoring, private

try:
    with ignoring(".numba_config.yaml"):
        # Compiling, which takes longer, may be interrupted between its passes.
        whole_import("numba")
    import numba
    from numba.core import event

    # It would be read again whenever something is compiled.
    numba.core.config._config_fname = os.devnull
    disabled = bool(numba.core.config.DISABLE_JIT)
except Exception as error:
    if isinstance(error, ModuleNotFoundError) and error.name == "numba":
        raise
    # Whatever libraries raise that fit neither the system nor each other.
    raise DoesNotLoad(error) from error
if disabled:
    # What works on rows is made of instructions, and cannot run as Python.
    raise ImportError("NUMBA_DISABLE_JIT is set")


def _cache() -> str | None:
    """A folder for the machine code of just these sources: numba itself looks at the time of one of them only.

    What numba finds there is run, so that nobody else may be able to write to it; None where there is no such folder.
    """
    here = Path(__file__).parent
    # Compiled code takes constants from the devices, too, and the stopping rule from where array code has it.
    others = (here.parents[1] / "circuit" / "devices").glob("*.py")
    sources = sorted((*here.glob("*.py"), *others, here.parent / "stopping.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    for base in _places(here):
        folder = base / f"compiled-{digest}"
        # A relative path would lead into the working folder.
        if base.is_absolute():
            with suppress(OSError):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if private(folder) and os.access(folder, os.W_OK):
                    return str(folder.resolve())
    return None


def _places(here: Path) -> Iterator[Path]:
    """Where the folder may be, the first choice first."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(named)
    yield here / "__pycache__"
    users = os.environ.get("XDG_CACHE_HOME", "")
    yield Path(users if os.path.isabs(users) else os.path.expanduser("~/.cache")) / "netlearn"


CACHE = _cache()


class _Told(event.Listener):  # type: ignore[misc]
    """Passes on that numba begins to compile something."""

    def on_start(self, event: Any) -> None:
        tell_of_compiling()

    def on_end(self, event: Any) -> None:
        pass


class _Passes(event.Listener):  # type: ignore[misc]
    """Lets an interruption through where a pass of the compiler begins.

    Elsewhere it may come while LLVM calls Python, which cannot pass it on, and numba makes an error of its own of it.
    """

    def on_start(self, event: Any) -> None:
        COMPILING.let_through()

    def on_end(self, event: Any) -> None:
        pass


COMPILING = Shield()
event.register("numba:compile", _Told())
event.register("numba:run_pass", _Passes())


def compiled(function: Any) -> Any:
    """The function compiled when it is first called, for the kinds of arguments that it is called with."""
    return _compiled(function, {"contract"})


def compiled_sums(function: Any) -> Any:
    """The same for functions whose sums may be taken in any order, as vector instructions want it."""
    return _compiled(function, {"contract", "reassoc", "nsz"})


def inlined_sums(function: Any) -> Any:
    """The same for what is called by itself and by other compiled functions, of which each has a copy in itself.

    Else whichever copy a process loads first is called by all, and sums come in another order in another process.
    """
    return _compiled(function, {"contract", "reassoc", "nsz"}, forceinline=True)


def _compiled(function: Any, freedom: set[str], **further: Any) -> Any:
    # Without Python's lock, so that threads can share the work.
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": freedom, "nogil": True, **further}
    dispatcher = _cached(function, options)
    compiling = dispatcher.compile

    def compile_(signature: Any) -> Any:
        # What is found or kept in the cache is read and written in here, too.
        with COMPILING:
            return compiling(signature)

    dispatcher.compile = compile_
    return dispatcher


def _cached(function: Any, options: dict[str, Any]) -> Any:
    """numba's function, whose machine code is kept if there is a folder for it."""
    if CACHE is None:
        return numba.njit(**options)(function)
    with _configured(CACHE_DIR=CACHE, CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator"):
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:
            # The folder has become one that cannot be written to.
            return numba.njit(**options)(function)


@contextmanager
def _configured(**values: str) -> Iterator[None]:
    """numba's settings for a while, whatever a program that has loaded it before has set."""
    before = {name: getattr(numba.config, name, "") for name in values}
    for name, value in values.items():
        setattr(numba.config, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(numba.config, name, value)
