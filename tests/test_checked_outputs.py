"""What writes a netlist finds out before its work, not after, whether it can."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netlearn
from netlearn.atomic import Destination
from netlearn.errors import OutputError

NETLIST = """\
* a bridge with a part in a file
*@output V(a)
*@train R* X1.R*
.include part.lib
V1 in 0 1
R1 in a 1.1k
R2 a 0 2.1k
X1 a part
.end
"""
PART = ".subckt part a\nR3 a 0 3.3k\n.ends\n"
MEASURED = "V1,R1,R2,V(a)\n1,1100,2100,0.5\n1,1100,4200,0.6\n2,2200,2100,0.7\n2,1100,1100,0.8\n1,500,700,0.4\n"

Work = Callable[..., Any]


def calibrated(path: str, out: Any) -> Any:
    return netlearn.calibrate(path, "measured.csv", offsets="no", out=out)


def rounded(path: str, out: Any) -> Any:
    return netlearn.round_values(path, series="e12", out=out)


WORKS = {
    "calibrate": (calibrated, "netlearn.calibration._fitted"),
    "round": (rounded, "netlearn.discrete.chosen.PartSearch.best"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "n.cir").write_text(NETLIST)
    (tmp_path / "part.lib").write_text(PART)
    (tmp_path / "measured.csv").write_text(MEASURED)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("case", ["no folder", "a folder", "a pipe", "foreign copy", "read", "link"])
def test_nothing_is_solved_for_a_file_that_cannot_be_written(
    name: str, case: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, begun = WORKS[name]
    out: Any = {"no folder": "gone/x.cir", "a folder": "folder"}.get(case, "x.cir")
    if case == "a pipe":
        # A name that netlearn chose by itself is not written through.
        os.mkfifo("x.cir")
        out = Destination(Path("x.cir"), named=False)
    elif case == "foreign copy":
        Path("x.part.lib").write_text("my own\n")
    elif case == "read":
        out = "part.lib"
    elif case == "link":
        (folder.parent / "far.cir").write_text("far\n")
        os.symlink(folder.parent / "far.cir", "x.cir")
        out = Destination(Path("x.cir"), named=False)
    monkeypatch.setattr(begun, lambda *_, **__: pytest.fail("the work has begun"))
    with pytest.raises(OutputError) as caught:
        work("n.cir", out)
    assert str(out.path if isinstance(out, Destination) else out).split("/")[-1].split(".")[0] in str(caught.value)
    assert Path("part.lib").read_text() == PART
    assert Path("n.cir").read_text() == NETLIST


@pytest.mark.parametrize("name", WORKS)
def test_measurements_and_parts_are_not_written_over(name: str, folder: Path) -> None:
    Path("stock.csv").write_text("value\n1k\n2k2\n3k3\n")
    given: dict[str, Any] = {"parts": "stock.csv"} if name == "round" else {"measured": "measured.csv"}
    before = folder.joinpath(*given.values()).read_text()
    function: Work = netlearn.round_values if name == "round" else netlearn.calibrate
    with pytest.raises(OutputError, match="is read by this run"):
        function("n.cir", **given, out=next(iter(given.values())))
    assert folder.joinpath(*given.values()).read_text() == before


@pytest.mark.parametrize("name", WORKS)
def test_what_can_be_written_is(name: str, folder: Path) -> None:
    written = WORKS[name][0]("n.cir", "x.cir").written
    assert [path.name for path in written] == ["x.part.lib", "x.cir"]
