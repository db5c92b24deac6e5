"""How much a netlist may come to: a few lines of subcircuits within subcircuits can ask for more than any memory."""

from __future__ import annotations

from netlearn.environment import count_named

VARIABLE = "NETLEARN_MOST_ELEMENTS"
"""The variable of the environment that says how many elements, instances and their parameters there may be."""
MOST_ELEMENTS = 4_000_000
"""How many there may be where the environment says nothing, by convention: a gigabyte, as a resistor takes some 250
bytes until the circuit is made (benchmarks/constants_of_reading.py)."""


def most_elements() -> int:
    """How many there may be. Raises OptionError where the environment names no number of them."""
    return count_named(VARIABLE, "elements") or MOST_ELEMENTS
