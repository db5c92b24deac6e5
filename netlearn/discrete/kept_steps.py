"""What the steps of a search have found, in a journal, so that one that was interrupted goes on where it stopped.

A search takes the same steps whenever it begins at the same values: what a step found before needs no solving.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.journal import Journal

SOON = 2.0
"""Seconds that a search takes before its steps are written: by convention, what takes less is done again as fast."""


@dataclass(frozen=True)
class SearchStep:
    """One step: ``given`` is the digest of what it began with, ``found`` (n,) what came of it, at ``solved`` in all."""

    given: str
    found: Array
    solved: int


@dataclass
class KeptSteps:
    """Steps of one search, kept in the file ``path``, or not at all.

    ``of`` is a digest of what is searched. Steps of another search are dropped where ``anew`` says so: in a file
    that nobody has named they are no mistake.
    """

    path: Path | None = None
    anew: bool = False
    of: str = ""
    _known: list[SearchStep] = field(default_factory=list, init=False)
    _taken: int = field(default=0, init=False)
    _others: bool = field(default=False, init=False)
    _journal: Journal[SearchStep] | None = field(default=None, init=False)
    _stack: ExitStack | None = field(default=None, init=False)
    _waiting: list[SearchStep] | None = field(default=None, init=False)
    _began: float = field(default_factory=time.monotonic, init=False)

    @contextmanager
    def opened(self, of: str) -> Iterator[None]:
        """Take the steps that are in the file, and add to them.

        Raises OptionError for a file of something else, or of another search that is not dropped, and OutputError
        where it cannot be written.
        """
        self.of, self._taken, self._others = of, 0, False
        with ExitStack() as self._stack:
            if self.path is not None:
                self._journal = Journal(self.path, "a step of this search", '{"search": ', self._line, self._read)
                self._known, self._waiting = self._journal.entries(), []
                if self._others:
                    self.path.unlink(missing_ok=True)
                    self._known = []
            yield

    def __call__(self, given: Array, solved: Callable[[], int], work: Callable[[], Array]) -> tuple[Array, int]:
        """What a step finds (n,), and how many operating points there were in all then."""
        digest = sha256(np.ascontiguousarray(given).tobytes()).hexdigest()[:16]
        if self._taken < len(self._known) and self._known[self._taken].given == digest:
            step = self._known[self._taken]
            self._taken += 1
            return step.found, step.solved
        # What follows a step that was another one is of no use.
        self._known = self._known[: self._taken]
        found = np.asarray(work(), dtype=float)
        self._keep(SearchStep(digest, found, solved()))
        return found, solved()

    def _keep(self, step: SearchStep) -> None:
        self._known.append(step)
        self._taken += 1
        if self._journal is None or self._stack is None:
            return
        if self._waiting is None:
            self._journal.add(step)
            return
        self._waiting.append(step)
        if time.monotonic() - self._began > SOON:
            self._stack.enter_context(self._journal.opened())
            for each in self._waiting:
                self._journal.add(each)
            self._waiting = None

    def _line(self, step: SearchStep) -> str:
        entry = {"search": self.of, "given": step.given, "found": step.found.ravel().tolist(), "solved": step.solved}
        return json.dumps(entry)

    def _read(self, entry: Any) -> SearchStep:
        if entry["search"] != self.of:
            if not self.anew:
                raise ValueError("of another search")
            self._others = True
        return SearchStep(str(entry["given"]), np.array(entry["found"], dtype=float), int(entry["solved"]))


def digest_of(*parts: Array | float | str) -> str:
    """A digest of arrays, numbers and texts."""
    found = sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part, dtype=float).tobytes()
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()[:16]
