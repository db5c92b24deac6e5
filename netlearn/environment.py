"""What variables of the environment say."""

from __future__ import annotations

import os
from collections.abc import Sequence

from netlearn.errors import OptionError


def count_named(variable: str, of: str) -> int | None:
    """How many ``of`` something a variable allows, None where it is not set.

    Raises OptionError where it names no whole number of at least one.
    """
    named = os.environ.get(variable, "").strip()
    if not named:
        return None
    if not named.isascii() or not named.isdigit() or len(named) > 18 or int(named) < 1:
        raise OptionError(f"{variable} is '{named}', which is not a number of {of}", hint="give 1 or more")
    return int(named)


def choice_named(variable: str, choices: Sequence[str]) -> str:
    """What of ``choices`` a variable names, the first of them where it is not set.

    Raises OptionError where it names something else.
    """
    named = os.environ.get(variable, "").strip() or choices[0]
    if named not in choices:
        raise OptionError(f"{variable} is '{named}'", hint=f"it can be {' or '.join(choices)}")
    return named
