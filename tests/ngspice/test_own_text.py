"""ngspice as the solver of the text itself: outputs, training and derivatives, of circuits known here and unknown."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import CircuitError, NetlearnErrors, NetlistError, NgspiceError
from netlearn.ngspice import text_run
from netlearn.ngspice.own_text import TextSolver

pytestmark = [pytest.mark.ngspice, pytest.mark.usefixtures("libngspice")]

KNOWN = """\
a few of everything
.param vsup=2 q=1k
.include part.inc
*@output V(out) I(D1) Ic(Q1) P(X1) {V(out)/vsup}
V1 in 0 1
V2 b 0 {vsup}
R1 in out 1k
Rload out 0 {q}
D1 b out dm
Q1 b out e qm
Re e 0 2k
X1 out part r=5k
.model dm D(is=1e-14 n=1.2 rs=3)
.model qm NPN(bf=80 rb=10)
.end
"""
PART = ".subckt part p r=1k\nR1 p 0 {r}\nV9 m 0 0.5\nR2 p m 3k\n.ends\n"

COLUMNS = {
    "sources": {"V1": [0.5, 3.0], "v.x1.v9": [0.1, -0.2]},
    "a parameter": {"vsup": [0.5, 3.0], "V1": [1.0, 2.0]},
    "an element": {"Rload": [500.0, 5e3]},
    "a model": {"dm.is": [1e-15, 1e-12]},
    "an instance": {"x1.r": [500.0, 5e3]},
    "an element inside an instance": {"x1.r1": [500.0, 5e3]},
    "the temperature": {"temp": [-40.0, 85.0], "V1": [1.0, 2.0]},
}


@pytest.fixture
def known(tmp_path: Path) -> Path:
    (tmp_path / "part.inc").write_text(PART)
    path = tmp_path / "known.cir"
    path.write_text(KNOWN)
    return path


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_outputs_are_those_of_the_internal_solver(columns, known):
    data = {name: np.array(values) for name, values in columns.items()}
    ours = netlearn.predict(known, data)
    theirs = netlearn.predict(known, data, forward="ngspice")
    assert theirs.outputs == pytest.approx(ours.outputs, rel=1e-7, abs=1e-12)
    assert not np.allclose(ours.outputs[0], ours.outputs[1])


@pytest.mark.filterwarnings("ignore::netlearn.errors.NetlistWarning")
@pytest.mark.parametrize("before", [True, False])
def test_samples_set_what_a_step_sweeps(before, known):
    lines = KNOWN.splitlines()
    lines.insert(1 if before else 3, ".step param q 2k 9k 1k")
    known.write_text("\n".join(lines))
    data = {"q": [500.0, 3e3, 2e3]}
    expected = netlearn.predict(known, data).outputs
    assert len(set(expected[:, 0])) == 3
    found = netlearn.predict(known, data, forward="ngspice").outputs
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_operating_points_hold_nodes_inside_elements(known):
    ours = netlearn.operating_point(known)
    theirs = netlearn.operating_point(known, "ngspice")
    assert "d1#internal" in list(theirs.circuit.nodes)
    assert theirs.x == pytest.approx(ours.x, rel=1e-7, abs=1e-12)


def test_by_the_executable_as_by_the_library(known, ngspice, monkeypatch):
    data = {"V1": np.array([0.5, 3.0]), "vsup": np.array([1.0, 2.0])}
    by_library = netlearn.predict(known, data, forward="ngspice").outputs
    monkeypatch.setattr(text_run, "library", lambda: None)
    assert netlearn.predict(known, data, forward="ngspice").outputs == pytest.approx(by_library, rel=1e-12)


def test_it_is_the_text_that_is_run(known, monkeypatch):
    """A reading that is wrong here does not reach what ngspice makes of the text."""
    from netlearn.elaboration import scope

    right, parse_number = netlearn.operating_point(known).voltage("out")[0], getattr(scope, "parse_number")  # noqa: B009
    monkeypatch.setattr(scope, "parse_number", lambda text: 9.0 if text == "5k" else parse_number(text))
    wrong = netlearn.operating_point(known).voltage("out")[0]
    assert wrong != pytest.approx(right, rel=1e-3)
    assert netlearn.operating_point(known, "ngspice").voltage("out")[0] == pytest.approx(right, rel=1e-7)
    assert netlearn.operating_point(known, "ngspice-flat").voltage("out")[0] == pytest.approx(wrong, rel=1e-7)


@pytest.mark.parametrize("rule", ["differences", "spsa", "homodyne", "in-the-loop", "ep", "analytic"])
def test_training_on_the_text_goes_the_way_of_the_internal_solver(rule, tmp_path):
    text = (
        "a bridge\n*@output V(b)\n*@train R* k\n*@options epochs=6 seed=1\n.param k=2k\n"
        "V1 a 0 1\nR1 a b 1k\nR2 b 0 {k}\nR3 b 0 3k\n.end\n"
    )
    data = {"V1": np.array([1.0, 2.0]), "V(b)": np.array([0.2, 0.4])}
    options = {"rule": rule, "optimizer": "adam lr=0.05"}
    ours = netlearn.train(netlearn.parse(text), data, **options)
    theirs = netlearn.train(netlearn.parse(text), data, forward="ngspice", **options)
    assert theirs.loss < 0.5 * netlearn.evaluate(netlearn.parse(text), data).loss
    assert theirs.theta == pytest.approx(ours.theta, rel=1e-4)


@pytest.mark.parametrize("dialect", ["", ".backanno\n"])
def test_the_exported_text_prints_what_the_internal_solver_finds(dialect, known, ngspice):
    known.write_text(KNOWN.replace(".end\n", f"{dialect}.end\n"))
    data = {
        "V1": np.array([0.5, 3.0, 3.0]),
        "vsup": np.array([1.0, 2.0, 2.0]),
        "dm.is": np.array([1e-14, 1e-13, 1e-13]),
        "temp": np.array([27.0, 60.0, -20.0]),
        "x1.r2": np.array([3e3, 1e3, 1e3]),
        "Re": np.array([2e3, 1e3, 2e3]),
    }
    deck = netlearn.export(known, "ngspice", data)
    assert "part" in deck
    assert ".include" not in deck
    assert ("ngbehavior=ltpsa" in deck) == bool(dialect)
    (known.parent / "deck.cir").write_text(deck)
    done = subprocess.run(
        [ngspice.executable, "-n", "-b", "deck.cir"], cwd=known.parent, capture_output=True, text=True, check=False
    )
    printed = [float(value) for value in re.findall(r"^(?!sample)\S+ = (\S+)$", done.stdout, re.MULTILINE)]
    rows = np.reshape(printed, (3, 5))
    assert rows == pytest.approx(netlearn.predict(known, data).outputs, rel=1e-6, abs=1e-12)


def test_an_export_says_what_it_cannot_alter(known):
    with pytest.raises(NgspiceError, match=r"'x1\.r', which samples set, cannot be altered") as caught:
        netlearn.export(known, "ngspice", {"x1.r": np.array([1e3, 2e3])})
    assert "--flat" in caught.value.hint


UNKNOWN = """\
what netlearn has no equations for
*@output V(o)
.model core nmos level=14 version=4.8 vth0=0.4
.model bins.1 nmos level=14 version=4.8 vth0=0.4 lmin=0.05u lmax=1u wmin=0.05u wmax=100u
.model twice gain(gain=2)
.model below adc_bridge(in_low=0.3 in_high=0.7)
.model not d_inverter
.model above dac_bridge(out_low=0.1 out_high=1.1)
Vdd vdd 0 1.2
Vg g 0 0.7
Rd vdd d 5k
M1 d g 0 0 core l=0.2u w=1u
X1 vdd e amplifier
.subckt amplifier s p
Rd s p 4k
M1 p g 0 0 bins l=0.2u w=2u
.ends
.global g
A1 %v(e) %v(o) twice
Ro o 0 1k
A2 [d] [dd] below
A3 dd nd not
A4 [nd] [q] above
Rq q 0 1k
.end
"""


def by_hand(ngspice, text=UNKNOWN):
    return ngspice.run(text)


def test_ngspice_solves_what_netlearn_has_no_equations_for(ngspice):
    found = netlearn.operating_point(netlearn.parse(UNKNOWN), "ngspice")
    expected = by_hand(ngspice)
    for node in ("d", "e", "x1.p", "o", "q"):
        name = "e" if node == "x1.p" else node
        assert found.voltage(name)[0] == pytest.approx(expected[f"v({name})"], rel=1e-6, abs=1e-9)
    assert found.voltage("o")[0] == pytest.approx(2 * expected["v(e)"], rel=1e-6)
    assert found.current("vdd")[0] == pytest.approx(expected["i(vdd)"], rel=1e-6)
    assert np.isnan(found.voltage("dd"))


@pytest.mark.parametrize("rule", ["differences", "spsa directions=8", "homodyne"])
def test_rules_that_need_outputs_alone_train_it(rule):
    data = {"Vg": np.array([0.6, 0.7]), "V(o)": np.array([1.6, 1.2])}
    options: Any = {"train": ["x1.rd", "m1.w", "core.vth0"], "optimizer": "adam lr=0.05", "epochs": 15, "seed": 3}
    netlist = netlearn.parse(UNKNOWN)
    before = netlearn.evaluate(netlist, data, forward="ngspice").loss
    trained = netlearn.train(netlist, data, forward="ngspice", rule=rule, **options)
    assert trained.loss < 0.5 * before
    assert trained.netlist.source.text.count("w=1u") == (1 if rule == "differences" else 0)


@pytest.mark.parametrize("rule", ["analytic", "ep", "cl", "in-the-loop", "al"])
def test_other_rules_say_what_they_lack(rule):
    data = {"Vg": np.array([0.6, 0.7]), "V(o)": np.array([1.6, 1.2])}
    with pytest.raises(CircuitError, match=r"no equations for an? (MOSFET|XSPICE)") as caught:
        netlearn.train(netlearn.parse(UNKNOWN), data, forward="ngspice", rule=rule, train=["Rd"], epochs=1)
    assert "differences, spsa, homodyne or emulator" in caught.value.hint


def test_check_and_sens_say_that_there_is_nothing_to_compare_with():
    for judge in (netlearn.check, lambda netlist: netlearn.sensitivities(netlist, "V(o)", against="ngspice")):
        with pytest.raises(NetlearnErrors) as caught:
            judge(netlearn.parse(UNKNOWN))
        said = "\n".join(str(error) for error in caught.value.errors)
        assert said.count("there is nothing to compare ngspice with") == len(caught.value.errors)
        for culprit in ("level 14 (BSIM4)", "A1 is an XSPICE code model", "'bins' is a family of models"):
            assert culprit in said


def test_derivatives_of_it_by_ngspice_alone(ngspice):
    found = {each.element: each for each in netlearn.sensitivities(netlearn.parse(UNKNOWN), "V(o)", forward="ngspice")}
    for name, old, new, step in (
        ("x1.rd", "Rd s p 4k", "Rd s p 4004", 4.0),
        ("vg", "Vg g 0 0.7", "Vg g 0 0.7007", 7e-4),
        ("twice.gain", "gain=2", "gain=2.002", 2e-3),
        ("bins.1.vth0", "vth0=0.4 lmin", "vth0=0.4004 lmin", 4e-4),
    ):
        change = by_hand(ngspice, UNKNOWN.replace(old, new))["v(o)"] - by_hand(ngspice)["v(o)"]
        assert found[name].derivative == pytest.approx(change / step, rel=5e-3), name


CODE_MODELS = """\
the models that have a remedy
V1 a 0 1
V2 c 0 {v2}
A1 a b m1
.model m1 gain(gain=3 in_offset=0.1 out_offset=0.5)
A2 [a c] d m2
.model m2 summer(in_offset=[0.1 -0.2] in_gain=[2.0 1.5] out_gain=5.0 out_offset=-0.01)
A3 [a c] e m3
.model m3 mult(in_offset=[0.1 0.3] in_gain=[2.0 3.0] out_gain=5.0 out_offset=0.05)
A4 a c f m4
.model m4 divide(num_offset=0.1 num_gain=2.5 den_offset=-0.1 den_gain=5.0 out_gain=0.7 out_offset=0.2)
A5 c g m5
.model m5 limit(in_offset=0.1 gain=2.5 out_lower_limit=-5.0 out_upper_limit=5.0 limit_range=0.10 fraction=FALSE)
A6 b h m6
.model m6 pwl(x_array=[-9 0 9] y_array=[-1 0 2])
.end
"""
"""Outputs in the order of ``AS_SOURCE``, and one of a model that has no remedy."""


@pytest.mark.parametrize("v2", [1.5, 7.0, -3.0])
@pytest.mark.parametrize("mark", ["", ".backanno\n", ".probe64\n"])
def test_code_models_are_solved_by_ngspice_whatever_wrote_the_netlist(mark, v2, ngspice):
    text = CODE_MODELS.replace("{v2}", str(v2))
    wanted = ngspice.run(text)
    found = netlearn.operating_point(netlearn.parse(text.replace(".end", f"{mark}.end")), "ngspice")
    for node in "abcdefgh":
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-9), node


@pytest.mark.parametrize("v2", [1.5, 7.0, -3.0])
def test_remedies_for_code_models_do_the_same(v2, ngspice):
    wanted = ngspice.run(CODE_MODELS.replace("{v2}", str(v2)))
    with pytest.raises(NetlearnErrors) as caught:
        netlearn.operating_point(netlearn.parse(CODE_MODELS.replace("{v2}", "1")))
    formulas = [match[1] for error in caught.value.errors if (match := re.search(r"V=(\S+)", error.hint))]
    cards = re.findall(r"^\.model \w+ \w+\((.*)\)$", CODE_MODELS, re.MULTILINE)
    assert len(formulas) == len(cards) - 1
    ports = [{"in": "a"}, {"in1": "a", "in2": "c"}, {"in1": "a", "in2": "c"}, {"num": "a", "den": "c"}, {"in": "c"}]
    lines = [f"V1 a 0 1\nV2 c 0 {v2}"]
    for output, formula, card, words in zip("bdefg", formulas, cards, ports, strict=False):
        words |= dict(re.findall(r"(\w+)=([^\s\[]+)", card))
        for name, both in re.findall(r"(\w+)=\[(.*?)\]", card):
            words |= {f"{name}{k}": value for k, value in enumerate(both.split(), 1)}
        pieces = re.split(r"\b(\w+)\b", formula)
        lines.append(f"B{output} {output} 0 V={{{''.join(words.get(piece, piece) for piece in pieces)}}}")
    found = netlearn.operating_point(netlearn.parse("\n".join(["sources", *lines, ".end"])))
    for node in "bdefg":
        assert found.voltage(node)[0] == pytest.approx(wanted[f"v({node})"], rel=1e-9), node


def test_code_models_that_read_files_or_start_programs_are_refused_in_each_dialect():
    for mark in ("", ".backanno\n"):
        for kind in ("filesource", "d_process", "d_state", "d_source", "table2d"):
            text = f"t\nV1 a 0 1\nA1 a b m\n.model m {kind}(file=secret)\nR1 b 0 1k\n{mark}.end\n"
            for forward in ("internal", "ngspice"):
                with pytest.raises(NetlistError, match=f"'{kind}', which ngspice is never given"):
                    netlearn.operating_point(netlearn.parse(text), forward)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('A9 [o] [x] mm\n.model mm file_source(file="secret")', "which ngspice is never given"),
        ('A9 [o] o [x] mm\n.model mm d_process(process_file="touch")', "which ngspice is never given"),
        ("A9 [o] [x] nosuch", "unknown model 'nosuch'"),
        ("N9 o x mm\n.model mm psp103", "Verilog-A device, which ngspice knows from a compiled file only"),
        ("M9 o g 0 0 nosuch", "unknown model"),
        ("Z9 o g 0 mm\n.model mm numd level=1", "which ngspice is never given"),
    ],
)
def test_what_ngspice_is_never_given_is_refused_by_name(line, said):
    netlist = netlearn.parse(UNKNOWN.replace(".end\n", f"{line}\n.end\n"))
    with pytest.raises(NetlistError, match=re.escape(said)) as caught:
        netlearn.operating_point(netlist, "ngspice")
    assert caught.value.place is not None


def test_currents_of_it_are_refused_with_a_remedy():
    with pytest.raises(CircuitError, match="no equations for 'm1', a MOSFET of level 14") as caught:
        netlearn.operating_point(netlearn.parse(UNKNOWN), "ngspice", probes=["Id(M1)"]).measure("Id(M1)")
    assert "0 V in series" in caught.value.hint


def test_without_ngspice_in_front_nothing_has_changed():
    netlist = netlearn.parse(UNKNOWN)
    with pytest.raises(NetlearnErrors) as caught:
        elaborate(netlist)
    assert all("--forward ngspice lets ngspice solve it" in error.hint for error in caught.value.errors)


def test_one_solver_serves_many_calls(known):
    with TextSolver(processes=1) as solver:
        first = netlearn.predict(known, {"V1": np.array([0.5, 3.0])}, forward=solver).outputs
        netlearn.operating_point(known, solver)
        again = netlearn.predict(known, {"V1": np.array([0.5, 3.0])}, forward=solver).outputs
    assert np.array_equal(first, again)


FLOATING = """\
an emitter without a way out, at which ngspice ends in a transient
.model qn NPN(IS=1E-15 BF=80 RB=100 RC=10 RE=1 VAF=60)
.model qp PNP(is=1e-15 bf=50)
Vcc vcc 0 12
Vin in 0 2.54
R1 vcc b 12.504k
R2 b 0 82.71k
Rc vcc c 3.98k
Re e x 917
Q1 c b e 0 qn area=2
Q2 o c vcc qp
Ro o 0 810.1
Rin in b 1meg
C2 e 0 100u
.end
"""


@pytest.mark.parametrize("by_executable", [False, True])
def test_the_end_of_a_transient_is_no_operating_point(by_executable, ngspice, monkeypatch):
    """Where Newton's method fails at tight tolerances, ngspice takes a charging capacitor for an answer by itself."""
    assert ngspice.run(FLOATING)["v(c)"] < 11.5
    if by_executable:
        monkeypatch.setattr(text_run, "library", lambda: None)
    found = netlearn.operating_point(netlearn.parse(FLOATING), "ngspice")
    assert found.voltage("c")[0] == pytest.approx(netlearn.operating_point(netlearn.parse(FLOATING)).voltage("c")[0])
