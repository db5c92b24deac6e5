"""Fuzz what ``netlearn check`` compares: netlists as people write them, changed at random, netlearn against ngspice.

``python benchmarks/fuzz_text.py [--minutes 15] [--seed 0] [--out FOLDER]``

Each netlist is made of parts that people write (dividers with ``.param``, subcircuits with parameters, diodes and
transistors, behavioural sources, LTspice's and PSpice's spellings), and then mutated: numbers in other spellings,
words in other cases, lines continued, comments put in between, expressions grown. netlearn's internal solver and
ngspice, which is given the netlist's own text, must agree in every voltage and current that both know, or one of
them must refuse. What differs is printed and written to FOLDER.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NetlearnErrors, NgspiceError
from netlearn.ngspice.text_run import TextRunner
from netlearn.ngspice.text_solution import text_solution
from netlearn.solve.internal import InternalSolver

RELATIVE, VOLTS, AMPERES = 1e-4, 1e-4, 1e-7
"""How far numbers may lie apart. ngspice finds a voltage that hangs on gmin alone to its abstol over gmin only."""

Random = random.Random


def number(rng: Random, low: float = 1.0, high: float = 1e4) -> str:
    """A number in one of the spellings that people use."""
    value = low * (high / low) ** rng.random()
    form = rng.randrange(8)
    if form == 0:
        return f"{value:.3g}"
    if form == 1:
        return f"{value:.2e}"
    if form == 2:
        return f"{value / 1e3:.3f}k"
    if form == 3:
        return f"{value / 1e3:.3f}K{rng.choice(['', 'ohm', 'Ohms', 'V'])}"
    if form == 4:
        return f"{value * 1e3:.0f}m"
    if form == 5:
        return f"{value / 1e6:.6f}{rng.choice(['meg', 'MEG', 'Meg'])}"
    if form == 6:
        return f"{int(value / 1e3)}k{rng.randrange(10)}" if value >= 1e3 else f"{value:.0f}"
    return f"{{{value:.4g}}}"


def small(rng: Random) -> str:
    """A number of the size of a voltage."""
    value = rng.uniform(-3, 3)
    return rng.choice([f"{value:.2f}", f"{value * 1e3:.0f}m", f"{value:.1e}", f"{{{value:.2f}}}"])


def expression(rng: Random, names: list[str], depth: int = 0) -> str:
    """An expression that stays finite near anything."""
    if depth > 2 or rng.random() < 0.25:
        return rng.choice([*names, *names, f"{rng.uniform(0.1, 3):.2f}", f"{rng.randrange(1, 9)}"])
    a, b, c = (expression(rng, names, depth + 1) for _ in range(3))
    return rng.choice([
        f"({a}+{b})", f"{a}-{b}", f"({a})*({b})", f"{a}/(1+({b})*({b}))", f"tanh({a})", f"sin({a})", f"cos({a})",
        f"atan({a})", f"abs({a})", f"sqrt(1+({a})**2)", f"exp(-abs({a}))", f"max({a},{b})", f"min({a},{b})",
        f"(({a})>({b})?({c}):({a}))", f"sgn({a})", f"({a})^2", f"ln(1+abs({a}))", f"log10(1+abs({a}))",
        f"pow(abs({a}),2)",
        f"-{a}", f"u({a})", f"int({a})", f"floor({a})", f"pwr(1+abs({a}),1.5)", f"limit({a},-1,1)", f"sinh(tanh({a}))",
    ])  # fmt: skip


def divider(rng: Random) -> list[str]:
    return [
        f".param vs={small(rng)} r1={number(rng)} k={{r1/1k+1}}",
        "V1 in 0 {vs}", "R1 in out {r1}", f"R2 out 0 {rng.choice(['{r1*k}', number(rng), '{k*1k}'])}",
        f"R3 out 0 {number(rng)} {rng.choice(['', 'tc1=1m', 'tc=1m,2u', 'm=2', 'temp=40', 'dtemp=5'])}",
    ]  # fmt: skip


def subcircuits(rng: Random) -> list[str]:
    call = rng.choice(["r=2k", "r={2*q}", "c=2", "r={q} c=3", "", "params: r=3k", "PARAMS: c=4 r=1k"])
    outer = rng.choice(["r=1k c=1", "params: r=1k c=1", "PARAMS: r=1k c={2}", "r={500*2} c='1+1'"])
    inner = rng.choice(["{r*c}", "r='r/c'", "{r}", "{r+c*100}"])
    return [
        f".param q={number(rng, 100)}", f"V1 a 0 {small(rng)}", f"X1 a b part {call}", f"X2 b 0 part {call}",
        f"X3 a 0 pair k={rng.randrange(1, 5)}",
        f".subckt part p n {outer}", f"R1 p m {inner}", "R2 m n {r}", ".ends" + rng.choice(["", " part"]),
        ".subckt pair p n k=2", "X1 p m part r={k*1k}", "X2 m n part c={k}", "D1 m n dm", ".model dm d(is=1e-14 n=1.5)",
        ".ends",
    ]  # fmt: skip


def diodes(rng: Random) -> list[str]:
    card = rng.choice([
        ".model dm D(is=1e-14 n=1.2 rs=2)", ".model dm D is=2n rs=0.5 bv=5 ibv=1m", ".MODEL dm d (IS=1E-12, N=2)",
        ".model dm D(Is=1f Rs=.1 N=1 Cjo=4p M=.4 tt=20n Iave=200m Vpk=75 mfg=OnSemi type=silicon)",
    ])  # fmt: skip
    return [
        card, f"V1 a 0 {small(rng)}", f"R1 a b {number(rng, 10)}",
        f"D1 b 0 dm {rng.choice(['', 'area=2', '3', 'm=2', 'temp=50', 'off'])}",
        f"D2 0 b dm {rng.choice(['', '2', 'AREA=3'])}", "D3 b c dm", f"R2 c 0 {number(rng, 100)}",
    ]  # fmt: skip


def bipolar(rng: Random) -> list[str]:
    card = rng.choice([
        ".model qn NPN(Is=14.34f Xti=3 Eg=1.11 Vaf=74.03 Bf=255.9 Ne=1.307 Ise=14.34f Ikf=.2847 Xtb=1.5 Br=6.092)",
        ".model qn npn bf=100 va=50", ".model qn NPN(IS=1E-15 BF=80 RB=100 RC=10 RE=1 VAF=60)",
    ])  # fmt: skip
    return [
        card, ".model qp PNP(is=1e-15 bf=50)", "Vcc vcc 0 12", f"Vin in 0 {small(rng)}",
        f"R1 vcc b {number(rng, 1e4, 1e6)}",
        f"R2 b 0 {number(rng, 1e4, 1e5)}", f"Rc vcc c {number(rng, 500, 1e4)}", f"Re e 0 {number(rng, 50, 1e3)}",
        f"Q1 c b e {rng.choice(['', '0 '])}qn {rng.choice(['', 'area=2', '2', 'm=3'])}", "Q2 o c vcc qp",
        f"Ro o 0 {number(rng, 500, 1e4)}", "Rin in b 1meg", "C1 in b 10u",
        f"C2 e 0 {rng.choice(['100u', '100uF IC=1'])}",
    ]  # fmt: skip


def mos(rng: Random) -> list[str]:
    level = rng.choice(["", "level=1", "level=2", "level=3"])
    return [
        f".model nm NMOS({level} vto=0.7 kp=100u lambda=0.02 gamma=0.4 phi=0.65)" if level != "level=3"
        else f".model nm NMOS({level} vto=0.7 kp=100u gamma=0.4 phi=0.65)",
        ".model pm PMOS(vto=-0.8 kp=40u)", "Vdd vdd 0 3.3", f"Vg g 0 {small(rng)}",
        f"M1 d g 0 0 nm W={rng.choice(['10u', '{2*w}', '5U'])} L=1u {rng.choice(['', 'm=2', 'ad=10p as=10p'])}",
        ".param w=4u", "M2 d g vdd vdd pm w=20u l=1u", f"R1 d 0 {number(rng, 1e4, 1e6)}",
        f"R2 g d {number(rng, 1e5, 1e6)}",
        ".options defl=1u" if rng.random() < 0.05 else "Rx vdd d 100k",
    ]  # fmt: skip


def behavioural(rng: Random) -> list[str]:
    names = ["V(a)", "v(b)", "V(a,b)", "i(V1)", "V( b )"]
    e1, e2, e3 = (expression(rng, names) for _ in range(3))
    return [
        f"V1 a 0 {small(rng)}", f"R1 a b {number(rng, 10)}", f"R2 b 0 {number(rng, 10)}",
        f"B1 c 0 V={e1}", f"Rc c 0 {number(rng)}", f"B2 0 d I={{({e2})*1m}}", f"Rd d 0 {number(rng, 10, 1e3)}",
        f"E1 e 0 VALUE={{{e3}}}", "Re e 0 1k", f"G1 0 f value={{tanh({rng.choice(names)})*1m}}", "Rf f 0 500",
        f"E2 g 0 TABLE {{V(a)}} = (-2,-1) (0,0) (1,{rng.randrange(1, 4)}) (2,5)", "Rg g 0 1k",
        f"E3 h 0 POLY(2) a 0 b 0 0.1 {small(rng)} 2 0.5", "Rh h 0 1k", "F1 0 k V1 2", f"Rk k 0 {number(rng, 10, 500)}",
    ]  # fmt: skip


def parameters(rng: Random) -> list[str]:
    names = ["a", "b", "(a+b)", "temper/27"]
    lines = [f".param a={rng.uniform(0.2, 3):.3f} b={{a*2}}", f".param c={{{expression(rng, names[:3])}}}"]
    lines += [f".func f(x,y) {{x*y+{rng.randrange(1, 5)}}}", ".param d={f(a,abs(c)+1)}"]
    if rng.random() < 0.5:
        lines += [".if (a > 1)", "R9 n 0 1k", ".else", "R9 n 0 2k", ".endif"]
    temperature = rng.choice([".temp 50", ".options temp=-10", "", ".options tnom=50"])
    return [
        *lines,
        "V1 n 0 {d}",
        "R1 n m {abs(c)*100+10}",
        f"R2 m 0 {{{rng.choice(['1k*a', 'b*1k+d', '1k'])}}} tc1=2m",
        temperature,
    ]


def ltspice(rng: Random) -> list[str]:
    names = ["V(a)", "V(b)"]
    ours = ["limit(V(a),0,1)", "uplim(V(a),0.5,0.1)", "V(a)**2", "if(V(b)>0.2,1,2)", "buf(V(a))"]
    lines = [
        f"V1 a 0 {rng.choice(['SINE(0.6 1 1k)', 'PULSE(0.3 1 0 1n 1n 1u 2u)', '1 Rser=10', 'PWL(0 0.7 1m 1)'])}",
        f"R1 a b {rng.choice(['4k7', '1Meg', '2.2k tol=1', '10k noiseless'])}", "R2 b 0 {R}", ".param R=3k3",
        f"B1 c 0 V={rng.choice(ours)}",
        "R3 c 0 1k", f"B2 d 0 I={rng.choice(['V(a)*1m', 'pwrs(V(b),2)*1m', 'stp(V(a)-0.2)*1m'])}", "R4 d 0 100",
        f"B3 e 0 V={expression(rng, names, 1)}", "R5 e 0 1k",
        f"L1 b f 1m {rng.choice(['', 'Rser=10', 'Rpar=1k'])}", "R6 f 0 1k",
        "C1 f 0 1u Rser=1", ".tran 1m", ".backanno",
    ]  # fmt: skip
    return lines


def pspice(rng: Random) -> list[str]:
    return [
        "*Analysis directives:", ".TRAN 0 1ms", ".PROBE64 V(*)", f"V_V1 N1 0 {small(rng)}Vdc",
        f"R_R1 N1 N2 {number(rng)} TC=0.001,0",
        f"E_ABM1 N3 0 VALUE {{{expression(rng, ['V(N1)', 'V(N2)'], 1)}}}", "R_R2 N3 0 1k", "R_R3 N2 0 2k",
        "X_S1 N1 0 N4 0 SCH_S1", "R_R4 N4 0 1k", ".subckt SCH_S1 1 2 3 4", "S_S1 1 3 1 2 _S1", "RS_S1 1 2 1G",
        f".MODEL _S1 VSWITCH Roff=1e6 Ron=1.0 Voff=0.0V Von={rng.choice(['1.0V', '2', '0.5'])}", ".ends SCH_S1",
    ]  # fmt: skip


SHAPES: list[Callable[[Random], list[str]]] = [
    divider, subcircuits, diodes, bipolar, mos, behavioural, parameters, ltspice, pspice,
]  # fmt: skip


def mutated(rng: Random, lines: list[str]) -> list[str]:
    """The same lines in other spellings, and with an error now and then."""
    result = list(lines)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(result))
        line = result[at]
        kind = rng.randrange(11)
        if kind == 0:
            result[at] = line.upper()
        elif kind == 1:
            result[at] = line.lower()
        elif kind == 2 and " " in line:
            words = line.split(" ")
            cut = rng.randrange(1, len(words))
            result[at] = " ".join(words[:cut]) + "\n+ " + " ".join(words[cut:])
        elif kind == 3:
            result[at] = line + rng.choice([" ; a comment", " $ a comment", " // x", "\n* a comment"])
        elif kind == 4:
            result[at] = line.replace("=", " = ")
        elif kind == 5:
            found = re.findall(r"(?<![\w.])\d+\.?\d*", line)
            if found:
                result[at] = line.replace(rng.choice(found), f"{rng.uniform(0.5, 9):.2f}", 1)
        elif kind == 6:
            result[at] = line.replace(" ", rng.choice(["  ", "\t", " , "]), 1) if not line.startswith(".") else line
        elif kind == 7:
            rng.shuffle(result) if not any(re.match(r"\.(subckt|if)", each, re.IGNORECASE) for each in result) else None
        elif kind == 8:
            words = line.split(" ")
            if len(words) > 3:
                del words[rng.randrange(3, len(words))]
                result[at] = " ".join(words)
        elif kind == 9:
            result[at] = re.sub(r"\{([^{}]*)\}", r"'\1'", line)
        elif kind == 10:
            result[at] = line.replace("1k", rng.choice(["1K", "1e3", "1000", "1k5", "1kOhm", "0.001Meg"]))
    return result


def invented(rng: Random) -> str:
    """A whole netlist."""
    shape = rng.choice(SHAPES)
    return "\n".join([f"* {shape.__name__}", *mutated(rng, shape(rng)), ".end", ""])


def compared(text: str, runner: TextRunner) -> tuple[str, str]:
    """How it went, and what differs."""
    try:
        source = netlearn.parse(text)
        circuit = elaborate(source).circuit
        ours = InternalSolver().solve(circuit).x
    except (NetlearnError, NetlearnErrors):
        return "refused here", ""
    try:
        theirs = text_solution(source, circuit, ([], np.zeros((1, 0))), runner)
    except NgspiceError as error:
        return "refused by ngspice", error.message
    if theirs.missing or theirs.foreign:
        return "differ", f"nodes of one alone: {theirs.missing} {theirs.foreign}"
    known = theirs.known
    a, b = ours[0, known], theirs.x[0, known]
    floor = np.repeat([VOLTS, AMPERES], [len(circuit.nodes), len(circuit.branches)])[known]
    apart = np.abs(a - b) > RELATIVE * np.maximum(np.abs(a), np.abs(b)) + floor
    if not apart.any():
        return "agree", ""
    names = np.array([*map(str, circuit.nodes), *map(str, circuit.branches)])[known]
    shown = ", ".join(
        f"{n}: {x:.9g} here, {y:.9g} by ngspice" for n, x, y in zip(names[apart], a[apart], b[apart], strict=True)
    )
    return "differ", shown


def main() -> int:
    """Run for the time that is given; 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="a folder for netlists that differ")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    end = time.monotonic() + 60 * options.minutes
    seed = options.seed
    with TextRunner(timeout=20.0, processes=1) as runner:
        while time.monotonic() < end:
            text = invented(random.Random(seed))
            how, what = compared(text, runner)
            counts[how] += 1
            if how == "differ":
                print(f"--- seed {seed}: {what}\n{text}", flush=True)
                if options.out is not None:
                    options.out.mkdir(parents=True, exist_ok=True)
                    (options.out / f"{seed}.cir").write_text(text)
            seed += 1
    print(", ".join(f"{how} {count}" for how, count in sorted(counts.items())), f"of {sum(counts.values())}")
    return int(counts["differ"] > 0)


if __name__ == "__main__":
    sys.exit(main())
