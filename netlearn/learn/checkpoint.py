"""Checkpoints: where training stands, in one ``.npz`` file without pickled objects."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netlearn.atomic import write_atomically
from netlearn.circuit.circuit import Circuit
from netlearn.errors import NetlearnError, OutputError
from netlearn.learn.history import History
from netlearn.learn.kept_parameters import InMemory
from netlearn.learn.loop import Task
from netlearn.learn.state import TrainingState

FORMAT = 1
"""Counts up when a checkpoint's contents change."""

UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile)
"""What reading a file that is no archive of plain arrays may raise."""

_ARRAYS = ("u", "theta", "order", "mask", "best", "points")
_NUMBERS = ("epoch", "position", "draws", "solves", "measurements", "best_score", "best_epoch", "finished")


def save_checkpoint(path: Path, task: Task, state: TrainingState, *, follow: bool = True) -> None:
    """Write a checkpoint, moved into place when it is whole. Raises OutputError."""
    state.settle()
    arrays: dict[str, Any] = {name: value for name in _ARRAYS if (value := getattr(state, name)) is not None}
    arrays |= {f"optimizer.{name}": value for name, value in state.optimizer.items()}
    arrays["history"] = History(state.history).array()
    if isinstance(task.store, InMemory):
        arrays["kept.epochs"], arrays["kept.parameters"] = task.store.arrays()
    elif task.store is not None:
        task.store.close()
    notes = {
        "format": FORMAT,
        "of": fingerprint(task),
        "generator": dict(state.generator),
        "state": {name: getattr(state, name) for name in _NUMBERS},
    }
    arrays["notes"] = np.array(json.dumps(notes))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue(), follow=follow)


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of netlearn's, of whatever task and version."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            notes = json.loads(str(archive["notes"]))
    except UNREADABLE:
        return False
    return isinstance(notes, dict) and {"format", "of", "state"} <= notes.keys()


def check_checkpoint(path: Path, *, replaced: bool) -> None:
    """See that nothing else is lost where a checkpoint is to be written.

    ``replaced`` says that a checkpoint which is there may be replaced. Raises OutputError.
    """
    if not path.exists() or not path.is_file():
        return
    if not is_checkpoint(path):
        raise OutputError(f"'{path}' is there already and is no checkpoint", hint="name another file for it")
    if not replaced:
        raise OutputError(
            f"'{path}' holds an interrupted run", hint="--resume continues it, and --force begins anew without it"
        )


def load_checkpoint(path: Path, task: Task) -> TrainingState:
    """Read a checkpoint of ``task``. Raises NetlearnError for one of another netlist, data or settings."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        notes = json.loads(str(arrays.pop("notes")))
        of, version = notes["of"], notes["format"]
    except FileNotFoundError:
        raise NetlearnError(f"there is no checkpoint '{path}' to resume from") from None
    except UNREADABLE as error:
        raise NetlearnError(f"'{path}' is not a netlearn checkpoint ({error})") from None
    if version != FORMAT:
        raise NetlearnError(f"the checkpoint '{path}' has format {version}, and this version reads {FORMAT}")
    for what, digest in fingerprint(task).items():
        if of.get(what) != digest:
            hint = "resume with what it was started with, or start again without it"
            raise NetlearnError(f"the checkpoint '{path}' was made with another {what}", hint=hint)
    history = History.of(arrays.pop("history")).records
    if isinstance(task.store, InMemory) and "kept.epochs" in arrays:
        for epoch, theta in zip(arrays["kept.epochs"].tolist(), arrays["kept.parameters"], strict=True):
            task.store.take(epoch, theta)
    memory = {name.removeprefix("optimizer."): value for name, value in arrays.items() if name.startswith("optimizer.")}
    return TrainingState(
        **{name: arrays[name] for name in _ARRAYS if name in arrays},
        **notes["state"],
        optimizer=memory,
        generator=notes["generator"],
        history=history,
    )


def fingerprint(task: Task) -> dict[str, str]:
    """Digests of all that the course of training depends on, by what they are of."""
    parameters = task.model.parameters
    parts: Mapping[str, object] = {
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
        "solver": task.model.solver,
        "optimizer": (task.optimizer, task.schedule),
        "subset": task.subset,
        "hardware": task.writing,
    }
    return {what: _digest(part) for what, part in parts.items()}


def _circuit(circuit: Circuit) -> object:
    groups = [(g.device.name, list(g.names), g.index, sorted(g.values.items())) for g in circuit.groups]
    return list(circuit.nodes), list(circuit.branches), groups, circuit.environment, sorted(circuit.options.items())


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
            yield from _pieces(getattr(part, entry.name))
    else:
        yield str(getattr(part, "__qualname__", type(part).__qualname__)).encode()
