"""``netlearn check``: the internal solver against ngspice."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from netlearn.cli.forward import flat_option, processes, threads_option, timeout
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    all_samples,
    allow,
    as_json,
    directive_options,
    netlist_argument,
    overrides,
    quiet,
    so_many,
    solver_options,
    tolerance,
)
from netlearn.cli.output import say
from netlearn.errors import CheckFailed
from netlearn.json_text import json_text
from netlearn.judge import Judgement, check
from netlearn.netlist.netlist import read
from netlearn.report.summary import goal_lines
from netlearn.report.tables import show, shown, table_of

WORST = 10
"""Unknowns that are listed, by convention: they fit on a screen."""


@click.command(cls=SectionedCommand, name="check", short_help="Compare operating points with ngspice.")
@netlist_argument
@all_samples
@so_many
@tolerance(1e-6)
@click.option(
    "--floor",
    metavar="NUMBER",
    type=click.FloatRange(min=0),
    default=1e-9,
    show_default=True,
    help="Differences to ignore, in V or A.",
)
@flat_option
@directive_options("corner", "output", "goal")
@solver_options
@threads_option
@timeout
@processes
@allow
@as_json
@quiet
def command(
    *,
    netlist: Path,
    data: Path | None,
    samples: int | None,
    tolerance: float,
    floor: float,
    flat: bool,
    timeout: float,
    processes: int | None,
    allow: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Solve every sample with the internal solver and with ngspice, and compare all voltages and currents.

    ngspice runs the netlist's own text, with what it includes, and is compared node by node: so that it judges what
    netlearn has read, too. Nothing in the text that could run a command or touch a file reaches it.

    Exits with 1 if any of them differs by more than the tolerance. Without data, the netlist's
    own source values are the one sample.
    """
    comparison = check(
        read(netlist, allow),
        data,
        samples=samples,
        floor=floor,
        flat=flat,
        timeout=timeout,
        processes=processes,
        **overrides(directives),
    )
    passed = comparison.within(tolerance)
    if as_json:
        say(json_text({"netlist": netlist, "passed": passed, **_values(comparison)}))
    elif not quiet:
        columns = ("worst", "sample", "internal", "ngspice", "absolute", "relative")
        show(
            table_of(
                columns,
                [(d.name, d.sample + 1, *d.values, d.absolute, d.relative) for d in comparison.by_unknown(WORST)],
            )
        )
        count = len(comparison.absolute)
        say(f"samples            {count}, with {comparison.count} voltages and currents each")
        largest, worst = comparison.largest_absolute, comparison.largest_relative
        say(f"largest absolute   {shown(largest.absolute)} at {largest.name}, sample {largest.sample + 1}")
        if worst.relative > 0:
            say(f"largest relative   {shown(worst.relative)} at {worst.name}, sample {worst.sample + 1}")
        else:
            say(f"largest relative   none, as no difference is above {floor:g}")
        for line in goal_lines(comparison.goals):
            say(f"{line}, by ngspice")
    if comparison.lost:
        names = ", ".join(f"'{name}'" for name in comparison.lost[:WORST])
        raise CheckFailed(
            f"only one of netlearn and ngspice has the nodes {names}", hint="--flat compares without them"
        )
    if not passed:
        worst = comparison.largest_relative
        raise CheckFailed(
            f"{worst.name} at sample {worst.sample + 1} differs by {worst.relative:.3g} relative,"
            f" more than {tolerance:g}: {worst.values[0]:.9g} here, {worst.values[1]:.9g} by ngspice",
            hint="both are operating points of this circuit; .nodeset says which one is meant"
            if comparison.several
            else "--tolerance and --floor set what counts",
        )


def _values(comparison: Judgement) -> dict[str, object]:
    return {
        "samples": len(comparison.absolute),
        "compared": comparison.count,
        "lost": list(comparison.lost),
        "largest_absolute": comparison.largest_absolute,
        "largest_relative": comparison.largest_relative,
        "worst": comparison.by_unknown(WORST),
        "goals": [{**asdict(goal), "met": goal.met} for goal in comparison.goals],
    }
