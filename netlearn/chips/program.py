"""A chip that is a program: one process for the whole run, JSON lines both ways."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from netlearn.arrays import Array
from netlearn.chips.chip import RETRIES, TIMEOUT, Count, NudgeKind, Question, Terminals
from netlearn.chips.messages import AskAgain, Greeting, Line, greeting, hello, measure, readings
from netlearn.errors import ChipError, warn
from netlearn.programs import Dialogue, Ended, Late

Answer = TypeVar("Answer")


@dataclass
class ChipProgram:
    """The program of a command that a user has given, as ``python chip.py``.

    The command is split into words as a shell does, and no shell sees it. It runs in the working folder.

    Parameters
    ----------
    command : the program and its arguments.
    timeout : seconds within which the program is to answer a question, or a part of it.
    retries : how often in a row the same samples are asked for again: of the same program if that says so, or of a
        new one if it has ended or said nothing in time.
    """

    command: str
    timeout: float = field(default=TIMEOUT, compare=False)
    retries: int = field(default=RETRIES, compare=False)
    count: Count = field(default_factory=Count, init=False, compare=False, repr=False)
    _program: Dialogue | None = field(default=None, init=False, compare=False, repr=False)
    _greeted: tuple[Terminals, Greeting] | None = field(default=None, init=False, compare=False, repr=False)
    _given: Array | None = field(default=None, init=False, compare=False, repr=False)
    """The values that the program has."""
    _asked: int = field(default=0, init=False, compare=False, repr=False)
    _lines: int = field(default=0, init=False, compare=False, repr=False)

    def __repr__(self) -> str:
        return f"command:{self.command}"

    @property
    def title(self) -> str:
        """What the program calls itself, or its command."""
        named = "" if self._greeted is None else self._greeted[1].name
        return named or self.command

    def begin(self, terminals: Terminals) -> tuple[NudgeKind, ...]:
        """Start the program, if it does not run, and tell it what the numbers are. Raises ChipError."""
        return self._greeting(terminals).nudges

    def answer(self, terminals: Terminals, question: Question) -> Array:
        """What it reads (S, o), in as many questions as it needs. Raises ChipError."""
        names = terminals.outputs if question.read is None else question.read
        count, done, tries = len(question.inputs), 0, 0
        found = np.empty((count, len(names)))
        while done < count:
            try:
                part = self._part(terminals, question, names, done)
            except (Late, Ended, AskAgain) as trouble:
                tries += 1
                failed = self._failed(trouble, f", asked {tries} times" if tries > 1 else "", done)
                if not isinstance(trouble, AskAgain):
                    self.close()
                if tries > self.retries:
                    failed.measured = found[:done]
                    raise failed from None
                self.count.again += 1
                warn(f"{failed.message}: it is asked again ({tries} of {self.retries})")
                continue
            except ChipError as error:
                error.measured = found[:done]
                raise
            found[done : done + len(part)] = part
            done, tries = done + len(part), 0
            self.count.readings += part.size
            self.count.states += len(part)
        return found

    def close(self) -> None:
        """End the program. The next question starts it anew."""
        if self._program is not None:
            self._program.close()
        self._program = self._greeted = self._given = None

    def _part(self, terminals: Terminals, question: Question, names: tuple[str, ...], done: int) -> Array:
        """The next samples, as many as the program takes at a time and answers at once."""
        batch = self._greeting(terminals).batch
        left = len(question.inputs) - done
        rows = slice(done, done + min(left, batch or left))
        fresh = self._given is None or not np.array_equal(self._given, question.values)
        number = self._next()

        def read(line: Line, message: object) -> Array:
            return readings(line, message, names, done, rows.stop - rows.start)  # type: ignore[arg-type]

        text = measure(number, question, rows, values=fresh)
        if fresh:
            # Until it has answered nobody knows what it has.
            self._given = None
        part = self._exchange(number, text, read)
        if fresh:
            self._given = question.values.copy()
            self.count.programmed += 1
        return part

    def _greeting(self, terminals: Terminals) -> Greeting:
        """What the program says of itself, which is asked again where the terminals are others."""
        if self._greeted is not None and self._greeted[0] == terminals:
            return self._greeted[1]
        number = self._next()
        first = self._program is None
        self._given = None
        try:
            found = self._exchange(number, hello(number, terminals), greeting)
        except (Late, Ended, AskAgain) as trouble:
            if not first:
                raise
            failed = self._failed(trouble, " before it was asked anything")
            self.close()
            raise failed from None
        self._greeted = terminals, found
        return found

    def _exchange(self, number: int, text: str, read: Callable[[Line, dict[str, object]], Answer]) -> Answer:
        """Send a question, and read what answers it. Raises Late, Ended, AskAgain and ChipError."""
        program = self._program = self._program or self._started()
        try:
            program.send(text, self.timeout)
            while True:
                self._lines += 1
                line = Line(self.command, self._lines, program.line(self.timeout))
                if not line.text.strip():
                    continue
                message = line.message()
                # What answers a question that was given up comes too late.
                if message["id"] == number:
                    return read(line, dict(message))
                if not 0 < message["id"] < number:
                    raise line.wrong(f"the chip answers the question {message['id']}, and the last was {number}")
        except OSError as error:
            self.close()
            raise ChipError(error.strerror or str(error), hint="the words after 'command:' are a program's") from None
        except AskAgain:
            raise
        except (ChipError, KeyboardInterrupt):
            # Who was interrupted, or is not understood, would answer the next question with this one's answer.
            self.close()
            raise

    def _started(self) -> Dialogue:
        words = words_of(self.command)
        self._lines = 0
        # Python would keep lines back that go to a pipe.
        return Dialogue(words, {**os.environ, "PYTHONUNBUFFERED": "1"})

    def _next(self) -> int:
        self._asked += 1
        return self._asked

    def _failed(self, trouble: Exception, more: str = "", sample: int | None = None) -> ChipError:
        """What is said of a program that gave no answer, with the end of what it wrote for people."""
        heard = self._program.heard.splitlines() if self._program is not None else []
        hints = [f"it wrote last: {heard[-1].strip()}"] if heard else []
        how = str(trouble)
        if isinstance(trouble, Late):
            how = f"did not answer within {self.timeout:g} s"
            hints.append("--timeout gives it longer; it must write a whole line, and flush it, for each question")
        return ChipError(f"the chip '{self.command}' {how}{more}", hint="; ".join(hints), sample=sample)


def words_of(command: str) -> list[str]:
    """The words of a command. Raises ChipError where there are none, or quotes are left open."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ChipError(f"'{command}' is not a command: {str(error).lower()}") from None
    if not words:
        raise ChipError("'command:' names no program", hint="as in --forward 'command:python chip.py'")
    return words
