"""``netlearn compare``: learning rules side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.combinations import refuse
from netlearn.cli.forward import chip_by_name, named_or_chip
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    PartNumber,
    allow,
    as_csv,
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
from netlearn.cli.output import FilePath, beside, check_outputs, deliver, say
from netlearn.cli.progress import comparison_progress
from netlearn.comparison import Comparison, compare
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.netlist import read
from netlearn.report.tables import csv_text, fitting, show, table_of

# The rule, the seed and the subset are what is compared.
SHARED = tuple(name for name in DIRECTIVES if name not in ("data", "rule", "subset"))


def _numbers(context: click.Context, option: click.Parameter, text: str) -> list[float]:
    return [PartNumber().convert(word.strip(), option, context) for word in text.split(",") if word.strip()]


@click.command(cls=SectionedCommand, name="compare", short_help="Train with several learning rules and compare them.")
@netlist_argument
@click.option(
    "--rules", required=True, metavar="RULE,...", help='What to compare, such as "analytic,ep states=positive,cl".'
)
@click.option("--seeds", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Runs of each.")
@click.option(
    "--fractions", callback=_numbers, default="1", metavar="N,...", help="Parts of the parameters to update [1]."
)
@click.option("--betas", callback=_numbers, default="", metavar="N,...", help="Nudges, for the rules that have one.")
@scatter_option
@vary
@training_data
@test_data
@directive_options(*SHARED)
@chip_by_name
@trainings_at_a_time
@cluster_options
@click.option(
    "--results",
    type=FilePath,
    metavar="FILE",
    help="Where finished runs are kept [FILE.compare.jsonl].",
)
@click.option("--plot", type=FilePath, metavar="FILE", help="The figure [FILE.compare.png].")
@allow
@as_csv
@as_json
@quiet
def command(
    *,
    netlist: Path,
    rules: str,
    seeds: int,
    fractions: list[float],
    betas: list[float],
    scatter: float,
    vary: tuple[str, ...],
    data: Path | None,
    test: Path | None,
    forward: str,
    timeout: float,
    retries: int,
    processes: int | None,
    scheduler: str | None,
    local_cluster: int | None,
    results: Path | None,
    plot: Path | None,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Train FILE with each of several learning rules, and compare loss, accuracy and cost in a table and a figure.

    Runs that are found in the file of results are not done again, so that an interrupted
    comparison goes on where it stopped. It exits with 1 if a rule, with a nudge and a fraction, failed with
    all seeds.
    """
    from netlearn.report.comparison import comparison_figure, comparison_rows
    from netlearn.report.figure import check_format, save_figure

    kept = beside(netlist, ".compare.jsonl", results)
    figure = beside(netlist, ".compare.png", plot)
    check_outputs(kept, figure, inputs=(netlist, data, test))
    check_format(figure.path)
    if seeds == 1:
        refuse("--scatter", beside="with one seed", hint="the first starts from FILE's own values: add --seeds N")
    if scheduler or local_cluster:
        refuse("--processes", beside="on a cluster", hint="leave it out, or --scheduler and --local-cluster")
    try:
        silent = quiet or as_json or as_csv
        with (
            workers_of(scheduler, local_cluster, silent) as executor,
            named_or_chip(forward, timeout, retries) as solving,
            comparison_progress(silent) as progress,
        ):
            comparison = compare(
                read(netlist, allow),
                data,
                rules=[rule.strip() for rule in rules.split(",") if rule.strip()],
                seeds=seeds,
                fractions=fractions,
                betas=betas,
                vary=vary,
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
        if kept.path.exists():
            say(f"what is done is kept in '{kept.path}'; the same command goes on from there", err=True)
        raise
    save_figure(comparison_figure(comparison, netlist.name), figure.path, follow=figure.named)
    if as_json:
        say(comparison.as_json())
    elif as_csv:
        rows = comparison.rows()
        deliver(csv_text(list(rows[0]), [list(row.values()) for row in rows]))
    elif not quiet:
        show(table_of(*fitting(*comparison_rows(comparison), kept=3)))
        say(f"figure    {figure.path}\nresults   {kept.path}")
    _say_failed(comparison)


def _say_failed(comparison: Comparison) -> None:
    """Tell which runs failed, and exit with 1 if something that was to be compared has none that did not."""
    for outcome in comparison.outcomes:
        if outcome.error:
            say(f"{outcome.run.text}, seed {outcome.run.seed}: {outcome.error}", err=True)
    if any(row["failed"] == row["seeds"] for row in comparison.summary()):
        raise click.exceptions.Exit(1)
