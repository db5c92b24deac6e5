"""A netlist's own text as ngspice gets it: the same circuit, and nothing that it could do harm with."""

from __future__ import annotations

import re

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.circuit.circuit import Column
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NgspiceError
from netlearn.ngspice import text_run
from netlearn.ngspice.text import text_deck
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_solution import text_solution
from netlearn.solve.internal import InternalSolver

NOTHING: tuple[list[str], Array] = ([], np.zeros((1, 0)))

READ_OTHERWISE = {
    "a letter for the decimal point": "V1 a 0 1\nR1 a b 4k7\nR2 b 0 {2k2*2}\nR3 b 0 r=1meg5\n.param q=1k5\nR4 b 0 {q}",
    "the Greek letter in place of the sign for micro": ".param k=2μ j={3.5μA+k}\nV1 a 0 SIN(1μ 2 3)\nR1 a 0 1k\n"
    "I1 0 b {j}\nI2 0 b 1.5μA\nB1 c 0 V=1k*V(b)+.5μ\nR2 b 0 1Ω\nR3 c 0 1k",
    "quoted nodes": 'V1 "Net-(R1-Pad1)" 0 1\nR1 "Net-(R1-Pad1)" b 1k\nR2 b 0 1k',
    "a quoted node in a subcircuit": 'V1 a 0 1\nX1 a s\n.subckt s p\nR1 p "n (1)" 1k\nR2 "n (1)" 0 1k\n.ends',
    "LTspice's functions": "V1 a 0 0.7\nR1 b 0 1k\n"
    "B1 b 0 V=limit(V(a),0.2,0.5)+uplim(V(a),0.65,0.1)+dnlim(V(a),0.65,0.1)\n"
    "B2 c 0 V=buf(V(a))+2*inv(V(a))+round(V(a)*7)+arctan(V(a))+pwrs(-V(a),3)+stp(V(a))\nR2 c 0 1k",
    "LTspice's operators": "V1 a 0 0.7\nR1 b 0 1k\nR2 c 0 1k\n"
    "B1 b 0 V=(V(a)>0.5)&(V(a)<1)\nB2 c 0 V=(V(a)>0.9)|~(V(a)>2)",
    "random numbers": ".param r=agauss(1k,10,3) q=unif(1k,0.1)\nV1 a 0 1\nR1 a b {r}\nR2 b 0 {gauss(q,0.1,3)}",
    "resistances in other elements": "V1 a 0 1 Rser=10 Cpar=1n\nR1 a b 1k noiseless tol=5\nL1 b c 1m Rser=20 Rpar=1k\n"
    "C1 c 0 1u Rser=1 Rpar=5k\nI1 c 0 1m load",
    "PSpice's temperatures": ".model dm D(is=1e-14 T_ABS=60 T_MEASURED=40)\nV1 a 0 1\nD1 a b dm\nR1 b 0 1k",
    "a model like another one": ".model d1 D(is=1e-15)\n.model d2 AKO:d1 D(n=1.5)\nV1 a 0 1\nD1 a b d2\nR1 b 0 1k",
    "a smooth switch": ".model sm VSWITCH(Ron=1 Roff=1k Von=1 Voff=0)\nV1 a 0 0.3\nS1 a b a 0 sm\nR1 b 0 100",
    "an undeclared parameter": "V1 a 0 1\nX1 a b s r=2k\nR1 b 0 1k\n.subckt s p n\nR1 p n {r}\n.ends",
    "a step": "V1 a 0 1\nR1 a b 1k\nR2 b 0 {r}\n.step param r list 3k 4k",
    "options that are given more than once": ".options defl=1 scale=2u defl=2 scale=3u\n.options scale=5u\n"
    "V1 a 0 2\nR1 a b 1k\nM1 b b 0 0 n w=10u\nM2 b b 0 0 n w=1 l=1\n.model n nmos vto=1 kp=100u",
    "steps before the parameter": "V1 a 0 1\nR1 a b 1k\nR2 b 0 {r}\n.step param r 3k3 9k 1k\n.step oct param R 1 2 3\n"
    ".param r=7k\nX1 b s\n.subckt s p\n.step param r list 2k\n.param r=5k\nR1 p 0 {r}\n.ends",
    "a slash before the subcircuit": "V1 a 0 1\nX1 a b / s\nR1 b 0 1k\n.subckt s p n\nR1 p n 3k\n.ends",
    "LTspice's powers": "V1 a 0 -0.5\nB1 b 0 V=V(a)**3\nR1 b 0 1k\n.backanno",
    "lines joined by backslashes": "V1 a 0 1\nR1 a b \\\\\n1k\nR2 b 0 2k",
    "a diode's area without its name": ".model dm D(is=1e-14)\nV1 a 0 1\nR1 a b 1k\nD1 b 0 dm 3 off",
    "expressions with blanks": ".param b=3\n.param a = 2 * b c= a + 4k7 d=1\nV1 a 0 {c}\nR1 a 0 {a+d}",
    "a condition in a parameter": ".param b=3 a = b > 2 ? 4 : 5\nV1 a 0 {a}\nR1 a 0 1k",
    "constants": "V1 a 0 {sin(pi/6)}\nR1 a 0 {2*pi}",
    "a temperature with its unit": ".temp 77C\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k tc1=1m",
    "a waveform in a file": "V1 a 0 DC 2 PWL file=nothing.csv\nR1 a 0 1k",
    "a resistance that begins with a number": "V1 a 0 5\nR1 a b R=1k*(1+V(b)/10)\nR2 b 0 1k",
    "HSPICE's kinds": "V1 a 0 5\nE1 b 0 vcvs a 0 2\nG1 0 c vccs a 0 1m\nF1 0 d cccs V1 2\nH1 e 0 ccvs V1 3\n"
    "R1 a 0 1k\nR2 b 0 1k\nR3 c 0 1k\nR4 d 0 1k\nR5 e 0 1k",
    "models that look like numbers": ".model 1N4148 D(is=2.52n)\n.model 2N3904 NPN(bf=100)\nV1 a 0 1\nR1 a b 1k\n"
    "D1 b 0 1N4148\nR2 a c 1meg\nQ1 b c 0 2N3904\nX1 a 0 4K7\n.subckt 4K7 p q\nR1 p q 4k7\n.ends",
    "two coefficients": ".options temp=50\nV1 a 0 1\nR1 a b 1k TC=1m,1u\nR2 b 0 1k TC=0,0 \n.param k=1m\n"
    "R3 b 0 2k tc={k},'k/10' m=2",
    "whole numbers in other modes": "V1 a 0 -2.6\nB1 b 0 V=int(V(a))\nR1 b 0 1k\n.param k={int(2.7)}\nV2 c 0 {k}\n"
    "R2 c 0 1k\n.backanno",
    "a maker's name among blanks": ".model dm D(is = 1f rs = 0.1 mfg = OnSemi type = silicon)\n"
    "V1 a 0 1\nR1 a b 1k\nD1 b 0 dm",
    "comments in other modes": "V1 a 0 1 $ one\nR1 a b 1k ; two\n+ tc1=1m $ three\nX1 b s $ four\n.subckt s p $ five\n"
    "R1 p 0 1k // six\n.ends\n.model sm VSWITCH(Ron=1 Roff=1k Von=1 Voff=0) $ seven\nS1 b 0 a 0 sm",
    "tables in behavioural sources": ".param hi=10\nV1 a 0 0.5\nR1 b 0 1k\nR2 c 0 1k\nR3 d 0 1k\n"
    "B1 b 0 V=table(V(a),-1,-10,1,hi)+table(3*V(a),-1,-2,0,0,1,7)\nB2 c 0 V={table(-9*V(a),-1,-10,1,10)}\n"
    "E1 d 0 VALUE={table(V(a)/2,-1,-10,1,10)}",
    "functions of numbers": ".param a={u(0.3)+u(-1)+u(0)} b={uramp(2)+uramp(-1)+u2(0.4)+u2(3)+u2(-1)} c={hypot(3,4)}\n"
    "+ d={atan2(1,2)+10*atan2(1,-2)+100*atan2(-1,-2)} e={atan2(2,0)+10*atan2(-2,0)+atan2(0,-1)+100*atan2(-1,2)}\n"
    "+ f={stp(0.5)+stp(-1)}\nV1 a 0 {a}\nR1 a b {b}\nR2 b 0 {c}\nI1 0 b {d}\nI2 0 c {e}\nR3 c 0 {f}\n"
    "B1 d 0 V=u(V(a)-1)+hypot(V(a),V(b))+atan2(V(a),2)\nR4 d 0 1k",
    "parameters called like arguments of functions": ".param a={limit(5,2,3)} b={agauss(2,a,3)} x={uplim(a,3,0.1)}\n"
    "+ c={gauss(x,1,1)} l={if(a>2,1,2)} y={pwrs(-2,3)} x1={table(1.5,1,2,3,4)} y1={arctan(x1)}\n"
    "V1 m 0 {a}\nR1 m n {b}\nR2 n 0 {x}\nI1 0 n {c+y}\nI2 0 o {l}\nR3 o 0 {x1}\nR4 p 0 1k\n"
    "B1 p 0 V=limit(V(m),a-4,b)+x1*y1",
    "tables in parameters": ".param k=1.5 a={table(k,1,10,2,20)} b={table(k*2,1,10,2,20,2.5,5)}\n"
    "+ c={table(-k,1,10,2,20)}\n"
    "+ d={1+table(k,0,1,1.5,2,1.5,7,3,8)} e={table(k+a/20,1,3,2,4,3,-5)}\nV1 a 0 {a}\nV2 b 0 {b}\nV3 c 0 {c}\n"
    "I1 0 d {d}\nR1 d 0 {1k*table(k,1,1,2,3)}\nR2 a b 1k\nR3 c 0 {e*1k}\nR4 e 0 1k\n"
    "B1 e 0 V=table(V(a),1,2,20,30)+table(temper,0,1,100,2)",
    "a table of the netlist's own": ".func table(x,a,b,c,d) {a+b+c+d*x}\nV1 a 0 2\n"
    "B1 b 0 V=table(V(a),1,2,3,4)\nR1 b 0 1k",
    "the temperature by other names": ".options temp=50\nV1 temp 0 2\nB1 o 0 V=V(temp)*temp+10*vt+1e9*GMIN\nR1 o 0 1k\n"
    "B2 p 0 V=temp/10\nR2 p 0 1k\nR3 temp p 1k temp=40 tc1=1m",
    "gmin as an option has it": ".options gmin=1n\nV1 a 0 1\nR1 a b 1k\nB1 b 0 I=V(b)*gmin*1e6",
    "parameters with such names": ".param temp=3 vt={temp/4}\nV1 a 0 2\nB1 o 0 V=V(a)*temp+vt\nR1 o s 1k\n"
    "X1 s t gmin=5\n"
    ".subckt t p gmin=1\nR1 p 0 {gmin*1k}\n.ends",
    "tables and the temperature in LTspice": "V1 a 0 0.5\nR1 b 0 1k\n"
    "B1 b 0 V=table(V(a),-1,-10,1,10)+temp*V(a)\n.backanno",
    "tables and the temperature in PSpice": "V1 a 0 0.5\nR1 b 0 1k\nE1 b 0 VALUE={table(V(a),-1,-10,1,10)+temp*V(a)}\n"
    "G1 0 c TABLE {V(a)} = (-1,-1m) (0,0) (1,1m)\nR2 c 0 1k\n.probe64\n.aliases",
    "resistors in series with inductors": ".options rseries=1k5 gshunt=1m\n.options rseries rseries=7\n.opt rseries=5\n"
    ".options rseries=1k2\nV1 a 0 1\nR1 a b 1k\nL1 b c 1m Rser=50\nR2 c 0 1k\nX1 b s m=3\n"
    ".subckt s p\nL1 p q 1m Rser=20\nC1 q 0 1n Rpar=1k\n.ends",
    "lines with nodes of their own": "V1 a 0 1\nR1 a b 1k\nY1 b 0 c 0 steep\nR2 c 0 1k\nX1 a s\n"
    ".subckt s p\nY1 p 0 q 0 steep\nR1 q 0 1k\n.ends\n.model steep txl r=3 l=0.1n g=0 c=1p length=1",
    "old MOSFETs": ".options badmos3\nV1 d 0 3\nV2 g 0 2\nR1 d b 1k\n"
    "M1 b g 0 0 n w=10u l=1u\n.model n nmos level=3 vto=0.7 kp=100u theta=0.1 kappa=0.5 vmax=1e5 nsub=1e16",
    "commas between parameters": ".param a=1,b=2, c='a+b' , d={c}\n+ ,e=pow(2,3),f=1\n"
    "V1 1 0 {a+b+c+d+e+f}\nR1 1 0 1k\nX1 1 s\n.subckt s p\n.param q=2k,r={max(q,1)}\nR1 p 0 {r}\n.ends",
    "nodes in parentheses": "V1 (a 0) 3\nR1 (a b) 1k\nD1 (b,0) dm 2\nQ1 ( a b e ) qm area=2\nR2 (e 0) 1k\n"
    "M1 (a,a,f,0) nm w=1u l=1u\nR3 f 0 1k\n.model dm d\n.model qm npn\n.model nm nmos vto=0.3",
    "commas between a subcircuit's parameters": "V1 1 0 1\nX1 (1, 2) s, r=1k, q={max(2k,1)}\n+ ,w=3\n"
    "X2 2, 0 s\nX3 (2 0 s)\n.subckt s (a, b), r=3k, q={min(1k,2k)} ,w=2\nR1 a m {r}\nR2 m b {q*w}\n.ends",
    "an area that is an expression": "V1 1 0 3\nR1 1 2 1k\nD1 2 0 dm {max(1,2)}\nD2 2 3 dm '1+2'\nJ1 (3,0,0) jm 2\n"
    ".model dm d\n.model jm njf",
    "an area of a transistor that is an expression": ".param x=1\nV1 1 0 3\nR1 1 2 1k\nR2 1 3 100k\nQ1 2 3 0 qm {x*2}\n"
    "Q2 2 3 0 0 qm '3*x' off\n.model qm npn",
    "parameters in parentheses": ".param (z=2k)\nV1 1 0 3\nX1 1 s (r=1k)\nX2 (1) s (r={z}, q=3)\nX3 1 s\n"
    ".subckt s p (r=3k, q=2)\nR1 p 0 {r*q}\n.ends",
    "an if without a word": ".param k=2\nV1 a 0 {if(k>1,3,4)}\nR1 a 0 1k",
}


@pytest.fixture(scope="module")
def runner(libngspice_name):
    with TextRunner() as opened:
        yield opened


@pytest.fixture(scope="module")
def libngspice_name():
    from ctypes.util import find_library

    name = find_library("ngspice")
    if name is None:
        pytest.skip("libngspice is not installed")
    return name


@pytest.mark.ngspice
@pytest.mark.filterwarnings("ignore::netlearn.errors.NetlistWarning")
@pytest.mark.parametrize("name", READ_OTHERWISE)
def test_what_ngspice_reads_otherwise_is_written_so_that_it_reads_the_same(name, runner):
    netlist = netlearn.parse(f"title\n{READ_OTHERWISE[name]}\n.end\n")
    circuit = elaborate(netlist).circuit
    ours = InternalSolver().solve(circuit).x[0]
    theirs = text_solution(netlist, circuit, NOTHING, runner)
    assert not theirs.missing
    assert not theirs.foreign
    known = theirs.known
    plain = [k for k, node in enumerate(circuit.nodes) if "#" not in node]
    assert known[plain].all()
    assert theirs.x[0][known] == pytest.approx(ours[known], rel=1e-7, abs=1e-12)


@pytest.mark.ngspice
@pytest.mark.parametrize("by_executable", [False, True])
def test_sources_are_altered_sample_by_sample(by_executable, libngspice, ngspice, monkeypatch):
    if by_executable:
        monkeypatch.setattr(text_run, "library", lambda: None)
    text = "title\nV1 a 0 SIN(1 1 1k)\nI1 0 b 1m\nR1 a b 1k\nD1 b 0 d\nX1 b s\n"
    text += ".subckt s p\nV1 q 0 2\nR1 p q 1k\n.ends\n.model d d\n"
    netlist = netlearn.parse(text)
    circuit = elaborate(netlist).circuit
    values = np.array([[0.5, 1e-3, 1.0], [3.0, -2e-3, 0.0], [0.0, 0.0, 0.0]])
    names = ["v1", "i1", "v.x1.v1"]
    with TextRunner() as runner:
        found = text_solution(netlist, circuit, (names, values), runner)
    columns: dict[Column, Array] = {}
    for name, column in zip(names, values.T, strict=True):
        g, k = circuit.element(name)
        whole = columns.setdefault((g, "dc"), np.tile(np.asarray(circuit.groups[g].values["dc"]), (3, 1)))
        whole[:, k] = column
    ours = InternalSolver().solve(circuit.with_values(columns))
    assert found.x == pytest.approx(ours.x, rel=1e-7, abs=1e-12)


@pytest.mark.ngspice
def test_a_parameter_called_like_a_function_of_ngspices_is_named(ngspice):
    """ngspice itself ends at it, or computes with zeros."""
    for text, line in (
        ("title\n.param vin=1\n+ LN=2\nV1 a 0 {ln*3}\nR1 a 0 1k\n.end\n", 3),
        ("title\nV1 a 0 6\nX1 a s\n.subckt s p min=2\nR1 p 0 {min*1k}\n.ends\n.end\n", 4),
        ("title\nV1 a 0 6\nR1 a 0 {log*1k}\n.param log=2\n.end\n", 4),
    ):
        netlist = netlearn.parse(text)
        circuit = elaborate(netlist).circuit
        with pytest.raises(NgspiceError, match="a function of its own") as caught:
            text_deck(netlist)
        assert caught.value.place is not None
        assert caught.value.place.line == line
        assert "--flat" in caught.value.hint
        try:
            alone = ngspice.run(text)
        except pytest.fail.Exception:
            continue
        ours = InternalSolver().solve(circuit)
        assert alone.get("i(v1)", 0.0) != pytest.approx(ours.current("v1")[0], rel=1e-3)


@pytest.mark.ngspice
def test_a_text_that_ngspice_refuses_is_told_with_what_it_says(runner):
    netlist = netlearn.parse("title\nV1 a 0 1\nR1 a 0 1k\nR2 a 0 1k foo=7\n.end\n")
    circuit = elaborate(netlearn.parse("title\nV1 a 0 1\nR1 a 0 1k\n.end\n")).circuit
    with pytest.raises(NgspiceError, match="foo"):
        text_solution(netlist, circuit, NOTHING, runner)
    good = netlearn.parse("title\nV1 a 0 1\nR1 a 0 1k\n.end\n")
    assert text_solution(good, circuit, NOTHING, runner).x[0, 0] == pytest.approx(1.0)


@pytest.mark.ngspice
def test_nodes_that_only_one_of_the_two_has_are_told(runner):
    netlist = netlearn.parse("title\nV1 a 0 1\nR1 a 0 1k\nR2 a b 1k\nR3 b 0 1k\n.end\n")
    circuit = elaborate(netlearn.parse("title\nV1 a 0 1\nR1 a c 1k\nR2 c 0 1k\n.end\n")).circuit
    found = text_solution(netlist, circuit, NOTHING, runner)
    assert found.missing == ("c",)
    assert found.foreign == ("b",)


ALLOWED = re.compile(r"\.(param|func|model|global|nodeset|options|subckt|ends|if|elseif|else|endif)\b|\.end$", re.I)


@pytest.mark.parametrize(
    "line",
    [
        ".control\nshell touch mark\n.endc",
        "*# shell touch mark",
        ".include /etc/passwd",
        ".lib other.lib tt",
        ".tran 1n 1u",
        ".save all",
        ".print tran v(a)",
        ".meas tran x find v(a) at=1",
        ".options filetype=ascii rawfile=mark editor=sh",
        ".csparam x={1}",
        ".backanno",
        'A1 [a] [b] mm\n.model mm file_source(file="secret")',
        '.model mm d_process(process_file="touch")',
        ".model mm numd level=1",
        "N1 a b mm",
        "R3 a 0 1k \\\\\n.control \\\\\nshell touch mark",
        "R3 a 0 1k\r.control\rshell touch mark\r.endc",
        "R3 a 0 1k\x0b.control\x0bshell touch mark",
        "R3 a 0\n+ 1k\n+\n.control\nshell touch mark\n.endc",
        ".con\n+trol\nshell touch mark\n.endc",
        ".title x\n.system touch mark",
        ".subckt s a\nR1 a 0 1k\n.control\nshell touch mark\n.endc\n.ends",
        ".if (1)\n.control\nshell touch mark\n.endc\n.endif",
        ".ends\n",
    ],
)
def test_only_lines_that_describe_the_circuit_come_into_the_deck(line):
    try:
        netlist = netlearn.parse(f"title\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n{line}\n.end\n")
    except netlearn.errors.NetlearnError:
        return
    lines = text_deck(netlist).lines
    assert lines[0] == "netlearn"
    for made in lines[1:]:
        assert made == made.strip(" \t\r\n\f\v") or not re.search(r"^\s", made)
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", made)
        assert made[0] == "+" or made[0].isalpha() or ALLOWED.match(made), made
        assert not re.search(r"^\W*(shell|touch|system)|\b(process_file|file|rawfile|editor)\b", made), made
        assert made[:1].upper() not in ("A", "N"), made


@pytest.mark.ngspice
def test_what_is_put_beside_a_source_has_a_name_of_its_own(libngspice: str) -> None:
    """Nodes and elements that are called like what stands for LTspice's resistances are others."""
    netlist = netlearn.parse("t\nV1 a 0 1 rser=1k\nR1 a 0 1k\nR2 v1_inside 0 1k\nRv1_rser a v1_inside 2k\n")
    own, judged = (netlearn.operating_point(netlist, solver) for solver in ("internal", "ngspice"))
    for node in ("a", "v1_inside"):
        np.testing.assert_allclose(judged.voltage(node), own.voltage(node), rtol=1e-9)


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "lines",
    [
        "R1 a b 5\n.param max=3",
        "R1 a b 5\n* the max of it\n.subckt s a b max=3\nR1 a b {max}\n.ends",
        ".subckt s a b max=3\nR1 a b 5\n.ends\nX1 a b s max=5",
    ],
)
def test_a_parameter_that_nothing_reads_may_have_any_name(lines: str, ngspice) -> None:
    text = f"title\nV1 a 0 1\nR2 b 0 5\n{lines}\n.end\n"
    assert ngspice.run(text)["v(b)"] == pytest.approx(0.5)
    assert netlearn.check(netlearn.parse(text)).within(1e-9)
