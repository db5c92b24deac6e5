"""Workers may be killed, run out of memory or fail; and none outlives what started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlearn.errors import DataError
from netlearn.workers import Lost, results_of

ROOT = Path(__file__).resolve().parents[1]


def square(number: int) -> int:
    return number * number


def killed_at(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


class KilledOnce:
    """Killed at each odd number, the first time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> int:
        mark = self.folder / str(number)
        if number % 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number


@pytest.fixture
def strangers() -> set[int]:
    """This process's children that other tests, or the libraries in them, have left."""
    return set(children(os.getpid()))


def test_each_result_comes_with_its_number() -> None:
    for processes in (1, 2, 3, 20, None):
        found = dict(results_of(square, range(10), processes))
        assert found == {k: k * k for k in range(10)}
    assert dict(results_of(square, [], 2)) == {}


def test_results_come_as_they_are_ready() -> None:
    waits = [1.0, 0.0, 0.0, 0.0]
    order = [number for number, _ in results_of(time.sleep, waits, 2)]
    assert order[-1] == 0


def test_what_kills_its_process_twice_is_lost_and_nothing_else(tmp_path: Path) -> None:
    found = dict(results_of(killed_at, range(6), 2))
    assert found.pop(3) == Lost("was ended by SIGKILL")
    assert found == {k: k * k for k in (0, 1, 2, 4, 5)}
    assert str(Lost("was ended by SIGKILL")) == "its process was ended by SIGKILL, 2 times"
    assert dict(results_of(KilledOnce(tmp_path), range(8), 3)) == {k: k * k for k in range(8)}


@pytest.mark.parametrize("leave", [sys.exit, os._exit])
def test_so_is_what_ends_it_in_another_way(leave: object) -> None:
    assert dict(results_of(leave, [3, 3], 2)) == dict.fromkeys((0, 1), Lost("ended with status 3"))  # type: ignore[arg-type]


def out_of_memory(number: int) -> int:
    if number == 1:
        raise MemoryError
    return number


def test_so_is_what_needs_too_much_memory() -> None:
    assert dict(results_of(out_of_memory, range(3), 2)) == {0: 0, 1: Lost("ran out of memory"), 2: 2}


def failing(number: int) -> int:
    if number == 2:
        raise DataError("what is wrong")
    return number


def test_errors_are_raised_here(strangers: set[int]) -> None:
    for processes in (1, 2):
        with pytest.raises(DataError, match="what is wrong"):
            list(results_of(failing, range(5), processes))
    assert set(children(os.getpid())) <= strangers


def unpicklable(number: int) -> object:
    return lambda: number


def test_what_cannot_be_sent_is_an_error_too() -> None:
    with pytest.raises(RuntimeError, match="cannot be given back"):
        list(results_of(unpicklable, range(2), 2))


def test_who_stops_listening_leaves_nobody_behind(strangers: set[int]) -> None:
    for _ in results_of(time.sleep, [0.0, 60.0, 60.0], 2):
        break
    assert set(children(os.getpid())) <= strangers


def children(parent: int) -> list[int]:
    """Processes whose parent is this one, zombies too."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with two workers that hang in compiled code."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from netlearn.interrupts import interrupt_on_signals\n"
        "from netlearn.workers import results_of\n"
        "def work(k):\n"
        "    os.write(1, b'%d\\n' % k)  # one write: lines of two workers do not mix\n"
        "    sum(x * x for x in range(10**12))\n"
        "if __name__ == '__main__':\n"
        "    interrupt_on_signals()\n"
        "    list(results_of(work, range(4), 2))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(program)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc on this system")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_worker_outlives_its_parent(number: signal.Signals, parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    assert {parent.stdout.readline(), parent.stdout.readline()} == {"0\n", "1\n"}
    workers = children(parent.pid)
    assert len(workers) == 2
    parent.send_signal(number)
    parent.wait(20)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_do_not_hear_what_the_terminal_sends_to_all(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    parent.stdout.readline(), parent.stdout.readline()
    workers = children(parent.pid)
    for worker in workers:
        os.kill(worker, signal.SIGINT)
    time.sleep(0.5)
    assert children(parent.pid) == workers
