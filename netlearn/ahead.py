"""Compile what solving and training need before the first use, where arrays would do the work meanwhile.

    python -m netlearn.ahead

``make`` runs it where it installs netlearn. numba keeps the machine code beside the package, or in the user's cache.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

from netlearn.api import train
from netlearn.errors import NetlistWarning
from netlearn.netlist.netlist import Netlist, parse
from netlearn.solve.compiled.load import available, compile_here, kernels
from netlearn.solve.contraction import WORTH_LOADING, drop_products, pair_products
from netlearn.solve.equations.assembly import WORTH_LOOPING, sorted_unique
from netlearn.solve.matrices.left_looking import LeftLooking

NICENESS = 5
"""By how much what is compiled for others stands back behind what these do meanwhile: by convention, half of what
POSIX' program nice adds by itself."""
SAMPLES, FEW = 40, 4
"""So many are solved in several ways, the first of them and those near by: derived from ``bordered.few.MOST``, with
which other loops begin between the two."""

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
LAYERED = """a layer of ideal diodes
V1 a 0 0
V2 b 0 0
R1 a c 1k
R2 b c 2k
R3 a d 1k
R4 b d 3k
R5 c f 1k
R6 d f 2k
D1 c 0 dm
D2 0 d dm
.model dm d(ron=1 roff=1meg vfwd=0)
"""


def compile_ahead() -> bool:
    """Train a few small circuits, for which most is compiled that others need, and compile the rest.

    What is compiled already is not compiled again. False where numba is not there.
    """
    compile_here()
    if not available():
        return False
    drives = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 2))
    tasks = (
        (AMPLIFIED, "V(g)", SAMPLES),
        (PASSIVE, "V(f)", SAMPLES),
        (LAYERED, "V(f)", SAMPLES),
        (LAYERED, "V(f)", FEW),
    )
    for text, output, count in tasks:
        own = drives[:count]
        data = {"V1": own[:, 0], "V2": own[:, 1], output: 0.1 * own.sum(axis=1)}
        for rule in ("analytic", "ep"):
            with warnings.catch_warnings():
                # Of ideal diodes, that ngspice has them in one of its modes only.
                warnings.simplefilter("ignore", NetlistWarning)
                train(_task(text, output), data=data, rule=rule, epochs=2)
    # What only large circuits need.
    pairs, states = np.array([[0, 1]] * SAMPLES), np.zeros((-(-WORTH_LOADING // SAMPLES), 2))
    drop_products(pairs, states, states)
    pair_products(pairs, states, states)
    few, square = np.zeros((1, 1)), np.ones((1, 1))
    kernels().few_products(0, 1, few, few, few, few, square, few)
    kernels().add_own(0, 1, few[0], few[0], square, few)
    one = np.zeros(1, np.int64)
    kernels().solve_triangle(np.array([0, 1]), one.astype(np.int32), np.ones(1), np.zeros((1, 1)))
    sorted_unique(np.arange(WORTH_LOOPING))
    light = LeftLooking.of(one, np.array([0, 1]), one)
    assert light is not None
    light.factorize(np.ones(1))
    return True


def compile_once() -> bool:
    """The same, while no other process does it, and let the others know. Raises what keeps it from being compiled."""
    compile_here()
    if not available():
        return False
    # With numba, which is there.
    from netlearn.solve.compiled import jit
    from netlearn.solve.compiled.meanwhile import Compilation

    if jit.CACHE is None:
        return compile_ahead()
    kept = Compilation(Path(jit.CACHE))
    with kept.alone():
        compile_ahead()
        kept.finished()
    return True


def compile_for_others() -> None:
    """What the process does that another one has started to compile: it has the lock from there."""
    from netlearn.solve.compiled import jit
    from netlearn.solve.compiled.meanwhile import Compilation

    os.nice(NICENESS)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Ctrl-C ends it, too, at the next place where no file is half written.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    assert jit.CACHE is not None
    kept = Compilation(Path(jit.CACHE))
    try:
        compile_ahead()
    except Exception:
        kept.failed(traceback.format_exc())
        raise
    kept.finished()


def _task(text: str, output: str) -> Netlist:
    return parse(f"{text}*@input V1 V2\n*@output {output}\n*@train R*\n.end\n")


if __name__ == "__main__":
    print("compiling, once on this machine", file=sys.stderr)
    if not compile_once():
        print("numba is not installed: the slower array operations do its work", file=sys.stderr)
