"""What a generated netlist starts from, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from netlearn.options import Declared, option
from netlearn.topologies.network import Network


@dataclass(frozen=True)
class Start(Declared):
    """What stands in the netlist besides the network. Resistances are log-uniform around their mean."""

    inputs: int | None = option(
        None, "driven nodes; all of crossbars and layers, else at most 3, if not given", least=1
    )
    outputs: int | None = option(None, "read nodes; all of crossbars and layers, else at most 2, if not given", least=1)
    resistance: float = option(1e3, "geometric mean of the first resistances, in ohms", above=0.0)
    spread: float = option(2.0, "largest ratio of a first resistance to that mean", least=1.0)
    min: float = option(100.0, "lower bound of training, in ohms", above=0.0)
    max: float = option(1e6, "upper bound of training, in ohms", above=0.0)
    samples: int = option(20, "rows of the data template", least=1)
    seed: int = option(0, "seed of all random numbers", least=0)


@dataclass(frozen=True)
class Gates(Declared):
    """What stands in the netlist besides a network of transistors. Gate voltages are uniform around their mean."""

    inputs: int | None = option(None, "driven nodes; all of layers, else at most 3, if not given", least=1)
    outputs: int | None = option(None, "read nodes; all of layers, else at most 2, if not given", least=1)
    gate: float = option(3.0, "mean of the first gate voltages, in V; below zero for p-channels")
    spread: float = option(0.5, "largest distance of a first gate voltage from that mean, in V", least=0.0)
    min: float | None = option(
        None, "lower bound of training, in V; 0, or 0.1 V above the threshold for pairs, if not given"
    )
    max: float = option(6.0, "upper bound of training, in V")
    swing: float = option(0.5, "largest input of the data template, in V", above=0.0)
    samples: int = option(20, "rows of the data template", least=1)
    seed: int = option(0, "seed of all random numbers", least=0)


@dataclass(frozen=True)
class NewNetlist:
    """A netlist and its data, as texts; ``notes`` say what was chosen for it."""

    netlist: str
    data: str
    network: Network
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<new netlist: {self.netlist.splitlines()[0].lstrip('* ')}>"
