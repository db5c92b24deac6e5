"""What a user is told when something is wrong: the place, the cause and the remedy."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import FrameType
from typing import Any

LONGEST = 1000
"""Characters of a message that are shown, by convention: some ten lines of a terminal."""

_INSIDE = ("netlearn", "contextlib", "functools", "numpy")
"""Where frames are the package's own, or those of its decorators and of what it works out once."""

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000\ud800-\udfff\ufeff\xa0\xad]"
)
"""What a terminal would obey rather than show, could not show at all, or would show as a plain blank."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of text in a file.

    ``line`` and ``column`` count from 1; ``text`` is the whole line; ``length`` is how many
    characters the caret line underlines. ``chain`` holds the include lines and subcircuit
    calls that led here, the outermost first.
    """

    path: str
    line: int
    column: int = 1
    length: int = 1
    text: str = ""
    chain: tuple[Place, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class NetlearnError(Exception):
    """A mistake of the user's or a limit of the tool; never a bug.

    Parameters
    ----------
    message : the cause, in one sentence without a full stop.
    place : where in the text, if it is anywhere.
    hint : what to do about it.
    sample : which sample it is about, counted from 0; what is shown counts from 1.
    """

    exit_code = 2
    severity = "error"

    def __init__(self, message: str, place: Place | None = None, hint: str = "", sample: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint
        self.sample = sample

    def __str__(self) -> str:
        return visible("\n".join(self._lines()))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.place, self.hint, self.sample)

    def _lines(self) -> list[str]:
        place = self.place
        said = _shortened(self.message if self.sample is None else f"sample {self.sample + 1}: {self.message}")
        if place is None:
            lines = [f"{self.severity}: {said}"]
        else:
            lines = [f"{place}: {self.severity}: {said}", *_excerpt(place)]
            lines += [f"  reached from {link}: {link.text.strip()[:80]}" for link in reversed(place.chain)]
        if self.hint:
            lines.append(f"  help: {self.hint}")
        return lines


class NetlistError(NetlearnError):
    """Text that is not a netlist, or that says what cannot be."""


class NetlistWarning(NetlistError, UserWarning):
    """Text that is read, but perhaps not as it was meant; warned of, never raised."""

    severity = "warning"


class NominalWarning(NetlistWarning):
    """What has a tolerance, or is a random number to simulators, stands at its nominal value."""


class DataError(NetlearnError):
    """A data file that cannot be used."""


class CircuitError(NetlearnError):
    """A circuit without a unique operating point, or a name that it does not have."""


class TooLargeError(NetlearnError):
    """What there is not enough memory for."""


class ConvergenceError(CircuitError):
    """No operating point was found."""


class OptionError(NetlearnError):
    """An option or directive value that cannot be used."""


class UnknownNameError(OptionError, KeyError):
    """A name of nothing, where something is looked up by its name."""


class OutputError(NetlearnError):
    """A file that cannot, or must not, be written."""


class NgspiceError(NetlearnError):
    """ngspice is missing, crashed, hung or refused the circuit."""


class ChipError(NetlearnError):
    """A chip in the loop that cannot be started or imported, or gave no outputs that can be used.

    ``measured`` (n, o) are the outputs of the first n samples that were asked for, if there are any.
    """

    measured: Any = None


class CheckFailed(NetlearnError):
    """A comparison that was asked for came out beyond its tolerance."""

    exit_code = 1


class NetlearnErrors(NetlearnError):
    """Several errors of one run, in the order of their places."""

    def __init__(self, errors: Sequence[NetlearnError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)
        self.place = errors[0].place if errors else None

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.errors,)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def raise_all(errors: Sequence[NetlearnError]) -> None:
    """Raise what was collected: nothing, the one error, or all of them as one."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise NetlearnErrors(errors)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or lists a few; empty if there are none."""
    # From Python anything may be given as a name.
    word = str(word)
    # Never the very word that was refused. One of other letters, large or small, was so where these matter.
    names = [name for name in dict.fromkeys(known) if name != word]
    close = get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    if close:
        best = next(name for name in names if name.lower() == close[0])
        return f"did you mean '{best}'?"
    if not names:
        return ""
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"known: {shown}"


def visible(text: str) -> str:
    """A text with its control characters, reversals of direction and undecoded bytes written as Python writes them.

    Text that a stranger wrote could otherwise move the cursor, rename the window or hide what follows.
    """
    return UNSEEN.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    # Bytes that are no text in a file's encoding are kept as lone surrogates (PEP 383).
    code = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _shortened(message: str) -> str:
    """A message that quotes a word of a megabyte is cut in the middle."""
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 200]} ... {message[-150:]}"


def _excerpt(place: Place) -> list[str]:
    if not place.text:
        return []
    # A line may be a megabyte long: show the part around the caret.
    start = max(0, place.column - 61)
    shown = place.text[start : start + 120].replace("\t", " ")
    before, marked = shown[: place.column - 1 - start], shown[place.column - 1 - start :][: place.length]
    # Both lines are escaped when the whole message is, and must be of one length then.
    caret = " " * len(visible(before)) + "^" * max(1, len(visible(marked)))
    number = str(place.line)
    return [f"  {number} | {shown}", f"  {' ' * len(number)} | {caret}"]


def warn(message: Warning | str) -> None:
    """Warn at the line that called the package, however deep inside it that is found out."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
