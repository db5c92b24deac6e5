"""``netlearn export``: the circuit in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.options import allow, directive_options, netlist_argument, overrides
from netlearn.cli.output import FilePath, deliver, out_option
from netlearn.errors import OptionError
from netlearn.export import export_csv, export_graphml, export_json
from netlearn.learn.probes import probes_of
from netlearn.netlist.netlist import read
from netlearn.ngspice.export import Output, export_ngspice
from netlearn.project import Project, driven_circuit, open_project

FORMS = {"json": export_json, "graphml": export_graphml, "csv": export_csv}


@click.command(name="export", short_help="Write a circuit for ngspice, or as JSON, GraphML or CSV.")
@netlist_argument
@click.option("--to", "form", type=click.Choice(["ngspice", *FORMS]), required=True, help="The form.")
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's training and test data].")
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Take so many samples, evenly spread [all].")
@directive_options("output")
@out_option
@allow
def command(
    *,
    netlist: Path,
    form: str,
    data: Path | None,
    samples: int | None,
    out: Path | None,
    allow: tuple[Path, ...],
    **directives: Any,
) -> None:
    """Write the circuit of FILE in another form.

    ngspice is a deck that `ngspice -b` runs by itself over all samples of the data, printing the
    outputs; json, graphml and csv hold the flat circuit at its own source values.
    """
    project = open_project(read(netlist, allow), data, overrides=overrides(directives))
    if form != "ngspice":
        deliver(FORMS[form](project.circuit), out)
        return
    circuit = driven_circuit(project, samples)
    deliver(export_ngspice(circuit, _outputs(project), f"* {netlist.name}, over {circuit.samples or 1} samples"), out)


def _outputs(project: Project) -> list[Output]:
    has_data = project.data is not None or project.settings.data.train is not None
    names = project.input_layout(project.table).outputs if has_data else project.settings.output
    if not names:
        raise OptionError("there is nothing to print", hint="say what to measure: --output 'V(out)'")
    probes = probes_of(project.circuit, names)
    return [Output(int(plus), int(minus)) for plus, minus in zip(probes.plus, probes.minus, strict=True)]
