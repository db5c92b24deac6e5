import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.circuit.circuit import Circuit
from netlearn.circuit.parameters import Parameters
from netlearn.errors import OptionError
from netlearn.learn.transforms import Coordinates, Transform

EMPTY = Circuit([], [], ())
ALL: tuple[Coordinates, ...] = ("log", "conductance", "resistance")


def parameters(
    initial: list[float], lower: float = -np.inf, upper: float = np.inf, positive: bool = True
) -> Parameters:
    size = len(initial)
    names = [f"r{k}" for k in range(size)]
    ones = np.ones(size)
    return Parameters(EMPTY, names, np.array(initial), lower * ones, upper * ones, np.full(size, positive))


@given(st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=5), st.sampled_from(ALL))
@settings(max_examples=60, deadline=None)
def test_what_has_not_moved_is_exactly_the_text(initial: list[float], coordinates: Coordinates) -> None:
    transform = Transform.of(parameters(initial), coordinates)
    np.testing.assert_array_equal(transform.outward(transform.project(transform.start)), initial)


@pytest.mark.parametrize("coordinates", ALL)
def test_the_gradient_is_the_derivative_of_the_way_out(coordinates: Coordinates) -> None:
    transform = Transform.of(parameters([50.0, 1e3, 2e6]), coordinates)
    weights = np.array([1.0, -2.0, 3.0])
    theta = transform.outward(transform.start)
    gradient = transform.gradient(theta, weights)
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-6 * abs(transform.start[k])
        rise = weights @ (transform.outward(transform.start + step) - transform.outward(transform.start - step))
        assert gradient[k] == pytest.approx(rise / (2 * step[k]), rel=1e-8)


@pytest.mark.parametrize("coordinates", ALL)
def test_bounds_hold_exactly(coordinates: Coordinates) -> None:
    transform = Transform.of(parameters([1e3, 1e3], 100.0, 4700.0), coordinates)
    far = np.array([1e12, -1e12]) if coordinates == "resistance" else np.array([-1e12, 1e12])
    np.testing.assert_array_equal(transform.outward(transform.project(far)), [4700.0, 100.0])


@pytest.mark.parametrize("coordinates", ALL)
def test_no_bounds_still_leave_finite_positive_resistances(coordinates: Coordinates) -> None:
    transform = Transform.of(parameters([1e3, 1e3]), coordinates)
    theta = transform.outward(transform.project(transform.start + np.array([-600.0, 600.0])))
    assert np.all(theta > 0)
    assert np.all(np.isfinite(theta))


@pytest.mark.parametrize("coordinates", ALL)
def test_what_need_not_be_positive_trains_relative_to_its_own_size(coordinates: Coordinates) -> None:
    transform = Transform.of(parameters([-3e-9, 0.0, 2e6], positive=False), coordinates)
    np.testing.assert_allclose(transform.start, [-1.0, 0.0, 1.0])
    np.testing.assert_allclose(transform.outward(transform.start + 1.0), [0.0, 1.0, 4e6])
    gradient = transform.gradient(np.array([-3e-9, 0.0, 2e6]), np.array([5.0, 6.0, 7.0]))
    np.testing.assert_allclose(gradient, [15e-9, 6.0, 14e6])


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (parameters([1e3, 0.0]), "'r1' starts at 0"),
        (parameters([1e3, -5.0]), "'r1' starts at -5"),
        (parameters([1e3, 1e3], 10.0, 5.0), "'r0' has a lower bound above its upper bound of 5 (and 1 more"),
        (parameters([1e3], upper=-1.0), "'r0' has the upper bound -1"),
    ],
)
def test_resistances_that_no_coordinate_has(made: Parameters, named: str) -> None:
    with pytest.raises(OptionError) as caught:
        Transform.of(made)
    assert named in str(caught.value)


@pytest.mark.parametrize("coordinates", ALL)
def test_parameters_of_one_kind_are_no_other_beside_one_of_another(coordinates: Coordinates) -> None:
    """Of one kind alone nothing is looked up, which would take longer than a step of training does."""
    initial = [50.0, 1e3, 2e6]
    alone = Transform.of(parameters(initial), coordinates)
    assert isinstance(alone._log, slice)  # noqa: SLF001
    assert isinstance(alone._inverse, slice)  # noqa: SLF001
    mixed = parameters([*initial, 3.0])
    mixed.positive[3] = False
    beside = Transform.of(mixed, coordinates)
    u = alone.start + np.array([0.0, 0.3, -0.2])
    both = np.append(u, 0.7)
    np.testing.assert_array_equal(beside.outward(both)[:3], alone.outward(u))
    np.testing.assert_array_equal(beside.inward(np.append(alone.outward(u), 3.0))[:3], alone.inward(alone.outward(u)))
    theta, slopes = alone.outward(u), np.array([1.0, -2.0, 0.5])
    found = beside.gradient(np.append(theta, 3.0), np.append(slopes, 1.0))
    np.testing.assert_array_equal(found[:3], alone.gradient(theta, slopes))
    np.testing.assert_array_equal(slopes, [1.0, -2.0, 0.5])


def test_what_is_beyond_all_numbers_is_infinite_without_a_word_of_numpys() -> None:
    transform = Transform.of(parameters([1e3]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert transform.outward(np.array([-1e4])) == np.inf
