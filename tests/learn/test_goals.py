"""Goals: what they cost, what they ask, and how far they are met."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main
from netlearn.errors import NetlearnError
from netlearn.learn.goals import Aim, Goal, Goals
from netlearn.options import Percent

DIVIDER = """a divider
{}
V1 in 0 5
R1 in out 1k
R2 out 0 3k
"""


def test_a_band_costs_nothing_inside_and_a_miss_is_measured_in_half_of_it() -> None:
    aims = [Aim(Goal("V(out)", 2.0, within=Percent(0.05))), Aim(Goal("I(V1)", max=3e-3, weight=2.0, scale=1e-3))]
    targets = np.stack([aim.targets({}, 3) for aim in aims], axis=1)
    loss = Goals((0, 1), (1.0, 2.0))
    outputs = np.array([[2.05, 1e-3], [2.2, 3e-3], [1.7, 5e-3]])
    np.testing.assert_allclose(loss.value(outputs, targets), [0.0, 1.0 / 3, (4.0 + 2 * 4.0) / 3], atol=1e-12)
    np.testing.assert_allclose(loss.missed(outputs, targets), np.array([[0, 0], [0.1, 0], [-0.2, 2e-3]]), atol=1e-12)
    for j in range(2):
        stepped = outputs.astype(complex)
        stepped[:, j] += 1e-30j
        expected = loss.value(stepped, targets).imag / 1e-30
        np.testing.assert_allclose(loss.gradient(outputs, targets)[:, j], expected, rtol=1e-12, atol=1e-12)


def test_columns_ask_per_sample_and_empty_cells_nothing() -> None:
    nan = np.nan
    aim = Aim(Goal("V(out)"), {"value": "V(out)", "min": "V(out) min"}, 0.5)
    columns = {"V(out)": np.array([1.0, nan, nan, 2.0]), "V(out) min": np.array([0.5, 0.7, nan, nan])}
    found = aim.targets(columns, 4)
    inf = np.inf
    expected = [[1, 1, 0.5, inf, 0.5], [0.7, inf, 0.7, inf, 0.5], [nan] * 5, [2, 2, 2, 2, 0.5]]
    np.testing.assert_array_equal(found, expected)


def test_a_divider_meets_goals_of_different_units() -> None:
    netlist = netlearn.parse(DIVIDER.format("*@goal V(out) = 2.5 within=1%\n*@goal P() = 5m within=1%"))
    before = netlearn.evaluate(netlist)
    assert [goal.met for goal in before.goals] == [False, False]
    assert before.goals[0].missed == pytest.approx(3.75 - 2.525)
    result = netlearn.train(netlist, optimizer="lbfgs")
    assert all(goal.met for goal in result.train.goals)
    assert result.loss < 1e-9
    out, power = result.train.outputs[0]
    assert abs(out - 2.5) <= 0.025 * (1 + 1e-4)
    assert abs(power - 5e-3) <= 5e-5 * (1 + 1e-4)
    again = netlearn.train(netlist, optimizer="lbfgs", goal=[Goal("V(out)", 1.0)])
    assert again.train.outputs[0, 0] == pytest.approx(1.0, rel=1e-5)


def test_rows_of_a_file_ask_for_bounds_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("V1,V(out) min,V(out) max\n5,2.4,2.6\n10,,5.1\n1,,\n")
    (tmp_path / "x.cir").write_text(DIVIDER.format("*@data d.csv"))
    result = netlearn.train(tmp_path / "x.cir", optimizer="lbfgs")
    assert [goal.met for goal in result.train.goals] == [True]
    assert result.train.goals[0].asked == 2
    result.save_run(tmp_path / "run")
    assert netlearn.load_run(tmp_path / "run").train.goals == result.train.goals


def test_eval_says_by_how_much_a_goal_is_missed_and_where(tmp_path: Path) -> None:
    (tmp_path / "x.cir").write_text(DIVIDER.format("*@goal V(out) max=3.5\n*@corner V1=4,5"))
    done = CliRunner().invoke(main, ["eval", str(tmp_path / "x.cir")])
    assert done.exit_code == 0, done.output
    assert "not met in 1 of 2 samples; 3.75 V is 0.25 V above 3.5 V in sample 2" in done.output


@pytest.mark.parametrize(
    ("directive", "at", "said"),
    [
        ("*@goal V(out) min=3 max=2", "2", "the lower bound 3 is above the upper bound 2"),
        ("*@goal V(out) = 5 max=2", "2:8", "the value 5 is outside of its bounds"),
        ("*@goal V(out) min=3\n*@goal V(out) max=2", "3:8", "contradicts another"),
        ("*@goal V(out) = 1\n*@goal V(out) = 2", "3:8", "contradicts another"),
        ("*@goal V(out) = 1k±5%", "2:17", "write 1k within=5%"),
        ("*@goal V(out) = 3,3", "2:17", "a decimal point is written as one: 3.3"),
        ("*@goal V(out) = 5 min=5%", "2:", "is not given in per cent"),
        ("*@goal V(out) within=1%", "2:8", "'within' needs a value of 'V(out)'"),
        ("*@goal V(out) = 0 within=1%", "2:8", "a part of zero is zero"),
        ("*@goal V(out)", "2:8", "nothing is wanted of 'V(out)'"),
        ("*@goal V(nowhere) = 1", "2:8", "V(nowhere)"),
        ("*@goal", "2:", "'*@goal' needs a probe"),
        ("*@goal V(out) = 1 weight=-1", "2:", "'weight' must be a number above 0"),
        ("*@goal V(out) = 1\n*@loss mse", "3:", "there are goals and a loss as well"),
        ("*@output V(out) = 1", "2:10", "takes no value in '*@output'"),
    ],
)
def test_bad_goals_are_said_at_their_place(tmp_path: Path, directive: str, at: str, said: str) -> None:
    path = tmp_path / "x.cir"
    path.write_text(DIVIDER.format(directive))
    with pytest.raises(NetlearnError) as caught:
        netlearn.train(path, epochs=1, out=tmp_path / "y.cir")
    assert f"x.cir:{at}" in str(caught.value)
    assert said in str(caught.value)
    assert not (tmp_path / "y.cir").exists()


def test_a_goal_of_an_option_is_not_said_to_stand_where_training_is_said():
    text = "divider\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n*@train R1 R2\n.end\n"
    with pytest.raises(NetlearnError, match=r"nothing is wanted of 'V\(out\)'") as refused:
        netlearn.train(netlearn.parse(text, "t.cir"), goal="V(out)")
    assert refused.value.place is None
