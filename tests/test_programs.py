"""Programs of others end in time, with all that they have started, and with what started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netlearn.errors import OptionError
from netlearn.programs import run

ROOT = Path(__file__).resolve().parents[1]
SECONDS = f"98{os.getpid()}"
"""How long what is started here sleeps: by this it is known from what others test at the same time."""
SLEEPER = f"sleep {SECONDS}.5 & wait"


def script(folder: Path, text: str) -> list[str]:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def running(word: str) -> list[int]:
    """Processes with this word among their arguments, in the order of their numbers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in words:
                found.append(int(entry.name))
    return sorted(found)


def gone(word: str, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while running(word) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not running(word)


def test_output_and_status_are_those_of_the_program(tmp_path: Path) -> None:
    done = run(script(tmp_path, "pwd; echo \xff\xfe wrong >&2; cat; exit 3"), tmp_path, 60)
    assert done.said.splitlines()[0] == str(tmp_path)
    assert done.said.endswith(" wrong\n")
    assert (done.status, done.late, done.crash) == (3, False, "")
    assert run(["/bin/echo", "a b", "-c"], tmp_path, float("inf")).said == "a b -c\n"


def test_a_crash_is_told(tmp_path: Path) -> None:
    done = run(script(tmp_path, "kill -SEGV $$"), tmp_path, 60)
    assert (done.status, done.crash) == (-signal.SIGSEGV, "was ended by SIGSEGV")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc on this system")
def test_what_takes_too_long_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run(script(tmp_path, SLEEPER.replace(".5", ".25")), tmp_path, 0.5)
    assert done.late
    assert time.monotonic() - began < 20
    assert gone(f"{SECONDS}.25")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc on this system")
def test_so_does_what_a_program_leaves_behind(tmp_path: Path) -> None:
    assert run(script(tmp_path, f"sleep {SECONDS}.75 & exit 0"), tmp_path, 60).status == 0
    assert gone(f"{SECONDS}.75")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc on this system")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_who_started_it(number: signal.Signals, tmp_path: Path) -> None:
    words = script(tmp_path, SLEEPER)
    code = f"""
import signal
from pathlib import Path
from netlearn.programs import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
run({words}, Path({str(tmp_path)!r}), 600)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            while not running(f"{SECONDS}.5"):
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(number)
            process.wait(60)
        finally:
            process.kill()
    assert gone(f"{SECONDS}.5")


def test_what_is_no_program_and_what_is_no_time(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="'nothing/here' cannot be run"):
        run(["nothing/here"], tmp_path, 60)
    for timeout in (0.0, -1.0, float("nan")):
        with pytest.raises(OptionError, match="must be above 0 s"):
            run(["/bin/true"], tmp_path, timeout)
