"""What CONTRIBUTING says of adding things, done: each addition works everywhere, and hurts no other netlist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Values
from netlearn.circuit.devices.model_type import ModelType, names
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.elaboration.cards import CARDS
from netlearn.errors import NgspiceError, OptionError
from netlearn.formats import export_csv, export_graphml, export_json
from netlearn.generate import new_netlist
from netlearn.learn.loss import LOSSES
from netlearn.learn.model import Model
from netlearn.learn.optimizers import OPTIMIZERS, State
from netlearn.learn.rules import RULES
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.schedule import SCHEDULES
from netlearn.learn.settings import DIRECTIVES, Settings
from netlearn.ngspice.export import flatten
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.ngspice.text import text_deck
from netlearn.options import Declared, Directive, option
from netlearn.overrides import settings_for
from netlearn.reference import explain
from netlearn.solve.internal import InternalSolver
from netlearn.topologies.kinds import TOPOLOGIES
from netlearn.topologies.network import Network

XOR = Path(__file__).resolve().parents[1] / "netlists" / "xor.cir"
DIVIDER = """* a divider to train
*@output V(out)
V1 in 0 0
R1 in out 1k
R2 out 0 1k
.end
"""
DATA = {"V1": [1.0, 2.0], "V(out)": [0.25, 0.5]}


@dataclass(frozen=True)
class Varistor(Device):
    """i = g v (1 + (v / v0)²): odd, and steep beyond v0."""

    def residual(self, x: Array, prepared: Values) -> Array:
        v = x[..., 0] - x[..., 1]
        current = prepared["g"] * v * (1.0 + (v / prepared["v0"]) ** 2)
        return np.stack([current, -current], axis=-1)


VARISTOR = Varistor("varistor", ("p", "n"), {"g": 1e-3, "v0": 1.0}, linear=False)


@pytest.fixture
def _varistor(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = ModelType("var", "D", VARISTOR, (2,), names("g v0"), in_ngspice=False)
    monkeypatch.setitem(MODEL_TYPES, "var", kind)


def solved(text: str) -> Any:
    return netlearn.operating_point(netlearn.parse(text))


@pytest.mark.usefixtures("_varistor")
def test_a_new_model_type_is_solved_and_exported() -> None:
    netlist = netlearn.parse("* t\nV1 a 0 3\nR1 a b 1k\nD1 b 0 m\n.model m var(g=1m v0=1)\n.end\n")
    # (3 - v) / 1k = v (1 + v²) 1m has the root 1.
    assert netlearn.operating_point(netlist).voltage("b")[0] == pytest.approx(1.0, rel=1e-9)
    circuit = netlearn.elaborate(netlist).circuit
    assert "varistor" in export_json(circuit)
    assert "d1,varistor" in export_csv(circuit)
    assert "varistor" in export_graphml(circuit)


@pytest.mark.usefixtures("_varistor")
def test_a_type_without_a_form_in_ngspice_refuses_only_netlists_that_use_it() -> None:
    used = netlearn.parse("* t\nV1 a 0 3\nR1 a 0 1k\nD1 a 0 m\n.model m var\n.end\n", "t.cir")
    with pytest.raises(NgspiceError, match="ngspice has no model type 'var'") as caught:
        text_deck(used)
    assert str(caught.value.place) == "t.cir:4:8"
    assert "R1 a 0 1k" in text_deck(netlearn.parse("* t\nV1 a 0 3\nR1 a 0 1k\n.model m var\n.end\n")).lines
    with_it = netlearn.elaborate(netlearn.parse("* t\nV1 a 0 3\nD1 a 0 m\n.model m var\n.end\n")).circuit
    with pytest.raises(NgspiceError, match="no way to write a varistor for ngspice"):
        flatten(with_it)
    without = netlearn.elaborate(netlearn.read(XOR)).circuit
    again = netlearn.elaborate(netlearn.parse(flatten(without))).circuit
    difference = InternalSolver().solve(again).voltage("yp") - InternalSolver().solve(without).voltage("yp")
    assert np.abs(difference).max() < 1e-9


@pytest.mark.ngspice
@pytest.mark.usefixtures("_varistor", "libngspice")
def test_ngspice_solves_other_netlists_beside_a_new_type() -> None:
    with NgspiceSolver(processes=1) as solver:
        point = solver.solve(netlearn.elaborate(netlearn.read(XOR)).circuit)
    assert point.voltage("yp")[0] == pytest.approx(netlearn.operating_point(XOR).voltage("yp")[0], abs=1e-8)


def test_a_new_type_with_ngspices_name_is_written_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = ModelType("var", "D", VARISTOR, (2,), names("g v0"))
    monkeypatch.setitem(MODEL_TYPES, "var", kind)
    text = flatten(netlearn.elaborate(netlearn.parse("* t\nV1 a 0 3\nD1 a 0 m\n.model m var(v0=2)\n.end\n")).circuit)
    assert ".model m1x0 var (v0=2)" in text.lower()


def test_a_new_card(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setitem(CARDS, "note", lambda body, item, card: seen.append([word.text for word in card.words]))
    assert solved("* t\nV1 a 0 1\nR1 a 0 1k\n.note hello there\n.end\n").voltage("a")[0] == 1
    assert " ".join(seen[0]) == "hello there"


@dataclass(frozen=True)
class Quartic(Declared):
    """The mean fourth power of the error."""

    gain: float = option(1.0, "factor of the loss", above=0.0)

    def value(self, outputs: Array, targets: Array) -> Array:
        return np.asarray(self.gain * np.mean((outputs - targets) ** 4, axis=-1))

    def gradient(self, outputs: Array, targets: Array) -> Array:
        return np.asarray(4.0 * self.gain / outputs.shape[-1] * (outputs - targets) ** 3)


@dataclass(frozen=True)
class Doubled(Declared):
    """Twice the exact gradient."""

    def estimate(self, model: Model, loss: Any, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        exact = Analytic().estimate(model, loss, theta, batch, rng)
        return Estimate(exact.loss, 2.0 * exact.gradient, exact.outputs, exact.point)


@dataclass(frozen=True)
class Signs(Declared):
    """Steps of one size against the gradient's sign."""

    lr: float = option(0.01, "size of a step", above=0.0)

    def start(self, size: int) -> State:
        return {}

    def step(self, state: State, gradient: Array) -> tuple[Array, State]:
        return -self.lr * np.sign(gradient), state


@dataclass(frozen=True)
class Halving(Declared):
    """Half the learning rate after each part of the training."""

    parts: int = option(2, "how often it is halved", least=1)

    def factor(self, epoch: int, epochs: int) -> float:
        return float(0.5 ** (self.parts * epoch // max(epochs, 1)))


@pytest.mark.parametrize(
    ("table", "name", "cls", "directive", "text"),
    [
        (LOSSES, "quartic", Quartic, "loss", "quartic gain=2"),
        (RULES, "doubled", Doubled, "rule", "doubled"),
        (OPTIMIZERS, "signs", Signs, "optimizer", "signs lr=0.02"),
        (SCHEDULES, "halving", Halving, "schedule", "halving parts=3"),
    ],
)
def test_a_new_part_of_learning_is_known_to_directives(
    monkeypatch: pytest.MonkeyPatch, table: Mapping[str, type], name: str, cls: type, directive: str, text: str
) -> None:
    monkeypatch.setitem(table, name, cls)  # type: ignore[arg-type]
    settings: dict[str, Any] = {"epochs": 60, directive: text}
    result = netlearn.train(netlearn.parse(DIVIDER), DATA, **settings)
    assert result.loss < 0.1 * result.history[0].loss
    with_line = netlearn.parse(DIVIDER.replace("V1 in", f"*@{directive} {text}\nV1 in"))
    again = netlearn.train(with_line, DATA, epochs=60)
    assert again.loss == result.loss


@dataclass(frozen=True)
class Ring(Declared):
    """Nodes in a circle, each joined to the next."""

    size: int = option(5, "nodes", least=4)

    def network(self, rng: np.random.Generator) -> Network:
        nodes = np.arange(self.size)
        ends = np.stack([nodes, np.roll(nodes, -1)], axis=1)
        return Network([f"n{k}" for k in range(self.size)], ends, nodes[:2], nodes[2:4], self.size - 1)


@dataclass(frozen=True)
class Budget(Declared):
    """What a circuit may cost."""

    watts: float = option(1.0, "power of all elements, in W", above=0.0)


@dataclass(frozen=True)
class BudgetedSettings(Settings):
    budget: Budget = Budget()


def test_a_new_directive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DIRECTIVES, "budget", Directive("budget", "what the circuit may cost", made=Budget))
    monkeypatch.setattr("netlearn.learn.settings.Settings", BudgetedSettings)
    netlist = netlearn.parse(DIVIDER.replace("V1 in", "*@budget watts=2\nV1 in"))
    for given, watts in (({}, 2.0), ({"budget": "watts=3"}, 3.0), ({"budget": Budget(4.0)}, 4.0)):
        settings = settings_for(netlist, given)
        assert isinstance(settings, BudgetedSettings)
        assert settings.budget == Budget(watts)
    with pytest.raises(OptionError, match="'watts' must be a number above 0"):
        settings_for(netlearn.parse(DIVIDER.replace("V1 in", "*@budget watts=0\nV1 in")), {})
    with pytest.raises(OptionError, match="cannot be the setting 'budget'"):
        settings_for(netlist, {"budget": Ring()})
    assert "  watts = a number above 0 [1]\n      power of all elements, in W" in explain("budget")


def test_a_new_kind_of_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOPOLOGIES, "ring", Ring)  # type: ignore[misc]
    made = new_netlist("ring", size=6, inputs=2, outputs=2)
    netlist = netlearn.parse(made.netlist)
    assert len(netlist.find("R*")) == 6
    assert np.isfinite(netlearn.operating_point(netlist).x).all()
