"""Functions of other simulators that a netlist calls, as ``.func`` lines for ngspice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlearn.netlist.dialect import Dialect

_FUNCTIONS = {
    "arctan": "arctan(x) {atan(x)}",
    "buf": "buf(x) {x>0.5 ? 1 : 0}",
    "inv": "inv(x) {x>0.5 ? 0 : 1}",
    "round": "round(x) {sgn(x)*floor(abs(x)+0.5)}",
    "pwrs": "pwrs(x,y) {sgn(x)*abs(x)^y}",
    "stp": "stp(x) {u(x)}",
    "uplim": "uplim(x,l,z) {x<=l-z ? x : (x>=l+z ? l : l-(l+z-x)*(l+z-x)/(4*z))}",
    "dnlim": "dnlim(x,l,z) {x>=l+z ? x : (x<=l-z ? l : l+(x-l+z)*(x-l+z)/(4*z))}",
    "if": "if(c,x,y) {c ? x : y}",
    "agauss": "agauss(a,b,c) {a}",
    "gauss": "gauss(a,b,c) {a}",
    "aunif": "aunif(a,b) {a}",
    "unif": "unif(a,b) {a}",
    "mc": "mc(a,b) {a}",
    "flat": "flat(a) {0*a}",
}
_LIMIT, _RANDOM_LIMIT = "limit(x,a,b) {min(max(x,min(a,b)),max(a,b))}", "limit(a,b) {a}"
_BUILT_IN = {Dialect.NGSPICE: (), Dialect.LTSPICE: ("stp", "uplim", "dnlim", "if"), Dialect.PSPICE: ("stp", "if")}
"""Functions that ngspice has in its mode for a dialect."""


class ForeignFunctions:
    """Which functions a netlist calls, and which of them it defines itself."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._called: dict[str, int] = {}
        """With the most arguments that any call has."""
        self._own: set[str] = set()

    def defined(self, name: str) -> None:
        """The netlist has a function of this name."""
        self._own.add(name.lower())

    def called_in(self, text: str) -> None:
        """Note the functions that an expression calls."""
        for match in re.finditer(r"([a-z_]\w*)\s*\(", text, re.IGNORECASE):
            name = match[1].lower()
            if name in _FUNCTIONS or name == "limit":
                self._called[name] = max(self._called.get(name, 0), _arguments(text, match.end()))

    def lines(self) -> Iterator[str]:
        """Definitions of the functions that are called and that ngspice lacks."""
        for name, arguments in self._called.items():
            if name in self._own or name in _BUILT_IN[self.dialect]:
                continue
            if name == "limit":
                if self.dialect is Dialect.NGSPICE or arguments == 2:
                    yield f".func {_LIMIT if arguments > 2 else _RANDOM_LIMIT}"
            elif name in _FUNCTIONS:
                yield f".func {_FUNCTIONS[name]}"


def _arguments(text: str, start: int) -> int:
    """How many arguments a call has whose parenthesis opens before ``start``."""
    depth, count = 1, 1
    for character in text[start:]:
        depth += (character == "(") - (character == ")")
        count += character == "," and depth == 1
        if depth == 0:
            break
    return count
