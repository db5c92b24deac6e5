"""Compile what solving and training need before the first use, which would wait for it otherwise.

    python -m netlearn.ahead

``make`` runs it where it installs netlearn. numba keeps the machine code beside the package, or in the user's cache.
"""

from __future__ import annotations

import sys

import numpy as np

from netlearn.api import train
from netlearn.netlist.netlist import Netlist, parse
from netlearn.solve.compiled.load import available

SAMPLES = 40
"""So many are solved in several ways, the first of them and those near by."""

AMPLIFIED = """layers with amplifiers
V1 a 0 0
V2 b 0 0
R1 a c 1k
R2 b c 2k
R3 c 0 5k
D1 c e dm
D2 e 0 dm
E1 f 0 c 0 4
F1 0 c E1 0.25
R4 f g 1k
R5 g 0 3k
D3 g 0 dm
.model dm d
"""
PASSIVE = """a lattice with diodes
V1 a 0 0
V2 b 0 0
R1 a c 1k
R2 b d 2k
R3 c d 1k
R4 c e 3k
R5 d f 1k
R6 e f 2k
D1 c 0 dm
D2 d 0 dm
D3 e 0 dm
D4 0 f dm
.model dm d
"""


def compile_ahead() -> bool:
    """Train two small circuits, for which everything is compiled that most others need; False where numba is not there.

    What is compiled already is not compiled again.
    """
    if not available():
        return False
    drives = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 2))
    for text, output in ((AMPLIFIED, "V(g)"), (PASSIVE, "V(f)")):
        data = {"V1": drives[:, 0], "V2": drives[:, 1], output: 0.1 * drives.sum(axis=1)}
        for rule in ("analytic", "ep"):
            train(_task(text, output), data=data, rule=rule, epochs=2)
    return True


def _task(text: str, output: str) -> Netlist:
    return parse(f"{text}*@input V1 V2\n*@output {output}\n*@train R*\n.end\n")


if __name__ == "__main__":
    print("compiling, once on this machine", file=sys.stderr)
    if not compile_ahead():
        print("numba is not installed: the slower array operations do its work", file=sys.stderr)
