"""What every solver takes and gives, so that each can stand in for another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.notebook import InNotebooks
from netlearn.probes.names import probes_of
from netlearn.solve.accuracy import Residual, residual_of
from netlearn.solve.reduced_states import ReducedStates


class StatesOnDemand(Protocol):
    """Unknowns (S, N) of samples, of which all are worked out only where somebody asks for them."""

    @property
    def x(self) -> Array:
        """All of them. May raise CircuitError."""
        ...

    def drops(self, plus: Array, minus: Array) -> Array | None:
        """Differences (S, n) of unknowns by their numbers, GROUND being zero; None where all have to be known."""
        ...

    def __len__(self) -> int:
        """How many samples there are."""
        ...


class Linearization(Protocol):
    """A circuit's equations, linear around an operating point: J dx = rhs, sample by sample."""

    def solve(self, rhs: Array, *, transpose: bool = False) -> Array:
        """Solutions (S, N) for right-hand sides (S, N); with ``transpose``, of Jᵀ x = rhs."""
        ...

    def transfer(self, drives: Array, reads: Array) -> Array:
        """What ``reads`` (o, N) see of the solutions for ``drives`` (m, N), (S, m, o); S is 1 where all are equal."""
        ...


@dataclass(frozen=True)
class OperatingPoint(InNotebooks):
    """Operating points of all S samples of a circuit with N unknowns.

    ``x`` (S, N) holds node voltages in volts, then branch currents in amperes. ``iterations``
    is how many linear solves the slowest sample took; ``linearization`` is what the solver
    can give at no further cost, or None. ``rest`` (S, N) is what rounding took off ``x`` where it was
    found with more digits than float64 has: differences of what is nearly equal need it. ``read`` (S, o) are the
    outputs where these are all that is known, as of a chip; ``x`` is NaN then.
    """

    circuit: Circuit
    x: Array
    iterations: int = 1
    # Without a value of the class, so that it is asked for where it is not there yet.
    linearization: Linearization | None = field(default_factory=lambda: None)
    rest: Array | None = None
    read: Array | None = None

    @classmethod
    def of_states(
        cls, circuit: Circuit, states: StatesOnDemand, iterations: int = 1, linearization: Linearization | None = None
    ) -> OperatingPoint:
        """One whose unknowns are all worked out only where somebody asks for ``x``, which may raise CircuitError."""
        point = object.__new__(cls)
        known = {"circuit": circuit, "iterations": iterations, "linearization": linearization, "_states": states}
        point.__dict__.update(known, rest=None, read=None)
        return point

    @classmethod
    def later(
        cls, circuit: Circuit, states: StatesOnDemand, iterations: int, linearize: Callable[[], Linearization | None]
    ) -> OperatingPoint:
        """The same, of which ``linearization`` is made only where somebody asks for it, too."""
        point = cls.of_states(circuit, states, iterations)
        del point.__dict__["linearization"]
        point.__dict__["_linearize"] = linearize
        return point

    def repeated(self, samples: int) -> OperatingPoint:
        """As many times as there are ``samples``, of a circuit whose values are those of all of them."""
        rest, read = (None if each is None else np.repeat(each, samples, axis=0) for each in (self.rest, self.read))
        x = np.repeat(self.x, samples, axis=0)
        return OperatingPoint(self.circuit, x, self.iterations, rest=rest, read=read)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Only what is not there yet is looked for here.
            known = self.__dict__
            if name == "x" and "_states" in known:
                found = known["_states"].x
            elif name == "linearization" and "_linearize" in known:
                found = known["_linearize"]()
            else:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            # Another thread may have made it meanwhile.
            return known.setdefault(name, found)

    def __getstate__(self) -> dict[str, Any]:
        # Factors may be objects that no copy can be made of; who needs them makes them anew.
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "linearization"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, linearization=None)

    @property
    def whole(self) -> bool:
        """Whether all unknowns have been worked out, and not only what was asked for."""
        return "x" in self.__dict__

    @property
    def states(self) -> ReducedStates | Array:
        """The unknowns (S, N), as ``x`` or as what all of them follow from."""
        found: StatesOnDemand | None = self.__dict__.get("_states")
        return found if isinstance(found, ReducedStates) else self.x

    def drops(self, plus: Array, minus: Array) -> Array | None:
        """Differences (S, n) of unknowns by their numbers, GROUND being zero; None where all have to be known."""
        found: StatesOnDemand | None = self.__dict__.get("_states")
        return None if found is None else found.drops(plus, minus)

    def __repr__(self) -> str:
        nodes, branches = len(self.circuit.nodes), len(self.circuit.branches)
        found: StatesOnDemand | None = self.__dict__.get("_states")
        samples = len(self.x if found is None else found)
        return f"<operating point: {samples} samples, {nodes} nodes, {branches} branch currents>"

    @checked
    def voltage(self, plus: str | int, minus: str | int = "0") -> Array:
        """v(plus) - v(minus), (S,) volts. Raises CircuitError for an unknown node."""
        ends = self.circuit.node(plus), self.circuit.node(minus)
        known = self.drops(np.array(ends[:1]), np.array(ends[1:]))
        if known is not None:
            return known[:, 0]
        result = _unknown(self.x, ends[0]) - _unknown(self.x, ends[1])
        return result if self.rest is None else result + (_unknown(self.rest, ends[0]) - _unknown(self.rest, ends[1]))

    @checked
    def current(self, element: str) -> Array:
        """The current (S,) amperes that flows into the first node of an element. Raises CircuitError."""
        return self.measure(f"I({element})")[:, 0]

    @checked
    def measure(self, *probes: str) -> Array:
        """What probes read, (S, o): ``V(a,b)``, ``I(R1)``, ``Ic(Q1)``, ``P(X1)``, ``{V(out)/V(in)}``.

        Raises OptionError and CircuitError, as :func:`netlearn.probes.names.probes_of` does.
        """
        outputs = probes_of(self.circuit, probes)
        known = self.drops(outputs.ends.plus, outputs.ends.minus) if outputs.between_unknowns else None
        if known is not None:
            return known
        return outputs.read(self.circuit, self.x, self.rest)

    def residual(self) -> Residual:
        """What Kirchhoff's laws lack here."""
        return residual_of(self)


def _unknown(x: Array, number: int) -> Array:
    return np.zeros(len(x), x.dtype) if number == GROUND else x[:, number]


class Solver(Protocol):
    """Something that finds operating points: the internal solver, ngspice, an instrument."""

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of every sample in the circuit's values, at least one.

        ``start`` is where to start from, if the solver can use it. Raises CircuitError for a
        circuit without a unique operating point and ConvergenceError where none was found.
        """
        ...
