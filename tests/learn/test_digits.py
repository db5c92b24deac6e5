"""Trained values with few digits."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.parameters import Parameters
from netlearn.learn.digits import as_few_as_do, rounded
from netlearn.netlist.numbers import parse_number

DIVIDER = """a divider
*@goal V(out) = 1.237 within=1%
*@train R* max=4321
*@optimizer lbfgs
V1 in 0 5
R1 in out 1k
R2 out 0 1k
"""


def _parameters(initial: list[float], lower: float = -np.inf, upper: float = np.inf) -> Parameters:
    start, ones = np.array(initial), np.ones(len(initial))
    names = [f"r{k}" for k in range(len(initial))]
    return Parameters(Circuit([], [], ()), names, start, lower * ones, upper * ones, ones > 0)


@pytest.mark.parametrize("digits", [1, 3, 6])
def test_digits_are_significant_ones(digits: int) -> None:
    theta = np.array([1234.5678, 0.00098765, -4.5])
    found = rounded(_parameters([1.0, 1.0, 1.0]), theta, digits)
    assert [float(f"{value:.{digits}g}") for value in theta] == found.tolist()


def test_a_bound_keeps_its_own_digits_and_what_has_not_moved_its_text() -> None:
    parameters = _parameters([123456.0, 1.0, 1.0], 1234.0, 4321.0)
    assert rounded(parameters, np.array([123456.0, 4320.9, 1234.2]), 1).tolist() == [123456.0, 4000.0, 1234.0]


def test_as_few_as_do_is_the_least_number_that_does() -> None:
    """By trying every number of digits one by one."""
    parameters, best = _parameters([1.0]), np.array([3.14159265])

    def judge(theta: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.0, np.abs(theta[None] - 3.14159265) < 1e-3

    found = as_few_as_do(parameters, best, judge, 1.0)
    assert found.tolist() == [3.142]
    assert not judge(np.array([3.14]))[1].all()


def test_the_loss_holds_digits_where_there_are_no_goals() -> None:
    parameters, best = _parameters([1.0]), np.array([2.7182818])
    nothing = np.zeros((1, 0), dtype=bool)
    found = as_few_as_do(parameters, best, lambda theta: (float((theta[0] - 2.7182818) ** 2), nothing), 1.0)
    assert found.tolist() == [2.718]


@pytest.mark.parametrize(("digits", "longest"), [(2, 2), (4, 4), (0, 3)])
def test_values_are_written_with_so_many_digits_and_evaluated_so(digits: int, longest: int) -> None:
    result = netlearn.train(netlearn.parse(DIVIDER), digits=digits)
    written = [line.split()[3] for line in str(result.netlist).splitlines() if line.startswith("R")]
    assert [parse_number(text) for text in written] == result.theta.tolist()
    assert all(len(text.strip("0").replace(".", "")) <= longest for text in written if text != "4321")
    assert result.train.outputs == pytest.approx(netlearn.evaluate(result.netlist).outputs)
    assert digits == 2 or result.train.goals[0].met


def test_a_trainer_writes_so_many_digits_and_cannot_judge_without_samples() -> None:
    text = DIVIDER.replace("*@goal V(out) = 1.237 within=1%\n*@train R* max=4321\n*@optimizer lbfgs\n", "")
    trainer = netlearn.Trainer(netlearn.parse(text), output="V(out)", optimizer="adam lr=0.1", digits=2)
    trainer.step([5.0], [1.2])
    assert {float(f"{value:.2g}") for value in trainer.values.values()} == {
        parse_number(str(trainer.netlist[name].value)) for name in ("R1", "R2")
    }
    with pytest.raises(netlearn.OptionError, match="digits=0 judges by all samples"):
        netlearn.Trainer(netlearn.parse(text), output="V(out)", digits=0)


def test_hardware_decides_on_values_and_digits_would_too() -> None:
    text = DIVIDER.replace("*@optimizer lbfgs", "*@optimizer adam\n*@hardware series=e24 search=no\n*@options digits=3")
    with pytest.raises(netlearn.OptionError, match="hardware says which values there are") as raised:
        netlearn.train(netlearn.parse(text))
    assert raised.value.place is not None
    assert raised.value.place.line == 6
    with pytest.raises(netlearn.OptionError, match="hardware says which values there are"):
        netlearn.Trainer(netlearn.parse(text))


@pytest.mark.parametrize("digits", [-1, 18, 2.5])
def test_digits_that_there_are_not(digits: float) -> None:
    with pytest.raises(netlearn.OptionError, match="'digits' must be a whole number"):
        netlearn.train(netlearn.parse(DIVIDER), digits=digits)  # type: ignore[arg-type]
