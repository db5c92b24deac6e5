"""``netlearn sens``: sensitivities of a probe."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import click

from netlearn.cli.combinations import refuse
from netlearn.cli.forward import flat_option, threads_option, timeout
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import allow, as_csv, as_json, netlist_argument, quiet, tolerance
from netlearn.cli.output import FilePath, deliver, say
from netlearn.errors import CheckFailed
from netlearn.json_text import json_text
from netlearn.netlist.netlist import read
from netlearn.report.tables import csv_text, show, table_of
from netlearn.sensitivity import sensitivities
from netlearn.solve.sensitivity import Sensitivity


@click.command(cls=SectionedCommand, name="sens", short_help="Give the derivatives of a probe.")
@netlist_argument
@click.argument("probe")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="At this sample [the netlist's own values].")
@click.option("--data", type=FilePath, metavar="FILE", help="The samples [the netlist's].")
@click.option("--against", type=click.Choice(["ngspice"]), help="Compare with ngspice's .sens.")
@click.option(
    "--forward",
    type=click.Choice(["internal", "ngspice"]),
    default="internal",
    show_default=True,
    help="Whose derivatives: ngspice's are differences of its operating points of the netlist's text.",
)
@flat_option
@tolerance(1e-3)
@threads_option
@timeout
@allow
@as_csv
@as_json
@quiet
def command(
    *,
    netlist: Path,
    probe: str,
    sample: int | None,
    data: Path | None,
    against: str | None,
    forward: str,
    flat: bool,
    tolerance: float,
    timeout: float,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print the derivatives of PROBE by the values of all elements of FILE, and by its .param numbers.

    PROBE is V(out), V(p,n) or I(V1), for example.

    With --against ngspice, exits with 1 if any differs by more than the tolerance. ngspice is given the netlist's
    own text; what it can tell of the flat circuit only is compared there.
    """
    if not against:
        hint = "add --against ngspice, or leave it out"
        refuse("--tolerance", *(("--timeout",) if forward == "internal" else ()), beside="without ngspice", hint=hint)
        if forward == "internal":
            refuse("--flat", beside="without ngspice", hint=hint)
    at = None if sample is None else sample - 1
    source = read(netlist, allow)
    options = {"against": against, "forward": forward, "flat": flat}
    found = sensitivities(source, probe, data, sample=at, timeout=timeout, **options)  # type: ignore[arg-type]
    columns = ["element", "of", "value", f"d{probe}"] + (["by ngspice", "difference"] if against else [])
    rows = [_row(entry, bool(against)) for entry in found]
    if as_json:
        say(json_text([dict(zip(columns, row, strict=True)) for row in rows]))
    elif as_csv:
        deliver(csv_text(columns, rows))
    elif not quiet:
        show(table_of(columns, rows))
    if against:
        small = _judge(found, tolerance)
        if small and not (quiet or as_json or as_csv):
            named = ", ".join(f"{entry.name} of {entry.element}" for entry in small)
            say(f"not judged by {named}: what it changes is lost in the rounding of ngspice's differences")


def _row(entry: Sensitivity, against: bool) -> list[object]:
    # Adding zero takes the sign off a negative one.
    row: list[object] = [entry.element, entry.name, entry.value, entry.derivative + 0.0]
    if not against:
        return row
    if isnan(entry.by_ngspice):
        return [*row, None, None]
    return [*row, entry.by_ngspice, entry.relative_difference]


def _judge(found: list[Sensitivity], tolerance: float) -> list[Sensitivity]:
    """Those that differ, but change too little to be told. Raises CheckFailed for others that differ."""
    # What a value does at most decides what is small: ngspice's differences, over steps of 1e-4 of a value,
    # lose the digits of the rest.
    effects = [abs(entry.derivative * entry.value) for entry in found if not isnan(entry.by_ngspice)]
    floor = 1e-5 * max(effects, default=0.0)
    differing = [entry for entry in found if entry.relative_difference > tolerance]
    off = [abs(entry.derivative - entry.by_ngspice) for entry in differing]
    beyond = [
        entry
        for entry, by in zip(differing, off, strict=True)
        if by > entry.rounding and by * abs(entry.value) > tolerance * floor
    ]
    if not effects:
        raise CheckFailed("ngspice gave no sensitivity that could be compared")
    if beyond:
        worst = max(beyond, key=lambda entry: entry.relative_difference)
        raise CheckFailed(
            f"{len(beyond)} of {len(effects)} derivatives differ by more than {tolerance:g}; that by {worst.name}"
            f" of {worst.element} is {worst.derivative:.6g} here and {worst.by_ngspice:.6g} by ngspice"
        )
    return differing
