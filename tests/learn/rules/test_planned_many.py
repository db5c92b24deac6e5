"""Gradients of many samples by plans, in each way that these contract states, against the general way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.planned import PlannedModel
from netlearn.project import open_project
from netlearn.solve.bordered.system import BorderedSystem
from netlearn.solve.compiled.load import kernels
from tests.learn.rules.test_planned import general_way, said, same

pytestmark = pytest.mark.filterwarnings("ignore::netlearn.NetlistWarning")

INPUTS, HIDDEN, OUTPUTS, SAMPLES = 12, 6, 3, 25


def layers(volts: Array, *, joined: int = INPUTS, outputs: str = "V(y0) V(y1,y2)") -> tuple[Model, Array, Batch]:
    """Layers, and nothing else, with sources at ``volts`` (S, p), ``joined`` of which each hidden node is joined to."""
    rng = np.random.default_rng(0)
    lines = [f"Ra{i}_{j} x{i} h{j} {{}}" for i in range(INPUTS) for j in range(HIDDEN) if (i - j) % INPUTS < joined]
    lines += [f"Rb{i}_{j} h{j} y{i} {{}}" for i in range(OUTPUTS) for j in range(HIDDEN)]
    resistors = [
        line.format(repr(float(r))) for line, r in zip(lines, 10 ** rng.uniform(3, 5, len(lines)), strict=True)
    ]
    others = [*(f"Vx{i} x{i} 0 0" for i in range(INPUTS)), *(f"D{j} 0 h{j} dm" for j in range(HIDDEN))]
    end = [".model dm d(ron=10 roff=1g vfwd=0)", "*@train R*", f"*@output {outputs}", ".end"]
    columns = {f"Vx{i}": volts[:, i] for i in range(INPUTS)} | dict.fromkeys(outputs.split(), 0.0 * volts[:, 0])
    model = open_project(netlearn.parse("\n".join(["layers", *resistors, *others, *end])), columns).model
    targets = rng.uniform(-0.2, 0.2, (len(volts), len(outputs.split())))
    return model, model.parameters.initial, Batch(volts, targets)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each way was taken."""
    count: Counter[str] = Counter()

    def counted(of: Any, name: str) -> None:
        work: Callable[..., Any] = getattr(of, name)

        def instead(*words: Any, **named: Any) -> Any:
            count[name] += 1
            return work(*words, **named)

        monkeypatch.setattr(of, name, instead)

    for name in ("contract_runs", "contract_products"):
        counted(kernels(), name)
    for name in ("from_border", "linearized"):
        counted(BorderedSystem, name)
    return count


VOLTS = np.random.default_rng(1).uniform(-1, 1, (SAMPLES, INPUTS))


@pytest.mark.parametrize(
    ("volts", "options", "ways"),
    [
        (VOLTS, {}, ("contract_products", "from_border")),
        (1.0 + 1e-6 * VOLTS, {}, ("contract_runs", "from_border")),
        (VOLTS, {"joined": 1}, ("contract_runs", "from_border")),
        (VOLTS, {"outputs": "V(h0) V(h1,y0)"}, ("contract_products", "linearized")),
    ],
    ids=["products in place", "voltages nearly equal", "few connections", "outputs at inner nodes"],
)
def test_each_way_of_contracting_gives_the_gradients_of_the_general_way(
    volts: Array, options: dict[str, Any], ways: tuple[str, ...], called: Counter[str]
) -> None:
    model, theta, batch = layers(volts, **options)
    for name in ("analytic", "ep"):
        called.clear()
        found = said(model, theta, batch, name, Mse())
        if name == "analytic":
            assert set(called) == set(ways)
            plan = PlannedModel.of(model)
            assert plan is not None
            assert (plan.border.products_in_place is None) == ("joined" in options)
        with general_way():
            same(found, said(model, theta, batch, name, Mse()), 1e-8 if name == "analytic" else 1e-5)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e3])
@pytest.mark.parametrize("outputs", ["V(y0) V(y1,y2)", "V(h0)"])
def test_volts_that_are_not_finite_have_no_planned_states(value: float, outputs: str) -> None:
    model, theta, batch = layers(VOLTS, outputs=outputs)
    volts = VOLTS.copy()
    volts[7, 3] = value
    plan = PlannedModel.of(model)
    assert plan is not None
    assert plan.border.products_in_place is not None
    step = plan.step(theta, Batch(volts, batch.targets))
    assert (step is None) == (abs(value) != 1e3)
    assert step is None or np.isfinite(step.read).all()


@pytest.mark.parametrize("samples", [40, 300])
@pytest.mark.parametrize("states", ["positive", "negative", "centered"])
def test_nudged_states_of_several_parts_are_those_of_the_general_way(states: str, samples: int) -> None:
    model, theta, batch = layers(np.random.default_rng(2).uniform(-1, 1, (samples, INPUTS)))
    options = {"beta": 1e-6, "states": states}
    found = said(model, theta, batch, "ep", Mse(), **options)
    with general_way():
        same(found, said(model, theta, batch, "ep", Mse(), **options), 1e-5)
