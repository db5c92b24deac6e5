"""What is kept of a circuit's values follows them, whatever is done to the arrays that held them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import Circuit, Group
from netlearn.solve.equations import prepared
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.equations.prepared import PreparedCircuit
from netlearn.solve.internal import InternalSolver

TEXT = """t
V1 a 0 1
R1 a b 1k
R2 b c 2k
R3 c 0 3k
D1 b 0 d
Q1 c b 0 q
.model d d(is=1e-12)
.model q npn(bf=80 vaf=60)
.end
"""


def group_with(circuit: Circuit, name: str, device: str = "") -> int:
    """The number of the first group with a value, of a device where that is said."""
    return next(g for g, group in enumerate(circuit.groups) if name in group.values and device in group.device.name)


def sampled(volts: np.ndarray) -> Circuit:
    circuit = netlearn.elaborate(netlearn.parse(TEXT)).circuit
    return circuit.with_values({(group_with(circuit, "dc"), "dc"): volts[:, None]})


def alone(circuit: Circuit) -> np.ndarray:
    """The unknowns by a circuit of which nothing can be known, its arrays being other ones."""
    groups = tuple(
        Group(g.device, list(g.names), np.array(g.index), {n: np.array(v) for n, v in g.values.items()})
        for g in circuit.groups
    )
    return InternalSolver().solve(Circuit(list(circuit.nodes), list(circuit.branches), groups)).x


@pytest.mark.parametrize(("name", "factor"), [("resistance", 3.0), ("bf", 1e-3)])
def test_values_that_are_changed_in_place_count(name: str, factor: float) -> None:
    circuit = sampled(np.linspace(0.5, 3, 9))
    g = group_with(circuit, name)
    values = circuit.groups[g].values[name]
    assert isinstance(values, np.ndarray)
    first = InternalSolver().solve(circuit).x
    np.testing.assert_array_equal(first, alone(circuit))
    other = circuit.with_values({(g, name): np.array(values)})
    values *= factor
    changed = InternalSolver().solve(circuit).x
    np.testing.assert_array_equal(changed, alone(circuit))
    assert np.abs(changed - first).max() > 1e-6
    # What was kept of the values as they were before holds none of the changed ones.
    np.testing.assert_array_equal(InternalSolver().solve(other).x, first)


def test_what_is_kept_depends_on_all_values_but_the_sources() -> None:
    circuit = sampled(np.linspace(0.5, 3, 9))
    kept = Equations.of(circuit).own
    moved = circuit.with_values({(group_with(circuit, "dc"), "dc"): np.full((9, 1), 0.3)})
    assert Equations.of(moved).own is kept
    resistors = group_with(circuit, "resistance", "resistor")
    one, other, third = (
        circuit.with_values({(resistors, "resistance"): np.array([1e3, 2e3, r])}) for r in (3e3, 4e3, 5e3)
    )
    assert Equations.of(one).own is kept
    assert Equations.of(other).own is not kept
    assert Equations.of(one).own is kept
    warmer = circuit.with_values({}, {"temper": np.asarray(50.0)})
    assert Equations.of(warmer).own is not kept
    # The sets of the last two times are kept.
    assert Equations.of(third).own is not Equations.of(other).own
    assert Equations.of(one).own is not kept


def test_results_are_worked_out_once_and_not_pickled() -> None:
    kept = Equations.of(sampled(np.linspace(0.5, 3, 9))).own
    made: list[int] = []
    assert [kept.once("key", lambda: made.append(1)) for _ in range(2)] == [None, None]
    assert made == [1]
    copy = pickle.loads(pickle.dumps(kept))
    copy.once("key", lambda: made.append(2))
    assert made == [1, 2]


def test_of_many_values_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = sampled(np.linspace(0.5, 3, 9))
    monkeypatch.setattr(prepared, "MOST_NUMBERS", 10)
    assert PreparedCircuit.of(circuit) is not PreparedCircuit.of(circuit)


def test_only_groups_whose_values_have_changed_are_prepared_anew() -> None:
    circuit = sampled(np.linspace(0.5, 3, 9))
    resistors, transistor = group_with(circuit, "resistance"), group_with(circuit, "bf")
    other = circuit.with_values({(resistors, "resistance"): np.array([1e3, 2e3, 4e3])})
    one, two = PreparedCircuit.of(circuit), PreparedCircuit.of(other)
    assert one is not two
    assert one.values[transistor] is two.values[transistor]
    values = two.values[resistors]
    assert values is not None
    np.testing.assert_array_equal(values["resistance"], [1e3, 2e3, 4e3])
    assert PreparedCircuit.of(circuit) is one
