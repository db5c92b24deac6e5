"""``netlearn op``: the operating point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from netlearn import api
from netlearn.arrays import Array
from netlearn.cli.combinations import refuse
from netlearn.cli.forward import forward_option, processes, solver, timeout
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    allow,
    as_csv,
    as_json,
    directive_options,
    netlist_argument,
    overrides,
    residual,
    solver_options,
)
from netlearn.cli.output import FilePath, deliver, say
from netlearn.errors import NetlistWarning, OptionError, warn
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.overrides import settings_for
from netlearn.probes.names import probes_of
from netlearn.report.summary import residual_values
from netlearn.report.tables import csv_text, show, table_of
from netlearn.solve.accuracy import Residual


@click.command(cls=SectionedCommand, name="op", short_help="Give the operating point.")
@netlist_argument
@click.argument("probes", nargs=-1, metavar="[PROBE]...")
@click.option("--data", type=FilePath, metavar="FILE", help="Samples [one, at the netlist's own source values].")
@click.option("--outputs", is_flag=True, help="Print what the netlist's *@output names, instead of all.")
@directive_options("corner")
@solver_options
@forward_option
@timeout
@processes
@allow
@residual
@as_csv
@as_json
def command(
    *,
    netlist: Path,
    probes: tuple[str, ...],
    data: Path | None,
    outputs: bool,
    forward: str,
    flat: bool,
    timeout: float,
    processes: int | None,
    allow: tuple[Path, ...],
    residual: bool,
    as_csv: bool,
    as_json: bool,
    **directives: Any,
) -> None:
    """Print node voltages (V) and source currents (A) of the netlist FILE at its own source values.

    With --residual a column tells what Kirchhoff's current law lacks at each node, in A, and the equation of each
    source, in V; with samples, what is lacking beside what the equations sum up.

    With --outputs those probes are printed that the netlist names in *@output.

    PROBEs such as "I(R1)", "Ic(Q1)", "P(X1)" or "{V(out)/V(in)}" are printed instead, if any are given. With --data
    or --corner, those of every sample: a row for each, and a column for each node, source or probe.

    A warning tells of numbers that hold fewer than six digits. Where PROBEs of a large linear circuit are read, 16 of
    the samples, evenly spread, are looked at for that, else all.
    """
    if as_csv and (probes or outputs) and data is None and not directives.get("directive_corner"):
        refuse("--residual", beside="in a CSV of probes", hint="leave --csv, or the probes, out")
    source, settings = read(netlist, allow), overrides(directives)
    if outputs:
        named = settings_for(source, settings).output
        if not named:
            raise OptionError(
                f"'{netlist}' names no outputs", hint="add a line such as '*@output V(out)', or give PROBEs"
            )
        probes = tuple(dict.fromkeys((*named, *probes)))
    chosen = [f"{name}={settings.pop(name)}" for name in ("solver", "sweeps") if name in settings]
    if chosen:
        # What finds the operating point is an argument by that name there.
        settings["options"] = " ".join(chosen)
    with solver(forward, timeout, processes, flat=flat) as solving:
        point = api.operating_point(source, solving, data, probes=probes, **settings)
    circuit = point.circuit
    if probes:
        names, units, values = list(probes), list(probes_of(circuit, probes).units), point.measure(*probes).real
    else:
        names = [f"v({name})" for name in circuit.nodes] + [f"i({name})" for name in circuit.branches]
        units = ["V"] * len(circuit.nodes) + ["A"] * len(circuit.branches)
        names, units, values = _known(names, units, point.x.real)
    lack = point.residual() if residual else None
    if circuit.samples is not None or data is not None:
        columns, samples = ("sample", *names), [[k, *row] for k, row in enumerate(values.tolist(), 1)]
        if lack is not None:
            columns = (*columns, "residual")
            samples = [[*row, part] for row, part in zip(samples, lack.relative.max(axis=1, initial=0.0), strict=True)]
        if as_json:
            say(json_text([dict(zip(columns, row, strict=True)) for row in samples]))
        elif as_csv:
            deliver(csv_text(columns, samples))
        else:
            show(table_of(columns, samples))
            _say(lack)
        return
    header = ["name", "value", "unit"]
    rows = [list(row) for row in zip(names, values[0].tolist(), units, strict=True)]
    if lack is not None and not probes:
        header.append("residual")
        rows = [[*row, part] for row, part in zip(rows, np.abs(lack.values[0]).tolist(), strict=True)]
    if as_json:
        more = {} if lack is None else {"residual": residual_values(lack)}
        say(json_text({**{row[0]: row[1] for row in rows}, **more}))
    elif as_csv:
        deliver(csv_text(header, rows))
    else:
        show(table_of(header, rows))
        _say(lack)


def _known(names: list[str], units: list[str], values: Array) -> tuple[list[str], list[str], Array]:
    """Without what ngspice has no number for, such as the nodes between digital elements."""
    lost = np.isnan(values).any(axis=0)
    # What netlearn has put into an element nobody misses.
    unknown = [names[k] for k in np.flatnonzero(lost) if "#" not in names[k]]
    if unknown:
        message = f"ngspice has no number for {', '.join(unknown)}, which is left out"
        warn(NetlistWarning(message))
    kept = np.flatnonzero(~lost).tolist()
    return [names[k] for k in kept], [units[k] for k in kept], values[:, kept]


def _say(residual: Residual | None) -> None:
    if residual is not None:
        say(f"residual  {residual.largest()}")
