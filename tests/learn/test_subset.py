import numpy as np
import pytest

from netlearn.errors import OptionError
from netlearn.learn.subset import Subset

NAMES = [f"R{k}" for k in range(8)] + ["Rbias1", "Rbias2"]
GRADIENT = np.array([0.1, -5.0, 0.2, 3.0, 0.0, 0.3, -0.4, 1.0, 9.0, 9.0])


def draw(subset: Subset, block: int = 0, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    mask = subset.draw(subset.candidates(NAMES), GRADIENT, block, 0, rng)
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


def test_at_least_one_is_chosen() -> None:
    assert len(draw(Subset(1e-6))) == 1


def test_a_pattern_without_a_match_is_an_error() -> None:
    with pytest.raises(OptionError, match="no trained parameter matches 'Rbais1'"):
        Subset(only="Rbais1").candidates(NAMES)
