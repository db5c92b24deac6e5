"""Netlists as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np

from netlearn.api import train
from netlearn.arguments import netlist_of
from netlearn.arrays import Array
from netlearn.errors import NetlearnError, OptionError
from netlearn.learn.history import History
from netlearn.learn.loss import CrossEntropy, Loss
from netlearn.learn.table import label_of
from netlearn.netlist.netlist import Netlist, parse
from netlearn.overrides import NetlistLike, settings_for
from netlearn.solvers import Forward
from netlearn.trainer import Trainer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise NetlearnError(
        "netlearn.sklearn needs scikit-learn 1.6 or later", hint="pip install 'netlearn[sklearn]'"
    ) from None

PASSED_ON = (
    "train", "fix", "loss", "rule", "optimizer", "schedule", "subset", "hardware",
    "epochs", "batch", "validation", "patience", "coordinates",
)  # fmt: skip
"""Parameters of the estimators that are settings of ``netlearn.train``."""

REACH = 0.5
"""Volts that scaled targets may reach, divided by the square root of the number of inputs: from 0.05 to 1 scores on
regressions are 0.93 ± 0.06, with 5, which voltages of ±1 cannot reach, 0.50 ± 0.05 (n = 5)
(benchmarks/constants_of_learning.py)."""


class _NetlistEstimator(BaseEstimator):  # type: ignore[misc]
    """What a classifier and a regressor have in common.

    Parameters
    ----------
    netlist : the netlist, or its path; None for a network of resistors made to measure: from every
        input, upright and inverted, and from a bias to every output.
    input : what each feature drives, as ``*@input`` has it: ``["V1", ("V2p", "-V2n")]``. By default
        what the netlist says, or the columns of a DataFrame that are named so, or its sources.
    output : what is measured, as ``*@output`` has it.
    train, fix, loss, rule, optimizer, schedule, subset, hardware : settings of ``netlearn.train``,
        as text or objects; None for the netlist's own.
    epochs, batch, validation, patience, coordinates : its options; None for the netlist's own.
    scaling : whether features are brought between -1 and 1 V, and targets to what a passive network
        can reach, and predictions back. "auto": where the network is made to measure.
    forward : what finds operating points, or a chip in the loop, as for :func:`netlearn.train`.
    random_state : seed of the values that training starts from where the network is made to
        measure, and of everything random in training.
    warm_start : whether ``fit`` goes on from the values of the last one.

    Attributes
    ----------
    netlist_ : the trained netlist. ``netlist_.save(path)`` writes it.
    history_ : what is known of the training, epoch by epoch.
    n_iter_ : epochs, or steps of ``partial_fit``.
    n_features_in_, feature_names_in_ : as scikit-learn has them.
    """

    def __init__(
        self,
        netlist: NetlistLike | None = None,
        *,
        input: str | Sequence[str | Sequence[str]] | None = None,
        output: str | Sequence[str] | None = None,
        train: Any = None,
        fix: Any = None,
        loss: Any = None,
        rule: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        subset: Any = None,
        hardware: Any = None,
        epochs: int | None = None,
        batch: int | None = None,
        validation: float | None = None,
        patience: int | None = None,
        coordinates: str | None = None,
        scaling: Literal["auto"] | bool = "auto",
        forward: Forward = "internal",
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.netlist = netlist
        self.input = input
        self.output = output
        self.train = train
        self.fix = fix
        self.loss = loss
        self.rule = rule
        self.optimizer = optimizer
        self.schedule = schedule
        self.subset = subset
        self.hardware = hardware
        self.epochs = epochs
        self.batch = batch
        self.validation = validation
        self.patience = patience
        self.coordinates = coordinates
        self.scaling = scaling
        self.forward = forward
        self.random_state = random_state
        self.warm_start = warm_start

    # What the two do alike ---------------------------------------------------------------------

    def _begin(self, x: Array, outputs: int) -> None:
        """Choose the netlist, what its inputs are, and how they are scaled."""
        random = check_random_state(self.random_state)
        self._seed = int(random.randint(2**31))
        if self.scaling not in ("auto", True, False):
            raise OptionError(f"scaling must be 'auto', True or False, not {self.scaling!r}")
        self._scaled = self.netlist is None if self.scaling == "auto" else self.scaling
        if self.netlist is None:
            if self.input is not None or self.output is not None:
                raise OptionError("input and output say what to drive and measure in a netlist, and there is none")
            self.netlist_ = _made_to_measure(x.shape[1], outputs, random)
        else:
            self.netlist_ = netlist_of(self.netlist)
        self._settings = settings_for(self.netlist_, self._given(input=self.input, output=self.output))
        if self._settings.goal:
            raise OptionError(
                "the netlist has goals, and an estimator learns what y says",
                self._settings.goal[0].place,
                "take the *@goal lines out, or use netlearn.train or netlearn.Trainer",
            )
        self._words = tuple(self._settings.input) or self._named_words() or None
        low, high = (x.min(axis=0), x.max(axis=0)) if self._scaled else (-np.ones(x.shape[1]), np.ones(x.shape[1]))
        self._middle, self._half = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)

    def _named_words(self) -> tuple[str, ...]:
        """The features' names, where all are what a column of the data may be named."""
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            return ()
        known = {name.lower() for name in self.netlist_.elements}
        return tuple(names) if all(name.lower() in known for name in names) else ()

    def _given(self, **more: Any) -> dict[str, Any]:
        """The settings that differ from the netlist's own."""
        given = {name: getattr(self, name) for name in PASSED_ON} | more
        return {name: value for name, value in given.items() if value is not None}

    def _volts(self, x: Array) -> Array:
        return np.asarray((x - self._middle) / self._half)

    def _trained(self, x: Array, y: Array, **more: Any) -> None:
        result = train(
            self.netlist_,
            self._volts(x),
            y,
            forward=self.forward,
            **self._given(input=self._words, output=self.output, seed=self._seed, **more),
        )
        self.netlist_ = result.netlist
        self.loss_: Loss | None = result.settings.loss
        self.history_: History = result.history
        self.n_iter_: int = result.epochs
        self._trainer = self._open(**more)

    def _open(self, **more: Any) -> Trainer:
        """A trainer at the values of the netlist."""
        given = self._given(input=self._words, output=self.output, seed=self._seed, **more)
        settings = settings_for(self.netlist_, given)
        if not hasattr(settings.optimizer, "step"):
            given["optimizer"] = "adam"
        return Trainer(self.netlist_, forward=self.forward, **given)

    def _steps(self, x: Array, y: Array) -> None:
        """One pass over samples, in batches if the settings say so."""
        volts = self._volts(x)
        size = self._trainer.batch or len(x)
        for start in range(0, len(x), size):
            self._trainer.step(volts[start : start + size], y[start : start + size])
        self.netlist_ = self._trainer.netlist
        self.n_iter_ = self._trainer.steps

    def _outputs(self, x: Any) -> Array:
        check_is_fitted(self, "netlist_")
        x = validate_data(self, x, reset=False, dtype=np.float64)
        return self._trainer.predict(self._volts(x))

    @property
    def _fitted(self) -> bool:
        return hasattr(self, "_trainer")


class NetlistClassifier(ClassifierMixin, _NetlistEstimator):  # type: ignore[misc]
    __doc__ = (
        "A netlist with one output for each class; the class with the largest output is predicted.\n"
        + (_NetlistEstimator.__doc__ or "").partition("\n")[2].rstrip()
        + """
    classes_ : the classes, sorted. Outputs are in the order of ``*@classes`` if the netlist has it.
    """
    )

    def fit(self, X: Any, y: Any) -> Self:
        """Train on samples ``X`` (S, p) with the labels ``y`` (S,)."""
        goes_on = self.warm_start and self._fitted
        x, y = validate_data(self, X, y, dtype=np.float64, reset=not goes_on)
        numbers = self._numbers(x, y, None if not goes_on else self.classes_, begin=not goes_on)
        self._trained(x, self._named(numbers), classes=self._labels)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One pass over samples, from where the last fit or pass ended.

        The first pass of all must be told the ``classes``, since the samples may lack some. It also
        settles how features are scaled.
        """
        first = not self._fitted
        x, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        if first and classes is None:
            raise ValueError("the first call of partial_fit must be given the classes")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"the classes {list(classes)} are not those of the first call, {self.classes_.tolist()}")
        numbers = self._numbers(x, y, np.unique(classes) if first else self.classes_, begin=first)
        if first:
            self._trainer = self._open(classes=self._labels)
        self._steps(x, self._named(numbers))
        self.loss_ = self._trainer.loss_function
        return self

    def _named(self, numbers: Array) -> Array:
        """The labels of outputs by their numbers, as the trained netlist calls them."""
        return np.array(self._labels, dtype=str)[numbers]

    def decision_function(self, X: Any) -> Array:
        """The outputs (S, k) of the k classes, or of two classes the second's less the first's, (S,)."""
        outputs = self._outputs(X)
        scores = outputs[:, self._order]
        return np.asarray(scores[:, 1] - scores[:, 0]) if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> Array:
        """The classes (S,) with the largest outputs."""
        outputs = self._outputs(X)
        return np.asarray(self.classes_[np.argmax(outputs[:, self._order], axis=1)])

    @available_if(lambda self: self._has_probabilities())  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Probabilities (S, k) of the classes, where the loss is the cross-entropy."""
        outputs = self._outputs(X)
        assert isinstance(self.loss_, CrossEntropy)
        probabilities = self.loss_.probabilities(outputs)[:, self._order]
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))

    @available_if(lambda self: self._has_probabilities())  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """Their logarithms."""
        return np.asarray(np.log(self.predict_proba(X)))

    def _has_probabilities(self) -> bool:
        if self._fitted:
            return isinstance(self.loss_, CrossEntropy)
        netlist = parse("* made to measure\n") if self.netlist is None else netlist_of(self.netlist)
        loss = settings_for(netlist, {} if self.loss is None else {"loss": self.loss}).loss
        return loss is None or isinstance(loss, CrossEntropy)

    def _numbers(self, x: Array, y: Array, classes: Array | None, begin: bool) -> Array:
        """The numbers of the outputs that belong to labels ``y`` (S,)."""
        check_classification_targets(y)
        found = np.unique(y)
        classes = found if classes is None else classes
        unknown = np.setdiff1d(found, classes)
        if len(unknown):
            raise ValueError(f"the class '{unknown[0]}' is not among the classes {classes.tolist()}")
        if len(classes) < 2:
            raise ValueError(f"a classifier needs more than one class, and the data hold only the class '{classes[0]}'")
        self.classes_ = classes
        if begin:
            self._begin(x, len(classes))
            self._order = self._outputs_of(classes)
            # As the classes are called, so that the trained netlist predicts by itself what this does.
            labels = list(self._settings.classes) or [label_of(label) for label in classes]
            # Labels that a text cannot tell apart go by their numbers.
            self._labels = labels if len({*labels, ""}) > len(labels) else [str(k) for k in range(len(labels))]
        return self._order[np.searchsorted(classes, y)]

    def _outputs_of(self, classes: Array) -> Array:
        """The number of the output of each class."""
        outputs, named = self._settings.output, list(self._settings.classes)
        if not named:
            if len(outputs) != len(classes):
                raise OptionError(
                    f"there are {len(outputs)} outputs and {len(classes)} classes",
                    hint="output=[...] lists one probe for each class, in their order",
                )
            return np.arange(len(classes))
        for label in map(label_of, classes):
            if label not in named:
                raise OptionError(f"the class '{label}' is not among those of *@classes: {', '.join(named)}")
        return np.array([named.index(label_of(label)) for label in classes])


class NetlistRegressor(RegressorMixin, _NetlistEstimator):  # type: ignore[misc]
    __doc__ = (
        "A netlist whose outputs are to take given values.\n" + (_NetlistEstimator.__doc__ or "").partition("\n")[2]
    )

    def fit(self, X: Any, y: Any) -> Self:
        """Train on samples ``X`` (S, p) with the targets ``y`` (S,) or (S, o)."""
        first = not (self.warm_start and self._fitted)
        x, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=first)
        if first:
            self._begin_with(x, y)
        self._trained(x, self._wanted(y))
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """One pass over samples, from where the last fit or pass ended. The first settles the scaling."""
        first = not self._fitted
        x, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=first)
        if first:
            self._begin_with(x, y)
            self._trainer = self._open()
        self._steps(x, self._wanted(y))
        self.loss_ = self._trainer.loss_function
        return self

    def predict(self, X: Any) -> Array:
        """The outputs (S,), or (S, o) where the targets were."""
        outputs = self._outputs(X) * self._gain + self._offset
        return np.asarray(outputs[:, 0] if self._one else outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags

    def _begin_with(self, x: Array, y: Array) -> None:
        columns = y.reshape(len(y), -1)
        self._begin(x, columns.shape[1])
        self._offset, self._gain = np.zeros(columns.shape[1]), np.ones(columns.shape[1])
        if self._scaled:
            self._offset = columns.mean(axis=0)
            largest = np.abs(columns - self._offset).max(axis=0)
            reach = REACH / np.sqrt(x.shape[1])
            self._gain = np.where(largest > 0, largest, 1.0) / reach

    def _wanted(self, y: Array) -> Array:
        count = y.size // len(y)
        if count != len(self._gain):
            raise ValueError(f"y has {count} targets for each sample, and the first had {len(self._gain)}")
        self._one = y.ndim == 1
        return np.asarray((y.reshape(len(y), -1) - self._offset) / self._gain)


def _made_to_measure(features: int, outputs: int, random: Any) -> Netlist:
    """A network of resistors from every feature, upright and inverted, and a bias to every output."""
    ends = [f"{side}{k}" for k in range(features) for side in "pn"]
    lines = ["* a layer of resistors", f"*@input {' '.join(f'(Vp{k},-Vn{k})' for k in range(features))}"]
    lines += [f"*@output {' '.join(f'V(o{k})' for k in range(outputs))}", "*@train R* min=1 max=1g"]
    lines += ["*@optimizer lbfgs", "*@options epochs=200"]
    lines += [f"V{end} {end} 0 0" for end in ends]
    lines += ["Vbp bp 0 1", "Vbn bn 0 -1"]
    nodes = [*ends, "bp", "bn", "0"]
    ohms = np.exp(random.uniform(np.log(500.0), np.log(2000.0), (outputs, len(nodes))))
    lines += [f"R{node}_{k} {node} o{k} {ohms[k, j]:.6g}" for k in range(outputs) for j, node in enumerate(nodes)]
    return parse("\n".join([*lines, ""]), "<made to measure>")


__all__ = ["NetlistClassifier", "NetlistRegressor"]
