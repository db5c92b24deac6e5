"""A netlist's circuit in other forms, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Unpack

from netlearn.argument_types import checked
from netlearn.arguments import netlist_of
from netlearn.drive import driven
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlistWarning, OptionError, did_you_mean, warn
from netlearn.formats import export_csv, export_graphml, export_json
from netlearn.learn.data import Layout
from netlearn.matrices import crossbar_matrix
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.export import export_ngspice
from netlearn.ngspice.export import flatten as flat_text
from netlearn.ngspice.own_text import TextSolver
from netlearn.ngspice.text_export import export_text
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.probes.outputs import Outputs
from netlearn.project import Project, open_project
from netlearn.solve.internal import InternalSolver

FORMS = {"json": export_json, "graphml": export_graphml, "csv": export_csv}
"""Forms that hold the flat circuit at its own source values."""
MATRIX = "matrix"
"""The form that holds the cells of a crossbar."""
TAKEN = {
    "ngspice": (
        {"data", "samples", "flat", "corner", "output", "goal", "input", "classes"},
        "the circuit at all samples",
    ),
    MATRIX: ({"train", "fix", "hardware"}, "the cells of a crossbar"),
    **dict.fromkeys(FORMS, (set(), "the flat circuit at its own source values")),
}
"""What may be given for each form, and what the form holds."""


@checked
def flatten(netlist: NetlistLike) -> str:
    """The netlist without its hierarchy: subcircuits, parameters, expressions and included files worked out.

    What the operating point does not need is kept: capacitors, couplings, waveforms, small signals, capacitances and
    times of models, initial voltages, and the analyses ``.tran``, ``.ac`` and ``.op``. Warns of what is left out.

    Raises NetlistError for what cannot be elaborated, and NgspiceError for an element that SPICE has no line for.
    """
    source = netlist_of(netlist)
    directives = [line.text.text for line in source.directives]
    design = elaborate(source, keeping=True)
    said = {left.what: left for left in reversed(design.left_out)}
    for left in reversed(said.values()):
        warn(NetlistWarning(f"{left.what} is left out of the flat netlist", left.place))
    title = f"* {Path(source.source.path).name}, flat"
    return flat_text(design.circuit, directives, title, design.kept, lambda k: format_number(design.number(k)))


@checked
def export(
    netlist: NetlistLike,
    to: Literal["ngspice", "json", "graphml", "csv", "matrix"],
    data: DataLike | None = None,
    *,
    samples: int | None = None,
    flat: bool = False,
    **settings: Unpack[Overrides],
) -> str:
    """The circuit of a netlist in another form.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    to : ``ngspice`` for a deck that ``ngspice -b`` runs by itself over all samples of the data, printing the
        outputs, made of the netlist's own text; ``json``, ``graphml`` or ``csv`` for the flat circuit at its own
        source values; ``matrix`` for the cells of a crossbar, as CSV (see :func:`netlearn.crossbar_matrix`).
    data : the samples, for ``ngspice``; else the netlist's training and test data.
    samples : take so many samples, evenly spread.
    flat : for ``ngspice``, write the flat circuit as netlearn reads it.
    settings : as :func:`netlearn.train` takes them.

    Raises OptionError for another form, for what a form does not take and where there is nothing to print, and what
    reading and elaborating raise.
    """
    if to != "ngspice" and to not in FORMS and to != MATRIX:
        raise OptionError(f"there is no form '{to}'", hint=did_you_mean(to, ("ngspice", MATRIX, *FORMS)))
    _refuse_untaken(to, {"data": data, "samples": samples, "flat": flat or None, **settings})
    if to == MATRIX:
        return crossbar_matrix(netlist, **settings).csv()
    if to != "ngspice":
        design = elaborate(open_project(netlist, data, overrides=settings).netlist, keeping=True)
        return FORMS[to](design.circuit, design.model_names)
    # What only ngspice can solve may be exported to it, as text.
    project = open_project(netlist, data, InternalSolver() if flat else TextSolver(), settings)
    outputs = _outputs(project)
    drive = driven(project, samples, outputs.names)
    name = Path(project.netlist.source.path).name
    title = f"* {name}, over {drive.circuit.samples or 1} samples"
    if flat:
        return export_ngspice(drive.circuit, outputs, title)
    own = project.text(drive.names, drive.places)
    assert own is not None
    return export_text(own, drive.circuit, drive.inputs, outputs, title)


def _refuse_untaken(form: str, given: Mapping[str, object]) -> None:
    """Raise OptionError for what is given, is not None, and would make no difference to the form."""
    taken, held = TAKEN[form]
    for name, value in given.items():
        if value is not None and name not in taken:
            raise OptionError(f"the form '{form}' takes no '{name}': it holds {held}", hint=f"leave '{name}' out")


def _outputs(project: Project) -> Outputs:
    layout = project.input_layout(project.table) if project.has_samples else Layout((), project.settings.output)
    if not layout.outputs:
        raise OptionError("there is nothing to print", hint="say what to measure: --output 'V(out)'")
    measured = project.model_of(layout).measured
    assert isinstance(measured, Outputs)
    return measured
