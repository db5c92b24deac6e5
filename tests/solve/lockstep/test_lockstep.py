"""The compiled loops for junction networks against the same methods on arrays, and without numba."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlearn
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import Environment
from netlearn.circuit.devices.diode import DIODE_WITHOUT_SERIES, MODELS
from netlearn.solve.compiled import load as compiled
from netlearn.solve.compiled.arguments import Junctions
from netlearn.solve.compiled.junction_loops import exponential, law, limit
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.matrices import many as matrices
from netlearn.solve.newton.system import NonlinearModel

SOURCES = "V1 a 0 {v}\nV2 b a 0.4\nI1 0 c 1m\n"
NETWORKS = {
    "resistors and diodes": "R1 a c 1k\nR2 c d 2k\nR3 d 0 500\nR4 b d 1k\nD1 c 0 d\nD2 0 d d\n.model d d(is=1e-12)",
    "series resistance": "R1 a c 1k\nR2 c d 2k\nR3 d 0 500\nD1 c d d\nD2 b d d\n.model d d(is=1e-14 rs=20 n=1.5)",
    "breakdown": "R1 a c 1k\nR2 c d 2k\nR3 d 0 500\nD1 0 c d\nD2 0 d d\n.model d d(bv=0.9 ibv=1u)",
    "between given voltages": "R1 c 0 1k\nR2 a c 1k\nD1 a 0 d\nD2 0 b d\nD3 a b d\n.model d d(is=1u)",
    "nothing free": "Vc c 0 0.1\nD1 a 0 d\nD2 0 b d\nD3 c a d\n.model d d(is=1u)",
    "amplifiers": "R1 a h 1k\nR2 b g 2k\nR9 c 0 1k\nD1 h 0 d\nD2 0 g d\nE1 p 0 h 0 4\nF1 0 h E1 0.25\n"
    "E2 q 0 g 0 4\nF2 0 g E2 0.25\nR3 p o 1k\nR4 q o 3k\nR5 o 0 1k\nR6 c o 1k\n.model d d(is=1u)",
    "a gain between nodes with junctions": "R1 a c 1k\nG1 c d a c 1m\nR3 d 0 500\n"
    "D1 c 0 d\nD2 d 0 d\nD3 0 d d\n.model d d",
    "both ends the same": "R1 a c 1k\nD1 c e d\nV3 c e 0\nD2 e 0 d\n.model d d",
}


def elaborated(body: str) -> Circuit:
    return netlearn.elaborate(netlearn.parse("* t\n" + SOURCES.format(v=1) + body + "\n.end")).circuit


def sampled(circuit: Circuit, volts: np.ndarray) -> Circuit:
    """The circuit with V1 at each of ``volts`` (S,)."""
    g = next(g for g, group in enumerate(circuit.groups) if "v1" in list(group.names))
    group = circuit.groups[g]
    dc = np.repeat(np.asarray(group.values["dc"], float)[None], len(volts), axis=0)
    dc[:, list(group.names).index("v1")] = volts
    return circuit.with_values({(g, "dc"): dc})


@pytest.fixture
def without_numba(monkeypatch):
    def forget() -> None:
        matrices.on_diagonal.cache_clear()

    def without() -> None:
        forget()
        for module in (compiled, lockstep, matrices):
            monkeypatch.setattr(module, "available", lambda: False)

    yield without
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [2, 5, 150])
def test_operating_points_are_those_of_each_sample_alone(name, count, without_numba):
    volts = np.random.default_rng(0).uniform(-3, 3, count)
    circuit = sampled(elaborated(NETWORKS[name]), volts)
    together = Lockstep.of(NonlinearModel.of(circuit), count)
    assert together is not None
    found = InternalSolver().solve(circuit)
    again = InternalSolver().solve(circuit, found)
    assert again.iterations <= 2
    # A source right across a diode drives astronomic currents.
    largest = np.abs(found.x).max(axis=1, keepdims=True)
    assert (np.abs(Equations.of(circuit).residual(found.x)) / (1.0 + largest)).max() < 1e-11
    without_numba()
    assert Lockstep.of(NonlinearModel.of(circuit), count) is None
    expected = InternalSolver().solve(circuit)
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-8, atol=1e-13)
    np.testing.assert_allclose(again.x, expected.x, rtol=1e-8, atol=1e-13)
    rhs = np.random.default_rng(1).normal(size=found.x.shape)
    for transpose in (False, True):
        ours, theirs = (op.linearization.solve(rhs, transpose=transpose) for op in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_samples_are_solved_in_pieces_where_there_are_many(monkeypatch):
    circuit = sampled(elaborated(NETWORKS["amplifiers"]), np.linspace(-2, 2, 40))
    whole = InternalSolver().solve(circuit)
    monkeypatch.setattr(lockstep, "MOST_NUMBERS", 7 * circuit.size)
    np.testing.assert_allclose(InternalSolver().solve(circuit).x, whole.x, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "more", ["M1 c d 0 0 m\n.model m nmos", "D9 c 0 e\n.model e d(isr=1n)", "B1 c 0 I=v(c)*v(d)/1k"]
)
def test_other_devices_are_left_to_arrays(more):
    circuit = sampled(elaborated(NETWORKS["resistors and diodes"] + "\n" + more), np.array([0.5, 1.0]))
    assert Lockstep.of(NonlinearModel.of(circuit), 2) is None
    assert np.abs(Equations.of(circuit).residual(InternalSolver().solve(circuit).x)).max() < 1e-11


def test_a_sample_that_fails_is_named():
    body = "R1 a c 1k\nD1 c 0 d\nE1 e 0 c 0 2\nR2 e c 1\nD2 0 e d\n.model d d\n.options itl1=1"
    with pytest.raises(netlearn.errors.ConvergenceError, match="sample"):
        InternalSolver().solve(sampled(elaborated(body), np.array([0.1, 3.0])))


def prepared(values: dict[str, float]) -> tuple[Junctions, dict]:
    complete = MODELS["d"].complete(values, {})
    columns = {key: np.array([float(value)]) for key, value in complete.items()}
    quantities = DIODE_WITHOUT_SERIES.prepare(columns, Environment())
    stated = DIODE_WITHOUT_SERIES.junction_law(2, quantities)
    none, slots = np.zeros(1, dtype=np.int64), np.zeros((1, 4), dtype=np.int64)
    parts = {key: np.array(np.broadcast_to(value, 1), dtype=float) for key, value in stated.values.items()}
    return Junctions(none, none, slots, **parts), quantities


@pytest.mark.parametrize("values", [{}, {"is": 1e-6, "n": 1.7}, {"bv": 5.0}, {"bv": 0.9, "ibv": 1e-6, "nbv": 1.3}])
def test_the_junction_is_the_diode(values):
    junctions, quantities = prepared(values)
    v = np.concatenate([np.linspace(-8, 2, 1001), [0.0, -1e-9, 1e-12, 16.0, 30.0, -0.078, -25.0]])[:1000]
    current, slope, scale = np.empty((1, 1000)), np.empty((1, 1000)), np.empty(1000)
    law(junctions, v[None], current, slope, scale, scale.view(np.int64))
    x = np.stack([v, np.zeros_like(v)], axis=-1)[:, None]
    np.testing.assert_allclose(
        current[0], DIODE_WITHOUT_SERIES.residual(x, quantities)[:, 0, 0], rtol=1e-12, atol=1e-28
    )
    np.testing.assert_allclose(slope[0], DIODE_WITHOUT_SERIES.jacobian(x, quantities)[:, 0, 0, 0], rtol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from([{}, {"is": 1e-6, "n": 1.7}, {"bv": 5.0}]))
@settings(deadline=None, max_examples=40)
def test_steps_are_limited_as_the_diode_limits_them(seed, values):
    junctions, quantities = prepared(values)
    rng = np.random.default_rng(seed)
    new, old = rng.normal(size=(2, 1, 64)) * 10.0 ** rng.uniform(-3, 1.5, (2, 1, 64))
    place = np.empty_like(new)
    limit(junctions, new, old, place)
    ends = [np.stack([v[0], np.zeros(64)], axis=-1)[:, None] for v in (new, old)]
    expected = DIODE_WITHOUT_SERIES.limit(*ends, quantities)[:, 0, 0]
    np.testing.assert_allclose(place[0], expected, rtol=1e-9, atol=1e-12)


def test_the_exponential_is_numpys():
    x = np.concatenate([np.linspace(-690, 690, 4001), np.linspace(-3, 3, 999)])
    result, scale = np.empty_like(x), np.empty_like(x)
    exponential(x, result, scale, scale.view(np.int64))
    np.testing.assert_allclose(result, np.exp(x), rtol=4e-16)


def test_a_numba_that_does_not_load_is_done_without(monkeypatch, without_numba):
    matrices.on_diagonal.cache_clear()
    for cached in (compiled.kernels, compiled.available):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    here = "netlearn.solve.compiled."
    for name in [name for name in sys.modules if name.startswith(here) and not name.endswith((".load", ".arguments"))]:
        monkeypatch.delitem(sys.modules, name)
    try:
        circuit = sampled(elaborated(NETWORKS["resistors and diodes"]), np.linspace(-1, 1, 9))
        assert not compiled.available()
        assert np.abs(Equations.of(circuit).residual(InternalSolver().solve(circuit).x)).max() < 1e-11
    finally:
        for cached in (compiled.kernels, compiled.available):
            cached.cache_clear()


def random_body(rng: np.random.Generator) -> str:
    """Resistors and diodes of several kinds between up to 16 nodes, sometimes with controlled sources."""
    nodes = ["0", "a", "b", "c", *(f"x{i}" for i in range(rng.integers(3, 14)))]
    inner = nodes[4:]
    lines = ["Rc c 0 1k"]
    for i in range(len(inner)):
        lines.append(f"Rp{i} x{i} {nodes[rng.integers(0, 4 + i)]} {10 ** rng.uniform(1, 5):.4g}")
    for k in range(2 * len(inner)):
        p, q = rng.choice(nodes, 2, replace=False)
        lines.append(f"R{k} {p} {q} {10 ** rng.uniform(1, 5):.4g}")
    for k in range(rng.integers(1, 2 * len(inner))):
        p, q = rng.choice(nodes[3:], 2, replace=False)
        lines.append(f"D{k} {p} {q} m{rng.integers(0, 4)}")
    for k in range(2 * (rng.random() < 0.4)):
        p, q = rng.choice(nodes[3:], 2, replace=False)
        lines.append(f"G{k} {p} 0 {q} 0 {rng.normal() * 1e-3:.3g}")
    models = ["is=1e-14", "is=1u n=1.6 rs=3", "bv=2 ibv=1m", "is=1e-9 rs=50 n=2"]
    return "\n".join([*lines, *(f".model m{k} d({values})" for k, values in enumerate(models))])


@pytest.mark.parametrize("seed", range(30))
def test_kirchhoffs_law_holds_in_random_networks(seed):
    rng = np.random.default_rng(seed)
    circuit = sampled(elaborated(random_body(rng)), rng.uniform(-10, 10, 60))
    assert Lockstep.of(NonlinearModel.of(circuit), 60) is not None
    x = InternalSolver().solve(circuit).x
    largest = np.abs(x).max(axis=1, keepdims=True)
    assert (np.abs(Equations.of(circuit).residual(x)) / (1.0 + largest)).max() < 1e-11
