"""The JSON lines between netlearn and a chip's program; docs/chip_protocol.md is their specification."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import numpy as np

from netlearn.arrays import Array
from netlearn.chips.chip import NUDGE_KINDS, NudgeKind, Question, Terminals
from netlearn.errors import ChipError, Place, did_you_mean

VERSION = 1
"""The number of the version of the protocol."""
SPECIFICATION = "docs/chip_protocol.md says what a chip answers"
TELLING = "what is for people goes to the standard error, not to the standard output"


@dataclass(frozen=True)
class Greeting:
    """What a chip's program says of itself: at most ``batch`` samples at a time, and what nudges its outputs."""

    name: str = ""
    batch: int | None = None
    nudges: tuple[NudgeKind, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line that the program ``command`` wrote, its ``number``-th one."""

    command: str
    number: int
    text: str

    def place(self, column: int = 1) -> Place:
        """A place in it."""
        return Place(f"output of '{self.command}'", self.number, column, 1, self.text)

    def wrong(self, message: str, hint: str = SPECIFICATION, column: int = 1) -> ChipError:
        """What is wrong with it."""
        return ChipError(message, self.place(column), hint)

    def message(self) -> Mapping[str, Any]:
        """The object that it holds. Raises ChipError."""
        try:
            found = json.loads(self.text)
        except json.JSONDecodeError as error:
            # A line of a person's language, or an object that is not well made.
            hint = SPECIFICATION if self.text.lstrip()[:1] in ("{", "[") else TELLING
            raise self.wrong(f"the chip wrote what is not JSON: {error.msg.lower()}", hint, error.colno) from None
        except (RecursionError, ValueError):
            raise self.wrong("the chip wrote what is not JSON that can be read") from None
        if not isinstance(found, dict) or not isinstance(found.get("id"), int) or isinstance(found["id"], bool):
            raise self.wrong('the chip wrote no JSON object with the "id" of the question')
        return found


class AskAgain(Exception):
    """A chip that says that the same question may do another time; says why."""


def hello(number: int, terminals: Terminals) -> str:
    """The first line to a program."""
    return _text(
        {
            "id": number,
            "netlearn": "hello",
            "version": VERSION,
            "values": terminals.values,
            "units": terminals.units,
            "inputs": terminals.inputs,
            "outputs": terminals.outputs,
        }
    )


def measure(number: int, question: Question, rows: slice, *, values: bool) -> str:
    """A line that asks for some of the samples, with the values if the program does not have them yet."""
    message: dict[str, Any] = {"id": number, "netlearn": "measure"}
    if values:
        message["values"] = question.values.tolist()
    message["inputs"] = question.inputs[rows].tolist()
    if question.push is not None:
        push = question.push.part(rows)
        message["nudge"] = {name: _cells(getattr(push, name)) for name in push.kinds}
    if question.read is not None:
        message["read"] = question.read
    return _text(message)


def greeting(line: Line, message: Mapping[str, Any]) -> Greeting:
    """What a program's first line says. Raises ChipError."""
    _refused(line, message)
    version = message.get("version")
    if version != VERSION or isinstance(version, bool):
        raise line.wrong(f"the chip speaks version {version!r} of the protocol, and netlearn version {VERSION}")
    batch = message.get("batch")
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        raise line.wrong(f'"batch" is how many samples the chip takes at a time, at least 1, not {batch!r}')
    nudges = message.get("nudges", [])
    if not isinstance(nudges, list) or not all(isinstance(each, str) for each in nudges):
        raise line.wrong(f'"nudges" is a list of some of {", ".join(NUDGE_KINDS)}, not {nudges!r}')
    for each in nudges:
        if each not in NUDGE_KINDS:
            raise line.wrong(f"there is no nudge '{each}'", did_you_mean(each, NUDGE_KINDS))
    return Greeting(str(message.get("name", "")), batch, cast("tuple[NudgeKind, ...]", tuple(nudges)))


def readings(line: Line, message: Mapping[str, Any], names: Sequence[str], first: int, most: int) -> Array:
    """The rows (n, o), n from 1 to ``most``, of samples that begin with number ``first``.

    Raises ChipError for what is no such rows of finite numbers, and AskAgain.
    """
    _refused(line, message)
    rows = message.get("outputs")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise line.wrong('the chip gave no "outputs", a list with a list of numbers for each sample')
    if not rows:
        raise AskAgain("gave the outputs of no sample")
    if len(rows) > most:
        raise line.wrong(f"the chip gave the outputs of {len(rows)} samples, and was asked for {most}")
    for k, row in enumerate(rows):
        if len(row) != len(names):
            few = "too few: " if len(row) < len(names) else ""
            error = line.wrong(f"the chip gave {few}{len(row)} outputs of {len(names)}, {_listed(names)}")
            error.sample = first + k
            raise error
        for name, value in zip(names, row, strict=True):
            if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
                error = line.wrong(f"the chip gave {_shown(value)} for {name}, and not a number")
                error.sample = first + k
                raise error
    return np.array(rows, dtype=float)


def _refused(line: Line, message: Mapping[str, Any]) -> None:
    if "error" in message:
        if message.get("again") is True:
            raise AskAgain(f"said: {message['error']}")
        raise ChipError(f"the chip says: {message['error']}", line.place())


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:
        return False


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 40 else f"{text[:36]} ..."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _cells(values: Array) -> Any:
    """Lists of numbers, with None for NaN, which JSON does not have."""
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    return cells.tolist()


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, allow_nan=False)
