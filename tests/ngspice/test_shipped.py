"""Every shipped netlist, over its data, in both solvers."""

from pathlib import Path

import numpy as np
import pytest

from netlearn.ngspice.solver import NgspiceSolver
from netlearn.project import open_project
from netlearn.solve.difference import compare
from netlearn.solve.internal import InternalSolver

BY_NGSPICE = "differential_stage"
NETLISTS = [p for p in sorted((Path(__file__).parents[2] / "netlists").glob("*.cir")) if p.stem != BY_NGSPICE]
SAMPLES = 20


@pytest.mark.ngspice
@pytest.mark.parametrize("path", NETLISTS, ids=lambda path: path.stem)
def test_operating_points_agree(path, libngspice):
    project = open_project(path)
    circuit = project.circuit
    if project.has_samples:
        inputs = project.dataset(project.table).inputs
        inputs = inputs[np.linspace(0, len(inputs) - 1, min(SAMPLES, len(inputs))).astype(int)]
        model = project.plain_model
        circuit = model.circuit(model.parameters.initial, inputs)
    with NgspiceSolver(processes=1) as solver:
        comparison = compare(InternalSolver().solve(circuit), solver.solve(circuit), floor=1e-12)
    assert comparison.within(1e-9), comparison.largest_relative
