"""What is given in Python or as an option of a command, instead of what the netlist's directives say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any, TypedDict

from netlearn.errors import OptionError, did_you_mean
from netlearn.learn.goals import Goal
from netlearn.learn.hardware import Hardware
from netlearn.learn.loss import Loss
from netlearn.learn.optimizers import Lbfgsb, Optimizer
from netlearn.learn.rules.base import Rule
from netlearn.learn.samples import words_of_classes, words_of_input
from netlearn.learn.schedule import Schedule
from netlearn.learn.settings import (
    DIRECTIVES,
    LoopOptions,
    Settings,
    overridden,
    settings_of,
    with_objects,
    with_suitable_optimizer,
)
from netlearn.learn.starts import OwnValues, SolvedReadout
from netlearn.learn.subset import Subset
from netlearn.netlist.directives import read_directive, read_directives, warn_of_comments
from netlearn.netlist.netlist import Netlist
from netlearn.options import Given, options_of

WITHOUT_LOSS = "the goals that are given are a loss of their own, in place of the netlist's"
"""What is said where goals take the place of a loss."""

NetlistLike = Netlist | str | os.PathLike[str]
"""A netlist, or the path of one."""
DataLike = Any
"""Samples: a path, a Table, a DataFrame, arrays (S,) by column name, or a pair (X, y) of inputs and targets."""

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_OPTIONS = tuple(entry.name for entry in options_of(LoopOptions))
_MAY_BE_NONE = frozenset(
    ("input", "output", "classes", "goal", "fix", "corner", "tolerance", "rating", "position", "hardware")
)
"""What a task may be without: given empty, it takes the place of what the netlist says."""


class OverridesBesideSolver(TypedDict, total=False):
    """Overrides where ``solver`` has a place of its own."""

    test: DataLike | None
    input: str | Sequence[str | Sequence[str]] | None
    output: str | Sequence[str] | None
    classes: str | Sequence[object] | None
    goal: str | Goal | Sequence[str | Goal] | None
    loss: str | Loss | None
    train: str | Sequence[str] | None
    fix: str | Sequence[str] | None
    start: str | OwnValues | SolvedReadout | None
    rule: str | Rule | None
    optimizer: str | Optimizer | Lbfgsb | None
    schedule: str | Schedule | None
    subset: str | Subset | None
    corner: str | Sequence[str] | Mapping[str, Sequence[float]] | None
    options: str | LoopOptions | None
    hardware: str | Hardware | None
    tolerance: str | Sequence[str] | None
    rating: str | Sequence[str] | None
    epochs: int | None
    batch: int | None
    seed: int | None
    validation: float | None
    patience: int | None
    coordinates: str | None
    digits: int | None
    sweeps: int | None


class Overrides(OverridesBesideSolver, total=False):
    """What may be given instead of a directive: its text, or for some of them a ready object."""

    solver: str | None


def _names(value: Any) -> Any:
    """Names in an array, an index or a series, such as ``np.array(result.names)[chosen]``, as a list of them."""
    names = value.tolist() if hasattr(value, "tolist") else None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else value


def settings_for(netlist: Netlist, overrides: Mapping[str, Any]) -> Settings:
    """The netlist's directives with ``overrides`` (see Overrides) put over them.

    A rule with which not every optimizer trains brings its own, unless one is given with it: an
    optimizer in the netlist is meant for the rule in the netlist. An empty list or text is none, as in ``fix=[]``.

    Raises OptionError for an unknown or wrong directive or option, and for an empty one that a task cannot be without.
    """
    texts: list[Given] = []
    objects: dict[str, object] = {}
    options: dict[str, object] = {}
    none: set[str] = set()
    for name, given in overrides.items():
        if given is None:
            continue
        value = _names(given)
        if name in _OPTIONS:
            options[name] = value
        elif name not in DIRECTIVES:
            hint = directive_with(name) or did_you_mean(name, (*DIRECTIVES, *_OPTIONS))
            if "did you mean" not in hint and not directive_with(name):
                hint += f"; what a source or parameter is to be stands in the data: data={{'{name}': [...]}}"
            raise OptionError(f"there is no setting '{name}'", hint=hint)
        elif _is_empty(name, value):
            _check_may_be_none(name)
            none.add(name)
        elif name in ("goal", "input", "classes") and not isinstance(value, Iterable | Goal):
            raise OptionError(f"{value!r:.80} cannot be the setting '{name}'", hint="give a text, or a list of such")
        elif name == "goal":
            objects[name] = tuple(map(_goal_of, [value] if isinstance(value, str | Goal) else value))
        elif isinstance(value, str):
            texts.append(_read(name, value))
        elif name == "input":
            texts.append(Given(name, words_of_input(value)))
        elif name == "classes":
            texts.append(Given(name, words_of_classes(value)))
        elif isinstance(value, Sequence):
            texts += _listed(name, value)
        else:
            objects[name] = value
    if options:
        texts.append(Given("options", values=options))
    lines = read_directives(netlist.directives, DIRECTIVES)
    warn_of_comments(netlist, DIRECTIVES)
    over = {*objects, *(given.name for given in texts)}
    notes: tuple[str, ...] = ()
    if "goal" in over and "loss" not in over and any(given.name == "loss" for given in lines):
        # Goals are a loss of their own, and what is given here wins.
        none.add("loss")
        notes = (WITHOUT_LOSS,)
    kept = [given for given in lines if given.name not in objects and given.name not in none]
    settings = replace(with_objects(settings_of(overridden(kept, texts)), objects), notes=notes)
    beside = "rule" in over or not any(given.name == "optimizer" for given in lines)
    return with_suitable_optimizer(settings) if beside and "optimizer" not in over else settings


def _is_empty(name: str, value: object) -> bool:
    """Whether a setting is given, but nothing is in it."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | tuple) and name not in ("input", "classes"):
        # An option of a command is a list of texts; a class may well be called by an empty one.
        return all(isinstance(each, str) and not each.strip() for each in value)
    return isinstance(value, Sized) and not isinstance(value, Mapping) and not len(value)


def _check_may_be_none(name: str) -> None:
    if name in _MAY_BE_NONE:
        return
    if name == "train":
        hint = "say what is to be trained, such as 'R*', leave it out for what the netlist says, or take 0 epochs"
        raise OptionError("nothing is to be trained: 'train' is empty", hint=hint)
    raise OptionError(f"'{name}' is empty", hint="say which, or leave it out for what the netlist says")


def _goal_of(given: str | Goal) -> Goal:
    if isinstance(given, Goal):
        return given
    return settings_of([_read("goal", given)]).goal[0]


def _listed(name: str, values: Iterable[str]) -> Iterable[Given]:
    for value in values:
        yield _read(name, value)


def _read(name: str, text: str) -> Given:
    """What a text says that is given instead of a directive, in which there are no comments."""
    cut = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text).find(";")
    if cut >= 0:
        hint = "separate values by commas, and words by blanks"
        raise OptionError(
            f"';' begins a comment, so that '{text[cut + 1 :].strip()}' of '{name}' is not read", hint=hint
        )
    return read_directive(f"{name} {text}", DIRECTIVES)


def directive_with(option: str) -> str:
    """Where an option belongs that is no setting by itself, as ``lr`` does to an optimizer; empty if nowhere."""
    found = [name for name, entry in DIRECTIVES.items() if name != "options" and option in entry.options_for(())]
    if not found:
        return ""
    name, entry = found[0], DIRECTIVES[found[0]]
    word = "NAME " if entry.kinds else f"{entry.words.rstrip('.')} " if entry.words else ""
    all_of_them = " and ".join(filter(None, (", ".join(found[:-1]), found[-1])))
    return f'it is an option of {all_of_them}: {name}="{word}{option}=..."'
