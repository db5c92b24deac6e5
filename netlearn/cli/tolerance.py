"""``netlearn tolerance``: yield, distributions and worst cases."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

import click

from netlearn.cli.combinations import refuse
from netlearn.cli.forward import forward_by_name
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
    workers_of,
)
from netlearn.cli.output import FilePath, deliver, say
from netlearn.errors import CheckFailed
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.options import Option
from netlearn.report.tables import csv_text, show, table_of
from netlearn.report.tolerances import spread_rows, tolerance_lines, tolerance_values
from netlearn.tolerances.analysis import ToleranceResult
from netlearn.tolerances.analysis import tolerance as analysed


@click.command(cls=SectionedCommand, name="tolerance", short_help="Give yield, spread and worst case of tolerances.")
@netlist_argument
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's data].")
@click.option(
    "--draws", metavar="N", type=click.IntRange(min=2), default=10_000, show_default=True, help="How many are drawn."
)
@click.option("--seed", "setting_seed", metavar="N", type=click.IntRange(min=0), help="Seed of the draws [0].")
@click.option("--against", type=click.Choice(["ngspice"]), help="Let ngspice solve the worst cases, too.")
@click.option(
    "--for-yield",
    type=PartNumber(Option("yield", float, None, above=0.0, below=1.0, part=True)),
    metavar="PART",
    help="Say which parts have to be tighter for this yield, such as 99%.",
)
@click.option("--prices", metavar="'TOLERANCE=PRICE...'", help="Of tolerance classes, such as '1%=1 0.1%=10'.")
@click.option("--journal", type=FilePath, metavar="FILE", help="Keep draws that are done here, and go on from them.")
@directive_options("tolerance", "goal", "output", "corner")
@click.option(
    "--relative",
    type=PartNumber(),
    metavar="PART",
    default=1e-6,
    show_default=True,
    help="Relative difference from ngspice that passes.",
)
@forward_by_name
@cluster_options
@allow
@as_csv
@as_json
@quiet
def command(
    *,
    netlist: Path,
    data: Path | None,
    draws: int,
    against: str | None,
    for_yield: float | None,
    prices: str | None,
    journal: Path | None,
    relative: float,
    forward: str,
    scheduler: str | None,
    local_cluster: int | None,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Draw circuits as the tolerances in FILE allow, and say how they do.

    Tolerances are what *@tolerance says, tol=, DEV and LOT, and agauss, gauss, aunif, unif, limit, mc, wc and flat
    in expressions. With --against ngspice it exits with 1 where ngspice differs by more than --relative.
    """
    if for_yield is None:
        refuse("--prices", beside="without a wanted yield", hint="add --for-yield 99%")
    if against is None:
        refuse("--relative", beside="without ngspice", hint="add --against ngspice")
    if as_csv:
        beside = "in CSV, which has the spreads of the outputs"
        refuse("--for-yield", beside=beside, hint="take --json")
    with workers_of(scheduler, local_cluster, quiet or as_json or as_csv) as executor:
        result = analysed(
            read(netlist, allow),
            data,
            draws=draws,
            against=against,  # type: ignore[arg-type]
            for_yield=for_yield,
            prices=prices,
            journal=journal,
            forward=forward,
            executor=executor,
            **overrides(directives),
        )
    columns, rows = spread_rows(result)
    if as_json:
        say(json_text({"netlist": netlist, **tolerance_values(result)}))
    elif as_csv:
        deliver(csv_text(columns, rows))
    elif not quiet:
        show(table_of(columns, rows))
        for line in tolerance_lines(result):
            say(line)
    if against:
        _judge(result, relative)


def _judge(result: ToleranceResult, relative: float) -> None:
    for case in result.worst:
        off = abs(case.value - case.by_ngspice)
        if isnan(off) or off > relative * max(abs(case.value), abs(case.by_ngspice), abs(case.nominal)):
            raise CheckFailed(
                f"the {case.side} worst case of {case.output} is {case.value:.9g} here "
                f"and {case.by_ngspice:.9g} by ngspice"
            )
