"""A chip in the place of a solver: it gives outputs, and no operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.chips.chip import Chip, NudgeKind, Push, Question, Terminals
from netlearn.circuit.circuit import Circuit
from netlearn.errors import OptionError
from netlearn.solve.operating_point import OperatingPoint

WHERE = "train, eval, predict, compare and sweep take chips"


@dataclass
class ChipSolver:
    """What ``--forward`` is where it is a chip. Ends the chip at the end of a ``with`` block."""

    chip: Chip

    def __repr__(self) -> str:
        return repr(self.chip)

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Raises OptionError: only outputs are read off a chip."""
        raise OptionError("this needs operating points, and a chip gives outputs alone", hint=WHERE)

    def close(self) -> None:
        """End the chip."""
        self.chip.close()

    def __enter__(self) -> ChipSolver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class OnChip:
    """A chip as a function from values and inputs to outputs.

    ``values`` (P,) are given to it where a model trains nothing, and each sample is read ``averages`` times.
    """

    chip: Chip
    terminals: Terminals
    values: Array
    averages: int = 1

    def outputs(self, theta: Array, inputs: Array) -> Array:
        """What is read (S, o) at ``theta`` (P,), or at the netlist's own values, and ``inputs`` (S, p).

        Raises ChipError.
        """
        return self._read(theta, inputs, None, None)

    def probed(self, theta: Array, inputs: Array, probes: Sequence[str], push: Push | None = None) -> Array:
        """What probes read (S, n), while ``push`` stands at the outputs. Raises ChipError."""
        return self._read(theta, inputs, tuple(probes), push)

    def nudges(self) -> tuple[NudgeKind, ...]:
        """What can be put at the chip's outputs. Raises ChipError where the chip cannot be used."""
        return self.chip.begin(self.terminals)

    def _read(self, theta: Array, inputs: Array, read: tuple[str, ...] | None, push: Push | None) -> Array:
        values = theta if len(theta) == len(self.values) else self.values
        total: Array | float = 0.0
        for _ in range(self.averages):
            total = total + self.chip.answer(self.terminals, Question(values, inputs, read, push))
        return np.asarray(total / self.averages)
