"""Sensitivities: the adjoint method against ngspice's .sens, and ngspice's own in the user's names."""

from dataclasses import replace

import numpy as np
import pytest

import netlearn
from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.linear import CCCS, CCVS, CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.errors import CircuitError
from netlearn.ngspice import sensitivity as ngspice_sens
from netlearn.ngspice.deck import write_deck
from netlearn.ngspice.sensitivity import against_ngspice, ngspice_sensitivities
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.probes.names import probes_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import Sensitivity, sensitivities

pytestmark = pytest.mark.ngspice


@pytest.fixture(autouse=True)
def _library(libngspice):
    return libngspice


def every_linear_device():
    nodes = ["a", "b", "c", "d", "e"]
    a, b, c, d, e, v1, v2, e1, h1 = range(9)
    index = np.array([[a, b], [b, GROUND], [c, b], [d, a], [e, b]])
    groups = (
        Group(RESISTOR, ["r1", "r2", "r3", "r4", "r5"], index, {"resistance": np.array([1e3, 2e3, 3e3, 4e3, 5e3])}),
        Group(
            VOLTAGE_SOURCE,
            ["v1", "v2"],
            np.array([[a, GROUND, v1], [d, GROUND, v2]]),
            {"dc": np.array([[1.0, 0.5], [-2.0, 0.25]])},
        ),
        Group(CURRENT_SOURCE, ["i1"], np.array([[b, a]]), {"dc": np.array([[1e-3], [2e-3]])}),
        Group(VCVS, ["e1"], np.array([[c, GROUND, b, d, e1]]), {"gain": np.array([3.0])}),
        Group(CCCS, ["f1"], np.array([[b, GROUND, v2]]), {"gain": np.array([0.3])}),
        Group(VCCS, ["g1"], np.array([[b, d, a, c]]), {"gain": np.array([1e-4])}),
        Group(CCVS, ["h1"], np.array([[e, d, v1, h1]]), {"gain": np.array([50.0])}),
    )
    return Circuit(nodes, ["v1", "v2", "e1", "h1"], groups)


PROBES = ["V(b)", "V(c,b)", "V(0,e)", "I(v1)", "I(e1)", "I(r1)", "I(g1)", "P(f1)"]


@pytest.mark.parametrize("probe", PROBES, ids=str)
@pytest.mark.parametrize("sample", [0, 1])
def test_every_value_of_every_linear_device(probe, sample):
    table = against_ngspice(InternalSolver(), every_linear_device(), probes_of(every_linear_device(), [probe]), sample)
    assert len(table) == 12
    largest = max(abs(s.derivative * s.value) for s in table)
    for s in table:
        assert s.derivative == pytest.approx(s.by_ngspice, rel=1e-4, abs=1e-7 * largest / abs(s.value)), s


def random_network(seed):
    """A connected network of 6 nodes with a transconductance, two voltage sources and a current source."""
    rng = np.random.default_rng(seed)
    n = 6
    tree = [(k, int(rng.integers(-1, k))) for k in range(n)]
    index = np.array(tree + [tuple(pair) for pair in rng.permuted(np.tile(np.arange(n), (8, 1)), axis=1)[:, :2]])
    resistance = 10 ** rng.uniform(2, 4, len(index))
    groups = (
        Group(RESISTOR, [f"r{k}" for k in range(len(index))], index, {"resistance": resistance}),
        Group(VOLTAGE_SOURCE, ["v1", "v2"], np.array([[0, GROUND, n], [5, GROUND, n + 1]]), {"dc": rng.normal(size=2)}),
        Group(CURRENT_SOURCE, ["i1"], np.array([[GROUND, 3]]), {"dc": rng.normal(size=1) * 1e-3}),
        Group(VCCS, ["g1"], np.array([[1, 2, 4, GROUND]]), {"gain": rng.normal(size=1) * 1e-4}),
    )
    return Circuit([f"a{k}" for k in range(n)], ["v1", "v2"], groups)


@pytest.mark.parametrize(
    ("analysis", "probe"),
    [("sens v(n1)", "V(a1)"), ("sens v(n2,n4)", "V(a2,a4)"), ("sens i(v1)", "I(v2)")],
)
def test_random_networks(analysis, probe, ngspice):
    circuits = [random_network(seed) for seed in range(12)]
    judged = ngspice.run_many(["\n".join(write_deck(circuit).lines) for circuit in circuits], analysis=analysis)
    for circuit, vectors in zip(circuits, judged, strict=True):
        ours = sensitivities(InternalSolver(), circuit, probes_of(circuit, [probe]))
        largest = max(abs(s.derivative * s.value) for s in ours)
        assert len(ours) == sum(len(group) for group in circuit.groups)
        for s in ours:
            g, k = circuit.element(s.element)
            vector = f"{'rvig'[g]}{k}" + ("_gain" if s.name == "gain" else "")
            theirs = vectors[f"v({vector})"] if f"v({vector})" in vectors else vectors[vector]
            assert s.derivative == pytest.approx(theirs, rel=1e-5, abs=1e-8 * largest / abs(s.value)), s


def test_relative_differences_of_what_is_zero_or_missing():
    assert Sensitivity("r1", "resistance", 1.0, 0.0, 0.0).relative_difference == 0
    assert np.isnan(Sensitivity("r1", "resistance", 1.0, 0.0).relative_difference)
    assert np.isnan(Sensitivity("r1", "resistance", 1.0, 2.0).relative_difference)
    assert Sensitivity("r1", "resistance", 1.0, 0.0, -2.0).relative_difference == 1
    assert Sensitivity("r1", "resistance", 1.0, 2.0, 1.0, 4.0).relative_difference == 0.5


def test_a_divider_by_hand():
    groups = (
        Group(RESISTOR, ["r1", "r2"], np.array([[0, 1], [1, GROUND]]), {"resistance": np.array([2e3, 1e3])}),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array([3.0])}),
    )
    circuit = Circuit(["in", "out"], ["v1"], groups)
    table = {(s.element, s.name): s for s in sensitivities(InternalSolver(), circuit, probes_of(circuit, ["V(out)"]))}
    assert table["r1", "resistance"].derivative == pytest.approx(-3 * 1e3 / 3e3**2, rel=1e-12)
    assert table["r2", "resistance"].derivative == pytest.approx(3 * 2e3 / 3e3**2, rel=1e-12)
    assert table["v1", "dc"].derivative == pytest.approx(1 / 3, rel=1e-12)


def transistor():
    kind = MODEL_TYPES["npn"]
    values = kind.complete({"is": 1e-15, "bf": 80.0, "vaf": 50.0, "rb": 100.0}, {"area": 1.5})
    bjt = Group(
        kind.device,
        ["q1"],
        np.array([[1, 2, GROUND, GROUND, 1, 3, GROUND]]),
        {k: np.array([v]) for k, v in values.items()},
    )
    groups = (
        Group(RESISTOR, ["rc", "rb"], np.array([[0, 1], [0, 2]]), {"resistance": np.array([1e3, 3e5])}),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 4]]), {"dc": np.array([5.0])}),
        bjt,
    )
    return Circuit(["vcc", "c", "b", "q1#base"], ["v1"], groups)


def test_model_and_instance_parameters_of_a_transistor():
    """The operating point is ngspice's, the derivatives are ours."""
    with NgspiceSolver() as solver:
        table = {
            (s.element, s.name): s for s in against_ngspice(solver, transistor(), probes_of(transistor(), ["V(c)"]))
        }
    for key in [
        ("rc", "resistance"),
        ("rb", "resistance"),
        ("v1", "dc"),
        ("q1", "is"),
        ("q1", "bf"),
        ("q1", "vaf"),
        ("q1", "area"),
    ]:
        s = table[key]
        assert abs(s.derivative) > 0
        assert s.relative_difference < 1e-3, s


@pytest.mark.parametrize("kind", ["d", "nmos", "njf"])
def test_model_and_instance_parameters(kind):
    models = {
        "d": ({"is": 2e-14, "n": 1.3, "rs": 10.0}, {"area": 2.0}),
        "nmos": ({"vto": 0.5, "kp": 1e-4, "lambda": 0.02, "rd": 20.0}, {"w": 2e-5, "l": 1e-6}),
        "njf": ({"vto": -2.5, "beta": 1e-4, "lambda": 0.01}, {"area": 3.0}),
    }
    model, element = models[kind]
    circuit = one_device(kind, model, element)
    with NgspiceSolver() as solver:
        table = {(s.element, s.name): s for s in against_ngspice(solver, circuit, probes_of(circuit, ["V(out)"]))}
    for name in [*model, *element, "resistance", "dc"]:
        s = table[{"resistance": "r1", "dc": "v1"}.get(name, "x1"), name]
        assert abs(s.derivative) > 0, s
        assert s.relative_difference < 1e-3, s


def one_device(kind, model, element):
    """v1 - r1 - out - device; a transistor's gate is at the source v1 through r1's other end."""
    kind = MODEL_TYPES[kind]
    values = kind.complete(model, element)
    index = {"d": [1, GROUND, 2], "nmos": [1, 0, GROUND, GROUND, 1, GROUND], "njf": [1, GROUND, GROUND, 1, GROUND]}[
        kind.name
    ]
    if kind.name == "nmos":
        index[4] = 2
    inner = {"d": ["x1#internal"], "nmos": ["x1#drain"]}.get(kind.name, [])
    groups = (
        Group(RESISTOR, ["r1"], np.array([[0, 1]]), {"resistance": np.array([1e3])}),
        Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2 + len(inner)]]), {"dc": np.array([1.5])}),
        Group(kind.device, ["x1"], np.array([index]), {k: np.array([v]) for k, v in values.items()}),
    )
    return Circuit(["in", "out", *inner], ["v1"], groups)


def test_the_executable_gives_the_same(ngspice, monkeypatch):
    circuit = one_device("d", {"is": 2e-14, "rs": 10.0}, {"area": 2.0})
    expected = ngspice_sensitivities(circuit, probes_of(circuit, ["V(in,out)"]))
    monkeypatch.setattr(ngspice_sens, "library", lambda: None)
    found = ngspice_sensitivities(circuit, probes_of(circuit, ["V(in,out)"]))
    assert set(found) == set(expected)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-30)


def test_sens_knows_voltages_and_currents_of_voltage_sources_only():
    circuit = every_linear_device()
    with pytest.raises(CircuitError, match=r"the output I\(r1\) is not a voltage"):
        ngspice_sensitivities(circuit, probes_of(circuit, ["I(r1)"]))


BROKAW = """bandgap with an amplifier of high gain
VCC vcc 0 5
RC1 vcc c1 30k
RC2 vcc c2 30k
Q1 c1 vbg e1 qn
Q2 c2 vbg e2 qn 8
R1 e2 e1 1.2k
R2 e1 0 {r2}
E1 o 0 c2 c1 1e5
Ro o vbg 100
RL vbg 0 10k
.param r2=5.5k
.model qn npn(is=1e-16 bf=120 vaf=80)
.end"""
KUIJK = """bandgap of which ngspice finds one state or the other
R1 vbg p 20k
R2 vbg n 20k
R3 n m 2.2k
D1 p 0 dm
D2 m 0 dm {8*k}
E1 o 0 p n 1e5
Ro o vbg 100
RL vbg 0 100k
.param k=1
.nodeset v(vbg)=1.2
.model dm d(is=1e-15)
.end"""


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("text", [BROKAW, KUIJK], ids=["brokaw", "kuijk"])
def test_bandgaps_with_high_gains_agree_but_for_what_rounding_hides(text, flat):
    found = netlearn.sensitivities(netlearn.parse(text), "V(vbg)", against="ngspice", flat=flat)
    compared = [s for s in found if not np.isnan(s.by_ngspice)]
    assert len(compared) > 12
    largest = max(abs(s.derivative * s.value) for s in compared)
    for s in compared:
        off = abs(s.derivative - s.by_ngspice)
        assert off <= max(s.rounding, 1e-3 * abs(s.derivative), 1e-8 * largest / abs(s.value)), s
        # What matters is not hidden.
        assert s.rounding < 1e-3 * abs(s.derivative) or abs(s.derivative * s.value) < 0.02 * largest, s


def test_a_wrong_derivative_is_not_taken_for_rounding(monkeypatch):
    def wrong(*args, **options):
        return [replace(s, derivative=1.01 * s.derivative) for s in sensitivities(*args, **options)]

    monkeypatch.setattr("netlearn.ngspice.sensitivity.sensitivities", wrong)
    circuit = netlearn.elaborate(netlearn.parse(BROKAW)).circuit
    found = against_ngspice(InternalSolver(), circuit, probes_of(circuit, ["V(vbg)"]))
    resistors = [s for s in found if s.element in ("r1", "r2", "rc1", "rc2")]
    assert len(resistors) == 4
    assert all(abs(s.derivative - s.by_ngspice) > 3 * s.rounding for s in resistors)
