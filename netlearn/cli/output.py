"""Where text goes that a command makes: to a file, or to the standard output."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from netlearn.atomic import write_atomically
from netlearn.errors import OptionError, visible

FilePath = click.Path(path_type=Path)

out_option = click.option("-o", "--out", type=FilePath, metavar="FILE", help="Where to write [the standard output].")


def check_writable(path: Path) -> None:
    """Say before the work, not after, that a file cannot be written. Raises OptionError."""
    if path.is_dir():
        raise OptionError(f"'{path}' is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise OptionError(f"there is no folder '{path.parent}' to write '{path.name}' into")


def say(text: str, err: bool = False) -> None:
    """Print a line for people, in which nothing can make the terminal do anything but show it."""
    click.echo(visible(text), err=err)


def deliver(text: str, out: Path | None = None) -> None:
    """Write the text to ``out``, moved into place when it is whole, or print it.

    Bytes that are no UTF-8 in the file that it came from are so again. A terminal shows them escaped.
    """
    if out is not None:
        check_writable(out)
        write_atomically(out, text.encode("utf-8", "surrogateescape"))
    elif sys.stdout.isatty():
        click.echo(visible(text), nl=False)
    else:
        click.echo(text.encode("utf-8", "surrogateescape"), nl=False)
