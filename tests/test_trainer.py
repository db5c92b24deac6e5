"""Training step by step."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import netlearn
from netlearn.errors import DataError, NetlearnError, OptionError

NETWORK = """* two outputs
*@input V1 V2
*@output V(a) V(b)
*@optimizer adam lr=0.05
V1 x 0 0
V2 y 0 0
R1 x a 1k
R2 y a 3k
R3 x b 2k
R4 y b 1k
R5 a b 1k
R6 a 0 5k
R7 b 0 5k
"""
DIODES = NETWORK + "D1 a 0 d\nD2 0 b d\n.model d d(is=1n)\n"


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).uniform(-1, 1, (30, 2))
    return x, x @ np.array([[0.3, 0.1], [0.2, 0.4]])


@pytest.mark.parametrize("text", [NETWORK, DIODES])
@pytest.mark.parametrize("optimizer", ["adam lr=0.05", "momentum lr=0.1", "sgd"])
def test_steps_on_all_samples_are_those_of_train(
    text: str, optimizer: str, samples: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = samples
    whole = netlearn.train(netlearn.parse(text), x, y, optimizer=optimizer, epochs=12, keep="parameters")
    trainer = netlearn.Trainer(netlearn.parse(text), optimizer=optimizer)
    assert whole.history.parameters is not None
    for epoch in range(12):
        np.testing.assert_allclose(trainer.theta, whole.history.parameters[epoch], rtol=1e-9)
        seen = trainer.step(x, y)
        assert seen.loss == pytest.approx(whole.history.loss[epoch], rel=1e-9)
    assert trainer.steps == 12
    np.testing.assert_allclose(trainer.predict(x), netlearn.predict(trainer.netlist, x).outputs, rtol=1e-9)
    assert trainer.loss(x, y) == pytest.approx(whole.history.loss[12], rel=1e-9)


def test_samples_as_they_come(samples: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, y = samples
    trainer = netlearn.Trainer(netlearn.parse(DIODES))
    before = trainer.loss(x, y)
    rng = np.random.default_rng(0)
    for _ in range(400):
        k = rng.integers(len(x))
        seen = trainer.step(x[k], y[k])
        assert seen.outputs.shape == (1, 2)
        assert seen.gradient.shape == (7,)
    assert trainer.loss(x, y) < 0.1 * before
    assert list(trainer.values) == list(trainer.names) == [f"r{k}" for k in range(1, 8)]
    trainer.save(tmp_path / "trained.cir")
    np.testing.assert_array_equal(netlearn.predict(tmp_path / "trained.cir", x).outputs, trainer.predict(x))


def test_every_form_of_samples(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    columns = {"V1": x[:, 0], "V2": x[:, 1]}
    targets = {"V(a)": y[:, 0], "V(b)": y[:, 1]}
    thetas = []
    for inputs, wanted in (
        (x, y),
        (x.tolist(), y.tolist()),
        (columns, targets),
        (pd.DataFrame(columns), pd.DataFrame(targets)),
        (pd.DataFrame(columns), y),
    ):
        trainer = netlearn.Trainer(netlearn.parse(NETWORK))
        trainer.step(inputs, wanted)
        thetas.append(trainer.theta)
    for theta in thetas[1:]:
        np.testing.assert_array_equal(theta, thetas[0])


def test_classes_by_their_labels(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = samples
    labels = np.where(x[:, 0] > x[:, 1], "up", "down")
    trainer = netlearn.Trainer(netlearn.parse(NETWORK), classes=["up", "down"])
    for _ in range(150):
        trainer.step(x, labels)
    chosen = np.array(["up", "down"])[trainer.predict(x).argmax(axis=1)]
    assert np.mean(chosen == labels) > 0.95
    trainer.step(x[0], "up")
    with pytest.raises(DataError, match="the class 'sideways'"):
        trainer.step(x[0], "sideways")


@pytest.mark.parametrize("settings", [{}, {"loss": "mse power=100"}, {"classes": ["up", "down"]}])
def test_estimates_are_the_differences_of_the_loss_and_change_nothing(
    settings: dict[str, Any], samples: tuple[np.ndarray, np.ndarray]
) -> None:
    """A scale that is left to be chosen is chosen by whatever comes first."""
    x, y = samples
    targets = np.where(x[:, 0] > x[:, 1], "up", "down") if "classes" in settings else y
    trainer = netlearn.Trainer(netlearn.parse(DIODES), **settings)
    loss, seen, before = trainer.loss(x, targets), trainer.estimate(x, targets), trainer.theta
    assert seen.loss == pytest.approx(loss, rel=1e-12)
    for k, step in enumerate(1e-4 * before):
        found = []
        for way in (step, -step):
            theta = before.copy()
            theta[k] += way
            trainer.theta = theta
            found.append(trainer.loss(x, targets))
        assert (found[0] - found[1]) / (2 * step) == pytest.approx(seen.gradient[k], rel=1e-5, abs=1e-12)
    trainer.theta = before
    np.testing.assert_array_equal(trainer.theta, before)
    fresh = netlearn.Trainer(netlearn.parse(DIODES), **settings)
    assert fresh.step(x, targets).loss == pytest.approx(trainer.step(x, targets).loss, rel=1e-12)
    np.testing.assert_allclose(trainer.theta, fresh.theta, rtol=1e-9)


def test_values_can_be_set_for_an_optimizer_of_ones_own(samples: tuple[np.ndarray, np.ndarray]) -> None:
    """scipy's, which finds what the data were made with."""
    x, _ = samples
    goal = netlearn.Trainer(netlearn.parse(NETWORK))
    y = goal.predict(x)
    trainer = netlearn.Trainer(netlearn.parse(NETWORK), train="R1 R2 R3 min=100 max=10k")
    trainer.theta *= np.array([2.0, 0.5, 3.0])
    assert trainer.netlist["R1"].value == 2000.0

    def function(u: np.ndarray) -> tuple[float, np.ndarray]:
        trainer.theta = np.exp(u)
        seen = trainer.estimate(x, y)
        return 1e4 * seen.loss, 1e4 * seen.gradient * trainer.theta

    bounds = [(np.log(101), np.log(9999))] * 3
    found = minimize(function, np.log(trainer.theta), jac=True, bounds=bounds, method="L-BFGS-B")
    np.testing.assert_allclose(np.exp(found.x), [1e3, 3e3, 2e3], rtol=1e-2)
    for wrong, said in {
        (1.0, 2.0): "theta must be numbers of the shape (3,), not (2,)",
        "a": "theta must be numbers of the shape (3,), not ()",
        (50.0, 1e3, 1e3): "'r1' cannot be 50, which is outside of its bounds 100 and 10000",
        (1e3, np.nan, 1e3): "'r2' cannot be nan, which is not finite",
    }.items():
        with pytest.raises(OptionError, match=re.escape(said)):
            trainer.theta = wrong


def test_values_that_are_set_are_written_into_devices() -> None:
    trainer = netlearn.Trainer(netlearn.parse(NETWORK), hardware="levels=4 spacing=log min=1k max=8k")
    trainer.theta = np.full(len(trainer.names), 1.3e3)
    np.testing.assert_allclose(trainer.theta, 1e3)


def test_the_size_of_the_signals_makes_no_difference(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    thetas = []
    for size in (1.0, 1e-6):
        trainer = netlearn.Trainer(netlearn.parse(NETWORK), optimizer="sgd lr=0.5")
        for k in range(30):
            trainer.step(size * x[k], size * y[k])
        thetas.append(trainer.theta)
    np.testing.assert_allclose(thetas[1], thetas[0], rtol=1e-9)


def test_a_trainer_goes_on_after_pickling(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    trainer = netlearn.Trainer(netlearn.parse(DIODES), batch=0)
    trainer.step(x, y)
    again = pickle.loads(pickle.dumps(trainer))
    trainer.step(x, y)
    again.step(x, y)
    np.testing.assert_array_equal(again.theta, trainer.theta)


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [
        ([1.0], [1.0, 2.0], "1 column of inputs, and *@input names 2"),
        ([1.0, 2.0], [1.0], "targets have the shape (1, 1), not (samples, 2)"),
        ([1.0, "x"], [1.0, 2.0], "inputs hold"),
        ([[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]], "inputs of 1 samples and targets of 2"),
        ([np.nan, 2.0], [1.0, 2.0], "nan is not finite"),
    ],
)
def test_samples_that_do_not_fit(inputs: list[object], targets: list[object], said: str) -> None:
    trainer = netlearn.Trainer(netlearn.parse(NETWORK))
    before = trainer.theta
    with pytest.raises(NetlearnError) as caught:
        trainer.step(inputs, targets)
    assert said in str(caught.value)
    np.testing.assert_array_equal(trainer.theta, before)


def test_what_cannot_train_step_by_step() -> None:
    with pytest.raises(OptionError, match="lbfgs needs all samples at once"):
        netlearn.Trainer(netlearn.parse(NETWORK), optimizer="lbfgs")
    with pytest.raises(OptionError, match="there is nothing to measure"):
        netlearn.Trainer(netlearn.parse(NETWORK.replace("*@output V(a) V(b)\n", "")))


def test_a_target_that_is_nan_asks_nothing() -> None:
    text = "* t\n*@output V(a) V(b)\nV1 x 0 0\nR1 x a 1k\nR2 a 0 1k\nR3 x b 1k\nR4 b 0 1k\n"
    trainer = netlearn.Trainer(netlearn.parse(text))
    seen = trainer.step([1.0], [0.3, np.nan])
    assert seen.loss == pytest.approx((0.5 - 0.3) ** 2)
    assert trainer.values["r1"] != 1e3
    assert trainer.values["r3"] == 1e3
    assert trainer.values["r4"] == 1e3


def test_zero_targets_may_come_in_batches_of_any_size() -> None:
    """Rewards, say, that are rare: what a loss is small against is then the loss at the beginning."""
    trainer = netlearn.Trainer(netlearn.parse(NETWORK), optimizer="sgd lr=0.01")
    losses = [trainer.step(np.ones((count, 2)), np.zeros((count, 2))).loss for count in (3, 5, 1, 4)]
    assert losses == sorted(losses, reverse=True)


def test_one_sample_of_targets_goes_with_the_netlist_s_own_values() -> None:
    text = "t\n*@input V1\n*@output V(a) V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n"
    losses = []
    for inputs, targets in ((None, [0.9, 0.4]), (None, [[0.9, 0.4]]), ([1.0], [0.9, 0.4])):
        trainer = netlearn.Trainer(netlearn.parse(text), optimizer="adam lr=0.1")
        losses += [trainer.loss(inputs, targets), trainer.step(inputs, targets).loss]
    assert losses == pytest.approx([0.02 / 2] * 6)


STAGE = """a stage at corners
*@goal V(c) = 2.5 within=2%
*@corner {corner}
*@train R1 R2 min=1k max=1meg
.param vcc=5
vs s 0 {{vcc}}
r1 s b 39k
r2 b 0 10k
rc s c 4.7k
re e 0 470
q1 c b e nn
.model nn npn(is=1e-15 bf=150)
"""


@pytest.mark.parametrize("corner", ["temp=0,50", "vs=4.5,5", "vcc=4.5,5"])
def test_corners_that_set_a_source_are_what_drives_it(corner: str) -> None:
    """The source's own value would stand at every corner, or be refused beside one of its name."""
    netlist = netlearn.parse(STAGE.format(corner=corner))
    trainer = netlearn.Trainer(netlist)
    wanted = float(netlearn.evaluate(netlist).loss)
    np.testing.assert_allclose([trainer.loss(), trainer.estimate().loss], wanted, rtol=1e-9)


def test_a_source_that_follows_from_what_is_trained_is_not_driven() -> None:
    netlist = netlearn.parse("""a supply that is trained
*@output V(out)
*@train supply min=1 max=10
.param supply=5
V1 in 0 {supply}
V2 x 0 1
R1 in out 1k
R2 out 0 1k
R3 x out 1k
""")
    trainer = netlearn.Trainer(netlist)
    # V(out) is a third of 5 + 1, 1 V too much, whose square is the loss.
    np.testing.assert_allclose(trainer.estimate([1.0], [1.0]).gradient, [2 / 3], rtol=1e-9)
    with pytest.raises(netlearn.DataError, match=r"2 columns of inputs for 1 source \(v2\)"):
        trainer.estimate([5.0, 1.0], [1.0])


def test_a_table_has_its_targets_in_it_as_for_train() -> None:
    trainer = netlearn.Trainer(netlearn.parse(NETWORK))
    table = pd.DataFrame({"V1": [1.0, 2.0], "V2": [0.5, 0.1], "V(a)": [0.3, 0.4], "V(b)": [0.2, np.nan]})
    apart = trainer.estimate(table[["V1", "V2"]], table[["V(a)", "V(b)"]])
    together = trainer.estimate(table)
    np.testing.assert_array_equal(together.gradient, apart.gradient)
    assert together.loss == trainer.loss(table) == netlearn.evaluate(netlearn.parse(NETWORK), table).loss
    assert repr(together) == f"<step on 2 samples: loss {together.loss:.6g}, gradient of 7 values>"
    with pytest.raises(OptionError, match="nothing says what is wanted"):
        trainer.estimate(table[["V1", "V2"]])


def test_a_table_has_its_classes_in_it_as_for_train() -> None:
    trainer = netlearn.Trainer(netlearn.parse(NETWORK), classes=["red", "blue"])
    table = pd.DataFrame({"V1": [1.0, 2.0], "V2": [0.5, 0.1], "Class": ["red", "blue"]})
    np.testing.assert_array_equal(
        trainer.step(table).gradient,
        netlearn.Trainer(netlearn.parse(NETWORK), classes=["red", "blue"])
        .estimate(table[["V1", "V2"]], table["Class"])
        .gradient,
    )


def test_labels_without_names_of_classes_are_told_what_they_lack() -> None:
    with pytest.raises(DataError, match=r"labels need the names of all classes: classes=\['a', 'b', \.\.\.\]"):
        netlearn.Trainer(netlearn.parse(NETWORK)).estimate([[1.0, 2.0], [0.5, 0.1]], [0, 1])


@pytest.mark.parametrize("pattern", ["*", "R*"])
def test_a_source_is_driven_where_a_pattern_matches_what_sets_it_by_the_way(pattern: str) -> None:
    text = f"""a supply whose parameter a pattern matches
*@output V(out)
*@train {pattern}
.param rail=5
V1 in 0 {{rail}}
R1 in out 1k
R2 out 0 1k
"""
    inputs, targets = [[1.0], [2.0]], [[0.25], [0.5]]
    trainer = netlearn.Trainer(netlearn.parse(text))
    assert (trainer.layout.inputs, trainer.names) == (("v1",), ("r1", "r2"))
    # Half of each input, where a quarter is wanted.
    expected = np.mean([0.25**2, 0.5**2])
    assert trainer.loss(inputs, targets) == pytest.approx(expected)
    result = netlearn.train(netlearn.parse(text), (inputs, targets), epochs=0)
    assert result.history.loss[0] == pytest.approx(expected)


TWO = """two outputs
*@output V(o) V(x)
*@train R*
V1 a 0 1
R1 a o 1k
R2 o 0 1k
R3 a x 1k
R4 x 0 1k
"""


def test_rows_that_differ_in_length_are_an_error_in_words() -> None:
    trainer, ragged = netlearn.Trainer(netlearn.parse(TWO)), [[1.0], [2.0, 3.0]]
    calls: list[Callable[[], object]] = [
        lambda: trainer.predict(ragged),
        lambda: trainer.loss(ragged, [[0.1, 0.2], [0.3, 0.4]]),
        lambda: trainer.step([1.0], ragged),
        lambda: trainer.estimate(None, ragged),
    ]
    for call in calls:
        with pytest.raises(netlearn.DataError, match="the rows of the data differ in length"):
            call()


def test_rows_in_a_tuple_are_rows_and_no_inputs_with_targets() -> None:
    trainer = netlearn.Trainer(netlearn.parse(TWO))
    np.testing.assert_allclose(trainer.predict(([1.0], [2.0])), [[0.5, 0.5], [1.0, 1.0]], rtol=1e-12)
    goals = netlearn.Trainer(netlearn.parse(TWO.replace("*@output V(o) V(x)", "*@goal V(o) = 0.4\n*@input V1")))
    assert goals.loss(([1.0], [2.0])) == pytest.approx(goals.loss([[1.0], [2.0]]), rel=1e-12)


def test_inputs_and_targets_by_the_names_x_and_y_are_a_table_with_its_targets() -> None:
    trainer, inputs, targets = netlearn.Trainer(netlearn.parse(TWO)), np.array([[1.0], [2.0]]), np.full((2, 2), 0.1)
    assert trainer.loss({"X": inputs, "y": targets}) == trainer.loss(inputs, targets)


def test_values_are_set_by_name_whatever_their_order() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    trainer = netlearn.Trainer("netlists/voltage_division.cir", input="Vin", output=["V(n4)", "V(n7)"])
    wanted = np.linspace(1000.0, 2000.0, len(trainer.names))
    named = dict(zip(trainer.names, wanted.tolist(), strict=True))
    for given in (named, dict(reversed(named.items())), pandas.Series(named).sample(frac=1.0, random_state=0)):
        trainer.theta = np.full(len(wanted), 500.0)
        trainer.theta = given
        assert np.array_equal(trainer.theta, wanted)
    trainer.theta = pandas.Series(wanted[::-1])
    assert np.array_equal(trainer.theta, wanted[::-1])
    with pytest.raises(OptionError, match="theta must be numbers of the shape"):
        trainer.theta = {"r1": 1000.0}


def test_what_is_set_in_the_netlist_later_takes_nothing_from_what_is_trained():
    text = "* t\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n*@train R1\n*@input V1\n*@output V(b)\n"
    netlist = netlearn.parse(text)
    trainer = netlearn.Trainer(netlist)
    trainer.step([[1.0]], [[0.3]])
    netlist["R2"].value = 2000
    (trained,) = trainer.theta
    assert trained > 1000
    assert trainer.netlist["R1"].value == trained
    assert trainer.netlist["R2"].value == 1000
    assert str(netlist) == text.replace("b 0 1k", "b 0 2000")
