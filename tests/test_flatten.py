"""Flat netlists say what the netlist says, beside the operating point too: ngspice runs both and finds the same."""

from __future__ import annotations

import re
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlistWarning, NgspiceError
from netlearn.ngspice.export import flatten

NETLIST = """\
flat test
.param f=1k c=1u
V1 a 0 DC 1 AC 1 45 SIN(0.5 1 {f} 0 0)
I1 0 b AC 1m PWL(0 0 1m {2*1m})
R1 a b 1k
C1 b 0 {2*c} IC=0.5
L1 b d 10m
L2 d d2 20m
Rl2 d2 0 30
L3 e 0 15m
Re e 0 1k
K1 L1 L3 0.9
X1 b a s c=2n
.subckt s p q c=1p
C1 p n {c}
X2 n p q t
.ends
.subckt t p q r
R1 p 0 1k
V2 m q PULSE(0 0.5 1u 1n 1n 100u 200u)
Rm m p 2k
La p z 1m
Lb r y 1m
Rz z 0 1k
Ry y 0 1k
Kx La Lb 0.5
D1 p r dm
.model dm d(is=1e-14 cjo=100p tt=1n bv=100)
.ends
Q1 b b g qm
Rg g 0 100
.model qm npn(bf=50 cje=1n tf=10n)
{card}
.end
"""
MEASURED = {
    "tran": (
        ".ic v(b)=0.3 v(x1.n)=0.2\n.tran {1/1meg} 600u uic",
        "tran",
        ("v(b)", "v(x1.n)", "v(e)", "v(x1.x2.z)"),
        "600u",
    ),
    "ac": (".ac lin 3 1k {3*f}", "ac", ("vm(b)", "vm(x1.n)", "vm(e)", "vm(x1.x2.y)"), "2k"),
}


def measured(deck: str, kind: str, folder: Path) -> list[float]:
    """What ngspice finds with the analysis that stands in the deck."""
    _, analysis, probes, at = MEASURED[kind]
    lines = [".save all", *(f".meas {analysis} m{k} find {probe} at={at}" for k, probe in enumerate(probes))]
    text = re.sub(r"^\.end$", "\n".join([*lines, ".end"]), deck, flags=re.MULTILINE)
    (folder / "deck.cir").write_text(text)
    done = subprocess.run(
        ["ngspice", "-n", "-b", "deck.cir"], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    found = re.findall(r"^m\d+ += +(\S+)", done.stdout, re.MULTILINE)
    assert len(found) == len(probes), (deck, done.stdout, done.stderr)
    return [float(value) for value in found]


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize("kind", MEASURED)
def test_a_flat_netlist_goes_through_time_and_frequency_alike(kind: str, tmp_path: Path) -> None:

    text = NETLIST.replace("{card}", MEASURED[kind][0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetlistWarning)
        flat = netlearn.flatten(netlearn.parse(text))
    expected = measured(text, kind, tmp_path)
    assert min(map(abs, expected)) > 1e-6
    assert measured(flat, kind, tmp_path) == pytest.approx(expected, rel=1e-4)


def test_the_operating_point_is_the_same_and_flattening_again_changes_nothing() -> None:
    source = netlearn.parse(NETLIST.replace("{card}", ".ic v(b)=0.3\n.nodeset v(b)=0.4"))
    flat = netlearn.flatten(source)
    # .ic is no first guess, and stays what it is.
    assert ".ic v(b)=0.3" in flat
    assert ".nodeset v(b)=0.4" in flat
    again = netlearn.operating_point(netlearn.parse(flat))
    before = netlearn.operating_point(source)
    for node in ("a", "b", "d", "x1.n", "x1.x2.z"):
        assert again.voltage(node) == pytest.approx(before.voltage(node), rel=1e-9)
    once = netlearn.flatten(netlearn.parse(flat)).splitlines()
    assert sorted(line for line in once if not line.startswith(("*", "q1", "d", ".model"))) == sorted(
        line for line in flat.splitlines() if not line.startswith(("*", "q1", "d", ".model"))
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T1 a 0 t 0 Z0=50 TD=1n\nRt t 0 50", "the inductance, capacitance or delay of T1"),
        (".meas tran x find v(b) at=1u", ".meas"),
        (".save v(b)", ".save"),
        (".probe64 v(b)", ".probe64"),
        (".stb vprobe=V1", ".stb"),
        (".noise v(b) V1 dec 10 1 10", ".noise"),
        (".dc V1 0 1 0.1", ".dc"),
        ("V9 n 0 DC 1 DISTOF1 0.1\nRn n 0 1", "DISTOF1 of V9"),
        ("V9 n 0 DC 1 Cpar=1p\nRn n 0 1", "CPAR of V9"),
        ("C9 b 0 1u tc1=1m", "'tc1' of C9"),
        ("C9 b 0 cm\n.model cm c(c=1u)", "the model or the law of C9"),
        (".options search=models trtol=1", "the option 'search'"),
        (".options method='1;2'", "the option 'method'"),
        ("X9 a u\n.subckt u p\n.options method=gear\nR9 p 0 1\n.ends", ".options of a subcircuit"),
        (".ac dec 10 1 1g; x\n.tran 1 2 x(y)", ".tran"),
    ],
)
def test_what_is_left_out_is_said_with_its_place(line: str, said: str) -> None:
    source = netlearn.parse(NETLIST.replace("{card}", line))
    with pytest.warns(NetlistWarning, match=re.escape(f"{said} is left out of the flat netlist")) as caught:
        netlearn.flatten(source)
    assert all(isinstance(w.message, NetlistWarning) and w.message.place is not None for w in caught)


OPTIONS = ".options method=gear trtol={{f/1k}} maxord=3 {flag}\n.opt cshunt=1n reltol=1e-4 temp=30\n.tran 1u 600u"


def test_options_of_analyses_are_kept_and_worked_out() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetlistWarning)
        flat = netlearn.flatten(netlearn.parse(NETLIST.replace("{card}", OPTIONS.format(flag="interp"))))
    said = [line for line in flat.splitlines() if line.startswith(".options")]
    # What the circuit itself has is said once, among its own settings.
    assert said == [
        ".options reltol=0.0001 temp=30",
        ".options interp method=gear trtol=1 maxord=3",
        ".options cshunt=1n",
    ]


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_a_capacitance_from_all_nodes_counts_in_the_flat_netlist_as_in_its_origin(tmp_path: Path) -> None:
    text = NETLIST.replace("{card}", f"{MEASURED['tran'][0]}\n.options cshunt=100n method=gear")
    expected = measured(text, "tran", tmp_path)
    without = measured(text.replace("cshunt=100n", ""), "tran", tmp_path)
    assert abs(without[0] / expected[0] - 1) > 1e-3
    assert measured(netlearn.flatten(netlearn.parse(text)), "tran", tmp_path) == pytest.approx(expected, rel=1e-4)


def test_nothing_infinite_is_written() -> None:
    circuit = netlearn.elaborate(netlearn.parse("t\nV1 a 0 1\nR1 a 0 1k\nB1 b 0 V=v(a)\nRb b 0 1\n.end\n")).circuit
    group = circuit.group("resistor")
    assert group is not None
    endless = circuit.with_values({(group, "resistance"): np.array([np.inf, 1.0])})
    with pytest.raises(NgspiceError, match="the resistance of 'r1' is inf"):
        flatten(endless)


@pytest.mark.ngspice
@pytest.mark.usefixtures("libngspice")
def test_the_resistance_of_an_inductor_is_in_the_flat_deck() -> None:
    source = netlearn.parse("t\nV1 a 0 1\nR1 a b 10\nL1 b c 1m Rser=5\nR2 c 0 10\n.end\n")
    assert netlearn.check(source, flat=True).within(1e-9)


def test_new_names_are_none_that_the_netlist_has() -> None:
    """Neither an element for one whose name is no plain word, nor the node inside an inductor with a resistance."""
    netlist = netlearn.parse(
        "names\nV1 a 0 1\nR_0 a b 1k\nR[1] b c 2k\nR_2 c d 3k\nR<3> d 0 4k\n"
        "L1 a e 1m rser=2\nL2 e f 1m rser=3\nK1 L1 L2 0.5\nR5 f 0 3\nR6 l1_rser 0 1k\nR7 a l1_rser 1k\n"
    )
    flat = netlearn.parse(netlearn.flatten(netlist))
    assert {"r_0", "r_2"} <= set(flat.elements)
    before, after = netlearn.operating_point(netlist), netlearn.operating_point(flat)
    for node in ("a", "b", "c", "d", "e", "f", "l1_rser"):
        np.testing.assert_allclose(after.voltage(node), before.voltage(node), rtol=1e-12)
