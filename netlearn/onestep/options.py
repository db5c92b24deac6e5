"""What can be said about a circuit for one-step regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netlearn.errors import OptionError
from netlearn.options import Declared, option


@dataclass(frozen=True)
class OneStep(Declared):
    """The feedback circuit whose operating point is the vector of least-squares coefficients of a table of data.

    Two crosspoint arrays hold the data X as conductances. The amplifiers of the rows give the residuals y - Xw, those
    of the columns drive the first array with what makes Xᵀ(y - Xw) vanish: the coefficients w. After Z. Sun,
    G. Pedretti, A. Bricalli, D. Ielmini, "One-step regression and classification with cross-point resistive memory
    arrays", Science Advances 6, eaay2378 (2020). Negative values are the second devices of differential pairs, driven
    through inverters. A column ``class`` makes it a classification: least squares towards ±1. With ``hidden`` it is
    the last layer of a two-layer network whose first one is random.

    Amplifiers of finite ``gain`` A add D/A to XᵀX, with D the sums of the columns' conductances: too small a gain
    works as a ridge. ``ridge`` is what scikit-learn calls alpha, and leaves the intercept alone.
    """

    target: str | None = option(None, "column to predict, or several as a,b; the last one if not given")
    intercept: bool = option(True, "whether there is a constant term")
    center: bool = option(False, "whether the means of the columns are subtracted first, which raises the loop gain")
    scale: bool = option(True, "whether each column is divided by its largest magnitude")
    ridge: float = option(0.0, "weight of the squares of the coefficients", least=0.0)
    penalty: Literal["feedback", "ground"] = option(
        "feedback",
        "what makes the ridge: conductances from inverted coefficients to the virtual grounds of the columns, or "
        "conductances to ground at amplifiers of little gain",
    )
    gain: float = option(1e5, "gain of the amplifiers", above=0.0)
    wire: float = option(0.0, "resistance of the wire from one crosspoint to the next, in ohms", least=0.0)
    levels: int | None = option(None, "conductances that a device can have, zero among them", least=2)
    noise: float = option(0.0, "relative standard deviation of a written conductance", least=0.0, part=True)
    conductance: float = option(1e-4, "conductance of the largest value, or of 1 without scale, in siemens", above=0.0)
    hidden: int | None = option(None, "units of a random hidden layer before the regression; none by default", least=1)
    seed: int = option(0, "seed of all random numbers", least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.center and not self.intercept:
            hint = "leave --center or --no-intercept out"
            raise OptionError("without an intercept the means of the columns must stay", hint=hint)
