"""``netlearn round``, and what it refuses."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main
from netlearn.discrete.choices import stock_from
from netlearn.errors import OptionError
from netlearn.learn.hardware import series_values

BRIDGE = """a bridge
V1 in 0 5
R1 in a 1234
R2 a 0 2345
R3 in b 3456
R4 b 0 4567
R5 a b 5678
.end
"""


def test_without_goals_the_outputs_stay_as_they_are(tmp_path) -> None:
    (tmp_path / "x.cir").write_text(BRIDGE)
    done = CliRunner().invoke(main, ["round", str(tmp_path / "x.cir"), "--series", "e96", "--budget", "3000"])
    assert done.exit_code == 0, done.output
    assert "by its own outputs" in done.output
    before, after = (netlearn.operating_point(tmp_path / f"x{part}.cir") for part in ("", ".rounded"))
    nearest = BRIDGE
    for old, new in (("1234", "1240"), ("2345", "2320"), ("3456", "3480"), ("4567", "4530"), ("5678", "5620")):
        nearest = nearest.replace(old, new)
    rounded = netlearn.operating_point(netlearn.parse(nearest))

    def off(point) -> float:
        return float(np.abs(point.measure("V(a)", "V(b)") - before.measure("V(a)", "V(b)")).max())

    assert off(after) < 0.1 * off(rounded)
    values = set(series_values("e96", 1e2, 1e5))
    assert {r.value for r in netlearn.read(tmp_path / "x.rounded.cir").find("R*")} <= values
    words = ["round", str(tmp_path / "x.cir"), "--series", "e96", "--force", "--json", "--budget", "2000"]
    done = CliRunner().invoke(main, [*words, "--output", "V(a)"])
    found = json.loads(done.output)
    assert found["loss"]["after"] <= found["loss"]["nearest"]
    assert found["judged_by"] == "its own outputs"


def test_data_say_what_is_best(tmp_path) -> None:
    data = {"V1": [1.0, 2.0, 5.0], "V(a)": [0.6, 1.2, 3.0], "V(b)": [0.55, 1.1, 2.75]}
    found = netlearn.round_values(
        netlearn.parse(BRIDGE), data, series="e24", budget=6000, train="R1 R2 R3 R4", fix="R5"
    )
    assert found.names == ("r1", "r2", "r3", "r4")
    assert found.netlist.find("R5")[0].value == 5678
    assert netlearn.evaluate(found.netlist, data).loss == pytest.approx(found.losses[2], rel=1e-9)
    assert found.losses[2] < found.losses[1] < found.losses[0] or found.losses[2] < 0.2 * found.losses[1]


def test_the_power_counts_before_and_after() -> None:
    text = "* divider\n*@loss mse power=2\n*@train R1 R2\nV1 in 0 1\nR1 in a 1234\nR2 a 0 777\n"
    netlist, data = netlearn.parse(text), {"V1": [1.0, 2.0], "V(a)": [0.4, 0.8]}
    found = netlearn.round_values(netlist, data, series="e3")
    each = [netlearn.evaluate(judged, data).loss for judged in (netlist, found.netlist)]
    assert [found.losses[0], found.losses[2]] == pytest.approx(each, rel=1e-9)


def test_values_are_judged_by_what_comes_through_the_converters() -> None:
    text = "* divider\n*@hardware dac=3 dac_range=0,2 adc=4 adc_range=0,1\n*@train R1 R2\nV1 in 0 1\nR1 in a 1234\n"
    netlist, data = netlearn.parse(text + "R2 a 0 777\n"), {"V1": [1.1, 1.7], "V(a)": [0.4, 0.8]}
    found = netlearn.round_values(netlist, data, series="e3")
    driven = np.rint(np.array(data["V1"]) / 2 * 7) / 7 * 2

    def loss(upper: float, lower: float) -> float:
        read = np.rint(driven * lower / (upper + lower) * 15) / 15
        return float(np.mean((np.clip(read, 0, 1) - data["V(a)"]) ** 2))

    every = series_values("e3", 10.0, 1e5).tolist()
    best = min(loss(upper, lower) for upper in every for lower in every)
    assert found.losses[0] == pytest.approx(loss(1234.0, 777.0), rel=1e-9)
    assert found.losses[2] == pytest.approx(loss(*found.after.tolist()), rel=1e-9)
    assert found.losses[2] == pytest.approx(best, rel=1e-9)


def test_a_stock_list_is_read_as_it_is_written(tmp_path) -> None:
    (tmp_path / "s.csv").write_text("# drawer\nName, Value ,Count\nblue,4k7,2\nred,100,\n\nblue,4.7k,3\nnone,1meg,0\n")
    stock = stock_from(tmp_path / "s.csv")
    assert stock.values.tolist() == [100.0, 4700.0]
    assert stock.counts.tolist() == [np.inf, 5.0]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("value\n1k\n-2k\n", 3, "'-2k' is not the value of a part"),
        ("value\n1k\n0\n", 3, "'0' is not the value of a part"),
        ("value\n1k±5%\n", 2, "a value by itself"),
        ("value\n5%\n", 2, "a value by itself"),
        ("value\n4,7k\n", 2, "a decimal point is written as one"),
        ("value\nten\n", 2, "'ten' is not the value of a part"),
        ("value,count\n1k,-1\n", 2, "'-1' is not how many"),
        ("value,count\n1k,1.5\n", 2, "'1.5' is not how many"),
        ("ohms\n1k\n", 1, "no column 'value'"),
        ("value,value\n1k,2k\n", 1, "a column twice"),
        ("", 1, "the list of parts is empty"),
        ("value\n", 1, "there are no parts in the list"),
        ("value,count\n1k,1\n2k,1\n", 3, "5 parts are needed, and there are 2"),
    ],
)
def test_a_wrong_stock_list_is_refused_where_it_is_wrong(tmp_path, text: str, line: int, message: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    (tmp_path / "x.cir").write_text(BRIDGE.replace("V1", "*@goal V(a) = 3\n*@hardware parts=s.csv\nV1"))
    done = CliRunner().invoke(main, ["round", str(tmp_path / "x.cir")])
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert f":{line}" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.csv", "x.cir"]


@pytest.mark.parametrize(
    ("directives", "place", "message"),
    [
        (
            "*@hardware series=e24\n*@train R* min=1010 max=1090",
            "2:3",
            "E24 has no value between 1010 and 1090 for 'r1'",
        ),
        ("*@hardware series=e24 levels=5 min=1 max=2", "2:", "not both"),
        ("*@hardware pairs=yes", "2:", "give a series"),
        ("*@hardware series=e24 noise=0.1 pairs=yes", "2:", "leave noise"),
        ("*@hardware parts=../s.csv", "2:3", "outside the netlist's folder"),
        ("*@hardware parts=no.csv", "2:3", "cannot read"),
        (
            "*@hardware series=e24 pairs=yes\n*@train q\n.param q=1k\nR9 a 0 {q}",
            "4:10",
            "'q' is not the number of one resistor",
        ),
        ("*", None, "no values are given"),
    ],
)
@pytest.mark.parametrize("command", ["round", "train"])
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path, directives: str, place: str | None, message: str, command: str
) -> None:
    if command == "train" and place is None:
        return
    (tmp_path / "x.cir").write_text(BRIDGE.replace("V1", f"{directives}\n*@goal V(a) = 3\nV1", 1))
    done = CliRunner().invoke(main, [command, str(tmp_path / "x.cir")])
    assert done.exit_code == 2, done.output
    assert message in done.output
    if place:
        assert f"x.cir:{place}" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["x.cir"]


@pytest.mark.parametrize("option", ["parts", "measured", "faults"])
def test_a_pipe_that_came_with_a_netlist_is_not_waited_for(option: str, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x.cir").write_text(
        BRIDGE.replace("V1", f"*@hardware {option}=pipe\n*@goal V(a) = 3\n*@options epochs=1\nV1", 1)
    )
    done = CliRunner().invoke(main, ["train", str(tmp_path / "x.cir")])
    assert done.exit_code == 2, done.output
    assert "x.cir:2:" in done.output
    assert "is a folder, a device or a pipe" in done.output


def test_digits_have_no_say_in_values_that_are_searched_for_and_a_trainer_does_not_search() -> None:
    lines = "*@goal V(a) = 3\n*@hardware series=e96 budget=2000\n*@options epochs=3"
    text = BRIDGE.replace("V1", f"{lines}\nV1", 1)
    result = netlearn.train(netlearn.parse(text), digits=1)
    assert set(result.theta) <= set(series_values("e96", 1, 1e8))
    with pytest.raises(netlearn.OptionError, match="at the end of a training"):
        netlearn.Trainer(netlearn.parse(text.replace("budget=2000", "pairs=yes")), output="V(a)")


def test_a_series_given_as_an_option_is_placed_at_what_it_does_not_fit(tmp_path) -> None:
    (tmp_path / "x.cir").write_text(BRIDGE)
    words = ["round", str(tmp_path / "x.cir"), "--series", "e24", "--train", "R2 min=1010 max=1090"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "x.cir:4:8: error: E24 has no value between 1010 and 1090 for 'r2'" in done.output


RATIO = """* only the ratio matters
*@output V(out)
*@train R*
V1 in 0 1
R1 in out 1.1k
R2 out 0 2.3k
.end
"""


def test_of_combinations_without_a_loss_the_nearest_values_are_taken() -> None:
    found = netlearn.round_values(netlearn.parse(RATIO), {"V1": [1.0, 2.0], "V(out)": [0.6, 1.2]}, series="e24")
    r1, r2 = found.after
    assert r2 / (r1 + r2) == pytest.approx(0.6, rel=1e-12)
    e24 = np.array([1.0, 1.1, 1.2, 1.3, 1.5, 1.6, 1.8, 2.0, 2.2, 2.4, 2.7, 3.0, 3.3, 3.6, 3.9, 4.3, 4.7, 5.1, 5.6])
    e24 = np.outer(10.0 ** np.arange(0, 7), np.append(e24, [6.2, 6.8, 7.5, 8.2, 9.1])).ravel()
    pairs = [(a, b) for a in e24 for b in e24 if abs(b / (a + b) - 0.6) < 1e-12]
    moved = [np.log(a / 1.1e3) ** 2 + np.log(b / 2.3e3) ** 2 for a, b in pairs]
    assert (r1, r2) == pytest.approx(pairs[int(np.argmin(moved))], rel=1e-12)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_goals_with_one_end_have_no_middle() -> None:
    text = "* t\nV1 a 0 1\nR1 a b 1.12k\nR2 b 0 1.23k\n*@goal V(b) max=0.6\n*@goal V(b) min=0.4\n.end\n"
    found = netlearn.round_values(netlearn.parse(text), series="e24")
    # All that is between is as good, so that the nearest values are taken.
    assert found.after.tolist() == [1100.0, 1200.0]


def test_devices_that_hold_no_exact_values_are_said_to_be_what_is_in_the_way() -> None:
    netlist = netlearn.parse(RATIO.replace("*@train", "*@hardware noise=0.02\n*@train"))
    with pytest.raises(OptionError, match="only where devices hold them exactly"):
        netlearn.round_values(netlist, series="e24")


def test_a_single_part_stands_for_pairs_of_its_value() -> None:
    """Rounding puts 2.4 Ω with 12 Ω in parallel below 2 Ω, 3.6 with 18 Ω below 3 Ω, and 1.2 + 2.4 Ω below 3.6 Ω."""
    netlist = netlearn.parse("* t\nV1 a 0 1\nR1 a b 2\nR2 b c 3\nR3 c 0 3.6\n*@train R* min=1 max=10\n*@output V(b)\n")
    found = netlearn.round_values(netlist, series="e24", pairs=True)
    assert found.after.tolist() == [2.0, 3.0, 3.6]
    assert found.pairs == {}


def test_the_command_says_where_values_are_too_many_for_a_search(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("netlearn.discrete.search.MOST_PARTS", 2)
    (tmp_path / "x.cir").write_text("three\nV1 a 0 1\nR1 a b 1.1k\nR2 b c 2.3k\nR3 c 0 3.1k\n.end\n")
    words = ["round", str(tmp_path / "x.cir"), "--series", "e24", "--budget", "100"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0
    assert "none, as 3 values are too many: the nearest that there are" in done.output
    monkeypatch.undo()
    assert "operating points tried" in CliRunner().invoke(main, [*words, "--force"]).output
