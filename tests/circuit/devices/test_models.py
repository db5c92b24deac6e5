"""The registry of model types: aliases, defaults, what is ignored and what is refused."""

from __future__ import annotations

import math
import re
import subprocess

import numpy as np
import pytest

import netlearn
from netlearn.circuit.devices.base import Environment
from netlearn.circuit.devices.diode import DIODE, DIODE_WITHOUT_SERIES
from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.errors import CircuitError

# ngspice's own names of its devices, by model type and level.
NGSPICE_NAMES = {
    ("d", 1): "diode",
    ("d", 3): "diode",
    ("npn", 1): "bjt",
    ("pnp", 1): "bjt",
    ("njf", 1): "jfet",
    ("pjf", 1): "jfet",
    ("njf", 2): "jfet2",
    ("pjf", 2): "jfet2",
    **{(name, level): f"mos{level}" for name in ("nmos", "pmos") for level in (1, 2, 3, 6)},
    ("vdmos", 1): "vdmos",
    ("sw", 1): "switch",
    ("csw", 1): "cswitch",
}
EVERY_TYPE = [kind for first in MODEL_TYPES.values() for kind in first.family]


JFET_BELOW_ITS_THRESHOLD = """jfet below its threshold
vd d 0 3
vg g 0 0
j1 d g s jm
rs s 0 1k
.model jm njf level=2 vst=0.144 mvst=0.16 p=1.93 q=2.92 vto=-0.08 beta=3.2e-5
.end
"""


def test_a_jfet_of_level_2_has_finite_currents_below_its_threshold():
    # In a channel that is all but saturated a difference of roots rounds to more than the overdrive.
    bias = np.linspace(-1.6, -2.4, 81)
    point = netlearn.operating_point(netlearn.parse(JFET_BELOW_ITS_THRESHOLD), data={"vg": bias})
    v = dict(zip(bias.round(2).tolist(), point.voltage("s"), strict=True))
    # ngspice's; at other places it has no finite number, either.
    assert [v[at] for at in (-1.6, -1.86, -1.9, -1.98)] == pytest.approx(
        [-1.60968e-9, -1.86999e-9, -1.90999e-9, -1.99e-9], rel=1e-4
    )
    assert np.isfinite(point.x).all()


@pytest.mark.parametrize("kind", EVERY_TYPE, ids=lambda kind: f"{kind.name} {kind.level}")
def test_every_word_leads_to_a_value_of_the_device(kind):
    values = {*kind.model.values(), *kind.element.values(), *kind.positional, *kind.fixed}
    values |= {setting[0] for setting in kind.flags.values() if setting}
    # A level 3 diode's width and length give its area and its perimeter.
    assert values - ({"w", "l"} if (kind.name, kind.level) == ("d", 3) else set()) <= set(kind.device.parameters)
    assert not set(kind.model) & (set(kind.ignored) | set(kind.refused))
    assert min(kind.terminals) + len(kind.device.internal) <= len(kind.device.unknowns)
    for internal in kind.device.internal.values():
        assert internal.parameter in kind.device.parameters
        assert internal.alias in kind.device.unknowns


def test_every_type_is_one_of_ngspices():
    assert {(kind.name, kind.level) for kind in EVERY_TYPE} == set(NGSPICE_NAMES)


@pytest.mark.ngspice
@pytest.mark.parametrize(("name", "level"), list(NGSPICE_NAMES))
def test_every_parameter_of_ngspice_is_known(name, level, ngspice, tmp_path):
    listed = ngspice_parameters(ngspice.executable, NGSPICE_NAMES[name, level], tmp_path)
    kind = MODEL_TYPES[name].at_level(level)
    unknown = {word for word in listed["Model"] if not kind.knows(word)}
    assert not unknown
    known_on_element = {*kind.element, *kind.ignored_on_element, *kind.flags, *kind.refused}
    known_on_element |= {word for word in listed["Instance"] if word.startswith(("sens", "ic"))}
    # Nodes and the controlling source are words of the line, not parameters.
    assert set(listed["Instance"]) - known_on_element - {"pos_node", "neg_node", "control"} == set()


def ngspice_parameters(executable, device, folder):
    deck = folder / "help.cir"
    deck.write_text(f"help\nv1 1 0 1\n.control\ndevhelp -csv {device}\nquit\n.endc\n.end\n")
    done = subprocess.run([executable, "-n", "-b", str(deck)], capture_output=True, text=True, timeout=60, check=False)
    found: dict[str, list[str]] = {"Model": [], "Instance": []}
    part = "Model"
    for line in done.stdout.splitlines():
        part = {"Model Parameters": "Model", "Instance Parameters": "Instance"}.get(line.strip(), part)
        row = re.match(r"\d+, (\S+), (inout|in), ", line)
        if row:
            found[part].append(row[1])
    assert found["Model"]
    return found


def test_element_wins_over_model_and_model_over_defaults():
    kind = MODEL_TYPES["d"]
    model = {str(kind.model_value(name, value)): value for name, value in (("js", 1e-12), ("area", 3.0), ("m", 0.4))}
    values = kind.complete(model, {str(kind.element_value(name)): value for name, value in (("m", 2.0), ("area", 5.0))})
    assert (values["is"], values["area"], values["m"], values["mj"]) == (1e-12, 5.0, 2.0, 0.4)
    assert values["n"] == 1.0
    assert math.isnan(values["temp"])


def test_a_diode_without_series_resistance_has_no_internal_unknown():
    kind = MODEL_TYPES["d"]
    assert kind.device_for(kind.complete({}, {})) is DIODE_WITHOUT_SERIES
    assert kind.device_for(kind.complete({"rs": 1.0}, {})) is DIODE


def test_sheet_resistance_stands_in_for_series_resistance():
    kind = MODEL_TYPES["nmos"]
    values = kind.complete({"rsh": 10.0, "rs": 4.0}, {"nrd": 2.0})
    assert (values["rd"], values["sheet_d"], values["rs"], values["sheet_s"]) == (20.0, 1.0, 4.0, 0.0)
    values = kind.complete({}, {})
    assert (values["rd"], values["rs"]) == (0.0, 0.0)


def test_ideal_diode_is_asked_for_by_its_parameters():
    assert MODEL_TYPES["d"].variant({"is", "n"}) is MODEL_TYPES["d"]
    assert MODEL_TYPES["d"].variant({"ron"}).device.name == "ideal diode"


@pytest.mark.parametrize(
    ("name", "parameter", "value", "said"),
    [
        ("nmos", "alpha", 1e-13, "alpha"),
        ("npn", "rco", 10.0, "quasi-saturation"),
        ("npn", "tlev", 2.0, "tlev=2"),
        ("d", "tlev", 2.0, "tlev=2"),
    ],
)
def test_what_would_change_the_operating_point_is_refused(name, parameter, value, said):
    with pytest.raises(CircuitError, match=said):
        MODEL_TYPES[name].at_level(3 if parameter == "alpha" else 1).model_value(parameter, value)


def test_a_level_that_is_missing_is_named_with_those_that_are_there():
    with pytest.raises(CircuitError, match=r"level 8 \(BSIM3\)") as caught:
        MODEL_TYPES["nmos"].at_level(8.0)
    assert caught.value.hint == "netlearn has levels 1, 2, 3 and 6"
    with pytest.raises(CircuitError, match=r"level 3\.5 is not"):
        MODEL_TYPES["nmos"].at_level(3.5)
    with pytest.raises(CircuitError, match=r"'npn' model of level 4 \(VBIC\)") as caught:
        MODEL_TYPES["npn"].at_level(4.0)
    assert caught.value.hint == "netlearn has levels 1 and 2"


def test_levels_that_are_the_first_one():
    assert MODEL_TYPES["pnp"].at_level(2.0).device is MODEL_TYPES["pnp"].device
    assert MODEL_TYPES["d"].at_level(2.0) is MODEL_TYPES["d"]
    assert MODEL_TYPES["d"].at_level(3.0).level == 3


def test_what_has_no_effect_at_dc_is_ignored():
    kind = MODEL_TYPES["npn"]
    assert kind.model_value("cje", 1e-12) is None
    assert kind.model_value("rco", 0.0) is None
    assert kind.model_value("vendor", 3.0) is None
    assert not kind.knows("vendor")
    assert MODEL_TYPES["nmos"].element_value("pd", 1e-6) is None


def test_an_unknown_element_parameter_is_an_error_with_a_suggestion():
    with pytest.raises(CircuitError, match="did you mean 'area'"):
        MODEL_TYPES["d"].element_value("aera")


def test_impossible_geometry_and_doping_are_named():
    kind = MODEL_TYPES["nmos"]
    for model, said in (({"ld": 1e-4}, "lateral diffusion"), ({"tox": 1e-8, "nsub": 1e9}, "doping")):
        values = {name: np.array([v]) for name, v in kind.complete(model, {}).items()}
        with pytest.raises(CircuitError, match=said):
            kind.device.prepare(values, Environment())
