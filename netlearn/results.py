"""What training, an evaluation and a description come to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import NetlearnError
from netlearn.learn.fit import Fit
from netlearn.learn.goals import GoalResult
from netlearn.learn.history import History
from netlearn.learn.settings import Settings
from netlearn.learn.settings_text import directive_texts, settings_from, with_classes
from netlearn.netlist.netlist import Netlist
from netlearn.notebook import InNotebooks
from netlearn.run_files import read_run, write_run
from netlearn.solve.accuracy import Residual

EVALUATION_ARRAYS = ("inputs", "outputs", "targets", "losses", "watts")
EVALUATION_VALUES = ("loss", "accuracy", "names", "classes", "data", "notes")
AT_BOUND = 1e-9
"""How near to a bound, as a part of itself, a value is at it: by convention, far above float64's rounding in going to
coordinates of training and back, and below any tolerance."""
RUN_VALUES = ("names", "best_epoch", "interrupted", "seconds", "stopped", "notes")


@dataclass(frozen=True)
class Evaluation(InNotebooks):
    """How a netlist does on S samples with o outputs.

    ``outputs`` (S, o) are what the probes ``names`` read, ``targets`` (S, o) what they should
    or (S,) class numbers into ``classes``; ``losses`` (S,) and ``watts`` (S,), the power that all
    elements but sources dissipate; ``accuracy`` is None without classes.
    ``notes`` say what was chosen, ``residual``, if it was asked for, what Kirchhoff's laws lack.
    """

    loss: float
    accuracy: float | None
    names: tuple[str, ...]
    inputs: Array
    outputs: Array
    targets: Array
    losses: Array
    watts: Array
    classes: tuple[str, ...] = ()
    data: str = ""
    notes: tuple[str, ...] = ()
    residual: Residual | None = None
    fit: Fit | None = None
    """Standard errors and correlations of what would be trained, if they were asked for."""
    goals: tuple[GoalResult, ...] = ()
    """How far each goal is met, where there are goals; targets are then the nearest places that are wanted."""

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def power(self) -> float:
        """The mean dissipated power, in watts."""
        return float(np.mean(self.watts))

    def __repr__(self) -> str:
        rate = "" if self.accuracy is None else f", accuracy {self.accuracy:.4g}"
        return f"<evaluation: {len(self)} samples, loss {self.loss:.6g}{rate}>"

    @property
    def predictions(self) -> Array:
        """(S,) the number of the class with the largest output."""
        return np.asarray(np.argmax(self.outputs, axis=1))


@dataclass(frozen=True)
class FoundValue:
    """A trained value: what it was, what it is, and its bounds, in its own unit."""

    name: str
    before: float
    after: float
    lower: float = -inf
    upper: float = inf

    @property
    def change(self) -> float | None:
        """By which part of itself it has changed; None where it was zero."""
        return self.after / self.before - 1.0 if self.before else None

    @property
    def at(self) -> str | None:
        """The bound that it has come to, "min" or "max", or None."""
        reach = AT_BOUND * max(abs(self.after), abs(self.before))
        if self.after <= self.lower + reach:
            return "min"
        return "max" if self.after >= self.upper - reach else None


@dataclass(frozen=True)
class TrainResult(InNotebooks):
    """A trained netlist and how it came about.

    ``train`` and ``test`` evaluate ``netlist`` as it is written, on the training data (with
    the validation part) and the test data. ``theta`` (P,) are the trained values of the
    parameters ``names``, ``initial`` those before. ``interrupted`` says that Ctrl-C came, and
    ``stopped`` why training ended. ``written`` are the files that training wrote: copies of
    included files, and the netlist last. ``settings`` hold what was chosen, and ``notes`` say it.
    """

    netlist: Netlist
    settings: Settings
    names: tuple[str, ...]
    initial: Array
    theta: Array
    train: Evaluation
    test: Evaluation | None
    history: History
    best_epoch: int
    interrupted: bool = False
    seconds: float = 0.0
    written: tuple[Path, ...] = ()
    stopped: str = ""
    notes: tuple[str, ...] = ()
    lower: Array | None = None
    upper: Array | None = None
    """(P,) the bounds of the parameters."""
    fit: Fit | None = None
    """Standard errors and correlations, where the loss is a sum of squares of more numbers than there are values.

    For more than 40 values or 20,000 samples ``evaluate(..., errors=True)`` gives them.
    """
    held: Array | None = None
    """(P,) what the devices held that were trained, where ``*@hardware memory=device``; ``theta`` was aimed at."""

    def __repr__(self) -> str:
        rate = "" if self.accuracy is None else f", accuracy {self.accuracy:.4g}"
        path = self.netlist.source.path
        return f"<training of {path}: {len(self.names)} parameters, {self.epochs} epochs, loss {self.loss:.6g}{rate}>"

    @property
    def loss(self) -> float:
        """The mean loss over the training data."""
        return self.train.loss

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the training data, None without classes."""
        return self.train.accuracy

    @property
    def epochs(self) -> int:
        """How many epochs were begun or finished."""
        return self.history[-1].epoch if self.history else 0

    @property
    def values(self) -> tuple[FoundValue, ...]:
        """The trained values one by one: before, after, and whether they are at a bound."""
        count = len(self.names)
        lower = np.full(count, -inf) if self.lower is None else self.lower
        upper = np.full(count, inf) if self.upper is None else self.upper
        columns = (self.initial.tolist(), self.theta.tolist(), lower.tolist(), upper.tolist())
        return tuple(FoundValue(*row) for row in zip(self.names, *columns, strict=True))

    @checked
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the trained netlist, moved into place when it is whole.

        In another folder it names its data from there, and says the order of the classes.
        """
        moved = self.netlist.is_moved(path)
        (with_classes(self.netlist, self.settings, self.train.classes) if moved else self.netlist).save(path)
        return Path(path)

    @checked
    def save_run(self, folder: str | os.PathLike[str]) -> Path:
        """Write all of this into a folder that ``load_run`` reads: the netlist, JSON and a .npz archive.

        Raises OutputError where something else is there already.
        """
        texts, unsaid = directive_texts(self.settings)
        parts = {"train": self.train} | ({"test": self.test} if self.test is not None else {})
        arrays = {"initial": self.initial, "theta": self.theta, "history": self.history.array()}
        if self.lower is not None and self.upper is not None:
            arrays |= {"lower": self.lower, "upper": self.upper}
        if self.held is not None:
            arrays |= {"held": self.held}
        if self.fit is not None:
            arrays |= {"fit.standard_errors": self.fit.standard_errors, "fit.correlation": self.fit.correlation}
        if self.history.parameters is not None and self.history.kept is not None:
            arrays |= {"kept": self.history.kept, "parameters": np.asarray(self.history.parameters)}
        for name, part in parts.items():
            arrays |= {f"{name}.{field}": value for field, value in _fields(part, EVALUATION_ARRAYS).items()}
        values = {
            "settings": texts,
            "unsaid": unsaid,
            "evaluations": {
                name: {
                    **{field: getattr(part, field) for field in EVALUATION_VALUES},
                    "goals": [asdict(goal) for goal in part.goals],
                }
                for name, part in parts.items()
            },
            **({} if self.fit is None else {"fit": [self.fit.sigma, self.fit.freedom]}),
            **_fields(self, RUN_VALUES),
        }
        write_run(Path(folder), self.netlist, values, arrays)
        return Path(folder)


@checked
def load_run(folder: str | os.PathLike[str], allow: Sequence[str | os.PathLike[str]] = ()) -> TrainResult:
    """The result that ``TrainResult.save_run`` wrote into a folder.

    ``allow`` names folders that its netlist may include files from. Objects of classes of one's own
    (a loss, a rule) are not in it; ``notes`` say which were there. Raises NetlearnError for a folder
    that holds no run.
    """
    netlist, values, arrays = read_run(Path(folder), allow)
    try:
        evaluations = {name: _evaluation(name, given, arrays) for name, given in values["evaluations"].items()}
        lost = tuple(f"not in the run that was saved: {what}" for what in values["unsaid"])
        names = tuple(values["names"])
        return TrainResult(
            netlist=netlist,
            settings=settings_from(values["settings"]),
            initial=arrays["initial"],
            theta=arrays["theta"],
            lower=arrays.get("lower"),
            upper=arrays.get("upper"),
            held=arrays.get("held"),
            fit=_fit(names, arrays["theta"], values.get("fit"), arrays),
            train=evaluations["train"],
            test=evaluations.get("test"),
            history=History.of(arrays["history"], names, arrays.get("kept"), arrays.get("parameters")),
            **{field: _tupled(values[field]) for field in RUN_VALUES if field != "notes"},
            notes=(*values["notes"], *lost),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NetlearnError(f"'{folder}' holds no run that can be read ({error!r})") from None


def _fit(names: tuple[str, ...], theta: Array, given: Sequence[Any] | None, arrays: Mapping[str, Array]) -> Fit | None:
    if given is None:
        return None
    sigma, freedom = given
    errors, correlation = arrays["fit.standard_errors"], arrays["fit.correlation"]
    return Fit(names, tuple(theta.tolist()), errors, correlation, nan if sigma is None else float(sigma), int(freedom))


def _evaluation(name: str, given: Mapping[str, Any], arrays: Mapping[str, Array]) -> Evaluation:
    parts: dict[str, Any] = {field: _tupled(given[field]) for field in EVALUATION_VALUES}
    parts["goals"] = tuple(_goal_result(each) for each in given.get("goals", ()))
    return Evaluation(**parts | {field: arrays[f"{name}.{field}"] for field in EVALUATION_ARRAYS})


def _goal_result(given: Mapping[str, Any]) -> GoalResult:
    # A side of a band that is open is no number in JSON.
    low, high = (given[key] for key in ("low", "high"))
    return GoalResult(**{**given, "low": -inf if low is None else low, "high": inf if high is None else high})


def _fields(of: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(of, name) for name in names}


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Description(InNotebooks):
    """What is in a netlist. ``problems`` say what keeps it from being solved or trained.

    ``elements`` counts by kind of element; ``trainable`` names what could be trained and
    ``trained`` what would be, with its ``values`` (P,), and ``notes`` what is to be said of that choice.
    Energy-based rules follow the gradient
    unless ``breaking`` names elements because of which there is no co-content; ``weights`` are
    those of nodes in it that are not 1. What a problem keeps from being known is None.
    """

    netlist: Netlist
    settings: Settings | None = None
    elements: tuple[tuple[str, int], ...] | None = None
    nodes: int | None = None
    branches: int | None = None
    linear: bool | None = None
    breaking: tuple[str, ...] | None = None
    weights: tuple[tuple[str, float], ...] | None = None
    trainable: tuple[str, ...] | None = None
    trained: tuple[str, ...] | None = None
    values: Array | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    samples: int = 0
    test_samples: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[NetlearnError, ...] = ()

    def __repr__(self) -> str:
        known = []
        if self.elements is not None:
            known += [f"{sum(number for _, number in self.elements)} elements", f"{self.nodes} nodes"]
        if self.problems:
            known.append(f"{len(self.problems)} problems")
        return f"<{self.netlist.source.path}: {', '.join(known)}>"
