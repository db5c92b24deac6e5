"""What circuits with other values share."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VOLTAGE_SOURCE
from netlearn.circuit.wiring import MOST_KEPT, Wiring
from netlearn.solve.equations.assembly import MatrixTopology
from netlearn.solve.equations.source_reduction import SourceReduction
from netlearn.solve.internal import InternalSolver


def divider() -> Circuit:
    sources = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array([3.0])})
    resistors = Group(RESISTOR, ["r1", "r2"], np.array([[0, 1], [1, GROUND]]), {"resistance": np.array([1e3, 2e3])})
    return Circuit(["in", "out"], ["v1"], (sources, resistors))


def pull(amperes: float, node: int = 1) -> Group:
    return Group(CURRENT_SOURCE, ["i1"], np.array([[node, GROUND]]), {"dc": np.array([amperes])})


def test_other_values_have_the_same_wiring_and_what_follows_from_it() -> None:
    circuit = divider()
    other = circuit.with_values({(1, "resistance"): np.array([1e3, 1e3])})
    assert other.wiring is circuit.wiring
    assert MatrixTopology.of(other) is MatrixTopology.of(circuit)
    assert SourceReduction.of(other) is SourceReduction.of(circuit)
    assert InternalSolver().solve(other).voltage("out")[0] == 1.5


def test_other_connections_have_another_wiring_even_where_it_is_handed_on() -> None:
    circuit = divider()
    resistors = replace(circuit.groups[1], index=np.array([[1, 0], [1, GROUND]]))
    assert replace(circuit, groups=(circuit.groups[0], resistors)).wiring is not circuit.wiring
    assert replace(circuit, nodes=["in", "end"]).wiring is not circuit.wiring
    # An array of other numbers at the place in memory of one that is gone must not be taken for it.
    for ends in ([[0, 1], [1, GROUND]], [[1, 1], [0, GROUND]], [[0, GROUND], [1, 0]]) * 3:
        moved = replace(circuit, groups=(circuit.groups[0], replace(resistors, index=np.array(ends))))
        rows, columns = MatrixTopology.of(moved).rows, MatrixTopology.of(moved).columns
        coupled = ((rows == 0) & (columns == 1)).any()
        assert coupled == ([0, 1] in ends or [1, 0] in ends)


def test_the_same_elements_added_again_have_the_same_wiring_again() -> None:
    circuit = divider()
    once, again = (circuit.with_elements([pull(amperes)]) for amperes in (0.0, 1e-3))
    assert once.wiring is again.wiring
    assert once.wiring is not circuit.wiring
    assert circuit.with_elements([pull(0.0, 0)]).wiring is not once.wiring
    voltages = [InternalSolver().solve(each).voltage("out")[0] for each in (once, again)]
    np.testing.assert_allclose(voltages, [2.0, 2.0 - 1e-3 * 2e3 / 3], rtol=1e-12)


def test_added_branches_stand_behind_all_unknowns() -> None:
    clamp = Group(VOLTAGE_SOURCE, ["v2"], np.array([[1, GROUND, 3]]), {"dc": np.array([1.0])})
    point = InternalSolver().solve(divider().with_elements([clamp], ["v2"]))
    np.testing.assert_allclose(point.x, [[3.0, 1.0, -2e-3, 2e-3 - 5e-4]], rtol=1e-12)


def test_a_wiring_keeps_a_limited_number_of_results() -> None:
    wiring = divider().wiring
    made: list[int] = []

    def work(key: int) -> int:
        made.append(key)
        return key

    for key in [*range(MOST_KEPT), 0, MOST_KEPT, 0, 1]:
        assert wiring.once(key, partial(work, key)) == key
    # What was used last is kept, and 1 is worked out again.
    assert made == [*range(MOST_KEPT + 1), 1]


def test_a_circuit_is_pickled_without_what_was_worked_out() -> None:
    circuit = divider()
    before = InternalSolver().solve(circuit).x
    again = pickle.loads(pickle.dumps(circuit))
    np.testing.assert_array_equal(InternalSolver().solve(again).x, before)
    assert again.with_values({(0, "dc"): np.array([1.0])}).wiring is again.wiring


class Slow:
    """A key that at one of its looks-up is so slow that others push it out, as other threads may do."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.looks = 0

    def __hash__(self) -> int:
        self.looks -= 1
        if self.looks == 0:
            for key in range(MOST_KEPT):
                self.wiring.once(key, lambda: None)
        return 0


@pytest.mark.parametrize("look", [1, 2, 3, 4])
def test_results_may_be_let_go_by_others_while_they_are_asked_for(look: int) -> None:
    wiring = divider().wiring
    slow = Slow(wiring)
    for _ in range(2):
        slow.looks = look
        assert wiring.once(slow, lambda: "found") == "found"
    slow.looks = 0
    assert wiring.once(slow, lambda: "found again") in ("found", "found again")
