"""Condensing the linear unknowns gives the solutions of the whole systems, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.condensation import Condensed, nonlinear_unknowns
from netlearn.solve.matrices.many import DenseMatrices, DensePattern, SparsePattern, pattern_for


def layered(hidden: int, outputs: int, inputs: int = 6) -> str:
    """Hidden nodes with diodes and amplifiers between inputs and outputs."""
    rng = np.random.default_rng(0)
    lines = ["* layers", *(f"V{i} i{i} 0 {rng.uniform(-1, 1):.4f}" for i in range(inputs)), ".model d d(is=1u)"]
    for h in range(hidden):
        lines += [f"D{h} h{h} 0 d", f"E{h} a{h} 0 h{h} 0 4", f"F{h} 0 h{h} E{h} 0.25"]
        lines += [f"R{i}_{h} i{i} h{h} {rng.uniform(1e5, 1e6):.1f}" for i in range(inputs)]
        lines += [f"Ra{h}_{o} a{h} o{o} {rng.uniform(1e5, 1e6):.1f}" for o in range(outputs)]
    return "\n".join([*lines, ".end"])


@pytest.fixture(scope="module")
def reduction() -> SourceReduction:
    return SourceReduction.of(netlearn.elaborate(netlearn.parse(layered(20, 15))).circuit)


def _entries(reduction: SourceReduction, last: np.ndarray, samples: int, kind: type = float) -> np.ndarray:
    """Random matrices that differ by sample only among ``last``."""
    rng = np.random.default_rng(1)
    rows, columns = reduction.pattern.rows, reduction.columns
    data: Array = np.repeat(rng.normal(size=(len(rows), 1)), samples, axis=1).astype(kind)
    own = np.isin(rows, last) & np.isin(columns, last)
    data[own] += rng.normal(size=(int(own.sum()), samples))
    if kind is complex:
        data[own] += 1j * rng.normal(size=(int(own.sum()), samples))
    data[rows == columns] += 5.0
    return data


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("transpose", [False, True])
def test_solutions_are_those_of_the_whole_matrices(reduction: SourceReduction, transpose: bool, kind: type) -> None:
    circuit = netlearn.elaborate(netlearn.parse(layered(20, 15))).circuit
    last = nonlinear_unknowns(circuit, reduction)
    assert len(last) == 20
    condensed = Condensed(reduction, last, DenseMatrices, SparsePattern(reduction))
    rhs = np.random.default_rng(2).normal(size=(reduction.size, 7))
    for _ in range(2):
        data = _entries(reduction, last, 7, kind)
        whole = DensePattern(reduction).factorize(data).solve(rhs, transpose)
        np.testing.assert_allclose(condensed.factorize(data).solve(rhs, transpose), whole, rtol=1e-9, atol=1e-12)


def test_what_differs_elsewhere_or_is_singular_is_solved_whole(reduction: SourceReduction) -> None:
    circuit = netlearn.elaborate(netlearn.parse(layered(20, 15))).circuit
    last = nonlinear_unknowns(circuit, reduction)
    condensed = Condensed(reduction, last, DenseMatrices, SparsePattern(reduction))
    rhs = np.random.default_rng(2).normal(size=(reduction.size, 3))
    singular = _entries(reduction, last, 3)
    rows, columns = reduction.pattern.rows, reduction.columns
    # An amplifier's equation that holds nothing but its input: without the inputs a row of zeros.
    amplifier = rows == np.flatnonzero(~reduction.is_node)[0]
    singular[amplifier & ~np.isin(columns, last)] = 0.0
    assert np.any(singular[amplifier])
    for data in (_entries(reduction, np.arange(reduction.size), 3), singular):
        whole = DensePattern(reduction).factorize(data).solve(rhs)
        np.testing.assert_allclose(condensed.factorize(data).solve(rhs), whole, rtol=1e-8, atol=1e-10)


def test_it_is_taken_for_layered_networks_and_not_for_lattices_of_diodes() -> None:
    for text, taken in ((layered(20, 15), True), (layered(3, 2), False)):
        circuit = netlearn.elaborate(netlearn.parse(text)).circuit
        assert isinstance(pattern_for(circuit, SourceReduction.of(circuit)), Condensed) is taken


@pytest.mark.ngspice
def test_operating_points_are_those_of_ngspice(ngspice) -> None:
    text = layered(20, 15)
    point = netlearn.operating_point(netlearn.parse(text))
    expected = ngspice.run(text)
    for name in point.circuit.nodes:
        assert point.voltage(name)[0] == pytest.approx(expected[f"v({name})"], rel=1e-7, abs=1e-12)
