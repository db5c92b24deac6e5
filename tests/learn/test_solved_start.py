"""A read-out that is solved in one step is the best there is, as scipy finds; circuits without one are told why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import lsq_linear, minimize

import netlearn
from netlearn.errors import OptionError

RNG = np.random.default_rng
SUM = """a summing amplifier
*@output V(o)
*@train R1 R2 R3 min={low} max=1meg
*@options epochs=0
*@start least-squares
V1 a 0 0
V2 b 0 0
V3 c 0 0
R1 a n 10k
R2 b n 10k
R3 c n 10k
Rf n o 10k
E1 o 0 0 n 1e12
.end
"""
LAYERS = """a random layer with diodes, buffers and a differential read-out
*@output V(p,q)
*@train Ro* Rl* min=500 max=50k
V1 x 0 0
V2 y 0 0
Rx1 x h1 2k
Ry1 y h1 3k
D1 h1 0 dm
Rx2 x h2 4k
Ry2 y h2 1k
D2 0 h2 dm
Rx3 x h3 1k
Ry3 y h3 5k
D3 h3 0 dm
E1 b1 0 h1 0 1
E2 b2 0 h2 0 1
E3 b3 0 h3 0 1
Ro1p b1 p 3k
Ro1q b1 q 2k
Ro2p b2 p 1k
Ro2q b2 q 5k
Ro3p b3 p 2k
Ro3q b3 q 4k
Rlp p 0 2k
Rlq q 0 2k
.model dm d is=1e-8
.end
"""


def sums(low: str, target: np.ndarray) -> tuple[netlearn.TrainResult, np.ndarray]:
    volts = RNG(0).uniform(-1, 1, (30, 3))
    columns = {f"V{k + 1}": volts[:, k] for k in range(3)}
    return netlearn.train(netlearn.parse(SUM.format(low=low)), {**columns, "V(o)": -(volts @ target)}), volts


@pytest.mark.parametrize("target", [[2.0, 0.5, 0.7], [2.0, -0.5, 0.7], [30.0, 0.5, 0.001]])
def test_a_summing_amplifier_by_bounded_least_squares(target: list[float]) -> None:
    result, volts = sums("1k", np.array(target))
    wanted = lsq_linear(volts, volts @ np.array(target), bounds=(0.01, 10.0), tol=1e-14)
    assert 1e4 / result.theta == pytest.approx(wanted.x, rel=1e-6)
    assert result.loss == pytest.approx(2 * wanted.cost / len(volts), rel=1e-6, abs=1e-15)
    assert np.all((result.theta >= 1e3) & (result.theta <= 1e6))
    assert any("start least-squares: 3 of 3 values solved in one step" in note for note in result.notes)


@pytest.mark.parametrize("reachable", [True, False])
def test_a_crossbar_by_scipy(reachable: bool) -> None:
    """Voltages of columns are means of the rows': no values within the bounds are better."""
    rng = RNG(1)
    volts = rng.uniform(-1, 1, (25, 4))
    weights = rng.dirichlet(np.ones(5), 2)[:, :4] * (1 if reachable else np.array([1, -1, 1, 1]))
    wanted = volts @ weights.T + (0 if reachable else 0.05) * rng.normal(size=(25, 2))
    wanted[3, 1] = np.nan
    made = netlearn.new("crossbar", rows=4, columns=2, inputs=4, outputs=2, min=200.0, max=2e5)
    data = {**{f"V{k + 1}": volts[:, k] for k in range(4)}, "V(col0)": wanted[:, 0], "V(col1)": wanted[:, 1]}
    result = netlearn.train(netlearn.parse(made.netlist), data, start="least-squares", epochs=0)
    ends = [line.split()[1:3] for line in made.netlist.splitlines() if line.startswith("R")]

    def loss(logs: np.ndarray) -> float:
        outputs = np.zeros((25, 2))
        for column in range(2):
            mine = [k for k, (a, b) in enumerate(ends) if f"col{column}" in (a, b)]
            conductances = np.exp(-logs[mine])
            # Four rows in their order, then the resistor to ground.
            outputs[:, column] = volts @ conductances[:4] / conductances.sum()
        errors = outputs - wanted
        asked = ~np.isnan(errors)
        return float(np.mean(np.where(asked, errors, 0.0).__pow__(2).sum(axis=1) / asked.sum(axis=1)))

    assert loss(np.log(result.theta)) == pytest.approx(result.loss, rel=1e-9, abs=1e-18)
    bounds = [(np.log(200.0), np.log(2e5))] * len(ends)
    starts = [np.log(result.theta), *(rng.uniform(*bounds[0], len(ends)) for _ in range(3))]
    found = min(minimize(loss, start, bounds=bounds, options={"ftol": 1e-15, "maxiter": 500}).fun for start in starts)
    assert result.loss < found * (1 + 1e-6) + 1e-14
    assert (result.loss < 1e-15) == reachable


CONDUCTORS = """transconductors and a source that drive a resistor
*@output V(o)
*@train G1 G2 min=-1m max={high}
*@train I1
*@options epochs=0
*@start least-squares
V1 a 0 0
V2 b 0 0
G1 0 o a 0 0.5m
G2 0 o b 0 0.5m
I1 0 o 0.1m
R1 o 0 2k
.end
"""


@pytest.mark.parametrize("high", [1e-3, 0.2e-3])
def test_transconductances_and_sources_by_bounded_least_squares(high: float) -> None:
    """Also where a bound is in the way, and where nothing is asked of a sample."""
    rng = RNG(5)
    volts = rng.uniform(-1, 1, (30, 2))
    wanted = volts @ [0.8, -0.6] + 0.3 + 0.1 * rng.normal(size=30)
    wanted[4] = np.nan
    data = {"V1": volts[:, 0], "V2": volts[:, 1], "V(o)": wanted}
    result = netlearn.train(netlearn.parse(CONDUCTORS.format(high=high)), data)
    asked = np.flatnonzero(~np.isnan(wanted))
    matrix = 2e3 * np.column_stack([volts, np.ones(30)])[asked] * 1e-3
    found = lsq_linear(matrix, wanted[asked], ([-1, -1, -np.inf], [high * 1e3, high * 1e3, np.inf]), tol=1e-14)
    assert result.theta * 1e3 == pytest.approx(found.x, rel=1e-6)
    assert result.loss == pytest.approx(2 * found.cost / 30, rel=1e-9)
    assert any("3 of 3 values solved in one step" in note for note in result.notes)
    assert not any("zero by this rule" in note for note in result.notes)


def test_a_value_without_room_is_where_its_bounds_are() -> None:
    volts = RNG(6).uniform(-1, 1, (20, 2))
    text = CONDUCTORS.format(high=1e-3).replace("*@train I1", "*@train I1 min=0.2m max=0.2m")
    data = {"V1": volts[:, 0], "V2": volts[:, 1], "V(o)": volts @ [0.8, -0.6] + 0.4}
    result = netlearn.train(netlearn.parse(text), data)
    assert result.theta == pytest.approx([0.4e-3, -0.3e-3, 0.2e-3], rel=1e-6)
    assert result.loss < 1e-20


def test_behind_anything_that_does_not_feel_it(tmp_path: Path) -> None:
    volts = RNG(2).uniform(-1, 1, (30, 2))
    data = {"V1": volts[:, 0], "V2": volts[:, 1], "V(p,q)": 0.2 * np.tanh(2 * volts[:, 0]) - 0.1 * volts[:, 1]}
    netlist = netlearn.parse(LAYERS)
    solved = netlearn.train(netlist, data, start="least-squares", epochs=0)
    assert solved.loss < 0.1 * netlearn.train(netlist, data, epochs=0).loss
    trained = netlearn.train(netlist, data, optimizer="lbfgs", epochs=1000)
    assert solved.loss < trained.loss * (1 + 1e-6)
    # All others stay, and training goes on from there.
    every = netlearn.train(netlist, data, start="least-squares", epochs=5, train="R* min=500 max=50k", optimizer="adam")
    assert every.history[0].loss == pytest.approx(solved.loss, rel=1e-9)
    assert every.loss < solved.loss
    assert any("8 of 14 values" in note for note in every.notes)
    by_lbfgs = netlearn.train(netlist, data, start="least-squares", epochs=3, train="R*", optimizer="lbfgs")
    assert by_lbfgs.history[0].loss <= solved.loss * (1 + 1e-9)


def test_classes_by_squares_of_on_and_off() -> None:
    rng = RNG(3)
    volts = rng.uniform(-1, 1, (40, 3))
    labels = np.argmax(volts[:, :2], axis=1)
    made = netlearn.new("crossbar", rows=3, columns=2, inputs=3, outputs=2).netlist.replace(
        "*@output ", "*@loss mse on=0.5 off=0.1\n*@output "
    )
    data = {**{f"V{k + 1}": volts[:, k] for k in range(3)}, "class": labels}
    solved = netlearn.train(netlearn.parse(made), data, start="least-squares", epochs=0)
    trained = netlearn.train(netlearn.parse(made), data, optimizer="lbfgs", epochs=500)
    assert solved.loss < trained.loss * (1 + 1e-5)
    assert solved.train.accuracy is not None
    assert solved.train.accuracy > 0.8


PASSIVE = "V1 a 0 0\nR1 a h 1k\nR2 h o 1k\nR3 o 0 1k\nR4 a o 1k\n"


@pytest.mark.parametrize(
    ("lines", "settings", "says"),
    [
        (PASSIVE, {}, "neither end of 'r2' is held by a source or an amplifier, 'h' and 'o'"),
        (PASSIVE, {"train": "R1 R3"}, "what moves node 'h' moves 'o', too"),
        ("V1 a 0 0\nR1 a h 1k\nR2 h g 1k\nR3 g o 1k\nR4 o 0 1\n", {"train": "R2"}, "no trained resistor joins a node"),
        ("V1 a 0 0\nR1 a o 1k\nR2 o 0 1k\nD1 o 0 dm\n.model dm d\n", {}, "acts on an element that is not linear"),
        (
            "V1 a 0 0\nR1 a h 1k\nR5 h 0 1k\nE1 b 0 h 0 4\nF1 0 h E1 0.25\nR2 b o 1k\nR3 o 0 1k\n",
            {"train": "R2"},
            "the currents of the resistors at 'o' move 'b', which is not held",
        ),
        ("V1 a 0 0\nR1 a o 1k\nR2 o 0 1k\nR3 a x 1k\nR4 x 0 1k\n", {"train": "R3"}, "reaches an output"),
        ("V1 a 0 0\nR1 a o {v}\nR2 o 0 {2*v}\n.param v=1k\n", {"train": "v"}, "that of one resistor alone"),
        (PASSIVE, {"loss": "relative"}, "least squares are those of loss mse"),
        (PASSIVE, {"loss": "mse power=1"}, "least squares are those of loss mse"),
        ("V1 a 0 0\nR1 a o 1k\nR2 o 0 1k\n", {"forward": "ngspice-flat"}, "takes the internal solver's equations"),
    ],
)
def test_what_cannot_be_solved_is_refused_with_its_reason(lines: str, settings: Any, says: str) -> None:
    netlist = netlearn.parse(f"none\n*@output V(o)\n*@start least-squares\n{lines}.end\n", "none.cir")
    with pytest.raises(OptionError, match=says) as caught:
        netlearn.train(netlist, {"V1": [1.0, -0.5, 0.7], "V(o)": [0.5, -0.2, 0.3]}, epochs=0, **settings)
    assert caught.value.place is not None
    assert caught.value.place.line == 3
    assert caught.value.hint


def test_what_columns_set_beside_the_read_out_makes_it_another_one_in_each_sample() -> None:
    netlist = netlearn.parse(
        "loads\n*@output V(o)\n*@train R1 R2\nV1 a 0 1\nR1 a o 1k\nR2 o 0 1k\nRload o 0 1k\n.end\n"
    )
    data = {"V1": [1.0, 1.0, 1.0], "Rload": [100.0, 1e3, 1e4], "V(o)": [0.2, 0.3, 0.6]}
    with pytest.raises(OptionError, match="do not follow its conductances linearly in all samples"):
        netlearn.train(netlist, data, start="least-squares", epochs=0)


def test_a_trainer_has_no_samples_yet_and_a_run_resumes(tmp_path: Path) -> None:
    netlist = netlearn.parse(SUM.format(low="1k"))
    with pytest.raises(OptionError, match="need all samples at once"):
        netlearn.Trainer(netlist)
    volts = RNG(0).uniform(-1, 1, (30, 3))
    data = {**{f"V{k + 1}": volts[:, k] for k in range(3)}, "V(o)": volts @ [-0.2, -0.4, -0.6]}
    options: Any = {"epochs": 6, "batch": 10, "optimizer": "adam lr=0.05"}
    whole = netlearn.train(netlist, data, **options)

    def stop(progress: object) -> None:
        if getattr(progress, "epoch", 0) == 3:
            raise KeyboardInterrupt

    kept = tmp_path / "kept.npz"
    assert netlearn.train(netlist, data, progress=stop, checkpoint=kept, **options).interrupted
    again = netlearn.train(netlist, data, checkpoint=kept, resume=True, **options)
    assert np.array_equal(again.theta, whole.theta)
    assert netlearn.train(netlist, data, progress=stop, checkpoint=kept, **options).interrupted
    with pytest.raises(netlearn.NetlearnError, match="start"):
        netlearn.train(netlist, data, checkpoint=kept, resume=True, start="values", **options)
