"""Networks whose edges are transistors, each with a gate voltage that is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from netlearn.errors import OptionError
from netlearn.netlist.numbers import format_number
from netlearn.options import Declared, option, options_of
from netlearn.topologies.layered import Layered
from netlearn.topologies.network import EdgeLines, Network
from netlearn.topologies.regular import Lattice
from netlearn.topologies.start import Gates

MARGIN = 0.1
"""Volts above the threshold at which a pair still conducts: by convention, about four times the thermal voltage."""


@dataclass(frozen=True)
class Transistors(Declared):
    """A lattice, or layers, of transistors as edges, with gate voltages as trained sources.

    An edge is one ``nmos`` with its bulk at the lowest supply and its gate held against ground, as on the boards of
    S. Dillavou and others, "Machine learning without a processor: Emergent learning in a nonlinear analog network",
    PNAS 121, e2319718121 (2024); a ``pair`` of them in series with sources and bulks joined, whose one gate voltage
    stands against the joint, so that it is the same both ways and has a co-content; or a ``transmission`` gate, an
    nmos beside a pmos with a gate voltage each. Nodes are driven and read as those of a lattice or of layers.
    """

    start: ClassVar[type[Declared]] = Gates

    form: Literal["lattice", "layered"] = option("lattice", "how the edges are laid out")
    rows: int = option(4, "rows of nodes of a lattice", least=2)
    columns: int = option(4, "columns of nodes of a lattice", least=2)
    layers: str = option("3-4-2", "nodes in each layer, as in 3-4-2; behind the first each has an edge to ground")
    edge: Literal["nmos", "pair", "transmission"] = option("nmos", "the transistors of an edge")
    vto: float = option(0.7, "threshold of the transistors, in V; that of p-channels is the opposite")
    kp: float = option(1e-4, "transconductance of the transistors, in A/V^2", above=0.0)
    modulation: float = option(0.02, "lambda, by which the channel's length is modulated, in 1/V", least=0.0)
    gamma: float = option(0.4, "body effect, in sqrt(V)", least=0.0)
    supply: float = option(3.0, "the bulks of n-channels are at so many volts below ground, those of p-channels above",
        least=0.0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        other, unused = ("layered", ("layers",)) if self.form == "lattice" else ("lattice", ("rows", "columns"))
        for entry in options_of(type(self)):
            if entry.name in unused and getattr(self, entry.name) != entry.default:
                raise OptionError(
                    f"'{entry.name}' is of the form {other}, and this is {self.form}", hint=f"form={other}"
                )

    def network(self, rng: np.random.Generator) -> Network:
        if self.form == "layered":
            return Layered(layers=self.layers).network(rng)
        return Lattice(rows=self.rows, columns=self.columns).network(rng)

    def elements(self, network: Network, names: Sequence[str], start: Gates, rng: np.random.Generator) -> EdgeLines:
        """The edges, their gate sources and supplies, and what of them is trained."""
        pair = self.edge == "pair"
        least = start.min if start.min is not None else (round(self.vto + MARGIN, 9) if pair else 0.0)
        if pair and least <= self.vto:
            raise OptionError(
                f"the joint of a pair floats where its gate is at the threshold of {self.vto:g} V or below, and "
                f"training may go down to {least:g} V",
                hint="a larger min",
            )
        if not least <= start.gate - start.spread <= start.gate + start.spread <= start.max:
            raise OptionError(
                f"first gate voltages of {start.gate:g} V ± {start.spread:g} V are not within the bounds of training, "
                f"{least:g} V to {start.max:g} V",
                hint="another gate, spread, min or max",
            )
        train = [f"Vg* min={format_number(least)} max={format_number(start.max)}"]
        if self.edge == "transmission":
            train.append(f"Vp* min={format_number(-start.max)} max={format_number(0.0 - least)}")
        return EdgeLines(f"{len(network.ends)} {self._noun()}", train, list(self._lines(network, names, start, rng)))

    def _noun(self) -> str:
        return {"nmos": "transistors", "pair": "pairs of transistors", "transmission": "transmission gates"}[self.edge]

    def _lines(self, network: Network, names: Sequence[str], start: Gates, rng: np.random.Generator) -> Iterator[str]:
        process = (
            f"kp={format_number(self.kp)} lambda={format_number(self.modulation)} gamma={format_number(self.gamma)}"
        )
        vto, supply = format_number(self.vto), format_number(self.supply)
        yield f".model nch nmos(vto={vto} {process})"
        if self.edge == "transmission":
            yield f".model pch pmos(vto={format_number(-self.vto)} {process})"
            yield f"Vsup sup 0 {supply}"
        if self.edge != "pair":
            yield f"Vsub sub 0 -{supply}"
        count = len(network.ends)
        volts = start.gate + start.spread * rng.uniform(-1.0, 1.0, (2, count))
        # Three decimals are enough for a beginning, and easier to read.
        upper, lower = ([format_number(float(v)) for v in row] for row in (volts.round(3) * [[1.0], [-1.0]]).tolist())
        for k, (a, b) in enumerate(network.ends.tolist(), start=1):
            plus, minus, volt = names[a], names[b], upper[k - 1]
            if self.edge == "pair":
                yield f"M{k}a {plus} g{k} m{k} m{k} nch"
                yield f"M{k}b {minus} g{k} m{k} m{k} nch"
                yield f"Vg{k} g{k} m{k} {volt}"
                continue
            yield f"M{k} {plus} g{k} {minus} sub nch"
            yield f"Vg{k} g{k} 0 {volt}"
            if self.edge == "transmission":
                yield f"M{k}p {plus} p{k} {minus} sup pch"
                yield f"Vp{k} p{k} 0 {lower[k - 1]}"
