"""``netlearn train``: train a netlist and write it back."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

import click

from netlearn import api
from netlearn.adjoint import adjoint_netlist
from netlearn.atomic import Destination
from netlearn.cli import INTERRUPTED
from netlearn.cli.combinations import refuse
from netlearn.cli.forward import forward_or_chip, solver
from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import (
    allow,
    as_json,
    cluster_options,
    directive_options,
    netlist_argument,
    overrides,
    quiet,
    test_data,
    training_data,
    workers_of,
)
from netlearn.cli.output import FilePath, beside, check_outputs, deliver, say
from netlearn.cli.progress import training_progress
from netlearn.json_text import json_text
from netlearn.keeping import after_training
from netlearn.netlist.netlist import read
from netlearn.netlist.output_check import read_with
from netlearn.nudged import nudged_netlist
from netlearn.realised import realise
from netlearn.report.summary import FEW, fit_lines, training_lines, training_values, value_table
from netlearn.report.tables import show, table_of
from netlearn.results import TrainResult
from netlearn.thermodynamic import thermodynamic_netlist
from netlearn.tolerances.training import Aimed


@click.command(cls=SectionedCommand, name="train", short_help="Train a netlist on its data.")
@netlist_argument
@click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [FILE.trained.cir next to the input].")
@training_data
@test_data
@directive_options()
@forward_or_chip
@cluster_options
@allow
@click.option("--checkpoint", type=FilePath, metavar="FILE", help="Where an interrupted run is kept.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run, to the result it would have had.")
@click.option(
    "--force", is_flag=True, help="Begin anew where an interrupted run is kept, and write over files of other origin."
)
@click.option(
    "--for",
    "aim",
    type=click.Choice(["nominal", "tolerance", "yield"]),
    default="nominal",
    show_default=True,
    help="Train for the values as written, for the mean over the parts' tolerances, or for the yield.",
)
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(min=2),
    default=512,
    show_default=True,
    help="Circuits drawn from the tolerances.",
)
@click.option(
    "--write-realisation",
    type=FilePath,
    metavar="FILE",
    help="Write what devices hold of the values as *@hardware says, by --seed, into this file, too.",
)
@click.option("--report", type=FilePath, metavar="FILE", help="Write a page to show a colleague into this file, too.")
@click.option("--plot", type=FilePath, metavar="FILE", help="Draw the loss and the network into this file too.")
@click.option(
    "--show-nudged",
    type=FilePath,
    metavar="FILE",
    help="Before training, write the nudged circuit that the rule compares, as a deck for ngspice.",
)
@click.option(
    "--show-adjoint",
    type=FilePath,
    metavar="FILE",
    help="Before training, write the adjoint network, driven by the output errors, as a deck for ngspice.",
)
@click.option(
    "--show-thermodynamic",
    type=FilePath,
    metavar="FILE",
    help="Before training, write the network that relaxes to the first step of solver=thermodynamic, for ngspice.",
)
@as_json
@quiet
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    netlist: Path,
    out: Path | None,
    data: Path | None,
    test: Path | None,
    forward: str,
    flat: bool,
    timeout: float,
    processes: int | None,
    retries: int,
    scheduler: str | None,
    local_cluster: int | None,
    allow: tuple[Path, ...],
    checkpoint: Path | None,
    resume: bool,
    force: bool,
    aim: Aimed,
    draws: int,
    write_realisation: Path | None,
    report: Path | None,
    plot: Path | None,
    show_nudged: Path | None,
    show_adjoint: Path | None,
    show_thermodynamic: Path | None,
    as_json: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Train the netlist FILE on its data.

    Only the trained numbers differ between the file that is written and FILE. The task stands
    in FILE as *@ comments; an option takes what would follow the directive's name, as in
    --optimizer "adam lr=0.1", and wins.
    """
    if aim == "nominal":
        refuse("--draws", beside="on training for the values as written", hint="add --for tolerance or --for yield")
    target = beside(netlist, f".trained{netlist.suffix or '.cir'}", out, force)
    kept = beside(target.path, ".checkpoint.npz", checkpoint, force)
    shown = (show_nudged, show_adjoint, show_thermodynamic)
    others = [Destination(path) for path in (write_realisation, plot, report, *shown) if path is not None]
    check_outputs(target, inputs=(data, test))
    check_outputs(kept, *others, inputs=(netlist, target.path, data, test))
    if plot:
        # Drawing takes a second to import, which most runs can do without.
        from netlearn.report.figure import check_format, save_figure, training_figure

        check_format(plot)
    source = read(netlist, allow)
    check_outputs(*others, inputs=read_with(source))
    if write_realisation:
        # What is wrong with it is said before the work, not after.
        realise(source, data, **overrides(directives))
    for path, network in zip(shown, (nudged_netlist, adjoint_netlist, thermodynamic_netlist), strict=True):
        if path is not None:
            deliver(network(source, data, **overrides(directives)), path)
    with (
        solver(forward, timeout, processes, flat=flat, retries=retries, gradients=True) as solving,
        workers_of(scheduler, local_cluster, quiet or as_json) as executor,
        training_progress(quiet or as_json) as progress,
    ):
        result = api.train(
            source,
            data,
            forward=solving,
            progress=progress,
            out=target,
            checkpoint=kept,
            resume=resume,
            test=test,
            aim=aim,
            draws=draws,
            executor=executor,
            **overrides(directives),
        )
    if result.interrupted:
        _say_interrupted(result, kept)
        ctx.exit(INTERRUPTED)
    with after_training(target):
        if write_realisation:
            realise(result, data).save(write_realisation)
        if plot:
            save_figure(training_figure(result, netlist.name), plot)
        if report:
            from netlearn.report.page import write_report

            write_report(result, report, data=data, **overrides(directives))
    if as_json:
        *copies, written = result.written
        say(json_text({"netlist": netlist, "written": written, "copies": copies, **training_values(result)}))
    elif not quiet:
        _say_result(result)
        for path in (*result.written, *(each.path for each in others)):
            say(f"written   {path}")


def _say_interrupted(result: TrainResult, kept: Destination) -> None:
    best = f", with a best loss of {result.loss:.6g}" if isfinite(result.loss) else ""
    say(f"interrupted in epoch {result.epochs + 1}{best}", err=True)
    say(f"kept in '{kept.path}'; add --resume to the same command to continue", err=True)


def _say_result(result: TrainResult) -> None:
    for line in training_lines(result):
        say(line)
    if 0 < len(result.names) <= FEW:
        show(table_of(*value_table(result)))
        for line in fit_lines(result.fit) if result.fit is not None else ():
            say(line)
