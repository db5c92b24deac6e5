"""How lines are split and joined, against ngspice: the deck as it is, and the deck put together from what was read."""

from __future__ import annotations

from typing import Any

import pytest

import netlearn
from netlearn.netlist.statements import Card, Element

DECK = """R9 b 0 1 this first line is a title, though it looks like an element
* comment
V1 a 0 DC 5
R1 a b 1k ; semicolon
R2 b 0
* comment inside a line

+ 2k
R3 b c 1k $ dollar
r4 c 0 1k // slashes
\tR5 c$x 0 3k
R6 c c$x 2k\t$ after a tab
   R7 (c d) 1k
R8 d, 0 1K
+
+ m=2
  + tc1=1e-3
Ra d#1 d 1kOhm
RB D#1 0 1meg ; upper case is the same node
E1 e 0 (b, c) 3
Re e 0 1k
G1 0 g POLY(1) b 0 0 1m
Rg g 0 1k
Bb bb 0 V = V(b) > 1 ? V(b) * 2 : 0
Rbb bb 0 1k
X1 b x1o half PARAMS: r=4k
X2 b x2o half
Rx1 x1o 0 1k
.SUBCKT half p q r=1k
R1 p q {r}
.ENDS half
.param k = 2
+ u={k*2}
Rp p 0 {k * 1k}
Rq p a 'u*1k'
Rs s<1> 0 1k
Rt s<1> /a/b 1k
Ru /a/b a 1k
.end
"""


def put_together(netlist: netlearn.Netlist) -> str:
    """One line per statement, one blank between words; a subcircuit as it stands."""
    lines = ["title"]
    for statement in netlist.statements:
        if isinstance(statement, Element):
            pieces = [statement.name, *statement.words, *statement.calls]
            words = [word.text for word in sorted(pieces, key=lambda word: word.start)]
            lines.append(" ".join([*words, *(f"{pair.name.text}={pair.value.text}" for pair in statement.assignments)]))
        elif isinstance(statement, Card):
            pairs = [f"{pair.name.text}={pair.value.text}" for pair in statement.assignments]
            lines.append(" ".join([f".{statement.name}", *(word.text for word in statement.words), *pairs]))
        elif type(statement).__name__ == "Subcircuit":
            lines.append(statement.source.text[statement.start : statement.end])
    return "\n".join([*lines, ".end", ""])


@pytest.mark.ngspice
def test_lines_are_split_and_joined_as_ngspice_does(ngspice: Any) -> None:
    again = put_together(netlearn.parse(DECK))
    assert ";" not in again
    assert "comment" not in again
    as_it_is, from_what_was_read = ngspice.run_many([DECK, again])
    assert len(as_it_is) > 15
    assert as_it_is == pytest.approx(from_what_was_read, rel=1e-9)
