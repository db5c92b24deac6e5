"""The compiled loops for junction networks against the same methods on arrays, and without numba."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import Circuit, one_sample
from netlearn.solve.codegen import laws
from netlearn.solve.compiled import load as compiled
from netlearn.solve.equations import source_reduction
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.matrices import many as matrices
from netlearn.solve.newton import system
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.linearization import NonlinearLinearization
from netlearn.solve.newton.system import NonlinearModel
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize

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
    "a recombining diode": "R1 a c 1k\nR2 c d 2k\nD1 c 0 e\nD2 0 d e\nD3 d 0 d\n"
    ".model e d(isr=1n is=1e-13)\n.model d d",
    "ideal diodes": "R1 a c 1k\nR2 c d 2k\nR3 d 0 500\nD1 c 0 d\nD2 0 d d\n.model d d(ron=10 roff=1meg vfwd=0.2)",
    "transistors": "R1 a c 1k\nR2 b d 10k\nR3 e 0 100\nQ1 c d e q\nQ2 0 c d p\n"
    ".model q npn(vaf=50)\n.model p pnp(rb=50)",
    "transistors of one kind": "R1 a c 1k\nR2 b d 10k\nQ1 c d 0 q\nR4 c e 5k\nQ2 a e f q\nR3 f 0 1k\n.model q npn",
    "mosfets": "R1 b c 10k\nM1 c a 0 0 n\nM2 b c d 0 n\nR3 d 0 1k\nM3 d a b b p\n"
    ".model n nmos(vto=0.5 kp=1m lambda=0.01)"
    "\n.model p pmos(vto=-0.5 gamma=0.3)",
    "jfets": "R1 b c 1k\nJ1 c a d j\nR3 d 0 100\n.model j njf(vto=-1 lambda=0.01)",
    "switches": "R1 a c 1k\nS1 c 0 b 0 s\nR2 c d 1k\nR3 d 0 1k\n.model s sw(vt=0.5 ron=10 roff=1meg)",
    "expressions": "R1 a c 1k\nB1 c d I=1m*sinh(v(c,d))\nR3 d 0 500\nB2 e 0 V=tanh(v(d))*2\nR4 e c 1k\n"
    "G1 0 d value={1u*exp(v(c))*v(e)}\nE1 f 0 poly(2) c 0 d 0 0.1 0.5 0.2 0 0.3\nR5 f 0 1k",
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
    def without() -> None:
        for module in (compiled, system, matrices):
            monkeypatch.setattr(module, "available", lambda: False)

    return without


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
        ours, theirs = (linearize(op).solve(rhs, transpose=transpose) for op in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_samples_are_solved_in_pieces_where_there_are_many(monkeypatch):
    circuit = sampled(elaborated(NETWORKS["amplifiers"]), np.linspace(-2, 2, 40))
    whole = InternalSolver().solve(circuit)
    monkeypatch.setattr(lockstep, "MOST_NUMBERS", 7 * circuit.size)
    np.testing.assert_allclose(InternalSolver().solve(circuit).x, whole.x, rtol=1e-12, atol=1e-15)


def test_devices_that_cannot_be_compiled_are_left_to_arrays(monkeypatch):
    monkeypatch.setattr(laws, "MOST_NODES", 1)
    circuit = sampled(elaborated(NETWORKS["resistors and diodes"]), np.array([0.5, 1.0]))
    assert Lockstep.of(NonlinearModel.of(circuit), 2) is None
    assert np.abs(Equations.of(circuit).residual(InternalSolver().solve(circuit).x)).max() < 1e-11


def test_a_sample_that_fails_is_named():
    body = "R1 a c 1k\nD1 c 0 d\nE1 e 0 c 0 2\nR2 e c 1\nD2 0 e d\n.model d d\n.options itl1=1"
    with pytest.raises(netlearn.errors.ConvergenceError, match="sample"):
        InternalSolver().solve(sampled(elaborated(body), np.array([0.1, 3.0])))


def test_a_numba_that_does_not_load_is_done_without(monkeypatch, without_numba):
    for cached in (compiled.kernels, compiled.numba_loads):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    here = ("netlearn.solve.compiled.", "netlearn.solve.codegen.")
    for name in [name for name in sys.modules if name.startswith(here) and not name.endswith((".load", ".arguments"))]:
        monkeypatch.delitem(sys.modules, name)
    try:
        circuit = sampled(elaborated(NETWORKS["resistors and diodes"]), np.linspace(-1, 1, 9))
        assert not compiled.available()
        assert np.abs(Equations.of(circuit).residual(InternalSolver().solve(circuit).x)).max() < 1e-11
    finally:
        for cached in (compiled.kernels, compiled.numba_loads):
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


def test_straight_lines_are_solved_when_no_law_leaves_its_own():
    """From a solution, or one that is on the same lines, one step is all, and exact."""
    rng = np.random.default_rng(0)
    circuit = sampled(elaborated(NETWORKS["ideal diodes"]), rng.uniform(-3, 3, 40))
    solver = InternalSolver()
    first = solver.solve(circuit)
    g = next(g for g, group in enumerate(circuit.groups) if "v1" in list(group.names))
    moved = circuit.with_values({(g, "dc"): circuit.groups[g].values["dc"] * (1 + 1e-6)})
    again = solver.solve(moved, first)
    assert again.iterations == 1
    assert np.allclose(again.x, solver.solve(moved).x, rtol=1e-13, atol=1e-18)
    assert np.abs(again.residual().values).max() < 1e-15


@pytest.mark.parametrize(("resistance", "definite"), [(1e3, True), (-1e3, True), (-9.0, False)])
def test_pivots_tell_whether_the_jacobian_is_positive_definite(resistance, definite):
    body = NETWORKS["ideal diodes"] + f"\nR9 d 0 {resistance}"
    circuit = sampled(elaborated(body), np.full(3, 0.1))
    together = Lockstep.of(NonlinearModel.of(circuit), 3)
    assert together is not None
    outcome = together.solve(None, Tolerances.of(circuit), unique=False)
    assert outcome.converged.all()
    matrix = Equations.of(circuit).topology.matrix(Equations.of(circuit).jacobian(outcome.states.x)[:, 0]).toarray()
    free = [circuit.node(name) for name in "cd"]
    assert (np.linalg.eigvalsh(matrix[np.ix_(free, free)]) > 0).all() == definite
    assert (outcome.definite == definite).all()


ARRIVING = {
    "floating sources": "".join(
        f"Ri{k} a n{k} 1k\nVf{k} n{k} m{k} 0.5\nDn{k} n{k} 0 d\nDm{k} m{k} 0 d\nRm{k} m{k} 0 2k\n" for k in range(8)
    )
    + ".model d d",
    "antiparallel ideal diodes": "R1 a c 1k\nD1 c 0 d\nD2 0 c d\n.model d d(ron=1k roff=1meg vfwd=0.3)",
    "an ideal diode that breaks down": "R1 a c 1k\nD1 c 0 d\n.model d d(ron=1k roff=1meg vfwd=0.3 vrev=0.5)",
}


@pytest.mark.parametrize("name", ARRIVING)
def test_all_samples_arrive(name):
    """Currents into a floating source's node count in the law of both of its ends, and lines of one slope differ."""
    volts = np.random.default_rng(0).uniform(-3, 3, 200)
    circuit = sampled(netlearn.elaborate(netlearn.parse(f"t\nV1 a 0 1\n{ARRIVING[name]}\n.end")).circuit, volts)
    together = Lockstep.of(NonlinearModel.of(circuit), len(volts))
    assert together is not None
    assert together.solve(None, Tolerances(), unique=False).converged.all()
    found = InternalSolver().solve(circuit)
    assert np.abs(Equations.of(circuit).residual(found.x)).max() < 1e-11


def test_all_unknowns_are_those_that_samples_have_alone() -> None:
    """Currents of sources among them, either way round, where elements of all kinds take them."""
    text = """t
V1 a 0 1
V2 0 b 2
V3 g 0 1.5
V4 e 0 0.3
I1 0 a 1m
R1 a c 1k
R2 c b 2k
R3 a b 5k
M1 a g c 0 nm
D1 b c d
D2 a 0 d
G1 c 0 a b 1u
.model nm nmos(vto=0.7 kp=1m gamma=0.4)
.model d d(is=1e-14)
.end"""
    volts = np.random.default_rng(0).uniform(-0.6, 0.6, 9)
    circuit = sampled(netlearn.elaborate(netlearn.parse(text)).circuit, volts)
    together = InternalSolver().solve(circuit).x
    alone = np.concatenate([InternalSolver().solve(one_sample(circuit, k)).x for k in range(len(volts))])
    assert np.abs(together - alone).max() < 1e-12


@pytest.mark.parametrize(("sources", "looped"), [(3, True), (9, False)])
def test_entries_between_layers_are_multiplied_from_some_on(
    sources: int, looped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few a loop is as fast; both ways give the same currents of sources."""

    def point() -> OperatingPoint:
        lines = [f"V{i} a{i} 0 1\n" + "".join(f"R{i}{j} a{i} b{j} {1 + i + j}k\n" for j in range(8)) for i in range(9)]
        diodes = [f"D{j} b{j} 0 d\n" for j in range(8)]
        text = "".join(["* layers\n", *lines[:sources], *diodes, ".model d d\n.end\n"])
        return InternalSolver().solve(sampled(netlearn.elaborate(netlearn.parse(text)).circuit, np.linspace(0, 3, 30)))

    found = point()
    assert isinstance(found.linearization, NonlinearLinearization)
    together = found.linearization.together
    assert isinstance(together, Lockstep)
    assert (together.layout.recovery(together.model.reduction) is not None) == looped
    monkeypatch.setattr(source_reduction, "MOST_LOOPED", 0 if looped else 1000)
    np.testing.assert_allclose(point().x, found.x, rtol=1e-12, atol=1e-15)
