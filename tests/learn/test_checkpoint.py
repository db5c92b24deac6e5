"""Checkpoints that were changed: refused in words, or as good as any other."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netlearn.errors import NetlearnError, OptionError
from netlearn.learn.checkpoint import is_checkpoint, load_checkpoint, save_checkpoint
from netlearn.learn.loop import Task
from netlearn.learn.optimizers import Lbfgsb
from netlearn.learn.settings import LoopOptions
from tests.learn.test_loop import DIODES, KINDS, Stop, trained

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numbers that no run has come to

STRANGE: list[Any] = [None, True, -1, 0, 3, 10**30, 1e300, float("nan"), float("inf"), "x", [], [1, 2], {}, {"a": {}}]


MAY_BE: set[tuple[str, Any]] = {("mask", "left out"), ("order", 0), ("order", "left out")}
"""What may be missing: a mask that is not drawn yet, and an order that no step asks for."""


def saved(task: Task, path: Path, after: int = 3) -> Path:
    save_checkpoint(path, task, trained(task, progress=Stop(after)))
    return path


def contents(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(str(arrays.pop("notes")))


def written(path: Path, arrays: dict[str, Any], notes: Any) -> None:
    np.savez(path, **arrays, notes=np.array(json.dumps(notes)))


def resumed(path: Path, task: Task) -> bool:
    """Whether a checkpoint was taken; it then has to lead to the end of training, or to an error in words."""
    try:
        state = load_checkpoint(path, task)
    except NetlearnError as refused:
        said = refused.message
    else:
        with suppress(NetlearnError):
            assert trained(task, state).finished
        return True
    assert "changed or damaged" in said or "is not a netlearn checkpoint" in said
    return False


def strange_arrays(value: np.ndarray) -> list[np.ndarray]:
    flat = value.ravel()
    return [
        value[:0],
        np.concatenate([flat, flat[:1]]),
        value[None],
        value.astype("U"),
        value.astype(complex),
        np.array(7.0),
        np.full(value.shape, np.nan) if value.dtype.kind == "f" else value - 1,
        -1e30 * np.ones(value.shape),
        value[::-1] if value.dtype.kind == "i" else value.astype(int),
    ]


@pytest.mark.parametrize("kind", ["batches", "subset", "diodes aside", "lbfgs"])
def test_changed_arrays_are_refused(kind: str, make_task: Any, tmp_path: Path) -> None:
    task = make_task(**KINDS[kind])
    arrays, notes = contents(saved(task, tmp_path / "c.npz"))
    taken: list[tuple[str, Any]] = []
    for name, value in arrays.items():
        for k, strange in enumerate(strange_arrays(value)):
            written(tmp_path / "c.npz", arrays | {name: strange}, notes)
            if resumed(tmp_path / "c.npz", task):
                taken.append((name, k))
        left = {other: array for other, array in arrays.items() if other != name}
        written(tmp_path / "c.npz", left, notes)
        if resumed(tmp_path / "c.npz", task):
            taken.append((name, "left out"))
    # Numbers of the right shape and kind may be those of a run: nothing tells what its velocity was.
    assert {(name, k) for name, k in taken if k not in {6, 7, 8}} <= MAY_BE, taken


@pytest.mark.parametrize("kind", ["batches", "lbfgs"])
def test_changed_notes_are_refused(kind: str, make_task: Any, tmp_path: Path) -> None:
    task = make_task(**KINDS[kind])
    arrays, notes = contents(saved(task, tmp_path / "c.npz"))
    for strange in STRANGE:
        for name in notes:
            if name != "format":
                written(tmp_path / "c.npz", arrays, notes | {name: strange})
                with pytest.raises(NetlearnError):
                    load_checkpoint(tmp_path / "c.npz", task)
        for part in ("state", "generator"):
            for name in notes[part]:
                written(tmp_path / "c.npz", arrays, notes | {part: notes[part] | {name: strange}})
                resumed(tmp_path / "c.npz", task)
        written(tmp_path / "c.npz", arrays, strange)
        with pytest.raises(NetlearnError, match="is not a netlearn checkpoint"):
            load_checkpoint(tmp_path / "c.npz", task)
        assert not is_checkpoint(tmp_path / "c.npz")
    for name in ("epoch", "position", "best_epoch", "solves"):
        for strange in (-1, 1.5, "1", None, 10**30):
            written(tmp_path / "c.npz", arrays, notes | {"state": notes["state"] | {name: strange}})
            with pytest.raises(NetlearnError, match=f"changed or damaged: '{name}' is"):
                load_checkpoint(tmp_path / "c.npz", task)


def test_checkpoints_of_another_format_are_refused_with_what_can_be_done(make_task: Any, tmp_path: Path) -> None:
    task = make_task(**KINDS["batches"])
    arrays, notes = contents(saved(task, tmp_path / "c.npz"))
    written(tmp_path / "c.npz", arrays, notes | {"format": 1})
    with pytest.raises(NetlearnError, match="has format 1, and this version reads 2") as caught:
        load_checkpoint(tmp_path / "c.npz", task)
    assert "--force" in str(caught.value.hint)


def test_values_that_training_does_not_give_are_refused(make_task: Any, tmp_path: Path) -> None:
    task = make_task(extra=(DIODES,), options=LoopOptions(epochs=4, batch=5))
    arrays, notes = contents(saved(task, tmp_path / "c.npz"))
    for name in ("u", "theta", "best"):
        written(tmp_path / "c.npz", arrays | {name: -arrays[name]}, notes)
        with pytest.raises(NetlearnError, match="parameters have values that training does not give them"):
            load_checkpoint(tmp_path / "c.npz", task)
    written(tmp_path / "c.npz", arrays, notes)
    load_checkpoint(tmp_path / "c.npz", task)


def test_lbfgs_keeps_no_more_corrections_than_iterations_and_than_fit(make_task: Any) -> None:
    options = LoopOptions(epochs=8)
    few, many = (trained(make_task(optimizer=Lbfgsb(memory=count), options=options)) for count in (8, 10**9))
    np.testing.assert_array_equal(few.theta, many.theta)
    with pytest.raises(OptionError, match=r"lbfgs memory=1000000000 takes \S+ .B, and at most"):
        trained(make_task(optimizer=Lbfgsb(memory=10**9), options=replace(options, epochs=10**9)))
