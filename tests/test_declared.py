"""Whatever has options is checked however it is made: from text, by the command line or in Python."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import netlearn
from netlearn.errors import NetlearnError, OptionError
from netlearn.generate import Start
from netlearn.learn.goals import Goal
from netlearn.learn.hardware import Hardware
from netlearn.learn.loss import LOSSES
from netlearn.learn.optimizers import OPTIMIZERS, Adam
from netlearn.learn.rules import RULES, GeneralizedEP
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.schedule import SCHEDULES
from netlearn.learn.settings import LoopOptions, Settings
from netlearn.learn.starts import STARTS
from netlearn.learn.subset import Subset
from netlearn.learn.trained import Trained
from netlearn.ngspice.own_text import TextSolver
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.onestep.options import OneStep
from netlearn.options import Declared, Option, options_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.newton.iteration import Tolerances
from netlearn.topologies.kinds import TOPOLOGIES

DIVIDER = netlearn.parse("* t\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.end\n")
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


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: InternalSolver(method=3), "no solver '3'"),  # type: ignore[arg-type]
        (lambda: InternalSolver(sweeps=0), "'sweeps' must be a whole number at least 1"),
        (lambda: InternalSolver(sweeps="5"), "'sweeps' must be a whole number"),  # type: ignore[arg-type]
        (lambda: NgspiceSolver(processes=0), "'processes' must be a whole number at least 1"),
        (lambda: NgspiceSolver(timeout="1"), "must be a number of seconds"),  # type: ignore[arg-type]
        (lambda: TextSolver(processes=-3), "'processes' must be a whole number at least 1"),
        (lambda: Trained(min=5, max=1), "the lower bound 5 is above the upper bound 1"),
        (lambda: Trained(3), "a pattern of names is a text, not 3"),  # type: ignore[arg-type]
        (lambda: Goal(3, value=1), "a probe is a text, not 3"),  # type: ignore[arg-type]
        (lambda: GeneralizedEP("x"), "'x' is not a nudge"),  # type: ignore[arg-type]
        (lambda: Analytic(superpose="maybe"), "'superpose' must be yes or no"),  # type: ignore[arg-type]
        (lambda: Tolerances(reltol=-1), "'reltol' must be a number at least 0, not -1"),
        (lambda: Tolerances(iterations=0), "'iterations' must be a whole number at least 1"),
        (lambda: Settings(loss=3), "3 cannot be the setting 'loss'"),  # type: ignore[arg-type]
        (lambda: Settings(rule=None), "None cannot be the setting 'rule'"),  # type: ignore[arg-type]
        (lambda: Settings(output="V(a)"), "cannot be the setting 'output'"),  # type: ignore[arg-type]
        (lambda: Settings(train=("R*",)), "cannot be the setting 'train'"),  # type: ignore[arg-type]
    ],
)
def test_what_no_option_says_is_checked_as_well(make: Callable[[], object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        make()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DIVIDER.find(3), "'pattern' must be a text, not 3"),  # type: ignore[arg-type]
        (lambda: DIVIDER.elements.find(3), "'pattern' must be a text, not 3"),  # type: ignore[arg-type]
        (lambda: DIVIDER.elements[3], "'name' must be a text, not 3"),  # type: ignore[index]
        (lambda: netlearn.operating_point(DIVIDER, output=3), "cannot be the setting 'output'"),  # type: ignore[arg-type]
        (lambda: netlearn.operating_point(DIVIDER).voltage(3), "node '3'"),
    ],
)
def test_what_is_no_text_where_a_name_stands_is_an_error_in_words(make: Callable[[], object], says: str) -> None:
    with pytest.raises(NetlearnError, match=says):
        make()


def test_numbers_take_the_type_of_their_option() -> None:
    assert isinstance(Adam(lr=1).lr, float)
    assert isinstance(LoopOptions(epochs=5.0).epochs, int)  # type: ignore[arg-type]
