"""``netlearn report``: one page to show a colleague."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import allow, directive_options, overrides, quiet
from netlearn.cli.output import FilePath, beside, check_outputs, say
from netlearn.report.page import write_report


@click.command(cls=SectionedCommand, name="report", short_help="Write a page to show a colleague.")
@click.argument("source", type=FilePath, metavar="FILE")
@click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [FILE.html next to the input].")
@click.option("--pdf", is_flag=True, help="Write a PDF beside the page, too.")
@click.option("--before", type=FilePath, metavar="FILE", help="The netlist as it was, to compare values with.")
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's data].")
@click.option(
    "--draws", metavar="N", type=click.IntRange(min=2), default=2000, show_default=True, help="Draws of the tolerances."
)
@click.option("--no-ngspice", is_flag=True, help="Do not ask ngspice.")
@directive_options("goal", "output", "corner", "tolerance", "rating")
@allow
@quiet
def command(
    *,
    source: Path,
    out: Path | None,
    pdf: bool,
    before: Path | None,
    data: Path | None,
    draws: int,
    no_ngspice: bool,
    allow: tuple[Path, ...],
    quiet: bool,
    **directives: Any,
) -> None:
    """Write one self-contained page about FILE, a netlist or the folder of a run that was saved.

    It shows goals and what is reached, outputs, values before and after, the loss, tolerances and worst cases, the
    most stressed elements, what ngspice finds, and the circuit.
    """
    page = beside(source, ".html", out)
    paper = beside(page.path, ".pdf", None) if pdf else None
    check_outputs(page, *([] if paper is None else [paper]), inputs=(source, before, data))
    found = write_report(
        source,
        page,
        pdf=paper,
        before=before,
        data=data,
        draws=draws,
        ngspice=not no_ngspice,
        allow=allow,
        **overrides(directives),
    )
    if not quiet:
        for path in found.written:
            say(f"written   {path}")
