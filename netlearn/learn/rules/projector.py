"""The exact gradient in projector form, for study: only for resistors and independent sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.linear import Resistor, VoltageSource
from netlearn.errors import CircuitError
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.power import with_power
from netlearn.solve.projector import NetworkProjector


@dataclass(frozen=True)
class Projector:
    """The gradient from the cycles of the network.

    With A the fundamental cycles, R the branch resistances (0 for voltage sources) and s the source
    voltages, Kirchhoff's voltage law A(R i - s) = 0 for i = Aᵀj gives i = Ω s with Ω =
    Aᵀ(A R Aᵀ)⁻¹A, and ∂i/∂R_k = -Ω e_k i_k. An output y = P(R i - s) + Q i, with P the
    branches on a path between the probed nodes and Q the probed current, has
    ∂ℓ/∂R_k = i_k [Pᵀe - Ω(R Pᵀ + Qᵀ)e]_k: of the training data only the output error e enters.
    J. Lin, A. Desai, F. Barrows, F. Caravelli, arXiv 2602.03546.

    ``analytic`` gives the same numbers from the nodal equations, which are sparser.
    """

    def estimate(self, model: Model, loss: Loss, theta: Array, batch: Batch, rng: np.random.Generator) -> Estimate:
        """The exact gradient; no randomness. Raises CircuitError for elements other than resistors and sources."""
        circuit = model.circuit(theta, batch.inputs)
        network = NetworkProjector(circuit)
        n, probes = len(circuit.nodes), model.probe_matrix
        at, branch = _source_currents(circuit, network)
        currents = np.zeros((len(circuit.branches), len(batch)))
        currents[branch] = np.broadcast_to(network.currents, (len(batch), len(network.branches)))[:, at].T
        voltages = np.broadcast_to(network.voltages, (len(batch), n))
        outputs = np.asarray((probes[:, :n] @ voltages.T + probes[:, n:] @ currents).T)
        errors = loss.gradient(outputs, batch.targets) / len(batch)
        by_current = np.zeros((len(batch), len(network.branches)))
        by_current[:, at] = (probes[:, n:].T @ errors.T)[branch].T
        local = network.pullback(by_current, (probes[:, :n].T @ errors.T).T)
        gradients = {column: _by_resistance(local, network, *column) for column in model.parameters.columns}
        estimate = Estimate(
            loss=float(np.mean(loss.value(outputs, batch.targets))),
            gradient=model.pullback(theta, gradients),
            outputs=outputs,
            solves=len(batch),
            measurements=outputs.size,
        )
        return with_power(estimate, model, loss, theta, batch)


def _source_currents(circuit: Circuit, network: NetworkProjector) -> tuple[Array, Array]:
    """The branches that are voltage sources, and which branch current of the circuit each of them is."""
    edges = network.branches
    at = np.array([e for e, g in enumerate(edges.group) if isinstance(circuit.groups[g].device, VoltageSource)], int)
    unknowns = [circuit.groups[edges.group[e]].index[edges.element[e], 2] for e in at]
    return at, np.array(unknowns, int) - len(circuit.nodes)


def _by_resistance(local: Array, network: NetworkProjector, g: int, name: str) -> Array:
    group = network.circuit.groups[g]
    if not isinstance(group.device, Resistor):
        message = f"the projector form trains resistances only, not the {group.device.name} {group.names[0]}"
        raise CircuitError(message, hint="use rule analytic")
    mine = network.branches.group == g
    return np.bincount(network.branches.element[mine], local[mine], minlength=len(group))
