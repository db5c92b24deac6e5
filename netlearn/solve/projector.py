"""Networks of resistors and sources in projector form, by cycles and by cut-sets, for study.

Lin, Desai, Barrows and Caravelli (arXiv 2602.03546): with the fundamental cycles A of the graph,
R = diag(resistances) and source voltages s in series with the branches, Kirchhoff's laws are
solved by i = Aᵀ(A R Aᵀ)⁻¹A s = Ω s, and ∂i/∂R_k = -Ω e_k i_k. A voltage source is a branch
without resistance here. Current sources fix a part of the tree's currents, i = Ω (s - R j) + j,
which leaves the derivative's form as it is.

The cut-set form is its dual: with the incidence matrix B of the resistors, G = diag(conductances) and
current sources j beside the branches, v = Bᵀ(B G Bᵀ)⁻¹B j = Ω_B j and ∂v/∂g_k = -Ω_B e_k v_k. Voltage
sources join nodes, which are then one row of B, and lift the branches between them. Both say the same:
Ω = G - G Ω_B G.

For training use ``netlearn.solve.sensitivity``: nodal equations are sparser than cycle ones.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import CurrentSource, Resistor, VoltageSource
from netlearn.circuit.graph import BRANCH_KINDS, Branches, SpanningTree, branches, cycle_matrix, spanning_tree
from netlearn.circuit.graph import two_terminal as has_only_two_terminal_branches
from netlearn.errors import CircuitError
from netlearn.solve.equations.assembly import MatrixTopology
from netlearn.solve.equations.diagnosis import explain_singular
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.matrices.one import Factorization, SingularMatrix, factorize
from netlearn.solve.threads import one_thread


class NetworkProjector:
    """The branch currents of a resistor network and their derivatives, by its cycles.

    The branches are the resistors and voltage sources, in the order of the circuit's groups;
    every current flows from a branch's first node to its second. Raises CircuitError for other
    elements, for a node without a path to ground, for a loop of voltage sources, and for
    resistances that differ by sample.
    """

    def __init__(self, circuit: Circuit) -> None:
        _require_resistors_and_sources(circuit)
        self.circuit = circuit
        self.branches: Branches = branches(circuit, (Resistor, VoltageSource))
        self.names = self.branches.names(circuit)
        self.samples = circuit.samples or 1

    @cached_property
    def tree(self) -> SpanningTree:
        """The spanning tree whose links close the cycles."""
        return spanning_tree(self.branches)

    @cached_property
    def cycles(self) -> sparse.csr_array:
        """A (cycles, b)."""
        return cycle_matrix(self.branches, self.tree)

    @cached_property
    def resistances(self) -> Array:
        """(b,) ohms, zero for voltage sources."""
        return _shared(self._gather("resistance", Resistor))

    @cached_property
    def sources(self) -> Array:
        """s (S, b): the voltages that drive a current along the branches, in volts."""
        return -self._gather("dc", VoltageSource)

    def _gather(self, name: str, kind: type) -> Array:
        """(S, b) values of the branches of one kind, zero for the others."""
        return _gathered(self.circuit, self.branches, self.samples, name, kind)

    @cached_property
    def injected(self) -> Array:
        """j (S, b): tree currents that carry the current sources' currents, in amperes."""
        leaving = _leaving(self.circuit, self.samples)
        result = np.zeros((self.samples, len(self.branches)))
        if leaving.any():
            result[:, self.tree.edge] = self._tree_incidence.solve(-leaving.T).T
        return result

    @cached_property
    def _tree_incidence(self) -> Any:
        return splu(self.branches.incidence.tocsc()[:, self.tree.edge])

    @cached_property
    def _cycle_equations(self) -> Factorization:
        """A R Aᵀ, factorized."""
        matrix = (self.cycles * self.resistances) @ self.cycles.T
        try:
            return factorize(matrix.tocsc(), definite=bool((self.resistances >= 0).all()))
        except SingularMatrix:
            raise CircuitError("the cycle equations have no unique solution: resistances cancel") from None

    def project(self, voltages: Array) -> Array:
        """Ω v for branch voltages v (S, b): the currents that they drive, in amperes."""
        with one_thread():
            result: Array = (self.cycles.T @ self._cycle_equations.solve(self.cycles @ np.asarray(voltages).T)).T
        return result

    def omega(self) -> Array:
        """Ω = Aᵀ(A R Aᵀ)⁻¹A as a dense (b, b) array, in siemens. Ω R is a projector: (Ω R)² = Ω R."""
        return self.project(np.eye(len(self.branches)))

    @cached_property
    def currents(self) -> Array:
        """Branch currents (S, b), in amperes."""
        result: Array = self.project(self.sources - self.resistances * self.injected) + self.injected
        return result

    @cached_property
    def voltages(self) -> Array:
        """Node voltages (S, n): the branch voltages added up along the tree."""
        across = self.resistances * self.currents - self.sources
        result: Array = self._tree_incidence.solve(across[:, self.tree.edge].T, "T").T
        return result

    def current_jacobian(self, sample: int = 0) -> Array:
        """∂i_j/∂R_k (b, b) of one sample, dense: -Ω e_k i_k."""
        result: Array = -self.omega() * self.currents[sample]
        return result

    def pullback(self, current_weights: Array | None = None, voltage_weights: Array | None = None) -> Array:
        """Derivatives (b,) of Σ weights * outputs by every branch's resistance, summed over samples.

        ``current_weights`` (S, b) weigh branch currents, ``voltage_weights`` (S, n) node voltages.
        """
        weights = np.zeros((self.samples, len(self.branches)))
        direct = np.zeros(weights.shape)
        if voltage_weights is not None:
            # v is a sum of R i - s along the tree, so R enters it directly, too.
            direct[:, self.tree.edge] = self._tree_incidence.solve(np.asarray(voltage_weights, dtype=float).T).T
            weights += self.resistances * direct
        if current_weights is not None:
            weights += current_weights
        result: Array = ((direct - self.project(weights)) * self.currents).sum(axis=0)
        return result


class CutSetProjector:
    """The branch voltages of a resistor network and their derivatives, by its cut-sets.

    The branches are the resistors, in the order of the circuit's groups. Raises CircuitError as
    NetworkProjector does.
    """

    def __init__(self, circuit: Circuit) -> None:
        _require_resistors_and_sources(circuit)
        self.circuit = circuit
        self.branches: Branches = branches(circuit, (Resistor,))
        self.names = self.branches.names(circuit)
        self.samples = circuit.samples or 1
        self._reduction = SourceReduction.of(circuit)

    @cached_property
    def conductances(self) -> Array:
        """(b,) siemens."""
        return 1.0 / _shared(_gathered(self.circuit, self.branches, self.samples, "resistance", Resistor))

    @cached_property
    def cut_sets(self) -> sparse.csr_array:
        """B (r, b) of the nodes that sources leave free, each with those that sources join to it."""
        result: sparse.csr_array = (self._reduction.gather[:, : self.branches.nodes] @ self.branches.incidence).tocsr()
        return result

    @cached_property
    def _nodal_equations(self) -> Factorization:
        """B G Bᵀ, factorized."""
        matrix = (self.cut_sets * self.conductances) @ self.cut_sets.T
        try:
            return factorize(matrix.tocsc(), definite=bool((self.conductances > 0).all()))
        except SingularMatrix:
            raise CircuitError("the nodal equations have no unique solution: conductances cancel") from None

    def project(self, currents: Array) -> Array:
        """Ω_B j for branch currents j (S, b): the voltages that they drive across the branches, in volts."""
        return self._driven(self.cut_sets @ np.asarray(currents).T)

    def _driven(self, into: Array) -> Array:
        """Branch voltages (S, b) for currents ``into`` the free nodes (r, S)."""
        with one_thread():
            result: Array = (self.cut_sets.T @ self._nodal_equations.solve(into)).T
        return result

    def omega(self) -> Array:
        """Ω_B = Bᵀ(B G Bᵀ)⁻¹B as a dense (b, b) array, in ohms. Ω_B G is a projector: (Ω_B G)² = Ω_B G."""
        return self.project(np.eye(len(self.branches)))

    @cached_property
    def _lifted(self) -> Array:
        """Branch voltages (S, b) that voltage sources dictate while the free nodes are at zero, in volts."""
        rhs = np.zeros((self.samples, self.circuit.size))
        for group in self.circuit.groups:
            if isinstance(group.device, VoltageSource) and len(group):
                rhs[:, np.asarray(group.index)[:, 2]] = group.values["dc"]
        lifted = self._reduction.lifted(self._reduction.forest.potentials(rhs[:, self._reduction.sources].T).T)
        result: Array = (self.branches.incidence.T @ lifted[:, : self.branches.nodes].T).T
        return result

    @cached_property
    def voltages(self) -> Array:
        """Branch voltages (S, b), in volts."""
        leaving = _leaving(self.circuit, self.samples)
        into = -(self._reduction.gather[:, : self.branches.nodes] @ leaving.T)
        lifted = self.cut_sets @ (self.conductances * self._lifted).T
        result: Array = self._driven(into - lifted) + self._lifted
        return result

    def voltage_jacobian(self, sample: int = 0) -> Array:
        """∂v_j/∂g_k (b, b) of one sample, dense: -Ω_B e_k v_k."""
        result: Array = -self.omega() * self.voltages[sample]
        return result

    def pullback(self, voltage_weights: Array) -> Array:
        """Derivatives (b,) of Σ weights * branch voltages by every conductance, for weights (S, b)."""
        result: Array = (-self.project(voltage_weights) * self.voltages).sum(axis=0)
        return result


def _require_resistors_and_sources(circuit: Circuit) -> None:
    if not has_only_two_terminal_branches(circuit):
        other = next(g for g in circuit.groups if len(g) and not isinstance(g.device, BRANCH_KINDS))
        raise CircuitError(
            f"'{other.names[0]}' is a {other.device.name}: the projector form is for resistors and sources only",
            hint="use rule analytic, whose adjoint form has no such limit",
        )
    singular = explain_singular(circuit, MatrixTopology.of(circuit).masks)
    if singular is not None:
        raise singular


def _gathered(circuit: Circuit, edges: Branches, samples: int, name: str, kind: type) -> Array:
    """(S, b) values of the branches of one kind, zero for the others."""
    result = np.zeros((samples, len(edges)))
    for g, group in enumerate(circuit.groups):
        if isinstance(group.device, kind):
            result[:, edges.group == g] = group.values[name]
    return result


def _shared(values: Array) -> Array:
    """One sample's of the resistances (S, b), which must be all samples'."""
    if (values != values[0]).any():
        raise CircuitError("the resistances differ by sample, so there is no one projector")
    result: Array = values[0]
    return result


def _leaving(circuit: Circuit, samples: int) -> Array:
    """The currents (S, n) that current sources take from the nodes, in amperes."""
    leaving = np.zeros((samples, len(circuit.nodes)))
    for group in circuit.groups:
        if isinstance(group.device, CurrentSource) and len(group):
            dc = np.broadcast_to(group.values["dc"], (samples, len(group)))
            for end, sign in ((0, 1.0), (1, -1.0)):
                node = np.asarray(group.index)[:, end]
                inside = node != GROUND
                np.add.at(leaving.T, node[inside], sign * dc.T[inside])
    return leaving
