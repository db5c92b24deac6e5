"""Solvers by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from netlearn.chips.chip import RETRIES, TIMEOUT
from netlearn.chips.function import ChipFunction, loaded
from netlearn.chips.program import ChipProgram
from netlearn.chips.solver import ChipSolver
from netlearn.errors import OptionError, did_you_mean
from netlearn.ngspice.own_text import TextSolver
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.internal import METHODS, InternalSolver, Method
from netlearn.solve.operating_point import Solver

FORWARDS = ("internal", "ngspice", "ngspice-flat")

ChipLike = Callable[[Any, Any], Any]
"""A function ``outputs = f(values, inputs)``; see :class:`netlearn.chips.function.ChipFunction`."""
Forward = str | Solver | ChipLike
"""What finds operating points, or gives outputs."""


def is_chip(forward: object) -> bool:
    """Whether what gives outputs is a chip, of which there is one."""
    if isinstance(forward, str):
        return forward.startswith(("command:", "python:"))
    return isinstance(forward, ChipSolver) or not hasattr(forward, "solve")


def internal_by(method: str | Solver | None) -> Solver:
    """The internal solver, by its method if one is given, or the solver itself. Raises OptionError for another name."""
    if method is None:
        return InternalSolver()
    if not isinstance(method, str):
        return method
    return InternalSolver(method=cast("Method", method))


@contextmanager
def solver_of(forward: Forward) -> Iterator[Solver]:
    """A solver by name, ended afterwards, or the solver itself.

    ``internal``, or the internal solver by its method, such as ``hybrid``; ``ngspice``, which is given the netlist's
    own text; ``ngspice-flat``, which is given the flat circuit as netlearn reads it; ``command:PROGRAM ARGUMENTS``,
    ``python:MODULE:FUNCTION`` or ``python:FILE.py:FUNCTION``, a chip in the loop; or a function
    ``outputs = f(values, inputs)``.

    Raises OptionError for another name, and ChipError for a function that is not there.
    """
    if is_chip(forward) and not isinstance(forward, ChipSolver):
        with chip_of(forward) as chip:
            yield chip
    elif not isinstance(forward, str):
        yield forward  # type: ignore[misc]
    elif forward == "internal":
        yield InternalSolver()
    elif forward == "ngspice":
        with TextSolver() as solver:
            yield solver
    elif forward == "ngspice-flat":
        with NgspiceSolver() as flat:
            yield flat
    elif forward in METHODS:
        yield internal_by(forward)
    else:
        names = (*FORWARDS, *METHODS)
        hint = did_you_mean(forward, names) or f"known: {', '.join(names)}"
        raise OptionError(f"there is no solver '{forward}'", hint=hint)


def chip_of(forward: object, timeout: float = TIMEOUT, retries: int = RETRIES) -> ChipSolver:
    """The chip that ``command:...`` or ``python:...`` names, or that a function is.

    ``timeout`` and ``retries`` are those of a program. Raises OptionError, and ChipError for a function that is not
    there.
    """
    if isinstance(forward, str):
        kind, _, rest = forward.partition(":")
        return ChipSolver(ChipProgram(rest.strip(), timeout, retries) if kind == "command" else loaded(rest))
    if not callable(forward):
        hint = "give a name, a solver, or a function outputs = f(values, inputs)"
        raise OptionError(f"a {type(forward).__name__} finds no operating points", hint=hint)
    return ChipSolver(ChipFunction(forward))
