"""Whatever has options is checked however it is made: from text, by the command line or in Python."""

from __future__ import annotations

import math

import pytest

from netlearn.errors import OptionError
from netlearn.generate import Start
from netlearn.learn.hardware import Hardware
from netlearn.learn.loss import LOSSES
from netlearn.learn.optimizers import OPTIMIZERS, Adam
from netlearn.learn.rules import RULES
from netlearn.learn.schedule import SCHEDULES
from netlearn.learn.settings import LoopOptions
from netlearn.learn.starts import STARTS
from netlearn.learn.subset import Subset
from netlearn.onestep.options import OneStep
from netlearn.options import Declared, Option, options_of
from netlearn.topologies.kinds import TOPOLOGIES

DECLARED = [
    *(cls for table in (LOSSES, OPTIMIZERS, RULES, SCHEDULES, STARTS, TOPOLOGIES) for cls in table.values()),
    *(Start, OneStep, Hardware, LoopOptions, Subset),
]
OPTIONS = [(cls, entry) for cls in DECLARED for entry in options_of(cls)]


def wrong_values(entry: Option) -> list[object]:
    """Values that the option cannot have."""
    # No values at all may be what an option has that takes any number of them.
    wrong: list[object] = [{}] if entry.many else [[], {}]
    if entry.kind is not str:
        wrong.append("20")
    if entry.choices:
        wrong.append("no such choice")
    if entry.kind in (int, float):
        wrong += [True, math.nan, math.inf]
        wrong += [limit for limit in (entry.above, entry.below) if limit is not None]
        wrong += [] if entry.least is None else [entry.least - 1]
        wrong += [] if entry.most is None else [entry.most + 1]
    return wrong


@pytest.mark.parametrize(("cls", "entry"), OPTIONS, ids=[f"{cls.__name__}.{entry.name}" for cls, entry in OPTIONS])
def test_a_wrong_value_is_refused_when_the_object_is_made(cls: type, entry: Option) -> None:
    for value in wrong_values(entry):
        with pytest.raises(OptionError, match=f"'{entry.name}' (must be|cannot be)"):
            cls(**{entry.name: value})


@pytest.mark.parametrize("cls", [cls for cls in DECLARED if options_of(cls)])
def test_whatever_has_options_checks_them(cls: type) -> None:
    assert issubclass(cls, Declared)


def test_numbers_take_the_type_of_their_option() -> None:
    assert isinstance(Adam(lr=1).lr, float)
    assert isinstance(LoopOptions(epochs=5.0).epochs, int)  # type: ignore[arg-type]
