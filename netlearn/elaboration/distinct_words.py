"""Which of many words of a text are the same, found by sorting numbers that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array

LONGEST = 128
"""Characters of the longest words that are packed into numbers: a netlist whose nodes have names of 128 takes 0.6 of
the time with them packed, and 1.2 times as long for names of 256 (benchmarks/constants_of_reading.py)."""
_EIGHT = 8
"""Characters in a number of 64 bits, by definition."""
_MASKS = np.array([(1 << 64) - (1 << 8 * (_EIGHT - count)) for count in range(_EIGHT + 1)], np.uint64)
"""What leaves the first so many characters."""
_FACTOR = 0x9E3779B97F4A7C15
"""2⁶⁴ over the golden ratio, which spreads numbers (D. E. Knuth, The Art of Computer Programming 3, 1998, 6.4)."""


@dataclass(frozen=True, eq=False)
class DistinctWords:
    """The d distinct ones of k words of a text, whatever their case, in the order in which they come."""

    text: str
    spans: Array
    """Where they stand first, (d, 2)."""
    numbers: Array
    """Which of them each of all words (k,) is."""
    _keys: Array
    _by_key: Array

    @classmethod
    def of(cls, text: str, spans: Array) -> DistinctWords | None:
        """Those of the words at ``spans`` (k, 2), k > 0, in the order of the text; None if one is long or not ASCII."""
        columns = _packed(text, spans)
        if columns is None:
            return None
        key = columns[-1]
        for column in columns[-2::-1]:
            # Products leave differences of upper bits there, where the next characters may take them off again.
            key = (key ^ (key >> np.uint64(32))) * np.uint64(_FACTOR) + column
        # Names that are counted up come nearly sorted, which a stable sort makes use of.
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        begins = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
        first = order[begins]
        by_place = np.argsort(first, kind="stable")
        by_key = np.empty_like(by_place)
        by_key[by_place] = np.arange(len(by_key))
        numbers = np.empty(len(key), np.int64)
        numbers[order] = np.repeat(by_key, np.diff(begins, append=len(key)))
        first = first[by_place]
        if len(columns) > 1 and not all(np.array_equal(column, column[first][numbers]) for column in columns):
            # Two words have the same key.
            return None
        return cls(text, spans[first], numbers, ordered[begins], by_key)

    def __len__(self) -> int:
        return len(self.spans)

    def find(self, word: str) -> int | None:
        """The number of a word in lower case; None if it is none of them."""
        if len(word) > LONGEST or not word.isascii():
            return None
        key = _key(word)
        place = int(self._keys.searchsorted(np.uint64(key)))
        if place == len(self._keys) or int(self._keys[place]) != key:
            return None
        return self._checked(word, place)

    def find_all(self, words: Sequence[str]) -> list[int | None]:
        """The same of many words."""
        # Others are not among words that numbers stand for.
        keys = np.array([_key(word) if len(word) <= LONGEST and word.isascii() else 0 for word in words], np.uint64)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found: list[int | None] = [None] * len(words)
        for k in np.flatnonzero(self._keys[places] == keys).tolist():
            found[k] = self._checked(words[k], int(places[k]))
        return found

    def _checked(self, word: str, place: int) -> int | None:
        """The number of the word whose key is at ``place``, if it is this word: others may have the same key."""
        number = int(self._by_key[place])
        start, end = self.spans[number].tolist()
        return number if self.text[start:end].lower() == word else None


def _key(word: str) -> int:
    """What sorts a word, made from eight characters at a time as the columns of ``_packed`` are."""
    data, key = word.encode("ascii"), 0
    for at in range((len(data) - 1) // _EIGHT * _EIGHT, -1, -_EIGHT):
        key = ((key ^ (key >> 32)) * _FACTOR + int.from_bytes(data[at : at + _EIGHT].ljust(_EIGHT, b"\0"), "big")) % (
            1 << 64
        )
    return key


def _packed(text: str, spans: Array) -> list[Array] | None:
    """The words as numbers (k,) of eight characters each, the first ones first."""
    begin, end = int(spans[0, 0]), int(spans[-1, 1])
    stretch = text[begin:end]
    lengths = spans[:, 1] - spans[:, 0]
    longest = int(lengths.max())
    if longest > LONGEST or not stretch.isascii() or "\0" in stretch:
        return None
    data = stretch.lower().encode("ascii") + bytes(longest + _EIGHT)
    eight = np.ndarray(len(data) - _EIGHT + 1, ">u8", data, strides=(1,))
    starts = spans[:, 0] - begin
    return [
        eight[starts + offset].astype(np.uint64) & _MASKS[np.clip(lengths - offset, 0, _EIGHT)]
        for offset in range(0, longest, _EIGHT)
    ]
