"""Crossbars whose cells are taken together at a column, beside the same with each of them apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.project import Project, open_project
from netlearn.solve.lockstep import one_ports
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.lockstep.one_ports import OnePorts
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize
from netlearn.solve.threads import set_threads
from tests.helpers import differences, mean_loss

ROWS, COLUMNS, SAMPLES = 12, 8, 44
CELL = ".subckt cell p n g=10u k=2\nB1 p n I={g*sinh(k*V(p,n))/k}\n.ends"
FEET = {
    "loads": "Rl{j} c{j} 0 10k",
    "lifted": "Vf{j} c{j} d{j} 0.2\nRl{j} d{j} 0 10k",
    "diodes": "Rl{j} c{j} 0 10k\nD{j} c{j} 0 dm",
    "floating": "* {j}",
    "coupled": "Rl{j} c{j} c0x 10k",
}


def project(feet: str, x: Array, y: Array, cell: str = CELL) -> Project:
    """Cells between rows that sources hold and columns with feet of a kind."""
    outputs = [f"V(c{j},c{j + 1})" for j in range(0, COLUMNS, 2)]
    lines = ["t", f"*@output {' '.join(outputs)}", "*@train Xc*.g min=1u max=10m", cell, ".model dm D(is=1n n=2)"]
    lines += [f"V{i} r{i} 0 0" for i in range(ROWS)] + ["Rx c0x 0 5k", "Bx c0x 0 I={1m*tanh(V(r0,c0x))}"]
    lines += [FEET[feet].format(j=j) for j in range(COLUMNS)]
    g = np.random.default_rng(0).uniform(1e-5, 1e-4, (ROWS, COLUMNS))
    lines += [f"Xc{i}_{j} r{i} c{j} cell g={value:.6g}" for (i, j), value in np.ndenumerate(g)]
    columns = {f"V{i}": x[:, i] for i in range(ROWS)} | {name: y[:, k] for k, name in enumerate(outputs)}
    return open_project(netlearn.parse("\n".join([*lines, ".end"])), columns)


def inputs(volts: float) -> tuple[Array, Array]:
    """Samples of a volt, but every fifth of so many."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-0.5, 0.5, (SAMPLES, ROWS)) + 0.3, 0.1 * rng.normal(size=(SAMPLES, COLUMNS // 2))
    x[::5] *= volts
    return x, y


def step(feet: str, volts: float, rule: str = "analytic", cell: str = CELL) -> Estimate:
    x, y = inputs(volts)
    made = project(feet, x, y, cell)
    return make_rule(rule).estimate(made.model, Mse(), made.parameters.initial, Batch(x, y), np.random.default_rng(0))


def point_of(estimate: Estimate) -> OperatingPoint:
    assert estimate.point is not None
    return estimate.point


def ports_of(point: OperatingPoint) -> OnePorts | None:
    linearization = point.linearization
    assert isinstance(linearization, NonlinearLinearization)
    assert isinstance(linearization.together, Lockstep)
    return linearization.together.ports


@contextmanager
def apart() -> Iterator[None]:
    with patch.object(OnePorts, "build", lambda *_: None):
        yield


@pytest.mark.parametrize("volts", [1.0, 6.0], ids=["near", "some far"])
@pytest.mark.parametrize("feet", FEET)
def test_the_same_as_cells_apart(feet: str, volts: float) -> None:
    """States with the currents of sources, how many steps they took, loss and gradient."""
    found = step(feet, volts)
    ports = ports_of(point_of(found))
    assert ports is not None
    assert [len(one.lie.reads) for one in ports.summed] == [ROWS * COLUMNS]
    with apart():
        wanted = step(feet, volts)
    assert ports_of(point_of(wanted)) is None
    x, own = point_of(wanted).x, point_of(found).x
    np.testing.assert_allclose(own, x, rtol=1e-9, atol=1e-12 * np.abs(x).max())
    assert point_of(found).iterations == point_of(wanted).iterations
    assert found.loss == pytest.approx(wanted.loss, rel=1e-11)
    size = np.abs(wanted.gradient).max()
    np.testing.assert_allclose(found.gradient, wanted.gradient, rtol=1e-9, atol=1e-11 * size)


@pytest.mark.parametrize("rule", ["ep", "cl"])
def test_nudged_states(rule: str) -> None:
    found = step("loads", 6.0, rule)
    with apart():
        wanted = step("loads", 6.0, rule)
    size = np.abs(wanted.gradient).max()
    np.testing.assert_allclose(found.gradient, wanted.gradient, rtol=1e-5, atol=1e-6 * size)


def test_differences() -> None:
    x, y = inputs(1.0)
    made = project("loads", x, y)
    theta, batch = made.parameters.initial, Batch(x, y)
    found = make_rule("analytic").estimate(made.model, Mse(), theta, batch, np.random.default_rng(0))
    wanted = differences(lambda values: mean_loss(made.model, values, batch), theta)
    np.testing.assert_allclose(found.gradient, wanted, rtol=1e-5, atol=1e-7 * np.abs(wanted).max())


def test_samples_alone_and_threads() -> None:
    """A sample's bytes are the same beside any others, far ones too, and with any number of threads."""
    x, y = inputs(6.0)
    made = project("loads", x, y)
    theta = made.parameters.initial
    many = np.random.default_rng(3).permutation(np.repeat(np.arange(SAMPLES), 12))
    whole = made.model.forward(theta, x[many]).x
    try:
        for threads in (2, 3):
            set_threads(threads)
            assert np.array_equal(made.model.forward(theta, x[many]).x, whole)
    finally:
        set_threads(None)
    for k in (0, 1, 7):
        same = np.flatnonzero(many == k)
        assert (whole[same] == whole[same[0]]).all()


def test_linear_around_other_states() -> None:
    """Of states that are given as arrays, with voltages of their own at the sources."""
    x, _ = inputs(6.0)
    point = point_of(step("lifted", 6.0))
    rng, circuit = np.random.default_rng(0), point.circuit
    states = point.x + 0.05 * rng.normal(size=point.x.shape)
    right = np.zeros(states.shape)
    right[:, : len(circuit.nodes)] = rng.normal(size=(len(x), len(circuit.nodes)))
    for transpose in (False, True):
        found = linearize(OperatingPoint(circuit, states)).solve(right, transpose=transpose)
        with apart():
            wanted = linearize(OperatingPoint(circuit, states)).solve(right, transpose=transpose)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


def test_a_number_that_all_have_in_common_becomes_zero() -> None:
    """g sinh(k V) / k at k = 0 is no sum of products of sinh: cells are apart there."""
    cell = CELL.replace("k=2", "k=0")
    assert ports_of(point_of(step("loads", 1.0, cell=cell))) is None
    assert ports_of(point_of(step("loads", 1.0))) is not None


def test_more_sums_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are apart then."""
    with apart():
        wanted = step("loads", 1.0)
    monkeypatch.setattr(one_ports, "MOST_SUMS", SAMPLES * 25 - 1)
    found = step("loads", 1.0)
    assert np.array_equal(found.gradient, wanted.gradient)
    monkeypatch.setattr(one_ports, "MOST_SUMS", SAMPLES * 25)
    assert not np.array_equal(step("loads", 1.0).gradient, wanted.gradient)


def test_columns_without_a_foot_balance_to_the_last_digit() -> None:
    """Currents of cells are all that cancels at a column there, so that what they are summed to is near zero."""
    point = point_of(step("floating", 1.0))
    residual = point.residual()
    assert float(np.max(residual.relative)) < 1e-9
