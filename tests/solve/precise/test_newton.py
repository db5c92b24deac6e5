"""Nonlinear circuits whose values lie far apart, against bisection in 60 decimal digits and Kirchhoff's laws."""

from __future__ import annotations

import random
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest

import netlearn
from netlearn.circuit.devices.junction import BOLTZMANN, CHARGE
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import ConvergenceError
from netlearn.netlist.netlist import parse
from netlearn.solve.accuracy import digits_of
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import OperatingPoint
from netlearn.solve.precise.newton import settle
from netlearn.solve.sensitivity import linearize

SATURATION, GMIN = "1e-14", "1e-12"


def solved(text: str, careful: bool = True) -> OperatingPoint:
    return InternalSolver(careful).solve(elaborate(parse(f"title\n{text}\n.end\n", "t.cir")).circuit)


def diode_chain(volts: float, resistances: list[float]) -> str:
    lines = [f"R{k} n{k} n{k + 1} {value!r}" for k, value in enumerate(resistances)]
    last = f"D1 n{len(resistances)} 0 dm\n.model dm d(is={SATURATION})"
    return "\n".join([f"V1 n0 0 {volts!r}", *lines, last])


def exact(volts: float, resistances: list[float]) -> tuple[list[Decimal], Decimal]:
    """The nodes' voltages and the current of resistors in series with a diode, whose voltage bisection finds."""
    with localcontext() as context:
        context.prec = 60
        thermal = Decimal(BOLTZMANN) * Decimal("300.15") / Decimal(CHARGE)
        supply, parts = Decimal(volts), [Decimal(value) for value in resistances]
        low, high = Decimal(0), supply
        for _ in range(220):
            middle = (low + high) / 2
            through = Decimal(SATURATION) * ((middle / thermal).exp() - 1) + Decimal(GMIN) * middle
            low, high = (middle, high) if supply - middle > through * sum(parts) else (low, middle)
        current = (supply - low) / sum(parts)
        nodes = [low + current * sum(parts[k:]) for k in range(len(parts) + 1)]
    return nodes, current


@pytest.mark.parametrize(
    ("volts", "resistances"),
    [
        (1.0, [1e12, 1e-3, 1e12]),
        (1.0, [1e3, 1e-9, 1e-3]),
        (5.0, [1e-6, 1e9, 1e-6]),
        (1.0, [20.2e3, 3.68e-10, 85.4e9]),
    ],
)
def test_all_digits_hold_where_float64_loses_them(volts: float, resistances: list[float]) -> None:
    text = diode_chain(volts, resistances)
    nodes, current = exact(volts, resistances)
    point = solved(text)
    for k, wanted in enumerate(nodes):
        assert point.voltage(f"n{k}")[0] == pytest.approx(float(wanted), rel=1e-9)
    for k in range(len(resistances)):
        assert point.current(f"R{k}")[0] == pytest.approx(float(current), rel=1e-9)
    assert digits_of(point, linearize(point)).min() > 15
    # What is given up by a solver in a hurry is found, or told.
    try:
        plain = solved(text, careful=False)
    except ConvergenceError:
        return
    assert digits_of(plain, linearize(plain)).min() < 6


@pytest.mark.parametrize("seed", range(24))
def test_random_chains(seed: int) -> None:
    rng = random.Random(seed)
    resistances = [float(f"{10 ** rng.uniform(-12, 13):.3g}") for _ in range(rng.randint(1, 6))]
    volts = float(f"{rng.uniform(0.7, 20):.3g}")
    nodes, current = exact(volts, resistances)
    point = solved(diode_chain(volts, resistances))
    found = [point.voltage(f"n{k}")[0] for k in range(len(nodes))]
    np.testing.assert_allclose(found, [float(value) for value in nodes], rtol=1e-6)
    assert -point.x[0, -1] == pytest.approx(float(current), rel=1e-6)


CIRCUITS = {
    "bipolar": "V1 c 0 5\nV2 i 0 2\nR1 i j 1t\nR2 j b 1m\nR3 c k 10k\nR4 k m 1n\nQ1 m b e qn\nR5 e 0 1u\n.model qn npn",
    "mos": "V1 d 0 3\nV2 g 0 2\nR1 d x 1g\nR2 x y 1u\nM1 y g s 0 mn w=10u l=1u\nR3 s 0 1m\n.model mn nmos(vto=1)",
    "behavioural": "V1 a 0 1\nR1 a b 1t\nR2 b c 1m\nB1 c 0 I=1p*V(c)^2",
    "two diodes": "I1 0 a 1n\nR1 a b 1n\nD1 b c d\nR2 c d 1t\nR3 d e 1u\nD2 e 0 d\n.model d d",
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_kirchhoff_s_laws_hold_for_other_devices(name: str) -> None:
    point = solved(CIRCUITS[name])
    assert point.rest is not None
    assert point.residual().relative.max() < 1e-9


def test_nothing_changes_where_enough_digits_hold() -> None:
    text = "V1 a 0 2\nR1 a b 1k\nD1 b 0 d\nR2 b c 10k\nQ1 a c e q\nR3 e 0 100\n.model d d\n.model q npn"
    careful, plain = solved(text), solved(text, careful=False)
    assert careful.rest is None
    np.testing.assert_array_equal(careful.x, plain.x)


def test_samples_that_need_it_are_improved_and_too_many_are_told() -> None:
    netlist = netlearn.parse("title\n*@output V(n3)\n" + diode_chain(1.0, [1e3, 1e-9, 1e-3]) + "\n.end\n")
    volts = np.linspace(0.5, 5.0, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        point = netlearn.operating_point(netlist, data={"V1": volts, "V(n3)": np.zeros(12)})
    wanted = [float(exact(value, [1e3, 1e-9, 1e-3])[1]) for value in volts.tolist()]
    np.testing.assert_allclose(-point.x[:, -1], wanted, rtol=1e-9)
    with pytest.warns(UserWarning, match=r"fewer than six digits hold at \d+ samples, the first of them sample 1"):
        netlearn.operating_point(netlist, data={"V1": np.linspace(0.5, 5, 40), "V(n3)": np.zeros(40)})


def test_what_has_no_operating_point_still_has_none() -> None:
    text = "I1 0 a 1\nB1 a 0 I=0.5*tanh(V(a))"
    assert settle(elaborate(parse(f"t\n{text}\n.end\n", "t.cir")).circuit, None) is None
    with pytest.raises(ConvergenceError):
        solved(text)
