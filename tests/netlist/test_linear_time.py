"""No shape of input takes more than linear time: found by looking at every regular expression and rule."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import netlearn
from netlearn.errors import NetlearnError

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
    "conditions": lambda n: ".if (1)\n" + ".elseif (2)\n" * n + ".endif\n",
}


def seconds(text: str) -> float:
    start = time.process_time()
    try:
        netlearn.parse(text)
    except NetlearnError as error:
        str(error)
    return time.process_time() - start


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_times_the_text_takes_about_eight_times_the_time(shape: str) -> None:
    seconds("title\nR1 a b {1}\n")
    small, large = (seconds("title\n" + SHAPES[shape](n)) for n in (1_000, 8_000))
    # Quadratic time would be 64 times as long; small times are noise.
    assert large < 0.4 + 20 * small
