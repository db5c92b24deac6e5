"""Values that are set one by one: what the text is then, against replacing them in the text by hand."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlistError, OptionError
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.source import Source

TEXT = """* values
V1 a 0 DC 1 AC 2
R1 a b 1k  ; upper
R2 b 0
+ 2k
R3 b c {2*k}
D1 c 0 dm 2
X1 a c cell w=3
X2 b c cell
.subckt cell p q w=1
Rin p q 500
.ends
.model dm d(is=1e-14 rs=2)
.param k=1k
.end
"""


def test_one_by_one_is_what_replacing_in_the_text_gives() -> None:
    netlist = netlearn.parse(TEXT)
    netlist["R1"].value = 1500.5
    netlist["R1"].value = "4k7"
    netlist["R2"].value = -3
    netlist["D1"].parameters["area"] = 5
    netlist["X1"].parameters["w"] = 7
    netlist["X1.Rin"].value = 600
    netlist.models["dm"]["rs"] = 0.25
    netlist.parameters["k"] = 2200
    netlist["V1"].value = 3
    wanted = TEXT
    for old, new in (
        ("b 1k", "b 4k7"), ("+ 2k", "+ -3"), ("dm 2", "dm 5"), ("w=3", "w=7"), ("500", "600"), ("rs=2", "rs=0.25"),
        ("k=1k", "k=2200"), ("DC 1", "DC 3"),
    ):  # fmt: skip
        assert wanted.count(old) == 1
        wanted = wanted.replace(old, new)
    # Before the text is asked for, values are those that have been set.
    assert [netlist[name].value for name in ("R1", "R2", "X2.Rin", "V1")] == [4700.0, -3.0, 600.0, 3.0]
    assert (netlist.models["dm"]["rs"], netlist.parameters["k"], netlist["D1"].parameters["area"]) == (
        0.25,
        2200.0,
        5.0,
    )
    assert netlist["R1"].nodes == ("a", "b")
    assert str(netlist) == wanted
    assert [netlist[name].value for name in ("R1", "R2", "X2.Rin", "V1")] == [4700.0, -3.0, 600.0, 3.0]


@pytest.mark.parametrize(
    "look",
    [
        lambda netlist: netlist["R1"].text.startswith("R1 a b 1234567.5"),
        lambda netlist: netlist["R2"].place.column == 1,
        lambda netlist: "1234567.5" in netlist.edit([]).source.text,
        lambda netlist: "1234567.5" in copy.deepcopy(netlist).source.text,
        lambda netlist: "1234567.5" in str(pickle.loads(pickle.dumps(netlist))),
        lambda netlist: "1234567.5" in netlist.statements[0].source.text,
        lambda netlist: abs(float(netlearn.operating_point(netlist, data={"V1": [1.0]}, probes=["I(R1)"]).measure(
            "V(a,b)", "I(R1)").ravel() @ [1, -1234567.5])) < 1e-9,
    ],
    ids=["text", "place", "edit", "copy", "pickle", "statements", "solved"],
)  # fmt: skip
def test_whatever_asks_for_the_text_gets_what_was_set(look: Callable[[Netlist], bool]) -> None:
    netlist = netlearn.parse(TEXT)
    netlist["R1"].value = 1234567.5
    assert look(netlist)


def test_other_changes_come_on_top_of_what_waits() -> None:
    netlist = netlearn.parse(TEXT)
    netlist["R1"].value = 7
    netlist["R2"].value = "{3*k}"
    netlist["R1"].value = 8
    netlist["X2"].parameters["w"] = 9
    netlist["R3"].value = 10
    netlist.remove("R2")
    netlist.add("R4 c 0 11", after="R3")
    netlist["R4"].value = 12
    wanted = TEXT.replace("b 1k", "b 8").replace("R2 b 0\n+ 2k\n", "").replace("{2*k}", "10")
    wanted = wanted.replace("X2 b c cell", "X2 b c cell w=9").replace("D1 c", "R4 c 0 12\nD1 c")
    assert str(netlist) == wanted


def test_mistakes_are_told_at_once_and_change_nothing() -> None:
    netlist = netlearn.parse(TEXT)
    netlist["R1"].value = 7
    with pytest.raises(OptionError, match="finite"):
        netlist["R1"].value = np.nan
    with pytest.raises(NetlistError, match="'X1' is a subcircuit call and has no value"):
        netlist["X1"].value = 3
    with pytest.raises(OptionError, match="no element 'R9'"):
        netlist["R9"].value = 3
    assert str(netlist) == TEXT.replace("b 1k", "b 7")


def test_the_text_is_written_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = netlearn.parse("* many\n" + "".join(f"R{k} a{k} 0 1k\n" for k in range(300)))
    written: list[int] = []
    spliced = Source.spliced

    def counted(source: Source, edits: list[tuple[int, int, str]]) -> Source:
        written.append(len(edits))
        return spliced(source, edits)

    monkeypatch.setattr(Source, "spliced", counted)
    for element in netlist.find("R*"):
        assert isinstance(element.value, float)
        element.value = 2 * element.value
    for k in range(0, 300, 2):
        netlist[f"r{k}"].value = k + 0.5
    values = [float(number) for number in re.findall(r"0 (\S+)\n", str(netlist))]
    assert values == [k + 0.5 if k % 2 == 0 else 2000.0 for k in range(300)]
    assert written == [300]
