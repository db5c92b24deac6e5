"""Trainings that end before their epochs, because no later step could change what they come to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.learn import loop
from netlearn.learn.ending import nothing_left
from netlearn.learn.goals import Goals
from netlearn.learn.loss import CrossEntropy, Mse
from netlearn.learn.measured_losses import Logarithmic, Relative
from netlearn.results import TrainResult

DIVIDER = "* divider\n*@output V(b)\n*@train R*\nV1 a 0 0\nR1 a b 1k\nR2 b 0 {}\n"
HALF = {"V1": [1.0, 2.0], "V(b)": [0.5, 1.0]}
NOTHING = "no value moves any more: every later step would be the same"
ZERO = "the loss is 0, below which there is none"


def divider(lower: object, data: Any = HALF, **settings: Any) -> TrainResult:
    return netlearn.train(netlearn.parse(DIVIDER.format(lower)), data, **settings)


def seventy(**settings: Any) -> TrainResult:
    """Samples of which no two values meet all to the last digit."""
    volts = np.array([1.0, 2.0, 3.0, 4.4, 5.3, -6.1])
    return divider(3000, {"V1": volts, "V(b)": 0.7 * volts}, optimizer="sgd lr=1", epochs=200, **settings)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "lbfgs", "tiki-taka", "hamiltonian"])
def test_values_that_are_right_already_are_not_trained(optimizer: str) -> None:
    result = divider(1000, optimizer=optimizer, epochs=50)
    assert (result.epochs, result.stopped, result.loss) == (0, ZERO, 0.0)
    np.testing.assert_array_equal(result.theta, [1000.0, 1000.0])


@pytest.mark.parametrize(
    "settings", [{"optimizer": "momentum"}, {"optimizer": "adam"}, {"optimizer": "sgd", "batch": 1}]
)
def test_a_loss_of_zero_ends_a_training_with_the_values_of_the_whole(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = divider(3000, epochs=2000, **settings)
    assert short.stopped == ZERO
    assert 0 < short.epochs < 1500
    monkeypatch.setattr(loop, "nothing_left", lambda *_: "")
    monkeypatch.setattr(loop, "unmoved", lambda *_: False)
    long = divider(3000, epochs=2000, **settings)
    assert long.epochs == 2000
    np.testing.assert_array_equal(short.theta, long.theta)
    assert short.history == long.history[: len(short.history)]


def test_goals_that_are_met_end_a_training() -> None:
    netlist = netlearn.parse("* band\n*@goal V(b) = 0.5 within=10%\n*@train R2\nV1 a 0 1\nR1 a b 1k\nR2 b 0 4k\n")
    result = netlearn.train(netlist, epochs=500)
    assert result.stopped == ZERO
    assert 0.5 < 1 / (1 + 1000 / result.theta[0]) <= 0.55


def test_a_training_ends_where_steps_are_smaller_than_the_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    short = seventy()
    assert short.stopped == NOTHING
    assert 0 < short.loss < 1e-28
    monkeypatch.setattr(loop, "unmoved", lambda *_: False)
    long = seventy()
    assert long.epochs == 200
    np.testing.assert_array_equal(short.theta, long.theta)
    assert {record.loss for record in long.history[short.epochs :]} == {short.history[-1].loss}


def test_outputs_next_to_what_is_wanted_end_a_training() -> None:
    result = divider(1000, {"V1": [1.0, 2.0], "V(b)": [np.nextafter(0.5, 1.0), 1.0]}, epochs=5)
    assert (result.epochs, result.stopped) == (0, "the loss, 6.16e-33, is as close to 0 as numbers can tell")


def test_values_at_their_bounds_end_plain_descent() -> None:
    with pytest.warns(UserWarning, match="all trained values are at their bounds"):
        result = divider(3000, train="R2 min=3k", optimizer="sgd")
    assert (result.epochs, result.stopped) == (1, NOTHING)


@pytest.mark.parametrize(
    "settings", [{"subset": "fraction=0.5"}, {"hardware": "noise=1e-12"}, {"rule": "spsa"}, {"schedule": "cosine"}]
)
def test_what_is_drawn_anew_goes_on(settings: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match="has not moved"):
        result = divider(3000, {"V1": [1.0, 2.0], "V(b)": [0.5, 0.8]}, optimizer="sgd lr=1e-30", epochs=20, **settings)
    assert result.epochs == (20 if settings != {"schedule": "cosine"} else 1)


def test_the_validation_loss_is_what_counts_where_there_is_one() -> None:
    data = {"V1": [1.0] * 10, "V(b)": [0.5] * 9 + [0.6]}
    # By the seed 0 it is the one that is not met that is kept aside.
    with pytest.warns(UserWarning, match="the training data are met exactly, and those kept aside are not"):
        result = divider(1000, data, validation=0.1, seed=0, epochs=3, optimizer="adam")
    assert result.history.loss[0] == 0
    assert (result.epochs, result.stopped) == (1, NOTHING)


@dataclass(frozen=True)
class Sum:
    """A loss that may be below zero."""

    def value(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.sum(outputs - targets, axis=-1)

    def gradient(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.ones(outputs.shape)


class SignedError(Mse):
    """A subclass may be any other function of the outputs, too."""

    def value(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.sum(outputs - targets, axis=-1)


@pytest.mark.parametrize("loss", [Sum(), SignedError()])
def test_a_loss_of_ones_own_may_fall_below_zero(loss: Any) -> None:
    result = divider(1000, loss=loss, epochs=5)
    assert result.history.loss[0] == 0
    # Of the second the derivatives are those of the error's square, which are zero there.
    assert (result.epochs, result.stopped) == ((5, "all 5 epochs are done") if type(loss) is Sum else (1, NOTHING))


def test_losses_within_the_next_number_of_what_is_wanted_are_told_from_zero_by_nothing() -> None:
    targets = np.array([[0.3, 1e-6], [2.0, 5.0]])
    outputs = np.nextafter(targets, 10.0)
    for loss in (Mse(), Relative(floor=1e-9), Logarithmic(floor=1e-9)):
        score, farther = (float(np.mean(loss.value(each, targets))) for each in (outputs, targets * (1 + 1e-14)))
        assert nothing_left(loss, score, outputs, targets)
        assert not nothing_left(loss, farther, outputs, targets)
    assert not nothing_left(Mse(power=1.0), 0.0, outputs, targets)
    # Zero has no next number whose square is one.
    assert not nothing_left(Mse(), 1e-300, np.full((1, 1), 1e-150), np.zeros((1, 1)))
    assert nothing_left(CrossEntropy(scale=1e6), 0.0, outputs, np.array([0, 1]))
    band = np.array([[[0.4, 0.5, 0.4, 0.5, 0.05]]])
    edge = np.array([[np.nextafter(0.5, 1.0)]])
    goals = Goals((0,), (1.0,))
    assert nothing_left(goals, float(goals.value(edge, band)[0]), edge, band)
    assert not nothing_left(goals, float(goals.value(edge + 1e-12, band)[0]), edge + 1e-12, band)


def test_an_interrupted_training_ends_where_a_whole_one_does(tmp_path: Path) -> None:
    def interrupt(progress: Any) -> None:
        if progress.epoch == whole.epochs - 1:
            raise KeyboardInterrupt

    kept = tmp_path / "kept.npz"
    starts: list[Callable[..., TrainResult]] = [
        partial(divider, 3000, optimizer="adam", epochs=2000),
        seventy,
    ]
    for start in starts:
        whole = start()
        assert start(progress=interrupt, checkpoint=kept).interrupted
        resumed = start(checkpoint=kept, resume=True)
        assert resumed.stopped == whole.stopped
        assert resumed.history == whole.history
        np.testing.assert_array_equal(resumed.theta, whole.theta)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "tiki-taka", "hamiltonian"])
@pytest.mark.filterwarnings("ignore:the loss has not moved")
def test_a_training_without_any_derivative_ends_whatever_the_optimizer(optimizer: str) -> None:
    held = netlearn.parse("* held\n*@output V(a)\n*@train R1\nV1 a 0 1\nR1 a 0 1k\n")
    result = netlearn.train(held, {"V1": [1.0, 2.0], "V(a)": [0.5, 1.5]}, optimizer=optimizer, epochs=50)
    assert (result.epochs, result.stopped, result.loss) == (1, NOTHING, 0.25)


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_memory_of_gradients_goes_on_where_there_are_none(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goals that are met have no gradient, and steps go on through them by what is remembered."""
    monkeypatch.setattr(loop, "nothing_left", lambda *_: "")
    netlist = netlearn.parse("* band\n*@goal V(b) = 0.5 within=10%\n*@train R2\nV1 a 0 1\nR1 a b 1k\nR2 b 0 4k\n")
    result = netlearn.train(netlist, epochs=60, optimizer=optimizer)
    assert result.epochs == 60
    assert (result.history.loss[-2:] == 0).all()
