"""The power that a circuit turns into heat, and what each trained value has to do with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.circuit.devices.linear import Cccs, Ccvs, CurrentSource, Vccs, Vcvs, VoltageSource
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.rules.planned import planned_step
from netlearn.learn.superposition import outputs_of, superpose, superposes
from netlearn.solve.contraction import contract
from netlearn.solve.equations.assembly import Equations, with_ground
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import linearize, pullback

SOURCES = (VoltageSource, CurrentSource, Vccs, Vcvs, Cccs, Ccvs, BehaviouralSource)
"""Devices that may give power to the others, and are not counted."""

HELD = 250_000
"""How many unknowns of samples are held at a time: lattices of 20x20 with diodes take 0.96 times as long with half and
1.01 with twice as many (benchmarks/rows_at_a_time.py)."""


def weight_of(loss: Loss) -> float:
    """The loss of one watt."""
    return float(getattr(loss, "power", 0.0))


def dissipated(point: OperatingPoint) -> Array:
    """Watts (S,) that all elements other than sources turn into heat: what the sources give (Tellegen's theorem)."""
    return _given(point.circuit, point.x)


def _given(circuit: Circuit, x: Array, unknowns: Array | None = None) -> Array:
    """Watts (S,) that sources give, -Σ v i over their terminals; ``x`` (S, m) are all unknowns or some of them."""
    count, nodes = circuit.size, len(circuit.nodes)
    place = np.full(count + 1, -1)
    chosen = np.arange(count) if unknowns is None else unknowns
    place[chosen] = np.arange(len(chosen))
    padded, equations = with_ground(x), Equations.of(circuit)
    total = np.zeros(len(x))
    for g, group in enumerate(circuit.groups):
        if not len(group) or not isinstance(group.device, SOURCES):
            continue
        index = np.asarray(group.index)
        at = padded[:, place[index]]
        volts = np.where(index < nodes, at, 0.0)
        total -= np.sum(volts * group.device.residual(at, equations.prepared[g]), axis=(-2, -1))
    return total


def dissipated_at(model: Model, theta: Array, inputs: Array, point: OperatingPoint | None = None) -> Array:
    """Watts (S,) at ``inputs`` (S, p), from the operating points if they are known."""
    if model.chip is not None:
        # Nobody reads what its sources give.
        return np.full(len(inputs), np.nan)
    if point is not None:
        return dissipated(point)
    if superposes(model, inputs):
        # Only what stands at sources is needed of the superposed states.
        sums, circuit = superpose(model, theta, inputs), model.circuit(theta, inputs)
        ends = [np.ravel(group.index) for group in circuit.groups if isinstance(group.device, SOURCES)]
        unknowns = np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *ends]))
        unknowns = unknowns[unknowns >= 0]
        return _given(circuit, np.asarray(sums.weights @ sums.point.x[:, unknowns]), unknowns)
    step = max(1, HELD // max(1, model.parameters.circuit.size))
    parts = [inputs[first : first + step] for first in range(0, len(inputs), step)]
    return np.concatenate([np.zeros(0), *(dissipated(model.forward(theta, part)) for part in parts)])


def losses_at(
    model: Model, loss: Loss, theta: Array, inputs: Array, targets: Array, *, start: OperatingPoint | None = None
) -> tuple[Array, Array, OperatingPoint | None]:
    """Losses (S,) with their part of the power, outputs (S, o), and the operating points if they had to be found."""
    step = planned_step(model, theta, Batch(inputs, targets, start))
    if step is None:
        outputs, point = outputs_of(model, theta, inputs, start)
    else:
        outputs, point = model.converted(step.read), step.point
    return losses_of(model, loss, theta, Batch(inputs, targets), outputs, point=point), outputs, point


def losses_of(
    model: Model, loss: Loss, theta: Array, batch: Batch, outputs: Array, *, point: OperatingPoint | None
) -> Array:
    """Losses (S,) of outputs (S, o) with their part of the power, from the operating points if they are known."""
    losses = loss.value(outputs, batch.targets)
    if weight := weight_of(loss):
        losses = losses + weight * dissipated_at(model, theta, batch.inputs, point)
    return losses


def with_power(
    estimate: Estimate, model: Model, loss: Loss, theta: Array, batch: Batch, *, local: bool = False
) -> Estimate:
    """An estimate with the part of the dissipated power in the loss, if it has any.

    ∂P/∂g = Δv² of a resistor if the circuit's state were to stay, which each element knows by itself (M.
    Stern, S. Dillavou, D. Jayaraman, D. J. Durian, A. J. Liu, "Training self-learning circuits for
    power-efficient solutions", APL Machine Learning 2, 016114, 2024). Where resistors and voltage
    sources are all that there is, the state does not matter to first order, as it is the one of least
    power (Maxwell). Elsewhere it does, and the adjoint state tells how; with ``local`` it is left out.
    """
    weight = weight_of(loss)
    if not weight:
        return estimate
    point = estimate.point or model.forward(theta, batch.inputs, batch.start)
    columns, mixed = model.parameters.columns, model.parameters.mixed
    volts = _volts(point)[:, :-1]
    counted = dict(_counted(point))
    zero = np.zeros_like(volts)
    gradients = {
        (g, name): contract(
            point.circuit,
            (g, name),
            volts if g in counted else zero,
            point.x,
            apart=(g, name) in mixed,
        )
        for g, name in columns
    }
    if not local:
        adjoint = linearize(point).solve(_slope(point), transpose=True)
        for column, change in pullback(point, adjoint, columns, mixed).items():
            gradients[column] = gradients[column] + change
    by_parameters = model.pullback(theta, gradients, batch.inputs)
    return replace(
        estimate,
        loss=estimate.loss + weight * float(np.mean(dissipated(point))),
        gradient=estimate.gradient + weight * by_parameters / len(batch),
    )


def _slope(point: OperatingPoint) -> Array:
    """∂P/∂x (S, N)."""
    equations, padded, volts = Equations.of(point.circuit), with_ground(point.x), _volts(point)
    total = np.zeros(point.x.T.shape)
    for g, group in _counted(point):
        x, v = _at(padded, group), _at(volts, group)
        nodes = np.asarray(group.index) < len(point.circuit.nodes)
        jacobian = group.device.jacobian(x, equations.prepared[g])
        slope = nodes * group.device.residual(x, equations.prepared[g])
        slope = slope + np.einsum("...kt,...ktu->...ku", v, np.broadcast_to(jacobian, (*x.shape, x.shape[-1])))
        total += equations.topology.add_currents(g, slope)
    return np.asarray(total.T)


def _counted(point: OperatingPoint) -> Iterator[tuple[int, Group]]:
    for g, group in enumerate(point.circuit.groups):
        if len(group) and not isinstance(group.device, SOURCES):
            yield g, group


def _volts(point: OperatingPoint) -> Array:
    """Node voltages with zeros for branch currents and ground, (S, N + 1)."""
    volts = with_ground(point.x)
    volts[:, len(point.circuit.nodes) :] = 0.0
    return np.asarray(volts)


def _at(padded: Array, group: Group) -> Array:
    return np.asarray(padded[:, np.asarray(group.index)])
