"""Amperes of any size: training does the same whatever the unit is, and says why it ends."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import netlearn

SIZES = (1.0, 1e-3, 1e-6, 1e-9, 1e-12)


def one_resistor(amperes: float, **settings: object) -> netlearn.TrainResult:
    """A resistor of 1.5 V/A that is to draw 2 A at 1 V, with all currents in units of ``amperes``."""
    netlist = netlearn.parse(f"* one\n*@output I(V1)\n*@train R1\nV1 a 0 1\nR1 a 0 {1.5 / amperes!r}\n")
    data = {"V1": [1.0, 2.0], "I(V1)": [-2 * amperes, -4 * amperes]}
    return netlearn.train(netlist, data, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd", "momentum", "tiki-taka", "hamiltonian"])
@pytest.mark.parametrize("coordinates", ["log", "conductance", "resistance"])
def test_the_unit_makes_no_difference(optimizer: str, coordinates: str) -> None:
    results = [one_resistor(size, optimizer=optimizer, coordinates=coordinates, epochs=30) for size in SIZES]
    first = results[0].theta
    assert results[0].loss < 0.5 * results[0].history[0].loss
    for size, result in zip(SIZES, results, strict=True):
        np.testing.assert_allclose(result.theta * size, first, rtol=1e-9)
        assert result.epochs == results[0].epochs


@pytest.mark.parametrize("targets", [[-2e-6], [-2e-6, -4e-6]])
def test_half_a_megohm_is_found_from_microamperes(targets: list[float]) -> None:
    netlist = netlearn.parse("* one\n*@output I(V1)\n*@train R1\n*@optimizer lbfgs\nV1 a 0 1\nR1 a 0 1k\n")
    result = netlearn.train(netlist, {"V1": np.arange(1.0, len(targets) + 1), "I(V1)": targets})
    assert result.theta[0] == pytest.approx(5e5, rel=1e-9)
    assert result.stopped.startswith(("no derivative is above", "the loss falls by no more", "the line search"))


def test_a_crossbar_of_nanoamperes_learns() -> None:
    rng = np.random.default_rng(0)
    rows, columns = 16, 8
    lines = [f"V{i} r{i} 0 0" for i in range(rows)]
    lines += [f"Vo{j} c{j} 0 0" for j in range(columns)]
    lines += [f"R{i}_{j} r{i} c{j} {r:.6g}" for (i, j), r in np.ndenumerate(rng.uniform(5e8, 2e9, (rows, columns)))]
    output = " ".join(f"I(Vo{j})" for j in range(columns))
    netlist = netlearn.parse("\n".join(["* crossbar", f"*@output {output}", *lines, ""]))
    x = rng.uniform(-1, 1, (100, rows))
    wanted = x @ rng.uniform(0.5e-9, 2e-9, (rows, columns))
    result = netlearn.train(netlist, x, wanted, input=[f"V{i}" for i in range(rows)], optimizer="lbfgs")
    assert result.loss < 1e-8 * result.history[0].loss
    # Least squares by scipy's conductances, as a judge.
    g = np.linalg.lstsq(x, wanted, rcond=None)[0]
    found = 1.0 / result.theta.reshape(rows, columns)
    np.testing.assert_allclose(found, g, rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 3}, "all 3 epochs are done"),
        ({"epochs": 500, "patience": 5, "optimizer": "adam lr=0.5"}, "the loss did not fall for 5 epochs"),
        ({"optimizer": "lbfgs gtol=1e-3"}, "no derivative is above gtol=0.001"),
        ({"optimizer": "lbfgs ftol=0.1"}, "the loss falls by no more than ftol=0.1"),
        ({"optimizer": "lbfgs", "epochs": 2}, "all 2 epochs are done"),
    ],
)
def test_a_run_says_why_it_ended(settings: dict[str, object], said: str) -> None:
    assert one_resistor(1e-6, **settings).stopped == said


def test_an_interrupted_run_says_so() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    assert one_resistor(1.0, progress=interrupt).stopped == "interrupted"


BRIDGE = "* still\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\nR3 a 0 1k\n"
DATA = {"V1": [1.0, 2.0], "V(b)": [0.3, 0.6]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train": "R3"}, "no value that is trained changes an output"),
        ({"train": "R1 max=1k", "fix": "R2"}, "all trained values are at their bounds"),
        ({"optimizer": "sgd lr=1e-12"}, "try a larger learning rate"),
        ({"optimizer": "sgd lr=1e4", "train": "R1 min=1n max=1t"}, "try a smaller learning rate"),
    ],
)
def test_a_loss_that_does_not_move_is_warned_of_with_its_cause(settings: dict[str, str], said: str) -> None:
    with pytest.warns(UserWarning, match=f"the loss has not moved: .* {said}"):
        netlearn.train(netlearn.parse(BRIDGE), DATA, epochs=20, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [DATA, {"V1": [1.0, 2.0], "V(b)": [0.5, 1.0]}])
def test_a_loss_that_falls_or_is_zero_is_not_warned_of(data: dict[str, list[float]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        netlearn.train(netlearn.parse(BRIDGE), data, epochs=20)
        netlearn.train(netlearn.parse(BRIDGE), data, epochs=0)


TWO = """* two classes
*@output V(a) V(b)
*@loss cross_entropy
V1 x 0 0
V2 y 0 0
R1 x a 1k
R2 y a 3k
R3 x b 2k
R4 y b 1k
"""


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    return x, np.where(x[:, 0] > x[:, 1], "first", "second")


@pytest.mark.parametrize("factor", [1.0, 1e-3])
def test_the_scale_that_is_chosen_is_said_and_written(samples: tuple[np.ndarray, np.ndarray], factor: float) -> None:
    x, y = samples
    result = netlearn.train(netlearn.parse(TWO), factor * x, y)
    scale = result.settings.loss.scale  # type: ignore[union-attr]
    assert result.accuracy == 1.0
    assert result.notes == (f"cross_entropy scale={scale:g}, chosen by the spread of the outputs before training",)
    assert f"*@loss cross_entropy scale={scale:g}\n" in str(result.netlist)
    # The trained netlist means the same by itself.
    again = netlearn.evaluate(result.netlist, factor * x, y)
    assert again.loss == result.loss
    assert again.notes == ()
    probabilities = netlearn.predict(result.netlist, factor * x, classes=["first", "second"]).probabilities
    assert probabilities is not None
    own = probabilities[np.arange(60), result.train.targets]
    assert -np.mean(np.log(own)) == pytest.approx(result.loss)


def test_the_signal_s_size_does_not_change_what_is_learned(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    thetas = [netlearn.train(netlearn.parse(TWO), size * x, y, epochs=20).theta for size in (1.0, 1e-6)]
    np.testing.assert_allclose(thetas[1], thetas[0], rtol=1e-6)


def test_without_a_directive_one_is_added_and_an_option_is_not_written(
    samples: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = samples
    bare = netlearn.parse(TWO.replace("*@loss cross_entropy\n", ""))
    text = str(netlearn.train(bare, x, y, epochs=1).netlist)
    assert text.splitlines()[2].startswith("*@loss cross_entropy scale=")
    assert "*@loss" not in str(netlearn.train(bare, x, y, epochs=1, loss="cross_entropy").netlist)
    assert "*@loss" not in str(netlearn.train(bare, x, y, epochs=1, loss="mse").netlist)


def test_an_evaluation_says_the_scale_that_it_chose(samples: tuple[np.ndarray, np.ndarray]) -> None:
    evaluation = netlearn.evaluate(netlearn.parse(TWO), *samples)
    assert "chosen by the spread" in evaluation.notes[0]
    assert netlearn.predict(netlearn.parse(TWO), samples[0], classes="first second").probabilities is None


def test_an_interrupted_run_with_a_chosen_scale_resumes(samples: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    netlist, whole = netlearn.parse(TWO), netlearn.train(netlearn.parse(TWO), *samples, epochs=8)
    steps = 0

    def interrupt(_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 4:
            raise KeyboardInterrupt

    part = netlearn.train(netlist, *samples, epochs=8, checkpoint=tmp_path / "c.npz", progress=interrupt)
    assert part.interrupted
    rest = netlearn.train(netlist, *samples, epochs=8, checkpoint=tmp_path / "c.npz", resume=True)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    assert str(rest.netlist) == str(whole.netlist)
