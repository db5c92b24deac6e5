"""What to write instead of a range, or of a list that is written in another way than with commas."""

from __future__ import annotations

import re

from netlearn.netlist.numbers import format_number, parse_number
from netlearn.options import Option

_BETWEEN = re.compile(r"[\s,:;/|]+|\.{2,}|(?<=[\da-zA-Z])(?<!\de)(?<!\.e)-(?=\d)|\bto\b", re.IGNORECASE)
"""What people write between two numbers, a dash only where it is no sign and no exponent's."""
_BAND = re.compile(r"(?P<middle>[^±]*?)\s*(?:±|\+/?-)\s*(?P<part>[^±%]+)(?P<percent>%?)")
"""A value and how far to both sides of it: ``24±10%``, ``5+/-0.1``."""
_AROUND = "()[]{}\"'"
_BOUNDED = ("min", "max", "value")
"""Options whose range two others say."""


def remedy_for_several(directive: str, option: Option, text: str) -> str:
    """How to say what ``text`` says of an option, if it is several numbers; else an empty text."""
    band = _BAND.fullmatch(text)
    if band is not None:
        return _remedy_for_band(option, band)
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


def _remedy_for_band(option: Option, band: re.Match[str]) -> str:
    middle, part = parse_number(band["middle"]), parse_number(band["part"])
    if option.name == "value":
        return f"write {band['middle']} within={band['part']}{band['percent']}"
    if not option.many or part is None:
        return ""
    if middle is None:
        return f"list the values themselves, such as {option.name}=low,nominal,high"
    off = abs(middle) * part / 100 if band["percent"] else part
    values = ",".join(f"{value:.12g}" for value in (middle - off, middle, middle + off))
    return f"list the values, such as {option.name}={values}"
