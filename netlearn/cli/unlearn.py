"""``netlearn unlearn``: values as they would be without some of the training data."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

import click

from netlearn.cli.forward import threads_option
from netlearn.cli.help import SectionedCommand
from netlearn.cli.influence import LEARNED, damping_option
from netlearn.cli.options import (
    allow,
    as_json,
    directive_options,
    netlist_argument,
    option_flags,
    overrides,
    quiet,
    test_data,
    training_data,
)
from netlearn.cli.output import FilePath, beside, check_outputs, say
from netlearn.errors import OptionError
from netlearn.influences.forgotten import rows_from
from netlearn.influences.unlearning import Unlearning, unlearn
from netlearn.json_text import json_text
from netlearn.learn.settings import LoopOptions
from netlearn.netlist.netlist import read
from netlearn.options import options_of
from netlearn.report.summary import FEW
from netlearn.report.tables import show, shown, table_of

PARTS = ("forgotten", "remaining", "test")


@click.command(cls=SectionedCommand, name="unlearn", short_help="Remove what rows of the training data did.")
@netlist_argument
@click.option("--forget", type=FilePath, metavar="FILE", help="A file of the rows to forget, as the data have them.")
@click.option("--rows", metavar="N,N-N...", help="Or their numbers, from 1, such as 3,7,10-12.")
@click.option(
    "-o", "--out", type=FilePath, metavar="FILE", help="Where to write [FILE.unlearned.cir next to the input]."
)
@training_data
@test_data
@click.option(
    "--steps", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Gauss-Newton steps."
)
@damping_option
@click.option("--verify", is_flag=True, help="Train again without the rows, too, and tell the distance to that.")
@directive_options("train", "fix", "goal", "output", "corner", "loss", "subset", "hardware")
@option_flags([*LEARNED, *(entry for entry in options_of(LoopOptions) if entry.name == "digits")])
@threads_option
@allow
@click.option("--force", is_flag=True, help="Write over files of other origin.")
@as_json
@quiet
def command(
    *,
    netlist: Path,
    forget: Path | None,
    rows: str | None,
    out: Path | None,
    data: Path | None,
    test: Path | None,
    steps: int,
    damping: float,
    verify: bool,
    allow: tuple[Path, ...],
    force: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Change the values of the trained netlist FILE to what they would be without some rows of its training data.

    The step is that of the Gauss-Newton influence, exact where outputs are linear in what is trained and the error is
    squared. Rows are numbered from 1, without the line of column names.
    """
    if (forget is None) == (rows is None):
        what = "nothing says which rows are to be forgotten" if rows is None else "the rows are given twice"
        raise OptionError(what, hint="--forget FILE, or --rows 3,7,10-12")
    target = beside(netlist, f".unlearned{netlist.suffix or '.cir'}", out, force)
    check_outputs(target, inputs=(netlist, data, test, forget))
    found = unlearn(
        read(netlist, allow),
        data,
        rows=None if rows is None else rows_from(rows),
        forget=forget,
        steps=steps,
        damping=damping,
        verify=verify,
        out=target,
        test=test,
        **overrides(directives),
    )
    if as_json:
        say(json_text({"netlist": netlist, **_values(found)}))
    elif not quiet:
        if len(found.names) <= FEW:
            values = zip(found.names, found.before.tolist(), found.after.tolist(), strict=True)
            show(table_of(["value", "before", "after"], [list(row) for row in values]))
        for line in _lines(found):
            say(line)


def _lines(found: Unlearning) -> list[str]:
    count = len(found.rows)
    listed = ", ".join(str(row + 1) for row in found.rows[:10].tolist()) + (", ..." if count > 10 else "")
    lines = [f"forgotten {count} {'row' if count == 1 else 'rows'}: {listed}"]
    for name, before, after in zip(PARTS, found.losses_before, found.losses_after, strict=True):
        if not isnan(before):
            lines.append(f"{name:<9} loss {shown(before)} before, {shown(after)} after")
    if found.at_bounds:
        more = f" and {len(found.at_bounds) - 5} more" if len(found.at_bounds) > 5 else ""
        lines.append(f"at bounds {', '.join(found.at_bounds[:5])}{more}")
    again = found.retraining
    if again is not None:
        for k, name in enumerate(PARTS):
            if not isnan(again.losses[k]):
                lines.append(
                    f"retrained {name}: loss {shown(again.losses[k])}; outputs were {shown(again.before[k])} away from "
                    f"that, and are {shown(again.after[k])}"
                )
    lines += [f"note      {note}" for note in found.notes]
    return lines + [f"written   {path}" for path in found.written]


def _values(found: Unlearning) -> dict[str, Any]:
    again = found.retraining
    values: dict[str, Any] = {
        "written": found.written,
        "rows": [row + 1 for row in found.rows.tolist()],
        "values": [
            {"name": name, "before": before, "after": after}
            for name, before, after in zip(found.names, found.before.tolist(), found.after.tolist(), strict=True)
        ],
        "loss_before": _parts(found.losses_before),
        "loss_after": _parts(found.losses_after),
        "at_bounds": found.at_bounds,
        "unsettled": found.unsettled,
        "notes": found.notes,
    }
    if again is not None:
        values["retraining"] = {
            "loss": _parts(again.losses),
            "distance_before": _parts(again.before),
            "distance_after": _parts(again.after),
        }
    return values


def _parts(values: tuple[float, float, float]) -> dict[str, float | None]:
    return {name: None if isnan(value) else value for name, value in zip(PARTS, values, strict=True)}
