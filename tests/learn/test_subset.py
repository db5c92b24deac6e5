from typing import Any

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import RESISTOR
from netlearn.circuit.parameters import Direct, Parameters
from netlearn.errors import OptionError
from netlearn.learn.subset import Subset

NAMES = [f"R{k}" for k in range(8)] + ["Rbias1", "Rbias2"]
# A chain from ground through nodes n0, n1, ... back to ground, whose last two share one value.
ENDS = np.array([(k - 1, k) for k in range(10)] + [(9, GROUND)])
CIRCUIT = Circuit(
    [f"n{k}" for k in range(10)],
    [],
    (Group(RESISTOR, [f"e{k}" for k in range(11)], ENDS, {"resistance": np.ones(11)}),),
)
ELEMENTS = np.arange(11)
BINDING = Direct((0, "resistance"), ELEMENTS, np.minimum(ELEMENTS, 9), np.ones(11))
ONES = np.ones(10)
PARAMETERS = Parameters(CIRCUIT, NAMES, ONES, 0 * ONES, 9 * ONES, ONES > 0, (BINDING,))
GRADIENT = np.array([0.1, -5.0, 0.2, 3.0, 0.0, 0.3, -0.4, 1.0, 9.0, 9.0])


def draw(subset: Subset, block: int = 0, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    mask = subset.draw(subset.candidates(PARAMETERS), GRADIENT, block, 0, rng)
    return [name for name, chosen in zip(NAMES, mask, strict=True) if chosen]


def test_largest_takes_the_largest_derivatives_of_those_that_match() -> None:
    assert draw(Subset(0.25, by="largest", only="r?")) == ["R1", "R3"]


def test_random_has_the_right_size_and_depends_on_the_generator_only() -> None:
    drawn = [tuple(draw(Subset(0.3), seed=seed)) for seed in range(20)]
    assert {len(d) for d in drawn} == {3}
    assert len(set(drawn)) > 5
    assert tuple(draw(Subset(0.3), seed=4)) == drawn[4]


def test_turns_touch_every_parameter_once() -> None:
    blocks = [draw(Subset(0.2, by="turns"), block) for block in range(5)]
    assert sorted(sum(blocks, [])) == sorted(NAMES)  # noqa: RUF017 a few names


def test_a_fraction_that_selects_nothing_is_an_error() -> None:
    with pytest.raises(OptionError, match="selects nothing of 10") as caught:
        Subset(0.01).candidates(PARAMETERS)
    assert "0.1 selects one" in caught.value.hint
    assert len(draw(Subset(0.1))) == 1


def test_a_pattern_without_a_match_is_an_error() -> None:
    with pytest.raises(OptionError, match="no trained parameter matches 'Rbais1'"):
        Subset(only="Rbais1").candidates(PARAMETERS)
    with pytest.raises(OptionError, match="no node matches 'm1'"):
        Subset(nodes="m1").candidates(PARAMETERS)
    with pytest.raises(OptionError, match="no trained parameter that matches 'R1' touches a node 'n7'"):
        Subset(nodes="n7", only="R1").candidates(PARAMETERS)


def test_nodes_choose_what_touches_them() -> None:
    def chosen(**settings: Any) -> list[str]:
        mask = Subset(**settings).candidates(PARAMETERS)
        return [name for name, one in zip(NAMES, mask, strict=True) if one]

    assert chosen(nodes="n0") == ["R0", "R1"]
    assert chosen(nodes="(N3, n5)".replace(" ", "")) == ["R3", "R4", "R5", "R6"]
    assert chosen(nodes="n9") == ["Rbias2"]
    assert chosen(nodes="n8") == ["Rbias1", "Rbias2"]
    assert chosen(nodes="n[0-3]", only="(R1,R4,R7)") == ["R1", "R4"]
