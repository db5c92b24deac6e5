"""What is given in place of directives, where it is empty."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main
from netlearn.errors import OptionError
from netlearn.learn.settings import DIRECTIVES, Settings
from netlearn.overrides import settings_for

TASK = """* divider
*@input V1
*@output V(b)
*@classes 1 2
*@goal V(b) > 0.1
*@fix R1
*@corner temp=27,50
*@tolerance R* 1%
*@rating R* 0.25
*@position a=1,2
*@hardware levels=16 min=10 max=100k
*@train R1 R2
*@optimizer sgd lr=0.2
*@rule ep
*@loss mse
V1 a 0 1
R1 a b 1k
R2 b 0 3k
""".replace("V(b) > 0.1", "V(b) min=0.1")
MAY_BE_NONE = ["input", "output", "classes", "goal", "fix", "corner", "tolerance", "rating", "position", "hardware"]
EMPTY: list[Any] = ["", " ", [], ()]


@pytest.mark.parametrize("empty", [*EMPTY, [""]])
@pytest.mark.parametrize("name", MAY_BE_NONE)
def test_an_empty_setting_is_none_of_it(name: str, empty: Any) -> None:
    if empty == [""] and name in ("input", "classes"):
        pytest.skip("a word of these may be given as it stands")
    given, none = settings_for(netlearn.parse(TASK), {}), Settings()
    found = settings_for(netlearn.parse(TASK), {name: empty})
    assert getattr(given, name) != getattr(none, name)
    assert getattr(found, name) == getattr(none, name)
    others = set(DIRECTIVES) - {name}
    assert {other for other in others if getattr(found, other) != getattr(given, other)} == set()


@pytest.mark.parametrize("empty", [*EMPTY, [""]])
@pytest.mark.parametrize("name", sorted(set(DIRECTIVES) - {*MAY_BE_NONE, "data", "train"}))
def test_what_a_task_cannot_be_without_is_not_empty(name: str, empty: Any) -> None:
    with pytest.raises(OptionError, match=f"'{name}' is empty") as caught:
        settings_for(netlearn.parse(TASK), {name: empty})
    assert "leave it out" in (caught.value.hint or "")


@pytest.mark.parametrize("empty", [*EMPTY, [""]])
def test_an_empty_choice_does_not_train_everything(empty: Any) -> None:
    netlist, data = netlearn.parse("* t\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n"), {"V1": [1.0], "V(b)": [0.2]}
    for call in (netlearn.train, netlearn.evaluate):
        with pytest.raises(OptionError, match="nothing is to be trained: 'train' is empty") as caught:
            call(netlist, data, train=empty)
        assert "'R*'" in (caught.value.hint or "")
    assert netlearn.train(netlist, data, train=None, epochs=0).names == ("r1", "r2")


def test_fixing_nothing_trains_what_the_netlist_fixes() -> None:
    netlist = netlearn.parse("* t\n*@output V(b)\n*@fix R1\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n")
    data = {"V1": [1.0], "V(b)": [0.2]}
    assert netlearn.train(netlist, data, epochs=0).names == ("r2",)
    assert netlearn.train(netlist, data, epochs=0, fix=[]).names == ("r1", "r2")


def test_empty_options_of_a_command_mean_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.cir"
    path.write_text("* t\n*@data t.csv\n*@output V(b)\n*@fix R1\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n")
    (tmp_path / "t.csv").write_text("V1,V(b)\n1,0.2\n")
    runner = CliRunner()
    result = runner.invoke(main, ["train", str(path), "--train", ""])
    assert result.exit_code == 2
    assert "nothing is to be trained: 'train' is empty" in result.output
    assert not (tmp_path / "t.trained.cir").exists()
    result = runner.invoke(main, ["train", str(path), "--optimizer", ""])
    assert (result.exit_code, "'optimizer' is empty" in result.output) == (2, True)
    result = runner.invoke(main, ["train", str(path), "--fix", "", "--epochs", "1"])
    assert (result.exit_code, "2 values trained" in result.output) == (0, True)


def test_goals_that_are_given_take_the_place_of_the_netlists_loss() -> None:
    netlist = netlearn.parse("* t\n*@loss mse\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 3k\n")
    for given in ("V(b) = 0.25", ["V(b) = 0.25"], netlearn.Goal("V(b)", 0.25)):
        result = netlearn.train(netlist, goal=given, optimizer="lbfgs")
        assert 1 / (1 + result.theta[0] / result.theta[1]) == pytest.approx(0.25, rel=1e-6)
        assert result.train.goals[0].met
        assert any("in place of the netlist's" in note for note in result.notes)
    assert not any("in place of" in note for note in netlearn.train(netlist, {"V1": [1.0], "V(b)": [0.2]}).notes)


def test_a_loss_beside_goals_is_answered_with_what_to_leave_out(tmp_path: Path) -> None:
    netlist = netlearn.parse("* t\n*@goal V(b) = 0.25\nV1 a 0 1\nR1 a b 1k\nR2 b 0 3k\n")
    for settings in ({"loss": "mse"}, {"loss": "mse", "goal": "V(b) = 0.3"}):
        with pytest.raises(OptionError, match="there are goals and a loss as well") as caught:
            netlearn.train(netlist, **settings)  # type: ignore[arg-type]
        assert "--goal ''" in (caught.value.hint or "")
    data = {"V1": [1.0], "V(b)": [0.2]}
    result = netlearn.train(netlist, data, loss="mse", goal=[], optimizer="lbfgs")
    assert 1 / (1 + result.theta[0] / result.theta[1]) == pytest.approx(0.2, rel=1e-6)
    path = tmp_path / "t.cir"
    path.write_text("* t\n*@loss mse\nV1 a 0 1\nR1 a b 1k\nR2 b 0 3k\n")
    done = CliRunner().invoke(main, ["train", str(path), "--goal", "V(b) = 0.25", "--epochs", "1"])
    assert done.exit_code == 0, done.output
    assert "in place of the netlist's" in done.output


def test_an_option_of_a_directive_is_told_from_a_setting() -> None:
    with pytest.raises(OptionError, match=r'an option of optimizer: optimizer="NAME lr=\.\.\."$'):
        settings_for(netlearn.parse("plain\nV1 a 0 1\nR1 a 0 1k\n"), {"lr": 0.1})
    with pytest.raises(OptionError, match=r'an option of goal and loss: goal="PROBE scale=\.\.\."$'):
        settings_for(netlearn.parse("plain\nV1 a 0 1\nR1 a 0 1k\n"), {"scale": 1})


def test_nothing_of_what_is_given_is_a_comment(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="';' begins a comment, so that '125' of 'corner' is not read"):
        settings_for(netlearn.parse("plain\nV1 a 0 1\nR1 a 0 1k\n"), {"corner": "temp=-40;125"})
    assert settings_for(netlearn.parse("plain\nV1 a 0 1\nR1 a 0 1k\n"), {"data": "'a;b.csv'"}).data.train == "a;b.csv"


def test_words_that_are_given_are_not_looked_for_in_the_netlist() -> None:
    """What is wrong with outputs that are given would be shown where other ones stand."""
    netlist = netlearn.parse("two classes\n*@output V(a) V(b)\n*@options epochs=5\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n")
    assert any(name.startswith("output") for name in settings_for(netlist, {}).places)
    given = settings_for(netlist, {"output": "V(a)", "batch": 2})
    assert not any(name.startswith("output") for name in given.places)
    assert "options epochs" in given.places
    data = {"V1": [1.0, 2.0], "class": ["x", "y"]}
    with pytest.raises(netlearn.DataError, match=r"^error: 1 outputs? for 2 classes"):
        netlearn.train(netlist, data, output="V(a)")


@pytest.mark.parametrize("kind", ["array", "objects", "Series", "Index"])
def test_names_may_be_chosen_from_an_array(kind: str) -> None:
    def made(values: list[Any]) -> Any:
        if kind in ("array", "objects"):
            return np.array(values, dtype=object if kind == "objects" else None)
        return getattr(pytest.importorskip("pandas", reason="pandas is not installed"), kind)(values)

    netlist = netlearn.parse("divider\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b c 1k\nR3 c 0 1k\n")
    names = made(["r1", "r2", "r3"])
    result = netlearn.train(netlist, {"V1": [1.0], "V(b)": [0.3]}, epochs=1, fix=names[names != "r2"])
    assert result.names == ("r2",)
    result = netlearn.train(netlist, {"V1": [1.0], "V(b)": [0.3]}, epochs=1, train=names[:2], fix=names[:0])
    assert result.names == ("r1", "r2")
    with pytest.raises(OptionError, match="cannot be the setting 'fix'"):
        netlearn.train(netlist, {"V1": [1.0], "V(b)": [0.3]}, epochs=1, fix=made([1, 2]))
