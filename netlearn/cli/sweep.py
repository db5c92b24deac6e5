"""``netlearn sweep``: one training for each combination of settings and each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.combinations import refuse
from netlearn.cli.forward import chip_by_name, named_or_chip
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    allow,
    as_json,
    cluster_options,
    directive_options,
    netlist_argument,
    overrides,
    quiet,
    scatter_option,
    test_data,
    training_data,
    trainings_at_a_time,
    vary,
    workers_of,
)
from netlearn.cli.output import FilePath, beside, check_outputs, say
from netlearn.cli.progress import sweep_progress
from netlearn.netlist.netlist import read
from netlearn.netlist.output_check import read_with
from netlearn.records import is_parquet
from netlearn.report.sweep import sweep_rows
from netlearn.report.tables import fitting, show, table_of
from netlearn.sweeps import sweep


@click.command(cls=SectionedCommand, name="sweep", short_help="Train with all combinations of settings and seeds.")
@netlist_argument
@vary
@click.option(
    "--seeds", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings of each."
)
@scatter_option
@training_data
@test_data
@directive_options()
@chip_by_name
@trainings_at_a_time
@cluster_options
@click.option("-o", "--out", type=FilePath, metavar="FILE", help="The records, .jsonl or .parquet [FILE.sweep.jsonl].")
@allow
@as_json
@quiet
def command(
    *,
    netlist: Path,
    vary: tuple[str, ...],
    seeds: int,
    scatter: float,
    data: Path | None,
    test: Path | None,
    forward: str,
    timeout: float,
    retries: int,
    processes: int | None,
    scheduler: str | None,
    local_cluster: int | None,
    out: Path | None,
    allow: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Train FILE with every combination of the settings that are varied, and write a record of every training.

    A record holds all settings, the digests of the netlist and the data, the version of netlearn and what came
    of it. Trainings that are found in the file are not done again, so that an interrupted sweep goes on where it
    stopped. It exits with 1 if all trainings failed. pandas reads the file in one line: read_json(FILE, lines=True) or
    read_parquet(FILE).
    """
    kept = beside(netlist, ".sweep.jsonl", out)
    check_outputs(kept, inputs=(netlist, data, test))
    journal = kept.path.with_name(f"{kept.path.name}.jsonl") if is_parquet(kept.path) else kept.path
    if seeds == 1:
        refuse("--scatter", beside="with one seed", hint="the first starts from FILE's own values: add --seeds N")
    if scheduler or local_cluster:
        refuse("--processes", beside="on a cluster", hint="leave it out, or --scheduler and --local-cluster")
    source = read(netlist, allow)
    check_outputs(kept, inputs=read_with(source))
    try:
        silent = quiet or as_json
        with (
            workers_of(scheduler, local_cluster, silent) as executor,
            named_or_chip(forward, timeout, retries) as solving,
            sweep_progress(silent) as progress,
        ):
            found = sweep(
                source,
                data,
                vary=vary,
                seeds=seeds,
                scatter=scatter,
                results=kept.path,
                processes=processes,
                executor=executor,
                progress=progress,
                forward=solving,
                test=test,
                **overrides(directives),
            )
    except KeyboardInterrupt:
        if journal.exists():
            say(f"what is done is kept in '{journal}'; the same command goes on from there", err=True)
        raise
    if as_json:
        say(found.as_json())
    elif not quiet:
        columns, rows = sweep_rows(found)
        show(table_of(*fitting(columns, rows, kept=len(found.varied) + 1)))
        say(f"records   {kept.path}")
    failed = [record for record in found.records if record["error"]]
    for record in failed:
        given = ", ".join(f"{name} {record.get(name)}" for name in found.varied)
        say(f"{given}, seed {record['seed']}: {record['error']}".lstrip(", "), err=True)
    if len(failed) == len(found):
        raise click.exceptions.Exit(1)
