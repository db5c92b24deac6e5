"""``netlearn new``: netlists of regular and random networks, ready to train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.atomic import check_output
from netlearn.cli.options import option_flags
from netlearn.cli.output import FilePath, deliver, say
from netlearn.errors import OptionError
from netlearn.generate import Start, new_netlist
from netlearn.options import options_of
from netlearn.topologies.kinds import TOPOLOGIES


@click.group(name="new", short_help="Make a netlist of a kind of network, and data for it.")
def command() -> None:
    """Write a ready-to-train netlist of a kind of network, with a data file to put your own data in."""


def _subcommand(kind: str, topology: type) -> click.Command:
    @click.command(name=kind, help=f"{(topology.__doc__ or kind).splitlines()[0]}")
    @click.argument("out", type=FilePath, metavar="FILE")
    @option_flags(options_of(topology))
    @option_flags(options_of(Start))
    @click.option("--force", is_flag=True, help="Write over files that are there.")
    def new(out: Path, force: bool, **options: Any) -> None:
        data = out.with_suffix(".csv")
        for path in (out, data):
            check_output(path)
            if path.exists() and not force:
                raise OptionError(f"'{path}' is there already", hint="--force writes over it")
        given = {name.removeprefix("setting_"): value for name, value in options.items() if value is not None}
        made = new_netlist(kind, data.name, **given)
        deliver(made.data, data)
        deliver(made.netlist, out)
        say(f"written   {out} and {data}")

    return new


for _kind, _topology in TOPOLOGIES.items():
    command.add_command(_subcommand(_kind, _topology))
