"""Trained gate voltages: what a channel compares, against differences, closed forms and nudged states."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.errors import CircuitError, OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.perturbative import FiniteDifferences
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.project import Project, open_project

FOLLOWER = """one transistor
*@train Vg1
V1 a 0 1
M1 a g1 o 0 nm
Vg1 g1 0 2.5
R1 o 0 10k
.model nm nmos(vto=0.7 kp=1m)
"""
DATA = {"V1": [0.3, 1.0, 2.5], "V(o)": [0.1, 0.2, 0.3]}
STAGE = """a transistor to ground
*@train Vg
V1 a 0 1
R0 a o 10k
M1 {ends} 0 nm
Vg g 0 {gate}
R1 o x 10k
R2 x 0 20k
.model nm nmos(vto=0.7 kp=100u {model})
"""
LATTICE = """a lattice of transistors
*@train Vg*
V1 a 0 1
V2 b 0 0
Vsub sub 0 -3
{edges}
Rl y 0 100k
.model nm nmos(vto=0.7 kp=100u {model})
"""
ENDS = ["a x", "x b", "x y", "b y", "a z", "z y", "z x"]


def lattice(sources: Sequence[str], model: str = "") -> str:
    """A network of transistors, with gate sources against ``sources``: ground, or an end of each."""
    lines = []
    for k, (ends, against) in enumerate(zip(ENDS, sources, strict=True)):
        d, s = ends.split()
        bulk = "sub" if against == "0" else s
        lines += [f"M{k} {d} g{k} {s} {bulk} nm", f"Vg{k} g{k} {s if against == 's' else '0'} {1.5 + 0.2 * k}"]
    return LATTICE.format(edges="\n".join(lines), model=model)


def lab(text: str, data: Mapping[str, Sequence[float] | Array] | None = None) -> tuple[Project, Batch]:
    given = {name: np.array(values) for name, values in (data or DATA).items()}
    project = open_project(netlearn.parse(text), given)
    samples = project.dataset(project.table)
    return project, Batch(samples.inputs, samples.targets)


def gradient(project: Project, batch: Batch, rule: str, **options: object) -> Array:
    made = FiniteDifferences(step=1e-6) if rule == "differences" else make_rule(rule, **options)
    theta = project.parameters.initial
    return made.estimate(project.model, Mse(), theta, batch, np.random.default_rng(0)).gradient


def quiet(project: Project, batch: Batch, rule: str, **options: object) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return gradient(project, batch, rule, **options)


@pytest.mark.parametrize("rule", ["ep", "al", "holomorphic", "finite-ep", "frequency", "ep states=positive"])
def test_a_trained_gate_voltage_has_the_gradient_of_the_loss(rule: str) -> None:
    name, *options = rule.split()
    project, batch = lab(FOLLOWER)
    wanted = gradient(project, batch, "differences")
    assert abs(wanted[0]) > 0.1
    assert gradient(project, batch, "analytic") == pytest.approx(wanted, rel=1e-6)
    given = {key: value for key, _, value in (option.partition("=") for option in options)}
    assert quiet(project, batch, name, **given) == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("rule", ["cl", "contrastive"])
def test_a_clamped_output_weighs_the_gradient_by_its_stiffness(rule: str) -> None:
    """For cl (K e) ∂y/∂Vg, and for contrastive the work that the clamp does, derived by Vg; by the model's own law."""
    data = {"V1": [1.0], "V(o)": [0.5]}
    project, batch = lab(FOLLOWER, data)

    def into(y: float, gate: float) -> float:
        """Amperes that a source at the output has to give: level 1, below saturation."""
        over, drop = gate - y - 0.7, 1.0 - y
        return y / 10e3 - 1e-3 * (over - drop / 2) * drop

    free = float(project.model.outputs(project.model.forward(project.parameters.initial, batch.inputs))[0, 0])
    h = 1e-6
    stiffness = (into(free + h, 2.5) - into(free - h, 2.5)) / (2 * h)
    moves = -(into(free, 2.5 + h) - into(free, 2.5 - h)) / (2 * h) / stiffness
    if rule == "cl":
        wanted = stiffness * (free - 0.5) * moves
    else:
        places, shares = np.polynomial.legendre.leggauss(8)
        way = free + (places + 1) / 2 * (0.5 - free)
        slopes = [(into(y, 2.5 + h) - into(y, 2.5 - h)) / (2 * h) for y in way]
        wanted = float(np.dot(shares / 2, slopes)) * (0.5 - free)
    assert abs(wanted) > 1e-6
    assert quiet(project, batch, rule, **({"beta": 1e-4} if rule == "cl" else {})) == pytest.approx([wanted], rel=1e-4)


@pytest.mark.parametrize("rule", ["ep", "al", "cl", "contrastive"])
@pytest.mark.parametrize("contrast", ["channel", "drops"])
def test_training_a_gate_voltage_lowers_the_loss(rule: str, contrast: str) -> None:
    text = FOLLOWER.replace("*@train Vg1", f"*@train Vg1 min=0 max=5\n*@rule {rule} contrast={contrast}")
    volts = np.array([0.3, 1.0, 1.5])
    # What a gate at 1.8 V gives.
    project, batch = lab(text.replace("0 2.5", "0 1.8"), {"V1": volts, "V(o)": 0 * volts})
    wanted = project.model.outputs(project.model.forward(project.parameters.initial, batch.inputs))[:, 0]
    data = {"V1": volts, "V(o)": wanted}
    result = netlearn.train(netlearn.parse(text), data, optimizer="adam lr=0.05", epochs=60)
    assert result.loss < 0.05 * result.history[0].loss


@pytest.mark.parametrize("gate", [0.5, 1.2, 4.0], ids=["cut off", "saturated", "triode"])
@pytest.mark.parametrize("ends", ["o g 0", "0 g o"], ids=["drain", "exchanged"])
@pytest.mark.parametrize("model", ["", "lambda=0.1", "gamma=0.5 phi=0.6", "rd=200 rs=300"])
def test_level_1_in_each_region(gate: float, ends: str, model: str) -> None:
    """With one end of the channel held the circuit has a co-content, and the contrast is the derivative."""
    project, batch = lab(STAGE.format(ends=ends, gate=gate, model=model), {"V1": [2.0, 4.0], "V(o)": [0.1, 0.2]})
    wanted = gradient(project, batch, "differences")
    assert (wanted[0] == 0) == (gate == 0.5)
    if "rd" in model:
        # The end behind a resistance moves by itself.
        assert gradient(project, batch, "ep", reciprocal="correct") == pytest.approx(wanted, rel=1e-4)
        found = gradient(project, batch, "ep")
        assert np.sign(found) == np.sign(wanted)
        return
    found = quiet(project, batch, "ep", beta=1e-5)
    assert found == pytest.approx(wanted, rel=1e-4, abs=1e-9)


OTHERS = {
    "jfet": "J1 o g 0 jn\nVg g 0 -0.8\n.model jn njf(vto=-2 beta=1m lambda=0.02)",
    "bjt": "Q1 o g 0 qn\nVg g 0 0.6\n.model qn npn(is=1e-14 bf=100 vaf=50)",
    "level 3": "M1 o g 0 0 nm\nVg g 0 1.5\n.model nm nmos(level=3 vto=0.7 kp=100u theta=0.1)",
    "pmos": "M1 o g a a pm\nVg g 0 0.8\n.model pm pmos(vto=-0.7 kp=100u)",
    "transconductance": "G1 o 0 g 0 20u\nVg g 0 1.2",
    "law": "B1 o 0 I=1m*tanh(V(g))*V(o)\nVg g 0 0.3",
    "against a bias": "M1 o g 0 0 nm\nVb bias 0 1\nVg g bias 0.5\n.model nm nmos(vto=0.7 kp=100u)",
    "upside down": "M1 o g 0 0 nm\nVg 0 g -1.5\n.model nm nmos(vto=0.7 kp=100u)",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_devices_with_a_held_terminal(name: str) -> None:
    text = f"held\n*@train Vg\nV1 a 0 1\nR0 a o 10k\nR1 o 0 30k\n{OTHERS[name]}\n"
    project, batch = lab(text, {"V1": [2.0, 4.0], "V(o)": [0.1, 0.2]})
    wanted = gradient(project, batch, "differences")
    assert wanted[0] != 0
    assert quiet(project, batch, "ep", beta=1e-5) == pytest.approx(wanted, rel=1e-4)


def test_a_parameter_that_several_gates_follow() -> None:
    text = """two gates
*@train vg
.param vg=1.4
V1 a 0 1
R0 a o 10k
M1 o g1 0 0 nm
M2 o g2 0 0 nm
Vg1 g1 0 {vg}
Vg2 g2 0 {2-vg/2}
.model nm nmos(vto=0.7 kp=100u)
"""
    project, batch = lab(text, {"V1": [2.0, 4.0], "V(o)": [0.1, 0.2]})
    assert quiet(project, batch, "ep", beta=1e-5) == pytest.approx(gradient(project, batch, "differences"), rel=1e-4)


@pytest.mark.parametrize("model", ["", "lambda=0.05"])
def test_gates_held_against_an_end_of_their_channels_leave_a_co_content(model: str) -> None:
    data = {"V1": [0.6, -0.4, 1.2], "V2": [0.2, 0.5, -0.3], "V(y)": [0.1, 0.2, 0.3]}
    project, batch = lab(lattice("s" * 7, model), data)
    wanted = gradient(project, batch, "differences")
    assert quiet(project, batch, "ep", beta=1e-5) == pytest.approx(wanted, rel=1e-3, abs=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("model", ["", "lambda=0.05 gamma=0.4"])
@pytest.mark.parametrize("rule", ["ep", "al", "cl", "contrastive"])
def test_gates_held_against_ground_leave_a_direction_of_descent(rule: str, model: str) -> None:
    data = {"V1": [0.6, -0.4, 0.9], "V2": [0.2, 0.5, -0.3], "V(y)": [0.35, 0.05, 0.3]}
    project, batch = lab(lattice("0" * 7, model), data)
    wanted = gradient(project, batch, "differences")
    with pytest.warns(UserWarning, match="no co-content, because m"):
        found = gradient(project, batch, rule)
    assert found @ wanted > 0.9 * np.linalg.norm(found) * np.linalg.norm(wanted)
    assert gradient(project, batch, "ep", reciprocal="correct") == pytest.approx(wanted, rel=1e-3, abs=1e-6)


@pytest.mark.filterwarnings("ignore:the circuit has no co-content")
@pytest.mark.parametrize("rule", ["ep", "cl", "al"])
def test_drops_are_squares_of_what_is_between_the_ends(rule: str) -> None:
    """K (v_b² - v_a²)/2 of each transistor, from the states themselves; for al K v_a (v_b - v_a)."""
    data = {"V1": [0.6, -0.4], "V2": [0.2, 0.5], "V(y)": [0.1, 0.2]}
    project, batch = lab(lattice("0" * 7, "lambda=0.05"), data)
    made = make_rule(rule, contrast="drops", states="positive")
    model, theta = project.model, project.parameters.initial
    free = model.forward(theta, batch.inputs)
    general = made.general(model, Mse(), batch.targets)  # type: ignore[attr-defined]
    nudged = model.solver.solve(general.nudged_circuit(model, Mse(), free, batch.targets))
    found = made.estimate(model, Mse(), theta, batch, np.random.default_rng(0)).gradient
    beta = general.strength(general.phase(model, Mse(), free, model.outputs(free), batch.targets))
    wanted = []
    for ends in ENDS:
        d, s = (free.circuit.node(name) for name in ends.split())
        before, after = (x[:, d] - x[:, s] for x in (free.x, nudged.x))
        pairs = 2 * before * (after - before) if rule == "al" else after**2 - before**2
        wanted.append(100e-6 / 2 * pairs.sum() / (2 * beta))
    assert np.all(np.array(wanted) != 0)
    assert found == pytest.approx(np.array(wanted), rel=1e-6)


def test_drops_are_the_channel_below_saturation() -> None:
    project, batch = lab(STAGE.format(ends="o g 0", gate=4.0, model=""), {"V1": [1.0, 2.0], "V(o)": [0.1, 0.2]})
    assert quiet(project, batch, "ep", contrast="drops") == pytest.approx(quiet(project, batch, "ep"), rel=1e-9)
    project, batch = lab(STAGE.format(ends="o g 0", gate=1.0, model=""), {"V1": [4.0], "V(o)": [0.1]})
    assert quiet(project, batch, "ep", contrast="drops") / quiet(project, batch, "ep") > 2


def test_drops_move_a_gate_that_is_cut_off() -> None:
    """Where the channel's own contrast is zero, as the derivative is."""
    project, batch = lab(STAGE.format(ends="o g 0", gate=0.3, model=""), {"V1": [4.0], "V(o)": [0.1]})
    assert quiet(project, batch, "cl") == 0
    assert quiet(project, batch, "cl", contrast="drops") != 0


@pytest.mark.parametrize("train", ["R0", "Vb"])
def test_drops_without_a_trained_gate_are_refused(train: str) -> None:
    text = FOLLOWER.replace("Vg1\n", f"{train}\n", 1).replace("V1 a 0 1", "V1 e 0 1\nVb e f 0.1\nR0 f a 10")
    project, batch = lab(text)
    with pytest.raises(OptionError, match="contrast=drops is what transistors compare whose gates"):
        gradient(project, batch, "ep", contrast="drops")


def test_what_nudges_do_not_reach_is_said() -> None:
    """A divider sets the voltage of a gate; nothing comes back through it."""
    text = STAGE.format(ends="o g 0", gate="3", model="").replace("Vg g 0", "Rd g 0 20k\nRg gg g 10k\nVg gg 0")
    data = {"V1": [2.0, 4.0], "V(o)": [0.1, 0.2]}
    project, batch = lab(text.replace("*@train Vg", "*@train R0 Rg Rd"), data)
    exact = gradient(project, batch, "analytic")
    assert np.all(exact != 0)
    with pytest.warns(UserWarning, match="and of the resistance of 'rd', the resistance of 'rg' it says nothing"):
        found = gradient(project, batch, "ep", beta=1e-5)
    names = list(project.parameters.names)
    assert found[names.index("r0")] == pytest.approx(exact[names.index("r0")], rel=1e-3)
    assert found[names.index("rg")] == 0
    for train in ("Rg Rd", "Vg", "R0 Vg"):
        project, batch = lab(text.replace("*@train Vg", f"*@train {train}"), data)
        with pytest.raises(CircuitError, match="it says nothing"):
            gradient(project, batch, "ep")


def test_noise_of_readings_stands_at_the_ends_of_the_channel() -> None:
    """It is volts there, and no amperes of a gate."""
    data = {"V1": [0.6, -0.4], "V2": [0.2, 0.5], "V(y)": [0.1, 0.2]}
    project, batch = lab(lattice("0" * 7), data)
    with pytest.warns(UserWarning, match="no co-content"):
        plain, noisy = (gradient(project, batch, "cl", beta=0.5, noise=noise) for noise in (0.0, 1e-4))
    assert noisy == pytest.approx(plain, rel=0.2, abs=0.02 * np.abs(plain).max())
    assert np.all(noisy != plain)


@pytest.mark.ngspice
def test_ngspice_finds_both_states(libngspice: str) -> None:
    project, batch = lab(lattice("0" * 7), {"V1": [0.6, -0.4], "V2": [0.2, 0.5], "V(y)": [0.1, 0.2]})
    other = open_project(project.netlist, {"V1": [0.6, -0.4], "V2": [0.2, 0.5], "V(y)": [0.1, 0.2]}, NgspiceSolver())
    with pytest.warns(UserWarning, match="no co-content"):
        found, wanted = (gradient(each, batch, "cl", beta=0.5) for each in (other, project))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-3 * np.abs(wanted).max())


def test_values_that_a_rule_leaves_alone_are_named() -> None:
    """A transistor that is cut off has no derivative, though drops would move it."""
    text = lattice("s" * 7).replace("Vg3 g3 y 2.1", "Vg3 g3 y 0.1") + "*@rule cl\n*@optimizer adam lr=0.01\n"
    data = {"V1": np.array([0.6, -0.4]), "V2": np.array([0.2, 0.5]), "V(y)": np.array([0.1, 0.2])}
    result = netlearn.train(netlearn.parse(text), data, epochs=3)
    assert "the derivative by 'vg3' is zero by this rule, which leaves it as before" in result.notes
    assert result.values[3].after == result.values[3].before == 0.1
    text = FOLLOWER.replace("Vg1 g1 0 2.5", "Vg1 g1 0 0.1")
    with pytest.warns(UserWarning, match="the loss has not moved: .* no value that is trained changes an output"):
        netlearn.train(netlearn.parse(text), {name: np.array(v) for name, v in DATA.items()}, rule="cl", epochs=3)
