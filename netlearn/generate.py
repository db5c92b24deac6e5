"""Netlists of regular and random networks of any size, ready to train, with a template of their data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import OptionError, did_you_mean
from netlearn.matrix_files import read_matrix
from netlearn.netlist.directive_text import quoted_word
from netlearn.netlist.numbers import format_number
from netlearn.options import build, options_of
from netlearn.topologies.crossbar import Crossbar
from netlearn.topologies.kinds import TOPOLOGIES, start_of
from netlearn.topologies.network import EdgeLines, Network, Topology
from netlearn.topologies.start import NewNetlist, Start
from netlearn.topologies.tables import csv_text
from netlearn.topologies.transistors import Transistors

__all__ = ["NewNetlist", "Start", "new_netlist", "position_lines"]

MEMBERS = ("weights", "W")
"""What a matrix is called in an archive of several arrays."""


@checked
def new_netlist(kind: str, data: str = "data.csv", *, weights: object = None, **options: object) -> NewNetlist:
    """A netlist of a kind of network, and data for it that stands for the user's own.

    ``data`` is the name that the netlist calls its data file by. ``options`` are those of the
    kind (see TOPOLOGIES) and of what :func:`start_of` gives. The data wants each output to be a fixed,
    randomly chosen mean of the inputs and ground: a task that fits any network of resistors,
    if not always exactly.

    ``weights`` is a matrix (rows, columns) that a crossbar is to stand for: an array, or the path of a file
    (.npy, .npz or CSV). Raises OptionError, and DataError for what is not a matrix or does not fit.
    """
    if kind not in TOPOLOGIES:
        raise OptionError(f"there is no kind of network '{kind}'", hint=did_you_mean(kind, TOPOLOGIES))
    named = quoted_word(data)
    if named is None:
        raise OptionError(f"no line of a netlist can name the data {data!r:.80}", hint="take a name of one line")
    general = {entry.name for entry in options_of(start_of(kind))}
    start: Any = build(start_of(kind), {name: value for name, value in options.items() if name in general}, kind)
    own = {name: value for name, value in options.items() if name not in general}
    made: Topology | Crossbar = build(TOPOLOGIES[kind], own, f"'{kind}'")
    if isinstance(made, Crossbar):
        given = frozenset(options) & general
        return made.netlist(start, given, named, None if weights is None else read_matrix(weights, "matrix", MEMBERS))
    if weights is not None:
        raise OptionError(f"a network of the kind '{kind}' stands for no matrix", hint="a crossbar does")
    topology: Topology = made
    if isinstance(start, Start) and start.max <= start.min:
        raise OptionError(f"the upper bound {start.max:g} is not above the lower bound {start.min:g}")
    rng = np.random.default_rng(start.seed)
    network = topology.network(rng)
    few = (len(network.inputs), len(network.outputs)) if network.whole else (3, 2)
    inputs = _taken(network.inputs, start.inputs, few[0], "inputs", kind)
    outputs = _taken(np.setdiff1d(network.outputs, inputs, assume_unique=True), start.outputs, few[1], "outputs", kind)
    names = ["0" if i == network.ground else name for i, name in enumerate(network.nodes)]
    make = topology.elements if isinstance(topology, Transistors) else _resistors
    edges = make(network, names, start, rng)
    returns = [""] * len(outputs) if network.returns is None else [f",{names[i]}" for i in network.returns]
    probes = [f"V({names[i]}{other})" for i, other in zip(outputs, returns, strict=False)]
    lines = [
        f"* {kind}: {edges.title} between {len(names)} nodes",
        f"*@data    {named}",
        f"*@input   {' '.join(f'V{j + 1}' for j in range(len(inputs)))}",
        f"*@output  {' '.join(probes)}",
        *(f"*@train   {directive}" for directive in edges.train),
        "*@optimizer adam lr=0.05",
        f"*@options epochs=200 seed={start.seed}",
        *position_lines(names, network.positions),
        *(f"V{j + 1} {names[i]} 0 0" for j, i in enumerate(inputs)),
        *network.lines,
        *edges.lines,
        ".end",
    ]
    return NewNetlist("\n".join(lines) + "\n", _template(probes, len(inputs), start, rng, network), network)


def position_lines(names: Sequence[str], positions: Array | None) -> list[str]:
    """``*@position`` lines of nodes (n, 2), some on each; none where there are no positions."""
    if positions is None:
        return []
    said = [f"{name}={x!r},{y!r}" for name, (x, y) in zip(names, positions.tolist(), strict=True)]
    return [f"*@position {' '.join(said[k : k + 4])}" for k in range(0, len(said), 4)]


def _resistors(network: Network, names: Sequence[str], start: Start, rng: np.random.Generator) -> EdgeLines:
    reach = np.log(start.spread)
    values = start.resistance * np.exp(rng.uniform(-reach, reach, len(network.ends)))
    # Three digits are enough for a beginning, and easier to read.
    values = np.clip(values, start.min, start.max)
    pairs = zip(network.ends.tolist(), values.tolist(), strict=True)
    lines = [
        f"R{k + 1} {names[a]} {names[b]} {format_number(float(f'{value:.3g}'))}"
        for k, ((a, b), value) in enumerate(pairs)
    ]
    bounds = f"min={format_number(start.min)} max={format_number(start.max)}"
    return EdgeLines(f"{len(lines)} resistors", [f"R* {bounds}"], lines)


def _template(probes: Sequence[str], inputs: int, start: Any, rng: np.random.Generator, network: Network) -> str:
    swing = getattr(start, "swing", 1.0)
    volts = rng.uniform(-swing, swing, (start.samples, inputs)).round(4)
    weights = rng.dirichlet(np.ones(inputs + 1), len(probes))[:, :inputs]
    if network.returns is not None:
        # What is read between two nodes may have either sign.
        weights *= 0.2 * rng.choice([-1.0, 1.0], weights.shape)
    table = np.concatenate([volts, (volts @ weights.T).round(6)], axis=1)
    return csv_text([f"V{j + 1}" for j in range(inputs)] + list(probes), table)


def _taken(nodes: Array, wanted: int | None, few: int, what: str, kind: str) -> Array:
    count = min(few, len(nodes)) if wanted is None else wanted
    if count > len(nodes) or count < 1:
        raise OptionError(f"this {kind} has room for {len(nodes)} {what}, not {count}", hint="make the network larger")
    return nodes[:count]
