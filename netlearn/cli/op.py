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
from netlearn.cli.output import deliver, say
from netlearn.netlist.netlist import read
from netlearn.report.tables import csv_text, json_text, show, table_of


@click.command(name="op", short_help="Give the operating point.")
@netlist_argument
@forward_option
@timeout
@processes
@allow
@as_csv
@as_json
def command(
    *,
    netlist: Path,
    forward: str,
    timeout: float,
    processes: int | None,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
) -> None:
    """Print node voltages (V) and source currents (A) of the netlist FILE at its own source values."""
    with solver(forward, timeout, processes) as solving:
        point = api.operating_point(read(netlist, allow), solving)
    circuit = point.circuit
    names = [f"v({name})" for name in circuit.nodes] + [f"i({name})" for name in circuit.branches]
    units = ["V"] * len(circuit.nodes) + ["A"] * len(circuit.branches)
    rows = [list(row) for row in zip(names, point.x[0].real.tolist(), units, strict=True)]
    if as_json:
        say(json_text({name: value for name, value, _ in rows}))
    elif as_csv:
        deliver(csv_text(("name", "value", "unit"), rows))
    else:
        show(table_of(("name", "value", "unit"), rows))
