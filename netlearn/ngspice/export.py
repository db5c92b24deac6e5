"""The circuit as text that ngspice reads: flat, or a deck that runs over all samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.elaboration.kept import Surplus, words_of
from netlearn.ngspice.deck import TIGHT, Beside, write_deck
from netlearn.ngspice.measurements import printing_control
from netlearn.ngspice.names import NETLIST_SAFE, PLAIN_PATH, Readable
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Outputs

Number = Callable[[int], str]
"""From a quantity that is kept to its number."""


def flatten(
    circuit: Circuit,
    directives: Sequence[str] = (),
    title: str = "flat netlist",
    kept: Sequence[Surplus] = (),
    number: Number = str,
) -> str:
    """The circuit as a flat SPICE netlist with hierarchical names, one line for each element.

    ``directives`` are the texts of ``*@`` lines to keep. Names that are no plain words are replaced;
    comments say which. ``kept`` is what the netlist says beside its operating point. Raises NgspiceError for an
    element that SPICE cannot say.
    """
    names = Readable(circuit, NETLIST_SAFE)
    options = {name: value for name, value in circuit.options.items() if np.isfinite(value)}
    deck = write_deck(circuit, options, names, _beside(kept, number))
    elements = {
        str(own): word
        for group, words in zip(circuit.groups, deck.elements, strict=True)
        for own, word in zip(group.names, words, strict=False)
    }
    lines = []
    for each in kept:
        if each.what == "line":
            words = words_of(each.pieces, number, elements.__getitem__)
            nodes = ["0" if node == GROUND else deck.vectors[node] for node in each.nodes]
            if each.name == ".ic":
                lines.append(f".ic v({nodes[0]})={words}")
            elif each.name:
                lines.append(" ".join([*names.elements(each.name[0], [each.name]), *nodes, words]))
            else:
                lines.append(words)
    head = [
        comment(title),
        *names.replaced(deck.vectors),
        *(f"*@{_one_line(names.in_probes(text))}" for text in directives),
    ]
    return "\n".join([*head, *deck.lines[1:-1], *lines, ".end", ""])


def _beside(kept: Sequence[Surplus], number: Number) -> Beside:
    """What is kept of elements that the circuit has."""
    words: dict[str, str] = {}
    models: dict[str, str] = {}
    inductances: dict[str, str] = {}
    for each in kept:
        into = {"words": words, "model": models, "inductance": inductances}.get(each.what)
        if into is not None:
            text = words_of(each.pieces, number, str)
            into[each.name] = " ".join(filter(None, [into.get(each.name, ""), text]))
    return Beside(words, models, inductances)


def export_ngspice(circuit: Circuit, outputs: Outputs | Probes, title: str = "all samples") -> str:
    """A deck that ``ngspice -b`` runs over all samples of the circuit, printing the outputs of each.

    For each sample it prints ``sample = k`` and then, in their order, a line ``v(out) = value`` for each
    output. Raises NgspiceError where a value differs by sample that ``alter`` cannot change.
    """
    names = Readable(circuit, PLAIN_PATH)
    deck = write_deck(circuit, TIGHT, names)
    head = [comment(title), *names.replaced(deck.vectors), *deck.lines[1:-1]]
    return "\n".join([*head, *printing_control(circuit, deck, outputs), ".end", ""])


def comment(text: str) -> str:
    """A text as the first line of a deck."""
    # A first line may not be taken for a script's, a directive's or a command's.
    return "* " + _one_line(text).lstrip("*@# ")


def _one_line(text: str) -> str:
    return " ".join(ascii(text)[1:-1].split())
