"""A netlist's own text as a deck that ``ngspice -b`` runs by itself over all samples, printing the outputs of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, one_sample
from netlearn.elaboration.columns import AMBIENT
from netlearn.elaboration.number_places import model_of, owner_of
from netlearn.errors import NgspiceError
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.deck import TIGHT, Deck
from netlearn.ngspice.export import comment
from netlearn.ngspice.measurements import printed, printing
from netlearn.ngspice.names import SETTLED_ONLY
from netlearn.ngspice.own_text import OwnText, element_value
from netlearn.ngspice.text import TextDeck, text_deck
from netlearn.ngspice.text_names import renamed_comments
from netlearn.ngspice.text_solution import BY_FLAT, settings, target, unknown_words
from netlearn.probes.outputs import Outputs

Command = Callable[[float], str]
"""From the value that a sample sets to the command that sets it."""


def export_text(own: OwnText, circuit: Circuit, inputs: Array, outputs: Outputs, title: str) -> str:
    """The deck at ``inputs`` (S, p), ``circuit`` being the one that netlearn makes of them.

    For each sample it prints ``sample = k`` and then, in their order, a line ``v(out) = value`` for each output.
    Raises NgspiceError for what a sample sets that no command of ngspice's can change.
    """
    text, control = _deck(own, circuit, inputs, outputs)
    head = [comment(title), *renamed_comments(text.names)]
    if text.behaviour:
        head.append(f"* to be run by: ngspice -D ngbehavior={text.behaviour} -b FILE")
    return "\n".join([*head, *text.lines[1:-1], *control, ".end", ""])


def measured_on_text(own: OwnText, circuit: Circuit, inputs: Array, outputs: Outputs, timeout: float) -> Array:
    """The outputs (S, o) at ``inputs`` (S, p) from ngspice's own currents and powers, by its executable.

    Raises what ``export_text`` and running ngspice do.
    """
    text, control = _deck(own, circuit, inputs, outputs)
    lines = [*text.lines[:-1], *control, ".end", ""]
    return printed(lines, (len(inputs), len(outputs)), circuit, timeout, text.behaviour)


def _deck(own: OwnText, circuit: Circuit, inputs: Array, outputs: Outputs) -> tuple[TextDeck, list[str]]:
    text = text_deck(own.design.netlist, settings(own.design.circuit, TIGHT))
    deck = as_deck(one_sample(circuit, 0), text)
    first, *control = printing(circuit, deck, outputs, alterations(own, circuit, text, inputs))
    return text, [first, SETTLED_ONLY, *control]


def as_deck(circuit: Circuit, text: TextDeck) -> Deck:
    """A text's deck with its names for a circuit's unknowns and elements."""
    return Deck(
        circuit=circuit,
        lines=text.lines,
        vectors=unknown_words(circuit, text),
        columns=(),
        targets=(),
        elements=[[text.names.path(str(name), element=True) for name in group.names] for group in circuit.groups],
        explicit=any("#" in name for name in circuit.nodes),
    )


def alterations(own: OwnText, circuit: Circuit, text: TextDeck, inputs: Array) -> Iterator[list[str]]:
    """For each sample the commands that set what it sets: parameters, which read the circuit anew, and then others."""
    parameters: list[tuple[int, Command]] = []
    others: list[tuple[int, Command]] = []
    for j in range(inputs.shape[1]):
        command, anew = _command(own, circuit, text, j)
        (parameters if anew else others).append((j, command))
    for k, row in enumerate(inputs):
        changed = k == 0 or not np.array_equal(row, inputs[k - 1])
        lines = [command(float(row[j])) for j, command in parameters]
        if lines:
            lines.append("reset")
        yield [*lines, *(command(float(row[j])) for j, command in others)] if changed else []


def _command(own: OwnText, circuit: Circuit, text: TextDeck, number: int) -> tuple[Command, bool]:
    """What sets an input, and whether the circuit has to be read anew after it."""
    name = own.columns[number].lower()
    altered = own.alterable(circuit, number) or element_value(circuit, name)
    if altered is not None:
        begin = target(altered, text)
        return (lambda value: begin + format_number(value)), False
    if name == AMBIENT:
        return (lambda value: f"option temp = {format_number(value)}"), False
    netlist, (owner, parameter) = own.design.netlist, owner_of(name)
    if owner and owner in netlist.elements and netlist.elements.statement(owner).letter != "X":
        word = text.names.path(owner, element=True)
        return (lambda value: f"alter @{word}[{parameter}] = {format_number(value)}"), False
    if owner and model_of(netlist, owner) is not None and owner.isidentifier():
        return (lambda value: f"altermod {owner} {parameter} = {format_number(value)}"), False
    if not owner and name.isidentifier() and own.design.parameter_value(name) is not None:
        return (lambda value: f"alterparam {name} = {format_number(value)}"), True
    raise NgspiceError(f"'{own.columns[number]}', which samples set, cannot be altered in ngspice", hint=BY_FLAT)
