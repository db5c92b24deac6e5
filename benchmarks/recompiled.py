"""When factors serve again, and how often elements in series are settled apart: constants of ``newton_loops``.

    python benchmarks/recompiled.py [--only NAME] [--rounds 5]

Newton's loop is compiled anew with each value of a constant, which takes some seconds. First processor times of
lattices of diodes where the factors of small steps serve for more, beside those where they never do, with the numbers
that HEAVY and LEAST_WORK are compared with. Then lines as those of ``Size`` in ``alternating_runs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
from alternating_runs import Work, alternated, compare, show, size_line
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
    with patch.multiple(newton_loops, **values):
        made = numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True)(newton_loops.newton.py_func)
        with patch.object(kernels(), "newton", made):
            # Compiled for the arguments that all circuits of diodes have.
            for circuit in (diodes(4, 8), crossbar(2, 2, 8, selector="diode")):
                InternalSolver().solve(circuit)
    return made


def times_with(made: list[Any], work: Work, rounds: int) -> list[float]:
    """Least processor times of alternating runs with some loops."""
    settings = [partial(patch.object, kernels(), "newton", loop) for loop in made]
    return alternated(settings, [work] * len(made), rounds + 1)


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
        first, second = times_with([always, never], solved(circuit), rounds)
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
    only, rounds = compare([], __doc__, rounds=5)
    if only in "HEAVY LEAST_WORK":
        where_factors_serve(rounds)
    for name, what in CASES:
        if only in name:
            own = getattr(newton_loops, name)
            work = solved(CIRCUITS[what]())
            half = own / 2 if isinstance(own, float) else own // 2
            itself, *others = times_with([loops({name: each}) for each in (own, half, 2 * own)], work, rounds)
            show(f"newton_loops.{name}", [size_line(own, [other / itself for other in others], what)])


if __name__ == "__main__":
    main()
