"""What to write instead of a range, or of a list that is written in another way than with commas."""

from __future__ import annotations

import re

from netlearn.netlist.numbers import format_number, parse_number
from netlearn.options import Option

_BETWEEN = re.compile(r"[\s,:;/|]+|\.{2,}|(?<=[\da-zA-Z])(?<!\de)(?<!\.e)-(?=\d)|\bto\b", re.IGNORECASE)
"""What people write between two numbers, a dash only where it is no sign and no exponent's."""
_BOTH_SIDES = re.compile(r"±|\+/?-")
"""What people write between a value and how far to both sides of it: ``24±10%``, ``5+/-0.1``."""
_AROUND = "()[]{}\"'"
_BOUNDED = ("min", "max", "value")
"""Options whose range two others say."""


def remedy_for_several(directive: str, option: Option, text: str) -> str:
    """How to say what ``text`` says of an option, if it is several numbers; else an empty text."""
    middle, *band = _BOTH_SIDES.split(text, maxsplit=1)
    part, percent, rest = band[0].partition("%") if band else ("", "", "")
    if part.strip() and not rest and "±" not in part:
        return _remedy_for_band(option, middle.rstrip(), part.lstrip(), percent)
    found = [part for part in _BETWEEN.split(text.strip(_AROUND)) if part]
    numbers = [number for part in found if (number := parse_number(part)) is not None]
    if len(found) < 2 or len(numbers) < len(found):
        return ""
    if option.name in _BOUNDED and len(found) == 2:
        return f"write min={found[0]} max={found[1]}"
    if not option.many:
        return "give one value"
    if directive == "corner" and len(found) == 2 and "," not in text:
        # A range tells two ends only, and not what lies between them.
        found.insert(1, format_number(sum(numbers) / 2))
    return f"list the values, such as {option.name}={','.join(found)}"


def _remedy_for_band(option: Option, middle: str, part: str, percent: str) -> str:
    centre, away = parse_number(middle), parse_number(part)
    if option.name == "value":
        return f"write {middle} within={part}{percent}"
    if not option.many or away is None:
        return ""
    if centre is None:
        return f"list the values themselves, such as {option.name}=low,nominal,high"
    off = abs(centre) * away / 100 if percent else away
    values = ",".join(f"{value:.12g}" for value in (centre - off, centre, centre + off))
    return f"list the values, such as {option.name}={values}"
