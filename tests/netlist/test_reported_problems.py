"""Kinds of input that users of PySpice, spicelib, PyLTSpice, ngspice and related readers report as problems.

The numbers are those of the public issue threads. The netlists here are written anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlistError
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.statements import Card, Element, Subcircuit


def lines(text: str) -> netlearn.Netlist:
    netlist = netlearn.parse("title\n" + text)
    assert str(netlist) == "title\n" + text
    return netlist


def element(text: str) -> Element:
    statement = lines(text).statements[1]
    assert isinstance(statement, Element)
    return statement


def words(text: str) -> list[str]:
    return [word.text for word in element(text).words]


def pairs(text: str) -> dict[str, str]:
    return {pair.name.text: pair.value.text for pair in element(text).assignments}


def test_coupled_lines_and_models_with_several_values_per_parameter() -> None:  # PySpice 242, 404
    netlist = lines("P1 in iso 0 o1 o2 0 QH\n.model QH CPL length=75.75m C=66p 33p 66p L=165n 82n 165n R=0 0 0\n")
    card = netlist.statements[2]
    assert isinstance(card, Card)
    assert [word.text for word in card.words] == ["QH", "CPL", "33p", "66p", "82n", "165n", "0", "0"]


def test_values_with_units() -> None:  # PySpice 39, SpiceSharp 36
    assert [parse_number(word) for word in ("10V", "25°C", "5Vdc", "10kΩ", "1K")] == [10.0, 25.0, 5.0, 1e4, 1e3]


def test_plain_capacitors_and_inductors_are_plain() -> None:  # PySpice 269
    netlist = lines("Cr1 a b 10n\nLr1 a b 20n\nRac1 a 0 20\n.backanno\n")
    assert [netlist[name].value for name in ("Cr1", "Lr1", "Rac1")] == [1e-8, 2e-8, 20.0]


def test_parameters_of_an_instance_are_not_nodes() -> None:  # PySpice 130, PyLTSpice 67, spicelib 62
    assert words("Xld gnd:F1 vdd:F3 DNWPS AREA=16.072 PJ=20.54\n") == ["gnd:F1", "vdd:F3", "DNWPS"]
    assert words("XX1 0 N001 sub params: Res = 1\n") == ["0", "N001", "sub"]
    assert pairs("XX1 0 N001 sub params: Res = 1\n") == {"Res": "1"}
    assert words("XU1 N1 N2 +V -V N2 OPAx189\n") == ["N1", "N2", "+V", "-V", "N2", "OPAx189"]


def test_corner_libraries_that_call_themselves(tmp_path: Path) -> None:  # PySpice 192, vajax 28
    library = ".lib TT\n.param p=1\n.lib 'm.lib' MOS\n.endl\n.lib MOS\n.model n.1 NMOS ( vto = 1\n+ kp=2 )\n.endl\n"
    (tmp_path / "m.lib").write_text(library)
    (tmp_path / "a.cir").write_text("t\n.LIB m.lib TT\n")
    parts = list(netlearn.read(tmp_path / "a.cir").walk())
    assert [part.section for part in parts] == [None, "tt", "mos"]


def test_model_files_without_a_title(tmp_path: Path) -> None:  # PySpice 249
    (tmp_path / "m.mod").write_text(".model d D(is=1e-14)\n")
    (tmp_path / "a.cir").write_text("t\n.include m.mod\n")
    (part,) = netlearn.read(tmp_path / "a.cir").includes.values()
    assert isinstance(part.statements[0], Card)


def test_nodes_of_a_subcircuit_over_several_lines_and_comments_after_them() -> None:  # qucs_s 1632, 861, 1055
    text = ".SUBCKT ladder VDD ; A G2 G1\n+ TAP1\n   + TAP2 TAP3\n+ GND\n\tR1 VDD TAP1 10k\n.ENDS\n"
    subcircuit = lines(text).statements[1]
    assert isinstance(subcircuit, Subcircuit)
    assert [node.text for node in subcircuit.nodes] == ["VDD", "TAP1", "TAP2", "TAP3", "GND"]


def test_an_indented_continuation() -> None:  # klayout 858
    assert words("X1 P! P2\n                + P4 sub\n") == ["P!", "P2", "P4", "sub"]


def test_node_names_with_punctuation() -> None:  # spicelib 324, klayout 1784
    netlist = lines("R1 VCC /Vout 10k\nR2 B_reg\\[106\\] _2156_ 1k\nXI1 VGND net59 LO / conb_1\n")
    assert netlist["R1"].nodes == ("VCC", "/Vout")
    assert netlist["R2"].nodes == ("B_reg\\[106\\]", "_2156_")


def test_comments_after_values() -> None:  # spicelib 263, klayout 1784, magic 21
    netlist = lines("R1 a b 1k ; comment = {\nR2 a b 2k $ comment (\n.param s__slope=0.0012  ; All devices\n")
    assert [netlist[name].value for name in ("R1", "R2")] == [1e3, 2e3]


def test_a_hash_does_not_start_a_comment() -> None:  # KiCad-Spice-Library 15
    with pytest.raises(NetlistError, match="unknown element type '#'") as caught:
        lines("# comment\n")
    assert caught.value.hint == "a comment starts with '*'"


def test_a_title_without_a_star() -> None:  # spicelib 108
    assert netlearn.parse("amplifier, 3rd version\nR1 a b 1\n")["R1"].value == 1.0


def test_the_micro_sign_in_every_encoding(tmp_path: Path) -> None:  # PyLTSpice 50, spicelib 48, 94
    for encoding in ("latin-1", "utf-8", "utf-16-le"):
        path = tmp_path / encoding
        path.write_bytes("* t\r\nC1 a b 10µ\r\nC2 a b 1µF\r\n".encode(encoding))
        netlist = netlearn.read(path)
        assert [netlist[name].value for name in ("C1", "C2")] == [pytest.approx(1e-5), pytest.approx(1e-6)]
        assert netlist.source.encode() == path.read_bytes()


def test_names_and_comments_with_a_section_sign() -> None:  # PyLTSpice 163, spicelib 262
    text = "V1 N001 0 0 AC 1\nX§U2 N002 vo 2ndOrderLowpass f0=10k Q=.707 H=2 ;§pnba IN)OUT\nR3 N002 N001 1k\n"
    netlist = lines(text)
    assert netlist["x§u2"].parameters == {"f0": 1e4, "q": 0.707, "h": 2.0}
    netlist["R3"].value = "10k"
    assert str(netlist) == "title\n" + text.replace("N001 1k", "N001 10k")


def test_included_files_in_other_encodings_and_folders_with_backslashes(tmp_path: Path) -> None:  # spicelib 322
    (tmp_path / "Model").mkdir()
    (tmp_path / "Model" / "cond.txt").write_bytes("R1 a b 1k ; 条件\r\n".encode("utf-16-le"))
    (tmp_path / "a.cir").write_text("t\n.inc Model\\cond.txt\n", encoding="utf-8")
    netlist = netlearn.read(tmp_path / "a.cir")
    netlist["R1"].value = "2k"
    netlist.save(tmp_path / "b.cir")
    assert (tmp_path / "b.cir").read_text() == "t\n.inc b.cond.txt\n"
    assert (tmp_path / "b.cond.txt").read_bytes().decode("utf-16-le").split("\n", 1)[1] == "R1 a b 2k ; 条件\r\n"


def test_a_model_before_the_value() -> None:  # spicelib 311
    netlist = lines("R70 34 35 R_RES_7 18.38K\n.model R_RES_7 RES(T_ABS=-273.15)\n")
    assert netlist["R70"].value == pytest.approx(18380.0)
    netlist["R70"].value = "2K"
    assert "R70 34 35 R_RES_7 2K\n" in str(netlist)


def test_lower_case_instances() -> None:  # spicelib 290
    assert lines("x1 vdd gnd sub\n")["X1"].nodes == ("vdd", "gnd")


def test_sources_with_waveforms_files_and_parasitics() -> None:  # spicelib 55, 56, 217
    assert pairs("V1 a b PULSE(0 1 1 1 1 2 5 5) AC 1 Rser=3\n") == {"Rser": "3"}
    assert pairs("V1 in 0 PWL file=wave.csv\n") == {"file": "wave.csv"}
    assert [call.text for call in element("V1 a 0 PWL(1u 0 +2n 1 +1m 1)\n").calls] == ["PWL(1u 0 +2n 1 +1m 1)"]
    assert words("V_V3 m 0  AC 0\n+SIN 2.5V 2.06V 153600\n") == ["m", "0", "AC", "0", "SIN", "2.5V", "2.06V", "153600"]
    assert pairs("R_R1 a b 2.2k TC=0,0 \n") == {"TC": "0,0"}


def test_expressions_with_comparisons_and_embedded_assignment_signs() -> None:  # spicelib 306
    formula = "{(((time>18000)&(idt(I(G1))<=36))|((time>4)&(V(a)==7)))?5:0}"
    assert pairs(f"B2 a b V={formula}\n") == {"V": formula}


def test_braces_in_function_definitions_and_params_cards() -> None:  # netlist-viewer 8, qucs_s 1202
    netlist = lines(
        ".params Ron=893 xo={xo}\n.func f(V1,I1)={1-pow((V1-stp(-I1)),(2*p))}\n.func g(a,b) = a/(b*(1-a))\n"
    )
    cards = [statement for statement in netlist.statements if isinstance(statement, Card)]
    assert [word.text for word in cards[1].words] == ["f", "(V1,I1)", "{1-pow((V1-stp(-I1)),(2*p))}"]
    assert [word.text for word in cards[2].words] == ["g", "(a,b)", "a/(b*(1-a))"]


def test_an_equals_sign_in_the_name_of_a_subcircuit() -> None:  # yosys 169
    with pytest.raises(NetlistError, match="cannot have '='"):
        lines(".SUBCKT _paramod_bits=5 clk rst\n.ENDS _paramod_bits=5\n")


def test_unquoted_expressions_with_blanks() -> None:  # IHP-Open-PDK 695
    card = lines(".param a = 2 * b c= a + 1\n").statements[1]
    assert isinstance(card, Card)
    assert {pair.name.text: pair.value.text for pair in card.assignments} == {"a": "2 * b", "c": "a + 1"}


def test_a_source_added_after_another() -> None:  # spicelib 257
    netlist = lines("I1 a 0 PULSE(0 5e-5 7e-6 0.1n 0.1n 0.9n) AC 1 DC 0\n")
    netlist.add("I2 a 0 PULSE(0 5.8e-9 9e-06 0.1n 0.1n 0.9n) AC 0 DC 0", after="I1")
    assert list(netlist.elements) == ["I1", "I2"]


def test_a_value_that_names_nothing_is_kept_until_it_is_needed() -> None:  # spicelib 61
    assert words("R1 N001 0 R\n") == ["N001", "0", "R"]
