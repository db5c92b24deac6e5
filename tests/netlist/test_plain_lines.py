"""Runs of plain resistor lines against the same lines read one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlearn
from netlearn.errors import NetlearnError
from netlearn.netlist import plain_lines as fastlines
from netlearn.netlist.lint import remarks
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.statements import Block, Element

Resistors = list[tuple[list[tuple[int, int]], float | None]]


def outcome(text: str) -> Resistors | str:
    try:
        return resistors(netlearn.parse(text))
    except NetlearnError as error:
        return str(error)


def resistors(netlist: Netlist) -> Resistors:
    """Spans of the name and the words, and the value where the line is plain."""
    found: Resistors = []
    for statement in netlist.statements:
        if isinstance(statement, Block):
            found += [
                ([(start, end) for start, end in spans], value)
                for spans, value in zip(statement.spans.tolist(), statement.values.tolist(), strict=True)
            ]
        elif isinstance(statement, Element):
            words = [(word.start, word.end) for word in (statement.name, *statement.words)]
            plain = len(words) == 4 and not statement.assignments
            found.append((words, parse_number(statement.words[2].text) if plain else None))
    return found


LINES = st.one_of(
    st.sampled_from(
        """R1 a b 1k|r2 a b 2.5Meg|\tR3\ta  b\t1e-3 |Rµ n<1> net[0]# 4.7|R4 a b 1d3|R5 /x/y b 5ohm|R6 a b {x}
R7 a b 1 m=2|+ tc1=1|* c||*@train R*|R8 a b 1 ; c|R9 a b 4k7|C1 a b 1p|R10 a b 1 $ c|R11 (a b) 1|R12 a,b 1
R13 a b 1 // c|R14 a b//b 1|R 0 gnd .5|R15 a$b c 1|R17 a b 1\\\\|R18 a b|R19 a b 1e5e5
R20 a b 1e999|R21 a b infinity|R22 a b 1_0|R23 a b +inf|R24 a b 1 2|  * row 2, (c) {x} "y|* joins \\\\|*|*#destroy all
* LTspice Encrypted File|* End|R25 a b 3kOhm|R26 a b 1e3k|R27 a b 1mil|R28 é à 1|R29 a b 1\x1c|R\x1f a b 1|\f* odd|$ c
.end|.control|.endc|R30 ab 1|1 a b 1|rR a/b b/ 2MEG|R31 a b -1F""".replace("\n", "|").split("|")
    ),
    st.sampled_from(["V2 a b 5", "v3 c 0 -1m", "I1 a b 2u", "i2 0 a .5", "V4 a b DC 1", "V5 a 0"]),
    st.from_regex(r"[RrVI][a-z]{1,2} [a-z]{1,2} [0-9+-] [+-]?[0-9]{1,3}\.?[0-9]{0,2}[a-zµ]{0,3}", fullmatch=True),
)


@given(
    st.lists(LINES, max_size=40), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.sampled_from([40, 1 << 15])
)
@settings(max_examples=300, deadline=None)
def test_runs_are_read_as_single_lines_are(lines: list[str], newline: str, ends: bool, stretch: int) -> None:
    text = newline.join(["title", "V1 a 0 1", *lines]) + (newline if ends else "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastlines, "FEWEST_LINES", 100)
        single = outcome(text)
        patch.setattr(fastlines, "FEWEST_LINES", 2)
        patch.setattr(fastlines, "FIRST_STRETCH", stretch)
        assert outcome(text) == single


def test_a_long_run_becomes_one_block() -> None:
    lines = [f"R{i} n{i} n{i + 1} {i}.5k" for i in range(1000)]
    text = "\n".join(["title", *lines, ".end", ""])
    blocks = [statement for statement in netlearn.parse(text).statements if isinstance(statement, Block)]
    assert len(blocks) == 1
    (block,) = blocks
    assert np.array_equal(block.values, (np.arange(1000) + 0.5) * 1000)
    names, firsts, seconds, values = ([text[start:end] for start, end in block.spans[:, k].tolist()] for k in range(4))
    assert [" ".join(words) for words in zip(names, firsts, seconds, values, strict=True)] == lines
    assert text[block.start : block.end] == "\n".join(lines)


def test_comments_and_blank_lines_stand_between_lines_of_a_run() -> None:
    lines = [f"R{i} a b {i}k\n{'* row (' + str(i) if i % 5 == 0 else ''}" for i in range(1, 31)]
    _, block, *_ = netlearn.parse("\n".join(["title", *lines, ".end", ""])).statements
    assert isinstance(block, Block)
    assert np.array_equal(block.values, np.arange(1, 31) * 1e3)
    assert block.source.text[block.start : block.end].endswith("R30 a b 30k")


# Lines one by one, up to the next one, are what a comment before a line is passed over with.
@pytest.mark.parametrize(
    ("line", "runs"), [("*@train R*", [30, 30]), ("* all of it \\\\", [30, 29]), ("*  ltspice Encrypted File", [30])]
)
def test_what_may_be_more_than_a_comment_ends_a_run(line: str, runs: list[int]) -> None:
    lines = [f"R{i} a b {i}" for i in range(1, 61)]
    statements = netlearn.parse("\n".join(["title", *lines[:30], line, *lines[30:], ""])).statements
    assert [len(block.values) for block in statements if isinstance(block, Block)] == runs


def test_a_run_has_elements_of_one_letter() -> None:
    lines = [f"{letter}{i} a b {i}" for letter in "RvI" for i in range(1, 20)]
    blocks = netlearn.parse("\n".join(["title", *lines, ""])).statements[1:]
    assert [(block.letter, len(block.values)) for block in blocks if isinstance(block, Block)] == [
        ("R", 19),
        ("V", 19),
        ("I", 19),
    ]


def test_many_plain_lines_can_be_added() -> None:
    netlist = netlearn.parse("title\nR0 a 0 1\n.end")
    lines = [f"R{i} a 0 {i}" for i in range(1, 30)]
    netlist.add("\n".join(lines))
    assert len(netlist.elements) == 30
    with pytest.raises(NetlearnError, match="an element 'r7' already"):
        netlist.add("\n".join([*(f"R{i} a 0 {i}" for i in range(100, 130)), "r7 a 0 1"]))


def test_odd_blanks_in_runs_are_warned_of() -> None:
    lines = [f"R{i} a\u00a0b 0 {i}" for i in range(1, 20)]
    assert len(remarks(netlearn.parse("\n".join(["title", *lines])))) == 19


@pytest.mark.parametrize("comment", ["* comment", "$ comment", "\t$ comment"])
def test_a_run_ends_before_a_line_that_is_continued(comment: str) -> None:
    lines = [f"R{i} a b {i}" for i in range(1, 31)]
    text = "\n".join(["title", *lines, comment, "", "+ m=2", "*@train R*", ""])
    statements = netlearn.parse(text).statements
    last = statements[-2]
    assert isinstance(statements[1], Block)
    assert len(statements[1].values) == 29
    assert isinstance(last, Element)
    assert last.name.text == "R30"
    assert last.assignments[0].name.text == "m"


@pytest.mark.parametrize("last", ["R40 a b 40", "r7 a b 40"])
def test_elements_of_a_run_are_those_of_its_lines(last: str) -> None:
    lines = [f"R{i} a{i} b {i}" for i in range(40)]
    text = "\n".join(["title", "V1 a1 0 1", *lines, last, "V2 b 0 1"])
    run = netlearn.parse(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastlines, "FEWEST_LINES", 100)
        single = netlearn.parse(text)
    assert not any(isinstance(statement, Block) for statement in single.statements)
    assert list(run.elements) == list(single.elements)
    assert [run[name].text for name in run.elements] == [single[name].text for name in run.elements]
