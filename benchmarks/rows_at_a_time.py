"""What numbers of rows taken together are worth, and where other ways become faster, outside ``netlearn/solve``.

    python benchmarks/rows_at_a_time.py [--only NAME] [--rounds 7]

Lines as ``alternating_runs`` says; those of thresholds have the time of the way below the threshold beside that of the
way above.
"""

from __future__ import annotations

import csv
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from alternating_runs import ModuleConstant, Size, Threshold, Work, below, compare
from results_with_constants import claims

import netlearn
from netlearn import evaluation, prediction, realised
from netlearn.api import task_of
from netlearn.discrete import candidates
from netlearn.influences import local
from netlearn.influences.local import local_of
from netlearn.learn import fit, table
from netlearn.learn.rules import power
from netlearn.project import open_project
from netlearn.tolerances import trials
from netlearn.tolerances.trials import trials_of


def lab(side: int, *, diodes: bool, samples: int = 20) -> Any:
    """A lattice of resistors with data."""
    return claims().regression("lattice", 0, diodes=diodes, rows=side, columns=side, samples=samples)


def searched() -> Work:
    """Losses of 40 000 sets of values of a lattice of 3x3 with diodes, one sample each."""
    network = lab(3, diodes=True, samples=1)
    project = network.project
    names = tuple(project.parameters.names)
    found = candidates.Candidates.of(project.driven, names, project.layout.outputs, task_of(project))
    theta = network.theta * np.exp(np.random.default_rng(0).normal(0, 0.2, (40_000, len(network.theta))))
    return lambda: found.losses(theta)


def searched_apart(unknowns: int) -> Work:
    """Losses of 40 sets of values of a lattice of 20x20 resistors with so many unknowns of all samples."""
    network = lab(20, diodes=False, samples=unknowns // 400)
    project = network.project
    names = tuple(project.parameters.names)
    found = candidates.Candidates.of(project.driven, names, project.layout.outputs, task_of(project))
    theta = network.theta * np.exp(np.random.default_rng(0).normal(0, 0.2, (40, len(network.theta))))
    return lambda: found.losses(theta)


def drawn() -> Work:
    """40 000 draws of a lattice of 3x3 with diodes."""
    network = lab(3, diodes=True, samples=1)
    text = network.netlist.replace(".end", "*@tolerance R* 5%\n.end")
    of = trials_of(open_project(netlearn.parse(text), network.data))
    v = of.population.draw(40_000, 0)
    return lambda: of.outputs(v)


def evaluated() -> Work:
    """Outputs and power of 60 000 samples of a lattice of 7x7 with diodes."""
    network = lab(7, diodes=True)
    inputs = np.random.default_rng(0).uniform(-1, 1, (60_000, network.batch.inputs.shape[1]))
    return lambda: evaluation._outputs_and_watts(network.model, inputs, None)


def dissipating() -> Work:
    """Power of 20 000 samples of a lattice of 20x20 with diodes."""
    network = lab(20, diodes=True)
    inputs = np.random.default_rng(0).uniform(-1, 1, (20_000, network.batch.inputs.shape[1]))
    return lambda: power.dissipated_at(network.model, network.theta, inputs)


def predicted() -> Work:
    """Predictions of 20 000 samples of a lattice of 20x20 with diodes."""
    network = lab(20, diodes=True)
    rng = np.random.default_rng(0)
    netlist = netlearn.parse(network.netlist)
    data = {name: rng.uniform(-1, 1, 20_000) for name in network.data if name.startswith("V") and "(" not in name}
    return lambda: netlearn.predict(netlist, data)


def realisations(side: int, samples: int, *, diodes: bool = True) -> Work:
    """30 realisations of a lattice."""
    network = lab(side, diodes=diodes, samples=samples)
    project = network.project
    of = realised._Solving(project, project.samples())
    theta = network.theta * np.exp(np.random.default_rng(0).normal(0, 0.1, (30, len(network.theta))))
    return lambda: of.solved(theta)


def one_sample(unknowns: int) -> Work:
    """Lattices with diodes of so many unknowns."""
    return realisations(round(unknowns**0.5), 1)


def linear(unknowns: int) -> Work:
    """A lattice of 10x10 resistors with so many unknowns of all samples."""
    return realisations(10, unknowns // 100, diodes=False)


def standard_errors() -> Work:
    """Standard errors of 40 values of a lattice of 5x5 with diodes from 8000 samples."""
    network = lab(5, diodes=True, samples=8000)
    return lambda: fit.fit_of(network.model, network.project.loss, network.project.samples(), network.theta)


@cache
def influenced(side: int) -> Any:
    found = local_of(lab(side, diodes=False).project)
    shares = np.full(len(found), 1.0 / len(found))
    return found, shares, found.gradient(shares), found.jacobian, found.roots


def curvature(values: int) -> Work:
    """A damped Gauss-Newton step of a lattice with about so many resistors, 20 samples."""
    found, shares, gradient, *_ = influenced(round((values / 2) ** 0.5) + 1)
    return lambda: found.system(shares, gradient, 1e-3, 300).solve(gradient)


def read() -> Work:
    """A CSV file of 200 000 rows and five columns."""
    path = Path(tempfile.mkdtemp()) / "data.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["V1", "V2", "V3", "V4", "V(out)"])
        writer.writerows(np.random.default_rng(0).normal(size=(200_000, 5)).round(6).tolist())
    return lambda: table.read_csv(path)


SMALL = (25, 100, 400)
"""Unknowns of one sample."""
MEASURED: tuple[ModuleConstant, ...] = (
    Size(candidates, "ROWS", "40 000 sets of values of a lattice of 3x3 with diodes", searched),
    Threshold(
        candidates, "APART", "a lattice of 20x20 resistors, so many unknowns of all samples", searched_apart, below
    ),
    Size(trials, "ROWS", "40 000 draws of a lattice of 3x3 with diodes", drawn),
    Size(evaluation, "HELD", "60 000 samples of a lattice of 7x7 with diodes", evaluated),
    Size(power, "HELD", "power of 20 000 samples of a lattice of 20x20 with diodes", dissipating),
    Size(prediction, "HELD", "20 000 samples of a lattice of 20x20 with diodes", predicted),
    Size(fit, "AT_ONCE", "standard errors of 40 values from 8000 samples", standard_errors),
    Size(table, "LINES_AT_A_TIME", "200 000 rows of CSV", read),
    Threshold(realised, "LARGE", "a sample of lattices with diodes of so many unknowns", one_sample, below, SMALL),
    Threshold(realised, "LARGE", "a lattice of 10x10 resistors, so many unknowns of all samples", linear, below),
    Threshold(local, "WHOLE", "a step of a lattice with so many resistors, 20 samples", curvature, below),
)

if __name__ == "__main__":
    compare(MEASURED, __doc__)
