"""``netlearn calibrate``: the values that a chip really has."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

import click
import numpy as np

from netlearn.calibration import Calibration, calibrate
from netlearn.cli.forward import threads_option
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import PartNumber, allow, as_json, directive_options, netlist_argument, overrides, quiet
from netlearn.cli.output import FilePath, beside, check_outputs, say
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.options import Option
from netlearn.report.tables import show, shown, table_of


@click.command(cls=SectionedCommand, name="calibrate", short_help="Fit a model's values to measurements of a chip.")
@netlist_argument
@click.option("--measured", type=FilePath, required=True, metavar="FILE", help="What was programmed, driven and read.")
@click.option(
    "-o", "--out", type=FilePath, metavar="FILE", help="Where to write [FILE.calibrated.cir next to the input]."
)
@click.option(
    "--offsets",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    show_default=True,
    help="Whether outputs have offsets; auto: where the data tell.",
)
@click.option(
    "--prior",
    type=PartNumber(Option("prior", float, None, above=0.0, part=True)),
    metavar="PART",
    help="Relative deviation that values are known to have, such as 20%.",
)
@directive_options("train", "fix")
@allow
@click.option("--force", is_flag=True, help="Write over files of other origin.")
@threads_option
@as_json
@quiet
def command(
    *,
    netlist: Path,
    measured: Path,
    out: Path | None,
    offsets: Any,
    prior: float | None,
    allow: tuple[Path, ...],
    force: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Fit the trained values of FILE, and offsets of outputs, to what a chip gave, and write FILE with them.

    Columns of --measured named after trained values hold what was programmed (FILE's own where there is no such
    column), those named after probes what was read, and all others what was driven. An empty cell was not read.
    """
    target = beside(netlist, f".calibrated{netlist.suffix or '.cir'}", out, force)
    check_outputs(target, inputs=(netlist, measured))
    found = calibrate(read(netlist, allow), measured, offsets=offsets, prior=prior, out=target, **overrides(directives))
    if as_json:
        say(json_text(_values(netlist, found)))
        return
    if quiet:
        return
    show(table_of(["value", "programmed", "has", "± (1 σ)", "off by"], _rows(found)))
    if found.with_offsets:
        rows = [[n, f"{shown(b)} {u}".strip(), shown(e)] for n, u, b, e in _offsets(found)]
        show(table_of(["output", "offset", "± (1 σ)"], rows))
    for group in found.relative:
        say(f"relative  {_names(group)} are known up to one common factor; their geometric mean was kept")
    for group in found.together:
        say(f"together  {_names(group)} are told in combination only")
    noise = ", ".join(
        f"{shown(s)} {unit or 'in other outputs'}"
        for unit, s in dict(zip(found.output_units, found.sigma.tolist(), strict=True)).items()
        if isfinite(s)
    )
    rms = [float(np.sqrt(np.nanmean(each**2))) for each in (found.before, found.residuals)]
    say(f"residuals {shown(rms[0])} before, {shown(rms[1])} after, root mean square of {found.readings} readings")
    say(f"noise     {noise or 'unknown: no more readings than values'}")
    for path in found.written:
        say(f"written   {path}")


def _rows(found: Calibration) -> list[list[object]]:
    rows: list[list[object]] = []
    for k, name in enumerate(found.names):
        row: list[object] = [name, float(found.programmed[k])]
        if not found.determined[k]:
            rows.append([*row, "not determined", None, None])
            continue
        error, off = float(found.standard_errors[k]), float(found.deviations[k])
        by = f"{100 * off:+.3g} %" if found.relative_deviation[k] else f"{off:+.3g}"
        rows.append([*row, float(found.values[k]), error if isfinite(error) else None, by])
    return rows


def _offsets(found: Calibration) -> list[tuple[str, str, float, float]]:
    return list(
        zip(found.outputs, found.output_units, found.offsets.tolist(), found.offset_errors.tolist(), strict=True)
    )


def _names(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _values(netlist: Path, found: Calibration) -> dict[str, Any]:
    def known(value: float) -> float | None:
        return value if isfinite(value) else None

    return {
        "netlist": netlist,
        "written": found.written,
        "values": [
            {
                "name": name,
                "programmed": float(found.programmed[k]),
                "value": float(found.values[k]) if found.determined[k] else None,
                "standard_error": known(float(found.standard_errors[k])),
                "deviation": float(found.deviations[k]) if found.determined[k] else None,
                "deviation_is_relative": bool(found.relative_deviation[k]),
                "determined": bool(found.determined[k]),
            }
            for k, name in enumerate(found.names)
        ],
        "relative": found.relative,
        "together": found.together,
        "silent": found.silent,
        "offsets": [
            {"output": name, "unit": unit, "offset": offset, "standard_error": known(error)}
            for name, unit, offset, error in _offsets(found)
        ]
        if found.with_offsets
        else [],
        "noise": {n: known(float(s)) for n, s in zip(found.outputs, found.sigma, strict=True)},
        "readings": found.readings,
        "freedom": found.freedom,
        "rms_before": float(np.sqrt(np.nanmean(found.before**2))),
        "rms_after": float(np.sqrt(np.nanmean(found.residuals**2))),
    }
