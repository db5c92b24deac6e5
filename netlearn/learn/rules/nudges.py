"""Nudges: how the wanted outputs push on the circuit, and with which power of β."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.devices.base import COMPLEX_STEP
from netlearn.errors import OptionError
from netlearn.learn.loss import Loss, Mse
from netlearn.learn.rules.circuitry import Circuitry


class Nudge(Protocol):
    """An energy n(β, y) that is added to the circuit's co-content, as circuitry.

    ``order`` is k: at the free state, n = β^k C + higher powers. ``contrast_order`` is the
    power of β with which the nudged state departs from the free one, by which the contrast
    is divided. The two are equal for an energy that does not depend on the free state
    (equilibrium propagation, n = β ℓ: 1 and 1); an energy centred on the free state, such as
    a spring that pulls the output to y_free + β (target - y_free), is of one order more than
    its force (coupled learning: 2 and 1).
    """

    @property
    def order(self) -> int: ...

    @property
    def contrast_order(self) -> int: ...

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        """What to attach at strength β, given the free state's outputs (S, o) and the targets."""
        ...


@dataclass(frozen=True)
class CurrentNudge:
    """A current source β ∂ℓ/∂y, held at its value at the free state (Kendall and others, 2020).

    n = β ∂ℓ/∂y(y_free) · (y - y_free) + β ℓ(y_free): the loss, made linear. It serves any loss.
    J. Kendall, R. Pantone, K. Manickavasagam, Y. Bengio, B. Scellier, "Training end-to-end
    analog neural networks with equilibrium propagation", arXiv 2006.01981.
    """

    order: int = field(default=1, init=False, repr=False)
    contrast_order: int = field(default=1, init=False, repr=False)

    def elements(self, outputs: Array, targets: Array, loss: Loss) -> tuple[None, Array]:
        """No conductance, and the current (S, o) at a strength of one."""
        return None, loss.gradient(outputs, targets)

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        _, current = self.elements(outputs, targets, loss)
        constant = loss.value(outputs, targets) - np.sum(current * outputs, axis=-1)
        return Circuitry(current=beta * current, constant=beta * constant)


@dataclass(frozen=True)
class ConductanceNudge:
    """A conductance β h from the output to a source at the target: n = β ℓ for ℓ = h |y - t|²/2.

    Written as its Norton equivalent, the conductance across the output and a current source
    β h t beside it.
    """

    order: int = field(default=1, init=False, repr=False)
    contrast_order: int = field(default=1, init=False, repr=False)

    def elements(self, outputs: Array, targets: Array, loss: Loss) -> tuple[Array, Array]:
        """The conductance (o,) and the current (S, o) at a strength of one."""
        form = quadratic_form(loss, outputs, targets)
        if form is None:
            raise OptionError(
                "a conductance nudges only a squared error, of all outputs in all samples",
                hint="use nudge=current for other losses, or where some cells of the data are empty",
            )
        curvature, wanted = form
        return curvature, -curvature * wanted

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        conductance, current = self.elements(outputs, targets, loss)
        constant = np.sum(current * current / conductance, axis=-1) / 2
        return Circuitry(conductance=beta * conductance, current=beta * current, constant=beta * constant)


PROPORTIONAL = (ConductanceNudge, CurrentNudge)
"""Nudges whose elements are as strong as β is."""


@dataclass(frozen=True)
class ClampNudge:
    """Voltage sources that hold the outputs at y_free + η (target - y_free), η being β.

    The clamp is the stiff limit of a spring G |y - y_free - η (t - y_free)|²/2, which at the
    free state is of order 2 in η. M. Stern, D. Hexner, J. W. Rocks, A. J. Liu, "Supervised
    learning in physical networks: from machine learning to learning machines", Phys. Rev. X
    11, 021045 (2021). Where the loss is not a squared error, and so names no voltages to
    reach, the outputs are moved by -η ∂ℓ/∂y. ``overclamp`` volts are added in the direction in
    which an output is to move. An output of which nothing is asked is left alone.
    """

    overclamp: float = 0.0
    order: int = field(default=2, init=False, repr=False)
    contrast_order: int = field(default=1, init=False, repr=False)

    def circuitry(self, beta: complex, outputs: Array, targets: Array, loss: Loss) -> Circuitry:
        wanted = wanted_outputs(loss, outputs, targets)
        step = -loss.gradient(outputs, targets) if wanted is None else wanted - outputs
        return Circuitry(clamp=outputs + beta * step + np.sign(beta) * self.overclamp * np.sign(step))


STATED = (*PROPORTIONAL, ClampNudge)
"""Nudges that are of the orders that they say; of others, which a user may write, that is looked at."""


def wanted_outputs(loss: Loss, outputs: Array, targets: Array) -> Array | None:
    """Where the outputs (S, o) should be, NaN where nothing is asked of them; None if the loss names no such place."""
    if hasattr(loss, "wanted"):
        return np.asarray(loss.wanted(outputs, targets))
    form = quadratic_form(loss, outputs, targets)
    return None if form is None else form[1]


def quadratic_form(loss: Loss, outputs: Array, targets: Array) -> tuple[Array, Array] | None:
    """h (o,) and t (S, o) if the loss is Σ_j h_j (y_j - t_j)²/2 + const at these samples, else None."""
    # A subclass may be any other function of the outputs.
    if type(loss) is Mse:
        known = loss.quadratic(outputs, targets)
        if known is not None:
            return known
    slope = loss.gradient(outputs, targets)
    curvature = loss.gradient(outputs + 1.0, targets) - slope
    further = loss.gradient(outputs - 2.0, targets) - slope
    same = _close(curvature, curvature[:1], 1e-9)
    if not (same and _close(further, -2.0 * curvature, 1e-9) and np.all(curvature[0] != 0)):
        return None
    bottom = outputs - slope / curvature
    # On the other side of the bottom a band, which costs nothing, or a bound would show.
    mirrored = loss.gradient(2.0 * bottom - outputs, targets)
    if not _close(mirrored, -slope, 1e-6, 1e-9 * float(np.abs(slope).max(initial=0.0))):
        return None
    return np.asarray(curvature[0]), np.asarray(targets if np.ndim(targets) == 2 else bottom)


def _close(found: Array, wanted: Array, relative: float, absolute: float = 0.0) -> bool:
    """As numpy's allclose has it, which takes ten times as long for a few numbers."""
    return bool((np.abs(found - wanted) <= absolute + relative * np.abs(wanted)).all())


def curvature(loss: Loss, outputs: Array, targets: Array) -> Array:
    """The greatest second derivative (o,) of the loss by each output among some samples (S, o).

    A loss that flattens out where it is nearly right is asked where the outputs are equal, too.
    """
    if type(loss) is Mse and (known := loss.quadratic(outputs, targets)) is not None:
        return known[0]
    undecided = np.broadcast_to(outputs.mean(axis=-1, keepdims=True), outputs.shape)
    steps = 1j * COMPLEX_STEP * np.eye(outputs.shape[-1])
    slopes = [
        np.stack([loss.gradient(at + h, targets)[..., j].imag for j, h in enumerate(steps)], axis=-1)
        for at in (outputs, undecided)
    ]
    return np.asarray(np.abs(slopes).max(axis=(0, 1)) / COMPLEX_STEP)
