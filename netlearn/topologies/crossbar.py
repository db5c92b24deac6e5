"""Crossbars as they are: cells at the crossings of lines with resistance, drivers, and readout by pairs of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.matrix_files import NamedMatrix
from netlearn.netlist.numbers import format_number
from netlearn.options import Declared, option
from netlearn.topologies.cells import Cell, cell_of
from netlearn.topologies.network import Network
from netlearn.topologies.start import NewNetlist, Start
from netlearn.topologies.tables import csv_text
from netlearn.topologies.weights import Lines, Programmed, fitting, programmed

SELECTOR = ".model selector d is=1n"
LOWEST, HIGHEST = 1e4, 1e6
"""Bounds of the cells that stand for a matrix, in ohms, where none are given: by convention, two decades as memristive
devices have them."""

ROOM = 0.5
"""The part of the highest conductance that stands for the largest weight where cells are no resistors: by convention, a
half, as these take some of the voltage that is to be made up for."""


@dataclass(frozen=True)
class Crossbar(Declared):
    """Rows that are driven crossing columns that are read, a cell at each crossing.

    Read as voltages, each column ends in a resistor to ground; read as currents, in a source of 0 V, as at the input
    of a transimpedance amplifier. With ``wire`` every piece of a line has a resistance: of a row from its driver to
    the first crossing and on from one to the next, of a column down to its end behind the last crossing. With
    ``pairs`` an output is the difference of two columns, so that weights may be negative.

    A matrix of weights (rows, columns) becomes conductances between the bounds, of a pair one at the lower; the scale
    is the largest that leaves room for making up for what the lines take, and stands in the netlist. The data then
    are random inputs and the products with the matrix, so that training makes the crossbar act like it.
    """

    rows: int | None = option(None, "driven lines; 8, or those of the matrix, if not given", least=1)
    columns: int | None = option(None, "outputs; 4, or the columns of the matrix, if not given", least=1)
    wire: float = option(0.0, "resistance of a line from one crossing to the next, in ohms", least=0.0)
    pairs: bool | None = option(None, "whether outputs are differences of two columns; as with a matrix, if not given")
    readout: Literal["voltage", "current"] | None = option(
        None, "reading of the columns; if not given, current with a matrix, else voltage"
    )
    cell: str = option("resistor", "resistor, diode, sinh, or a file of a subcircuit of two nodes with r or g")
    selector: Literal["none", "diode"] = option("none", "a diode in series with each cell")
    driver: float = option(0.0, "resistance of the drivers, in ohms", least=0.0)
    terminal: Literal["left", "both"] = option("left", "the ends at which rows are driven")

    def netlist(self, start: Start, given: frozenset[str], data: str, weights: NamedMatrix | None) -> NewNetlist:
        """The text and its data; ``given`` are the names of what of ``start`` was not left to its default.

        Raises OptionError, DataError and NetlistError.
        """
        matrix = None if weights is None else fitting(weights, self.rows, self.columns)
        rows, columns = self.rows or 8, self.columns or 4
        if matrix is not None:
            rows, columns = len(matrix), len(matrix.T)
        least, most = start.min, start.max
        if matrix is not None:
            least, most = (LOWEST if "min" not in given else least), (HIGHEST if "max" not in given else most)
        if most <= least:
            raise OptionError(f"the upper bound {most:g} is not above the lower bound {least:g}")
        for name, wanted, there in (("inputs", start.inputs, rows), ("outputs", start.outputs, columns)):
            if wanted is not None and (wanted > there or (matrix is not None and wanted != there)):
                raise OptionError(f"this crossbar has {there} {name}, not {wanted}", hint="say rows and columns")
        return _Writing(self, start, given, rows, columns, least, most, matrix).written(data)


@dataclass(frozen=True)
class _Writing:
    """One crossbar of ``rows`` and ``columns`` outputs, with bounds of its cells in ohms."""

    bar: Crossbar
    start: Start
    given: frozenset[str]
    rows: int
    columns: int
    least: float
    most: float
    matrix: Array | None

    @property
    def pairs(self) -> bool:
        return self.matrix is not None if self.bar.pairs is None else self.bar.pairs

    @property
    def current(self) -> bool:
        readout = self.bar.readout or ("voltage" if self.matrix is None else "current")
        return readout == "current"

    @property
    def lines(self) -> Lines:
        return Lines(self.bar.wire, self.bar.driver, self.bar.terminal == "both")

    @property
    def inputs(self) -> int:
        """Rows that are driven."""
        return self.start.inputs or self.rows

    @property
    def outputs(self) -> int:
        """Columns, or pairs of them, that are read."""
        return self.start.outputs or self.columns

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [f"{j}{end}" for j in range(self.columns) for end in (("p", "n") if self.pairs else ("",))]

    def written(self, data: str) -> NewNetlist:
        rng = np.random.default_rng(self.start.seed)
        cell = cell_of(self.bar.cell)
        one_way = cell.one_way or self.bar.selector == "diode"
        samples = self.start.samples if self.matrix is None or "samples" in self.given else 2 * self.rows
        said: list[str] = []
        if self.matrix is None:
            first, wanted = (self._random(rng) for _ in range(2))
            loads, wanted_loads = (self._random(rng)[0] for _ in range(2))
            volts = self._volts(rng, samples, one_way)
            reads = self._ideal(volts, wanted, wanted_loads)
        else:
            # What is no resistor takes from the voltage, too, and is to be made up for as well.
            highest = (1.0 if cell.linear and self.bar.selector == "none" else ROOM) / self.least
            of = programmed(self.matrix, 1 / self.most, max(highest, 1 / self.most), self.lines, pairs=self.pairs)
            first = of.conductances
            # With the same sum at every column, loads among it, voltages are products with the matrix.
            total = 1.25 * float(first.sum(axis=0).max())
            loads = total - first.sum(axis=0)
            volts = self._volts(rng, samples, one_way)
            unit = of.scale if self.current else of.scale / total
            reads = unit * volts @ self.matrix
            said = self._said(of, unit, samples)
        header = [f"V{i + 1}" for i in range(self.inputs)] + self._probes()
        table = np.concatenate([volts, reads[:, : self.outputs]], axis=1)
        nodes, ends = self._graph()
        text = [
            *self._head(data, cell, loads, said),
            *cell.definitions,
            *([SELECTOR] if self.bar.selector == "diode" else []),
            *self._elements(cell, first, loads),
            ".end",
        ]
        network = Network(
            nodes, ends, np.arange(self.rows), self.rows + np.arange(len(self.names)), len(nodes) - 1, whole=True
        )
        return NewNetlist("\n".join(text) + "\n", csv_text(header, table), network, tuple(said))

    def _random(self, rng: np.random.Generator) -> Array:
        """Conductances (rows, columns) around the mean that was asked for."""
        reach = np.log(self.start.spread)
        resistance = self.start.resistance * np.exp(rng.uniform(-reach, reach, (self.rows, len(self.names))))
        resistance = np.clip(resistance, self.least, self.most)
        # Three digits are enough for a beginning, and easier to read.
        return np.array([1 / float(f"{value:.3g}") for value in resistance.ravel().tolist()]).reshape(resistance.shape)

    def _volts(self, rng: np.random.Generator, samples: int, one_way: bool) -> Array:
        return rng.uniform(0.0 if one_way else -1.0, 1.0, (samples, self.inputs)).round(4)

    def _ideal(self, volts: Array, conductances: Array, loads: Array) -> Array:
        """What resistors at lines without resistance read."""
        driven = conductances[: self.inputs]
        reads = volts @ driven
        if not self.current:
            reads = reads / (driven.sum(axis=0) + loads)
        return np.asarray(reads[:, ::2] - reads[:, 1::2] if self.pairs else reads)

    def _probes(self) -> list[str]:
        numbers = range(self.outputs)
        if self.current:
            return [f"{{I(Vs{j}p)-I(Vs{j}n)}}" if self.pairs else f"I(Vs{j})" for j in numbers]
        return [f"V(col{j}p,col{j}n)" if self.pairs else f"V(col{j})" for j in numbers]

    def _said(self, of: Programmed, unit: float, samples: int) -> list[str]:
        assert self.matrix is not None
        what = "A of output for each V of input" if self.current else "of the output's volts for each of the input's"
        said = [f"scale: a weight of 1 is {of.scale:.6g} S, and {unit:.6g} {what}"]
        room = float(of.conductances.max()) * self.least
        # Less is not seen in three digits.
        if room < 0.9995:
            said.append(
                f"the largest conductance is {100 * room:.3g} % of the upper bound, "
                "to leave room for what lines and selectors take"
            )
        if of.held:
            count = of.conductances.size
            said.append(f"{of.held} of {count} weights are less than the lowest conductance, which stands for them")
        if samples < self.rows:
            said.append(f"{samples} samples leave open what becomes of {self.rows} rows: take as many or more")
        return said

    def _head(self, data: str, cell: Cell, loads: Array, said: Sequence[str]) -> Iterator[str]:
        bounds = sorted(cell.value(1 / bound) for bound in (self.least, self.most))
        where = "" if self.bar.wire == 0 else f", lines of {self.bar.wire:g} ohms from crossing to crossing"
        yield f"* crossbar: {self.rows} rows, {len(self.names)} columns, {cell.says} at each crossing{where}"
        yield from (f"* {line}" for line in said)
        yield f"*@data    {data}"
        yield f"*@input   {' '.join(f'V{i + 1}' for i in range(self.inputs))}"
        yield f"*@output  {' '.join(self._probes())}"
        yield f"*@train   {cell.trained} min={_short(bounds[0])} max={_short(bounds[1])}"
        if not self.current:
            low, high = (1 / loads.max() / 10, 10 / loads.min()) if self.matrix is not None else (self.least, self.most)
            yield f"*@train   Rl* min={_short(low)} max={_short(high)}"
        if self.matrix is None:
            yield "*@optimizer adam lr=0.05"
            yield f"*@options epochs=200 seed={self.start.seed}"
        else:
            # Outputs are nearly linear in the conductances.
            yield "*@optimizer lbfgs  ; with --hardware give --optimizer adam, too"
            yield f"*@options epochs=60 seed={self.start.seed} coordinates=conductance"

    def _elements(self, cell: Cell, conductances: Array, loads: Array) -> Iterator[str]:
        wire, driver = format_number(self.bar.wire), format_number(self.bar.driver)
        names, last = self.names, self.rows - 1
        for i in range(self.rows):
            row = f"row{i}"
            # The drivers stand between a source and its row, and without any both are one.
            source = f"in{i}" if self.bar.wire or self.bar.driver else row
            if i < self.inputs:
                yield f"V{i + 1} {source} 0 0"
            at = source
            if self.bar.driver:
                at = f"{row}_s" if self.bar.wire else row
                yield f"Rd{i} {source} {at} {driver}"
            for k, name in enumerate(names):
                crossing, column = row, f"col{name}"
                if self.bar.wire:
                    crossing, column = f"{row}_{name}", f"col{name}_{i}"
                    yield f"Rr{i}_{name} {at} {crossing} {wire}"
                    yield f"Rk{i}_{name} {column} {f'col{name}' if i == last else f'col{name}_{i + 1}'} {wire}"
                    at = crossing
                other = column
                if self.bar.selector == "diode":
                    other = f"mid{i}_{name}"
                    yield f"Ds{i}_{name} {other} {column} selector"
                yield cell.element(f"{i}_{name}", crossing, other, cell.text(float(conductances[i, k])))
            if self.bar.terminal == "both" and self.bar.wire:
                end = f"{row}_e" if self.bar.driver else source
                yield f"Rr{i}_e {at} {end} {wire}"
            if self.bar.terminal == "both" and self.bar.driver:
                yield f"Rd{i}e {source} {f'{row}_e' if self.bar.wire else row} {driver}"
        for name, load in zip(names, loads.tolist(), strict=True):
            yield (
                f"Vs{name} col{name} 0 0"
                if self.current
                else f"Rl{name} col{name} 0 {format_number(_digits(1 / load))}"
            )

    def _graph(self) -> tuple[list[str], Array]:
        """Rows, columns and ground, and which of them cells join."""
        columns = len(self.names)
        nodes = [*(f"row{i}" for i in range(self.rows)), *(f"col{name}" for name in self.names), "gnd"]
        at = np.arange(self.rows).repeat(columns), self.rows + np.tile(np.arange(columns), self.rows)
        return nodes, np.stack(at, axis=1)


def _digits(value: float) -> float:
    """Without what rounding left."""
    return float(f"{value:.12g}")


def _short(value: float) -> str:
    return format_number(float(f"{value:.6g}"))
