"""What results are with other values of a constant: the frame of the ``constants_of_*`` scripts.

Each measurement is a function of a network's number, so that all values are tried on the same networks. What is a
``ratio`` is printed beside that with the constant itself, as a geometric mean with the factor of its standard
deviation; what is not, as a mean with the standard deviation (n - 1) and the largest.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from alternating_runs import ModuleConstant

from netlearn.solve.threads import set_threads

Result = Mapping[str, float]
"""What was measured, by its name."""
HALF = (0.5, 1.0, 2.0)
DECADES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Parts of the constant that are tried."""


@dataclass(frozen=True)
class Constant(ModuleConstant):
    """A constant of a module, and what is measured of a network, by its number, with some parts of the constant."""

    measure: Callable[[int], Result]
    parts: Sequence[float] = HALF
    networks: int = 5
    ratio: bool = True
    at: int | None = None
    """Which of several numbers the constant is, where it holds some."""

    @property
    def title(self) -> str:
        return super().title if self.at is None else f"{super().title}[{self.at}]"

    @property
    def own(self) -> float:
        whole = super().own
        value: float = whole if self.at is None else whole[self.at]
        return value

    def results(self, kept: dict[Any, Result]) -> list[tuple[float, list[Result]]]:
        """All values with what was measured of each network; those with the constant itself are ``kept``."""
        own, whole, found = self.own, super().own, []
        for part in self.parts:
            value = own * part if isinstance(own, float) else max(1, round(own * part))
            each = []
            for k in range(self.networks):
                key = self.measure, k
                if value == own and key in kept:
                    each.append(kept[key])
                    continue
                new = value if self.at is None else (*whole[: self.at], value, *whole[self.at + 1 :])
                with self.changed(new):
                    each.append(self.measure(k))
                if value == own:
                    kept[key] = each[-1]
            found.append((value, each))
        return found


def claims() -> Any:
    """The networks of ``docs/claims``: five kinds of about 50 resistors, with diodes and data."""
    folder = str(Path(__file__).parents[1] / "docs" / "claims")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("networks")


def report(constants: Sequence[Constant], description: str | None) -> None:
    """Measure and print the constants whose name holds what ``--only`` says."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    only = parser.parse_args().only
    set_threads(1)
    warnings.simplefilter("ignore")
    kept: dict[Any, Result] = {}
    for constant in constants:
        if only not in constant.title:
            continue
        found = constant.results(kept)
        itself = next(each for value, each in found if value == constant.own)
        print(f"{constant.title}: {constant.what}, n = {constant.networks}")
        for value, each in found:
            said = "  ".join(_said(name, each, itself, constant.ratio) for name in itself[0])
            print(f"  {value:<10.4g}{said}{'  <- the constant' if value == constant.own else ''}", flush=True)


def _said(name: str, each: list[Result], itself: list[Result], ratio: bool) -> str:
    values, beside = (np.array([result[name] for result in results], dtype=float) for results in (each, itself))
    spread = 1 if len(values) > 1 else 0
    if ratio:
        logs = np.log(values / beside)
        return f"{name} x {np.exp(logs.mean()):.3g} (factor {np.exp(logs.std(ddof=spread)):.3g})"
    return f"{name} {values.mean():.3g} ± {values.std(ddof=spread):.2g} (most {values.max():.3g})"
