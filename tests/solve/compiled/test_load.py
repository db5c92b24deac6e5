"""A numba that is installed but does not load: said once, and array operations take its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def train(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "netlearn", "train", str(ROOT / "netlists" / "xor.cir"), "--epochs", "1", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder / 'broken'}{os.pathsep}{ROOT}"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise ImportError('Numba needs NumPy 1.26 or less')", "ImportError: Numba needs NumPy 1.26 or less"),
        ("raise OSError('libllvmlite.so: no such file')", "OSError: libllvmlite.so: no such file"),
        ("import a_part_of_numba", "ModuleNotFoundError: No module named 'a_part_of_numba'"),
        ("", "ModuleNotFoundError: No module named 'numba.core'"),
    ],
)
def test_a_numba_that_does_not_load_is_told_and_done_without(fault: str, said: str, tmp_path: Path) -> None:
    # What lies in the working folder itself is never imported.
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "numba.py").write_text(fault + "\n")
    done = train(tmp_path, "-o", "trained.cir")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "trained.cir").exists()
    assert done.stderr.count("warning: numba does not load, so that the slower array operations take its place") == 1
    assert said in " ".join(done.stderr.split())


def test_where_nothing_may_be_compiled_arrays_do_the_work(tmp_path: Path) -> None:
    done = train(tmp_path, "-o", "trained.cir", NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    assert "numba" not in done.stderr
    assert (tmp_path / "trained.cir").exists()


def test_a_variable_that_names_no_way_to_compile_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    done = train(tmp_path, "-o", "trained.cir", NETLEARN_COMPILE="later")
    assert done.returncode == 2
    assert "error: NETLEARN_COMPILE is 'later'" in done.stderr
    assert "help: it can be meanwhile or first" in done.stderr
    assert not (tmp_path / "trained.cir").exists()


@pytest.mark.parametrize("count", ["0", "-3", "abc", "1.5"])
def test_a_variable_that_names_no_number_of_threads_is_refused(count: str, tmp_path: Path) -> None:
    done = train(tmp_path, "-o", "trained.cir", NETLEARN_THREADS=count)
    assert done.returncode == 2
    assert f"error: NETLEARN_THREADS is '{count}', which is not a number of threads" in done.stderr
    assert not (tmp_path / "trained.cir").exists()
