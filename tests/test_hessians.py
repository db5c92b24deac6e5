"""Spectra against dense nodal analysis, differences of the loss, and circuits with elements really taken out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn import memory
from netlearn.arrays import Array
from netlearn.cli import main
from netlearn.errors import CircuitError, TooLargeError

NETLIST = """* seven resistors
*@output V(b) V(d)
*@train R*
V1 in 0 1
R1 in a 1k
R2 a b 2k
R3 b 0 3k
R4 a c 1.5k
R5 c d 2.5k
R6 d 0 900
R7 b d 4k
.end
"""
DATA = {"V1": [1.0, 0.5, -0.8], "V(b)": [0.3, 0.1, -0.2], "V(d)": [0.2, 0.2, -0.1]}
ENDS = ((-1, 0), (0, 1), (1, -1), (0, 2), (2, 3), (3, -1), (1, 3))
OHMS = np.array([1e3, 2e3, 3e3, 1.5e3, 2.5e3, 900.0, 4e3])
NETLISTS = Path(__file__).parents[1] / "netlists"


def laplacian() -> Array:
    """Of the nodes a to d, with the input and ground held."""
    result = np.zeros((5, 5))
    for (a, b), ohms in zip(ENDS, OHMS, strict=True):
        result[[a, b], [a, b]] += 1 / ohms
        result[[a, b], [b, a]] -= 1 / ohms
    return result[:4, :4]


def loss(ohms: Array) -> float:
    text = NETLIST
    for k, (old, new) in enumerate(zip(("1k", "2k", "3k", "1.5k", "2.5k", "900", "4k"), ohms, strict=True), 1):
        line = next(line for line in NETLIST.splitlines() if line.startswith(f"R{k} "))
        text = text.replace(line, line.removesuffix(old) + repr(float(new)))
    return netlearn.evaluate(netlearn.parse(text), DATA).loss


def test_physical_hessian() -> None:
    found = netlearn.spectrum(netlearn.parse(NETLIST), DATA)
    assert found.nodes == ("in", "a", "b", "c", "d")
    values, vectors = np.linalg.eigh(laplacian())
    assert found.stiffness == pytest.approx(values, rel=1e-9)
    overlap = np.abs(found.modes[1:].T @ vectors)
    assert overlap == pytest.approx(np.eye(4), abs=1e-7)
    assert found.modes[0] == pytest.approx(0.0, abs=1e-9)
    inverse = np.linalg.inv(laplacian())
    assert found.susceptibility[1:] == pytest.approx(np.sum(inverse**2, axis=1), rel=1e-9)
    # Everything follows the one input.
    assert found.dimension == pytest.approx(1.0)


def test_susceptibility_is_the_response_to_random_currents() -> None:
    rng, volts = np.random.default_rng(0), []
    for _ in range(300):
        currents = rng.normal(size=4)
        lines = "".join(f"I{n} 0 {n} {current}\n" for n, current in zip("abcd", currents, strict=True))
        driven = NETLIST.replace("V1 in 0 1", f"V1 in 0 0\n{lines}")
        point = netlearn.operating_point(netlearn.parse(driven))
        volts.append([float(point.voltage(n)[0]) for n in "abcd"])
    found = netlearn.spectrum(netlearn.parse(NETLIST), DATA).susceptibility[1:]
    assert np.mean(np.square(volts), axis=0) == pytest.approx(found, rel=0.3)


def test_cost_hessian_is_that_of_the_loss() -> None:
    """By second differences in log-conductances."""
    h, size = 1e-3, len(OHMS)
    hessian = np.empty((size, size))
    for i, a in enumerate(np.eye(size) * h):
        for j, b in enumerate(np.eye(size) * h):
            corners = [s * t * loss(OHMS * np.exp(-(s * a + t * b))) for s in (1, -1) for t in (1, -1)]
            hessian[i, j] = sum(corners) / (4 * h * h)
    found = netlearn.spectrum(netlearn.parse(NETLIST), DATA)
    assert found.loss == pytest.approx(loss(OHMS))
    assert found.curvature == pytest.approx(np.linalg.eigvalsh(hessian)[::-1], abs=1e-5 * found.curvature[0])
    rebuilt = found.directions * found.curvature @ found.directions.T
    assert rebuilt == pytest.approx(hessian, abs=1e-5 * found.curvature[0])


def test_what_each_element_matters() -> None:
    netlist = netlearn.parse(NETLIST)
    found = netlearn.spectrum(netlist, DATA)
    assert found.parameters == tuple(f"r{k}" for k in range(1, 8))
    for k in range(7):
        line = next(line for line in NETLIST.splitlines() if line.startswith(f"R{k + 1} "))
        without = netlearn.parse(NETLIST.replace(f"{line}\n", ""))
        rise = netlearn.evaluate(without, DATA).loss - found.loss
        assert found.importance[k] == pytest.approx(rise, rel=1e-6, abs=1e-9)
        moved = []
        for way in (1, -1):
            word = line.split()[-1]
            text = NETLIST.replace(line, line.removesuffix(word) + repr(float(OHMS[k] * np.exp(-way * 1e-4))))
            moved.append(netlearn.evaluate(netlearn.parse(text), DATA).outputs)
        slope = (moved[0] - moved[1]) / 2e-4
        assert found.response[k] == pytest.approx(float(np.sqrt(np.mean(slope**2))), rel=1e-5)


def test_amplifiers_bind_nodes_together() -> None:
    """XOR: four hidden nodes that their amplifiers repeat, and two outputs."""
    found = netlearn.spectrum(NETLISTS / "xor.cir")
    assert len(found.stiffness) == 6
    hidden = [found.nodes.index(f"h{k}") for k in range(1, 5)]
    repeated = [found.nodes.index(f"a{k}") for k in range(1, 5)]
    assert found.modes[repeated] == pytest.approx(4 * found.modes[hidden], rel=1e-6, abs=1e-9)


def test_many_parameters_have_leading_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = netlearn.spectrum(NETLISTS / "iris.cir")
    monkeypatch.setattr("netlearn.hessians.WHOLE", 10)
    leading = netlearn.spectrum(NETLISTS / "iris.cir")
    assert len(leading.curvature) == 20
    assert leading.curvature[:5] == pytest.approx(whole.curvature[:5], rel=1e-3)
    assert np.isnan(leading.importance).all()


def test_command_tells_and_prints_arrays(tmp_path: Path) -> None:
    (tmp_path / "net.cir").write_text(NETLIST.replace("*@train", "*@data d.csv\n*@train"))
    (tmp_path / "d.csv").write_text("V1,V(b),V(d)\n1,0.3,0.2\n0.5,0.1,0.2\n")
    arguments = ["info", str(tmp_path / "net.cir"), "--spectrum"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "stiffness  4 modes of" in done.output
    assert "important" in done.output
    printed = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["spectrum"]
    assert printed["stiffness"] == pytest.approx(np.linalg.eigvalsh(laplacian()).tolist(), rel=1e-9)
    assert len(printed["importance"]) == 7


def test_without_data_physics_is_told_and_what_data_would_add(tmp_path: Path) -> None:
    found, whole = netlearn.spectrum(netlearn.parse(NETLIST)), netlearn.spectrum(netlearn.parse(NETLIST), DATA)
    assert found.stiffness == pytest.approx(whole.stiffness, rel=1e-12)
    assert found.susceptibility == pytest.approx(whole.susceptibility, rel=1e-12)
    own = netlearn.spectrum(netlearn.parse(NETLIST), {"V1": [1.0], "V(b)": [0.0], "V(d)": [0.0]})
    assert found.response == pytest.approx(own.response)
    assert len(found.curvature) == 0
    assert np.isnan([found.loss, found.dimension, *found.importance]).all()
    (tmp_path / "net.cir").write_text(NETLIST)
    done = CliRunner().invoke(main, ["info", str(tmp_path / "net.cir"), "--spectrum"])
    assert done.exit_code == 0, done.output
    assert "stiffness  4 modes of" in done.output
    assert "no data    which would tell the curvature of the cost" in done.output
    assert "nan" not in done.output
    (tmp_path / "diode.cir").write_text("t\nV1 a 0 0.5\nD1 a b dm\nD2 b 0 dm\n.model dm d\n.end\n")
    done = CliRunner().invoke(main, ["info", str(tmp_path / "diode.cir"), "--spectrum", "--json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)["spectrum"]
    # Two diodes at 0.25 V each, with the conductance (I + Is) / nVt of either.
    assert printed["stiffness"] == pytest.approx([2e-14 * np.exp(0.25 / 0.0258649) / 0.0258649], rel=1e-3)
    assert printed["loss"] is None
    with pytest.raises(CircuitError, match="no voltage can move"):
        netlearn.spectrum(netlearn.parse("t\nV1 a 0 1\nR1 a 0 1k\n"))


def test_temperatures_of_samples_change_the_physics() -> None:
    text = "t\n*@output V(b)\n*@train R*\nV1 a 0 1\nR1 a b 1k tc1=1m\nR2 b c 2k\nR3 c 0 1k\n.end\n"
    data = {"V1": [1.0, 1.0], "temp": [27.0, 127.0], "V(b)": [0.5, 0.5]}
    for sample, ohms in enumerate((1e3, 1.1e3)):
        wanted = np.linalg.eigvalsh(np.array([[1 / ohms + 5e-4, -5e-4], [-5e-4, 1.5e-3]]))
        found = netlearn.spectrum(netlearn.parse(text), data, sample=sample)
        assert found.stiffness == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("room", "said"),
    [(500, "the Hessian by the voltages of 5 nodes, with its"), (1500, "the derivatives of 99 samples by 7 values")],
)
def test_what_does_not_fit_is_refused_before_it_is_tried(room: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {name: values * 33 for name, values in DATA.items()}
    assert netlearn.spectrum(netlearn.parse(NETLIST), data).response.all()
    monkeypatch.setattr(memory, "available", lambda: room)
    with pytest.raises(TooLargeError, match=said) as caught:
        netlearn.spectrum(netlearn.parse(NETLIST, "seven.cir"), data)
    assert str(caught.value).startswith("seven.cir:1:1: error: ")


def test_refusals() -> None:
    one_way = netlearn.parse(NETLIST.replace("R7 b d 4k", "R7 b d 4k\nG1 d 0 b 0 1m"))
    with pytest.raises(CircuitError, match="no Hessian without a co-content, and g1 leaves none"):
        netlearn.spectrum(one_way, DATA)


@pytest.mark.parametrize("elements", ["R1 0 0 1k\n", "", "V1 a 0 1\nR1 a 0 1k\n"])
def test_no_spectrum_where_no_voltage_can_move(tmp_path: Path, elements: str) -> None:
    (tmp_path / "x.cir").write_text(f"t\n{elements}.end\n")
    with pytest.raises(CircuitError, match="there is no Hessian where no voltage can move"):
        netlearn.spectrum(tmp_path / "x.cir")
    done = CliRunner().invoke(main, ["info", "--spectrum", str(tmp_path / "x.cir")])
    assert done.exit_code == 2
    assert "there is no Hessian where no voltage can move" in done.stderr
