"""Losses by ratios."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.learn.loss import unit_of
from netlearn.learn.measured_losses import Logarithmic, MeasuredLoss, Relative

OUTPUTS = np.array([[1e-9, 2e-3], [3e-6, -1e-2], [0.0, 5.0], [-2e-7, 0.1]])
TARGETS = np.array([[2e-9, 1e-3], [np.nan, -2e-2], [1e-9, 4.0], [2e-7, 0.0]])


@pytest.mark.parametrize("loss", [Logarithmic(floor=1e-10), Relative(floor=1e-4)])
def test_gradients_are_those_of_differences(loss: MeasuredLoss) -> None:
    for k in range(2):
        step = np.zeros(OUTPUTS.shape)
        step[:, k] = 1e-3 * np.maximum(np.abs(OUTPUTS[:, k]), loss.floor or 0.0)
        slope = (loss.value(OUTPUTS + step, TARGETS) - loss.value(OUTPUTS - step, TARGETS)) / (2 * step[:, k])
        assert loss.gradient(OUTPUTS, TARGETS)[:, k] == pytest.approx(slope, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("loss", [Logarithmic(floor=1e-10), Relative(floor=1e-9)])
def test_complex_outputs_pass_through(loss: MeasuredLoss) -> None:
    stepped = OUTPUTS + 1e-30j * np.array([1.0, 0.0])
    assert loss.value(stepped, TARGETS).imag / 1e-30 == pytest.approx(loss.gradient(OUTPUTS, TARGETS)[:, 0])
    slopes = loss.residuals(stepped, np.nan_to_num(TARGETS))[:, 0].imag / 1e-30
    assert slopes == pytest.approx(loss.slopes(OUTPUTS, np.nan_to_num(TARGETS))[:, 0])


def test_far_above_the_floor_the_logarithm_of_the_ratio_counts() -> None:
    outputs, targets = np.array([[1e-3], [2e-7]]), np.array([[3e-3], [1e-7]])
    assert Logarithmic(floor=1e-11).value(outputs, targets) == pytest.approx(np.log([1 / 3, 2.0]) ** 2, rel=1e-7)
    assert Relative(floor=1e-11).value(outputs, targets) == pytest.approx([(2 / 3) ** 2, 1.0])


def test_signs_and_zeros_may_differ() -> None:
    loss = Logarithmic(floor=1e-6)
    value = loss.value(np.array([[-1e-3], [0.0], [1e-9]]), np.array([[1e-3], [1e-3], [-1e-9]]))
    assert value[:2] == pytest.approx([(2 * np.log(2e3)) ** 2, np.log(2e3) ** 2], rel=1e-4)
    assert value[2] == pytest.approx(4e-6)


def test_an_empty_cell_asks_nothing() -> None:
    one = Logarithmic(floor=1e-10).value(OUTPUTS[:, 1:], TARGETS[:, 1:])
    assert Logarithmic(floor=1e-10).value(OUTPUTS, TARGETS)[1] == pytest.approx(one[1])
    nothing = Relative(floor=1.0).value(np.ones((1, 2)), np.full((1, 2), np.nan))
    assert nothing.tolist() == [0.0]


def test_floors_are_chosen_by_the_least_of_the_targets() -> None:
    assert Logarithmic().chosen_by(TARGETS).floor == pytest.approx(1e-10)
    assert Relative().chosen_by(TARGETS).floor == pytest.approx(1e-9)
    assert Logarithmic().chosen_by(np.zeros((2, 1))).floor == 1.0
    assert Relative(floor=3.0).chosen_by(TARGETS).floor == 3.0
    with pytest.raises(OptionError, match="the floor of the loss is not chosen yet"):
        Logarithmic().value(OUTPUTS, TARGETS)


@pytest.mark.parametrize("kind", [Logarithmic, Relative])
def test_the_unit_does_not_depend_on_the_unit_of_the_outputs(kind: Callable[[], MeasuredLoss]) -> None:
    def unit(size: float) -> float:
        targets = size * np.array([[1.0], [10.0], [300.0]])
        loss = kind().chosen_by(targets)
        return unit_of(loss, targets, 1, lambda: float(np.mean(loss.value(np.zeros((3, 1)), targets))))

    units = [unit(1.0), unit(1e-6)]
    assert units[0] == pytest.approx(units[1])
    assert units[0] > 0


DIODE = """diode
*@loss {loss}
*@train dm.is dm.n
*@optimizer lbfgs
V1 a 0 0.5
D1 a 0 dm
.model dm d(is=1e-12 n=1)
"""


def _curve() -> dict[str, np.ndarray]:
    volts = np.linspace(0.0, 0.7, 15)
    thermal = 1.380649e-23 / 1.602176634e-19 * 300.15
    return {"V1": volts, "I(D1)": 3e-10 * np.expm1(volts / (1.6 * thermal)) + 1e-12 * volts}


@pytest.mark.parametrize("loss", ["log", "relative", "log floor=1e-12"])
def test_a_curve_over_decades_and_through_zero_fits(loss: str) -> None:
    result = netlearn.train(netlearn.parse(DIODE.format(loss=loss)), _curve())
    assert result.theta == pytest.approx([3e-10, 1.6], rel=2e-4)


@pytest.mark.parametrize("rule", ["gauss-newton", "natural"])
@pytest.mark.parametrize(("loss", "start"), [("log", "100k"), ("relative", "3k")])
def test_curvature_leads_there_too(rule: str, loss: str, start: str) -> None:
    """The squared logarithm bends the wrong way far from its minimum; its slopes do not."""
    text = f"divider\n*@train R1\n*@loss {loss}\nV1 a 0 1\nR1 a o {start}\nR2 o 0 1k\n"
    data = {"V1": np.array([1e-3, 1.0, 50.0]), "V(o)": np.array([0.5e-3, 0.5, 25.0])}
    result = netlearn.train(netlearn.parse(text), data, rule=rule, epochs=60)
    assert result.theta == pytest.approx([1e3], rel=1e-3)


def test_mse_does_not_see_the_small_currents() -> None:
    """That is what these losses are for: an error of half of a nanoampere is nothing beside milliamperes."""
    data = _curve()
    data["I(D1)"][-1] *= 1.02
    by_mse, by_log = (netlearn.train(netlearn.parse(DIODE.format(loss=loss)), data) for loss in ("mse", "log"))
    assert abs(np.log(by_log.theta[0] / 3e-10)) < 0.25 * abs(np.log(by_mse.theta[0] / 3e-10))


def test_what_was_chosen_is_said_and_written() -> None:
    result = netlearn.train(netlearn.parse(DIODE.format(loss="log")), _curve(), epochs=3)
    assert any(note.startswith("log floor=") for note in result.notes)
    assert isinstance(result.settings.loss, Logarithmic)
    assert f"*@loss log floor={result.settings.loss.floor:g}\n" in str(result.netlist)
    half = {name: column[7:] for name, column in _curve().items()}
    again = netlearn.evaluate(result.netlist, half)
    assert again.losses == pytest.approx(result.train.losses[7:])


def test_a_trainer_chooses_by_the_first_targets() -> None:
    trainer = netlearn.Trainer(netlearn.parse(DIODE.format(loss="log")), output="I(D1)", optimizer="adam lr=0.1")
    data = _curve()
    for _ in range(300):
        trainer.step(data["V1"][:, None], data["I(D1)"][:, None])
    assert trainer.theta == pytest.approx([3e-10, 1.6], rel=0.05)
    assert isinstance(trainer.loss_function, Logarithmic)
    assert trainer.loss_function.floor == pytest.approx(0.1 * np.abs(data["I(D1)"][data["I(D1)"] != 0]).min(), rel=0.1)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("log floor=0", "'floor' must be a number above 0"),
        ("relative floor=-1", "'floor' must be a number above 0"),
        ("logarithm", "unknown loss 'logarithm'"),
        ("log scale=3", "scale"),
    ],
)
def test_wrong_options_are_placed(loss: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        netlearn.train(netlearn.parse(DIODE.format(loss=loss)), _curve())
    assert raised.value.place is not None
    assert raised.value.place.line == 2


def test_classes_have_no_ratios() -> None:
    text = "classes\n*@loss log\n*@output V(a) V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n"
    with pytest.raises(OptionError, match="this loss compares measured values"):
        netlearn.train(netlearn.parse(text), {"V1": [1.0, 2.0], "class": ["x", "y"]})
