"""Files that a netlist includes: found, confined, and copied when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlearnErrors, NetlistError
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.statements import Element


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / next(iter(files))


def names(netlist: Netlist) -> list[str]:
    """The elements in the order in which the includes bring them."""
    found = []
    for statement in netlist.statements:
        if isinstance(statement, Element):
            found.append(statement.name.text)
        elif statement in netlist.includes:
            found += names(netlist.includes[statement])  # type: ignore[index]
    return found


@pytest.mark.parametrize("line", [".include sub/b.inc", '.INC "sub/b.inc"', ".incl 'sub/b.inc' ; c", ".lib sub\\b.inc"])
def test_files_are_found_beside_the_including_file(tmp_path: Path, line: str) -> None:
    main = write(
        tmp_path,
        {"a.cir": f"title\n{line}\nR9 a b 9\n", "sub/b.inc": "R1 a b 1\n.include c.inc\n", "sub/c.inc": "R2 a b 2\n"},
    )
    netlist = netlearn.read(main)
    assert names(netlist) == ["R1", "R2", "R9"]
    assert len(list(netlist.walk())) == 3


def test_an_included_file_has_no_title_and_no_end(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "R0 a b 1\n.include b\n", "b": "R1 a b 1\n.end\nR2 a b 1"})
    assert names(netlearn.read(main)) == ["R1", "R2"]


LIBRARY = """* corners
.lib TT
.lib 'models.lib' common
R1 a b 1
.endl TT
.lib ff
R2 a b 2
.include absent.inc
.endl
.lib common
R3 a b 3
.endl common
"""


def test_only_the_chosen_section_of_a_library_counts(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.lib models.lib tt\n", "models.lib": LIBRARY})
    netlist = netlearn.read(main)
    assert names(netlist) == ["R3", "R1"]
    assert not any(part.missing for part in netlist.walk())


def test_a_section_that_is_not_there_is_named(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.lib models.lib fff\n", "models.lib": LIBRARY})
    with pytest.raises(NetlistError, match="has no section 'fff'") as caught:
        netlearn.read(main)
    assert caught.value.hint == "did you mean 'ff'?"
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_an_absent_file_is_an_error_only_when_it_is_needed(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.lib C:\\LTC\\standard.dio\n.include gone.inc\nR1 a b 1\n"})
    netlist = netlearn.read(main)
    assert names(netlist) == ["R1"]
    assert [error.message for error in netlist.missing.values()] == [
        "there is no file 'C:\\LTC\\standard.dio'",
        "there is no file 'gone.inc'",
    ]


def test_errors_in_included_files_tell_how_they_were_reached(tmp_path: Path) -> None:
    main = write(
        tmp_path, {"a.cir": "title\n.include b.inc\n", "b.inc": "\n.include c.inc\n", "c.inc": "R1 a b 1.2.3\n"}
    )
    with pytest.raises(NetlistError) as caught:
        netlearn.read(main)
    place = caught.value.place
    assert place is not None
    assert (Path(place.path).name, place.line) == ("c.inc", 1)
    assert [(Path(link.path).name, link.line) for link in place.chain] == [("a.cir", 2), ("b.inc", 2)]
    assert str(caught.value).count("reached from") == 2


def test_errors_of_several_files_are_told_together(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b\n.include c\n", "b": "? x\n? y\n", "c": "R1\n"})
    with pytest.raises(NetlearnErrors) as caught:
        netlearn.read(main)
    assert [(Path(error.place.path).name, error.place.line) for error in caught.value.errors if error.place] == [
        ("b", 1),
        ("b", 2),
        ("c", 1),
    ]


@pytest.mark.parametrize("name", ["../secret.inc", "{outside}", "link.inc", "linked/secret.inc"])
def test_nothing_outside_the_folder_is_read_unless_allowed(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "secret.inc"
    outside.write_text("R1 a b 1\n")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link.inc").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    main = write(folder, {"a.cir": f"title\n.include {name.format(outside=outside)}\n"})
    with pytest.raises(NetlistError, match="outside the netlist's folder") as caught:
        netlearn.read(main)
    assert f"--allow-include {tmp_path}" in caught.value.hint
    assert names(netlearn.read(main, allow=[tmp_path])) == ["R1"]


def test_a_netlist_in_a_string_reads_only_what_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, {"b.inc": "R1 a b 1\n"})
    text = f"title\n.include {tmp_path / 'b.inc'}\n"
    with pytest.raises(NetlistError, match="outside"):
        netlearn.parse(text)
    assert names(netlearn.parse(text, allow=[tmp_path])) == ["R1"]


@pytest.mark.parametrize(
    "line", [".include /dev/zero", ".include .", ".include /etc/\0x", ".include " + "a/" * 5000 + "b"]
)
def test_what_is_no_file_is_absent(tmp_path: Path, line: str) -> None:
    main = write(tmp_path, {"a.cir": f"title\n{line.replace(chr(0), '')}\n"})
    assert len(netlearn.read(main, allow=["/"]).missing) == 1


@pytest.mark.parametrize("first", [".include b", ".include c\n.include b", ".include b\n.include c\n.include d"])
def test_a_cycle_of_includes_is_named(tmp_path: Path, first: str) -> None:
    files = {"b": "R1 a b 1\n.include c\n", "c": "\n.include d\n", "d": ".include b\n"}
    main = write(tmp_path, {"a.cir": f"title\n{first}\n", **files})
    with pytest.raises(NetlistError) as caught:
        netlearn.read(main)
    assert "includes itself" in caught.value.message
    cycle = [Path(name).name for name in caught.value.message.split(": ")[1].split(" -> ")]
    assert cycle[0] == cycle[-1]
    assert "".join(cycle[:-1]) in "bcdbcd"
    assert len(cycle) == 4


def test_a_netlist_that_includes_itself_is_named(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include a.cir\n"})
    with pytest.raises(NetlistError, match="includes itself"):
        netlearn.read(main)


def test_an_endless_chain_of_includes_is_an_error(tmp_path: Path) -> None:
    files = {f"{i}.inc": f".include {i + 1}.inc\n" for i in range(1, 200)}
    main = write(tmp_path, {"a.cir": "title\n.include 1.inc\n", **files})
    with pytest.raises(NetlistError, match="too deeply"):
        netlearn.read(main)


def test_includes_that_multiply_are_an_error(tmp_path: Path) -> None:
    files = {f"{i}.inc": f".include {i + 1}.inc\n" * 2 for i in range(1, 40)}
    main = write(tmp_path, {"a.cir": "title\n.include 1.inc\n", **files, "40.inc": "R1 a b 1\n"})
    with pytest.raises(NetlistError, match="more than 10000 includes"):
        netlearn.read(main)


def test_one_file_may_be_included_along_several_ways(tmp_path: Path) -> None:
    main = write(
        tmp_path, {"a.cir": "title\n.include b\n.include b\n.include c\n", "b": ".include c\n", "c": "R1 a b 1"}
    )
    assert names(netlearn.read(main)) == ["R1", "R1", "R1"]
    assert len(list(netlearn.read(main).walk())) == 3


# Saving ----------------------------------------------------------------------------------------


def edited(netlist: Netlist, old: str, new: str) -> Netlist:
    edits = []
    for source in {part.source for part in netlist.walk()}:
        start = source.text.find(old)
        if start >= 0:
            edits.append((source, start, start + len(old), new))
    assert edits
    return netlist.edit(edits)


def files_below(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes().decode() for path in paths}


def test_an_edited_include_is_copied_and_the_lines_that_lead_to_it_name_the_copies(tmp_path: Path) -> None:
    before = {
        "a.cir": 'title\r\n.include "sub/b.inc" ; why\r\n.include other.inc\r\n.end\r\n',
        "sub/b.inc": "* b\n.include c.inc\n",
        "sub/c.inc": "R1 a b 1k ; one\n",
        "other.inc": "R2 a b 2\n",
    }
    for name, text in before.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    netlist = edited(netlearn.read(tmp_path / "a.cir"), "1k", "4.7k")
    written = netlist.save(tmp_path / "a.trained.cir")
    assert files_below(tmp_path) == {
        **before,
        "a.trained.cir": 'title\r\n.include "sub/b.trained.inc" ; why\r\n.include other.inc\r\n.end\r\n',
        "sub/b.trained.inc": "* b\n.include c.trained.inc\n",
        "sub/c.trained.inc": "R1 a b 4.7k ; one\n",
    }
    assert written[-1] == tmp_path / "a.trained.cir"
    again = netlearn.read(tmp_path / "a.trained.cir")
    assert names(again) == ["R1", "R2"]


def test_a_library_that_refers_to_itself_is_copied_with_its_references(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.lib models.lib tt\n", "models.lib": LIBRARY})
    edited(netlearn.read(main), "R3 a b 3", "R3 a b 33").save(tmp_path / "b.cir")
    assert (tmp_path / "b.cir").read_text() == "title\n.lib models.trained.lib tt\n"
    expected = LIBRARY.replace("R3 a b 3", "R3 a b 33").replace("'models.lib'", "'models.trained.lib'")
    assert (tmp_path / "models.trained.lib").read_text() == expected
    assert (tmp_path / "models.lib").read_text() == LIBRARY


def test_saved_elsewhere_a_netlist_still_finds_its_files(tmp_path: Path) -> None:
    text = "title\n.include b.inc\n.include c.inc\n"
    files = {"project/a.cir": text, "project/b.inc": "R1 a b 1\n", "project/c.inc": "R2 a b 2\n"}
    main = write(tmp_path, files)
    target = tmp_path / "out" / "a.cir"
    target.parent.mkdir()
    edited(netlearn.read(main), "R2 a b 2", "R2 a b 3").save(target)
    assert target.read_text() == "title\n.include ../project/b.inc\n.include ../project/c.trained.inc\n"
    assert names(netlearn.read(target, allow=[tmp_path])) == ["R1", "R2"]


def test_nothing_is_written_if_one_file_cannot_hold_an_edit(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\n", "b.inc": "R1 a b 1k\n"})
    main.write_bytes(b"title \xb5\n.include b.inc\nR2 a b 2k\n")
    netlist = edited(edited(netlearn.read(main), "1k", "3k"), "2k", "{Ω}")
    with pytest.raises(NetlistError, match="latin-1"):
        netlist.save(tmp_path / "new.cir")
    assert sorted(os.listdir(tmp_path)) == ["a.cir", "b.inc"]


def test_a_netlist_is_never_saved_over_what_it_includes(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\n.include b.trained.inc\n", "b.inc": "R1 a b 1k\n"})
    (tmp_path / "b.trained.inc").write_text("R2 a b 2\n")
    before = files_below(tmp_path)
    with pytest.raises(NetlistError, match="never written over"):
        netlearn.read(main).save(tmp_path / "b.inc")
    with pytest.raises(NetlistError, match="never written over"):
        edited(netlearn.read(main), "1k", "3k").save(tmp_path / "c.cir")
    assert files_below(tmp_path) == before


def test_an_include_may_stand_in_the_first_line(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": ".include b.inc\nR2 a b 2\n", "b.inc": "R1 a b 1k\n"})
    assert names(netlearn.read(main)) == ["R1", "R2"]


def test_a_netlist_without_edits_is_saved_byte_for_byte(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf* t\xc2\xb5\r\nR1 a b 1k  ; x\r\n\r\n.end\r\ntail"
    path = tmp_path / "a.cir"
    path.write_bytes(data)
    assert netlearn.read(path).save(tmp_path / "b.cir") == [tmp_path / "b.cir"]
    assert (tmp_path / "b.cir").read_bytes() == data
    assert sorted(os.listdir(tmp_path)) == ["a.cir", "b.cir"]
