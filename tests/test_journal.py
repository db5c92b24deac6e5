"""Files of finished pieces: they survive being cut off, full disks and foreign content."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from netlearn.errors import OptionError, OutputError
from netlearn.journal import Journal

ROOT = Path(__file__).resolve().parents[1]


def journal(path: Path) -> Journal[int]:
    return Journal(path, "a number", '{"number": ', lambda k: json.dumps({"number": k}), lambda entry: entry["number"])


def test_what_is_added_is_there(tmp_path: Path) -> None:
    path = tmp_path / "j"
    assert journal(path).entries() == []
    for numbers in ((1, 2), (), (3,)):
        kept = journal(path)
        with kept.opened():
            for number in numbers:
                kept.add(number)
                assert journal(path).entries()[-1] == number
    assert journal(path).entries() == [1, 2, 3]


def test_no_empty_file_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), journal(tmp_path / "j").opened():
        raise KeyboardInterrupt
    assert not (tmp_path / "j").exists()


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "folder"])
def test_what_has_no_end_is_not_read(name: str, tmp_path: Path) -> None:
    """A device would fill the memory, and a pipe be waited for."""
    path = tmp_path / name
    if name == "pipe":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(OutputError, match="is not a file that can be read again"):
        journal(path).entries()


def test_cut_off_at_any_byte_the_whole_lines_count(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = b'{"number": 12}\n{"number": 34}\n{"number": 56}\n'
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        expected = [12, 34, 56][: whole[:length].count(b"\n")]
        # A last line that lacks nothing but its end may be whole or not.
        found = journal(path).entries()
        assert found in (expected, [12, 34, 56][: len(expected) + 1])
        kept = journal(path)
        with kept.opened():
            kept.add(78)
        assert journal(path).entries() in ([*expected, 78], [*found, 78])


@pytest.mark.parametrize(
    "content",
    [
        b"precious",
        b"precious\n",
        b'{"number": 1}\nprecious\n',
        b'{"number": 1}\nprecious',
        b'{"name": "x"',
        b'{"number": 1}{"number": 2}\n',
        b"\xff\xfe\n",
        b"[" * 100_000,
        b"1\n",
        b"null\n",
    ],
)
def test_what_is_something_else_is_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(content)
    with pytest.raises(OptionError, match="is not a number"):
        journal(path).entries()
    with pytest.raises(OptionError, match="is not a number"), journal(path).opened():
        pass
    assert path.read_bytes() == content


def test_a_line_without_its_end_only_is_not_run_into_the_next(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"number": 1}\n{"number": 2}')
    kept = journal(path)
    with kept.opened():
        kept.add(3)
    assert journal(path).entries() == [1, 2, 3]


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with journal(path).opened(), pytest.raises(OutputError, match="another process is writing"), journal(path).opened():
        pass


@pytest.mark.parametrize("name", ["folder", "missing/j", "pipe", "n" * 300])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(OutputError), journal(Path(name)).opened():
        pass


def test_where_there_is_no_room_entries_wait_until_there_is(tmp_path: Path) -> None:
    path = tmp_path / "j"
    kept = journal(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with kept.opened():
        kept.add(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limits[1]))
        try:
            with pytest.warns(UserWarning, match="cannot be written now"):
                kept.add(2)
            assert journal(path).entries() == [1]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        kept.add(3)
    assert journal(path).entries() == [1, 2, 3]


def test_what_never_finds_room_is_said(tmp_path: Path) -> None:
    path = tmp_path / "j"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.warns(UserWarning, match="1 lines are missing"):
            without_room(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal(path).entries() == [1]


def without_room(path: Path) -> None:
    kept = journal(path)
    with kept.opened():
        kept.add(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, -1))
        kept.add(2)


def test_a_process_that_is_killed_leaves_whole_lines(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\nfrom tests.test_journal import journal\n"
        "kept = journal(Path(sys.argv[1]))\n"
        "with kept.opened():\n"
        "    for k in range(10**9):\n"
        "        kept.add(k)\n"
        "        print(k, flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", program, str(tmp_path / "j"), str(ROOT)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for _ in range(20):
            last = int(process.stdout.readline())
        process.kill()
    found = journal(tmp_path / "j").entries()
    assert found == list(range(len(found)))
    assert len(found) > last
