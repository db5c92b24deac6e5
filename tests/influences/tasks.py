"""Read-outs that are linear in what is trained, fitted by numpy, for tests of influence and unlearning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import netlearn
from netlearn.arrays import Array
from netlearn.netlist.netlist import Netlist

ROWS, FEATURES = 14, 3


def samples(seed: int = 0) -> tuple[Array, Array]:
    """Inputs (S, 3) in volts and what is wanted (S,), in volts; the last row is an outlier."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1, 1, (ROWS, FEATURES))
    wanted = inputs @ [0.6, 1.1, 0.4] + 0.3 + 0.1 * rng.normal(size=ROWS)
    wanted[-1] += 1.0
    return inputs, wanted


def fitted(inputs: Array, wanted: Array) -> Array:
    """Least squares weights, the constant last."""
    design = np.column_stack([inputs, np.ones(len(inputs))])
    return np.asarray(np.linalg.lstsq(design, wanted, rcond=None)[0])


def columns(inputs: Array, wanted: Array, output: str, scale: float = 1.0) -> Mapping[str, Any]:
    return {**{f"V{k + 1}": inputs[:, k] for k in range(FEATURES)}, output: scale * wanted}


def transconductances(weights: Array, options: str = "") -> Netlist:
    """V(out) = 1 kΩ (Σ gm_k V_k + I), with the transconductances and the current trained."""
    sources = "\n".join(f"V{k + 1} in{k + 1} 0 0" for k in range(FEATURES))
    gains = "\n".join(f"G{k + 1} 0 out in{k + 1} 0 {float(w) * 1e-3!r}" for k, w in enumerate(weights[:FEATURES]))
    return netlearn.parse(
        f"* transconductances\n*@output V(out)\n*@train G* I1\n{options}\n{sources}\n{gains}\n"
        f"I1 0 out {float(weights[-1]) * 1e-3!r}\nRload out 0 1k\n.end\n"
    )


def crossbar(weights: Array) -> Netlist:
    """The current into a node that is held at ground, with resistors from the inputs and a constant volt to it."""
    sources = "\n".join(f"V{k + 1} in{k + 1} 0 0" for k in range(FEATURES))
    wires = "\n".join(f"R{k + 1} in{k + 1} sum {1e3 / float(w)!r}" for k, w in enumerate(weights[:FEATURES]))
    return netlearn.parse(
        f"* crossbar\n*@output I(Vsense)\n*@train R*\n*@options coordinates=conductance\n{sources}\nVone one 0 1\n"
        f"{wires}\nR{FEATURES + 1} one sum {1e3 / float(weights[-1])!r}\nVsense sum 0 0\n.end\n"
    )
