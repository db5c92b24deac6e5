"""Whole figures: what is in them, and the files that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.comparison import Comparison, Outcome, Run
from netlearn.errors import OptionError
from netlearn.learn.history import History, Record
from netlearn.report.comparison import comparison_figure, comparison_rows
from netlearn.report.figure import save_figure, training_figure
from netlearn.results import TrainResult

CIRCUIT = "* a\nV1 in 0 1\nR1 in out 1k\nR2 out 0 2k\n.end\n"


@pytest.fixture
def result() -> TrainResult:
    """Of a divider, with a history of its own."""
    return netlearn.train(netlearn.parse(CIRCUIT), {"V1": [1.0, 2.0], "V(out)": [0.5, 1.0]}, epochs=1)


def test_the_loss_that_is_drawn_is_the_loss_of_the_history(tmp_path: Path, result: TrainResult) -> None:
    history = History(tuple(Record(k, 2.0**-k, accuracy=0.5 + 0.1 * k) for k in range(5)))
    figure = training_figure(replace(result, history=history), "a")
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    np.testing.assert_allclose(np.asarray(lines["loss"].get_ydata()), np.array([1, 0.5, 0.25, 0.125, 0.0625]))
    np.testing.assert_allclose(np.asarray(lines["accuracy"].get_ydata()), np.array([50, 60, 70, 80, 90]))
    for ending in ("png", "svg", "pdf"):
        first, second = (tmp_path / f"{name}.{ending}" for name in "ab")
        save_figure(figure, first)
        save_figure(figure, second)
        assert first.stat().st_size > 1000
    with pytest.raises(OptionError, match="xyz"):
        save_figure(figure, tmp_path / "a.xyz")


def test_no_accuracy_and_no_positive_loss_are_drawn_too(result: TrainResult) -> None:
    figure = training_figure(replace(result, history=History((Record(0, 1.0), Record(1, 0.0)))))
    figure.draw_without_rendering()
    assert figure.axes[0].get_yscale() == "linear"
    assert not [line for axes in figure.axes for line in axes.lines if line.get_label() == "accuracy"]


def test_what_is_got_stands_beside_what_was_wanted(result: TrainResult) -> None:
    answers = training_figure(result).axes[1]
    assert (answers.get_xlabel(), answers.get_ylabel()) == ("wanted (V)", "got (V)")
    dots = np.asarray(answers.collections[0].get_offsets())
    np.testing.assert_allclose(dots, np.column_stack([result.train.targets, result.train.outputs]))


def _outcome(rule: str, seed: int, losses: list[float]) -> Outcome:
    epochs = list(range(len(losses)))
    curves: dict[str, Sequence[float]] = {
        "epoch": epochs,
        "loss": losses,
        "accuracy": [np.nan] * len(losses),
        "solves": [10 * k for k in epochs],
        "measurements": [20 * k for k in epochs],
    }
    return Outcome(
        Run(rule, None, 1.0, seed), {}, loss=losses[-1], solves=10, measurements=20, seconds=1, curves=curves
    )


def test_a_comparison_shows_means_over_seeds_against_each_cost() -> None:
    outcomes = [_outcome("ep", 0, [1.0, 0.5, 0.2]), _outcome("ep", 1, [1.0, 0.7]), _outcome("cl", 0, [1.0, 0.9])]
    outcomes.append(Outcome(Run("spsa", None, 1.0, 0), {}, error="it failed"))
    figure = comparison_figure(Comparison(outcomes))
    figure.draw_without_rendering()
    assert [axes.get_xlabel() for axes in figure.axes] == ["epochs", "operating points", "physical measurements"]
    (mean,) = [line for line in figure.axes[0].lines if line.get_label() == "ep"]
    np.testing.assert_allclose(np.asarray(mean.get_ydata()), np.array([1.0, 0.6]))
    (cost,) = [line for line in figure.axes[2].lines if line.get_label() == "ep"]
    np.testing.assert_allclose(np.asarray(cost.get_xdata()), np.array([0, 20]))
    columns, rows = comparison_rows(Comparison(outcomes))
    assert columns == ["rule", "fraction", "seeds", "failed", "loss", "solves", "measurements", "seconds"]
    assert [row[0] for row in rows] == ["ep", "cl", "spsa"]
    assert rows[0][4] == "0.45 ± 0.25"
