"""What is warned of: files that are not there, titles that are elements, directives that are not read."""

import warnings

import pytest

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlistError, NetlistWarning
from netlearn.netlist.lint import remarks

REST = "\nV9 a 0 1\nR9 a 0 1k\nR8 a OUT 1k\nR7 (b,x) 1k\nR6 c in 1k\n.end\n"


@pytest.mark.parametrize(
    "title",
    [
        "V1 a 0 1", "v1 a 0 DC 1", "R1 a b 4.7k", "Rload out 0 1meg ; load", "I3 0 x 1m", "C1 a 0 10n",
        "E1 a 0 b c 2", "G2 a 0 b 0 1m", "F1 a 0 V9 3", "V1 in 0 ac 1",
    ],
)  # fmt: skip
def test_a_title_that_is_an_element_is_warned_of(title):
    (warning,) = remarks(netlearn.parse(title + REST))
    assert warning.place is not None
    assert warning.place.line == 1
    assert f"'{title.split()[0]}' is not an element" in str(warning)
    assert str(warning).startswith("<string>:1:1: warning: ")


@pytest.mark.parametrize(
    "title",
    [
        "* V1 a 0 1", "", "divider", "Rectifier with two diodes", "Inverter 3 stages", "Voltage divider", "R2R ladder",
        "Example of a network", "circuit (unfinished", "lattice 10 x 10", "Iris on a resistor network", "RC low pass",
    ],
)  # fmt: skip
def test_a_title_in_words_is_not(title):
    assert remarks(netlearn.parse(title + REST)) == []


def test_a_file_that_is_not_there_is_warned_of_with_the_way_to_it(tmp_path):
    (tmp_path / "main.cir").write_text("* main\n.include part.inc" + REST)
    (tmp_path / "part.inc").write_text(".lib 'absent.lib' tt\n")
    with pytest.warns(NetlistWarning) as caught:
        design = elaborate(netlearn.read(tmp_path / "main.cir"))
    (warning,) = design.warnings
    assert [w.message for w in caught] == [warning]
    assert "there is no file 'absent.lib'" in warning.message
    assert warning.place is not None
    assert warning.place.path.endswith("part.inc")
    assert warning.place.chain[0].line == 2


def test_directives_in_included_files_are_warned_of_once_a_file(tmp_path):
    (tmp_path / "main.cir").write_text("* main\n*@train R*\n.include part.inc\n.include part.inc" + REST)
    (tmp_path / "part.inc").write_text("* part\n*@fix R9\n*@loss mse\n")
    (warning,) = remarks(netlearn.read(tmp_path / "main.cir"))
    assert warning.place is not None
    assert (warning.place.line, warning.place.column) == (2, 1)
    assert "not read" in warning.message


def test_a_good_netlist_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert elaborate(netlearn.parse("* good\n*@train R*" + REST)).warnings == ()


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("R1 a 0 1k; tc1=1", "tc1=1"), ("R1 a 0 1k;tc1=1 tc2 = 1u ; of copper", None), ("V1 b 0 1;2", "2"),
        ("R1 a 0 1k//2k", "2k"), (".model dm d is=1e-14; n=1.5,rs=2", "n=1.5,rs=2"), ("V1 b 0 PWL 0 0; 1 1", "1 1"),
        ("R1 a 0\n+ 1k; m=2", "m=2"), ("R1 a 0 1k;", None), ("R1 a 0 1k; the load", None), ("R1 a 0 1k ; tc1=1", None),
        ("R1 a 0 1k ;2k", None), ("R1 a 0 1k;was 2k", None), ("R1 a 0 1k $ 2k", None), ("* R1 a 0 1k; tc1=1", None),
        ("R1 a 0 1k;;;; 3", None), ("R1 a 0\n* 5; tc1=1\n+ 1k", None),
    ],
)  # fmt: skip
def test_values_that_a_comment_takes_away_are_warned_of_and_words_are_not(line, rest):
    """ngspice's listing has them without what follows."""
    found = remarks(netlearn.parse(f"* t\n{line}{REST}"))
    assert [warning.message.partition("that ")[2] for warning in found] == ([f"'{rest}' is not read"] if rest else [])
    if rest:
        place = found[0].place
        assert place is not None
        assert place.text[place.column - 1 :][: place.length].endswith(rest)


def test_a_form_that_a_comment_cuts_short_is_told_so():
    with pytest.raises(NetlistError, match=r"never closed(.|\n)*';' begins a comment, so that '1 1\)' is not read"):
        netlearn.parse("* t\nV1 a 0 PWL(0 0; 1 1)" + REST)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (".subckt s p r=3k\nR1 p 0 {r}\n.ends\nX1 a s (r=1k)", "ngspice leaves them out"),
        (".subckt s (p) (r=3k)\nR1 p 0 {r}\n.ends\nX1 a s", "ngspice ends there"),
        (".subckt s (p) r=3k\nR1 p 0 {r}\n.ends\nX1 (a) s r=1k\n.model dm d (is=1e-14)\nD1 a 0 dm", None),
        (".subckt s p ; (r=1k)\n+ r=3k\nR1 p 0 {r}\n.ends\nX1 a s\n* (r=2k)\n+ r=1k", None),
    ],
)
def test_parameters_in_parentheses_are_warned_of_as_ngspice_reads_none(lines, says):
    found = [warning.message for warning in remarks(netlearn.parse(f"* t\n{lines}{REST}"))]
    assert found == ([f"parameters in parentheses are read, and {says}"] if says else [])
