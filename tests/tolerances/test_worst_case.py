"""Worst cases against all corners, tighter parts against all choices, and training for the yield."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.project import open_project
from netlearn.tolerances.trials import trials_of
from netlearn.tolerances.worst_case import worst_cases


def network(seed: int, parts: int, elements: str = "") -> str:
    """Resistors between random nodes of a ring, some 20 % and some 2 %, and two outputs."""
    rng = np.random.default_rng(seed)
    nodes = 6
    ends = [(k, (k + 1) % nodes) for k in range(nodes)]
    while len(ends) < parts:
        a, b = rng.choice(nodes, 2, replace=False)
        ends.append((int(a), int(b)))
    lines = [f"R{k} n{a} n{b} {10 ** rng.uniform(2, 4):.4g}" for k, (a, b) in enumerate(ends)]
    tolerances = ["*@tolerance R* 20%", "*@tolerance R1 2%", "*@tolerance R5 2%"]
    head = ["ring", *tolerances, "*@output V(n2,n4) I(R3)", "V1 n0 0 5", "Rg n3 0 1k"]
    return "\n".join([*head, *lines, elements, ".end", ""])


@pytest.mark.parametrize(
    ("seed", "parts", "elements"),
    [(0, 11, ""), (1, 11, ""), (2, 9, ""), (3, 8, "D1 n2 n4 d\n.model d d"), (4, 6, "D1 n4 0 d\n.model d d")],
)
def test_worst_cases_against_all_corners(seed: int, parts: int, elements: str) -> None:
    trials = trials_of(open_project(netlearn.parse(network(seed, parts, elements))))
    n = len(trials.population.variables)
    assert n == parts + 1 <= 12
    found = worst_cases(trials, np.zeros((0, n)), np.zeros((0, 1, 2)))
    corners = np.array(list(product((-1.0, 1.0), repeat=n)))
    values = trials.outputs(corners)[:, 0]
    extremes = np.stack([values.min(axis=0), values.max(axis=0)], axis=1).ravel()
    for case, expected in zip(found, extremes, strict=True):
        side = 1 if case.side == "high" else -1
        assert side * case.value >= side * expected - 1e-9 * abs(expected)
        confirmed = trials.outputs(case.deviations[None])[0, 0, trials.names.index(case.output)]
        assert confirmed == pytest.approx(case.value, rel=1e-12)


def test_a_worst_case_inside_the_tolerances_is_found() -> None:
    """The power of a load is largest where it equals the source's resistance: V²/4R."""
    text = "p\n*@tolerance R2 50%\n*@output P(R2)\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1.2k\n.end\n"
    result = netlearn.tolerance(netlearn.parse(text), draws=50)
    low, high = result.worst
    assert high.value == pytest.approx(0.25e-3, rel=1e-9)
    assert high.deviations[0] == pytest.approx((1 / 1.2 - 1) / 0.5, abs=1e-3)
    assert low.value == pytest.approx(1.8e3 / 2.8e3**2, rel=1e-12)


LADDER = """three stages
*@tolerance R* 5%
*@goal V(out) = 2.5 within=1.5%
V1 in 0 5
R1 in out 1k
R2 out a 700
R3 a 0 300
.end
"""


def test_tighter_parts_are_the_cheapest_of_all_choices() -> None:
    prices = {0.05: 1.0, 0.02: 1.5, 0.01: 3.0, 0.005: 10.0}
    result = netlearn.tolerance(netlearn.parse(LADDER), draws=4000, for_yield=0.95, prices=prices)
    assert result.tighter is not None
    trials = trials_of(open_project(netlearn.parse(LADDER)))
    enough = []
    for each in product(prices, repeat=3):
        chosen = trials.with_tolerances(dict(zip(("r1", "r2", "r3"), each, strict=True)))
        if chosen.passing(chosen.outputs(result.deviations)).mean() >= 0.95:
            enough.append(sum(prices[c] for c in each))
    assert result.tighter.price_after == pytest.approx(min(enough))
    assert result.tighter.passing >= 0.95
    assert result.tighter.price_before == 3.0


def test_many_parts_become_tighter_step_by_step_and_none_could_be_looser() -> None:
    stages = "\n".join(f"R{k} n{k} n{k + 1} {200 + 100 * k}\nRg{k} n{k + 1} 0 {3000 + 500 * k}" for k in range(5))
    text = f"l\n*@tolerance R* 5%\n*@goal V(n5) min=0.118 max=0.128\nV1 n0 0 1\n{stages}\n.end\n"
    nominal = netlearn.operating_point(netlearn.parse(text)).voltage("n5")[0]
    text = text.replace("min=0.118 max=0.128", f"= {nominal:.6g} within=1%")
    result = netlearn.tolerance(netlearn.parse(text), draws=3000, for_yield=0.9)
    assert result.tighter is not None
    assert not result.tighter.every_choice_tried
    assert result.passing is not None
    assert result.passing < 0.9 <= result.tighter.passing
    # Every part that is tighter is needed, and the others together cost less than all at that class.
    trials = trials_of(open_project(netlearn.parse(text)))
    chosen = {part: after for part, _, after in result.tighter.parts}
    for part in chosen:
        looser = trials.with_tolerances({name: value for name, value in chosen.items() if name != part})
        assert looser.passing(looser.outputs(result.deviations)).mean() < result.tighter.passing
    assert len(chosen) < 10


def test_training_for_the_yield_splits_a_resistor_evenly() -> None:
    """The variance of two resistors in series is least where they are equal; all of them meet the goal."""
    text = LADDER.replace("*@tolerance", "*@train R* min=100 max=10k\n*@tolerance")
    netlist = netlearn.parse(text.replace("R2 out a 700", "R2 out a 950").replace("R3 a 0 300", "R3 a 0 60"))
    result = netlearn.train(netlist, aim="yield", optimizer="lbfgs", draws=128)
    r1, r2, r3 = result.theta
    assert r2 / r3 == pytest.approx(1.0, abs=0.1)
    assert (r2 + r3) / r1 == pytest.approx(1.0, abs=0.02)
    (note,) = [note for note in result.notes if note.startswith("yield")]
    before, after = (float(part.split(" %")[0].split()[-1]) for part in note.split(" and "))
    assert after > before + 5
    again = netlearn.train(netlist, aim="yield", optimizer="lbfgs", draws=128)
    assert str(again.netlist) == str(result.netlist)


def test_training_for_the_mean_differs_from_training_the_nominal_values() -> None:
    """Of a mean squared error around a curved output the mean is a little off the target."""
    text = "m\n*@train R1\n*@tolerance R1 40%\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.end\n"
    data = {"V1": [1.0], "V(out)": [0.5]}
    nominal = netlearn.train(netlearn.parse(text), data, optimizer="lbfgs").theta[0]
    mean = netlearn.train(netlearn.parse(text), data, optimizer="lbfgs", aim="tolerance", draws=4096).theta[0]
    u = np.linspace(-0.4, 0.4, 20001)
    trial = np.linspace(800, 1200, 4001)
    costs = [np.mean((1000 / (1000 + r * (1 + u)) - 0.5) ** 2) for r in trial]
    assert nominal == pytest.approx(1000.0, rel=1e-4)
    assert mean == pytest.approx(trial[int(np.argmin(costs))], rel=2e-3)
    assert abs(mean - 1000) > 5


def test_a_yield_without_bands_is_refused() -> None:
    netlist = netlearn.parse(LADDER.replace(" within=1.5%", ""))
    with pytest.raises(OptionError, match="it has no band"):
        netlearn.train(netlist, aim="yield", optimizer="lbfgs")
    with pytest.raises(OptionError, match="a yield needs goals"):
        netlearn.tolerance(netlist, for_yield=0.9, goal=[], output="V(out)")


def test_an_interrupted_training_for_the_yield_goes_on_to_the_same_result(tmp_path) -> None:
    lines = "*@train R* min=100 max=10k\n*@options epochs=6\n*@optimizer sgd lr=1e-4\n*@tolerance"
    text = LADDER.replace("*@tolerance", lines)
    (tmp_path / "x.cir").write_text(text)
    whole = netlearn.train(tmp_path / "x.cir", aim="yield", draws=32)

    def interrupt(said) -> None:
        if said.epoch == 3:
            raise KeyboardInterrupt

    kept = tmp_path / "c.npz"
    part = netlearn.train(tmp_path / "x.cir", aim="yield", draws=32, checkpoint=kept, progress=interrupt)
    assert part.interrupted
    again = netlearn.train(tmp_path / "x.cir", aim="yield", draws=32, checkpoint=kept, resume=True)
    np.testing.assert_array_equal(again.theta, whole.theta)
    with pytest.raises(netlearn.NetlearnError):
        netlearn.train(tmp_path / "x.cir", aim="yield", draws=64, checkpoint=kept, resume=True)


def test_training_for_the_yield_ends_with_parts_that_there_are() -> None:
    text = LADDER.replace("*@tolerance", "*@train R* min=100 max=10k\n*@hardware series=e12 budget=60000\n*@tolerance")
    result = netlearn.train(netlearn.parse(text), aim="yield", optimizer="lbfgs", draws=32)
    assert all(float(f"{value:.1e}") == value for value in result.theta)
    trials = trials_of(open_project(result.netlist))
    passing = trials.passing(trials.outputs(trials.population.draw(4000, 5))).mean()
    rough = trials_of(open_project(netlearn.round_values(netlearn.parse(LADDER), series="e12", budget=3000).netlist))
    assert passing >= rough.passing(rough.outputs(rough.population.draw(4000, 5))).mean() - 0.03
