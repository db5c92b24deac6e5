"""Random circuits of all devices: where the solver says that it converged, Kirchhoff's laws hold."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import netlearn
from netlearn.errors import CircuitError, ConvergenceError
from netlearn.solve.internal import InternalSolver

MODELS = """
.model d1 d(is=1e-12 n=1.3 rs=1)
.model d2 d(is=1e-9 n=1.7 bv=6 ibv=1m)
.model qn npn(is=1e-15 bf=120 vaf=60 br=3 rb=20 re=0.2 ikf=0.1)
.model qp pnp(is=2e-15 bf=60 vaf=40 br=2 rc=3 iss=1e-15)
.model mn nmos(vto=0.8 kp=80u lambda=0.02 gamma=0.4)
.model mp pmos(vto=-0.9 kp=30u lambda=0.03 rs=5)
.model jn njf(vto=-2 beta=1m lambda=0.01 rd=5)
.model jp pjf(vto=-1.5 beta=0.7m)
.model sw1 sw(vt=0.6 ron=10 roff=1meg)
.model cs1 csw(it=1m ron=10 roff=1meg)
"""
SHAPES = {
    "d": (2, ("d1", "d2")),
    "q": (3, ("qn", "qp")),
    "m": (4, ("mn l=1u w=10u", "mp l=1u w=20u")),
    "j": (3, ("jn", "jp")),
    "s": (4, ("sw1", "sw1 on")),
    "w": (2, ("v1 cs1",)),
    "g": (4, ("0.1m", "-50u")),
    "f": (2, ("v1 0.3",)),
    "b": (2, ("i=1m*tanh(v(n0)-v(n1))", "i=1u*v(n1)^3")),
}
ohms = st.floats(2.0, 5.0).map(lambda exponent: f"{10**exponent:.4g}")


@st.composite
def netlists(draw):
    size = draw(st.integers(2, 6))
    nodes = ["0", *(f"n{i}" for i in range(size))]
    lines = ["random", f"v1 n0 0 {draw(st.floats(-12.0, 12.0)):.4g}"]
    # Every node has a path of resistors to the source, so that only the devices can be at fault.
    lines += [f"r{i} n{i} {nodes[draw(st.integers(0, i))]} {draw(ohms)}" for i in range(1, size)]
    lines.append(f"i1 0 n{size - 1} {draw(st.floats(-2e-3, 2e-3)):.4g}")
    for k in range(draw(st.integers(1, 5))):
        letter = draw(st.sampled_from(sorted(SHAPES)))
        count, models = SHAPES[letter]
        ends = " ".join(draw(st.sampled_from(nodes)) for _ in range(count))
        # A resistor at the device's first node keeps sources from standing right across a junction.
        first, _, rest = ends.partition(" ")
        lines += [f"rx{k} {first} x{k} {draw(ohms)}", f"{letter}{k} x{k} {rest} {draw(st.sampled_from(models))}"]
    return "\n".join([*lines, f".temp {draw(st.sampled_from([-20, 27, 85]))}", MODELS, ".end", ""])


def imbalance(circuit, x):
    """The residual of all equations and the sum of magnitudes in each, straight from the devices."""
    padded = np.append(x, 0.0)
    total, scale = np.zeros(len(padded)), np.zeros(len(padded))
    for group in circuit.groups:
        index = np.asarray(group.index)
        prepared = group.device.prepare(group.values, circuit.environment)
        at = padded[index][None]
        part = np.broadcast_to(group.device.residual(at, prepared), at.shape)[0]
        slopes = np.broadcast_to(group.device.jacobian(at, prepared), (*at.shape, at.shape[-1]))[0]
        np.add.at(total, index, part)
        np.add.at(scale, index, np.abs(part) + 1e-8 * np.abs(slopes).sum(axis=-1) * np.abs(x).max())
    return total[:-1], scale[:-1]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(netlists())
def test_what_converged_obeys_kirchhoff(text):
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    try:
        x = InternalSolver().solve(circuit).x[0]
    except ConvergenceError:
        event("not converged")
        return
    except CircuitError:
        event("no unique operating point")
        return
    event("converged")
    total, scale = imbalance(circuit, x)
    floor = np.where(np.arange(len(x)) < len(circuit.nodes), 1e-12, 1e-6)
    assert np.all(np.abs(total) <= 2.0 * (floor + 1e-6 * scale)), text


def test_hardly_any_fails():
    """Failing is allowed, but not as an excuse."""
    rng = np.random.default_rng(0)
    failed = 0
    for _ in range(25):
        lines = ["random", f"v1 n0 0 {rng.uniform(-9, 9):.4g}"]
        lines += [f"r{i} n{i} n{rng.integers(0, i)} {10 ** rng.uniform(2, 5):.4g}" for i in range(1, 5)]
        for k in range(4):
            letter = rng.choice(["d", "q", "m", "j"])
            count, models = SHAPES[letter]
            ends = " ".join(rng.choice(["0", "n1", "n2", "n3", "n4"]) for _ in range(count - 1))
            lines += [f"rx{k} n{k} x{k} {10 ** rng.uniform(2, 4):.4g}", f"{letter}{k} x{k} {ends} {rng.choice(models)}"]
        circuit = netlearn.elaborate(netlearn.parse("\n".join([*lines, MODELS, ".end", ""]))).circuit
        try:
            InternalSolver().solve(circuit)
        except CircuitError:
            failed += 1
    assert failed == 0
