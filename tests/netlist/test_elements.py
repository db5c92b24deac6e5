"""Listing, finding, reading and setting the elements of a netlist from Python."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlearnError, NetlistError, OptionError
from netlearn.netlist import netlist as netlist_module
from netlearn.netlist import numbers
from netlearn.netlist.netlist import Netlist, parse

TEXT = """* title
V1 in 0 DC 5 AC 1
I1 a 0 2m
R1 in a 1k tc1=1e-3
R2 a 0
* a comment in between
+ r = {2*k} ; why
R3 a 0 rmod l=1u
R4 a 0 rmod 18k
E1 e 0 (a, 0) 3
F1 f 0 V1 0.5
B1 b 0 V=V(a) * 2
C1 a 0 1u
D1 a 0 dmod
X1 a e half ratio=2
.param k=1k
.model rmod r(rsh=10)
.model dmod d
.subckt half p q ratio=1
R1 p q {1k*ratio}
R2 q 0 5k
Xi q 0 inner
.subckt inner u v
R1 u v 7
.ends
.ends
.end
"""


@pytest.fixture
def netlist() -> netlearn.Netlist:
    return netlearn.parse(TEXT)


@pytest.mark.parametrize("module", [netlist_module, numbers])
def test_the_examples_of_the_docstrings_run(module: object) -> None:
    results = doctest.testmod(module)  # type: ignore[arg-type]
    assert results.attempted > 0
    assert results.failed == 0


def test_elements_are_listed_in_order_and_found_by_glob(netlist: netlearn.Netlist) -> None:
    assert list(netlist.elements) == "V1 I1 R1 R2 R3 R4 E1 F1 B1 C1 D1 X1".split()  # noqa: SIM905
    assert [element.name for element in netlist.find("r?")] == ["R1", "R2", "R3", "R4"]
    assert netlist.find("Q*") == []
    assert "x1.xi.r1" in netlist.elements
    assert "X1.R9" not in netlist.elements


@pytest.mark.parametrize(
    ("name", "value", "nodes"),
    [
        ("V1", 5.0, ("in", "0")),
        ("I1", 2e-3, ("a", "0")),
        ("R1", 1000.0, ("in", "a")),
        ("R2", "{2*k}", ("a", "0")),
        ("R3", None, ("a", "0")),
        ("R4", 18e3, ("a", "0")),
        ("E1", 3.0, ("e", "0")),
        ("F1", 0.5, ("f", "0")),
        ("B1", "V(a) * 2", ("b", "0")),
        ("C1", 1e-6, ("a", "0")),
        ("D1", None, ("a", "0")),
        ("X1", None, ("a", "e")),
        ("X1.R1", "{1k*ratio}", ("p", "q")),
        ("X1.Xi.R1", 7.0, ("u", "v")),
    ],
)
def test_values_and_nodes_are_read(
    netlist: netlearn.Netlist, name: str, value: float | str | None, nodes: tuple[str, ...]
) -> None:
    assert netlist[name].value == (pytest.approx(value) if isinstance(value, float) else value)
    assert netlist[name].nodes == nodes


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("V1", 0.1, "DC 5 AC", "DC 0.1 AC"),
        ("R1", "4.7k", "a 1k tc1", "a 4.7k tc1"),
        ("r2", "{3*k}", "r = {2*k} ; why", "r = {3*k} ; why"),
        ("R2", 50, "r = {2*k} ; why", "r = 50 ; why"),
        ("E1", -2.5, "(a, 0) 3", "(a, 0) -2.5"),
        ("X1.R2", "1meg", "q 0 5k", "q 0 1meg"),
    ],
)
def test_a_value_that_is_set_changes_nothing_else(
    netlist: netlearn.Netlist, name: str, value: float | str, old: str, new: str
) -> None:
    netlist[name].value = value
    assert str(netlist) == TEXT.replace(old, new)
    assert netlist[name].value in (value, 4700.0, 1e6)


def test_many_values_are_set_at_once(netlist: netlearn.Netlist) -> None:
    netlist.update({"R1": 1, "R2": 2, "C1": "3u"})
    assert [netlist[name].value for name in ("R1", "R2", "C1")] == [1, 2, 3e-6]


def test_parameters_are_read_set_and_added(netlist: netlearn.Netlist) -> None:
    assert netlist["X1"].parameters == {"ratio": 2.0}
    netlist["X1"].set_parameter("RATIO", "3k")
    netlist["R2"].set_parameter("m", 2)
    assert "X1 a e half ratio=3k\n" in str(netlist)
    assert "+ r = {2*k} m=2 ; why\n" in str(netlist)


@pytest.mark.parametrize(
    "value", ["abc", "1.2.3", "", "1 2", "{x", "1k\nR9 a b 1", "{1}\n+}", float("nan"), float("inf"), "1e999"]
)
def test_a_value_that_is_none_is_refused(netlist: netlearn.Netlist, value: float | str) -> None:
    with pytest.raises(OptionError):
        netlist["R1"].value = value
    assert str(netlist) == TEXT


def test_what_would_break_the_line_is_refused(netlist: netlearn.Netlist) -> None:
    with pytest.raises(NetlistError, match="never closed"):
        netlist["R1"].value = "{1;2}"
    with pytest.raises(NetlistError, match="no value"):
        netlist["D1"].value = 1
    assert str(netlist) == TEXT


def test_an_unknown_name_gets_a_suggestion(netlist: netlearn.Netlist) -> None:
    with pytest.raises(OptionError, match="no element 'RR1'") as caught:
        netlist["RR1"]
    assert caught.value.hint == "did you mean 'R1'?"


def test_elements_are_added_before_the_end_or_after_another(netlist: netlearn.Netlist) -> None:
    netlist.add("R9 a b 9\nR10 a b\n+ 10")
    netlist.add("R11 a b 11", after="R2")
    assert str(netlist).endswith(".ends\nR9 a b 9\nR10 a b\n+ 10\n.end\n")
    assert "+ r = {2*k} ; why\nR11 a b 11\nR3" in str(netlist)


@pytest.mark.parametrize("text", ["t", "t\n", "t\r\nR1 a b 1", "t\r\nR1 a b 1\r\n"])
def test_added_lines_end_like_the_others(text: str) -> None:
    netlist = netlearn.parse(text)
    netlist.add("R2 a b 2")
    newline = "\r\n" if "\r\n" in text else "\n"
    assert str(netlist) == text.rstrip("\r\n") + newline + "R2 a b 2" + newline


@pytest.mark.parametrize("text", ["R1 a b 1", ".control", "*# quit", "R9 a", "R9 a b 1\n.include x"])
def test_only_new_elements_can_be_added(netlist: netlearn.Netlist, text: str) -> None:
    with pytest.raises(NetlearnError):
        netlist.add(text)
    assert str(netlist) == TEXT


def test_what_elements_need_can_be_added_with_them() -> None:
    netlist = netlearn.parse(
        "t\n.param g=2\n.model dn d\nV1 in 0 1\nR1 in a 1k\n.subckt leak p\nR1 p 0 1k\n.ends\n.end\n"
    )
    netlist.add(".model dm D(is=1e-9 n=1.5)\nD1 a 0 dm")
    netlist.add(".param k=3")
    netlist.add(".subckt load p\nR1 p 0 {k*1k}\n.ends\nX1 a load\n*@output V(a)")
    assert netlist.models["dm"]["n"] == 1.5
    assert netlist.parameters["k"] == 3
    assert netlearn.predict(netlist, {"V1": [0.4]}).outputs.shape == (1, 1)
    before = str(netlist)
    for text, said in {
        ".model DN d": "the netlist has a model 'DN' already",
        ".param a=1 G=1": "the netlist has a parameter 'G' already",
        ".subckt LEAK p\n.ends": "the netlist has a subcircuit 'LEAK' already",
        "*@train R*\nD1 a 0 dn": "the netlist has an element 'D1' already",
        ".lib x.lib": r"only elements, models, .* can be added\n.*\n.*\n  help: netlearn.parse reads a whole text",
    }.items():
        with pytest.raises(NetlistError, match=said):
            netlist.add(text)
    assert str(netlist) == before


def test_elements_are_removed_with_their_lines(netlist: netlearn.Netlist) -> None:
    netlist.remove("R2", "V1")
    expected = TEXT.replace("V1 in 0 DC 5 AC 1\n", "")
    assert str(netlist) == expected.replace("R2 a 0\n* a comment in between\n+ r = {2*k} ; why\n", "")
    with pytest.raises(OptionError):
        netlist.remove("V1")


def test_a_name_may_have_dots_in_it() -> None:  # found by fuzzing
    netlist = netlearn.parse("title\nR.$ a b 1k\nx.1.r a s\n.subckt s p\nR1 p 0 2\n.ends\n")
    assert (netlist["R.$"].value, netlist["r.$"].letter) == (1000.0, "R")
    assert netlist["x.1.r"].nodes == ("a",)


def test_rows_of_a_block_are_elements_like_others(tmp_path: Path) -> None:
    lines = [f"R{i} n{i} 0 {i}k ; c" if i == 5 else f"R{i} n{i} 0 {i}k" for i in range(50)]
    netlist = netlearn.parse("\n".join(["t", *lines]))
    assert len(netlist.elements) == 50
    netlist["R30"].value = 1.5
    netlist.remove("R31")
    lines[30] = "R30 n30 0 1.5"
    del lines[31]
    assert str(netlist) == "\n".join(["t", *lines])
    assert netlist["R30"].text == "R30 n30 0 1.5"


def test_elements_of_included_files_are_elements_of_the_netlist(tmp_path: Path) -> None:
    (tmp_path / "a.cir").write_text("t\n.include b.inc\n.end\n")
    (tmp_path / "b.inc").write_text("R1 a b 1k\n")
    netlist = netlearn.read(tmp_path / "a.cir")
    netlist["R1"].value = 5
    netlist.save(tmp_path / "new.cir")
    assert (tmp_path / "new.cir").read_text() == "t\n.include new.b.inc\n.end\n"
    assert (tmp_path / "new.b.inc").read_text().endswith("\nR1 a b 5\n")
    assert (tmp_path / "b.inc").read_text() == "R1 a b 1k\n"


TWO_OF_A_KIND = """two instances
R1 a 0 1k
X1 a 0 part
X2 a 0 part k=2
.subckt part p n k=1
R9 p n {k}
.ends
.param x=1
.model dm d(is=1n)
.end
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda netlist: netlist.update({"R1": 1, "r1": 2}), "'r1' is given twice"),
        (lambda netlist: netlist.update({"X1.R9": 1, "X2.R9": 2}), "'X1.R9' and 'X2.R9' stand in the same line"),
        (lambda netlist: netlist.remove("R1", "R1"), "'R1' is given twice"),
        (lambda netlist: netlist.parameters.update({"x": 1, "X": 2}), "'X' is given twice"),
        (lambda netlist: netlist.models["dm"].update({"is": 1, "IS": 2}), "'IS' is given twice"),
        (lambda netlist: netlist.models["dm"].update({"rs": 1, "RS": 2}), "'RS' is given twice"),
        (lambda netlist: netlist["X2"].parameters.update({"k": 1, "m": 2, "K": 3}), "'K' is given twice"),
        (lambda netlist: netlist.add("R7 a 0 1\nr7 a 0 2"), "the netlist has an element 'r7' already"),
        (lambda netlist: netlist.add(" \n"), "there is no line to be added"),
        (lambda netlist: netlist.models[3], "the netlist has no model '3'"),
    ],
)
def test_what_is_meant_twice_or_not_at_all_is_refused(change: Callable[[Netlist], object], says: str) -> None:
    netlist = parse(TWO_OF_A_KIND)
    with pytest.raises(NetlearnError, match=says):
        change(netlist)
    assert str(netlist) == TWO_OF_A_KIND


def test_what_is_added_stands_in_the_order_in_which_it_was_given() -> None:
    netlist = parse(TWO_OF_A_KIND)
    netlist.models["dm"].update({"rs": 1, "n": 2, "is": 2e-9, "bv": 5})
    assert netlist.models["dm"].text == ".model dm d(is=2e-09 rs=1 n=2 bv=5)"


def test_comments_can_be_added() -> None:
    netlist = netlearn.parse("divider\nR1 a 0 1k\n.end\n")
    netlist.add("* measured in May")
    assert str(netlist) == "divider\nR1 a 0 1k\n* measured in May\n.end\n"
