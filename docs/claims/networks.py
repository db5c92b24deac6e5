"""The networks that the claims are tried on, with data to train and to test on."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.generate import new_netlist
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch, Estimate, Rule
from netlearn.project import Project, open_project
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint

NETLISTS = Path(__file__).parents[2] / "netlists"
KINDS: Mapping[str, Mapping[str, object]] = {
    "lattice": {"rows": 5, "columns": 5},
    "random": {"nodes": 24, "degree": 4.0},
    "layered": {"layers": "4-8-3", "inputs": 3, "outputs": 2},
    "small world": {"nodes": 24, "neighbours": 4},
    "complete": {"nodes": 10},
}
"""Five kinds of network of about 50 resistors."""


@dataclass(frozen=True)
class Lab:
    """A netlist with columns of data to train on and to test on."""

    netlist: str
    data: Mapping[str, Any]
    test: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def train(self, **settings: Any) -> netlearn.TrainResult:
        """Train it."""
        return netlearn.train(netlearn.parse(self.netlist), self.data, test=self.test, **{**self.settings, **settings})

    @cached_property
    def project(self) -> Project:
        """The netlist made ready."""
        return open_project(netlearn.parse(self.netlist), self.data, overrides={"test": self.test, **self.settings})

    @property
    def model(self) -> Model:
        """The circuit as a function."""
        return self.project.model

    @property
    def theta(self) -> Array:
        """The netlist's own values, (P,)."""
        return self.project.parameters.initial

    @cached_property
    def batch(self) -> Batch:
        """All samples to train on."""
        given = self.project.samples()
        return Batch(given.inputs, given.targets)

    def test_loss(self, theta: Array) -> float:
        """The mean loss of the test data at ``theta`` (P,)."""
        given = self.project.dataset(self.project.test_table)
        outputs = self.model.outputs(self.model.forward(theta, given.inputs))
        return float(np.mean(self.project.loss.value(outputs, given.targets)))

    def gradient(self, rule: Rule | str, seed: int = 0, **options: object) -> Array:
        """What a rule says of ∂ℓ/∂log θ at the netlist's values, (P,)."""
        return self.estimate(make_rule(rule, **options) if isinstance(rule, str) else rule, seed).gradient * self.theta

    def estimate(self, rule: Rule, seed: int = 0) -> Estimate:
        """What a rule says at the netlist's values."""
        return rule.estimate(self.model, self.project.loss, self.theta, self.batch, np.random.default_rng(seed))


def regression(
    kind: str, seed: int, *, diodes: bool = False, target: str = "means", samples: int = 20, **options: Any
) -> Lab:
    """A network of ``kind`` with three inputs and two outputs, where it has so many.

    Each output is to be a mean of the inputs (``means``), any numbers (``random``), or what the same network gives
    with other resistances (``reachable``). With ``diodes`` up to 12 nodes have one to ground, one way or the other.
    """
    word = {"small world": "smallworld"}.get(kind, kind)
    new = new_netlist(word, **{**KINDS[kind], "seed": seed, **options})
    text, rng = new.netlist, np.random.default_rng([seed, 1])
    if diodes:
        nodes = [name for i, name in enumerate(new.network.nodes) if i != new.network.ground][:12]
        lines = [f"D{i + 1} {n} 0 dm" if i % 2 else f"D{i + 1} 0 {n} dm" for i, n in enumerate(nodes)]
        text = text.replace(".end", "\n".join([".model dm d is=1e-8", *lines, ".end"]))
    names = [line.split()[0] for line in text.splitlines() if line.startswith("V")]
    probes = next(line for line in text.splitlines() if line.startswith("*@output")).split()[1:]
    volts = rng.uniform(-1.0, 1.0, (samples + 100, len(names)))
    if target == "means":
        weights = rng.dirichlet(np.ones(len(names) + 1), len(probes))[:, :-1]
        wanted = volts @ weights.T
    elif target == "random":
        wanted = 0.3 * rng.normal(size=(len(volts), len(probes)))
    else:
        wanted = _taught(text, names, probes, volts, rng)
    whole = {**dict(zip(names, volts.T, strict=True)), **dict(zip(probes, wanted.T, strict=True))}
    train, test = ({name: v[part] for name, v in whole.items()} for part in (slice(samples), slice(samples, None)))
    return Lab(text, train, test)


def _taught(text: str, names: list[str], probes: list[str], volts: Array, rng: np.random.Generator) -> Array:
    columns = dict(zip(names, volts.T, strict=True)) | {probe: np.zeros(len(volts)) for probe in probes}
    project = open_project(netlearn.parse(text), columns)
    theta = project.parameters.initial * np.exp(rng.normal(scale=0.5, size=len(project.parameters)))
    return project.model.outputs(project.model.forward(theta, project.samples().inputs))


def iris(kind: str, seed: int, **options: Any) -> Lab:
    """The three species of iris on a network of ``kind`` with eight inputs and three outputs."""
    sizes = {
        "lattice": {"rows": 8, "columns": 8},
        "random": {"nodes": 64, "degree": 4.0},
        "layered": {"layers": "8-8-3"},
    }
    new = new_netlist(kind, **{**sizes[kind], "inputs": 8, "outputs": 3, "seed": seed, **options})
    text = new.netlist.replace("*@rule", "*@loss    cross_entropy scale=20\n*@rule")
    return Lab(text, _iris("train"), _iris("test"), {"batch": 16, "seed": seed, "optimizer": "adam lr=0.05"})


def _iris(part: str) -> dict[str, Any]:
    with (NETLISTS / f"iris_{part}.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    volts = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return {**{f"V{k + 1}": volts[:, k] for k in range(8)}, "class": np.array([row[-1] for row in rows])}


@dataclass(frozen=True)
class Chip:
    """A solver in which the first group of resistors is off by ``factors`` (k,)."""

    factors: Array

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        g = circuit.group("resistor")
        assert g is not None
        resistance = circuit.groups[g].values["resistance"] * self.factors
        point = InternalSolver().solve(circuit.with_values({(g, "resistance"): resistance}), start)
        # Nobody knows the chip's resistances: what it was asked to be stays beside what it does.
        return replace(point, circuit=circuit, linearization=None)
