"""Netlists of regular and random networks of any size, ready to train, with a template of their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError, did_you_mean
from netlearn.netlist.numbers import format_number
from netlearn.options import Declared, build, option, options_of


@dataclass(frozen=True)
class Network:
    """Resistors between named nodes: ``ends`` (b, 2) are numbers of ``nodes``.

    ``inputs`` are nodes that sources may drive and ``outputs`` nodes that may be read, in
    the order in which they are to be taken; ``ground`` is the node that is tied to 0.
    """

    nodes: Sequence[str]
    ends: Array
    inputs: Array
    outputs: Array
    ground: int


class Topology(Protocol):
    """A kind of network, its options being its fields."""

    def network(self, rng: np.random.Generator) -> Network:
        """A network of this kind. Raises OptionError for sizes that make none."""
        ...


@dataclass(frozen=True)
class Lattice(Declared):
    """A square lattice, driven along its left edge, read along its right, grounded at the bottom right."""

    rows: int = option(8, "rows of nodes", least=2)
    columns: int = option(8, "columns of nodes", least=2)
    wrap: Literal["none", "rows"] = option("none", "rows: the last row is joined to the first")

    def network(self, rng: np.random.Generator) -> Network:
        number = np.arange(self.rows * self.columns).reshape(self.rows, self.columns)
        along = _pairs(number[:, :-1], number[:, 1:])
        down = _pairs(number[:-1], number[1:])
        around = _pairs(number[-1], number[0]) if self.wrap == "rows" and self.rows > 2 else np.zeros((0, 2), np.intp)
        nodes = [f"n{r}_{c}" for r in range(self.rows) for c in range(self.columns)]
        return Network(
            nodes,
            np.concatenate([along, down, around]),
            _spread(number[:, 0]),
            _spread(number[:-1, -1]),
            int(number[-1, -1]),
        )


@dataclass(frozen=True)
class RandomGraph(Declared):
    """A connected random graph: a random tree, and random pairs up to the mean ``degree``."""

    nodes: int = option(30, "number of nodes", least=3)
    degree: float = option(4.0, "resistors per node, on average", least=1.0)

    def network(self, rng: np.random.Generator) -> Network:
        n = self.nodes
        if self.degree > n - 1:
            raise OptionError(f"'degree' must be at most {n - 1} with {n} nodes, not {self.degree:g}")
        tree = np.stack([np.arange(1, n), (rng.random(n - 1) * np.arange(1, n)).astype(np.intp)], axis=1)
        wanted = max(n - 1, min(round(self.degree * n / 2), n * (n - 1) // 2))
        keys = np.unique(_key(tree, n))
        while len(keys) < wanted:
            more = rng.integers(n, size=(2 * (wanted - len(keys)) + 8, 2))
            fresh = np.setdiff1d(_key(more[more[:, 0] != more[:, 1]], n), keys)
            keys = np.concatenate([keys, rng.permutation(fresh)[: wanted - len(keys)]])
        keys = np.sort(keys)
        return _scattered(n, np.stack([keys // n, keys % n], axis=1), rng)


@dataclass(frozen=True)
class SmallWorld(Declared):
    """A ring in which each node is joined to its neighbours, with some of the ends moved at random.

    D. J. Watts, S. H. Strogatz, Nature 393, 440 (1998).
    """

    nodes: int = option(30, "number of nodes", least=4)
    neighbours: int = option(4, "neighbours of each node on the ring, an even number", least=2)
    rewired: float = option(0.1, "part of the resistors with an end moved", least=0.0, most=1.0)

    def network(self, rng: np.random.Generator) -> Network:
        n, half = self.nodes, self.neighbours // 2
        if self.neighbours % 2 or self.neighbours >= n:
            raise OptionError(f"'neighbours' must be even and below the {n} nodes, not {self.neighbours}")
        first = np.tile(np.arange(n), half)
        ends = np.stack([first, (first + np.repeat(np.arange(1, half + 1), n)) % n], axis=1)
        taken = set(_key(ends, n).tolist())
        # The nearest neighbours stay joined, so that the ring holds together.
        for row in np.flatnonzero((np.arange(len(ends)) >= n) & (rng.random(len(ends)) < self.rewired)):
            end = int(rng.integers(n))
            key = int(_key(np.array([[ends[row, 0], end]]), n)[0])
            if end != ends[row, 0] and key not in taken:
                taken.remove(int(_key(ends[row : row + 1], n)[0]))
                taken.add(key)
                ends[row, 1] = end
        return _scattered(n, ends, rng)


@dataclass(frozen=True)
class Complete(Declared):
    """Every node joined to every other."""

    nodes: int = option(10, "number of nodes", least=3)

    def network(self, rng: np.random.Generator) -> Network:
        first, second = np.triu_indices(self.nodes, 1)
        return _scattered(self.nodes, np.stack([first, second], axis=1), rng)


@dataclass(frozen=True)
class Layered(Declared):
    """Layers of nodes, each joined to all of the next; driven at the first, read at the last.

    Ground is one more node, joined to all nodes behind the first layer.
    """

    layers: str = option("4-8-2", "nodes in each layer, as in 4-8-2")

    def network(self, rng: np.random.Generator) -> Network:
        try:
            sizes = [int(word) for word in self.layers.split("-")]
        except ValueError:
            sizes = []
        if len(sizes) < 2 or min(sizes) < 1:
            raise OptionError(f"'layers' must be at least two numbers such as 4-8-2, not '{self.layers}'")
        starts = np.concatenate([[0], np.cumsum(sizes)])
        number = [np.arange(a, b) for a, b in pairwise(starts)]
        ground = int(starts[-1])
        between = [_all_pairs(a, b) for a, b in pairwise(number)]
        leaks = _all_pairs(np.arange(starts[1], ground), np.array([ground]))
        nodes = [f"l{layer}_{i}" for layer, size in enumerate(sizes) for i in range(size)]
        return Network([*nodes, "gnd"], np.concatenate([*between, leaks]), number[0], number[-1], ground)


@dataclass(frozen=True)
class Crossbar(Declared):
    """Rows that are driven crossing columns that are read, a resistor at each crossing and one under each column."""

    rows: int = option(8, "driven lines", least=1)
    columns: int = option(4, "read lines", least=1)

    def network(self, rng: np.random.Generator) -> Network:
        rows, columns = np.arange(self.rows), self.rows + np.arange(self.columns)
        ground = self.rows + self.columns
        ends = np.concatenate([_all_pairs(rows, columns), _all_pairs(columns, np.array([ground]))])
        nodes = [*(f"row{i}" for i in range(self.rows)), *(f"col{i}" for i in range(self.columns)), "gnd"]
        return Network(nodes, ends, rows, columns, ground)


TOPOLOGIES: Mapping[str, type] = {
    "lattice": Lattice,
    "random": RandomGraph,
    "layered": Layered,
    "crossbar": Crossbar,
    "complete": Complete,
    "smallworld": SmallWorld,
}


@dataclass(frozen=True)
class Start(Declared):
    """What stands in the netlist besides the network. Resistances are log-uniform around their mean."""

    inputs: int | None = option(None, "driven nodes; all that there are, at most 3, if not given", least=1)
    outputs: int | None = option(None, "read nodes; all that there are, at most 2, if not given", least=1)
    resistance: float = option(1e3, "geometric mean of the first resistances, in ohms", above=0.0)
    spread: float = option(2.0, "largest ratio of a first resistance to that mean", least=1.0)
    min: float = option(100.0, "lower bound of training, in ohms", above=0.0)
    max: float = option(1e6, "upper bound of training, in ohms", above=0.0)
    samples: int = option(20, "rows of the data template", least=1)
    seed: int = option(0, "seed of all random numbers", least=0)


@dataclass(frozen=True)
class NewNetlist:
    """A netlist and its data, as texts."""

    netlist: str
    data: str
    network: Network

    def __repr__(self) -> str:
        return f"<new netlist: {self.netlist.splitlines()[0].lstrip('* ')}>"


def new_netlist(kind: str, data: str = "data.csv", **options: object) -> NewNetlist:
    """A netlist of a kind of network, and data for it that stands for the user's own.

    ``data`` is the name that the netlist calls its data file by. ``options`` are those of the
    kind (see TOPOLOGIES) and of :class:`Start`. The data wants each output to be a fixed,
    randomly chosen mean of the inputs and ground: a task that fits any network of resistors,
    if not always exactly. Raises OptionError.
    """
    if kind not in TOPOLOGIES:
        raise OptionError(f"there is no kind of network '{kind}'", hint=did_you_mean(kind, TOPOLOGIES))
    general = {entry.name for entry in options_of(Start)}
    start = build(Start, {name: value for name, value in options.items() if name in general}, kind)
    own = {name: value for name, value in options.items() if name not in general}
    topology: Topology = build(TOPOLOGIES[kind], own, f"'{kind}'")
    if start.max <= start.min:
        raise OptionError(f"the upper bound {start.max:g} is not above the lower bound {start.min:g}")
    rng = np.random.default_rng(start.seed)
    network = topology.network(rng)
    inputs = _taken(network.inputs, start.inputs, 3, "inputs", kind)
    outputs = _taken(np.setdiff1d(network.outputs, inputs, assume_unique=True), start.outputs, 2, "outputs", kind)
    names = ["0" if i == network.ground else name for i, name in enumerate(network.nodes)]
    title = f"* {kind}: {len(network.ends)} resistors between {len(names)} nodes"
    probes = [f"V({names[i]})" for i in outputs]
    lines = [
        title,
        f"*@data    {data}",
        f"*@output  {' '.join(probes)}",
        "*@loss    mse",
        f"*@train   R* min={format_number(start.min)} max={format_number(start.max)}",
        "*@rule    analytic",
        "*@optimizer adam lr=0.05",
        f"*@options epochs=200 seed={start.seed}",
        *(f"V{j + 1} {names[i]} 0 0" for j, i in enumerate(inputs)),
        *_resistors(network, names, start, rng),
        ".end",
    ]
    return NewNetlist("\n".join(lines) + "\n", _template(probes, len(inputs), start, rng), network)


def _resistors(network: Network, names: Sequence[str], start: Start, rng: np.random.Generator) -> list[str]:
    reach = np.log(start.spread)
    values = start.resistance * np.exp(rng.uniform(-reach, reach, len(network.ends)))
    # Three digits are enough for a beginning, and easier to read.
    values = np.clip(values, start.min, start.max)
    pairs = zip(network.ends.tolist(), values.tolist(), strict=True)
    return [
        f"R{k + 1} {names[a]} {names[b]} {format_number(float(f'{value:.3g}'))}"
        for k, ((a, b), value) in enumerate(pairs)
    ]


def _template(probes: Sequence[str], inputs: int, start: Start, rng: np.random.Generator) -> str:
    volts = rng.uniform(-1.0, 1.0, (start.samples, inputs)).round(4)
    weights = rng.dirichlet(np.ones(inputs + 1), len(probes))[:, :inputs]
    table = np.concatenate([volts, (volts @ weights.T).round(6)], axis=1)
    header = [f"V{j + 1}" for j in range(inputs)] + list(probes)
    rows = [header, *([format_number(value) for value in row] for row in table.tolist())]
    return "".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) + "\n" for row in rows)


def _taken(nodes: Array, wanted: int | None, few: int, what: str, kind: str) -> Array:
    count = min(few, len(nodes)) if wanted is None else wanted
    if count > len(nodes) or count < 1:
        raise OptionError(f"this {kind} has room for {len(nodes)} {what}, not {count}", hint="make the network larger")
    return nodes[:count]


def _scattered(n: int, ends: Array, rng: np.random.Generator) -> Network:
    """Inputs, outputs and ground anywhere."""
    order = rng.permutation(n)
    half = max(1, (n - 1) // 2)
    return Network([f"n{i}" for i in range(n)], ends, order[1 : half + 1], order[half + 1 :], int(order[0]))


def _spread(nodes: Array) -> Array:
    """The nodes of an edge in an order whose beginnings are spread along it: its ends, its middle, ..."""
    count = len(nodes)
    places = [0, count - 1, *(count * k // 2**level for level in range(1, 20) for k in range(1, 2**level, 2))]
    return np.asarray(nodes)[list(dict.fromkeys([place for place in places if place < count] + list(range(count))))]


def _pairs(a: Array, b: Array) -> Array:
    return np.stack([np.ravel(a), np.ravel(b)], axis=1)


def _all_pairs(a: Array, b: Array) -> Array:
    return _pairs(np.repeat(a, len(b)), np.tile(b, len(a)))


def _key(ends: Array, n: int) -> Array:
    """One number for each unordered pair."""
    return np.asarray(ends.min(axis=1) * n + ends.max(axis=1))
