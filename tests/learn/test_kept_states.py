"""What training keeps of operating points: what the solver begins at, and what costs least to have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.learn.kept_states import KeptStates
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.operating_point import OperatingPoint

pytestmark = pytest.mark.filterwarnings("ignore::netlearn.NetlistWarning")

IDEAL = ".model d d(ron=1 roff=1meg vfwd=0)"
EXPONENTIAL = ".model d d(is=1n)"


def layers(diodes: str, rule: str = "analytic", *, joined: bool = True) -> str:
    """Four inputs, five nodes with diodes and two outputs, one of them ``joined`` to another node by a source."""
    rng = np.random.default_rng(0)
    lines = [f"V{i} x{i} 0 0\n" for i in range(4)]
    lines += [f"Ra{i}{j} x{i} h{j} {rng.uniform(1e3, 1e4):g}\n" for i in range(4) for j in range(5)]
    lines += [f"Rb{j}{k} h{j} y{k} {rng.uniform(1e3, 1e4):g}\n" for j in range(5) for k in range(2)]
    lines += [f"D{j} h{j} 0 d\n" for j in range(5)]
    last = "Vz z y1 0.1\nRz z 0 3k\n" if joined else "Rz y1 0 3k\n"
    ends = [last, f"{diodes}\n", "*@train Ra* Rb*\n", "*@output V(y0) V(y1)\n"]
    return "".join(["layers\n", *lines, *ends, f"*@rule {rule}\n", ".end\n"])


def samples(count: int) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    return {f"V{i}": rng.uniform(-1, 1, count) for i in range(4)} | {f"V(y{k})": np.full(count, 0.1) for k in range(2)}


def batch_of(diodes: str, count: int, *, joined: bool = True) -> tuple[Model, Array, Batch]:
    columns = samples(count)
    project = open_project(netlearn.parse(layers(diodes, joined=joined)), columns)
    x = np.stack(list(columns.values()), axis=1)
    return project.model, project.parameters.initial, Batch(x[:, :4], x[:, 4:])


@pytest.mark.parametrize("rule", ["analytic", "ep"])
@pytest.mark.parametrize("batch", [3, 0])
@pytest.mark.parametrize("count", [9, 40])
def test_training_by_a_plan_works_out_no_currents_of_sources(
    count: int, batch: int, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    own = SourceReduction.recover

    def recover(self: SourceReduction, *arguments: Any, **options: Any) -> Array:
        asked.append(1)
        return own(self, *arguments, **options)

    monkeypatch.setattr(SourceReduction, "recover", recover)
    solved: list[int] = []
    own_way = InternalSolver.solve

    def solve(self: InternalSolver, *arguments: Any) -> OperatingPoint:
        solved.append(1)
        return own_way(self, *arguments)

    monkeypatch.setattr(InternalSolver, "solve", solve)
    during: list[int] = []
    netlearn.train(
        netlearn.parse(layers(IDEAL, rule, joined=False)),
        samples(count),
        batch=batch,
        epochs=3,
        progress=lambda _: during.append(len(asked) + len(solved)),
    )
    # Not for the loss at the beginning of an epoch, either.
    assert during[-1] == 0


@pytest.mark.parametrize(("diodes", "joined"), [(IDEAL, False), (IDEAL, True), (EXPONENTIAL, True)])
@pytest.mark.parametrize("count", [3, 30])
def test_a_start_has_the_unknowns_that_the_solver_begins_at(diodes: str, joined: bool, count: int) -> None:
    model, theta, batch = batch_of(diodes, count, joined=joined)
    kept = KeptStates.of(model)
    assert kept.size == 7
    point = Analytic().estimate(model, Mse(), theta, batch, np.random.default_rng(0)).point
    assert point is not None
    start = kept.start(kept.of_point(point))
    known = ~np.isnan(start.x)
    assert known.sum() == 7 * count
    np.testing.assert_array_equal(start.x[known], point.x[known])
    # Kept once more, it is what it was.
    np.testing.assert_array_equal(kept.of_point(start), kept.of_point(point))
    again = InternalSolver().solve(model.circuit(theta, batch.inputs), start)
    whole = InternalSolver().solve(model.circuit(theta, batch.inputs), OperatingPoint(point.circuit, point.x))
    np.testing.assert_array_equal(again.x, whole.x)
    assert again.iterations == whole.iterations == 1
    np.testing.assert_allclose(again.x, point.x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["gauss-seidel", "hybrid"])
def test_solvers_by_blocks_begin_at_it(method: Any) -> None:
    model, theta, batch = batch_of(IDEAL, 20)
    kept, circuit = KeptStates.of(model), model.circuit(theta, batch.inputs)
    solver = InternalSolver(method=method)
    point = solver.solve(circuit)
    again = solver.solve(circuit, kept.start(kept.of_point(point)))
    assert again.iterations < point.iterations
    allowed = Tolerances.of(circuit).abstol
    assert np.abs(again.residual().values).max() < 10 * allowed


@dataclass
class Looks:
    """A solver of somebody else's, which begins at all unknowns."""

    starts: list[OperatingPoint | None]

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        self.starts.append(start)
        return InternalSolver().solve(circuit)


def test_another_solver_has_all_unknowns_to_start_from() -> None:
    solver = Looks([])
    netlearn.train(netlearn.parse(layers(IDEAL)), samples(5), epochs=2, forward=solver)
    assert solver.starts[0] is None
    assert solver.starts[1] is not None
    assert np.isfinite(solver.starts[1].x).all()


class Looking(InternalSolver):
    """A solver of somebody's own, which looks at where it starts."""

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        assert start is None or np.isfinite(start.x).all()
        return super().solve(circuit, start)


def test_a_solver_of_ones_own_starts_at_whole_states() -> None:
    model, _, _ = batch_of(IDEAL, 4)
    assert KeptStates.of(model).size < model.parameters.circuit.size
    assert KeptStates.of(replace(model, solver=Looking())).size == model.parameters.circuit.size


def test_a_model_without_inputs_has_the_samples_of_its_circuit() -> None:
    circuit = netlearn.elaborate(netlearn.parse("t\nV1 x 0 1\nR1 x y 1k\nR2 y 0 1k\n.end")).circuit
    (g,) = (g for g, group in enumerate(circuit.groups) if "dc" in group.values)
    circuit = circuit.with_values({(g, "dc"): np.array([[1.0], [2.0], [3.0]])})
    model, theta, _ = batch_of(IDEAL, 3)
    other = replace(model, inputs=[], parameters=replace(model.parameters, circuit=circuit, bindings=()))
    assert np.allclose(other.forward(theta, np.zeros((3, 0))).voltage("y"), [0.5, 1.0, 1.5])
