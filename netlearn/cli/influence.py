"""``netlearn influence``: which rows of the training data matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.combinations import refuse
from netlearn.cli.forward import threads_option
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    PartNumber,
    allow,
    as_csv,
    as_json,
    directive_options,
    netlist_argument,
    option_flags,
    overrides,
    quiet,
    test_data,
    training_data,
)
from netlearn.cli.output import deliver, say
from netlearn.influences.ranking import influence
from netlearn.json_text import json_text
from netlearn.learn.settings import LoopOptions
from netlearn.netlist.netlist import read
from netlearn.options import options_of
from netlearn.report.tables import csv_text, show, shown, table_of

LEARNED = [entry for entry in options_of(LoopOptions) if entry.name in ("coordinates", "validation", "seed")]
"""What of the options says how was trained."""
damping_option = click.option(
    "--damping",
    type=PartNumber(),
    metavar="PART",
    default=1e-6,
    show_default=True,
    help="Added to the curvature, as a part of the curvature along the gradient.",
)


@click.command(cls=SectionedCommand, name="influence", short_help="Rank training rows by their influence.")
@netlist_argument
@click.option("--probe", metavar="PROBE", help="Influence on this, such as V(out) [on the test loss].")
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Where PROBE is read [the mean over the test data]."
)
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Rows to show.")
@training_data
@test_data
@damping_option
@directive_options("train", "fix", "goal", "output", "corner", "loss", "subset", "hardware")
@option_flags(LEARNED)
@threads_option
@allow
@as_csv
@as_json
@quiet
def command(
    *,
    netlist: Path,
    probe: str | None,
    sample: int | None,
    top: int,
    data: Path | None,
    test: Path | None,
    damping: float,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Rank the rows that the trained netlist FILE was trained on by their influence.

    Influence is by how much the test loss, or PROBE, would change if the row had not been trained on, as Gauss-Newton
    has it. Rows are numbered from 1, without the line of column names. CSV and JSON have all rows, those with most
    influence first. --sample counts through the training data, then the test data.
    """
    if as_csv or as_json:
        refuse("--top", beside="in CSV and JSON, which have all rows", hint="leave it out")
    at = None if sample is None else sample - 1
    found = influence(
        read(netlist, allow), data, probe=probe, sample=at, damping=damping, test=test, **overrides(directives)
    )
    columns = ["row", "change without it", "its part of the loss"]
    order = found.order
    rows = [[int(found.rows[k]) + 1, float(found.changes[k]), float(found.losses[k])] for k in order]
    if as_json:
        said = {"of": found.of, "value": found.value, "own_curvature": found.curvature, "unsettled": found.unsettled}
        say(json_text({"netlist": netlist, **said, "rows": [dict(zip(ROW, row, strict=True)) for row in rows]}))
    elif as_csv:
        deliver(csv_text(ROW, rows))
    elif not quiet:
        show(table_of(columns, rows[:top]))
        say(f"of        {found.of}, {shown(found.value)} now")
        say(f"rows      {min(top, len(rows))} of {len(rows)} with most influence")
        how = "each with its own part of the curvature" if found.curvature else "to first order"
        say(f"left out  one at a time, {how}")


ROW = ("row", "change", "loss")
