"""What is trained: patterns of names, with bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from netlearn.errors import OptionError, Place
from netlearn.netlist.numbers import milli_for_mega
from netlearn.options import Declared, Given, option


@dataclass(frozen=True)
class Trained(Declared):
    """Parameters to train, by a glob over their names, and their bounds."""

    pattern: str = "r*"
    min: float = option(-inf, "lower bound, in the parameter's own unit")
    max: float = option(inf, "upper bound, in the parameter's own unit")
    coordinates: Literal["auto", "log", "linear"] = option(
        "auto", "coordinate: the logarithm, or the number itself; by default what suits"
    )
    place: Place | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.pattern, str):
            raise OptionError(f"a pattern of names is a text, not {self.pattern!r:.80}", self.place, "such as 'R*'")
        if self.min > self.max:
            said = f"the lower bound {self.min:g} is above the upper bound {self.max:g}"
            raise OptionError(said, self.place, milli_for_mega(self.min, self.max))


def trained_of(entries: Sequence[Given]) -> Iterator[Trained]:
    """What ``*@train`` lines say is trained. Raises OptionError."""
    for entry in entries:
        if not entry.words:
            raise OptionError("'*@train' needs at least one pattern", entry.places.get(""), "such as '*@train R*'")
        low, high = entry.values.get("min", -inf), entry.values.get("max", inf)
        how: Any = entry.values.get("coordinates", "auto")
        assert isinstance(low, float)
        assert isinstance(high, float)
        for word in entry.words:
            try:
                one = Trained(word, low, high, how, entry.places.get(word))
            except OptionError as error:
                error.place = entry.places.get("min", entry.places.get(""))
                raise
            yield one
