"""When factors serve again, and how often elements in series are settled apart: constants of ``newton_loops``.

    python benchmarks/recompiled.py [--only NAME] [--rounds 5]

Newton's loop is compiled anew with each value of a constant, which takes some seconds. First processor times of
lattices of diodes where the factors of small steps serve for more, beside those where they never do, with the numbers
that HEAVY and LEAST_WORK are compared with. Then lines as those of ``block_sizes``: processor time with half of a
constant and with twice as much, beside that with the constant itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numba
import numpy as np
from alternating_runs import Work, asked
from samples_per_second import lattice

import netlearn
from netlearn.circuit.circuit import Circuit
from netlearn.drive import driven
from netlearn.project import open_project
from netlearn.solve.compiled import newton_loops
from netlearn.solve.compiled.load import kernels
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.newton.system import NonlinearModel


def crossbar(rows: int, columns: int, samples: int, **cells: str) -> Circuit:
    """A crossbar with wires."""
    weights = np.random.default_rng(0).uniform(size=(rows, columns))
    made = netlearn.new("crossbar", weights=weights, pairs=False, wire=1, samples=samples, **cells)
    header, *rest = (line.split(",") for line in made.data.splitlines())
    data = {name: [float(line[k]) for line in rest] for k, name in enumerate(header)}
    project = open_project(netlearn.parse(made.netlist), data)
    return driven(project, None, project.settings.output).circuit


def diodes(side: int, samples: int) -> Circuit:
    """A lattice of diodes; up to 128 samples start from others, where all factors may serve again."""
    network = lattice(np.random.default_rng(0), side)
    return network.circuit(network.samples(np.random.default_rng(1), samples))


def solved(circuit: Circuit) -> Work:
    return lambda: InternalSolver().solve(circuit).x


def loops(values: Mapping[str, float]) -> Any:
    """Newton's loop with these constants."""
    before = {name: getattr(newton_loops, name) for name in values}
    try:
        for name, value in values.items():
            setattr(newton_loops, name, value)
        made = numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True)(newton_loops.newton.py_func)
        with used(made):
            # Compiled for the arguments that all circuits of diodes have.
            for circuit in (diodes(4, 8), crossbar(2, 2, 8, selector="diode")):
                InternalSolver().solve(circuit)
    finally:
        for name, value in before.items():
            setattr(newton_loops, name, value)
    return made


@contextmanager
def used(loop: Any) -> Iterator[None]:
    """The solvers take this loop meanwhile."""
    own, kernels().newton = kernels().newton, loop
    try:
        yield
    finally:
        kernels().newton = own


def least_times(made: list[Any], work: Work, rounds: int) -> list[float]:
    """Least processor times of alternating runs with some loops."""
    least = [np.inf] * len(made)
    for _ in range(rounds + 1):
        for k, loop in enumerate(made):
            with used(loop):
                begun = time.process_time()
                work()
                least[k] = min(least[k], time.process_time() - begun)
    return least


def where_factors_serve(rounds: int) -> None:
    """A line for each circuit."""
    always, never = loops({"HEAVY": 0, "LEAST_WORK": 0}), loops({"LEAST_WORK": 10**15})
    for name, made in CIRCUITS.items():
        circuit = made()
        together = Lockstep.of(NonlinearModel.of(circuit), 8)
        assert together is not None
        fill = together.layout.plan.fill
        beside = np.diff(fill.upper_starts)
        work = int((beside * beside).sum())
        first, second = least_times([always, never], solved(circuit), rounds)
        numbers = f"HEAVY {work / len(fill.upper):.1f}, LEAST_WORK {work}"
        print(f"{name}: {numbers}: {first / second:.2f}", flush=True)


CIRCUITS: dict[str, Callable[[], Circuit]] = {
    **{f"lattice {side}x{side}, 64 samples": partial(diodes, side, 64) for side in (24, 40, 56)},
    **{
        f"crossbar {rows}x{columns} of {name}, 64 samples": partial(crossbar, rows, columns, 64, **cells)
        for name, cells in (("selectors", {"selector": "diode"}), ("junctions", {"cell": "diode"}))
        for rows, columns in ((32, 16), (64, 32))
    },
}
CASES = (
    ("SWEEPS", "crossbar 32x16 of selectors, 64 samples"),
    ("CHORDS", "crossbar 64x32 of selectors, 64 samples"),
    ("NEAR", "crossbar 64x32 of selectors, 64 samples"),
    ("CONTRACTION", "crossbar 64x32 of selectors, 64 samples"),
)


def main() -> None:
    only, rounds = asked(__doc__, rounds=5)
    if only in "HEAVY LEAST_WORK":
        where_factors_serve(rounds)
    for name, what in CASES:
        if only in name:
            own = getattr(newton_loops, name)
            work = solved(CIRCUITS[what]())
            half = own / 2 if isinstance(own, float) else own // 2
            itself, *others = least_times([loops({name: each}) for each in (own, half, 2 * own)], work, rounds)
            ratios = "".join(f"{other / itself:>7.2f}" for other in others)
            print(f"{name:<34}{own:>9.6g}{ratios}  {what}", flush=True)


if __name__ == "__main__":
    main()
