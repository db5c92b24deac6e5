"""Which circuits limits of Newton's method and its continuations lose: measurements behind constants of ``newton``.

    python benchmarks/hard_circuits.py [--only NAME] [--networks 0] [--lattices 0] [--apart]

The circuits are those of ``hard_networks`` that are solved, but not by Newton's method from zero at once. For each
constant one line with half of it and one with twice as much, or a decade either way: how many of the circuits are
solved with it, how many of these at another operating point, and the steps of Newton's method that they take, beside
those with the constant itself: of all, and by circuit, as a geometric mean with the factor of its standard deviation
(n - 1). Of circuits that are not solved with the constant itself it is told how many are with another. With ``--apart``
there are lines for each kind of circuits.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
from hard_networks import hard_networks, lattices, random_network

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import ConvergenceError
from netlearn.solve import nonlinear
from netlearn.solve.internal import InternalSolver
from netlearn.solve.newton import domain, homotopy, iteration
from netlearn.solve.newton.iteration import IterationOutcome
from netlearn.solve.threads import set_threads

CONSTANTS: tuple[tuple[ModuleType, str, tuple[float, float]], ...] = (
    (homotopy, "MOST_STEPS", (75, 300)),
    (iteration, "DAMPED_VOLTS", (1.0, 4.0)),
    (iteration, "DAMPED_SHARE", (0.25, 1.0)),
    (homotopy, "SHORTEST", (1e-6, 1e-4)),
    (homotopy, "MOST_FAILURES", (10, 40)),
    (homotopy, "GMIN_FROM", (-4.0, 0.0)),
    (homotopy, "GMIN_TO", (-10.0, -16.0)),
    (iteration, "STILL", (1e-4, 1e-2)),
    (iteration, "ROUNDED", (32.0, 128.0)),
    (domain, "HALVINGS", (4, 16)),
)
"""Each with the two values that it is compared with."""


class Counted:
    """Newton's method as ``iterate`` has it, with its runs and steps counted."""

    def __init__(self) -> None:
        self.runs = self.steps = 0

    def __call__(self, *args: Any, **options: Any) -> IterationOutcome:
        outcome = iteration.iterate(*args, **options)
        self.runs, self.steps = self.runs + 1, self.steps + int(outcome.iterations.sum())
        return outcome

    @contextmanager
    def instead(self) -> Iterator[None]:
        """The solvers take this one meanwhile."""
        with patch.object(nonlinear, "iterate", self), patch.object(homotopy, "iterate", self):
            yield


@dataclass(frozen=True)
class Solved:
    """A circuit's operating point, and what it took."""

    x: Array
    runs: int
    steps: int


def solved(circuit: Circuit) -> Solved | None:
    """None where no operating point is found."""
    counted = Counted()
    with counted.instead():
        try:
            x = InternalSolver().solve(circuit).x
        except ConvergenceError:
            return None
    return Solved(x, counted.runs, counted.steps)


def compared(
    hard: list[tuple[Circuit, Solved]], lost: list[Circuit], module: ModuleType, name: str, value: float
) -> str:
    """How many are solved with another value of a constant, and in how many steps beside its own one."""
    with patch.object(module, name, value):
        found = [(solved(circuit), own) for circuit, own in hard]
        gained = sum(solved(circuit) is not None for circuit in lost)
    both = [(new, own) for new, own in found if new is not None]
    other = sum(not np.allclose(new.x, own.x, rtol=1e-3, atol=1e-3) for new, own in both)
    new, own = np.array([(new.steps, own.steps) for new, own in both], dtype=float).T
    logs = np.log(new / own)
    spread = f" (factor {np.exp(logs.std(ddof=1)):.2f})" if len(logs) > 1 else ""
    return (
        f"{value:g}: {len(both)} of {len(hard)} solved, {other} at another point, in {new.sum() / own.sum():.2f} of "
        f"the steps, by circuit {np.exp(logs.mean()):.2f}{spread}; {gained} of {len(lost)} others"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    parser.add_argument(
        "--networks",
        type=int,
        default=0,
        help="how many random networks there are, of which each takes a second or more",
    )
    parser.add_argument(
        "--lattices", type=int, default=0, help="how many lattices there are of each kind, size and voltage"
    )
    parser.add_argument("--apart", action="store_true", help="each kind of circuits by itself")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    set_threads(1)
    kinds = {
        "amplifiers and chains": hard_networks(0),
        "random networks": [random_network(seed) for seed in range(chosen.networks)],
        "lattices": lattices(chosen.lattices),
    }
    if not chosen.apart:
        kinds = {"circuits": [text for texts in kinds.values() for text in texts]}
    for kind, texts in kinds.items():
        circuits = [netlearn.elaborate(netlearn.parse(text)).circuit for text in texts]
        own = [(circuit, solved(circuit)) for circuit in circuits]
        hard = [(circuit, each) for circuit, each in own if each is not None and each.runs > 1]
        if not hard:
            continue
        print(f"{len(hard)} {kind}, {sum(each.steps for _, each in hard)} steps", flush=True)
        lost = [circuit for circuit, each in own if each is None]
        for module, name, values in CONSTANTS:
            for value in values if chosen.only in name else ():
                print(f"{name} {getattr(module, name):g}, {compared(hard, lost, module, name, value)}", flush=True)


if __name__ == "__main__":
    main()
