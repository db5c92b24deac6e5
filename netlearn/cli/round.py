"""``netlearn round``: values that parts can have, in the best combination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.atomic import Destination
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import allow, as_json, directive_options, netlist_argument, overrides, quiet
from netlearn.cli.output import FilePath, beside, check_outputs, say
from netlearn.cli.progress import search_progress
from netlearn.discrete.rounding import Rounding, round_values
from netlearn.json_text import json_text
from netlearn.learn.hardware import SERIES_NAMES
from netlearn.netlist.netlist import read
from netlearn.report.tables import show, shown, table_of


@click.command(cls=SectionedCommand, name="round", short_help="Round values to those that parts can have.")
@netlist_argument
@click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [FILE.rounded.cir next to the input].")
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's data].")
@click.option("--series", type=click.Choice(SERIES_NAMES, case_sensitive=False), help="Preferred numbers.")
@click.option("--parts", type=FilePath, metavar="FILE", help="A CSV file of the values that there are.")
@click.option("--pairs", is_flag=True, help="Let a part be two in series or parallel.")
@click.option("--budget", type=click.IntRange(min=1), metavar="N", help="Operating points to try [400000].")
@click.option("--journal", type=FilePath, metavar="FILE", help="Keep a long search here, and go on from it.")
@directive_options("train", "fix", "goal", "output", "corner", "loss", "hardware")
@allow
@click.option("--force", is_flag=True, help="Write over files of other origin.")
@as_json
@quiet
def command(
    *,
    netlist: Path,
    out: Path | None,
    data: Path | None,
    series: str | None,
    parts: Path | None,
    pairs: bool,
    budget: int | None,
    journal: Path | None,
    allow: tuple[Path, ...],
    force: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Replace the values in FILE by those of parts that there are, in the combination that does best.

    Best is what goals or data in FILE say; without any, outputs (all nodes without *@output) are to stay as they
    are. Of parts that meet all goals the best are nearest to the middles of their bands, and of those that are as
    near, but for a tenth of half a band, the nearest to the values in FILE. --train says which values are meant: by
    default those of all resistors in FILE itself.
    """
    target = beside(netlist, f".rounded{netlist.suffix or '.cir'}", out, force)
    kept = [] if journal is None else [Destination(journal)]
    check_outputs(target, *kept, inputs=(netlist, data, parts))
    try:
        with search_progress(quiet or as_json):
            found = round_values(
                read(netlist, allow),
                data,
                series=series,
                parts=parts,
                pairs=pairs,
                budget=budget,
                out=target,
                journal=journal,
                **overrides(directives),
            )
    except KeyboardInterrupt:
        if journal is None:
            say("nothing is kept of this search; with --journal FILE it goes on where it stopped", err=True)
        elif journal.exists():
            say(f"what is done is kept in '{journal}'; the same command goes on from there", err=True)
        raise
    if as_json:
        say(json_text({"netlist": netlist, **_values(found)}))
        return
    if not quiet:
        columns = ["value", "before", "nearest", "after"]
        show(table_of(columns, _rows(found)))
        how = "all combinations tried" if found.complete else f"{found.solved} operating points tried"
        if not found.searched:
            how = f"none, as {len(found.names)} values are too many: the nearest that there are"
        before, nearest, after = found.losses
        say(f"loss      {shown(before)} before, {shown(nearest)} nearest, {shown(after)} found; by {found.judged_by}")
        say(f"search    {how}")
        for path in found.written:
            say(f"written   {path}")


def _rows(found: Rounding) -> list[list[object]]:
    rows: list[list[object]] = []
    for k, name in enumerate(found.names):
        after: object = float(found.after[k])
        if name in found.pairs:
            kind, first, second = found.pairs[name]
            after = f"{first:g} {'+' if kind == 'series' else '||'} {second:g}"
        rows.append([name, float(found.before[k]), float(found.nearest[k]), after])
    return rows


def _values(found: Rounding) -> dict[str, Any]:
    return {
        "written": found.written,
        "values": [
            {"name": name, "before": before, "nearest": nearest, "after": after, "pair": found.pairs.get(name)}
            for name, before, nearest, after in zip(
                found.names, found.before.tolist(), found.nearest.tolist(), found.after.tolist(), strict=True
            )
        ],
        "loss": dict(zip(("before", "nearest", "after"), found.losses, strict=True)),
        "judged_by": found.judged_by,
        "complete": found.complete,
        "solved": found.solved,
        "searched": found.searched,
    }
