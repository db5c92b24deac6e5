"""``netlearn flatten``: a netlist without its hierarchy."""

from __future__ import annotations

from pathlib import Path

import click

from netlearn.atomic import Destination
from netlearn.cli.options import allow, netlist_argument
from netlearn.cli.output import check_outputs, deliver, out_option
from netlearn.exports import flatten
from netlearn.netlist.netlist import parse, read
from netlearn.netlist.output_check import read_with


@click.command(name="flatten", short_help="Write a netlist without its hierarchy.")
@netlist_argument
@out_option
@allow
def command(netlist: Path, out: Path | None, allow: tuple[Path, ...]) -> None:
    """Write the circuit of FILE flat: subcircuits, parameters, expressions and included files worked out.

    Capacitors, waveforms, small signals, initial voltages and the analyses .tran and .ac are kept; what is left out
    is said.
    """
    if out is not None:
        check_outputs(Destination(out), inputs=(netlist,))
    source = read(netlist, allow)
    text = flatten(source)
    if out is not None:
        check_outputs(Destination(out), inputs=read_with(source))
    if out is not None and source.is_moved(out):
        # As what it was made of, it names its data from where it is written.
        parse(text, source.source.path).save(out)
    else:
        deliver(text, out)
