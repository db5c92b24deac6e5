"""Loops that a process of its own compiles while array operations answer."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.solve.compiled import load
from netlearn.solve.internal import InternalSolver
from netlearn.solve.lockstep.lockstep import Lockstep

pytest.importorskip("numba")

from netlearn.solve.compiled import jit, meanwhile
from netlearn.solve.compiled.meanwhile import Compilation, compilation

ROOT = Path(__file__).resolve().parents[3]

# In place of the process that compiles: it notes that it was begun, and ends as the file "end" in the folder says.
STANDS_IN = """
import os, signal, sys, time
folder = os.path.join(os.environ["NUMBA_CACHE_DIR"], "here")
with open(os.path.join(folder, "begun"), "a") as file:
    file.write(f"{os.getcwd()} {sys.path} {sys.argv[1:]}\\n")
while not os.path.exists(os.path.join(folder, "end")):
    time.sleep(0.01)
exec(open(os.path.join(folder, "end")).read())
"""
MADE = "open(os.path.join(folder, f'whole-{NAME}'), 'w')"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(meanwhile, "PROCESS", STANDS_IN)
    monkeypatch.setattr(meanwhile, "LOOKS_EVERY", 0.0)
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def end(folder: Path, how: str) -> None:
    name = next(folder.glob("log-*")).name.removeprefix("log-")
    (folder / "end.new").write_text(how.replace("{NAME}", name))
    (folder / "end.new").replace(folder / "end")


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().splitlines() if (folder / "begun").exists() else []


def is_locked(folder: Path) -> bool:
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_one_process_compiles_for_all_that_want_it(folder: Path) -> None:
    first, second = Compilation(folder), Compilation(folder)
    assert not first.ready()
    assert not second.ready()
    assert first.going_on
    assert second.going_on
    until(lambda: begun(folder))
    for _ in range(20):
        assert not first.ready()
        assert not second.ready()
        assert not Compilation(folder).ready()
    assert len(begun(folder)) == 1
    end(folder, MADE)
    until(first.ready)
    assert second.ready()
    assert Compilation(folder).ready()
    until(lambda: not is_locked(folder))
    assert len(begun(folder)) == 1


def test_the_process_takes_nothing_from_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = folder / "strange"
    strange.mkdir()
    for name in ("numba", "importlib", "sitecustomize", "usercustomize"):
        (strange / f"{name}.py").write_text("raise SystemExit")
    monkeypatch.chdir(strange)
    monkeypatch.setattr(sys, "path", ["", ".", str(strange), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(strange))
    assert not Compilation(folder).ready()
    end(folder, MADE)
    until(Compilation(folder).ready)
    (said,) = begun(folder)
    assert said.startswith("/ ")
    assert str(strange) not in said
    assert str(Path(netlearn.__file__).parent) in said


def test_a_process_that_is_ended_is_begun_again_but_not_for_ever(folder: Path) -> None:
    wanting = Compilation(folder)
    wanting.ready()
    end(folder, "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.warns(UserWarning, match="cannot be compiled") as told:
        until(lambda: wanting.ready() or not wanting.going_on)
    assert "was ended, with status -9" in str(told[0].message)
    assert "python -m netlearn.ahead" in str(told[0].message)
    assert not wanting.ready()
    assert len(begun(folder)) == meanwhile.MOST_STARTS
    # Others are told, and do not try for a while.
    other = Compilation(folder)
    with pytest.warns(UserWarning, match="cannot be compiled"):
        assert not other.ready()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not other.ready()
    assert len(begun(folder)) == meanwhile.MOST_STARTS
    (failed,) = folder.glob("failed-*")
    os.utime(failed, (0, 0))
    end(folder, MADE)
    later = Compilation(folder)
    until(later.ready)
    assert len(begun(folder)) == meanwhile.MOST_STARTS + 1


def test_an_interrupted_process_has_not_failed(folder: Path) -> None:
    wanting = Compilation(folder)
    wanting.ready()
    end(folder, "signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGINT)")
    until(lambda: wanting.ready() or len(begun(folder)) > meanwhile.MOST_STARTS)
    assert wanting.going_on
    end(folder, MADE)
    until(wanting.ready)


def test_an_error_while_compiling_is_told_with_its_own_words(folder: Path) -> None:
    wanting = Compilation(folder)
    wanting.ready()
    end(folder, "raise RuntimeError('LLVM is out of order')")
    with pytest.warns(UserWarning, match=r"RuntimeError: LLVM is out of order\)"):
        until(lambda: wanting.ready() or not wanting.going_on)
    # What the user does about it by hand counts at once.
    wanting.finished()
    assert Compilation(folder).ready()
    assert not list(folder.glob("failed-*"))


@pytest.mark.parametrize("cause", ["locks", "python", "frozen", "processes"])
def test_what_no_process_can_do_is_left_to_this_one(cause: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    if cause == "locks":
        monkeypatch.setattr(fcntl, "flock", fails)
    elif cause == "python":
        monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    elif cause == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    else:
        monkeypatch.setattr(subprocess, "Popen", fails)
    assert Compilation(folder).ready()
    assert not begun(folder)


def test_the_environment_says_which_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETLEARN_COMPILE", "first")
    assert isinstance(compilation(), load.Here)
    monkeypatch.setenv("NETLEARN_COMPILE", "later")
    with pytest.raises(OptionError, match="NETLEARN_COMPILE is 'later'"):
        compilation()
    monkeypatch.setenv("NETLEARN_COMPILE", "meanwhile")
    monkeypatch.setattr(jit, "CACHE", str(tmp_path))
    assert isinstance(compilation(), Compilation)
    monkeypatch.setattr(jit, "CACHE", None)
    with pytest.warns(UserWarning, match="every process compiles them anew"):
        assert isinstance(compilation(), load.Here)


def test_machine_code_of_others_is_not_taken_for_ones_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of another numba, processor or version of the sources, say, which numba would not load."""
    Compilation(folder).finished()
    assert Compilation(folder).ready()
    monkeypatch.setattr("numba.__version__", "0.0")
    assert not Compilation(folder).ready()
    end(folder, MADE)
    until(Compilation(folder).ready)


def test_the_process_makes_what_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very process, which finds most of the machine code in a copy of the folder of these tests."""
    assert jit.CACHE is not None
    copy = tmp_path / Path(jit.CACHE).name
    shutil.copytree(jit.CACHE, copy)
    copy.chmod(0o700)
    for each in (*copy.glob("whole-*"), *copy.glob("failed-*")):
        each.unlink()
    wanting = Compilation(copy)
    assert not wanting.ready()
    until_made = time.monotonic() + 500
    while not wanting.ready():
        assert wanting.going_on, next(copy.glob("log-*")).read_text()
        assert time.monotonic() < until_made
        time.sleep(0.05)
    assert not list(copy.rglob("*.tmp.*"))


DIODES = """diodes
V1 a 0 1
R1 a c 1k
R2 c d 2k
R3 d 0 500
D1 c 0 dm
D2 0 d dm
.model dm d(is=1e-12)
"""


class Becoming:
    """Loops that come to be there after some questions."""

    going_on = True

    def __init__(self, after: int) -> None:
        self.left = after

    def ready(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_the_next_solution_is_by_loops_once_they_are_there() -> None:
    circuit = netlearn.elaborate(netlearn.parse(DIODES)).circuit
    g = next(g for g, group in enumerate(circuit.groups) if "v1" in list(group.names))
    circuit = circuit.with_values({(g, "dc"): np.linspace(-2, 2, 9)[:, None]})
    points = []
    way = Becoming(after=10**9)
    with load.compiled_by(way):
        for left in (10**9, 0):
            way.left = left
            points.append(InternalSolver().solve(circuit))
    by_loops = [isinstance(getattr(point.linearization, "together", None), Lockstep) for point in points]
    assert by_loops == [False, True]
    np.testing.assert_allclose(points[0].x, points[1].x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("after", [1, 2, 3, 8, 30])
def test_a_training_may_begin_by_arrays_and_end_by_loops(after: int) -> None:
    def train() -> netlearn.TrainResult:
        return netlearn.train(ROOT / "netlists" / "xor.cir", optimizer="sgd lr=0.05", epochs=6, rule="ep")

    expected = train()
    with load.compiled_by(Becoming(after)):
        assert load.being_compiled()
        found = train()
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-7)
    np.testing.assert_allclose(found.history.loss, expected.history.loss, rtol=1e-7)


def test_the_first_training_of_a_machine_waits_for_nothing_and_ctrl_c_ends_all(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    command = [sys.executable, "-m", "netlearn", "train", str(ROOT / "netlists" / "xor.cir"), "--epochs", "1"]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "trained.cir"), "-q"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NETLEARN_COMPILE": "meanwhile", "NUMBA_CACHE_DIR": str(cache)},
        stderr=subprocess.PIPE,
        text=True,
        # As a shell's jobs are.
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=300)
        assert (process.returncode, said) == (0, "")
        assert (tmp_path / "trained.cir").exists()
        (folder,) = cache.iterdir()
        assert not list(folder.glob("whole-*"))
        assert is_locked(folder)
    finally:
        os.killpg(process.pid, signal.SIGINT)
    until(lambda: not is_locked(folder))
    assert not list(folder.rglob("*.tmp.*"))
    assert not list(folder.glob("failed-*"))
