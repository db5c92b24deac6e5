"""Machine code of devices against the array code that it was made from."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.devices.base import Device, Environment, Values
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.solve.codegen import laws
from netlearn.solve.codegen.compiled_law import CompiledLaw
from netlearn.solve.codegen.laws import COLD, FREE, WARM, law_of
from netlearn.solve.internal import InternalSolver

ELEMENTS, SAMPLES = 3, 64

MODELS = {
    "diode": ("d", {}),
    "diode with breakdown": ("d", {"rs": 5.0, "bv": 0.9, "ibv": 1e-6, "nbv": 1.3}),
    "diode with recombination": ("d", {"isr": 1e-12, "jsw": 1e-13, "pj": 2.0, "ikf": 1e-2, "jtun": 1e-10}),
    "ideal diode": ("d", {"ron": 1.0, "vfwd": 0.3, "vrev": 0.7}),
    "npn": ("npn", {}),
    "pnp with all": (
        "pnp",
        {
            "rb": 100.0,
            "rbm": 20.0,
            "rc": 10.0,
            "re": 1.0,
            "vaf": 50.0,
            "ikf": 0.1,
            "nkf": 0.6,
            "ise": 1e-14,
            "irb": 1e-4,
        },
    ),
    "lateral pnp": ("pnp", {"iss": 1e-15, "var": 20.0, "rb": 10.0}),
    "nmos": ("nmos", {"vto": 0.7, "lambda": 0.01, "gamma": 0.5, "kp": 1e-4, "rd": 10.0}),
    "pmos": ("pmos", {"vto": -0.4, "kp": 1e-4}),
    "pmos of level 2": ("pmos", {"level": 2, "vto": -0.2, "kp": 1e-4, "gamma": 0.4, "lambda": 0.03, "rs": 5.0}),
    "nmos of level 2, its carriers' velocity limited": (
        "nmos",
        {"level": 2, "vto": 0.7, "kp": 1e-4, "vmax": 5e4, "l": 2e-6},
    ),
    "nmos of level 2, doped, the same": (
        "nmos",
        {"level": 2, "tox": 2e-8, "nsub": 1e16, "vmax": 5e4, "uo": 500.0, "uexp": 0.1, "l": 2e-6},
    ),
    "nmos of level 3": (
        "nmos",
        {"level": 3, "vto": 0.2, "kp": 1e-4, "nsub": 3e15, "kappa": 0.3, "eta": 0.1, "rd": 5.0},
    ),
    "nmos of level 6": ("nmos", {"level": 6, "vto": 0.1, "nv": 0.6, "nc": 1.2, "lambda0": 0.02, "sigma": 0.03}),
    "power mosfet": ("vdmos", {"vto": 0.3, "theta": 0.05, "rd": 0.1, "rq": 0.5, "vq": 2.0, "rb": 0.03, "bv": 0.6}),
    "njf of level 2": ("njf", {"level": 2, "vst": 0.1, "p": 2.3, "q": 1.8, "delta": 0.5, "ibd": 1e-6, "vbd": 2.5}),
    "njf": ("njf", {"lambda": 0.01, "rd": 3.0}),
    "pjf": ("pjf", {"b": 0.7}),
    "switch": ("sw", {"vt": 0.2, "vh": 0.1}),
    "current switch": ("csw", {"it": 0.2}),
}
EXPRESSIONS = [
    "1m*sinh(v(a,b))",
    "tanh(3*v(a))+cosh(v(b))/10",
    "exp(v(a))*ln(2+v(a)*v(b))+sqrt(abs(v(a)))",
    "v(a)>v(b) ? v(a)**2 : pow(abs(v(b)),1.7)",
    "sin(v(a))*cos(v(b))+tan(v(a)/3)",
    "atan(v(a))+asin(v(a)/4)+acos(v(b)/4)+atan2(v(a),v(b))",
    "asinh(v(a))+acosh(5+v(b))+atanh(v(a)/4)",
    "table(v(a), -1, 0.5, 0, 0, 1, 2)+pwl(v(b), -1, 0, 0.5, 1, 1, 0)",
    "min(v(a),v(b))*max(v(a),0.3)+floor(v(a))+ceil(v(b))+int(v(a))+nint(v(b))",
    "u(v(a))+uramp(v(b))+u2(v(a))+sgn(v(b))+(v(a)&&v(b))+(v(a)==v(b))+!v(a)",
    "hypot(v(a),v(b))+log10(3+v(a))+pwr(v(a),3)+sqr(v(b))+v(a)^2",
]


def of_model(name: str) -> tuple[Device, Values]:
    kind, words = MODELS[name]
    model = MODEL_TYPES[kind].variant(words).at_level(words.get("level", 1))
    values = model.complete({name: value for name, value in words.items() if name != "level"}, {})
    device = model.device_for(values)
    columns = {key: np.full(ELEMENTS, float(value)) for key, value in values.items()}
    # Not all elements alike.
    for key in ("is", "ron", "kp", "beta"):
        if key in columns and np.isfinite(columns[key]).all():
            columns[key] = columns[key] * np.array([1.0, 1.5, 2.0])
    return device, device.prepare(columns, Environment())


def of_expression(text: str) -> tuple[Device, Values]:
    body = f"* t\nB1 c 0 I={text}\nR1 a 0 1\nR2 b 0 1\nR3 c 0 1\n.end"
    circuit = netlearn.elaborate(netlearn.parse(body)).circuit
    group = next(group for group in circuit.groups if not group.device.linear)
    columns = {key: np.repeat(value, ELEMENTS) for key, value in group.values.items()}
    return group.device, group.device.prepare(columns, Environment())


class Rows:
    """Rows for elements that share no unknowns, and the law's functions on them."""

    def __init__(self, law: CompiledLaw, prepared: Values, y: Array) -> None:
        self.law, self.width = law, y.shape[2]
        self.y = np.ascontiguousarray(y.reshape(-1, self.width))
        self.numbers = np.arange(len(self.y), dtype=np.int64)
        self.slots = np.arange(ELEMENTS * len(law.entries), dtype=np.int64)
        self.values, self.crowd = law.parameters(prepared, ELEMENTS), np.zeros(0, dtype=np.int64)

    def call(self, address: int, *rows: Array) -> None:
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 12)(address)
        nothing = np.zeros((1, self.width))
        arrays = [self.numbers] * 3 + [self.slots, self.crowd, self.values, self.y, *rows, *[nothing] * (5 - len(rows))]
        function(ELEMENTS, self.width, *(array.ctypes.data for array in arrays))

    def by_element(self, rows: Array, numbers: int) -> Array:
        """Rows as (samples, elements, numbers)."""
        return np.moveaxis(rows.reshape(ELEMENTS, numbers, self.width), 2, 0)


def check(device: Device, prepared: Values, rng: np.random.Generator, relative: float = 1e-13) -> None:
    terminals = len(device.unknowns)
    law = law_of(device, prepared, tuple(range(terminals)))
    assert law is not None
    y = rng.uniform(-1.2, 1.2, (ELEMENTS, terminals, SAMPLES))
    rows, x = Rows(law, prepared, y), np.moveaxis(y, 2, 0)
    total, held = np.zeros_like(rows.y), np.zeros((1, SAMPLES))
    data, kept = np.zeros((len(rows.slots), SAMPLES)), np.zeros((ELEMENTS * law.kept + 1, SAMPLES))
    rows.call(law.step, kept, np.full((1, SAMPLES), WARM), total, data, held)
    currents, slopes = device.residual(x, prepared), device.jacobian(x, prepared)
    found = np.zeros(slopes.shape)
    for k, (t, u) in enumerate(law.entries):
        found[..., t, u] = rows.by_element(data, len(law.entries))[..., k]
    close(rows.by_element(total, terminals), currents, relative)
    # The base resistance falls with a function whose own derivative cancels.
    close(found, slopes, 1e-6 if "crowding" in prepared and prepared["crowding"].any() else 1e-10, 1e-18)
    assert not held.any()
    # A step from there is limited as the device limits it, and linear beyond.
    further = y + rng.normal(size=y.shape) * 10.0 ** rng.uniform(-2, 1, (1, 1, SAMPLES))
    x_next = np.moveaxis(further, 2, 0)
    for mode, place in ((FREE, device.limit(x_next, x, prepared)), (COLD, device.start(x_next, prepared))):
        rows.y = np.ascontiguousarray(further.reshape(-1, SAMPLES))
        total, held, memory = np.zeros_like(rows.y), np.zeros((1, SAMPLES)), kept.copy()
        rows.call(law.step, memory, np.full((1, SAMPLES), mode), total, data, held)
        moved = x_next - place
        at = device.jacobian(place, prepared) @ moved[..., None]
        close(rows.by_element(total, terminals), device.residual(place, prepared) + at[..., 0], 1e-8)
        limited = (np.abs(moved) > 1e-12 + 1e-9 * np.abs(x_next)).any(axis=(1, 2))
        assert np.array_equal(held[0] > 0, limited)
    rows.y = np.ascontiguousarray(y.reshape(-1, SAMPLES))
    rounding = rng.uniform(0, 1e-8, (1, SAMPLES))
    total, size = np.zeros_like(rows.y), np.zeros_like(rows.y)
    rows.call(law.balance, rounding, total, size)
    close(rows.by_element(total, terminals), currents, relative)
    around = np.abs(currents) + np.abs(slopes).sum(axis=-1) * rounding[0][:, None, None]
    close(rows.by_element(size, terminals), around, 1e-8)


def close(found: Array, wanted: Array, relative: float, absolute: float = 1e-20) -> None:
    finite = np.isfinite(wanted)
    assert np.isfinite(found[finite]).all()
    scale = np.abs(np.where(finite, wanted, 0.0)).max(axis=-1, keepdims=True)
    assert (np.abs(found - wanted)[finite] <= (relative * scale + absolute + 0 * wanted)[finite]).all()


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    # The square of a root, and the surface potential that is taken off of it, nearly cancel.
    check(*of_model(name), np.random.default_rng(0), 1e-10 if "doped" in name else 1e-13)


@pytest.mark.parametrize("name", MODELS)
def test_models_far_from_rest(name: str) -> None:
    """Currents and slopes are finite and those of arrays at a hundred volts, forward or reverse, and at poles."""
    device, prepared = of_model(name)
    rng, terminals = np.random.default_rng(3), len(device.unknowns)
    law = law_of(device, prepared, tuple(range(terminals)))
    assert law is not None
    volts = np.array([-100.0, -30.0, -20.0, -1.0, 0.0, 0.3, 0.7, 1.0, 3.0, 20.0, 30.0, 100.0])
    y = volts[rng.integers(0, len(volts), (ELEMENTS, terminals, 1024))]
    for t, unknown in enumerate(device.unknowns):
        if unknown in device.internal:
            # Of half the samples behind a small resistance.
            y[:, t, ::2] = y[:, device.unknowns.index(device.internal[unknown].alias), ::2]
    x, currents, slopes = np.moveaxis(y, 2, 0), *stepped(law, prepared, y)
    assert np.isfinite(currents).all()
    assert np.isfinite(slopes).all()
    with np.errstate(all="ignore"):
        wanted, by_unknown = device.residual(x, prepared), device.jacobian(x, prepared)
    assert np.isfinite(wanted).all()
    assert np.isfinite(by_unknown).all()
    # At the pole of a power MOSFET's mobility rounding decides.
    theta = prepared["theta"] if "power" in name else 0.0
    away = np.abs(1.0 + theta * (x[..., 4 % terminals] - x[..., 5 % terminals])) > 1e-9
    close(currents[away], wanted[away], 1e-9)
    close(slopes[away].reshape(-1, terminals**2), by_unknown[away].reshape(-1, terminals**2), 1e-6)


def stepped(law: CompiledLaw, prepared: Values, y: Array) -> tuple[Array, Array]:
    """Currents (samples, elements, terminals) and their derivatives where the unknowns are ``y``."""
    terminals, samples = y.shape[1:]
    rows, total, found = (
        Rows(law, prepared, y),
        np.zeros((ELEMENTS * terminals, samples)),
        np.zeros((samples, *y.shape[:2], terminals)),
    )
    data, kept = np.zeros((len(rows.slots), samples)), np.zeros((ELEMENTS * law.kept + 1, samples))
    rows.call(law.step, kept, np.full((1, samples), WARM), total, data, np.zeros((1, samples)))
    for k, (t, u) in enumerate(law.entries):
        found[..., t, u] = rows.by_element(data, len(law.entries))[..., k]
    return rows.by_element(total, terminals), found


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    check(*of_expression(text), np.random.default_rng(1))


@pytest.mark.parametrize("name", ["diode", "diode with breakdown", "diode with recombination"])
def test_curvature(name: str) -> None:
    """Half the second derivative along a step, against a difference of Jacobians."""
    device, prepared = of_model(name)
    rng, terminals = np.random.default_rng(2), len(device.unknowns)
    law = law_of(device, prepared, tuple(range(terminals)))
    assert law is not None
    assert law.curve
    y, change = rng.uniform(0.2, 0.7, (ELEMENTS, terminals, SAMPLES)), rng.normal(size=(ELEMENTS, terminals, SAMPLES))
    change *= 1e-4
    rows, second = Rows(law, prepared, y), np.zeros((ELEMENTS * terminals, SAMPLES))
    free = np.zeros((1, SAMPLES))
    free[0, ::2] = 1.0
    kept, total, data = (
        np.zeros((ELEMENTS * law.kept + 1, SAMPLES)),
        np.zeros_like(rows.y),
        np.zeros((len(rows.slots), SAMPLES)),
    )
    rows.call(law.step, kept, np.full((1, SAMPLES), WARM), total, data, np.zeros((1, SAMPLES)))
    rows.call(law.curve, kept, np.ascontiguousarray(change.reshape(-1, SAMPLES)), second, data, free)
    x, step = np.moveaxis(y, 2, 0), np.moveaxis(change, 2, 0)
    h = 1e-3
    slopes = [device.jacobian(x + way * h * step, prepared) @ step[..., None] for way in (1.0, -1.0)]
    wanted = ((slopes[0] - slopes[1]) / (4.0 * h))[..., 0]
    wanted[::2] = 0.0
    found = rows.by_element(second, terminals)
    scale = np.abs(wanted).max()
    assert scale > 0
    # Next to a corner of a law differences see the other side of it.
    assert np.mean(np.abs(found - wanted) < 1e-5 * scale) > 0.98


@pytest.mark.parametrize("name", MODELS)
def test_limits_are_left_out_only_where_they_do_nothing(name: str) -> None:
    device, prepared = of_model(name)
    rng, shape = np.random.default_rng(4), (20_000, ELEMENTS, len(device.unknowns))
    before = rng.uniform(-4.0, 4.0, shape)
    after = before + rng.normal(size=shape) * 10.0 ** rng.uniform(-4, 1, (shape[0], 1, 1))
    near = np.broadcast_to(device.near(after, before, prepared), shape[:2])
    assert np.array_equal(device.limit(after, before, prepared)[near], after[near])
    limits = not np.array_equal(device.limit(after, before, prepared), after)
    assert near.any() == (limits and "power" not in name)


@pytest.mark.parametrize("seed", range(4))
def test_branches_within_branches(seed: int) -> None:
    """Selections that share conditions and what they choose from, one inside another and one after another."""

    class Branches(Device):
        def residual(self, x: Array, prepared: Values) -> Array:
            rng = np.random.default_rng(seed)
            parts = [x[..., 0], x[..., 1], x[..., 0] * x[..., 1]]
            conditions = [x[..., 0] > 0.1, x[..., 1] > -0.2, x[..., 0] > x[..., 1]]
            for _ in range(24):
                one, other = (parts[k] for k in rng.integers(len(parts), size=2))
                condition = conditions[rng.integers(len(conditions))]
                parts.append(np.where(condition, np.tanh(one) * 0.7 + other, np.exp(np.tanh(other)) - one))
                conditions.append(np.where(condition, parts[-1] > 0.3, conditions[rng.integers(3)]))
            return np.stack([np.tanh(parts[-1] + parts[-2]), np.tanh(parts[-3] - parts[-5])], axis=-1)

        def jacobian(self, x: Array, prepared: Values) -> Array:
            step = 1e-6
            units = np.eye(2) * step
            columns = [self.residual(x + unit, prepared) - self.residual(x - unit, prepared) for unit in units]
            return np.stack(columns, axis=-1) / (2.0 * step)

    device = Branches("branches", ("p", "n"), linear=False, reciprocal=False)
    law = law_of(device, {}, (0, 1))
    assert law is not None
    y = np.random.default_rng(seed).uniform(-1.0, 1.0, (ELEMENTS, 2, 4096))
    rows, x = Rows(law, {}, y), np.moveaxis(y, 2, 0)
    total, data = np.zeros_like(rows.y), np.zeros((len(rows.slots), y.shape[2]))
    mode, held = np.full((1, y.shape[2]), WARM), np.zeros((1, y.shape[2]))
    rows.call(law.step, np.zeros((1, y.shape[2])), mode, total, data, held)
    close(rows.by_element(total, 2), device.residual(x, {}), 1e-12)
    found = np.zeros((len(x), ELEMENTS, 2, 2))
    for k, (t, u) in enumerate(law.entries):
        found[..., t, u] = rows.by_element(data, len(law.entries))[..., k]
    wanted = device.jacobian(x, {})
    # Differences across a corner tell nothing of a slope.
    apart = np.abs(found - wanted) > 1e-5 * (1.0 + np.abs(wanted))
    assert apart.mean() < 1e-3


def test_terminals_at_ground_and_in_common() -> None:
    device, prepared = of_model("lateral pnp")
    law = law_of(device, prepared, (0, 1, 0, -1, 0, 5, -1))
    assert law is not None
    assert law.terminals == (0, 1, 5)
    y = np.random.default_rng(3).uniform(-0.8, 0.8, (ELEMENTS, 3, SAMPLES))
    rows = Rows(law, prepared, y)
    total, data = np.zeros_like(rows.y), np.zeros((len(rows.slots), SAMPLES))
    mode, held = np.full((1, SAMPLES), WARM), np.zeros((1, SAMPLES))
    rows.call(law.step, np.zeros((ELEMENTS * law.kept + 1, SAMPLES)), mode, total, data, held)
    at = np.moveaxis(y, 2, 0)
    zero = 0.0 * at[..., 0]
    x = np.stack([at[..., 0], at[..., 1], at[..., 0], zero, at[..., 0], at[..., 2], zero], axis=-1)
    currents = device.residual(x, prepared)
    wanted = np.stack([currents[..., [0, 2, 4]].sum(axis=-1), currents[..., 1], currents[..., 5]], axis=-1)
    close(rows.by_element(total, 3), wanted, 1e-12)


def test_the_elementary_functions_are_numpys() -> None:
    """To a few units in the last place, at the ends of their ranges too."""
    points = np.concatenate(
        [np.linspace(-690, 690, 500), np.linspace(-3, 3, 501), [-1e-300, 0.0, 1e-9, -750.0, 750.0, 23.0, 0.99]]
    )
    positive = np.concatenate(
        [10.0 ** np.linspace(-300, 300, 1000), np.linspace(0.5, 2, 99), [0.0, -1.0, np.inf, np.nan, 1.0]]
    )
    cases: dict[str, tuple[Any, Any, float]] = {
        "exp(v(a))": (points, lambda x: np.minimum(np.exp(x), 1e99), 4e-16),
        "ln(v(a))": (positive, np.log, 4e-16),
        "sinh(v(a))": (points, np.sinh, 2e-15),
        "cosh(v(a))": (points, np.cosh, 2e-15),
        "tanh(v(a))": (points, np.tanh, 2e-15),
    }
    for text, (x, function, error) in cases.items():
        device, prepared = of_expression(text)
        law = law_of(device, prepared, (0, -1, 2))
        assert law is not None
        width = -(-len(x) // 8) * 8
        y = np.zeros((ELEMENTS, 2, width))
        y[:, 1, : len(x)] = x
        rows = Rows(law, prepared, y)
        total, size = np.zeros_like(rows.y), np.zeros_like(rows.y)
        rows.call(law.balance, np.zeros((1, width)), total, size)
        with np.errstate(all="ignore"):
            wanted = function(x)
            distance = np.abs(rows.by_element(total, 2)[: len(x), 0, 0] - wanted)
        found = rows.by_element(total, 2)[: len(x), 0, 0]
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted)) | (distance <= error * np.abs(wanted))
        # The exponential ends a little before overflow.
        assert (same | (np.abs(x) > 708.0)).all(), text


@pytest.mark.parametrize(("most", "corrected"), [(330, False), (9999, True)])
def test_long_laws_of_junctions_lose_their_correction_for_curvature(
    most: int, corrected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laws, "MOST_NODES", most)
    law = law_of(*of_model("diode with breakdown"), (0, 1, 2))
    assert law is not None
    assert (law.corrected, law.curve != 0) == (corrected, corrected)


@pytest.mark.parametrize(("most", "compiled", "corrected"), [(700, False, False), (9999, True, False)])
def test_what_would_take_long_to_compile_is_left_out(
    most: int, compiled: bool, corrected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The law of a transistor, which then is left to arrays; it has no correction for curvature."""
    text = """too long
v1 in 0 3
vg g 0 1.2
r1 in d 1k
m1 d g 0 0 nm l=2u w=10u
.model nm nmos(level=3 tox=20n nsub=2e16 kappa=0.5 eta=0.1 theta=0.05)
.end
"""
    monkeypatch.setattr(laws, "MOST_NODES", most)
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    transistor = next(group for group in circuit.groups if not group.device.linear)
    prepared = transistor.device.prepare(transistor.values, circuit.environment)
    law = law_of(transistor.device, prepared, (0, 1, -1, -1, 0, -1))
    assert (law is not None, law is not None and law.corrected) == (compiled, corrected)
    g, k = circuit.element("vg")
    volts = np.linspace(0.0, 3.0, 9)
    column = np.tile(circuit.groups[g].values["dc"], (len(volts), 1))
    column[:, k] = volts
    together = InternalSolver().solve(circuit.with_values({(g, "dc"): column}))
    for volt, found in zip(volts, together.voltage("d"), strict=True):
        column = np.array(circuit.groups[g].values["dc"])
        column[k] = volt
        alone = InternalSolver().solve(circuit.with_values({(g, "dc"): column})).voltage("d")[0]
        assert found == pytest.approx(alone, rel=1e-9)


def test_what_depends_on_numbers_is_not_compiled() -> None:
    class Odd(Device):
        def residual(self, x: Array, prepared: Values) -> Array:
            return x if x[0] > 0 else -x

    odd = Odd("odd", ("p", "n"), linear=False)
    assert law_of(odd, {}, (0, 1)) is None
    assert laws.law_of(odd, {}, (0, 1)) is None
