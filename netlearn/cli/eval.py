"""``netlearn eval``: loss, accuracy and outputs on data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.atomic import Destination
from netlearn.cli.combinations import refuse
from netlearn.cli.forward import CHIPS, forward_or_chip, solver
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
    solver_options,
    workers_of,
)
from netlearn.cli.output import FilePath, check_outputs, deliver, say
from netlearn.cli.realised import judge
from netlearn.errors import OptionError
from netlearn.evaluation import evaluate
from netlearn.json_text import json_parts
from netlearn.netlist.netlist import read
from netlearn.netlist.output_check import read_with
from netlearn.report.summary import evaluation_lines, evaluation_values, fit_lines, fit_table, sample_rows
from netlearn.report.tables import csv_parts, show, show_rows, table_of
from netlearn.results import Evaluation


@click.command(cls=SectionedCommand, name="eval", short_help="Give loss, accuracy and outputs on data.")
@netlist_argument
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's test data, else its data].")
@directive_options("corner", "output", "goal", "loss", "train", "fix", "hardware")
@click.option(
    "--realisations",
    type=click.IntRange(min=1),
    metavar="N",
    help="Judge so many realisations of what devices hold, as *@hardware says [100].",
)
@click.option("--at", metavar="TIMES", help="Times after writing at which they are read, such as 1h,1d,1y.")
@click.option(
    "--seed", "setting_seed", metavar="N", type=click.IntRange(min=0), help="Seed of the first realisation [0]."
)
@click.option(
    "--write-realisation", type=FilePath, metavar="FILE", help="Write the first realisation into this file, too."
)
@solver_options
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
    realisations: int | None,
    at: str | None,
    write_realisation: Path | None,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Evaluate the netlist FILE on data: its loss, its accuracy, and each sample's outputs.

    --quiet leaves out the samples. With --hardware, --realisations, --at or --write-realisation it judges what
    devices would hold of the values to train: the mean, the spread and the worst of the loss.

    A warning tells of numbers that hold fewer than six digits. Of a linear circuit 16 of the samples, evenly spread,
    are looked at for that, else all.
    """
    source = read(netlist, allow)
    if realisations or at is not None or write_realisation or directives.get("directive_hardware"):
        if errors or residual or scheduler or local_cluster:
            hint = "leave --errors, --residual and clusters out"
            raise OptionError("realisations are judged by their losses alone", hint=hint)
        target = None if write_realisation is None else Destination(write_realisation)
        if target is not None:
            check_outputs(target, inputs=(netlist, data, *read_with(source)))
        with solver(forward, timeout, processes, flat=flat, retries=retries) as solving:
            judge(
                source,
                data,
                count=realisations,
                at=at,
                solver=solving,
                target=target,
                as_csv=as_csv,
                as_json=as_json,
                quiet=quiet,
                settings=overrides(directives),
            )
        return
    refuse("--seed", beside="without realisations", hint="add --realisations N, or leave it out")
    if not errors and not forward.startswith(CHIPS):
        hint = "add --errors or --realisations N, or leave it out"
        refuse("--train", "--fix", beside="on a loss alone", hint=hint)
    if as_csv:
        refuse("--residual", "--errors", beside="in CSV, which has the samples", hint="take --json")
    with (
        solver(forward, timeout, processes, flat=flat, retries=retries, gradients=errors) as solving,
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
        _say_summary(evaluation)


def _say_summary(evaluation: Evaluation) -> None:
    for line in evaluation_lines(evaluation):
        say(line)
    if evaluation.fit is not None:
        show(table_of(*fit_table(evaluation.fit)))
        for line in fit_lines(evaluation.fit):
            say(line)
