"""Operating points of nonlinear circuits against ngspice, Kirchhoff's laws and closed forms."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import lambertw

from netlearn.circuit.circuit import GROUND
from netlearn.circuit.devices.base import Device
from netlearn.circuit.devices.linear import CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.errors import CircuitError, ConvergenceError
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import linearize, pullback
from tests.helpers import circuit_of, deck, random_circuit

VT = 0.0258649


def diodes(*terminals, saturation=1e-14):
    """A diode with series resistance none, by ngspice's defaults."""
    kind = MODEL_TYPES["d"]
    values = kind.complete({"is": saturation}, {})
    columns = {name: np.full(len(terminals), float(value)) for name, value in values.items()}
    return (kind.device_for(values), np.array(terminals), columns)


def resistors(ends, values):
    return (RESISTOR, np.array(ends), {"resistance": np.asarray(values, dtype=float)})


def voltages(ends, values):
    return (VOLTAGE_SOURCE, np.array(ends), {"dc": np.asarray(values, dtype=float)})


@dataclass(frozen=True)
class Tunnel(Device):
    """i = a v - b v^2 + c v^3, with a stretch of negative slope: three operating points on a load line."""

    def residual(self, x, prepared):
        v = x[..., 0] - x[..., 1]
        current = prepared["a"] * v - prepared["b"] * v**2 + prepared["c"] * v**3
        return np.stack([current, -current], axis=-1)


TUNNEL = Tunnel("tunnel", ("p", "n"), {"a": 1.0, "b": 1.0, "c": 1.0}, linear=False)


@dataclass(frozen=True)
class Never(Device):
    """i = 1 + v^2: more than any source here takes."""

    def residual(self, x, prepared):
        current = 1.0 + (x[..., 0] - x[..., 1]) ** 2
        return np.stack([current, -current], axis=-1)


NEVER = Never("never", ("p", "n"), {}, linear=False)


def random_diode_network(seed, samples=4, active=False):
    """A random network with diodes between any of its nodes, amplifiers too if ``active``."""
    rng = np.random.default_rng(seed)
    base = random_circuit(seed, nodes=9, samples=samples, active=active)
    kinds = [(g.device, np.asarray(g.index)[:, : 4 if g.device in (VCVS, VCCS) else 2], g.values) for g in base.groups]
    # Each diode has a resistor of its own: chains of bare ones across volts would carry astronomic currents.
    ends, own = rng.integers(-1, 9, size=(6, 2)), np.arange(9, 15)
    series = np.stack([ends[:, 0], own], axis=1)
    kinds[0] = resistors(
        np.concatenate([kinds[0][1], series]), np.append(kinds[0][2]["resistance"], rng.uniform(10, 1e4, 6))
    )
    pairs = np.stack([own, ends[:, 1]], axis=1)
    pairs[::2] = pairs[::2, ::-1]
    return circuit_of(15, [*kinds, diodes(*pairs.tolist())])


def test_one_diode_against_the_lambert_function():
    drive = np.linspace(-2, 15, 57)[:, None]
    circuit = circuit_of(2, [voltages([[0, -1]], drive), resistors([[0, 1]], [1e3]), diodes((1, -1))])
    op = InternalSolver().solve(circuit)
    prepared = Equations.of(circuit).prepared[2]
    vt, saturation, gmin = (float(np.ravel(prepared[name])[0]) for name in ("vte", "saturation", "gmin"))
    forward = drive[:, 0] > 0
    # v + R (I (exp(v/vt) - 1) + gmin v) = V, solved for v.
    r, v = 1e3, drive[forward, 0]
    a = 1 + r * gmin
    b = (v + r * saturation) / a
    exact = b - vt * lambertw(r * saturation / (a * vt) * np.exp(b / vt)).real
    np.testing.assert_allclose(op.voltage("n1")[forward], exact, rtol=1e-9)
    current = (v - exact) / r
    np.testing.assert_allclose(op.current("v0_0")[forward], -current, rtol=1e-8)


@given(st.integers(0, 10_000), st.booleans())
@settings(deadline=None, max_examples=25)
def test_what_is_called_converged_obeys_kirchhoff(seed, active):
    circuit = random_diode_network(seed, active=active)
    try:
        op = InternalSolver().solve(circuit)
    except ConvergenceError:
        # Amplifiers may leave a circuit without an operating point; passive networks always have one.
        assert active
        return
    equations = Equations.of(circuit)
    largest = np.abs(op.x[:, len(circuit.nodes) :]).max()
    assert np.abs(equations.residual(op.x)).max() <= 1e-12 + 1e-9 * max(largest, np.abs(op.x).max())


@pytest.mark.ngspice
def test_random_diode_networks_against_ngspice(ngspice):
    circuits = [random_diode_network(seed) for seed in range(24)]
    decks = []
    for circuit in circuits:
        lines = deck(circuit).splitlines()
        names = [*circuit.nodes, "0"]
        group = circuit.groups[-1]
        kept = [line for line in lines if not line.startswith("x") and line != ".end"]
        pairs = zip(group.names, group.index.tolist(), strict=True)
        kept += [f"d{name} {names[p]} {names[n]} dm" for name, (p, n) in pairs]
        decks.append("\n".join([*kept, ".model dm d(is=1e-14)", ".end"]))
    for circuit, vectors in zip(circuits, ngspice.run_many(decks), strict=True):
        op = InternalSolver().solve(circuit)
        ours = [op.voltage(name)[0] for name in circuit.nodes]
        np.testing.assert_allclose(ours, [vectors[f"v({n})"] for n in circuit.nodes], rtol=1e-6, atol=1e-9)
        ours = [op.current(name)[0] for name in circuit.branches]
        np.testing.assert_allclose(ours, [vectors[f"i({n})"] for n in circuit.branches], rtol=1e-6, atol=1e-9)


@given(st.integers(0, 10_000), st.booleans())
@settings(deadline=None, max_examples=10)
def test_gradients_against_central_differences(seed, use_sources):
    circuit = random_diode_network(seed)
    weights = np.random.default_rng(seed).normal(size=(4, circuit.size))
    op = InternalSolver().solve(circuit)
    column = (1, "dc") if use_sources else (0, "resistance")
    adjoint = linearize(op).solve(weights, transpose=True)
    found = pullback(op, adjoint, [column])[column]
    value = circuit.groups[column[0]].values[column[1]]

    def total(k, step):
        moved = value.copy()
        moved[..., k] += step
        return (weights * InternalSolver().solve(circuit.with_values({column: moved}), op).x).sum()

    steps = 1e-5 * np.abs(value).max(axis=0) if value.ndim == 2 else 1e-4 * value
    expected = [(total(k, h) - total(k, -h)) / (2 * h) for k, h in enumerate(steps)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("warm", [False, True])
def test_complex_sources_move_the_operating_point_analytically(seed, warm):
    # By Cauchy and Riemann, a small imaginary source moves x by i times its derivative.
    circuit = random_diode_network(seed)
    op = InternalSolver().solve(circuit)
    weights = np.random.default_rng(seed).normal(size=op.x.shape)
    found = pullback(op, linearize(op).solve(weights, transpose=True), [(2, "dc")])[2, "dc"]
    for k in range(2):
        dc = circuit.groups[2].values["dc"].astype(complex)
        dc[k] += 1e-8j
        moved = InternalSolver().solve(circuit.with_values({(2, "dc"): dc}), op if warm else None)
        assert (weights * moved.x).sum().imag / 1e-8 == pytest.approx(
            found[k], rel=1e-5, abs=1e-6 * np.abs(found).max()
        )


def test_linearization_solves_any_right_hand_side():
    circuit = random_diode_network(3, active=True)
    op = InternalSolver().solve(circuit)
    equations = Equations.of(circuit)
    data = equations.jacobian(op.x)
    rhs = np.random.default_rng(0).normal(size=op.x.shape)
    for transpose in (False, True):
        found = linearize(op).solve(rhs, transpose=transpose)
        for s in range(len(rhs)):
            matrix = equations.topology.matrix(data[:, s]).toarray()
            matrix = matrix.T if transpose else matrix
            np.testing.assert_allclose(
                matrix @ found[s], rhs[s], atol=1e-9 * np.abs(matrix).max() * np.abs(found).max()
            )


def test_a_warm_start_takes_fewer_steps_to_the_same_point():
    circuit = random_diode_network(7)
    cold = InternalSolver().solve(circuit)
    value = circuit.groups[0].values["resistance"]
    moved = circuit.with_values({(0, "resistance"): 1.001 * value})
    warm = InternalSolver().solve(moved, cold)
    assert warm.iterations < cold.iterations
    np.testing.assert_allclose(warm.x, InternalSolver().solve(moved).x, rtol=1e-7, atol=1e-11)


def test_samples_do_not_disturb_each_other():
    circuit = random_diode_network(5, samples=600)
    together = InternalSolver().solve(circuit).x
    some = circuit.with_values({(1, "dc"): circuit.groups[1].values["dc"][[3, 300, 599]]})
    np.testing.assert_allclose(InternalSolver().solve(some).x, together[[3, 300, 599]], rtol=1e-8, atol=1e-12)


def tunnel_on_a_load_line(drive, **options):
    # i = v^3 - 3 v^2 + 2.25 v + ... has three crossings with the line (2.05 - v) / 4.
    law = {"a": np.array([2.6]), "b": np.array([3.0]), "c": np.array([1.0])}
    kinds = [voltages([[0, -1]], [[drive]]), resistors([[0, 1]], [1.0]), (TUNNEL, np.array([[1, -1]]), law)]
    return circuit_of(2, kinds, **options)


def test_nodeset_chooses_among_operating_points():
    # v + 2.6 v - 3 v^2 + v^3 = 2.6 v ... the roots of v^3 - 3 v^2 + 3.6 v - drive; one real root.
    circuit = tunnel_on_a_load_line(1.6)
    roots = np.roots([1, -3, 3.6, -1.6])
    real = roots[np.abs(roots.imag) < 1e-9].real
    assert InternalSolver().solve(circuit).voltage("n1")[0] == pytest.approx(real[0], rel=1e-9)


def flip_flop(**options):
    """Two amplifiers i = -g tanh(5 v) that hold each other up or down."""

    @dataclass(frozen=True)
    class Inverter(Device):
        def residual(self, x, prepared):
            current = prepared["gain"] * np.tanh(5 * x[..., 2])
            return np.stack([current, -current, 0 * current], axis=-1)

    inverter = Inverter("inverter", ("p", "n", "c"), {"gain": 1e-3}, linear=False, reciprocal=False)
    kinds = [
        resistors([[0, -1], [1, -1]], [1e3, 1e3]),
        (inverter, np.array([[0, -1, 1], [1, -1, 0]]), {"gain": np.array([1e-3, 1e-3])}),
    ]
    return circuit_of(2, kinds, **options)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_nodeset_sets_a_flip_flop(side):
    op = InternalSolver().solve(flip_flop(nodeset={0: 0.8 * side}))
    v0, v1 = op.voltage("n0")[0], op.voltage("n1")[0]
    assert v0 == pytest.approx(-v1, rel=1e-9)
    assert v0 * side > 0.99
    assert v0 == pytest.approx(-np.tanh(5 * v1), rel=1e-9)


def test_a_long_chain_of_diodes():
    links = [[i, i + 1] for i in range(60)]
    circuit = circuit_of(
        61,
        [
            voltages([[0, -1]], [[50.0], [5.0], [-50.0]]),
            resistors([[60, -1], *[[i, -1] for i in range(1, 60)]], [1e3] + 59 * [1e9]),
            diodes(*links),
        ],
    )
    op = InternalSolver().solve(circuit)
    assert 5 < op.voltage("n60")[0] < 20
    assert np.abs(Equations.of(circuit).residual(op.x)).max() < 1e-12


def test_a_stiff_exponential_without_limiting_needs_another_way():
    @dataclass(frozen=True)
    class Raw(Device):
        def residual(self, x, prepared):
            current = 1e-14 * (np.exp((x[..., 0] - x[..., 1]) / VT) - 1)
            return np.stack([current, -current], axis=-1)

    raw = Raw("raw", ("p", "n"), {}, linear=False)
    circuit = circuit_of(2, [voltages([[0, -1]], [[100.0]]), resistors([[0, 1]], [10.0]), (raw, [[1, -1]], {})])
    v = InternalSolver().solve(circuit).voltage("n1")[0]
    assert (100 - v) / 10 == pytest.approx(1e-14 * np.expm1(v / VT), rel=1e-9)


def test_a_circuit_without_an_operating_point_is_said_with_sample_node_and_device():
    drive = np.array([[5.0], [0.5], [0.2]])
    circuit = circuit_of(2, [voltages([[0, -1]], drive), resistors([[0, 1]], [1.0]), (NEVER, [[1, -1]], {})])
    with pytest.raises(
        ConvergenceError,
        match=r"sample 2: no operating point found \(2 samples failed in all\): node 'n1' did not settle, at 'x2_0'",
    ):
        InternalSolver().solve(circuit)


def test_a_floating_node_behind_a_current_source_is_named():
    kinds = [
        voltages([[0, -1]], [[1.0]]),
        resistors([[0, 1]], [1e3]),
        diodes((1, -1)),
        (CURRENT_SOURCE, np.array([[2, GROUND]]), {"dc": np.array([1e-3])}),
    ]
    with pytest.raises(CircuitError, match="node 'n2' has no DC path"):
        InternalSolver().solve(circuit_of(3, kinds))


def test_a_source_that_is_not_finite_is_named():
    circuit = circuit_of(2, [voltages([[0, -1]], [[np.nan]]), resistors([[0, 1]], [1.0]), diodes((1, -1))])
    with pytest.raises(CircuitError, match="'v0_0' has the dc nan"):
        InternalSolver().solve(circuit)


def test_the_same_input_gives_the_same_bytes():
    first, second = (InternalSolver().solve(random_diode_network(2)).x for _ in range(2))
    assert first.tobytes() == second.tobytes()
