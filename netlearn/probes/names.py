"""Probes by the names that SPICE has for them: ``V(a,b)``, ``I(R1)``, ``Ic(Q1)``, ``P(X1)``, ``@q1[ic]``, ``{...}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from netlearn.circuit.circuit import GROUND, TEMPERATURE, Circuit
from netlearn.circuit.devices.foreign import ForeignDevice
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource
from netlearn.elaboration.names import plain_notation, under
from netlearn.errors import CircuitError, NetlearnError, OptionError, Place, did_you_mean
from netlearn.expressions.expression import ExpressionError, parse_expression
from netlearn.expressions.functions import CONSTANTS
from netlearn.probes.outputs import Output, Outputs
from netlearn.probes.readings import Between, Current, Fixed, Power, Quantity, Reading

_CALL = re.compile(r"(v|p|i([cbesdg]?))\s*\(([^()]*)\)", re.IGNORECASE)
_AT = re.compile(r"@([^\s\[\]]+)\[\s*(\w+)\s*\]")
_BRACED = re.compile(r"\{(.*)\}", re.DOTALL)

FORMS = "V(node), V(plus,minus), I(R1), Ic(Q1), Id(M1), P(R1), P(X1), P() or an expression of them in braces"
IN_SERIES = "put a voltage source of 0 V in series, and measure its current"
CONTROLS = ("cp", "cn", "ic")
"""Terminals that carry no current of their own."""


def is_probe(name: str) -> bool:
    """Whether a name is written as a probe, whatever it names."""
    text = name.strip()
    return any(form.fullmatch(text) for form in (_CALL, _AT, _BRACED))


def parameters_in(names: Iterable[str]) -> tuple[str, ...]:
    """The names of ``.param`` numbers that expressions among the probes use."""
    found: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str):
            raise OptionError(f"{name!r:.80} is not a probe", hint="a probe is a text such as 'V(out)'")
        braced = _BRACED.fullmatch(name.strip())
        try:
            words = () if braced is None else parse_expression(braced[1], behavioural=True, measured=True).names
        except ExpressionError:
            # It is said with its place where the probe is read.
            continue
        found.update(dict.fromkeys(word for word in words if not _is_measurement(word) and word != TEMPERATURE))
    return tuple(found)


def probes_of(circuit: Circuit, names: Sequence[str], places: Mapping[str, Place] | None = None) -> Outputs:
    """Probes by name.

    V(a) and V(p,n) are in volts, currents in amperes and powers in watts. I(R1) is the current into
    the first node of R1, Ic(Q1) the one into the collector, and so on; P(R1) the power that the element
    takes in, P(X1) what all elements of the instance do, and P() what all elements besides independent
    sources do, which is what these give. ``{V(out)/V(in)}`` is an expression of probes, of
    ``.param`` numbers that the circuit holds, and of ``temper``. ``@r1[i]``, ``@q1[ic]``, ``@m1[id]`` and
    ``@r1[p]`` are read as ngspice has them.

    Raises OptionError, at the name's place, for what is not a probe, and CircuitError for one of something that
    is not there.
    """
    found = []
    for name in names:
        place = (places or {}).get(name)
        try:
            found.append(_output(circuit, name))
        except CircuitError as error:
            raise CircuitError(f"the probe '{name}' cannot be read: {error.message}", place, error.hint) from None
        except NetlearnError as error:
            error.place = error.place or place
            raise
    return Outputs(tuple(found))


def _output(circuit: Circuit, name: str) -> Output:
    text = name.strip()
    braced = _BRACED.fullmatch(text)
    if braced is None:
        reading, unit = _reading(circuit, text, name)
        return Output(name, (reading,), unit=unit)
    try:
        expression = parse_expression(braced[1], behavioural=True, measured=True)
    except ExpressionError as error:
        raise OptionError(f"the probe '{name}' cannot be read: {error.message}", hint=error.hint) from None
    unknown = sorted(expression.calls)
    if unknown:
        raise OptionError(f"the probe '{name}' calls '{unknown[0]}', which is not a function", hint=FORMS)
    if not any(_is_measurement(word) for word in expression.names):
        raise OptionError(f"the probe '{name}' measures nothing", hint=f"write {FORMS}")
    readings = tuple(_named(circuit, word, name) for word in expression.names)
    return Output(name, readings, expression)


def _is_measurement(word: str) -> bool:
    return "(" in word or word.startswith("@")


def _named(circuit: Circuit, word: str, name: str) -> Reading:
    """What a name in an expression reads."""
    if _is_measurement(word):
        return _reading(circuit, word, name)[0]
    if word == TEMPERATURE or word in circuit.quantities:
        return Quantity(word)
    if word in CONSTANTS:
        return Fixed(CONSTANTS[word])
    raise OptionError(
        f"the probe '{name}' names '{word}', which is not a parameter", hint=did_you_mean(word, circuit.quantities)
    )


def _reading(circuit: Circuit, text: str, name: str) -> tuple[Reading, str]:
    at = _AT.fullmatch(text)
    if at is not None:
        return _at(circuit, at[1].lower(), at[2].lower(), name)
    call = _CALL.fullmatch(text)
    if call is None:
        hint = f"write {{{text}}}" if is_expression(text) else f"write {FORMS}"
        if text.lower() in circuit.nodes:
            hint = f"did you mean 'V({text})'?"
        raise OptionError(f"'{name}' is not a probe", hint=hint)
    inside = [part.strip() for part in call[3].split(",")]
    if call[1].lower() == "v":
        return _voltage(circuit, inside, name), "V"
    if len(inside) > 1:
        raise OptionError(f"'{name}' is not a probe: it names more than one element", hint=f"write {FORMS}")
    if call[1].lower() == "p":
        return _power(circuit, inside[0].lower()), "W"
    return _current(circuit, inside[0].lower(), (call[2] or "").lower(), name), "A"


def is_expression(text: str) -> bool:
    """Whether a text is an expression of probes that lacks its braces."""
    try:
        expression = parse_expression(text, behavioural=True, measured=True)
    except ExpressionError:
        return False
    return expression.single is None and any(_is_measurement(word) for word in expression.names)


def _voltage(circuit: Circuit, nodes: Sequence[str], name: str) -> Between:
    if len(nodes) > 2 or not all(nodes):
        raise OptionError(f"'{name}' is not a probe", hint="write V(node) or V(plus,minus)")
    plus, minus = circuit.node(nodes[0]), circuit.node(nodes[1]) if len(nodes) == 2 else GROUND
    if plus == minus:
        raise OptionError(f"the probe '{name}' always reads zero")
    return Between(plus, minus)


def _current(circuit: Circuit, word: str, letter: str, name: str) -> Reading:
    if not word:
        raise OptionError(f"'{name}' is not a probe: it names no element", hint=f"write {FORMS}")
    g, k = _element(circuit, word)
    group = circuit.groups[g]
    if isinstance(group.device, ForeignDevice):
        group.device.refuse(word, IN_SERIES)
    terminals = _terminals(circuit, g)
    if letter == "d" and len(terminals) == 2:
        letter = ""
    if not letter and len(terminals) > 2 and terminals[:2] != ("p", "n"):
        known = " or ".join(f"I{terminal}({word.upper()})" for terminal in terminals)
        raise OptionError(f"'{name}' does not say which current of '{word}' is meant", hint=f"write {known}")
    if letter and (letter not in terminals or len(terminals) == 2):
        known = ", ".join(
            f"I{'' if len(terminals) == 2 else t}({word.upper()})"
            for t in terminals[: 1 if len(terminals) == 2 else None]
        )
        raise OptionError(f"'{word}' has no current 'I{letter}'", hint=f"known: {known}")
    if not letter and "i" in group.device.unknowns:
        return Between(int(group.index[k, group.device.unknowns.index("i")]))
    return Current(g, k, group.device.unknowns.index(letter) if letter else 0)


def _terminals(circuit: Circuit, g: int) -> tuple[str, ...]:
    """The unknowns of a group's device that are terminals with a current of their own."""
    device = circuit.groups[g].device
    own = (u for u in device.unknowns if u not in device.internal and u not in (*CONTROLS, "i"))
    return tuple(u for u in own if not re.fullmatch(r"c\d+", u))


def _power(circuit: Circuit, word: str) -> Power:
    if not word:
        sources = VoltageSource | CurrentSource
        whole = [
            (g, range(len(group))) for g, group in enumerate(circuit.groups) if not isinstance(group.device, sources)
        ]
        # Inductors are sources of 0 V here, and take in nothing.
        return Power(tuple((g, tuple(elements)) for g, elements in whole if len(elements)))
    if circuit.has_element(word):
        g, k = circuit.element(word)
        return Power(((g, (k,)),))
    parts = [(g, under(group.names, word)) for g, group in enumerate(circuit.groups)]
    inside = tuple((g, tuple(rows.tolist())) for g, rows in parts if len(rows))
    if not inside:
        raise _nothing(circuit, word)
    return Power(inside)


def _element(circuit: Circuit, word: str) -> tuple[int, int]:
    if not circuit.has_element(word):
        raise _nothing(circuit, word)
    return circuit.element(word)


def _nothing(circuit: Circuit, word: str) -> CircuitError:
    if word.rpartition(".")[2].startswith("c"):
        return CircuitError(f"there is no element '{word}' that carries a current", hint="a capacitor is open at DC")
    known = [name for group in circuit.groups for name, _ in zip(group.names, range(500), strict=False)]
    matched = [plain_notation(name) for name in known if fnmatchcase(plain_notation(name), word)]
    if matched and any(character in word for character in "*?"):
        shown = ", ".join(matched[:3]) + (", ..." if len(matched) > 3 else "")
        said = f"a probe reads one element, and '{word}' is a pattern"
        return CircuitError(said, hint=f"give each a probe of its own: {shown}")
    return CircuitError(
        f"there is no element '{word}' in the circuit", hint=did_you_mean(word, map(plain_notation, known))
    )


def _at(circuit: Circuit, word: str, parameter: str, name: str) -> tuple[Reading, str]:
    """ngspice's ``@element[parameter]``: currents into terminals and powers, a field-effect transistor's with the
    sign of an n-channel one.
    """
    g, k = _element(circuit, word)
    device = circuit.groups[g].device
    if isinstance(device, ForeignDevice):
        device.refuse(word, IN_SERIES)
    terminals = _terminals(circuit, g)
    sign = 1.0
    if "g" in terminals and "polarity" in circuit.groups[g].values:
        sign = float(np.asarray(circuit.groups[g].values["polarity"]).reshape(-1, len(circuit.groups[g]))[0, k])
    if parameter == "p":
        return Power(((g, (k,)),), sign), "W"
    two = terminals[:2] == ("p", "n") or len(terminals) == 2
    letter = {"i": "", "current": "", "c": "", "cd": "d"}.get(parameter, parameter.removeprefix("i"))
    if two and parameter in ("i", "current", "c", "id", "cd"):
        return _current(circuit, word, "", name), "A"
    if not two and len(letter) == 1 and letter in terminals and parameter != "c":
        return Current(g, k, device.unknowns.index(letter), sign), "A"
    known = ["i", "p"] if two else [*(f"i{terminal}" for terminal in terminals), "p"]
    raise OptionError(f"'{name}' names no current or power of '{word}'", hint=did_you_mean(parameter, known))
