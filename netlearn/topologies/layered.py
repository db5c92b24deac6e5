"""Layers of nodes, with diodes and bidirectional amplifiers if they are to be deep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from netlearn.errors import OptionError
from netlearn.netlist.numbers import format_number
from netlearn.options import Declared, option
from netlearn.topologies.network import Network, all_pairs


@dataclass(frozen=True)
class Layered(Declared):
    """Layers of nodes, each joined to all of the next; driven at the first, read at the last.

    Ground is one more node, joined to all nodes behind the first layer.

    With ``diodes`` or ``amplifiers`` it is a deep resistive network: every input comes upright and inverted, with
    a pair of constant sources as the bias, as resistors have no negative weights, and outputs are read between
    pairs of nodes instead of against ground. A ``pair`` of antiparallel diodes at each hidden node and amplifiers
    behind them, which pass the voltage on ``gain`` times as large and give back 1/``gain`` of the current, make
    the network of J. Kendall, R. Pantone, K. Manickavasagam, Y. Bengio, B. Scellier, "Training end-to-end analog
    neural networks with equilibrium propagation", arXiv 2006.01981 (2020). A ``single`` diode at each, in
    alternating directions, ``ideal`` if need be, makes that of B. Scellier, "A fast algorithm to simulate
    nonlinear resistive networks", arXiv 2402.11674 (2024).
    """

    layers: str = option("4-8-2", "nodes in each layer, as in 4-8-2")
    diodes: bool = option(False, "diodes between every hidden node and ground")
    clamp: Literal["pair", "single"] = option("pair", "a pair of antiparallel diodes, or one in alternating directions")
    ideal: bool = option(False, "diodes of straight lines, as LTspice has them, instead of junctions")
    amplifiers: bool = option(False, "a bidirectional amplifier behind every hidden node")
    gain: float = option(4.0, "voltage gain of the amplifiers", above=0.0)

    def network(self, rng: np.random.Generator) -> Network:
        sizes = self._sizes()
        return self._deep(sizes) if self.diodes or self.amplifiers else _plain(sizes)

    def _sizes(self) -> list[int]:
        try:
            sizes = [int(word) for word in self.layers.split("-")]
        except ValueError:
            sizes = []
        if len(sizes) < 2 or min(sizes) < 1:
            raise OptionError(f"'layers' must be at least two numbers such as 4-8-2, not '{self.layers}'")
        if len(sizes) < 3 and (self.diodes or self.amplifiers):
            raise OptionError(f"'{self.layers}' has no hidden layer for diodes or amplifiers", hint="such as 4-8-2")
        return sizes

    def _deep(self, sizes: list[int]) -> Network:
        first, *hidden, last = sizes
        nodes: list[str] = []

        def added(names: list[str]) -> np.ndarray:
            nodes.extend(names)
            return np.arange(len(nodes) - len(names), len(nodes))

        inputs = added([f"x{i}" for i in range(first)])
        inverted = added([f"x{i}n" for i in range(first)])
        before = np.concatenate([inputs, inverted, added(["bp", "bn"])])
        lines = [*(f"E{nodes[j]} {nodes[j]} 0 {nodes[i]} 0 -1" for i, j in zip(inputs, inverted, strict=True))]
        lines += ["Vbp bp 0 1", "Vbn bn 0 -1"]
        ends = []
        for layer, size in enumerate(hidden, start=1):
            names = [f"h{layer}_{i}" for i in range(size)]
            at = added(names)
            ends.append(all_pairs(before, at))
            lines += self._at_hidden(names)
            before = added([f"a{layer}_{i}" for i in range(size)]) if self.amplifiers else at
        outputs, returns = added([f"y{i}p" for i in range(last)]), added([f"y{i}n" for i in range(last)])
        ends.append(all_pairs(before, np.concatenate([outputs, returns])))
        (ground,) = added(["gnd"])
        lines += self._subcircuits()
        return Network(nodes, np.concatenate(ends), inputs, outputs, int(ground), None, lines, returns, True)

    def _at_hidden(self, names: list[str]) -> Iterator[str]:
        for i, name in enumerate(names):
            if self.diodes and (self.clamp == "pair" or i % 2 == 0):
                yield f"D{name}p {name} 0 clamp"
            if self.diodes and (self.clamp == "pair" or i % 2 == 1):
                yield f"D{name}n 0 {name} clamp"
            if self.amplifiers:
                yield f"X{name} {name} a{name.removeprefix('h')} amplifier"

    def _subcircuits(self) -> Iterator[str]:
        if self.diodes:
            # Two ideal diodes that conduct from 0 V on would be a short.
            threshold = "0" if self.clamp == "single" else "0.2"
            model = f"ron=1m roff=1g vfwd={threshold}" if self.ideal else "is=1u"
            yield f".model clamp d({model})"
        if self.amplifiers:
            gain = format_number(self.gain)
            yield "* The voltage passes on times the gain, and the current comes back divided by it"
            yield ".subckt amplifier in out"
            yield f"E1 out 0 in 0 {gain}"
            yield f"F1 0 in E1 {{1/{gain}}}"
            yield ".ends"


def _plain(sizes: list[int]) -> Network:
    starts = np.concatenate([[0], np.cumsum(sizes)])
    number = [np.arange(a, b) for a, b in pairwise(starts)]
    ground = int(starts[-1])
    between = [all_pairs(a, b) for a, b in pairwise(number)]
    leaks = all_pairs(np.arange(starts[1], ground), np.array([ground]))
    nodes = [f"l{layer}_{i}" for layer, size in enumerate(sizes) for i in range(size)]
    return Network([*nodes, "gnd"], np.concatenate([*between, leaks]), number[0], number[-1], ground, whole=True)
