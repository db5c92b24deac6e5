"""What going from layer to layer is worth beside Newton's method, over depth and width.

Every method finds the operating points of the same 64 samples on the same layered network, in one thread of one
process. Times are processor time, as multiples of what Newton's method takes there.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, geometric_mean, main, says
from matplotlib.figure import Figure

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.linear import VOLTAGE_SOURCE
from netlearn.errors import NetlistWarning
from netlearn.generate import new_netlist
from netlearn.solve.blocks.choice import sweeps_worth_trying
from netlearn.solve.internal import InternalSolver, Method
from netlearn.solve.threads import one_thread

DIODES = ("straight lines", "junctions")
DEPTHS, WIDTHS, SEEDS = (1, 2, 3), (16, 32, 64, 128), 5
METHODS: tuple[Method, ...] = ("gauss-seidel", "jacobi", "hybrid", "auto")
SAMPLES, OUTPUTS, MOST = 64, 4, 20_000
GAIN = 0.9
"""A method that takes so much of Newton's time or less gains by it."""


def network(diodes: str, depth: int, width: int, seed: int) -> Circuit:
    """As many inputs as there are nodes in each hidden layer, upright and inverted, all of them sources."""
    layers = "-".join(map(str, [width] * (depth + 1) + [OUTPUTS]))
    options = {"diodes": True, "clamp": "single", "ideal": diodes == "straight lines", "seed": seed}
    text = new_netlist("layered", layers=layers, **options).netlist
    lines = [
        f"V{words[1]} {words[1]} 0 0" if (words := line.split())[0][0] == "E" else line
        for line in text.split("\n")
        if line
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetlistWarning)
        circuit = netlearn.elaborate(netlearn.parse("\n".join(lines))).circuit
    g = next(g for g, group in enumerate(circuit.groups) if group.device is VOLTAGE_SOURCE)
    group = circuit.groups[g]
    inputs = dict(
        zip(
            (f"x{i}" for i in range(width)),
            np.random.default_rng([seed, 1]).uniform(-1, 1, (width, SAMPLES)),
            strict=True,
        )
    )
    dc = np.tile(np.asarray(group.values["dc"], dtype=float), (SAMPLES, 1))
    for k, node in enumerate(np.asarray(group.index)[:, 0].tolist()):
        name = circuit.nodes[node]
        if name.rstrip("n") in inputs:
            dc[:, k] = -inputs[name[:-1]] if name.endswith("n") else inputs[name]
    return circuit.with_values({(g, "dc"): dc})


def compute(diodes: str, depth: int, width: int, seed: int) -> dict[str, Any]:
    """For each method its time beside Newton's, its iterations, and how far its voltages are from Newton's."""
    circuit = network(diodes, depth, width, seed)
    with one_thread():
        expected, newton = _timed(circuit, "newton")
        result: dict[str, Any] = {"newton": {"iterations": expected[1]}, "chosen": sweeps_worth_trying(circuit) > 0}
        for method in METHODS:
            (x, iterations), seconds = _timed(circuit, method)
            off = np.abs(x - expected[0])[:, : len(circuit.nodes)].max() / np.abs(expected[0]).max()
            result[method] = {"time": seconds / newton, "iterations": iterations, "off": off}
    return result


def _timed(circuit: Circuit, method: Method) -> tuple[tuple[Array, int], float]:
    """What a method finds, and its time beyond the first, in which it compiles and looks at the graph."""
    solver = InternalSolver(method=method, sweeps=MOST)
    solver.solve(circuit)
    begun = time.process_time()
    point = solver.solve(circuit)
    return (point.x, point.iterations), time.process_time() - begun


def of(results: Results, at: tuple[str, int, int], method: str, what: str) -> Array:
    """Of all networks with these diodes, depth and width."""
    return np.array([value[method][what] for key, value in results.items() if key[:3] == at])


def chosen(results: Results, at: tuple[str, int, int]) -> bool:
    return all(value["chosen"] for key, value in results.items() if key[:3] == at)


def sentences(results: Results) -> Iterator[str]:
    yield (
        f"Layered networks with as many inputs as nodes in a hidden layer, upright and inverted, a diode at each "
        f"hidden node, {OUTPUTS} pairs of"
    )
    yield (
        f"outputs, {SAMPLES} samples; {SEEDS} networks of each kind (n = {SEEDS}). Processor time of one thread as a "
        f"multiple of Newton's, geometric mean"
    )
    yield "×/÷ one standard deviation of the logarithm (n - 1), and the mean of the sweeps; **bold** where `auto`"
    yield "goes by blocks."
    for diodes in DIODES:
        yield ""
        yield f"| {diodes}: hidden layers × width | Newton, steps | Gauss-Seidel | sweeps | Jacobi | sweeps | hybrid |"
        yield "|---|---|---|---|---|---|---|"
        for depth in DEPTHS:
            for width in WIDTHS:
                at = diodes, depth, width
                name = f"**{depth} × {width}**" if chosen(results, at) else f"{depth} × {width}"
                cells = [name, f"{np.mean(of(results, at, 'newton', 'iterations')):.1f}"]
                for method in ("gauss-seidel", "jacobi"):
                    cells += [
                        geometric(of(results, at, method, "time"), ".2g"),
                        f"{np.mean(of(results, at, method, 'iterations')):.0f}",
                    ]
                yield f"| {' | '.join([*cells, geometric(of(results, at, 'hybrid', 'time'), '.2g')])} |"
    yield ""
    off = max(value[method]["off"] for value in results.values() for method in METHODS)
    yield says(f"- All methods find Newton's voltages, to {off:.0e} of the largest.", off <= 1e-12)
    best = geometric_mean(of(results, ("straight lines", 3, 128), "gauss-seidel", "time"))
    yield says(
        f"- Straight lines are where blocks gain: with 3 hidden layers of 128 Gauss-Seidel takes {best:.2g} of "
        f"Newton's time, for an update is a matrix product and Newton's step an elimination for each sample.",
        best < 0.5,
    )
    slow = [
        geometric_mean(of(results, ("junctions", depth, w), "gauss-seidel", "time")) for depth in DEPTHS for w in WIDTHS
    ]
    wide = geometric_mean(of(results, ("junctions", 3, 128), "hybrid", "time"))
    yield says(
        f"- Junctions take a scalar Newton iteration at every node and sweep, and more sweeps: Gauss-Seidel takes "
        f"{min(slow):.2g} to {max(slow):.2g} times as long as Newton's method, and `auto` leaves them to that. A "
        f"hybrid takes {wide:.2g} of its time with 3 hidden layers of 128"
        + (": ask for it there." if wide < 1.0 else ", and gains nothing either."),
        max(slow) > 1.0,
    )
    small = [geometric_mean(of(results, (d, depth, 16), "gauss-seidel", "time")) for d in DIODES for depth in DEPTHS]
    yield says(
        f"- Narrow networks are Newton's: at width 16 blocks take {min(small):.2g} of its time or more.",
        min(small) > GAIN,
    )
    by_blocks = [(d, depth, w) for d in DIODES for depth in DEPTHS for w in WIDTHS if chosen(results, (d, depth, w))]
    worst = max(geometric_mean(of(results, where, "auto", "time")) for where in by_blocks)
    rest = [
        geometric_mean(of(results, (d, depth, w), "gauss-seidel", "time"))
        for d in DIODES
        for depth in DEPTHS
        for w in WIDTHS
        if not chosen(results, (d, depth, w))
    ]
    yield says(
        f"- `auto` goes by blocks in {len(by_blocks)} of {len(DIODES) * len(DEPTHS) * len(WIDTHS)} cases, and itself "
        f"takes {worst:.2g} of Newton's time or less in each of them. In the others Gauss-Seidel would take "
        f"{min(rest):.2g} of it or more.",
        worst < GAIN,
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    *times, counts = figure.subplots(1, 3)
    for axes, diodes in zip(times, DIODES, strict=True):
        for i, depth in enumerate(DEPTHS):
            for method, style in (("gauss-seidel", "-"), ("hybrid", "--")):
                rows = [of(results, (diodes, depth, width), method, "time") for width in WIDTHS]
                bars(
                    axes, np.array(WIDTHS), rows, logs=True, color=f"C{i}", ls=style, label=f"{depth} layers, {method}"
                )
        axes.axhline(1.0, color="black", lw=0.5)
        axes.set(xscale="log", yscale="log", xlabel="nodes in a layer", ylabel="time / Newton's", title=diodes)
        axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        axes.minorticks_off()
        axes.legend(fontsize="x-small")
    for i, diodes in enumerate(DIODES):
        for method, style in (("gauss-seidel", "-"), ("jacobi", ":"), ("newton", "--")):
            rows = [of(results, (diodes, depth, 64), method, "iterations") for depth in DEPTHS]
            bars(counts, np.array(DEPTHS), rows, logs=True, color=f"C{i + 3}", ls=style, label=f"{diodes}, {method}")
    counts.set(
        yscale="log", xlabel="hidden layers of 64", ylabel="sweeps or steps", xticks=DEPTHS, title=f"n = {SEEDS}"
    )
    counts.legend(fontsize="x-small")
    return figure


CLAIM = Claim(
    "block_solvers",
    "layer by layer beside Newton's method",
    compute,
    keys=[(d, depth, width, seed) for d in DIODES for depth in DEPTHS for width in WIDTHS for seed in range(SEEDS)],
    small=[(d, 2, 16, seed) for d in DIODES for seed in range(2)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
