"""The rate of learning near a solution, and a kite circuit in which its bound vanishes.

Claim (J. A. McGinnis, X. Li, Y. Mori, arXiv 2606.15443): near a solution the loss falls
exponentially where a coercivity condition holds, a rank condition on the derivatives of the
outputs; a symmetry can make it fail, but not for almost every choice of the wanted outputs.

The kite here: ground at node 0, equal currents into nodes 1 and 2, resistors 0-1, 0-2, 1-2, 1-3 and
2-3. The outputs are the voltages from 1 to 2 and from 1 to 3. Where both are to be zero, the
solution is symmetric, no current flows in three of the resistors, and the derivatives of the two
outputs have rank 1 instead of 2: coercivity fails on the whole solution manifold.

What comes out beside that: here the loss falls exponentially nevertheless. Node 3 carries no
current from outside, so that the second output is always a part of the first, and the error stays
in the range of the derivatives. Coercivity is enough for an exponential decay, but not necessary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, geometric, main, says
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project

KITE = """* kite
*@output V(1,2) V(1,3)
*@train R*
I1 0 1 1
I2 0 2 1
R1 1 0 1
R2 2 0 1.3
R3 1 2 0.8
R4 1 3 1.2
R5 2 3 0.9
.end
"""

TARGETS = ("generic", "symmetric")
SHOWN = 5


TIMES = np.concatenate([[0], np.geomspace(0.1, 3000, 400)])
"""In units in which the circuit's conductances and resistances are about 1."""


def compute(name: str, seed: int, points: int = 400) -> dict[str, Any]:
    """A gradient flow in the conductances from random ones: its losses, and rates of decay.

    ``coercivity`` is the least singular value of ∂y/∂g at the end relative to the largest, ``bound`` the rate of decay
    that the least one guarantees, ``predicted`` the rate of the slowest error that the derivatives can see, and
    ``measured`` that of the flow.
    """
    rng = np.random.default_rng(seed)
    wanted = np.array([0.2, 0.08]) * rng.uniform(0.8, 1.2, 2) if name == "generic" else np.zeros(2)
    times = TIMES[:: 400 // points]
    columns = {"I1": [1.0], "I2": [1.0], "V(1,2)": [wanted[0]], "V(1,3)": [wanted[1]]}
    project = open_project(netlearn.parse(KITE), columns)
    model, batch = project.model, Batch(np.array([[1.0, 1.0]]), wanted[None])
    start = np.exp(rng.normal(0, 0.2, 5)) / project.parameters.initial
    rule = make_rule("al").estimate(model, Mse(), 1 / start, batch, np.random.default_rng(0))
    learned = rule.gradient / start**2
    assert np.allclose(learned, descent(0.0, start, wanted), rtol=1e-6), "the flow is not the rule's"
    solution = solve_ivp(descent, (0, times[-1]), start, "LSODA", t_eval=times, rtol=1e-9, atol=1e-12, args=(wanted,))
    loss = np.array([np.mean((state(g)[0] - wanted) ** 2) for g in solution.y.T])
    values = np.linalg.svd(derivatives(model, solution.y[:, -1], batch), compute_uv=False)
    late = (loss > 1e-14) & (loss < 1e-3 * loss[0])
    late &= np.cumsum(late) > np.sum(late) // 2
    return {
        "losses": np.maximum(loss, 1e-18),
        "coercivity": values[-1] / values[0],
        # ℓ = e·e/2 and dg/dt = -Jᵀ e, so that de/dt = -J Jᵀ e and ℓ falls twice as fast.
        "bound": 2 * values[-1] ** 2,
        "predicted": 2 * values[values > 1e-6 * values[0]][-1] ** 2,
        "measured": -float(np.polyfit(times[late], np.log(loss[late]), 1)[0]),
    }


ENDS = ((1, 0), (2, 0), (1, 2), (1, 3), (2, 3))
INCIDENCE = np.array([[(a == i) - (b == i) for a, b in ENDS] for i in (1, 2, 3)], dtype=float)
PROBES = np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])


def state(g: Array) -> tuple[Array, Array, Array]:
    """Outputs (2,), branch voltages (5,) and those of the two adjoint states (5, 2), by dense nodal analysis."""
    laplacian = (INCIDENCE * g) @ INCIDENCE.T
    solved = np.linalg.solve(laplacian, np.column_stack([[1.0, 1.0, 0.0], PROBES.T]))
    return PROBES @ solved[:, 0], INCIDENCE.T @ solved[:, 0], INCIDENCE.T @ solved[:, 1:]


def descent(_: float, g: Array, wanted: Array) -> Array:
    """dg/dt = -∂ℓ/∂g = Δv Δλ, written out for this circuit, as a flow takes very many steps."""
    outputs, drops, adjoint = state(g)
    return drops * (adjoint @ (outputs - wanted))


def derivatives(model: Model, g: Array, batch: Batch) -> Array:
    """∂y/∂g, (o, P), by central differences."""
    steps = np.diag(1e-6 * g)
    rows = [
        model.outputs(model.forward(1 / (g + h), batch.inputs))[0]
        - model.outputs(model.forward(1 / (g - h), batch.inputs))[0]
        for h in steps
    ]
    return np.asarray(np.array(rows).T / (2e-6 * g))


def of(results: Results, name: str, what: str) -> Array:
    return np.array([value[what] for key, value in results.items() if key[0] == name])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[1] for key in results})
    yield f"Gradient flows of the kite from {n} random starts, to generic targets and to symmetric ones (n = {n})."
    yield ""
    off = {name: np.abs(of(results, name, "measured") / of(results, name, "predicted") - 1).max() for name in TARGETS}
    yield says(
        f"- With generic targets coercivity holds ({geometric(of(results, 'generic', 'coercivity'))}), and the "
        f"loss falls at the rate that the"
        f" smallest singular value of ∂y/∂g predicts: {geometric(of(results, 'generic', 'measured'))} measured, "
        f"within {off['generic']:.1g} of the"
        " prediction.",
        off["generic"] < 0.05,
        of(results, "generic", "coercivity").min() > 1e-3,
    )
    yield says(
        f"- With symmetric targets coercivity fails (at most "
        f"{of(results, 'symmetric', 'coercivity').max():.0e}) on the whole solution manifold, so that"
        " nothing is guaranteed. **The loss falls exponentially nevertheless**, within"
        f" {off['symmetric']:.1g} of the rate of the one singular value that is left: the error stays where the "
        f"derivatives see it."
        " Coercivity is enough, but not necessary.",
        off["symmetric"] < 0.05,
        of(results, "symmetric", "coercivity").max() < 1e-6,
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(13, 4), layout="constrained")
    *flows, rates = figure.subplots(1, 3)
    for axes, name in zip(flows, TARGETS, strict=True):
        found = zip(of(results, name, "losses"), of(results, name, "predicted"), strict=True)
        for i, (losses, rate) in enumerate(list(found)[:SHOWN]):
            times = TIMES[:: 400 // (len(losses) - 1)]
            shown = losses > 1e-14
            x, y = times[shown], losses[shown]
            axes.semilogy(x, y, color=f"C{i}", label="gradient flows" if i == 0 else None)
            dashed = "predicted rate" if i == 0 else None
            axes.semilogy(x, y[-1] * np.exp(-rate * (x - x[-1])), "--", color=f"C{i}", lw=1, label=dashed)
        axes.set(xlabel="time", ylabel="loss", title=f"{name} targets, {SHOWN} of the flows", ylim=(1e-14, 1))
        axes.legend()
    for i, name in enumerate(TARGETS):
        rates.loglog(of(results, name, "predicted"), of(results, name, "measured"), f"C{i}o", ms=4, label=name)
    n = len(of(results, TARGETS[0], "bound"))
    ends = np.array(rates.get_xlim())
    rates.loglog(ends, ends, "k", lw=1, label="equal")
    rates.set(xlabel="predicted rate", ylabel="measured rate", title=f"all flows, n = {n} of each")
    rates.legend()
    return figure


CLAIM = Claim(
    "kite",
    "rate of convergence, and where its bound fails",
    compute,
    keys=[(name, seed) for name in TARGETS for seed in range(20)],
    small=[(name, seed, 100) for name in TARGETS for seed in range(2)],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
