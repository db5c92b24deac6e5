"""The settings of a training run, and the table of directives that they are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from netlearn.errors import OptionError, Place
from netlearn.learn.digits import MOST
from netlearn.learn.goals import Goal, goal_of
from netlearn.learn.hardware import Hardware
from netlearn.learn.loss import LOSSES, Loss
from netlearn.learn.optimizers import OPTIMIZERS, Adam, Lbfgsb, Optimizer
from netlearn.learn.rules import RULES
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Rule
from netlearn.learn.schedule import SCHEDULES, Constant, Schedule
from netlearn.learn.starts import STARTS, OwnValues, SolvedReadout
from netlearn.learn.subset import Subset
from netlearn.learn.table import label_of
from netlearn.learn.tolerances import Rating, Tolerance, rating_of, tolerance_of
from netlearn.learn.trained import Trained, trained_of
from netlearn.options import Declared, Directive, Given, Option, build, option, options_of


@dataclass(frozen=True)
class LoopOptions(Declared):
    """How long and on what a run trains."""

    epochs: int = option(100, "passes over the training data", least=0)
    batch: int = option(0, "samples in each step; 0 for all", least=0)
    seed: int = option(0, "seed of all random numbers", least=0)
    validation: float = option(0.0, "fraction of the data kept for validation", least=0.0, below=1.0)
    patience: int | None = option(None, "epochs without a better loss after which training stops", least=1)
    coordinates: Literal["log", "conductance", "resistance"] = option(
        "log", "coordinate of a trained resistance: log-conductance, conductance or resistance"
    )
    digits: int | None = option(
        None,
        "significant digits of the values written; 0 for the fewest that keep the loss within 1 %",
        least=0,
        most=MOST,
        absent="all",
    )
    solver: Literal["auto", "newton", "gauss-seidel", "jacobi", "hybrid"] = option(
        "auto", "how the internal solver finds operating points: Newton's method, block by block, or both"
    )
    sweeps: int = option(1000, "sweeps that gauss-seidel and jacobi may take", least=1)


@dataclass(frozen=True)
class DataFiles:
    """Files of samples, CSV or .npz."""

    train: str | None = None
    test: str | None = option(None, "test data, evaluated after training")


UNSAID_RULE: Rule = Analytic()
"""The rule where none is given: this very object, so that one that suits a chip can take its place."""


@dataclass(frozen=True)
class Settings:
    """Everything that a run is told besides the netlist and the data.

    ``places`` holds where each directive stands that was given in a netlist, and for
    ``output``, ``fix`` and the like where each word does, as 'output V(a)'. ``notes`` say what was
    chosen where nothing was given.
    """

    data: DataFiles = field(default_factory=DataFiles)
    corner: Mapping[str, Sequence[float]] = field(default_factory=dict)
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    goal: tuple[Goal, ...] = ()
    loss: Loss | None = None
    train: tuple[Trained, ...] = ()
    fix: tuple[str, ...] = ()
    start: OwnValues | SolvedReadout = field(default_factory=OwnValues)
    rule: Rule = UNSAID_RULE
    optimizer: Optimizer | Lbfgsb = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=Constant)
    subset: Subset = field(default_factory=Subset)
    options: LoopOptions = field(default_factory=LoopOptions)
    hardware: Hardware | None = None
    tolerance: tuple[Tolerance, ...] = ()
    rating: tuple[Rating, ...] = ()
    position: Mapping[str, Sequence[float]] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for name, thing in vars(self).items():
            if name in DIRECTIVES and not (thing is None and name in _MAY_LACK):
                _check_object(name, thing)

    def __repr__(self) -> str:
        parts = [f"{len(self.train)} patterns to train", f"{len(self.output)} outputs", f"{len(self.goal)} goals"]
        return f"<settings: {', '.join(parts)}, rule {type(self.rule).__name__}>"


DIRECTIVES: dict[str, Directive] = {
    entry.name: entry
    for entry in (
        Directive("data", "training samples", "FILE", options_of(DataFiles)),
        Directive(
            "corner",
            "values that every sample is taken at, in all combinations",
            "",
            any_name=Option("corner", float, None, "values of a column", many=True),
        ),
        Directive("input", "sources that the columns of an array without names drive, in their order", "SOURCE..."),
        Directive("output", "probes to measure; with classes, one probe for each class in their order", "PROBE..."),
        Directive("classes", "the classes in the order of the outputs, if not those of the data", "LABEL..."),
        Directive(
            "goal",
            "what is wanted of a probe: a value, a band or bounds",
            "PROBE",
            options_of(Goal),
            repeats=True,
            assigns="value",
        ),
        Directive("loss", "loss function to minimise", "NAME", kinds=LOSSES),
        Directive("train", "parameters to train, and their bounds", "PATTERN...", options_of(Trained), repeats=True),
        Directive("fix", "parameters to keep though a *@train matches them", "PATTERN..."),
        Directive("start", "values that training starts from", "NAME", kinds=STARTS),
        Directive("rule", "learning rule, which estimates the gradient", "NAME", kinds=RULES),
        Directive("optimizer", "optimizer", "NAME", kinds=OPTIMIZERS),
        Directive("schedule", "schedule of the learning rate", "NAME", kinds=SCHEDULES),
        Directive("subset", "subset of the parameters that a step updates", "", made=Subset),
        Directive("hardware", "devices that hold the trained values", "", made=Hardware),
        Directive(
            "tolerance",
            "how far values may be off: what, how much, and 'uniform' or 'normal'",
            "PATTERN... AMOUNT...",
            options_of(Tolerance),
            repeats=True,
        ),
        Directive("rating", "power in watts that elements can bear", "PATTERN... WATTS...", repeats=True),
        Directive(
            "position",
            "where nodes lie in pictures, as NODE=X,Y",
            "",
            any_name=Option("position", float, None, "two coordinates", many=True),
        ),
        Directive("options", "length, batches and seed of the training", "", made=LoopOptions),
    )
}
"""The directives by name, in the order in which they are documented."""


def settings_of(given: Iterable[Given]) -> Settings:
    """The settings that directives say. Raises OptionError for what contradicts itself."""
    groups: dict[str, list[Given]] = {}
    for entry in given:
        groups.setdefault(entry.name, []).append(entry)
    places: dict[str, Place] = {}
    values: dict[str, Any] = {}
    for name, entries in groups.items():
        places |= {f"{name} {word}".rstrip(): place for entry in entries for word, place in entry.places.items()}
        if name == "train":
            values[name] = tuple(trained_of(entries))
            continue
        if name in _EACH:
            values[name] = tuple(map(_EACH[name], entries))
            continue
        one = _merged(entries)
        if DIRECTIVES[name].kinds:
            values[name] = _chosen(one)
        elif name == "classes":
            values[name] = tuple(dict.fromkeys(map(label_of, one.words)))
        elif name in ("input", "output", "fix"):
            values[name] = one.words
        elif name == "corner":
            values[name] = one.values
        elif name == "position":
            values[name] = _positions(one)
        elif name == "data":
            values[name] = DataFiles(one.words[0] if one.words else None, **_texts(one.values))
        else:
            made = DIRECTIVES[name].made
            assert made is not None
            values[name] = build(made, one.values, f"'*@{name}'", one.places)
    return Settings(**values, places=places)


def overridden(given: Sequence[Given], overrides: Sequence[Given]) -> list[Given]:
    """Directives with others put over them: options that are given win over the netlist's.

    Words replace words. LoopOptions are added to those of the netlist, unless the words name
    another kind (of optimizer, say), to which the old options do not belong.
    """
    result = [entry for entry in given if entry.name not in {o.name for o in overrides}]
    for name in dict.fromkeys(o.name for o in overrides):
        new, old = [o for o in overrides if o.name == name], [g for g in given if g.name == name]
        if DIRECTIVES[name].repeats or not old:
            result += new
            continue
        over, under = _merged(new), _merged(old)
        other = bool(DIRECTIVES[name].kinds and over.words and over.words != under.words)
        base: Mapping[str, object] = {} if other else under.values
        # Words that others replace stand nowhere any more.
        left = base if over.words else {*under.places}
        places = {key: place for key, place in under.places.items() if key in left and key not in over.values}
        result.append(Given(name, over.words or under.words, {**base, **over.values}, {**places, **over.places}))
    return result


def with_objects(settings: Settings, objects: Mapping[str, object]) -> Settings:
    """The settings with ready objects (an optimizer, a loss, a rule) in their places.

    Raises OptionError for an object that is not one for its place.
    """
    return replace(settings, **objects)  # type: ignore[arg-type]


_METHODS: Mapping[str, tuple[str, ...]] = {
    "loss": ("value", "gradient"),
    "rule": ("estimate",),
    "optimizer": ("start", "step"),
    "schedule": ("factor",),
}
"""What objects of classes of one's own need, by the setting."""
_CLASSES: Mapping[str, tuple[type, ...]] = {
    "optimizer": (Lbfgsb,),
    "data": (DataFiles,),
    "start": (OwnValues, SolvedReadout),
    "corner": (Mapping,),
    "position": (Mapping,),
}
_MEMBERS: Mapping[str, type] = {
    **dict.fromkeys(("input", "output", "classes", "fix"), str),
    "goal": Goal,
    "train": Trained,
    "tolerance": Tolerance,
    "rating": Rating,
}
"""Of what the others are tuples."""
_MAY_LACK = ("loss", "hardware")
"""What may be None."""


def _check_object(name: str, thing: object) -> None:
    made = DIRECTIVES[name].made if name in DIRECTIVES else None
    if isinstance(thing, _CLASSES.get(name, ()) if made is None else made):
        if isinstance(thing, Mapping):
            _check_numbers(name, thing)
        return
    if name in _MEMBERS and isinstance(thing, tuple) and all(isinstance(each, _MEMBERS[name]) for each in thing):
        return
    methods = _METHODS.get(name, ())
    hint = "give a text as in the netlist, or a list of such"
    if methods:
        needed = " and ".join(f"{method}()" for method in methods)
        hint = f"give a text as in the netlist, or an object that has {needed}"
        if all(callable(getattr(thing, method, None)) for method in methods):
            if not isinstance(thing, type):
                return
            hint = f"give an object of it: {thing.__name__}()"
    raise OptionError(f"{thing!r:.80} cannot be the setting '{name}'", hint=hint)


def _check_numbers(name: str, given: Mapping[Any, Any]) -> None:
    """Raise OptionError for a corner that has no values, and for a position that is not two."""
    seen: set[str] = set()
    for key, values in given.items():
        if not isinstance(key, str):
            raise OptionError(f"the name of a {name} is a text, not {key!r:.80}", hint=f"write {str(key)!r:.80}")
        try:
            # Views of a dict are no arrays, and a text is none of numbers.
            numbers = np.asarray(values if isinstance(values, str | np.ndarray) else list(values), dtype=float)
        except (TypeError, ValueError):
            numbers = np.full(1, np.nan)
        right = numbers.ndim == 1 and (len(numbers) == 2 if name == "position" else len(numbers) > 0)
        if not right or not np.isfinite(numbers).all():
            what = "two numbers" if name == "position" else "a list of finite numbers"
            raise OptionError(f"the {name} {key!r:.80} cannot be {values!r:.80}", hint=f"give {what} by a name")
        if key.lower() in seen:
            raise OptionError(f"the {name} '{key}' is given twice")
        seen.add(key.lower())


def with_suitable_optimizer(settings: Settings) -> Settings:
    """The settings with the optimizer that a rule says suits it, if it says one."""
    suits = getattr(settings.rule, "suits", None)
    if suits is None:
        return settings
    rule, optimizer = (described(each, kinds) for each, kinds in ((settings.rule, RULES), (suits, OPTIMIZERS)))
    return replace(
        settings, optimizer=suits, notes=(*settings.notes, f"optimizer {optimizer}, which suits rule {rule}")
    )


def described(thing: object, kinds: Mapping[str, type]) -> str:
    """What a directive would say for an object: its name, and its options that are not at their defaults."""
    name = next((name for name, kind in kinds.items() if type(thing) is kind), type(thing).__name__)
    options = (entry for entry in options_of(type(thing)) if getattr(thing, entry.name) != entry.default)
    return " ".join([name, *(f"{entry.name}={getattr(thing, entry.name)}" for entry in options)])


def _merged(entries: Sequence[Given]) -> Given:
    """Several lines of one directive as one."""
    first = entries[0]
    words, values, places = list(first.words), dict(first.values), dict(first.places)
    directive = DIRECTIVES[first.name]
    for entry in entries[1:]:
        place = entry.places.get("")
        if directive.words and not directive.many and entry.words and words:
            raise OptionError(f"'*@{first.name}' is given twice", place, f"the first is at {first.places.get('', '?')}")
        for name in entry.values:
            if name in values:
                raise OptionError(
                    f"'{name}' is given twice",
                    entry.places.get(name, place),
                    f"the first is at {places.get(name, places.get('', '?'))}",
                )
        words += entry.words
        values |= entry.values
        places |= {name: where for name, where in entry.places.items() if name not in places}
    return Given(first.name, tuple(words), values, places)


def _chosen(one: Given) -> object:
    directive = DIRECTIVES[one.name]
    if not one.words:
        raise OptionError(f"'*@{one.name}' needs a name", one.places.get(""), f"known: {', '.join(directive.kinds)}")
    kind = one.words[0]
    places = {key: place for key, place in one.places.items() if key in one.values}
    return build(directive.kinds[kind], one.values, f"'{kind}'", places or one.places)


_EACH: Mapping[str, Callable[[Given], object]] = {"goal": goal_of, "tolerance": tolerance_of, "rating": rating_of}
"""Directives of which each line is one thing."""


def _positions(one: Given) -> Mapping[str, Sequence[float]]:
    found: dict[str, Sequence[float]] = {}
    for name, value in one.values.items():
        assert isinstance(value, tuple)
        if len(value) != 2:
            raise OptionError(f"the position of '{name}' is not two numbers", one.places.get(name), "write n1=0.5,0.2")
        found[name] = value
    return found


def _texts(values: Mapping[str, object]) -> Mapping[str, str | None]:
    return {name: None if value is None else str(value) for name, value in values.items()}
