"""Contrastive learning in linear networks as projected gradient descent on a convex function.

Claim (A.-M. Huijzer, T. Chaffey, B. Besselink, H. J. van Waarde, arXiv 2503.00349): in a network of
linear resistors contrastive learning is projected gradient descent on a convex function of the
conductances, also where it takes one sample at a time. That function is the power at clamped less
that at free outputs. With every node an input or an output the clamped power is linear and the free
one concave in the conductances, so that the difference is convex. With hidden nodes the clamped
power is concave too, and whether the difference is convex is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from claim import Claim, Results, geometric, main, says, spread
from matplotlib.figure import Figure
from scipy.optimize import minimize

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project

HIDDEN = (0, 1, 3)
SAMPLES = 6
CHORDS, HESSIANS, STEPS, STARTS = 1000, 12, 1000, 5
LOW, HIGH = 0.05, 20.0
"""Siemens that the conductances are projected onto."""


@dataclass(frozen=True)
class Net:
    """Ground, two driven nodes, outputs and hidden nodes, each joined to every other, with S samples.

    Its powers are found by dense nodal analysis, independently of netlearn, which gives the update.
    """

    nodes: int
    outputs: Array
    volts: Array
    targets: Array

    @property
    def ends(self) -> tuple[Array, Array]:
        return np.triu_indices(self.nodes, 1)

    def power(self, g: Array, clamped: bool) -> float:
        """Half the mean power over the samples, with outputs free or clamped at their targets."""
        n, (first, second) = self.nodes, self.ends
        laplacian = np.zeros((n, n))
        np.add.at(laplacian, (first, first), g)
        np.add.at(laplacian, (second, second), g)
        np.add.at(laplacian, (first, second), -g)
        np.add.at(laplacian, (second, first), -g)
        held = np.concatenate([[0, 1, 2], self.outputs]) if clamped else np.array([0, 1, 2])
        v = np.zeros((len(self.volts), n))
        v[:, 1:3] = self.volts
        if clamped:
            v[:, self.outputs] = self.targets
        free = np.setdiff1d(np.arange(n), held)
        if len(free):
            v[:, free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, held)] @ v[:, held].T).T
        return float(np.mean(np.einsum("si,ij,sj->s", v, laplacian, v)) / 2)

    def contrast(self, g: Array) -> float:
        """H(g)."""
        return self.power(g, True) - self.power(g, False)

    def netlist(self) -> str:
        """The same network as a netlist."""
        probes = " ".join(f"V(n{i})" for i in self.outputs)
        names = ["0", *(f"n{i}" for i in range(1, self.nodes))]
        lines = [f"R{k} {names[a]} {names[b]} 1" for k, (a, b) in enumerate(zip(*self.ends, strict=True))]
        return "\n".join(
            ["* complete", f"*@output {probes}", "*@train R*", "V1 n1 0 0", "V2 n2 0 0", *lines, ".end", ""]
        )


class Update:
    """∂H/∂g as netlearn's contrastive rule has it."""

    def __init__(self, net: Net) -> None:
        data = {"V1": net.volts[:, 0], "V2": net.volts[:, 1]}
        data |= {f"V(n{i})": net.targets[:, k] for k, i in enumerate(net.outputs)}
        project = open_project(netlearn.parse(net.netlist()), data)
        self.model, given = project.model, project.samples()
        self.batch, self.rule, self.rng = (
            Batch(given.inputs, given.targets),
            make_rule("contrastive"),
            np.random.default_rng(0),
        )

    def __call__(self, g: Array, rows: Array | None = None) -> Array:
        batch = self.batch if rows is None else Batch(self.batch.inputs[rows], self.batch.targets[rows])
        return self.rule.estimate(self.model, Mse(), 1 / g, batch, self.rng).gradient * -(g**-2.0)


def network(hidden: int, seed: int, *, exact: bool) -> Net:
    """Three outputs; what is wanted is what other conductances give, and, if not ``exact``, something besides."""
    rng = np.random.default_rng([hidden, seed])
    outputs = np.arange(3, 6)
    volts = rng.uniform(-1, 1, (SAMPLES, 2))
    net = Net(6 + hidden, outputs, volts, np.zeros((SAMPLES, 3)))
    update = Update(net)
    teacher = np.exp(rng.normal(0, 0.7, len(net.ends[0])))
    targets = update.model.outputs(update.model.forward(1 / teacher, volts))
    return Net(net.nodes, outputs, volts, targets + (0.0 if exact else 0.1) * rng.normal(size=targets.shape))


def compute(what: str, hidden: int, seed: int, effort: float = 1.0) -> dict[str, Any]:
    """Chords and Hessians at random conductances, or a descent from random ones."""
    rng = np.random.default_rng(seed)
    if what == "chords":
        return chords(network(hidden, seed, exact=False), rng, effort)
    net = network(hidden, seed, exact=what == "reachable")
    update, size = Update(net), len(net.ends[0])
    result: dict[str, Any] = {}
    for name, whole in (("full", STEPS), ("stochastic", 4 * STEPS)):
        g, trail, steps = np.exp(rng.normal(0, 0.5, size)), [], round(whole * effort)
        for step in range(steps):
            if step % (steps // 48) == 0:
                trail.append(net.contrast(g))
            # Steps that shrink, as the updates of single samples do not.
            rows, rate = (None, 1.0) if name == "full" else (rng.integers(SAMPLES, size=1), 2.0 / (1 + step / 500))
            g = np.clip(g - rate * update(g, rows), LOW, HIGH)
        result |= {name: net.contrast(g), f"{name} trail": trail}
    if what == "unreachable":
        found = [minimum(net, update, np.exp(rng.normal(0, 0.5, size))) for _ in range(STARTS)]
        result |= {"least": min(found), "apart": max(found) / min(found) - 1}
    return result


def minimum(net: Net, update: Update, start: Array) -> float:
    """The least H within the bounds that L-BFGS-B finds from a start."""
    bounds, options = [(LOW, HIGH)] * len(start), {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-12}
    return float(minimize(net.contrast, start, (), "L-BFGS-B", update, bounds=bounds, options=options).fun)


def chords(net: Net, rng: np.random.Generator, effort: float) -> dict[str, Any]:
    """How often the middle of a chord lies under the function, the least curvature, and the worst update."""
    update, size = Update(net), len(net.ends[0])
    below, deepest = 0, 0.0
    for _ in range(round(CHORDS * effort)):
        a, b = np.exp(rng.normal(0, 1.5, (2, size)))
        ends = (net.contrast(a) + net.contrast(b)) / 2
        gap = (ends - net.contrast((a + b) / 2)) / ends
        below, deepest = below + (gap < -1e-9), min(deepest, gap)
    wrong, least = 0.0, np.inf
    for _ in range(max(2, round(HESSIANS * effort))):
        a = np.exp(rng.normal(0, 1.5, size))
        steps = 1e-5 * np.diag(a)
        numeric = np.array([net.contrast(a + h) - net.contrast(a - h) for h in steps]) / (2e-5 * a)
        wrong = max(wrong, float(np.abs(numeric - update(a)).max() / np.abs(numeric).max()))
        slopes = np.array([update(a + h) - update(a - h) for h in steps]) / (2e-5 * a[:, None])
        # In relative coordinates, that all conductances count alike.
        values = np.linalg.eigvalsh(a[:, None] * (slopes + slopes.T) / 2 * a)
        least = min(least, values[0] / np.abs(values).max())
    return {"below": below / round(CHORDS * effort), "deepest": deepest, "wrong": wrong, "curvature": least}


def of(results: Results, what: str, hidden: int, name: str) -> Array:
    return np.array([value[name] for key, value in results.items() if key[:2] == (what, hidden)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[2] for key in results})
    yield (
        f"Complete networks with three outputs and {SAMPLES} samples, {n} of each kind (n = {n}, ± one standard "
        f"deviation, n - 1); the update is"
    )
    yield "netlearn's `contrastive`, H is computed beside it by dense nodal analysis."
    yield ""
    yield (
        f"| hidden nodes | chords below H, of {CHORDS} | deepest, relative | least eigenvalue of the Hessian, "
        f"relative |"
    )
    yield "|---|---|---|---|"
    for hidden in HIDDEN:
        below, deepest, least = (of(results, "chords", hidden, name) for name in ("below", "deepest", "curvature"))
        yield f"| {hidden} | {spread(100 * below)} % | {deepest.min():.1e} | {least.min():.1e} |"
    yield ""
    wrong = max(of(results, "chords", hidden, "wrong").max() for hidden in HIDDEN)
    yield says(
        f"- The rule's update is the gradient of H to {wrong:.0e}, which is the error of the differences that "
        f"it is compared with.",
        wrong < 1e-5,
    )
    convex, not_convex = of(results, "chords", 0, "below"), of(results, "chords", 3, "below")
    yield says(
        "- Where every node is an input or an output H is convex: no chord lies below it, and no Hessian has a "
        "negative eigenvalue"
        " beyond rounding.",
        convex.max() == 0,
        of(results, "chords", 0, "curvature").min() > -1e-5,
    )
    yield says(
        f"- **Not so with hidden nodes**: {spread(100 * of(results, 'chords', 1, 'below'))} % (one) and "
        f"{spread(100 * not_convex)} % (three) of the chords"
        " lie below the function. The convergence theorem must not be read as one for networks with hidden nodes.",
        not_convex.min() > 0,
    )
    full, one = (of(results, "reachable", 0, name) for name in ("full", "stochastic"))
    first = of(results, "reachable", 0, "full trail")[:, 0]
    yield says(
        f"- Targets that other conductances give: from H = {geometric(first, '.2f')} W descent on all samples comes "
        f"down to {floor(full.max())} W or less in {STEPS:,} steps, and on one sample at a time to "
        f"{floor(one.max())} W or less in {4 * STEPS:,}.",
        full.max() < 1e-3 * first.min(),
        one.max() < 1e-3 * first.min(),
    )
    least, apart = (of(results, "unreachable", 0, name) for name in ("least", "apart"))
    yield says(
        f"- Targets that no conductances give: L-BFGS-B finds the same minimum from {STARTS} starts (to "
        f"{apart.max():.0e}).",
        apart.max() < 1e-6,
    )
    trail = of(results, "unreachable", 0, "stochastic trail")
    excess = [100 * (row / least - 1) for row in (*trail.T[[12, 24]], of(results, "unreachable", 0, "stochastic"))]
    words = ", ".join(f"{spread(each, '.0f')} %" for each in excess)
    whole = 100 * (of(results, "unreachable", 0, "full") / least - 1)
    yield says(
        f"  Descent on all samples is {spread(whole, '.1f')} % above it after {STEPS:,} steps. One sample at a time, "
        f"with steps that shrink, is {words} above it after {STEPS:,}, {2 * STEPS:,} and {4 * STEPS:,} steps: on the "
        f"way to the same minimum, as on a convex function.",
        excess[0].mean() > excess[1].mean() > excess[2].mean(),
        excess[2].mean() < 0.5 * excess[0].mean(),
        min(float(each.min()) for each in (*excess, whole)) > -1e-6,
    )


def floor(value: float) -> str:
    """A power that may have come down to rounding."""
    return f"{value:.0e}" if value > 1e-15 else "1e-15"


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    n = len({key[2] for key in results})
    for x, hidden in enumerate(HIDDEN):
        below = 100 * of(results, "chords", hidden, "below")
        left.errorbar([x], [below.mean()], [below.std(ddof=1)], fmt="o", capsize=4, color=f"C{x}")
    left.set(
        xticks=range(len(HIDDEN)),
        xticklabels=HIDDEN,
        xlabel="hidden nodes",
        ylabel="chords below the function (%)",
        title=f"mean ± standard deviation, n = {n}",
    )
    for i, what in enumerate(("reachable", "unreachable")):
        least = of(results, what, 0, "least")[:, None] if what == "unreachable" else 0.0
        for style, name in (("-", "full"), ("--", "stochastic")):
            rows = np.maximum(of(results, what, 0, f"{name} trail") - least, 1e-14)
            steps = np.linspace(0, STEPS * (1 if name == "full" else 4), rows.shape[1])
            label = f"{what} targets, {'all samples' if name == 'full' else 'one at a time'}"
            # Some come down to rounding and some do not, so that a mean would tell of none of them.
            lines = right.plot(steps, rows.T, style, color=f"C{i}", lw=1)
            lines[0].set_label(label)
    right.set(
        xlabel="step",
        ylabel="H above its minimum (W)",
        yscale="log",
        title=f"no hidden node, n = {n} networks of each kind",
        ylim=(1e-13, 1),
    )
    right.legend(fontsize="small")
    return figure


CLAIM = Claim(
    "contrastive_convex",
    "contrastive learning and convexity",
    compute,
    keys=[
        *(("chords", hidden, seed) for hidden in HIDDEN for seed in range(5)),
        *((what, 0, seed) for what in ("reachable", "unreachable") for seed in range(5)),
    ],
    small=[
        *(("chords", hidden, seed, 0.1) for hidden in (0, 3) for seed in range(2)),
        *((what, 0, 0, 0.1) for what in ("reachable", "unreachable")),
    ],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
