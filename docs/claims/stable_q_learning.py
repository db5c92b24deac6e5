"""Q-learning whose values are the currents of a crossbar, with and without what keeps it stable.

Claim (A. Zanette and M. J. Wainwright, "Stabilizing Q-Learning with Linear Architectures for
Provably Efficient Learning", ICML 2022): with linear function approximation the basic protocol may
be unstable and explores by luck; updates of second order, target networks, replay and a bonus for
exploration mend that together.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from claim import Claim, Results, main, says, spread
from matplotlib.figure import Figure

from netlearn.arrays import Array

SEEDS = 10
RATES = (0.25, 1.0)
"""Learning rates of the plain protocol; it is judged by the best."""
POINTS = 30
EXAMPLES = Path(__file__).parents[2] / "examples"
TITLES = {"grid": "grid", "cartpole": "CartPole"}
MOST = {"grid": 1.0, "cartpole": 200.0}


@cache
def example() -> ModuleType:
    """The script that users run."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import q_learning as script
    finally:
        sys.path.remove(str(EXAMPLES))
    return script


def compute(name: str, rate: float | None, seed: int, steps: int | None = None) -> dict[str, Any]:
    """A life: rewards of the last 20 episodes over time, and how far values of a grid are from the optimal ones.

    With a ``rate`` it is the plain protocol's life.
    """
    script = example()
    world = script.WORLDS[name]()
    world = replace(world, rate=rate or world.rate, steps=steps or world.steps)
    run = script.learn(world, seed, plain=rate is not None)
    ends, rewards = script.recent(run)
    life = np.linspace(0, world.steps * world.environments, POINTS + 1)[1:]
    found = {"steps": life, "rewards": np.interp(life, ends, rewards) if len(ends) else np.zeros(POINTS)}
    if name == "grid":
        wanted = script.tabular(world).max(axis=1)
        values = run.network(np.eye(len(wanted))).max(axis=1)
        found["error"] = float(np.max(np.abs(values - wanted)))
    return found


def lives(results: Results, name: str, rate: float | None) -> Array:
    """(seeds, POINTS) rewards."""
    return np.array([value["rewards"] for key, value in results.items() if key[:2] == (name, rate)])


def best_rate(results: Results, name: str) -> float:
    """The rate at which the plain protocol earns most over its life."""
    return max(RATES, key=lambda rate: float(lives(results, name, rate).mean()))


def sentences(results: Results) -> Iterator[str]:
    n = len({key[2] for key in results})
    yield (
        f"`examples/q_learning.py`, {n} lives of each (n = {n}, ± one standard deviation, n - 1): mean "
        f"reward of the last 20 episodes;"
    )
    yield "the plain protocol at the better of two learning rates."
    yield ""
    yield "| | most | stabilised, halfway | at the end | plain, halfway | at the end |"
    yield "|---|---|---|---|---|---|"
    for name, title in TITLES.items():
        both = [lives(results, name, rate) for rate in (None, best_rate(results, name))]
        cells = [spread(life[:, point], ".3g") for life in both for point in (POINTS // 2 - 1, -1)]
        yield f"| {title} | {MOST[name]:.0f} | {' | '.join(cells)} |"
    yield ""
    stable, plain = lives(results, "cartpole", None), lives(results, "cartpole", best_rate(results, "cartpole"))
    held = int(np.sum(stable[:, -1] > 0.95 * MOST["cartpole"]))
    luck = int(np.sum(plain[:, -1] > 0.95 * MOST["cartpole"]))
    yield says(
        f"- **Stabilised, {held} of {n} lives end within 5 % of the most that CartPole gives**; {luck} of the plain "
        f"ones do. Both see as many steps.",
        held > luck,
    )
    errors = [value["error"] for key, value in results.items() if key[:2] == ("grid", None)]
    other = [value["error"] for key, value in results.items() if key[:2] == ("grid", best_rate(results, "grid"))]
    yield says(
        f"- On the grid the values of all cells come within {max(errors):.2g} of those of value iteration in every "
        f"stabilised life, and within {min(other):.2g} to {max(other):.2g} in plain ones, which find values only where "
        f"they happen to walk.",
        max(errors) < min(other),
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    n = len({key[2] for key in results})
    for axes, (name, title) in zip(figure.subplots(1, 2), TITLES.items(), strict=True):
        rate = best_rate(results, name)
        for chosen, label in ((None, "stabilised"), (rate, f"plain, learning rate {rate:g}")):
            rewards = lives(results, name, chosen)
            steps = next(value["steps"] for key, value in results.items() if key[:2] == (name, chosen))
            mean, deviation = rewards.mean(axis=0), rewards.std(axis=0, ddof=1)
            (line,) = axes.plot(steps, mean, label=label)
            axes.fill_between(steps, mean - deviation, mean + deviation, alpha=0.2, color=line.get_color())
        axes.axhline(MOST[name], color="0.6", lw=0.8, ls="--")
        axes.set(xlabel="steps", ylabel="reward of the last 20 episodes", title=f"{title}, n = {n}, ± 1 SD")
        axes.legend()
    return figure


CLAIM = Claim(
    "stable_q_learning",
    "values that are a crossbar's currents",
    compute,
    keys=[(name, rate, seed) for name in TITLES for rate in (None, *RATES) for seed in range(SEEDS)],
    small=[("grid", None, 0, 400), ("grid", 1.0, 0, 400)],
    sentences=sentences,
    draw=draw,
    uses=[EXAMPLES / "q_learning.py"],
)

if __name__ == "__main__":
    main(CLAIM)
