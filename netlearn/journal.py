"""Files of finished pieces of a long work, to which each is added as it comes, and from which the work goes on."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from netlearn.atomic import check_output
from netlearn.errors import OptionError, OutputError, warn
from netlearn.interrupts import shielded

Entry = TypeVar("Entry")


class Journal(Generic[Entry]):
    """A file of JSON lines, each an entry.

    Parameters
    ----------
    path : the file; it need not be there.
    kind : what an entry is, for messages, such as "a result of a comparison".
    begin : how each line begins, by which one that was cut off is known.
    write, read : an entry as a line of JSON, and back from the object in it, where anything that
        is no entry raises ValueError, TypeError, KeyError or AttributeError.
    """

    def __init__(
        self, path: Path, kind: str, begin: str, write: Callable[[Entry], str], read: Callable[[Any], Entry]
    ) -> None:
        self.path, self.kind, self.begin = path, kind, begin.encode()
        self._write, self._read = write, read
        self._file: int | None = None
        self._waiting = b""

    def entries(self) -> list[Entry]:
        """The entries in the file; none if there is no such file.

        A last line that an interruption has cut off is left out. Raises OptionError for a file
        that holds something else, and OutputError for a folder, a pipe or a device.
        """
        if not self.path.exists():
            return []
        if not self.path.is_file():
            raise self._no_file()
        return self._entries(self.path.read_bytes())[0]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open the file to add to it.

        Raises OptionError for a file that holds something else, and OutputError where it cannot
        be written, or where another process is adding to it.
        """
        check_output(self.path)
        new = not os.path.lexists(self.path)
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise OutputError(f"cannot write '{self.path}': {error.strerror}") from None
        try:
            self._begin(file)
            self._file = file
            yield
            if self._waiting and not self._written():
                count = self._waiting.count(b"\n")
                warn(f"{count} lines are missing in '{self.path}', which cannot be written")
        finally:
            self._file = None
            if new and os.fstat(file).st_size == 0:
                self.path.unlink(missing_ok=True)
            os.close(file)

    def add(self, entry: Entry) -> None:
        """Add an entry, which is on the disk afterwards. Where there is no room, it waits for the next one."""
        with shielded():
            self._waiting += self._write(entry).encode("utf-8", "surrogateescape") + b"\n"
            if not self._written():
                warn(f"'{self.path}' cannot be written now; what comes is kept until it can")

    def _begin(self, file: int) -> None:
        """Take a file for this process, and cut off half a line at its end."""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise self._no_file()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it, or name another file"
            raise OutputError(f"another process is writing to '{self.path}'", hint=hint) from None
        except OSError:
            # A file system without locks.
            pass
        with open(file, "rb", closefd=False) as opened:
            text = opened.read()
        _, whole = self._entries(text)
        if whole < len(text):
            os.ftruncate(file, whole)
        if not text[:whole].endswith(b"\n"):
            self._waiting = b"\n" if whole else b""

    def _no_file(self) -> OutputError:
        """What is wrong with a pipe, which would be waited for, or with a device, whose text may have no end."""
        return OutputError(f"'{self.path}' is not a file that can be read again", hint="name another file")

    def _written(self) -> bool:
        """Whether all lines that wait could be written."""
        assert self._file is not None
        end = os.fstat(self._file).st_size
        try:
            left = memoryview(self._waiting)
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            # Half a line would only be in the way.
            with suppress(OSError):
                os.ftruncate(self._file, end)
            return False
        self._waiting = b""
        with suppress(OSError):
            os.fsync(self._file)
        return True

    def _entries(self, text: bytes) -> tuple[list[Entry], int]:
        """The entries of a file's text, and how many of its bytes they take."""
        entries: list[Entry] = []
        whole = 0
        for number, line in enumerate(text.splitlines(keepends=True), 1):
            try:
                entries.append(self._read(json.loads(line)))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                length = len(self.begin)
                if not line.endswith(b"\n") and self.begin.startswith(line[:length]):
                    break
                raise OptionError(f"{self.path}:{number} is not {self.kind}", hint="name another file") from None
            whole += len(line)
        return entries, whole
