"""What is wrong with a netlist is said by its true cause, and the remedy is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli.group import main
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError, NetlistWarning, OptionError
from netlearn.netlist.slips import ODD_BLANK, odd_blank_name
from netlearn.solve.internal import InternalSolver


def refusal(text: str) -> str:
    """What is said of a netlist, which is refused."""
    with pytest.raises(NetlearnError) as caught:
        elaborate(netlearn.parse(f"t\n{text}\n.end\n", "t.cir"))
    return str(caught.value)


TOGETHER = "a number and its suffix or unit are one word: write"
POINT = "a comma separates words: write"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("R1 a 0 6.8 k", f"{TOGETHER} 6.8k"),
        ("R1 a 0 50 Ohm", f"{TOGETHER} 50Ohm"),
        ("R1 a 0 50\tkOhms", f"{TOGETHER} 50kOhms"),
        ("R1 a 0 r=6.8 k", f"{TOGETHER} 6.8k"),
        ("V1 a 0 1 V", f"{TOGETHER} 1V"),
        ("V1 a 0 DC 3.3 volts", f"{TOGETHER} 3.3volts"),
        ("V1 a 0 SIN(0 1 1 k)", f"{TOGETHER} 1k"),
        ("I1 a 0 1e-3 mA", f"{TOGETHER} 1e-3mA"),
        ("C1 a 0 10 uF", f"{TOGETHER} 10uF"),
        ("L1 a 0 10 mH", f"{TOGETHER} 10mH"),
        (".param k=6.8 k", f"{TOGETHER} 6.8k"),
        (".model dm D(rs=5 m)\nD1 a 0 dm", f"{TOGETHER} 5m"),
        (".temp 50 °C", f"{TOGETHER} 50°C"),
        ("R1 a 0 4,7k", f"{POINT} 4.7k"),
        ("R1 a 0 r=4,7k", f"{POINT} 4.7k"),
        ("V1 a 0 3,3", f"{POINT} 3.3"),
        ("V1 a 0 DC 3,3", f"{POINT} 3.3"),
        ("C1 a 0 1,5u", f"{POINT} 1.5u"),
        (".param k=4,7k", f"{POINT} 4.7k"),
        (".param k={4,7*2}", f"{POINT} 4.7"),
        (".model dm D(is=1e-14 n=1,5)\nD1 a 0 dm", f"{POINT} 1.5"),
        ("M1 a a 0 0 mm w=1,5u l=1u\n.model mm nmos", f"{POINT} 1.5u"),
    ],
)
def test_numbers_in_pieces_are_put_together(text: str, remedy: str) -> None:
    assert remedy in refusal(text)


@pytest.mark.parametrize(
    "text", ["X1 a 0 s", "X1 a 5 m", "R1 a 0 k=3", "D1 a 0 d\n.model d npn", "R1 a 0 1k 2k", "V1 a 0 5 AC 1 2 3 V2"]
)
def test_other_mistakes_get_no_such_remedy(text: str) -> None:
    said = refusal(text)
    assert TOGETHER not in said
    assert POINT not in said


def test_a_number_with_a_decimal_comma_is_two_coefficients_with_a_warning() -> None:
    with pytest.warns(NetlistWarning, match="'1,5' is two coefficients"):
        elaborate(netlearn.parse("t\nE1 a 0 b 0 1,5\nV1 b 0 1\n"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("R1 a $N_001 4k", "$N_001"),
        ("R1 $N_001 0 4k", "$N_001"),
        ("V1 a $G_0", "$G_0"),
        (".include $PDK_ROOT/x.lib", "$PDK_ROOT"),
        (".lib ${PDK_ROOT}/x.lib tt", "${PDK_ROOT}"),
        ("X1 a b $N_1 s\n.subckt s p q r\n.ends", "$N_1"),
        ("X1 a b $N_1 b\n.subckt b p q r\n.ends", "$N_1"),
        ("D1 a b $N_1 dm\n.model dm D", "$N_1"),
    ],
)
def test_a_dollar_that_begins_a_comment_is_said_to(text: str, name: str) -> None:
    assert f"'$' after a blank begins a comment, so that '{name}' is not read" in refusal(text)


def test_a_dollar_inside_of_a_word_or_before_prose_is_not_blamed() -> None:
    assert "'$'" not in refusal("R1 a$1 0 4k 5k $ five")
    assert "'$'" not in refusal("R1 a $ five")


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", "\u200b", "\ufeff", "\u3000"])
def test_blanks_that_are_none_are_called_by_their_names(space: str) -> None:
    for text in (
        f"R1 a{space}0 4k",
        f"R1 a 0 4{space}k",
        f"R1 a 0 {space} 4k",
        f".param k={space}4",
        f"{space}R1 a 0 1",
    ):
        said = refusal(f"{text}\nV1 a 0 {{k}}")
        assert f"{odd_blank_name(space)} in this line is a part of its word: put a plain blank" in said
        assert ODD_BLANK.search(said) is None, "it is shown escaped"
    assert odd_blank_name("\u00a0") == "a no-break space (U+00A0)"


def test_a_blank_that_is_none_is_warned_of_where_the_line_can_be_read() -> None:
    netlist = netlearn.parse("t\nV1 a\u00a0b 0 1 ; a\u00a0comment\nR1 a\u00a0b 0 1k\n* \u00a0\n")
    with pytest.warns(NetlistWarning) as caught:
        circuit = elaborate(netlist).circuit
    assert circuit.nodes[0] == "a\u00a0b"
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2
    assert all("a no-break space (U+00A0) is a part of the word that it stands in" in each for each in said)


# Files that cannot be read ----------------------------------------------------------------------

USE = "t\n{card}\nV1 a 0 1\nR1 a b 1k\nX1 b 0 opa\n.end\n"
BESIDE = "t\n.lib opa.lib\nV1 a 0 1\nR1 a b 1k\nX1 b 0 opa\nR2 b 0 1k\n.end\n"
WITHOUT = "t\n{card}\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n"
ENCRYPTED = {
    "PSpice": "* a model\n$CDNENCSTART\n1a2b3c4d5e\nR1 zz\n.ends\n$CDNENCFINISH\n",
    "PSpice, another way": "$CDNENCSTART_ADV2\n.subckt xx\n1a2b\n$CDNENCFINISH_ADV2\n",
    "PSpice, inside of a subcircuit": ".subckt opb a b\n$CDNENCSTART\n1a2b\n$CDNENCFINISH\n.ends\n$CDNENCSTART\n1\n",
    "LTspice": "* LTspice Encrypted File\n*\n* Begin:\n 1A 2B 3C\n D4 5E 6F\n* End 1234 5678\n",
    "HSPICE": ".prot\n1a2b3c4d5e\nXk!8s\n.unprot\n",
}


@pytest.mark.parametrize("kind", ENCRYPTED)
def test_encrypted_libraries_are_called_so(kind: str, tmp_path: Path) -> None:
    (tmp_path / "opa.lib").write_text(ENCRYPTED[kind])
    (tmp_path / "a.cir").write_text(USE.format(card=".lib opa.lib"))
    netlist = netlearn.read(tmp_path / "a.cir")
    with pytest.raises(NetlearnError) as caught:
        elaborate(netlist)
    said = str(caught.value)
    assert "this is encrypted" in said
    assert said.index("this is encrypted") < said.index("unknown subcircuit 'opa'")
    # Where nothing of it is needed, it is no more than a warning.
    (tmp_path / "a.cir").write_text(WITHOUT.format(card=".lib opa.lib"))
    with pytest.warns(NetlistWarning, match="this is encrypted"):
        circuit = elaborate(netlearn.read(tmp_path / "a.cir")).circuit
    assert InternalSolver().solve(circuit).voltage("b")[0] == pytest.approx(0.5)
    assert str(netlearn.parse(f"t\n{ENCRYPTED[kind]}")) == f"t\n{ENCRYPTED[kind]}"


INSIDE = {
    "PSpice": "**$ENCRYPTED_LIB\n**$INTERFACE\n.subckt opa p q\n$CDNENCSTART\n1a2b\nR1 zz\n$CDNENCFINISH\n.ends\n",
    "LTspice": ".subckt opa p q\n* LTspice Encrypted File\n* Begin:\n 1A 2B\n* End 1234 5678\n.ends\n",
    "HSPICE": ".subckt opa p q\n.prot\n1a2b3c\nXk!8s\n.unprot\n.ends\n",
    "Spectre": ".subckt opa p q\nsimulator lang=spectre\nr1 (p q) resistor r=1k\nsimulator lang=spice\n.ends\n",
}


@pytest.mark.parametrize("kind", INSIDE)
def test_a_subcircuit_whose_inside_cannot_be_read_is_refused_where_it_is_used(kind: str, tmp_path: Path) -> None:
    (tmp_path / "opa.lib").write_text(INSIDE[kind])
    (tmp_path / "a.cir").write_text(BESIDE)
    with pytest.raises(NetlearnError, match="subcircuit 'opa' cannot be read: this is ") as caught:
        elaborate(netlearn.read(tmp_path / "a.cir"))
    assert caught.value.place is not None
    assert caught.value.place.line == 5
    assert caught.value.hint
    (tmp_path / "a.cir").write_text(WITHOUT.format(card=".lib opa.lib"))
    circuit = elaborate(netlearn.read(tmp_path / "a.cir")).circuit
    assert InternalSolver().solve(circuit).voltage("b")[0] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ENCRYPTED)
def test_a_subcircuit_that_includes_what_cannot_be_read_is_refused_where_it_is_used(kind: str, tmp_path: Path) -> None:
    (tmp_path / "core.lib").write_text(ENCRYPTED[kind])
    (tmp_path / "opa.lib").write_text(".subckt opa p q\n.include core.lib\n.ends\n")
    (tmp_path / "a.cir").write_text(BESIDE)
    with pytest.raises(NetlearnError, match="subcircuit 'opa' cannot be read: this is "):
        elaborate(netlearn.read(tmp_path / "a.cir"))


def test_text_that_is_only_protected_from_being_printed_is_read() -> None:
    netlist = netlearn.parse("t\nV1 a 0 1\n.prot\nR1 a b 1k\n+ tc1=0\n.param k=3k\n.unprot\nR2 b 0 {k}\n.end\n")
    circuit = elaborate(netlist).circuit
    assert InternalSolver().solve(circuit).voltage("b")[0] == pytest.approx(0.75)


def test_a_library_of_sections_that_is_included_as_a_whole_is_said_to_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "p.lib").write_text("* corners\n.lib tt\n.param k=1k\n.endl\n.lib 'ff'\n.param k=2k\n.endl\n")
    for card in (".include p.lib", ".lib p.lib"):
        (tmp_path / "a.cir").write_text(f"t\n{card}\nV1 a 0 1\nR1 a 0 {{k}}\n.end\n")
        with pytest.raises(NetlearnError) as caught:
            elaborate(netlearn.read(tmp_path / "a.cir"))
        said = str(caught.value)
        assert "'p.lib' has the sections tt, ff, and this line asks for none: they are left out" in said
        assert "help: .lib p.lib tt" in said
        (tmp_path / "a.cir").write_text(f"t\n{card}\nV1 a 0 1\nR1 a 0 1k\n.end\n")
        with pytest.warns(NetlistWarning, match="has the sections tt, ff"):
            elaborate(netlearn.read(tmp_path / "a.cir"))


@pytest.mark.filterwarnings("error")
def test_a_library_whose_sections_are_asked_for_is_not(tmp_path: Path) -> None:
    (tmp_path / "p.lib").write_text(".param j=2\n.lib tt\n.param k=1k\n.endl\n")
    (tmp_path / "a.cir").write_text("t\n.include p.lib\n.lib p.lib tt\nV1 a 0 {j}\nR1 a 0 {k}\n.end\n")
    elaborate(netlearn.read(tmp_path / "a.cir"))


def test_spectres_language_is_called_so(tmp_path: Path) -> None:
    for text in (
        "t\nsimulator lang=spectre\nR1 (a b) resistor r=1k\n",
        "simulator lang = spectre\nr1 (a 0) resistor\n",
    ):
        with pytest.raises(NetlearnError, match="is in Spectre's language, which netlearn does not read"):
            netlearn.parse(text)
    for word in ("subckt inv (a b)", "subckt inv a b c d e", "parameters w=1u", "ends inv"):
        with pytest.raises(
            NetlearnError, match=f"'{word.split()[0]}' without a dot is of Spectre's language"
        ) as caught:
            netlearn.parse(f"t\n{word}\nr1 (a b) resistor r=1k\nends inv\nX1 ?\n")
        assert str(caught.value).count("error:") == 1
    (tmp_path / "m.scs").write_text(
        "simulator lang=spectre\ninv (a b) resistor r=1k\nsimulator lang=spice\n.param k=2k\n"
    )
    (tmp_path / "a.cir").write_text("t\n.include m.scs\nsimulator lang=spice\nV1 a 0 1\nR1 a 0 {k}\n.end\n")
    with pytest.warns(NetlistWarning, match="this is in Spectre's language: what it holds is left out"):
        circuit = elaborate(netlearn.read(tmp_path / "a.cir")).circuit
    assert InternalSolver().solve(circuit).current("v1")[0] == pytest.approx(-0.5e-3)


# Parameters -------------------------------------------------------------------------------------

CALL = ".subckt s p a=1 b=2\nR1 p 0 {{a}}\n.ends\nV1 a 0 1\nX1 a s {given}"


def test_values_of_a_call_that_need_each_other_are_a_circle() -> None:
    said = refusal(CALL.format(given="a={b} b={a}"))
    assert "parameters depend on each other in a circle: a -> b -> a" in said
    assert "help: a value that an instance passes means the subcircuit's own parameters first" in said


def test_a_value_of_a_call_that_names_itself_means_the_name_outside() -> None:
    said = refusal(CALL.format(given="a={2*a}"))
    assert "unknown parameter 'a'" in said
    assert "its own name is that of one around the instance" in said
    assert elaborate(netlearn.parse(f"t\n.param a=5\n{CALL.format(given='a={2*a}')}\n")).parameter_value("a") == 5.0


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (".param q='zz*2'", ""),
        (".param r={q+1} q={zz*2}", ""),
        (".param k=1 q={zz*2}", "help: known: k"),
    ],
)
def test_a_parameter_that_needs_an_unknown_one_is_no_remedy_for_it(text: str, remedy: str) -> None:
    reader = "r" if "r=" in text else "q"
    said = refusal(f"{text}\nV1 a 0 1\nR1 a 0 {{{reader}}}")
    assert "unknown parameter 'zz'" in said
    assert said.rpartition("\n  ")[2] == remedy if remedy else "help" not in said


@pytest.mark.parametrize("value", ["2*3", "{sqrt(4)}", "'1+2'"])
def test_a_formula_that_cannot_be_trained_is_not_told_to_train_itself(value: str) -> None:
    design = elaborate(netlearn.parse(f"t\n.param k={value}\nV1 a 0 1\nR1 a 0 {{k}}\n.end\n"))
    number = {"2*3": "6", "{sqrt(4)}": "2", "'1+2'": "3"}[value]
    with pytest.raises(OptionError, match="no number of its own") as caught:
        design.parameters([netlearn.elaboration.design.Selection("k")])
    assert caught.value.hint == f"it is a formula: write k={number}"


@pytest.mark.parametrize(
    "text", ["X1 a S\n.subckt t p\n.ends", "D1 a 0 DM\n.model dmm D", "R1 a 0 1k\nB1 a 0 V=v(A1)", "R1 a 0 Q=1"]
)
def test_no_hint_suggests_the_word_that_was_refused(text: str) -> None:
    with pytest.raises(NetlearnError) as caught:
        elaborate(netlearn.parse(f"t\n{text}\n.end\n"))
    errors = getattr(caught.value, "errors", [caught.value])
    for error in errors:
        refused = error.message.split("'")[1].lower()
        assert f"'{refused}'" not in error.hint.lower()


# What is known ----------------------------------------------------------------------------------


def test_info_counts_nothing_of_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.cir").write_text("t\nV1 a 0 1\nR1 a 0 6.8 k\n.end\n")
    said = CliRunner().invoke(main, ["info", str(tmp_path / "a.cir")]).output
    assert "problems   1" in said
    assert f"{TOGETHER} 6.8k" in said
    for word in ("none", "0 besides", "linear", "co-content", "trainable", "elements", "nodes"):
        assert word not in said
    values = json.loads(CliRunner().invoke(main, ["info", "--json", str(tmp_path / "a.cir")]).output)
    assert {values[key] for key in ("elements", "nodes", "branches", "linear", "co_content")} == {None}
    described = netlearn.describe(tmp_path / "a.cir")
    assert (described.elements, described.nodes, described.trained) == (None, None, None)
    assert repr(described).endswith("a.cir: 1 problems>")


def test_info_says_what_is_known_though_something_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.cir").write_text("t\n*@train Q*\nV1 a 0 1\nR1 a 0 6.8k\n.end\n")
    said = CliRunner().invoke(main, ["info", str(tmp_path / "a.cir")]).output
    assert "nodes      1 besides ground" in said
    assert "trained " not in said
    assert "'Q*' matches" in said
