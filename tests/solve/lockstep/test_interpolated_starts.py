"""Starts from other samples' operating points where there may be several: they lead to those found from zero."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import Circuit, one_sample, taken
from netlearn.circuit.devices.linear import VOLTAGE_SOURCE
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.lockstep.run import SampleRun
from netlearn.solve.lockstep.starts import InterpolatedStarts
from netlearn.solve.newton.iteration import Tolerances
from netlearn.solve.newton.system import NonlinearModel

SIDE, COUNT = 6, 300
EDGES = [(k, k + 1) for k in range(SIDE**2) if (k + 1) % SIDE] + [(k, k + SIDE) for k in range(SIDE**2 - SIDE)]
MODELS = ".model q npn(vaf=60)\n.model m nmos(vto=0.7 kp=1m lambda=0.01)\n.model j njf(vto=-2 lambda=0.01)"
DEVICES = {
    "npn": [f"Q{k} n{k} b{k} 0 q\nRb{k} n{(k + 1) % SIDE**2} b{k} 20k" for k in range(SIDE**2)],
    "nmos": [f"M{k} n{a} g n{b} 0 m" for k, (a, b) in enumerate(EDGES[::3])],
    "njf": [f"J{k} n{k} n{(k + 1) % SIDE**2} 0 j" for k in range(SIDE**2)],
    "latch": ["Q1 x y 0 q\nQ2 y x 0 q\nRx s x 1k\nRy s y 1.1k\nVs s 0 3\nRa n5 x 2k\nRb n30 y 2k"],
}


def lattice(kind: str) -> Circuit:
    """With V1 and V2 at two corners set by samples."""
    lines = [f"R{a}_{b} n{a} n{b} {300 + 97 * k % 600}" for k, (a, b) in enumerate(EDGES)] + DEVICES[kind]
    text = "\n".join(["* t", "V1 n5 0 0", "V2 n30 0 0", "Vg g 0 3", "Rg n0 0 1k", *lines, MODELS, ".end"])
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    g, group = next((g, group) for g, group in enumerate(circuit.groups) if group.device is VOLTAGE_SOURCE)
    dc = np.repeat(np.asarray(group.values["dc"], float)[None], COUNT, axis=0)
    dc[:, [list(group.names).index(name) for name in ("v1", "v2")]] = np.random.default_rng(0).uniform(0, 3, (COUNT, 2))
    return circuit.with_values({(g, "dc"): dc})


def solved(circuit: Circuit) -> tuple[np.ndarray, np.ndarray]:
    """Unknowns, and steps taken by each sample."""
    together = Lockstep.of(NonlinearModel.of(circuit), COUNT)
    assert together is not None
    found = together.solve(None, Tolerances.of(circuit), unique=False)
    assert found.converged.all()
    return found.states.x, found.steps


@pytest.mark.parametrize("kind", DEVICES)
def test_operating_points_are_those_found_from_zero(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = lattice(kind)
    found, steps = solved(circuit)
    monkeypatch.setattr(lockstep, "CHECKED_FROM", COUNT + 1)
    cold, all_steps = solved(circuit)
    assert found == pytest.approx(cold, rel=1e-9, abs=1e-12)
    if kind == "latch":
        both = cold[:, circuit.nodes.index("x")] > cold[:, circuit.nodes.index("y")]
        assert 20 < both.sum() < COUNT - 20
        # Between the two states of a latch nothing is interpolated.
        assert steps.sum() >= all_steps.sum()
    else:
        assert steps.sum() < 0.7 * all_steps.sum()


def test_solutions_far_from_their_starts_are_looked_for_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = lattice("latch")
    monkeypatch.setattr(Lockstep, "reach_of", lambda *_: 0.05)
    found, _ = solved(circuit)
    monkeypatch.setattr(lockstep, "CHECKED_FROM", COUNT + 1)
    assert found == pytest.approx(solved(circuit)[0], rel=1e-9, abs=1e-12)


def test_where_a_known_sample_misses_kirchhoffs_laws_all_others_start_from_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    circuit, weigh, reach_of, known = lattice("npn"), SampleRun.weigh, Lockstep.reach_of, []

    def reached(together: Lockstep, starts: InterpolatedStarts, run: SampleRun) -> float:
        known.extend(starts.known.tolist())
        return reach_of(together, starts, run)

    def weighed(run: SampleRun, samples: np.ndarray) -> None:
        weigh(run, samples)
        if known[40] in samples:
            run.excess[known[40]] = 2.0

    monkeypatch.setattr(Lockstep, "reach_of", reached)
    monkeypatch.setattr(SampleRun, "weigh", weighed)
    together = Lockstep.of(NonlinearModel.of(circuit), COUNT)
    assert together is not None
    found = together.solve(None, Tolerances.of(circuit), unique=False)
    assert np.flatnonzero(~found.converged).tolist() == [known[40]]
    monkeypatch.setattr(lockstep, "CHECKED_FROM", COUNT + 1)
    monkeypatch.setattr(SampleRun, "weigh", weigh)
    cold, all_steps = solved(circuit)
    assert (found.steps == all_steps).all()
    assert found.states.x == pytest.approx(cold, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", ["latch", "npn"])
def test_of_fewer_samples_each_has_the_operating_point_that_it_has_alone(kind: str) -> None:
    circuit = lattice(kind)
    order = np.random.default_rng(1).permutation(COUNT)
    together: dict[int, np.ndarray] = {}
    for part in np.split(order, [lockstep.CHECKED_FROM - 1]):
        together |= dict(zip(part.tolist(), InternalSolver().solve(taken(circuit, part)).x, strict=True))
    for sample in order[:12].tolist():
        alone = InternalSolver().solve(one_sample(circuit, sample)).x[0]
        assert together[sample] == pytest.approx(alone, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", ["npn", "nmos"])
def test_currents_of_sources_at_transistors_balance(kind: str) -> None:
    circuit = lattice(kind)
    point = InternalSolver().solve(circuit)
    left = NonlinearModel.of(circuit).equations.residual(point.x)
    assert np.abs(left).max() < 1e-10
