"""ngspice on a netlist's own text, at the samples of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.circuit.samples import alike
from netlearn.drive import Drive
from netlearn.elaboration.columns import AMBIENT
from netlearn.elaboration.number_places import number_edit
from netlearn.errors import NgspiceError
from netlearn.netlist.edits import Edit
from netlearn.netlist.netlist import Netlist
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_solution import TextSolution, text_solution
from netlearn.solve.parts import numbered


def solve_text(netlist: Netlist, drive: Drive, timeout: float = 60.0, processes: int | None = None) -> TextSolution:
    """ngspice's operating points of the text at every sample: sources altered, other numbers written into the text.

    Raises NgspiceError for a sample that sets what has no place of its own in the text, and where ngspice fails.
    """
    sources = [j for j, place in enumerate(drive.places) if isinstance(place, tuple)]
    others = [j for j, place in enumerate(drive.places) if not isinstance(place, tuple)]
    names = [_source(drive, j) for j in sources]
    groups = alike([drive.inputs[:, others]]) if others else [np.arange(len(drive.inputs))]
    x = np.full((len(drive.inputs), drive.circuit.size), np.nan)
    missing: dict[str, None] = {}
    foreign: dict[str, None] = {}
    with TextRunner(timeout, processes) as runner:
        for rows in groups:
            circuit, edits = _settled(netlist, drive, others, rows)
            with numbered(rows):
                found = text_solution(netlist, circuit, (names, drive.inputs[rows][:, sources]), runner, edits)
            x[rows] = found.x
            missing.update(dict.fromkeys(found.missing))
            foreign.update(dict.fromkeys(found.foreign))
    return TextSolution(x, tuple(missing), tuple(foreign))


def _source(drive: Drive, number: int) -> str:
    """The name in ngspice of the source that an input drives."""
    place = drive.places[number]
    assert isinstance(place, tuple)
    return str(drive.circuit.groups[place[0]].names[place[1]])


def _settled(netlist: Netlist, drive: Drive, others: Sequence[int], rows: Array) -> tuple[Circuit, list[Edit]]:
    """The circuit's environment and the edits of the text for samples whose settings are alike."""
    circuit, edits = drive.circuit, []
    for j in others:
        name, value = drive.names[j], float(drive.inputs[rows[0], j])
        if name.lower() == AMBIENT:
            environment = replace(circuit.environment, temperature=value + ZERO_CELSIUS)
            circuit = replace(circuit, environment=environment)
            continue
        edit = number_edit(netlist, name, value)
        if edit is None:
            raise NgspiceError(f"'{name}', which samples set, has no number of its own in the netlist's text")
        edits.append(edit)
    return circuit, edits
