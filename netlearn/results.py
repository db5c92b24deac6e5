"""What training, an evaluation and a description come to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import NetlearnError
from netlearn.learn.loop import Record
from netlearn.learn.settings import Settings
from netlearn.netlist.netlist import Netlist


@dataclass(frozen=True)
class Evaluation:
    """How a netlist does on S samples with o outputs.

    ``outputs`` (S, o) are what the probes ``names`` read, ``targets`` (S, o) what they should
    or (S,) class numbers into ``classes``; ``losses`` (S,); ``accuracy`` is None without classes.
    ``notes`` say what was chosen.
    """

    loss: float
    accuracy: float | None
    names: tuple[str, ...]
    inputs: Array
    outputs: Array
    targets: Array
    losses: Array
    classes: tuple[str, ...] = ()
    data: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.losses)

    def __repr__(self) -> str:
        rate = "" if self.accuracy is None else f", accuracy {self.accuracy:.4g}"
        return f"<evaluation: {len(self)} samples, loss {self.loss:.6g}{rate}>"

    @property
    def predictions(self) -> Array:
        """(S,) the number of the class with the largest output."""
        return np.asarray(np.argmax(self.outputs, axis=1))


@dataclass(frozen=True)
class TrainResult:
    """A trained netlist and how it came about.

    ``train`` and ``test`` evaluate ``netlist`` as it is written, on the training data (with
    the validation part) and the test data. ``theta`` (P,) are the trained values of the
    parameters ``names``, ``initial`` those before. ``interrupted`` says that Ctrl-C came, and
    ``stopped`` why training ended. ``written`` are the files that training wrote: copies of
    included files, and the netlist last. ``settings`` hold what was chosen, and ``notes`` say it.
    """

    netlist: Netlist
    settings: Settings
    names: tuple[str, ...]
    initial: Array
    theta: Array
    train: Evaluation
    test: Evaluation | None
    history: tuple[Record, ...]
    best_epoch: int
    interrupted: bool = False
    seconds: float = 0.0
    written: tuple[Path, ...] = ()
    stopped: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rate = "" if self.accuracy is None else f", accuracy {self.accuracy:.4g}"
        path = self.netlist.source.path
        return f"<training of {path}: {len(self.names)} parameters, {self.epochs} epochs, loss {self.loss:.6g}{rate}>"

    @property
    def loss(self) -> float:
        """The mean loss over the training data."""
        return self.train.loss

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the training data, None without classes."""
        return self.train.accuracy

    @property
    def epochs(self) -> int:
        """How many epochs were begun or finished."""
        return self.history[-1].epoch if self.history else 0

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the trained netlist, moved into place when it is whole."""
        self.netlist.save(path)
        return Path(path)


@dataclass(frozen=True)
class Description:
    """What is in a netlist. ``problems`` say what keeps it from being solved or trained.

    ``elements`` counts by kind of element; ``trainable`` names what could be trained and
    ``trained`` what would be, with its ``values`` (P,). Energy-based rules follow the gradient
    unless ``breaking`` names elements because of which there is no co-content; ``weights`` are
    those of nodes in it that are not 1.
    """

    netlist: Netlist
    settings: Settings | None = None
    elements: tuple[tuple[str, int], ...] = ()
    nodes: int = 0
    branches: int = 0
    linear: bool = True
    breaking: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    trainable: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()
    values: Array | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    samples: int = 0
    test_samples: int = 0
    problems: tuple[NetlearnError, ...] = ()

    def __repr__(self) -> str:
        count = sum(number for _, number in self.elements)
        wrong = f", {len(self.problems)} problems" if self.problems else ""
        return f"<{self.netlist.source.path}: {count} elements, {self.nodes} nodes{wrong}>"
