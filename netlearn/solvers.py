"""Solvers by their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netlearn.errors import OptionError, did_you_mean
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import Solver


@contextmanager
def solver_of(forward: str | Solver) -> Iterator[Solver]:
    """A solver by name, ``internal`` or ``ngspice``, ended afterwards, or the solver itself.

    Raises OptionError for another name.
    """
    if not isinstance(forward, str):
        yield forward
    elif forward == "internal":
        yield InternalSolver()
    elif forward == "ngspice":
        from netlearn.ngspice.solver import NgspiceSolver

        with NgspiceSolver() as solver:
            yield solver
    else:
        raise OptionError(f"there is no solver '{forward}'", hint=did_you_mean(forward, ("internal", "ngspice")))
