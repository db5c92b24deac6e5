"""Operating points of whole circuits of every device, node by node and branch by branch, against ngspice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlearnError
from netlearn.solve.internal import InternalSolver

TEXT = (Path(__file__).parent / "device_circuits.txt").read_text(encoding="utf-8")


def circuits() -> list[tuple[str, str]]:
    """Names and netlists, one for each circuit and temperature."""
    found = []
    for block in re.split(r"^= ", TEXT, flags=re.MULTILINE)[1:]:
        name, temperatures, *lines = block.rstrip().splitlines()
        for celsius in temperatures.removeprefix("@").split():
            deck = "\n".join([name, *lines, f".temp {celsius}"])
            found.append((f"{name}, {celsius} degrees", deck))
    return found


def test_there_are_enough_circuits():
    names = {deck.splitlines()[0] for _, deck in circuits()}
    assert len(names) >= 80
    assert len(circuits()) >= 150


@pytest.mark.ngspice
def test_every_voltage_and_current(ngspice):
    cases = circuits()
    solver = InternalSolver()
    wrong, compared = [], 0
    for (name, deck), listed in zip(cases, ngspice.run_many([deck for _, deck in cases]), strict=True):
        settings = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12"
        try:
            circuit = netlearn.elaborate(netlearn.parse(f"{deck}\n{settings}\n.end\n")).circuit
            x = solver.solve(circuit).x[0]
        except NetlearnError as error:
            wrong.append(f"{name}: {error}")
            continue
        found = {f"v({node})": x[i] for i, node in enumerate(circuit.nodes)}
        found |= {f"i({branch})": x[len(circuit.nodes) + i] for i, branch in enumerate(circuit.branches)}
        # A polynomial source is a code model in ngspice, whose current has that model's name.
        theirs = {key.replace("a$poly$", ""): value for key, value in listed.items()}
        # Unknowns inside elements have names of their own in each program; what is outside depends on them.
        outside = sorted(key for key in found if "#" not in key)
        missing = [key for key in outside if key not in theirs]
        if missing:
            wrong.append(f"{name}: ngspice has no {missing}")
        for key in set(outside) - set(missing):
            if abs(found[key] - theirs[key]) > 1e-6 * abs(theirs[key]) + 1e-9:
                wrong.append(f"{name}: {key} is {found[key]!r}, in ngspice {theirs[key]!r}")
        compared += len(outside)
    assert compared > 900
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:40])
