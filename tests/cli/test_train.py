"""``netlearn train``: what it writes and prints, and what an interruption leaves."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import netlearn
from netlearn.learn import loop
from netlearn.learn.state import TrainingState
from netlearn.learn.task import Task

Run = Callable[..., Result]


def test_only_trained_numbers_differ(divider: Path, run: Run) -> None:
    result = run("train", divider)
    assert result.exit_code == 0, result.stderr
    before = divider.read_text().splitlines()
    after = divider.with_name("divider.trained.cir").read_text().splitlines()
    changed = [k for k, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert [before[k][:2] for k in changed] == ["R1", "R2"]
    for k in changed:
        assert before[k].rsplit(None, 1)[0] == after[k].rsplit(None, 1)[0]
    ratio = [float(after[k].split()[3]) for k in changed]
    # A quarter of the input needs R1 three times R2.
    assert ratio[0] / ratio[1] == pytest.approx(3, rel=0.1)


def test_the_same_seed_gives_the_same_bytes(divider: Path, run: Run) -> None:
    outs = [divider.with_name(name) for name in ("a.cir", "b.cir", "c.cir")]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        assert run("train", divider, "-o", out, "--seed", seed, "-q").exit_code == 0
    a, b, c = (out.read_bytes() for out in outs)
    assert a == b != c


def test_json_holds_the_loss_of_the_written_netlist(divider: Path, run: Run) -> None:
    printed = json.loads(run("train", divider, "--json").stdout)
    trained = divider.with_name("divider.trained.cir")
    assert printed["written"] == str(trained)
    assert printed["loss"] == netlearn.evaluate(trained).loss
    assert printed["epochs"] == 30
    assert [entry["name"] for entry in printed["parameters"]] == ["r1", "r2"]
    assert printed["history"][0]["accuracy"] is None
    shown = json.loads(run("eval", trained, "--json").stdout)
    assert shown["loss"] == printed["loss"]


def test_quiet_prints_nothing(divider: Path, run: Run) -> None:
    result = run("train", divider, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert divider.with_name("divider.trained.cir").exists()


def test_options_win_over_directives(divider: Path, run: Run) -> None:
    run("train", divider, "-o", divider.with_name("a.cir"), "--optimizer", "lr=0.001", "--epochs", "1")
    run("train", divider, "-o", divider.with_name("b.cir"), "--fix", "R1", "--optimizer", "sgd lr=100", "--batch", "0")
    a, b = (divider.with_name(name).read_text() for name in ("a.cir", "b.cir"))
    small = [float(line.split()[3]) for line in a.splitlines() if line.startswith("R")]
    assert small == pytest.approx([1000, 2000], rel=0.01)
    assert "R1 in  out 1k\n" in b
    assert "R2 out 0   2k\n" not in b


def test_other_data_and_a_picture(divider: Path, run: Run) -> None:
    other = divider.with_name("other.csv")
    other.write_text("V1,V(out)\n1,0.5\n")
    picture = divider.with_name("picture.svg")
    result = run("train", divider, "--data", other, "--test", divider.with_name("data.csv"), "--plot", picture)
    assert result.exit_code == 0, result.stderr
    assert "on 1 samples" in result.stdout
    assert "on 3 samples" in result.stdout
    assert picture.read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize("step", [0, 1, 2, 31])
def test_an_interrupted_run_resumes_to_the_same_file(
    step: int, divider: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = divider.with_name("whole.cir")
    run("train", divider, "-o", whole)
    before = {path.name for path in divider.parent.iterdir()}

    steps = count()
    advance = loop.advance

    def interrupted(task: Task, state: TrainingState) -> TrainingState:
        if next(steps) == step:
            raise KeyboardInterrupt
        return advance(task, state)

    monkeypatch.setattr(loop, "advance", interrupted)
    result = run("train", divider)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    # What was interrupted is not done once more to tell a loss.
    assert ("best loss" in result.stderr) == (step > 0)
    assert {path.name for path in divider.parent.iterdir()} - before == {"divider.trained.checkpoint.npz"}

    monkeypatch.setattr(loop, "advance", advance)
    result = run("train", divider, "--resume")
    assert result.exit_code == 0, result.stderr
    assert divider.with_name("divider.trained.cir").read_bytes() == whole.read_bytes()
    assert not divider.with_name("divider.trained.checkpoint.npz").exists()


def test_a_checkpoint_of_other_data_is_refused(divider: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "advance", interrupted)
    assert run("train", divider).exit_code == 130
    monkeypatch.undo()
    divider.with_name("data.csv").write_text("V1,V(out)\n1,0.5\n")
    result = run("train", divider, "--resume")
    assert result.exit_code == 2
    assert "checkpoint" in result.stderr
    assert not divider.with_name("divider.trained.cir").exists()


def test_ctrl_c_on_a_terminal(divider: Path) -> None:
    """A real signal to a real process, sent when the progress bar says that training goes on."""
    controller, terminal = pty.openpty()
    # The pseudo-terminal is only the error output: progress is drawn there.
    words = (sys.executable, "-m", "netlearn", "train", str(divider), "--epochs", "1000000")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=terminal, env=environment)
    os.close(terminal)
    try:
        seen, deadline = b"", time.monotonic() + 60
        while b"epoch " not in seen or b"loss 0" not in seen:
            assert time.monotonic() < deadline, seen
            seen += os.read(controller, 4096)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                seen += os.read(controller, 4096)
            except OSError:
                break
        assert process.wait(60) == 130
    finally:
        process.kill()
        os.close(controller)
        assert process.stdout is not None
        process.stdout.close()
    assert b"--resume" in seen
    assert b"Traceback" not in seen
    with np.load(divider.with_name("divider.trained.checkpoint.npz"), allow_pickle=False) as checkpoint:
        assert checkpoint["best"].shape == (2,)
    assert not divider.with_name("divider.trained.cir").exists()


def test_no_progress_where_nobody_would_see_it(divider: Path) -> None:
    words = (sys.executable, "-m", "netlearn", "train", str(divider))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("written")


def test_why_it_stopped_is_said(run: Run, divider: Path) -> None:
    assert "stopped   all 30 epochs are done" in run("train", divider).output
    values = json.loads(run("train", divider, "--json", "--patience", "3", "--optimizer", "adam lr=2").output)
    assert values["stopped"] == "the loss did not fall for 3 epochs"


def test_every_file_that_is_written_is_told(run, divider):
    others = [divider.with_name("a.svg"), divider.with_name("nudged.cir")]
    words = ("--plot", others[0], "--show-nudged", others[1], "--rule", "ep", "--epochs", "1")
    result = run("train", divider, *words)
    assert result.exit_code == 0
    for path in (divider.with_name("divider.trained.cir"), *others):
        assert f"written   {path}\n" in result.stdout
        assert path.exists()
