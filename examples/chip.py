"""A chip in the loop: a board of programmable resistors with mismatch, noise and drift.

    netlearn train netlists/voltage_division.cir \\
        --forward "command:python examples/chip.py netlists/voltage_division.cir --mismatch 0.2 --noise 1e-4"

The board is what a lab would have in the place of the netlist: its resistors are off by factors that nobody knows,
they drift, and its voltmeters are noisy. It is solved here by Kirchhoff's laws in a few lines of numpy that know
nothing of netlearn, and it speaks to netlearn in lines of JSON (docs/chip_protocol.md). It can be nudged, so that rules
such as cl train it, too.
"""

from __future__ import annotations

import argparse
import json
import re
import sys

import numpy as np

SUFFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "meg": 1e6}


def number(text: str) -> float:
    """A number with SPICE's suffix."""
    found = re.fullmatch(r"([-+.\d]+(?:e[-+]?\d+)?)(meg|k|m|)\w*", text.lower())
    if found is None:
        raise ValueError(f"{text} is no number")
    return float(found[1]) * SUFFIXES[found[2]]


class Board:
    """The resistors and voltage sources of a netlist, as devices.

    Parameters
    ----------
    netlist : a file whose elements are resistors and voltage sources.
    mismatch : standard deviation of the logarithm of each resistor's factor.
    noise : standard deviation of a reading, in volts.
    drift : standard deviation by which the logarithm of each factor moves with every state that is read.
    seed : what all that is random depends on.
    """

    def __init__(self, netlist: str, mismatch: float = 0.2, noise: float = 1e-4, drift: float = 0.0, seed: int = 1):
        self.noise, self.drift = noise, drift
        self.rng = np.random.default_rng(seed)
        self.nodes: dict[str, int] = {}
        self.resistors: dict[str, tuple[int, int]] = {}
        self.sources: dict[str, tuple[int, int]] = {}
        self.ohms: dict[str, float] = {}
        self.volts: dict[str, float] = {}
        with open(netlist, encoding="utf-8") as file:
            for line in file.readlines()[1:]:
                words = line.split(";")[0].lower().split()
                if words and words[0][0] in "rv":
                    kind, values = (self.resistors, self.ohms) if words[0][0] == "r" else (self.sources, self.volts)
                    kind[words[0]] = self.node(words[1]), self.node(words[2])
                    values[words[0]] = number(words[3])
        self.factors = {name: np.exp(mismatch * self.rng.normal()) for name in self.resistors}

    def node(self, name: str) -> int:
        """The number of a node, -1 of ground."""
        return -1 if name == "0" else self.nodes.setdefault(name, len(self.nodes))

    def probe(self, name: str) -> tuple[int, int]:
        """The two nodes of ``V(a)`` or ``V(a,b)``."""
        first, _, second = name.lower().removeprefix("v(").removesuffix(")").partition(",")
        return self.node(first), self.node(second or "0")

    def read(self, probes: list[str], outputs: list[str], nudge: dict[str, list]) -> list[float]:
        """What voltmeters at the probes read, while a nudge stands at the outputs."""
        size = len(self.nodes)
        ends = [self.probe(name) for name in outputs]
        held = [(*self.sources[name], self.volts[name]) for name in self.sources]
        held += [(*end, v) for end, v in zip(ends, nudge.get("clamp", []), strict=False) if v is not None]
        matrix = np.zeros((size + len(held) + 1,) * 2)
        drive = np.zeros(len(matrix))
        # What is written in the last row and column is that of ground, and is left out.
        parts = [(self.resistors[name], 1.0 / (self.ohms[name] * self.factors[name])) for name in self.resistors]
        for (a, b), siemens in [*parts, *zip(ends, nudge.get("conductance", []), strict=False)]:
            matrix[[a, b], [a, b]] += siemens
            matrix[[a, b], [b, a]] -= siemens
        for (a, b), amperes in zip(ends, nudge.get("current", []), strict=False):
            drive[a] -= amperes
            drive[b] += amperes
        for k, (a, b, volts) in enumerate(held, start=size):
            matrix[[a, b], k] += (1.0, -1.0)
            matrix[k, [a, b]] += (1.0, -1.0)
            drive[k] = volts
        volts = np.append(np.linalg.solve(matrix[:-1, :-1], drive[:-1])[:size], 0.0)
        for name in self.factors:
            self.factors[name] *= np.exp(self.drift * self.rng.normal())
        found = [volts[a] - volts[b] for a, b in map(self.probe, probes)]
        return [float(v + self.noise * self.rng.normal()) for v in found]


def serve(board: Board, batch: int | None) -> None:
    """Answer netlearn's questions until there are no more."""
    hello: dict[str, list[str]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["netlearn"] == "hello":
            # Names are SPICE's, to which capitals are small letters.
            hello = {name: [word.lower() for word in asked[name]] for name in ("values", "inputs", "outputs")}
            more = {} if batch is None else {"batch": batch}
            nudges = ["current", "conductance", "clamp"]
            answer = {"version": 1, "name": "board", "nudges": nudges, **more}
        else:
            if "values" in asked:
                board.ohms.update(zip(hello["values"], asked["values"], strict=True))
            rows = []
            for k, inputs in enumerate(asked["inputs"]):
                board.volts.update(zip(hello["inputs"], inputs, strict=True))
                nudge = {
                    name: values if name == "conductance" else values[k]
                    for name, values in asked.get("nudge", {}).items()
                }
                rows.append(board.read(asked.get("read", hello["outputs"]), hello["outputs"], nudge))
            answer = {"outputs": rows}
        print(json.dumps({"id": asked["id"], **answer}), flush=True)


def main() -> None:
    """Read the options, and serve."""
    parser = argparse.ArgumentParser(description="A board of programmable resistors, as a chip in the loop.")
    parser.add_argument("netlist", help="the netlist whose resistors and voltage sources are on the board")
    parser.add_argument("--mismatch", type=float, default=0.2, help="spread of the resistors' factors [0.2]")
    parser.add_argument("--noise", type=float, default=1e-4, help="noise of a reading in volts [1e-4]")
    parser.add_argument("--drift", type=float, default=0.0, help="drift of the factors with every state [0]")
    parser.add_argument("--seed", type=int, default=1, help="seed of all that is random [1]")
    parser.add_argument("--batch", type=int, help="samples that the board takes at a time [all]")
    given = parser.parse_args()
    try:
        board = Board(given.netlist, given.mismatch, given.noise, given.drift, given.seed)
    except (OSError, ValueError, IndexError) as error:
        parser.exit(1, f"the board cannot be built: {error}\n")
    serve(board, given.batch)


if __name__ == "__main__":
    main()
