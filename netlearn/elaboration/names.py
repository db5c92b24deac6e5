"""Hierarchical names, made only when they are asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import compress
from typing import Any, overload

import numpy as np

from netlearn.arrays import Array
from netlearn.elaboration.numbers_by_name import NumbersByName, WordNames


class PathNames(Sequence[str]):
    """Pieces one after another; a piece's names stand under its path, such as ``x1.x2``.

    ``local`` pieces have an empty path. With ``lettered`` a name under a path is written as
    ngspice writes an element's: ``r.x1.r3``.
    """

    def __repr__(self) -> str:
        more = ", ..." if len(self) > 8 else ""
        return f"<names {', '.join(self[:8])[:200]}{more}>"

    def __init__(self, pieces: Sequence[tuple[str, Sequence[str]]], lettered: bool = False) -> None:
        self._pieces = [(path, names) for path, names in pieces if len(names)]
        self._ends: list[int] = []
        end = 0
        for _, names in self._pieces:
            end += len(names)
            self._ends.append(end)
        self._lettered = lettered

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if at < 0:
            at += len(self)
        if not 0 <= at < len(self):
            raise IndexError(at)
        piece = bisect_right(self._ends, at)
        path, names = self._pieces[piece]
        return self._written(path, names[at - (self._ends[piece] - len(names))])

    def __iter__(self) -> Iterator[str]:
        for path, names in self._pieces:
            if path:
                for name in names:
                    yield self._written(path, name)
            else:
                yield from names

    def place(self, name: str) -> int | None:
        """Where a name stands; None if there is none of that name."""
        return self._places.get(name)

    @cached_property
    def _places(self) -> NumbersByName:
        dictionary: dict[str, int] = {}
        words, first = None, 0
        for (path, names), end in zip(self._pieces, self._ends, strict=True):
            start = end - len(names)
            if words is None and not path and isinstance(names, WordNames):
                words, first = names, start
            else:
                dictionary.update((self._written(path, name), at) for at, name in enumerate(names, start))
        places = NumbersByName(dictionary)
        if words is not None:
            places.add(words.words, np.where(words.places < 0, words.places, first + words.places))
        return places

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_places"}

    def under(self, path: str) -> Array:
        """The places (k,) of the names below a path; of all names if the path is empty."""
        starts = [0, *self._ends[:-1]]
        inside = f"{path}."
        parts = [
            np.arange(start, end)
            for (at, _), start, end in zip(self._pieces, starts, self._ends, strict=True)
            if not path or at == path or at.startswith(inside)
        ]
        return np.concatenate([np.zeros(0, dtype=np.intp), *parts])

    def _written(self, path: str, name: str) -> str:
        if not path:
            return name
        letter = f"{name.rpartition('.')[2][:1]}." if self._lettered else ""
        return f"{letter}{path}.{name}"


class Selected(Sequence[str]):
    """Some of the names of a sequence, at ``places`` (k,), which rise."""

    def __init__(self, names: Sequence[str], places: Array) -> None:
        self._names = names
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self._names[i] for i in self._places[at].tolist()]
        return self._names[int(self._places[at])]

    def __iter__(self) -> Iterator[str]:
        chosen = np.zeros(len(self._names), bool)
        chosen[self._places] = True
        return compress(self._names, chosen.tolist())


def under(names: Sequence[str], path: str) -> Array:
    """The places (k,) of the elements below a path, of all of them if it is empty."""
    if isinstance(names, PathNames):
        return names.under(path)
    inside = f"{path}." if path else ""
    return np.flatnonzero([plain_notation(name).startswith(inside) for name in names])


def plain_notation(name: str) -> str:
    """``x1.r3`` for ngspice's ``r.x1.r3``; other names as they are."""
    if len(name) > 2 and name[1] == "." and name.rpartition(".")[2].startswith(name[0]) and "." in name[2:]:
        return name[2:]
    return name
