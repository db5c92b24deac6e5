"""Cells of the data that are empty ask nothing: several tasks stand in one table."""

import csv
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import CrossEntropy, Mse, accuracy
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.energy import ContrastiveLearning, CoupledLearning, EquilibriumPropagation
from netlearn.learn.rules.finite_nudges import FiniteEP
from netlearn.project import open_project

NETWORK = """a bridge of five resistors
*@output V(a) V(b) V(c)
V1 in 0 1
R1 in a 1k
R2 a b 2k
R3 b 0 3k
R4 a 0 4k
R5 b in 5k
R6 b c 2k
R7 c 0 1k
{more}
.model d d is=1f
"""
TARGETS = np.array([[0.3, np.nan, 0.1], [np.nan, 0.2, np.nan], [1.0, np.nan, 0.2], [np.nan] * 3, [0.1, 0.2, 0.3]])
INPUTS = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])


def model_of(more: str, *outputs: int) -> Model:
    names = [f"V({'abc'[j]})" for j in outputs or range(3)]
    data = {"V1": [0.0, 1.0], **{name: [0.0, 1.0] for name in names}}
    return open_project(netlearn.parse(NETWORK.format(more=more)), data, overrides={"output": names}).model


def test_losses_are_means_of_what_is_asked() -> None:
    outputs = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    targets = np.array([[0.0, np.nan, 1.0], [np.nan, np.nan, 3.5], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(Mse().value(outputs, targets), [(1 + 4) / 2, 0.25, 0.0])
    np.testing.assert_allclose(Mse().gradient(outputs, targets), [[1, 0, 2], [0, 0, -1], [0, 0, 0]])
    assert Mse().unit(targets, 3) == pytest.approx(np.mean([0.0, np.var([1.0, 3.5])]))
    assert Mse().unit(targets[2:], 3) == 0
    classes = np.array([2, -1, 0])
    for loss in (CrossEntropy(2.0), Mse()):
        value, gradient = loss.value(outputs, classes), loss.gradient(outputs, classes)
        assert value[1] == 0
        assert not gradient[1].any()
        np.testing.assert_allclose(value[[0, 2]], loss.value(outputs[[0, 2]], classes[[0, 2]]))
        np.testing.assert_allclose(gradient[[0, 2]], loss.gradient(outputs[[0, 2]], classes[[0, 2]]))
    assert accuracy(outputs, classes) == 1.0
    assert accuracy(outputs, np.array([0, -1, -1])) == 0.0
    assert accuracy(outputs, np.array([-1, -1, -1])) is None


@pytest.mark.parametrize("more", ["", "D1 c 0 d"])
@pytest.mark.parametrize("rule", [CoupledLearning(), ContrastiveLearning(), EquilibriumPropagation(), FiniteEP()])
def test_a_rule_takes_each_sample_as_if_the_outputs_that_are_not_asked_were_not_there(
    more: str, rule: CoupledLearning | ContrastiveLearning | EquilibriumPropagation | FiniteEP
) -> None:
    whole = model_of(more)
    theta = whole.parameters.initial
    rng = np.random.default_rng(0)
    found = rule.estimate(whole, Mse(), theta, Batch(INPUTS, TARGETS), rng)
    one_by_one: list[Array] = []
    for inputs, targets in zip(INPUTS, TARGETS, strict=True):
        asked = np.flatnonzero(~np.isnan(targets))
        if len(asked):
            batch = Batch(inputs[None], targets[None, asked])
            one_by_one.append(rule.estimate(model_of(more, *asked.tolist()), Mse(), theta, batch, rng).gradient)
    expected = np.sum(one_by_one, axis=0) / len(INPUTS)
    # The strength of a nudge is relative to what all outputs see, so that those of ep are not the same ones.
    tolerance = 1e-3 if isinstance(rule, EquilibriumPropagation | FiniteEP) else 1e-9
    np.testing.assert_allclose(found.gradient, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    np.testing.assert_allclose(found.loss, np.mean(Mse().value(found.outputs, TARGETS)))


def test_two_tasks_in_one_table_are_trained_and_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("V1,V(a),V(b)\n1,0.6,\n2,,0.5\n3,,\n")
    network = NETWORK.replace("*@output V(a) V(b) V(c)", "*@output V(a) V(b)")
    (tmp_path / "x.cir").write_text(network.format(more="*@data d.csv"))
    result = netlearn.train(tmp_path / "x.cir", optimizer="adam lr=0.1", epochs=300)
    assert result.loss < 1e-12
    np.testing.assert_allclose(result.train.outputs[[0, 1], [0, 1]], [0.6, 0.5], atol=1e-5)


def test_what_is_not_asked_is_left_out_of_what_is_printed(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from netlearn.cli.group import main

    (tmp_path / "d.csv").write_text("V1,V(a),V(b)\n1,0.6,\n2,,0.5\n")
    (tmp_path / "x.cir").write_text(NETWORK.format(more="*@data d.csv").replace("*@output V(a) V(b) V(c)\n", ""))
    done = CliRunner().invoke(main, ["eval", str(tmp_path / "x.cir"), "--csv"])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(done.output.splitlines()))
    assert [row["wanted V(a)"] for row in rows] == ["0.6", ""]
    assert [row["wanted V(b)"] for row in rows] == ["", "0.5"]
