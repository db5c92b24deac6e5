"""Which circuits limits of Newton's method and its continuations lose: measurements behind constants of ``newton``.

    python benchmarks/hard_circuits.py [--only NAME] [--networks 0]

The circuits are those of ``hard_networks`` that are solved, but not by Newton's method from zero at once. For each
constant one line with half of it and one with twice as much, or a decade either way: how many of the circuits are
solved with it, and the steps of Newton's method that these take, beside those with the constant itself.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

from hard_networks import hard_networks

import netlearn
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
    (iteration, "DAMPED_SHARE", (0.125, 0.5)),
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


def solved(circuit: Circuit) -> Counted | None:
    """What its operating point takes; None where none is found."""
    counted = Counted()
    with counted.instead():
        try:
            InternalSolver().solve(circuit)
        except ConvergenceError:
            return None
    return counted


def compared(circuits: list[Circuit], own: list[int], module: ModuleType, name: str, value: float) -> str:
    """How many are solved with another value of a constant, and in how many steps beside its own one."""
    with patch.object(module, name, value):
        found = [solved(circuit) for circuit in circuits]
    both = [(each.steps, steps) for each, steps in zip(found, own, strict=True) if each is not None]
    steps, others = (sum(column) for column in zip(*both, strict=True))
    return f"{value:g}: {len(both)} of {len(own)} solved in {steps / others:.2f} of the steps"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    parser.add_argument(
        "--networks",
        type=int,
        default=0,
        help="how many random networks there are, of which each takes a second or more",
    )
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    set_threads(1)
    circuits, own = [], []
    for text in hard_networks(chosen.networks):
        circuit = netlearn.elaborate(netlearn.parse(text)).circuit
        counted = solved(circuit)
        if counted is not None and counted.runs > 1:
            circuits.append(circuit)
            own.append(counted.steps)
    print(f"{len(circuits)} circuits, {sum(own)} steps", flush=True)
    for module, name, values in CONSTANTS:
        if chosen.only in name:
            for value in values:
                print(f"{name} {getattr(module, name):g}, {compared(circuits, own, module, name, value)}", flush=True)


if __name__ == "__main__":
    main()
