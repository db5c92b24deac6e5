"""Differences between operating points: values, places, and what is no number."""

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import VOLTAGE_SOURCE
from netlearn.errors import CircuitError
from netlearn.solve.difference import compare
from netlearn.solve.operating_point import OperatingPoint

GROUP = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array([1.0])})
CIRCUIT = Circuit(["in", "out"], ["v1"], (GROUP,))


def point(x):
    return OperatingPoint(CIRCUIT, np.array(x, dtype=float))


def test_largest_differences_and_where_they_are():
    a = point([[1, 2, 1e-3], [1, 100, -1e-3]])
    b = point([[1, 2, 1.1e-3], [1, 101, -1e-3]])
    result = compare(a, b)
    worst = result.largest_absolute
    assert (worst.sample, worst.name, worst.values) == (1, "v(out)", (100, 101))
    assert worst.relative == pytest.approx(1 / 101)
    worst = result.largest_relative
    assert (worst.sample, worst.name) == (0, "i(v1)")
    assert worst.relative == pytest.approx(0.1 / 1.1)
    assert [d.name for d in result.by_unknown(2)] == ["i(v1)", "v(out)"]
    assert [d.name for d in result.by_unknown()][2] == "v(in)"
    assert result.within(0.1)
    assert not result.within(0.05)


def test_differences_below_the_floor_have_no_relative_size():
    result = compare(point([[1e-12, 1, 0]]), point([[-1e-12, 1, 0]]))
    assert result.within(0.0)
    assert not compare(point([[1e-12, 1, 0]]), point([[-1e-12, 1, 0]]), floor=1e-15).within(0.5)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_beyond_every_tolerance(wrong):
    result = compare(point([[1, 2, 0]]), point([[1, wrong, 0]]))
    assert not result.within(1e9)
    assert result.largest_absolute.name == "v(out)"


def test_different_circuits_are_refused():
    other = Circuit(["in", "other"], ["v1"], (GROUP,))
    with pytest.raises(CircuitError, match="different circuits"):
        compare(point([[1, 2, 0]]), OperatingPoint(other, np.ones((1, 3))))
    with pytest.raises(CircuitError, match="different circuits"):
        compare(point([[1, 2, 0]]), point([[1, 2, 0], [1, 2, 0]]))
