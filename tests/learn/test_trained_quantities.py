"""Sources, gains, model and instance parameters and ``.param`` values are trained as resistors are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import netlearn
from netlearn.errors import CircuitError, NetlearnError, OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.perturbative import FiniteDifferences
from netlearn.learn.transforms import Transform
from netlearn.project import Project, open_project

LINEAR = """linear
*@train {train}
V1 in 0 1
Vbias b 0 DC 0.7V
Ib 0 x 0.2m m=2
R1 in x 1k
R2 x b 2k
Vs x y 0
E1 e 0 x b -3
Re e o 1k
G1 o 0 x 0 0.5m
F1 o 0 Vs 2
H1 h 0 Vs 150
Rh h o 3k
Ry y 0 1k
Ro o 0 1k
"""
STAGE = """stage
.param ve=-5 scale=2
*@train {train}
Vcc vcc 0 5
Vee vee 0 {{ve}}
Vb b 0 1.1
Rc vcc c 3.3k
Re e vee {{1.1k*scale}}
Q1 c b e qn area=1.5
D1 c k dm
Rk k 0 2.2k
M1 k g 0 0 nm w=10u l=1u
Vg g 0 1.3
.model qn npn(is=1e-15 bf=120 vaf=80 ne=1.6 ise=1e-14 rb=100)
.model dm d(is=2e-14 n=1.4 rs=12)
.model nm nmos(vto=0.7 kp=110u lambda=0.03 gamma=0.4 phi=0.65)
"""


def _project(text: str, train: str, data: Mapping[str, Sequence[float]], *outputs: str) -> Project:
    named = {name: np.asarray(values) for name, values in data.items()}
    wanted = {output: np.linspace(-1.0, 1.0, len(next(iter(named.values())))) for output in outputs}
    return open_project(netlearn.parse(text.format(train=train)), {**named, **wanted})


def _compared(project: Project) -> None:
    """The exact gradient against central differences."""
    model, data = project.model, project.dataset(project.table)
    batch, theta = Batch(data.inputs, data.targets), project.parameters.initial
    rng = np.random.default_rng(0)
    exact = make_rule("analytic").estimate(model, Mse(), theta, batch, rng).gradient
    found = FiniteDifferences(step=1e-5).estimate(model, Mse(), theta, batch, rng).gradient
    assert np.all(exact != 0)
    # By logarithms, for which all are of comparable size.
    exact, found = exact * np.abs(theta), found * np.abs(theta)
    assert exact == pytest.approx(found, rel=2e-6, abs=1e-9 * float(np.abs(exact).max()))


@pytest.mark.parametrize("count", [3, 40], ids=["by samples", "by superposition"])
def test_derivatives_by_sources_and_gains_are_exact(count: int) -> None:
    names = "Vbias Ib E1 G1 F1 H1 R2"
    project = _project(LINEAR, names, {"V1": np.linspace(0.5, 2.0, count).tolist()}, "V(o)", "V(x)", "I(Vs)")
    assert sorted(project.parameters.names) == sorted(names.lower().split())
    _compared(project)


def test_derivatives_by_parameters_of_devices_are_exact_at_any_temperature() -> None:
    names = "Vb Vg ve scale qn.* dm.* nm.* M1.* Q1.area"
    data = {"temp": [-20.0, 27.0, 85.0], "Vcc": [4.5, 5.0, 5.5]}
    project = _project(STAGE, names, data, "V(c)", "V(k)", "Ic(Q1)")
    assert {"vb", "vg", "ve", "scale", "qn.is", "qn.bf", "dm.n", "dm.rs", "nm.vto", "m1.w", "q1.area"} <= set(
        project.parameters.names
    )
    _compared(project)


@pytest.mark.parametrize("rule", ["in-the-loop", "adjoint-circuit"])
def test_rules_with_a_model_agree(rule: str) -> None:
    data = {"V1": [0.5, 1.5]}
    project = _project(LINEAR, "Vbias Ib E1 G1 F1 H1 R2", data, "V(o)", "V(x)")
    samples = project.dataset(project.table)
    batch, rng = Batch(samples.inputs, samples.targets), np.random.default_rng(0)
    theta = project.parameters.initial
    exact, found = (
        make_rule(name).estimate(project.model, Mse(), theta, batch, rng).gradient for name in ("analytic", rule)
    )
    assert found == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("rule", ["ep beta=1e-5", "al beta=1e-5", "finite-ep", "holomorphic", "frequency"])
def test_energy_based_rules_train_sources_of_reciprocal_circuits(rule: str) -> None:
    """The contrast of a source is that of its own current or voltage, which a co-content makes right."""
    text = """sources
*@train Vb Ib R1 dm.is
V1 in 0 1
R1 in x 1k
Vb b 0 -0.4
R2 x b 2k
Ib 0 y 0.3m
R3 x y 1k
D1 y 0 dm
.model dm d(is=1e-9 n=1.5)
"""
    project = _project(text, "", {"V1": [0.6, 1.5]}, "V(x)")
    name, *options = rule.split()
    given = {key: float(value) for key, _, value in (option.partition("=") for option in options)}
    samples = project.dataset(project.table)
    batch, theta = Batch(samples.inputs, samples.targets), project.parameters.initial
    exact, found = (
        each.estimate(project.model, Mse(), theta, batch, np.random.default_rng(0)).gradient
        for each in (make_rule("analytic"), make_rule(name, **given))
    )
    assert found == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("rule", ["ep", "al", "cl", "contrastive", "holomorphic", "finite-ep", "frequency"])
def test_energy_based_rules_refuse_what_they_say_nothing_of(rule: str) -> None:
    # Nudges do not go back through a gate to what sets its voltage through a resistor.
    behind = STAGE.replace("Vg g 0 1.3", "Vg gg 0 1.3\nRg gg g 1k")
    project = _project(behind, "Vg", {"Vcc": [4.5, 5.5]}, "V(k)")
    samples = project.dataset(project.table)
    batch = Batch(samples.inputs, samples.targets)
    with pytest.raises(CircuitError, match="of the dc of 'vg' it says nothing") as raised:
        make_rule(rule).estimate(project.model, Mse(), project.parameters.initial, batch, np.random.default_rng(0))
    assert "rule analytic" in raised.value.hint
    assert "reciprocal=correct" in raised.value.hint


def test_ep_corrected_gives_the_derivative_by_a_gate_voltage() -> None:
    project = _project(STAGE, "Vg Vb", {"Vcc": [4.5, 5.5]}, "V(k)")
    samples = project.dataset(project.table)
    batch, rng = Batch(samples.inputs, samples.targets), np.random.default_rng(0)
    theta = project.parameters.initial
    exact = make_rule("analytic").estimate(project.model, Mse(), theta, batch, rng).gradient
    found = make_rule("ep", reciprocal="correct", beta=1e-4).estimate(project.model, Mse(), theta, batch, rng).gradient
    assert found == pytest.approx(exact, rel=1e-3)


def test_only_the_trained_numbers_change_in_the_text() -> None:
    text = LINEAR.format(train="Vbias Ib E1 H1").replace("0.7V", "0.7V ; a bias")
    data = {"V1": [0.5, 1.5], "V(o)": [0.3, 0.1]}
    result = netlearn.train(netlearn.parse(text), data, optimizer="adam lr=0.01", epochs=2, digits=3)
    after = dict(zip(result.names, result.theta, strict=True))
    expected = text.replace("0.7V", f"{after['vbias']:g}").replace("0.2m m=2", f"{after['ib']:g} m=2")
    expected = expected.replace("x b -3", f"x b {after['e1']:g}").replace("Vs 150", f"Vs {after['h1']:g}")
    assert all(value.after != value.before for value in result.values)
    assert str(result.netlist) == expected


def test_coordinates_suit_the_number() -> None:
    project = _project(STAGE, "Vb Vg ve qn.is qn.bf dm.rs nm.vto M1.w R*", {"Vcc": [4.5, 5.5]}, "V(k)")
    transform, names = Transform.of(project.parameters), project.parameters.names
    logarithmic = {name for name, log in zip(names, transform.log, strict=True) if log}
    # The scale is a factor of a resistance, which loses its sign with it.
    assert logarithmic == {"qn.is", "qn.bf", "dm.rs", "m1.w", "rc", "rk", "scale"}
    assert not Transform.of(project.parameters, "conductance").log[names.index("rc")]
    assert Transform.of(project.parameters, "conductance").log[names.index("qn.is")]


FACTORS = """factors
.param r=1k k=2 d=0.1 w=5u v=1 i=2m
V1 a 0 {v}
X1 a b outer size={r}
M1 a g 0 0 nm w={k*w} l=1u
Vg g 0 2
Ix 0 b {i}
.subckt outer p q size=3k
X1 p m inner r='size' off={d}
X2 m q inner r={size/4}
.ends
.subckt inner p q r=1 off=0
.param own={r}
Ra p q {own}
Rb p q {own*(1+off)}
Rc q 0 {2*own}
.ends
.model nm nmos(vto=0.7 kp=110u)
"""


def test_what_a_resistance_goes_by_outside_of_an_instance_is_a_resistance() -> None:
    given = {"train": "*", "goal": "V(b) = 0.1"}
    parameters = open_project(netlearn.parse(FACTORS), overrides=given).parameters
    of = dict(zip(parameters.names, zip(parameters.positive.tolist(), parameters.units, strict=True), strict=True))
    assert of["r"] == (True, "ohm")
    assert of["k"] == of["w"] == (True, "")
    assert of["d"] == (False, "")
    assert (of["v"], of["i"]) == ((False, "V"), (False, "A"))


def test_series_hold_what_instances_are_given_as_their_resistance() -> None:
    text = "t\n*@goal V(x) = 0.3 within=5m\n.param low=1.23k\nV1 a 0 1\nR1 a x 1k\nX1 x part r={low}\n"
    text += ".subckt part p r=1k\nR1 p 0 {r}\n.ends\n"
    done = netlearn.train(netlearn.parse(text), train="low", hardware="series=e24", optimizer="lbfgs")
    # 430 / 1430 = 0.3007
    assert done.theta.tolist() == [430.0]


@pytest.mark.parametrize(
    ("name", "line", "size"),
    [("Vx", "a 0 0", 1.0), ("Ix", "0 a 0", 1e-3), ("Ex", "a 0 b 0 0", 1.0)],
    ids=["volts", "amperes", "gain"],
)
def test_what_begins_at_zero_moves_in_its_own_unit(name: str, line: str, size: float) -> None:
    text = f"zero\n*@train {name}\n*@goal V(o) = 0.1\nVb b 0 1\n{name} {line}\nR1 a o 1k\nR2 o 0 1k\n"
    parameters = open_project(netlearn.parse(text)).parameters
    assert parameters.sizes.tolist() == [size]
    bounded = open_project(netlearn.parse(text), overrides={"train": f"{name} min=-4 max=6"}).parameters
    assert bounded.sizes.tolist() == [5.0]
    result = netlearn.train(netlearn.parse(text), optimizer="lbfgs")
    assert result.train.goals[0].met


@pytest.mark.parametrize(
    ("coordinates", "positive", "lower"), [("auto", True, -np.inf), ("log", True, -np.inf), ("linear", False, 1e-3)]
)
def test_coordinates_can_be_asked_for(coordinates: str, positive: bool, lower: float) -> None:
    text = f"r\n*@train R1 coordinates={coordinates}\n*@goal V(o) = 0.1\nV1 a 0 1\nR1 a o 1k\nR2 o 0 1k\n"
    parameters = open_project(netlearn.parse(text)).parameters
    assert parameters.positive.tolist() == [positive]
    assert parameters.lower.tolist() == [lower]
    assert netlearn.train(netlearn.parse(text), optimizer="lbfgs").train.goals[0].met


@pytest.mark.parametrize("pattern", ["V*", "v?", "[vi]*"])
def test_a_glob_means_sources_where_it_begins_like_one(pattern: str) -> None:
    project = _project(LINEAR, pattern, {"V1": [0.5, 1.5]}, "V(o)")
    expected = {"V*": ["vbias", "vs"], "v?": ["vs"], "[vi]*": ["vbias", "vs", "ib"]}[pattern]
    assert list(project.parameters.names) == expected


def test_a_star_means_resistors_and_params_as_it_always_did() -> None:
    project = _project(STAGE, "*", {"Vcc": [4.5, 5.5]}, "V(k)")
    assert not {"vb", "vg", "m1.w"}.intersection(project.parameters.names)
    assert {"rc", "rk", "ve", "scale"} <= set(project.parameters.names)


def test_arrays_do_not_drive_what_is_trained() -> None:
    text = "arrays\n*@train Vb\n*@output V(o)\nV1 a 0 1\nVb b 0 0.2\nR1 a o 1k\nR2 b o 1k\n"
    result = netlearn.train(netlearn.parse(text), [[1.0], [2.0]], [0.8, 1.3], optimizer="lbfgs")
    assert result.theta == pytest.approx([0.6])


@pytest.mark.parametrize(
    ("train", "message", "hint"),
    [
        ("V1", "what 'V1' matches is set by the data", "not both"),
        ("Vdeep", "'Vdeep' matches no resistor, source or parameter", "did you mean 'xd.vdeep'?"),
        ("Vbia", "'Vbia' matches no resistor, source or parameter", "vbias"),
        ("Vbias min=2 max=1", "the lower bound 2 is above", ""),
        ("Vbias min=1k5x", "'min' must be a number", ""),
        ("Vbias coordinates=ln", "'coordinates' cannot be 'ln'", "log"),
        ("E1 coordinates=log", "'e1' starts at -3, and what is trained by its logarithm must be above zero", ""),
        ("Vs coordinates=log", "'vs' starts at 0, and what is trained by its logarithm must be above zero", ""),
        ("Cx", "'Cx' has no effect at an operating point", ""),
        ("unused", "nothing at an operating point follows from what 'unused' matches", ""),
        ("Vac", "what 'Vac' matches has no number of its own in the text", "write one there"),
        ("dm.rs", "'dm' gives no 'rs' in the text", "write rs= where 'dm' gives its others"),
        ("dz.rs", "nothing at an operating point follows from what 'dz.rs' matches", "other than zero"),
        ("D1.area", "'D1.area' stands nowhere in the text", "write area=1 on the line of 'd1'"),
    ],
)
def test_what_cannot_be_trained_is_said_where_it_is_asked(train: str, message: str, hint: str) -> None:
    more = "Xd o deep\n.subckt deep a\nVdeep m 0 1\nRdeep a m 1k\n.ends\nCx o 0 1n\n"
    more += (
        "Vac ac 0 AC 1\nRac ac 0 1k\n.param unused=3\nD1 o 0 dm\n.model dm d(is=1e-14)\nDz o 0 dz\n.model dz d(rs=0)\n"
    )
    text = LINEAR.format(train=train) + more
    with pytest.raises(NetlearnError, match=message) as raised:
        netlearn.train(netlearn.parse(text), {"V1": [0.5, 1.5], "V(o)": [0.3, 0.1]}, epochs=1)
    assert hint in raised.value.hint
    assert raised.value.place is not None
    assert raised.value.place.line is not None


def test_hardware_holds_resistances_only() -> None:
    with pytest.raises(OptionError, match=r"'dm\.is' is not one"):
        netlearn.train(
            netlearn.parse(STAGE.format(train="dm.is")), {"Vcc": [5.0, 4.5], "V(k)": [1.0, 1.1]}, hardware="series=e24"
        )


def test_ngspice_confirms_trained_sources_and_models(libngspice: str) -> None:
    data = {"Vcc": [4.5, 5.0, 5.5], "V(c)": [2.0, 2.1, 2.2]}
    text = netlearn.parse(STAGE.format(train="Vb qn.bf M1.w dm.is"))
    result = netlearn.train(text, data, optimizer="lbfgs", epochs=10)
    assert result.loss < result.history[0].loss
    assert netlearn.check(result.netlist, data).within(1e-6)
    assert netlearn.evaluate(result.netlist, data, forward="ngspice").outputs == pytest.approx(result.train.outputs)
