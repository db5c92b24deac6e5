"""Training with a chip in the loop: what can be asked of it, and how much was read off it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from netlearn.chips.solver import ChipSolver
from netlearn.errors import OptionError
from netlearn.learn.model import Model
from netlearn.learn.rules import RULES
from netlearn.learn.rules.base import Rule
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.learn.rules.power import weight_of
from netlearn.learn.settings import UNSAID_RULE
from netlearn.project import Project
from netlearn.solve.operating_point import Solver
from netlearn.solvers import is_chip, solver_of


def suiting_chip(project: Project) -> Project:
    """The project with a rule that suits its chip, if it has one: in-the-loop, where no rule is given.

    Raises what :func:`check_chip` raises.
    """
    suited = with_chip_rule(project)
    check_chip(suited)
    return suited


def with_chip_rule(project: Project) -> Project:
    """The project with the rule in-the-loop, where it has a chip and nobody has said a rule."""
    settings = project.settings
    if not isinstance(project.solver, ChipSolver) or settings.rule is not UNSAID_RULE:
        return project
    note = "rule in-the-loop, as a chip gives outputs alone"
    return replace(project, settings=replace(settings, rule=InTheLoop(), notes=(*settings.notes, note)))


def check_chip(project: Project) -> None:
    """Begin with the chip, if there is one.

    Raises OptionError for a rule or a loss that needs more than it gives, and ChipError for a chip that cannot be used.
    """
    settings, chip = project.settings, project.solver
    if not isinstance(chip, ChipSolver):
        return
    if settings.loss is not None and weight_of(settings.loss):
        place = settings.places.get("loss")
        raise OptionError("the loss counts power, and a chip gives outputs alone", place, "leave power= out")
    _check_rule(project, settings.rule)


@contextmanager
def one_at_a_time(
    settings: Mapping[str, Any], processes: int | None, executor: Executor | None
) -> Iterator[tuple[Mapping[str, Any], int | None]]:
    """Settings of several trainings, and how many run at a time: with a chip one after the other, on the same chip."""
    forward = settings.get("forward", "internal")
    if not is_chip(forward):
        yield settings, processes
        return
    if executor is not None or (processes or 1) > 1:
        raise OptionError("there is one chip, which trains one circuit at a time", hint="leave --processes out")
    with solver_of(forward) as solver:
        yield {**settings, "forward": solver}, 1


def measured_model(project: Project) -> Model:
    """The model, its outputs read by the ADC, if there is one; a chip is read as often as the rule averages."""
    model, hardware = project.model, project.settings.hardware
    averages = int(getattr(project.settings.rule, "averages", 1))
    chip = None if model.chip is None else replace(model.chip, averages=averages)
    return replace(model, chip=chip, adc=None if hardware is None else hardware.converter("adc"))


def one_chip(solver: Solver, executor: Executor | None) -> None:
    """Begin to count what is read off a chip. Raises OptionError where it is to work in several places."""
    if isinstance(solver, ChipSolver):
        solver.chip.count.begin()
    if executor is not None and isinstance(solver, ChipSolver):
        raise OptionError("there is one chip, which no executor can share", hint="leave the executor out")


def readings_note(solver: Solver, before: int = 0) -> tuple[str, ...]:
    """How much was read off a chip, if it is one; with what was ``before``, and was taken from its count."""
    if not isinstance(solver, ChipSolver):
        return ()
    chip = solver.chip
    return (f"chip '{chip.title}': {chip.count.text(before)}",)


def _check_rule(project: Project, rule: Rule) -> None:
    reads = getattr(rule, "reads", "voltages" if type(rule) in RULES.values() else None)
    name = next((name for name, kind in RULES.items() if type(rule) is kind), type(rule).__name__)
    place = project.settings.places.get("rule")
    outputs, nudges = (
        ", ".join(name for name, kind in RULES.items() if getattr(kind, "reads", None) == what)
        for what in ("outputs", "nudges")
    )
    chip = project.model.chip
    assert chip is not None
    can = chip.nudges()
    if reads == "voltages":
        more = f"; the chip can be nudged, so {nudges} work, too" if can else ""
        message = f"rule {name} needs every voltage of the circuit, and a chip gives outputs alone"
        raise OptionError(message, place, f"rules that need no more: {outputs}{more}")
    if reads == "nudges" and not can:
        message = f"rule {name} compares nudged states, and this chip says of nothing that it can be nudged by"
        raise OptionError(message, place, f"rules that need outputs alone: {outputs}")
