"""``netlearn info``: what is in a netlist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import allow, as_json, directive_options, netlist_argument, overrides, training_data
from netlearn.cli.output import say
from netlearn.description import describe
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.report.summary import description_rows, description_values, spectrum_rows, spectrum_values


@click.command(cls=SectionedCommand, name="info", short_help="Say what is in a netlist and what would be trained.")
@netlist_argument
@training_data
@directive_options("corner", "output", "goal", "train", "fix")
@click.option("--spectrum", is_flag=True, help="Hessians of the physics and of the cost, and what matters most.")
@allow
@as_json
def command(
    netlist: Path, data: Path | None, spectrum: bool, allow: tuple[Path, ...], as_json: bool, **directives: Any
) -> None:
    """Say what is in the netlist FILE, what would be trained, and what is not supported.

    --spectrum also computes eigenvalues of the physical and of the cost Hessian, the nodes that
    currents move most, and the elements that the outputs and the loss depend on most. Without data it tells what the
    netlist's own source values do.
    """
    source = read(netlist, allow)
    description = describe(source, data, **overrides(directives))
    found = None
    if spectrum:
        from netlearn.hessians import spectrum as spectrum_of

        found = spectrum_of(source, data, **overrides(directives))
    if as_json:
        values = {"netlist": netlist, **description_values(description)}
        say(json_text(values if found is None else {**values, "spectrum": spectrum_values(found)}))
        return
    for heading, line in (*description_rows(description), *(spectrum_rows(found) if found else ())):
        say(f"{heading:<10} {line}")
    if description.problems:
        say(f"{'problems':<10} {len(description.problems)}")
    for problem in description.problems:
        say(str(problem))
