"""``netlearn export``: the circuit in other forms, and the cells of a crossbar as a matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.atomic import Destination
from netlearn.cli.combinations import refuse
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import all_samples, allow, directive_options, netlist_argument, overrides, so_many
from netlearn.cli.output import check_outputs, deliver, out_option
from netlearn.exports import FORMS, MATRIX, TAKEN, export
from netlearn.matrices import crossbar_matrix
from netlearn.netlist.netlist import read
from netlearn.netlist.output_check import read_with

DIRECTED = ("corner", "output", "train", "hardware")


@click.command(
    cls=SectionedCommand,
    name="export",
    short_help="Write a circuit for ngspice, as JSON, GraphML or CSV, or as a matrix.",
)
@netlist_argument
@click.option("--to", "form", type=click.Choice(["ngspice", *FORMS, MATRIX]), required=True, help="The form.")
@all_samples
@so_many
@click.option("--flat", is_flag=True, help="For ngspice: write the flat circuit as netlearn reads it.")
@directive_options(*DIRECTED)
@out_option
@allow
def command(
    *,
    netlist: Path,
    form: str,
    data: Path | None,
    samples: int | None,
    flat: bool,
    out: Path | None,
    allow: tuple[Path, ...],
    **directives: Any,
) -> None:
    """Write the circuit of FILE in another form.

    ngspice is a deck that `ngspice -b` runs by itself over all samples of the data, printing the
    outputs: the netlist's own text, with what it includes, made safe. json, graphml and csv hold the flat circuit
    at its own source values. matrix holds the conductances of a crossbar, the nearest levels of its devices and their
    numbers, a cell a line, or as arrays where -o names a .npz file; --train says which values are its cells, and
    --hardware what its devices hold.
    """
    taken, held = TAKEN[form]
    others = [f"--{name}" for name in ("data", "samples", "flat", *DIRECTED) if name not in taken]
    refuse(*others, beside=f"on the form '{form}'", hint=f"it holds {held}: leave it out")
    source, settings = read(netlist, allow), overrides(directives)
    if out is not None:
        check_outputs(Destination(out), inputs=(netlist, data, *read_with(source)))
        if form == MATRIX:
            crossbar_matrix(source, **settings).save(out)
            return
    deliver(export(source, form, data, samples=samples, flat=flat, **settings), out)  # type: ignore[arg-type]
