"""ngspice's opinion of sensitivities, from a netlist's own text: its ``.sens``, and differences of operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Circuit, Column, one_sample
from netlearn.errors import NgspiceError
from netlearn.netlist.edits import Edit
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.batch import run_sens
from netlearn.ngspice.forms import column, form_of
from netlearn.ngspice.library import library
from netlearn.ngspice.messages import Crashed
from netlearn.ngspice.names import COMMAND_SAFE
from netlearn.ngspice.own_text import OwnText
from netlearn.ngspice.process import WorkerProcess, by_library_or_program
from netlearn.ngspice.sensitivity import DOUBT, STEP, Slope, circuits_slope, judged, ngspice_differences, ngspice_noise
from netlearn.ngspice.text import TextDeck
from netlearn.ngspice.text_run import failed
from netlearn.probes.outputs import Outputs
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.sensitivity import Sensitivity, sensitivities

Loaded = tuple[TextDeck, Sequence[str], Array]
"""A deck, commands that set what is driven, and their values (1, m)."""

SAME = 1e-9
"""How near two readings have to be for an element to be what the circuit says, relative: those of the same element in
six netlists are within 1e-15, those of one that is heated by 1e-4 K are 1e-8 apart
(benchmarks/constants_of_ngspice.py)."""


def against_text(
    circuit: Circuit, probe: Outputs, own: OwnText, inputs: Array, timeout: float = 60.0
) -> list[Sensitivity]:
    """Our sensitivities with ngspice's own beside them, ``circuit`` being that of the one sample ``inputs`` (1, p).

    ``.sens`` is asked first. Where it has no number or another one, central differences decide: on the text where
    ``alter`` can change the value there, else on the flat circuit. Raises NgspiceError.
    """
    circuit = one_sample(circuit, 0)
    ours = sensitivities(InternalSolver(), circuit, probe)
    loaded = own.deck(circuit, inputs)
    by_sens: dict[tuple[str, str], float] = {}
    if probe.between_unknowns:
        try:
            word, sign = _probe_word(circuit, loaded[0], probe)
            found = _sens(loaded, word, timeout)
            by_sens = {key: sign * value for key, value in _by_element(circuit, loaded[0], found).items()}
        except Crashed:
            # ngspice 39's .sens crashes with any bipolar transistor.
            pass

    def differences(keys: list[tuple[str, str]]) -> dict[tuple[str, str], Slope]:
        if not keys:
            return {}
        state = InternalSolver().solve(circuit)
        noise = ngspice_noise(state, probe, timeout)
        decided = text_differences(circuit, probe, own, inputs, keys, noise=noise)
        rest = [key for key in keys if key not in decided]
        return decided | (ngspice_differences(state, probe, rest, noise, timeout) if rest else {})

    return judged(ours, by_sens, differences)


def text_differences(
    circuit: Circuit, probe: Outputs, own: OwnText, inputs: Array, keys: Sequence[tuple[str, str]], *, noise: float
) -> dict[tuple[str, str], Slope]:
    """Central differences on the text, of those values among ``keys`` (element, value name) that ``alter`` changes.

    Left out is what the text has multiplied or heated, so that its number is not the circuit's, and what is not a
    straight line: rounding, or a step to another state.
    """
    altered = []
    places: list[tuple[Column, int]] = []
    for element, name in keys:
        g, k = circuit.element(element)
        form = form_of(circuit.groups[g].device)
        if name in form.alterable:
            altered.append((element, name, form.alterable[name], _value(circuit, g, k, name)))
            places.append(((g, name), k))
    if not altered:
        return {}
    base = np.array([value for *_, value in altered])
    steps = STEP * np.where(base == 0, 1.0, np.abs(base))
    rows = np.concatenate([base + np.diag(steps), base - np.diag(steps), base[None]])
    more = [(element, word) for element, _, word, _ in altered]
    x = own.altered(circuit, inputs, more, rows)
    plain = own.altered(circuit, inputs, [], np.zeros((1, 0)))
    # A current or a power of what is altered depends on its value, too, not only on the voltages.
    read = probe.read(_stepped(circuit, places, steps), np.concatenate([x, plain]))[:, 0]
    if not np.isfinite(read).all() or abs(read[-1] - read[-2]) > SAME * max(abs(read[-1]), 1e-3):
        return {}
    upper, lower = read[: len(base)], read[len(base) : 2 * len(base)]
    straight = np.abs(upper + lower - 2 * read[-1]) <= DOUBT * np.abs(upper - lower)
    found = zip(altered, (upper - lower).tolist(), steps.tolist(), straight.tolist(), strict=True)
    return {(element, name): Slope.of(change, step, noise) for (element, name, *_), change, step, kept in found if kept}


@dataclass(frozen=True)
class Edited:
    """A circuit's text at one sample ``inputs`` (1, p), with edits of it, near a ``state`` of which a probe is read."""

    state: OperatingPoint
    probe: Outputs
    own: OwnText
    inputs: Array

    @cached_property
    def _noise(self) -> float:
        return ngspice_noise(self.state, self.probe)

    @cached_property
    def _plain(self) -> float:
        return self._read(self.state.circuit, [])

    def slope(self, circuits: tuple[Circuit, Circuit], edits: tuple[Edit, Edit], step: float) -> Slope:
        """How much more is read with the first edit, of a ``step`` up, than with the second, one down.

        ``circuits`` are those that the edits make, by whose values currents and powers are read. Where that is no
        straight line, for rounding or a step to another state, ngspice is given the circuits. Raises NgspiceError.
        """
        upper, lower = (self._read(moved, [edit]) for moved, edit in zip(circuits, edits, strict=True))
        if abs(upper + lower - 2 * self._plain) <= DOUBT * abs(upper - lower):
            return Slope.of(upper - lower, step, self._noise)
        return circuits_slope(circuits, self.state, self.probe, step, self._noise)

    def _read(self, moved: Circuit, edits: list[Edit]) -> float:
        return float(self.probe.read(moved, self.own.solution(moved, self.inputs, edits, inside=True).x)[0, 0])


def _stepped(circuit: Circuit, places: Sequence[tuple[Column, int]], steps: Array) -> Circuit:
    """The circuit with each value a step up, then each a step down, then twice as it is: (2n + 2) samples."""
    columns: dict[Column, Array] = {}
    for i, (key, k) in enumerate(places):
        g, name = key
        if key not in columns:
            columns[key] = np.tile(column(circuit.groups[g], name), (2 * len(places) + 2, 1)).astype(float)
        columns[key][i, k] += steps[i]
        columns[key][len(places) + i, k] -= steps[i]
    return circuit.with_values(columns)


def _value(circuit: Circuit, g: int, k: int, name: str) -> float:
    return float(column(circuit.groups[g], name)[k])


def _probe_word(circuit: Circuit, deck: TextDeck, probe: Outputs) -> tuple[str, float]:
    """The probe in ngspice's words, and the sign with which it is the user's."""
    plus, minus = int(probe.ends.plus[0]), int(probe.ends.minus[0])
    order, sign = ([plus, minus], 1.0) if plus != GROUND else ([minus], -1.0)
    count, ends = len(circuit.nodes), [k for k in order if k != GROUND]
    names = [
        deck.names.path(str((*circuit.nodes, *circuit.branches)[k]), element=k >= count).removesuffix("#branch")
        for k in ends
    ]
    for name in names:
        if COMMAND_SAFE.fullmatch(name) is None:
            raise NgspiceError(f"ngspice cannot be asked for '{name}' by that name", hint="--flat asks it by another")
    return (f"v({','.join(names)})" if order[0] < len(circuit.nodes) else f"i({names[0]})"), sign


def _by_element(circuit: Circuit, deck: TextDeck, vectors: Mapping[str, float]) -> dict[tuple[str, str], float]:
    found = {}
    for group in circuit.groups:
        form = form_of(group.device)
        for element in group.names:
            for value in group.values:
                vector = form.sens_name(deck.names.path(str(element), element=True), value)
                if vector is not None and vector in vectors:
                    found[str(element), value] = vectors[vector]
    return found


def _sens(loaded: Loaded, word: str, timeout: float) -> dict[str, float]:
    deck, targets, values = loaded
    commands = [target + format_number(value) for target, value in zip(targets, values[0].tolist(), strict=True)]
    found, said = by_library_or_program(
        library(),
        lambda path: _through_library(path, loaded, word, timeout),
        lambda: run_sens(deck.lines, commands, word, timeout, deck.behaviour),
    )
    if found is None:
        raise failed(0, said)
    return found


def _through_library(path: str, loaded: Loaded, word: str, timeout: float) -> tuple[dict[str, float] | None, str]:
    deck, targets, values = loaded
    worker = WorkerProcess(path, {})
    try:
        worker.send("text", list(deck.lines), deck.behaviour, list(targets), [], values[:0])
        return worker.sens(values[0], word, timeout)
    finally:
        worker.close()
