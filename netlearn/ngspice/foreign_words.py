"""Words in expressions that netlearn knows and ngspice does not: ``temp``, ``vt``, ``gmin`` and ``table()``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.circuit.devices.junction import K_OVER_Q
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import parse_number
from netlearn.ngspice.element_forms import PROBE
from netlearn.ngspice.text_names import Span

_THERMAL = f"({K_OVER_Q!r}*(temper+{ZERO_CELSIUS!r}))"
_VALUES: Mapping[str, str] = {"temp": "temper", "vt": _THERMAL, "gmin": "1e-12"}
"""``temper`` is in °C; ``gmin`` is the default, in S, where no option gives another."""
_WORD = re.compile(r"(?<![\w.$#@])(temp|vt|gmin)(?![\w.$#@]|\s*[(=])", re.IGNORECASE)
_GMIN = re.compile(r"\bgmin\s*=\s*([^\s,)]*)", re.IGNORECASE)
_TABLE = re.compile(r"(?<![\w.$#@])table\s*(?=\()", re.IGNORECASE)
_SETS = re.compile(r"[ \t]*(?:\.(?!opt|model)|x|\+).*", re.IGNORECASE)
"""A line, or a part of one, that can give a name its meaning."""


class ForeignWords:
    """Which of these words a netlist leaves to the simulator, and how they are written for ngspice."""

    def __init__(self, netlist: Netlist) -> None:
        texts = [part.source.text for part in netlist.walk()]
        lines = [line for text in texts if _mentions(text) for line in text.splitlines() if _SETS.match(line)]
        self.values = {name: value for name, value in _VALUES.items() if not any(_sets(line, name) for line in lines)}
        given = {parse_number(match[1]) for text in texts for match in _GMIN.finditer(text)}
        if "gmin" in self.values and given:
            number = given.pop()
            if number is None or given:
                del self.values["gmin"]
            else:
                self.values["gmin"] = repr(number)
        self.table = not any(re.match(r"\s*\.(func|param\w*)\s+table\s*\(", line, re.IGNORECASE) for line in lines)
        self._points: set[int] = set()
        self._numbers: set[int] = set()
        """How many points the tables have, those in behavioural expressions and those of numbers."""

    def spans(self, text: str, start: int) -> list[Span]:
        """How an expression that begins at ``start`` has to change."""
        probes = [match.span() for match in PROBE.finditer(text)]
        found: list[Span] = []
        for match in _WORD.finditer(text):
            value = self.values.get(match[1].lower())
            if value is not None and not any(a <= match.start() < b for a, b in probes):
                found.append((start + match.start(), start + match.end(), value))
        for match in _TABLE.finditer(text) if self.table else ():
            count = arguments(text, match.end() + 1)
            # A source's own TABLE has its expression alone in the parentheses.
            if count >= 5 and count % 2:
                (self._points if probes else self._numbers).add(count // 2)
                name = "netlearn_lines" if probes else "netlearn_table"
                found.append((start + match.start(), start + match.end(), f"{name}{count // 2}"))
        return found

    def lines(self) -> Iterator[str]:
        """Definitions for what ``spans`` wrote: ngspice's ``pwl`` goes on beyond its ends, and a table does not."""
        # The arguments have names that no parameter of the netlist has: ngspice takes those for the parameters.
        x, y = "netlearn_x", "netlearn_y"
        for count in sorted(self._points):
            points = ",".join(f"{x}{k},{y}{k}" for k in range(1, count + 1))
            yield f".func netlearn_lines{count}({x},{points}) {{pwl(min(max({x},{x}1),{x}{count}),{points})}}"
        for count in sorted(self._numbers):
            # ngspice's parameters have no pwl. What is added to a width keeps a step from dividing by zero.
            points = ",".join(f"{x}{k},{y}{k}" for k in range(1, count + 1))
            pieces = [
                f"{x}<{x}{k + 1} ? ({x}-{x}{k})*({y}{k + 1}-{y}{k})/(({x}{k + 1}-{x}{k})+1e-300)+{y}{k} : ("
                for k in range(1, count)
            ]
            line = f"{x}<={x}1 ? {y}1 : ({''.join(pieces)}{y}{count}{')' * count}"
            yield f".func netlearn_table{count}({x},{points}) {{{line}}}"


def arguments(text: str, start: int) -> int:
    """How many arguments a call has whose parenthesis opens before ``start``."""
    depth, count = 1, 1
    for character in text[start:]:
        depth += (character == "(") - (character == ")")
        count += character == "," and depth == 1
        if depth == 0:
            break
    return count


def _mentions(text: str) -> bool:
    return _WORD.search(text) is not None or _TABLE.search(text) is not None


def _sets(line: str, name: str) -> bool:
    meaning = rf"\b{name}\s*=(?!=)|\.func\b.*[(,]\s*{name}\s*[,)]|\.step\s+param\s+{name}\b"
    return re.search(meaning, line, re.IGNORECASE) is not None
