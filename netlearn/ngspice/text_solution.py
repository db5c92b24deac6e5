"""Operating points that ngspice finds for a netlist's own text, as those of the circuit that netlearn reads in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.errors import NgspiceError
from netlearn.netlist.edits import Edit
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.deck import TIGHT
from netlearn.ngspice.forms import inside_nodes
from netlearn.ngspice.names import COMMAND_SAFE
from netlearn.ngspice.text import TextDeck, text_deck
from netlearn.ngspice.text_names import STEM
from netlearn.ngspice.text_run import Points, TextRunner

LOOSER = {"reltol": 1e-6, "abstol": 1e-13, "vntol": 1e-10, "itl1": 500.0}
"""Where ngspice does not settle to the last digits that are asked of it: a thousand times what ``TIGHT`` asks, of
reltol, with which node voltages of five circuits are up to 4e-12 V off (benchmarks/constants_of_ngspice.py)."""

BY_FLAT = "--flat gives ngspice the circuit as netlearn reads it"

_INSIDE = re.compile(rf"#|_int\d+$|_vmeas_\d+$|_inside_{STEM}x*$|_intern__$|^txlnd[12]y")
"""Names of nodes that ngspice, or the deck, puts into elements."""


Alterable = str | tuple[str, str]
"""An independent source, or another element and what ngspice calls its value, by the names that ngspice has."""


@dataclass(frozen=True)
class TextSolution:
    """What ngspice finds for the text, S samples of N unknowns.

    ``x`` (S, N) holds NaN for unknowns that ngspice has under no name that netlearn knows; ``missing`` are the nodes
    among these that every reading of the text should have. ``foreign`` are nodes that only ngspice has.
    """

    x: Array
    missing: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def known(self) -> Array:
        """(N,) which of the unknowns ngspice has."""
        return np.asarray(~np.isnan(self.x).any(axis=0))


def text_solution(
    netlist: Netlist,
    circuit: Circuit,
    drive: tuple[Sequence[Alterable], Array],
    runner: TextRunner,
    edits: Iterable[Edit] = (),
    *,
    inside: bool = False,
) -> TextSolution:
    """ngspice's operating points of the text; ``drive`` has what is altered and its values (S, p).

    Temperatures and gmin are those of the circuit; ``edits`` replace stretches of the text. ``inside`` asks for the
    nodes inside of elements as well, for which ngspice does not tell what nodes only it has. Raises NgspiceError.
    """
    sources, values = drive
    edits = list(edits)

    def solved(tolerances: Mapping[str, float]) -> TextSolution:
        deck = text_deck(netlist, settings(circuit, tolerances), edits)
        targets = [target(source, deck) for source in sources]
        return _solution(circuit, deck, runner.points(deck, targets, values, _saves(circuit, deck) if inside else ()))

    try:
        return solved(TIGHT)
    except NgspiceError as error:
        if error.sample is None:
            raise
    return solved(LOOSER)


def target(altered: Alterable, deck: TextDeck) -> str:
    """The beginning of the command that gives an element its value in a deck."""
    name, value = (altered, "dc") if isinstance(altered, str) else altered
    word = deck.names.path(name, element=True)
    if COMMAND_SAFE.fullmatch(word) is None:
        raise NgspiceError(f"ngspice cannot be told a value of '{name}' by that name", hint=BY_FLAT)
    return f"alter {word} {value} = "


def _saves(circuit: Circuit, deck: TextDeck) -> Sequence[str]:
    """What ngspice is to keep if it has to keep nodes inside of elements; nothing where there are none."""
    if not any("#" in name for name in circuit.nodes):
        return ()
    return unknown_words(circuit, deck)


def unknown_words(circuit: Circuit, deck: TextDeck) -> list[str]:
    """What ngspice calls the unknowns of a circuit, nodes inside of elements as it spells them."""
    names = deck.names
    words = [names.path(str(name), element=False) for name in circuit.nodes]
    words += [f"{names.path(str(branch), element=True)}#branch" for branch in circuit.branches]
    for group in circuit.groups:
        for k, number, word in inside_nodes(group):
            words[number] = f"{names.path(str(group.names[k]), element=True)}#{word}"
    return words


def settings(circuit: Circuit, tolerances: Mapping[str, float]) -> list[str]:
    """The options of a deck for a circuit's environment."""
    environment = circuit.environment
    found = {
        **tolerances,
        "gmin": environment.gmin,
        "temp": round(float(np.ravel(environment.temperature)[0]) - ZERO_CELSIUS, 9),
        "tnom": round(environment.nominal_temperature - ZERO_CELSIUS, 9),
        "itl1": max(tolerances.get("itl1", 0.0), circuit.options.get("itl1", 0.0)),
    }
    return [" ".join([".options", *(f"{name}={format_number(value)}" for name, value in found.items())])]


def _solution(circuit: Circuit, deck: TextDeck, points: Points) -> TextSolution:
    names = [*map(str, circuit.nodes), *(f"{branch}#branch" for branch in circuit.branches)]
    theirs = [word.lower() for word in unknown_words(circuit, deck)]
    x = np.array([[point.get(name, np.nan) for name in theirs] for point in points])
    lost = np.isnan(x).any(axis=0)[: len(circuit.nodes)]
    missing = [name for name, gone in zip(names, lost.tolist(), strict=False) if gone and "#" not in name]
    known = {*theirs, "all"}
    foreign = [
        name
        for name in (points[0] if points else ())
        if not name.endswith("#branch") and name not in known and not _INSIDE.search(name) and name[:1] != "@"
    ]
    return TextSolution(x.reshape(len(points), len(names)), tuple(missing), tuple(foreign))
