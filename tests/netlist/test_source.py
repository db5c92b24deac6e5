"""Text from bytes and back, and places in it."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn.errors import NetlistError
from netlearn.netlist.source import Source

DECK = "* a µ title\r\nR1 a b 1k\nV1 a 0 1\r.end"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("latin-1", b""),
    ],
)
def test_every_encoding_is_read_and_written_back(encoding: str, mark: bytes) -> None:
    data = mark + DECK.encode(encoding)
    source = Source.decode("x.cir", data)
    assert source.text == DECK
    assert source.encode() == data


@given(st.binary(min_size=1, max_size=60))
@settings(deadline=None)
def test_bytes_are_written_back_or_refused(data: bytes) -> None:
    try:
        source = Source.decode("x.cir", data)
    except NetlistError:
        return
    assert source.encode() == data
    assert "\0" not in source.text


@pytest.mark.parametrize("data", [b"", b"  \n\r\n"])
def test_an_empty_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "empty.cir"
    path.write_bytes(data)
    with pytest.raises(NetlistError, match="the file is empty") as caught:
        Source.read(path)
    assert caught.value.place is not None
    assert caught.value.place.path == str(path)


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03", bytes(range(256)), b"title\nR1 a b\0 1k\n"]
)
def test_a_binary_file_is_refused(data: bytes) -> None:
    with pytest.raises(NetlistError, match="binary file"):
        Source.decode("x.cir", data)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetlistError, match="No such file"):
        Source.read(tmp_path / "absent.cir")
    with pytest.raises(NetlistError, match="directory"):
        Source.read(tmp_path)


def test_places_count_every_kind_of_line_end() -> None:
    source = Source("x.cir", DECK)
    place = source.place(DECK.index("V1"), DECK.index("V1") + 2)
    assert (place.line, place.column, place.length, place.text) == (3, 1, 2, "V1 a 0 1")
    assert source.place(DECK.index(".end")).line == 4
    assert source.place(len(DECK) + 5).line == 4


def test_a_place_is_underlined_to_the_end_of_its_line_at_most() -> None:
    source = Source("x.cir", DECK)
    start = DECK.index("b 1k")
    assert source.place(start, len(DECK)).length == len("b 1k")


def test_edits_replace_stretches_and_may_not_overlap() -> None:
    source = Source("x.cir", "abcdef")
    assert source.spliced([(4, 5, "E"), (0, 2, "")]).text == "cdEf"
    with pytest.raises(ValueError, match="overlap"):
        source.spliced([(0, 3, "x"), (2, 4, "y")])


def test_a_character_that_the_encoding_lacks_is_placed() -> None:
    source = Source("x.cir", "title\nR1 a b 1Ω", "latin-1")
    with pytest.raises(NetlistError, match="latin-1") as caught:
        source.encode()
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (2, 9)
