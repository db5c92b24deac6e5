"""Values that are set one by one: what the text is then, against replacing them in the text by hand."""

from __future__ import annotations

import copy
import pickle
import re
import threading
from collections.abc import Callable
from pathlib import Path

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


INSIDE = """* a body with cards of its own
R1 a 0 1k
X1 a 0 cell
.subckt cell p q
.param z=3
.model dm d(is=1e-14)
Rin p q 500
.ends
.end
"""


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (lambda netlist: netlist.update({"X1.Rin": 600}), "q 500", "q 600"),
        (lambda netlist: netlist.parameters.update({"X1.z": 4}), "z=3", "z=4"),
        (lambda netlist: netlist.models["X1.dm"].update({"is": 2e-14}), "1e-14", "2e-14"),
    ],
    ids=["element", "parameter", "model"],
)  # fmt: skip
def test_values_inside_instances_that_nothing_has_asked_for_before_are_set(
    change: Callable[[Netlist], object], old: str, new: str
) -> None:
    netlist = netlearn.parse(INSIDE)
    netlist["R1"].value = 5
    change(netlist)
    assert str(netlist) == INSIDE.replace("0 1k", "0 5").replace(old, new)


def test_an_element_that_is_held_is_set_inside_an_instance_after_others() -> None:
    netlist = netlearn.parse(INSIDE)
    held = netlist["X1.Rin"]
    netlist["R1"].value = 5
    assert "R1 a 0 5" in str(netlist)
    netlist["R1"].value = 6
    held.value = 600
    assert (held.value, str(netlist)) == (600.0, INSIDE.replace("0 1k", "0 6").replace("500", "600"))


def test_a_shallow_copy_is_a_netlist_of_its_own() -> None:
    netlist = netlearn.parse(TEXT)
    netlist["R1"].value = 7
    other = copy.copy(netlist)
    netlist["R1"].value = 8
    assert (netlist["R1"].value, other["R1"].value) == (8.0, 7.0)
    _ = netlist.elements.body
    other = copy.copy(netlist)
    other["R1"].value = 9
    assert (netlist["R1"].value, other["R1"].value) == (8.0, 9.0)


def test_nodes_that_are_numbers_are_those_that_were_put_in_their_place() -> None:
    netlist = netlearn.parse("* t\nR1 1 0 1k\n")
    netlist.change([(netlist.source, 7, 8, "2")])
    assert (netlist["R1"].nodes, str(netlist)) == (("2", "0"), "* t\nR1 2 0 1k\n")


def test_a_section_that_is_changed_is_a_section_still(tmp_path: Path) -> None:
    (tmp_path / "cells.lib").write_text(".lib one\nR1 a 0 1k\n.endl\n.lib two\nR2 a 0 2k\n.endl\n")
    (tmp_path / "main.cir").write_text("* t\n.lib cells.lib one\n.end\n")
    (part,) = netlearn.read(tmp_path / "main.cir").includes.values()
    part["R1"].value = 5
    assert ".lib one\nR1 a 0 5\n" in str(part)
    assert (list(part.elements), part.section) == (["R1"], "one")


def test_threads_that_read_a_netlist_write_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    netlist, entered, read = netlearn.parse(TEXT), threading.Event(), threading.Event()
    netlist["R1"].value = 7
    other = threading.Thread(target=lambda: str(netlist))
    check = Netlist.check

    def held_up(self: Netlist) -> None:
        if threading.current_thread() is other:
            entered.set()
            read.wait(0.5)
        check(self)

    monkeypatch.setattr(Netlist, "check", held_up)
    other.start()
    entered.wait()
    assert netlist.elements["R1"].text == "R1 a b 7  ; upper"
    read.set()
    other.join()
    netlist["R1"].value = 8
    assert str(netlist) == TEXT.replace("b 1k", "b 8")


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
    for k in range(0, 300, 4):
        netlist[f"r{k}"].value = k + 0.5
        netlist.elements[f"r{k + 2}"].value = k + 2.5
    values = [float(number) for number in re.findall(r"0 (\S+)\n", str(netlist))]
    assert values == [k + 0.5 if k % 2 == 0 else 2000.0 for k in range(300)]
    assert written == [300]
