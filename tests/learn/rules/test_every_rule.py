"""What holds for every rule that there is a name for."""

from __future__ import annotations

import inspect
import re
import warnings

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.generate import new_netlist
from netlearn.learn.rules import RULES


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("subset", "moves"),
    [
        ("fraction=0.3 redraw=never", 5),
        ("fraction=0.3 by=largest redraw=never", 5),
        ("nodes=col1", 9),
    ],
)
def test_subsets(name: str, subset: str, moves: int) -> None:
    """Of the 18 resistors of an 8 by 2 crossbar only those that are chosen move, and the loss falls."""
    # One random direction may point uphill.
    rule = "spsa directions=40" if name == "spsa" else name
    new = new_netlist("crossbar", rows=8, columns=2, samples=8)
    header, *rows = new.data.replace('"', "").splitlines()
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    data = dict(zip(header.split(","), table.T, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = netlearn.train(
            netlearn.parse(new.netlist), data, rule=rule, subset=subset, epochs=3, optimizer="adam lr=0.01"
        )
    before = netlearn.train(netlearn.parse(new.netlist), data, epochs=0).theta
    assert 0 < np.count_nonzero(result.theta != before) <= moves
    assert result.loss < result.history[0].loss


@pytest.mark.parametrize("name", RULES)
def test_says_where_it_is_from(name: str) -> None:
    """By a year or an article's number."""
    text = inspect.getdoc(RULES[name])
    assert text is not None
    assert re.search(r"\b(19|20)\d\d\b|arXiv \d{4}\.\d{5}", text), f"the rule {name} cites nothing"


def test_a_rule_given_beside_the_netlist_is_not_blamed_on_its_line() -> None:
    netlist = netlearn.parse(new_netlist("crossbar").netlist)
    with pytest.raises(OptionError, match="must be even") as caught:
        netlearn.train(netlist, rule="holomorphic points=3")
    assert caught.value.place is None


@pytest.mark.parametrize("rule", ["ep", "al", "holomorphic", "cl"])
def test_samples_may_have_temperatures_of_their_own(rule: str) -> None:
    """More samples than are looked at to find the unit of nudges."""
    netlist = netlearn.parse(
        "t\n*@output V(b)\n*@train R*\nV1 a 0 1\nR1 a b 1k tc1=1m\nD1 b 0 d\nR2 b 0 5k\n.model d d\n.end"
    )
    count = 300
    data = {"V1": np.linspace(0.2, 2, count), "temp": np.linspace(-20, 90, count), "V(b)": np.linspace(0.1, 0.5, count)}
    before = netlearn.evaluate(netlist, data).loss
    assert netlearn.train(netlist, data, rule=rule, epochs=3).train.loss < before
