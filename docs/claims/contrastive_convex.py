"""Contrastive learning in linear networks as projected gradient descent on a convex function.

Claim (A.-M. Huijzer, T. Chaffey, B. Besselink, H. J. van Waarde, arXiv 2503.00349): in a
network of linear resistors contrastive learning is projected gradient descent on a convex
function of the conductances. That function is the power at clamped less that at free outputs.
With every node an input or an output the clamped power is linear and the free one concave in
the conductances, so that the difference is convex. With hidden nodes the clamped power is
concave too, and whether the difference is convex is looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from setting import main

from netlearn.arrays import Array


@dataclass(frozen=True)
class Convexity:
    """``gaps`` by kind of network: how far the middle of a chord lies under it, relative to the ends.

    Negative where the function is not convex. ``losses`` are descents from random conductances,
    ``wrong`` the largest difference between contrastive learning and the gradient.
    """

    gaps: dict[str, Array]
    curvature: dict[str, float]
    losses: Array
    wrong: float


@dataclass(frozen=True)
class Net:
    """Nodes 0..n-1 with b branches; ``held`` nodes are inputs, ``outputs`` are clamped at ``targets``."""

    incidence: Array
    held: Array
    volts: Array
    outputs: Array
    targets: Array

    def drops(self, g: Array, clamped: bool) -> Array:
        """Branch voltages (b,) at conductances g."""
        n = len(self.incidence)
        fixed = np.concatenate([self.held, self.outputs]) if clamped else self.held
        values = np.concatenate([self.volts, self.targets]) if clamped else self.volts
        v = np.zeros(n)
        v[fixed] = values
        free = np.setdiff1d(np.arange(n), fixed)
        if len(free):
            laplacian = (self.incidence * g) @ self.incidence.T
            v[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, fixed)] @ values)
        return np.asarray(self.incidence.T @ v)

    def contrast(self, g: Array) -> float:
        """H(g): half the power at clamped less that at free outputs."""
        return float(g @ (self.drops(g, True) ** 2 - self.drops(g, False) ** 2) / 2)

    def update(self, g: Array) -> Array:
        """∂H/∂g as contrastive learning has it, from local voltages."""
        return (self.drops(g, True) ** 2 - self.drops(g, False) ** 2) / 2


def complete(visible: int, hidden: int, rng: np.random.Generator) -> Net:
    """Every node joined to every other: two inputs, outputs, and hidden nodes."""
    n = visible + hidden
    first, second = np.triu_indices(n, 1)
    incidence = np.zeros((n, len(first)))
    incidence[first, np.arange(len(first))] = 1.0
    incidence[second, np.arange(len(first))] = -1.0
    outputs = np.arange(2, visible)
    return Net(incidence, np.array([0, 1]), np.array([0.0, 1.0]), outputs, rng.uniform(0.1, 0.9, len(outputs)))


def run(small: bool) -> Convexity:
    chords, descents = (300, 3) if small else (5000, 12)
    rng = np.random.default_rng(0)
    gaps, curvature = {}, {}
    wrong = 0.0
    for name, visible, hidden in (("no hidden node", 5, 0), ("one hidden node", 4, 1), ("three hidden nodes", 4, 3)):
        found, least = [], np.inf
        for i in range(chords):
            net = complete(visible, hidden, rng)
            a, b = np.exp(rng.normal(0, 1.5, (2, net.incidence.shape[1])))
            ends = (net.contrast(a) + net.contrast(b)) / 2
            found.append((ends - net.contrast((a + b) / 2)) / ends)
            if i < 60:
                nearby = 1e-5 * np.diag(a)
                slopes = np.array([net.update(a + h) - net.update(a - h) for h in nearby]) / (2e-5 * a[:, None])
                # In relative coordinates, that all conductances count alike.
                hessian = a[:, None] * (slopes + slopes.T) / 2 * a
                values = np.linalg.eigvalsh(hessian)
                least = min(least, values[0] / np.abs(values).max())
                numeric = np.array([net.contrast(a + h) - net.contrast(a - h) for h in nearby]) / (2e-5 * a)
                wrong = max(wrong, float(np.max(np.abs(numeric - net.update(a))) / np.max(np.abs(numeric))))
        gaps[name], curvature[name] = np.array(found), float(least)
    net, steps = complete(5, 0, np.random.default_rng(3)), 1000 if small else 8000
    losses = []
    for seed in range(descents):
        g = np.exp(np.random.default_rng(seed).normal(0, 1, net.incidence.shape[1]))
        trail = []
        for _ in range(steps):
            trail.append(net.contrast(g))
            g = np.clip(g - 0.5 * net.update(g), 0.05, 20.0)
        losses.append(trail)
    return Convexity(gaps, curvature, np.array(losses), wrong)


def report(results: Convexity) -> list[str]:
    lines = [f"contrastive update against finite differences of H: {results.wrong:.1e}"]
    for name, gaps in results.gaps.items():
        lines.append(
            f"{name:19} chords below the function: {np.mean(gaps < -1e-9):6.2%}, "
            f"least relative eigenvalue of the Hessian {results.curvature[name]:9.2e}"
        )
    lines.append(f"descents rise at {np.sum(np.diff(results.losses, axis=1) > 1e-12)} of {results.losses.size} steps")
    lines.append(f"and end at H between {results.losses[:, -1].min():.1e} and {results.losses[:, -1].max():.1e}")
    return lines


def draw(results: Convexity) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    chords, descent = figure.subplots(1, 2)
    for name, gaps in results.gaps.items():
        chords.hist(np.clip(gaps, -0.5, 1), bins=100, histtype="step", density=True, label=name)
    chords.axvline(0, color="k", lw=0.5)
    chords.set(xlabel="how far the middle lies under its chord, relative", ylabel="density", yscale="log")
    chords.legend(fontsize="small")
    descent.semilogy(np.maximum(results.losses.T, 1e-18))
    descent.set(xlabel="step", ylabel="H", ylim=(1e-14, 10), title="projected gradient descent, no hidden node")
    return figure


if __name__ == "__main__":
    main(run, draw, report, "contrastive_convex")
