"""Libraries in folders of their own, and parts of them that a circuit does not use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError
from netlearn.solve.internal import InternalSolver

MAIN = "* main\nV1 a 0 1\nX1 a b part\nR2 b 0 1k\n{include}\n.end\n"


def voltage(path: Path) -> float:
    return float(InternalSolver().solve(elaborate(netlearn.read(path)).circuit).voltage("b")[0])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """one/main.cir includes one/lib/all.inc, which includes one/lib/parts/p.inc."""
    (tmp_path / "one" / "lib" / "parts").mkdir(parents=True)
    (tmp_path / "one" / "main.cir").write_text(MAIN.format(include=".include lib/all.inc"))
    (tmp_path / "one" / "lib" / "all.inc").write_text("* all\n.lib \"sections.lib\" 'tt'\n")
    (tmp_path / "one" / "lib" / "sections.lib").write_text(
        ".lib ff\n.param k=7\n.endl\n.lib 'tt'\n.param k=3\n.include parts/p.inc\n.endl 'tt'\n"
    )
    (tmp_path / "one" / "lib" / "parts" / "p.inc").write_text("* p\n.subckt part p n\nR1 p n {k*1k}\n.ends\n")
    return tmp_path


@pytest.mark.parametrize("folder", [".", "one", "one/lib", "elsewhere"])
@pytest.mark.parametrize("absolute", [False, True])
def test_an_included_files_own_includes_are_found_from_everywhere(
    folder: str, absolute: bool, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "elsewhere").mkdir()
    monkeypatch.chdir(tree / folder)
    main = tree / "one" / "main.cir"
    assert voltage(main if absolute else Path(os.path.relpath(main))) == pytest.approx(0.25)


def test_an_absolute_include_line(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    (tree / "one" / "main.cir").write_text(MAIN.format(include=f".include {tree}/one/lib/all.inc"))
    assert voltage(Path("one/main.cir")) == pytest.approx(0.25)


def test_a_link_to_a_library_inside_the_tree(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "one" / "short").symlink_to("lib")
    (tree / "one" / "main.cir").write_text(MAIN.format(include=".include short/all.inc"))
    monkeypatch.chdir(tree)
    assert voltage(Path("one/main.cir")) == pytest.approx(0.25)


def test_a_link_to_the_netlist_finds_files_beside_either(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "link.cir").symlink_to("one/main.cir")
    monkeypatch.chdir(tree)
    assert voltage(Path("link.cir")) == pytest.approx(0.25)


def test_a_link_does_not_lead_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "out.inc").write_text("* out\n.subckt part p n\nR1 p n 1k\n.ends\n")
    (tree / "one" / "lib" / "parts" / "p.inc").unlink()
    (tree / "one" / "lib" / "parts" / "p.inc").symlink_to(tree / "out.inc")
    with pytest.raises(NetlearnError, match="outside the netlist's folder"):
        netlearn.read(tree / "one" / "main.cir")


def test_a_change_in_a_file_that_an_included_file_includes_is_saved(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    netlist = netlearn.read("one/main.cir")
    netlist["X1.R1"].value = 1000.0
    netlist.save("one/out.cir")
    monkeypatch.chdir(tree / "one")
    assert voltage(Path("out.cir")) == pytest.approx(0.5)


BAD = "@ stray line\nR9 a\nD1 a b {x\nV1 a b 1x2y3\n"


@pytest.mark.parametrize(
    "library",
    [
        f".subckt part p n\nR1 p n 1k\n.ends\n.subckt unused a b\n{BAD}.ends\n",
        f".subckt part p n\nR1 p n 1k\n.if (0)\n{BAD}.endif\n.ends\n",
        ".subckt part p n\nR1 p n 1k\n.ends\n.model odd nonsense(level=99 a=b)\n.model none\n.model m ako:nothing d\n",
        ".subckt part p n\nR1 p n 1k\n.ends\n.subckt unused a b\n.include ../no.inc\n.include /etc/passwd\n.ends\n",
        ".subckt part p n\nR1 p n 1k\n.ends\n.subckt unused a b\n.include bad.inc\n.ends\n",
    ],
)
def test_what_is_wrong_in_a_part_that_is_not_used_stops_nothing(library: str, tmp_path: Path) -> None:
    (tmp_path / "main.cir").write_text(MAIN.format(include=".include lib.inc"))
    (tmp_path / "lib.inc").write_text(library)
    (tmp_path / "bad.inc").write_text(BAD)
    assert voltage(tmp_path / "main.cir") == pytest.approx(0.5)


def test_sections_that_are_not_chosen_may_be_wrong(tmp_path: Path) -> None:
    (tmp_path / "main.cir").write_text(MAIN.format(include=".lib lib.inc tt"))
    (tmp_path / "lib.inc").write_text(f".lib tt\n.subckt part p n\nR1 p n 1k\n.ends\n.endl\n.lib ff\n{BAD}.endl\n")
    assert voltage(tmp_path / "main.cir") == pytest.approx(0.5)


@pytest.mark.parametrize(
    "library",
    [
        f".subckt part p n\nR1 p n 1k\n{BAD}.ends\n",
        ".subckt part p n\nR1 p n 1k\n.include bad.inc\n.ends\n",
        f".subckt part p n\nR1 p n 1k\n.if (1)\n{BAD}.endif\n.ends\n",
    ],
)
def test_what_is_wrong_in_a_part_that_is_used_is_an_error_with_its_place(library: str, tmp_path: Path) -> None:
    (tmp_path / "main.cir").write_text(MAIN.format(include=".include lib.inc"))
    (tmp_path / "lib.inc").write_text(library)
    (tmp_path / "bad.inc").write_text(BAD)
    with pytest.raises(NetlearnError) as caught:
        elaborate(netlearn.read(tmp_path / "main.cir"))
    said = str(caught.value)
    for what in ("unknown element type '@'", "'R9' needs at least 3", "never closed", "'1x2y3' is not a number"):
        assert what in said
    assert "lib.inc:" in said


def test_check_syntax_names_what_is_wrong_in_parts_that_are_not_used(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from netlearn.cli import main

    path = tmp_path / "main.cir"
    path.write_text(f"* main\nV1 a 0 1\nR1 a 0 1k\n.subckt unused a b\n{BAD}.ends\n.end\n")
    result = CliRunner().invoke(main, ["check-syntax", str(path)])
    assert result.exit_code == 2
    assert "unknown element type '@'" in result.output


def test_the_end_of_file_byte_of_dos_ends_the_text_and_is_kept(tmp_path: Path) -> None:
    text = b"* dos\r\nV1 a 0 1\r\nR1 a 0 1k\r\n\x1a"
    (tmp_path / "dos.cir").write_bytes(text)
    netlist = netlearn.read(tmp_path / "dos.cir")
    netlist["R1"].value = "2k"
    netlist.save(tmp_path / "out.cir")
    assert (tmp_path / "out.cir").read_bytes() == text.replace(b"1k", b"2k")
    netlist.add("R2 a 0 1k")
    netlist.save(tmp_path / "out.cir")
    assert (tmp_path / "out.cir").read_bytes() == text.replace(b"1k", b"2k").replace(b"\x1a", b"R2 a 0 1k\r\n\x1a")
    assert netlearn.read(tmp_path / "out.cir")["R2"].value == 1000.0


def test_all_nodes_of_a_transistor_are_its_nodes() -> None:
    netlist = netlearn.parse("t\nM1 d g s b mm w=1u\nQ1 c b e s qm 2 off\nQ2 c b e qm\nD1 a k 1N4148 3\nX1 p / n s\n")
    assert netlist["M1"].nodes == ("d", "g", "s", "b")
    assert netlist["Q1"].nodes == ("c", "b", "e", "s")
    assert netlist["Q2"].nodes == ("c", "b", "e")
    assert netlist["D1"].nodes == ("a", "k")
