"""ngspice as a solver: values, reuse, several processes, hangs, crashes, what is missing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import (
    CCCS,
    CCVS,
    CURRENT_SOURCE,
    RESISTOR,
    VCCS,
    VCVS,
    VOLTAGE_SOURCE,
)
from netlearn.errors import CircuitError, NgspiceError
from netlearn.ngspice import solver as ngspice_module
from netlearn.ngspice.deck import write_deck
from netlearn.ngspice.process import WorkerProcess
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.difference import compare
from netlearn.solve.internal import InternalSolver

pytestmark = pytest.mark.ngspice


def divider(dc=(3.0,), r1=2e3):
    """in --r1-- out --r2-- ground, driven by v1."""
    resistors = Group(RESISTOR, ["r1", "r2"], np.array([[0, 1], [1, GROUND]]), {"resistance": np.array([r1, 1e3])})
    source = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array(dc)[:, None]})
    return Circuit(["in", "out"], ["v1"], (resistors, source))


def every_linear_device():
    """Two samples of a circuit with R, V, I, E, F, G and H."""
    n = {name: k for k, name in enumerate(["a", "b", "c", "d", "e"])}
    v1, v2, e1, h1 = 5, 6, 7, 8
    groups = (
        Group(
            RESISTOR,
            ["r1", "r2", "r3", "r4", "r5"],
            np.array(
                [[n["a"], n["b"]], [n["b"], GROUND], [n["c"], n["b"]], [n["d"], n["a"]], [n["e"], n["b"]]], dtype=int
            ),
            {"resistance": np.array([1e3, 2e3, 3e3, 4e3, 5e3])},
        ),
        Group(
            VOLTAGE_SOURCE,
            ["v1", "v2"],
            np.array([[n["a"], GROUND, v1], [n["d"], GROUND, v2]]),
            {"dc": np.array([[1.0, 0.5], [-2.0, 0.25]])},
        ),
        Group(CURRENT_SOURCE, ["i1"], np.array([[n["b"], n["a"]]]), {"dc": np.array([[1e-3], [2e-3]])}),
        Group(VCVS, ["e1"], np.array([[n["c"], GROUND, n["b"], n["d"], e1]]), {"gain": np.array([3.0])}),
        Group(CCCS, ["f1"], np.array([[n["b"], GROUND, v2]]), {"gain": np.array([0.3])}),
        Group(VCCS, ["g1"], np.array([[n["b"], n["d"], n["a"], n["c"]]]), {"gain": np.array([1e-4])}),
        Group(CCVS, ["h1"], np.array([[n["e"], n["d"], v1, h1]]), {"gain": np.array([50.0])}),
    )
    return Circuit(list(n), ["v1", "v2", "e1", "h1"], groups)


def dense_solution(circuit, sample):
    """Operating point of a linear circuit from its devices' residuals, by dense algebra."""
    one = circuit.with_values(
        {(g, n): v[sample] for g, group in enumerate(circuit.groups) for n, v in group.values.items() if v.ndim == 2}
    )
    size = circuit.size
    matrix, rhs = np.zeros((size + 1, size + 1)), np.zeros(size + 1)
    for group in one.groups:
        x = np.zeros(group.index.shape)
        constant = group.device.residual(x, group.values)
        np.add.at(rhs, group.index, -constant)
        for t in range(x.shape[1]):
            unit = x.copy()
            unit[:, t] = 1
            column = group.device.residual(unit, group.values) - constant
            for k in range(len(group)):
                np.add.at(matrix, (group.index[k], group.index[k, t]), column[k])
    return np.linalg.solve(matrix[:-1, :-1], rhs[:-1])


@pytest.fixture(scope="module")
def solver():
    with NgspiceSolver(timeout=30, processes=1) as solver:
        yield solver


@pytest.fixture(autouse=True)
def _library(libngspice):
    return libngspice


def test_divider_over_samples(solver):
    op = solver.solve(divider((3.0, -6.0, 0.5)))
    np.testing.assert_allclose(op.voltage("out"), np.array([3, -6, 0.5]) / 3, rtol=1e-12)
    np.testing.assert_allclose(op.current("v1"), np.array([3, -6, 0.5]) / -3000, rtol=1e-12)


def test_every_linear_device_agrees_with_dense_algebra(solver):
    circuit = every_linear_device()
    op = solver.solve(circuit)
    for sample in range(2):
        np.testing.assert_allclose(op.x[sample], dense_solution(circuit, sample), rtol=1e-9, atol=1e-15)


def test_every_alterable_value_is_altered_not_reloaded(solver):
    circuit = every_linear_device()
    solver.solve(circuit)
    deck = solver.workers[0].deck
    changed = circuit.with_values(
        {(g, n): v * 1.7 for g, group in enumerate(circuit.groups) for n, v in group.values.items()}
    )
    op = solver.solve(changed)
    assert solver.workers[0].deck is deck
    np.testing.assert_allclose(op.x[1], dense_solution(changed, 1), rtol=1e-9, atol=1e-15)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_random_resistor_networks(solver, n, seed):
    rng = np.random.default_rng(seed)
    tree = [(k, int(rng.integers(-1, k))) for k in range(n)]
    extra = [(int(a), int(b)) for a, b in rng.integers(0, n, (n, 2)) if a != b]
    index = np.array(tree + extra)
    resistance = 10 ** rng.uniform(0, 6, len(index))
    groups = (
        Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": resistance}),
        Group(CURRENT_SOURCE, ["i1"], np.array([[GROUND, n - 1]]), {"dc": rng.normal(size=(3, 1)) * 1e-3}),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, n]]), {"dc": rng.normal(size=(3, 1))}),
    )
    circuit = Circuit([f"node{k}" for k in range(n)], ["v1"], groups)
    op = solver.solve(circuit)
    for sample in range(3):
        np.testing.assert_allclose(op.x[sample], dense_solution(circuit, sample), rtol=1e-9, atol=1e-13)


def test_several_processes_give_the_same_in_the_same_order():
    circuit = divider(np.linspace(-1, 1, 31))
    with NgspiceSolver(processes=3) as solver:
        op = solver.solve(circuit)
        assert len(solver.workers) == 3
    np.testing.assert_allclose(op.voltage("out"), np.linspace(-1, 1, 31) / 3, rtol=1e-12, atol=1e-15)


def test_values_beyond_alter_are_solved_deck_by_deck(solver, monkeypatch):
    from dataclasses import replace

    from netlearn.ngspice import forms

    form = replace(forms.LINEAR_FORMS["resistor"], alterable={})
    monkeypatch.setitem(forms.LINEAR_FORMS, "resistor", form)
    circuit = divider().with_values({(0, "resistance"): np.array([[2e3, 1e3], [1e3, 1e3]]), (1, "dc"): np.array([3.0])})
    np.testing.assert_allclose(NgspiceSolver(processes=1).solve(circuit).voltage("out"), [1, 1.5], rtol=1e-12)


def test_no_name_of_the_users_is_in_the_deck():
    circuit = divider()
    evil = Circuit(
        ["in\n.control", "`id`{x}"],
        ["v1"],
        tuple(Group(g.device, ["$(id)"] * len(g), g.index, g.values) for g in circuit.groups),
    )
    assert write_deck(evil).lines == write_deck(circuit).lines


def test_floating_node_is_named():
    circuit = divider()
    resistors = Group(RESISTOR, ["r1", "r2"], np.array([[0, GROUND], [1, 2]]), {"resistance": np.array([1e3, 1e3])})
    source = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 3]]), {"dc": np.array([1.0])})
    circuit = Circuit(["in", "adrift", "lost"], ["v1"], (resistors, source))
    with NgspiceSolver() as solver, pytest.raises(CircuitError, match=r"adrift|lost"):
        solver.solve(circuit)


def test_a_node_that_only_capacitors_touch_is_named(solver):
    circuit = divider()
    with pytest.raises(CircuitError, match="node 'alone' has no DC path to ground"):
        solver.solve(Circuit([*circuit.nodes, "alone"], circuit.branches, _moved(circuit)))


def _moved(circuit):
    """The groups, with the branch current one place further."""
    source = circuit.groups[1]
    return circuit.groups[0], Group(source.device, source.names, np.array([[0, GROUND, 3]]), source.values)


def test_a_hang_is_cut_off_and_the_solver_still_works():
    with NgspiceSolver(timeout=1.0, processes=1) as solver:
        solver.solve(divider())
        pid = solver.workers[0].process.pid
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(NgspiceError, match="sample 1: ngspice took longer than 1 s"):
            solver.solve(divider((1.0, 2.0)))
        assert time.monotonic() - began < 5
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert solver.solve(divider()).voltage("out")[0] == pytest.approx(1)


def test_workers_end_with_the_program_that_started_them(tmp_path):
    code = (
        "import os, sys; sys.path.insert(0, os.getcwd());"
        "from tests.ngspice.test_solver import divider;"
        "from netlearn.ngspice.solver import NgspiceSolver;"
        "solver = NgspiceSolver(processes=1); solver.solve(divider());"
        "print(solver.workers[0].process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (Path(f"/proc/{pid}").exists() or list(tmp_path.iterdir())):
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists() or "(zombie)" in Path(f"/proc/{pid}/status").read_text()
    assert not list(tmp_path.iterdir())


def test_a_crash_is_retried_once():
    with NgspiceSolver(processes=1) as solver:
        solver.solve(divider())
        os.kill(solver.workers[0].process.pid, signal.SIGSEGV)
        np.testing.assert_allclose(solver.solve(divider((3.0, 6.0))).voltage("out"), [1, 2])


def test_a_crash_in_the_middle_goes_on_where_it_was(monkeypatch):
    killed: list[int] = []

    class Fragile(WorkerProcess):
        def receive(self):
            reply = super().receive()
            if reply[0] == "sample" and not killed:
                killed.append(self.process.pid)
                os.kill(self.process.pid, signal.SIGSEGV)
            return reply

    monkeypatch.setattr(ngspice_module, "WorkerProcess", Fragile)
    inputs = np.linspace(1, 2, 3000)
    with NgspiceSolver(processes=2) as solver:
        op = solver.solve(divider(inputs))
        assert killed
        assert killed[0] not in [worker.process.pid for worker in solver.workers]
    np.testing.assert_allclose(op.voltage("out"), inputs / 3, rtol=1e-12)


def test_two_crashes_are_an_error_with_the_sample(monkeypatch):
    circuit = divider((1.0, 2.0))

    class Fragile(WorkerProcess):
        def prepare(self, circuit, saves=True):
            deck = super().prepare(circuit, saves)
            self.process.kill()
            return deck

    monkeypatch.setattr(ngspice_module, "WorkerProcess", Fragile)
    with pytest.raises(NgspiceError, match=r"sample 1: .*SIGKILL"):
        NgspiceSolver(processes=1).solve(circuit)


def test_the_executable_serves_without_the_library(ngspice, monkeypatch):
    monkeypatch.setattr(ngspice_module, "library", lambda: None)
    circuit = every_linear_device()
    op = NgspiceSolver().solve(circuit)
    np.testing.assert_allclose(op.x[1], dense_solution(circuit, 1), rtol=1e-9, atol=1e-15)


def test_the_command_that_installs_ngspice_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nowhere/libngspice.so")
    with pytest.raises(NgspiceError, match="sudo apt-get install libngspice0 ngspice"):
        NgspiceSolver().solve(divider())


def test_nothing_is_printed(capfd):
    with NgspiceSolver() as solver:
        solver.solve(divider())
    assert capfd.readouterr() == ("", "")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_the_internal_solver_agrees_on_random_networks(solver, n, seed):
    rng = np.random.default_rng(seed)
    tree = [(k, int(rng.integers(-1, k))) for k in range(n)]
    extra = [(int(a), int(b)) for a, b in rng.integers(0, n, (2 * n, 2)) if a != b]
    index = np.array(tree + extra)
    resistance = 10 ** rng.uniform(1, 5, len(index))
    groups = (
        Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": resistance}),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, n]]), {"dc": rng.normal(size=(4, 1))}),
    )
    circuit = Circuit([f"node{k}" for k in range(n)], ["v1"], groups)
    comparison = compare(InternalSolver().solve(circuit), solver.solve(circuit), floor=1e-12)
    assert comparison.within(1e-9), comparison.largest_relative
