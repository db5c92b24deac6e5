"""Values that training has led far away are named where the circuit has no operating point."""

from __future__ import annotations

import pytest

import netlearn
from netlearn.errors import ConvergenceError
from netlearn.learn.strays import naming_strays
from netlearn.project import open_project

NETLIST = netlearn.parse("t\n*@output V(a)\nV1 in 0 1\nR1 in a 1k\nR2 a 0 2k\nR3 a 0 3k\n")


def test_the_farthest_is_named_before_other_remedies() -> None:
    parameters = open_project(NETLIST, {"V1": [1.0], "V(a)": [0.3]}).parameters
    with (
        pytest.raises(ConvergenceError) as caught,
        naming_strays(parameters, parameters.initial * [1.0, 1e-7, 1e9]),
    ):
        raise ConvergenceError("no operating point found", hint="raise itl1")
    assert caught.value.hint == (
        "'r3' has gone from 3e+03 to 3e+12, and 1 more as far, in training: bounds (*@train min= max=) or a smaller "
        "learning rate keep it near; raise itl1"
    )


def test_values_that_are_near_are_not() -> None:
    parameters = open_project(NETLIST, {"V1": [1.0], "V(a)": [0.3]}).parameters
    with pytest.raises(ConvergenceError) as caught, naming_strays(parameters, parameters.initial * 1e3):
        raise ConvergenceError("no operating point found", hint="raise itl1")
    assert caught.value.hint == "raise itl1"
