"""``check``: ngspice judges the netlist's own text, at every sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn import judge
from netlearn.errors import NetlistWarning
from netlearn.ngspice import text_solution
from netlearn.ngspice.text import text_deck
from netlearn.solve.difference import Differences
from netlearn.solve.internal import InternalSolver

NETLIST = """\
* many quantities
*@output V(out)
.param vsup=2 q=1k
.model dm D(is=1e-14 n=1.2)
V1 in 0 1
V2 b 0 {vsup}
R1 in out 1k
Rload out 0 {q}
D1 b out dm
M1 b in out 0 mm w=10u
.model mm NMOS(vto=0.7 kp=100u)
X1 out part r=5k
.subckt part p r=1k
R1 p 0 {r}
V9 m 0 0.5
R2 p m 3k
D2 p m dx
.model dx D(is=1e-14)
.ends
.end
"""


def judged(columns: dict[str, list[float]], **options: Any) -> Differences:
    data = {name: np.array(values) for name, values in columns.items()}
    return judge.check(netlearn.parse(NETLIST), data, **options)


@pytest.mark.ngspice
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "columns",
    [
        {"V1": [0.5, 1.0, 3.0]},
        {"V1": [0.5, 1.0], "v.x1.v9": [0.1, -0.2]},
        {"vsup": [0.5, 3.0], "V1": [1.0, 2.0]},
        {"q": [500.0, 5e3]},
        {"Rload": [500.0, 5e3]},
        {"dm.is": [1e-15, 1e-12]},
        {"m1.w": [5e-6, 50e-6]},
        {"m1.l": [5e-6, 50e-6]},
        {"x1.r": [500.0, 5e3]},
        {"x1.r1": [1e3, 2e3], "V1": [1.0, 2.0]},
        {"temp": [-40.0, 27.0, 85.0], "V1": [1.0, 2.0, 3.0]},
        {"temp": [-40.0, 85.0], "vsup": [1.0, 2.0], "Rload": [700.0, 800.0]},
    ],
)
def test_every_quantity_that_samples_set_is_told_to_the_text(columns, libngspice):
    found = judged(columns)
    assert len(found.absolute) == len(next(iter(columns.values())))
    assert found.compared is not None
    assert not found.lost
    assert found.within(1e-6), found.largest_relative


@pytest.mark.ngspice
def test_what_the_text_has_no_place_for_is_judged_by_the_flat_circuit_with_a_warning(libngspice):
    with pytest.warns(NetlistWarning, match="ngspice is given the flat circuit"):
        found = judged({"x1.dx.is": [1e-15, 1e-12]})
    assert found.within(1e-6)
    assert found.compared is None


@pytest.mark.ngspice
def test_ngspice_sees_the_text_and_not_what_was_read_in_it(libngspice, monkeypatch):
    """A number that is read wrong is found out by the text, and not by the flat circuit."""
    from netlearn.elaboration import element_line

    right = getattr(element_line, "plain_number")  # noqa: B009
    monkeypatch.setattr(element_line, "plain_number", lambda text: 2e3 if text == "1k" else right(text))
    netlist = netlearn.parse("t\nV1 a 0 1\nR1 a b 1k\nR2 b 0 3k\n.end\n")
    assert judge.check(netlist, flat=True).within(1e-6)
    assert not judge.check(netlist).within(1e-6)


@pytest.mark.ngspice
def test_included_files_are_part_of_the_text(tmp_path: Path, libngspice):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "parts.inc").write_text("* parts\n.subckt part p n\nR1 p n {k*1k}\n.ends\n.include more.inc\n")
    (tmp_path / "lib" / "more.inc").write_text("R7 b 0 2k\n")
    (tmp_path / "sections.lib").write_text(".lib tt\n.param k=3\n.endl\n.lib ff\n.param k=5\n.endl\n")
    (tmp_path / "main.cir").write_text(
        "* main\n.include lib/parts.inc\n.lib sections.lib ff\nV1 a 0 1\nX1 a b part\nR2 b 0 1k\n.end\n"
    )
    found = judge.check(tmp_path / "main.cir")
    assert found.within(1e-9)
    assert found.count == 3
    lines = text_deck(netlearn.read(tmp_path / "main.cir")).lines
    assert "R7 b 0 2k" in lines
    assert ".param k=5" in lines
    assert not any("k=3" in line for line in lines)


@pytest.mark.ngspice
def test_the_command_says_what_it_compares(tmp_path: Path, libngspice):
    from click.testing import CliRunner

    from netlearn.cli import main

    path = tmp_path / "a.cir"
    path.write_text("t\nV1 a 0 1\nD1 a b dm\nR1 b 0 1k\n.model dm d(rs=10)\n.end\n")
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code == 0, result.output
    # a, b and the current; the node inside the diode is not ngspice's to tell.
    assert "with 3 voltages and currents each" in result.output
    result = CliRunner().invoke(main, ["check", str(path), "--flat"])
    assert "with 4 voltages and currents each" in result.output


@pytest.mark.ngspice
def test_nodes_that_only_one_has_fail_the_check(libngspice, monkeypatch):
    # A deck that lacks a kind of element, as if ngspice had read the line as something else.
    def lacking(*arguments):
        deck = text_deck(*arguments)
        return replace(deck, lines=[line for line in deck.lines if line[0] != "E"])

    monkeypatch.setattr(text_solution, "text_deck", lacking)
    found = judge.check(netlearn.parse("t\nV1 a 0 1\nR1 a 0 1k\nE1 y 0 a 0 1\n.end\n"))
    assert found.lost == ("y",)
    assert not found.within(1.0)


LATCH = """\
a latch
Vdd vdd 0 5
R1 vdd a 10k
R2 vdd b 10k
Q1 a b 0 qm
Q2 b a 0 qm
.model qm npn(is=1e-15 bf=100 rb=10)
.nodeset {nodeset}
.end
"""


@pytest.mark.parametrize("moved", [0.0, 0.05])
def test_another_operating_point_is_told_from_a_wrong_one(moved: float) -> None:
    ours, theirs = (
        netlearn.operating_point(netlearn.parse(LATCH.format(nodeset=nodeset)))
        for nodeset in ("v(a)=5 v(b)=0", "v(a)=0 v(b)=5")
    )
    assert ours.voltage("a")[0] - theirs.voltage("a")[0] > 0.5
    x = theirs.x + moved
    known = np.array(["#" not in name for name in theirs.circuit.nodes])
    assert judge.is_another(InternalSolver(), ours.circuit, x, 0, known) is (moved == 0.0)
    assert judge.is_another(InternalSolver(), ours.circuit, x, 0) is (moved == 0.0)


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_check_says_that_a_circuit_has_both_operating_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "latch.cir"
    path.write_text(LATCH.format(nodeset="v(a)=5 v(b)=0"))
    assert netlearn.check(path).within(1e-6)
    other = netlearn.parse(LATCH.format(nodeset="v(a)=0 v(b)=5"))
    monkeypatch.setattr(text_solution, "text_deck", lambda _, *more: text_deck(other, *more))
    found = netlearn.check(path)
    assert not found.within(1e-6)
    assert found.several
