"""No shape of input takes more than linear time: found by looking at every regular expression and rule."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import netlearn
from netlearn.errors import NetlearnError
from netlearn.netlist.lint import remarks
from netlearn.netlist.numbers import cut_by_ngspice
from netlearn.ngspice import text as ngspice_text

SHAPES: dict[str, Callable[[int], str]] = {
    "quotes": lambda n: "R1 a b " + "'" * n,
    "mixed quotes": lambda n: "R1 a b " + "\"'" * n,
    "dollars": lambda n: "R1 a b 1" + "$" * n,
    "dollars in words": lambda n: "R1 a b c" + " a$" * n,
    "open parentheses": lambda n: "X1 " + "( " * n,
    "assignments": lambda n: "X1 a s" + " p =1" * n,
    "equals signs": lambda n: "X1 a s" + " =" * n,
    "blanks before a word": lambda n: "B1 a b V=1" + " " * n + "x",
    "blanks before operators": lambda n: "B1 a b V=1" + (" " * 50 + "+1") * (n // 50),
    "lists": lambda n: "X1 a s tc=1" + ",1" * n,
    "tables": lambda n: "E1 a b " + "table " * n,
    "nested tables": lambda n: "E1 a b " + "table(" * n,
    "short runs": lambda n: ("R1 a b 1\n" * 15 + "C1 a b 1\n") * (n // 15),
    "continued runs": lambda n: ("R1 a b 1\n" * 17 + "* c\n" * 20 + "+ m=1\n") * (n // 37),
    "comments": lambda n: "R1 a b 1\n" + "* c\n" * n,
    "library lines": lambda n: ".lib x\n" * (n // 10),
    "library sections": lambda n: ".lib x\n.endl\n" * n,
    "models": lambda n: ".model d d(" + "a=1 " * n + ")",
    "functions": lambda n: ".func f(" + "x," * n + ") x",
    "parameters": lambda n: ".param " + "a=b*(c)+1 " * n,
    "other cards": lambda n: ".foo " + "( = " * n,
    "open braces": lambda n: "R1 a b " + "{{{" * n,
    "joined lines": lambda n: "R1 a b\\\\\n" * n,
    "waveforms": lambda n: "V1 a 0 PWL(" + "1 2 " * n + ")",
    "vectors": lambda n: ".model a b x=" + "[ " * n,
    "errors": lambda n: "? a\n" * n,
    "stray continuations": lambda n: "* x\n+ a\n" * n,
    "directives inside a line": lambda n: "R1 a b\n" + "*@x\n" * n + "+ 1",
    "control blocks": lambda n: ".control\n.endc\n" * n,
    "open control blocks": lambda n: ".control\n" * n,
    "words of directives": lambda n: "*@output" + " V(a)" * n,
    "conditions": lambda n: ".if (1)\n" + ".elseif (2)\n" * n + ".endif\n",
}


def seconds(text: str, done: Callable[[str], object] = netlearn.parse) -> float:
    # A regular expression's steps cannot be counted. The collector's depend on all that lives, not on the text.
    gc.disable()
    start = time.process_time()
    try:
        done(text)
    except NetlearnError as error:
        str(error)
    took = time.process_time() - start
    gc.enable()
    return took


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_times_the_text_takes_about_eight_times_the_time(shape: str) -> None:
    seconds("title\nR1 a b {1}\n")
    # Quadratic time would be 64 times as long, every time; small times are noise.
    assert any(
        large < 0.4 + 20 * small
        for small, large in ([seconds("title\n" + SHAPES[shape](n)) for n in (1_000, 8_000)] for _ in range(5))
    )


def test_many_lines_of_one_directive_take_time_with_their_number() -> None:
    def described(text: str) -> object:
        return netlearn.describe(netlearn.parse(text))

    def lines(n: int) -> str:
        return "title\n" + "".join(f"*@position n{k}={k},0\n" for k in range(n)) + "V1 n0 0 1\nR1 n0 0 1\n"

    seconds(lines(1), described)
    # What merges two sets of names makes no calls that could be counted.
    assert any(
        large < 0.4 + 20 * small
        for small, large in ([seconds(lines(n), described) for n in (1_500, 12_000)] for _ in range(3))
    )


REMARKED: dict[str, Callable[[int], str]] = {
    "blanks in a comment": lambda n: "R1 a 0 1;" + " " * n + ";x",
    "values far apart in a comment": lambda n: "R1 a 0 1;1" + " " * n + "2",
}


@pytest.mark.parametrize("shape", REMARKED)
def test_remarks_take_time_with_the_length_of_a_line(shape: str) -> None:
    def remarked(text: str) -> object:
        return remarks(netlearn.parse(text))

    seconds("title\nR1 a 0 1\n", remarked)
    small, large = (seconds("title\n" + REMARKED[shape](n), remarked) for n in (4_000, 32_000))
    assert large < 0.2 + 20 * small


def test_digits_take_time_with_their_number() -> None:
    def looked_for(text: str) -> object:
        return cut_by_ngspice(text), ngspice_text.EXPRESSION_NUMBER.search(text)

    seconds("1", looked_for)
    small, large = (seconds("1" * n, looked_for) for n in (2_000, 16_000))
    assert large < 0.2 + 20 * small


@pytest.mark.parametrize("value", [" +- ", "+-"])
def test_what_is_no_band_is_told_in_time_with_its_length(value: str) -> None:
    def described(text: str) -> object:
        return netlearn.describe(netlearn.parse(text))

    def line(n: int) -> str:
        return f'title\n*@corner V1="{value * n}%x%"\nV1 a 0 1\nR1 a 0 1\n'

    seconds(line(1), described)
    assert any(large < 0.4 + 20 * small for small, large in ([seconds(line(n), described) for n in (1_000, 8_000)],))


CIRCUITS: dict[str, Callable[[int], str]] = {
    "ladder": lambda n: "".join(f"R{i} n{i} n{i + 1} 1k\n" for i in range(n)),
    "sources": lambda n: "".join(f"V{i} n{i} 0 dc {{v}} ac 1\nE{i} e{i} 0 n{i} 0 2\n" for i in range(n // 2))
    + ".param v=1\n",
    "chained parameters": lambda n: ".param p0=1\n" + "".join(f".param p{i + 1}={{p{i}+1}}\n" for i in range(n)),
    "resistors by parameters": lambda n: "".join(f".param p{i}=1\nR{i} a b {{2*p{i}}}\n" for i in range(n // 2)),
    "models": lambda n: "".join(f".model d{i} d is=1e-14\nD{i} a 0 d{i}\n" for i in range(n // 2)),
    "behavioural sources": lambda n: "".join(f"B{i} n{i} 0 V=V(m{i})*2+{i}\nR{i} m{i} 0 1\n" for i in range(n // 4)),
    "probes inside of instances": lambda n: ".subckt s a\nR1 a m 1\nR2 m 0 1\n.ends\n"
    + "".join(f"X{i} a{i} s\nB{i} a{i} 0 V=V(x{i}.m)\n.nodeset v(x{i}.m)=1\n" for i in range(n // 4)),
    "sources inside of instances": lambda n: ".subckt s a\nV1 a 0 1\nR2 a 0 1\n.ends\n"
    + "".join(f"X{i} a{i} s\nF{i} a{i} 0 v.x{i}.v1 2\n" for i in range(n // 4)),
    "current-controlled sources": lambda n: "".join(f"F{i} n{i} 0 V{i} 2\nV{i} n{i} 0 1\n" for i in range(n // 2)),
    "shared instances": lambda n: ".subckt s a b\nR1 a m 1\nR2 m b 1\n.ends\n"
    + "".join(f"X{i} a n{i} s\n" for i in range(n)),
    "instances with parameters": lambda n: ".subckt s a b r=1\nR1 a m {r}\nR2 m b 1\n.ends\n"
    + "".join(f"X{i} a n{i} s r={i + 1}\n" for i in range(n // 4)),
    "global nodes": lambda n: ".global vdd\n.subckt s a\nR1 vdd a 1\n.ends\n"
    + "".join(f"X{i} n{i} s\n" for i in range(n // 2)),
    "definitions": lambda n: "".join(f".subckt s{i} a b\nR1 a b 1\n.ends\nX{i} a b s{i}\n" for i in range(n // 4)),
    "words of directives": lambda n: "*@output" + " V(a)" * n,
    "conditions": lambda n: "".join(f".if (1)\nR{i} a b 1\n.endif\n" for i in range(n // 4)),
    "guesses": lambda n: "".join(f"R{i} n{i} 0 1\n.nodeset v(n{i})=1\n" for i in range(n // 2)),
}  # fmt: skip


def lines_run(text: str) -> int:
    """Lines of Python that elaborating a netlist runs: a count, which no load of the machine changes."""
    netlist = netlearn.parse(text)
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        netlearn.elaborate(netlist)
    finally:
        sys.settrace(former)
    return count


@pytest.mark.parametrize("shape", CIRCUITS)
def test_a_circuit_eight_times_as_large_runs_about_eight_times_the_lines(shape: str) -> None:
    small, large = (lines_run("title\n" + CIRCUITS[shape](n)) for n in (200, 1_600))
    assert large < 10 * small
