"""Goals with every rule, in steps, in estimators, in descriptions, and judged by ngspice."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main
from netlearn.errors import NetlearnError, OptionError
from netlearn.learn.rules import RULES, make_rule
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.energy import suitable_nudge
from netlearn.learn.rules.nudges import CurrentNudge
from netlearn.learn.rules.perturbative import FiniteDifferences
from netlearn.project import open_project

BAND = """goals
*@goal V(o) = 0.4 within=1%
*@goal V(x) min=0.55 max=0.7 weight=2
*@train R1 R2 R3
*@optimizer adam lr=0.05
V1 in 0 1
R1 in x 1k
R2 x o 1k
R3 o 0 1k
R4 x 0 5k
"""


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_meets_goals(rule: str) -> None:
    own = {} if rule in ("gauss-newton", "natural") else {"optimizer": "adam lr=0.05"}
    result = netlearn.train(netlearn.parse(BAND), rule=rule, epochs=80, **own)  # type: ignore[arg-type]
    assert result.history[0].loss > 100
    assert [goal.met for goal in result.train.goals] == [True, True]


@pytest.mark.parametrize("rule", ["analytic", "ep", "al", "holomorphic", "finite-ep", "frequency", "projector"])
def test_rules_follow_the_gradient_of_the_misses(rule: str) -> None:
    """At places outside, on both sides of and inside of the bands, against central differences."""
    project = open_project(netlearn.parse(BAND), {"V1": [0.5, 0.9, 1.0, 1.6]})
    model, samples = project.model, project.dataset(project.table)
    batch, theta = Batch(samples.inputs, samples.targets), project.parameters.initial
    rng = np.random.default_rng(0)
    found = make_rule(rule).estimate(model, project.loss, theta, batch, rng).gradient
    expected = FiniteDifferences(step=1e-6).estimate(model, project.loss, theta, batch, rng).gradient
    assert found == pytest.approx(expected, rel=2e-3 if rule == "al" else 1e-4)


def test_a_band_is_nudged_by_a_current_however_narrow_it_is() -> None:
    """From far away a band looks like a target, at which a conductance would pull on the other side, too."""
    text = "narrow\n*@goal V(o) = 2.5 within=1m\nV1 in 0 5\nR1 in o 1k\nR2 o 0 3k\n"
    project = open_project(netlearn.parse(text))
    samples = project.dataset(project.table)
    assert isinstance(suitable_nudge(project.model, project.loss, samples.targets), CurrentNudge)
    exact = open_project(netlearn.parse(text.replace(" within=1m", "")))
    assert not isinstance(suitable_nudge(exact.model, exact.loss, exact.dataset(exact.table).targets), CurrentNudge), (
        "a value by itself is a squared error"
    )
    assert netlearn.train(netlearn.parse(text), rule="ep", optimizer="lbfgs").train.goals[0].met


def test_a_trainer_needs_no_targets_where_there_are_goals() -> None:
    trainer = netlearn.Trainer(netlearn.parse(BAND))
    first = trainer.loss()
    losses = [trainer.step().loss for _ in range(80)]
    assert losses[0] == pytest.approx(first)
    assert trainer.loss() == trainer.loss([1.0]) == trainer.loss({"V1": [1.0]}) < 0.01
    assert trainer.predict([1.0])[0, 0] == pytest.approx(0.4, rel=0.012)
    assert netlearn.evaluate(trainer.netlist).loss == pytest.approx(trainer.loss(), rel=1e-6)
    whole = netlearn.train(netlearn.parse(BAND), epochs=80)
    # Within the band there is nothing left to train.
    assert whole.history.loss[-1] == 0
    assert losses[: len(whole.history)] == pytest.approx([record.loss for record in whole.history][:80])


def test_a_trainer_takes_goals_at_corners_and_without_any_source_to_drive() -> None:
    corners = netlearn.Trainer(netlearn.parse(BAND), corner="R4=4k,6k")
    assert corners.step().outputs.shape == (2, 2)
    alone = netlearn.Trainer(netlearn.parse(BAND), train="V1", optimizer="adam lr=0.02")
    before = alone.loss()
    for _ in range(40):
        alone.step()
    assert alone.loss() < 0.05 * before


@pytest.mark.parametrize(
    ("text", "targets", "message"),
    [(BAND, [[0.4, 0.6]], "the goals say what is wanted"), (BAND.replace("@goal", ""), None, "nothing says what")],
)
def test_a_trainer_is_told_by_goals_or_by_targets(text: str, targets: object, message: str) -> None:
    trainer = netlearn.Trainer(netlearn.parse(text), output="V(o) V(x)")
    with pytest.raises(OptionError, match=message):
        trainer.step([1.0], targets)


def test_estimators_refuse_goals() -> None:
    from netlearn.sklearn import NetlistClassifier, NetlistRegressor

    for estimator in (NetlistRegressor, NetlistClassifier):
        with pytest.raises(OptionError, match="an estimator learns what y says") as raised:
            estimator(netlearn.parse(BAND), output=["V(o)", "V(x)"]).fit([[1.0], [2.0]], [0, 1])
        assert raised.value.place is not None
        assert raised.value.place.line == 2


def test_info_shows_goals(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("V1,V(x) max\n1,0.6\n1.1,\n")
    path = tmp_path / "goals.cir"
    path.write_text(BAND.replace(" max=0.7", "").replace("goals\n", "goals\n*@data data.csv\n"))
    shown = CliRunner().invoke(main, ["info", str(path)]).output
    assert "goal       V(o) = 0.4 within=1%\n" in shown
    assert "goal       V(x) min=0.55 by 'V(x) max'\n" in shown
    values = json.loads(CliRunner().invoke(main, ["info", str(path), "--json"]).output)
    assert values["goals"] == ["V(o) = 0.4 within=1%", "V(x) min=0.55 by 'V(x) max'"]
    assert netlearn.describe(path, goal="P() max=1").goals[0] == "P() max=1.0"


def test_info_says_that_goals_take_the_place_of_the_loss_as_training_does(tmp_path: Path) -> None:
    path = tmp_path / "loss.cir"
    path.write_text("t\n*@loss mse\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n*@output V(b)\n")
    shown = CliRunner().invoke(main, ["info", str(path), "--goal", "V(b) = 0.3"]).output
    note = "the goals that are given are a loss of their own, in place of the netlist's"
    assert f"note       {note}\n" in shown
    assert note in netlearn.train(path, goal="V(b) = 0.3", epochs=1).notes


def test_info_says_what_would_be_trained_that_may_not_be_meant() -> None:
    found = netlearn.describe(netlearn.parse(BAND.replace("*@train R1 R2 R3\n", "").replace("R4 x", "Rload x")))
    assert found.notes == ("'rload' looks like a load, and is trained, too: *@fix keeps it as it is",)
    assert "v1" in (found.trainable or ())


def test_ngspice_confirms_goals(ngspice: object, tmp_path: Path) -> None:
    path = tmp_path / "goals.cir"
    path.write_text(BAND + "*@goal P(R1) max=1m\n*@goal I(R3) = 0.5m within=1u\n*@corner R4=4k,6k\n")
    judged = netlearn.check(path)
    ours = netlearn.evaluate(path)
    assert judged.within(1e-9)
    assert [goal.goal for goal in judged.goals] == [goal.goal for goal in ours.goals]
    for theirs, mine in zip(judged.goals, ours.goals, strict=True):
        assert (theirs.met, theirs.sample, theirs.failing) == (mine.met, mine.sample, mine.failing)
        assert theirs.missed == pytest.approx(mine.missed, rel=1e-6, abs=1e-15)
    done = CliRunner().invoke(main, ["check", str(path)])
    assert "goal      V(o) = 0.4 within=1%: not met in 2 of 2 samples" in done.output
    assert done.output.count(", by ngspice") == 4
    assert len(json.loads(CliRunner().invoke(main, ["check", str(path), "--json"]).output)["goals"]) == 4
    evaluated = CliRunner().invoke(main, ["eval", str(path), "--forward", "ngspice"])
    assert evaluated.output == CliRunner().invoke(main, ["eval", str(path)]).output


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ("*@goal V(o) min=2 max=1", "the lower bound 2 is above the upper bound 1"),
        ("*@goal V(o) = 1\n*@goal V(o) max=0.5", "contradicts another"),
        ("*@goal V(o) min=0.4\n*@goal v( o ) max=0.3", "contradicts another"),
        ("*@goal V(o) = 3 max=2", "the value 3 is outside of its bounds"),
        ("*@goal V(o) within=1%", "'within' needs a value"),
        ("*@goal V(o)", "nothing is wanted of 'V\\(o\\)'"),
        ("*@goal", "needs a probe"),
        ('*@goal "V(o) = 1"', "leave the quotes out"),
        ("*@goal V(nowhere) = 1", "nowhere"),
        ("*@goal V(o) = 1 within=-1%", "'within' must be a number above 0"),
        ("*@goal V(o) = 1±5%", "1 within=5%"),
        ("*@goal V(o) = 0,4", "0.4"),
        ("*@goal V(o) = 1 weight=0", "'weight' must be a number above 0"),
        ("*@goal V(o) = 1\n*@loss mse", "there are goals and a loss as well"),
    ],
)
def test_goals_that_cannot_be_are_said_where_they_stand_and_nothing_is_written(
    goals: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.cir"
    path.write_text(f"wrong\n{goals}\nV1 in 0 1\nR1 in o 1k\nR2 o 0 1k\n")
    done = CliRunner().invoke(main, ["train", str(path)])
    assert done.exit_code == 2, done.output
    assert [each.name for each in tmp_path.iterdir()] == ["wrong.cir"]
    with pytest.raises(NetlearnError) as raised:
        netlearn.train(path)
    assert re.search(message, str(raised.value))
    assert raised.value.place is not None
    assert raised.value.place.line in (2, 3)
    assert netlearn.describe(path).problems
