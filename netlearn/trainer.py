"""Training step by step, on samples as they come."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.chip_training import check_chip, measured_model, with_chip_rule
from netlearn.errors import OptionError
from netlearn.learn.chosen_loss import check_weights
from netlearn.learn.data import Dataset, dataset_of, inputs_of
from netlearn.learn.digits import check_digits, rounded
from netlearn.learn.loop import at_values, begin, seen, step
from netlearn.learn.loss import CrossEntropy, Loss, Mse, unit_of
from netlearn.learn.measured_losses import MeasuredLoss
from netlearn.learn.optimizers import Lbfgsb
from netlearn.learn.rules.power import losses_at
from netlearn.learn.rules.second_order import NaturalGradient
from netlearn.learn.rules.units import unit_of_estimate
from netlearn.learn.samples import named_columns, plain_array, table_of
from netlearn.learn.starts import SolvedReadout
from netlearn.learn.state import Step, TrainingState
from netlearn.learn.superposition import read_of
from netlearn.learn.table import CLASS, IN_MEMORY, Table, asked_by
from netlearn.learn.task import Task
from netlearn.learn.transforms import Transform
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import NetlistLike, OverridesBesideSolver
from netlearn.project import open_project
from netlearn.signature import signature_of
from netlearn.solve.operating_point import Solver
from netlearn.solvers import Forward, solver_of
from netlearn.writing import converted, devices_of

SEEN = 1000
"""How many of the last targets tell what losses are measured against: by convention; they tell a spread within 1/√(2n)
= 2.2 %."""


class Trainer:
    """A netlist that is trained by one step at a time.

    Parameters
    ----------
    netlist : a netlist or the path of one. ``*@input`` and ``*@output``, or ``input`` and
        ``output`` here, say what is driven and measured; ``*@classes`` names classes. Where there are
        goals, they say what is wanted.
    forward : what finds operating points, or a chip in the loop, as for ``train``. What it starts ends with
        ``close``, or the end of a ``with`` block.
    solver : a solver, in place of ``forward``.
    settings : as for ``train``. A schedule counts each step as an epoch.

    Raises NetlearnError for what the user can mend.

    >>> import netlearn
    >>> netlist = netlearn.parse('''divider
    ... *@output V(b)
    ... V1 a 0 0
    ... R1 a b 1k
    ... R2 b 0 1k
    ... ''')
    >>> trainer = netlearn.Trainer(netlist, optimizer="adam lr=0.1")
    >>> for _ in range(200):
    ...     done = trainer.step([1.0], [0.25])
    >>> [round(float(volts), 3) for volts in trainer.predict([[1.0], [2.0]]).ravel()]
    [0.25, 0.5]
    """

    @checked
    def __init__(
        self,
        netlist: NetlistLike,
        *,
        forward: Forward = "internal",
        solver: Solver | str | None = None,
        **settings: Unpack[OverridesBesideSolver],
    ) -> None:
        self._opened = ExitStack()
        opened = self._opened.enter_context(solver_of(forward if solver is None else solver))
        project = with_chip_rule(open_project(netlist, None, opened, settings))
        given = project.settings
        if isinstance(given.optimizer, Lbfgsb):
            raise OptionError("lbfgs needs all samples at once", hint="take optimizer='adam', or netlearn.train")
        if isinstance(given.start, SolvedReadout):
            hint = "take netlearn.train with epochs=0 for the start, and a Trainer with start='values' for its netlist"
            raise OptionError("least squares need all samples at once", given.places.get("start"), hint)
        discrete = given.hardware if given.hardware is not None and given.hardware.discrete else None
        check_digits(given.options.digits, discrete, given.places.get("options digits"))
        if given.hardware is not None and (given.hardware.parts is not None or given.hardware.pairs):
            hint = "take netlearn.train, or round_values for what a Trainer has come to"
            place = given.places.get("hardware")
            raise OptionError("parts and pairs are searched for at the end of a training", place, hint)
        if given.options.digits == 0:
            raise OptionError("digits=0 judges by all samples, and these come one by one", hint="say how many")
        self._project, self._unnamed = signature_of(project)
        project = self._project
        check_chip(project)
        self.layout = project.layout
        parameters = project.parameters
        self._task = Task(
            model=measured_model(project),
            loss=self._loss(),
            rule=given.rule,
            data=Dataset(np.zeros((0, len(self.layout.driven))), np.zeros((0, len(self.layout.outputs)))),
            optimizer=given.optimizer,
            schedule=given.schedule,
            transform=Transform.of(parameters, given.options.coordinates, project.design.parameter_place),
            subset=given.subset,
            options=given.options,
            writing=devices_of(project) if given.hardware is not None and given.hardware.holds else None,
        )
        self._state = begin(self._task)
        self._seen = np.zeros((0,))
        self._stiffness: float | None = None
        self._first: float | None = None
        self.steps = 0

    def __repr__(self) -> str:
        return f"<trainer of {self._project.netlist.source.path}: {self.steps} steps>"

    def close(self) -> None:
        """End what was started to find operating points: ngspice, or the program of a chip."""
        self._opened.close()

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """A copy ends nothing: what was started stays with the one that started it."""
        return {**self.__dict__, "_opened": ExitStack()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the trained parameters."""
        return tuple(self._project.parameters.names)

    @property
    def theta(self) -> Array:
        """(P,) their present values, in the units of the netlist; those that devices hold, where there are any.

        It is a copy. To set them, within their bounds, as an optimizer of one's own does, give all:
        ``trainer.theta = theta``, in this order or by name; devices are then written.
        """
        return self._state.theta.copy()

    @theta.setter
    def theta(self, values: Any) -> None:
        self._state = at_values(self._task, self._state, self._checked_values(values))

    @property
    def values(self) -> Mapping[str, float]:
        """Their present values by name."""
        return dict(zip(self.names, self._state.theta.tolist(), strict=True))

    @property
    def batch(self) -> int:
        """Samples of each step as the options say, 0 for all."""
        return self._task.options.batch

    @property
    def loss_function(self) -> Loss:
        """The loss, with its scale where one was chosen."""
        return self._task.loss

    @property
    def state(self) -> TrainingState:
        """Where training stands: the optimizer's memory, the random generator, counts of solves."""
        return self._state

    @property
    def netlist(self) -> Netlist:
        """The netlist with the present values; where devices hold them, with those that are aimed at."""
        theta, digits = self._state.aim, self._task.options.digits
        if digits:
            theta = rounded(self._project.parameters, theta, digits)
        return self._project.design.write(self._project.parameters, theta)

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the netlist with the present values."""
        self.netlist.save(path)
        return Path(path)

    def step(self, inputs: Any = None, targets: Any = None) -> Step:
        """One step of the optimizer along the rule's gradient.

        Parameters
        ----------
        inputs : (S, p), or (p,) for one sample; or columns by name, those of targets among them; by default the
            netlist's own values.
        targets : (S, o) or (o,) wanted outputs, NaN where nothing is asked; or class labels (S,),
            or one. Where there are goals, or ``inputs`` has them, it is left out.

        What the step saw before it changed the parameters. Raises NetlearnError.
        """
        data = self._samples(inputs, targets)
        task, state = self._ready(data)
        unit = self._unit(data)
        if isinstance(task.rule, NaturalGradient):
            unit = 1.0
        elif self._stiffness is None:
            self._stiffness = unit_of_estimate(task.rule, task.model, task.loss, 1.0, data)
        state = step(replace(task, unit=unit * (self._stiffness or 1.0)), state)
        # The operating points are where the next step starts from, if it has as many samples.
        state.settle()
        self._state = replace(state, pending=None)
        self.steps += 1
        assert state.last is not None
        return state.last

    def estimate(self, inputs: Any = None, targets: Any = None) -> Step:
        """What a step would see of samples, given as for ``step``: loss, gradient (P,) by the rule, and outputs.

        Nothing changes, but that the first samples choose the scale of the cross-entropy where it has none. A rule that
        draws random numbers draws those of the next step. Raises NetlearnError.

        >>> import netlearn
        >>> exact, nudged = (netlearn.Trainer("netlists/voltage_division.cir", input="Vin", rule=rule)
        ...                  for rule in ("analytic", "cl beta=0.1"))
        >>> a, b = (trainer.estimate([1.0], [0.6, 0.25]).gradient for trainer in (exact, nudged))
        >>> bool(a @ b > 0)
        True
        """
        return seen(*self._ready(self._samples(inputs, targets)))

    def predict(self, inputs: Any) -> Array:
        """What the outputs are for inputs (S, p), or (p,) for one sample: (S, o)."""
        return self._outputs(inputs_of(table_of(_rows(inputs)[0], self._unnamed), self.layout))

    def loss(self, inputs: Any = None, targets: Any = None) -> float:
        """The mean loss at the present values."""
        data = self._samples(inputs, targets)
        self._choose(data)
        data = converted(self._project, data)
        losses, _, _ = losses_at(self._task.model, self._task.loss, self._state.theta, data.inputs, data.targets)
        return float(np.mean(losses))

    def _choose(self, data: Dataset) -> None:
        """Choose by these samples what of the loss is left to be chosen by the first."""
        if isinstance(self._task.loss, CrossEntropy) and self._task.loss.scale is None:
            self._task = replace(self._task, loss=self._task.loss.chosen(self._outputs(data.inputs)))
        if isinstance(self._task.loss, MeasuredLoss):
            self._task = replace(self._task, loss=self._task.loss.chosen_by(data.targets))

    def _ready(self, data: Dataset) -> tuple[Task, TrainingState]:
        """The task of a step on these samples, and the state that it begins at."""
        self._choose(data)
        task, state = replace(self._task, data=converted(self._project, data)), self._state
        if state.points is not None and len(state.points) != len(data):
            state = replace(state, points=np.full((len(data), state.points.shape[1]), np.nan), pending=None)
        return task, state

    def _checked_values(self, values: Any) -> Array:
        # A mapping, or a series of pandas, which may have them in another order.
        names = set(values.keys()) if callable(getattr(values, "keys", None)) else None
        if names == set(self.names):
            values = [values[name] for name in self.names]
        try:
            theta = np.array(values, dtype=float)
        except (TypeError, ValueError):
            theta = np.zeros((0, 0))
        if theta.shape != (len(self.names),):
            hint = f"give a number for each of {', '.join(self.names[:4])}{', ...' if len(self.names) > 4 else ''}"
            shape = theta.shape if theta.ndim == 1 else np.shape(values)
            raise OptionError(f"theta must be numbers of the shape ({len(self.names)},), not {shape}", hint=hint)
        lower, upper = self._task.transform.bounds
        wrong = np.flatnonzero(~((theta >= lower) & (theta <= upper) & np.isfinite(theta)))
        if len(wrong):
            k = int(wrong[0])
            within = f"outside of its bounds {lower[k]:g} and {upper[k]:g}" if np.isfinite(theta[k]) else "not finite"
            raise OptionError(f"'{self.names[k]}' cannot be {theta[k]:g}, which is {within}")
        return theta

    def _unit(self, data: Dataset) -> float:
        """What the loss is measured in: by what was asked lately, or for goals by what it began with."""
        loss, count = self._task.loss, len(self.layout.outputs)

        def before() -> float:
            return float(np.mean(loss.value(self._outputs(data.inputs), data.targets)))

        if not self.layout.aims:
            self._note(data)
            return unit_of(loss, self._seen, count, before)
        if self._first is None:
            self._first = unit_of(loss, data.targets, count, before)
        return self._first

    def _samples(self, inputs: Any, targets: Any) -> Dataset:
        alone = inputs is None
        rows, one = _rows(self._own_values() if alone else inputs)
        if self.layout.aims:
            if targets is not None:
                raise OptionError("the goals say what is wanted, and there are targets, too", hint="leave them out")
            table = Table(IN_MEMORY, {}, count=len(rows)) if not self.layout.inputs else table_of(rows, self._unnamed)
            return dataset_of(table, self.layout)
        if targets is None and self._asks(rows):
            return dataset_of(table_of(rows, self._unnamed), self.layout)
        if targets is None:
            hint = "give targets, by themselves or as columns such as V(out) or 'class', or goals"
            raise OptionError("nothing says what is wanted", hint=hint)
        targets = plain_array(targets) if isinstance(targets, list | tuple) else targets
        if one or (alone and not hasattr(targets, "keys") and np.ndim(targets) < 2):
            wanted = np.asarray(targets)
            targets = wanted.reshape(1) if self.layout.classes else wanted.reshape(1, -1)
        return dataset_of(table_of((rows, targets), self._unnamed), self.layout)

    @staticmethod
    def _asks(rows: Any) -> bool:
        """Whether columns by name say what is wanted, too."""
        names = [name.lower() for name in named_columns(rows) or ()]
        return sorted(names) == ["x", "y"] or any(name == CLASS or asked_by(name) for name in names)

    def _outputs(self, inputs: Array) -> Array:
        data = converted(self._project, Dataset(inputs, np.zeros((len(inputs), 0))))
        return read_of(self._task.model, self._state.theta, data.inputs)

    def _own_values(self) -> Array:
        """What the inputs are in the netlist itself, as columns by name."""
        circuit, settings = self._project.circuit, self._project.parameters.settings
        own = []
        for place in self._task.model.inputs[: len(self.layout.inputs)]:
            if isinstance(place, tuple):
                own.append(float(np.asarray(circuit.groups[place[0]].values["dc"])[place[1]]))
            else:
                own.append(settings[place].value)
        return np.array([tuple(own)], dtype=[(name, float) for name in self.layout.inputs]) if own else np.zeros((1, 0))

    def _note(self, data: Dataset) -> None:
        """Keep the last targets in mind."""
        seen = self._seen if self._seen.shape[1:] == data.targets.shape[1:] else data.targets[:0]
        self._seen = np.concatenate([seen, data.targets])[-SEEN:]

    def _loss(self) -> Loss:
        loss = self._project.settings.loss
        if self.layout.aims:
            return self._project.loss
        if loss is None:
            return CrossEntropy() if self.layout.classes else Mse()
        check_weights(loss, self.layout, self._project.settings.places.get("loss"))
        return loss


def _rows(inputs: Any) -> tuple[Any, bool]:
    """Inputs as rows, and whether they were one sample by itself."""
    # An array also of a tuple, as one of two rows is none of inputs and targets.
    array = plain_array(inputs) if isinstance(inputs, list | tuple) else inputs
    one = isinstance(array, np.ndarray) and array.dtype.names is None and array.ndim == 1
    return (array[None] if one else array), one
