"""What a learning rate is in physical units, and which one a paper's rate would be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np

from netlearn.api import task_of
from netlearn.argument_types import checked
from netlearn.arguments import with_targets
from netlearn.errors import OptionError
from netlearn.learn.settings import LoopOptions
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import open_project
from netlearn.solve.internal import InternalSolver


@dataclass(frozen=True)
class LearningRate:
    """What plain descent (``sgd``) with the rate ``lr`` does to a trained resistance in one step.

    ``unit`` is what the estimate of the rule is measured in: the variance of the targets in V² (or that of the
    loss in its own unit), for rules that clamp outputs times the stiffness in siemens that the outputs feel.
    ``ohms`` is the geometric mean R₀ of the resistances at the start.

    In the coordinate "conductance" a step is Δg = -``alpha`` ∂ℓ/∂g, and in "resistance" it is ΔR = -``alpha``
    ∂ℓ/∂R, with ∂ℓ/∂· what the rule says; in "log" it is Δ log g = -``alpha`` ∂ℓ/∂ log g.
    """

    lr: float
    coordinates: str
    unit: float
    ohms: float

    @property
    def alpha(self) -> float:
        """The rate in the coordinate's own unit: S² over the estimate's unit, Ω² over it, or one over it."""
        return self.lr / self.unit * self._square

    @checked
    def lr_for(self, alpha: float) -> float:
        """The ``lr`` that makes ``alpha`` what a paper says."""
        return alpha * self.unit / self._square

    @property
    def _square(self) -> float:
        return {"conductance": self.ohms**-2, "resistance": self.ohms**2, "log": 1.0}[self.coordinates]


@checked
def learning_rate(
    netlist: NetlistLike, data: DataLike | None = None, targets: object = None, **settings: Unpack[Overrides]
) -> LearningRate:
    """What the learning rate of a training would be in physical units. All is given as for :func:`netlearn.train`.

    Raises OptionError for an optimizer other than ``sgd``, whose steps are no multiples of the estimate, and where
    no resistance is trained.

    >>> import netlearn
    >>> netlist = netlearn.parse("divider\\n*@output V(b)\\nV1 a 0 0\\nR1 a b 1k\\nR2 b 0 1k\\n")
    >>> data = {"V1": [1.0, 2.0, 3.0], "V(b)": [0.25, 0.5, 0.75]}
    >>> rate = learning_rate(netlist, data, optimizer="sgd lr=0.1", coordinates="conductance")
    >>> round(rate.ohms), round(rate.lr_for(rate.alpha), 12)
    (1000, 0.1)
    """
    project = open_project(netlist, with_targets(data, targets), InternalSolver(), settings)
    given = project.settings
    if "lr" not in vars(given.optimizer) or set(vars(given.optimizer)) - {"lr"}:
        raise OptionError("only a step of sgd is a multiple of what the rule says", hint='optimizer="sgd lr=0.1"')
    task = task_of(replace(project, settings=replace(given, options=_whole(given.options))))
    resistive = np.asarray(project.parameters.resistive, dtype=bool)
    if not resistive.any():
        raise OptionError("no resistance is trained")
    lr = float(vars(given.optimizer)["lr"])
    return LearningRate(lr, given.options.coordinates, float(task.unit), float(task.transform.scale[resistive][0]))


def _whole(options: LoopOptions) -> LoopOptions:
    return replace(options, batch=0)
