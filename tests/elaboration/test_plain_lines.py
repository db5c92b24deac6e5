"""Runs of resistors elaborated as arrays against the same lines elaborated one by one."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlearn
from netlearn.elaboration import numbers_by_name
from netlearn.elaboration.design import Selection
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import CircuitError, NetlearnError, OptionError
from netlearn.netlist import plain_lines


def outcome(text: str) -> Any:
    """The circuit and where its numbers stand, or the errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            design = elaborate(netlearn.parse(text))
        except NetlearnError as error:
            return str(error)
    circuit = design.circuit
    groups = [
        (group.device.name, list(group.names), group.index.tolist(), {k: v.tolist() for k, v in group.values.items()})
        for group in circuit.groups
    ]
    try:
        trained = design.parameters([Selection("r*", 1e-6, 1e12)]).names
    except OptionError:
        trained = []
    places = [(name, design.stretch(name)[1:]) for name in trained]
    assert [circuit.node(name) for name in circuit.nodes] == list(range(len(circuit.nodes)))
    told = [str(warning) for warning in design.warnings]
    return list(circuit.nodes), list(circuit.branches), groups, places, told


def both(text: str, entries: int = 0) -> tuple[Any, Any]:
    """What comes of a text line by line, and by arrays, with names among words as dear as ``entries``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_lines, "FEWEST_LINES", 10**6)
        single = outcome(text)
        patch.setattr(plain_lines, "FEWEST_LINES", 2)
        patch.setattr(numbers_by_name, "FEWEST_WORDS", 1)
        patch.setattr(numbers_by_name, "ENTRIES", entries)
        return single, outcome(text)


NODES = st.sampled_from(
    ["0", "gnd", "a", "B", "row_12_column_3", "row_12_column_4", "n1", "N1", "é", "x" * 70, "y" * 130]
)
NAMES = st.from_regex(r"[Rr](?:[0-9]{1,2}|[ab]|_resistor_[0-9])", fullmatch=True)
RESISTORS = st.builds(
    "{}{} {} {} {}".format,
    st.sampled_from(["", "", "V", "I"]),
    NAMES,
    NODES,
    NODES,
    st.sampled_from(["1", "4.7k", "2meg", "0", "3kOhm", "1e999"]),
)
ODD = st.sampled_from(
    """* comment|*@train R*|V1 a 0 1|I1 n1 0 DC 1m|R1 a b 2 ; c|C1 a r1 1n|E1 e 0 a n1 2|F1 f 0 R1 2|D1 a 0 dm|R2 a b
.model dm d|X1 a n1 sub|X2 b row_12_column_3 sub m=2|.global n1|+ m=2|R3 a b {p}|.param p=3|L1 a r2 1m|K1 L1 R1 .5
.nodeset v(a)=1 v(row_12_column_4)=2|B1 b 0 v=v(a)+i(V1)|.options scale=2|H1 h 0 Ra 5""".replace("\n", "|").split("|")
)
LINES = st.lists(st.one_of(RESISTORS, RESISTORS, RESISTORS, ODD), max_size=25)
NUMBERED = st.lists(
    st.one_of(
        st.builds(
            "{}{{0}} {} {} {}".format,
            st.sampled_from("rrrvI"),
            NODES,
            NODES,
            st.sampled_from(["1", "4.7K", "2meg", "3kOhm", "1e3"]),
        ),
        st.sampled_from(
            ["* comment", "V{0} a 0 1", "C{0} a n1 1n", "E{0} e 0 a n1 2", "R{0} a b 2 ; c", "R{0} x y 1 m=2"]
        ),
    ),
    max_size=25,
)


@given(LINES, LINES, st.sampled_from([0, 1]))
@settings(max_examples=150, deadline=None)
def test_runs_are_refused_where_single_lines_are(lines: list[str], inside: list[str], entries: int) -> None:
    single, run = both("\n".join(["title", *lines, ".subckt sub a b", *inside, ".ends", ".end"]), entries)
    assert run == single


@given(NUMBERED, NUMBERED, st.sampled_from(["", ".global n1"]), st.sampled_from([0, 1]))
@settings(max_examples=150, deadline=None)
def test_runs_become_what_single_lines_become(lines: list[str], inside: list[str], card: str, entries: int) -> None:
    body = [line.format(i) for i, line in enumerate(inside)]
    calls = ["X1 a row_12_column_3 sub", "x2 other n1 sub m=2", card]
    ours = [line.format(i) for i, line in enumerate(lines)]
    single, run = both("\n".join(["title", ".subckt sub a b", *body, ".ends", *ours, *calls, ".end"]), entries)
    assert not isinstance(run, str)
    assert run == single


def test_a_large_netlist_becomes_what_its_lines_become() -> None:
    ends = [f"{'' if i % 3 else 'long_name_of_node_'}{i * i % 701}" for i in range(2001)]
    lines = [f"R{i} {ends[i]} {ends[i + 1]} {1 + i / 7!r}" for i in range(2000)]
    lines += ["V1 1 0 1", "Rlast 1 no_other_node 4k7", "F1 4 0 R7 2"]
    single, run = both("\n".join(["title", "V0 100 0 1", *lines, ".end"]))
    assert run == single
    assert len(run[0]) > 250


def test_nodes_of_a_run_are_found_by_name() -> None:
    lines = [f"R{i} node{i} N{i + 1} 1" for i in range(300)]
    calls = ["X1 node7 s", ".subckt s a", "R1 a inner 1", ".ends"]
    circuit = elaborate(netlearn.parse("\n".join(["title", "V1 n3 0 1", *lines, *calls]))).circuit
    for other in (circuit, pickle.loads(pickle.dumps(circuit))):
        assert [other.node(name) for name in ("n3", "NODE299", "x1.inner", "GND")] == [
            *(list(circuit.nodes).index(name) for name in ("n3", "node299", "x1.inner")),
            -1,
        ]
        with pytest.raises(CircuitError, match="there is no node 'n400' in the circuit") as caught:
            other.node("n400")
        assert "did you mean" in str(caught.value)


def test_a_name_that_a_run_has_is_refused_with_both_places() -> None:
    lines = [f"R{i} a{i} 0 1" for i in range(300)]
    single, run = both("\n".join(["title", *lines, "r7 a 0 2 ; again", "V1 a1 0 1"]))
    assert run == single
    assert run.startswith("<string>:302:1: error: there are two elements named 'r7'")
    assert "<string>:9:1" in run


def test_global_nodes_of_a_run_are_in_the_order_of_its_lines() -> None:
    names = ["zz", "yy", "b", "xx", "ww", "vv", "uu"]
    lines = [f"R{i} {names[i % 7]} {names[(3 * i + 1) % 7]} 1" for i in range(20)]
    cards = [".global uu vv ww xx yy zz", "V1 zz 0 1", "X1 a sub", ".subckt sub b", *lines, ".ends"]
    single, run = both("\n".join(["title", *cards, ".end"]))
    assert run == single


def test_a_number_is_no_model() -> None:
    # As in ngspice, to which R1 has 1.5 ohm.
    circuit = elaborate(netlearn.parse("title\n.model 1.5 r(r=7)\nR1 a 0 1.5 ; one line\nV1 a 0 1\n.end")).circuit
    g = circuit.group("resistor")
    assert g is not None
    assert circuit.groups[g].values["resistance"].tolist() == [1.5]
