"""What ``netlearn eval`` says of realisations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netlearn.atomic import Destination
from netlearn.cli.output import deliver, say
from netlearn.json_text import json_text
from netlearn.netlist.netlist import Netlist
from netlearn.realised import realisations, realise
from netlearn.report.realisations import each_realisation, realisation_lines, realisation_rows, realisation_values
from netlearn.report.tables import csv_text, show, table_of
from netlearn.solve.operating_point import Solver

COUNT = 100
"""So many realisations are judged where nobody says how many, by convention: the standard error of their mean is a
tenth of their standard deviation."""


def judge(
    netlist: Netlist,
    data: Path | None,
    *,
    count: int | None,
    at: str | None,
    solver: Solver,
    target: Destination | None,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    settings: Mapping[str, Any],
) -> None:
    """Judge realisations of a netlist, and write the first, if it is wanted."""
    times = () if at is None else at
    found = realisations(netlist, data, count=count or COUNT, at=times, forward=solver, **settings)
    written: tuple[Path, ...] = ()
    if target is not None:
        first = found.times[0] if found.times else None
        values = {name: value for name, value in settings.items() if name in ("train", "fix", "hardware", "seed")}
        written = tuple(realise(netlist, data, at=first, **values).save(target.path, follow=target.named))
    if as_json:
        told = {"netlist": netlist.source.path, "data": found.data, **realisation_values(found), "written": written}
        say(json_text(told))
        return
    if as_csv:
        deliver(csv_text(*each_realisation(found)))
        return
    if not quiet:
        for line in realisation_lines(found):
            say(line)
    show(table_of(*realisation_rows(found)))
    for path in written:
        say(f"written   {path}")
