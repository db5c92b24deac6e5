"""Names that are stretches of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from netlearn.arrays import Array


class TextNames(Sequence[str]):
    """Names that stand in a text at ``spans`` (k, 2)."""

    def __init__(self, text: str, spans: Array) -> None:
        self._text = text
        self._spans = spans

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self._text[start:end].lower() for start, end in self._spans[at].tolist()]
        start, end = self._spans[at]
        return self._text[start:end].lower()

    def __iter__(self) -> Iterator[str]:
        if not len(self._spans):
            return
        first, last = int(self._spans[0, 0]), int(self._spans[-1, 1])
        stretch = self._text[first:last]
        starts, ends = (self._spans - first).T.tolist()
        if stretch.isascii():
            # No letter becomes two, so that all may be made small at once.
            stretch = stretch.lower()
            yield from [stretch[start:end] for start, end in zip(starts, ends, strict=True)]
        else:
            yield from [stretch[start:end].lower() for start, end in zip(starts, ends, strict=True)]
