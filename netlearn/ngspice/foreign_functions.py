"""Functions and constants of other simulators that a netlist uses, as ``.func`` and ``.param`` lines for ngspice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlearn.expressions.functions import KNOWN_CONSTANTS
from netlearn.netlist.dialect import Dialect
from netlearn.ngspice.element_forms import PROBE
from netlearn.ngspice.foreign_words import arguments

_FUNCTIONS = {
    "arctan": "arctan(x) {atan(x)}",
    "buf": "buf(x) {x>0.5 ? 1 : 0}",
    "inv": "inv(x) {x>0.5 ? 0 : 1}",
    "int": "int(x) {sgn(x)*floor(abs(x))}",
    "round": "round(x) {sgn(x)*floor(abs(x)+0.5)}",
    "pwr": "pwr(x,y) {abs(x)^y}",
    "pwrs": "pwrs(x,y) {sgn(x)*abs(x)^y}",
    "stp": "stp(x) {x<0 ? 0 : (x>0 ? 1 : 0.5)}",
    "uplim": "uplim(x,l,z) {x<=l-z ? x : (x>=l+z ? l : l-(l+z-x)*(l+z-x)/(4*z))}",
    "dnlim": "dnlim(x,l,z) {x>=l+z ? x : (x<=l-z ? l : l+(x-l+z)*(x-l+z)/(4*z))}",
    "if": "if(c,x,y) {c ? x : y}",
    "agauss": "agauss(a,b,c) {a}",
    "wc": "wc(a,b) {a}",
    "gauss": "gauss(a,b,c) {a}",
    "aunif": "aunif(a,b) {a}",
    "unif": "unif(a,b) {a}",
    "mc": "mc(a,b) {a}",
    "flat": "flat(a) {0*a}",
}
_OF_NUMBERS = {
    "u": "u(x) {x<0 ? 0 : (x>0 ? 1 : 0.5)}",
    "uramp": "uramp(x) {x>0 ? x : 0}",
    "u2": "u2(x) {x<0 ? 0 : (x>1 ? 1 : x)}",
    "hypot": "hypot(x,y) {sqrt(x*x+y*y)}",
    "atan2": "atan2(y,x) {x>0 ? atan(y/x) : (x<0 ? atan(y/x)+(y<0 ? -1 : 1)*3.141592653589793 : "
    "(y>0 ? 1 : (y<0 ? -1 : 0))*1.5707963267948966)}",
}
"""Functions that ngspice has in behavioural expressions only."""
_LIMIT, _RANDOM_LIMIT = "limit(x,a,b) {min(max(x,min(a,b)),max(a,b))}", "limit(a,b) {a}"
_BUILT_IN = {
    Dialect.NGSPICE: ("pwr", "int"),
    Dialect.LTSPICE: ("stp", "uplim", "dnlim", "if"),
    Dialect.PSPICE: ("stp", "if"),
}
"""Functions that ngspice has in its mode for a dialect, and has them right: not so pwr and pwrs, nor int elsewhere."""
_CONSTANTS = {
    dialect: re.compile(rf"(?<![\w.$#@])({names})(?![\w.$#@(])", re.IGNORECASE)
    for dialect, names in ((Dialect.NGSPICE, "pi"), (Dialect.LTSPICE, "e|pi"), (Dialect.PSPICE, "pi"))
}
"""Constants that netlearn knows in the parameters of a dialect, and ngspice does not."""


_PREFIXED = r"netlearn_\1"


class ForeignFunctions:
    """Which functions and constants a netlist uses, and which functions it defines itself."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._called: dict[str, int] = {}
        """With the most arguments that any call has."""
        self._own: set[str] = set()
        self._constants: set[str] = set()

    def defined(self, name: str) -> None:
        """The netlist has a function of this name."""
        self._own.add(name.lower())

    def called_in(self, text: str) -> None:
        """Note the functions that an expression calls."""
        known = {*_FUNCTIONS, "limit"} if PROBE.search(text) else {*_FUNCTIONS, *_OF_NUMBERS, "limit"}
        for match in re.finditer(r"([a-z_]\w*)\s*\(", text, re.IGNORECASE):
            name = match[1].lower()
            if name in known:
                self._called[name] = max(self._called.get(name, 0), arguments(text, match.end()))

    def read_in(self, text: str) -> None:
        """Note the constants that a value names."""
        self._constants.update(name.lower() for name in _CONSTANTS[self.dialect].findall(text))

    def lines(self) -> Iterator[str]:
        """Definitions of the constants and functions that are used and that ngspice lacks."""
        for name in sorted(self._constants):
            # What the netlist itself calls so comes later, and so counts.
            yield f".param {name}={KNOWN_CONSTANTS[name]!r}"
        for name, count in self._called.items():
            if name in self._own or name in _BUILT_IN[self.dialect]:
                continue
            if name == "limit":
                if self.dialect is Dialect.NGSPICE or count == 2:
                    yield function_line(_LIMIT if count > 2 else _RANDOM_LIMIT)
            else:
                yield function_line(_FUNCTIONS.get(name) or _OF_NUMBERS[name])


def function_line(definition: str) -> str:
    """The ``.func`` line of ``name(x, y) {expression}``, whose arguments get names that no parameter has.

    ngspice takes ``a`` for the parameter of this name where the netlist has one.

    >>> function_line("twice(a) {2*a}")
    '.func twice(netlearn_a) {2*netlearn_a}'
    """
    head, body = definition.split(" ", 1)
    name, listed = head.rstrip(")").split("(")
    found = "|".join(map(re.escape, listed.split(",")))
    arguments = re.compile(rf"(?<![\w.])({found})(?![\w.(])")
    return f".func {name}({arguments.sub(_PREFIXED, listed)}) {arguments.sub(_PREFIXED, body)}"
