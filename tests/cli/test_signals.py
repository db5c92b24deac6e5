"""Ctrl-C, SIGTERM and SIGHUP end a command at any moment: in a line, with the exit code 130, and with nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from netlearn.interrupts import shielded
from netlearn.learn.checkpoint import is_checkpoint

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command in a process of its own, which does not outlive the test."""
    started = []

    def start(*words: object, code: str = "", environment: Mapping[str, str] = ENVIRONMENT) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{code}\nfrom netlearn.cli import run; run()", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


SAVING = "import netlearn.keeping; netlearn.keeping.SAVE_EVERY = 0.1"


def until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def loaded(process: subprocess.Popen[str], name: str) -> Callable[[], bool]:
    """Whether a library is there, by which the moment in the life of the process is known."""

    def found() -> bool:
        try:
            return name in Path(f"/proc/{process.pid}/maps").read_text()
        except OSError:
            return False

    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc on this system")


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["_multiarray_umath", "_flapack"])
def test_imports_are_ended_in_a_line(moment: str, number: signal.Signals, divider: Path, start: Start) -> None:
    process = start("train", divider, "--epochs", 10**6)
    until(process, loaded(process, moment))
    process.send_signal(number)
    said, wrong = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, ""), wrong
    assert wrong == "interrupted\n" or "--resume" in wrong


@needs_proc
def test_so_is_compiling(divider: Path, start: Start, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    divider.write_text(divider.read_text().replace("R1 in  out 1k", "R1 in a 1k\nD1 a out dm\n.model dm d"))
    process = start("train", divider, environment=ENVIRONMENT | {"NUMBA_CACHE_DIR": str(cache)})
    until(process, lambda: any(cache.rglob("*.nbi")))
    process.send_signal(signal.SIGINT)
    said, wrong = process.communicate(timeout=500)
    assert (process.returncode, said) == (130, ""), wrong
    assert "Traceback" not in wrong


def test_so_is_compiling_while_llvm_calls_python(divider: Path, start: Start, tmp_path: Path) -> None:
    """There an exception is lost, and numba misses what was to be done: an error of its own may be what is left."""
    divider.write_text(divider.read_text().replace("R1 in  out 1k", "R1 in a 1k\nD1 a out dm\n.model dm d"))
    code = """
import os, signal
import netlearn.interrupts
netlearn.interrupts._raise_again = lambda unraisable: None
from netlearn.solve.compiled import jit
from numba.core.codegen import CPUCodeLibrary
hook = CPUCodeLibrary._object_compiled_hook.__func__
def interrupted(*words):
    os.kill(os.getpid(), signal.SIGTERM)
    return hook(*words)
CPUCodeLibrary._object_compiled_hook = classmethod(interrupted)
"""
    process = start("eval", divider, code=code, environment=ENVIRONMENT | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")})
    said, wrong = process.communicate(timeout=500)
    assert (process.returncode, said, wrong) == (130, "", "interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_training_is_ended_with_a_checkpoint_from_which_it_goes_on(
    number: signal.Signals, divider: Path, start: Start
) -> None:
    kept = divider.with_name("divider.trained.checkpoint.npz")
    process = start("train", divider, "--epochs", 10**6, code=SAVING)
    until(process, kept.exists)
    process.send_signal(number)
    _, wrong = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in wrong
    assert wrong.count("\n") == 2
    assert is_checkpoint(kept)
    assert sorted(path.name for path in divider.parent.iterdir()) == ["data.csv", "divider.cir", kept.name]


def test_once_more_changes_nothing(divider: Path, start: Start) -> None:
    """As many signals as there is time for, of all three kinds."""
    kept = divider.with_name("divider.trained.checkpoint.npz")
    process = start("train", divider, "--epochs", 10**6, code=SAVING)
    until(process, kept.exists)
    deadline = time.monotonic() + 60
    while process.poll() is None:
        assert time.monotonic() < deadline
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
            time.sleep(0.005)
    _, wrong = process.communicate(timeout=60)
    assert process.returncode == 130, wrong
    assert "Traceback" not in wrong
    assert is_checkpoint(kept)


def test_who_is_not_to_hear_a_hangup_does_not(divider: Path, start: Start) -> None:
    """As under nohup."""
    kept = divider.with_name("divider.trained.checkpoint.npz")
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    process = start("train", divider, "--epochs", 300, code=f"{code}\n{SAVING}")
    until(process, kept.exists)
    process.send_signal(signal.SIGHUP)
    said, wrong = process.communicate(timeout=120)
    assert (process.returncode, wrong) == (0, "")
    assert "written" in said


def test_an_interruption_that_nobody_heard_comes_again(start: Start) -> None:
    code = """
import ctypes, signal, time
from netlearn.interrupts import interrupt_on_signals
interrupt_on_signals()
callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))
try:
    callback()
    print("not heard", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    print("heard")
"""
    said, wrong = start(code=f"{code}\nraise SystemExit").communicate(timeout=20)
    assert (said, wrong) == ("not heard\nheard\n", "")


@pytest.mark.parametrize(("words", "lines"), [(("train", "--epochs", "1000"), 2), (("eval",), 1)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_library_makes_of_an_interruption_is_one(
    words: tuple[str, ...], lines: int, number: signal.Signals, divider: Path, start: Start
) -> None:
    """Comparing structured arrays, numpy said "Cannot compare structured arrays", found by ``benchmarks/kills.py``."""
    code = f"""
import signal
from netlearn.solve.internal import InternalSolver
solve, calls = InternalSolver.solve, iter(range(10**9))
def interrupted(*given):
    if next(calls) == {40 if words[0] == "train" else 0}:
        try:
            signal.raise_signal({int(number)})
        except KeyboardInterrupt:
            raise TypeError("Cannot compare structured arrays") from None
    return solve(*given)
InternalSolver.solve = interrupted
"""
    process = start(*words, divider, code=code)
    said, wrong = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, ""), wrong
    assert wrong.count("\n") == lines
    assert wrong.startswith("interrupted")


def test_what_must_be_whole_is_finished_first() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        save(done)
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def save(done: list[str]) -> None:
    with shielded():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("whole")


@pytest.mark.parametrize("words", [("op",), ("eval", "--csv"), ("train", "--json")])
def test_an_output_that_is_full_is_said(words: tuple[str, ...], divider: Path) -> None:
    name, *options = words
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "netlearn", name, str(divider), *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_is_no_mistake(divider: Path) -> None:
    command = f"{sys.executable} -m netlearn eval {divider} | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, env=ENVIRONMENT, check=False)
    assert done.stderr == b""


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_library_is_not_imported_by_half(number: signal.Signals, tmp_path: Path) -> None:
    """Else what it lacks is missed by what is done before the process ends."""
    (tmp_path / "library.py").write_text(
        f"import os\nos.kill(os.getpid(), {int(number)})\nimport library_part\nwhole = True\n"
    )
    (tmp_path / "library_part.py").write_text("")
    code = """
import sys
from netlearn.interrupts import interrupt_on_signals, whole_import
interrupt_on_signals()
sys.path.insert(0, sys.argv[1])
try:
    whole_import("library")
except KeyboardInterrupt:
    print("interrupted", sys.modules["library"].whole, whole_import("library").whole)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted True True\n", "")
