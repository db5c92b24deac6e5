"""The circuit as text that ngspice reads: flat, or a deck that runs over all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit, sample_columns
from netlearn.errors import NgspiceError
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.deck import TIGHT, alterable, save_commands, write_deck
from netlearn.ngspice.names import COMMAND_SAFE, NETLIST_SAFE, Readable


@dataclass(frozen=True)
class Output:
    """A probe that an exported deck prints: one unknown less another, GROUND for none."""

    plus: int
    minus: int = GROUND


def flatten(circuit: Circuit, directives: Sequence[str] = (), title: str = "flat netlist") -> str:
    """The circuit as a flat SPICE netlist with hierarchical names, one line for each element.

    ``directives`` are the texts of ``*@`` lines to keep. Names that are no plain words are replaced;
    comments say which. Raises NgspiceError for an element that SPICE cannot say.
    """
    names = Readable(circuit, NETLIST_SAFE)
    deck = write_deck(circuit, {name: value for name, value in circuit.options.items() if np.isfinite(value)}, names)
    head = [_title(title), *names.replaced(deck.vectors), *(f"*@{_one_line(text)}" for text in directives)]
    return "\n".join([*head, *deck.lines[1:], ""])


def export_ngspice(circuit: Circuit, outputs: Sequence[Output], title: str = "all samples") -> str:
    """A deck that ``ngspice -b`` runs over all samples of the circuit, printing the outputs of each.

    For each sample it prints ``sample = k`` and then, in their order, a line ``v(out) = value`` for each
    output. Raises NgspiceError where a value differs by sample that ``alter`` cannot change.
    """
    for column in sample_columns(circuit):
        if not alterable(circuit, column):
            group = circuit.groups[column[0]]
            raise NgspiceError(
                f"'{column[1]}' of the {group.device.name} '{group.names[0]}' differs by sample and cannot be altered"
            )
    names = Readable(circuit, COMMAND_SAFE)
    deck = write_deck(circuit, TIGHT, names)
    _, places, values = deck.values(circuit)
    words = [_expression(deck.vectors, len(circuit.nodes), output) for output in outputs]
    lines = [_title(title), *names.replaced(deck.vectors), *deck.lines[1:-1], ".control", "set numdgt=15"]
    lines += save_commands(deck.vectors) if deck.explicit else ["save all"]
    current = np.full(len(places), np.nan)
    for sample, row in enumerate(values, 1):
        lines += [deck.targets[places[k]] + format_number(row[k]) for k in np.flatnonzero(row != current)]
        lines += ["op", f"echo sample = {sample}"]
        lines += [*(f"print {word}" for word in words), "destroy all"]
        current = row
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


def _expression(vectors: Sequence[str], nodes: int, output: Output) -> str:
    def word(unknown: int) -> str:
        vector = vectors[unknown]
        return f"v({vector})" if unknown < nodes else f"i({vector.removesuffix('#branch')})"

    if output.plus == GROUND:
        return f"-{word(output.minus)}"
    return word(output.plus) if output.minus == GROUND else f"{word(output.plus)}-{word(output.minus)}"


def _title(text: str) -> str:
    # A first line may not be taken for a script's, a directive's or a command's.
    return "* " + _one_line(text).lstrip("*@# ")


def _one_line(text: str) -> str:
    return " ".join(ascii(text)[1:-1].split())
