"""Rules on circuits with diodes, where the energy is the co-content, against finite differences."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import GROUND, Group
from netlearn.circuit.devices.diode import DIODE_WITHOUT_SERIES
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE
from netlearn.circuit.devices.linear import VCCS
from netlearn.cli import main
from netlearn.errors import CircuitError
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch, Rule
from netlearn.learn.rules.second_order import OutputJacobian
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.project import open_project
from tests.helpers import differences, estimate, mean_loss, model_of, random_task


def diodes(*ends: tuple[int, int], device: object = DIODE_WITHOUT_SERIES, **values: float) -> Group:
    defaults = {**device.parameters, **values}  # type: ignore[attr-defined]
    columns = {name: np.full(len(ends), value) for name, value in defaults.items()}
    return Group(device, [f"d{i + 1}" for i in range(len(ends))], np.array(ends), columns)  # type: ignore[arg-type]


def circuit(seed: int) -> tuple[Model, Array, Batch]:
    """Diodes both ways between nodes that carry up to half a volt."""
    model, theta, batch = random_task(seed, diodes((3, GROUND), (5, 4), (GROUND, 6), (2, 1)))
    return model, theta, Batch(2 * batch.inputs, batch.targets)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("analytic", {}),
        ("ep", {"beta": 1e-7, "unit": "siemens"}),
        ("ep", {"beta": 1e-7, "unit": "siemens", "nudge": "current"}),
        ("ep", {"beta": 1e-9, "unit": "siemens", "states": "positive"}),
        ("al", {"beta": 1e-9, "unit": "siemens"}),
        ("holomorphic", {"beta": 2e-6, "unit": "siemens"}),
        ("homodyne", {"amplitude": 1e-4}),
    ],
)
def test_descends_the_loss(seed: int, name: str, options: dict[str, object]) -> None:
    model, theta, batch = circuit(seed)
    found = estimate(make_rule(name, **options), model, theta, batch)
    wanted = differences(lambda t: mean_loss(model, t, batch), theta, 1e-4)
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5 * np.abs(wanted).max())


def test_diodes_matter() -> None:
    model, theta, batch = circuit(0)
    linear = random_task(0)[0]
    assert (
        np.abs(
            model.outputs(model.forward(theta, batch.inputs)) - linear.outputs(linear.forward(theta, batch.inputs))
        ).max()
        > 0.05
    )


@pytest.mark.parametrize(("states", "slope"), [("positive", 1.0), ("negative", 1.0), ("centered", 2.0)])
def test_bias_falls_at_the_predicted_order(states: str, slope: float) -> None:
    model, theta, batch = circuit(1)
    exact = estimate(Analytic(), model, theta, batch)
    betas = np.array([2e-6, 4e-6, 8e-6])
    errors = [
        np.linalg.norm(estimate(make_rule("ep", beta=b, unit="siemens", states=states), model, theta, batch) - exact)
        for b in betas
    ]
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(slope, abs=0.15)


def test_holomorphic_is_exact_at_a_finite_nudge() -> None:
    model, theta, batch = circuit(1)
    exact = estimate(Analytic(), model, theta, batch)

    def error(rule: Rule) -> float:
        return float(np.linalg.norm(estimate(rule, model, theta, batch) - exact) / np.linalg.norm(exact))

    centered = error(make_rule("ep", beta=1e-5, unit="siemens"))
    ring = error(make_rule("holomorphic", beta=1e-5, unit="siemens", points=12))
    assert centered > 5e-5
    assert ring < 1e-3 * centered


def test_pieces_have_no_analytic_continuation() -> None:
    """An ideal diode at the corner of its characteristic: the nudges reach both pieces."""
    model = model_of(2, [(0, 1), (1, GROUND)], np.array([1e3, 1e3]), [0], [(1, GROUND)])
    corner = diodes((1, GROUND), device=IDEAL_DIODE, vfwd=0.5, ron=100.0)
    model = model_of(2, [(0, 1), (1, GROUND)], np.array([1e3, 1e3]), [0], [(1, GROUND)], corner)
    batch = Batch(np.array([[0.98]]), np.array([[0.8]]))
    with pytest.raises(CircuitError, match="d1 has no analytic continuation"):
        estimate(make_rule("holomorphic", beta=1e-4, unit="siemens"), model, model.parameters.initial, batch)


@pytest.mark.parametrize(
    "elements",
    [
        "S1 in out out 0 m\n.model m sw(vt=0.50001 ron=1meg roff=1e12)",
        "B1 out 0 I=pwl(V(out), 0,0, 0.4999,1u, 1,1m)",
        "B1 out 0 I=0.1m*abs(V(out) - 0.4999)",
        "B1 out 0 I=(V(out) > 0.4999) ? 0.1m*(V(out) - 0.4999) : 0",
        "D1 out 0 m\n.model m d(vfwd=0.4999 ron=10k roff=1g)",
    ],
    ids=["switch", "table", "abs", "if", "ideal diode"],
)
@pytest.mark.filterwarnings("ignore:the circuit has no co-content")
def test_complex_nudges_do_not_go_from_piece_to_piece(elements: str) -> None:
    """They are refused where they reach another piece, and only there."""
    divider = f"*\n*@output V(out)\n*@train R*\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n{elements}\n.end\n"
    data = {"V1": [1.0], "V(out)": [0.8]}

    def train(beta: float) -> object:
        return netlearn.train(netlearn.parse(divider), data, rule=f"holomorphic beta={beta} unit=siemens", epochs=1)

    train(1e-9)
    with pytest.raises(CircuitError, match=r"(s|b|d)1 has no analytic continuation"):
        train(3e-4)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_holomorphic_takes_any_number_of_samples_and_values_of_any_device(samples: int) -> None:
    """The saturation current of a diode and the gain behind a parameter, against the adjoint method."""
    netlist = netlearn.parse(
        "*\n*@output V(out)\n*@train R* m.is k\n.param k=2\nV1 in 0 1\nR1 in a 1k\nR2 a out {k*1k}\nR3 out 0 5k\n"
        "B1 out 0 I=k*1u*V(out)^3\nD1 a 0 m\n.model m d(is=1e-9)\n.end\n"
    )
    # Only controls that are the source's own nodes leave the circuit a co-content, as here.
    volts = np.linspace(0.5, 1.0, samples)
    project = open_project(netlist, {"V1": volts, "V(out)": np.full(samples, 0.1)})
    model, data = project.model, project.dataset(project.table)
    batch = Batch(data.inputs, data.targets)
    assert sorted(model.parameters.names) == ["k", "m.is", "r1", "r3"]
    theta = model.parameters.initial
    rule = make_rule("holomorphic", beta=1e-5, unit="siemens")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = rule.estimate(model, Mse(), theta, batch, np.random.default_rng(0)).gradient
    wanted = Analytic().estimate(model, Mse(), theta, batch, np.random.default_rng(0)).gradient
    assert found == pytest.approx(wanted, rel=1e-6)


def test_analytic_rule_needs_no_reciprocity() -> None:
    amplifier = Group(VCCS, ["g1"], np.array([[4, GROUND, 2, GROUND]]), {"gain": np.array([1e-4])})
    model, theta, batch = random_task(0, amplifier)
    wanted = differences(lambda t: mean_loss(model, t, batch), theta)
    assert estimate(Analytic(), model, theta, batch) == pytest.approx(wanted, rel=1e-5, abs=1e-6 * np.abs(wanted).max())


def test_products_with_the_jacobian() -> None:
    model, theta, batch = circuit(2)
    jacobian = OutputJacobian(model, theta, model.forward(theta, batch.inputs))
    direction = np.random.default_rng(0).normal(size=len(theta))

    def outputs(way: float) -> Array:
        return model.outputs(model.forward(theta * np.exp(way * direction), batch.inputs))

    assert jacobian.forward(direction) == pytest.approx((outputs(1e-4) - outputs(-1e-4)) / 2e-4, rel=1e-5, abs=1e-6)


@pytest.mark.ngspice
def test_ngspice_runs_both_phases(libngspice: str) -> None:
    model, theta, batch = circuit(0)
    with NgspiceSolver() as solver:
        other = Model(model.parameters, model.inputs, model.probes, solver)
        for rule in (make_rule("ep", beta=1e-5, unit="siemens"), make_rule("cl", beta=0.1)):
            found = rule.estimate(other, Mse(), theta, batch, np.random.default_rng(0)).gradient
            wanted = estimate(rule, model, theta, batch)
            assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4 * np.abs(wanted).max())


def test_command_says_what_is_lost_without_reciprocity_once(tmp_path: Path) -> None:
    (tmp_path / "amplifier.cir").write_text(
        "* amplifier\n*@output V(out)\n*@train R*\n*@data data.csv\nV1 in 0 1\nR1 in a 1k\nR2 a 0 1k\n"
        "E1 b 0 a 0 2\nR3 b out 1k\nR4 out 0 1k\n.end\n"
    )
    (tmp_path / "data.csv").write_text("V1,V(out)\n1,0.25\n")
    done = CliRunner().invoke(main, ["train", str(tmp_path / "amplifier.cir"), "--rule", "ep", "--epochs", "3"])
    assert done.exit_code == 0
    assert done.output.count("warning: the circuit has no co-content, because e1 breaks reciprocity") == 1
    assert "energy.py" not in done.output
