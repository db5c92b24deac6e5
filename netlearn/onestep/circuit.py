"""The circuit of one-step regression as the lines of a netlist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.netlist.numbers import format_number
from netlearn.onestep.arrays import Scaled, Written
from netlearn.onestep.problem import INTERCEPT, LeastSquares


@dataclass(frozen=True)
class OneStepCircuit:
    """Both arrays with their amplifiers.

    Nodes: ``n1``... the inputs of the rows' amplifiers and ``r1``... their outputs, the residuals; ``c_NAME`` the
    inputs of the columns' amplifiers; ``w_NAME`` the coefficients in the units of the data, and ``u_NAME`` the
    amplifiers' own voltages where these are others. ``m...`` are inverted.
    """

    problem: LeastSquares
    scaled: Scaled
    written: Written

    @property
    def names(self) -> Sequence[str]:
        """What the amplified coefficients are called: all but an intercept that follows from means."""
        return self.problem.names[: self.scaled.values.shape[1]]

    def lines(self) -> Iterator[str]:
        """All elements of the netlist."""
        yield from self._subcircuits()
        yield from ("", "* The targets: currents that are drawn from the inputs of the rows' amplifiers")
        yield from (f"Iy{i + 1} n{i + 1} 0 {_n(y)}" for i, y in enumerate(self.currents[:, 0]))
        yield from ("", "* Rows: residuals, target minus prediction")
        fed_back = _n(1.0 / self._unit)
        for i in range(1, len(self.scaled.values) + 1):
            yield f"Xr{i} 0 n{i} r{i} opamp"
            yield f"Rr{i} r{i} n{i} {fed_back}"
        yield from (f"Xmr{i} r{i} mr{i} inverter" for i in np.flatnonzero(self._inverted_rows) + 1)
        yield from ("", "* Columns: their amplifiers drive the first array with what brings their inputs to zero")
        for j, name in enumerate(self.names):
            own = "" if self.written.gains[j] == self.written.gain else f" gain={_n(self.written.gains[j])}"
            yield f"Xc_{name} c_{name} 0 {self._driven(j)} opamp{own}"
        yield from (f"Xm_{self.names[j]} {self._driven(j)} m_{self.names[j]} inverter" for j in self._inverted_columns)
        yield from self._ridge()
        rows = [str(i) for i in range(1, len(self.scaled.values) + 1)]
        columns = [(self._driven(j), f"m_{name}") for j, name in enumerate(self.names)]
        yield from ("", "* The first array: currents X w into the rows' amplifiers")
        yield from self._array(
            "f",
            driven=columns,
            driven_names=self.names,
            collecting=[f"n{i}" for i in rows],
            collecting_names=rows,
            values=self.written.forward.T,
        )
        yield from ("", "* The second array: currents of the residuals into the columns' amplifiers")
        driven = [(f"r{i}", f"mr{i}") for i in rows]
        yield from self._array(
            "b",
            driven=driven,
            driven_names=rows,
            collecting=[f"c_{name}" for name in self.names],
            collecting_names=self.names,
            values=self.written.backward,
        )
        yield from self._readings()

    @property
    def currents(self) -> Array:
        """(n, K) the currents of each target's rows, in amperes."""
        return np.asarray(self.scaled.targets * self._unit)

    @property
    def outputs(self) -> list[str]:
        """The probes of the coefficients, in the order of the problem's names."""
        return [f"V(w_{name})" for name in self.problem.names]

    @property
    def _unit(self) -> float:
        return self.problem.options.conductance

    @property
    def _inverted_rows(self) -> Array:
        return np.asarray((self.written.backward < 0).any(axis=1))

    @property
    def _inverted_columns(self) -> list[int]:
        inverted = (self.written.forward < 0).any(axis=0) | (self.written.fed_back > 0)
        return [int(j) for j in np.flatnonzero(inverted)]

    def _driven(self, j: int) -> str:
        """The node that a column's amplifier drives."""
        return f"{'w' if self.scaled.coefficients[j] == 1.0 else 'u'}_{self.names[j]}"

    def _subcircuits(self) -> Iterator[str]:
        gain = _n(self.written.gain)
        yield from ("", "* An amplifier; put a macromodel in its place to see what its own errors do")
        yield from (f".subckt opamp plus minus out params: gain={gain}", "E1 out 0 plus minus {gain}", ".ends")
        if self._inverted_columns or self._inverted_rows.any():
            yield from ("* Drives the second device of a differential pair", ".subckt inverter in out")
            yield from ("R1 in n 10k", "R2 n out 10k", "X1 0 n out opamp", ".ends")

    def _ridge(self) -> Iterator[str]:
        if self.problem.options.ridge:
            yield from ("", f"* The ridge of {_n(self.problem.options.ridge)}")
        for j, name in enumerate(self.names):
            if self.written.fed_back[j] > 0:
                yield f"Rridge_{name} m_{name} c_{name} {_n(1 / (self.written.fed_back[j] * self._unit))}"
            if self.written.grounded[j] > 0:
                yield f"Rridge_{name} c_{name} 0 {_n(1 / (self.written.grounded[j] * self._unit))}"

    def _array(
        self,
        letter: str,
        *,
        driven: Sequence[tuple[str, str]],
        driven_names: Sequence[str],
        collecting: Sequence[str],
        collecting_names: Sequence[str],
        values: Array,
    ) -> Iterator[str]:
        """Devices between driven lines, an upright and an inverted one for each value, and collecting lines.

        ``values`` (d, c) are signed. With wires every device has a node of its own on both its lines, and a stretch
        of wire without a device is one resistor. Amplifiers stand at the first crosspoint.
        """
        signs = [(0, values > 0)] + ([(1, values < 0)] if (values < 0).any() else [])
        places: list[list[tuple[int, str]]] = [[] for _ in collecting]
        for d, name in enumerate(driven_names):
            for sign, there in signs:
                before, at = driven[d][sign], 0
                for c in np.flatnonzero(there[d]).tolist():
                    device = f"{letter}{'pm'[sign]}{name}_{collecting_names[c]}"
                    ends = (driven[d][sign], collecting[c])
                    if self.problem.options.wire:
                        ends = (f"{device}d", f"{device}c")
                        yield f"Rw{ends[0]} {before} {ends[0]} {_n(self.problem.options.wire * (c + 1 - at))}"
                        before, at = ends[0], c + 1
                        places[c].append((len(signs) * d + sign + 1, ends[1]))
                    yield f"R{device} {ends[0]} {ends[1]} {_n(1.0 / (abs(values[d, c]) * self._unit))}"
        for c, nodes in enumerate(places):
            before, at = collecting[c], 0
            for place, node in nodes:
                yield f"Rw{node} {before} {node} {_n(self.problem.options.wire * (place - at))}"
                before, at = node, place

    def _readings(self) -> Iterator[str]:
        """The coefficients in the units of the data, as a voltmeter would show them."""
        factors = self.scaled.coefficients
        read = [j for j in range(len(self.names)) if factors[j] != 1.0]
        if read:
            yield from ("", "* Coefficients in the units of the data")
        yield from (f"Ew_{self.names[j]} w_{self.names[j]} 0 u_{self.names[j]} 0 {_n(factors[j])}" for j in read)
        if not self.problem.options.center:
            return
        yield from ("", "* The intercept: the mean of the target minus those of the columns times their coefficients")
        yield f"Vmean k0 0 {_n(self.scaled.target_means[0])}"
        last = len(self.names)
        for j in range(1, last + 1):
            node = f"w_{INTERCEPT}" if j == last else f"k{j}"
            factor = -self.scaled.means[j - 1] * factors[j - 1]
            yield f"Ek{j} {node} k{j - 1} {self._driven(j - 1)} 0 {_n(factor)}"


def _n(value: float) -> str:
    return format_number(float(value) + 0.0)
