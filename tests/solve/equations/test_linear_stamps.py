"""The reduced equations straight from elements against those from the Jacobian of all unknowns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR
from netlearn.errors import CircuitError
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep.elements import Sources
from netlearn.solve.newton.system import NonlinearModel

LINES = {
    "layers": [
        *(f"V{i} x{i} 0 {i + 1}" for i in range(4)),
        *(f"Ra{i}{j} x{i} h{j} {(i + 1) * (j + 2)}k" for i in range(4) for j in range(3)),
        *(f"Rb{j}{k} h{j} y{k} {j + k + 1}k" for j in range(3) for k in range(2)),
        *(f"D{j} h{j} 0 dm" for j in range(3)),
    ],
    "sources between nodes, in series and turned": [
        "V1 a 0 1", "V2 b a 2", "V3 0 c 3", "V4 d e 0.5", "R1 b d 1k", "R2 e 0 2k", "R3 e c 3k", "R4 a c 4k",
        "R5 d f 1k", "D1 f 0 dm", "I1 a 0 1m", "I2 e f 2m", "R6 b d 7k",
    ],
    "no voltage source": ["I1 0 a 1m", "R1 a b 1k", "R2 b 0 1k", "D1 b 0 dm"],
}  # fmt: skip


def sampled(kind: str) -> Circuit:
    circuit = netlearn.elaborate(
        netlearn.parse("\n".join(["a circuit", *LINES[kind], ".model dm d(is=1e-14)", ".end"]))
    ).circuit
    rng, columns = np.random.default_rng(0), {}
    for g, group in enumerate(circuit.groups):
        if "dc" in group.values and len(group):
            columns[g, "dc"] = rng.normal(size=(3, len(group)))
    return circuit.with_values(columns)


def whole(equations: Array, values: Array, size: int) -> Array:
    result = np.zeros((3, size))
    result[:, equations] = values
    return result


@pytest.mark.parametrize("kind", LINES)
def test_equations_are_those_of_the_whole_jacobian(kind: str) -> None:
    model = NonlinearModel.of(sampled(kind))
    assert model.linear_part is not None
    plain = replace(model, linear_part=None)
    assert np.allclose(model.reduced_data, plain.reduced_data, rtol=1e-14, atol=0)
    mine, other = Sources.of(model, 3), Sources.of(plain, 3)
    size = model.reduction.size
    assert np.allclose(
        whole(mine.driven, mine.drive, size), whole(other.driven, other.drive, size), rtol=1e-13, atol=1e-18
    )
    assert np.allclose(mine.dictated.volts, other.dictated.volts, rtol=1e-15, atol=0)
    assert np.allclose(
        mine.dictated.into, np.broadcast_to(other.dictated.into, mine.dictated.into.shape), rtol=1e-15, atol=0
    )


def test_a_few_more_elements() -> None:
    """As a nudge adds them: what is known of the circuit without them is taken, and the same comes out."""
    circuit = sampled("layers")
    ends = np.array([[circuit.node("y0"), -1], [circuit.node("y0"), circuit.node("y1")]])
    values = np.arange(6.0).reshape(3, 2)
    more = circuit.with_elements(
        [
            Group(RESISTOR, ["rn1", "rn2"], ends, {"resistance": np.array([1e3, -2e3])}),
            Group(CURRENT_SOURCE, ["in1", "in2"], ends, {"dc": values}),
        ]
    )
    near, alone = NonlinearModel.of(circuit), NonlinearModel.of(more)
    extended = NonlinearModel.of(more, near)
    assert near.linear_part is not None
    assert extended.linear_part is not None
    assert extended.linear_part.base is near.linear_part
    assert extended.linear_part.drive is near.linear_part.drive
    assert np.allclose(extended.reduced_data, alone.reduced_data, rtol=1e-14, atol=0)
    mine, other = Sources.of(extended, 3), Sources.of(alone, 3)
    assert np.array_equal(mine.driven, other.driven)
    assert np.allclose(mine.drive, other.drive, rtol=1e-14, atol=0)
    # A circuit with other values is no extension.
    columns = {(0, name): np.array(value) for name, value in circuit.groups[0].values.items()}
    other_values = NonlinearModel.of(more.with_values(columns), near)
    assert other_values.linear_part is not None
    assert other_values.linear_part.base is None


@pytest.mark.parametrize("value", [0.0, np.nan])
@pytest.mark.parametrize("name", ["resistance", "dc"])
def test_values_that_are_not_finite_are_refused(name: str, value: float) -> None:
    circuit = sampled("layers")
    g = next(g for g, group in enumerate(circuit.groups) if name in group.values)
    values = np.array(circuit.groups[g].values[name])
    values[..., 1] = value if name == "resistance" else np.inf if value == 0 else value
    with pytest.raises(CircuitError):
        InternalSolver().solve(circuit.with_values({(g, name): values}))
