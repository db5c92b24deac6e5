"""Transmission lines and shunts in the decks that netlearn writes, against its own equations."""

from __future__ import annotations

from pathlib import Path

import pytest

import netlearn
from netlearn.ngspice import solver as ngspice_module
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.difference import compare
from netlearn.solve.internal import InternalSolver

pytestmark = pytest.mark.ngspice

FOLDER = Path(__file__).parents[1] / "elaboration" / "as_written"
DECKS = {
    deck.splitlines()[0][2:]: deck
    for name in ("lines", "shunts", "temperatures")
    for deck in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n")
}


@pytest.fixture(scope="module")
def solver():
    with NgspiceSolver(processes=1) as solver:
        yield solver


@pytest.mark.filterwarnings("ignore::netlearn.errors.NetlistWarning")
@pytest.mark.parametrize("name", DECKS)
def test_every_unknown_is_the_same(name, solver, libngspice):
    circuit = netlearn.elaborate(netlearn.parse(f"{DECKS[name]}\n.end\n")).circuit
    assert compare(InternalSolver().solve(circuit), solver.solve(circuit), floor=1e-9).within(1e-8)


def test_batch_mode_finds_the_currents_of_lines_too(solver, ngspice, libngspice, monkeypatch):
    deck = next(deck for name, deck in DECKS.items() if "references of its own" in name)
    circuit = netlearn.elaborate(netlearn.parse(f"{deck}\n.end\n")).circuit
    expected = solver.solve(circuit)
    monkeypatch.setattr(ngspice_module, "library", lambda: None)
    assert compare(NgspiceSolver().solve(circuit), expected, floor=1e-9).within(1e-9)
