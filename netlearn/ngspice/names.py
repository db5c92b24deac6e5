"""What nodes and elements are called in a deck."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from netlearn.circuit.circuit import Circuit
from netlearn.ngspice.text_names import RESERVED

COMMAND_SAFE = re.compile(r"[a-z0-9_][a-z0-9_.+-]*")
"""Nodes that may stand in a command: no redirection, substitution or end of a word."""
NETLIST_SAFE = re.compile(r"[a-z0-9_][a-z0-9_.+<>\[\]:/-]*")
"""Nodes that may stand in element lines."""
PLAIN_PATH = re.compile(r"[a-z_][a-z0-9_.]*|[1-9][0-9]*")
"""Nodes whose voltages may be printed: no operator, and no number in another form."""
SAFE_ELEMENT = COMMAND_SAFE
TAKEN = RESERVED
"""Words that mean something else to ngspice where a node's name stands."""


SETTLED_ONLY = "optran 1 1 1 0 0 0"
"""Lets no end of a transient, at which capacitors may still be charging, pass for an operating point."""


def quoted(vector: str) -> str:
    """A vector's name as a word of a command: some of ngspice's internal nodes have a blank in theirs."""
    return f'"{vector}"' if " " in vector else vector


class Names(Protocol):
    """Names for the nodes and elements of one deck."""

    @property
    def nodes(self) -> Sequence[str]:
        """A name for each node of the circuit."""
        ...

    def elements(self, letter: str, names: Sequence[str]) -> list[str]:
        """The names of a group's elements, each starting with ``letter``; asked for once a group."""
        ...


class Generated:
    """n0, n1, ... and r0, r1, ...: no character of the user's."""

    def __init__(self, circuit: Circuit) -> None:
        self.nodes: Sequence[str] = [f"n{i}" for i in range(len(circuit.nodes))]
        self._counts: dict[str, int] = {}

    def elements(self, letter: str, names: Sequence[str]) -> list[str]:
        first = self._counts.get(letter, 0)
        self._counts[letter] = first + len(names)
        return [f"{letter}{first + k}" for k in range(len(names))]


class Readable:
    """The user's names where they are plain words, generated ones elsewhere.

    ``safe`` matches nodes' names that are plain enough. ``replaced`` yields a comment line for each
    generated name.
    """

    def __init__(self, circuit: Circuit, safe: re.Pattern[str]) -> None:
        kept = [safe.fullmatch(name) is not None and name not in TAKEN for name in circuit.nodes]
        self._used = {name for name, keep in zip(circuit.nodes, kept, strict=True) if keep}
        self._used_elements: set[str] = set()
        self._replaced: list[tuple[str, str]] = []
        self.nodes: Sequence[str] = [
            name if keep else self._new("n", name) for name, keep in zip(circuit.nodes, kept, strict=True)
        ]

    def elements(self, letter: str, names: Sequence[str]) -> list[str]:
        # A netlist may write one kind of element under another's letter.
        words = [name if name.startswith(letter) else f"{letter}.{name}" for name in names]
        kept = []
        for word in words:
            kept.append(SAFE_ELEMENT.fullmatch(word) is not None and word not in self._used_elements)
            if kept[-1]:
                self._used_elements.add(word)
        # Those that stay are known before any is replaced, which none of them may be called like.
        return [word if keep else self._new(letter, name) for word, keep, name in zip(words, kept, names, strict=True)]

    def replaced(self, vectors: Sequence[str]) -> Iterator[str]:
        """Which name stands for which, as comments in plain ASCII.

        ``vectors`` are the deck's: a node inside an element is not called by its name there.
        """
        for word, name in self._replaced:
            if word in vectors or word not in self.nodes:
                yield f"* {word} stands for {name!a}"

    def in_probes(self, text: str) -> str:
        """A text with the generated names in its voltages, ``V(node)`` and ``V(plus,minus)``."""
        for word, name in self._replaced:
            if word in self.nodes:
                pattern = rf"(?<=[(,])(\s*){re.escape(name)}(?=\s*[,)])"
                text = re.sub(pattern, lambda match, word=word: match[1] + word, text, flags=re.IGNORECASE)  # type: ignore[misc]
        return text

    def _new(self, letter: str, name: str) -> str:
        number = len(self._replaced)
        while (word := f"{letter}_{number}") in self._used or word in self._used_elements:
            number += 1
        self._used.add(word)
        self._used_elements.add(word)
        self._replaced.append((word, name))
        return word
