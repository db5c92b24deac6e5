"""When a training can end before its epochs, and why: nothing is left to fall, or nothing moves any more."""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.learn.goals import Goals
from netlearn.learn.loss import LOSSES, Loss
from netlearn.learn.optimizers import COUNTED
from netlearn.learn.rules.power import weight_of
from netlearn.learn.state import TrainingState


def nothing_left(loss: Loss, score: float, outputs: Array, targets: Array) -> str:
    """Why a mean loss ``score`` of outputs (S, o) cannot fall, or an empty text where it can.

    None of netlearn's losses is below zero, and two of outputs that differ from what is wanted by no more than the next
    float64 are not told apart. Of losses of one's own, and of power, which circuits may give, the least is not known.
    """
    if type(loss) not in (*LOSSES.values(), Goals) or weight_of(loss):
        return ""
    if score == 0:
        return "the loss is 0, below which there is none"
    if hasattr(loss, "wanted") and score <= _rounding(loss, outputs, targets):
        return f"the loss, {score:.3g}, is as close to 0 as numbers can tell"
    return ""


def _rounding(loss: Loss, outputs: Array, targets: Array) -> float:
    """The mean loss of outputs that are the float64 next to what is wanted, on the side of ``outputs`` (S, o)."""
    wanted = loss.wanted(outputs, targets)  # type: ignore[attr-defined]
    beside = np.nextafter(wanted, np.where(outputs < wanted, -np.inf, np.inf))
    return float(np.mean(loss.value(np.where(np.isnan(wanted), outputs, beside), targets)))


def unmoved(before: TrainingState, after: TrainingState) -> bool:
    """Whether a step on all samples left everything as it was that the next one depends on.

    What was drawn at random would be drawn anew. Where the operating points still move by rounding the loss may.
    """
    if before.generator != after.generator or before.rule or len(before.history) < 2:
        return False
    if before.optimizer.keys() != after.optimizer.keys() or before.history[-1].loss != before.history[-2].loss:
        return False
    changed = {name for name, value in before.optimizer.items() if not np.array_equal(value, after.optimizer[name])}
    if changed == {COUNTED} and not any(value.any() for name, value in after.optimizer.items() if name != COUNTED):
        # However many steps are counted, none moves anything whose memory of gradients is of zeros alone.
        changed = set()
    return not changed and np.array_equal(before.u, after.u)


def in_a_line(reason: str) -> str:
    """Why someone else ends a training, as results and checkpoints hold it: one line of what can be printed."""
    return " ".join("".join(each if each.isprintable() else " " for each in reason).split())
