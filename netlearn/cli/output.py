"""Where text goes that a command makes: to a file, or to the standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from netlearn.atomic import Destination, check_output, write_atomically
from netlearn.errors import OutputError, visible

OTHER = "name another file"

FilePath = click.Path(path_type=Path)

out_option = click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [the standard output].")


def beside(path: Path, ending: str, named: Path | None, force: bool = False) -> Destination:
    """Where the user wants a file, or else one beside ``path`` that is called like it but for its ending."""
    return Destination(named or path.parent / f"{path.stem}{ending}", named is not None, force)


def check_outputs(*places: Destination, inputs: Iterable[Path | None] = ()) -> None:
    """Say before the work, not after, that a file cannot be written, or that it is used twice. Raises OutputError."""
    read = {os.path.realpath(path) for path in inputs if path is not None}
    for place in places:
        if place.replaced in read:
            raise OutputError(f"'{place.path}' is read or written by this command for something else", hint=OTHER)
        check_output(place.path, follow=place.named)
        read.add(place.replaced)


def say(text: str, err: bool = False) -> None:
    """Print a line for people, in which nothing can make the terminal do anything but show it."""
    try:
        click.echo(visible(text), err=err)
    except OSError:
        # Nobody is left who could read that something went wrong.
        if not err:
            raise


def deliver(text: str, out: Path | None = None) -> None:
    """Write the text to ``out``, moved into place when it is whole, or print it.

    Bytes that are no UTF-8 in the file that it came from are so again. A terminal shows them escaped.
    """
    if out is not None:
        write_atomically(out, text.encode("utf-8", "surrogateescape"))
    elif sys.stdout.isatty():
        click.echo(visible(text), nl=False)
    else:
        click.echo(text.encode("utf-8", "surrogateescape"), nl=False)
