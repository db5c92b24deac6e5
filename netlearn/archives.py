"""Archives of plain arrays (.npz): what each claims to hold is known and checked before any of it is read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from netlearn import memory
from netlearn.arrays import Array

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
BLOCK = 1 << 20
"""Bytes that are read together: a compressed archive of 32 MB takes as long within a twentieth with half and with twice
as many (benchmarks/constants_of_reading.py)."""
_ENCRYPTED = 0x1
"""The bit of a member's flags that says it is encrypted (APPNOTE.TXT of the ZIP format, 4.4.4)."""
_SUFFIX = ".npy"


class BadArchive(ValueError):
    """A file that is not an archive of plain arrays, or one that does not hold what it says."""


class Member:
    """An array of an archive, read by its first axis from front to back. Methods raise BadArchive."""

    def __init__(self, name: str, file: IO[bytes], size: int) -> None:
        self.name, self._file, self._at = name, file, 0
        self._whole: Array | None = None
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise BadArchive(f"'{name}' is an array of the format {version[0]}.{version[1]}")
        self.shape: tuple[int, ...]
        self.shape, self._by_columns, self.dtype = _HEADERS[version](file)
        if self.dtype.hasobject:
            raise BadArchive(f"'{name}' holds objects, which could run commands")
        count: int = prod(self.shape)
        if any(length < 0 for length in self.shape) or (count and not self.dtype.itemsize):
            raise BadArchive(f"'{name}' has the shape {self.shape}")
        self.size = count * self.dtype.itemsize
        there = size - file.tell()
        if self.size != there:
            raise BadArchive(f"'{name}' has the shape {self.shape} of {self.dtype}, and {there} bytes for it")

    def next(self, rows: int) -> Array:
        """The next ``rows`` rows, or as many as are left."""
        if not self.shape:
            raise BadArchive(f"'{self.name}' is a number by itself, and no column")
        if self._by_columns and len(self.shape) > 1 and self._whole is None:
            self._whole = self.whole()
        start, self._at = self._at, min(self._at + rows, self.shape[0])
        if self._whole is not None:
            return self._whole[start : self._at]
        return self._read((self._at - start, *self.shape[1:]))

    def whole(self) -> Array:
        """All of it, where nothing was read before. Raises BadArchive for more than memory should hold."""
        check_size(self.name, self.size)
        values = self._read(self.shape[::-1] if self._by_columns else self.shape)
        with _reading(self.name):
            # At its end the archive's check sum is compared.
            self._file.read(1)
        return values.T if self._by_columns else values

    def _read(self, shape: tuple[int, ...]) -> Array:
        values = np.empty(shape, self.dtype)
        if not values.size:
            return values
        place = values.reshape(-1).view(np.uint8).data
        with _reading(self.name):
            while place:
                block = self._file.read(min(len(place), BLOCK))
                if not block:
                    raise BadArchive(f"'{self.name}' ends too early")
                place[: len(block)] = block
                place = place[len(block) :]
        return values


@contextmanager
def opened(path: Path) -> Iterator[Mapping[str, Member]]:
    """The arrays of an archive by name, of which only the headers have been read.

    Raises BadArchive, and OSError where the file cannot be read.
    """
    with ExitStack() as stack:
        with _reading(path.name):
            archive = stack.enter_context(zipfile.ZipFile(path))
            members: dict[str, Member] = {}
            for info in archive.infolist():
                name = info.filename.removesuffix(_SUFFIX)
                if info.flag_bits & _ENCRYPTED:
                    raise BadArchive(f"'{info.filename}' is encrypted")
                if name == info.filename:
                    raise BadArchive(f"'{info.filename}' is not an array")
                if name in members:
                    raise BadArchive(f"'{name}' is there twice")
                members[name] = Member(name, stack.enter_context(archive.open(info)), info.file_size)
        yield members


def load_arrays(path: Path) -> dict[str, Array]:
    """All arrays of an archive by name.

    Raises BadArchive, also for more than memory should hold, and OSError where the file cannot be read.
    """
    with opened(path) as members:
        check_size(f"'{path.name}'", sum(member.size for member in members.values()))
        return {name: member.whole() for name, member in members.items()}


def check_size(what: str, size: int) -> None:
    """Raise BadArchive for more bytes than memory should hold at once."""
    if size > memory.most():
        raise BadArchive(
            f"{what} holds {memory.in_words(size)}, and at most {memory.in_words(memory.most())} "
            "are read at once on this machine"
        )


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Say BadArchive whatever the libraries raise on bytes that are no archive: they do not promise what."""
    try:
        yield
    except (BadArchive, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:
        said = str(error) or type(error).__name__
        raise BadArchive(f"'{what}' cannot be read: {said}") from None
