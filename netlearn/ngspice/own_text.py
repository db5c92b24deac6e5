"""ngspice on a netlist's own text, at any values of what samples and training set in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.circuit.devices.foreign import ForeignDevice
from netlearn.circuit.parameters import Input, Parameters
from netlearn.circuit.samples import alike
from netlearn.elaboration.columns import AMBIENT
from netlearn.elaboration.design import Design
from netlearn.elaboration.number_places import number_edit
from netlearn.errors import NgspiceError
from netlearn.netlist.edits import Edit
from netlearn.ngspice.deck import TIGHT
from netlearn.ngspice.forms import form_of
from netlearn.ngspice.process import count_of
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.ngspice.text import TextDeck, text_deck
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_solution import Alterable, TextSolution, settings, target, text_solution
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.parts import numbered


@dataclass
class TextSolver:
    """ngspice as a solver of netlists as they are written, which follows ``Solver``, too.

    A circuit that netlearn has made of one, such as that of a nudged state, has no text of its own: ``solve`` gives
    ngspice the flat circuit. Processes live until ``close`` or the end of a ``with`` block.

    Parameters
    ----------
    timeout : seconds that one sample may take before ngspice is cut off.
    processes : how many processes share the samples; None chooses by their number.
    """

    timeout: float = 60.0
    processes: int | None = None
    _runner: TextRunner = field(init=False, repr=False, compare=False)
    _flat: NgspiceSolver = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.processes = count_of(self.processes)
        self._runner = TextRunner(self.timeout, self.processes)
        self._flat = NgspiceSolver(self.timeout, self.processes)

    def solve(self, circuit: Circuit, start: OperatingPoint | None = None) -> OperatingPoint:
        """Operating points of every sample of a flat circuit. Raises what NgspiceSolver does."""
        return self._flat.solve(circuit, start)

    def text(self, design: Design, columns: Sequence[str], inputs: Sequence[Input]) -> OwnText:
        """The text of a design, of which samples set what ``columns`` name and ``inputs`` place."""
        return OwnText(design, tuple(columns), tuple(inputs), self._runner)

    def close(self) -> None:
        """End the processes."""
        self._runner.close()
        self._flat.close()

    def __enter__(self) -> TextSolver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class OwnText:
    """The text that a circuit was read in, and what samples set in it: sources are altered, other numbers written."""

    design: Design
    columns: tuple[str, ...]
    inputs: tuple[Input, ...]
    runner: TextRunner

    def solve(
        self, circuit: Circuit, inputs: Array, parameters: Parameters | None = None, theta: Array | None = None
    ) -> OperatingPoint:
        """Operating points at ``inputs`` (S, p), and at ``theta`` (P,) of trained parameters.

        ``circuit`` is the one that netlearn makes of them. Unknowns that ngspice has under no name of netlearn's
        are NaN. Raises NgspiceError for a sample that sets what has no place of its own in the text, and where
        ngspice fails.
        """
        found = self.solution(circuit, inputs, self._trained(parameters, theta), inside=True)
        return OperatingPoint(circuit, found.x)

    def solution(
        self, circuit: Circuit, inputs: Array, edits: Sequence[Edit] = (), *, inside: bool = False
    ) -> TextSolution:
        """The same, with what only one of the two knows; ``inside`` asks for nodes inside of elements as well."""
        altered, others = self._parted(circuit)
        groups = alike([inputs[:, others]]) if others else [np.arange(len(inputs))]
        x = np.full((len(inputs), circuit.size), np.nan)
        missing: dict[str, None] = {}
        foreign: dict[str, None] = {}
        for rows in groups:
            settled, more = self._settled(circuit, others, inputs[rows[0]])
            drive = list(altered.values()), inputs[rows][:, list(altered)]
            with numbered(rows):
                netlist = self.design.netlist
                found = text_solution(netlist, settled, drive, self.runner, [*edits, *more], inside=inside)
            x[rows] = found.x
            missing.update(dict.fromkeys(found.missing))
            foreign.update(dict.fromkeys(found.foreign))
        return TextSolution(x, tuple(missing), tuple(foreign))

    def altered(self, circuit: Circuit, inputs: Array, more: Sequence[Alterable], values: Array) -> Array:
        """Unknowns (n, N) at one sample ``inputs`` (1, p), where also ``more`` has the values (n, m)."""
        altered, others = self._parted(circuit)
        settled, edits = self._settled(circuit, others, inputs[0])
        own = np.tile(inputs[:, list(altered)], (len(values), 1))
        # What is altered later counts.
        drive = [*altered.values(), *more], np.concatenate([own, values], axis=1)
        return text_solution(self.design.netlist, settled, drive, self.runner, edits, inside=True).x

    def deck(self, circuit: Circuit, inputs: Array) -> tuple[TextDeck, list[str], Array]:
        """The deck at one sample ``inputs`` (1, p), the commands that set the rest of it, and their values (1, m)."""
        altered, others = self._parted(circuit)
        settled, edits = self._settled(circuit, others, inputs[0])
        deck = text_deck(self.design.netlist, settings(settled, TIGHT), edits)
        return deck, [target(word, deck) for word in altered.values()], inputs[:, list(altered)]

    def _parted(self, circuit: Circuit) -> tuple[dict[int, Alterable], list[int]]:
        """Which inputs ngspice can alter, by what names, and which others there are."""
        words = {j: self.alterable(circuit, j) for j in range(len(self.inputs))}
        altered = {j: word for j, word in words.items() if word is not None}
        return altered, [j for j in words if j not in altered]

    def _trained(self, parameters: Parameters | None, theta: Array | None) -> list[Edit]:
        return [] if parameters is None or theta is None else self.design.edits(parameters, theta)

    def alterable(self, circuit: Circuit, number: int) -> Alterable | None:
        """What an input drives, if ngspice can alter it: a source, or an element inside of an instance."""
        place, name = self.inputs[number], self.columns[number].lower()
        if isinstance(place, tuple):
            return str(circuit.groups[place[0]].names[place[1]])
        return element_value(circuit, name) if "." in name else None

    def _settled(self, circuit: Circuit, others: Sequence[int], sample: Array) -> tuple[Circuit, list[Edit]]:
        """The circuit's environment and the edits of the text for samples whose settings are alike."""
        environment = circuit.environment
        if np.ndim(environment.temperature):
            environment = replace(environment, temperature=self.design.circuit.environment.temperature)
        edits = []
        for j in others:
            name, value = self.columns[j], float(sample[j])
            if name.lower() == AMBIENT:
                environment = replace(environment, temperature=value + ZERO_CELSIUS)
                continue
            edit = number_edit(self.design.netlist, name, value)
            if edit is None:
                message = f"'{name}', which samples set, has no number of its own in the netlist's text"
                raise NgspiceError(message, hint="--flat gives ngspice the flat circuit instead")
            edits.append(edit)
        return replace(circuit, environment=environment), edits


def element_value(circuit: Circuit, name: str) -> Alterable | None:
    """An element's own value, if there is an element of that name and ngspice can alter it."""
    if not circuit.has_element(name):
        return None
    g, k = circuit.element(name)
    group = circuit.groups[g]
    if isinstance(group.device, ForeignDevice):
        return None
    form = form_of(group.device)
    return (str(group.names[k]), form.value) if form.value in form.alterable else None
