"""What is given in Python in place of a directive is refused at the door if it is not one for its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.learn.optimizers import Adam
from netlearn.learn.settings import DIRECTIVES

XOR = Path(__file__).resolve().parents[1] / "netlists" / "xor.cir"
SETTINGS = [name for name in DIRECTIVES if name not in ("data", "options")]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_number_is_no_setting(name: str) -> None:
    settings: dict[str, Any] = {name: 3}
    with pytest.raises(OptionError, match=f"3 cannot be the setting '{name}'"):
        netlearn.evaluate(XOR, **settings)


def test_a_class_is_not_an_object_of_it() -> None:
    optimizer: Any = Adam
    with pytest.raises(OptionError) as caught:
        netlearn.train(XOR, optimizer=optimizer, epochs=1)
    assert caught.value.hint == "give an object of it: Adam()"
    assert netlearn.train(XOR, optimizer=Adam(lr=0.1), epochs=1).history


def test_rows_are_numbers() -> None:
    rows: Any = ["a"]
    with pytest.raises(OptionError, match="'rows' must be a list of whole numbers"):
        netlearn.unlearn(XOR, rows=rows)


def test_a_value_given_as_a_setting_is_told_where_values_stand() -> None:
    netlist = netlearn.parse("t\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n")
    with pytest.raises(OptionError, match=r"no setting 'V1'\n.*stands in the data: data=\{'V1': \[\.\.\.\]\}"):
        netlearn.operating_point(netlist, **{"V1": 2.0})  # type: ignore[arg-type]
    assert netlearn.operating_point(netlist, data={"V1": [2.0]}).voltage("b")[0] == pytest.approx(1.0)
    with pytest.raises(OptionError, match=r"no setting 'bach'\n  help: did you mean 'batch'\?$"):
        netlearn.train(netlist, **{"bach": 3})  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "values"), [("position", (0.0, 1.0)), ("corner", [0.0, 1.0])])
def test_a_name_that_is_no_text_is_told_from_a_wrong_value(name: str, values: object) -> None:
    netlist = netlearn.parse("* t\n*@output V(1)\nV1 2 0 1\nR1 2 1 1k\nR2 1 0 1k\n.end\n")
    settings: dict[str, Any] = {name: {1: values}}
    with pytest.raises(OptionError, match=f"the name of a {name} is a text, not 1") as caught:
        netlearn.train(netlist, {"V1": [1.0], "V(1)": [0.3]}, **settings)
    assert caught.value.hint == "write '1'"
    with pytest.raises(OptionError, match=f"the {name} '1' cannot be "):
        netlearn.train(netlist, {"V1": [1.0], "V(1)": [0.3]}, **{name: {"1": ["x", "y"]}})  # type: ignore[arg-type]


def test_a_class_that_is_no_optimizer_is_not_asked_for_an_object_of_it() -> None:
    class Foreign:
        def step(self) -> None: ...

    with pytest.raises(OptionError) as caught:
        netlearn.train("netlists/voltage_division.cir", optimizer=Foreign)  # type: ignore[arg-type]
    assert caught.value.hint == "give a text as in the netlist, or an object that has start() and step()"


def test_what_holds_a_netlist_is_told_to_give_it() -> None:
    result = netlearn.train(XOR, epochs=1)
    for given, hint in (
        (result, "give its .netlist"),
        (netlearn.Trainer(XOR), "give its .netlist"),
        (netlearn.new("lattice"), "netlearn.parse(...) makes one of its .netlist"),
    ):
        with pytest.raises(OptionError, match="is not a netlist") as caught:
            netlearn.evaluate(given)  # type: ignore[arg-type]
        assert caught.value.hint == hint


def test_probes_in_a_list_are_told_to_come_one_by_one() -> None:
    point = netlearn.operating_point(netlearn.parse("t\nV1 a 0 1\nR1 a 0 1k\n"))
    with pytest.raises(OptionError, match=r"'probes' are given one by one, not in a list\n.*measure\(\*probes\)"):
        point.measure(["V(a)"])  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'probes' must be a list of texts"):
        point.measure(3)  # type: ignore[arg-type]


def test_a_value_of_an_element_is_a_number_or_a_text() -> None:
    netlist = netlearn.parse("t\nV1 a 0 1\nR1 a 0 1k\n")
    wrong: Any
    for wrong in (None, [5.0], True):
        with pytest.raises(OptionError, match="'value' must be a number or a text"):
            netlist["R1"].value = wrong
    assert netlist["R1"].value == 1000.0
