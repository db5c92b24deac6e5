"""What ngspice says of a circuit that it cannot solve, in the user's names."""

from __future__ import annotations

import re

from netlearn.circuit.circuit import Circuit
from netlearn.errors import CircuitError, ConvergenceError

SINGULAR = re.compile(r"singular matrix:.*?check nodes? (\S+)", re.IGNORECASE)


class Crashed(Exception):
    """ngspice's process is gone; the argument says how."""


def not_found(circuit: Circuit, sample: int, said: str) -> CircuitError:
    """The error for a sample without an operating point, from what ngspice said of it."""
    singular = SINGULAR.search(said)
    if singular:
        place = _unknown(circuit, singular.group(1))
        return CircuitError(
            f"ngspice finds the circuit's matrix singular at {place} (sample {sample})",
            hint="look for a node with no DC path to ground or a loop of voltage sources",
        )
    last = [line.strip() for line in said.splitlines() if "error" in line.lower() or "fail" in line.lower()]
    return ConvergenceError(
        f"ngspice found no operating point for sample {sample}" + (f": {last[0]}" if last else ""),
        hint="try looser tolerances or a .nodeset",
    )


def _unknown(circuit: Circuit, word: str) -> str:
    """A generated name as the user knows it."""
    found = re.match(r"n(\d+)$", word)
    if found and int(found.group(1)) < len(circuit.nodes):
        return f"node '{circuit.nodes[int(found.group(1))]}'"
    return "a branch"
