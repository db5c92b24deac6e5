"""What a training changes that its user may not have thought of: loads, sources, included files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from netlearn.circuit.circuit import GROUND, Circuit
from netlearn.circuit.devices.linear import CurrentSource, VoltageSource
from netlearn.project import Project

SOURCE = re.compile(r"r_?(s|src|source|gen|g|sig|int)_?\d*")
"""Names that the resistance of a source usually has."""
LOAD = re.compile(r"r_?(l|ld|load|term)_?\d*")
"""Names that a load usually has."""

TELLING = re.compile(rf"(?:.*\.)?(?:{SOURCE.pattern}|{LOAD.pattern})")
"""Either, below any path."""

LISTED = 6
"""Names that a note lists: by convention, about a line."""


def scope_notes(project: Project) -> tuple[str, ...]:
    """What is to be said of the choice of the trained parameters: nothing where each was named."""
    return tuple(_notes(project))


def _notes(project: Project) -> Iterator[str]:
    settings, design = project.settings, project.design
    names = tuple(project.parameters.names)
    own = project.netlist.source
    kept = {} if settings.train else design.left_alone()
    if kept:
        files = ", ".join(f"'{source.path}'" for source in kept)
        count = "the one resistor" if len(names) == 1 else f"the {len(names)} resistors"
        rest = f"the {sum(kept.values())} of {files} stay as they are"
        yield f"no *@train says what to train: {count} of '{own.path}' itself; {rest}"
    for source, found in design.parameters_elsewhere(names).items():
        stand = "stands" if len(found) == 1 else "stand"
        yield f"{_listed(found)} {stand} in '{source.path}', which is included: a changed copy of it is written"
    named = {entry.pattern.lower() for entry in settings.train}
    ends = _ends_of_sources(project.circuit)
    tails = {tail for group in ends.values() for tail in group if not tail.isdigit()}
    likely = [name for name in names if TELLING.fullmatch(name) or (tails and name.rpartition(".")[2][1:] in tails)]
    kinds = {name: _kind(project.circuit, name, ends, tails) for name in likely if name not in named}
    for kind, one, several in (
        ("source", "the resistance of a source", "resistances of sources"),
        ("load", "a load", "loads"),
    ):
        found = [name for name, what in kinds.items() if what == kind]
        if len(found) == 1:
            yield f"{_listed(found)} looks like {one}, and is trained, too: *@fix keeps it as it is"
        elif found:
            yield f"{_listed(found)} look like {several}, and are trained, too: *@fix keeps them as they are"


def _ends_of_sources(circuit: Circuit) -> dict[int, set[str]]:
    """For each node at a source's terminal, what the names of these sources say behind their letter."""
    ends: dict[int, set[str]] = {}
    for group in circuit.groups:
        if isinstance(group.device, VoltageSource | CurrentSource):
            for name, terminals in zip(group.names, np.asarray(group.index)[:, :2].tolist(), strict=True):
                for node in terminals:
                    if node != GROUND:
                        ends.setdefault(node, set()).add(name.rpartition(".")[2][1:])
    return ends


def _kind(circuit: Circuit, name: str, ends: Mapping[int, set[str]], tails: Collection[str]) -> str:
    """What a resistor is by its name and its place: the resistance of a "source", a "load", or neither."""
    short = name.rpartition(".")[2]
    own = short[1:] if short[1:] in tails else ""
    if not circuit.has_element(name):
        return ""
    g, k = circuit.element(name)
    if circuit.groups[g].device.name != "resistor":
        return ""
    if LOAD.fullmatch(short):
        return "load"
    at = [ends.get(node, set()) for node in np.asarray(circuit.groups[g].index[k]).tolist()]
    return "source" if any(each if not own else own in each for each in at) else ""


def _listed(names: list[str]) -> str:
    shown = [f"'{name}'" for name in names[:LISTED]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
