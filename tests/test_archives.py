"""Archives of arrays that are not what they say: known from their headers, in words, and without their memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlearn import memory
from netlearn.archives import BadArchive, load_arrays, opened
from netlearn.errors import DataError
from netlearn.learn.files import read_table, table_chunks


def npy(shape: object, descr: object = "<f8", data: bytes = b"", order: bool = False) -> bytes:
    """An array whose header says whatever it is to say."""
    text = repr({"descr": descr, "fortran_order": order, "shape": shape}).encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_arrays_are_those_of_numpy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "a": rng.normal(size=(5, 3)),
        "f": np.asfortranarray(rng.normal(size=(4, 3, 2))),
        "u": np.array(["x", "ÿ y", ""]),
        "none": np.zeros((0, 3)),
        "one": np.array("text"),
        "b": np.array([True, False]),
        "i": np.arange(3, dtype=">i2"),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        loaded = load_arrays(tmp_path / "a.npz")
        assert loaded.keys() == arrays.keys()
        for name, value in arrays.items():
            np.testing.assert_array_equal(loaded[name], value, strict=True)
            assert loaded[name].flags.writeable
    with opened(tmp_path / "a.npz") as members:
        parts = [members["f"].next(3), members["f"].next(3), members["f"].next(3)]
    np.testing.assert_array_equal(np.concatenate(parts), arrays["f"])


def encrypted(path: Path) -> Path:
    """What zip -e writes has a flag in both of a member's headers."""
    data = bytearray(archive(path, {"V1.npy": npy((1,), data=bytes(8))}).read_bytes())
    for head, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(head) + at] |= 1
    path.write_bytes(data)
    return path


def twice(path: Path) -> Path:
    # Of the same length, so that no other place is to be changed.
    archive(path, {name: npy((1,), data=bytes(8)) for name in ("V1.npy", "V2.npy")})
    path.write_bytes(path.read_bytes().replace(b"V2.npy", b"V1.npy"))
    return path


def cut(path: Path) -> Path:
    path.write_bytes(archive(path, {"V1.npy": npy((1,), data=bytes(8))}).read_bytes()[:60])
    return path


def of(**members: bytes) -> Callable[[Path], Path]:
    return lambda path: archive(path, {f"{name}.npy": data for name, data in members.items()})


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "encrypted": (encrypted, "'V1.npy' is encrypted"),
    "huge": (of(V1=npy((10**15,))), r"'V1' has the shape \(1000000000000000,\) of float64, and 0 bytes for it"),
    "overflowing": (of(V1=npy((2**62, 2**62))), "and 0 bytes for it"),
    "negative": (of(V1=npy((-1,))), r"has the shape \(-1,\)"),
    "of nothing": (of(V1=npy((10**12,), "<U0")), r"has the shape \(1000000000000,\)"),
    "too short": (of(V1=npy((3,), data=bytes(23))), "and 23 bytes for it"),
    "too long": (of(V1=npy((3,), data=bytes(25))), "and 25 bytes for it"),
    "of objects": (of(V1=npy((1,), "|O", b"cos\nsystem\n(S'id'\ntR.")), "holds objects, which could run commands"),
    "no shape": (of(V1=npy("x")), "cannot be read: shape is not valid"),
    "no header": (of(V1=b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((("), "cannot be read"),
    "other format": (of(V1=b"\x93NUMPY\x07\x00\x10\x00"), "is an array of the format 7.0"),
    "no array": (lambda path: archive(path, {"readme": b"hello"}), "'readme' is not an array"),
    "twice": (twice, "'V1' is there twice"),
    "no archive": (cut, "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_archive_is_said(kind: str, tmp_path: Path) -> None:
    make, said = BAD[kind]
    path = make(tmp_path / "d.npz")
    with pytest.raises(BadArchive, match=said):
        load_arrays(path)
    for read in (lambda: read_table(path), lambda: list(table_chunks(path, 100))):
        with pytest.raises(DataError, match=r"d.npz' is not a .npz archive of plain arrays"):
            read()


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MB of zeros in 64 kB stand for any size: what counts is that none of it is read."""
    rows = 1 << 23
    path = archive(tmp_path / "d.npz", {"V1.npy": npy((rows,), data=bytes(8 * rows))})
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(memory, "installed", lambda: 1 << 27)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"holds 67.1 MB, and at most 33.6 MB are read at once on this machine"):
        read_table(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    # A part at a time it may be read.
    part = next(table_chunks(path, 1000))
    assert len(part) == 1000
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_of_bytes_is_more_than_an_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, V1=np.arange(3.0), y=np.array(["a", "b", "a"]))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("bad") / "d.npz"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        arrays = load_arrays(path)
    except BadArchive:
        return
    # What is not noticed is at most a name: numbers have check sums.
    for found in arrays.values():
        assert found.tolist() in ([0.0, 1.0, 2.0], ["a", "b", "a"])


def test_sizes_in_words() -> None:
    assert [memory.in_words(size) for size in (12, 2_000, 3_456_789, 6_400_000_000)] == [
        "12 bytes",
        "2 kB",
        "3.46 MB",
        "6.4 GB",
    ]
    assert memory.in_words(10**30) == "1.000e+21 GB"
    assert memory.most() > 1 << 24
