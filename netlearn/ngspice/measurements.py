"""Outputs in ngspice's own words, and what ngspice itself makes of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.samples import by_setting
from netlearn.errors import NgspiceError
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.batch import run
from netlearn.ngspice.deck import TIGHT, Deck, alterable, save_commands, write_deck
from netlearn.ngspice.expressions import ngspice_expression
from netlearn.ngspice.forms import form_of
from netlearn.ngspice.messages import not_found, took_longer
from netlearn.ngspice.names import Generated
from netlearn.probes.ends import Probes
from netlearn.probes.outputs import Output, Outputs
from netlearn.probes.readings import Between, Current, Fixed, Power, Reading, quantity_of

SIGNED = "mj"
"""Letters of elements whose currents ngspice gives as those of an n-channel one."""


def printing_control(circuit: Circuit, deck: Deck, outputs: Outputs | Probes) -> Iterator[str]:
    """The control lines that run all samples of a flat deck and print the outputs of each.

    Raises NgspiceError where a value differs by sample that ``alter`` cannot change, or where ngspice has no word
    for what is measured.
    """
    for column in circuit.by_sample:
        if not alterable(circuit, column):
            group = circuit.groups[column[0]]
            raise NgspiceError(
                f"'{column[1]}' of the {group.device.name} '{group.names[0]}' differs by sample and cannot be altered"
            )
    if np.ndim(circuit.environment.temperature):
        raise NgspiceError("the temperature differs by sample, and a deck has one", hint="export one temperature")
    yield from printing(circuit, deck, outputs, _alterations(deck, circuit))


def _alterations(deck: Deck, circuit: Circuit) -> Iterator[list[str]]:
    """For each sample the commands that alter what differs from the one before."""
    _, places, values = deck.values(circuit)
    current = np.full(len(places), np.nan)
    for row in values:
        yield [deck.targets[places[k]] + format_number(row[k]) for k in np.flatnonzero(row != current)]
        current = row


def printing(
    circuit: Circuit, deck: Deck, outputs: Outputs | Probes, alterations: Iterable[Sequence[str]]
) -> Iterator[str]:
    """The control lines that run a deck once after each of the commands, and print the outputs.

    Raises NgspiceError where ngspice has no word for what is measured.
    """
    wanted = outputs.outputs if isinstance(outputs, Outputs) else _plain(outputs)
    words = _Words(circuit, deck)
    currents = [word for output in wanted for reading in output.readings for word in words.saved(reading)]
    yield ".control"
    yield "set numdgt=15"
    yield from save_commands([*deck.vectors, *currents]) if deck.explicit else [" ".join(["save all", *currents])]
    for sample, commands in enumerate(alterations):
        yield from commands
        yield "op"
        yield f"echo sample = {sample + 1}"
        for output in wanted:
            yield f"print {words.output(output, sample)}"
        yield "destroy all"
    yield "quit"
    yield ".endc"


def measured_by_ngspice(circuit: Circuit, outputs: Outputs, timeout: float = 60.0) -> Array:
    """The outputs (S, o) from ngspice's own currents and powers in the flat circuit, by its executable.

    Raises NgspiceError where ngspice is missing, takes longer than ``timeout`` seconds a sample or has no word for
    what is measured, and ConvergenceError where it finds no operating point.
    """
    result = np.empty((circuit.samples or 1, len(outputs)))
    for rows, part in by_setting(circuit, alterable):
        deck = write_deck(part, TIGHT, Generated(part))
        lines = [*deck.lines[:-1], *printing_control(part, deck, outputs), ".end", ""]
        found = printed(lines, (part.samples or 1, len(outputs)), part, timeout)
        result[rows] = found if len(found) == len(rows) else np.broadcast_to(found, (len(rows), len(outputs)))
    return result


def measurable(circuit: Circuit, outputs: Outputs) -> list[int]:
    """Which outputs ngspice has words for."""
    # What a deck cannot have by sample, such as the temperature, changes no words.
    _, first = by_setting(circuit, alterable)[0]
    words, found = _Words(first, write_deck(first, TIGHT, Generated(first))), []
    for j, output in enumerate(outputs.outputs):
        with suppress(NgspiceError):
            words.output(output, 0)
            found.append(j)
    return found


def printed(
    lines: Sequence[str], shape: tuple[int, int], circuit: Circuit, timeout: float, behaviour: str = ""
) -> Array:
    """What a deck prints of each sample: (S, o), which is the ``shape``. Raises NgspiceError and ConvergenceError."""
    samples, outputs = shape
    with tempfile.TemporaryDirectory(prefix="netlearn-") as folder:
        (Path(folder) / "deck.cir").write_text("\n".join(lines), encoding="utf-8")
        said, late = run(Path(folder), timeout * samples, behaviour)
    values: list[list[float]] = []
    for line in said.splitlines():
        left, equals, right = line.rpartition(" = ")
        if left == "sample" and equals:
            values.append([])
        elif equals and values and len(values[-1]) < outputs:
            values[-1].append(float(right))
    for sample in range(samples):
        if sample >= len(values) or len(values[sample]) < outputs:
            raise took_longer(timeout, sample) if late else not_found(circuit, sample, said)
    return np.array(values)


def _plain(probes: Probes) -> tuple[Output, ...]:
    ends = zip(probes.names, probes.plus.tolist(), probes.minus.tolist(), strict=True)
    return tuple(Output(name, (Between(plus, minus),)) for name, plus, minus in ends)


class _Words:
    """What readings are called in a deck."""

    def __init__(self, circuit: Circuit, deck: Deck) -> None:
        self.circuit = circuit
        self.deck = deck

    def output(self, output: Output, sample: int) -> str:
        first = output.readings[0]
        if output.expression is None and isinstance(first, Between):
            return self._between(first.plus, first.minus)
        words = [self.reading(reading, sample) for reading in output.readings]
        if output.expression is None:
            return words[0]
        return ngspice_expression(output.expression, dict(zip(output.expression.names, words, strict=True)))

    def saved(self, reading: Reading) -> list[str]:
        """The vectors that ngspice keeps only if it is told to."""
        if isinstance(reading, Current):
            return [self._current(reading.group, reading.element, reading.terminal)[0]]
        if isinstance(reading, Power):
            places = [(g, k) for g, elements in reading.elements for k in elements]
            return [word for g, k in places for t in self._terminals(g) for word in self._saved(g, k, t)]
        return []

    def reading(self, reading: Reading, sample: int) -> str:
        if isinstance(reading, Between):
            return f"({self._between(reading.plus, reading.minus)})"
        if isinstance(reading, Current):
            word, sign = self._current(reading.group, reading.element, reading.terminal)
            return f"({'-' if sign * reading.sign < 0 else ''}{word})"
        if isinstance(reading, Power):
            terms = [self._power(g, k) for g, elements in reading.elements for k in elements]
            return f"({'+'.join(terms)})" if terms else "0"
        if isinstance(reading, Fixed):
            return format_number(reading.value)
        value = quantity_of(self.circuit, reading.name)
        return f"({format_number(float(value[sample] if value.ndim else value))})"

    def _between(self, plus: int, minus: int) -> str:
        if plus == GROUND:
            return f"-{self._unknown(minus)}" if minus != GROUND else "0"
        return self._unknown(plus) + (f"-{self._unknown(minus)}" if minus != GROUND else "")

    def _unknown(self, number: int) -> str:
        vector = self.deck.vectors[number]
        return f"v({vector})" if number < len(self.circuit.nodes) else f"i({vector.removesuffix('#branch')})"

    def _terminals(self, g: int) -> list[int]:
        """The terminals whose currents make up an element's power, all voltages taken against the last one."""
        device = self.circuit.groups[g].device
        outer = [t for t, u in enumerate(device.unknowns) if u not in device.internal and u not in ("i", "ic")]
        carrying = [t for t in outer if device.unknowns[t] in ("p", "n", "a", "c", "b", "e", "s", "d", "g")]
        return carrying[:1] if len(carrying) == 2 or device.unknowns[:2] == ("p", "n") else carrying

    def _saved(self, g: int, k: int, terminal: int) -> list[str]:
        word, _ = self._current(g, k, terminal)
        return [word] if word.startswith("@") else []

    def _power(self, g: int, k: int) -> str:
        group = self.circuit.groups[g]
        terminals = self._terminals(g)
        if len(terminals) == 1:
            word, sign = self._current(g, k, terminals[0])
            across = self._between(int(group.index[k, 0]), int(group.index[k, 1]))
            return f"({across})*({'-' if sign < 0 else ''}{word})"
        parts = []
        for t in terminals:
            word, sign = self._current(g, k, t)
            parts.append(f"({self._between(int(group.index[k, t]), GROUND)})*({'-' if sign < 0 else ''}{word})")
        return "+".join(parts)

    def _current(self, g: int, k: int, terminal: int) -> tuple[str, float]:
        """A vector, and its sign against the current that flows into the terminal."""
        group = self.circuit.groups[g]
        device, letter, element = group.device, form_of(group.device).letter, self.deck.elements[g][k]
        if "i" in device.unknowns and terminal == 0:
            return self._unknown(int(group.index[k, device.unknowns.index("i")])), 1.0
        if letter == "i":
            return f"@{element}[current]", 1.0
        if letter in "rgfb":
            return f"@{element}[i]", 1.0
        if letter == "d":
            return f"@{element}[id]", 1.0
        # ngspice 39 gives a closed switch the current of an open one.
        if letter not in "qmj":
            raise NgspiceError(f"ngspice has no word for the current of the {device.name} '{group.names[k]}'")
        signed = letter in SIGNED and "polarity" in group.values
        polarity = np.asarray(group.values["polarity"]).reshape(-1, len(group))[0, k] if signed else 1.0
        return f"@{element}[i{device.unknowns[terminal]}]", float(polarity)
