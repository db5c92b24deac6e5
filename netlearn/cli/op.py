"""``netlearn op``: the operating point."""

from __future__ import annotations

from pathlib import Path

import click

from netlearn import api
from netlearn.cli.options import (
    allow,
    as_csv,
    as_json,
    forward_option,
    netlist_argument,
    processes,
    solver,
    timeout,
)
from netlearn.cli.output import FilePath, deliver, say
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.report.tables import csv_text, show, table_of


@click.command(name="op", short_help="Give the operating point.")
@netlist_argument
@click.option("--data", type=FilePath, metavar="FILE", help="Samples [one, at the netlist's own source values].")
@forward_option
@timeout
@processes
@allow
@as_csv
@as_json
def command(
    *,
    netlist: Path,
    data: Path | None,
    forward: str,
    timeout: float,
    processes: int | None,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
) -> None:
    """Print node voltages (V) and source currents (A) of the netlist FILE at its own source values.

    With --data, those of every sample: a row for each, and a column for each node and source.
    """
    with solver(forward, timeout, processes) as solving:
        point = api.operating_point(read(netlist, allow), solving, data)
    circuit = point.circuit
    names = [f"v({name})" for name in circuit.nodes] + [f"i({name})" for name in circuit.branches]
    if data is not None:
        columns, samples = ("sample", *names), [[k, *x] for k, x in enumerate(point.x.real.tolist(), 1)]
        if as_json:
            say(json_text([dict(zip(columns, row, strict=True)) for row in samples]))
        elif as_csv:
            deliver(csv_text(columns, samples))
        else:
            show(table_of(columns, samples))
        return
    units = ["V"] * len(circuit.nodes) + ["A"] * len(circuit.branches)
    rows = [list(row) for row in zip(names, point.x[0].real.tolist(), units, strict=True)]
    if as_json:
        say(json_text({name: value for name, value, _ in rows}))
    elif as_csv:
        deliver(csv_text(("name", "value", "unit"), rows))
    else:
        show(table_of(("name", "value", "unit"), rows))
