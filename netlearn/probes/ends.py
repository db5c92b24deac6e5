"""Probes between two unknowns of a circuit: voltages, and currents that are unknowns themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column
from netlearn.probes.readings import Slopes


@dataclass(frozen=True)
class Probes:
    """What is measured: o voltages, voltage differences or source currents.

    Probe j reads unknown ``plus[j]`` minus unknown ``minus[j]``, GROUND reading zero.
    """

    names: Sequence[str]
    plus: Array
    minus: Array

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ends(self) -> Probes:
        """Itself: these are probes between unknowns."""
        return self

    @property
    def between_unknowns(self) -> bool:
        """Whether every output is a difference of unknowns: yes."""
        return True

    @property
    def quantities(self) -> tuple[str, ...]:
        """None of the netlist's numbers is read."""
        return ()

    def currents(self, circuit: Circuit) -> Array:
        """(o,) which of them read a branch current."""
        n = len(circuit.nodes)
        return np.asarray((self.plus >= n) | (self.minus >= n))

    def affine(self, circuit: Circuit) -> bool:
        """They are differences of unknowns."""
        return True

    def read(self, circuit: Circuit, x: Array, rest: Array | None = None) -> Array:
        """The outputs (S, o) at operating points ``x`` (S, N) and the ``rest`` (S, N) that rounding took off them."""
        matrix = self.matrix(x.shape[1])
        return np.asarray(sum((matrix @ part.T).T for part in (x, rest) if part is not None))

    def slopes(self, circuit: Circuit, x: Array, columns: Sequence[Column], quantities: Sequence[str] = ()) -> Slopes:
        """Derivatives by the unknowns: 1 and -1."""
        rows, unknowns = np.tile(np.arange(len(self)), 2), np.concatenate([self.plus, self.minus])
        real = unknowns != GROUND
        return Slopes(rows[real], unknowns[real], np.repeat([1.0, -1.0], len(self))[real][None])

    def matrix(self, size: int) -> sparse.csr_array:
        """The (o, N) matrix M with outputs = x Mᵀ for a circuit of N = ``size`` unknowns."""
        rows = np.tile(np.arange(len(self)), 2)
        columns = np.concatenate([self.plus, self.minus])
        signs = np.repeat([1.0, -1.0], len(self))
        real = columns != GROUND
        return sparse.csr_array((signs[real], (rows[real], columns[real])), shape=(len(self), size))
