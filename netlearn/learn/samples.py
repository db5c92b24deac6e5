"""Samples as Python has them: arrays, DataFrames, dicts, and pairs of inputs and targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError
from netlearn.learn.table import CLASS, IN_MEMORY, Table, check_twice, is_missing, label_of

PAIR = re.compile(r"\(([^()]*)\)")

Drive = tuple[tuple[str, float], ...]
"""The sources that one column drives, each with the sign with which it does."""


@dataclass(frozen=True)
class Unnamed:
    """What the columns of arrays without names stand for.

    ``input`` are the words of ``*@input``, ``output`` those of ``*@output``. Where there are no
    input words, the ``sources`` of the netlist are taken in their order; without these, too, columns need
    names. ``labels`` says whether
    targets are class labels, and None that their form tells.
    """

    input: Sequence[str] = ()
    output: Sequence[str] = ()
    labels: bool | None = None
    sources: Callable[[], Sequence[str]] | None = None

    @property
    def words(self) -> Sequence[str]:
        """What each column drives, as words of ``*@input``."""
        return self.input or self.all_sources()

    def all_sources(self) -> Sequence[str]:
        """The sources of the netlist, none where it is not known."""
        return self.sources() if self.sources is not None else ()

    def drives(self, width: int) -> Sequence[Drive]:
        """What each of ``width`` columns drives. Raises DataError where their number does not fit."""
        if self.input:
            drives = [drive_of(word) for word in self.input]
            if len(drives) != width:
                said = " ".join(self.input)
                raise DataError(f"{_there_are(width)} of inputs, and *@input names {len(drives)}: {said}")
            return drives
        if self.sources is None:
            hint = "give them by name, as in {'V1': [...], 'V(out)': [...]} or a DataFrame"
            raise DataError(f"{_there_are(width)} without names", hint=hint)
        sources = self.sources()
        if len(sources) != width:
            each = "'*@input V1 ...' in the netlist, or input=['V1', ...], names what each column drives, in order"
            if not sources:
                missing = "and no source for them: the netlist has none, or all are trained or set by corners"
                hint = f"{each}: a source, or a value such as R1"
                raise DataError(f"{_there_are(width)} of inputs, {missing}", hint=hint)
            shown = ", ".join(sources[:8]) + (", ..." if len(sources) > 8 else "")
            number = "1 source" if len(sources) == 1 else f"{len(sources)} sources"
            raise DataError(f"{_there_are(width)} of inputs for {number} ({shown})", hint=each)
        return [((name, 1.0),) for name in sources]


def drive_of(word: str) -> Drive:
    """The sources of one word of ``*@input``: ``V1``, or ``(V1,-V2)`` for one column that drives two.

    Raises OptionError for a word that is neither.
    """
    text = "".join(word.split())
    found = PAIR.fullmatch(text)
    parts = (found[1] if found else text).split(",")
    if not all(part.lstrip("-") for part in parts) or any("(" in part or ")" in part for part in parts):
        raise OptionError(f"'{word}' names no source", hint="write V1, -V1 or (V1,-V2)")
    return tuple((part.removeprefix("-"), -1.0 if part.startswith("-") else 1.0) for part in parts)


def table_of(data: object, unnamed: Unnamed, path: str = IN_MEMORY, first: int = 0) -> Table:
    """A table from samples of any of the kinds that Python has.

    ``data`` is a Table; a DataFrame of pandas or polars, an Arrow table, a structured array or a
    mapping, by the names of the columns; an array (S, p); or a pair (X, y) of inputs of these
    kinds and targets. Columns of arrays stand for what ``unnamed`` says. The targets are (S, o)
    values, (S,) values of one output, or (S,) class labels. ``path`` is what messages call them,
    and ``first`` how many rows stand before them. Raises DataError for what fits none.
    """
    if isinstance(data, Table):
        return data
    return Table.of(_columns(data, unnamed), path, first)


def _columns(data: object, unnamed: Unnamed) -> Mapping[str, Any]:
    if isinstance(data, tuple) and len(data) == 2:
        return _pair(*data, unnamed)
    named = named_columns(data)
    if named is None:
        return _inputs(data, unnamed)
    known = {name.lower(): name for name in named}
    if "x" in known and np.ndim(named[known["x"]]) == 2 and set(known) <= {"x", "y"}:
        return _pair(named[known["x"]], named[known["y"]] if "y" in known else None, unnamed)
    return named


def named_columns(data: object) -> dict[str, Array] | None:
    """The columns by name, or None for data whose columns have no names.

    Columns that are numbered, as those of a DataFrame made from an array are, have no names.
    """
    names: Iterable[Any]
    if isinstance(data, Mapping):
        names = list(data)
    elif isinstance(data, np.ndarray):
        if data.dtype.names is None:
            return None
        names = data.dtype.names
    elif hasattr(data, "column_names") and hasattr(data, "column"):
        names = data.column_names
    elif hasattr(data, "columns") and hasattr(data, "__getitem__"):
        names = list(data.columns)
    else:
        return None
    names = list(names)
    if names and not any(isinstance(name, str) for name in names):
        return None
    check_twice(map(str, names), IN_MEMORY)
    return {str(name): plain_array(data[name]) for name in names}  # type: ignore[index]


def plain_array(column: object) -> Array:
    """A column as an array of numbers, with NaN where nothing is, or of what else it holds."""
    values = _array(column)
    if values.dtype.kind == "S" or (values.dtype.kind == "O" and any(isinstance(v, bytes) for v in values.ravel())):
        values = _decoded(values)
    if values.dtype.kind != "O" or any(isinstance(value, str) for value in values.ravel()):
        # Texts stay texts: "001" is a label, and no number.
        return values
    try:
        return np.array([np.nan if is_missing(value) else _float(value) for value in values.ravel()]).reshape(
            values.shape
        )
    except (TypeError, ValueError):
        return values


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        # A whole number of Python's, which may have any length.
        return np.inf if value > 0 else -np.inf


def _array(data: object) -> Array:
    """An array of whatever can become one, NaN where its mask says that nothing is. Raises DataError."""
    try:
        values = np.asarray(data)
    except ValueError:
        raise DataError("the rows of the data differ in length") from None
    except (TypeError, RuntimeError) as error:
        # What other libraries say of their own arrays.
        raise DataError(f"a {type(data).__name__} cannot be read as an array: {error}") from None
    mask = np.ma.getmaskarray(data) if isinstance(data, np.ma.MaskedArray) else None
    if mask is None or not mask.any():
        return values
    if values.dtype.kind in "buif":
        return np.where(mask, np.nan, values)
    values = values.astype(object)
    values[mask] = None
    return values


def _decoded(values: Array) -> Array:
    """Bytes as the text that they stand for, which str() and float() have other opinions of. Raises DataError."""
    try:
        texts = [value.decode() if isinstance(value, bytes) else value for value in values.ravel().tolist()]
    except UnicodeDecodeError:
        raise DataError("a column holds bytes that are no text", hint="write labels as text, in UTF-8") from None
    return np.array(texts, dtype=object).reshape(values.shape)


def _pair(inputs: object, targets: object, unnamed: Unnamed) -> Mapping[str, Any]:
    columns: dict[str, Any] = named_columns(inputs) or _inputs(inputs, unnamed)
    if targets is None:
        return columns
    wanted = _targets(targets, unnamed)
    for name in wanted:
        if name in columns:
            raise DataError(f"the column '{name}' is in the inputs and in the targets")
    counts = {len(column) for part in (columns, wanted) for column in part.values()}
    if len(counts) > 1:
        first, second = (len(next(iter(part.values()))) for part in (columns, wanted))
        raise DataError(f"there are inputs of {first} samples and targets of {second}")
    return {**columns, **wanted}


def _inputs(data: object, unnamed: Unnamed) -> dict[str, Array]:
    """Columns by the sources that an array (S, p) drives."""
    values = plain_array(_dense(data))
    if values.size and isinstance(values.flat[0], Mapping):
        raise DataError("inputs are rows with names, not an array", hint="pandas.DataFrame(rows) is a table of them")
    if values.ndim == 1 and len(unnamed.words) == 1:
        values = values[:, None]
    if values.ndim != 2:
        hint = "samples are rows: X[None] for one sample, X[:, None] for one input"
        raise DataError(f"inputs have the shape {values.shape}, not (samples, inputs)", hint=hint)
    if values.dtype.kind not in "buif":
        raise DataError(f"inputs hold {_shown(values)}, not numbers")
    columns: dict[str, Array] = {}
    for j, drive in enumerate(unnamed.drives(values.shape[1])):
        for name, sign in drive:
            if name in columns:
                raise DataError(f"two columns of inputs drive '{name}'")
            columns[name] = sign * values[:, j].astype(float)
    return columns


def _targets(data: object, unnamed: Unnamed) -> dict[str, Any]:
    """Target columns by probe, or labels as the column ``class``."""
    named = named_columns(data)
    if named is not None and len(named) == 1 and not any("(" in name for name in named):
        data = next(iter(named.values()))
    elif named is not None:
        return named
    values, outputs = plain_array(_dense(data)), list(unnamed.output)
    given = values.shape
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    labels = unnamed.labels
    if labels is None:
        labels = values.dtype.kind not in "buif" or _may_be_labels(values, len(outputs))
    if values.ndim == 1 and labels:
        if values.dtype.kind == "f" and not _whole(values):
            value = values[values != np.round(values)][0]
            raise DataError(f"targets are values such as {value:g}, not class labels", hint="*@loss mse takes values")
        return {CLASS: values}
    if not outputs:
        raise DataError(
            "targets without names need outputs", hint="say what is measured: output=['V(out)'], or *@output V(out)"
        )
    nameless = unnamed.labels is False and values.ndim == 1 and len(outputs) > 1
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != len(outputs):
        shape = "(samples,)" if len(outputs) == 1 else f"(samples, {len(outputs)}), or class labels (samples,)"
        raise DataError(
            f"targets have the shape {given}, not {shape}, for the "
            f"{'output' if len(outputs) == 1 else 'outputs'} {', '.join(outputs)}",
            hint="labels need the names of all classes: classes=['a', 'b', ...], or *@classes" if nameless else "",
        )
    if values.dtype.kind not in "buif":
        raise DataError(f"targets hold {_shown(values)}, not numbers")
    return dict(zip(outputs, values.astype(float).T, strict=True))


def _may_be_labels(values: Array, outputs: int) -> bool:
    """Whether (S,) numbers can only be meant as labels: they are whole, and there are several outputs."""
    return outputs > 1 and _whole(values)


def _whole(values: Array) -> bool:
    return bool(np.all(np.isnan(values) | (values == np.round(values))))


def _dense(data: object) -> Array:
    """An array, from a sparse matrix too. Raises DataError."""
    return _array(data.toarray() if hasattr(data, "toarray") else data)


def _shown(values: Array) -> str:
    """What values that are no numbers are: the first of them that is none, with its row, or their kind."""
    if values.dtype.kind in "OUS":
        for row, value in enumerate(values.reshape(len(values), -1)):
            wrong = [each for each in value.tolist() if not isinstance(each, int | float)]
            if wrong:
                return f"{wrong[0]!r} in row {row + 1}"
    return str(values.dtype)


def _there_are(count: int) -> str:
    return "there is 1 column" if count == 1 else f"there are {count} columns"


def words_of_input(given: Iterable[str | Iterable[str]]) -> tuple[str, ...]:
    """The words of ``*@input`` from names, and from tuples of names that one column drives. Raises OptionError."""
    given = tuple(given)
    for word in given:
        names = (word,) if isinstance(word, str) or not isinstance(word, Iterable) else tuple(word)
        wrong = next((name for name in names if not isinstance(name, str)), None)
        if wrong is not None:
            raise OptionError(f"{wrong!r:.80} names nothing that an input could drive", hint="such as 'V1' or '-V1'")
    return tuple(word if isinstance(word, str) else f"({','.join(word)})" for word in given)


def words_of_classes(given: Iterable[object]) -> tuple[str, ...]:
    """The words of ``*@classes`` from labels of any kind."""
    return tuple(dict.fromkeys(label_of(label) for label in given))
