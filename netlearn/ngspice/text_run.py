"""ngspice's operating points of a text deck: every vector that it gives, by name."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import NgspiceError
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.batch import read_raw, run
from netlearn.ngspice.deck import save_commands
from netlearn.ngspice.library import library
from netlearn.ngspice.messages import Crashed, took_longer
from netlearn.ngspice.names import SETTLED_ONLY
from netlearn.ngspice.process import WorkerProcess, by_library_or_program, shared_by
from netlearn.ngspice.text import TextDeck
from netlearn.programs import limit

Found = dict[int, Mapping[str, float]]
"""Points by the number of their sample."""

Text = tuple[list[str], str, list[str], list[str]]
"""The lines of a deck, its ``ngbehavior``, the commands that begin to alter what differs by sample, what is kept."""

Points = list[Mapping[str, float]]
"""For each sample ngspice's vectors: nodes by their names, branch currents as ``v1#branch``; all in lower case."""


@dataclass
class TextRunner:
    """Runs text decks; its processes of ngspice live until ``close`` or the end of a ``with`` block.

    ``timeout`` is in seconds a sample; ``processes`` is how many share the samples, by their number if None.
    """

    timeout: float = 60.0
    processes: int | None = None
    _workers: list[WorkerProcess] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        limit(self.timeout)

    def points(self, deck: TextDeck, targets: Sequence[str], values: Array, saves: Sequence[str] = ()) -> Points:
        """The operating points of a deck at ``values`` (S, p) of what the commands ``targets`` (p,) begin to alter.

        With ``saves`` ngspice keeps the vectors of these names alone, among them nodes inside of elements.

        Raises NgspiceError where ngspice is missing, hangs, crashes or finds no operating point.
        """
        return by_library_or_program(
            library(),
            lambda path: self._through_library(path, deck, targets, values, saves),
            lambda: _in_batch(deck, targets, values, saves, self.timeout),
        )

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def __enter__(self) -> TextRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _through_library(
        self, path: str, deck: TextDeck, targets: Sequence[str], values: Array, saves: Sequence[str]
    ) -> Points:
        found: Found = {}
        how = ""
        # ngspice may crash at a sample, or have been killed between two calls: what is left is tried once more.
        for _ in range(2):
            left = np.array([sample for sample in range(len(values)) if sample not in found])
            try:
                text = list(deck.lines), deck.behaviour, list(targets), list(saves)
                self._take(path, text, values, left, found)
                return [found[sample] for sample in range(len(values))]
            except Crashed as crash:
                how = str(crash)
                self.close()
            except BaseException:
                # Processes in the middle of something would answer the next request with old results.
                self.close()
                raise
        raise NgspiceError(
            f"ngspice {how} at the netlist's text", sample=int(min(set(range(len(values))) - set(found)))
        )

    def _take(self, path: str, text: Text, values: Array, left: Array, found: Found) -> None:
        """Put the points of the samples that are ``left`` into what is found."""
        count = shared_by(len(left), self.processes)
        shares = [share for share in np.array_split(left, count) if len(share)]
        while len(self._workers) < len(shares):
            self._workers.append(WorkerProcess(path, {}))
        for worker, share in zip(self._workers, shares, strict=False):
            worker.send("text", *text, values[share])
        for worker, share in zip(self._workers, shares, strict=False):
            for sample, point in zip(share.tolist(), _answers(worker, share, self.timeout), strict=True):
                found[sample] = point


def failed(sample: int, said: str) -> NgspiceError:
    """The error for a sample without an operating point."""
    reasons = [line.strip() for line in said.splitlines() if re.search(r"error|fail|singular|unknown", line, re.I)]
    reason = "; ".join(dict.fromkeys(reasons[:3]))
    return NgspiceError(
        "ngspice found no operating point of the netlist's text" + (f": {reason}" if reason else ""),
        hint="--flat asks it for the circuit as netlearn reads it",
        sample=sample,
    )


def _answers(worker: WorkerProcess, share: Array, timeout: float) -> Iterator[Mapping[str, float]]:
    loading = ""
    for sample in [-1, *share.tolist()]:
        if not worker.connection.poll(limit(timeout)):
            raise took_longer(timeout, max(sample, 0))
        kind, content = worker.receive()
        if kind == "loaded":
            loading = content
        elif kind == "failed":
            raise failed(max(sample, 0), f"{content}\n{loading}")
        else:
            yield normalized(content)


def _in_batch(deck: TextDeck, targets: Sequence[str], values: Array, saves: Sequence[str], timeout: float) -> Points:
    lines = [".control", SETTLED_ONLY, "set filetype=binary", "set appendwrite", *save_commands(saves)]
    for sample in values:
        lines += [target + format_number(value) for target, value in zip(targets, sample, strict=True)]
        lines += ["op", "write out.raw", "destroy all"]
    lines += ["quit", ".endc"]
    with tempfile.TemporaryDirectory(prefix="netlearn-") as folder:
        path = Path(folder)
        (path / "deck.cir").write_text("\n".join([*deck.lines[:-1], *lines, ".end", ""]), encoding="utf-8")
        try:
            said, late = run(path, timeout * len(values), deck.behaviour)
        except Crashed as crash:
            raise NgspiceError(f"ngspice {crash} at the netlist's text") from None
        plots = read_raw(path / "out.raw")
    points = [vectors for kind, vectors in plots if kind == "Operating Point"]
    if len(points) < len(values):
        raise took_longer(timeout, len(points)) if late else failed(len(points), said)
    return [normalized(point) for point in points]


def normalized(vectors: Mapping[str, float]) -> dict[str, float]:
    """Vectors under their plain names: ``n1`` for ``V(n1)``, ``v1#branch`` for ``i(v1)``."""
    found = {}
    for name, value in vectors.items():
        word = name.lower()
        if word.startswith("v(") and word.endswith(")"):
            word = word[2:-1]
        elif word.startswith("i(") and word.endswith(")"):
            word = f"{word[2:-1]}#branch"
        found[word] = value
    return found
