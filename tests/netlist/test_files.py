"""Files that a netlist includes: found, confined, and copied when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlearnErrors, NetlistError, OutputError
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


def mark(original: str, output: str) -> str:
    return f"* {original} with the values of {output}, written by netlearn\n"


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
        "a.trained.cir": 'title\r\n.include "a.trained.b.inc" ; why\r\n.include other.inc\r\n.end\r\n',
        "a.trained.b.inc": f"{mark('b.inc', 'a.trained.cir')}* b\n.include a.trained.c.inc\n",
        "a.trained.c.inc": f"{mark('c.inc', 'a.trained.cir')}R1 a b 4.7k ; one\n",
    }
    assert written[-1] == tmp_path / "a.trained.cir"
    again = netlearn.read(tmp_path / "a.trained.cir")
    assert names(again) == ["R1", "R2"]


def test_a_library_that_refers_to_itself_is_copied_with_its_references(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.lib models.lib tt\n", "models.lib": LIBRARY})
    edited(netlearn.read(main), "R3 a b 3", "R3 a b 33").save(tmp_path / "b.cir")
    assert (tmp_path / "b.cir").read_text() == "title\n.lib b.models.lib tt\n"
    expected = LIBRARY.replace("R3 a b 3", "R3 a b 33").replace("'models.lib'", "'b.models.lib'")
    assert (tmp_path / "b.models.lib").read_text() == mark("models.lib", "b.cir") + expected
    assert (tmp_path / "models.lib").read_text() == LIBRARY


def test_saved_elsewhere_a_netlist_still_finds_its_files(tmp_path: Path) -> None:
    text = "title\n.include b.inc\n.include c.inc\n"
    files = {"project/a.cir": text, "project/b.inc": "R1 a b 1\n", "project/c.inc": "R2 a b 2\n"}
    main = write(tmp_path, files)
    target = tmp_path / "out" / "a.cir"
    target.parent.mkdir()
    edited(netlearn.read(main), "R2 a b 2", "R2 a b 3").save(target)
    assert target.read_text() == "title\n.include ../project/b.inc\n.include a.c.inc\n"
    assert names(netlearn.read(target, allow=[tmp_path])) == ["R1", "R2"]


def test_nothing_is_written_if_one_file_cannot_hold_an_edit(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\n", "b.inc": "R1 a b 1k\n"})
    main.write_bytes(b"title \xb5\n.include b.inc\nR2 a b 2k\n")
    netlist = edited(edited(netlearn.read(main), "1k", "3k"), "2k", "{Ω}")
    with pytest.raises(NetlistError, match="latin-1"):
        netlist.save(tmp_path / "new.cir")
    assert sorted(os.listdir(tmp_path)) == ["a.cir", "b.inc"]


def test_a_netlist_is_never_saved_over_what_it_includes(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\n.include c.b.inc\n", "b.inc": "R1 a b 1k\n"})
    (tmp_path / "c.b.inc").write_text("R2 a b 2\n")
    before = files_below(tmp_path)
    with pytest.raises(OutputError, match="never written over"):
        netlearn.read(main).save(tmp_path / "b.inc")
    for force in (False, True):
        with pytest.raises(OutputError, match="never written over"):
            edited(netlearn.read(main), "1k", "3k").save(tmp_path / "c.cir", force=force)
    assert files_below(tmp_path) == before


def test_netlists_that_share_an_included_file_have_copies_of_their_own(tmp_path: Path) -> None:
    for name in ("first.cir", "second.cir"):
        write(tmp_path, {name: "title\n.include lib/common.inc\nR2 b 0 1k\n", "lib/common.inc": "R1 a b 1k\n"})
    values = {"first.cir": {"o": "2k", "p": "3k"}, "second.cir": {"q": "4k"}}
    for name, results in values.items():
        for stem, value in results.items():
            edited(netlearn.read(tmp_path / name), "R1 a b 1k", f"R1 a b {value}").save(tmp_path / f"{stem}.cir")
    for results in values.values():
        for stem, value in results.items():
            assert netlearn.read(tmp_path / f"{stem}.cir")["R1"].value == float(value[0]) * 1000
    assert netlearn.read(tmp_path / "first.cir")["R1"].value == 1000


def test_files_of_one_name_in_several_folders_become_several_copies(tmp_path: Path) -> None:
    files = {f"{folder}/m.inc": f"R{folder} a b 1k\n" for folder in "xyz"}
    main = write(tmp_path, {"a.cir": "title\n.include x/m.inc\n.include y/m.inc\n.include z/m.inc\n", **files})
    netlist = netlearn.read(main)
    netlist.update({"rx": 1, "ry": 2, "rz": 3})
    netlist.save(tmp_path / "m.cir")
    again = netlearn.read(tmp_path / "m.cir")
    assert [again[name].value for name in ("rx", "ry", "rz")] == [1, 2, 3]


def test_a_copy_takes_the_place_of_an_earlier_one_of_the_same_output_only(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\nR2 b 0 1k\n", "b.inc": "R1 a b 1k\n"})
    netlist = netlearn.read(main)
    for value in (2.0, 3.0):
        netlist["R1"].value = value
        netlist.save(tmp_path / "c.cir")
        assert netlearn.read(tmp_path / "c.cir")["R1"].value == value
    precious = tmp_path / "precious"
    precious.write_text("R1 a b 9\n")
    place = tmp_path / "d.b.inc"
    for make in (
        lambda: place.write_text("R1 a b 9\n"),
        lambda: place.write_text((tmp_path / "c.b.inc").read_text()),
        lambda: place.write_bytes(b"\0\xff"),
        lambda: place.symlink_to("precious"),
        lambda: place.symlink_to("missing"),
        place.mkdir,
    ):
        make()
        before = sorted(os.listdir(tmp_path))
        with pytest.raises(OutputError, match=r"'.*d.b.inc' is there already .* 'd.cir'\n  help: --force"):
            netlist.save(tmp_path / "d.cir")
        assert sorted(os.listdir(tmp_path)) == before
        if place.is_dir():
            break
        netlist.save(tmp_path / "d.cir", force=True)
        assert netlearn.read(tmp_path / "d.cir")["R1"].value == 3.0
        assert precious.read_text() == "R1 a b 9\n"
        place.unlink()
        (tmp_path / "d.cir").unlink()


def test_what_was_trained_can_be_trained_again_in_its_place(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\nR2 b 0 1k\n", "b.inc": "R1 a b 1k\n"})
    target = tmp_path / "c.cir"
    for value in (2.0, 3.0):
        netlist = netlearn.read(main if value == 2.0 else target)
        netlist["R1"].value = value
        netlist.save(target)
        assert (tmp_path / "c.b.inc").read_text() == f"{mark('b.inc', 'c.cir')}R1 a b {value:g}\n"
    netlist.save(tmp_path / "it's new.cir")
    netlist["R1"].value = 4.0
    netlist.save(tmp_path / "it's new.cir")
    assert netlearn.read(tmp_path / "it's new.cir")["R1"].value == 4.0
    assert (tmp_path / "it's new.b.inc").read_text() == f"{mark('b.inc', 'it' + chr(39) + 's new.cir')}R1 a b 4\n"
    assert netlearn.read(target)["R1"].value == 3.0


def test_a_copy_in_an_encoding_that_lacks_the_name_is_known_again(tmp_path: Path) -> None:
    main = write(tmp_path, {"a.cir": "title\n.include b.inc\nR2 b 0 1k\n"})
    (tmp_path / "b.inc").write_bytes(b"R1 a b 1k ; \xb5\n")
    netlist = netlearn.read(main)
    for value in (2.0, 3.0):
        netlist["R1"].value = value
        netlist.save(tmp_path / "条件.cir")
        assert netlearn.read(tmp_path / "条件.cir")["R1"].value == value


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
