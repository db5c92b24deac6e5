"""States of a linear circuit of which only what is asked for is worked out.

Of a crossbar's half a million voltages, outputs are some hundred. All of them for a thousand samples take gigabytes,
and more time to write than a thousand outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from netlearn import memory
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.solve.equations.assembly import with_ground
from netlearn.solve.equations.diagnosis import beyond_range
from netlearn.solve.equations.right_sides import RightSides
from netlearn.solve.shared import SharedLinearization
from netlearn.solve.threads import one_thread

NUMBER, LEAST_COPIES = 8, 3
"""Bytes of a float64, and how many arrays of all states there are at once at the least."""
LOOKED_AT = 100_000_000
"""Bytes below which nobody asks whether they can be had, by convention: any machine has them."""


@dataclass(frozen=True, eq=False)
class LinearStates:
    """The unknowns of S samples as solutions for ``drives``, or as sums of these.

    Sample s has the first solution and ``factors`` (S, m) of the others, where there are fewer of them than samples.
    """

    linearization: SharedLinearization
    drives: RightSides
    factors: Array | None = None
    _known: dict[int, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, linearization: SharedLinearization, drives: RightSides) -> LinearStates:
        """For the right-hand sides of all samples; by superposition where fewer sources than samples vary."""
        if len(drives.varying) + 1 >= len(drives):
            return cls(linearization, drives)
        return cls(linearization, drives.units(), drives.values[:, drives.varying])

    def __len__(self) -> int:
        return len(self.drives if self.factors is None else self.factors)

    @cached_property
    def x(self) -> Array:
        """All unknowns (S, N). Raises CircuitError for numbers beyond those that there are, and TooLargeError."""
        require_room(self.linearization.circuit)
        return self.whole()

    def whole(self) -> Array:
        """The same, whatever room there is."""
        x = self._mixed(self.linearization.solve_drives(self.drives))
        if not np.isfinite(x).all():
            raise beyond_range(self.linearization.circuit, x)
        return x

    def at(self, unknowns: Array) -> Array:
        """Some unknowns, (S, w), by their numbers. Raises what ``x`` does."""
        if "x" in self.__dict__:
            return self.x[:, unknowns]
        wanted = np.unique(unknowns)
        missing = wanted if not self._known else wanted[[number not in self._known for number in wanted.tolist()]]
        if len(missing):
            found = self._mixed(self.linearization.read(self.drives, missing))
            if not np.isfinite(found).all():
                # Whichever is not, all are needed to say where it begins.
                return self.x[:, unknowns]
            self._known.update(zip(missing.tolist(), found.T, strict=True))
        if not len(unknowns):
            return np.zeros((len(self), 0))
        return np.stack([self._known[number] for number in unknowns.tolist()], axis=1)

    def drops(self, plus: Array, minus: Array) -> Array:
        """Differences (S, n) of unknowns, GROUND being zero."""
        ends = np.union1d(plus, minus)
        ends = ends[ends != GROUND]
        values = with_ground(self.at(ends))
        places = [np.where(each == GROUND, GROUND, np.searchsorted(ends, each)) for each in (plus, minus)]
        return np.asarray(values[:, places[0]] - values[:, places[1]])

    def _mixed(self, found: Array) -> Array:
        if self.factors is None:
            return found
        with one_thread():
            return np.asarray(self.factors @ found[1:] + found[0])


def require_room(circuit: Circuit) -> None:
    """See that the states of all samples fit into the memory. Raises TooLargeError."""
    count = circuit.samples or 1
    if not surely_fits(count, circuit.size):
        told = f"{count:,} samples of {circuit.size:,} voltages and currents"
        size = _bytes(count, circuit.size)
        memory.require(size, told, "take fewer samples at a time, such as by batches in training")


def surely_fits(samples: int, unknowns: int) -> bool:
    """Whether nobody asks if the states of all samples fit into the memory."""
    return _bytes(samples, unknowns) <= LOOKED_AT


def _bytes(samples: int, unknowns: int) -> int:
    return LEAST_COPIES * NUMBER * samples * unknowns
