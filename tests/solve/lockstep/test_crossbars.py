"""Crossbars with diodes, whose factors serve for several steps, against one sample at a time and ngspice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import one_sample
from netlearn.drive import driven
from netlearn.project import open_project
from netlearn.solve.compiled.newton_loops import HEAVY, LEAST_WORK
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep.lockstep import Lockstep
from netlearn.solve.newton.system import NonlinearModel

CELLS: dict[str, dict[str, Any]] = {"selectors": {"selector": "diode"}, "diodes": {"cell": "diode"}}


def crossbar(rows: int, columns: int, samples: int, kind: str) -> tuple[netlearn.Netlist, dict[str, list[float]]]:
    """A crossbar with wires, and its data."""
    made = netlearn.new("crossbar", rows=rows, columns=columns, samples=samples, wire=2, driver=20, readout="current",
                        resistance=3e3, **CELLS[kind])  # fmt: skip
    header, *rest = (line.split(",") for line in made.data.splitlines())
    return netlearn.parse(made.netlist), {name: [float(line[k]) for line in rest] for k, name in enumerate(header)}


@pytest.mark.parametrize("kind", CELLS)
def test_samples_are_those_of_each_alone(kind: str) -> None:
    """It is large enough for factors to be used again, and one sample alone is solved by other code."""
    project = open_project(*crossbar(80, 48, 5, kind))
    circuit = driven(project, None, project.settings.output).circuit
    lockstep = Lockstep.of(NonlinearModel.of(circuit), 5)
    assert lockstep is not None
    plan = lockstep.layout.plan
    assert plan.work > max(LEAST_WORK, HEAVY * len(plan.fill.upper))
    between = len(lockstep.layout.between.unknowns)
    # At the ends of lines a wire and a diode are in series, too.
    assert between >= 80 * 48 if kind == "selectors" else between < 2 * 80 + 2 * 48
    together = InternalSolver().solve(circuit)
    for sample in (0, 4):
        alone = InternalSolver().solve(one_sample(circuit, sample))
        np.testing.assert_allclose(together.x[sample], alone.x[0], rtol=1e-8, atol=1e-12)


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize("kind", CELLS)
def test_ngspice_agrees(kind: str) -> None:
    assert netlearn.check(*crossbar(4, 3, 3, kind), processes=1).within(1e-7)


def test_an_element_to_ground_is_not_in_series() -> None:
    """The corners of a lattice have two neighbours, but a third element: settled alone, they would spoil the starts."""
    name = "n{}_{}".format
    lines = [f"R{i}{j}a {name(i, j)} {name(i, j + 1)} 1k" for i in range(4) for j in range(3)]
    lines += [f"R{i}{j}b {name(i, j)} {name(i + 1, j)} 1k" for i in range(3) for j in range(4)]
    lines += [f"D{i}{j} {name(i, j)} 0 dm" for i in range(4) for j in range(4)]
    text = "\n".join(["lattice", *lines, ".model dm d", "V1 n0_0 0 1", "V2 n3_3 0 -1", ".end", ""])
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    lockstep = Lockstep.of(NonlinearModel.of(circuit), 1)
    assert lockstep is not None
    assert not len(lockstep.layout.between.unknowns)
