"""Netlists made at random: what was put in is what is read, whatever the layout, and every edit lands."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

import netlearn
from netlearn.netlist.statements import Block, Card, DirectiveLine, Element, Statement, Subcircuit

NODES = st.sampled_from(
    ["0", "gnd", "a", "n1", "in+", "out-", "/net/x", "n<1>", "bus[0]", "Net-(R1-Pad1)", "x#y", "a.b", "1:2"]
)
NUMBERS = st.sampled_from(["1", "4.7k", "2.2Meg", "1e-3", "100n", "{x*2}", "'x + 1'", "{a*(b + {c})}"])
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)


@dataclass(frozen=True)
class Made:
    """A logical line: its tokens, and what they mean."""

    tokens: tuple[str, ...]
    words: tuple[str, ...]
    assignments: tuple[tuple[str, str], ...] = ()


@st.composite
def elements(draw: st.DrawFn) -> Made:
    letter = draw(st.sampled_from("RCLVIDMQX"))
    count = {"D": 2, "M": 4, "Q": 3, "X": draw(st.integers(1, 6))}.get(letter, 2)
    nodes = tuple(draw(st.lists(NODES, min_size=count, max_size=count)))
    last = draw(NAMES) if letter in "DMQX" else draw(NUMBERS)
    pairs = tuple(draw(st.lists(st.tuples(NAMES, NUMBERS), max_size=3)))
    name = letter + draw(NAMES)
    return Made((name, *nodes, last, *(f"{a}={b}" for a, b in pairs)), (name, *nodes, last), pairs)


@st.composite
def laid_out(draw: st.DrawFn, made: Made, newline: str) -> str:
    """The tokens with blanks, continuations and comments between them."""
    gaps = [
        " ",
        "\t",
        "  ",
        f"{newline}+ ",
        f" ; c{newline}+",
        f"{newline}* c{newline}{newline} +\t",
        f' $ c ("{newline}+',
    ]
    text = draw(st.sampled_from(["", "", " ", "\t"])) + made.tokens[0]
    for token in made.tokens[1:]:
        text += draw(st.sampled_from(gaps)) + token
    return text + draw(st.sampled_from(["", "", " ", " ; end", " // end {", " $end"])) + newline


def said(statement: Statement) -> Made:
    assert isinstance(statement, Element)
    words = (statement.name.text, *(word.text for word in statement.words))
    pairs = tuple((pair.name.text, pair.value.text) for pair in statement.assignments)
    return Made((), words, pairs)


@given(st.data(), st.sampled_from(["\n", "\r\n", "\r"]), st.lists(elements(), max_size=6))
@settings(max_examples=80, deadline=None)
def test_layout_does_not_matter(data: st.DataObject, newline: str, made: list[Made]) -> None:
    lines = [data.draw(laid_out(line, newline)) for line in made]
    text = f"title{newline}" + "".join(lines) + f".end{newline}"
    netlist = netlearn.parse(text)
    assert str(netlist) == text
    found = netlist.statements[1:-1]
    assert [(said(s).words, said(s).assignments) for s in found] == [(line.words, line.assignments) for line in made]
    for statement in found:
        assert isinstance(statement, Element)
        for word in (statement.name, *statement.words):
            assert text[word.start : word.end] == word.text


@given(st.data(), st.sampled_from(["\n", "\r\n"]), st.lists(elements(), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_edits_land_where_they_should_whatever_the_layout(data: st.DataObject, newline: str, made: list[Made]) -> None:
    lines = [data.draw(laid_out(line, newline)) for line in made]
    netlist = netlearn.parse(f".title{newline}" + "".join(lines))
    chosen = data.draw(st.integers(0, len(made) - 1))
    element = netlist.statements[1 + chosen]
    assert isinstance(element, Element)
    old = element.words[-1]
    edited = netlist.edit([(netlist.source, old.start, old.end, "0.125")])
    assert str(edited) == str(netlist)[: old.start] + "0.125" + str(netlist)[old.end :]
    for i, (before, after) in enumerate(zip(netlist.statements[1:], edited.statements[1:], strict=True)):
        expected = said(before)
        words = (*expected.words[:-1], "0.125") if i == chosen else expected.words
        assert (said(after).words, said(after).assignments) == (words, expected.assignments)


TREES = st.recursive(
    st.just(("R1 a b 1",)),
    lambda inner: st.tuples(NAMES, st.lists(inner, max_size=3)).map(
        lambda pair: (f".subckt {pair[0]} a b", *(line for part in pair[1] for line in part), f".ends {pair[0]}")
    ),
    max_leaves=12,
)


@given(st.lists(TREES, max_size=3))
@settings(deadline=None)
def test_nesting_is_read_as_written(trees: list[tuple[str, ...]]) -> None:
    lines = [line for tree in trees for line in tree]

    def written(statements: tuple[Statement, ...] | list[Statement]) -> list[str]:
        found = []
        for statement in statements:
            text = statement.source.text[statement.start : statement.end]
            if isinstance(statement, Subcircuit):
                assert text.startswith(f".subckt {statement.name.text}")
                found += [
                    f".subckt {statement.name.text} a b",
                    *written(list(statement.body)),
                    f".ends {statement.name.text}",
                ]
            elif isinstance(statement, Block):
                found += text.split("\n")
            else:
                assert isinstance(statement, Element | Card | DirectiveLine)
                found.append(text)
        return found

    assert written(netlearn.parse("\n".join(["title", *lines])).statements[1:]) == lines
