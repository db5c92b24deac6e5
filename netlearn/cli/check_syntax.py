"""``netlearn check-syntax``: can these files be read?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from netlearn.cli.options import allow, as_json, quiet
from netlearn.cli.output import FilePath, say
from netlearn.errors import NetlearnError, raise_all, warn
from netlearn.json_text import json_text
from netlearn.netlist.lint import remarks
from netlearn.netlist.netlist import Netlist, read
from netlearn.netlist.parser import MOST_ERRORS
from netlearn.netlist.statements import Block, Broken, Card, Conditional, Element, Section, Statement, Subcircuit


@click.command(name="check-syntax", short_help="Say whether files can be read.")
@click.argument("files", type=FilePath, nargs=-1, required=True, metavar="FILE...")
@allow
@as_json
@quiet
@click.pass_context
def command(
    ctx: click.Context, /, *, files: tuple[Path, ...], allow: tuple[Path, ...], as_json: bool, quiet: bool
) -> None:
    """Read FILEs with all that they include, and say what is wrong, or count what is in them.

    Exits with 2 if any cannot be read.
    """
    results: list[dict[str, object]] = []
    for path in files:
        try:
            netlist = read(path, allow)
            raise_all([error for part in netlist.walk() for error in _broken(part)][:MOST_ERRORS])
            counts, error = _counts(netlist), ""
            for remark in remarks(netlist):
                warn(remark)
        except NetlearnError as wrong:
            counts, error = {}, str(wrong)
        results.append({"file": path, "error": error or None, "counts": counts})
        if not as_json and error:
            say(error, err=True)
        elif not as_json and not quiet:
            shown = ", ".join(f"{count} {name}" for name, count in counts.items())
            say(f"{path}: good: {shown or 'nothing but comments'}")
    if as_json:
        say(json_text(results))
    bad = sum(result["error"] is not None for result in results)
    if len(files) > 1 and not quiet and not as_json:
        say(f"{len(files)} files, {bad} of them cannot be read")
    if bad:
        ctx.exit(NetlearnError.exit_code)


def _broken(part: Netlist) -> Iterator[NetlearnError]:
    """What is wrong in parts of a file, whether or not a circuit would use them."""
    for statement in _flat(part.statements):
        if isinstance(statement, Broken):
            yield statement.error
    yield from part.broken.values()


def _counts(netlist: Netlist) -> dict[str, int]:
    """How many elements of each letter and cards of each name the files hold."""
    counts: Counter[str] = Counter()
    for part in netlist.walk():
        for statement in _flat(part.statements):
            if isinstance(statement, Block):
                counts[statement.letter] += len(statement.values)
            elif isinstance(statement, Element):
                counts[statement.letter] += 1
            elif isinstance(statement, Card):
                counts[f".{statement.name}"] += 1
            elif isinstance(statement, Subcircuit):
                counts[".subckt"] += 1
    return dict(sorted(counts.items()))


def _flat(statements: Iterable[Statement]) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        if isinstance(statement, Subcircuit | Section):
            yield from _flat(statement.body)
        elif isinstance(statement, Conditional):
            for branch in statement.alternatives:
                yield from _flat(branch.body)
