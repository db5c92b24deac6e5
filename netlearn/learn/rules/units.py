"""What the estimates of rules are large or small against, so that a learning rate means about the same for all."""

from __future__ import annotations

import numpy as np

from netlearn.learn.data import Dataset
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Rule
from netlearn.learn.rules.energy import ContrastiveLearning, CoupledLearning
from netlearn.learn.rules.generalized import GeneralizedEP
from netlearn.learn.rules.nudged_phase import SAMPLED, FreePhase
from netlearn.learn.rules.nudges import ClampNudge, quadratic_form
from netlearn.learn.rules.reciprocity import reciprocity
from netlearn.learn.rules.second_order import NaturalGradient

CLAMPING = (CoupledLearning, ContrastiveLearning)


def unit_of_estimate(rule: Rule, model: Model, loss: Loss, unit: float, data: Dataset) -> float:
    """The unit of what a rule says, where the loss's own is ``unit`` (see ``netlearn.learn.loss.unit_of``).

    Most rules say the gradient of the loss, or what is near it. Where outputs are clamped the
    estimate is the change of the circuit's power, which is that of the loss times the stiffness
    K = 1/|Z| that the outputs feel, Z being the resistances between them; without it, plain
    descent would take a learning rate of some thousand ohms. A step that curvature has scaled has
    no unit left. ``data`` are samples to find K by, before training.
    """
    if isinstance(rule, NaturalGradient):
        return 1.0
    clamping = isinstance(rule, CLAMPING) or (isinstance(rule, GeneralizedEP) and isinstance(rule.nudge, ClampNudge))
    return unit * _stiffness(model, loss, data) if clamping else unit


def _stiffness(model: Model, loss: Loss, data: Dataset) -> float:
    """K, in siemens for voltages, over the curvature of a squared error, at a few samples before training."""
    if model.chip is not None:
        # What the outputs of a chip see is known of its model alone.
        model = model.simulated
    some = data.part(np.unique(np.linspace(0, len(data) - 1, SAMPLED).astype(int)))
    point = model.forward(model.parameters.initial, some.inputs)
    found = reciprocity(point.circuit, point.x, model.probes, model.parameters)
    outputs = model.outputs(point)
    phase = FreePhase(model, loss, point, outputs, some.targets, found)
    resistance = float(np.linalg.norm(phase.resistances(point), ord=2, axis=(-2, -1)).max())
    form = quadratic_form(loss, outputs, some.targets)
    curvature = 1.0 if form is None else float(np.mean(np.abs(form[0])))
    if form is None and hasattr(loss, "metric"):
        curvature = 2.0 * float(np.mean(loss.metric(outputs, some.targets)))
    stiffness = 1.0 / (resistance * curvature) if resistance * curvature > 0 else 1.0
    return stiffness if np.isfinite(stiffness) else 1.0
