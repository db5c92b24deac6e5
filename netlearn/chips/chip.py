"""What a chip in the loop is asked, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from netlearn.arrays import Array

NudgeKind = Literal["current", "conductance", "clamp"]
"""What can be put at an output to nudge it."""

TIMEOUT = 60.0
"""Seconds within which a program is to answer, by convention: instruments answer within a few."""
RETRIES = 2
"""How often in a row it is asked again, by convention: what fails three times fails for a reason."""
NUDGE_KINDS: tuple[NudgeKind, ...] = ("current", "conductance", "clamp")


@dataclass(frozen=True)
class Terminals:
    """What the numbers that go to a chip and come from it are: P values, p inputs, o outputs, in their order.

    ``units`` (P,) are the values' units as the netlist writes them ("ohm", "V", "A"), "" where none is known.
    """

    values: tuple[str, ...]
    units: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Push:
    """What stands at the outputs of a nudged chip, one of each kind that is not None.

    ``current`` (S, o) amperes flow out of an output's first node into its second; ``conductance`` (o,) siemens lie
    between the two, and may be negative; ``clamp`` (S, o) volts are held across it, none where it is NaN.
    """

    current: Array | None = None
    conductance: Array | None = None
    clamp: Array | None = None

    @property
    def kinds(self) -> tuple[NudgeKind, ...]:
        """The kinds that it has."""
        return tuple(name for name in NUDGE_KINDS if getattr(self, name) is not None)

    def part(self, rows: slice) -> Push:
        """That of some of the samples."""
        current, clamp = (None if each is None else each[rows] for each in (self.current, self.clamp))
        return Push(current, self.conductance, clamp)


@dataclass(frozen=True)
class Question:
    """S samples at ``values`` (P,) and ``inputs`` (S, p).

    ``read`` are probes to read in place of the outputs, and ``push`` is what stands at the outputs meanwhile.
    """

    values: Array
    inputs: Array
    read: tuple[str, ...] | None = None
    push: Push | None = None


@dataclass
class Count:
    """What a chip was asked for until now."""

    readings: int = 0
    """Numbers that were read."""
    states: int = 0
    """Samples of which they were read."""
    programmed: int = 0
    """How often values were given to it."""
    again: int = 0
    """How often something was asked again, as there was no answer."""
    taken: int = field(default=0, repr=False)
    _before: tuple[int, int] = field(default=(0, 0), repr=False)

    def begin(self) -> None:
        """Count from here on."""
        self.taken, self._before = self.readings, (self.programmed, self.again)

    def take(self) -> int:
        """The readings since they were last taken."""
        new, self.taken = self.readings - self.taken, self.readings
        return new

    def text(self, before: int = 0) -> str:
        """What was counted, in words, with readings that were taken ``before``."""
        programmed, again = self.programmed - self._before[0], self.again - self._before[1]
        said = [f"{before + self.readings - self.taken} readings", f"values given {_times(programmed)}"]
        if again:
            said.append(f"asked again {_times(again)}")
        return ", ".join(said)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


class Chip(Protocol):
    """Something that gives outputs for values and inputs."""

    @property
    def title(self) -> str:
        """What it is called."""
        ...

    @property
    def count(self) -> Count:
        """What it was asked for until now."""
        ...

    def begin(self, terminals: Terminals) -> tuple[NudgeKind, ...]:
        """Tell what the numbers mean that will go to and fro; gives what can be put at its outputs.

        Raises ChipError where the chip cannot be used.
        """
        ...

    def answer(self, terminals: Terminals, question: Question) -> Array:
        """What is read (S, o) of S samples. Raises ChipError for anything but so many finite numbers."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
