"""Small circuits, made by hand, that several tests of learning train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.learn.data import dataset_of, layout_of
from netlearn.learn.loss import CrossEntropy, Mse
from netlearn.learn.model import Model
from netlearn.learn.optimizers import Adam
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.schedule import Constant
from netlearn.learn.settings import LoopOptions
from netlearn.learn.subset import Subset
from netlearn.learn.table import Table
from netlearn.learn.task import Task
from netlearn.learn.transforms import Transform
from netlearn.probes.names import probes_of
from netlearn.solve.internal import InternalSolver

MakeTask = Callable[..., Task]


def _network(inputs: int, size: int, seed: int, extra: tuple[Group, ...] = ()) -> Circuit:
    """Sources to ground at the first nodes, and a resistor from every other node to all and to ground."""
    rng = np.random.default_rng(seed)
    ends = np.array(
        [(a, b) for a in range(inputs, size) for b in range(a)] + [(a, GROUND) for a in range(inputs, size)]
    )
    sources = np.array([(k, GROUND, size + k) for k in range(inputs)])
    return Circuit(
        [f"n{i}" for i in range(size)],
        [f"v{k + 1}" for k in range(inputs)],
        (
            Group(VOLTAGE_SOURCE, [f"v{k + 1}" for k in range(inputs)], sources, {"dc": np.zeros(inputs)}),
            Group(
                RESISTOR,
                [f"r{k + 1}" for k in range(len(ends))],
                ends,
                {"resistance": rng.uniform(500.0, 2000.0, len(ends))},
            ),
            *extra,
        ),
    )


def _parameters(circuit: Circuit, lower: float = 10.0, upper: float = 1e6) -> Parameters:
    resistors = circuit.groups[1]
    k = np.arange(len(resistors))
    return Parameters(
        circuit,
        list(resistors.names),
        np.array(resistors.values["resistance"]),
        np.full(len(k), lower),
        np.full(len(k), upper),
        np.ones(len(k), dtype=bool),
        (Direct((1, "resistance"), k, k, np.ones(len(k))),),
    )


@pytest.fixture
def make_task() -> MakeTask:
    """A task on a network of all-to-all resistors; regression, or classes with ``classes=True``."""

    def make(
        classes: bool = False, extra: tuple[Group, ...] = (), samples: int = 12, aside: int = 0, **changes: Any
    ) -> Task:
        rng = np.random.default_rng(7)
        circuit = _network(3, 6, 3, extra)
        columns: dict[str, object] = {f"V{k + 1}": rng.uniform(-1.0, 1.0, samples) for k in range(3)}
        outputs = ("V(n3)", "V(n4,n5)")
        if classes:
            columns["class"] = np.where(np.asarray(columns["V1"]) > np.asarray(columns["V2"]), "yes", "no")
        else:
            columns |= {name: rng.uniform(-0.2, 0.2, samples) for name in outputs}
        table = Table.of(columns)
        layout = layout_of(table, outputs)
        parameters = changes.pop("parameters", None) or _parameters(circuit)
        model = Model(
            parameters,
            [circuit.element(name) for name in layout.inputs],
            probes_of(circuit, layout.outputs),
            InternalSolver(),
        )
        parts: dict[str, Any] = {
            "model": model,
            "loss": CrossEntropy(20.0) if classes else Mse(),
            "rule": Analytic(),
            "data": dataset_of(table, layout),
            "optimizer": Adam(0.05),
            "schedule": Constant(),
            "transform": Transform.of(parameters, changes.pop("coordinates", "log")),
            "subset": Subset(),
            "options": LoopOptions(epochs=10),
        }
        if aside:
            whole = parts["data"]
            parts["data"], parts["validation"] = whole.part(np.arange(aside, samples)), whole.part(np.arange(aside))
        return Task(**{**parts, **changes})

    return make
