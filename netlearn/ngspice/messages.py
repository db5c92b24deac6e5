"""What ngspice says of a circuit that it cannot solve, in the user's names."""

from __future__ import annotations

import re

from netlearn.circuit.circuit import Circuit
from netlearn.errors import CircuitError, ConvergenceError, NgspiceError
from netlearn.solve.equations.diagnosis import SHOWN

SINGULAR = re.compile(r"singular matrix:.*?check nodes? (\S+)", re.IGNORECASE)

UNSETTLED = re.compile(r"^(n\d+)\s+\S+\s+\S+\s+\*", re.MULTILINE)
"""A node in ngspice's list of the last two iterations, marked as one that has not converged."""


class Crashed(Exception):
    """ngspice's process is gone; the argument says how."""


class Unloadable(NgspiceError):
    """There is a libngspice, but it cannot be loaded."""


def took_longer(timeout: float, sample: int | None = None) -> NgspiceError:
    """The error for a run that was stopped after ``timeout`` seconds."""
    message = f"ngspice took longer than {timeout:g} s and was stopped"
    return NgspiceError(message, hint="allow more with --timeout", sample=sample)


def not_found(circuit: Circuit, sample: int, said: str) -> CircuitError:
    """The error for a sample without an operating point, from what ngspice said of it."""
    singular = SINGULAR.search(said)
    where = f"the matrix is singular at {_unknown(circuit, singular.group(1))}" if singular else ""
    if where and circuit.linear:
        return CircuitError(
            f"ngspice finds no operating point: {where}",
            hint="look for a node with no DC path to ground or a loop of voltage sources",
            sample=sample,
        )
    lost = [_unknown(circuit, word) for word in dict.fromkeys(UNSETTLED.findall(said))]
    if lost:
        where = f"{', '.join(lost[:SHOWN])}{', ...' if len(lost) > SHOWN else ''} did not settle"
    reasons = [line.strip() for line in said.splitlines() if "error" in line.lower() or "fail" in line.lower()]
    reason = where or (reasons[0] if reasons else "")
    return ConvergenceError(
        "ngspice found no operating point" + (f": {reason}" if reason else ""),
        hint="try a .nodeset, or the internal solver",
        sample=sample,
    )


def _unknown(circuit: Circuit, word: str) -> str:
    """A generated name as the user knows it."""
    found = re.match(r"n(\d+)$", word)
    if found and int(found.group(1)) < len(circuit.nodes):
        return f"node '{circuit.nodes[int(found.group(1))]}'"
    return "a branch"
