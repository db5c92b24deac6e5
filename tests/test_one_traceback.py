"""In Python an error that the user can mend shows one traceback, not a chain of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlearnError

XOR = Path(__file__).resolve().parents[1] / "netlists" / "xor.cir"

MISTAKES: dict[str, Callable[[], object]] = {
    "a wrong option": lambda: netlearn.train(XOR, optimizer="adam lr=-1"),
    "an unknown setting": lambda: netlearn.train(XOR, optimizr="adam"),  # type: ignore[call-arg]
    "a missing netlist": lambda: netlearn.read("nowhere.cir"),
    "a loop of sources": lambda: netlearn.operating_point(netlearn.parse("t\nV1 a 0 1\nV2 a 0 2\nR1 a 0 1\n")),
    "an unknown parameter": lambda: netlearn.elaborate(netlearn.parse("t\nR1 a 0 {x}\n")),
    "missing data": lambda: netlearn.train(XOR, data="nothing.csv"),
    "a pattern without a match": lambda: netlearn.train(XOR, train="Q*"),
    "all that is trained is fixed": lambda: netlearn.train(XOR, train="R*", fix="R*"),
    "an unknown probe": lambda: netlearn.sensitivities(XOR, "V(nowhere)"),
    "an unknown form": lambda: netlearn.export(XOR, "ngspyce"),  # type: ignore[arg-type]
    "a chip that raises": lambda: netlearn.train(XOR, forward=lambda values, inputs: 1 / 0),
    "a program that is not there": lambda: netlearn.train(XOR, forward="command:no-such-program"),
    "an unknown solver": lambda: netlearn.evaluate(XOR, forward="spice"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_there_is_one_traceback(mistake: str) -> None:
    with pytest.raises(NetlearnError) as caught:
        MISTAKES[mistake]()
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1, shown
