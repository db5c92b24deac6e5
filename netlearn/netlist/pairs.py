"""``name=value`` pairs of the text as mappings whose values can be set."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Protocol

from netlearn.errors import OptionError, UnknownNameError, did_you_mean
from netlearn.netlist.bodies import GivenPair
from netlearn.netlist.edits import Change, Edit, refuse_repeated
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Word
from netlearn.netlist.values import read_value, written

_NAME = re.compile(r"[a-z_]\w*", re.IGNORECASE)


class Changeable(Protocol):
    """What has a text that edits change."""

    @property
    def change(self) -> Change: ...

    def now(self, source: Source, word: Word) -> Word: ...


def new_name(name: str) -> str:
    """A name that may be written into a line. Raises OptionError for one that may not."""
    if not _NAME.fullmatch(name):
        raise OptionError(f"'{name}' cannot be a parameter's name", hint="letters, digits and underscores")
    return name


class Pairs(Mapping[str, float | str]):
    """Values by name, whatever its case: numbers, and the text of names and expressions.

    What is set changes the netlist's text, and nothing but the value.
    """

    def __init__(self, netlist: Changeable, *, braced: bool = False) -> None:
        self._netlist = netlist
        self._braced = braced

    @abstractmethod
    def _given(self) -> Mapping[str, GivenPair]:
        """The pairs as they stand in the text now, by lower-case name."""

    @abstractmethod
    def _what(self) -> str:
        """Whose pairs they are, for messages."""

    def _find(self, name: str) -> GivenPair | None:
        return self._given().get(name)

    def _added(self, name: str, text: str) -> Edit:
        """The edit that adds a pair. Raises UnknownNameError where none can be added."""
        raise self._unknown(name)

    def _unknown(self, name: str) -> UnknownNameError:
        return UnknownNameError(f"{self._what()} has no parameter '{name}'", hint=did_you_mean(name, self._given()))

    def __getitem__(self, name: str) -> float | str:
        given = self._find(str(name).lower())
        if given is None:
            raise self._unknown(str(name))
        return read_value(self._netlist.now(given.source, given.pair.value), braced=self._braced)

    def __setitem__(self, name: str, value: float | str) -> None:
        self.update({name: value})

    def update(self, values: Mapping[str, float | str]) -> None:
        """Set many at once.

        Raises OptionError for a name that is none or is given twice, or what is neither a finite number nor an
        expression; nothing is changed then.
        """
        edits: list[Edit] = []
        given_of = {name: self._find(str(name).lower()) for name in values}
        # A name without a place stands for itself.
        refuse_repeated(
            (str(name), str(name).lower() if given is None else (given.source, given.pair.value.start))
            for name, given in given_of.items()
        )
        for name, value in values.items():
            text = written(value)
            given = given_of[name]
            if given is not None:
                edits.append((given.source, given.pair.value.start, given.pair.value.end, text))
            else:
                edits.append(self._added(str(name), text))
        self._netlist.change(edits)

    def __contains__(self, name: object) -> bool:
        return self._find(str(name).lower()) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._given())

    def __len__(self) -> int:
        return len(self._given())

    def __repr__(self) -> str:
        return repr(dict(self))
