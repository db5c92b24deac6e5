"""``netlearn predict``: outputs for new inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO
from itertools import chain, count
from pathlib import Path
from typing import Any

import click

from netlearn.arrays import Array
from netlearn.atomic import Destination
from netlearn.chip_training import readings_note
from netlearn.cli.combinations import refuse
from netlearn.cli.forward import forward_or_chip, solver
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    allow,
    as_csv,
    as_json,
    cluster_options,
    directive_options,
    netlist_argument,
    overrides,
    quiet,
    solver_options,
    workers_of,
)
from netlearn.cli.output import FilePath, check_outputs, deliver, say
from netlearn.json_text import json_text
from netlearn.learn.output_files import csv_writer
from netlearn.netlist.netlist import read
from netlearn.netlist.output_check import read_with
from netlearn.prediction import predict_file, predictions
from netlearn.report.tables import show_rows


@click.command(cls=SectionedCommand, name="predict", short_help="Give the outputs for new inputs.")
@netlist_argument
@click.option("--data", type=FilePath, required=True, metavar="FILE", help="The inputs: CSV, Parquet or .npz.")
@click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write: .csv, .parquet or .npz.")
@directive_options("input", "output", "classes", "loss")
@solver_options
@forward_or_chip
@cluster_options
@allow
@as_csv
@as_json
@quiet
def command(
    *,
    netlist: Path,
    data: Path,
    out: Path | None,
    forward: str,
    flat: bool,
    timeout: float,
    processes: int | None,
    retries: int,
    scheduler: str | None,
    local_cluster: int | None,
    allow: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Give what the outputs of the netlist FILE are for new inputs; with classes, labels and scores.

    Targets in the data are not looked at. A file of any length is read and written part by part.
    """
    if out is not None:
        refuse("--csv", beside="on the file that -o names", hint="its ending says what it is: .csv, .parquet, .npz")
    source, settings = read(netlist, allow), overrides(directives)
    silent = quiet or as_json or as_csv
    with (
        solver(forward, timeout, processes, flat=flat, retries=retries) as solving,
        workers_of(scheduler, local_cluster, silent) as executor,
    ):
        if out is not None:
            check_outputs(Destination(out), inputs=(netlist, data, *read_with(source)))
            samples = predict_file(source, data, out, forward=solving, executor=executor, **settings)
            if as_json:
                say(json_text({"netlist": netlist, "data": data, "written": out, "samples": samples}))
            elif not quiet:
                say(f"samples   {samples} of {data}")
                for note in readings_note(solving):
                    say(f"note      {note}")
                say(f"written   {out}")
            return
        parts = (part.columns() for part in predictions(source, data, forward=solving, executor=executor, **settings))
        if as_csv:
            text = StringIO()
            write = csv_writer(text)
            for part in parts:
                write(part)
                deliver(text.getvalue())
                text.seek(0)
                text.truncate()
            return
        rows = _rows(parts)
        if as_json:
            say(json_text(list(rows)))
            return
        if quiet:
            for _ in rows:
                # What is left to be told is what goes wrong.
                pass
            return
        first = next(rows)
        show_rows(list(first), map(list, (row.values() for row in chain([first], rows))))
        for note in readings_note(solving):
            say(f"note      {note}")


def _rows(parts: Iterator[Mapping[str, Array]]) -> Iterator[dict[str, object]]:
    number = count(1)
    for part in parts:
        lists = [column.tolist() for column in part.values()]
        for values in zip(*lists, strict=True):
            yield {"sample": next(number), **dict(zip(part, values, strict=True))}
