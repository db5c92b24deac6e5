"""What a chip gave at known settings: pairs of what was programmed and driven, and what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.model import Model


@dataclass(frozen=True)
class MeasuredPairs:
    """n samples: programmed values ``theta`` (n, P) in their units, ``inputs`` (n, p), ``outputs`` (n, o).

    Outputs that were not read are NaN.
    """

    theta: Array
    inputs: Array
    outputs: Array

    def __len__(self) -> int:
        return len(self.theta)

    @classmethod
    def of(cls, memory: Mapping[str, Array], model: Model, more: int = 0) -> MeasuredPairs:
        """Those that a rule remembers, none at first, perhaps with ``more`` columns of what is read beside outputs.

        Raises ValueError for arrays that cannot be those of a model.
        """
        widths = {"theta": len(model.parameters), "inputs": len(model.inputs), "outputs": len(model.measured) + more}
        if not memory:
            return cls(*(np.zeros((0, width)) for width in widths.values()))
        found = {name: memory[f"pairs.{name}"] for name in widths}
        for name, value in found.items():
            expected = (len(found["theta"]), widths[name])
            if value.dtype != np.float64 or value.shape != expected or not np.isfinite(value).all():
                raise ValueError(f"the measured pairs' '{name}' are of shape {value.shape}, not finite of {expected}")
        return cls(**found)

    def memory(self) -> dict[str, Array]:
        """The arrays by the names that a rule remembers them by."""
        return {"pairs.theta": self.theta, "pairs.inputs": self.inputs, "pairs.outputs": self.outputs}

    def added(self, theta: Array, inputs: Array, outputs: Array, most: int) -> MeasuredPairs:
        """With those of one setting ``theta`` (P,); of more than ``most`` the newest, spread evenly over a setting."""
        kept = np.arange(len(inputs))
        if len(kept) > most:
            kept = np.linspace(0, len(inputs) - 1, most).astype(int)
        new = np.broadcast_to(theta, (len(kept), len(theta))), inputs[kept], outputs[kept]
        old = (self.theta, self.inputs, self.outputs)
        return MeasuredPairs(*(np.concatenate([a, b])[-most:] for a, b in zip(old, new, strict=True)))
