"""Weights of classes, against data in which samples stand as often as they count."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError

NETLIST = """* two inputs, three classes
*@input V1 V2
*@output V(a) V(b) V(c)
*@classes red green blue
V1 x 0 0
V2 y 0 0
R1 x a 1k
R2 y a 2k
R3 x b 3k
R4 y b 1k
R5 a b 5k
R6 b c 2k
R7 c 0 1k
D1 x c dm
.model dm d is=1n
"""


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (12, 2)), np.array(["red", "green", "blue"])[rng.integers(0, 3, 12)]


@pytest.mark.parametrize("rule", ["analytic", "holomorphic beta=0.01", "spsa", "gauss-newton", "ep beta=0.01", "al"])
def test_a_sample_that_counts_three_times_stands_for_three(rule: str) -> None:
    # One nudge three times as large is three nudges where states move in proportion.
    text = NETLIST.replace("D1", "*D1") if rule.startswith(("ep", "al")) else NETLIST
    x, y = data()
    often = np.concatenate([np.arange(12), *[np.flatnonzero(y == "green")] * 2])
    share = len(often) / 12
    weighted = netlearn.Trainer(netlearn.parse(text), rule=rule, loss="cross_entropy scale=5 weights=1,3,1")
    repeated = netlearn.Trainer(netlearn.parse(text), rule=rule, loss="cross_entropy scale=5")
    one, other = weighted.estimate(x, y), repeated.estimate(x[often], y[often])
    assert one.loss == pytest.approx(other.loss * share, rel=1e-12)
    # Steps of Gauss-Newton's do not depend on what the loss is multiplied by.
    wanted = other.gradient * (1 if rule == "gauss-newton" else share)
    np.testing.assert_allclose(one.gradient, wanted, rtol=1e-6, atol=1e-9 * abs(wanted).max())


def test_what_counts_nothing_is_as_if_it_were_not_there() -> None:
    x, y = data()
    netlist = netlearn.parse(NETLIST)
    left = y != "blue"
    kept = netlearn.train(netlist, x[left], y[left], loss="cross_entropy scale=5", epochs=30)
    result = netlearn.train(netlist, x, y, loss="cross_entropy scale=5 weights=1,1,0", epochs=30)
    # Adam's steps do not feel that the mean is over more samples, but for its small constant.
    np.testing.assert_allclose(result.theta, kept.theta, rtol=1e-5)
    assert result.loss == pytest.approx(kept.loss * left.mean(), rel=1e-5)


def test_weights_are_as_many_as_the_classes() -> None:
    x, y = data()
    for run in (
        lambda: netlearn.train(netlearn.parse(NETLIST), x, y, loss="cross_entropy weights=1,2"),
        lambda: netlearn.Trainer(netlearn.parse(NETLIST), loss="cross_entropy weights=1,2"),
    ):
        with pytest.raises(OptionError, match=r"there are 2 weights for 3 classes\n.*red, green, blue"):
            run()
