"""netlearn against its peers, each on the same numbers and in one run.

    python benchmarks/peers.py [--quick] [--only WORD] [--samples 1000]

Each line is one job: processor time for one sample (or one job) here and there, their ratio, and how far the two
answers are apart. Peers that are not installed are named with the reason. All sides have one thread. What is done
once (loading, the graph's analysis, compiling) does not count, except in the crossbars' lines, which go from the text
to the answer. docs/benchmarks.md has the numbers and what they mean.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peer_circuits import crossbar_text, device_lattice, layered_network, macromodel, sinh_crossbar
from peer_solvers import FastDrn, JaxNewton, alter_loop, crossbar_currents, load_ngspice
from scipy import sparse

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.energy import EquilibriumPropagation
from netlearn.solve.internal import InternalSolver
from netlearn.solve.matrices.one import factorize
from netlearn.solve.sensitivity import linearize
from netlearn.solve.threads import one_thread, set_threads


@dataclass(frozen=True)
class Line:
    """Seconds of each side, and the greatest difference of their answers beside the greatest answer."""

    job: str
    ours: float
    peer: str
    theirs: float
    difference: float
    goal: float = 0.0

    def __str__(self) -> str:
        ratio = self.theirs / self.ours
        wanted = f"  (aim {self.goal:g})" if self.goal else ""
        return (
            f"{self.job:<52}{_time(self.ours):>10}  {self.peer:<26}{_time(self.theirs):>10}{ratio:>9.2f}"
            f"{self.difference:>10.0e}{wanted}"
        )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def clock(work: Callable[[], object], at_least: float = 0.5) -> float:
    """Processor time of ``work`` after it was done once, the best of some: others may use the machine meanwhile."""
    work()
    spent, best = 0.0, np.inf
    while spent < at_least:
        begun = time.process_time()
        work()
        took = time.process_time() - begun
        spent, best = spent + max(took, 1e-6), min(best, took)
    return best


def once(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of ``work``, done once, and its result."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def apart(a: Array, b: Array) -> float:
    """The greatest difference beside the greatest number."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def layered(quick: bool) -> Iterator[Line]:
    """Gradients of layered networks with ideal diodes, against coordinate descent by layers."""
    jobs = [((128, 100, 10), 256), ((1568, 100, 10), 256), ((1568, 100, 10), 4)]
    for sizes, batch in jobs[:1] if quick else jobs:
        network = layered_network(sizes, np.random.default_rng(0), batch)
        model, theta, loss, rng = network.model, network.theta, Mse(), np.random.default_rng(1)
        data = Batch(network.inputs, network.targets)
        exact = Analytic().estimate(model, loss, theta, data, rng)
        # Enough sweeps, in double precision: then both are at the operating point.
        judge = FastDrn(network, sweeps=400, dtype=np.float64, products=True)
        difference = apart(judge.gradient(1e-3), exact.gradient)
        name = "-".join(map(str, sizes))
        rules = (("analytic", Analytic()), ("EP, centered", EquilibriumPropagation(beta=1e-6)))
        peers = (
            ("fast DRN, 4 sweeps, float32", FastDrn(network, 4, np.float32, products=False)),
            ("the same by products", FastDrn(network, 4, np.float32, products=True)),
        )
        times = [(peer, clock(lambda drn=drn: drn.gradient(1e-3)) / batch) for peer, drn in peers]
        for rule_name, rule in rules:
            ours = clock(lambda rule=rule: rule.estimate(model, loss, theta, data, rng)) / batch  # noqa: B023
            for k, (peer, theirs) in enumerate(times):
                goal = (3.0 if batch > 4 else 2.0) if k == 0 else 0.0
                yield Line(f"{name}, batch {batch}, gradient, {rule_name}", ours, peer, theirs, difference, goal)


def lattices(quick: bool, samples: int) -> Iterator[Line]:
    """Operating points of circuits with transistors and expressions, against ngspice's alter loop."""
    library = load_ngspice()
    sides = (6,) if quick else (6, 16, 32)
    circuits = [
        *(device_lattice(kind, side, np.random.default_rng(0)) for kind in ("mosfet", "bjt", "jfet") for side in sides),
        macromodel(),
        sinh_crossbar(64, 20, np.random.default_rng(0)),
    ]
    for circuit in circuits:
        count = samples if circuit.nodes < 800 else samples // 5
        drive = circuit.samples(np.random.default_rng(1), count)
        sampled = circuit.driven(drive)
        found = [InternalSolver().solve(sampled)]
        ours = clock(lambda: found.__setitem__(0, InternalSolver().solve(sampled))) / count  # noqa: B023
        judged = max(2, min(count, 20_000 // circuit.nodes))
        theirs, voltages = alter_loop(library, circuit, drive[:judged])
        ours_there = np.array([found[0].voltage(name)[judged - 1] for name in voltages])
        difference = apart(ours_there, np.array(list(voltages.values())))
        yield Line(f"{circuit.name}, op of {count} samples", ours, "ngspice alter", theirs, difference, 50.0)


def solve_triangle_once() -> None:
    """Have the loop compiled that many right-hand sides take."""
    matrix = sparse.diags_array([np.full(1999, -1.0), np.full(2000, 3.0), np.full(1999, -1.0)], offsets=[-1, 0, 1])
    factorize(matrix.tocsc(), definite=True).solve(np.ones((2000, 64)))


def crossbars(quick: bool) -> Iterator[Line]:
    """Crossbars with resistive wires, from the text to the currents, against one solution by scipy."""
    sizes = [(64, 32)] if quick else [(64, 32), (128, 128), (256, 256), (512, 512)]
    # Loading and compiling loops are not of the job.
    netlearn.operating_point(netlearn.parse(crossbar_text(np.full((2, 2), 1e4))))
    solve_triangle_once()
    for rows, columns in sizes:
        rng = np.random.default_rng(0)
        resistances = 10 ** rng.uniform(4, 6, (rows, columns))
        for vectors in (16, 100, 1000) if rows < 512 else (16, 100):
            volts = rng.uniform(0, 1, (vectors, rows))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "crossbar.cir"
                path.write_text(crossbar_text(resistances), encoding="ascii")
                data = {f"V{i}": volts[:, i] for i in range(rows)}
                data |= {f"I(Vo{j})": np.zeros(vectors) for j in range(columns)}
                ours, evaluation = once(lambda: netlearn.evaluate(path, data))  # noqa: B023
            theirs, currents = once(lambda: crossbar_currents(resistances, 1.0, volts))  # noqa: B023
            difference = apart(evaluation.outputs, currents)
            yield Line(
                f"crossbar {rows}x{columns}, {vectors} vectors",
                ours,
                "badcrossbar's scipy call",
                theirs,
                difference,
                1.0,
            )


def epochs(quick: bool) -> Iterator[Line]:
    """An epoch on a crossbar of sinh cells beside one on resistors: the other side is ourselves."""
    rows, columns, count = (16, 5, 100) if quick else (64, 20, 1000)
    times = []
    for law in ("sinh", "ohmic"):
        circuit = sinh_crossbar(rows, columns, np.random.default_rng(0), law=law)
        sampled = circuit.driven(circuit.samples(np.random.default_rng(1), count))

        def step(sampled: Any = sampled) -> None:
            point = InternalSolver().solve(sampled)
            linearize(point).solve(np.ones(point.x.shape), transpose=True)

        times.append(clock(step) / count)
    yield Line(
        f"crossbar {rows}x{columns}, states and adjoints, sinh cells", times[0], "ohmic cells", times[1], 0.0, 0.25
    )


def diodes(quick: bool, samples: int) -> Iterator[Line]:
    """Lattices with a diode at each node, against a dense Newton's method with adjoint in JAX."""
    for side in (6,) if quick else (6, 10):
        circuit = device_lattice("diode", side, np.random.default_rng(0))
        peer = JaxNewton(circuit)
        drive = circuit.samples(np.random.default_rng(1), samples)
        sampled = circuit.driven(drive)
        found = [InternalSolver().solve(sampled)]
        ours = clock(lambda: found.__setitem__(0, InternalSolver().solve(sampled))) / samples  # noqa: B023
        theirs = clock(lambda: peer.solve(drive)) / samples  # noqa: B023
        nodes = [found[0].voltage(f"n{k}") for k in range(side * side)]
        difference = apart(np.stack(nodes, axis=1), peer.solve(drive))
        yield Line(f"{circuit.name}, op of {samples} samples", ours, "dense Newton in JAX", theirs, difference, 20.0)

        def gradient() -> None:
            point = InternalSolver().solve(sampled)  # noqa: B023
            linearize(point).solve(np.ones(point.x.shape), transpose=True)

        ours, theirs = clock(gradient) / samples, clock(lambda: peer.gradient(drive)) / samples  # noqa: B023
        yield Line(f"{circuit.name}, op and adjoint", ours, "dense Newton in JAX", theirs, difference, 50.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest job of each kind")
    parser.add_argument("--only", default="", help="groups of jobs whose name holds this word")
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    set_threads(1)
    # Before JAX reads it.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    quick, samples = arguments.quick, 100 if arguments.quick else arguments.samples
    groups: dict[str, Callable[[], Iterator[Line]]] = {
        "layered": lambda: layered(quick),
        "lattices": lambda: lattices(quick, samples),
        "diodes": lambda: diodes(quick, samples),
        "epochs": lambda: epochs(quick),
        "crossbars": lambda: crossbars(quick),
    }
    print(f"{'job':<52}{'netlearn':>10}  {'peer':<26}{'peer':>10}{'ratio':>9}{'apart':>10}")
    missing = []
    for name, group in groups.items():
        if arguments.only not in name:
            continue
        try:
            with one_thread():
                for line in group():
                    print(line, flush=True)
        except (ImportError, OSError) as error:
            missing.append(f"{name}: {error}")
    for reason in missing:
        print(f"skipped {reason}")


if __name__ == "__main__":
    main()
