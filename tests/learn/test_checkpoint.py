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
from netlearn.learn.history import COLUMNS
from netlearn.learn.optimizers import Adam, HamiltonianDescent, Lbfgsb, Momentum, TikiTaka
from netlearn.learn.settings import LoopOptions
from netlearn.learn.task import Task
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
    with pytest.raises(NetlearnError, match="has format 1, and this version reads 3") as caught:
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


IMPOSSIBLE: list[tuple[Any, str, Any, str]] = [
    (Adam(), "optimizer.square", -1e-9, "the optimizer's 'square' is not from 0 to inf"),
    (Adam(), "optimizer.square", np.nan, "'square' is not finite"),
    (Adam(), "optimizer.square", np.inf, "'square' is not finite"),
    (Adam(), "optimizer.mean", np.inf, "'mean' is not finite"),
    (Adam(), "optimizer.steps", 1.5, "'steps' are not counted from 0 to 3"),
    (Adam(), "optimizer.steps", 1e9, "'steps' are not counted from 0 to 3"),
    (Adam(), "optimizer.steps", -1.0, "the optimizer's 'steps' is not from 0 to inf"),
    (Momentum(), "optimizer.velocity", np.nan, "'velocity' is not finite"),
    (TikiTaka(), "optimizer.fast", 1.5, "the optimizer's 'fast' is not from -1 to 1"),
    (TikiTaka(), "optimizer.steps", 0.5, "'steps' are not counted from 0 to 3"),
    (HamiltonianDescent(), "optimizer.fast", -1.1, "the optimizer's 'fast' is not from -1 to 1"),
]


@pytest.mark.parametrize(("optimizer", "name", "value", "said"), IMPOSSIBLE)
def test_an_optimizer_remembers_only_what_it_can_come_to(
    optimizer: Any, name: str, value: float, said: str, make_task: Any, tmp_path: Path
) -> None:
    task = make_task(optimizer=optimizer, options=LoopOptions(epochs=5))
    path = saved(task, tmp_path / "c.npz")
    arrays, notes = contents(path)
    assert resumed(path, task)
    changed = arrays[name].copy()
    changed[0] = value
    written(path, arrays | {name: changed}, notes)
    with pytest.raises(NetlearnError, match=said):
        load_checkpoint(path, task)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("loss", np.nan, "losses or rates that are none"),
        ("loss", np.inf, "losses or rates that are none"),
        ("accuracy", 1.5, "losses or rates that are none"),
        ("solves", 1e12, "'solves' that fall"),
        ("measurements", -1.0, "'measurements' that fall"),
        ("loss", -7.0, "'best_score' or 'best_epoch' is not that of the history"),
    ],
)
def test_a_history_is_one_that_a_run_can_have(
    column: str, value: float, said: str, make_task: Any, tmp_path: Path
) -> None:
    task = make_task()
    path = saved(task, tmp_path / "c.npz")
    arrays, notes = contents(path)
    changed = arrays["history"].copy()
    changed[1, COLUMNS.index(column)] = value
    written(path, arrays | {"history": changed}, notes)
    with pytest.raises(NetlearnError, match=said):
        load_checkpoint(path, task)


def test_operating_points_are_finite_or_not_there_yet(make_task: Any, tmp_path: Path) -> None:
    task = make_task(**KINDS["diodes aside"])
    path = saved(task, tmp_path / "c.npz")
    arrays, notes = contents(path)
    changed = arrays["points"].copy()
    changed[0, 0] = np.inf
    written(path, arrays | {"points": changed}, notes)
    with pytest.raises(NetlearnError, match="'points' is not finite"):
        load_checkpoint(path, task)


def test_a_run_that_has_ended_still_says_why_after_a_checkpoint(make_task: Any, tmp_path: Path) -> None:
    task = make_task(options=LoopOptions(epochs=2))
    ended = trained(task)
    save_checkpoint(tmp_path / "c.npz", task, ended)
    assert load_checkpoint(tmp_path / "c.npz", task).stopped == ended.stopped == "all 2 epochs are done"
    arrays, notes = contents(saved(task, tmp_path / "c.npz", 1))
    for strange in (3, "for no reason"):
        written(tmp_path / "c.npz", arrays, notes | {"state": notes["state"] | {"stopped": strange}})
        with pytest.raises(NetlearnError, match="changed or damaged: 'stopped' is"):
            load_checkpoint(tmp_path / "c.npz", task)


@pytest.mark.parametrize("reason", ["good enough:\n  the loss is low", "good enough:\x1b\tthe loss\udc80is low"])
def test_what_a_callback_ends_a_run_for_can_be_kept_whatever_it_says(
    reason: str, make_task: Any, tmp_path: Path
) -> None:
    def stop(progress: Any) -> None:
        raise StopIteration(reason)

    task = make_task(options=LoopOptions(epochs=2))
    ended = trained(task, progress=stop)
    save_checkpoint(tmp_path / "c.npz", task, ended)
    assert load_checkpoint(tmp_path / "c.npz", task).stopped == ended.stopped == "good enough: the loss is low"
