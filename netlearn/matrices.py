"""The cells of a crossbar as a matrix: out of a netlist, and measured values back into it."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.atomic import Destination, write_atomically
from netlearn.circuit.parameters import Parameters
from netlearn.elaboration.design import Design
from netlearn.errors import DataError, OptionError
from netlearn.learn.hardware import Hardware, level_values, series_values
from netlearn.measured_matrix import MeasuredMatrix, measured_matrix
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import format_number
from netlearn.netlist.output_check import check_netlist_output
from netlearn.overrides import NetlistLike, Overrides
from netlearn.project import open_project
from netlearn.writing import measured_levels

_NAME = re.compile(r"(.*?)(\d{1,18})([_x,:c-]{1,2})(\d{1,18})([a-z]*)(\.[^.]+)?")
"""A cell by the numbers of its row and its column, such as rc0_12p or xc0_12p.g."""
CONDUCTANCE, VALUE = "conductance", "value"
_SIEMENS = ".g"
"""What the parameter of a cell that is a conductance ends in."""
UNLIKE = np.log(1000.0)
"""Matrices that differ by this factor are not alike, by convention: more than devices range over, less than what lies
between a conductance of some microsiemens and its reciprocal."""
LISTED = 3
"""Names in a message, by convention; the rest is counted."""


@dataclass(frozen=True)
class CrossbarMatrix:
    """What the cells of a crossbar hold, n rows by m columns.

    ``conductances`` (n, m) are in siemens, NaN where there is no cell; where cells hold something else, such as an
    area, they are these numbers, and ``quantity`` is "value" instead of "conductance". ``elements`` (n, m) are the
    cells' names in the netlist. Where devices have levels, ``targets`` (n, m) are the nearest and ``levels`` (n, m)
    their numbers, counted from 0 at the lowest conductance, -1 where there is no cell.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    elements: Array
    conductances: Array
    quantity: str = CONDUCTANCE
    targets: Array | None = None
    levels: Array | None = None

    def __repr__(self) -> str:
        return f"<crossbar of {len(self.rows)} rows and {len(self.columns)} columns, a {self.quantity} in each cell>"

    def csv(self) -> str:
        """A line for each cell: its row, column, name in the netlist, conductance, target and level."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        named = self.targets is not None and self.levels is not None
        writer.writerow(["row", "column", "element", self.quantity, *(["target", "level"] if named else [])])
        for i, j in np.argwhere(self.elements != "").tolist():
            line = [self.rows[i], self.columns[j], self.elements[i, j], format_number(self.conductances[i, j])]
            if self.targets is not None and self.levels is not None:
                line += [format_number(self.targets[i, j]), str(self.levels[i, j])]
            writer.writerow(line)
        return text.getvalue()

    def arrays(self) -> Mapping[str, Array]:
        """The same as arrays by name, as a ``.npz`` file has them."""
        found = {
            "rows": np.array(self.rows),
            "columns": np.array(self.columns),
            "elements": self.elements,
            f"{self.quantity}s": self.conductances,
        }
        if self.targets is not None and self.levels is not None:
            found |= {"targets": self.targets, "levels": self.levels}
        return found

    @checked
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as ``.npz``, or else as CSV. Raises OutputError."""
        if Path(path).suffix.lower() != ".npz":
            write_atomically(path, self.csv().encode())
            return
        data = io.BytesIO()
        np.savez(data, **self.arrays())  # type: ignore[arg-type]
        write_atomically(path, data.getvalue())


@checked
def crossbar_matrix(netlist: NetlistLike, **settings: Unpack[Overrides]) -> CrossbarMatrix:
    """The cells of a crossbar: what is trained in it (``*@train``, or ``train=``), as a matrix.

    Cells are known by their names, which hold the numbers of their row and column, as ``Rc3_12`` and ``Xc3_12p.g`` do;
    or else by their nodes, where rows are driven by sources and columns are what resistors join them to. The levels
    are those of ``*@hardware``, or ``hardware=``.

    Raises OptionError where there is no crossbar, or more than one.
    """
    return _cells(netlist, settings)[0]


@checked
def import_values(
    netlist: NetlistLike,
    matrix: object,
    *,
    out: Destination | str | os.PathLike[str] | None = None,
    **settings: Unpack[Overrides],
) -> Netlist:
    """A copy of the netlist whose crossbar holds a measured matrix; nothing but the cells' values changes.

    Parameters
    ----------
    netlist : a netlist or the path of one.
    matrix : an array (n, m) of conductances in siemens, a CrossbarMatrix, or the path of a file: ``.npy``; ``.npz``
        with ``conductances``, or ``resistances`` in ohms, and perhaps ``rows`` and ``columns``; CSV of a line for each
        cell, or of the matrix, with or without the names of rows and columns.
    out : a file that the netlist is written to.
    settings : as for :func:`crossbar_matrix`.

    Raises DataError for a matrix that does not fit, or holds what no cell can, at its place, and what
    :func:`crossbar_matrix` raises.
    """
    target = Destination.of(out)
    found, design, parameters, places = _cells(netlist, settings)
    if target is not None:
        path = matrix if isinstance(matrix, str | os.PathLike) else None
        check_netlist_output(target, design.changed(parameters), (path,))
    if isinstance(matrix, CrossbarMatrix):
        given = MeasuredMatrix("<matrix>", matrix.conductances, matrix.rows, matrix.columns, matrix.quantity)
    else:
        given = measured_matrix(matrix)
    there = found.elements != ""
    fitted = given.fitted(found.rows, found.columns, there)
    fitted.called(found.elements)
    measured = fitted.values
    if given.quantity != found.quantity and not (given.quantity is None or found.quantity == CONDUCTANCE):
        raise DataError(f"'{given.path}' holds a {given.quantity}, and the cells of this crossbar another {VALUE}")
    if given.quantity is None and found.quantity == CONDUCTANCE:
        _refuse_ohms(given.path, measured[there], found.conductances[there])
    if given.quantity == "resistance":
        fitted.positive(there)
        measured = np.where(there, 1 / np.where(there, measured, 1.0), np.nan)
    elif found.quantity == CONDUCTANCE:
        fitted.positive(there)
    theta = np.array(parameters.initial, float)
    # What was not changed stays as it is written, to the last digit.
    changed = there & (measured != found.conductances)
    numbers = measured[changed]
    of = places[changed]
    theta[of] = np.where(parameters.resistive[of], 1 / numbers, numbers)
    result = design.write(parameters, theta)
    if target is not None:
        result.save(target.path, force=target.force, follow=target.named)
    return result


def _refuse_ohms(path: str, measured: Array, present: Array) -> None:
    """Raise DataError for a bare matrix whose reciprocals are like the conductances that there are, but not itself."""
    if not (measured > 0).all() or not (present > 0).all():
        return
    of, beside = np.log(measured).mean(), np.log(present).mean()
    if abs(of - beside) > UNLIKE > abs(of + beside):
        shown = f"{np.exp(of):.3g} in the geometric mean, and the cells of the netlist {np.exp(beside):.3g} S"
        raise DataError(
            f"'{path}' seems to hold ohms, not siemens: {shown}",
            hint="give 1/matrix, or a .npz file in which it is called 'resistances'",
        )


def _cells(netlist: NetlistLike, settings: Overrides) -> tuple[CrossbarMatrix, Design, Parameters, Array]:
    """The matrix, and which of the design's parameters each of its cells is, (n, m), -1 for none."""
    project = open_project(netlist, overrides=settings)
    design = project.design
    parameters = design.parameters(project.selections)
    named = _by_names(parameters.names) or _by_nodes(design, parameters)
    if not named:
        raise OptionError(
            "there is no crossbar among what is trained",
            hint="name cells by row and column, such as Rc3_12, and say which they are: --train 'Rc*'",
        )
    rows, columns = (sorted({place[k] for place in named}) for k in (0, 1))
    places = np.full((len(rows), len(columns)), -1)
    row, column = ({key: k for k, key in enumerate(keys)} for keys in (rows, columns))
    for key, number in named.items():
        places[row[key[0]], column[key[1]]] = number
    there = places >= 0
    chosen = places[there]
    resistive = parameters.resistive[chosen]
    siemens = np.array([parameters.names[k].lower().endswith(_SIEMENS) for k in chosen.tolist()])
    if resistive.any() and not (resistive | siemens).all():
        raise OptionError("some cells are resistances and some are not", hint="say which are meant: --train 'Rc*'")
    held = parameters.initial[chosen]
    values = np.full(places.shape, np.nan)
    values[there] = np.where(resistive, 1 / np.where(resistive, held, 1.0), held)
    elements = np.full(places.shape, "", dtype=object)
    elements[there] = [parameters.names[k] for k in chosen.tolist()]
    quantity = CONDUCTANCE if (resistive | siemens).all() else VALUE
    hardware = project.settings.hardware if quantity == CONDUCTANCE else None
    table = None
    if hardware is not None and hardware.measured is not None:
        if not resistive.all():
            raise OptionError("a file of levels is for cells that are resistances", hint="leave 'measured' out")
        table = measured_levels(project).values
    if hardware is not None and resistive.all():
        hardware = _bounded(hardware, np.asarray(parameters.lower)[chosen], np.asarray(parameters.upper)[chosen])
    targets, levels = _leveled(hardware, values, table)
    names = tuple(key[-1] for key in rows), tuple(key[-1] for key in columns)
    return CrossbarMatrix(*names, elements.astype(str), values, quantity, targets, levels), design, parameters, places


_Key = tuple[float, str, str]
"""What rows or columns are sorted by, with their name last."""


def _by_names(names: Sequence[str]) -> dict[tuple[_Key, _Key], int]:
    """The parameters by row and column, as their names have it; none where these have no two numbers."""
    found = {k: match for k, name in enumerate(names) if (match := _NAME.fullmatch(name.lower())) is not None}
    families = Counter((match[1], match[3], match[6] or "") for match in found.values())
    if not families:
        return {}
    (family, count), *others = families.most_common()
    if others and 2 * others[0][1] > count:
        said = " and ".join(f"'{prefix}*{suffix}'" for prefix, _, suffix in (family, others[0][0]))
        raise OptionError(
            f"both {said} could be the cells", hint=f"say which they are: --train '{family[0]}*{family[2]}'"
        )
    cells: dict[tuple[_Key, _Key], int] = {}
    for k, match in found.items():
        if (match[1], match[3], match[6] or "") != family:
            continue
        # Of a pair plus comes first.
        place = {"p": "0", "n": "1"}.get(match[5], match[5])
        row: _Key = int(match[2]), "", f"row{int(match[2])}"
        column: _Key = int(match[4]), place, f"col{int(match[4])}{match[5]}"
        if (row, column) in cells:
            raise OptionError(f"'{names[cells[row, column]]}' and '{names[k]}' are at the same crossing")
        cells[row, column] = k
    return cells


def _by_nodes(design: Design, parameters: Parameters) -> dict[tuple[_Key, _Key], int]:
    """The parameters by the nodes that their resistors join, one of them a source's."""
    circuit = design.circuit
    nodes = range(len(circuit.nodes))
    sources, resistors = (circuit.group(kind) for kind in ("voltage source", "resistor"))
    if sources is None or resistors is None:
        return {}
    driven = set(np.asarray(circuit.groups[sources].index)[:, :2].ravel().tolist())
    group = circuit.groups[resistors]
    ends = dict(zip(group.names, np.asarray(group.index)[:, :2].tolist(), strict=True))
    cells: dict[tuple[_Key, _Key], int] = {}
    for k, name in enumerate(parameters.names):
        pair = ends.get(name)
        if pair is None or not all(node in nodes for node in pair) or len(driven.intersection(pair)) != 1:
            continue
        a, b = pair if pair[0] in driven else pair[::-1]
        key: tuple[_Key, _Key] = (a, "", circuit.nodes[a]), (b, "", circuit.nodes[b])
        if key in cells:
            raise OptionError(f"'{parameters.names[cells[key]]}' and '{name}' are at the same crossing")
        cells[key] = k
    return cells


def _bounded(hardware: Hardware, lower: Array, upper: Array) -> Hardware:
    """The same with the cells' own bounds in ohms, as in training, where it says none and they are one device's."""
    low, high = float(lower.max()), float(upper.min())
    if hardware.levels is None or low != lower.min() or high != upper.max() or not 0 < low < high < np.inf:
        return hardware
    return replace(
        hardware,
        min=low if hardware.min is None else max(low, hardware.min),
        max=high if hardware.max is None else min(high, hardware.max),
    )


def _leveled(
    hardware: Hardware | None, conductances: Array, table: Array | None = None
) -> tuple[Array | None, Array | None]:
    """The nearest level of each, and its number from the lowest conductance on; ``table`` are measured, in ohms."""
    given = hardware is not None and (hardware.levels or hardware.values or hardware.series != "none")
    if hardware is None or not (given or table is not None):
        return None, None
    there = ~np.isnan(conductances)
    if table is not None:
        held, spacing = table, hardware.spacing
    elif hardware.levels or hardware.values:
        held, spacing = level_values(hardware), hardware.spacing
    else:
        low, high = 1 / np.nanmax(conductances) / 10, 10 / np.nanmin(conductances)
        reach = max(low, hardware.min or 0.0), min(high, np.inf if hardware.max is None else hardware.max)
        held, spacing = series_values(hardware.series, *reach), "log"
    known = np.sort(1 / held)
    at, of = (_spaced(each, spacing) for each in (known, np.where(there, conductances, known[0])))
    number = np.searchsorted((at[1:] + at[:-1]) / 2, of)
    return np.where(there, known[number], np.nan), np.where(there, number, -1)


def _spaced(conductances: Array, spacing: str) -> Array:
    """Conductances in what levels are equally far apart in, rising with them."""
    if spacing == "conductance":
        return conductances
    return np.asarray(np.log(conductances) if spacing == "log" else -1 / conductances)
