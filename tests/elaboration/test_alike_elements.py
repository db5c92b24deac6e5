"""Elements that give their model the same values, each with numbers of its own."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.elaboration.design import Selection
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError


@pytest.mark.parametrize("options", ["", ".options scale=0.5", ".param p=3", ".model nch2 nmos(ld=0.1)"])
def test_alike_transistors_have_their_own_sizes(options: str) -> None:
    lines = ["M1 d1 g 0 0 nch w=3 l=2", "M2 d2 g 0 0 nch w=3 l=2", "M3 d3 g 0 0 nch w=4 l=2", "M4 d4 g 0 0 nch w=3 l=2"]
    text = "\n".join(["alike", *lines, ".model nch nmos(ld=0.1)", options, ".end"])
    design = elaborate(netlearn.parse(text))
    before = {name: np.array(value) for name, value in design.circuit.groups[0].values.items()}
    trained = design.parameters([Selection("m2.w", 1e-9, 1e9), Selection("m4.l", 1e-9, 1e9)])
    after = trained.apply(np.array([7.0, 1.5])).groups[0].values
    alone = elaborate(
        netlearn.parse(text.replace(lines[1], "M2 d2 g 0 0 nch w=7 l=2").replace(lines[3], lines[3][:-1] + "1.5"))
    )
    for name, value in alone.circuit.groups[0].values.items():
        assert np.allclose(after[name], value, rtol=1e-15, equal_nan=True), name
    same = [np.isclose(after[name], value, rtol=1e-15, equal_nan=True) for name, value in before.items()]
    assert np.all(same, axis=0).tolist() == [True, False, True, False]


def test_inductors_across_a_voltage_are_found_among_many() -> None:
    lines = [f"L{i} n{i} n{i % 7} 1m" for i in range(30)]
    loops = ["V1 a 0 1", "V2 b c 0", "La a x 1m", "Lb x b 1m", "V3 y 0 0", "Lc y n3 1u"]
    elaborate(netlearn.parse("\n".join(["title", *lines, *loops])))
    with pytest.raises(NetlearnError, match=r"inductor 'ld' lies across -?1 V"):
        elaborate(netlearn.parse("\n".join(["title", *lines, *loops, "Ld c n3 1m"])))
