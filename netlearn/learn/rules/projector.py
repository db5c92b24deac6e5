"""The exact gradient in projector form, for study: dense, and only for resistors and voltage sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import Resistor, VoltageSource
from netlearn.circuit.graph import Branches, branches, cycle_matrix, spanning_tree
from netlearn.errors import CircuitError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate


@dataclass(frozen=True)
class Projector:
    """The gradient from the cycles of the network.

    With A the fundamental cycles, R the branch resistances (0 for sources) and s the source
    voltages, Kirchhoff's voltage law A(R i + s) = 0 for i = Aᵀj gives i = -Ω s with Ω =
    Aᵀ(A R Aᵀ)⁻¹A, and ∂i/∂R_k = -Ω e_k i_k. An output y = P(R i + s) + Q i, with P the
    branches on a path between the probed nodes and Q the probed current, has
    ∂ℓ/∂R_k = i_k [Pᵀe - Ω(R Pᵀ + Qᵀ)e]_k: of the training data only the output error e enters.
    J. Lin, A. Desai, F. Barrows, F. Caravelli, arXiv 2602.03546.

    It costs the cube of the number of cycles; ``analytic`` gives the same numbers from sparse
    matrices.
    """

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """The exact gradient; no randomness. Raises CircuitError for other elements than R and V."""
        circuit = model.circuit(theta, batch.inputs)
        edges = _edges(circuit)
        resistance = _values(circuit, edges, Resistor, "resistance", len(batch))[0]
        sources = _values(circuit, edges, VoltageSource, "dc", len(batch))
        cycles = cycle_matrix(edges).toarray()
        omega = cycles.T @ np.linalg.solve((cycles * resistance) @ cycles.T, cycles)
        current = -sources @ omega
        paths, probed = _outputs(model, circuit, edges)
        outputs = (current * resistance + sources) @ paths.T + current @ probed.T
        errors = loss.gradient(outputs, batch.targets) / len(batch)
        response = errors @ paths - (errors @ (paths * resistance + probed)) @ omega
        local = np.sum(current * response, axis=0)
        gradients = {(g, name): _column(local, edges, g, circuit.groups[g]) for g, name in model.parameters.columns}
        return Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=model.pullback(theta, gradients),
            outputs=outputs,
            solves=len(batch),
            measurements=outputs.size,
        )


def _edges(circuit: Circuit) -> Branches:
    for group in circuit.groups:
        if len(group) and not isinstance(group.device, Resistor | VoltageSource):
            raise CircuitError(
                f"the projector form knows resistors and voltage sources, not the {group.device.name} {group.names[0]}",
                hint="use rule analytic",
            )
    return branches(circuit, (Resistor, VoltageSource))


def _values(circuit: Circuit, edges: Branches, kind: type, name: str, samples: int) -> Array:
    """(S, b) values of the branches of one kind, zero at the others."""
    result = np.zeros((samples, len(edges)))
    for g in np.unique(edges.group):
        if isinstance(circuit.groups[g].device, kind):
            mine = edges.group == g
            result[:, mine] = np.asarray(circuit.groups[g].values[name])[..., edges.element[mine]]
    return result


def _column(local: Array, edges: Branches, g: int, group: Group) -> Array:
    if not isinstance(group.device, Resistor):
        raise CircuitError(f"the projector form trains resistances only, not the {group.device.name} {group.names[0]}")
    mine = edges.group == g
    return np.bincount(edges.element[mine], local[mine], minlength=len(group))


def _outputs(model: Model, circuit: Circuit, edges: Branches) -> tuple[Array, Array]:
    """P and Q, (o, b): node voltages are sums along the tree, source currents are branch currents."""
    n, tree = len(circuit.nodes), spanning_tree(edges)
    potentials = np.zeros((n, len(edges)))
    # Parents come before their children.
    for node in tree.order:
        parent = tree.parent[node]
        if parent != GROUND:
            potentials[node] = potentials[parent]
        potentials[node, tree.edge[node]] += tree.sign[node]
    branch = np.zeros((len(circuit.branches), len(edges)))
    for e in range(len(edges)):
        group = circuit.groups[edges.group[e]]
        if isinstance(group.device, VoltageSource):
            branch[group.index[edges.element[e], 2] - n, e] = 1.0
    probes = model.probe_matrix.toarray()
    return probes[:, :n] @ potentials, probes[:, n:] @ branch
