"""Kinds of input that users of PySpice, spicelib, PyLTSpice, ngspice and related readers report as problems.

The numbers are those of the public issue threads. The netlists here are written anew. Each one is solved, and its
node voltages are held against stored ones, which ngspice confirms on the text where it is there and reads it; where
a netlist is refused, the reason is.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlistError
from netlearn.netlist.numbers import parse_number
from netlearn.netlist.statements import Card, Element, Subcircuit
from tests.conftest import Ngspice

Agree = Callable[..., netlearn.Netlist]


@pytest.fixture
def agree(tmp_path: Path) -> Agree:
    """Solve a text, and hold what comes out against stored voltages; ngspice has to find them, too."""
    executable = shutil.which("ngspice")
    folder = tmp_path / "ngspice"
    folder.mkdir()
    judge = None if executable is None else Ngspice(executable, folder)

    def check(
        text: str | Path, wanted: Mapping[str, float], *, ngspice: bool = True, behaviour: str = ""
    ) -> netlearn.Netlist:
        """``ngspice=False`` for what it cannot read; ``behaviour`` is how it is to read it."""
        netlist = netlearn.read(text) if isinstance(text, Path) else netlearn.parse(f"title\n{text}")
        if isinstance(text, str):
            assert str(netlist) == f"title\n{text}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = netlearn.operating_point(netlist)
        for node, value in wanted.items():
            assert found.voltage(node)[0] == pytest.approx(value, rel=1e-6, abs=1e-9), node
        if judge is not None and ngspice:
            judged = judge.run(str(netlist), behaviour=behaviour)
            for node, value in wanted.items():
                assert judged[f"v({node.lower()})"] == pytest.approx(value, rel=1e-6, abs=1e-9), node
        return netlist

    return check


def refusal(text: str) -> str:
    with pytest.raises(netlearn.NetlearnError) as caught:
        netlearn.operating_point(netlearn.parse(f"title\n{text}"))
    return str(caught.value)


def element(netlist: netlearn.Netlist, name: str) -> Element:
    return netlist.elements.statement(name)


def words(netlist: netlearn.Netlist, name: str) -> list[str]:
    return [word.text for word in element(netlist, name).words]


def test_coupled_lines_and_models_with_several_values_per_parameter(agree: Agree) -> None:  # PySpice 242, 404
    text = (
        "P1 in iso 0 o1 o2 0 QH\nV1 in 0 1\nR1 o1 0 50\nR2 o2 0 50\nR3 iso 0 50\n"
        ".model QH CPL length=75.75m C=66p 33p 66p L=165n 82n 165n R=40 0 40 G=0 0 0\n"
    )
    # ngspice has the lines' resistance of 3.03 ohms to 1e-5 only.
    netlist = agree(text, {"in": 1.0, "o1": 50 / 53.03, "iso": 0.0, "o2": 0.0}, ngspice=False)
    card = netlist.statements[6]
    assert isinstance(card, Card)
    assert [word.text for word in card.words[:6]] == ["QH", "CPL", "33p", "66p", "82n", "165n"]


def test_values_with_units(agree: Agree) -> None:  # PySpice 39, SpiceSharp 36
    assert [parse_number(word) for word in ("10V", "25°C", "5Vdc", "10kΩ", "1K")] == [10.0, 25.0, 5.0, 1e4, 1e3]
    text = "V1 a 0 10V\nV2 b 0 5Vdc\nR1 a c 10kΩ\nR2 b c 1K\nR3 c 0 1kOhm tc1=1m temp=127°C\n"
    agree(text, {"a": 10.0, "b": 5.0, "c": 6e-3 / (1e-4 + 1e-3 + 1 / 1100)})


def test_plain_capacitors_and_inductors_are_plain(agree: Agree) -> None:  # PySpice 269
    text = "V1 a 0 1\nRs a c 60\nCr1 c b 10n\nLr1 c b 20n\nRac1 b 0 20\n"
    netlist = agree(f"{text}.backanno\n", {"b": 0.25, "c": 0.25}, ngspice=False)
    agree(text, {"b": 0.25, "c": 0.25})
    assert [netlist[name].value for name in ("Cr1", "Lr1", "Rac1")] == [1e-8, 2e-8, 20.0]


def test_parameters_of_an_instance_are_not_nodes(agree: Agree) -> None:  # PySpice 130, PyLTSpice 67, spicelib 62
    text = """\
V1 vdd:F3 0 1
V2 +V 0 5
V3 -V 0 -5
Xld gnd:F1 vdd:F3 DNWPS AREA=16.072 PJ=20.54
Rl gnd:F1 0 330.11888
.subckt DNWPS a b AREA=1 PJ=1
R1 a b {AREA*PJ}
.ends
XX1 0 N001 sub params: Res = 1
Rx N001 +V 3
.subckt sub a b Res=7
R1 a b {Res}
.ends
XU1 N1 N2 +V -V N2 OPAx189
Rn N1 +V 1k
.subckt OPAx189 p n vp vn o
E1 o 0 p n 1e5
R1 p 0 1k
R2 vp vn 10k
.ends
"""
    follower = 2.5 * 1e5 / (1e5 + 1)
    netlist = agree(text, {"gnd:F1": 0.5, "N001": 1.25, "N1": 2.5, "N2": follower})
    assert words(netlist, "Xld") == ["gnd:F1", "vdd:F3", "DNWPS"]
    assert words(netlist, "XX1") == ["0", "N001", "sub"]
    assert netlist["XX1"].parameters == {"res": 1.0}
    assert words(netlist, "XU1") == ["N1", "N2", "+V", "-V", "N2", "OPAx189"]


def test_corner_libraries_that_call_themselves(agree: Agree, tmp_path: Path) -> None:  # PySpice 192, vajax 28
    library = (
        ".lib TT\n.param p=1\n.lib 'm.lib' MOS\n.endl\n.lib MOS\n.model n.1 NMOS ( vto = 1\n+ kp={2m*p} )\n.endl\n"
    )
    (tmp_path / "m.lib").write_text(library)
    circuit = "V1 d 0 3\nR1 d g 1k\nM1 g g 0 0 n.1 w=1u l=1u\n"
    (tmp_path / "a.cir").write_text(f"t\n.LIB m.lib TT\n{circuit}.end\n")
    # 3 - v = (v - 1)^2: v = (1 + sqrt(9)) / 2
    netlist = agree(tmp_path / "a.cir", {"d": 3.0, "g": 2.0}, ngspice=False)
    agree(f".model n.1 NMOS(vto=1 kp=2m)\n{circuit}", {"g": 2.0})
    assert [part.section for part in netlist.walk()] == [None, "tt", "mos"]


def test_model_files_without_a_title(agree: Agree, tmp_path: Path) -> None:  # PySpice 249
    (tmp_path / "m.mod").write_text(".model rm R(rsh=10)\n")
    (tmp_path / "a.cir").write_text("t\n.include m.mod\nV1 a 0 1\nR1 a b rm l=30u w=10u\nR2 b 0 10\n.end\n")
    netlist = agree(tmp_path / "a.cir", {"b": 0.25}, ngspice=False)
    (part,) = netlist.includes.values()
    assert isinstance(part.statements[0], Card)


def test_nodes_of_a_subcircuit_over_several_lines_and_comments_after_them(agree: Agree) -> None:
    # qucs_s 1632, 861, 1055
    text = """\
.SUBCKT ladder VDD ; A G2 G1
+ TAP1
   + TAP2 TAP3
+ GND
\tR1 VDD TAP1 10k
\tR2 TAP1 TAP2 10k
\tR3 TAP2 TAP3 5k
\tR4 TAP3 GND 5k
.ENDS
V1 v 0 3
X1 v a b c 0 ladder
"""
    subcircuit = agree(text, {"a": 2.0, "b": 1.0, "c": 0.5}).statements[1]
    assert isinstance(subcircuit, Subcircuit)
    assert [node.text for node in subcircuit.nodes] == ["VDD", "TAP1", "TAP2", "TAP3", "GND"]


def test_an_indented_continuation(agree: Agree) -> None:  # klayout 858
    text = "V1 P! 0 1\nX1 P! P2\n                + P4 sub\nR4 P4 0 1k\n.subckt sub a b c\nR1 a b 1k\nR2 b c 2k\n.ends\n"
    assert words(agree(text, {"P2": 0.75, "P4": 0.25}), "X1") == ["P!", "P2", "P4", "sub"]


def test_node_names_with_punctuation(agree: Agree) -> None:  # spicelib 324, klayout 1784
    text = "V1 VCC 0 1\nR1 VCC /Vout 5k\nR2 B_reg\\[106\\] _2156_ 1k\nR3 /Vout B_reg\\[106\\] 1k\nR4 _2156_ 0 3k\n"
    netlist = agree(text, {"/Vout": 0.5, "B_reg\\[106\\]": 0.4, "_2156_": 0.3})
    assert netlist["R1"].nodes == ("VCC", "/Vout")
    assert netlist["R2"].nodes == ("B_reg\\[106\\]", "_2156_")
    cells = "V1 VGND 0 1\nXI1 VGND net59 LO / conb_1\nR1 LO net59 2k\nR2 net59 0 1k\n"
    cells += ".subckt conb_1 g a b\nR1 g b 1k\n.ends\n"
    # The slash is CDL's, which ngspice does not have.
    agree(cells, {"LO": 0.75, "net59": 0.25}, ngspice=False)


def test_comments_after_values(agree: Agree) -> None:  # spicelib 263, klayout 1784, magic 21
    text = (
        "R1 a b 1k ; comment = {\nR2 b 0 2k $ comment (\n.param s__slope=0.0012  ; All devices\nV1 a 0 {s__slope*1k}\n"
    )
    netlist = agree(text, {"a": 1.2, "b": 0.8})
    assert [netlist[name].value for name in ("R1", "R2")] == [1e3, 2e3]


def test_a_hash_does_not_start_a_comment() -> None:  # KiCad-Spice-Library 15
    said = refusal("V1 a 0 1\n# comment\nR1 a 0 1\n")
    assert "unknown element type '#'" in said
    assert "help: a comment starts with '*'" in said


def test_a_title_without_a_star(tmp_path: Path, agree: Agree) -> None:  # spicelib 108
    (tmp_path / "a.cir").write_text("amplifier, 3rd version\nR1 a b 1\nR2 b 0 3\nV1 a 0 1\n")
    assert agree(tmp_path / "a.cir", {"b": 0.75})["R1"].value == 1.0


def test_the_micro_sign_in_every_encoding(tmp_path: Path, agree: Agree) -> None:  # PyLTSpice 50, spicelib 48, 94
    text = "* t\r\nV1 a 0 1\r\nR1 a b 30µ\r\nR2 b 0 10µOhm\r\nC1 a b 10µ\r\nC2 a b 1µF\r\n"
    for encoding in ("latin-1", "utf-8", "utf-16-le"):
        path = tmp_path / encoding
        path.write_bytes(text.encode(encoding))
        netlist = agree(path, {"b": 0.25})
        assert [netlist[name].value for name in ("C1", "C2")] == [pytest.approx(1e-5), pytest.approx(1e-6)]
        assert netlist.source.encode() == path.read_bytes()


def test_names_and_comments_with_a_section_sign(agree: Agree) -> None:  # PyLTSpice 163, spicelib 262
    text = (
        "V1 N001 0 2 AC 1\nX§U2 N002 vo 2ndOrderLowpass f0=10k Q=.707 H=2 ;§pnba IN)OUT\nR3 N002 N001 10k\n"
        ".subckt 2ndOrderLowpass a o f0=1 Q=1 H=1\nR1 a 0 {f0}\nE1 o 0 a 0 {H*Q}\n.ends\n"
    )
    netlist = agree(text, {"N002": 1.0, "vo": 1.414})
    assert netlist["x§u2"].parameters == {"f0": 1e4, "q": 0.707, "h": 2.0}
    netlist["R3"].value = "30k"
    assert str(netlist) == "title\n" + text.replace("N001 10k", "N001 30k")
    agree(str(netlist).partition("\n")[2], {"N002": 0.5, "vo": 0.707})


def test_included_files_in_other_encodings_and_folders_with_backslashes(tmp_path: Path, agree: Agree) -> None:
    # spicelib 322
    (tmp_path / "Model").mkdir()
    (tmp_path / "Model" / "cond.txt").write_bytes("R1 a b 1k ; 条件\r\n".encode("utf-16-le"))
    (tmp_path / "a.cir").write_text("t\n.inc Model\\cond.txt\nV1 a 0 1\nR2 b 0 1k\n", encoding="utf-8")
    netlist = agree(tmp_path / "a.cir", {"b": 0.5}, ngspice=False)
    netlist["R1"].value = "3k"
    netlist.save(tmp_path / "b.cir")
    assert (tmp_path / "b.cir").read_text() == "t\n.inc b.cond.txt\nV1 a 0 1\nR2 b 0 1k\n"
    assert (tmp_path / "b.cond.txt").read_bytes().decode("utf-16-le").split("\n", 1)[1] == "R1 a b 3k ; 条件\r\n"
    agree(tmp_path / "b.cir", {"b": 0.25}, ngspice=False)


def test_a_model_before_the_value(agree: Agree) -> None:  # spicelib 311
    text = "V1 34 0 1\nR70 34 35 R_RES_7 18.38K\nR2 35 0 18.38k\n.model R_RES_7 RES(T_ABS=-273.15)\n"
    netlist = agree(text, {"35": 0.5}, behaviour="psa")
    assert netlist["R70"].value == pytest.approx(18380.0)
    netlist["R70"].value = "2K"
    assert "R70 34 35 R_RES_7 2K\n" in str(netlist)


def test_lower_case_instances(agree: Agree) -> None:  # spicelib 290
    text = "v1 vdd 0 1\nx1 vdd out sub\nr1 out 0 1k\n.subckt sub a b\nr1 a b 3k\n.ends\n"
    assert agree(text, {"out": 0.25})["X1"].nodes == ("vdd", "out")


def test_sources_with_waveforms_files_and_parasitics(agree: Agree) -> None:  # spicelib 55, 56, 217
    pulse = "V1 a 0 PULSE(0.5 1 1 1 1 2 5 5) AC 1 Rser=3\nR1 a 0 9\n"
    # LTspice's resistance in series, which ngspice does not know.
    assert agree(pulse, {"a": 0.375}, ngspice=False)["V1"].parameters == {"rser": 3.0}
    agree(pulse.replace(" Rser=3", ""), {"a": 0.5})
    ramp = "V1 a 0 PWL(1u 0.2 2u 1 1m 1)\nR1 a 0 1\n"
    assert [call.text for call in element(agree(ramp, {"a": 0.2}), "V1").calls] == ["PWL(1u 0.2 2u 1 1m 1)"]
    # Times that count from the one before them are LTspice's.
    relative = "V1 a 0 PWL(1u 0.2 +2n 1 +1m 1)\nR1 a 0 1\n"
    agree(relative, {"a": 0.2}, ngspice=False)
    capture = "V_V3 m 0  AC 0\n+SIN 2.5V 2.06V 153600\nR_R1 m n 2.2k TC=0,0 \nR_R2 n 0 2.2k\n"
    agree(capture, {"m": 2.5, "n": 1.25}, behaviour="psa")
    said = refusal("V1 in 0 PWL file=wave.csv\nR1 in 0 1\n")
    assert "the waveform of V1 is in a file, which is not read" in said
    agree("V1 in 0 DC 2 PWL file=wave.csv\nR1 in 0 1\n", {"in": 2.0}, ngspice=False)


def test_expressions_with_comparisons_and_embedded_assignment_signs(agree: Agree) -> None:  # spicelib 306
    formula = "{(((time>18000)&(v(a)<=36))|((time>-4)&(V(a)==7)))?5:0}"
    text = f"V1 a 0 7\nB2 b 0 V={formula}\nR1 b 0 1\n.backanno\n"
    netlist = agree(text, {"b": 5.0}, ngspice=False)
    agree(text.replace("&", "&&").replace("|", "||").replace(".backanno\n", ""), {"b": 5.0})
    assert netlist["B2"].value == formula
    assert "unknown function 'idt'" in refusal("V1 a 0 7\nB2 b 0 V={idt(V(a))<=36 ? 1 : 2}\nR1 b 0 1\n")


def test_braces_in_function_definitions_and_params_cards(agree: Agree) -> None:  # netlist-viewer 8, qucs_s 1202
    text = (
        ".params Ron=893 xo={2*Ron}\n.func f(V1,I1)={1-pow((V1-stp(-I1)),(2*p))}\n.func g(a,b) = a/(b*(1-a))\n"
        ".param p=1\nV1 a 0 {xo/1k}\nV2 b 0 {g(0.5,4)}\nB3 c 0 V=f(v(a),v(b))\nR3 c 0 1k\n"
    )
    netlist = agree(text, {"a": 1.786, "b": 0.25, "c": 1 - 1.786**2}, ngspice=False)
    # stp is LTspice's and PSpice's.
    agree(text.replace("stp(", "u(").replace(".params", ".param"), {"a": 1.786, "b": 0.25, "c": 1 - 1.786**2})
    cards = [statement for statement in netlist.statements if isinstance(statement, Card)]
    assert [word.text for word in cards[1].words] == ["f", "(V1,I1)", "{1-pow((V1-stp(-I1)),(2*p))}"]
    assert [word.text for word in cards[2].words] == ["g", "(a,b)", "a/(b*(1-a))"]


def test_an_equals_sign_in_the_name_of_a_subcircuit() -> None:  # yosys 169
    said = refusal(".SUBCKT _paramod_bits=5 clk rst\n.ENDS _paramod_bits=5\nV1 a 0 1\nR1 a 0 1\n")
    assert "a subcircuit's name cannot have '=' in it" in said


def test_unquoted_expressions_with_blanks(agree: Agree) -> None:  # IHP-Open-PDK 695
    text = ".param b=3\n.param a = 2 * b c= a + 1\nV1 x 0 {a}\nV2 y 0 {c}\n"
    with pytest.warns(netlearn.errors.NetlistWarning, match="'a' is all of this expression; ngspice ends it"):
        netlearn.operating_point(netlearn.parse(f"t\n{text}"))
    card = agree(text, {"x": 6.0, "y": 7.0}, ngspice=False).statements[2]
    assert isinstance(card, Card)
    assert {pair.name.text: pair.value.text for pair in card.assignments} == {"a": "2 * b", "c": "a + 1"}
    agree(text.replace(" c= a + 1", "\n.param c={a + 1}"), {"x": 6.0, "y": 7.0})
    for line in (".subckt s p a = 2 * 3\n.ends\n", ".subckt s p a=1\n.ends\nX1 x s a = 2 * 3\n"):
        said = refusal(f"V1 x 0 1\n{line}")
        assert "cannot read '*' after the parameters" in said
        assert "help: an expression with blanks stands in braces or quotes" in said


def test_a_source_added_after_another(agree: Agree) -> None:  # spicelib 257
    text = "I1 a 0 PULSE(0 5e-5 7e-6 0.1n 0.1n 0.9n) AC 1 DC 0\nR1 a 0 1k\n"
    netlist = agree(text, {"a": 0.0})
    netlist.add("I2 a 0 PULSE(0 5.8e-9 9e-06 0.1n 0.1n 0.9n) AC 0 DC 1m", after="I1")
    assert list(netlist.elements) == ["I1", "I2", "R1"]
    agree(str(netlist).partition("\n")[2], {"a": -1.0})


def test_a_value_that_names_nothing_is_kept_until_it_is_needed(agree: Agree) -> None:  # spicelib 61
    text = "V1 N001 0 1\nR1 N001 b R\nR2 b 0 1k\n"
    said = refusal(text)
    assert "'R' is neither a number nor a resistor model" in said
    netlist = netlearn.parse(f"title\n{text}")
    assert words(netlist, "R1") == ["N001", "b", "R"]
    assert netlist["R1"].value == "R"
    netlist["R1"].value = "3k"
    agree(str(netlist).partition("\n")[2], {"b": 0.25})


def test_a_subcircuit_without_a_name_is_refused() -> None:
    with pytest.raises(NetlistError, match=r"\.subckt needs a name"):
        netlearn.parse("t\n.subckt params: r=1\nR1 p 0 {r}\n.ends\n")
