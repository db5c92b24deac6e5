"""Gradients of layered networks of resistors and ideal diodes: fast DRN."""

# What is defined in a loop is run before its next turn.
# ruff: noqa: B023

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any

from peer_rows.rows import Row, agree, beside

SWEEPS = 4
"""Of fast DRN, as its author takes; two layers are not at rest then, but near it."""
BETA = 1e-3
"""In siemens: a tenth of what an output node of 100 resistances sees. float32 needs it that strong."""

SCALES = (1.0, 1.01, 1.02, 1.03)
"""What all resistances are multiplied by in turns: no step of training has the values of the one before."""


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


def fast_drn(conductances: Sequence[Any], x: Any, target: Any) -> Callable[[], Any]:
    """The gradient of ½ Σ (y - target)², by centered EP on states of fast DRN, in float32 by torch.

    Each call takes the next of several sets of ``conductances``, as each step of training has others.
    Exact coordinate descent by layers: B. Scellier, "A fast algorithm to simulate nonlinear resistive networks",
    ICML 2024, arXiv 2402.11674.
    """
    import torch

    torch.set_num_threads(1)
    inputs, wanted = (torch.tensor(v, dtype=torch.float32) for v in (x, target))
    sets = cycle([[torch.tensor(each, dtype=torch.float32) for each in pair] for pair in conductances])
    hidden = conductances[0][0].shape[1]
    even = torch.arange(hidden) % 2 == 0
    least = torch.where(even, -torch.inf, 0.0)
    most = torch.where(even, 0.0, torch.inf)

    def relax(h: Any, y: Any, beta: float, first: Any, second: Any) -> tuple[Any, Any]:
        at_hidden, at_outputs = first.sum(0) + second.sum(1), second.sum(0)
        for _ in range(SWEEPS):
            h = torch.clamp((inputs @ first + y @ second.T) / at_hidden, least, most)
            y = (h @ second + beta * wanted) / (at_outputs + beta)
        return h, y

    def squares(a: Any, b: Any) -> Any:
        return (a * a).sum(0)[:, None] + (b * b).sum(0) - 2 * a.T @ b

    def gradient() -> tuple[Any, Any]:
        values = next(sets)
        free = relax(torch.zeros(len(inputs), hidden), torch.zeros_like(wanted), 0.0, *values)
        (h1, y1), (h0, y0) = relax(*free, BETA, *values), relax(*free, -BETA, *values)
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
        sets = [(scale * theta, tuple(g / scale for g in conductances)) for scale in SCALES]
        theirs = fast_drn([each for _, each in sets], samples.inputs, samples.targets)
        # What all steps of training share is made before them, on both sides; neither rule draws from the generator.
        loss, rng = Mse(), np.random.default_rng(0)
        expected = np.concatenate([part.numpy().ravel() for part in theirs()])
        for name, rule in (
            ("exact gradient", make_rule("analytic")),
            ("centered EP", make_rule("ep", beta=BETA, unit="siemens")),
        ):
            values = cycle([each for each, _ in sets])

            def ours(rule: Any = rule, values: Any = values) -> Any:
                return rule.estimate(model, loss, next(values), samples, rng).gradient

            # Ours is by resistances. Losses differ by a factor, which the cosine does not see.
            found = -ours() * theta**2
            cosine = float(found @ expected / np.linalg.norm(found) / np.linalg.norm(expected))
            said = agree("drn", 1.0 - cosine, 2e-2)
            work = f"{'-'.join(map(str, layers))}, ideal diodes, batch {batch}, {name}"
            goal = 2.0 if batch == 4 else 3.0
            ratio = beside(ours, theirs, least)
            yield Row(work, f"fast DRN, {SWEEPS} sweeps, float32", ratio, f"1 - cosine {said}", goal)
