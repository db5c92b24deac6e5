"""Files that are written whole or not at all, and what else may stand where one is to be written."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from netlearn.errors import OutputError

PathLike = str | os.PathLike[str]

_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
"""Numbers of descriptors, of POSIX."""
_DESCRIPTORS = re.compile(r"/proc/\d+/(task/\d+/)?fd")
_HINTS = {
    errno.ENOSPC: "make room, or write elsewhere",
    errno.EDQUOT: "make room, or write elsewhere",
    errno.EROFS: "write elsewhere",
    errno.EACCES: "change its permissions, or write elsewhere",
    errno.EPERM: "change its permissions, or write elsewhere",
    errno.ENAMETOOLONG: "give a shorter name",
}


@dataclass(frozen=True)
class Destination:
    """A file to write, and how it came to be the one.

    ``named`` says that the user named it: then a link is followed, and a checkpoint of another
    run may be replaced. ``force`` allows what is else refused, such as writing over files that
    were not written for the same output.
    """

    path: Path
    named: bool = True
    force: bool = False

    @property
    def replaced(self) -> str:
        """The path of the file that is written over, links followed where they are when it is written."""
        if self.named:
            return os.path.realpath(self.path)
        return os.path.join(os.path.realpath(self.path.parent), self.path.name)

    @property
    def folder(self) -> Path:
        """The folder of the file that is written, links followed where they are."""
        return Path(self.replaced).parent

    @property
    def through(self) -> bool:
        """Whether it is an open file, a pipe or a device that is written into, and no file in a folder."""
        return written_through(self.path, follow=self.named)

    def check_unread(self, inputs: Iterable[PathLike]) -> None:
        """Raise OutputError where the file that would be written over is one of those that are read."""
        if self.replaced in {os.path.realpath(path) for path in inputs}:
            raise OutputError(f"'{self.path}' is read by this run, and cannot be written by it")

    @classmethod
    def of(cls, given: Destination | PathLike | None) -> Destination | None:
        """A destination, where only its path may be given."""
        return given if given is None or isinstance(given, Destination) else cls(Path(given))


def write_atomically(path: PathLike, data: bytes, *, follow: bool = True) -> None:
    """Write a whole file or nothing, as :func:`replacing` does. Raises OutputError."""
    write_together([(path, data, follow)])


def write_together(files: Iterable[tuple[PathLike, bytes, bool]]) -> None:
    """Write several files, none of which is moved into place before all are whole.

    Each is its path, what it shall hold, and ``follow`` as in :func:`check_output`. Raises OutputError.
    """
    staged: list[tuple[PathLike, _Temporary, _Place]] = []
    try:
        for path, data, follow in files:
            with _explained(path):
                place = _place(path, follow)
                staged.append((path, _Temporary(place.folder), place))
                staged[-1][1].write(data)
        for path, temporary, place in staged:
            with _explained(path):
                temporary.take_place(place)
    finally:
        for _, temporary, _ in staged:
            temporary.close()


@contextmanager
def replacing(path: PathLike, *, follow: bool = True) -> Iterator[Path]:
    """A temporary file, which takes the place of ``path`` in one step unless an error comes.

    The mode and the owner of a file that is there are kept, and devices and pipes are written
    into. ``follow`` is as in :func:`check_output`. Raises OutputError.
    """
    with _explained(path):
        place = _place(path, follow)
        temporary = _Temporary(place.folder)
        try:
            yield temporary.path
            temporary.take_place(place)
        finally:
            temporary.close()


def check_output(path: PathLike, *, follow: bool = True, size: int = 1) -> None:
    """Find out before the work, not after, whether a file of ``size`` bytes can be written.

    Parameters
    ----------
    follow : whether the user named the file. One that was not named may not lead out of its
        folder by a link, and replaces a link within it; nor is it written into a device or a pipe.

    Raises OutputError if not, with the reason.
    """
    with _explained(path):
        place = _place(path, follow)
        if not place.through:
            temporary = _Temporary(place.folder)
            try:
                temporary.write(bytes(size))
            finally:
                temporary.close()


def written_through(path: PathLike, *, follow: bool = True) -> bool:
    """Whether what is written to ``path`` goes into an open file, a pipe or a device, and lies in no folder after.

    ``follow`` is as in :func:`check_output`. False for what cannot be written at all.
    """
    try:
        return _place(path, follow).through
    except (OutputError, OSError):
        return False


@dataclass(frozen=True)
class _Place:
    """Where data goes: the file to replace, or what to write through, and what is there now if anything is."""

    path: Path
    found: os.stat_result | None
    through: bool = False
    descriptor: int | None = None

    @property
    def folder(self) -> Path:
        """Where the data waits until it is whole."""
        return Path(tempfile.gettempdir()) if self.through else self.path.parent


def _place(path: PathLike, follow: bool) -> _Place:
    """Where ``path`` leads. Raises OutputError for what must not be written, and OSError."""
    named = Path(path)
    descriptor = _descriptor(named)
    if descriptor is not None and follow:
        return _Place(named, os.fstat(descriptor), through=True, descriptor=descriptor)
    try:
        found = os.stat(named) if follow else os.lstat(named)
    except FileNotFoundError:
        found = None
    target = Path(os.path.realpath(named))
    if not target.parent.is_dir():
        raise OutputError(f"there is no folder '{named.parent}' to write '{named.name}' into")
    if found is None:
        return _Place(target, None)
    kind = found.st_mode
    if stat.S_ISLNK(kind):
        folder = Path(os.path.realpath(named.parent))
        if not target.is_relative_to(folder):
            raise OutputError(
                f"'{named}' is a link that leads out of its folder, to '{target}'",
                hint="remove it, or say with -o where to write",
            )
        return _Place(folder / named.name, None)
    if stat.S_ISDIR(kind):
        raise OutputError(f"'{named}' is a folder", hint="name a file in it")
    through = follow and (stat.S_ISFIFO(kind) or stat.S_ISCHR(kind))
    if not stat.S_ISREG(kind) and not through:
        raise OutputError(f"'{named}' is not a plain file and cannot be written over")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return _Place(target, found, through)


def _descriptor(path: Path) -> int | None:
    """The number of this process's open file that a path such as ``/dev/stdout`` stands for."""
    shown = os.path.abspath(path)
    folder, _, name = shown.rpartition("/")
    if shown in _STANDARD:
        return _STANDARD[shown]
    # What is opened by such a name is at its beginning; what was opened before goes on where it is.
    if name.isdecimal() and (match := _DESCRIPTORS.fullmatch(os.path.realpath(folder))):
        return int(name) if match[0].split("/")[2] == str(os.getpid()) else None
    return None


class _Temporary:
    """A file without a name where the system has such, which nothing can leave behind; else a hidden one."""

    def __init__(self, folder: Path) -> None:
        self._name: str | None = None
        with suppress(AttributeError, OSError):
            self._file = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
            if self.path.exists():
                return
            os.close(self._file)
        self._name = _hidden(folder)
        self._file = os.open(self._name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)

    @property
    def path(self) -> Path:
        return Path(self._name or f"/proc/self/fd/{self._file}")

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def take_place(self, place: _Place) -> None:
        """Become the file at a place, with the mode and owner of the one that is there."""
        if place.through or not self._owned_like(place.found):
            self._pour(place)
            return
        # What a crash of the machine leaves is then one of the two files, not an empty one.
        with suppress(OSError):
            os.fsync(self._file)
        if self._name is None:
            name = _hidden(place.folder)
            # A folder's descriptor makes Python follow the link, which is the only way to the file.
            os.link(self.path, name, src_dir_fd=self._file, follow_symlinks=True)
            self._name = name
        os.replace(self._name, place.path)
        self._name = None

    def close(self) -> None:
        """Remove the file unless it has taken its place."""
        os.close(self._file)
        if self._name is not None:
            Path(self._name).unlink(missing_ok=True)

    def _owned_like(self, found: os.stat_result | None) -> bool:
        """Take the mode and owner of a file over; False where this user may not."""
        if found is None:
            return True
        ours = os.fstat(self._file)
        if (ours.st_uid, ours.st_gid) != (found.st_uid, found.st_gid):
            try:
                os.fchown(self._file, found.st_uid, found.st_gid)
            except PermissionError:
                return False
        os.fchmod(self._file, stat.S_IMODE(found.st_mode))
        return True

    def _pour(self, place: _Place) -> None:
        """Write into what is there."""
        target = os.dup(place.descriptor) if place.descriptor is not None else os.open(place.path, os.O_WRONLY)
        with os.fdopen(target, "wb") as output, self.path.open("rb") as data:
            while block := data.read(1 << 20):
                output.write(block)
            output.flush()
            if place.found is not None and stat.S_ISREG(place.found.st_mode) and place.descriptor is None:
                output.truncate()


@contextmanager
def _explained(path: PathLike) -> Iterator[None]:
    """Say of which file it was that the system refused something."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write '{os.fspath(path)}': {reason}", hint=_HINTS.get(error.errno or 0, "")
        ) from None


def _hidden(folder: Path) -> str:
    return os.path.join(folder, f".netlearn-{os.urandom(8).hex()}")
