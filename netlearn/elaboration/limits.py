"""How much a netlist may come to: a few lines of subcircuits within subcircuits can ask for more than any memory."""

from __future__ import annotations

import os

from netlearn.errors import OptionError

VARIABLE = "NETLEARN_MOST_ELEMENTS"
"""The variable of the environment that says how many elements, instances and their parameters there may be."""
MOST_ELEMENTS = 4_000_000


def most_elements() -> int:
    """How many there may be. Raises OptionError where the environment names no number of them."""
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        return MOST_ELEMENTS
    if not named.isascii() or not named.isdigit() or int(named) < 1:
        raise OptionError(f"{VARIABLE} is '{named}', which is not a number of elements", hint="give 1 or more")
    return int(named)
