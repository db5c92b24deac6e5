"""Forgetting rows of the training data by the Gauss-Newton influence, against training again without them.

Five circuits are trained to a minimum; random rows are forgotten by one step and by three, and the
outputs are compared with those of training again from the values before. Then rows are left out one
by one, and what the influence says of the test loss is held against training again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from claim import Claim, Results, geometric, geometric_mean, main, says
from matplotlib.figure import Figure
from networks import NETLISTS, regression
from sklearn.datasets import load_digits

import netlearn
from netlearn.arrays import Array

CIRCUITS = ("linear", "diodes", "diabetes", "iris", "digits")
PARTS, LEFT_OUT = (0.01, 0.02, 0.05, 0.1, 0.2), 3


@cache
def trained(circuit: str) -> tuple[Any, dict[str, Any], int]:
    """A netlist at a minimum, data and settings for it, and how many rows it was trained on."""
    fit: dict[str, Any] = {"optimizer": "lbfgs", "epochs": 300, "batch": 0}
    if circuit in ("linear", "diodes"):
        lab = regression("layered", 1, diodes=circuit == "diodes", target="means", samples=60)
        columns = {name: np.array(values) for name, values in lab.data.items()}
        rng = np.random.default_rng(7)
        noise = {name: 0.05 * rng.normal(size=60) for name in columns if "(" in name}
        columns |= {name: columns[name] + errors for name, errors in noise.items()}
        settings: dict[str, Any] = {"data": columns, "test": lab.test, "train": "R* min=10 max=10meg"}
        return netlearn.train(netlearn.parse(lab.netlist), **settings, **fit).netlist, settings, 60
    if circuit == "digits":
        settings = _digits()
        new = netlearn.new("layered", layers="10-2", inputs=10, outputs=2, seed=0).netlist
        return netlearn.train(netlearn.parse(new), **settings, **fit).netlist, settings, 200
    settings = {"train": "Rh* min=100 max=1meg"} if circuit == "iris" else {}
    path = Path(NETLISTS) / f"{circuit}.cir"
    found = netlearn.train(path, **settings, **fit)
    return netlearn.parse(str(found.netlist), str(path)), settings, len(found.train.inputs)


def _digits() -> dict[str, Any]:
    """Threes and eights, by the means of four parts of their pictures."""
    pictures, digits = load_digits(return_X_y=True)
    chosen = np.flatnonzero((digits == 3) | (digits == 8))[:300]
    parts = pictures[chosen].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4) / 8 - 1
    volts = np.column_stack([parts, -parts, np.ones(len(parts)), -np.ones(len(parts))])
    columns = {f"V{k + 1}": column for k, column in enumerate(volts.T)} | {"class": digits[chosen].astype(str)}
    data, test = ({name: column[part] for name, column in columns.items()} for part in (slice(200), slice(200, None)))
    return {"data": data, "test": test, "loss": "cross_entropy scale=10", "train": "R* min=10 max=10meg"}


def compute(circuit: str, what: str, part: float, number: int) -> dict[str, Any]:
    """Distances by outputs on test data before, after one step and after three; or a change and what was predicted."""
    netlist, settings, count = trained(circuit)
    if what == "leave one out":
        ranked = netlearn.influence(netlist, **settings)
        place = int(ranked.order[number])
        again = netlearn.unlearn(netlist, rows=[int(ranked.rows[place])], verify=True, **settings)
        assert again.retraining is not None
        return {"predicted": ranked.changes[place], "change": again.retraining.losses[2] - again.losses_before[2]}
    rows = np.random.default_rng(number).choice(count, max(1, round(part * count)), replace=False)
    once = netlearn.unlearn(netlist, rows=rows, verify=True, **settings)
    thrice = netlearn.unlearn(netlist, rows=rows, steps=3, **settings)
    assert once.retraining is not None
    retrained = netlearn.parse(str(netlist), netlist.source.path)
    retrained.update(dict(zip(once.names, once.retraining.theta.tolist(), strict=True)))
    wanted = outputs(retrained, settings)
    found = {"before": netlist, "once": once.netlist, "thrice": thrice.netlist}
    return {name: np.sqrt(np.mean((outputs(each, settings) - wanted) ** 2)) for name, each in found.items()}


def outputs(netlist: netlearn.Netlist, settings: dict[str, Any]) -> Array:
    """Of the test data; for classes without what all outputs of a sample have in common."""
    found = netlearn.evaluate(
        netlist,
        **{name: value for name, value in settings.items() if name != "test"}
        | ({"data": settings["test"]} if "test" in settings else {}),
    )
    return found.outputs - found.outputs.mean(axis=1, keepdims=True) if found.classes else found.outputs


def left(results: Results, circuit: str, way: str) -> Array:
    """(sets,) what is left of the distance, as a part of what it was."""
    found = [v for k, v in results.items() if k[:2] == (circuit, "forget")]
    return np.array([each[way] / each["before"] for each in found])


def sentences(results: Results) -> Iterator[str]:
    sets = len([key for key in results if key[:2] == (CIRCUITS[0], "forget")])
    yield "Five trained circuits, random rows forgotten, from 1 % to 20 % of them; the distance of the test data's"
    yield "outputs to those of training again without the rows, as a part of what it was before, geometric mean ×/÷"
    yield f"one standard deviation of the logarithm over the sets (n = {sets}, n - 1)."
    yield ""
    yield "| | one step | three steps |"
    yield "|---|---|---|"
    for circuit in CIRCUITS:
        yield f"| {circuit} | {' | '.join(geometric(left(results, circuit, way)) for way in ('once', 'thrice'))} |"
    yield ""
    means = {circuit: geometric_mean(left(results, circuit, "once")) for circuit in CIRCUITS}
    settled = [circuit for circuit in CIRCUITS if circuit != "diodes"]
    yield says(
        f"- One step goes most of the way on {', '.join(settled)}: at most {max(means[c] for c in settled):.2g} of the "
        f"distance is left in the mean, whether few rows are forgotten or many; three steps leave less.",
        all(means[circuit] < 0.4 for circuit in settled),
        all(geometric_mean(left(results, circuit, "thrice")) < means[circuit] for circuit in settled),
    )
    moved = {k[2]: v["before"] for k, v in results.items() if k[:2] == ("diodes", "forget")}
    few, many = PARTS[1], PARTS[-1]
    further = moved[many] / moved[few]
    yield says(
        f"- **The network with diodes is the exception** ({means['diodes']:.2g}): training again without {many:.0%} of "
        f"the rows moves its outputs {further:.1f} times as far as without {few:.0%}, so that what is seen is training "
        f"that goes on, and not the rows.",
        means["diodes"] > 0.5,
        further < 0.5 * many / few,
    )
    predicted, change = left_out(results, settled)
    agreement = float(np.corrcoef(predicted, change)[0, 1])
    yield says(
        f"- The {len(change)} rows with most influence on the test loss of these {len(settled)} circuits, left out one "
        f"by one, change it much as predicted: correlation {agreement:.3f} with training again, both relative to the "
        f"largest change of their circuit.",
        agreement > 0.9,
    )
    predicted, change = left_out(results, ["diodes"])
    off = np.abs(predicted - change).max()
    yield (
        f"- With diodes what is predicted is off by up to {off:.1g} times the largest change: there, too, training "
        f"goes on, whichever row is left out."
    )


def left_out(results: Results, circuits: Sequence[str] = CIRCUITS) -> tuple[Array, Array]:
    """Predicted and found changes of the test loss, relative to the largest found one of each circuit."""
    predicted, change = [], []
    for circuit in circuits:
        found = [v for k, v in results.items() if k[:2] == (circuit, "leave one out")]
        size = max(abs(v["change"]) for v in found)
        predicted += [v["predicted"] / size for v in found]
        change += [v["change"] / size for v in found]
    return np.array(predicted), np.array(change)


def draw(results: Results) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes, right = figure.subplots(1, 2)
    for i, circuit in enumerate(CIRCUITS):
        for way, style, label in (("once", "o-", circuit), ("thrice", "o:", "")):
            axes.plot(100 * np.array(PARTS), left(results, circuit, way), style, ms=3, color=f"C{i}", label=label)
    axes.axhline(1.0, color="0.6", lw=0.8)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="rows forgotten, % (dotted: three steps)",
        ylabel="distance to training again / before",
    )
    axes.legend(fontsize="small")
    predicted, change = left_out(results)
    each = len(change) // len(CIRCUITS)
    for i, circuit in enumerate(CIRCUITS):
        part = slice(i * each, (i + 1) * each)
        right.plot(change[part], predicted[part], "o", ms=4, color=f"C{i}", label=circuit)
    right.plot([-1, 1], [-1, 1], color="0.6", lw=0.8)
    right.set(xlabel="change of the test loss by training again, relative", ylabel="as the influence says")
    right.legend(fontsize="small")
    return figure


CLAIM = Claim(
    "unlearning",
    "rows forgotten by influence, and training again",
    compute,
    keys=[
        *((c, "forget", part, number) for c in CIRCUITS for number, part in enumerate(PARTS)),
        *((c, "leave one out", 0.0, number) for c in CIRCUITS for number in range(LEFT_OUT)),
    ],
    small=[
        *((c, "forget", PARTS[k], k) for c in CIRCUITS for k in (0, 4)),
        *((c, "leave one out", 0.0, 0) for c in CIRCUITS),
    ],
    sentences=sentences,
    draw=draw,
)

if __name__ == "__main__":
    main(CLAIM)
