"""Samples in threads: the same bytes whatever their number, and a number that is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import OptionError
from netlearn.solve import contraction
from netlearn.solve.contraction import drop_products
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep import lockstep, run
from netlearn.solve.threads import VARIABLE, in_parts, in_shares, set_threads, threads

NETWORKS = {
    "one solution": "R1 a c 1k\nR2 c d 2k\nR3 d 0 500\nD1 c 0 d\nD2 0 d d\n.model d d",
    "transistors": "R1 a c 1k\nR2 b d 10k\nQ1 c d 0 q\nR4 c e 5k\nQ2 b e f q\nR3 f 0 1k\n.model q npn",
}


def sampled(body: str, volts: Array) -> Circuit:
    circuit = netlearn.elaborate(netlearn.parse(f"* t\nV1 a 0 1\nV2 b 0 2\n{body}\n.end")).circuit
    g = next(g for g, group in enumerate(circuit.groups) if "v1" in list(group.names))
    group = circuit.groups[g]
    dc = np.repeat(np.asarray(group.values["dc"], float)[None], len(volts), axis=0)
    dc[:, list(group.names).index("v1")] = volts
    return circuit.with_values({(g, "dc"): dc})


@pytest.fixture(autouse=True)
def _as_before():
    yield
    set_threads(None)


@pytest.mark.parametrize("interpolated_from", [1, 30])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bytes_for_any_number_of_threads(
    name: str, interpolated_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ROUNDS", 1)
    monkeypatch.setattr(run, "CHAINED_ROUNDS", 1)
    monkeypatch.setattr(lockstep, "INTERPOLATED_FROM", interpolated_from)
    circuit = sampled(NETWORKS[name], np.random.default_rng(0).uniform(-2, 2, 400))
    found = {}
    for count in (1, 2, 3, 7):
        set_threads(count)
        point = InternalSolver().solve(circuit)
        again = InternalSolver().solve(circuit, point)
        assert point.linearization is not None
        adjoint = point.linearization.solve(np.ones(point.x.shape), transpose=True)
        found[count] = b"".join(each.tobytes() for each in (point.x, again.x, adjoint))
    assert len(set(found.values())) == 1


def test_gradients_have_the_same_bytes_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contraction, "ELEMENTS", 100)
    monkeypatch.setattr(contraction, "WORTH_LOADING", 0)
    rng = np.random.default_rng(1)
    index = rng.integers(-1, 50, (1000, 2))
    left, right = rng.normal(size=(2, 37, 50))
    found = set()
    for count in (1, 2, 5):
        set_threads(count)
        found.add(drop_products(index, left, right).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("parted", [in_parts, in_shares])
@pytest.mark.parametrize("count", [1, 3])
def test_every_part_is_worked_on_once(parted: Callable[..., None], count: int) -> None:
    set_threads(count)
    seen = np.zeros(103, dtype=int)

    def work(first: int, last: int) -> None:
        seen[first:last] += 1

    parted(work, len(seen), 10)
    assert (seen == 1).all()


def test_an_error_in_a_thread_is_raised() -> None:
    set_threads(2)

    def work(first: int, last: int) -> None:
        if first:
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        in_parts(work, 20, 5)


def test_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    assert threads() == 3
    set_threads(2)
    assert threads() == 2
    set_threads(None)
    monkeypatch.delenv(VARIABLE)
    assert threads() >= 1


@pytest.mark.parametrize("word", ["0", "-1", "two", "1.5", "²"])
def test_what_is_no_number_of_threads_is_told(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, word)
    with pytest.raises(OptionError, match=VARIABLE):
        threads()


def test_fewer_threads_than_one_are_told() -> None:
    with pytest.raises(OptionError, match="0 threads"):
        set_threads(0)
