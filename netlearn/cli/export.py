"""``netlearn export``: the circuit in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.options import all_samples, allow, directive_options, netlist_argument, overrides, so_many
from netlearn.cli.output import deliver, out_option
from netlearn.exports import FORMS, export
from netlearn.netlist.netlist import read


@click.command(name="export", short_help="Write a circuit for ngspice, or as JSON, GraphML or CSV.")
@netlist_argument
@click.option("--to", "form", type=click.Choice(["ngspice", *FORMS]), required=True, help="The form.")
@all_samples
@so_many
@click.option("--flat", is_flag=True, help="For ngspice: write the flat circuit as netlearn reads it.")
@directive_options("corner", "output")
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
    at its own source values.
    """
    deliver(export(read(netlist, allow), form, data, samples=samples, flat=flat, **overrides(directives)), out)  # type: ignore[arg-type]
