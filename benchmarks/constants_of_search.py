"""What constants of the search for parts and of tolerances are worth: ``netlearn/discrete``, ``netlearn/tolerances``.

    python benchmarks/constants_of_search.py [--only NAME]

Searches are for the E24 values of 12 resistors of ladders and rings with wanted voltages: the miss (root of the loss)
that is left, and the operating points that were solved. Worst cases are compared with those of all corners.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from unittest.mock import patch

import numpy as np
from results_with_constants import HALF, Constant, Result, report

import netlearn
from netlearn.api import task_of
from netlearn.discrete import search
from netlearn.discrete.chosen import search_for
from netlearn.options import Percent
from netlearn.project import open_project
from netlearn.tolerances import tightening, training, worst_case
from netlearn.tolerances.trials import Trials, trials_of


def ladder(rng: np.random.Generator, rungs: int) -> str:
    """Resistors in a row and to ground, every second node with a wanted voltage."""
    lines, volts = [], 1.0
    for k in range(rungs):
        lines += [
            f"R{k} n{k} n{k + 1} {10 ** rng.uniform(3, 4):.4g}",
            f"Rg{k} n{k + 1} 0 {10 ** rng.uniform(3.5, 4.5):.4g}",
        ]
        volts *= rng.uniform(0.5, 0.8)
        if k % 2:
            lines.append(f"*@goal V(n{k + 1}) = {volts}")
    return "\n".join(["ladder", "*@train R* min=1k max=100k", "V1 n0 0 1", *lines, ".end", ""])


def ring(rng: np.random.Generator, parts: int) -> str:
    """Resistors between six nodes in a ring, and others across, three nodes with a wanted voltage."""
    ends = [(k, (k + 1) % 6) for k in range(6)]
    ends += [tuple(rng.choice(6, 2, replace=False).tolist()) for _ in range(parts - 6)]
    names = ["0", "n0", "n1", "n2", "n3", "n4"]
    lines = [f"R{k} {names[a]} {names[b]} {10 ** rng.uniform(3, 4):.4g}" for k, (a, b) in enumerate(ends)]
    wanted = [f"*@goal V(n{k}) = {rng.uniform(0.3, 0.7)}" for k in (1, 2, 3)]
    return "\n".join(["ring", *wanted, "*@train R* min=1k max=100k", "V1 n0 0 1", *lines, ".end", ""])


def parts_found(k: int) -> Result:
    """The best values of a series for a network."""
    text = ladder(np.random.default_rng(k), 4) if k % 2 else ring(np.random.default_rng(k), 8)
    netlist = netlearn.parse(text)
    project = open_project(netlist, overrides={"hardware": f"series=e24 budget={search.BUDGET}"})
    start = netlearn.train(netlist, optimizer="lbfgs", epochs=100).theta
    chosen = search_for(project)
    assert chosen is not None
    found = chosen.best(task_of(project), start)
    return {"miss": found.loss**0.5, "solved": found.solved}


@cache
def toleranced(k: int) -> Trials:
    """A ring of ten resistors of 20 %, two of them of 2 %, with diodes across it, and three samples."""
    text = ring(np.random.default_rng(k), 10)
    lines = [line for line in text.splitlines() if not line.startswith("*@goal") and line != ".end"]
    lines += ["*@tolerance R* 20%", "*@tolerance R1 2%", "*@output V(n2,n4) I(R3) V(n1)", "D1 n2 n4 d", "D2 0 n3 d"]
    netlist = netlearn.parse("\n".join([*lines, ".model d d is=1e-9", ".end", ""]))
    data = {"V1": np.linspace(-5.0, 5.0, 12), "V(n2,n4)": np.zeros(12), "I(R3)": np.zeros(12), "V(n1)": np.zeros(12)}
    return trials_of(open_project(netlist, data))


@cache
def corners(k: int) -> np.ndarray:
    """The lowest and highest of each output at all corners, (o, 2)."""
    trials = toleranced(k)
    values = trials.outputs(np.array(list(product((-1.0, 1.0), repeat=len(trials.population.variables)))))
    return np.stack([values.min(axis=(0, 1)), values.max(axis=(0, 1))], axis=1)


def worst(k: int) -> Result:
    """By how much worst cases fall short of the worst corners, beside the whole range, and how many points it takes."""
    trials, known = toleranced(k), corners(k)
    solved: list[int] = []
    tried, slopes = Trials._tried, Trials.slopes

    def counted(self: Trials, rows: np.ndarray) -> np.ndarray:
        solved.append(len(rows))
        return tried(self, rows)

    def counted_slopes(self: Trials, v: np.ndarray, *rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        solved.append(2 * len(v))
        return slopes(self, v, *rest)

    n = len(trials.population.variables)
    with patch.multiple(Trials, _tried=counted, slopes=counted_slopes):
        found = worst_case.worst_cases(trials, np.zeros((0, n)), np.zeros((0, 12, 3)))
    values = np.array([case.value for case in found]).reshape(3, 2)
    short = (known - values) * np.array([-1, 1]) / (known[:, 1] - known[:, 0])[:, None]
    return {"short": float(short.max()), "beyond": float(-short.min()), "points": sum(solved)}


def stages(k: int, parts: int) -> str:
    """Stages of a divider of resistors of 5 %, with a goal within 1 %."""
    rng, lines = np.random.default_rng(k), []
    for i in range(parts // 2):
        lines += [
            f"R{i} n{i} n{i + 1} {10 ** rng.uniform(2.5, 3.5):.4g}",
            f"Rg{i} n{i + 1} 0 {10 ** rng.uniform(3, 4):.4g}",
        ]
    text = "\n".join(["stages", "*@tolerance R* 5%", "V1 n0 0 1", *lines, ".end", ""])
    volts = netlearn.operating_point(netlearn.parse(text)).voltage(f"n{parts // 2}")[0]
    return text.replace("V1 n0", f"*@goal V(n{parts // 2}) = {volts:.6g} within=1%\nV1 n0")


@cache
def few_parts(k: int) -> tuple[Trials, np.ndarray]:
    trials = trials_of(open_project(netlearn.parse(stages(k, 4))))
    return trials, trials.population.draw(10_000, k)


PRICES = {0.05: 1.0, 0.02: 1.5, 0.01: 3.0, 0.005: 10.0, 0.001: 30.0}


def tightened(k: int) -> Result:
    """The price of four tighter parts for a yield of 90 %, and the yield of draws that it was not found by."""
    trials, v = few_parts(k)
    found = tightening.tightening(trials, v, 0.9, PRICES)
    chosen = trials.with_tolerances({part: Percent(after) for part, _, after in found.parts})
    others = chosen.population.draw(20_000, k + 100)
    return {"price": found.price_after, "yield": float(chosen.passing(chosen.outputs(others)).mean())}


def trained_for_yield(k: int) -> Result:
    """The yield of 20 000 draws after training three of six resistors for three goals that they cannot meet exactly."""
    rng, text = np.random.default_rng(k + 50), stages(k, 6)
    goals = [line for line in text.splitlines() if line.startswith("*@goal")]
    found = netlearn.operating_point(netlearn.parse(text))
    wanted = [f"*@goal V(n{i}) = {found.voltage(f'n{i}')[0] * rng.normal(1.0, 0.02):.6g} within=4%" for i in (1, 2, 3)]
    text = text.replace(goals[0], "\n".join([*wanted, "*@train R0 R1 Rg2 min=100 max=100k"]))
    result = netlearn.train(netlearn.parse(text), aim="yield", optimizer="lbfgs", draws=128)
    trials = trials_of(open_project(result.netlist))
    return {"yield": float(trials.passing(trials.outputs(trials.population.draw(20_000, k + 100))).mean())}


FAR = (0.01, 1.0, 100.0)


def of_search(name: str, parts: tuple[float, ...] = HALF) -> Constant:
    return Constant(search, name, "8 parts of ladders and rings", parts_found, parts, 6)


def of_corners(name: str, parts: tuple[float, ...]) -> Constant:
    return Constant(worst_case, name, "rings with diodes, 12 samples", worst, parts, ratio=False)


CONSTANTS = (
    of_search("BUDGET", (0.01, 0.1, 0.5, 1.0)),
    *(of_search(name) for name in ("WIDTH", "NEAR", "STARTS", "TURNS", "ROUNDS", "STEPS")),
    of_search("FLAT", FAR),
    of_search("NOTHING", FAR),
    of_corners("ROUNDS", (1 / 12, 1 / 6, *HALF)),
    of_corners("MOST_TRIED", (0.001, 0.01, 1.0)),
    of_corners("SAMPLES", (1 / 16, 1 / 8, 0.5, 1.0)),
    of_corners("INSIDE", (1e-4, 1.0, 1e4)),
    Constant(tightening, "ALL_TRIED", "four parts, all choices or step by step", tightened, (0.1, 1.0), ratio=False),
    Constant(tightening, "JUDGED_BY", "four parts", tightened, (0.1, *HALF), ratio=False),
    Constant(tightening, "CORRECTED", "four parts", tightened, (1 / 6, *HALF), ratio=False),
    Constant(training, "SOFTNESS", "dividers of six parts", trained_for_yield, (0.01, 0.1, *HALF, 10.0), ratio=False),
)

if __name__ == "__main__":
    report(CONSTANTS, __doc__)
