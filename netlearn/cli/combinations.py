"""Options that mean something only beside others: where they would not count they are refused, never passed over."""

from __future__ import annotations

import click
from click.core import ParameterSource

from netlearn.errors import OptionError

NEITHER = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


def given(*names: str) -> list[str]:
    """Those of the options, by their names such as ``--draws``, that the user has given."""
    context = click.get_current_context(silent=True)
    if context is None:
        return []
    return [
        name
        for name in names
        for parameter in context.command.params
        if name in parameter.opts and context.get_parameter_source(parameter.name or "") not in NEITHER
    ]


def refuse(*names: str, beside: str, hint: str) -> None:
    """Raise OptionError where one of the options is given, which has no effect ``beside`` what else is given."""
    for name in given(*names):
        raise OptionError(f"{name} has no effect {beside}", hint=hint)


def one_format(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Refuse a second format of what is printed. Raises OptionError."""
    if value:
        before = ctx.meta.setdefault("netlearn.format", parameter.opts[0])
        if before != parameter.opts[0]:
            raise OptionError(f"{before} and {parameter.opts[0]} are two formats of the same", hint="give one of them")
    return value
