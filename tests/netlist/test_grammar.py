"""The short way for plain lines against the grammar, which defines the language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.netlist.grammar import BadLine, LineParts, grammar_text, parse_by_grammar, parse_line

RULES = {"R1": "element", "X1": "element", "V1": "independent", "E1": "controlled", "B1": "behavioural"}


def outcome(text: str, rule: str | None) -> LineParts | str:
    try:
        return parse_line(text) if rule is None else parse_by_grammar(text, rule)
    except BadLine as error:
        return error.message


@given(st.sampled_from(sorted(RULES)), st.text("ab1+-*/<>!=.[]#:?& \t,({'})", max_size=16))
@settings(max_examples=1500, deadline=None)
def test_both_ways_read_any_line_alike(name: str, rest: str) -> None:
    text = f"{name} {rest}"
    assert outcome(text, None) == outcome(text, RULES[name])


WORDS = st.sampled_from(
    ["a", "n<1>", "x>", "sin", "table", "poly", "1k", "w=1u", "w=", "=2", "a==b", "a>=b", "m = 2", "-", "a=b=c"]
)


@given(st.sampled_from(sorted(RULES)), st.lists(WORDS, max_size=6), st.sampled_from([" ", "\t ", "  "]))
@settings(max_examples=1000, deadline=None)
def test_both_ways_read_any_words_alike(name: str, words: list[str], blank: str) -> None:
    text = blank.join([name, *words])
    assert outcome(text, None) == outcome(text, RULES[name])


@pytest.mark.parametrize("name", ["spice", "expression", "directive"])
def test_grammars_are_found(name: str) -> None:
    assert "//" in grammar_text(name) or ":" in grammar_text(name)
    with pytest.raises(FileNotFoundError):
        grammar_text(name + "x")
