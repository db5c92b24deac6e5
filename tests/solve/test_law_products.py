"""Gradients by values of behavioural sources: machine code against arrays, which differentiate by complex steps."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, one_sample
from netlearn.circuit.devices.behavioural import BehaviouralSource
from netlearn.solve import contraction, law_products
from netlearn.solve.contraction import contract
from netlearn.solve.threads import set_threads

CELLS = """cells
.subckt sinh p n g=10u k=2
B1 p n I={g*sinh(k*V(p,n))/sinh(k)}
.ends
.subckt gated p n c g=1m
B1 p n I={g*V(p,n)*(V(c) > 0.1 ? V(c)**2 : 0.01) + 1u*log(g)}
.ends
V1 a 0 1
R1 a b 1k
R2 b c 2k
R3 c d 1k
R4 d 0 3k
X1 a b sinh g=20u
X2 b 0 sinh g=30u k=3
X3 0 c sinh g=10u
X4 c c sinh g=10u
X5 d b sinh g=1 k=1
X6 b c d gated g=2m
X7 c 0 b gated g=3m
X8 d 0 0 gated g=1m
B9 e 0 V={3*V(b)*V(c)+V(e2)}
B10 e2 0 V={0.5}
R9 e 0 1k
.end
"""


def circuit() -> Circuit:
    return netlearn.elaborate(netlearn.parse(CELLS)).circuit


def states(circuit: Circuit, count: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(count)
    return rng.normal(size=(count, circuit.size)), rng.uniform(-0.5, 0.5, (count, circuit.size))


def columns(circuit: Circuit) -> list[tuple[int, str]]:
    sources = [g for g, group in enumerate(circuit.groups) if isinstance(group.device, BehaviouralSource)]
    return [(g, name) for g in sources for name in circuit.groups[g].values]


@pytest.mark.parametrize("count", [1, 7, 8, 50])
def test_machine_code_sums_what_arrays_do(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = circuit()
    left, right = states(made, count)
    found = columns(made)
    assert len(found) > 4
    for column in found:
        expected = contract(made, column, left, right)
        with monkeypatch.context() as patch:
            patch.setattr(contraction, "WORTH_LOADING", 0)
            # Arrays stand in for what has no machine code, so that it is asked for by itself, too.
            value = contract(made, column, left, right)
        unknowns = np.unique(made.groups[column[0]].index)
        unknowns = unknowns[unknowns >= 0]
        own = law_products.law_products(made, column, left[:, unknowns], right[:, unknowns])
        assert own is not None
        assert value.tobytes() == own.tobytes()
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max(initial=0.0))


def crossbar(law: str) -> Circuit:
    """Cells of different ``g`` between 9 rows and 8 columns, which outnumber these, and one to ground."""
    lines = ["cells", ".subckt cell p n g=10u k=1.2", f"B1 p n I={{{law}}}", ".ends", "X1 r1 0 cell g=7u"]
    lines += [f"V{i} r{i} 0 1" for i in range(9)] + [f"Rc{j} c{j} 0 1k" for j in range(8)]
    lines += [f"Xc{i}_{j} r{i} c{j} cell g={i + 9 * j + 1}u" for i in range(9) for j in range(8)]
    return netlearn.elaborate(netlearn.parse("\n".join([*lines, ".end"]))).circuit


@pytest.mark.parametrize(
    "law", ["g*sinh(k*V(p,n))/sinh(k)", "g*(exp(V(p,n))-1)", "g*V(p)*exp(V(n)*k)", "g/k*sinh(V(p,n)/k)"]
)
@pytest.mark.parametrize("volts", [0.5, 5.0])
def test_elements_that_outnumber_their_nodes(law: str, volts: float, monkeypatch: pytest.MonkeyPatch) -> None:
    made, found = crossbar(law), []
    left, right = states(made, 450)
    right *= volts
    wanted = [contract(made, column, left, right) for column in columns(made)]
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    try:
        for count in (1, 2):
            set_threads(count)
            found.append([contract(made, column, left, right) for column in columns(made)])
    finally:
        set_threads(None)
    for one, two, expected in zip(*found, wanted, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())
        assert one.tobytes() == two.tobytes()


def test_parts_and_threads_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    made = circuit()
    left, right = states(made, 50)
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    expected = [contract(made, column, left, right) for column in columns(made)]
    monkeypatch.setattr(law_products, "ELEMENTS", 1)
    try:
        for count in (1, 2):
            set_threads(count)
            for column, value in zip(columns(made), expected, strict=True):
                assert contract(made, column, left, right).tobytes() == value.tobytes()
    finally:
        set_threads(None)


def test_complex_states_and_values_that_differ_by_sample_are_left_to_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    made = circuit()
    left, right = states(made, 9)
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    for column in columns(made):
        real = contract(made, column, left, right)
        g, name = column
        each = np.repeat(np.atleast_1d(np.asarray(made.groups[g].values[name], float))[None], 9, axis=0)
        with monkeypatch.context() as patch:
            patch.setattr(contraction, "law_products", None)
            np.testing.assert_allclose(contract(made, column, left + 0j, right).real, real, rtol=1e-12, atol=1e-13)
            by_sample = made.with_values({column: each})
            np.testing.assert_allclose(contract(by_sample, column, left, right), real, rtol=1e-12, atol=1e-13)


def test_temperatures_that_differ_by_sample_are_left_to_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fewer samples than elements, and of more; each sample by itself has one temperature, and machine code."""
    made = circuit()
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    for count in (3, 9):
        left, right = states(made, count)
        warm = made.with_values({}, {"temper": np.linspace(-20.0, 90.0, count)})
        for column in columns(made):
            alone = [contract(one_sample(warm, s), column, left[s : s + 1], right[s : s + 1]) for s in range(count)]
            expected = np.sum(alone, axis=0)
            np.testing.assert_allclose(contract(warm, column, left, right), expected, rtol=1e-12, atol=1e-13)


def test_laws_that_are_not_defined_at_zero_are_not_evaluated_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = [".subckt cell p n k=2", "B1 p n I={k*1u*log(V(p,n))}", ".ends"]
    text = "\n".join(["t", *cell, "V1 a 0 1", "R1 a b 1k", "X1 b 0 cell k=3", "X2 a 0 cell k=4", ".end"])
    made = netlearn.elaborate(netlearn.parse(text)).circuit
    left, right = np.ones((3, made.size)), np.full((3, made.size), 0.5)
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    found = [contract(made, column, left, right) for column in columns(made)]
    assert found
    assert all(np.isfinite(value).all() for value in found)


def test_nothing_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """sinh(k V) / sinh(k) at k = 0 is zero, as in ngspice, and so are its derivatives."""
    made = netlearn.elaborate(netlearn.parse(CELLS.replace("g=1 k=1", "g=1 k=0"))).circuit
    left, right = states(made, 20)
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    none = 0
    for column in columns(made):
        values = made.groups[column[0]].values
        value = contract(made, column, left, right)
        with monkeypatch.context() as patch:
            patch.setattr(contraction, "WORTH_LOADING", 10**9)
            expected = contract(made, column, left, right)
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max(initial=0.0))
        assert np.isfinite(value).all()
        for name in values:
            at_rest = np.broadcast_to(np.asarray(values[name]) == 0.0, value.shape)
            assert not value[at_rest].any()
            none += int(at_rest.sum())
    assert none > 0
