"""The rate of learning near a solution, and a kite circuit in which its bound vanishes.

Claim (J. A. McGinnis, X. Li, Y. Mori, arXiv 2606.15443): near a solution the loss falls
exponentially where a coercivity condition holds, a rank condition on the derivatives of the
outputs; a symmetry can make it fail, but not for almost every choice of the wanted outputs.

The kite here: ground at node 0, equal currents into nodes 1 and 2, resistors 0-1, 0-2, 1-2,
1-3 and 2-3. The outputs are the voltages from 1 to 2 and from 1 to 3. Where both are to be
zero, the solution is symmetric, no current flows in three of the resistors, and the derivatives
of the two outputs have rank 1 instead of 2: coercivity fails on the whole solution manifold.

What comes out beside that: here the loss falls exponentially nevertheless. Node 3 carries no
current from outside, so that the second output is always a part of the first, and the error stays
in the range of the derivatives. Coercivity is enough for an exponential decay, but not necessary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp
from setting import main

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

TARGETS = {"generic": (0.2, 0.08), "symmetric": (0.0, 0.0)}


@dataclass(frozen=True)
class Flow:
    """A gradient flow in the conductances: losses (T,) at ``times``, by wanted outputs.

    ``coercivity`` is the least singular value of ∂y/∂g at the end relative to the largest,
    ``bound`` the rate of decay that the least one guarantees, ``predicted`` the rate of the
    slowest error that the derivatives can see, and ``measured`` that of the flow.
    """

    times: Array
    losses: dict[str, Array]
    coercivity: dict[str, float]
    bound: dict[str, float]
    predicted: dict[str, float]
    measured: dict[str, float]


def run(small: bool) -> Flow:
    # Times and conductances are in units in which the circuit's are about 1.
    times = np.concatenate([[0], np.geomspace(0.1, 3000, 100 if small else 400)])
    losses, coercivity, bound, predicted, measured = {}, {}, {}, {}, {}
    for name, wanted in TARGETS.items():
        columns = {"I1": [1.0], "I2": [1.0], "V(1,2)": [wanted[0]], "V(1,3)": [wanted[1]]}
        whole = open_project(netlearn.parse(KITE), columns)
        model, batch = whole.model, Batch(np.array([[1.0, 1.0]]), np.array([wanted]))

        start = 1 / whole.parameters.initial
        rule = make_rule("al").estimate(model, Mse(), 1 / start, batch, np.random.default_rng(0))
        learned = rule.gradient / start**2
        assert np.allclose(learned, descent(0.0, start, np.array(wanted)), rtol=1e-6), "the flow is not the rule's"
        solution = solve_ivp(
            descent, (0, times[-1]), start, "LSODA", t_eval=times, rtol=1e-9, atol=1e-12, args=(np.array(wanted),)
        )
        loss = np.array([np.mean((state(g)[0] - wanted) ** 2) for g in solution.y.T])
        slopes = derivatives(model, solution.y[:, -1], batch)
        values = np.linalg.svd(slopes, compute_uv=False)
        # ℓ = e·e/2 and dg/dt = -Jᵀ e, so that de/dt = -J Jᵀ e and ℓ falls twice as fast.
        bound[name], predicted[name] = 2 * values[-1] ** 2, 2 * values[values > 1e-6 * values[0]][-1] ** 2
        late = (loss > 1e-14) & (loss < 1e-3 * loss[0])
        late &= np.cumsum(late) > np.sum(late) // 2
        measured[name] = -float(np.polyfit(times[late], np.log(loss[late]), 1)[0])
        coercivity[name], losses[name] = float(values[-1] / values[0]), loss
    return Flow(times, losses, coercivity, bound, predicted, measured)


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


def report(results: Flow) -> list[str]:
    lines = []
    for name in TARGETS:
        lines.append(
            f"{name:9} loss {results.losses[name][0]:.1e} -> {results.losses[name][-1]:.1e}, "
            f"least singular value of ∂y/∂g {results.coercivity[name]:.1e} of the largest"
        )
        lines.append(
            f"{name:9} decay rate {results.measured[name]:.3e}, predicted {results.predicted[name]:.3e}, "
            f"guaranteed {results.bound[name]:.1e}"
        )
    return lines


def draw(results: Flow) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (name, loss) in zip(figure.subplots(1, 2), results.losses.items(), strict=True):
        shown = loss > 1e-14
        x, y = results.times[shown], loss[shown]
        axes.semilogy(x, y, label="gradient flow")
        axes.semilogy(x, y[-1] * np.exp(-results.predicted[name] * (x - x[-1])), "--", label="predicted rate")
        axes.set(xlabel="time", ylabel="loss", title=f"{name} targets", ylim=(1e-14, 1))
        axes.text(0.05, 0.08, f"coercivity {results.coercivity[name]:.1e}", transform=axes.transAxes)
        axes.legend()
    return figure


if __name__ == "__main__":
    main(run, draw, report, "kite")
