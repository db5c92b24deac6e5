"""``netlearn import-values``: a measured matrix into the cells of a crossbar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlearn.cli.help import SectionedCommand
from netlearn.cli.options import allow, directive_options, netlist_argument, overrides, quiet
from netlearn.cli.output import FilePath, beside, check_outputs, say
from netlearn.matrices import import_values
from netlearn.netlist.netlist import read


@click.command(
    cls=SectionedCommand, name="import-values", short_help="Put a measured matrix into the cells of a crossbar."
)
@netlist_argument
@click.argument("matrix", type=FilePath, metavar="MATRIX")
@click.option(
    "-o", "--out", type=FilePath, metavar="FILE", help="Where to write [FILE.measured.cir next to the input]."
)
@directive_options("train")
@allow
@click.option("--force", is_flag=True, help="Write over files of other origin.")
@quiet
def command(
    *,
    netlist: Path,
    matrix: Path,
    out: Path | None,
    allow: tuple[Path, ...],
    force: bool,
    quiet: bool,
    **directives: Any,
) -> None:
    """Write FILE with the conductances of MATRIX in the cells of its crossbar; nothing else changes.

    MATRIX is what 'export --to matrix' writes, CSV or .npz; or a .npy file or CSV of the matrix by itself, with or
    without the names of rows and columns. --train says which values are the cells.
    """
    target = beside(netlist, f".measured{netlist.suffix or '.cir'}", out, force)
    check_outputs(target, inputs=(netlist, matrix))
    before = read(netlist, allow)
    import_values(before, matrix, out=target, **overrides(directives))
    if not quiet:
        say(f"written   {target.path}")
