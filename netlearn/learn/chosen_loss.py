"""Which loss a task has: the one that is named, or the one that suits what is asked, and what data choose of it."""

from __future__ import annotations

from netlearn.errors import OptionError, Place
from netlearn.learn.data import Layout
from netlearn.learn.goals import Goals
from netlearn.learn.loss import LOSSES, CrossEntropy, Loss, Mse
from netlearn.learn.measured_losses import MeasuredLoss


def loss_for(given: Loss | None, layout: Layout, place: Place | None) -> Loss:
    """The loss that is ``given`` at ``place``; else cross-entropy where there are classes, mse without.

    Goals are a loss of their own. Raises OptionError for a loss that does not go with what is asked.
    """
    if layout.aims:
        if given is not None:
            hint = "leave '*@loss' out: goals are a loss of their own"
            if place is None:
                hint = "leave the loss out, as goals are one of their own, or the goals: --goal '', or goal=[]"
            raise OptionError("there are goals and a loss as well", place, hint)
        return _goals(layout)
    if given is None:
        return CrossEntropy() if layout.classes else Mse()
    if isinstance(given, CrossEntropy) and not layout.classes:
        raise OptionError("cross_entropy needs classes", place, "add a column 'class' to the data, or take mse")
    if isinstance(given, MeasuredLoss) and layout.classes:
        hint = "take mse or cross_entropy, or give values instead of the column 'class'"
        raise OptionError("this loss compares measured values", place, hint)
    check_weights(given, layout, place)
    return given


def check_weights(given: Loss, layout: Layout, place: Place | None) -> None:
    """Raise OptionError where classes have other than one weight each."""
    if isinstance(given, CrossEntropy) and len(given.weights) not in (0, len(layout.classes)):
        number = "there is 1 weight" if len(given.weights) == 1 else f"there are {len(given.weights)} weights"
        message = f"{number} for {len(layout.classes)} classes"
        raise OptionError(message, place, f"the classes are {', '.join(layout.classes)}")


def _goals(layout: Layout) -> Goals:
    keys = ["".join(name.lower().split()) for name in layout.outputs]
    outputs = tuple(keys.index("".join(aim.goal.probe.lower().split())) for aim in layout.aims)
    return Goals(outputs, tuple(aim.goal.weight for aim in layout.aims))


def leaves_scale(given: Loss | None, layout: Layout) -> bool:
    """Whether the scale of the cross-entropy is left to be chosen."""
    if given is None:
        return bool(layout.classes)
    return isinstance(given, CrossEntropy) and given.scale is None


def chosen_option(given: Loss | None, loss: Loss) -> tuple[str, str, float] | None:
    """What ``given`` left to be chosen of ``loss``: the names of the loss and of its option, and what was chosen."""
    if isinstance(given, MeasuredLoss) and given.floor is None:
        name = next(name for name, kind in LOSSES.items() if type(given) is kind)
        assert isinstance(loss, MeasuredLoss)
        assert loss.floor is not None
        return name, "floor", loss.floor
    left = given is None or (isinstance(given, CrossEntropy) and given.scale is None)
    if not left or not isinstance(loss, CrossEntropy):
        return None
    assert loss.scale is not None
    return "cross_entropy", "scale", loss.scale
