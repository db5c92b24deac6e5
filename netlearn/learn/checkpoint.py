"""Checkpoints: where training stands, in one ``.npz`` file without pickled objects."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.archives import load_arrays, opened
from netlearn.arrays import Array
from netlearn.atomic import write_atomically
from netlearn.circuit.circuit import Circuit
from netlearn.errors import NetlearnError, OutputError
from netlearn.learn.history import History
from netlearn.learn.kept_parameters import InMemory
from netlearn.learn.state import TrainingState
from netlearn.learn.state_check import check_state
from netlearn.learn.task import Task
from netlearn.ngspice.own_text import OwnText

FORMAT = 3
"""The number of the version of a checkpoint's contents, which counts up when they change."""

PLURAL = ("options", "data")
"""What of a fingerprint is more than one."""

_WRONG = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""What comes of contents that are not those of a checkpoint."""

_ARRAYS = ("u", "theta", "order", "mask", "best", "points", "aimed", "slopes", "best_held")
_MEMORIES = ("optimizer", "rule")
"""What of a state is arrays by name."""
_NUMBERS = ("epoch", "position", "draws", "solves", "measurements", "best_score", "best_epoch", "finished")


def save_checkpoint(path: Path, task: Task, state: TrainingState, *, follow: bool = True) -> None:
    """Write a checkpoint, moved into place when it is whole. Raises OutputError."""
    state.settle()
    arrays: dict[str, Any] = {name: value for name in _ARRAYS if (value := getattr(state, name)) is not None}
    for part in _MEMORIES:
        arrays |= {f"{part}.{name}": value for name, value in getattr(state, part).items()}
    arrays["history"] = History(state.history).array()
    if isinstance(task.store, InMemory):
        arrays["kept.epochs"], arrays["kept.parameters"] = task.store.arrays()
    elif task.store is not None:
        task.store.close()
    notes = {
        "format": FORMAT,
        "of": fingerprint(task),
        "options": _options(task),
        "generator": dict(state.generator),
        "state": {name: getattr(state, name) for name in (*_NUMBERS, "stopped")},
    }
    arrays["notes"] = np.array(json.dumps(notes))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue(), follow=follow)


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of netlearn's, of whatever task and version."""
    try:
        with opened(path) as members:
            notes = json.loads(str(members["notes"].whole()))
    except _WRONG:
        return False
    return isinstance(notes, dict) and {"format", "of", "state"} <= notes.keys()


def check_checkpoint(path: Path, *, replaced: bool) -> None:
    """See that nothing else is lost where a checkpoint is to be written.

    ``replaced`` says that a checkpoint which is there may be replaced. Raises OutputError.
    """
    if not path.exists() or not path.is_file():
        return
    if not is_checkpoint(path):
        raise OutputError(f"'{path}' exists already and is not a checkpoint", hint="name another file for it")
    if not replaced:
        raise OutputError(
            f"'{path}' holds an interrupted run", hint="--resume continues it, and --force begins anew without it"
        )


def load_checkpoint(path: Path, task: Task) -> TrainingState:
    """Read a checkpoint of ``task``.

    Raises NetlearnError for one of another netlist, data or settings, and for one whose contents
    cannot have come of this task.
    """
    try:
        arrays = load_arrays(path)
        notes = json.loads(str(arrays.pop("notes")))
        of, version = dict(notes["of"]), notes["format"]
    except FileNotFoundError:
        hint = "without resuming it begins anew; a run that has ended, or was interrupted before it began, leaves none"
        raise NetlearnError(f"there is no checkpoint '{path}' to resume from", hint=hint) from None
    except _WRONG as error:
        raise NetlearnError(f"'{path}' is not a netlearn checkpoint ({error})") from None
    if version != FORMAT:
        raise NetlearnError(
            f"the checkpoint '{path}' has format {version}, and this version reads {FORMAT}",
            hint="finish it with the version that began it, or begin anew with --force",
        )
    wanted = fingerprint(task)
    for what in dict.fromkeys([*wanted, *of]):
        if of.get(what) != wanted.get(what):
            hint = "resume with what it was started with, or start again without it"
            other = _differing(notes.get("options"), task) if what == "options" else ""
            said = other or f"{'other' if what in PLURAL else 'another'} {what}"
            raise NetlearnError(f"the checkpoint '{path}' was made with {said}", hint=hint)
    try:
        options = _options(task)
        if notes.get("options", options) != options:
            # Their digest is that of the task's own.
            raise ValueError("its options are not those of their digest")
        state, kept = _state(arrays, notes), _kept(task, arrays)
        check_state(task, state)
    except _WRONG as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        hint = "remove it, and start again"
        raise NetlearnError(f"the checkpoint '{path}' has been changed or damaged: {said}", hint=hint) from None
    for epoch, theta in kept:
        assert task.store is not None
        task.store.take(epoch, theta)
    return state


def _options(task: Task) -> dict[str, str]:
    """The options as texts, for those who resume with others."""
    return {entry.name: str(getattr(task.options, entry.name)) for entry in fields(task.options)}


def _differing(began: object, task: Task) -> str:
    """Which options a checkpoint was made with, and which were given now; empty where it does not tell."""
    now = _options(task)
    if not isinstance(began, dict):
        return ""
    other = [name for name in now if name in began and str(began[name]) != now[name]]
    said = [" ".join(f"{name}={values[name]}" for name in other) for values in (began, now)]
    return f"{said[0]}, not {said[1]}" if other else ""


def _state(arrays: Mapping[str, Any], notes: Mapping[str, Any]) -> TrainingState:
    memories: dict[str, Any] = {
        part: {name.removeprefix(f"{part}."): value for name, value in arrays.items() if name.startswith(f"{part}.")}
        for part in _MEMORIES
    }
    return TrainingState(
        **{name: arrays[name] for name in _ARRAYS if name in arrays},
        **{name: notes["state"][name] for name in (*_NUMBERS, "stopped")},
        **memories,
        generator=notes["generator"],
        history=History.of(arrays["history"]).records,
    )


def _kept(task: Task, arrays: Mapping[str, Array]) -> list[tuple[int, Array]]:
    """The parameters of epochs that the run had kept in memory."""
    if not isinstance(task.store, InMemory) or "kept.epochs" not in arrays:
        return []
    epochs, parameters = arrays["kept.epochs"], arrays["kept.parameters"]
    shaped = epochs.ndim == 1 and parameters.shape == (len(epochs), len(task.model.parameters.names))
    counted = shaped and epochs.dtype.kind == "i" and (np.diff(epochs, prepend=-1) > 0).all()
    if not counted or parameters.dtype != np.float64 or not np.isfinite(parameters).all():
        raise ValueError("'kept.parameters' are not those of its epochs")
    return list(zip(epochs.tolist(), parameters, strict=True))


def fingerprint(task: Task) -> dict[str, str]:
    """Digests of all that the course of training depends on, by what they are of."""
    parameters = task.model.parameters
    parts: dict[str, object] = {
        "netlist": (
            _circuit(parameters.circuit),
            list(parameters.names),
            [parameters.initial, parameters.lower, parameters.upper, parameters.positive],
        ),
        "options": task.options,
        "data": [part and (part.inputs, part.targets) for part in (task.data, task.validation)],
        "output": task.model.measured,
        "loss": task.loss,
        "rule": task.rule,
        # Of elements that only ngspice knows the circuit holds the nodes alone.
        # A chip may be spoken to in another way, or be another one: whatever it is, it is measured.
        "solver": (task.model.solver if task.model.chip is None else "chip", _text(task.model.text)),
        "optimizer": (task.optimizer, task.schedule),
        "subset": task.subset,
        "hardware": task.writing if task.model.adc is None else (task.writing, task.model.adc),
    }
    if task.solved is not None:
        parts["start"] = task.solved.theta
    return {what: _digest(part) for what, part in parts.items()}


def _circuit(circuit: Circuit) -> object:
    groups = [(g.device.name, list(g.names), g.index, sorted(g.values.items())) for g in circuit.groups]
    return list(circuit.nodes), list(circuit.branches), groups, circuit.environment, sorted(circuit.options.items())


def _text(text: OwnText | None) -> list[str]:
    return [] if text is None else [part.source.text for part in text.design.netlist.walk()]


def _digest(part: object) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(part):
        digest.update(piece)
        digest.update(b"\0")
    return digest.hexdigest()


def _pieces(part: object) -> Any:
    """The bytes of an object made of numbers, words, arrays, sequences and dataclasses.

    Whatever else it holds (functions of the user's own) counts by its name.
    """
    if isinstance(part, np.ndarray):
        yield repr((part.dtype.str, part.shape)).encode()
        yield np.ascontiguousarray(part).tobytes()
    elif isinstance(part, str | int | float | bool | None | complex):
        yield repr(part).encode()
    elif isinstance(part, list | tuple):
        yield f"[{len(part)}".encode()
        for item in part:
            yield from _pieces(item)
    elif isinstance(part, Mapping):
        yield from _pieces([(str(name), value) for name, value in part.items()])
    elif is_dataclass(part):
        yield type(part).__qualname__.encode()
        for entry in fields(part):
            if not entry.compare:
                # What is no part of what it is, such as processes that work for it.
                continue
            yield from _pieces(getattr(part, entry.name))
    else:
        yield str(getattr(part, "__qualname__", type(part).__qualname__)).encode()
