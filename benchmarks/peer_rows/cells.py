"""An epoch of training on cells whose current is a sinh of their voltage, beside one on resistors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import netlearn
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project
from peer_rows.rows import Row, agree, beside

ROWS, COLUMNS, BATCH, STEP = 64, 20, 64, 1e-6
CELLS = {
    "sinh": (".subckt cell p n g=10u\nB1 p n I={g*sinh(2*V(p,n))/sinh(2)}\n.ends", "Xc{i}_{j} r{i} c{j} cell g={g!r}"),
    "resistor": ("*", "Rc{i}_{j} r{i} c{j} {r!r}"),
}


def _project(cell: str, x: Any, y: Any) -> tuple[Any, Any]:
    """A crossbar whose outputs are differences of two columns, which have 1 kΩ each: its model and values."""
    head, line = CELLS[cell]
    conductances = np.random.default_rng(0).uniform(1e-5, 1e-3, (ROWS, COLUMNS)).tolist()
    trained = "*@train Xc*.g min=1u max=10m" if cell == "sinh" else "*@train Rc* min=100 max=1meg"
    outputs = [f"V(c{j},c{j + 1})" for j in range(0, COLUMNS, 2)]
    lines = ["cells", f"*@output {' '.join(outputs)}", trained, head, *(f"V{i} r{i} 0 0" for i in range(ROWS))]
    lines += [f"Rl{j} c{j} 0 1k" for j in range(COLUMNS)]
    lines += [line.format(i=i, j=j, g=g, r=1 / g) for i, row in enumerate(conductances) for j, g in enumerate(row)]
    columns = {f"V{i}": x[:, i] for i in range(ROWS)} | {name: y[:, k] for k, name in enumerate(outputs)}
    project = open_project(netlearn.parse("\n".join([*lines, ".end"])), columns)
    return project.model, project.parameters.initial


def epoch(least: float, *, quick: bool) -> Iterator[Row]:
    """The gradients of all batches of the digits' training part, or of a few, and of all digits in one batch."""
    digits = load_digits()
    count = 2 * BATCH if quick else 1437
    yield _beside(digits, least, count, BATCH)
    if not quick:
        # Then the crossbar of resistors is solved for its inputs, and not for the digits.
        yield _beside(digits, least, len(digits.data), len(digits.data))


def _beside(digits: Any, least: float, count: int, batch: int) -> Row:
    x, y = digits.data[:count] / 16, 0.2 * np.eye(10)[digits.target[:count]]
    rule, rng = make_rule("analytic"), np.random.default_rng(0)
    projects = {cell: _project(cell, x, y) for cell in CELLS}

    def step(cell: str, theta: Any, first: int) -> Any:
        samples = Batch(x[first : first + batch], y[first : first + batch])
        return rule.estimate(projects[cell][0], Mse(), theta, samples, rng)

    def work(cell: str) -> None:
        for first in range(0, count, batch):
            step(cell, projects[cell][1], first)

    theta = projects["sinh"][1]
    way = theta * rng.normal(size=len(theta))
    along = float(step("sinh", theta, 0).gradient @ way)
    losses = [step("sinh", theta + sign * STEP * way, 0).loss for sign in (1, -1)]
    difference = abs((losses[0] - losses[1]) / (2 * STEP) / along - 1)
    return Row(
        f"crossbar {ROWS}×{COLUMNS} of sinh cells, an epoch of {count:,} digits "
        + ("in one batch" if batch == count else f"in batches of {batch}"),
        "netlearn itself with resistors as cells",
        beside(lambda: work("sinh"), lambda: work("resistor"), least),
        agree("cells", difference, 1e-5) + " from differences",
        0.25,
    )
