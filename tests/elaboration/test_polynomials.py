"""Polynomial sources of many terms: right, and with work in proportion to their number."""

from __future__ import annotations

import tracemalloc
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import pytest

from netlearn.elaboration.elaborate import elaborate
from netlearn.elaboration.elements.controlled import polynomial_steps
from netlearn.netlist.netlist import parse
from netlearn.solve.internal import InternalSolver


@pytest.mark.parametrize(("controls", "count"), [(1, 300), (2, 120), (5, 252)])
def test_terms_stand_in_the_order_of_spice(controls: int, count: int) -> None:
    rng = np.random.default_rng(controls)
    x, coefficients = rng.uniform(-1, 1, controls), rng.normal(size=count)
    terms: list[tuple[int, ...]] = []
    degree = 0
    while len(terms) < count:
        terms += combinations_with_replacement(range(controls), degree)
        degree += 1
    wanted = sum(c * prod(x[k] for k in term) for c, term in zip(coefficients, terms[:count], strict=True))
    sources = [f"V{k} c{k} 0 {value!r}" for k, value in enumerate(x.tolist())]
    pairs = " ".join(f"c{k} 0" for k in range(controls))
    text = f"E1 o 0 POLY({controls}) {pairs}\n+ " + "\n+ ".join(map(repr, coefficients.tolist()))
    circuit = elaborate(parse("\n".join(["title", *sources, text, "R1 o 0 1k", ".end", ""]), "t.cir")).circuit
    found = InternalSolver().solve(circuit).x[0, list(circuit.nodes).index("o")]
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("controls", [1, 3, 50])
def test_a_term_takes_a_product_a_coefficient_and_a_sum(controls: int) -> None:
    steps, names = polynomial_steps([f"v(c{k},0)" for k in range(controls)], 10_000)
    assert len(names) == 10_000
    assert len(steps) <= controls + 4 * len(names)


def test_terms_of_high_degree_take_no_more_memory_than_others() -> None:
    tracemalloc.start()
    polynomial_steps(["v(c,0)"], 5_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All powers as tuples of factors would be 100 MB.
    assert peak < 10e6
