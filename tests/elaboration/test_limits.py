"""Netlists of a few lines that come to more than memory holds: refused before they take it."""

from __future__ import annotations

import tracemalloc

import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.elaboration.limits import MOST_ELEMENTS, VARIABLE, most_elements
from netlearn.errors import NetlearnError, OptionError
from netlearn.netlist.netlist import parse

CONTENTS = {
    "elements": ("", "R1 a b 1k"),
    "nothing": ("", ""),
    "parameters": (" params: p{k}=1", ""),
    "nodes": ("", "R1 a m 1k\nR2 m b 1k"),
}


def doublings(count: int, parameters: str = "", inside: str = "R1 a b 1k") -> str:
    lines = ["doublings", "V1 a 0 1", "X1 a 0 s0"]
    for k in range(count):
        lines += [f".subckt s{k} a b{parameters.format(k=k)}", f"X1 a b s{k + 1}", f"X2 a b s{k + 1}", ".ends"]
    return "\n".join([*lines, f".subckt s{count} a b", inside, ".ends", ".end", ""])


@pytest.mark.parametrize("kind", CONTENTS)
def test_forty_doublings_are_refused_without_their_memory(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    most = MOST_ELEMENTS
    if kind == "parameters":
        # Which are laid out before they are counted.
        most //= 20
        monkeypatch.setenv(VARIABLE, str(most))
    netlist = parse(doublings(40, *CONTENTS[kind]), "t.cir")
    tracemalloc.start()
    with pytest.raises(NetlearnError, match=f"comes to more than {most} elements, instances and parameters here") as e:
        elaborate(netlist)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (300 << 20 if kind == "nodes" else 60 << 20 if kind == "parameters" else 20 << 20)
    assert VARIABLE in str(e.value)


def test_the_limit_can_be_raised_and_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = parse(doublings(5), "t.cir")
    # 32 resistors, and 63 instances around them.
    monkeypatch.setenv(VARIABLE, "95")
    assert len(elaborate(netlist).circuit.groups[1]) + len(elaborate(netlist).circuit.groups[0]) == 33
    monkeypatch.setenv(VARIABLE, "94")
    with pytest.raises(NetlearnError, match=r"t.cir:3:1: error: the netlist comes to more than 94 elements"):
        elaborate(netlist)
    monkeypatch.setenv(VARIABLE, "many")
    with pytest.raises(OptionError, match="NETLEARN_MOST_ELEMENTS is 'many', which is not a number of elements"):
        most_elements()
