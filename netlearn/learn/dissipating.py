"""The part of a loss that is about power."""

from __future__ import annotations

from dataclasses import dataclass

from netlearn.options import Declared, option


@dataclass(frozen=True, kw_only=True)
class Dissipating(Declared):
    """What losses of the outputs have in common: the power that the circuit dissipates can be added to them."""

    power: float = option(0.0, "weight of the dissipated power, per watt", least=0.0)
