"""Adjoint circuits against the transposed Jacobian, and corrected ones against the circuit that they were made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE
from netlearn.elaboration.elaborate import elaborate
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint, Solver
from netlearn.solve.sensitivity import linearize
from netlearn.solve.transposed import adjoint_circuit, corrected_circuit

RNG = np.random.default_rng
CIRCUITS = {
    "resistors": "R1 a b 1k\nR2 b 0 2k\nR3 a c 3k\nR4 c b 1k\n",
    "E and F": "R1 a h 1k\nR2 h 0 3k\nE1 x y h 0 4\nR5 y 0 100\nF1 c h E1 0.25\nR3 x c 2k\nR4 c 0 5k\nR6 a b 1k\n"
    "R7 b c 1k\n",
    "several that sense one current": "R1 a b 1k\nVs b s 0\nR2 s 0 2k\nF1 c 0 Vs 2\nF2 0 d Vs 3\nH1 e d Vs 700\n"
    "R3 c d 1k\nR4 d 0 2k\nR5 e c 1k\n"
    "E1 f e b c 2\nR6 f 0 1k\nH2 g f E1 50\nR7 g 0 1k\n",
    "G": "R1 a b 1k\nG1 b c a 0 1m\nR2 b 0 2k\nR3 c 0 1k\nR4 b c 5k\n",
    "diodes": "R1 a b 1k\nD1 b c m\nR2 c 0 1k\nD2 c 0 n\n.model m d(is=1e-12)\n.model n d(is=1e-10 rs=20)\n",
    "transistors": "Vcc vcc 0 5\nR1 vcc b 470k\nQ1 c b e m\nR2 vcc c 2k\nR3 e 0 1k\nM1 d c s 0 n\n"
    "R4 vcc d 5k\nR5 s 0 1k\n"
    "R6 a b 1meg\n"
    ".model m npn(bf=80 vaf=50 rb=100)\n.model n nmos(vto=0.7 kp=1m lambda=0.02 gamma=0.4)\n",
    "laws": "R1 a b 1k\nB1 c 0 V=2*tanh(V(b))+V(d)^2\n"
    "R2 c d 1k\nB2 0 d I=1m*sin(V(b,c))+0.1*I(B1)\nR3 d 0 1k\n"
    "R4 b 0 3k\n",
    "a switch by current": "R1 a b 1k\nVs b s 0\nR2 s 0 1k\nW1 b d Vs w\nR3 d 0 1k\n.model w csw(it=1u ron=100)\n",
}


def solved(elements: str, samples: int = 3) -> OperatingPoint:
    circuit = elaborate(netlearn.parse(f"*\nVa a 0 1\n{elements}.end\n")).circuit
    g, k = circuit.element("va")
    dc = np.tile(np.asarray(circuit.groups[g].values["dc"], dtype=float), (samples, 1))
    dc[:, k] = np.linspace(0.4, 1.2, samples)
    return InternalSolver().solve(circuit.with_values({(g, "dc"): dc}))


def driven(circuit: Circuit, nodes: int, currents: Array) -> Circuit:
    """With currents (S, nodes) out of ground into the first nodes."""
    ends = np.stack([np.full(nodes, GROUND), np.arange(nodes)], axis=1)
    drive = Group(CURRENT_SOURCE, [f"drive{i}" for i in range(nodes)], ends, {"dc": currents})
    return replace(circuit, groups=(*circuit.groups, drive))


def adjoint_state(point: OperatingPoint, currents: Array, solver: Solver) -> Array:
    adjoint = adjoint_circuit(point)
    found = solver.solve(driven(adjoint.circuit, currents.shape[1], currents))
    return found.x[:, adjoint.unknowns]


@pytest.mark.parametrize("name", CIRCUITS)
def test_has_the_transposed_jacobian(name: str) -> None:
    point = solved(CIRCUITS[name])
    nodes, size = len(point.circuit.nodes), point.circuit.size
    currents = RNG(0).normal(size=(3, nodes))
    wanted = linearize(point).solve(np.pad(currents, ((0, 0), (0, size - nodes))), transpose=True)
    found = adjoint_state(point, currents, InternalSolver())
    assert found == pytest.approx(wanted, rel=1e-7, abs=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("name", CIRCUITS)
def test_corrected_circuits_have_the_same_operating_point_and_the_transposed_jacobian(name: str) -> None:
    """There, to first order, and not elsewhere."""
    point = solved(CIRCUITS[name])
    nodes, size = len(point.circuit.nodes), point.circuit.size
    corrected = corrected_circuit(point)
    start = np.zeros((3, corrected.circuit.size))
    start[:, corrected.unknowns] = point.x
    again = InternalSolver().solve(corrected.circuit, OperatingPoint(corrected.circuit, start))
    assert again.x[:, corrected.unknowns] == pytest.approx(point.x, rel=1e-7, abs=1e-9)

    currents = RNG(0).normal(size=(3, nodes))
    wanted = linearize(point).solve(np.pad(currents, ((0, 0), (0, size - nodes))), transpose=True)
    right = np.zeros(again.x.shape)
    right[:, corrected.unknowns[:nodes]] = currents
    found = linearize(again).solve(right)[:, corrected.unknowns]
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.ngspice
def test_ngspice_finds_the_same_adjoint_state(name: str, libngspice: str) -> None:
    point = solved(CIRCUITS[name])
    currents = RNG(0).normal(size=(3, len(point.circuit.nodes)))
    with NgspiceSolver() as solver:
        found = adjoint_state(point, currents, solver)
    wanted = adjoint_state(point, currents, InternalSolver())
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5 * np.abs(wanted).max())


def test_two_networks_that_are_one_another_s_adjoint() -> None:
    """An amplifier's voltage gain comes back as a current gain, and the other way round."""
    point = solved("R1 a h 1k\nE1 x 0 h 0 4\nF1 0 h E1 0.25\nR3 x c 2k\nR4 c 0 5k\n", samples=1)
    circuit = adjoint_circuit(point).circuit
    gains = {group.device.name: group.values["gain"].tolist() for group in circuit.groups if "gain" in group.values}
    assert gains == {"cccs": [-4.0], "vcvs": [0.25]}
