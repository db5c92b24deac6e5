"""``netlearn new``: netlists of networks, ready to train, and of circuits that need no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from netlearn.atomic import Destination, check_output
from netlearn.cli.options import option_flags
from netlearn.cli.output import FilePath, check_outputs, deliver, say
from netlearn.errors import OptionError
from netlearn.generate import new_netlist
from netlearn.onestep.new import ACCURATE, new_onestep
from netlearn.onestep.options import OneStep
from netlearn.options import options_of
from netlearn.topologies.kinds import TOPOLOGIES, start_of

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(name="new", short_help="Make a netlist of a kind of network, and data for it.")
def command() -> None:
    """Write a ready-to-train netlist of a kind of network, with a data file to put your own data in.

    onestep reads data and writes a circuit that solves them by least squares at its operating point.
    """


def _takes_weights(kind: str) -> Callable[[Command], Command]:
    """The option for a matrix, of the kind that can stand for one."""
    if kind != "crossbar":
        return lambda command: command
    return click.option(
        "--from",
        "weights",
        type=FilePath,
        metavar="FILE",
        help="Weights (rows, columns) that the crossbar is to stand for: .npy, .npz or CSV. Cells are then between "
        "10 kilohm and 1 megohm unless --min and --max say otherwise, and samples twice as many as rows.",
    )


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by their own names."""
    return {name.removeprefix("setting_"): value for name, value in options.items() if value is not None}


def _check_free(*paths: Path, force: bool) -> None:
    """Raise OptionError for a file that is there, unless it may be written over."""
    for path in paths:
        if path.exists() and not force:
            raise OptionError(f"'{path}' is there already", hint="--force writes over it")


def _subcommand(kind: str, topology: type) -> click.Command:
    @click.command(name=kind, help=f"{(topology.__doc__ or kind).splitlines()[0]}")
    @click.argument("out", type=FilePath, metavar="FILE")
    @option_flags(options_of(topology))
    @option_flags(options_of(start_of(kind)))
    @_takes_weights(kind)
    @click.option("--force", is_flag=True, help="Write over files that are there.")
    def new(out: Path, force: bool, weights: Path | None = None, **options: Any) -> None:
        check_output(out)
        data = out.with_suffix(".csv")
        check_output(data)
        _check_free(out, data, force=force)
        made = new_netlist(kind, data.name, weights=weights, **_given(options))
        for note in made.notes:
            say(f"note      {note}")
        deliver(made.data, data)
        deliver(made.netlist, out)
        say(f"written   {out} and {data}")

    return new


for _kind, _topology in TOPOLOGIES.items():
    command.add_command(_subcommand(_kind, _topology))


@command.command(name="onestep")
@click.argument("data", type=FilePath, metavar="DATA")
@click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [DATA with the ending .onestep.cir].")
@option_flags(options_of(OneStep))
@click.option("--force", is_flag=True, help="Write over files that are there.")
def _onestep(data: Path, out: Path | None, force: bool, **options: Any) -> None:
    """Write the circuit whose operating point is the least-squares fit of the table DATA.

    Two crosspoint arrays of the data and amplifiers in a loop. "netlearn op FILE --outputs" reads the coefficients,
    as V(w_NAME) of each column NAME and V(w_intercept). Several targets, or more than two classes, are samples of a
    data file beside it, for --data of the same command.
    """
    out = out or data.parent / f"{data.stem}.onestep.cir"
    check_output(out)
    samples = out.with_suffix(".targets.csv")
    check_outputs(Destination(out), Destination(samples), inputs=(data,))
    made = new_onestep(data, **_given(options))
    written = (out, samples) if made.data else (out,)
    _check_free(*written, force=force)
    if made.data:
        deliver(made.data, samples)
    deliver(made.netlist, out)
    rows, count = made.problem.design.shape
    loop = made.loop_gain
    say(f"data      {rows} rows, {count} coefficients of {', '.join(made.problem.wanted)}")
    missing = f"up to {1 / (1 + loop):.1%} of a coefficient is missing; more --gain helps"
    say(f"loop gain {loop:.3g}{'' if loop >= ACCURATE else f': {missing}'}")
    say(f"written   {' and '.join(map(str, written))}")
    say(f"read by   netlearn op {out} --outputs{f' --data {samples}' if made.data else ''}")
