"""Where going from block to block is less work than Newton's method: as docs/claims/block_solvers.py measures it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.diode import Diode
from netlearn.circuit.devices.linear import Resistor
from netlearn.solve.blocks.held import with_held_sources
from netlearn.solve.blocks.plan import BlockPlan
from netlearn.solve.blocks.solver import PASSIVE
from netlearn.solve.newton.system import NonlinearModel

NODE = 40
"""The closed form at a node takes as long as so many products of a matrix, an estimate in those of eliminations, which
are loops; of matrix products with 512 samples in layers of 12 to 256 nodes it takes as long as 220 to 290
(benchmarks/block_sizes.py)."""
STEPS, SWEEPS = 4, 40
"""Steps that Newton's method takes about, and so many sweeps that layers of ideal diodes are not beyond: with 1 to 3
hidden layers of 16 to 128 they take 4.0 to 5.4 steps and 7 to 22 sweeps (docs/claims/block_solvers.py)."""
FEWEST = 16
"""Below so many samples neither takes long: by convention."""


def sweeps_worth_trying(circuit: Circuit) -> int:
    """How many sweeps take no more time than Newton's method would; 0 where these are hardly enough.

    Only layers of resistors and ideal diodes are known to need few, and cheap ones.
    """
    if (circuit.samples or 1) < FEWEST or circuit.nodeset:
        return 0
    simpler = with_held_sources(circuit)
    for group in simpler.groups:
        if not len(group):
            continue
        if not isinstance(group.device, PASSIVE) or isinstance(group.device, Diode):
            return 0
        if isinstance(group.device, Resistor) and np.ndim(group.values["resistance"]) > 1:
            return 0
    return simpler.wiring.once(sweeps_worth_trying, lambda: _sweeps(NonlinearModel.of(simpler)))


def _sweeps(model: NonlinearModel) -> int:
    if not model.reduction.size or not model.reduction.is_node.all():
        return 0
    plan = BlockPlan.of(model)
    if plan.partition.kind != "layers":
        return 0
    widths = [float(block.stop - block.start) for block in plan.blocks]
    sweep = sum(len(each.entries) for row in plan.couplings for each in row) + NODE * model.reduction.size
    most = int(STEPS * min(_elimination(widths), _elimination(widths[::-1])) / max(sweep, 1))
    return most if most >= SWEEPS else 0


def _elimination(widths: list[float]) -> float:
    """Products for layers that are eliminated one after another, as Newton's method does at every step.

    The first is diagonal, and all others are full when it is their turn.
    """
    if not widths:
        return 0.0
    first = [widths[0] * widths[1] ** 2 / 2] if len(widths) > 1 else []
    rest = [w**3 / 6 + w**2 * beside / 2 + w * beside**2 / 2 for w, beside in pairwise([*widths[1:], 0.0])]
    return sum(first + rest)
