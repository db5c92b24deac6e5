"""Linear circuits with values over 30 decades against exact rational arithmetic."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

import netlearn
from netlearn.errors import CircuitError
from netlearn.netlist.numbers import parse_number
from netlearn.solve.equations.assembly import Equations
from netlearn.solve.internal import InternalSolver
from netlearn.solve.linear import linear_system
from netlearn.solve.precise.equations import PreciseLinearization

Element = tuple[str, tuple[int, ...], str, float]
"""Name, nodes, the source whose current controls it, and value; node 0 is ground."""


def value(rng):
    return float(f"{10 ** rng.uniform(-15, 15):.3g}")


def random_circuit(rng, active):
    nodes = rng.randint(2, 7)
    found = [("v1", (1, 0), "", float(f"{rng.uniform(-10, 10):.4g}"))]
    found += [(f"r{i}", (i, rng.randrange(1, i)), "", value(rng)) for i in range(2, nodes + 1)]
    found += [(f"rx{k}", tuple(rng.sample(range(nodes + 1), 2)), "", value(rng)) for k in range(rng.randint(1, 4))]
    if rng.random() < 0.5:
        found.append(("i1", tuple(rng.sample(range(nodes + 1), 2)), "", value(rng)))
    for k in range(rng.randint(1, 2) if active else 0):
        letter, gain = rng.choice("gefh"), rng.choice([-1, 1]) * value(rng)
        ends = tuple(rng.sample(range(nodes + 1), 2))
        controls = tuple(rng.sample(range(nodes + 1), 2)) if letter in "ge" else ()
        found.append((f"{letter}{k}", ends + controls, "" if controls else "v1", gain))
    return nodes, found


def text_of(elements):
    lines = [
        " ".join([name, *(f"n{i}" if i else "0" for i in ends), *([control] if control else []), repr(number)])
        for name, ends, control, number in elements
    ]
    return "\n".join(["random", *lines, ".end"])


def exact(nodes, elements):
    """The solution by name, or None for a singular circuit."""
    branches = [name for name, *_ in elements if name[0] in "veh"]
    names = [*(f"v(n{i})" for i in range(1, nodes + 1)), *(f"i({name})" for name in branches)]
    row = {name: k for k, name in enumerate(names)}
    matrix = [[Fraction(0)] * (len(names) + 1) for _ in names]

    def add(i, j, number):
        if i >= 0 and j >= 0:
            matrix[i][j] += number

    for name, ends, control, number in elements:
        exactly, place = Fraction(number), [i - 1 for i in ends]
        signed = list(zip(place[:2], (1, -1), strict=True))
        own = row.get(f"i({name})", -1)
        for i, sign in signed:
            if name[0] == "r":
                for j, other in signed:
                    add(i, j, sign * other / exactly)
            elif name[0] == "i":
                add(i, len(names), -sign * exactly)
            elif name[0] == "g":
                for j, other in zip(place[2:], (1, -1), strict=True):
                    add(i, j, sign * other * exactly)
            elif name[0] == "f":
                add(i, row[f"i({control})"], sign * exactly)
            else:
                add(i, own, Fraction(sign))
                add(own, i, Fraction(sign))
        if name[0] == "v":
            add(own, len(names), exactly)
        elif name[0] == "e":
            for j, other in zip(place[2:], (1, -1), strict=True):
                add(own, j, -other * exactly)
        elif name[0] == "h":
            add(own, row[f"i({control})"], -exactly)
    return solved(names, matrix)


def solved(names, matrix):
    size = len(names)
    for c in range(size):
        pivot = next((r for r in range(c, size) if matrix[r][c] != 0), None)
        if pivot is None:
            return None
        matrix[c], matrix[pivot] = matrix[pivot], matrix[c]
        for r in range(size):
            if r != c and matrix[r][c] != 0:
                factor = matrix[r][c] / matrix[c][c]
                matrix[r] = [a - factor * b for a, b in zip(matrix[r], matrix[c], strict=True)]
    return {name: matrix[k][size] / matrix[k][k] for k, name in enumerate(names)}


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.filterwarnings("error")
def test_nine_digits_hold_over_thirty_decades(active):
    rng = random.Random(5)
    count = 0
    for _ in range(150):
        nodes, elements = random_circuit(rng, active)
        wanted = exact(nodes, elements)
        if wanted is None:
            with pytest.raises(CircuitError):
                netlearn.operating_point(netlearn.parse(text_of(elements)))
            continue
        try:
            op = netlearn.operating_point(netlearn.parse(text_of(elements)))
        except CircuitError as error:
            # A loop of voltage sources is refused by the graph, whatever a controlled source makes of it.
            assert "loop" in str(error) or "short" in str(error), text_of(elements)  # noqa: PT017
            continue
        count += 1
        for name, number in wanted.items():
            found = op.voltage(name[2:-1]) if name[0] == "v" else op.current(name[2:-1])
            assert abs(Fraction(float(found[0])) - number) <= abs(number) * Fraction(1e-9), (
                f"{text_of(elements)}\n{name}"
            )
    assert count > 130


DIVIDERS = {
    "a milliohm between teraohms": ("1t", "1m", "1t"),
    "a microohm between teraohms": ("1t", "1u", "1t"),
    "no two alike": ("20.2k", "3.68e-10", "85.4g"),
}


@pytest.mark.parametrize("values", DIVIDERS.values(), ids=DIVIDERS)
def test_a_divider_of_values_far_apart(values):
    text = "divider\nv1 a 0 1\nr1 a b {}\nr2 b c {}\nr3 c 0 {}\n.end".format(*values)
    op = netlearn.operating_point(netlearn.parse(text))
    first, middle, last = (Fraction(parse_number(word) or 0.0) for word in values)
    total = first + middle + last
    wanted = {"V(b)": (middle + last) / total, "V(c)": last / total, "I(v1)": -1 / total, "I(r2)": 1 / total}
    wanted |= {"V(b,c)": middle / total, "P(r2)": middle / total**2}
    for probe, found in zip(wanted, op.measure(*wanted)[0], strict=True):
        assert found == pytest.approx(float(wanted[probe]), rel=1e-14), probe
    assert op.voltage("b", "c")[0] == pytest.approx(float(middle / total), rel=1e-14)
    # The currents balance as well as their own digits allow, not those of the largest conductance.
    assert op.residual().relative.max() < 1e-12


def test_gradients_hold_there_too():
    """The derivative of the middle of a divider by a resistance, known in closed form."""
    circuit = netlearn.elaborate(netlearn.parse("divider\nv1 a 0 1\nr1 a b 1t\nr2 b c 1m\nr3 c 0 3t\n.end")).circuit
    linearization = linear_system(circuit, Equations.of(circuit))
    assert isinstance(linearization, PreciseLinearization)
    injected = np.zeros((1, circuit.size))
    b, c = circuit.node("b"), circuit.node("c")
    injected[0, b] = 1e-12
    moved = linearization.solve(injected)
    assert moved[0, [b, c]] == pytest.approx([0.75, 0.75], rel=1e-14)
    # A matrix of resistors is symmetric.
    assert linearization.solve(injected, transpose=True)[0, [b, c]] == pytest.approx([0.75, 0.75], rel=1e-14)
    turned = np.array([linearization.solve(np.eye(circuit.size)[[k]], transpose=True)[0] for k in range(circuit.size)])
    straight = linearization.solve(np.eye(circuit.size))
    assert pytest.approx(straight, rel=1e-12) == turned.T


def test_samples_that_differ_in_a_resistance_are_each_solved_as_they_need():
    text = "divider\nv1 a 0 1\nr1 a b 1t\nr2 b c {r}\nr3 c 0 1t\n.param r=1k\n.end"
    data = {"r": [1e3, 1e-3, 1e-6], "v1": [1.0, 2.0, 4.0]}
    op = netlearn.operating_point(netlearn.parse(text), data=data)
    assert op.voltage("b") == pytest.approx([0.5, 1.0, 2.0], rel=1e-8)
    assert op.measure("I(r2)")[:, 0] == pytest.approx([0.5e-12, 1e-12, 2e-12], rel=1e-8)


@pytest.mark.parametrize("sections", [755, 1000, 2000])
def test_a_ladder_that_ends_in_nothing(sections):
    lines = [f"ra{k} n{k} n{k + 1} 1k\nrb{k} n{k + 1} 0 1k" for k in range(sections)]
    op = netlearn.operating_point(netlearn.parse("\n".join(["ladder", "v1 n0 0 1", *lines, ".end"])))
    golden = (1 + 5**0.5) / 2
    for k in (1, 10, 300, 700):
        assert op.voltage(f"n{k}")[0] == pytest.approx(golden ** (-2 * k), rel=1e-9)
    assert op.current("v1")[0] == pytest.approx(-1e-3 / golden, rel=1e-12)


def test_a_loop_gain_of_one_has_no_solution():
    text = "gain\nv1 a 0 1\ne1 b 0 c 0 1\nr1 b c 1m\nr2 c 0 1e30\ni1 0 c 1\n.end"
    # A teraohm more or less: the loop's gain is one but for 1e-33.
    op = netlearn.operating_point(netlearn.parse(text))
    assert op.voltage("c")[0] == pytest.approx(1e30, rel=1e-12)
    with pytest.raises(CircuitError, match="no unique solution"):
        netlearn.operating_point(netlearn.parse(text.replace("r2 c 0 1e30\n", "")))


def test_right_hand_sides_may_be_complex():
    text = "t\nI1 0 a 1\nR1 a b 1e-6\nR2 b 0 1e8\nR3 a 0 1e9\n.end"
    circuit = netlearn.elaborate(netlearn.parse(text)).circuit
    linearization = InternalSolver().solve(circuit).linearization
    assert isinstance(linearization, PreciseLinearization)
    right = np.array([[1.0 + 2.0j, 0.5j]])
    # Both nodes are one but for a microvolt per ampere, with both resistors to ground.
    total = right.sum() / (1e-8 + 1e-9)
    np.testing.assert_allclose(linearization.solve(right), [[total, total]], rtol=1e-9)


def test_a_sample_without_a_unique_solution_is_named() -> None:
    """R1 takes away at the second sample what R2 conducts."""
    netlist = netlearn.parse("* t\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n.end\n")
    with pytest.raises(CircuitError, match="sample 2: the circuit's equations have no unique solution"):
        netlearn.operating_point(netlist, data={"R1": [1e3, -1e3]})
