"""The ``.model`` cards of a netlist: what each says, and its numbers to be read and set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netlearn.errors import Place, UnknownNameError, did_you_mean
from netlearn.netlist.bodies import GivenPair
from netlearn.netlist.edits import Edit
from netlearn.netlist.elements import Editable, Elements
from netlearn.netlist.numbers import starts_like_number
from netlearn.netlist.pairs import Pairs, new_name
from netlearn.netlist.statements import Assignment, Card, Word


@dataclass(frozen=True, slots=True)
class ModelText:
    """What a ``.model`` card says: ``.model name [AKO:base] type (name=value ...)``, ``=`` being optional."""

    based_on: Word | None
    """The model that this one differs from only in what it gives."""
    kind: str
    """The type in lower case; empty where there is none."""
    pairs: tuple[Assignment, ...]
    """The parameters in the order of the text."""
    loose: tuple[Word, ...]
    """Words that belong to no parameter."""


def read_model_text(card: Card) -> ModelText:
    """The parts of a ``.model`` card."""
    words = list(card.words[1:])
    based_on = _based_on(words)
    kind = words.pop(0).text.lower() if words and is_name(words[0]) else ""
    pairs = [*card.assignments]
    loose: list[Word] = []
    waiting = words[::-1]
    while waiting:
        word = waiting.pop()
        if is_name(word) and waiting and not is_name(waiting[-1]):
            pairs.append(Assignment(word, waiting.pop()))
        else:
            loose.append(word)
    pairs.sort(key=lambda pair: pair.name.start)
    return ModelText(based_on, kind, tuple(pairs), tuple(loose))


def _based_on(words: list[Word]) -> Word | None:
    """The name after ``AKO:``, taken off the words, blanks or none around the colon."""
    if not words or not words[0].text.lower().startswith("ako"):
        return None
    rest = words[0].text[3:].lstrip(":")
    first = words.pop(0)
    if rest:
        return Word(rest, first.end - len(rest), first.end)
    while words and not words[0].text.strip(":"):
        words.pop(0)
    return words.pop(0) if words else first


def is_name(word: Word) -> bool:
    """Whether a word of a card can be a name, not a number or an expression."""
    return not starts_like_number(word.text) and word.text[0] not in "{'\""


class ModelView(Pairs):
    """One ``.model`` card: its parameters by name, to be read, set and added."""

    def __init__(self, netlist: Editable, name: str, path: str, card_name: str) -> None:
        super().__init__(netlist)
        self._owner, self._path, self._name = netlist, path, card_name
        self.name = name

    @property
    def _card(self) -> Card:
        return self._card_of(self._owner.known)

    def _card_of(self, elements: Elements) -> Card:
        body = elements.body_at(self._path)
        assert body is not None
        return body.models[self._name]

    @property
    def type(self) -> str:
        """The model's type in lower case, such as ``npn``; empty where it is that of the model it is based on."""
        return read_model_text(self._card).kind

    @property
    def text(self) -> str:
        """The card as it stands, with its continuations and comments."""
        card = self._card_of(self._owner.elements)
        return card.source.text[card.start : card.end]

    @property
    def place(self) -> Place:
        """Where the model stands."""
        card = self._card_of(self._owner.elements)
        return card.source.place(card.start, card.words[0].end)

    def _given(self) -> Mapping[str, GivenPair]:
        card = self._card
        return {pair.name.text.lower(): GivenPair(card.source, pair) for pair in read_model_text(card).pairs}

    def _what(self) -> str:
        return f"model '{self.name}'"

    def _added(self, name: str, text: str) -> Edit:
        card = self._card
        end = max(word.end for word in (*card.words, *(pair.value for pair in card.assignments)))
        # Between parentheses that hold nothing so far.
        opening = re.match(r"\s*\(\s*(?=\))", card.source.text[end : card.end])
        if opening is not None:
            end += opening.end()
        return card.source, end, end, f"{'' if opening else ' '}{new_name(name)}={text}"


class Models(Mapping[str, ModelView]):
    """The models of a netlist by name, whatever its case, those of included files among them.

    A model inside a subcircuit goes by the path of calls that leads to it, ``X1.dm``; to change it changes the
    definition, and so every instance.
    """

    def __repr__(self) -> str:
        return f"<{len(self)} models of {self._netlist!r}>"

    def __init__(self, netlist: Editable) -> None:
        self._netlist = netlist

    def __getitem__(self, name: str) -> ModelView:
        found = self._find(str(name))
        if found is None:
            known = [card.words[0].text for card in self._netlist.known.body.models.values()]
            raise UnknownNameError(f"the netlist has no model '{name}'", hint=did_you_mean(name, known))
        return ModelView(self._netlist, str(name), *found)

    def _find(self, name: str) -> tuple[str, str] | None:
        """The path of instances and the name of a model, in lower case. A model's name may have dots in it."""
        low = name.lower()
        if low in self._netlist.known.body.models:
            return "", low
        at = low.find(".")
        while at >= 0:
            body = self._netlist.known.body_at(low[:at])
            if body is not None and low[at + 1 :] in body.models:
                return low[:at], low[at + 1 :]
            at = low.find(".", at + 1)
        return None

    def __contains__(self, name: object) -> bool:
        return self._find(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return (card.words[0].text for card in self._netlist.known.body.models.values())

    def __len__(self) -> int:
        return len(self._netlist.known.body.models)
