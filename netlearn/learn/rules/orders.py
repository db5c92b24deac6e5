"""The order of a nudge, and the loss that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss
from netlearn.learn.rules.nudges import Nudge

STEP = 2.0**-6
"""Part of the strength at which leading powers of β are read off: of a force exp(βx) - 1 the power is off by 0.003,
0.012 and 0.05 with a quarter, once and four times as much, and its limit by 5e-6, 8e-5 and 1e-3 (n = 5); what is off by
0.05 has no whole power (benchmarks/constants_of_rules.py)."""


@dataclass(frozen=True)
class NudgedLoss:
    """ℓ = (1/k!) ∂ᵏn/∂βᵏ at the free state: what a nudge of order k stands for.

    ``order`` is k, the leading power of n in β at the free outputs, and ``contrast_order`` that of
    ∂n/∂y, the power with which the nudged state departs from the free one. ``value`` (S,) is ℓ,
    in the unit of n over β^k, and ``slope`` (S, o) the limit of ∂n/∂y over β to the power of
    ``contrast_order``: the derivative of what the estimate descends by the outputs. The order and
    the value are None where the nudge does not say its constant.
    """

    order: int | None
    contrast_order: int
    value: Array | None
    slope: Array


def nudged_loss(nudge: Nudge, outputs: Array, targets: Array, loss: Loss, beta: float) -> NudgedLoss | None:
    """The loss of a nudge at free outputs (S, o), from its circuitry near β = 0; ``beta`` sets the scale.

    None where the nudge does nothing there, as at outputs that are right. Raises OptionError for a
    clamp, whose energy is infinite wherever the outputs are not where it holds them, and for a
    nudge that has no leading power of β.
    """
    small = [STEP * beta, STEP * beta / 2]
    circuitry = [nudge.circuitry(each, outputs, targets, loss) for each in small]
    if any(each.clamp is not None for each in circuitry):
        raise OptionError("an ideal clamp has no finite energy, so that its nudge has no derivatives by beta")
    forces = [each.force(outputs) for each in circuitry]
    if not np.any(forces[0]):
        return None
    c = _power(forces, "force")
    if any(each.constant is None for each in circuitry):
        return NudgedLoss(None, c, None, _limit(forces, small, c))
    energies = [each.energy(outputs) for each in circuitry]
    k = _power(energies, "energy")
    return NudgedLoss(k, c, _limit(energies, small, k), _limit(forces, small, c))


def require_order(nudge: Nudge, outputs: Array, targets: Array, loss: Loss, beta: float) -> None:
    """Raise OptionError where a nudge is not of the orders that it says."""
    if nudge.circuitry(beta, outputs, targets, loss).clamp is not None:
        return
    found = nudged_loss(nudge, outputs, targets, loss, beta)
    if found is None:
        return
    for what, said, is_ in (
        ("contrast_order", nudge.contrast_order, found.contrast_order),
        ("order", nudge.order, found.order),
    ):
        if is_ is not None and said != is_:
            part = "force on the outputs" if what == "contrast_order" else "energy at the free state"
            raise OptionError(
                f"this nudge says that its {what} is {said}, but its {part} goes as beta to the power of {is_}",
                hint=f"set {what} to {is_}, or mend its circuitry",
            )


def _limit(values: list[Array], betas: list[float], power: int) -> Array:
    """The limit of values / β^power as β falls to zero, without the next power's part (Richardson)."""
    large, half = (value / beta**power for value, beta in zip(values, betas, strict=True))
    return np.asarray(2 * half - large)


def _power(values: list[Array], what: str) -> int:
    """The power of β as which values at β and β/2 go."""
    large, half = (float(np.abs(each).max()) for each in values)
    power = np.log2(large / half) if half > 0 else np.nan
    if not (np.isfinite(power) and abs(power - round(power)) < 0.05 and round(power) >= 1):
        raise OptionError(f"the {what} of this nudge goes as no whole power of beta above zero at the free state")
    return round(power)
