"""The circuit as text that ngspice reads: flat, or a deck that runs over all samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlearn.circuit.circuit import Circuit
from netlearn.ngspice.deck import TIGHT, write_deck
from netlearn.ngspice.measurements import printing_control
from netlearn.ngspice.names import NETLIST_SAFE, PLAIN_PATH, Readable
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Outputs


def flatten(circuit: Circuit, directives: Sequence[str] = (), title: str = "flat netlist") -> str:
    """The circuit as a flat SPICE netlist with hierarchical names, one line for each element.

    ``directives`` are the texts of ``*@`` lines to keep. Names that are no plain words are replaced;
    comments say which. Raises NgspiceError for an element that SPICE cannot say.
    """
    names = Readable(circuit, NETLIST_SAFE)
    deck = write_deck(circuit, {name: value for name, value in circuit.options.items() if np.isfinite(value)}, names)
    head = [
        comment(title),
        *names.replaced(deck.vectors),
        *(f"*@{_one_line(names.in_probes(text))}" for text in directives),
    ]
    return "\n".join([*head, *deck.lines[1:], ""])


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
