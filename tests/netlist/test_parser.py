"""What lines say, and what is said of lines that say nothing sensible."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlearn
from netlearn.errors import NetlearnError, NetlearnErrors
from netlearn.netlist.statements import (
    Alternative,
    Assignment,
    Card,
    Conditional,
    DirectiveLine,
    Element,
    Kept,
    Section,
    Statement,
    Subcircuit,
    Word,
)


def texts(words: Sequence[Word]) -> list[str]:
    return [word.text for word in words]


def pairs(assignments: Sequence[Assignment]) -> dict[str, str]:
    return {assignment.name.text: assignment.value.text for assignment in assignments}


def body(text: str) -> tuple[Statement, ...]:
    return netlearn.parse("title\n" + text).statements[1:]


def one(text: str) -> Statement:
    (statement,) = body(text)
    return statement


@pytest.mark.parametrize(
    ("line", "words", "assignments", "calls"),
    [
        ("R1 a b 1k", ["a", "b", "1k"], {}, []),
        ("r1 (a b) 1k", ["a", "b", "1k"], {}, []),
        ("R1 a, b, {x + {y}} m = 2", ["a", "b", "{x + {y}}"], {"m": "2"}, []),
        ("R1 a b R='x * y' tc1=1e-3 tc2 =2", ["a", "b"], {"R": "'x * y'", "tc1": "1e-3", "tc2": "2"}, []),
        ("R1 a b 1k tc=1e-3,-2e-6", ["a", "b", "1k"], {"tc": "1e-3,-2e-6"}, []),
        (
            "V1 in+ 0 DC 1 AC 1 PULSE (0 1 {t0} 2n) r=2",
            ["in+", "0", "DC", "1", "AC", "1"],
            {"r": "2"},
            ["PULSE (0 1 {t0} 2n)"],
        ),
        ("I1 a 0 SIN(0 1 1k)", ["a", "0"], {}, ["SIN(0 1 1k)"]),
        ("V1 a 0 PULSE 0 1 2", ["a", "0", "PULSE", "0", "1", "2"], {}, []),
        ('V1 a 0 PWL(file="my file.txt")', ["a", "0"], {}, ['PWL(file="my file.txt")']),
        ("E1 a b (c,d) 5", ["a", "b", "c", "d", "5"], {}, []),
        ("E1 a b POLY(2) (c,d) (e,f) 0 1 2", ["a", "b", "c", "d", "e", "f", "0", "1", "2"], {}, ["POLY(2)"]),
        ("G1 a b VALUE = {V(1)*2}", ["a", "b"], {"VALUE": "{V(1)*2}"}, []),
        ("E1 a b VALUE {V(1)*2}", ["a", "b", "VALUE", "{V(1)*2}"], {}, []),
        ("E1 a b TABLE {V(1)} = (0,0) (1, 2)", ["a", "b"], {}, ["TABLE {V(1)} = (0,0) (1, 2)"]),
        ("E1 a b vol = V(1) * 2 + max(1, 2)", ["a", "b"], {"vol": "V(1) * 2 + max(1, 2)"}, []),
        ("B1 a 0 V = V(1) > 0 ? V(1,2)*2 : -1", ["a", "0"], {"V": "V(1) > 0 ? V(1,2)*2 : -1"}, []),
        ("B1 a 0 I=V(1)==2 tc1 = 5", ["a", "0"], {"I": "V(1)==2", "tc1": "5"}, []),
        ("B1 a 0 I=V(1)>=2&&V(2)!=(3) tc1 = 5", ["a", "0"], {"I": "V(1)>=2&&V(2)!=(3)", "tc1": "5"}, []),
        ("X1 a n<1> net[0]# sub params: p=1 q={2*3}", ["a", "n<1>", "net[0]#", "sub"], {"p": "1", "q": "{2*3}"}, []),
        ("Q1 c b e [s] mod area=2", ["c", "b", "e", "[s]", "mod"], {"area": "2"}, []),
        ("A1 [a b] %v(c) %vd(d e) mod", ["[a", "b]", "%v(c)", "%vd(d e)", "mod"], {}, []),
        ("M1 d g s b nch w=1u l = 2u", ["d", "g", "s", "b", "nch"], {"w": "1u", "l": "2u"}, []),
        ("K1 L1 L2 0.9", ["L1", "L2", "0.9"], {}, []),
        ("C1 a b 1u ic=0.5", ["a", "b", "1u"], {"ic": "0.5"}, []),
        ("R-1/x Net-(R1-Pad1) /sheet/net 1k", ["Net-(R1-Pad1)", "/sheet/net", "1k"], {}, []),
    ],
)
def test_element_lines(line: str, words: list[str], assignments: dict[str, str], calls: list[str]) -> None:
    element = one(line)
    assert isinstance(element, Element)
    assert texts(element.words) == words
    assert pairs(element.assignments) == assignments
    assert texts(element.calls) == calls


@pytest.mark.parametrize(
    ("line", "name", "words", "assignments"),
    [
        (".param a = 1 + 2 b= a*3 c='x y', d={1}", "param", [], {"a": "1 + 2", "b": "a*3", "c": "'x y'", "d": "{1}"}),
        (".PARAM f(x,y)={x+y}", "param", [], {"f(x,y)": "{x+y}"}),
        (".func f(x, y) {x*y}", "func", ["f", "(x, y)", "{x*y}"], {}),
        (".func f(x) = 'x*2'", "func", ["f", "(x)", "'x*2'"], {}),
        (".func f() 3 + 4", "func", ["f", "()", "3 + 4"], {}),
        (".model D1 D(is=1e-14 rs={2+3} n = 2)", "model", ["D1", "D"], {"is": "1e-14", "rs": "{2+3}", "n": "2"}),
        (".model M nmos level=1 vto=-1", "model", ["M", "nmos"], {"level": "1", "vto": "-1"}),
        (".model p pwl(x=[0 2] y=[1 2])", "model", ["p", "pwl"], {"x": "[0 2]", "y": "[1 2]"}),
        (".model d2 ako:d1 (is = 2e-14)", "model", ["d2", "ako:d1"], {"is": "2e-14"}),
        (".ic v(1)=0 v(2) = 3", "ic", [], {"v(1)": "0", "v(2)": "3"}),
        (".options reltol=1e-4 noacct gmin = 1e-15", "options", ["noacct"], {"reltol": "1e-4", "gmin": "1e-15"}),
        (".temp 25", "temp", ["25"], {}),
        (".global vdd, vss", "global", ["vdd", "vss"], {}),
        (".tran 1n 10n ) ( =", "tran", ["1n 10n ) ( ="], {}),
        (".op", "op", [], {}),
        (".op  ; comment", "op", [], {}),
        (".print(v(a))", "print", ["(v(a))"], {}),
        (".PARAM x=1", "param", [], {"x": "1"}),
        (".lib 'my lib.lib' TT", "lib", ["'my lib.lib'", "TT"], {}),
    ],
)
def test_cards(line: str, name: str, words: list[str], assignments: dict[str, str]) -> None:
    card = one(line)
    assert isinstance(card, Card)
    assert (card.name, texts(card.words), pairs(card.assignments)) == (name, words, assignments)


def test_every_word_knows_where_it_stands_across_continuations_and_comments() -> None:
    text = "title\n  R1 in ; one\n* between\n\n \t+ out $ two\n+1k // three\n+ tc1 = 1e-3\n"
    element = netlearn.parse(text).statements[1]
    assert isinstance(element, Element)
    for word in (element.name, *element.words, element.assignments[0].name, element.assignments[0].value):
        assert text[word.start : word.end] == word.text
    assert texts(element.words) == ["in", "out", "1k"]


def test_an_expression_over_two_lines_is_one_word_with_blanks_for_the_break() -> None:
    text = "title\nR1 a b {x\n+ *2}\n"
    element = netlearn.parse(text).statements[1]
    assert isinstance(element, Element)
    word = element.words[2]
    assert word.text.split() == ["{x", "*2}"]
    assert text[word.start : word.end] == "{x\n+ *2}"


def test_two_backslashes_join_lines() -> None:
    element = one("R1 a \\\\\nb 1k")
    assert isinstance(element, Element)
    assert texts(element.words) == ["a", "b", "1k"]


def test_a_dollar_inside_a_word_is_no_comment() -> None:
    element = one("R1 a$b c 1k $ comment\n")
    assert isinstance(element, Element)
    assert texts(element.words) == ["a$b", "c", "1k"]


def test_the_first_line_is_the_title_unless_it_is_a_directive() -> None:
    first = netlearn.parse("R1 a b 1k\n").statements[0]
    assert isinstance(first, Kept)
    assert first.what == "title"
    assert isinstance(netlearn.parse("*@train R*\n").statements[0], DirectiveLine)


def test_directives_are_found_inside_of_blocks_but_not_after_the_end() -> None:
    text = "title\n.subckt s a\n*@fix R1\n.if (1)\n*@train R*\n.endif\n.ends\n*@rule analytic\n.end\n"
    directives = netlearn.parse(text).directives
    assert [directive.text.text for directive in directives] == ["fix R1", "train R*", "rule analytic"]
    with pytest.raises(NetlearnError, match=r"after \.end is not read") as caught:
        netlearn.parse(text + "* comment\n *@data x.csv\n")
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (11, 2)


@pytest.mark.parametrize("line", [".param x=1", ".SUBCKT s a", ".model d d"])
def test_a_card_in_place_of_the_title_is_an_error(line: str) -> None:
    with pytest.raises(NetlearnError, match="the first line is the title"):
        netlearn.parse(f"{line}\nR1 a b 1\n")
    assert len(netlearn.parse(f".title {line}\nR1 a b 1\n").statements) == 2


def test_directives_and_what_is_never_read() -> None:
    text = "*@data x.csv test=y.csv\n*# shell touch mark\n.control\nshell rm (\n.endc\n.prot\n?? {\n.unprot\n"
    text += "R1 a b 1\n.end\nnonsense ("
    directive, command, control, protected, resistor, rest = body(text)
    assert isinstance(directive, DirectiveLine)
    assert directive.text.text == "data x.csv test=y.csv"
    assert [kept.what for kept in (command, control, protected, rest) if isinstance(kept, Kept)] == [
        "command",
        "control",
        "protected",
        "rest",
    ]
    assert isinstance(resistor, Element)


def test_a_directive_inside_a_continued_line_does_not_end_it() -> None:
    resistor, directive = body("R1 a b\n*@train R1\n+ 1k\n")
    assert isinstance(resistor, Element)
    assert texts(resistor.words) == ["a", "b", "1k"]
    assert isinstance(directive, DirectiveLine)


def test_nesting() -> None:
    text = """.subckt outer a b PARAMS: r=1k
.subckt inner c
R1 c 0 1
.ends inner
.if(r > 1)
R2 a b 1
.elseif (r == 1)
R2 a b 2
.else
R2 a b 3
.endif
.ends
"""
    outer = one(text)
    assert isinstance(outer, Subcircuit)
    assert (outer.name.text, texts(outer.nodes), pairs(outer.assignments)) == ("outer", ["a", "b"], {"r": "1k"})
    inner, conditional = outer.body
    assert isinstance(inner, Subcircuit)
    assert isinstance(conditional, Conditional)
    assert [branch.condition and branch.condition.text for branch in conditional.alternatives] == [
        "(r > 1)",
        "(r == 1)",
        None,
    ]
    assert all(isinstance(branch, Alternative) and len(branch.body) == 1 for branch in conditional.alternatives)


def test_a_wrong_name_after_ends_is_overlooked_as_in_ngspice() -> None:
    assert isinstance(one(".subckt x a\n.ends y\n"), Subcircuit)


def test_a_library_section_is_told_from_a_library_file() -> None:
    section, last = body(".lib tt\nR1 a b 1\n.endl tt\n.lib models.lib\n")
    assert isinstance(section, Section)
    assert section.name.text == "tt"
    assert isinstance(last, Card)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("R1 a b 1.2.3", 2, 8, "'1.2.3' is not a number"),
        ("V1 a 0 DC 1k2k", 2, 11, "'1k2k' is not a number"),
        ("R1 a", 2, 1, "resistor 'R1' needs at least 3 words"),
        ("V1 a ac=1 dc=2", 2, 1, "voltage source 'V1' needs at least 2 nodes, not 1"),
        ("R1 a 1k", 2, 1, "resistor 'R1' needs at least 3 words"),
        ("M1 d g s", 2, 1, "MOSFET 'M1' needs at least 4 words"),
        ("D1 a b", 2, 1, "diode 'D1' needs at least 3 words"),
        ("E1 a b", 2, 1, "needs at least 3 words"),
        ("?x a b", 2, 1, "unknown element type '?'"),
        ("1k a b", 2, 1, "unknown element type '1'"),
        ("# a b", 2, 1, "unknown element type '#'"),
        ("+ a b", 2, 1, "'+' continues a line, but there is none before it"),
        ("R1 a b {x", 2, 8, "'{' is never closed"),
        ("R1 a b 'x", 2, 8, "this quote (') is never closed"),
        ("R1 a b x}", 2, 9, "'}' closes nothing"),
        ("V1 a b PULSE(1 (2)", 2, 13, "'(' is never closed"),
        ("R1 a b\n+ = = b", 3, 5, "unexpected '='"),
        ("R1 a b m=", 2, 9, "ends too early"),
        (".ends", 2, 1, ".ends without .subckt"),
        (".subckt x a", 2, 1, ".subckt is never closed"),
        (".subckt", 2, 1, ".subckt needs a name"),
        (".subckt s=5 a b\n.ends", 2, 9, "a subcircuit's name cannot have '=' in it"),
        (".subckt x a\n.subckt y a\n.ends x", 4, 7, ".ends names 'x', but the subcircuit 'y' inside of it"),
        (".if (1)\nR1 a b 1", 2, 1, ".if is never closed"),
        (".if (1)\n.ends\n.endif", 3, 1, ".ends without .subckt; the .if of line 2 is still open"),
        (".else", 2, 1, ".else without .if"),
        (".if\n.endif", 2, 1, "a condition is missing"),
        (".if (1)\n.else\n.elseif (2)\n.endif", 4, 1, ".elseif after .else"),
        (".if (1)\n.else\n.else\n.endif", 4, 1, ".else after .else"),
        (".if (1)\n.elseif\n.endif", 3, 1, "a condition is missing"),
        (".if (1)\n.else\nR1 a b 1", 2, 1, ".if is never closed"),
        (".endif", 2, 1, ".endif without .if"),
        (".endl", 2, 1, ".endl without .lib"),
        (".include", 2, 1, ".include needs a file name"),
        (".model", 2, 6, "ends too early"),
    ],
)
def test_mistakes_are_placed(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(NetlearnError) as caught:
        netlearn.parse("title\n" + text, "x.cir")
    errors = caught.value.errors if isinstance(caught.value, NetlearnErrors) else (caught.value,)
    assert message in errors[0].message
    assert errors[0].place is not None
    assert (errors[0].place.path, errors[0].place.line, errors[0].place.column) == ("x.cir", line, column)
    assert str(errors[0]).startswith(f"x.cir:{line}:{column}: error: ")


def test_up_to_20_mistakes_are_told_in_one_run() -> None:
    with pytest.raises(NetlearnErrors) as caught:
        netlearn.parse("title\n" + "R1 a b 1.2.3\n" * 5 + "? x\n" * 40)
    assert len(caught.value.errors) == 20
    assert [error.place.line for error in caught.value.errors if error.place] == list(range(2, 22))


@pytest.mark.parametrize(
    "text",
    [
        ".subckt s a\n" * 5000,
        ".if (1)\n" * 5000,
        "V1 a 0 PULSE" + "(" * 200_000,
        "R1 a b " + "{" * 200_000,
        "R1 a b " + "{" * 100_000 + "}" * 100_000,
        "B1 a 0 V=" + "(" * 100_000 + "1",
    ],
)
def test_absurd_nesting_is_an_error(text: str) -> None:
    with pytest.raises(NetlearnError):
        netlearn.parse("title\n" + text)


@pytest.mark.parametrize(
    "line",
    [
        "R" + "1" * 1_000_000 + " a b 1",
        "X1 " + "a " * 500_000 + "sub",
        "B1 a 0 V=" + "(" * 30_000 + "1" + ")" * 30_000,
        "B1 a 0 V=1" + " + 1" * 100_000,
        "X1 a\n" + "+ b\n" * 200_000 + "+ sub",
        "X1 a" + "\n* c" * 200_000 + "\n+ sub",
        "R1 a b 1 " + " " * 1_000_000 + "m=1",
    ],
)
def test_huge_lines_are_read(line: str) -> None:
    text = "title\n" + line
    assert str(netlearn.parse(text)) == text


LINES = st.one_of(
    st.sampled_from(
        """R1 a b 1k|+ m=2|* comment||  |*@train R*|.param x = 1|.subckt s a b|.ends|V1 a 0 PULSE(0 1|+ 2 3)|.if (x)
.endif|.end|.control|.endc|R2 c d {x}|E1 a b TABLE {V(1)} = (0,0)|.model d d(is=1)|.tran 1 2|.include x.inc|$|; c|\\\\
B1 a 0 V=V(1) * 2""".replace("\n", "|").split("|")
    ),
    st.text("R1ab .+*({})='\"$;,=/\\x>", max_size=30),
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
@settings(deadline=None)
def test_what_parses_is_kept_and_what_does_not_is_told(lines: list[str], newline: str) -> None:
    text = "title" + newline + newline.join(lines)
    try:
        netlist = netlearn.parse(text)
    except NetlearnError as error:
        unplaced = error.place is None
        assert not unplaced
        return
    assert str(netlist) == text
    for statement in netlist.statements:
        assert 0 <= statement.start <= statement.end <= len(text)
        if isinstance(statement, Element):
            for word in statement.words:
                assert (
                    text[word.start : word.end].split() == word.text.split() or newline in text[word.start : word.end]
                )
