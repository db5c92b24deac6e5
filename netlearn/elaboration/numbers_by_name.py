"""Numbers by name, with a dictionary of very many names made only where it is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netlearn.arrays import Array
from netlearn.elaboration.distinct_words import DistinctWords
from netlearn.elaboration.text_names import TextNames

FEWEST_WORDS = 256
"""Fewer words go into the dictionary at once: a run of 64 nodes takes 1.1 times as long as arrays, one of 128 as long,
and one of 512 0.8 of the time (benchmarks/constants_of_reading.py)."""
ENTRIES = 8
"""A name that is looked for among words takes as long as so many of these that go into the dictionary: with half and
with twice as many, five netlists of 3000 to 150 000 resistors with diodes take 0.9 to 1.3 times as long
(benchmarks/constants_of_reading.py)."""

_NONE: Array = np.zeros(0, np.int64)


class WordNames(TextNames):
    """Those of distinct words, ``new`` (d,), that had not been names before."""

    def __init__(self, words: DistinctWords, new: Array) -> None:
        super().__init__(words.text, words.spans[new])
        self.words = replace(words, numbers=_NONE)
        self.places = np.where(new, np.cumsum(new) - 1, -1)
        """Where in this sequence each of the words (d,) stands, -1 for one that is not in it."""

    def __reduce__(self) -> tuple[object, ...]:
        return TextNames, (self._text, self._spans)


class NumbersByName:
    """Numbers by name: a dictionary, and words of a text that are put into it once they are asked for often.

    The dictionary may be looked into and added to from outside, where that saves a call.
    """

    def __init__(self, numbers: dict[str, int]) -> None:
        self._dictionary = numbers
        self._words: DistinctWords | None = None
        self._word_numbers: Array = _NONE
        self._sought = 0

    def get(self, name: str) -> int | None:
        """The number of a name, None if it has none."""
        number = self._dictionary.get(name)
        return number if number is not None or self._words is None else self._among_words(name)

    def listed(self) -> dict[str, int]:
        """The dictionary of all of them."""
        if self._words is not None:
            # Those without a number of their own among the words are there already.
            own = self._word_numbers >= 0
            names = TextNames(self._words.text, self._words.spans[own])
            self._dictionary.update(zip(names, self._word_numbers[own].tolist(), strict=True))
            self._words = None
        return self._dictionary

    def among(self, words: DistinctWords) -> dict[int, int] | None:
        """The numbers, by place, of those words that have some; None where it is better to look each of them up."""
        if self._words is not None or len(words) < max(FEWEST_WORDS, ENTRIES * len(self._dictionary)):
            return None
        places = words.find_all(list(self._dictionary))
        found = zip(places, self._dictionary.values(), strict=True)
        return {place: number for place, number in found if place is not None}

    def add(self, words: DistinctWords, numbers: Array) -> None:
        """Give the numbers (d,) to words of which ``among`` has told which have some."""
        self._words, self._word_numbers, self._sought = words, numbers, 0

    def _among_words(self, name: str) -> int | None:
        self._sought += 1
        if self._words is None or ENTRIES * self._sought > len(self._words):
            return self.listed().get(name)
        place = self._words.find(name)
        return None if place is None else int(self._word_numbers[place])
