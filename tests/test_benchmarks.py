"""A small part of what the long scripts in ``benchmarks/`` do: kills at random moments, and damaged input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*words: str) -> str:
    """What a script says, which must find nothing."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc on this system")
def test_kills_at_random_moments_lose_nothing_and_leave_nothing() -> None:
    said = run("benchmarks/kills.py", "--kills", "3", "--seed", "4", "--works", "batches", "compare", "calibrate")
    assert "0 wrong" in said


@pytest.mark.parametrize(("what", "times"), [("files", 25), ("data", 300), ("directives", 40)])
def test_damaged_input_is_an_error_in_words(what: str, times: int) -> None:
    assert f"{times} tried, nothing found" in run("benchmarks/fuzz.py", what, "--times", str(times), "--seed", "1")


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_random_expressions_have_the_values_that_ngspice_gives_them() -> None:
    assert "2 tried, nothing found" in run("benchmarks/fuzz.py", "expressions", "--times", "2", "--seed", "1")


def test_peers_give_the_same_answers_and_those_that_are_not_there_are_told() -> None:
    said = run("benchmarks/peers.py", "--rows", "crossbar", "neospice", "--quick", "--least", "0.01")
    for peer in ("scipy's spsolve, equations to answer", "badcrossbar's steps, text to answer"):
        assert f"| crossbar 32×32, 1 Ω wires, 16 vectors | {peer} | " in said
    if find_spec("neospice") is None:
        assert "neospice: skipped, as the package neospice is not installed" in said


def test_gradients_of_nonlinear_cells_are_those_of_differences() -> None:
    said = run("benchmarks/peers.py", "--rows", "cells", "--quick", "--least", "0.01")
    assert "| netlearn itself with resistors as cells | " in said


def test_values_of_constants_are_compared() -> None:
    said = run("benchmarks/constants_of_rules.py", "--only", "orders.STEP")
    assert said.startswith("learn.rules.orders.STEP: ")
    assert said.count(" off ") == 6
    assert said.count("<- the constant") == 1


def test_times_with_values_of_constants_are_compared() -> None:
    said = run("benchmarks/thresholds.py", "--only", "WORTH_LOOPING", "--rounds", "1")
    assert said.count("equations.assembly.WORTH_LOOPING ") == 5
    assert said.count(" of the time  integers") == 5
    assert said.count("<- the constant") == 1
    said = run("benchmarks/block_sizes.py", "--only", "contraction.ELEMENTS", "--rounds", "1")
    assert re.fullmatch(
        r"contraction\.ELEMENTS +20000  half \d+\.\d\d, twice \d+\.\d\d  200000 elements, 64 samples\n", said
    )


def test_peers_are_found_in_another_environment(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    (tmp_path / "neospice.py").write_text("raise SystemExit('this one was asked')\n")
    words = ("benchmarks/peers.py", "--rows", "neospice", "--quick", "--least", "0.01", "--python", str(other))
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if find_spec("neospice") is None:
        assert done.returncode == 1
        assert "this one was asked" in done.stderr


def test_deep_networks_have_the_gradient_that_fast_drn_comes_near() -> None:
    pytest.importorskip("torch")
    said = run("benchmarks/peers.py", "--rows", "drn", "--quick", "--least", "0.01")
    assert said.count("| fast DRN, 4 sweeps, float32 | ") == 2
