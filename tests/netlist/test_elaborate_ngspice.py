"""Elaborated circuits have the operating points that ngspice finds for the same text."""

from __future__ import annotations

import pytest

from netlearn.netlist.elaborate import elaborate
from netlearn.netlist.netlist import parse
from netlearn.solve.internal import InternalSolver

# Bodies of decks, by the rule that each is about. Lines that feed them are added where there are none.
DECKS = {
    "divider": "V1 a 0 10\nR1 a b 1k\nR2 b 0 3k",
    "numbers": "\n".join(
        f"I{k} 0 n{k} 1m\nR{k} n{k} 0 {text}"
        for k, text in enumerate("1kohm 0.5e-3meg 1mil 1e3k 4.7K 2E+3 1.g 3t 5f 100mOhm 1e 2x .5 7u 8n 9p 1MEG".split())
    ),
    "case": "V1 In 0 2\nr1 IN OUT 1K\nR2 out GND 1K",
    "ground names": "V1 a gnd 5\nR1 a b 1k\nR2 b GND 1k\nR3 b 0 1k",
    "dc word": "V1 a 0 DC 5\nI1 0 b DC 1m\nR1 a b 1k\nR2 b 0 1k",
    "dc and ac": "V1 a 0 DC 5 AC 1 0\nV2 c 0 AC 1 DC 2\nR1 a b 1k\nR2 b c 1k",
    "no value": "V1 a 0\nR1 a b 1k\nI1 0 b 1m",
    "waveforms": (
        "V1 a 0 SIN(1 2 1k 0 0 90)\nV3 c 0 PULSE(3 5 1m)\nV4 d 0 EXP(4 5 1m 1u)\nV5 e 0 PWL(1 7 2 9)\n"
        "V6 f 0 SFFM(1 2 1k 3 100)\nV7 g 0 AM(1 2 1k 3k 0)\nV8 h 0 DC 3 SIN(1 2 1k)\n"
        "I9 0 i PWL(0 7 2 9)\nR9 i 0 2\nV10 j 0 2 PULSE(1 5)"
    ),
    "vcvs": "V1 a 0 2\nR1 a 0 1k\nE1 b 0 a 0 3\nR2 b 0 1k",
    "vccs": "V1 a 0 2\nG1 0 b a 0 1m\nR2 b 0 1k",
    "vccs m": "V1 a 0 2\nG1 0 b a 0 1m m=3\nR2 b 0 1k",
    "cccs": "V1 a 0 2\nR1 a 0 1k\nF1 0 b V1 3\nR2 b 0 1k",
    "cccs before its source": "F1 0 b V1 3\nR2 b 0 1k\nV1 a 0 2\nR1 a 0 1k",
    "ccvs": "V1 a 0 2\nR1 a 0 1k\nH1 b 0 V1 300\nR2 b 0 1k",
    "current source m": "I1 0 a 1m m=4\nR1 a 0 1k",
    "inductor and capacitor": "V1 a 0 2\nL1 a b 1m\nL2 b d 1m\nK1 L1 L2 0.5\nR1 d c 1k\nC1 c 0 1u\nR2 c 0 1k",
    "param": ".param r=2k\nV1 a 0 1\nR1 a b r={r}\nR2 b 0 {r}",
    "param bare": ".param v=3\nV1 a 0 v\nR1 a 0 1",
    "param order": ".param x={y*2} y={z+1} z=3\nV1 a 0 {x}\nR1 a 0 1",
    "param twice": ".param q=1\nV1 a 0 {q}\nR1 a 0 1\n.param q=2",
    "param quotes": ".param x='1+2' y=' x * 2 '\nV1 a 0 'x+y'\nR1 a 0 1",
    "param mil": ".param x=1mil\nV1 a 0 {x}\nV2 b 0 {2mil}\nV3 c 0 2mil\nR1 a 0 1",
    "func": ".func f(x,y) {x*y+g}\n.func h(x) 'f(x,2)'\n.param g=1\nV1 a 0 {f(2,3)}\nV2 b 0 {h(3)}\nR1 a b 1",
    "func local": (
        ".func f(x,y) {x*y}\nV1 a 0 {f(2,3)}\nX1 c s\nR1 a c 1\n"
        ".subckt s a\n.func f(x,y) {x-y}\nV1 a 0 {f(5,1)}\n.ends"
    ),
    "ternary": ".param s=3\nV1 a 0 {s>2 ? s<5 ? 7 : 8 : 9}\nR1 a 0 1",
    "logic": ".param s=3\nV1 a 0 {(s>2 && s<=3) + (s==4 || s!=5)*10 + !s*100 + (s<>3)}\nR1 a 0 1",
    "powers": ".param x=-2\nV1 a 0 {-2^2 + 2^3^2 + x**2 + x^3 + pow(x,3)*100 + pwr(x,3)*1000}\nR1 a 0 1",
    "if": ".param s=2\n.if (s==1)\nV1 a 0 1\n.elseif (s==2)\nV1 a 0 2\n.else\nV1 a 0 3\n.endif\nR1 a 0 1",
    "if param": ".param s=2\n.if (s==1)\n.param k=1\n.else\n.param k=2\n.endif\nV1 a 0 {k}\nR1 a 0 1",
    "if nested": (
        ".param s=2 t=1\n.if (s==2)\n.if (t==2)\nV1 a 0 1\n.else\nV1 a 0 5\n.endif\n.else\nV1 a 0 3\n.endif\nR1 a 0 1"
    ),
    "if in subckt": "X1 a s p=2\nX2 b s\nR1 a b 1\n.subckt s a p=1\n.if (p==1)\nV1 a 0 1\n.else\nV1 a 0 2\n.endif\n.ends",
    "subckt": "V1 a 0 5\nX1 a b half\nX2 b c half\nR9 c 0 1k\n.subckt half p q\nR1 p n 1k\nR2 n q 2k\nR3 n 0 1k\n.ends half",
    "subckt default": "V1 a 0 5\nX1 a b s\nX2 b 0 s r=3k\n.subckt s p q r=1k\nR1 p q {r}\n.ends",
    "subckt params word": "V1 a 0 5\nX1 a b s params: r=2k\nX2 b 0 s\n.subckt s p q params: r=1k\nR1 p q {r}\n.ends",
    "subckt default chain": "X1 a s r=7\nX2 b s\nR1 a b 1\n.subckt s a w={r*2} r=1\nV1 a 0 {w}\n.ends",
    "subckt default from body": "X1 a s\nR1 a 0 1\n.subckt s a r={g+1}\n.param g=10\nV1 a 0 {r}\n.ends",
    "body before default": "X1 a s\nR1 a 0 1\n.subckt s a q=3\n.param q=4\nV1 a 0 {q}\n.ends",
    "instance before body": "X1 a s q=7\nR1 a 0 1\n.subckt s a q=3\n.param q=4\nV1 a 0 {q}\n.ends",
    "argument scope": ".param r=9\nX1 a s r={r*2}\nR1 a 0 1\n.subckt s a r=1\nV1 a 0 {r}\n.ends",
    "caller's parameters": "X1 a outer\n.subckt outer a\n.param q=5\nX2 a inner\n.ends\n.subckt inner a\nV1 a 0 {q}\nR1 a 0 1\n.ends",
    "two callers": (
        "X1 a one\nX2 b two\nR9 a b 1\n.subckt one a\n.param q=5\nX2 a inner\n.ends\n"
        ".subckt two a\n.param q=6\nX2 a inner\n.ends\n.subckt inner a\nV1 a 0 {q}\nR1 a 0 1\n.ends"
    ),
    "global is lexical": ".param g=1\n.param h={g*10}\nX1 a s\n.subckt s a\n.param g=2\nV1 a b {h}\nV2 b 0 {g}\nR1 a 0 1\n.ends",
    "local param": ".param k=1\nV1 a 0 {k}\nX1 b s\nR1 a b 1\n.subckt s a\n.param k=2\nV1 a 0 {k}\n.ends",
    "nested definitions": "X1 a s\nR1 a 0 1\n.subckt s a\n.subckt n b\nR1 b 0 3\n.ends\nX2 a n\nI1 0 a 3\n.ends",
    "three levels": (
        "V1 a 0 8\nX1 a 0 l1 r=2k\n.subckt l1 p q r=1\nX1 p m l2 r={r}\nX2 m q l2 r={r*3}\n.ends\n"
        ".subckt l2 p q r=1\nX1 p k l3 r={r/2}\nR1 k q {r}\n.ends\n.subckt l3 p q r=1\nR1 p q {r}\n.ends"
    ),
    "global node": ".global vdd\nV1 vdd 0 5\nX1 a s\nR1 a 0 1k\n.subckt s a\nX1 a t\n.ends\n.subckt t a\nR1 vdd a 1k\n.ends",
    "ground in subckt": "X1 a s\nV1 a 0 5\n.subckt s a\nR1 gnd a 1k\nR2 0 b 1k\nR3 b a 1k\n.ends",
    "port at ground": "X1 a 0 s\nV1 a 0 5\n.subckt s a b\nR1 a n 1k\nR2 n b 1k\n.ends",
    "ports joined": "X1 a a b s\nV1 a 0 5\nR1 b 0 1k\n.subckt s p q r\nR1 p r 1k\nR2 q r 1k\n.ends",
    "hierarchical control": "X1 a s\nR1 a 0 1\nF1 0 b v.x1.v1 2\nR2 b 0 1\n.subckt s a\nV1 a 0 5\n.ends",
    "control within": "X1 a s\nX2 b s\nR1 a b 1\n.subckt s a\nV1 a n 5\nR1 n 0 2\nF1 0 k V1 2\nR2 k 0 1\n.ends",
    "m": "V1 a 0 1\nR0 a b 1k\nR1 b 0 1k m=2",
    "m fraction": "V1 a 0 1\nR0 a b 1k\nR1 b 0 1k m=0.25",
    "m of instance": "V1 a 0 1\nR0 a b 1k\nX1 b s m=3\n.subckt s b\nR1 b 0 1k\nI1 0 b 1u\nG1 0 b c 0 1u\nR2 b c 1k\nR3 c 0 1k\n.ends",
    "m nested": "V0 a 0 1\nR0 a b 1\nX1 b s m=3\n.subckt s a\nX2 a q m=2\nI1 0 a 1m m=5\n.ends\n.subckt q a\nR1 a 0 1 m=5\n.ends",
    "m as parameter": "V0 a 0 1\nR0 a b 1\nX1 b s m=3\n.subckt s a m=1\nR1 a 0 {m}\n.ends",
    "tc": "I1 0 a 1m\nR1 a b 1k tc1=0.01 temp=37\nR2 b c 1k tc1=0.01 tc2=0.001 dtemp=5\nR3 c 0 1k tc1=0.01 temp=37 dtemp=5",
    "tce": "I1 0 a 1m\nR1 a b 1k tce=1 dtemp=10\nR2 b 0 1k rm dtemp=10\n.model rm r tce=0.5",
    "scale and ac": "I1 0 a 1m\nR1 a b 1k scale=3\nR2 b c 1k scale=3 m=2\nR3 c 0 1k ac=5",
    "r=": "I1 0 a 1m\nR1 a b r=2k\nR2 b 0 resistance=3k",
    "sheet": "I1 0 a 1m\nR1 a b rm l=10u w=2u\nR2 b c rm l=10u\nR3 c d rm\nR4 d 0 rm w=3u\n.model rm r rsh=5",
    "sheet narrow": "I1 0 a 1m\nR1 a b rm l=10u w=2u\nR2 b 0 rm l=20u\n.model rm r rsh=5 narrow=0.1u short=0.2u defw=4u",
    "sheet scaled": "I1 0 a 1m\nR1 a 0 rm l=10u w=2u\n.model rm r rsh=5 narrow=0.1u\n.options scale=2",
    "model r": "I1 0 a 1m\nR1 a b rm\nR2 b c rm m=2\nR3 c 0 2k rm\n.model rm r r=50 tc1=0.01 scale=3\n.temp 47",
    "model m": "I1 0 a 1m\nR1 a b 1k rm\nR2 b 0 1k rm m=2\n.model rm r m=3",
    "model tc": "I1 0 a 1m\nR1 a b 1k rm dtemp=10\nR2 b c 1k rm dtemp=10 tc1=0.02\nR3 c 0 rm 1k dtemp=10\n.model rm r tc1=0.01 tc2=1m",
    "model tnom": "I1 0 a 1m\nR1 a 0 1k rm dtemp=10\n.model rm r tc1=0.01 tnom=17",
    "local model": "X1 a s\nX2 b s2\nI1 0 a 1\nI2 0 b 1\n.model rm r r=5\n.subckt s a\n.model rm r r=2\nR1 a 0 rm\n.ends\n.subckt s2 a\nR1 a 0 rm\n.ends",
    "model by instance": "X1 a s q=2\nX2 b s q=3\nI1 0 a 1\nI2 0 b 1\n.subckt s a q=1\n.model rm r r={q}\nR1 a 0 rm\n.ends",
    "tnom": "I1 0 a 1m\nR1 a 0 1k tc1=0.01\n.options tnom=17",
    "temp option": "I1 0 a 1m\nR1 a 0 1k tc1=0.01\nB1 b 0 V=temper\nR2 b 0 1\n.options temp=37",
    "temp card": "I1 0 a 1m\nR1 a 0 1k tc1=0.01\n.temp 47\n.options temp=37",
    "b source": "V1 a 0 2\nV2 b 0 3\nB1 h 0 V=V(a)>1 ? V(b) : 0\nB2 0 i I=V(a)*I(V1)\nRi i 0 1\nR1 a 0 1\nB3 j 0 V = V(a) + 2 * V(b)",
    "b with parameters": ".param x=7\n.func f(u) {u*u+x}\nV1 a 0 2\nB1 b 0 V={f(V(a))+x}\nB2 c 0 V=V(a,b)*pi\nR1 b c 1",
    "b time": "V1 a 0 2\nR1 a 0 1\nB5 m 0 V=I(V1)*time+hertz+V(a)",
    "b powers": "V1 a 0 -2\nB1 b 0 V=V(a)^2+V(a)**3\nB2 c 0 V=pow(V(a),3)\nB3 d 0 V=pwr(V(a),3)\nR1 a 0 1",
    "b functions": "V1 a 0 0.3\nB1 b 0 V=sin(V(a))+exp(V(a))*ln(V(a))+u(V(a))+uramp(V(a))+u2(V(a))\nB2 c 0 V=max(V(a),V(b))-min(V(a),1)\nR1 a 0 1",
    "b pwl": "V1 a 0 -1\nV2 b 0 5\nV3 c 0 3\nB1 d 0 V=pwl(V(a),0,0,2,4,4,5)\nB2 e 0 V=pwl(V(b),0,0,2,4,4,5)\nB3 f 0 V=pwl(V(c),0,0,2,4,4,5)",
    "b m": "V1 a 0 1\nB1 0 b I=V(a) m=3\nR1 b 0 1\nX1 c s m=2\nR2 c 0 1\n.subckt s p\nB1 0 p I=V(p)/4+1\n.ends",
    "b in instance": "X1 a s\nV1 a 0 5\nB1 b 0 V=V(x1.n)*2\nR9 b 0 1\n.subckt s a\nR1 a n 1k\nR2 n 0 1k\nB1 k 0 V=V(n)*V(a)\nR3 k 0 1\n.ends",
    "value": "V1 a 0 2\nV2 b 0 3\nE1 c 0 VALUE={V(a)*V(b)}\nE2 d 0 VALUE = {V(a,b)^2}\nE3 e 0 vol='V(a)*2'\nG1 0 f VALUE={V(a)}\nRf f 0 1\nG2 0 g cur='V(a)*2' m=2\nRg g 0 1",
    "poly voltage": "V1 a 0 2\nV2 b 0 3\nE1 c 0 POLY(1) a 0 5\nE2 d 0 POLY(1) a 0 1 2 3\nE3 e 0 POLY(2) a 0 b 0 1 2 3 4 5 6 7\nG1 0 f POLY(1) a 0 1 2\nRf f 0 1\nE4 k 0 POLY(2) (a,0) (b,0) 0 1 1",
    "poly current": "V1 a 0 2\nV2 b 0 3\nF1 0 g POLY(1) V1 1 2\nRg g 0 1\nR1 a b 1\nR2 b 0 4\nH1 h 0 POLY(2) V1 V2 1 2 3 4",
    "table": "V1 a 0 1.95\nE1 c 0 TABLE {V(a)} = (0,0) (2,4) (4,5)\nE2 d 0 TABLE {V(a)-2} = (0,0) (2,4) (4,5)\nE3 e 0 TABLE {V(a)*9} = (0,0) (2,4) (4,5)\nG1 0 f TABLE {V(a)-0.9} = (0,0) (2,4) (4,5)\nRf f 0 1",
    "diode": "V1 a 0 2\nR1 a b 1k\nD1 b 0 dm\nD2 a c dm 3\nR2 c 0 100\nD3 0 a dm area=2 m=3\n.model dm d(is=1e-14 n=1.2 rs=5)",
    "diode in instance": "V1 a 0 2\nX1 a s m=4 r=50\nX2 a s\n.subckt s p r=10\n.model dm d is=1e-13 rs={r}\nR1 p q 1k\nD1 q 0 dm\n.ends",
    "bipolar": "V1 c 0 5\nV2 b 0 2\nR1 b bb 10k\nQ1 c bb e qn\nR2 e 0 1k\nQ2 0 e f qp 2\nR3 c f 1k\n.model qn npn bf=80 vaf=50\n.model qp pnp(bf=40 is=1e-15)",
    "mosfet": "V1 d 0 5\nV2 g 0 2\nM1 d g s 0 mn w=20u l=2u\nR1 s 0 1k\nM2 k g d d mp w=10u l=1u\nR2 k 0 1k\n.model mn nmos vto=0.7 kp=50u lambda=0.02\n.model mp pmos vto=-0.7 kp=20u",
    "jfet": "V1 d 0 5\nJ1 d 0 s jn\nR1 s 0 1k\nJ2 0 d s2 jp 2\nR2 s2 d 2k\n.model jn njf vto=-2 beta=1m\n.model jp pjf(vto=-2 beta=1m)",
    "switches": "V1 a 0 2\nS1 a b a 0 sm\nR1 b 0 10\nS2 a c b a sm OFF\nR2 c 0 10\nW1 a d V1 wm\nR3 d 0 5\n.model sm sw vt=1 ron=5 roff=1meg\n.model wm csw it=1 ron=3 roff=1k",
    "unknown model parameter": "V1 a 0 2\nR1 a b 1k\nD1 b 0 dm\n.model dm d is=1e-14 mfg=3",
    "include-free cards": "V1 a 0 1\nR1 a 0 1k\n.op\n.tran 1u 1m\n.print tran v(a)\n.save all\n.ac dec 1 1 10\n.nodeset v(a)=1",
}  # fmt: skip


@pytest.mark.ngspice
@pytest.mark.parametrize("name", DECKS)
def test_operating_point_is_ngspices(name, ngspice):
    deck = f"{name}\n{DECKS[name]}\n.end\n"
    circuit = elaborate(parse(deck)).circuit
    found = InternalSolver().solve(circuit)
    wanted = ngspice.run(deck)
    compared = 0
    for node, value in zip(circuit.nodes, found.x[0], strict=False):
        if "#" not in node:
            assert value == pytest.approx(wanted[f"v({node})"], rel=2e-7, abs=1e-10), node
            compared += 1
    for k, branch in enumerate(circuit.branches):
        if branch.rpartition(".")[2][0] in "vl":
            current = found.x[0, len(circuit.nodes) + k]
            assert current == pytest.approx(wanted[f"i({branch})"], rel=2e-7, abs=1e-10), branch
    assert compared
