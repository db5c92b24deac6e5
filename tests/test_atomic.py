"""Files are written whole or not at all, and nothing else that stands in the way is hurt."""

from __future__ import annotations

import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netlearn.atomic import check_output, replacing, write_atomically, write_together
from netlearn.errors import OutputError

NEW = b"new content\n" * 1000


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Lists what is in the working folder, hidden files too."""
    monkeypatch.chdir(tmp_path)
    return lambda: sorted(os.listdir(tmp_path))


@pytest.fixture(params=["without a name", "hidden"])
def kind(request, monkeypatch):
    """Both kinds of temporary files."""
    if request.param == "hidden":
        monkeypatch.delattr(os, "O_TMPFILE")
    return request.param


def test_a_new_file_has_the_mode_of_any_other(names, kind):
    before = os.umask(0o027)
    try:
        write_atomically("a", NEW)
    finally:
        os.umask(before)
    assert Path("a").read_bytes() == NEW
    assert stat.S_IMODE(Path("a").stat().st_mode) == 0o640
    assert names() == ["a"]


def test_mode_and_owner_of_a_file_are_kept(names, kind):
    Path("a").write_bytes(b"old")
    Path("a").chmod(0o604)
    if os.geteuid() == 0:
        os.chown("a", 12345, 23456)
    owner = Path("a").stat()
    write_atomically("a", NEW)
    found = Path("a").stat()
    assert Path("a").read_bytes() == NEW
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o604, owner.st_uid, owner.st_gid)
    assert names() == ["a"]


def test_a_file_of_someone_else_is_written_into(names, kind, monkeypatch):
    """As only the administrator may give files away."""

    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    Path("a").write_bytes(NEW + NEW)
    if os.geteuid() != 0:
        pytest.skip("only the administrator has files of others")
    os.chown("a", 12345, 23456)
    inode = Path("a").stat().st_ino
    monkeypatch.setattr(os, "fchown", refused)
    write_atomically("a", NEW)
    assert Path("a").read_bytes() == NEW
    assert (Path("a").stat().st_ino, Path("a").stat().st_uid) == (inode, 12345)
    assert names() == ["a"]


def test_a_link_that_was_named_is_followed(names, tmp_path):
    Path("folder").mkdir()
    Path("link").symlink_to("folder/target")
    for content in (b"first", b"second"):
        write_atomically("link", content)
        assert Path("folder/target").read_bytes() == content
        assert Path("link").is_symlink()
    assert os.listdir("folder") == ["target"]


def test_one_that_was_not_named_is_replaced_or_refused(names, tmp_path):
    Path("work").mkdir()
    Path("precious").write_text("precious")
    Path("work/target").write_text("target")
    Path("work/out").symlink_to("../precious")
    Path("work/dangling").symlink_to(tmp_path / "missing")
    for name in ("work/out", "work/dangling"):
        for use in (check_output, lambda path, follow: write_atomically(path, NEW, follow=follow)):
            with pytest.raises(OutputError, match="leads out of its folder"):
                use(name, follow=False)
    Path("work/in").symlink_to("target")
    Path("work/loop").symlink_to("loop")
    for name in ("work/in", "work/loop"):
        check_output(name, follow=False)
        write_atomically(name, NEW, follow=False)
        assert not Path(name).is_symlink()
        assert Path(name).read_bytes() == NEW
    assert Path("precious").read_text() == "precious"
    assert Path("work/target").read_text() == "target"
    assert not Path("missing").exists()


def test_pipes_are_written_to(names):
    os.mkfifo("pipe")
    heard = []
    reader = threading.Thread(target=lambda: heard.append(Path("pipe").read_bytes()))
    reader.start()
    check_output("pipe")
    write_atomically("pipe", NEW)
    reader.join(10)
    assert heard == [NEW]
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)
    assert names() == ["pipe"]


@pytest.fixture
def devices(names):
    """A device that takes everything and one that is full; the administrator's own, which no mistake can do harm to."""
    if os.geteuid() != 0:
        return Path("/dev/null"), Path("/dev/full")
    for name, minor in (("null", 3), ("full", 7)):
        os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    try:
        Path("null").write_bytes(b"")
    except OSError:
        pytest.skip("devices cannot be used in this folder")
    return Path("null"), Path("full")


def test_devices_are_written_to(devices):
    null, full = devices
    Path("link").symlink_to(null)
    for path in (null, "link"):
        check_output(path)
        write_atomically(path, NEW)
    assert stat.S_ISCHR(os.stat(null).st_mode)
    assert Path("link").is_symlink()
    with pytest.raises(OutputError, match=r"full': No space left on device\n  help: make room"):
        write_atomically(full, NEW)
    os.mkfifo("pipe")
    with pytest.raises(OutputError, match="not a plain file"):
        check_output("pipe", follow=False)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to", ["file", "pipe"])
def test_the_standard_output_goes_on_where_it_is(name, to, names):
    code = "import os; from netlearn.atomic import write_atomically; os.write(1, b'a')"
    code += f"; write_atomically({name!r}, b'b'); os.write(1, b'c')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    if to == "pipe":
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, env=environment)
        assert done.stdout == b"abc"
    else:
        with open("out", "wb") as out:
            subprocess.run([sys.executable, "-c", code], stdout=out, check=True, env=environment)
        assert Path("out").read_bytes() == b"abc"


def test_what_is_no_file_is_refused(names):
    Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")
    Path("loop").symlink_to("loop")
    Path("file").write_text("file")
    for name, message in {
        "folder": "is a folder",
        ".": "is a folder",
        "socket": "not a plain file",
        "loop": "Too many levels of symbolic links",
        "n" * 300: "File name too long",
        "missing/out": "there is no folder 'missing'",
        "file/out": "there is no folder 'file'|Not a directory",
    }.items():
        with pytest.raises(OutputError, match=message):
            check_output(name)
        with pytest.raises(OutputError, match=message):
            write_atomically(name, NEW)
    assert names() == ["file", "folder", "loop", "socket"]


def test_long_names_in_any_script_are_written(names, kind):
    for name in ("n" * 255, "条" * 85, b"\xff\xfe".decode("utf-8", "surrogateescape")):
        check_output(name)
        write_atomically(name, NEW)
        assert Path(name).read_bytes() == NEW


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write anywhere")
def test_what_is_protected_stays(names):
    Path("file").write_text("old")
    Path("file").chmod(0o444)
    with pytest.raises(OutputError, match="Permission denied"):
        check_output("file")
    with pytest.raises(OutputError, match="Permission denied"):
        write_atomically("file", NEW)
    assert Path("file").read_text() == "old"


def test_a_full_disk_leaves_what_was_there(names, kind):
    Path("a").write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        for name in ("a", "b"):
            with pytest.raises(OutputError, match="File too large"):
                check_output(name, size=1000)
            with pytest.raises(OutputError, match="File too large"):
                write_atomically(name, NEW)
            with pytest.raises(OutputError, match="File too large"), replacing(name) as temporary:
                temporary.write_bytes(NEW)
        check_output("a", size=50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Path("a").read_bytes() == b"old"
    assert names() == ["a"]


def test_of_several_files_none_is_written_unless_all_can_be(names, kind):
    Path("a").write_bytes(b"old")
    with pytest.raises(OutputError, match="no folder"):
        write_together([("a", NEW, True), ("missing/b", NEW, True)])
    assert Path("a").read_bytes() == b"old"
    assert names() == ["a"]
    write_together([("a", NEW, True), ("b", b"other", True)])
    assert (Path("a").read_bytes(), Path("b").read_bytes()) == (NEW, b"other")
    assert names() == ["a", "b"]


def failing(path, error):
    path.write_bytes(NEW)
    raise error


def test_an_error_while_a_file_is_made_leaves_nothing(names, kind):
    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error), replacing("a") as temporary:
            failing(temporary, error)
    assert names() == []
    with replacing("a") as temporary:
        temporary.write_bytes(NEW)
    assert Path("a").read_bytes() == NEW
    assert names() == ["a"]


def test_nothing_is_left_by_a_process_that_is_killed_while_it_writes(names):
    code = """
import os, signal
from netlearn.atomic import replacing
with replacing("a") as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=False, env=environment)
    if not hasattr(os, "O_TMPFILE"):
        pytest.skip("there are no files without names on this system")
    assert names() == []
