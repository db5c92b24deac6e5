"""ngspice as the judge of operating points."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, one_sample
from netlearn.drive import Drive, all_tables, driven
from netlearn.elaboration.elements.foreign import comparable
from netlearn.errors import CircuitError, NetlearnError, NetlistWarning, NgspiceError, OptionError, warn
from netlearn.learn.data import Layout
from netlearn.learn.goals import GoalResult, Goals, judged
from netlearn.ngspice.measurements import measurable, measured_by_ngspice
from netlearn.ngspice.own_text import OwnText
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.ngspice.text_export import measured_on_text
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_solution import TextSolution
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.probes.names import probes_of
from netlearn.probes.outputs import Outputs
from netlearn.project import Project, open_project
from netlearn.solve.difference import Differences, MeasuredTwice, compare
from netlearn.solve.operating_point import Solver

ANOTHER = 1e-3
"""From this relative difference on, SPICE's default of reltol, ngspice may have found another operating point."""


@dataclass(frozen=True, repr=False)
class Judgement(Differences):
    """Differences from ngspice, and how far each goal is met by what ngspice finds."""

    goals: tuple[GoalResult, ...] = ()
    several: bool = False
    """Whether at the sample that differs most the circuit has both operating points."""


@checked
def check(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    samples: int | None = None,
    flat: bool = False,
    floor: float = 1e-9,
    timeout: float = 60.0,
    processes: int | None = None,
    **settings: Unpack[Overrides],
) -> Judgement:
    """Solve every sample with the internal solver and with ngspice, and compare voltages, currents and outputs.

    ngspice is given the netlist's own text, included files and all, and what it finds is compared by name.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : the samples; else the netlist's training and test data, or its own source values without any.
    samples : take so many samples, evenly spread.
    flat : give ngspice the flat circuit that netlearn has read in the text instead, number by number.
    floor : differences to ignore, in V or A.
    timeout : how many seconds ngspice may take for one sample.
    processes : how many processes run ngspice; by the samples if None.
    settings : as :func:`netlearn.train` takes them.

    Raises OptionError for a floor below zero and less than one sample, NgspiceError where ngspice is missing or fails,
    and what reading and solving raise.
    ``Differences.within(tolerance)`` says whether they agree, and ``goals`` what ngspice says of each goal.
    """
    if not floor >= 0:
        raise OptionError(f"'floor' must be a number at least 0, not {floor}", hint="volts or amperes, such as 1e-9")
    project = open_project(netlist, data, overrides=settings)
    with comparable():
        layout = _layout(project)
    names = project.settings.output if layout is None else layout.outputs
    with comparable():
        drive = driven(project, samples, names)
    circuit = drive.circuit
    outputs = probes_of(circuit, names)
    ours = project.solver.solve(circuit)
    text = None if flat else _text(project, drive, timeout, processes)
    if text is None:
        with NgspiceSolver(timeout=timeout, processes=processes) as ngspice:
            theirs = ngspice.solve(circuit)
    else:
        theirs = replace(ours, x=np.where(text.known, text.x, ours.x.real), linearization=None)
    measured = None
    if not outputs.between_unknowns:
        # What are no unknowns ngspice measures itself, where it can: its own currents and powers.
        measured = MeasuredTwice(outputs.names, outputs.read(circuit, ours.x), outputs.read(circuit, theirs.x))
        known = measurable(circuit, outputs)
        if known:
            some = Outputs(tuple(outputs.outputs[j] for j in known))
            measured.second[:, known] = _measured(project, drive, some, timeout, by_text=text is not None)
    goals: tuple[GoalResult, ...] = ()
    if layout is not None:
        read = outputs.read(circuit, theirs.x) if measured is None else measured.second
        goals = _goals(project, layout, drive, outputs, read)
    if text is None:
        found = compare(ours, theirs, floor, measured)
    else:
        found = compare(ours, theirs, floor, measured, text.known, lost=(*text.missing, *text.foreign))
    worst = found.largest_relative
    several = worst.relative > ANOTHER and is_another(
        project.solver, circuit, theirs.x, worst.sample, None if text is None else text.known
    )
    return Judgement(**vars(found), goals=goals, several=several)


def is_another(solver: Solver, circuit: Circuit, x: Array, sample: int, known: Array | None = None) -> bool:
    """Whether the unknowns ``x`` (S, N) of ngspice's at a sample are an operating point by netlearn's equations, too.

    ``known`` (N,) are those that ngspice has told; the rest follows.
    """
    nodes = [k for k in range(len(circuit.nodes)) if (known is None or known[k]) and np.isfinite(x[sample, k])]
    own = circuit if circuit.samples is None else one_sample(circuit, sample)
    start = replace(own, nodeset={k: float(x[sample, k]) for k in nodes})
    try:
        found = solver.solve(start).x[0]
    except CircuitError:
        return False
    return bool(np.allclose(found[nodes], x[sample, nodes], rtol=ANOTHER, atol=ANOTHER**2))


def _layout(project: Project) -> Layout | None:
    """What the data mean where goals are among it."""
    try:
        layout = project.layout if project.has_samples else None
    except NetlearnError:
        # Targets need not be there, or be right, for operating points to be compared.
        if project.settings.goal:
            raise
        return None
    return layout if layout is not None and layout.aims else None


def _goals(project: Project, layout: Layout, drive: Drive, measured: Outputs, outputs: Array) -> tuple[GoalResult, ...]:
    """How far the goals are met by ``outputs`` (S, o)."""
    parts = [project.dataset(table) for table in all_tables(project)]
    of = [f" of '{part.path}'" if len(parts) > 1 else "" for part in parts]
    labels = [f"{part.label(i)}{path}" for part, path in zip(parts, of, strict=True) for i in range(len(part))]
    targets = np.concatenate([part.targets for part in parts])[drive.rows]
    loss = project.loss
    assert isinstance(loss, Goals)
    chosen = [labels[int(row)] for row in drive.rows]
    return judged(layout.aims, loss, outputs, targets, units=measured.units, labels=chosen)


def _measured(project: Project, drive: Drive, outputs: Outputs, timeout: float, *, by_text: bool) -> Array:
    """What ngspice itself measures, on the text where it can be told there what samples set."""
    if by_text:
        with suppress(NgspiceError), TextRunner(timeout) as runner:
            own = OwnText(project.design, drive.names, tuple(drive.places), runner)
            return measured_on_text(own, drive.circuit, drive.inputs, outputs, timeout)
    return measured_by_ngspice(drive.circuit, outputs, timeout)


def _text(project: Project, drive: Drive, timeout: float, processes: int | None) -> TextSolution | None:
    """What ngspice finds for the text; None, with a warning, where samples set what the text does not say."""
    try:
        with TextRunner(timeout, processes) as runner:
            own = OwnText(project.design, drive.names, tuple(drive.places), runner)
            return own.solution(drive.circuit, drive.inputs)
    except NgspiceError as error:
        if error.sample is not None or error.place is not None or not drive.names:
            raise
        warn(
            NetlistWarning(f"{error.message}: ngspice is given the flat circuit", hint="--flat does so without asking")
        )
        return None
