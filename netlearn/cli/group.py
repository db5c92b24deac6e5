"""The group of commands, each in a module of its own that is imported when it is needed."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from netlearn.cli import INTERRUPTED
from netlearn.cli.output import say
from netlearn.errors import NetlearnError, NetlistWarning

COMMANDS = (
    "train",
    "eval",
    "predict",
    "op",
    "info",
    "check",
    "sens",
    "tolerance",
    "round",
    "calibrate",
    "influence",
    "unlearn",
    "report",
    "compare",
    "sweep",
    "new",
    "check-syntax",
    "flatten",
    "export",
    "import-values",
    "help",
)

BEYOND_ADDRESSES = (
    "array is too big",
    "Maximum allowed dimension exceeded",
    "Maximum allowed size exceeded",
    "Python int too large to convert to C",
    "cannot fit 'int' into an index-sized integer",
)
"""How numpy and Python begin to say that something would have more bytes or entries than can be counted."""


class Commands(click.Group):
    """Finds commands by name and turns the library's errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"netlearn.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(COMMANDS)}"
            ctx.fail(f"there is no command '{args[0]}': {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _Warnings()  # type: ignore[assignment]
                return super().invoke(ctx)
        except NetlearnError as error:
            say(str(error), err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            say("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            raise
        except OSError as error:
            say(f"error: {error.filename or 'the system'}: {error.strerror or error}", err=True)
            ctx.exit(NetlearnError.exit_code)
        except (MemoryError, ValueError, OverflowError) as error:
            if not isinstance(error, MemoryError) and not str(error).startswith(BEYOND_ADDRESSES):
                raise
            said = f": {error}" if str(error) else ""
            say(f"error: there is not enough memory{said[0].lower() + said[1:] if said else ''}", err=True)
            ctx.exit(NetlearnError.exit_code)


class _Warnings:
    """Shows each warning once, as a line of its own, without the place in the program that a user has no use for."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def __call__(self, message: Warning | str, category: type[Warning], *_: object) -> None:
        context = click.get_current_context(silent=True)
        text = str(message) if isinstance(message, NetlistWarning) else f"warning: {message}"
        if text in self._shown or (context is not None and context.params.get("quiet")):
            return
        self._shown.add(text)
        say(text, err=True)


@click.group(
    name="netlearn", cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="netlearn")
def main() -> None:
    """Train resistive networks written as SPICE netlists.

    The training task stands in the netlist as *@ comments; every directive has an option of
    the same name, and the option wins.
    """
