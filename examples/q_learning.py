"""Q-learning in a resistor network, kept stable as linear Q-learning can be.

The network is a crossbar: features drive rows as voltages, each with its inverted copy, and a row per action
collects currents at 0 V. Its currents are linear in the conductances, so that it is the linear approximator
Q(s, a) = φ(s)·w(a) with w(a) a difference of two conductances. What is learned from is `Trainer.step` with
masked targets: only the action that was taken has one, and NaN stands for the others.

With ``--plain`` it is the basic protocol: every transition is learned from once, by a gradient step towards
r + γ max Q of the network as it is at that moment, and exploring is left to chance (ε-greedy).

Without, it follows what A. Zanette and M. J. Wainwright show to be stable and to explore with a guarantee
(Stabilizing Q-Learning with Linear Architectures for Provably Efficient Learning, ICML 2022): targets move
slowly, here every 20 steps of the environment; the steps that the network takes then are of second order,
here Gauss-Newton's over transitions that are replayed; and an action's value is raised by
β sqrt(φᵀ Λ(a)⁻¹ φ), a bonus for what has hardly been tried. Values are kept within what the
rewards allow.

    python examples/q_learning.py grid
    python examples/q_learning.py cartpole --seeds 10 --plot cartpole.png
    python examples/q_learning.py grid --save q.cir      # the netlist, for ngspice or `netlearn op`

Needs gymnasium: pip install 'netlearn[rl]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import netlearn

BEGINNING = 100e3
"""Ohms of each resistor at first. Features are volts."""
HIGHEST = 1e-6
"""The highest value that there is, in amperes: a tenth of what a volt drives at first, so that weights have room."""


def netlist(features: int, actions: int) -> str:
    """The crossbar as text: rows p0, n0, p1, ..., columns a0, a1, ... at 0 V, and a resistor at each crossing."""
    rows = [f"{sign}{k}" for sign in "pn" for k in range(features)]
    lines = [
        "Q-values of a linear approximator: currents into a0, a1, ...",
        "*@input " + " ".join(f"V{row}" for row in rows),
        "*@output " + " ".join(f"I(Va{a})" for a in range(actions)),
        "*@loss mse",
        "*@train R* min=1k max=1g",
        *(f"V{row} {row} 0 0" for row in rows),
    ]
    for a in range(actions):
        lines += [f"Va{a} a{a} 0 0", *(f"R{row}_{a} {row} a{a} {BEGINNING:g}" for row in rows)]
    return "\n".join(lines)


class SquaredError:
    """(Q - target)²/2 in units of what a volt drives at first: learning rates mean what they do elsewhere."""

    def value(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.nansum((outputs - targets) ** 2, axis=1) / 2 * BEGINNING**2

    def gradient(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.nan_to_num(outputs - targets) * BEGINNING**2


class QNetwork:
    """Q-values of the network, in units of reward."""

    def __init__(self, features: int, actions: int, scale: float, **settings: Any) -> None:
        self.trainer = netlearn.Trainer(netlearn.parse(netlist(features, actions)), **settings)
        self.unit = HIGHEST / scale

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(S, actions) values of states with (S, F) features."""
        return self.trainer.predict(np.hstack([features, -features])) / self.unit

    def step(self, features: np.ndarray, actions: np.ndarray, wanted: np.ndarray) -> None:
        """Learn that the actions (S,) that were taken are worth what is wanted (S,), and nothing of the others."""
        targets = np.full((len(features), len(self.trainer.layout.outputs)), np.nan)
        targets[np.arange(len(features)), actions] = wanted * self.unit
        self.trainer.step(np.hstack([features, -features]), targets)


class Bonus:
    """β sqrt(φᵀ Λ(a)⁻¹ φ), with Λ(a) = λI + Σ φφᵀ over the times that a was taken."""

    def __init__(self, features: int, actions: int, beta: float, ridge: float) -> None:
        self.beta = beta
        self.covariance = np.stack([ridge * np.eye(features)] * actions)
        self.renew()

    def renew(self) -> None:
        self._inverse = np.linalg.inv(self.covariance)

    def see(self, features: np.ndarray, actions: np.ndarray) -> None:
        for a in range(len(self.covariance)):
            taken = features[actions == a]
            self.covariance[a] += taken.T @ taken

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(S, actions)."""
        return self.beta * np.sqrt(np.einsum("sf,afg,sg->sa", features, self._inverse, features))


@dataclass(frozen=True)
class World:
    """An environment with features of its states, and what its values are like."""

    name: str
    make: Callable[[], Any]
    features: Callable[[np.ndarray], np.ndarray]
    discount: float
    highest: float
    """No value is above it: rewards are at least 0."""
    beta: float
    """Size of the bonus."""
    ridge: float
    """λ of the covariances: what was never tried has the bonus β |φ|/sqrt(λ)."""
    rate: float
    """The plain protocol's learning rate."""
    steps: int
    """Steps of each environment."""
    environments: int
    """How many are lived in at once."""
    period: int
    """Steps after which the target moves."""
    backups: int
    """How often it moves then."""
    replayed: int = 512
    """Transitions that a step of second order is taken over."""


def grid(size: int = 4) -> World:
    """FrozenLake without ice: a grid with holes, a reward of one at the goal. A feature for each cell."""
    import gymnasium

    cells = np.eye(size * size)
    return World(
        "grid",
        lambda: gymnasium.make("FrozenLake-v1", map_name=f"{size}x{size}", is_slippery=False, max_episode_steps=50),
        lambda states: cells[np.asarray(states, dtype=int)],
        discount=0.95,
        highest=1.0,
        beta=0.02,
        ridge=0.0004,
        rate=0.25,
        steps=1200,
        environments=1,
        period=20,
        backups=4,
    )


def cartpole() -> World:
    """CartPole with all products of two of its four coordinates and a one: 15 features."""
    import gymnasium

    reach = np.array([2.4, 2.5, 0.21, 2.5])
    first, second = np.triu_indices(len(reach) + 1)

    def features(states: np.ndarray) -> np.ndarray:
        inside = np.clip(np.asarray(states) / reach, -1, 1)
        inside = np.hstack([np.ones((len(inside), 1)), inside])
        return inside[:, first] * inside[:, second]

    return World(
        "cartpole",
        lambda: gymnasium.make("CartPole-v1", max_episode_steps=200),
        features,
        discount=0.98,
        highest=50.0,
        beta=0.2,
        ridge=1.0,
        rate=1.0,
        steps=500,
        environments=16,
        period=20,
        backups=10,
    )


@dataclass(frozen=True)
class Run:
    """One life: (E,) steps of all environments at which episodes ended, and their undiscounted rewards."""

    steps: np.ndarray
    rewards: np.ndarray
    network: QNetwork
    bonus: Bonus | None


def learn(world: World, seed: int, *, plain: bool = False, epsilon: float = 0.1) -> Run:
    """Let it act and learn for ``world.steps`` steps."""
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    random = np.random.default_rng(seed)
    environments = SyncVectorEnv([world.make] * world.environments, autoreset_mode=AutoresetMode.SAME_STEP)
    states, _ = environments.reset(seed=seed)
    choices = int(environments.single_action_space.n)
    now = world.features(states)
    width = now.shape[1]
    if plain:
        settings = {"rule": "analytic", "loss": SquaredError(), "optimizer": f"sgd lr={world.rate}"}
    else:
        settings = {"rule": "gauss-newton damping=1e-3 iterations=20", "loss": "mse", "optimizer": "sgd lr=1"}
    network = QNetwork(width, choices, world.highest, coordinates="conductance", **settings)
    bonus = None if plain else Bonus(width, choices, world.beta, world.ridge)
    seen: list[list[np.ndarray]] = []
    ended_at, rewards, total = [], [], np.zeros(world.environments)
    for step in range(world.steps):
        values = network(now) + (bonus(now) if bonus else 0.0)
        actions = np.argmax(values + 1e-9 * random.random(values.shape), axis=1)
        if plain:
            chance = random.random(len(actions)) < epsilon
            actions = np.where(chance, random.integers(choices, size=len(actions)), actions)
        states, reward, terminated, truncated, told = environments.step(actions)
        reached = np.array(states, copy=True)
        total += reward
        for k in np.flatnonzero(terminated | truncated):
            reached[k] = told["final_obs"][k]
            ended_at.append((step + 1) * world.environments)
            rewards.append(total[k])
            total[k] = 0.0
        transition = [now, actions, reward, terminated, world.features(reached)]
        now = world.features(states)
        if bonus is None:
            network.step(transition[0], actions, _wanted(world, network, None, transition))
            continue
        seen.append(transition)
        bonus.see(transition[0], actions)
        bonus.renew()
        if (step + 1) % world.period == 0:
            every = [np.concatenate(parts) for parts in zip(*seen, strict=True)]
            for _ in range(world.backups):
                chosen = random.permutation(len(every[0]))[: world.replayed]
                batch = [part[chosen] for part in every]
                network.step(batch[0], batch[1], _wanted(world, network, bonus, batch))
    environments.close()
    return Run(np.array(ended_at), np.array(rewards), network, bonus)


def _wanted(world: World, network: QNetwork, bonus: Bonus | None, transition: Sequence[np.ndarray]) -> np.ndarray:
    _, _, reward, terminated, then = transition
    best = network(then) + (bonus(then) if bonus else 0.0)
    ahead = best.max(axis=1)
    if bonus is not None:
        ahead = np.clip(ahead, 0.0, world.highest)
    return reward + world.discount * np.where(terminated, 0.0, ahead)


def tabular(world: World) -> np.ndarray:
    """(states, actions) optimal values of a world whose transitions are known, by value iteration."""
    transitions = world.make().unwrapped.P
    values = np.zeros((len(transitions), len(transitions[0])))
    while True:
        best = values.max(axis=1)
        then = np.array(
            [
                [
                    sum(p * (r + world.discount * (0.0 if end else best[s])) for p, s, r, end in transitions[state][a])
                    for a in range(values.shape[1])
                ]
                for state in range(len(values))
            ]
        )
        if np.abs(then - values).max() < 1e-12:
            return then
        values = then


def recent(run: Run, window: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which episodes ended, and the mean reward of the last ``window`` of them."""
    summed = np.cumsum(np.insert(run.rewards, 0, 0.0))
    ends = np.arange(1, len(summed))
    begins = np.maximum(ends - window, 0)
    return run.steps, (summed[ends] - summed[begins]) / (ends - begins)


WORLDS = {"grid": grid, "cartpole": cartpole}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("--plain", action="store_true", help="without what keeps it stable")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="lives [1]")
    parser.add_argument("--plot", metavar="FILE", help="reward against steps, as a figure")
    parser.add_argument("--save", metavar="FILE", help="the netlist of the last life")
    asked = parser.parse_args()
    if asked.seeds < 1:
        parser.error("--seeds takes a number of at least 1")
    for path in (asked.save, asked.plot):
        if path and not Path(path).resolve().parent.is_dir():
            parser.error(f"there is no folder to write '{path}' into")
    if asked.plot and Path(asked.plot).suffix not in (".pdf", ".png", ".svg"):
        parser.error(f"'{asked.plot}' does not end in .pdf, .png or .svg")
    try:
        world = WORLDS[asked.world]()
    except ModuleNotFoundError:
        parser.error("this needs gymnasium: pip install 'netlearn[rl]'")
    runs = []
    for seed in range(asked.seeds):
        run = learn(world, seed, plain=asked.plain)
        runs.append(run)
        parts = [f"{part.mean():.3g}" for part in np.array_split(run.rewards, 6) if len(part)]
        print(f"seed {seed}: {len(run.rewards)} episodes, mean reward by sixths: {' '.join(parts)}")
    if asked.world == "grid":
        wanted = tabular(world)
        found = runs[-1].network(np.eye(len(wanted)))
        cells = [f"{f:5.2f} ({w:4.2f})" for f, w in zip(found.max(axis=1), wanted.max(axis=1), strict=True)]
        print("value of each cell (and as value iteration finds it):")
        print("\n".join("  " + "  ".join(row) for row in np.array(cells).reshape(int(len(cells) ** 0.5), -1)))
    if asked.save:
        runs[-1].network.trainer.save(asked.save)
    if asked.plot:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        for run in runs:
            axes.plot(*recent(run))
        axes.set(xlabel="steps", ylabel="reward of the last 20 episodes", title=asked.world)
        figure.savefig(asked.plot)


if __name__ == "__main__":
    main()
