"""Every kind of probe: its value against ngspice's own, its derivatives against central differences and ``.sens``."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import NetlearnError
from netlearn.learn.adjoint import Adjoint
from netlearn.netlist.netlist import parse
from netlearn.probes import readings
from netlearn.probes.names import is_probe, probes_of
from netlearn.project import open_project

TEXT = """* one of each
.param vsup=5 rc=1k
V1 in 0 {vsup}
R1 in b 10k m=2
Q1 c b 0 qn
R2 in c {rc}
Q2 0 b2 e2 qp
R3 in e2 1k
R4 b2 0 100k
M1 d in2 0 0 mn w=10u l=1u
V2 in2 0 2
R5 in d 1k
M2 d2 0 in in mp w=10u l=1u
R6 d2 0 1k
J1 d3 0 s3 jn
R7 in d3 1k
R7s s3 0 100
J2 d4 in s4 jp
R8 d4 0 1k
R8s in s4 100
D1 in k dd
R9 k 0 1k
D2 in k2 dn
R10 k2 0 2k
I1 0 ii 1m
R11 ii 0 1k
E1 ee 0 in 0 2
R12 ee 0 1k
G1 gg 0 in 0 1m
R13 gg 0 1k
S1 in ss ctl 0 sw1
R14 ss 0 1k
Vc ctl 0 1.001
W1 in ww V2 wsw
R21 ww 0 1k
H1 hh 0 V1 10
R15 hh 0 1k
F1 ff 0 V1 2
R16 ff 0 1k
B1 bb 0 V=V(in)*2
R17 bb 0 1k
B2 cc 0 I=V(in)^2*1m
R18 cc 0 1k
L1 in ll 1m
R19 ll 0 1k
X1 in xx cell
R20 xx 0 1k
.subckt cell p q
R1 p m 1k
D1 m q dd
X2 p q inner
.ends
.subckt inner p q
R1 p q 3k
.ends
.model sw1 sw vt=1 vh=0 ron=10 roff=10k
.model wsw csw it=-1 ron=20
.model qn npn rb=10
.model qp pnp
.model mn nmos vto=1 kp=100u
.model mp pmos vto=-1 kp=100u
.model jn njf vto=-2 beta=1m
.model jp pjf vto=-2 beta=1m
.model dd d rs=1
.model dn d is=1e-14
.end
"""
NGSPICE = {
    "I(R1)": "@r1[i]", "P(R1)": "@r1[p]", "I(V1)": "i(v1)", "P(V1)": "@v1[p]", "P(I1)": "@i1[p]",
    "I(I1)": "@i1[current]", "Ic(Q1)": "@q1[ic]", "Ib(Q1)": "@q1[ib]", "Ie(Q1)": "@q1[ie]", "P(Q1)": "@q1[p]",
    "Ic(Q2)": "@q2[ic]", "Ie(Q2)": "@q2[ie]",
    "Id(M1)": "@m1[id]", "Is(M1)": "@m1[is]", "P(M1)": "@m1[p]", "Id(J1)": "@j1[id]", "Is(J1)": "@j1[is]",
    "Ig(J1)": "@j1[ig]", "P(J1)": "@j1[p]", "I(D1)": "@d1[id]", "P(D1)": "@d1[p]", "I(D2)": "@d2[id]",
    "I(E1)": "@e1[i]", "P(E1)": "@e1[p]", "I(G1)": "@g1[i]", "P(G1)": "@g1[p]", "I(S1)": "@r14[i]", "I(W1)": "@r21[i]",
    "I(H1)": "@h1[i]", "P(H1)": "@h1[p]", "I(F1)": "@f1[i]", "P(F1)": "@f1[p]", "I(L1)": "@l1[current]",
    "I(X1.R1)": "@r.x1.r1[i]", "I(d.x1.d1)": "@d.x1.d1[id]",
}  # fmt: skip
ALIKE = (
    *("@r1[i]", "@r1[p]", "@v1[i]", "@v1[p]", "@q1[ic]", "@q1[ib]", "@q1[ie]", "@q2[ic]", "@q2[ib]", "@m1[id]"),
    *("@m1[is]", "@m2[id]", "@m2[is]", "@m2[p]", "@j2[p]", "@j1[id]", "@j2[id]", "@j2[is]", "@d1[id]", "@b2[i]"),
    *("@i1[current]", "@e1[i]", "@g1[i]", "@b1[i]", "@l1[current]", "@r.x1.r1[i]"),
)
EXPRESSIONS = {
    "{V(c)/V(in)}": "v(c)/v(in)",
    "{V(in)/I(V1)}": "v(in)/i(v1)",
    "{sqrt(abs(Ic(Q1)))*2 + max(P(R2), 0.1m)}": "sqrt(abs(@q1[ic]))*2+@r2[p]",
    "{ V(c, b) - Id(M1)*1k }": "v(c)-v(b)-@m1[id]*1000",
}


def vector(vectors, word):
    """A vector of a rawfile, in which currents have an i( ) around them."""
    return vectors[word] if word in vectors else vectors[f"i({word})"]


def point():
    return netlearn.operating_point(parse(TEXT, "t.cir"))


def test_currents_and_powers_are_ngspices(ngspice):
    names = [*NGSPICE, *ALIKE]
    theirs = ngspice.run(TEXT, probes=sorted({*(w for w in NGSPICE.values() if w[0] == "@"), *ALIKE}))
    found = point().measure(*names)[0]
    for name, value in zip(names, found, strict=True):
        expected = vector(theirs, NGSPICE.get(name, name))
        assert value == pytest.approx(expected, rel=1e-6, abs=2e-12), name


def test_expressions_are_what_ngspices_numbers_give(ngspice):
    probes = ["@q1[ic]", "@r2[p]", "@m1[id]"]
    theirs = ngspice.run(TEXT, probes=probes)
    v = {name: theirs[f"v({name})"] for name in ("c", "b", "in")}
    expected = [
        v["c"] / v["in"],
        v["in"] / theirs["i(v1)"],
        np.sqrt(abs(vector(theirs, "@q1[ic]"))) * 2 + max(theirs["@r2[p]"], 1e-4),
        v["c"] - v["b"] - vector(theirs, "@m1[id]") * 1e3,
    ]
    np.testing.assert_allclose(point().measure(*EXPRESSIONS)[0], expected, rtol=1e-6)


def test_powers_add_up():
    """Tellegen's theorem: what sources give is what all else takes in, and instances are the sums of their parts."""
    found = dict(
        zip(
            names := ("P()", "P(V1)", "P(V2)", "P(Vc)", "P(I1)", "P(X1)", "P(X1.X2)", "P(X1.R1)", "P(X1.D1)"),
            point().measure(*names)[0],
            strict=True,
        )
    )
    assert found["P()"] == pytest.approx(-sum(found[f"P({name})"] for name in ("V1", "V2", "Vc", "I1")), rel=1e-9)
    assert found["P(X1)"] == pytest.approx(found["P(X1.X2)"] + found["P(X1.R1)"] + found["P(X1.D1)"], rel=1e-12)
    ends = dict(zip(("v", "i"), point().measure("V(in,xx)", "I(R20)")[0], strict=True))
    assert found["P(X1)"] == pytest.approx(ends["v"] * ends["i"], rel=1e-9)


DERIVED = (*NGSPICE, *EXPRESSIONS, "P()", "P(X1)", "@m2[id]", "{V(c)/vsup}", "{V(c)*(1+0.01*(temper-27))/rc}")


def test_derivatives_are_those_of_central_differences():
    columns = {
        "V1": 5.0,
        "R2": 1e3,
        "qn.rb": 10.0,
        "dd.rs": 1.0,
        "M1.w": 1e-5,
        "Q1.area": 1.0,
        "temp": 40.0,
        "E1": 2.0,
        "jn.beta": 1e-3,
    }
    data = {**{column: [value] for column, value in columns.items()}, **{name: [0.0] for name in DERIVED}}
    settings = {"train": "r1 rc r3 r5 x1.r1 dn.is", "output": list(DERIVED)}
    project = open_project(parse(TEXT, "t.cir"), data, overrides=settings)
    model, inputs = project.model, project.dataset(project.table).inputs
    theta = np.asarray(model.parameters.initial, dtype=float)

    def values(theta, inputs):
        return model.outputs(model.forward(theta, inputs))[0]

    here = values(theta, inputs)
    free = model.forward(theta, inputs)
    adjoints = [Adjoint(model, theta, inputs, free, row[None]) for row in np.eye(len(DERIVED))]
    by_parameters = np.stack([adjoint.by_parameters() for adjoint in adjoints], axis=1)
    by_inputs = np.stack([adjoint.by_inputs()[0] for adjoint in adjoints], axis=1)
    for exact, at, moved in (
        (by_parameters, theta, lambda x: values(x, inputs)),
        (by_inputs, inputs[0], lambda x: values(theta, x[None])),
    ):
        for j, number in enumerate(at):
            ends = []
            for sign in (1.0, -1.0):
                there = np.array(at)
                there[j] *= 1.0 + sign * 2e-5
                ends.append(moved(there))
            differences = (ends[0] - ends[1]) / (4e-5 * number)
            floor = 1e-8 * np.abs(here) / abs(number)
            wrong = np.abs(exact[j] - differences) > 1e-5 * np.abs(differences) + floor
            assert not wrong.any(), [(DERIVED[k], j, exact[j, k], differences[k]) for k in np.flatnonzero(wrong)]


def test_check_asks_ngspice_for_its_own_currents_and_powers(libngspice, ngspice, monkeypatch):
    asked = ("I(R1)", "P(Q1)", "P(M2)", "I(S1)", "P()", "P(X1)", "Ie(Q2)", "{V(c)/vsup}", "{sqrt(abs(Ic(Q1)))}")
    differences = netlearn.check(parse(TEXT, "t.cir"), output=list(asked))
    assert differences.outputs == asked
    assert differences.first.shape[1] == differences.circuit.size + len(asked)
    assert differences.within(1e-6), differences.by_unknown(5)
    # ngspice's numbers, not ours: they would not change with how we read a power.
    monkeypatch.setattr(readings.Readings, "values", lambda self: np.ones((len(self.x), len(self.wanted))))
    assert not netlearn.check(parse(TEXT, "t.cir"), output=["P(Q1)"]).within(1e-6)


def test_check_compares_currents_and_powers_at_corners_of_temperature(libngspice, ngspice):
    asked = ["I(R1)", "P(Q1)", "P(M2)", "P()", "P(X1)", "Ie(Q2)", "{V(c)/I(V1)}"]
    differences = netlearn.check(parse(TEXT, "t.cir"), output=asked, corner="temp=-40,27,125 vsup=4.5,5")
    assert differences.outputs == tuple(asked)
    assert differences.first.shape == (6, differences.circuit.size + len(asked))
    assert differences.within(1e-6), differences.by_unknown(5)
    # Each of them is of its own corner.
    read = differences.second[:, differences.circuit.size :]
    assert (np.ptp(read, axis=0) > 1e-4 * np.abs(read).max(axis=0)).all()


def test_exported_decks_print_currents_powers_and_expressions(ngspice, tmp_path):
    names = ["I(R1)", "P(X1)", "@m2[id]", "{V(c)/V(in)*vsup}"]
    text = netlearn.export(parse(TEXT, "t.cir"), "ngspice", output=names)
    (tmp_path / "deck.cir").write_text(text)
    done = subprocess.run(
        [ngspice.executable, "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    printed = [float(line.rpartition(" = ")[2]) for line in done.stdout.splitlines() if " = " in line]
    expected = netlearn.operating_point(parse(TEXT, "t.cir"), probes=["{vsup*V(c)}"])
    np.testing.assert_allclose(printed[-4:], expected.measure(*names)[0], rtol=1e-6)


def test_sens_gives_derivatives_of_every_kind_and_by_parameters_and_temperature(libngspice):
    for probe in ("P(D1)", "{V(c)/I(V1)}"):
        found = netlearn.sensitivities(parse(TEXT, "t.cir"), probe, against="ngspice")
        judged = [s for s in found if np.isfinite(s.by_ngspice) and s.value != 0]
        assert len(judged) > 30
        effects = np.array([abs(s.derivative * s.value) for s in judged])
        for s, effect in zip(judged, effects, strict=True):
            assert effect < 1e-4 * effects.max() or s.relative_difference < 1e-3, s
        assert {(s.element, s.name) for s in found} >= {
            ("vsup", "parameter"),
            ("rc", "parameter"),
            ("temp", "temperature"),
        }


@pytest.mark.parametrize(("probe", "expected"), [("I(R1)", (-5 / 9e6, -5 / 3e6)), ("P(R1)", (25 / 27e6, -25 / 9e6))])
@pytest.mark.parametrize("flat", [False, True])
def test_ngspice_derives_currents_and_powers_by_the_very_resistor_that_they_are_of(libngspice, probe, expected, flat):
    # 5 V on a resistor of r and one of 2r: I = 5 / (R1 + R2) and P = I^2 R1.
    text = "divider\n.param r=1k\nVin in 0 5\nR1 in out {r}\nR2 out 0 {2*r}\n.end\n"
    found = {s.element: s for s in netlearn.sensitivities(parse(text, "t.cir"), probe, against="ngspice", flat=flat)}
    by_resistance, by_parameter = expected
    assert found["r1"].derivative == pytest.approx(by_resistance)
    assert found["r1"].by_ngspice == pytest.approx(by_resistance, rel=1e-4)
    assert found["r"].derivative == pytest.approx(by_parameter)
    # The flat circuit has no .param.
    assert flat or found["r"].by_ngspice == pytest.approx(by_parameter, rel=1e-4)


def test_op_prints_probes(tmp_path):
    (tmp_path / "t.cir").write_text(TEXT)
    run = CliRunner().invoke(main, ["op", str(tmp_path / "t.cir"), "I(R1)", "P(X1)", "{V(c)/vsup}", "--json"])
    assert run.exit_code == 0, run.output
    values = json.loads(run.output)
    assert list(values) == ["I(R1)", "P(X1)", "{V(c)/vsup}"]
    assert values["I(R1)"] == pytest.approx(point().measure("I(R1)")[0, 0], rel=1e-12)
    corners = CliRunner().invoke(main, ["op", str(tmp_path / "t.cir"), "I(R1)", "--corner", "temp=0,100", "--csv"])
    assert len(corners.output.splitlines()) == 3, corners.output


def test_columns_and_outputs_are_probes_of_every_kind_and_training_follows_them():
    """A divider trained for its input resistance and the power in one resistor: the closed form."""
    text = "* t\n*@train R*\n*@optimizer lbfgs\n*@options epochs=200\nV1 in 0 1\nR1 in a 1k\nR2 a 0 1k\n.end"
    result = netlearn.train(parse(text), {"V1": [1.0], "{-V(in)/I(V1)/1k}": [5.0], "{P(R1)*1k}": [0.12]})
    r1, r2 = result.theta
    assert r1 + r2 == pytest.approx(5e3, rel=1e-6)
    assert r1 / (r1 + r2) ** 2 == pytest.approx(0.12e-3, rel=1e-6)


@pytest.mark.parametrize(
    "rule", ["gauss-newton", "natural", "differences", "spsa directions=10", "in-the-loop", "homodyne"]
)
def test_rules_that_read_outputs_only_take_every_probe(rule):
    text = "* t\n*@train R*\nV1 in 0 1\nR1 in a 1k\nR2 a 0 2k\nD1 a 0 dm\n.model dm d\n.end"
    data = {"V1": [1.0, 2.0], "{I(D1)*1k}": [0.3, 0.9], "{P(R1)*1k}": [0.2, 1.2]}
    optimizer = "sgd lr=0.3" if rule in ("gauss-newton", "natural") else "adam lr=0.02"
    result = netlearn.train(parse(text), data, rule=rule, optimizer=optimizer, epochs=30)
    assert result.loss < 0.8 * result.history[0].loss


@pytest.mark.parametrize("rule", ["ep", "cl", "al", "contrastive", "holomorphic", "projector", "adjoint-circuit"])
def test_rules_that_nudge_say_what_they_cannot(rule):
    text = "* t\n*@train R*\nV1 in 0 1\nR1 in a 1k\nR2 a 0 2k\n.end"
    with pytest.raises(NetlearnError, match=r"the output P\(R1\) is not a voltage or the current of a voltage source"):
        netlearn.train(parse(text), {"V1": [1.0], "P(R1)": [1e-3]}, rule=rule, epochs=1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("I(R99)", "there is no element 'r99'"),
        ("I(C1)", "a capacitor is open at DC"),
        ("I(Q1)", "Ic(Q1) or IB(Q1)"),
        ("Ig(Q1)", "'q1' has no current 'Ig'"),
        ("Ic(R1)", "'r1' has no current 'Ic'"),
        ("P(X9)", "there is no element 'x9'"),
        ("V(nowhere)", "there is no node 'nowhere'"),
        ("V(a,b,c)", "is not a probe"),
        ("V(c)-V(b)", "write {V(c)-V(b)}"),
        ("{V(c)/}", "cannot read the expression at '/'"),
        ("{V(c)*nothing}", "names 'nothing', which is not a parameter"),
        ("{foo(V(c))}", "calls 'foo'"),
        ("{vsup*2}", "measures nothing"),
        ("@q1[vbe]", "names no current or power of 'q1'"),
        ("@r1[r]", "names no current or power"),
        ("I()", "names no element"),
        ("V(c,c)", "always reads zero"),
    ],
)
def test_what_is_not_a_probe_is_refused(name, said):
    with pytest.raises(NetlearnError) as caught:
        point().measure(name)
    assert said.lower() in str(caught.value).lower()


def test_names_of_probes():
    for name in ("V(a)", "v( a , b )", "I(R1)", "ic(q1)", "P()", "P(X1.R1)", "@q1[ic]", "{V(a)/V(b)}", "Id(M1)"):
        assert is_probe(name), name
    for name in ("V1", "Rload", "X1.r", "temp", "vsup", "iq", "p", "V(a", "ix(q1)"):
        assert not is_probe(name), name
    assert probes_of(point().circuit, ["V(c)", "I(V1)", "V(c,b)"]).between_unknowns
