"""Functions with a kink: their slope there, with which Newton's method begins at controls of zero, is ngspice's."""

import numpy as np
import pytest

import netlearn

KINKS = (
    "max(0, v(a))",
    "max(v(a), 0)",
    "min(0, v(a))",
    "min(v(a), 0)",
    "max(2*v(a), v(a))",
    "min(5, max(0, v(a)))",
    "max(min(5, v(a)), 0)",
    "max(0, min(v(a), 5))",
    "uramp(v(a))",
    "u2(v(a))",
    "u2(v(a) + 1)",
    "abs(v(a))",
    "v(a) > 0 ? 2*v(a) : v(a)",
    "v(a) >= 0 ? 2*v(a) : v(a)",
    "pwl(v(a), -1, -1, 0, 0, 1, 3)",
)


@pytest.mark.ngspice
def test_slopes_at_kinks_are_those_of_ngspice(ngspice):
    lines = [f"b{k} o{k} 0 v={kink}\nr{k} o{k} 0 1k" for k, kink in enumerate(KINKS)]
    text = "\n".join(["kinks", "va a 0 dc 0 ac 1", *lines, ".end\n"])
    vectors = ngspice.run(text, analysis="ac lin 1 1 1")
    point = netlearn.operating_point(netlearn.parse(text))
    volt = np.zeros((1, point.circuit.size))
    volt[0, len(point.circuit.nodes) + list(point.circuit.branches).index("va")] = 1.0
    assert point.linearization is not None
    slopes = point.linearization.solve(volt)[0]
    for k, kink in enumerate(KINKS):
        assert slopes[point.circuit.node(f"o{k}")] == pytest.approx(vectors[f"v(o{k})"], abs=1e-9), kink
