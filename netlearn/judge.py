"""ngspice as the judge of operating points."""

from __future__ import annotations

from typing import Unpack

from netlearn.ngspice.measurements import measurable, measured_by_ngspice
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.probes.names import probes_of
from netlearn.probes.outputs import Outputs
from netlearn.project import DataLike, NetlistLike, Overrides, driven_circuit, open_project
from netlearn.solve.difference import Differences, MeasuredTwice, compare
from netlearn.solve.internal import InternalSolver


def check(
    netlist: NetlistLike,
    data: DataLike | None = None,
    *,
    samples: int | None = None,
    floor: float = 1e-9,
    timeout: float = 60.0,
    processes: int | None = None,
    **settings: Unpack[Overrides],
) -> Differences:
    """Solve every sample with the internal solver and with ngspice, and compare voltages, currents and outputs.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    data : the samples; else the netlist's training and test data, or its own source values without any.
    samples : take so many samples, evenly spread.
    floor : differences to ignore, in V or A.
    timeout : how many seconds ngspice may take for one sample.
    processes : how many processes run ngspice; by the samples if None.
    settings : as :func:`netlearn.train` takes them.

    Raises NgspiceError where ngspice is missing or fails, and what reading and solving raise.
    ``Differences.within(tolerance)`` says whether they agree.
    """
    project = open_project(netlist, data, overrides=settings)
    names = project.settings.output
    circuit = driven_circuit(project, samples, names)
    outputs = probes_of(circuit, names)
    ours = InternalSolver().solve(circuit)
    with NgspiceSolver(timeout=timeout, processes=processes) as ngspice:
        theirs = ngspice.solve(circuit)
    measured = None
    if not outputs.between_unknowns:
        # What are no unknowns ngspice measures itself, where it can: its own currents and powers.
        measured = MeasuredTwice(outputs.names, outputs.read(circuit, ours.x), outputs.read(circuit, theirs.x))
        known = measurable(circuit, outputs)
        if known:
            some = Outputs(tuple(outputs.outputs[j] for j in known))
            measured.second[:, known] = measured_by_ngspice(circuit, some, timeout)
    return compare(ours, theirs, floor, measured)
