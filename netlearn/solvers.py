"""Solvers by their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netlearn.errors import OptionError, did_you_mean
from netlearn.ngspice.own_text import TextSolver
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import Solver

FORWARDS = ("internal", "ngspice", "ngspice-flat")


@contextmanager
def solver_of(forward: str | Solver) -> Iterator[Solver]:
    """A solver by name, ended afterwards, or the solver itself.

    ``internal``; ``ngspice``, which is given the netlist's own text; ``ngspice-flat``, which is given the flat
    circuit as netlearn reads it. Raises OptionError for another name.
    """
    if not isinstance(forward, str):
        yield forward
    elif forward == "internal":
        yield InternalSolver()
    elif forward == "ngspice":
        with TextSolver() as solver:
            yield solver
    elif forward == "ngspice-flat":
        with NgspiceSolver() as flat:
            yield flat
    else:
        raise OptionError(f"there is no solver '{forward}'", hint=did_you_mean(forward, FORWARDS))
