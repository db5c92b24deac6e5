"""Where text goes that a command makes: to a file, or to the standard output."""

from __future__ import annotations

from pathlib import Path

import click

from netlearn.atomic import write_atomically
from netlearn.errors import OptionError

FilePath = click.Path(path_type=Path)

out_option = click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [the standard output].")


def check_writable(path: Path) -> None:
    """Say before the work, not after, that a file cannot be written. Raises OptionError."""
    if path.is_dir():
        raise OptionError(f"'{path}' is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise OptionError(f"there is no folder '{path.parent}' to write '{path.name}' into")


def deliver(text: str, out: Path | None) -> None:
    """Write the text to ``out``, moved into place when it is whole, or print it."""
    if out is None:
        click.echo(text, nl=False)
    else:
        check_writable(out)
        write_atomically(out, text.encode())
