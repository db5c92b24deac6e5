"""The parameters along a training run: in memory, in a .npz file, or in a Zarr array."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.atomic import check_output, replacing
from netlearn.errors import OptionError

CHUNK = 1 << 20
"""About how many bytes of a Zarr array are written together: Zarr's documentation advises chunks of at least 1 MB."""


class ParameterStore(Protocol):
    """What takes the parameters at the beginning of every ``every``-th epoch.

    Taking an epoch again, after an interruption, changes nothing.
    """

    every: int

    def take(self, epoch: int, theta: Array) -> None:
        """The parameters (P,) at the beginning of an epoch."""
        ...

    def arrays(self) -> tuple[Array, Any]:
        """Epochs (K,) and parameters (K, P), the latter perhaps still on disk."""
        ...

    def close(self) -> None:
        """All that was taken is where it belongs."""
        ...


class InMemory:
    """Parameters in memory."""

    def __init__(self, names: tuple[str, ...], every: int = 1) -> None:
        self.every, self.names = every, names
        self._taken: dict[int, Array] = {}

    def take(self, epoch: int, theta: Array) -> None:
        self._taken[epoch] = np.array(theta)

    def arrays(self) -> tuple[Array, Array]:
        epochs = sorted(self._taken)
        values = [self._taken[epoch] for epoch in epochs]
        return np.array(epochs, dtype=np.intp), np.array(values).reshape(len(values), len(self.names))

    def close(self) -> None:
        pass


class InArchive(InMemory):
    """Parameters in memory until the end, then in a .npz file as ``names``, ``epochs`` and ``parameters``."""

    def __init__(self, path: Path, names: tuple[str, ...], every: int = 1) -> None:
        super().__init__(names, every)
        check_output(path)
        self.path = path

    def close(self) -> None:
        epochs, parameters = self.arrays()
        with replacing(self.path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, names=np.array(self.names), epochs=epochs, parameters=parameters)


class InZarr:
    """Parameters in a Zarr array (K, P) with the attributes ``names`` and ``epochs``, in chunks as they come.

    An array that is there is continued if it is of the same parameters.
    """

    def __init__(self, path: Path, names: tuple[str, ...], every: int = 1, continued: bool = False) -> None:
        try:
            zarr = import_module("zarr")
        except ImportError:
            raise OptionError("keeping parameters in Zarr takes zarr", hint="pip install 'netlearn[zarr]'") from None
        self.every, self._size = every, len(names)
        self._rows = max(1, CHUNK // (8 * max(1, self._size)))
        self._waiting: list[tuple[int, Array]] = []
        if continued and path.exists():
            self._array = zarr.open_array(str(path), mode="r+")
            if list(self._array.attrs.get("names", ())) != list(names):
                raise OptionError(f"'{path}' holds other parameters")
        elif path.exists():
            raise OptionError(f"'{path}' is there already", hint="name another folder, or remove it")
        else:
            self._array = zarr.open_array(
                str(path), mode="w", shape=(0, self._size), chunks=(self._rows, self._size), dtype="f8"
            )
            self._array.attrs["names"] = list(names)
            self._array.attrs["epochs"] = []

    def take(self, epoch: int, theta: Array) -> None:
        self._waiting.append((epoch, np.array(theta)))
        if len(self._waiting) >= self._rows:
            self.close()

    def arrays(self) -> tuple[Array, Any]:
        return np.array(self._array.attrs["epochs"], dtype=np.intp), self._array

    def close(self) -> None:
        if not self._waiting:
            return
        first = self._waiting[0][0]
        # What an interrupted run had taken after its checkpoint is taken again.
        epochs = [int(epoch) for epoch in self._array.attrs["epochs"] if epoch < first]
        self._array.resize((len(epochs) + len(self._waiting), self._size))
        self._array[len(epochs) :] = np.array([theta for _, theta in self._waiting])
        self._array.attrs["epochs"] = epochs + [epoch for epoch, _ in self._waiting]
        self._waiting.clear()


def store_of(
    keep: str | None, every: int, where: str | os.PathLike[str] | None, names: tuple[str, ...], resumed: bool = False
) -> ParameterStore | None:
    """What keeps the parameters ``names``: None, or for ``keep="parameters"`` memory, or a file by its ending.

    Raises OptionError for another ``keep``, an ``every`` below 1, or another ending than .npz and .zarr.
    """
    if keep is None:
        if where is not None:
            raise OptionError("a place to keep parameters in, and no word to keep them", hint='add keep="parameters"')
        return None
    if keep != "parameters":
        raise OptionError(f"'{keep}' cannot be kept", hint='what can is keep="parameters"')
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise OptionError(f"parameters are kept every so many epochs, at least 1, not {every!r}")
    if where is None:
        return InMemory(names, every)
    path = Path(where)
    if path.suffix == ".npz":
        return InArchive(path, names, every)
    if path.suffix == ".zarr":
        return InZarr(path, names, every, resumed)
    raise OptionError(f"'{path}' names no form of arrays", hint="known endings: .npz, .zarr")
