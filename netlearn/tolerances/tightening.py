"""Which parts have to be tighter for a wanted yield, as cheaply as prices of tolerance classes allow.

Choices are judged by the linear model of the outputs, on the same draws for all, so that thousands can be; what is
chosen is confirmed by solving. Few choices are all tried; with more, the part that gains the most yield for its price
becomes tighter until it is enough, and then whatever can be loosened again is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from scipy.stats import binomtest

from netlearn.arrays import Array
from netlearn.errors import OptionError, Place
from netlearn.netlist.numbers import parse_number
from netlearn.options import Percent
from netlearn.tolerances.trials import Trials
from netlearn.tolerances.worst_case import slopes_at_nominal

CLASSES: Mapping[float, float] = {0.05: 1.0, 0.02: 1.2, 0.01: 1.5, 0.005: 3.0, 0.001: 10.0, 0.0005: 25.0, 0.0001: 100.0}
"""Relative prices of resistors by tolerance, where none are given, by convention: what catalogues ask, roughly."""

ALL_TRIED = 1500
"""Up to so many choices all are tried: of 625 choices for four parts the cheapest costs what is found step by step, too
(n = 5), which is not certain elsewhere (benchmarks/constants_of_search.py)."""
JUDGED_BY = 4000
"""Draws that choices are judged by: the yield is known within 0.5 % by them at 90 %, as √(p(1 - p)/n); a tenth or twice
as many choose the same four parts (n = 5) (benchmarks/constants_of_search.py)."""
CORRECTED = 6
"""So often the aim of the linear model is raised by what it promised too much: four parts of 5 % take one round (n = 5)
(benchmarks/constants_of_search.py)."""


@dataclass(frozen=True)
class Tightening:
    """The parts that become tighter, each from one tolerance to another, relative; what that yields and costs.

    ``interval`` is the 95 % confidence interval (Clopper and Pearson) of the yield; prices are sums over the parts.
    """

    wanted: float
    parts: tuple[tuple[str, float, float], ...]
    passing: float
    interval: tuple[float, float]
    price_before: float
    price_after: float
    every_choice_tried: bool


def prices_of(text: str | Mapping[float, float] | None) -> Mapping[float, float]:
    """Prices by tolerance, from text such as ``1%=1 0.1%=10``. Raises OptionError."""
    if text is None:
        return CLASSES
    if not isinstance(text, str):
        found = dict(text)
    else:
        found = {}
        for word in text.split():
            tolerance, sign, price = word.partition("=")
            class_, amount = parse_number(tolerance.removesuffix("%")), parse_number(price)
            if not (sign and tolerance.endswith("%")) or class_ is None or amount is None:
                hint = "a price per tolerance class, such as '1%=1 0.1%=10'"
                comma = "; a decimal point is written as one" if "," in word else ""
                raise OptionError(f"'{word}' is not a price of a tolerance", hint=hint + comma)
            found[class_ / 100] = amount
    for class_, amount in found.items():
        if not 0 < class_ < 1 or not 0 <= amount < float("inf"):
            raise OptionError(f"a price of {amount:g} for a tolerance of {100 * class_:g}% is none")
    if not found:
        raise OptionError("there are no prices", hint="such as '1%=1 0.1%=10'")
    return found


def interval_of(passed: int, draws: int) -> tuple[float, float]:
    """The 95 % confidence interval of a rate by Clopper and Pearson (Biometrika 26, 404, 1934)."""
    found = binomtest(passed, draws).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def tightening(
    trials: Trials, v: Array, wanted: float, prices: Mapping[float, float], place: Place | None = None
) -> Tightening:
    """The cheapest choice of classes for a yield of ``wanted``, by draws ``v`` (D, n).

    Raises OptionError for a yield that not even the tightest parts have.
    """
    choices = _choices(trials, prices)
    if not choices:
        hint = "such as '*@tolerance R* 1%', or other prices"
        raise OptionError("no part has a tolerance that a tighter class could take the place of", place, hint)
    tightest = {part: options[-1] for part, options in choices.items()}
    least = float(np.mean(trials.with_tolerances(tightest).passing(trials.with_tolerances(tightest).outputs(v))))
    if least < wanted:
        low, high = interval_of(round(least * len(v)), len(v))
        raise OptionError(
            f"a yield of {100 * wanted:g} % cannot be reached: with the tightest class for every part it is "
            f"{100 * least:.2f} % ({100 * low:.2f} to {100 * high:.2f} %)",
            place,
            "train the values first, widen the goals, or give tighter classes a price",
        )
    judge = _Judge(trials, v[:JUDGED_BY], prices, choices)
    aim = wanted
    for _ in range(CORRECTED):
        levels = judge.cheapest(aim)
        chosen = judge.tolerances(levels)
        tighter = trials.with_tolerances(chosen)
        passed = int(tighter.passing(tighter.outputs(v)).sum())
        if passed >= wanted * len(v):
            break
        aim = min(1.0, aim + max(wanted - passed / len(v), 1.0 / judge.draws))
    else:
        levels = {part: len(options) - 1 for part, options in choices.items()}
        chosen = judge.tolerances(levels)
        passed = round(least * len(v))
    return Tightening(
        wanted,
        tuple((part, choices[part][0], choices[part][level]) for part, level in levels.items() if level),
        passed / len(v),
        interval_of(passed, len(v)),
        judge.price(dict.fromkeys(choices, 0)),
        judge.price(levels),
        judge.all_tried,
    )


def _choices(trials: Trials, prices: Mapping[float, float]) -> dict[str, list[float]]:
    """For each part its present tolerance and the tighter classes, ever tighter."""
    found: dict[str, list[float]] = {}
    for variable in trials.population.variables:
        if variable.tolerance is not None:
            tighter = sorted((c for c in prices if c < variable.tolerance * (1 - 1e-9)), reverse=True)
            if tighter:
                found[variable.part] = [float(variable.tolerance), *tighter]
    return found


class _Judge:
    """Yields and prices of choices; a choice is a level for each part, 0 for its present tolerance."""

    def __init__(
        self, trials: Trials, v: Array, prices: Mapping[float, float], choices: Mapping[str, list[float]]
    ) -> None:
        self.trials, self.choices, self.draws = trials, choices, len(v)
        slopes, n = slopes_at_nominal(trials), len(trials.population.variables)
        parts = [variable.part if variable.tolerance is not None else "" for variable in trials.population.variables]
        # (D, S, o) of each part alone, and of all that has no class.
        self.effects = {
            part: np.einsum("dn,son->dso", v * np.array([p == part for p in parts]), slopes) for part in choices
        }
        fixed = np.array([p not in choices for p in parts]).reshape(n)
        self.base = trials.nominal + np.einsum("dn,son->dso", v * fixed, slopes)
        self.prices = {part: [_price(prices, c) for c in options] for part, options in choices.items()}
        self.factors = {part: [c / options[0] for c in options] for part, options in choices.items()}
        self.all_tried = prod(len(options) for options in choices.values()) <= ALL_TRIED

    def rate(self, levels: Mapping[str, int]) -> float:
        """The yield by the linear model."""
        outputs = self.base.copy()
        for part, level in levels.items():
            outputs += self.factors[part][level] * self.effects[part]
        return float(np.mean(self.trials.passing(outputs)))

    def price(self, levels: Mapping[str, int]) -> float:
        return float(sum(self.prices[part][level] for part, level in levels.items()))

    def tolerances(self, levels: Mapping[str, int]) -> dict[str, float]:
        return {part: Percent(self.choices[part][level]) for part, level in levels.items()}

    def cheapest(self, aim: float) -> dict[str, int]:
        """The levels with a yield of ``aim``, as far as the linear model knows."""
        return self._by_all(aim) if self.all_tried else self._by_gain(aim)

    def _by_all(self, aim: float) -> dict[str, int]:
        parts = list(self.choices)
        every = [
            dict(zip(parts, each, strict=True)) for each in product(*(range(len(o)) for o in self.choices.values()))
        ]
        every.sort(key=lambda levels: (self.price(levels), sum(levels.values())))
        return next((levels for levels in every if self.rate(levels) >= aim), self._last())

    def _last(self) -> dict[str, int]:
        return {part: len(options) - 1 for part, options in self.choices.items()}

    def _by_gain(self, aim: float) -> dict[str, int]:
        levels = dict.fromkeys(self.choices, 0)
        rate = self.rate(levels)
        while rate < aim:
            best: tuple[float, float, dict[str, int]] | None = None
            for part, options in self.choices.items():
                for level in range(levels[part] + 1, len(options)):
                    tried = {**levels, part: level}
                    paid = max(self.price(tried) - self.price(levels), 1e-12)
                    gained = self.rate(tried) - rate
                    spread = float(np.std(self.effects[part])) * (
                        self.factors[part][levels[part]] - self.factors[part][level]
                    )
                    if best is None or (gained / paid, spread / paid) > best[:2]:
                        best = gained / paid, spread / paid, tried
            if best is None:
                return self._last()
            levels = best[2]
            rate = self.rate(levels)
        loosened = True
        while loosened:
            loosened = False
            for part in sorted(levels, key=lambda part: -self.prices[part][levels[part]]):
                for level in range(levels[part]):
                    tried = {**levels, part: level}
                    if self.price(tried) < self.price(levels) and self.rate(tried) >= aim:
                        levels, loosened = tried, True
                        break
        return levels


def _price(prices: Mapping[float, float], tolerance: float) -> float:
    """What a part of a tolerance costs: the price of the tightest class that is no tighter, else of the loosest."""
    looser = [c for c in prices if c >= tolerance * (1 - 1e-9)]
    return prices[min(looser)] if looser else prices[max(prices)]
