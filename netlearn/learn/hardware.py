"""What becomes of a resistance that is to be written into a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import OptionError
from netlearn.options import Declared, option

SERIES = {
    "e3": (10, 22, 47),
    "e6": (10, 15, 22, 33, 47, 68),
    "e12": (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82),
    "e24": (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91),
}
"""Preferred numbers of IEC 60063 with two digits; those with three are powers of 10, rounded."""
SERIES_NAMES = (*SERIES, "e48", "e96", "e192")


@dataclass(frozen=True)
class Hardware(Declared):
    """Devices that hold resistances, with their limits.

    What is wanted is first put within ``min`` and ``max`` (ohms), then moved to a value that
    the device can have (``levels`` equal steps between the bounds, in the coordinate
    ``spacing``, or the E ``series``), and written with the relative error ``noise``. A part
    ``stuck`` of the devices never changes.

    With ``asymmetry`` γ a device follows the soft-bounds model: in the conductance w, scaled
    to -1..1 between its bounds, a step d becomes d - γ |d| w, so that steps up and down are
    equal at w = 0 only, and noise pulls the device there (M. Onen and others, "Neural network
    training with asymmetric crosspoint elements", arXiv 2201.13377, 2022).

    ``bias`` is what each device is off by in the same direction at every write, whether it should
    move or not: the logarithm of its resistance moves by a fixed number of this standard deviation over the
    devices. Where the device is the memory it adds up from step to step, and is the update bias that
    keeps learning circuits from the last of their error (S. Dillavou, M. Guzman, A. J. Liu, D. J. Durian,
    "Understanding and embracing imperfection in physical learning networks", arXiv 2505.22887, 2025).

    With ``levels``, a ``series`` or a file of ``parts``, and nothing else that is not exact, training is
    continuous, and afterwards the best combination of values is searched for, ``pairs`` of parts among them;
    see :mod:`netlearn.discrete.search`. ``search=no`` writes the nearest value at every step instead.

    ``memory`` says what a step starts from: "digital" keeps exact values beside the devices,
    and writes them anew; "device" has nothing but what the devices hold.

    Deterministic: stuck devices and biases follow from ``seed``, all else from the generator given.
    """

    min: float = option(0.0, "lowest resistance of a device, in ohms", least=0.0)
    max: float | None = option(None, "highest resistance of a device, in ohms", above=0.0)
    levels: int | None = option(None, "number of values that a device can have", least=2)
    spacing: Literal["conductance", "resistance", "log"] = option(
        "conductance", "in what the levels are equally far apart"
    )
    series: Literal["none", "e3", "e6", "e12", "e24", "e48", "e96", "e192"] = option("none", "preferred numbers")
    noise: float = option(0.0, "relative standard deviation of a written value", least=0.0)
    stuck: float = option(0.0, "fraction of the devices that never change", least=0.0, below=1.0)
    asymmetry: float = option(0.0, "asymmetry of steps up and down, at the bounds", least=0.0, most=1.0)
    bias: float = option(0.0, "relative standard deviation of a device's fixed error at every write", least=0.0)
    memory: Literal["digital", "device"] = option("digital", "values that a step starts from")
    parts: str | None = option(None, "a CSV file of the values that there are, and how many")
    pairs: bool = option(False, "whether a part may be two in series or parallel")
    search: bool = option(True, "whether the best combination is searched for after training")
    budget: int = option(400_000, "operating points that this may take", least=1)
    seed: int = option(0, "seed of the choice of stuck devices, of the biases and of the search", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.levels or self.asymmetry) and not (self.min > 0 and self.max is not None):
            raise OptionError("levels and asymmetry need the bounds of a device", hint="give min and max in ohms")
        if self.max is not None and self.max <= self.min:
            raise OptionError(f"the highest resistance {self.max:g} is not above the lowest, {self.min:g}")
        if self.levels and self.series != "none":
            raise OptionError("a device has either levels or a series of values, not both")
        if self.parts is not None and (self.levels or self.series != "none"):
            raise OptionError("values come from a list of parts, a series or levels, and from one of them only")
        if (self.parts is not None or self.pairs) and not self.searches:
            hint = "give a series, levels or parts=, and leave noise, stuck, asymmetry, bias, memory and search=no out"
            raise OptionError("parts= and pairs= are for values that are searched for", hint=hint)

    @property
    def discrete(self) -> bool:
        """Whether there are some values only."""
        return bool(self.levels) or self.series != "none" or self.parts is not None

    @property
    def searches(self) -> bool:
        """Whether the best combination of its values is to be found after training, as of parts that are bought.

        Devices that are written in steps, and not exactly, are trained by these steps instead.
        """
        written = self.noise or self.stuck or self.asymmetry or self.bias or self.memory == "device"
        return self.search and self.discrete and not written

    def write(self, wanted: Array, present: Array, rng: np.random.Generator) -> Array:
        """The resistances (P,) after writing ``wanted`` over ``present``, in ohms."""
        aimed = self._limited(self._stepped(wanted, present) * np.exp(self.biases(len(wanted))))
        aimed = self._nearest(aimed)
        if self.noise:
            written = self._limited(aimed * np.exp(self.noise * rng.normal(size=len(aimed))))
            # A device that is already where it should be is left alone.
            aimed = np.where(aimed == present, present, written)
        return np.where(self.stuck_devices(len(aimed)), present, aimed)

    def stuck_devices(self, count: int) -> Array:
        """(P,) which devices never change."""
        order = np.random.default_rng([self.seed, count]).permutation(count)
        return np.asarray(order < round(self.stuck * count))

    def biases(self, count: int) -> Array:
        """(P,) by how much the logarithm of each resistance is off at every write."""
        return np.asarray(self.bias * np.random.default_rng([self.seed, count, 1]).normal(size=count))

    def _limited(self, resistance: Array) -> Array:
        return np.clip(resistance, self.min, inf if self.max is None else self.max)

    def _stepped(self, wanted: Array, present: Array) -> Array:
        if not self.asymmetry or self.max is None:
            return wanted
        low, high = 1.0 / self.max, 1.0 / self.min
        middle, half = (low + high) / 2, (high - low) / 2
        w = (1.0 / present - middle) / half
        step = (1.0 / wanted - middle) / half - w
        reached = np.clip(w + step - self.asymmetry * np.abs(step) * w, -1.0, 1.0)
        return 1.0 / (middle + half * reached)

    def _nearest(self, resistance: Array) -> Array:
        if self.series != "none":
            return _preferred(resistance, self.series)
        if self.levels is None or self.max is None:
            return resistance
        inward, outward = _SPACINGS[self.spacing]
        first, last = inward(self.min), inward(self.max)
        place = np.rint((inward(resistance) - first) / (last - first) * (self.levels - 1))
        return np.asarray(outward(first + place / (self.levels - 1) * (last - first)))


_SPACINGS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "conductance": (lambda r: 1.0 / np.asarray(r), lambda g: 1.0 / g),
    "resistance": (np.asarray, np.asarray),
    "log": (np.log, np.exp),
}


def hardware_for(hardware: Hardware | None, parameters: Parameters) -> Hardware | None:
    """The hardware, if there is one and the parameters can be written into it. Raises OptionError."""
    if hardware is None:
        return None
    if not np.all(parameters.resistive):
        name = parameters.names[int(np.argmin(parameters.resistive))]
        raise OptionError(
            f"hardware holds resistances, and '{name}' is not one", hint="train only resistors: '*@train R*'"
        )
    return hardware


def _preferred(resistance: Array, series: str) -> Array:
    """The preferred numbers that are nearest by ratio."""
    table = series_values(series, float(resistance.min()) / 10, float(resistance.max()) * 10)
    middles = np.sqrt(table[1:] * table[:-1])
    return np.asarray(table[np.searchsorted(middles, resistance)])


def series_values(series: str, low: float, high: float) -> Array:
    """All preferred numbers of a series from ``low`` to ``high``."""
    digits, shift = _digits(series)
    exponents = np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1)
    table = (digits * 10.0 ** (exponents - shift)[:, None]).ravel()
    # 4.7e3 as the text has it, not as the product of powers does.
    values = np.array([float(f"{value:.3g}") for value in table])
    return values[(values >= low * (1 - 1e-12)) & (values <= high * (1 + 1e-12))]


def level_values(hardware: Hardware) -> Array:
    """All values that a device with levels can have, rising."""
    assert hardware.levels is not None
    assert hardware.max is not None
    inward, outward = _SPACINGS[hardware.spacing]
    steps = np.linspace(inward(hardware.min), inward(hardware.max), hardware.levels)
    return np.sort(np.asarray(outward(steps)))


def _digits(series: str) -> tuple[Array, int]:
    """The numbers of one decade and how many digits stand behind their first."""
    if series in SERIES:
        return np.array(SERIES[series], dtype=float), 1
    count = int(series[1:])
    numbers = np.rint(100 * 10 ** (np.arange(count) / count))
    if count == 192:
        numbers[numbers == 919] = 920
    return numbers, 2
