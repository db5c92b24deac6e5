"""``netlearn eval``: loss, accuracy and outputs on data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.forward import forward_or_chip, solver
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    allow,
    as_csv,
    as_json,
    cluster_options,
    directive_options,
    netlist_argument,
    overrides,
    quiet,
    residual,
    workers_of,
)
from netlearn.cli.output import FilePath, deliver, say
from netlearn.evaluation import evaluate
from netlearn.json_text import json_parts
from netlearn.netlist.netlist import read
from netlearn.report.summary import evaluation_lines, evaluation_values, fit_lines, fit_table, sample_rows
from netlearn.report.tables import csv_parts, show, show_rows, table_of


@click.command(cls=SectionedCommand, name="eval", short_help="Give loss, accuracy and outputs on data.")
@netlist_argument
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's test data, else its data].")
@directive_options("corner", "output", "goal", "loss", "train", "fix")
@forward_or_chip
@cluster_options
@allow
@residual
@click.option("--errors", is_flag=True, help="Give standard errors and correlations of the values to train, too.")
@as_csv
@as_json
@quiet
def command(
    *,
    netlist: Path,
    data: Path | None,
    forward: str,
    flat: bool,
    timeout: float,
    processes: int | None,
    retries: int,
    scheduler: str | None,
    local_cluster: int | None,
    allow: tuple[Path, ...],
    residual: bool,
    errors: bool,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Evaluate the netlist FILE on data: its loss, its accuracy, and each sample's outputs.

    --quiet leaves out the samples.
    """
    source = read(netlist, allow)
    with (
        solver(forward, timeout, processes, flat=flat, retries=retries) as solving,
        workers_of(scheduler, local_cluster, quiet or as_json or as_csv) as executor,
    ):
        evaluation = evaluate(
            source, data, forward=solving, residual=residual, errors=errors, executor=executor, **overrides(directives)
        )
    columns, rows = sample_rows(evaluation)
    if as_json:
        samples = (dict(zip(columns, row, strict=True)) for row in rows)
        for text in json_parts({"netlist": netlist, **evaluation_values(evaluation)}, "outputs", samples):
            deliver(text)
    elif as_csv:
        for text in csv_parts(columns, rows):
            deliver(text)
    else:
        if not quiet:
            show_rows(columns, rows)
        for line in evaluation_lines(evaluation):
            say(line)
        if evaluation.fit is not None:
            show(table_of(*fit_table(evaluation.fit)))
            for line in fit_lines(evaluation.fit):
                say(line)
