"""Options that commands share, those of the directives among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from netlearn.cli.combinations import one_format
from netlearn.cli.output import FilePath, say
from netlearn.clusters import cluster
from netlearn.errors import OptionError
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.numbers import parse_number
from netlearn.options import Option

Command = TypeVar("Command", bound=Callable[..., Any])


class SpiceNumber(click.ParamType):  # type: ignore[type-arg]
    """A number as netlists have it, such as 10k, too."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Raises BadParameter."""
        if not isinstance(value, str):
            return float(value)
        number = None if value.endswith("%") else parse_number(value)
        if number is None:
            self.fail(f"'{value}' is not a number, such as 1e4 or 10k.", param, ctx)
        return number


class PartNumber(click.ParamType):  # type: ignore[type-arg]
    """A part of something, also in per cent, within the limits of an option if there is one, else at least 0."""

    name = "part"

    def __init__(self, entry: Option | None = None) -> None:
        self.entry = entry or Option("part", float, None, least=0.0, part=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Raises BadParameter."""
        if not isinstance(value, str):
            return float(value)
        number = parse_number(value.removesuffix("%").strip())
        if number is None:
            self.fail(f"'{value}' is not a part of something, such as 0.01 or 1%.", param, ctx)
        # From the decimal, so that 12.3% is the number nearest to 0.123.
        part = float(Decimal(repr(number)) / 100) if value.endswith("%") else number
        try:
            self.entry.check(part)
        except OptionError:
            limits = self.entry.limits.strip()
            meant = f"; for {value} % write {value}%" if number > 1 and not value.endswith("%") else ""
            self.fail(f"'{value}' is not {limits}{meant}.", param, ctx)
        return part


netlist_argument = click.argument("netlist", type=FilePath, metavar="FILE")
as_json = click.option("--json", "as_json", is_flag=True, callback=one_format, help="Print one JSON object.")
quiet = click.option("--quiet", "-q", is_flag=True, help="Print no more than errors and what other options ask for.")
residual = click.option(
    "--residual", is_flag=True, help="Print what Kirchhoff's laws lack at the operating points, too."
)
allow = click.option(
    "--allow-include",
    "allow",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    metavar="FOLDER",
    help="Let .include and .lib read from this folder too (repeatable). Without it they are confined to the "
    "netlist's own folder.",
)
as_csv = click.option("--csv", "as_csv", is_flag=True, callback=one_format, help="Print CSV.")


training_data = click.option(
    "--data", type=FilePath, metavar="FILE", help="Training samples, in place of the netlist's."
)
test_data = click.option("--test", type=FilePath, metavar="FILE", help="Test samples, in place of the netlist's.")
all_samples = click.option(
    "--data", type=FilePath, metavar="FILE", help="Samples [the netlist's training and test data]."
)
so_many = click.option(
    "--samples", type=click.IntRange(min=1), metavar="N", help="Number of samples, evenly spread [all]."
)


def tolerance(default: float) -> Callable[[Command], Command]:
    """How far results may differ, relative."""
    return click.option(
        "--tolerance",
        type=PartNumber(),
        metavar="PART",
        default=default,
        show_default=True,
        help="Relative difference that passes.",
    )


_scheduler = click.option(
    "--scheduler", metavar="ADDRESS", help="Work on the workers of a Dask scheduler, such as tcp://host:8786."
)
_local_cluster = click.option(
    "--local-cluster", type=click.IntRange(min=1), metavar="N", help="Work on a Dask cluster of N processes here."
)


def cluster_options(command: Command) -> Command:
    """Where the work is done, if not in this process or its own."""
    return _scheduler(_local_cluster(command))


@contextmanager
def workers_of(scheduler: str | None, local_cluster: int | None, quiet: bool) -> Iterator[Executor | None]:
    """The executor that the options name, if they name one; says where its dashboard is."""
    if scheduler is None and local_cluster is None:
        yield None
        return
    with cluster(scheduler, workers=local_cluster) as executor:
        if not quiet and executor.dashboard:  # type: ignore[attr-defined]
            say(f"dashboard {executor.dashboard}", err=True)  # type: ignore[attr-defined]
        yield executor


vary = click.option(
    "--vary",
    multiple=True,
    metavar="'NAME=VALUE,...'",
    help='A setting and its values, such as "optimizer.lr=0.01,0.1" or "rule=analytic,cl beta=0.01" (repeatable; all '
    "combinations are trained).",
)
trainings_at_a_time = click.option(
    "--processes", type=click.IntRange(min=1), metavar="N", help="Trainings at a time [all processors]."
)
scatter_option = click.option(
    "--scatter",
    metavar="RATIO",
    type=float,
    default=2.0,
    show_default=True,
    help="Ratio of other seeds' first values to FILE's.",
)


def directive_options(*names: str) -> Callable[[Command], Command]:
    """An option for each directive (all without ``names``), and one for each of ``*@options``.

    The option of a directive takes what would follow the directive's name.
    """

    def decorate(command: Command) -> Command:
        for name in reversed(names or [name for name in DIRECTIVES if name != "data"]):
            directive = DIRECTIVES[name]
            if name == "options":
                command = option_flags(directive.options)(command)
                continue
            text = " ".join([directive.words, "[NAME=VALUE]..." if directive.options or directive.kinds else ""])
            known = f" ({', '.join(directive.kinds)})" if directive.kinds else ""
            command = click.option(
                f"--{name}",
                f"directive_{name}",
                multiple=True,
                metavar=f"'{text.strip() or 'NAME=VALUE...'}'",
                help=f"{_sentence(directive.help)}{known}.",
            )(command)
        return command

    return decorate


def overrides(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given as options of directives, as the library takes it."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        kind, _, name = key.partition("_")
        if kind == "directive" and value:
            # From a list, each item is one word of these, as it stands: here the words are still to be told apart.
            found[name] = " ".join(value) if name in ("input", "classes") else list(value)
        elif kind == "setting" and value is not None:
            found[name] = value
    return found


def option_flags(entries: Iterable[Option]) -> Callable[[Command], Command]:
    """A plain option for each declared option; it is None where it is not given."""

    def decorate(command: Command) -> Command:
        for entry in reversed(tuple(entries)):
            command = _flag(entry)(command)
        return command

    return decorate


def solver_options(command: Command) -> Command:
    """How the internal solver goes about it, as ``*@options`` says it."""
    return option_flags(entry for entry in DIRECTIVES["options"].options if entry.name in ("solver", "sweeps"))(command)


def _number_of(entry: Option) -> click.ParamType:  # type: ignore[type-arg]
    return PartNumber(entry) if entry.part else SpiceNumber()


def _flag(entry: Option) -> Callable[[Command], Command]:
    if entry.kind is bool and entry.default in (True, False, None):
        said = "" if entry.default is None else f" [{'yes' if entry.default else 'no'}]"
        return click.option(
            f"--{entry.name}/--no-{entry.name}",
            f"setting_{entry.name}",
            default=None,
            help=f"{_sentence(entry.help)}{said}.",
        )
    kind: Any = (
        click.Choice(entry.choices, case_sensitive=False)
        if entry.choices
        else _number_of(entry)
        if entry.kind is float
        else entry.kind
    )
    shown_limits = [entry.limits.strip(), "" if entry.default is None else f"default {entry.default}"]
    shown = "; ".join(part for part in shown_limits if part)
    return click.option(
        f"--{entry.name}",
        f"setting_{entry.name}",
        type=kind,
        metavar=None if entry.choices else "WORD" if entry.kind is str else "N",
        help=f"{_sentence(entry.help)} [{shown}]." if shown else f"{_sentence(entry.help)}.",
    )


def _sentence(help: str) -> str:
    """With a capital at its start, and units and names as they are."""
    return help[:1].upper() + help[1:]
