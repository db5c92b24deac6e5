"""Devices for trained values: what is aimed at, what one device of each kind then holds, and what is read."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.parameters import Parameters
from netlearn.errors import OptionError
from netlearn.learn.devices.laws import PCM_FLICKER, PCM_WRITE, deviation, drifted, flicker, pcm_exponents
from netlearn.learn.devices.level_tables import LevelTable, listed
from netlearn.learn.devices.states import States
from netlearn.learn.hardware import SPACINGS, Hardware, preferred

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 1e-6
"""Of a value: by so much aims are moved to see how what is held depends on them. Near the cube root of float64's
rounding, 6e-6, where central differences are best."""

SPREADS, SYMMETRY_POINTS, CHIP = 2, 3, 4
"""Stand for streams of random numbers of the chip that ``memory=device`` trains."""


@dataclass(frozen=True)
class HeldValues:
    """What was aimed at and what devices hold, (P,) in the parameters' units.

    ``slopes`` (P,) are derivatives of what is held by what is aimed at, zero for what is stuck.
    """

    aimed: Array
    held: Array
    slopes: Array


@dataclass(frozen=True)
class Realisation:
    """What one set of devices really holds: θ (P,) after writing, drift exponents, and which are stuck."""

    devices: Devices
    held: Array
    exponents: Array
    stuck: Array

    def read(self, at: float | None, rng: np.random.Generator) -> Array:
        """θ (P,) as it is read ``at`` seconds after writing, t0 without any."""
        devices, hardware = self.devices, self.devices.hardware
        at = hardware.start if at is None else at
        written = devices.states.of(self.held)
        state = drifted(written, np.where(self.stuck, 0.0, self.exponents), at, hardware.start)
        return devices.states.back(devices.noisy(state, written, self.stuck, at, rng), self.held)


@dataclass(frozen=True)
class Devices:
    """The devices of a card for P parameters: what training writes into, and what is drawn to judge it.

    ``faults`` (P,) are values at which devices are known to be stuck, NaN for all others; ``chosen`` (P,) says which
    parameters are held by devices, all others are exact.
    """

    hardware: Hardware
    states: States
    chosen: Array
    faults: Array
    table: LevelTable | None = None

    @property
    def memory(self) -> str:
        """What a step of training starts from, "digital" or "device"."""
        return self.hardware.memory

    @property
    def varied(self) -> bool:
        """Whether two realisations of the same values differ."""
        h = self.hardware
        noisy = h.noise or h.spread or h.bias or self._write or h.read or self._flicker or h.stuck_on or h.stuck_off
        moved = h.device == "pcm" or (len(h.drift) == 2 and h.drift[1])
        lost = h.stuck and h.stuck_at != "start"
        return bool(noisy or moved or lost or (self.table is not None and self.table.deviations.any()))

    # Aiming ----------------------------------------------------------------------------------------------------------

    def aim(self, wanted: Array, present: Array | None = None) -> Array:
        """What is to be written (P,) for what is wanted, by a step from what is present, if anything is."""
        aimed = wanted if present is None else self._stepped(wanted, present)
        aimed = self._nearest(self.states.limited(aimed))
        aimed = np.where(self.known, self._known_values(wanted if present is None else present), aimed)
        return np.where(self.chosen, aimed, wanted)

    @cached_property
    def known(self) -> Array:
        """(P,) which devices are known to be stuck, so that nothing can be aimed at there."""
        return (~np.isnan(self.faults) | self._stuck_at_start) & self.chosen

    @cached_property
    def _stuck_at_start(self) -> Array:
        count = len(self.chosen)
        if self.hardware.stuck_at != "start":
            return np.zeros(count, dtype=bool)
        return self.hardware.stuck_devices(count)

    def _known_values(self, present: Array) -> Array:
        return np.where(np.isnan(self.faults), present, self.faults)

    def _nearest(self, theta: Array) -> Array:
        hardware, states = self.hardware, self.states
        if hardware.series != "none":
            return preferred(theta, hardware.series)
        if hardware.levels is None and self.table is None:
            return theta
        inward, outward = self._inward, self._outward
        if self.table is not None:
            return np.asarray(self.table.values[self._number(theta, self.table.values)])
        assert hardware.levels is not None
        first, last = inward(states.lower), inward(states.upper)
        place = np.rint((inward(theta) - first) / (last - first) * (hardware.levels - 1))
        found = outward(first + place / (hardware.levels - 1) * (last - first))
        # The ends are the text's own numbers, not what the round trip makes of them.
        found = np.where(place == 0, states.lower, found)
        return np.asarray(np.where(place == hardware.levels - 1, states.upper, found))

    def _number(self, theta: Array, values: Array) -> Array:
        """Which of ``values`` (V,), rising, is nearest to each parameter (P,), in the coordinate of ``spacing``."""
        low, high = values[:-1], values[1:]
        plain = np.searchsorted((low + high) / 2, theta)
        if self.hardware.spacing == "log":
            return np.asarray(np.searchsorted(np.sqrt(low * high), theta))
        if self.hardware.spacing == "resistance" or not self.states.resistive.any():
            return np.asarray(plain)
        return np.where(self.states.resistive, np.searchsorted(2 * low * high / (low + high), theta), plain)

    def _inward(self, theta: Array) -> Array:
        inward = SPACINGS[self.hardware.spacing][0]
        if self.hardware.spacing != "conductance":
            return np.asarray(inward(theta))
        return self.states.of(theta)

    def _outward(self, place: Array) -> Array:
        if self.hardware.spacing != "conductance":
            return np.asarray(SPACINGS[self.hardware.spacing][1](place))
        return self.states.of(place)

    def _stepped(self, wanted: Array, present: Array) -> Array:
        """Where a step from ``present`` ends on the devices of a chip; they differ by their slopes, and in symmetry."""
        hardware, states = self.hardware, self.states
        theta, count = wanted, len(wanted)
        if hardware.memory == "device":
            if hardware.spread:
                slope = np.exp(hardware.spread * self._chip(SPREADS).normal(size=count))
                here = states.of(present)
                there = states.kept_above(here + slope * (states.of(wanted) - here), here)
                theta = np.where(wanted == present, present, states.of(there))
            theta = theta * np.exp(hardware.biases(count)) if hardware.bias else theta
        if not hardware.asymmetry:
            return theta
        low, high = states.ends
        middle, half = (low + high) / 2, (high - low) / 2
        w = (states.of(present) - middle) / half
        step = (states.of(theta) - middle) / half - w
        points = np.zeros(count)
        if hardware.symmetry:
            points = np.clip(hardware.symmetry * self._chip(SYMMETRY_POINTS).normal(size=count), -1.0, 1.0)
        reached = np.clip(w + step - hardware.asymmetry * np.abs(step) * (w - points), -1.0, 1.0)
        return states.of(middle + half * reached)

    def _chip(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.hardware.seed, len(self.chosen), stream])

    # Realisations ----------------------------------------------------------------------------------------------------

    def drawn(self, aimed: Array, rng: np.random.Generator) -> Realisation:
        """One set of devices into which ``aimed`` (P,) was written."""
        hardware, states = self.hardware, self.states
        state = self._programmed(aimed, rng)
        for relative in filter(None, (hardware.spread, hardware.bias)):
            state = state * np.exp(relative * rng.normal(size=len(state)))
        exponents = self._exponents(states.of(aimed), rng)
        stuck = self._stuck(rng)
        held = np.where(np.isnan(stuck), aimed, stuck)
        fixed = ~np.isnan(stuck) | self.known | ~self.chosen
        return Realisation(self, np.where(fixed, held, states.back(state, aimed)), exponents, fixed)

    def realised(self, aimed: Array, seed: int, at: float | None = None) -> Array:
        """θ (P,) that the devices of a seed hold, as they are read ``at`` seconds after writing."""
        realisation = self.drawn(aimed, np.random.default_rng([seed, 11]))
        when = 0 if at is None else int(np.float64(at).view(np.uint64))
        return realisation.read(at, np.random.default_rng([seed, 12, when]))

    def _programmed(self, aimed: Array, rng: np.random.Generator) -> Array:
        """States (P,) after writing with noise; what is known to be stuck has its own."""
        hardware, states = self.hardware, self.states
        target = states.of(aimed)
        state = target
        if hardware.noise:
            state = state * np.exp(-hardware.noise * rng.normal(size=len(state)))
        if self._write:
            sigma = states.largest * deviation(self._write, states.relative(target))
            state = states.kept_above(state + sigma * rng.normal(size=len(state)), target)
        if self.table is not None and self.table.deviations.any():
            relative = self.table.deviations[self._number(aimed, self.table.values)]
            state = states.kept_above(state * (1.0 + relative * rng.normal(size=len(state))), target)
        return np.where(self.known | ~self.chosen, target, state)

    def _exponents(self, target: Array, rng: np.random.Generator) -> Array:
        drift = self.hardware.drift
        if drift:
            mean, spread = (*drift, 0.0)[:2]
            numbers = rng.normal(size=len(target)) if spread else np.zeros(len(target))
            return np.asarray(mean + spread * numbers)
        if self.hardware.device == "pcm":
            means, spreads = pcm_exponents(self.states.relative(target))
            return np.abs(means + spreads * rng.normal(size=len(target)))
        return np.zeros(len(target))

    def _stuck(self, rng: np.random.Generator) -> Array:
        """(P,) values at which devices are stuck by chance or by the map, NaN for all others."""
        hardware, states = self.hardware, self.states
        found = np.full(len(self.chosen), np.nan)
        anywhere = hardware.stuck if hardware.stuck_at != "start" else 0.0
        if hardware.stuck_on or hardware.stuck_off or anywhere:
            low, high = states.ends
            u = rng.random(len(found))
            edges = np.cumsum([hardware.stuck_on, hardware.stuck_off, anywhere])
            if hardware.stuck_on:
                found = np.where(u < edges[0], states.of(high), found)
            if hardware.stuck_off:
                found = np.where((u >= edges[0]) & (u < edges[1]), states.of(low), found)
            if anywhere:
                value = hardware.stuck_value
                place = states.of(low + (high - low) * rng.random(len(found)))
                place = place if value is None else np.full(len(found), value)
                found = np.where((u >= edges[1]) & (u < edges[2]), place, found)
        found = np.where(np.isnan(self.faults), found, self.faults)
        return np.where(self.chosen, found, np.nan)

    def noisy(self, state: Array, written: Array, quiet: Array, at: float, rng: np.random.Generator) -> Array:
        """States (P,) as they are read once; the ``quiet`` ones are read without noise."""
        hardware, states = self.hardware, self.states
        read = state
        if self._flicker:
            x = states.relative(written) if len(self._flicker) > 1 else np.ones(len(state))
            sigma = np.abs(state) * flicker(x, at, self._flicker, hardware.reading)
            read = read + sigma * rng.normal(size=len(state))
        if hardware.read:
            sigma = states.largest * deviation(hardware.read, states.relative(state))
            read = read + sigma * rng.normal(size=len(state))
        if read is not state:
            read = states.kept_above(read, state)
        return np.where(quiet, state, read)

    @property
    def _write(self) -> tuple[float, ...]:
        return self.hardware.write or (PCM_WRITE if self.hardware.device == "pcm" else ())

    @property
    def _flicker(self) -> tuple[float, ...]:
        return self.hardware.flicker or (PCM_FLICKER if self.hardware.device == "pcm" else ())

    # Training --------------------------------------------------------------------------------------------------------

    def write(self, wanted: Array, present: HeldValues, rng: np.random.Generator) -> HeldValues:
        """What is aimed at and held after one step of training, over what was.

        With a digital memory that is a fresh realisation; where the device is the memory, the same devices hold what
        was written, and those that are where they should be already are left alone.
        """
        if self.memory == "digital":
            aimed = self.aim(wanted, present.aimed)
            times = self.hardware.times
            at = times[int(rng.integers(len(times)))] if len(times) > 1 else times[0] if times else None
            return self._fresh(aimed, at, rng)
        aimed = self.aim(wanted, present.held)
        moved = aimed != present.held
        held = np.where(moved, self.states.back(self._programmed(aimed, rng), aimed), present.held)
        stuck = self._stuck(self._chip(CHIP))
        held = np.where(np.isnan(stuck), held, stuck)
        fixed = ~np.isnan(stuck) | self.known
        return HeldValues(np.where(moved, aimed, present.aimed), held, np.where(fixed, 0.0, 1.0))

    def _fresh(self, aimed: Array, at: float | None, rng: np.random.Generator) -> HeldValues:
        """A realisation, and how it depends on what is aimed at: the same devices at other aims, all laws alike."""
        if not self.hardware.changes:
            return HeldValues(aimed, aimed, np.where(self.known, 0.0, 1.0))
        before = deepcopy(rng)
        held = self.drawn(aimed, rng).read(at, rng)
        size = np.where(np.isfinite(self.states.largest) & ~self.states.resistive, self.states.largest, np.abs(aimed))
        step = STEP * np.where(size > 0, size, 1.0)
        above, below = (self._again(aimed + move, at, before) for move in (step, -step))
        slopes = np.where(self.known, 0.0, (above - below) / (2 * step))
        return HeldValues(aimed, held, np.where(self.chosen, slopes, 1.0))

    def _again(self, aimed: Array, at: float | None, rng: np.random.Generator) -> Array:
        """What the same random numbers make of another aim."""
        same = deepcopy(rng)
        return self.drawn(aimed, same).read(at, same)

    def read(self, held: Array, rng: np.random.Generator) -> Array:
        """θ (P,) as a step of training reads what devices hold."""
        if self.memory == "digital" or not (self.hardware.read or self._flicker):
            # A fresh realisation has been read when it was made.
            return held
        state = self.states.of(held)
        return self.states.back(self.noisy(state, state, ~self.chosen, self.hardware.start, rng), held)


def devices_for(
    hardware: Hardware,
    parameters: Parameters,
    faults: Array | None = None,
    table: LevelTable | None = None,
    chosen: Array | None = None,
) -> Devices:
    """The devices of a card for parameters. Raises OptionError where they cannot be held so.

    ``faults`` (P,) and ``table`` are what the files say that the card names, ``chosen`` (P,) what devices hold.
    """
    chosen = np.ones(len(parameters), dtype=bool) if chosen is None else chosen
    states = states_for(hardware, parameters, chosen)
    if hardware.values:
        table = listed(hardware.values)
    resistive = np.asarray(parameters.resistive)
    if hardware.series != "none" or hardware.parts is not None:
        _check(~resistive & chosen, parameters.names, "a series and parts are of resistances, and '{}' is not one")
    needs = _that_need_bounds(hardware)
    if needs:
        said = f"{needs} the bounds of a device, and '{{}}' has none"
        hint = "give min and max in '*@hardware', or bounds in '*@train'"
        _check(states.unbounded & chosen, parameters.names, said, hint)
    if hardware.spacing == "log" and hardware.levels is not None:
        said = "levels of '{}' are not all above zero, as spacing=log needs"
        _check(~(states.lower > 0) & chosen, parameters.names, said)
    if table is not None:
        below = (table.values.min() <= 0) & (states.above_zero | (hardware.spacing == "log")) & chosen
        _check(below, parameters.names, "a level is not above zero, as '{}' must be")
    value = hardware.stuck_value
    if hardware.stuck and value is not None and value <= 0:
        _check(states.above_zero & chosen, parameters.names, "'{}' cannot be stuck at zero or below")
    return Devices(hardware, states, chosen, np.full(len(chosen), np.nan) if faults is None else faults, table)


def states_for(hardware: Hardware, parameters: Parameters, chosen: Array | None = None) -> States:
    """The states of parameters within the bounds of a card and their own.

    Raises OptionError for bounds that no resistance can have, and where those of the card are in several units.
    """
    resistive = np.asarray(parameters.resistive)
    positive = np.asarray(parameters.positive, dtype=bool) | resistive
    units = parameters.units or ("ohm",) * len(parameters)
    own_low, own_high = np.asarray(parameters.lower, dtype=float), np.asarray(parameters.upper, dtype=float)
    if hardware.min is not None or hardware.max is not None:
        held = [k for k in range(len(parameters)) if chosen is None or chosen[k]]
        other = next((k for k in held if units[k] != units[held[0]]), None)
        if other is not None:
            first, second = parameters.names[held[0]], parameters.names[other]
            raise OptionError(
                f"'min' and 'max' are in one unit, and '{first}' and '{second}' are not",
                hint="give their bounds with '*@train PATTERN min= max=', or say only=PATTERN",
            )
    if hardware.min is not None and hardware.min < 0:
        _check(positive, parameters.names, f"the lowest value {hardware.min:g} is below zero, which '{{}}' cannot be")
    held_here = np.ones(len(parameters), dtype=bool) if chosen is None else chosen
    low = np.maximum(own_low, np.where(held_here, -inf if hardware.min is None else hardware.min, -inf))
    low = np.where(positive, np.maximum(low, 0.0), low)
    high = np.minimum(own_high, np.where(held_here, inf if hardware.max is None else hardware.max, inf))
    _check(low > high, parameters.names, "the bounds of '{}' leave nothing within those of its device")
    return States(tuple(parameters.names), resistive, positive, low, high)


def _that_need_bounds(hardware: Hardware) -> str:
    """Those of the options that need bounds, as the beginning of a sentence."""
    polynomials = {"write": hardware.write, "read": hardware.read, "flicker": hardware.flicker[1:]}
    given = [name for name, value in polynomials.items() if value]
    given += [name for name in ("levels", "asymmetry", "stuck_on", "stuck_off") if getattr(hardware, name)]
    given += ["device=pcm"] if hardware.device == "pcm" else []
    given += ["stuck_at=any"] if hardware.stuck and hardware.stuck_at == "any" else []
    return f"{' and '.join(given)} need{'s' if len(given) == 1 and given[0] != 'levels' else ''}" if given else ""


def _check(wrong: Array, names: Sequence[str], message: str, hint: str = "") -> None:
    if wrong.any():
        raise OptionError(message.format(names[int(np.argmax(wrong))]), hint=hint)
