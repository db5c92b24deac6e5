"""Samples that differ in more than their sources: when each setting is solved as a circuit of its own."""

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import Circuit
from netlearn.solve import internal
from netlearn.solve.internal import InternalSolver
from netlearn.solve.parts import solve_parts


def diodes_at_settings(nodes: int, settings: int, each: int) -> Circuit:
    """A ladder of diodes with as many nodes, at settings of its resistances, with samples of its source at each."""
    lines = ["ladder", "v1 n0 0 0", *(f"r{k} n{k} n{k + 1} 1k\nd{k} n{k + 1} 0 dd" for k in range(nodes))]
    circuit = netlearn.elaborate(netlearn.parse("\n".join([*lines, ".model dd d(is=1e-9)", ".end"]))).circuit
    rng = np.random.default_rng(0)
    places = {name: (g, name) for g, group in enumerate(circuit.groups) for name in group.values}
    resistances = np.repeat(rng.uniform(500.0, 2000.0, (settings, nodes)), each, axis=0)
    volts = rng.uniform(0.0, 3.0, (settings * each, 1))
    return circuit.with_values({places["resistance"]: resistances, places["dc"]: volts})


@pytest.fixture
def solved_apart(monkeypatch) -> list[int]:
    """How many parts there were each time that settings were solved apart."""
    counts: list[int] = []

    def counted(circuit, parts, solve, start):
        counts.append(len(parts))
        return solve_parts(circuit, parts, solve, start)

    monkeypatch.setattr(internal, "solve_parts", counted)
    return counts


def test_settings_of_a_small_circuit_are_solved_together(solved_apart) -> None:
    """Each part takes what hundreds of samples of so few unknowns do, and searches have thousands of settings."""
    InternalSolver().solve(diodes_at_settings(4, 200, 6))
    assert not solved_apart


def test_settings_with_many_unknowns_are_solved_apart_to_the_same_operating_points(solved_apart, monkeypatch) -> None:
    circuit = diodes_at_settings(30, 5, 30)
    apart = InternalSolver().solve(circuit).x
    assert solved_apart == [5]
    monkeypatch.setattr(internal, "LEAST_SHARED", 10**9)
    np.testing.assert_allclose(apart, InternalSolver().solve(circuit).x, rtol=1e-9, atol=1e-12)


def test_searches_for_parts_at_corners_solve_their_candidates_together(solved_apart) -> None:
    netlist = netlearn.parse("""a stage at corners
*@goal V(c) = 2.5 within=2%
*@corner temp=0,50 vcc=4.5,4.75,5,5.25,5.5
*@train R1 R2 min=1k max=1meg
.param vcc=5
vs s 0 {vcc}
r1 s b 39k
r2 b 0 10k
rc s c 4.7k
re e 0 470
q1 c b e nn
.model nn npn(is=1e-15 bf=150)
""")
    found = netlearn.round_values(netlist, series="e12")
    assert found.losses[2] <= found.losses[1]
    assert not solved_apart
