"""What holds for every rule that there is a name for."""

from __future__ import annotations

import inspect
import re
import warnings

import numpy as np
import pytest

import netlearn
from netlearn.learn.rules import RULES
from netlearn.netlist.generate import new_netlist


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("subset", "moves"),
    [
        ("fraction=0.25 redraw=never", 9),
        ("fraction=0.25 by=largest redraw=never", 9),
        ("only=R1*", 11),
        ("nodes=col1", 9),
    ],
)
def test_subsets(name: str, subset: str, moves: int) -> None:
    """Of the 36 resistors of an 8 by 4 crossbar only those that are chosen move, and the loss falls."""
    # One random direction of 36 may point uphill.
    rule = "spsa directions=100" if name == "spsa" else name
    new = new_netlist("crossbar")
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
