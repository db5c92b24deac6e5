"""The card of devices that hold trained values: ``*@hardware``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.devices.converters import Converter
from netlearn.learn.devices.laws import PCM_T0
from netlearn.learn.devices.level_tables import listed
from netlearn.learn.devices.times import seconds_of, times_of
from netlearn.netlist.numbers import parse_number
from netlearn.options import Declared, option

SERIES = {
    "e3": (10, 22, 47),
    "e6": (10, 15, 22, 33, 47, 68),
    "e12": (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82),
    "e24": (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91),
}
"""Preferred numbers of IEC 60063 with two digits; those with three are powers of 10, rounded."""
SERIES_NAMES = (*SERIES, "e48", "e96", "e192")
"""The series of IEC 60063."""


@dataclass(frozen=True)
class Hardware(Declared):
    """Devices that hold the trained values, with what they can hold and what becomes of it.

    What is wanted is put within ``min`` and ``max`` and the parameter's own bounds, and moved to a value that the
    device can have: one of ``levels`` evenly spaced in the coordinate ``spacing``, of a list of ``values``, of those
    in the file ``measured`` (CSV: ``value`` or ``conductance``, and ``deviation``), or of an E ``series``. That is
    what is aimed at, and what the trained netlist holds. A device really holds a *realisation* of it: each step of
    training sees a fresh one, ``netlearn eval --realisations`` judges many.

    A resistance is held as its conductance, everything else as itself: this is the state, g below, and g_max the
    largest within the bounds. ``noise`` is the relative (lognormal) deviation of a written value, ``write`` the
    deviation of a written state as a polynomial of the state, σ/g_max = max(c0 + c1 g/g_max + ..., 0), ``spread``
    what differs from device to device at every write, and ``read`` the same polynomial for what is read, once for all
    samples of a step or realisation. ``flicker`` is 1/f noise: at t seconds after writing the relative deviation of
    what is read is min(q (g/g_max)^-p, most) √ln((t + r)/2r), r being the time ``reading`` of one reading. With
    ``drift`` a state becomes g (t/t0)^-ν; ν is normal with the mean and the standard deviation that are given.
    ``device=pcm`` is phase-change memory as measured by Nandakumar and others (2019) and used by Joshi and others
    (2020) and in aihwkit, whose time of inference counts from t0 on: ``write``, ``drift`` by the state, ``flicker``,
    t0 = 20 s, unless options say otherwise. ``at`` are times after writing: training draws one for each step.

    A part ``stuck`` of the devices never changes: it stays at its first value or at ``stuck_at``; with the
    probabilities ``stuck_on`` and ``stuck_off`` a device is stuck at its largest or smallest state. ``faults`` is a
    CSV file of those that are known (``element``, and ``state``: on, off or a value).

    With ``asymmetry`` γ a device follows the soft-bounds model: in the state w, scaled to -1..1 between its bounds, a
    step d becomes d - γ |d| (w - w0), so that steps up and down are equal at w0 only, and noise pulls the device there
    (M. Onen and others, "Neural network training with asymmetric crosspoint elements", arXiv 2201.13377, 2022);
    ``symmetry`` is the standard deviation of w0 over the devices, around zero.

    ``bias`` is what each device is off by in the same direction at every write, whether it should
    move or not: the logarithm of its value moves by a fixed number of this standard deviation over the
    devices. Where the device is the memory it adds up from step to step, and is the update bias that
    keeps learning circuits from the last of their error (S. Dillavou, M. Guzman, A. J. Liu, D. J. Durian,
    "Understanding and embracing imperfection in physical learning networks", arXiv 2505.22887, 2025).

    With ``dac`` bits the inputs, and with ``adc`` bits the outputs are the nearest of 2^bits evenly spaced values over
    a range; gradients pass an ADC as if it were not there. Training, ``netlearn round`` and ``eval --realisations``
    judge what comes through them, ``eval`` and ``predict`` tell what the circuit itself does.

    With ``levels``, ``values``, a ``series`` or a file of ``parts``, and nothing else that is not exact, resistances
    are trained continuously, and afterwards the best combination of values is searched for, ``pairs`` of parts among
    them; see :mod:`netlearn.discrete.search`. ``search=no`` writes the nearest value at every step instead.

    ``memory`` says what a step starts from: "digital" keeps exact values beside the devices, and writes them anew;
    "device" has nothing but what the devices hold, which are one chip then, that of ``seed``.

    Deterministic: devices that are stuck at their first values, symmetry points, and what is fixed of the chip of
    ``memory=device`` (biases, spreads, faults by chance) follow from ``seed``, all else from the generator given.
    """

    min: float | None = option(None, "lowest value of a device, in ohms for resistances")
    max: float | None = option(None, "highest value of a device, in ohms for resistances")
    levels: int | None = option(None, "number of values that a device can have", least=2, most=1_000_000)
    spacing: Literal["conductance", "resistance", "log"] = option(
        "conductance", "in what the levels are equally far apart; conductance: in the state"
    )
    values: tuple[float, ...] = option((), "the values that a device can have, rising: 1k,2k,4k")
    measured: str | None = option(None, "a CSV file of levels as measured: value or conductance, and deviation")
    series: Literal["none", "e3", "e6", "e12", "e24", "e48", "e96", "e192"] = option("none", "preferred numbers")
    device: Literal["none", "pcm"] = option("none", "published devices, for write, drift and flicker")
    noise: float = option(0.0, "relative standard deviation of a written value", least=0.0, part=True)
    write: tuple[float, ...] = option(
        (), "deviation of what is written by the state, both in parts of the largest: c0,c1,..."
    )
    spread: float = option(0.0, "relative standard deviation between devices", least=0.0, part=True)
    read: tuple[float, ...] = option(
        (), "deviation of what is read by the state, both in parts of the largest: c0,c1,..."
    )
    flicker: tuple[float, ...] = option((), "1/f noise of what is read, by the state: q,p,most")
    reading: float = option(250e-9, "time that a reading takes, in seconds", above=0.0)
    drift: tuple[float, ...] = option((), "exponent of the drift, and its standard deviation over the devices")
    t0: float | None = option(
        None, "time after writing from which on states drift, in seconds; auto: 1, pcm 20", above=0.0, absent="auto"
    )
    at: tuple[str, ...] = option((), "times after writing, such as 1h,1d,1y")
    stuck: float = option(0.0, "fraction of the devices that never change", least=0.0, below=1.0)
    stuck_at: str = option("start", "where these are: start, any (evenly between the bounds), or a value")
    stuck_on: float = option(0.0, "probability that a device is stuck at its largest state", least=0.0, below=1.0)
    stuck_off: float = option(0.0, "probability that a device is stuck at its smallest state", least=0.0, below=1.0)
    faults: str | None = option(None, "a CSV file of stuck devices: element, and state (on, off or a value)")
    asymmetry: float = option(0.0, "asymmetry of steps up and down, at the bounds", least=0.0, most=1.0)
    symmetry: float = option(
        0.0, "standard deviation of the state where steps are equal, of half the range", least=0.0, part=True
    )
    bias: float = option(
        0.0, "relative standard deviation of a device's fixed error at every write", least=0.0, part=True
    )
    dac: int | None = option(None, "bits of the inputs", least=1, most=32)
    dac_range: tuple[float, ...] = option((), "lowest and highest input")
    adc: int | None = option(None, "bits of the outputs", least=1, most=32)
    adc_range: tuple[float, ...] = option((), "lowest and highest output")
    only: str = option("*", "patterns of the names that devices hold, such as R1* or (R1*,R2*)")
    memory: Literal["digital", "device"] = option("digital", "values that a step starts from")
    parts: str | None = option(None, "a CSV file of the values that there are, and how many")
    pairs: bool = option(False, "whether a part may be two in series or parallel")
    search: bool = option(True, "whether the best combination is searched for after training")
    budget: int = option(400_000, "operating points that this may take", least=1)
    seed: int = option(0, "seed of the choice of stuck devices, of the biases and of the search", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max is not None and self.min is not None and self.max <= self.min:
            raise OptionError(f"the highest value {self.max:g} is not above the lowest, {self.min:g}")
        kinds = [self.levels is not None, bool(self.values), self.measured is not None, self.series != "none"]
        if sum(kinds) > 1:
            raise OptionError("a device has either levels or a list or a file of them or a series of values, not both")
        if self.parts is not None and any(kinds):
            raise OptionError("values come from a list of parts, a series or levels, and from one of them only")
        with _said_of("values"):
            if self.values:
                listed(self.values)
        if (self.parts is not None or self.pairs) and not self.searches:
            hint = "give a series, levels or parts=, and leave noise, stuck, asymmetry, bias, memory and search=no out"
            raise OptionError("parts= and pairs= are for values that are searched for", hint=hint)
        self._check_laws()
        self._check_stuck()
        for name in ("dac", "adc"):
            _check_range(name, getattr(self, name), getattr(self, f"{name}_range"))

    def _check_laws(self) -> None:
        with _said_of("at"):
            times_of(self.at)
        if len(self.drift) > 2 or (len(self.drift) == 2 and self.drift[1] < 0):
            raise OptionError("'drift' is an exponent and its standard deviation", hint="such as drift=0.05,0.01")
        if len(self.flicker) > 3 or min(self.flicker, default=0.0) < 0:
            raise OptionError("'flicker' is up to three numbers, none below zero", hint="such as 0.0088,0.65,0.2")
        if self.symmetry and not self.asymmetry:
            raise OptionError(
                "'symmetry' is the spread of where asymmetric steps are equal", hint="give asymmetry, too"
            )

    def _check_stuck(self) -> None:
        if self.stuck + self.stuck_on + self.stuck_off >= 1:
            raise OptionError("all devices would be stuck", hint="stuck, stuck_on and stuck_off sum up to less than 1")
        if self.stuck_at not in ("start", "any") and self.stuck_value is None:
            raise OptionError(f"'stuck_at' cannot be '{self.stuck_at}'", hint="start, any, or a value such as 47k")

    @property
    def stuck_value(self) -> float | None:
        """The value at which stuck devices are, if it is one."""
        number = parse_number(self.stuck_at)
        return None if number is None or not isfinite(number) else number

    @property
    def discrete(self) -> bool:
        """Whether there are some values only."""
        return self.leveled or self.series != "none" or self.parts is not None

    @property
    def leveled(self) -> bool:
        """Whether a device has levels, evenly spaced, listed or measured."""
        return self.levels is not None or bool(self.values) or self.measured is not None

    @property
    def searches(self) -> bool:
        """Whether the best combination of its values is to be found after training, as of parts that are bought.

        Devices that are written in steps, and not exactly, are trained by these steps instead.
        """
        bounded = self.levels is None or (self.min is not None and self.min > 0 and self.max is not None)
        exact = not self.changes and self.measured is None and self.only == "*"
        return self.search and self.discrete and exact and bounded

    @property
    def changes(self) -> bool:
        """Whether what devices hold, or how they come to hold it, is not exact."""
        noisy = self.noise or self.write or self.read or self.flicker or self.spread or self.device != "none"
        stuck = self.stuck or self.stuck_on or self.stuck_off or self.faults is not None
        steps = self.asymmetry or self.bias or self.memory == "device"
        return bool(noisy or stuck or steps or (self.drift and self.at))

    @property
    def holds(self) -> bool:
        """Whether anything is said of devices, and not only of converters."""
        bounded = self.min is not None or self.max is not None
        return self.changes or bounded or self.discrete or bool(self.drift) or self.only != "*"

    @property
    def start(self) -> float:
        """t0 in seconds."""
        if self.t0 is not None:
            return self.t0
        return PCM_T0 if self.device == "pcm" else 1.0

    @property
    def times(self) -> tuple[float, ...]:
        """The times ``at`` in seconds."""
        return tuple(map(seconds_of, self.at))

    @property
    def what(self) -> str:
        """What values there are, in a word."""
        if self.values:
            return f"{len(self.values)} values"
        return self.parts or (f"{self.levels} levels" if self.levels else self.measured or self.series.upper())

    def converter(self, name: Literal["dac", "adc"]) -> Converter | None:
        """The DAC or the ADC, if there is one."""
        bits, ends = getattr(self, name), getattr(self, f"{name}_range")
        return None if bits is None else Converter(bits, *ends)

    def stuck_devices(self, count: int) -> Array:
        """(P,) which devices never change."""
        order = np.random.default_rng([self.seed, count]).permutation(count)
        return np.asarray(order < round(self.stuck * count))

    def biases(self, count: int) -> Array:
        """(P,) by how much the logarithm of each value is off at every write."""
        return np.asarray(self.bias * np.random.default_rng([self.seed, count, 1]).normal(size=count))


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """Errors say which option they are of."""
    try:
        yield
    except OptionError as error:
        raise OptionError(f"'{name}': {error.message}", error.place, error.hint) from None


def _check_range(name: str, bits: int | None, ends: tuple[float, ...]) -> None:
    if bits is None and ends:
        raise OptionError(f"'{name}_range' is given without '{name}'", hint=f"say how many bits: {name}=8")
    if bits is not None and (len(ends) != 2 or not ends[0] < ends[1]):
        raise OptionError(f"'{name}' needs its lowest and highest value", hint=f"such as {name}_range=0,1")


SPACINGS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "conductance": (lambda r: 1.0 / np.asarray(r), lambda g: 1.0 / g),
    "resistance": (np.asarray, np.asarray),
    "log": (np.log, np.exp),
}
"""From resistances to coordinates and back; that of everything but resistances is itself where it is not "log"."""


def preferred(resistance: Array, series: str) -> Array:
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
    """All values that a device with evenly spaced or listed levels can have, rising. Raises OptionError."""
    if hardware.values:
        return np.asarray(hardware.values, dtype=float)
    if hardware.levels is None or hardware.min is None or hardware.min <= 0 or hardware.max is None:
        raise OptionError(
            "levels need the bounds of a device", hint="give them in ohms, such as levels=16 min=10k max=1meg"
        )
    inward, outward = SPACINGS[hardware.spacing]
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
