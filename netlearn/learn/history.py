"""What is known of a training run, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import NetlearnError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Record:
    """What is known at the beginning of an epoch, before its first step; NaN for what is not.

    ``solves`` counts operating points since training began and ``measurements`` the readings
    that hardware would have made for them.
    """

    epoch: int
    loss: float
    accuracy: float = np.nan
    validation_loss: float = np.nan
    validation_accuracy: float = np.nan
    solves: int = 0
    measurements: int = 0

    @property
    def score(self) -> float:
        """What decides which values are the best: the validation loss if there is one."""
        return self.loss if np.isnan(self.validation_loss) else self.validation_loss


COLUMNS = tuple(entry.name for entry in fields(Record))


@dataclass(frozen=True, eq=False)
class History(Sequence[Record]):
    """The E records of a run, as a sequence, as arrays (E,) by their names, and as a DataFrame.

    ``parameters`` (K, P) are the values of the parameters ``names`` at the beginning of the
    epochs ``kept`` (K,), where they were asked for (``keep="parameters"``), and else None.

    >>> history = History((Record(0, 2.0), Record(1, 1.0)))
    >>> history.loss, len(history), history[-1].epoch
    (array([2., 1.]), 2, 1)
    """

    records: tuple[Record, ...] = ()
    names: tuple[str, ...] = ()
    kept: Array | None = None
    parameters: Array | None = None

    def __repr__(self) -> str:
        last = f", the last one {self.records[-1].loss:.6g}" if self.records else ""
        return f"<history: the losses of {len(self.records)} epochs{last}>"

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self.records[index]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        # What is not known is NaN, and the same.
        return np.array_equal(self.array(), History(tuple(other)).array(), equal_nan=True)

    __hash__ = None  # type: ignore[assignment]

    @property
    def epoch(self) -> Array:
        """(E,) epochs, counted from 0."""
        return self._column("epoch").astype(np.intp)

    @property
    def loss(self) -> Array:
        """(E,) the mean loss over the training data."""
        return self._column("loss")

    @property
    def accuracy(self) -> Array:
        """(E,) the accuracy on the training data, NaN without classes."""
        return self._column("accuracy")

    @property
    def validation_loss(self) -> Array:
        """(E,) the mean loss over the data kept aside, NaN without any."""
        return self._column("validation_loss")

    @property
    def validation_accuracy(self) -> Array:
        """(E,) the accuracy on the data kept aside, NaN without any."""
        return self._column("validation_accuracy")

    @property
    def solves(self) -> Array:
        """(E,) operating points found since training began."""
        return self._column("solves").astype(np.intp)

    @property
    def measurements(self) -> Array:
        """(E,) readings that hardware would have made for them."""
        return self._column("measurements").astype(np.intp)

    def array(self) -> Array:
        """(E, 7) all numbers, in the order of ``COLUMNS``."""
        return np.array([list(asdict(record).values()) for record in self.records], float).reshape(-1, len(COLUMNS))

    @classmethod
    def of(cls, array: Array, names: Sequence[str] = (), kept: Array | None = None, parameters: Any = None) -> History:
        """The history that ``array()`` came from."""
        return cls(tuple(_record(row) for row in array.tolist()), tuple(names), kept, parameters)

    def frame(self, parameters: bool = False) -> pd.DataFrame:
        """A pandas DataFrame with a row for each epoch; with ``parameters``, their columns too, NaN where not kept.

        Raises NetlearnError without pandas, and where the parameters were not kept.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise NetlearnError("a DataFrame takes pandas", hint="pip install pandas") from None
        columns = {name: getattr(self, name) for name in COLUMNS}
        frame: pd.DataFrame = pandas.DataFrame(columns).set_index("epoch")
        if not parameters:
            return frame
        if self.parameters is None:
            raise NetlearnError("the parameters were not kept", hint='train with keep="parameters"')
        values = pandas.DataFrame(np.asarray(self.parameters), index=self.kept, columns=list(self.names))
        return frame.join(values)

    def _column(self, name: str) -> Array:
        return np.array([getattr(record, name) for record in self.records], dtype=float)


def _record(row: list[float]) -> Record:
    epoch, loss, rate, validation_loss, validation_rate, solves, measurements = row
    return Record(int(epoch), loss, rate, validation_loss, validation_rate, int(solves), int(measurements))
