"""Words numbered by sorting against a dictionary of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlearn.arrays import Array
from netlearn.elaboration import distinct_words
from netlearn.elaboration.distinct_words import LONGEST, DistinctWords

WORDS = st.lists(st.text("abAB01_", min_size=1, max_size=20), min_size=1, max_size=40)


def spans_of(text: str) -> Array:
    return np.array([match.span() for match in re.finditer(r"[^ ]+", text)])


@given(WORDS, WORDS)
def test_words_are_numbered_as_a_dictionary_numbers_them(words: list[str], others: list[str]) -> None:
    text = f" {' '.join(words)}  "
    known: dict[str, int] = {}
    numbers = [known.setdefault(word.lower(), len(known)) for word in words]
    found = DistinctWords.of(text, spans_of(text))
    assert found is not None
    assert found.numbers.tolist() == numbers
    assert [text[start:end].lower() for start, end in found.spans.tolist()] == list(known)
    sought = [word.lower() for word in (*words, *others, "é", "a" * (LONGEST + 1))]
    assert [found.find(word) for word in sought] == [known.get(word) for word in sought]
    assert found.find_all(sought) == [known.get(word) for word in sought]


@pytest.mark.parametrize("word", ["é", "a" * (LONGEST + 1), "a\0"])
def test_words_that_numbers_cannot_stand_for_are_left_to_others(word: str) -> None:
    text = f"a {word} b"
    assert DistinctWords.of(text, spans_of(text)) is None


@pytest.mark.parametrize("form", ["{}layer_w{}", "{}outputs{}1", "{}hidden_{}" + 60 * "x"])
def test_words_that_differ_in_the_first_of_each_eight_characters_have_keys_of_their_own(form: str) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    text = " ".join(form.format(a, b) for a in letters for b in letters)
    found = DistinctWords.of(text, spans_of(text))
    assert found is not None
    assert len(found) == len(letters) ** 2


def test_words_with_equal_keys_are_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # With this factor keys know nothing but the first eight characters.
    monkeypatch.setattr(distinct_words, "_FACTOR", 0)
    text = "aaaaaaaab aaaaaaaac"
    assert DistinctWords.of(text, spans_of(text)) is None


def test_a_word_that_shares_another_ones_key_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct_words, "_FACTOR", 0)
    text = "aaaaaaaab"
    found = DistinctWords.of(text, spans_of(text))
    assert found is not None
    assert found.find("aaaaaaaab") == 0
    assert found.find("aaaaaaaac") is None
    assert found.find_all(["aaaaaaaac", "aaaaaaaab"]) == [None, 0]
