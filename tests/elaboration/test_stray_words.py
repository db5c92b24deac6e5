"""Words that are put into valid lines: none passes unnoticed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from netlearn.elaboration.cards import CARDS
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NetlistWarning
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.netlist import parse, read
from netlearn.solve.internal import InternalSolver

NETLIST = """\
title
.param k=2 q={f(1)}
.func f(x) {x*k}
.options temp=30 reltol=1e-4
.temp 35
.global g
.nodeset v(b)=1
.model dm d(is=1e-14 n=1.2)
.model qm npn(bf=100)
.model mm nmos(vto=1 kp=1m)
.model jm njf(beta=1m)
.model sm sw(vt=0.5 ron=1 roff=1meg)
.model wm csw(it=1m ron=1 roff=1meg)
.model vm vswitch(ron=1 roff=1meg von=1 voff=0)
.model rm r(rsh=10 tc1=1m)
.subckt cell p n w=1
R1 p n {w*1k}
.ends cell
V1 a 0 DC 5 AC 1 90
V2 v2 0 SIN(1 2 1k)
V3 v3 0 PULSE 0.5 1 1n
I1 0 i1 1m m=2
R1 a b 1k tc1=1m
R2 b 0 rm l=10u w=1u
R3 i1 0 2k ac=1k
R4 v2 0 r='1k+0*v(a)'
C1 b 0 1u ic=0
L1 b l1 1m
L2 l2 0 1m
K1 L1 L2 0.9
R5 l1 0 1k
R6 l2 0 1k
D1 b d1 dm area=2
R7 d1 0 10k
Q1 a b q1 qm
R8 q1 0 1k
M1 a b m1 0 mm l=1u w=2u
R9 m1 0 1k
J1 a 0 j1 jm
R10 j1 0 1k
S1 a s1 b 0 sm
R11 s1 0 1k
W1 a w1 V1 wm
R12 w1 0 1k
S2 a s2 b 0 vm
R13 s2 0 1k
E1 e1 0 b 0 2
R14 e1 0 1k
G1 0 g1 b 0 1m
R15 g1 0 1k
F1 0 f1 V2 2
R16 f1 0 1k
H1 h1 0 V2 100
R17 h1 0 1k
E2 e2 0 POLY(1) b 0 1 2
R18 e2 0 1k
E3 e3 0 VALUE={2*v(b)}
R19 e3 0 1k
E4 e4 0 TABLE {v(b)} = (0,0) (1,2)
R20 e4 0 1k
B1 b1 0 V=v(b)*2
R21 b1 0 1k
X1 a x1 cell w=2
R22 x1 0 1k
T1 t1 0 t2 0 z0=50 td=1n
R23 t1 a 1k
R24 t2 0 1k
.if (k==2)
R25 a 0 1k
.elseif (k==3)
R25 a 0 2k
.else
.endif
O1 o1 0 o2 0 om
R26 o1 a 1k
R27 o2 0 1k
.model om ltra(r=10 len=2 c=1p)
Y1 y1 0 y2 0 ym len=2
R28 y1 a 1k
R29 y2 0 1k
.model ym txl(r=10 l=1n c=1p g=0 length=1)
P1 p1 p2 0 p3 p4 0 pm
R30 p1 a 1k
R31 p3 0 1k
R32 p2 0 1k
R33 p4 0 1k
.model pm cpl(r=10 0 20 l=1n 0 1n c=1p 0 1p g=0 0 0 length=2)
U1 u1 u2 0 um l=50u
R34 u1 a 1k
R35 u2 0 1k
.model um urc(rperl=1meg k=2)
M2 a vd 0 vm2
R36 vd 0 1k
.model vm2 vdmos(vto=1 kp=1m)
.ic v(b)=1
.csparam cs={k}
.global_param gp=3
.params pp=4
R37 a 0 {gp*pp*1k}
.end
"""
LINES = NETLIST.splitlines()
# Prose, what comes after the end, and a branch that is not taken.
UNTOUCHED = {"title", ".end", "R25 a 0 2k"}
WORDS = ("strange", "strange=1", "7")


def result(text: str) -> tuple[tuple[str, ...], tuple[str, ...], list[float]] | None:
    """Nodes, branches and unknowns; None where an error or a warning tells that something is odd."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetlistWarning)
        try:
            circuit = elaborate(parse(text)).circuit
            return tuple(circuit.nodes), tuple(circuit.branches), InternalSolver().solve(circuit).x[0].tolist()
        except (NetlearnError, NetlistWarning):
            return None


PLAIN = cache(lambda: result(NETLIST))


def mutants(line: str) -> Iterator[str]:
    """The line with a word put into each of its gaps and at its end."""
    gaps = [match.start() for match in re.finditer(r"(?<=[^\s=(,{*+'])\s|$", line)]
    for gap in gaps:
        for word in WORDS:
            yield f"{line[:gap]} {word}{line[gap:]}"


HARMLESS = [
    # What defines something new has its meaning.
    r"^\.(param|params|global_param|csparam|subckt) .*strange=1",
    r"^\.global",
    # The phase of AC, LTspice's number of cycles, further arguments of waveforms, and coefficients have their meaning.
    r"AC [17 ]*",
    r"(SIN\([1-9 ]*1k.*\)|PULSE[ \d.]*)",
]


def test_the_netlist_itself_is_in_order() -> None:
    assert result(NETLIST) is not None


def test_every_letter_and_every_card_is_in_it() -> None:
    starts = {line.split()[0].lower() for line in LINES}
    solved = {letter for letter, form in LETTERS.items() if form.solved}
    assert {start[0].upper() for start in starts if start[0] != "."} - {"T"} == solved - {"T"}
    cards = {*CARDS, "subckt", "ends", "if", "elseif", "else", "endif", "options", "temp", "nodeset"}
    # Of .step is warned in any case; files have a test of their own.
    assert {f".{card}" for card in cards - {"step"}} <= starts


@pytest.mark.parametrize("letter", sorted(letter for letter, form in LETTERS.items() if not form.solved))
def test_elements_that_cannot_be_solved_are_refused(letter: str) -> None:
    assert result(NETLIST.replace(".end\n", f"{letter}99 a b c d strange\n.end\n")) is None


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("line", [".include x.inc", ".lib x.inc tt"])
def test_no_word_passes_unnoticed_after_a_file(line: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "x.inc").write_text("R98 a 0 1k\n.lib tt\nR99 a 0 1k\n.endl tt\n.lib ff\n.endl\n")
    assert read(_written(tmp_path, line)).includes
    with pytest.raises(NetlearnError, match="after the file"):
        read(_written(tmp_path, f"{line} {word}"))


@pytest.mark.parametrize("word", WORDS)
def test_no_word_passes_unnoticed_after_a_section(word: str, tmp_path: Path) -> None:
    for library in (f".lib tt {word}\n.endl\n", f".lib tt\n.endl tt {word}\n"):
        (tmp_path / "x.inc").write_text(library)
        with warnings.catch_warnings():
            warnings.simplefilter("error", NetlistWarning)
            with pytest.raises((NetlearnError, NetlistWarning)):
                elaborate(read(_written(tmp_path, ".lib x.inc tt")))


def _written(folder: Path, line: str) -> Path:
    (folder / "main.cir").write_text(NETLIST.replace(".end\n", f"{line}\n.end\n"))
    return folder / "main.cir"


@pytest.mark.parametrize("number", [n for n, line in enumerate(LINES) if line not in UNTOUCHED])
def test_no_word_passes_unnoticed(number: int) -> None:
    plain = PLAIN()
    assert plain is not None
    unnoticed = []
    for mutant in mutants(LINES[number]):
        found = result("\n".join([*LINES[:number], mutant, *LINES[number + 1 :], ""]))
        if found is None or found[:2] != plain[:2] or not np.allclose(found[2], plain[2], rtol=1e-9, atol=1e-12):
            continue
        if not any(re.search(pattern, mutant) for pattern in HARMLESS):
            unnoticed.append(mutant)
    assert not unnoticed


def test_a_value_among_global_nodes_is_refused() -> None:
    with pytest.raises(NetlearnError, match=r"cannot read 'c' on the \.global line"):
        elaborate(parse("t\n.global b c=1\nV1 a 0 1\nR1 a 0 1k\n.end\n"))
