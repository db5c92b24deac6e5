"""Outputs hurt nothing that was there, are refused before the work, and are written whatever fails after it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import netlearn
from netlearn.learn import loop
from netlearn.learn.state import TrainingState
from netlearn.learn.task import Task
from netlearn.report import figure

Run = Callable[..., Result]
SHARED = "R1 in out 1k\nR2 out 0 2k\n"


@pytest.fixture
def folder(divider: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The divider's folder, which is the working one."""
    monkeypatch.chdir(divider.parent)
    return divider.parent


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where training is begun."""

    def fail(*_: object) -> None:
        raise AssertionError("training was begun")

    monkeypatch.setattr(loop, "advance", fail)


def including(folder: Path, *names: str) -> None:
    """Netlists that include one file, with different data."""
    text = (folder / "divider.cir").read_text()
    (folder / "common.inc").write_text(SHARED)
    for number, name in enumerate(names, 1):
        lines = [line for line in text.splitlines() if not line.startswith("R")]
        lines[1] = f"*@data {name}.csv"
        (folder / f"{name}.cir").write_text("\n".join([*lines[:-1], ".include common.inc", ".end\n"]))
        (folder / f"{name}.csv").write_text(f"V1,V(out)\n1,{number / 8}\n2,{number / 4}\n")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_netlists_that_share_an_included_file_do_not_spoil_each_other(folder: Path, run: Run) -> None:
    including(folder, "a", "b")
    for name in ("a", "b", "a"):
        result = run("train", f"{name}.cir", "--epochs", 300)
        assert result.exit_code == 0, result.stderr
        assert f"written   {name}.trained.common.inc\nwritten   {name}.trained.cir\n" in result.stdout
    for name in ("a1", "a2"):
        printed = json.loads(run("train", "a.cir", "-o", f"{name}.cir", "--seed", name[1], "--json").stdout)
        assert (printed["written"], printed["copies"]) == (f"{name}.cir", [f"{name}.common.inc"])
    for name in ("a.trained", "b.trained"):
        assert netlearn.evaluate(f"{name}.cir").loss < 1e-6
    assert (folder / "a1.common.inc").read_text() != (folder / "a2.common.inc").read_text()
    assert (folder / "common.inc").read_text() == SHARED


@pytest.mark.usefixtures("untrained")
def test_a_file_of_the_name_of_a_copy_is_not_written_over(folder: Path, run: Run) -> None:
    including(folder, "a")
    (folder / "a.trained.common.inc").write_text("R1 in out 5\nR2 out 0 5\n")
    before = contents(folder)
    result = run("train", "a.cir")
    assert result.exit_code == 2
    assert "a.trained.common.inc' is there already and was not written for 'a.trained.cir'" in result.stderr
    assert contents(folder) == before


def test_it_is_where_that_is_wanted(folder: Path, run: Run) -> None:
    including(folder, "a")
    (folder / "a.trained.common.inc").write_text("R1 in out 5\nR2 out 0 5\n")
    assert run("train", "a.cir", "--force").exit_code == 0
    assert netlearn.evaluate("a.trained.cir").loss < 1e-2


def test_a_link_that_leads_out_of_the_folder_is_followed_only_if_it_is_named(
    folder: Path, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    precious = tmp_path_factory.mktemp("home") / ".bashrc"
    precious.write_text("precious")
    for name in (
        "divider.trained.cir",
        "divider.trained.checkpoint.npz",
        "divider.compare.jsonl",
        "divider.compare.png",
    ):
        (folder / name).symlink_to(precious)
        command = ("compare", "divider.cir", "--rules", "analytic") if "compare" in name else ("train", "divider.cir")
        result = run(*command)
        assert result.exit_code == 2
        assert "leads out of its folder" in result.stderr
        (folder / name).unlink()
    (folder / "divider.trained.cir").symlink_to("data.csv")
    data = (folder / "data.csv").read_text()
    assert run("train", "divider.cir").exit_code == 0
    assert not (folder / "divider.trained.cir").is_symlink()
    assert (folder / "data.csv").read_text() == data
    assert precious.read_text() == "precious"
    (folder / "link.cir").symlink_to(precious)
    assert run("train", "divider.cir", "-o", "link.cir").exit_code == 0
    # It names its data from the folder that the link leads to.
    there = os.path.relpath(folder / "data.csv", precious.parent)
    expected = (folder / "divider.trained.cir").read_text().replace("data.csv", there)
    assert precious.read_text() == expected


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "missing/out.cir"), "there is no folder 'missing'"),
        (("-o", "n" * 300), "File name too long"),
        (("-o", "loop"), "symbolic links"),
        (("-o", "data.csv"), "'data.csv' is read by this run"),
        (("-o", "other.csv", "--test", "other.csv"), "'other.csv' is read or written"),
        (("--checkpoint", "divider.cir"), "'divider.cir' is read or written"),
        (("--checkpoint", "data.csv"), "'data.csv' is read by this run"),
        (("--checkpoint", "notes.txt"), "'notes.txt' exists already and is not a checkpoint"),
        (("--checkpoint", "other.npz"), "'other.npz' exists already and is not a checkpoint"),
        (("--plot", "missing/x.png"), "there is no folder 'missing'"),
        (("--plot", "picture.png", "-o", "picture.png"), "'picture.png' is read or written"),
        (("--test", "missing.csv"), "'missing.csv' does not exist"),
        (("--test", "unsolvable.csv"), "is larger than any number that float64 holds"),
        (("--show-nudged", "missing/x.cir"), "there is no folder 'missing'"),
    ],
)
def test_what_cannot_be_done_is_said_before_training(
    words: tuple[str, ...], message: str, folder: Path, run: Run
) -> None:
    (folder / "loop").symlink_to("loop")
    (folder / "notes.txt").write_text("precious")
    np.savez(folder / "other.npz", a=np.zeros(3))
    (folder / "other.csv").write_text("V1,V(out)\n1,0.5\n")
    (folder / "unsolvable.csv").write_text("V1,V(out)\n1,0.5\n1e308,0.5\n")
    if "unsolvable.csv" in words:
        # Its current is beyond float64.
        text = (folder / "divider.cir").read_text()
        (folder / "divider.cir").write_text(text.replace(".end", "E1 x 0 in 0 1e9\nR3 x 0 1\n.end"))
    before = contents(folder)
    result = run("train", "divider.cir", *words)
    assert result.exit_code == 2
    assert message in result.stderr, result.stderr
    assert contents(folder) == before


def test_a_checkpoint_is_removed_only_if_it_is_one(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ((), ("--checkpoint", "named.npz")):
        name = words[1] if words else "divider.trained.checkpoint.npz"
        with monkeypatch.context() as patch:
            patch.setattr(loop, "advance", interrupt)
            assert run("train", "divider.cir", *words).exit_code == 130
        kept = (folder / name).read_bytes()
        if not words:
            result = run("train", "divider.cir")
            assert result.exit_code == 2
            assert "holds an interrupted run\n  help: --resume continues it, and --force begins anew" in result.stderr
            assert (folder / name).read_bytes() == kept
        # One that is named is meant.
        assert run("train", "divider.cir", *(words or ("--force",))).exit_code == 0
        assert not (folder / name).exists()
        assert (folder / "divider.trained.cir").exists()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_values_are_written_though_their_test_fails(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run("train", "divider.cir", "-o", "whole.cir")
    assert whole.exit_code == 0

    def failing(*_: object) -> None:
        raise netlearn.ConvergenceError("no operating point")

    monkeypatch.setattr("netlearn.api.evaluation_of", failing)
    result = run("train", "divider.cir")
    assert result.exit_code == 1
    assert "no operating point\n  help: the trained netlist is in 'divider.trained.cir'" in result.stderr
    assert (folder / "divider.trained.cir").read_bytes() == (folder / "whole.cir").read_bytes()


def test_values_are_written_though_the_figure_is_not(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise netlearn.OutputError("cannot write the figure")

    monkeypatch.setattr(figure, "save_figure", failing)
    result = run("train", "divider.cir", "--plot", "x.png")
    assert result.exit_code == 1
    assert "the trained netlist is in 'divider.trained.cir'" in result.stderr
    assert (folder / "divider.trained.cir").exists()
    assert not (folder / "x.png").exists()


def test_what_training_came_to_is_kept_where_it_fails(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = loop.advance
    errors: dict[type[BaseException], int] = {netlearn.ConvergenceError: 1, netlearn.NgspiceError: 1, MemoryError: 2}
    for error, code in errors.items():

        def failing(task: Task, state: TrainingState, error: type[BaseException] = error) -> TrainingState:
            if state.epoch == 20:
                raise error("what went wrong")
            return advance(task, state)

        before = set(contents(folder))
        monkeypatch.setattr(loop, "advance", failing)
        result = run("train", "divider.cir")
        assert result.exit_code == code
        assert "what went wrong" in result.stderr
        new = set(contents(folder)) - before
        expected = {"divider.trained.cir"} if error is netlearn.ConvergenceError else {"divider.trained.checkpoint.npz"}
        if error is netlearn.NgspiceError:
            expected |= {"divider.trained.cir"}
        assert new == expected, result.stderr
        if "divider.trained.cir" in new:
            assert netlearn.evaluate("divider.trained.cir").loss < netlearn.evaluate("divider.cir").loss / 2
        monkeypatch.setattr(loop, "advance", advance)
        if "divider.trained.checkpoint.npz" in new:
            assert run("train", "divider.cir", "--resume").exit_code == 0
            assert run("train", "divider.cir", "-o", "whole.cir").exit_code == 0
            assert (folder / "divider.trained.cir").read_bytes() == (folder / "whole.cir").read_bytes()
            (folder / "whole.cir").unlink()
        (folder / "divider.trained.cir").unlink()


def test_a_disk_that_fills_up_while_training_loses_nothing(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("train", "divider.cir", "-o", "whole.cir").exit_code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    advance = loop.advance
    folder_of = os.open

    def full(path: object, *arguments: int, **more: int) -> int:
        if str(path) == str(folder) and arguments[0] & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
            raise OSError(28, "No space left on device")
        if str(path).startswith(f"{folder}/.netlearn"):
            raise OSError(28, "No space left on device")
        return folder_of(path, *arguments, **more)  # type: ignore[arg-type]

    for end in ("finished", "interrupted"):

        def filling(task: Task, state: TrainingState, end: str = end) -> TrainingState:
            monkeypatch.setattr(os, "open", full)
            if end == "interrupted" and state.epoch == 5:
                raise KeyboardInterrupt
            return advance(task, state)

        monkeypatch.setattr(loop, "advance", filling)
        monkeypatch.setattr("netlearn.keeping.SAVE_EVERY", 0.0)
        result = run("train", "divider.cir")
        monkeypatch.setattr(os, "open", folder_of)
        assert result.exit_code == (1 if end == "finished" else 2)
        assert "No space left on device" in result.stderr
        assert result.stderr.count("no checkpoint was saved") == 1
        name = "divider.trained.cir" if end == "finished" else "divider.trained.checkpoint.npz"
        (kept,) = elsewhere.rglob(name)
        assert str(kept) in result.stderr
    monkeypatch.setattr(loop, "advance", advance)
    (rescued,) = elsewhere.rglob("divider.trained.cir")
    assert rescued.read_bytes() == (folder / "whole.cir").read_bytes()
    assert run("train", "divider.cir", "--resume", "--checkpoint", kept).exit_code == 0
    assert (folder / "divider.trained.cir").read_bytes() == (folder / "whole.cir").read_bytes()


def test_no_figure_is_left_half_drawn(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: object, file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", failing)
    before = set(contents(folder))
    assert run("train", "divider.cir", "--plot", "x.png").exit_code == 2
    assert set(contents(folder)) - before == {"divider.trained.cir"}
