"""Netlists in the style of each dialect: read, written back to the byte, and understood."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

import netlearn
from netlearn.netlist.statements import Card, Conditional, Element, Kept, Statement, Subcircuit

FOLDER = Path(__file__).parent / "dialects"
LTSPICE = ["ltspice_utf16.net", "ltspice_latin1.net", "ltspice_utf8_bom.net"]
FILES = ["ngspice.cir", "kicad.cir", *LTSPICE, "pspice.cir", "hspice.sp", "xschem.spice"]
T = TypeVar("T", bound=Statement)


def only(kind: type[T], statements: Sequence[Statement]) -> list[T]:
    return [statement for statement in statements if isinstance(statement, kind)]


def words(element: Any) -> list[str]:
    return [word.text for word in element.words]


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_written_back_to_the_byte(name: str, tmp_path: Path) -> None:
    netlist = netlearn.read(FOLDER / name)
    for part in netlist.walk():
        assert part.source.encode() == Path(part.source.path).read_bytes()
    copy = tmp_path / name
    copy.write_bytes((FOLDER / name).read_bytes())
    target = tmp_path / "again"
    netlearn.read(copy).save(target)
    assert target.read_bytes() == copy.read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_a_trained_number_is_all_that_changes(name: str) -> None:
    netlist = netlearn.read(FOLDER / name)
    before = netlist.source.encode()
    element = next(element for element in netlist.find("R*") if isinstance(element.value, float))
    place = netlist.elements.statement(element.name).words[2]
    old, new = netlist.source.text[place.start : place.end], "0.123"
    element.value = new
    encoding = netlist.source.encoding
    offset = len(netlist.source.bom) + len(netlist.source.text[: place.start].encode(encoding))
    expected = before[:offset] + new.encode(encoding) + before[offset + len(old.encode(encoding)) :]
    assert netlist.source.encode() == expected


def test_ngspice() -> None:
    netlist = netlearn.read(FOLDER / "ngspice.cir")
    assert len(netlist.elements) == 11
    r1 = netlist["R1"].parameters
    assert (r1["tc1"], r1["tc2"], r1["m"]) == (1e-3, 1e-6, 2.0)
    assert netlist["X1.R1"].value == "{r}"
    (conditional,) = only(Conditional, netlist.statements)
    assert len(conditional.alternatives) == 2
    assert {card.name for card in only(Card, netlist.statements)} >= {
        "param",
        "func",
        "csparam",
        "global",
        "temp",
        "ic",
    }
    assert [kept.what for kept in only(Kept, netlist.statements)] == ["title", "control", "rest"]


def test_kicad() -> None:
    netlist = netlearn.read(FOLDER / "kicad.cir")
    assert netlist["R1"].nodes == ("VCC", "/Vout")
    assert netlist["XU1"].nodes == ("Net-(U1-IN+)", "Net-(U1--)", "VCC", "0", "/Vout")
    assert netlist["R3"].nodes == ('"Net-(R3-Pad1)"', "/sheet1/net{slash}a")
    (part,) = netlist.includes.values()
    assert [subcircuit.name.text for subcircuit in only(Subcircuit, part.statements)] == ["OPAMP"]


@pytest.mark.parametrize("name", LTSPICE)
def test_ltspice(name: str) -> None:
    netlist = netlearn.read(FOLDER / name)
    assert netlist["R1"].value == 4700.0
    assert netlist["C1"].value == pytest.approx(1e-5)
    assert netlist["R§3"].parameters == {"tol": 1.0, "pwr": 0.1}
    assert netlist["X§U1.R1"].value == "{1k/x}"
    assert netlist["V1"].parameters == {"rser": 3.0}
    assert [error.message.endswith("standard.dio'") for error in netlist.missing.values()] == [True]
    names = [card.name for card in only(Card, netlist.statements)]
    assert names == ["model", "lib", "param", "step", "func", "tran", "meas", "backanno"]


def test_pspice() -> None:
    netlist = netlearn.read(FOLDER / "pspice.cir")
    v1, e1, g1, e2, x6 = (netlist.elements.statement(name) for name in ("V_V1", "E_E1", "G_G1", "E_E2", "X_U6"))
    assert words(v1)[2:4] == ["PULSE", "0V"]
    assert netlist["V_V2"].value == 5.0
    assert netlist["R_R3"].parameters == {"tc": "0.001,-2e-6"}
    assert words(e1) == ["N14677", "0", "VALUE", "{LIMIT(V(N14538)*2, -5, 5)}"]
    assert [call.text for call in g1.calls] == ["TABLE {V(N14538, 0)} = (-1, -1m) (0,0) (1, 1m)"]
    assert [call.text for call in e2.calls] == ["POLY(2)"]
    assert (netlist["E_E2"].value, netlist["G_G1"].value) == (None, None)
    assert words(x6) == ["N14677", "N14538", "BUFFER"]
    (subcircuit,) = only(Subcircuit, netlist.statements)
    assert [node.text for node in subcircuit.nodes] == ["IN", "OUT"]
    assert [pair.name.text for pair in subcircuit.assignments] == ["GAIN", "ROUT"]


def test_hspice() -> None:
    netlist = netlearn.read(FOLDER / "hspice.sp")
    assert netlist["vsup"].value == "'1.8*1.0'"
    assert netlist["m1"].parameters == {"w": "'wn*10'", "l": 0.18, "ad": "'wn*0.5'", "as": 1.0}
    assert [kept.what for kept in only(Kept, netlist.statements)] == ["title", "protected", "alter", "rest"]
    (corner,) = netlist.includes.values()
    (models,) = corner.includes.values()
    assert [card.words[0].text for card in only(Card, models.statements)] == ["nch", "pch"]


def test_xschem() -> None:
    netlist = netlearn.read(FOLDER / "xschem.spice")
    assert netlist["x1"].parameters == {"rval": "'rtop'", "m": 1.0}
    transistor = netlist["XM1"]
    assert transistor.nodes == ("out", "net1", "GND", "GND")
    assert transistor.parameters["ad"] == "'int((nf+1)/2) * W/nf * 0.29'"
    assert transistor.parameters["mult"] == 1.0
    assert len(netlist.missing) == 1
    assert all(isinstance(netlist.elements.statement(name), Element) for name in netlist.elements)
