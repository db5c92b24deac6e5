"""Between gradient descent and the natural gradient: the analog time that a relaxing network has for each step.

A network of resistors and capacitors that starts from the gradient gives steps of gradient descent
where it has no time, and of the natural gradient where it has enough; thermal noise is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Claim, Results, band, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import KINDS, regression

from netlearn.arrays import Array

TIMES = (0.0, 1.0, 10.0, 100.0, 1e3, 1e4)
TEMPERATURES = (0.0, 1.0, 10.0)
EPOCHS = 20
CONJUGATE = -1.0
"""The time that stands for conjugate gradients."""


def compute(kind: str, time: float, temperature: float, epochs: int = EPOCHS) -> dict[str, Any]:
    """The training loss after some steps, as a part of the first."""
    lab = regression(kind, 0, target="reachable")
    own = f"time={time:g} start=gradient temperature={temperature:g}"
    rule = "natural" if time == CONJUGATE else f"natural solver=thermodynamic {own}"
    result = lab.train(rule=rule, epochs=epochs)
    return {"loss": result.history[-1].loss / result.history[0].loss}


def of(results: Results, time: float, temperature: float) -> Array:
    """(kinds,) losses."""
    return np.array([value["loss"] for key, value in results.items() if key[1:3] == (time, temperature)])


def sentences(results: Results) -> Iterator[str]:
    n = len({key[0] for key in results})
    times = [time for time in TIMES if len(of(results, time, 0.0))]
    yield f"Linear networks of {n} kinds, targets that they can reach, {EPOCHS} steps (`sgd lr=0.3`, the default); the"
    yield "loss as a part of the first, geometric mean ×/÷ one standard deviation of the logarithm"
    yield f"(n = {n}, n - 1). Times are in that in which a voltage along the gradient relaxes, temperatures relative to"
    yield "the mean square of the gradient's own step."
    yield ""
    yield f"| time of each step | {' | '.join(f'temperature {t:g}' for t in TEMPERATURES)} |"
    yield f"|---|{'---|' * len(TEMPERATURES)}"
    for time in times:
        yield f"| {time:g} | {' | '.join(geometric(of(results, time, t)) for t in TEMPERATURES)} |"
    conjugate = of(results, CONJUGATE, 0.0)
    yield f"| conjugate gradients | {geometric(conjugate)} |{' |' * (len(TEMPERATURES) - 1)}"
    yield ""
    first, last = (geometric_mean(of(results, time, 0.0)) for time in (times[0], times[-1]))
    yield says(
        f"- Without noise more time is better: without any, steps are those of gradient descent and leave {first:.1e} "
        f"of the loss; after {times[-1]:g} they leave {last:.1e}, as conjugate gradients do "
        f"({geometric_mean(conjugate):.1e}).",
        last < 0.1 * first,
        max(abs(np.log(of(results, times[-1], 0.0) / conjugate))) < 0.1,
    )
    hot = TEMPERATURES[-1]
    by_time = {time: geometric_mean(of(results, time, hot)) for time in times}
    best = min(by_time, key=lambda time: by_time[time])
    yield says(
        f"- With noise time has a price, for the flattest directions, which relax last, gather most of it: at a "
        f"temperature of {hot:g} a time of {times[-1]:g} leaves {by_time[times[-1]]:.1e}, "
        f"{by_time[times[-1]] / last:.1e} times as much as without noise. "
        f"The best of these times is {best:g} there ({by_time[best]:.1e}).",
        by_time[times[-1]] > 2 * last,
    )


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    times = [time for time in TIMES if len(of(results, time, 0.0))]
    for i, temperature in enumerate(TEMPERATURES):
        rows = np.stack([of(results, time, temperature) for time in times], axis=1)
        band(axes, np.array(times), rows, color=f"C{i}", style="o-", label=f"temperature {temperature:g}")
    axes.axhline(geometric_mean(of(results, CONJUGATE, 0.0)), color="0.4", ls=":", label="conjugate gradients")
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(-0.1, 1.1 * times[-1])
    n = len({key[0] for key in results})
    axes.set(yscale="log", xlabel="analog time of each step", ylabel=f"loss after {EPOCHS} steps / first, n = {n}")
    axes.legend(fontsize="small")
    return figure


CLAIM = Claim(
    "thermodynamic",
    "from gradient descent to the natural gradient, in analog time",
    compute,
    keys=[
        *((kind, time, temperature) for kind in KINDS for time in TIMES for temperature in TEMPERATURES),
        *((kind, CONJUGATE, 0.0) for kind in KINDS),
    ],
    small=[
        *((kind, time, t, EPOCHS) for kind in ("layered", "complete") for time in (0.0, 1e4) for t in TEMPERATURES),
        *((kind, CONJUGATE, 0.0, EPOCHS) for kind in ("layered", "complete")),
    ],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
