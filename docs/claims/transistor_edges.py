"""Networks whose edges are transistors: whether they learn what no linear network can, and by which contrast.

Claim (S. Dillavou, B. D. Beyer, M. Stern, A. J. Liu, M. Z. Miskin, D. J. Durian, "Machine learning without a
processor: Emergent learning in a nonlinear analog network", PNAS 121, e2319718121, 2024): a network of transistors
that compares squared drops, edge by edge, learns XOR and nonlinear regression by coupled learning. Their drops are at
most 0.45 V; here they are large enough for transistors to saturate, too.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, bars, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import Lab

from netlearn.arrays import Array
from netlearn.generate import new_netlist
from netlearn.learn.rules import make_rule

EDGES = {"nmos": "single transistors", "pair": "pairs", "transmission": "transmission gates"}
SWINGS = (0.1, 0.3, 1.0, 3.0)
CONTRASTS = {"channel": {}, "drops": {"contrast": "drops"}, "correct": {"reciprocal": "correct"}}
TASKS = ("XOR", "regression")
TRAINED = ("nmos", "transmission")
RULES = {"gradient": "analytic", "channel": "cl beta=0.5", "drops": "cl beta=0.5 contrast=drops"}
EPOCHS, SEEDS = 100, 5


def compute(what: str, edge: str, seed: int, epochs: int = EPOCHS) -> dict[str, Any]:
    """Angles to the gradient by swing, or losses after training by rule."""
    with warnings.catch_warnings():
        # That there is no co-content is the point.
        warnings.filterwarnings("ignore", "the circuit has no co-content")
        if what == "angles":
            return {name: [angle(edge, seed, swing, **o) for swing in SWINGS] for name, o in CONTRASTS.items()}
        return trained(what, edge, seed, epochs)


def angle(edge: str, seed: int, swing: float, **options: str) -> float:
    """Degrees between the estimate of equilibrium propagation and the gradient, in a lattice with random targets."""
    new = new_netlist("transistors", edge=edge, gate=3.0, spread=1.0, seed=seed)
    names = [f"V{k + 1}" for k in range(3)] + re.findall(r"V\(\w+\)", new.netlist)
    rng = np.random.default_rng([seed, 1])
    values = swing * np.concatenate([rng.uniform(-1.0, 1.0, (10, 3)), rng.normal(scale=0.3, size=(10, 2))], axis=1)
    lab = Lab(new.netlist, dict(zip(names, values.T, strict=True)), {})
    exact, found = (
        lab.estimate(make_rule(name, **given)).gradient
        for name, given in (("analytic", {}), ("ep", {"beta": 1e-4, **options}))
    )
    # Not by the cosine, which loses digits where the angle is small.
    a, b = exact / np.linalg.norm(exact), found / np.linalg.norm(found)
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))


def trained(task: str, edge: str, seed: int, epochs: int) -> dict[str, Any]:
    """The loss as a part of the targets' variance, and the part of outputs that are on their target's side of zero."""
    layers = "3-6-2" if task == "XOR" else "2-6-2"
    new = new_netlist("transistors", edge=edge, form="layered", layers=layers, gate=3.0, spread=1.0, seed=seed)
    plus, minus = re.findall(r"V\((\w+)\)", new.netlist.split("*@output")[1].split("\n")[0])
    output = f"V({plus},{minus})"
    text = re.sub(r"\*@output .*", f"*@output {output}", new.netlist)
    if task == "XOR":
        x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        wanted = np.where(x.sum(axis=1) == 1, 0.1, -0.1)
        columns = {"V1": x[:, 0], "V2": x[:, 1], "V3": np.ones(4)}
    else:
        volts = np.linspace(0.0, 1.0, 9)
        wanted = 0.1 * np.sin(np.pi * volts) - 0.05
        columns = {"V1": volts, "V2": np.ones(9)}
    lab = Lab(text, {**columns, output: wanted}, {**columns, output: wanted})
    found: dict[str, Any] = {}
    for name, rule in RULES.items():
        result = lab.train(rule=rule, optimizer="adam lr=0.1", epochs=epochs)
        outputs = result.train.outputs[:, 0]
        found[name] = {
            "loss": max(result.loss / float(np.var(wanted)), 1e-9),
            "right": float(np.mean((outputs > 0) == (wanted > 0))),
        }
    return found


def angles(results: Results, edge: str, contrast: str) -> Array:
    """Degrees (seeds, swings)."""
    return np.array([value[contrast] for key, value in results.items() if key[:2] == ("angles", edge)])


def losses(results: Results, task: str, edge: str, rule: str, what: str = "loss") -> Array:
    return np.array([value[rule][what] for key, value in results.items() if key[:2] == (task, edge)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[2] for key in results})
    yield f"Lattices of 4 × 4 nodes with random targets (n = {n}): the angle between the estimate of equilibrium"
    yield "propagation and the gradient by the gate voltages, geometric mean ×/÷ one standard deviation of the"
    yield "logarithm (n - 1), in degrees, against how far inputs swing."
    yield ""
    yield "| edges | contrast | " + " | ".join(f"{swing:g} V" for swing in SWINGS) + " |"
    yield "|---|---|" + "---|" * len(SWINGS)
    for edge, word in EDGES.items():
        for contrast in ("channel", "drops"):
            rows = np.maximum(angles(results, edge, contrast), 1e-6)
            yield f"| {word} | {contrast} | " + " | ".join(f"{geometric(c, '.2g')}" for c in rows.T) + " |"
    yield ""
    single, both = (angles(results, edge, "channel") for edge in ("nmos", "transmission"))
    least, most = (f"{geometric_mean(single[:, k]):.2g}°" for k in (0, -1))
    yield says(
        f"- With their gates held against ground transistors leave no co-content, and the estimate is off by an angle "
        f"that grows with the drops: from {least} at {SWINGS[0]} V to {most} at {SWINGS[-1]:g} V. It was a direction "
        f"of descent in all {single.size} cases (at most {single.max():.0f}°).",
        bool(np.all(np.diff(single.mean(axis=0)) > 0)),
        bool(single.max() < 90),
    )
    yield says(
        f"- Transmission gates are off by {geometric_mean(both[:, 1] / single[:, 1]):.2g} times that at {SWINGS[1]} V: "
        f"what two channels of opposite polarity lack in symmetry cancels for the most part.",
        bool(geometric_mean(both[:, 1]) < geometric_mean(single[:, 1])),
    )
    pairs, right = angles(results, "pair", "channel"), angles(results, "nmos", "correct")
    yield says(
        f"- Pairs, whose gate stands against their joint, have a co-content, and the estimate is the gradient (at most "
        f"{pairs.max():.1g}°). So it is with reciprocal=correct for single transistors (at most {right.max():.1g}°).",
        bool(pairs.max() < 1),
        bool(right.max() < 1),
    )
    squares = angles(results, "nmos", "drops")
    least, most = (f"{geometric_mean(squares[:, k]):.2g}°" for k in (0, -1))
    yield (
        f"- Squared drops of single transistors are off by {least} at {SWINGS[0]} V and {most} at {SWINGS[-1]:g} V, "
        f"which is {np.mean(squares / single):.2f} ± {np.std(squares / single, ddof=1):.2f} times what their "
        f"channels are: most of these are below saturation."
    )
    yield ""
    yield f"Layers of 3-6-2 and 2-6-2 nodes, {EPOCHS} epochs of Adam: the loss in the end as a part of the targets'"
    yield f"variance, which answering their mean leaves, inputs up to 1 V (n = {n})."
    yield ""
    yield "| task | edges | " + " | ".join(f"{name}: {rule}" for name, rule in RULES.items()) + " |"
    yield "|---|---|" + "---|" * len(RULES)
    for task in TASKS:
        for edge in TRAINED:
            cells = (geometric(losses(results, task, edge, rule), ".2g") for rule in RULES)
            yield f"| {task} | {EDGES[edge]} | " + " | ".join(cells) + " |"
    yield ""
    for rule, words in (("channel", "the channels' contrast"), ("drops", "squared drops")):
        every = [losses(results, "XOR", edge, rule, "right") for edge in TRAINED]
        shares = ", ".join(
            f"{int(np.sum(each == 1.0))} of {n} networks of {EDGES[edge]}"
            for edge, each in zip(TRAINED, every, strict=True)
        )
        yield f"- Coupled learning by {words} gets all four cases of XOR on their side of zero in {shares}."
    short, exact = (losses(results, "XOR", "nmos", rule) for rule in ("channel", "gradient"))
    yield says(
        f"- With single transistors the former stops short of the gradient in XOR, which leaves "
        f"{geometric(exact, '.1g')} of the variance.",
        geometric_mean(short) > 10 * geometric_mean(exact),
    )
    places = [(task, edge) for task in TASKS for edge in TRAINED]
    channels, drops = (
        np.concatenate([losses(results, *place, rule) for place in places]) for rule in ("channel", "drops")
    )
    ratios = np.log(channels / drops)
    t = ratios.mean() / (ratios.std(ddof=1) / np.sqrt(len(ratios)))
    yield says(
        f"- On the same networks the channels' contrast ends at {np.exp(ratios.mean()):.2g} times the loss of squared "
        f"drops (paired logarithms: {ratios.mean():.2f} ± {ratios.std(ddof=1):.2f}, n = {len(ratios)}, t = {t:.1f}): "
        f"at these swings, larger than the board's, channels saturate, and K Δv² is no longer what they are.",
        bool(t < -2),
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for i, edge in enumerate(EDGES):
        for contrast, style in (("channel", "-"), ("drops", "--")):
            rows = np.maximum(angles(results, edge, contrast), 1e-6)
            label = f"{EDGES[edge]}, {contrast}"
            bars(left, np.array(SWINGS), list(rows.T), logs=True, label=label, color=f"C{i}", ls=style)
    n = len({key[2] for key in results})
    left.set(
        xlabel="swing of the inputs (V)",
        ylabel="angle to the gradient (degrees)",
        xscale="log",
        yscale="log",
        title=f"n = {n} lattices, one standard deviation of logarithms",
    )
    left.legend(fontsize=7, loc=(0.52, 0.13))
    places = [f"{task},\n{EDGES[edge]}" for task in TASKS for edge in TRAINED]
    for i, rule in enumerate(RULES):
        groups = [losses(results, task, edge, rule) for task in TASKS for edge in TRAINED]
        bars(right, np.arange(len(groups)) + 0.15 * (i - 1), groups, logs=True, label=RULES[rule], ls="")
    right.set_xticks(range(len(places)), places, fontsize=7)
    right.set(ylabel="loss / variance of the targets", yscale="log", title=f"after {EPOCHS} epochs, n = {n}")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    "transistor_edges",
    "what transistors compare, and what they learn",
    compute,
    keys=[
        *(("angles", edge, seed) for edge in EDGES for seed in range(SEEDS)),
        *((task, edge, seed) for task in TASKS for edge in TRAINED for seed in range(SEEDS)),
    ],
    small=[("angles", "nmos", 0), ("XOR", "transmission", 0, 5)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
