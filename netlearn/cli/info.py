"""``netlearn info``: what is in a netlist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn import api
from netlearn.cli.options import allow, as_json, directive_options, netlist_argument, overrides, training_data
from netlearn.cli.output import say
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.report.summary import description_rows, description_values


@click.command(name="info", short_help="Say what is in a netlist and what would be trained.")
@netlist_argument
@training_data
@directive_options("corner", "output", "train", "fix")
@allow
@as_json
def command(netlist: Path, data: Path | None, allow: tuple[Path, ...], as_json: bool, **directives: Any) -> None:
    """Say what is in the netlist FILE, what would be trained, and what is not supported."""
    description = api.describe(read(netlist, allow), data, **overrides(directives))
    if as_json:
        say(json_text({"netlist": netlist, **description_values(description)}))
        return
    for heading, line in description_rows(description):
        say(f"{heading:<10} {line}")
    if description.problems:
        say(f"{'problems':<10} {len(description.problems)}")
    for problem in description.problems:
        say(str(problem))
