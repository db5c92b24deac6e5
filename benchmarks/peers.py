"""netlearn beside the tools that do the same work: one row for each, on the same numbers, with answers that agree.

    python benchmarks/peers.py [--rows drn ngspice] [--least 1.0] [--quick]

Every row runs in a process of its own with one thread on both sides. Times are processor time without loading,
reading, compiling and the first call, and only their ratios are printed; a row ends with an error where the answers
do not agree. A peer that is not installed is skipped with the reason. docs/benchmarks.md has the table.
"""

# What is defined in a loop is run before its next turn.
# ruff: noqa: B023

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NETLEARN_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
SWEEPS = 4
"""Of fast DRN, as its author takes; two layers are not at rest then, but near it."""
BETA = 1e-3
"""In siemens: a tenth of what an output node of 100 resistances sees. float32 needs it that strong."""


@dataclass(frozen=True)
class Row:
    """One comparison; ``ratio`` is how many times as long the peer takes."""

    work: str
    peer: str
    ratio: float
    agreement: str

    def __str__(self) -> str:
        ratio = f"{self.ratio:.2g}" if self.ratio < 10 else f"{self.ratio:.0f}"
        return f"| {self.work} | {self.peer} | {ratio} | {self.agreement} |"


def beside(ours: Callable[[], Any], theirs: Callable[[], Any], least: float) -> float:
    """The processor time of the second as a multiple of the first's, taken in turns for ``least`` seconds each."""
    ours(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    while min(map(sum, times)) < least or min(map(len, times)) < 3:
        for work, taken in zip((ours, theirs), times, strict=True):
            begun = time.process_time()
            work()
            taken.append(time.process_time() - begun)
    # Whatever disturbs a run only makes it longer.
    return min(times[1]) / min(times[0])


def agree(name: str, difference: float, most: float) -> str:
    """What a row says of its answers. Ends with an error where they do not agree."""
    if not difference <= most:
        raise SystemExit(f"{name}: the answers differ by {difference:.2g}, more than {most:.0e}")
    return f"{difference:.0e}"


def deep_network(inputs: int, hidden: int, outputs: int, batch: int) -> Any:
    """A layered network with one ideal diode at each hidden node as a netlist, with data: model, values and batch."""
    import numpy as np

    import netlearn
    from netlearn.learn.rules.base import Batch
    from netlearn.project import open_project

    rng = np.random.default_rng(0)
    first, second = (10 ** rng.uniform(3, 5, shape) for shape in ((inputs, hidden), (hidden, outputs)))
    lines = ["deep resistive network", *(f"Vx{i} x{i} 0 0" for i in range(inputs))]
    lines += [f"Ra{i}_{j} x{i} h{j} {float(r)!r}" for i, row in enumerate(first) for j, r in enumerate(row)]
    lines += [f"Rb{i}_{j} h{i} y{j} {float(r)!r}" for i, row in enumerate(second) for j, r in enumerate(row)]
    lines += [f"D{j} h{j} 0 dm" if j % 2 == 0 else f"D{j} 0 h{j} dm" for j in range(hidden)]
    lines += [".model dm d(ron=1m roff=1g vfwd=0)", f"*@output {' '.join(f'V(y{j})' for j in range(outputs))}", ".end"]
    x = rng.uniform(-1, 1, (batch, inputs // 2))
    x, y = np.hstack([x, -x]), 0.1 * rng.normal(size=(batch, outputs))
    columns = {f"Vx{i}": x[:, i] for i in range(inputs)} | {f"V(y{j})": y[:, j] for j in range(outputs)}
    project = open_project(netlearn.parse("\n".join(lines)), columns)
    return project.model, project.parameters.initial, Batch(x, y), (1 / first, 1 / second)


def fast_drn(conductances: Any, x: Any, target: Any) -> Callable[[], Any]:
    """The gradient of ½ Σ (y - target)², by centered EP on states of fast DRN, in float32 by torch.

    Exact coordinate descent by layers: B. Scellier, "A fast algorithm to simulate nonlinear resistive networks",
    ICML 2024, arXiv 2402.11674.
    """
    import torch

    torch.set_num_threads(1)
    first, second, inputs, wanted = (torch.tensor(v, dtype=torch.float32) for v in (*conductances, x, target))
    hidden = first.shape[1]
    even = torch.arange(hidden) % 2 == 0
    least = torch.where(even, -torch.inf, 0.0)
    most = torch.where(even, 0.0, torch.inf)
    at_hidden, at_outputs = first.sum(0) + second.sum(1), second.sum(0)

    def relax(h: Any, y: Any, beta: float) -> tuple[Any, Any]:
        for _ in range(SWEEPS):
            h = torch.clamp((inputs @ first + y @ second.T) / at_hidden, least, most)
            y = (h @ second + beta * wanted) / (at_outputs + beta)
        return h, y

    def squares(a: Any, b: Any) -> Any:
        return (a * a).sum(0)[:, None] + (b * b).sum(0) - 2 * a.T @ b

    def gradient() -> tuple[Any, Any]:
        free = relax(torch.zeros(len(inputs), hidden), torch.zeros_like(wanted), 0.0)
        (h1, y1), (h0, y0) = relax(*free, BETA), relax(*free, -BETA)
        scale = 1.0 / (4.0 * BETA)
        return (
            scale * (squares(inputs, h1) - squares(inputs, h0)),
            scale * (squares(h1, y1) - squares(h0, y0)),
        )

    return gradient


def drn(least: float, *, quick: bool) -> Iterator[Row]:
    """Fast DRN."""
    import numpy as np

    from netlearn.learn.loss import Mse
    from netlearn.learn.rules import make_rule

    sizes = (
        ((128, 100, 10, 256),)
        if quick
        else ((1568, 100, 10, 256), (1568, 100, 10, 4), (128, 100, 10, 256), (128, 100, 10, 4))
    )
    for *layers, batch in sizes:
        model, theta, samples, conductances = deep_network(*layers, batch)
        theirs = fast_drn(conductances, samples.inputs, samples.targets)
        expected = np.concatenate([part.numpy().ravel() for part in theirs()])
        for name, rule in (
            ("exact gradient", make_rule("analytic")),
            ("centered EP", make_rule("ep", beta=BETA, unit="siemens")),
        ):

            def ours(rule: Any = rule) -> Any:
                return rule.estimate(model, Mse(), theta, samples, np.random.default_rng(0)).gradient

            # Ours is by resistances. Losses differ by a factor, which the cosine does not see.
            found = -ours() * theta**2
            cosine = float(found @ expected / np.linalg.norm(found) / np.linalg.norm(expected))
            said = agree("drn", 1.0 - cosine, 2e-2)
            work = f"{'-'.join(map(str, layers))}, ideal diodes, batch {batch}, {name}"
            yield Row(work, f"fast DRN, {SWEEPS} sweeps, float32", beside(ours, theirs, least), f"1 - cosine {said}")


def crossbar(least: float, *, quick: bool) -> Iterator[Row]:
    """badcrossbar's way, restated: the sparse equations of all nodes, solved by scipy for all vectors at once."""
    import numpy as np
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    from netlearn.circuit.circuit import GROUND, Circuit, Group
    from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
    from netlearn.solve.internal import InternalSolver

    for side, vectors in ((32, 16),) if quick else ((64, 16), (128, 100)):
        rng = np.random.default_rng(0)
        cells, volts = 10 ** rng.uniform(3, 5, (side, side)), rng.uniform(0, 1, (vectors, side))
        number = np.arange(2 * side * side).reshape(2, side, side)
        words, bits, sources = number[0], number[1], 2 * side * side + np.arange(side)
        ends = [
            np.stack([words.ravel(), bits.ravel()], 1),
            np.stack([sources, words[:, 0]], 1),
            np.stack([words[:, :-1].ravel(), words[:, 1:].ravel()], 1),
            np.stack([bits[:-1].ravel(), bits[1:].ravel()], 1),
            np.stack([bits[-1], np.full(side, GROUND)], 1),
        ]
        index = np.concatenate(ends)
        ohms = np.concatenate([cells.ravel(), np.ones(len(index) - side * side)])
        nodes, branches = [f"n{i}" for i in range(2 * side * side + side)], [f"v{i}" for i in range(side)]
        held = np.stack([sources, np.full(side, GROUND), len(nodes) + np.arange(side)], 1)

        def ours() -> Any:
            groups = (
                Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": ohms}),
                Group(VOLTAGE_SOURCE, branches, held, {"dc": volts}),
            )
            return InternalSolver().solve(Circuit(nodes, branches, groups)).x[:, bits[-1]]

        def theirs() -> Any:
            count = 2 * side * side
            g, (p, n) = 1.0 / ohms, index.T
            inner, driven, grounded = (n >= 0) & (p < count), p >= count, n < 0
            diagonal = np.zeros(count)
            np.add.at(diagonal, n[~grounded], g[~grounded])
            np.add.at(diagonal, p[~driven], g[~driven])
            rows = np.concatenate([p[inner], n[inner], np.arange(count)])
            columns = np.concatenate([n[inner], p[inner], np.arange(count)])
            entries = np.concatenate([-g[inner], -g[inner], diagonal])
            right = np.zeros((count, len(volts)))
            right[n[driven]] = g[driven][:, None] * volts.T
            matrix = sparse.csc_array((entries, (rows, columns)), shape=(count, count))
            return spsolve(matrix, right)[bits[-1]].T

        difference = float(np.abs(ours() - theirs()).max() / np.abs(theirs()).max())
        work = f"crossbar {side}×{side}, 1 Ω wires, {vectors} vectors"
        yield Row(
            work,
            "scipy's spsolve, as badcrossbar uses it",
            beside(ours, theirs, least),
            agree("crossbar", difference, 1e-9),
        )


def ngspice(least: float, *, quick: bool) -> Iterator[Row]:
    """ngspice's ``alter`` loop, through PySpice."""
    import ctypes.util

    import numpy as np
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared
    from samples_per_second import clock, divider, judge, lattice, layered

    from netlearn.solve.internal import InternalSolver

    path = ctypes.util.find_library("ngspice")
    if path is None:
        raise ImportError("libngspice is not installed")
    NgSpiceShared.LIBRARY_PATH = path
    library, rng = NgSpiceShared.new_instance(), np.random.default_rng(0)
    networks = [
        divider(),
        layered(rng, "layers 129-100-10, junctions", 129, 100, 10),
        *(lattice(rng, n) for n in (10, 32)),
    ]
    for network in networks[:1] if quick else networks:
        drive = network.samples(rng, 1000)
        circuit = network.circuit(drive)
        point = InternalSolver().solve(circuit)
        ours = clock(lambda: InternalSolver().solve(circuit), least) / len(drive)
        judged = min(len(drive), network.judged, 200)
        theirs, voltages = judge(library, network, drive[:judged])
        difference = float(np.abs(point.x[judged - 1, : len(network.nodes)] - voltages).max())
        yield Row(
            f"{network.name}, operating points of 1,000 samples",
            "ngspice 39, `alter` and `op`",
            theirs / ours,
            agree("ngspice", difference, 1e-9),
        )


def dense_newton(least: float, *, quick: bool) -> Iterator[Row]:
    """A dense Newton with its adjoint, in JAX."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import netlearn
    from netlearn.circuit.devices.junction import thermal_voltage
    from netlearn.learn.loss import Mse
    from netlearn.learn.rules import make_rule
    from netlearn.learn.rules.base import Batch
    from netlearn.project import open_project

    jax.config.update("jax_enable_x64", True)
    for side in (5,) if quick else (6, 10):
        rng, count, samples = np.random.default_rng(0), side * side, 200
        number = np.arange(count).reshape(side, side)
        pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
        a, b = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
        ohms = rng.uniform(100, 1000, len(a))
        lines = [
            "diode lattice",
            "V1 n0 0 0",
            f"V2 n{count - 1} 0 0",
            f"*@output V(n{side - 1})",
            ".model dm d(is=1e-14)",
        ]
        lines += [f"R{k} n{p} n{q} {float(r)!r}" for k, (p, q, r) in enumerate(zip(a, b, ohms, strict=True))]
        lines += [f"D{i} n{i} 0 dm" for i in range(count)]
        volts, wanted = rng.uniform(0, 1, (samples, 2)), rng.uniform(0, 0.5, (samples, 1))
        columns = {"V1": volts[:, 0], "V2": volts[:, 1], f"V(n{side - 1})": wanted[:, 0]}
        project = open_project(netlearn.parse("\n".join([*lines, ".end"])), columns)
        model, theta, rule = project.model, project.parameters.initial, make_rule("analytic")
        free = np.setdiff1d(np.arange(count), [0, count - 1])
        vt, place = float(thermal_voltage(300.15)), np.argsort(np.concatenate([free, [0, count - 1]]))

        def laplacian(g: Any) -> Any:
            zero = jnp.zeros((count, count))
            return zero.at[a, a].add(g).at[b, b].add(g).at[a, b].add(-g).at[b, a].add(-g)

        def kirchhoff(v: Any, g: Any, held: Any) -> Any:
            whole = jnp.concatenate([v, held])[place]
            diodes = 1e-14 * jnp.expm1(jnp.minimum(whole / vt, 80.0)) + 1e-12 * whole
            return (laplacian(g) @ whole + diodes)[free]

        @jax.custom_vjp
        def solve(g: Any, held: Any) -> Any:
            def step(state: Any) -> Any:
                v, _, steps = state
                move = jnp.linalg.solve(jax.jacfwd(kirchhoff)(v, g, held), kirchhoff(v, g, held))
                # Small steps keep exponentials from running away.
                move = jnp.clip(move, -0.3, 0.3)
                return v - move, jnp.abs(move).max(), steps + 1

            going = (jnp.full(len(free), 0.3), jnp.inf, 0)
            return jax.lax.while_loop(lambda s: (s[1] > 1e-9) & (s[2] < 100), step, going)[0]

        def forward(g: Any, held: Any) -> Any:
            v = solve(g, held)
            return v, (v, g, held)

        def backward(kept: Any, towards: Any) -> Any:
            v, g, held = kept
            adjoint = jnp.linalg.solve(jax.jacfwd(kirchhoff)(v, g, held).T, towards)
            return jax.vjp(lambda g: kirchhoff(v, g, held), g)[1](-adjoint)[0], jnp.zeros_like(held)

        solve.defvjp(forward, backward)
        read, drives = int(np.searchsorted(free, side - 1)), jnp.asarray(volts)

        @jax.jit
        def value(g: Any) -> Any:
            return jax.vmap(solve, (None, 0))(g, drives)[:, read]

        @jax.jit
        def gradient(g: Any) -> Any:
            return jax.grad(lambda g: jnp.mean((value(g) - wanted[:, 0]) ** 2))(g)

        def ours() -> Any:
            return model.outputs(model.forward(theta, volts))

        def our_gradient() -> Any:
            return rule.estimate(model, Mse(), theta, Batch(volts, wanted), np.random.default_rng(0)).gradient

        name = f"lattice {side}×{side}, a diode at each node, {samples} samples"
        difference = float(np.abs(ours()[:, 0] - np.asarray(value(1 / ohms))).max())
        said = agree("dense newton", difference, 1e-7)
        yield Row(
            f"{name}, op", "dense Newton in JAX", beside(ours, lambda: value(1 / ohms).block_until_ready(), least), said
        )
        one, other = -our_gradient() * theta**2, np.asarray(gradient(1 / ohms))
        said = agree("dense newton", 1.0 - float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)), 1e-6)
        ratio = beside(our_gradient, lambda: gradient(1 / ohms).block_until_ready(), least)
        yield Row(f"{name}, op with gradient", "dense Newton in JAX, adjoint", ratio, f"1 - cosine {said}")


PEERS: dict[str, tuple[str, Callable[..., Iterator[Row]] | None]] = {
    "drn": ("torch", drn),
    "ngspice": ("PySpice", ngspice),
    "crossbar": ("scipy", crossbar),
    "jax": ("jax", dense_newton),
    "circulax": ("circulax", None),
    "neospice": ("neospice", None),
}
"""The package that each needs, and its rows; None where there are none yet."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", choices=PEERS, default=list(PEERS), metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--least", type=float, default=1.0, help="seconds of processor time for each number")
    parser.add_argument("--quick", action="store_true", help="the smallest of each")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.here:
        warnings.simplefilter("ignore")
        for name in chosen.rows:
            rows = PEERS[name][1]
            assert rows is not None
            for row in rows(chosen.least, quick=chosen.quick):
                print(row, flush=True)
        return
    print("| work | peer | peer's time / netlearn's | difference |\n|---|---|---:|---|", flush=True)
    skipped, failed = [], 0
    for name in chosen.rows:
        package, rows = PEERS[name]
        if find_spec(package) is None or rows is None:
            why = "no rows are written for it yet" if find_spec(package) else f"the package {package} is not installed"
            skipped.append(f"{name}: skipped, as {why}")
            continue
        words = [sys.executable, __file__, "--here", "--rows", name, "--least", str(chosen.least)]
        done = subprocess.run(
            [*words, *(["--quick"] if chosen.quick else [])], env=os.environ | ONE_THREAD, check=False
        )
        failed += done.returncode != 0
    print("\n" + "\n".join(skipped))
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
