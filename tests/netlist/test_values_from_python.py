"""Values, parameters and models of a netlist, listed, read and set from Python; nothing else of the text changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlistError, OptionError

TEXT = """\
* title
V1 in 0 SIN(0.5 1 1k)  ; a waveform
V2 v2 0
V3 v3 0 AC 1 90 DC 5
V4 v4 0 vsup
V5 v5 0 PULSE 0 1 2n
I1 0 v2 AC 1
R1 in a rval
R2 a 0 R
R3 a 0 rmod l=1u
R4 a 0 rmod rval
R5 a 0 1k rmod
C1 a 0 cval
L1 a l1 L
Rl l1 0 1k
E1 e 0 a 0 gain
E2 e2 0 VALUE {2*v(a)}
E3 e3 0 POLY(1) a 0 0 2
F1 0 f V2 gain
Rf f 0 1k
K1 L1 L2 L3 0.9
L2 a l2 1m
L3 a l2 1m
Rl2 l2 0 1k
M1 v3 in a 0 nm w=2u l=1u
D1 a 0 dm 2 off
Q1 v3 a q qm area=3
Rq q 0 1k
X1 a x1 cell w=2
X2 a x2 cell
Rx1 x1 0 1k
Rx2 x2 0 1k
.param rval=2k gain = 3 $ the gain
.param vsup='2*half' half=1.5 cval=1u
.param f(x)={x*2}
.func g(x) {x}
.model rmod R(rsh=10)
.model dm D (IS=1e-14 N = 1.2)
.model nm NMOS
+ (VTO=1   KP={kp0})
.model qm NPN BF 20 IS 1e-15
.model em D()
.param kp0=1m
.subckt cell p n w=1 l={w}
.param k=5
.model dm D(is=2e-14)
R1 p n {w*k*100}
D1 p n dm
.ends
.end
"""


@pytest.fixture
def netlist() -> netlearn.Netlist:
    return netlearn.parse(TEXT)


VALUES = [
    ("V1", None, "V1 in 0 SIN(", "V1 in 0 DC 7 SIN("),
    ("V2", None, "V2 v2 0\n", "V2 v2 0 DC 7\n"),
    ("V3", 5.0, "DC 5", "DC 7"),
    ("V4", "vsup", "V4 v4 0 vsup", "V4 v4 0 7"),
    ("V5", None, "0 PULSE", "0 DC 7 PULSE"),
    ("I1", None, "I1 0 v2 AC 1", "I1 0 v2 DC 7 AC 1"),
    ("R1", "rval", "R1 in a rval", "R1 in a 7"),
    ("R2", "R", "R2 a 0 R", "R2 a 0 7"),
    ("R3", None, "R3 a 0 rmod", "R3 a 0 7 rmod"),
    ("R4", "rval", "rmod rval", "rmod 7"),
    ("R5", 1e3, "R5 a 0 1k", "R5 a 0 7"),
    ("C1", "cval", "C1 a 0 cval", "C1 a 0 7"),
    ("L1", "L", "L1 a l1 L", "L1 a l1 7"),
    ("E1", "gain", "a 0 gain", "a 0 7"),
    ("E2", "{2*v(a)}", "VALUE {2*v(a)}", "VALUE 7"),
    ("F1", "gain", "V2 gain", "V2 7"),
    ("K1", 0.9, "L3 0.9", "L3 7"),
    ("X1.R1", "{w*k*100}", "{w*k*100}", "7"),
]


@pytest.mark.parametrize(("name", "value", "old", "new"), VALUES)
def test_every_value_is_read_and_set(
    netlist: netlearn.Netlist, name: str, value: float | str | None, old: str, new: str
) -> None:
    assert netlist[name].value == value
    netlist[name].value = 7
    assert str(netlist) == TEXT.replace(old, new)
    assert TEXT.count(old) == 1
    assert netlist[name].value == 7.0


@pytest.mark.parametrize(
    ("name", "hint"),
    [("E3", "add another"), ("D1", "netlist.models"), ("M1", "netlist.models"), ("X1", 'netlist["X1"].parameters')],
)
def test_an_element_without_a_value_says_where_its_numbers_are(netlist: netlearn.Netlist, name: str, hint: str) -> None:
    assert netlist[name].value is None
    with pytest.raises(NetlistError, match="has no value that could be set") as caught:
        netlist[name].value = 1
    assert hint in caught.value.hint
    assert str(netlist) == TEXT


def test_parameters_of_param_lines_are_listed_read_and_set(netlist: netlearn.Netlist) -> None:
    parameters = netlist.parameters
    assert dict(parameters) == {
        "rval": 2000.0, "gain": 3.0, "vsup": "'2*half'", "half": 1.5, "cval": 1e-6, "kp0": 1e-3
    }  # fmt: skip
    assert "RVAL" in parameters
    assert len(parameters) == 6
    parameters["Gain"] = 4.5
    parameters.update({"rval": "3.3k", "vsup": np.float64(5), "half": "{gain/2}"})
    expected = TEXT.replace("gain = 3 $", "gain = 4.5 $").replace("rval=2k", "rval=3.3k")
    assert str(netlist) == expected.replace("vsup='2*half' half=1.5", "vsup=5 half={gain/2}")
    assert (parameters["GAIN"], parameters["half"]) == (4.5, "{gain/2}")


def test_parameters_of_instances_go_by_their_path(netlist: netlearn.Netlist) -> None:
    assert (netlist.parameters["X1.w"], netlist.parameters["x2.W"]) == (2.0, 1.0)
    assert (netlist.parameters["X1.l"], netlist.parameters["X1.k"]) == ("{w}", 5.0)
    netlist.parameters["X1.w"] = 4
    netlist.parameters["X2.w"] = 3
    netlist.parameters["X1.k"] = 6
    expected = TEXT.replace("cell w=2", "cell w=4").replace("n w=1", "n w=3").replace("k=5", "k=6")
    assert str(netlist) == expected


def test_of_several_definitions_the_last_one_counts() -> None:
    netlist = netlearn.parse("t\n.param k=1 k=2\nR1 a 0 {k}\nV1 a 0 1\n.param k=3\n.end\n")
    netlist.parameters["k"] = 4
    assert str(netlist) == "t\n.param k=1 k=2\nR1 a 0 {k}\nV1 a 0 1\n.param k=4\n.end\n"
    assert netlearn.operating_point(netlist).current("V1")[0] == pytest.approx(-0.25)


def test_mil_is_milli_in_parameters_as_in_ngspice() -> None:
    netlist = netlearn.parse("t\n.param k=1mil\nR1 a 0 1mil\n")
    assert netlist.parameters["k"] == 1e-3
    assert netlist["R1"].value == 25.4e-6


def test_models_are_listed_read_and_set(netlist: netlearn.Netlist) -> None:
    assert list(netlist.models) == ["rmod", "dm", "nm", "qm", "em"]
    assert [netlist.models[name].type for name in ("RMOD", "dm", "nm", "qm")] == ["r", "d", "nmos", "npn"]
    assert dict(netlist.models["nm"]) == {"vto": 1.0, "kp": "{kp0}"}
    assert dict(netlist.models["qm"]) == {"bf": 20.0, "is": 1e-15}
    netlist.models["dm"]["N"] = 1.5
    netlist.models["qm"]["bf"] = "100"
    netlist.models["nm"].update({"kp": 2e-3, "lambda": 0.01})
    netlist.models["em"]["is"] = 1e-15
    netlist.models["rmod"]["tc1"] = "{k}"
    expected = TEXT.replace("N = 1.2)", "N = 1.5)").replace("BF 20", "BF 100")
    expected = expected.replace("KP={kp0})", "KP=0.002 lambda=0.01)").replace("D()", "D(is=1e-15)")
    assert str(netlist) == expected.replace("(rsh=10)", "(rsh=10 tc1={k})")
    assert netlist.models["nm"]["LAMBDA"] == 0.01


def test_models_inside_subcircuits_go_by_their_path(netlist: netlearn.Netlist) -> None:
    netlist.models["X1.dm"]["is"] = 3e-14
    assert str(netlist) == TEXT.replace("is=2e-14", "is=3e-14")
    assert netlist.models["dm"]["is"] == 1e-14
    assert "X1.rmod" not in netlist.models


def test_a_parameter_is_added_to_a_model_without_any() -> None:
    netlist = netlearn.parse("t\n.model a D\n.model b D ( ) ; empty\nD1 x 0 a\n")
    netlist.models["a"]["is"] = 1e-14
    netlist.models["b"]["is"] = 1e-15
    assert str(netlist) == "t\n.model a D is=1e-14\n.model b D ( is=1e-15) ; empty\nD1 x 0 a\n"


def test_parameters_of_elements_are_listed_read_and_set(netlist: netlearn.Netlist) -> None:
    assert dict(netlist["M1"].parameters) == {"w": pytest.approx(2e-6), "l": pytest.approx(1e-6)}
    assert (dict(netlist["D1"].parameters), dict(netlist["Q1"].parameters)) == ({"area": 2.0}, {"area": 3.0})
    netlist["M1"].parameters["W"] = 5e-6
    netlist["M1"].parameters["m"] = 2
    netlist["D1"].parameters["area"] = 4
    netlist["Q1"].parameters["Area"] = 6
    netlist["X2"].parameters["w"] = "{gain}"
    expected = TEXT.replace("w=2u l=1u", "w=5e-06 l=1u m=2").replace("dm 2 off", "dm 4 off")
    assert str(netlist) == expected.replace("area=3", "area=6").replace("X2 a x2 cell", "X2 a x2 cell w={gain}")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "1e999", "x y", "2*k", "", None, [1], "1\n.end"])
def test_values_that_are_none_are_refused_everywhere(netlist: netlearn.Netlist, value: Any) -> None:
    for pairs, name in (
        (netlist.parameters, "gain"),
        (netlist.models["dm"], "is"),
        (netlist["M1"].parameters, "w"),
        (netlist["M1"].parameters, "m"),
    ):
        with pytest.raises(OptionError):
            pairs[name] = value
    with pytest.raises(OptionError):
        netlist["R1"].value = value
    with pytest.raises(OptionError):
        netlist["V1"].value = value
    assert str(netlist) == TEXT


def test_of_many_values_none_is_set_if_one_is_wrong(netlist: netlearn.Netlist) -> None:
    with pytest.raises(OptionError, match="no parameter 'gian'") as caught:
        netlist.parameters.update({"rval": 1, "gian": 2})
    assert caught.value.hint == "did you mean 'gain'?"
    assert str(netlist) == TEXT


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("gian", "no parameter 'gian'", "did you mean 'gain'?"),
        ("f", "'f' is a function", ""),
        ("g", "'g' is a function", ""),
        ("X1.kk", "no parameter 'X1.kk'", "known: X1.w, X1.l, X1.k"),
        ("X9.k", "no parameter 'X9.k'", "known"),
        ("R1", "no parameter 'R1'", "known"),
    ],
)
def test_an_unknown_parameter_gets_a_suggestion(netlist: netlearn.Netlist, name: str, message: str, hint: str) -> None:
    for act in (lambda: netlist.parameters[name], lambda: netlist.parameters.update({name: 1})):
        with pytest.raises(OptionError, match=message) as caught:
            act()
        assert hint.lower() in caught.value.hint.lower()
    assert netlist.parameters.get(name) is None
    assert str(netlist) == TEXT


def test_unknown_models_and_names_that_cannot_be_ones_are_refused(netlist: netlearn.Netlist) -> None:
    with pytest.raises(OptionError, match="no model 'rmdo'") as caught:
        netlist.models["rmdo"]
    assert caught.value.hint == "did you mean 'rmod'?"
    with pytest.raises(OptionError, match="no parameter 'iss'") as caught:
        netlist.models["dm"]["iss"]
    assert caught.value.hint == "did you mean 'is'?"
    assert netlist.models.get("rmdo") is None
    assert netlist.elements.get("nothing") is None
    for name in ("a b", "", "a=1 b", "1x", "x)", "x\n.end", "{x}"):
        for pairs in (netlist.models["dm"], netlist["M1"].parameters, netlist.parameters):
            with pytest.raises(OptionError):
                pairs[name] = 1
    with pytest.raises(OptionError, match="no parameter 'k'") as caught:
        netlearn.parse("t\nR1 a 0 1\n").parameters["k"] = 1
    assert "write one" in caught.value.hint
    assert str(netlist) == TEXT


def test_values_of_included_files_are_set_in_copies(tmp_path: Path) -> None:
    (tmp_path / "a.cir").write_bytes(b"t\r\n.include b.inc\r\nV1 a 0 {k}\r\n.end\r\n")
    (tmp_path / "b.inc").write_bytes(b".param k=1 ; \xb5\r\n.model dm D(is=1f)\r\nD1 a 0 dm\r\n")
    netlist = netlearn.read(tmp_path / "a.cir")
    netlist.parameters["k"] = 0.7
    netlist.models["dm"]["is"] = 1e-14
    netlist.save(tmp_path / "new.cir")
    copy = (tmp_path / "new.b.inc").read_bytes()
    assert copy.split(b"\r\n", 1)[1] == b".param k=0.7 ; \xb5\r\n.model dm D(is=1e-14)\r\nD1 a 0 dm\r\n"
    assert (tmp_path / "b.inc").read_bytes().startswith(b".param k=1 ;")


@pytest.mark.ngspice
def test_what_was_set_is_what_both_solvers_read(netlist: netlearn.Netlist, ngspice: Any) -> None:
    """Every element with a value gets one, and ngspice finds the operating point that netlearn finds."""
    numbers: dict[str, float | str] = {
        "V1": 1.0,
        "V2": 0.2,
        "V4": 2,
        "V5": 0.3,
        "I1": "1m",
        "R1": 500,
        "R2": 2e3,
        "R3": 800,
        "R4": "3k",
    }
    netlist.update({**numbers, "C1": 1e-9, "L1": 1e-3, "E1": 2, "F1": 3, "K1": 0.5, "E2": "{3*v(a)}"})
    netlist.parameters.update({"gain": 2, "kp0": 2e-3, "x1.w": 3})
    netlist.models["dm"].update({"is": 1e-13, "n": 1.1})
    netlist["D1"].parameters["area"] = 3
    netlist["M1"].parameters.update({"w": 3e-6})
    netlist.remove("K1", "L3")  # of three windings, which ngspice does not have, and a loop
    found = netlearn.operating_point(netlist)
    # Without the area's name ngspice takes the model for a third node.
    wanted = ngspice.run(str(netlist).replace("dm 3 off", "dm area=3"))
    for node in ("in", "v2", "v4", "v5", "a", "e", "e2", "f", "l1", "l2", "q", "x1", "x2"):
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-6, abs=1e-9), node
