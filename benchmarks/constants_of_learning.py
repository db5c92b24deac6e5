"""What constants of calibration, of starts and of other parts of learning are worth: ``netlearn/learn`` and beside it.

    python benchmarks/constants_of_learning.py [--only NAME]

Each is tried on five networks or sets of data that are drawn at random.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from results_with_constants import DECADES, HALF, Constant, Result, claims, report
from scipy.optimize import lsq_linear

import netlearn
from netlearn import calibration as measured
from netlearn import sklearn as estimators
from netlearn.errors import OptionError
from netlearn.influences import boxed, settled, unlearning
from netlearn.influences.local import local_of
from netlearn.learn import calibration, emulator, lbfgs, linear_start, readout, solved_start
from netlearn.learn.rules import in_the_loop
from netlearn.learn.solved_start import SolvedStart
from netlearn.project import open_project
from netlearn.topologies import weights

FAR = (1e-4, 1e-2, 1.0, 1e2, 1e4)
SEARCHES: list[int] = []
_least_squares = calibration.least_squares


def _counted(*args: Any, **options: Any) -> Any:
    found = _least_squares(*args, **options)
    SEARCHES.append(found.nfev)
    return found


calibration.least_squares = _counted


@cache
def chip(k: int) -> tuple[Any, Any, Any]:
    """A ladder with diodes, what 24 settings of it gave, with noise of 0.3 mV, and what its values are off by."""
    rng = np.random.default_rng(k)
    lines = [f"R{i} n{i} n{i + 1} {10 ** rng.uniform(3, 4):.4g}" for i in range(5)]
    lines += [f"Rg{i} n{i + 1} 0 {10 ** rng.uniform(3.5, 4.5):.4g}" for i in range(5)]
    lines += ["V1 n0 0 1", "D1 n3 0 dm", "D2 0 n5 dm", ".model dm d is=1e-9"]
    text = "\n".join(["chip", "*@output V(n2) V(n4) V(n5)", "*@train R*", *lines, ".end", ""])
    volts = np.linspace(-3.0, 3.0, 8)
    columns = {"V1": np.tile(volts, 3), "R0": np.repeat([1e3, 3e3, 9e3], 8), "Rg4": np.repeat([5e3, 2e4, 1e4], 8)}
    zeros = {name: np.zeros(24) for name in ("V(n2)", "V(n4)", "V(n5)")}
    project = open_project(netlearn.parse(text), {**columns, **zeros}, overrides={"train": "R*"})
    task = measured._task(open_project(netlearn.parse(text)), measured.read_measured({**columns, **zeros}))
    off = rng.normal(0.0, 0.1, len(task.model.parameters))
    fit = calibration._Fit(task.model, task.pairs, False, None, 100)
    read = fit.differences(off)
    noisy = {name: read[:, j] + 3e-4 * rng.normal(size=24) for j, name in enumerate(zeros)}
    del project
    return measured._task(open_project(netlearn.parse(text)), measured.read_measured({**columns, **noisy})), off, text


def calibrated(k: int, **options: Any) -> Result:
    """What a calibration's values are off by, beside their standard errors and by themselves, and its solutions."""
    (task, off, _), before = chip(k), len(SEARCHES)
    found = calibration.calibrated(task.model, task.pairs, **options)
    told = np.isfinite(found.errors)
    wrong = (found.deviation - off)[told]
    ratio = np.sqrt(np.mean((wrong / found.errors[told]) ** 2))
    return {"in errors": ratio, "off": np.sqrt(np.mean(wrong**2)), "solved": sum(SEARCHES[before:])}


def with_prior(k: int) -> Result:
    return calibrated(k, prior=0.1)


def in_steps(k: int) -> Result:
    return calibrated(k, prior=0.1, steps=in_the_loop.SEARCHED)


@cache
def read_out(k: int, samples: int, feedback: float = 0.0) -> Any:
    """A random layer with diodes and buffers, and trained resistors from these to two outputs.

    What is wanted is what other values of these resistors give. With a feedback some of the first output, up to that
    part, is added to what buffers give.
    """
    rng, lines = np.random.default_rng(k), []
    for h in range(8):
        lines += [f"Rx{h}_{i} in{i} h{h} {10 ** rng.uniform(3, 4):.4g}" for i in range(3)]
        lines += [f"D{h} h{h} 0 dm" if h % 2 else f"D{h} 0 h{h} dm"]
        lines += [f"E{h} b{h} {f'c{h}' if feedback else '0'} h{h} 0 1"]
        lines += [f"Ef{h} c{h} 0 o0 0 {feedback * 10 ** rng.uniform(-3, 0):.4g}"] if feedback else []
        lines += [f"Ro{h}_{q} b{h} o{q} {10 ** rng.uniform(3, 4):.4g}" for q in range(2)]
    lines += [f"V{i} in{i} 0 0" for i in range(3)] + [f"Rl{q} o{q} 0 2k" for q in range(2)]
    head = ["read-out", "*@output V(o0) V(o1)", "*@train Ro* Rl* min=100 max=1meg", ".model dm d is=1e-8"]
    volts = rng.uniform(-1, 1, (samples, 3))
    data = {f"V{i}": volts[:, i] for i in range(3)} | {f"V(o{q})": np.zeros(samples) for q in range(2)}
    netlist = netlearn.parse("\n".join([*head, *lines, ".end", ""]))
    project = open_project(netlist, data)
    theta = project.parameters.initial * np.exp(rng.normal(0.0, 0.5, len(project.parameters)))
    wanted = project.model.outputs(project.model.forward(theta, project.samples().inputs))
    return open_project(netlist, data | {f"V(o{q})": wanted[:, q] for q in range(2)})


def started(project: Any) -> SolvedStart | None:
    theta, bounds = project.parameters.initial, (project.parameters.lower, project.parameters.upper)
    try:
        return solved_start.solved_start(project.model, project.loss, project.samples(), theta, bounds)
    except OptionError:
        return None


def ridge(k: int) -> Result:
    """18 resistors for 10 outputs: the loss, and how far resistances move, in logarithms."""
    project = read_out(k, 5)
    found = started(project)
    assert found is not None
    moved = np.linalg.norm(np.log(found.theta / project.parameters.initial))
    return {"loss": found.after / found.before, "moved": float(moved)}


def loose(k: int) -> Result:
    """Read-outs with a feedback: how many resistors are solved for, and the loss that this leaves, at two feedbacks."""
    result = {}
    for feedback in (1e-4, 1e-2):
        found = started(read_out(k, 40, feedback))
        result[f"solved at {feedback:g}"] = 0.0 if found is None else len(found.numbers)
        result[f"left at {feedback:g}"] = 1.0 if found is None else found.after / found.before
    return result


def superposed(k: int) -> Result:
    """Whether trained transconductances are held to act linearly, the second where one has a loop gain of 1e-3."""
    rng, found = np.random.default_rng(k), {}
    for name, node in (("linear", "in2"), ("in a loop", "out")):
        gains = [f"G{i} 0 out {node if i == 2 else f'in{i}'} 0 {1e-6 * rng.uniform(0.5, 1)}" for i in range(3)]
        sources = [f"V{i} in{i} 0 0" for i in range(3)]
        text = "\n".join(["g", "*@output V(out)", "*@train G*", *sources, *gains, "Rl out 0 1k", ".end", ""])
        volts = rng.uniform(-1, 1, (20, 3))
        project = open_project(
            netlearn.parse(text), {**{f"V{i}": volts[:, i] for i in range(3)}, "V(out)": volts[:, 0]}
        )
        theta, given = project.parameters.initial, project.samples()
        bounds = (project.parameters.lower, project.parameters.upper)
        outputs = project.model.outputs(project.model.forward(theta, given.inputs))
        ones = np.ones_like(outputs)
        taken = linear_start.linear_start(
            project.model, theta, given.inputs, bounds, outputs=outputs, weights=ones, errors=ones
        )
        found[name] = float(taken is not None)
    return found


@cache
def settings_of(k: int) -> tuple[np.ndarray, ...]:
    """Values, inputs and outputs of a network with diodes, for an emulator to learn and to be tested by."""
    networks = claims()
    lab, rng = networks.regression(list(networks.KINDS)[k % 5], k, diodes=True), np.random.default_rng(k)
    values, inputs, outputs = [], [], []
    for _ in range(110):
        theta = lab.theta * np.exp(0.4 * rng.normal(size=len(lab.theta)))
        values.append(np.tile(np.log(theta), (len(lab.batch.inputs), 1)))
        inputs.append(lab.batch.inputs)
        outputs.append(lab.model.outputs(lab.model.forward(theta, lab.batch.inputs)))
    return tuple(np.concatenate(each) for each in (values, inputs, outputs))


def emulated(k: int) -> Result:
    """The error of an emulator of 100 settings on 10 others, beside the spread of the outputs."""
    values, inputs, outputs = settings_of(k)
    learnt = emulator.Emulator.trained(values[:2000], inputs[:2000], outputs[:2000], (32,), 0)
    apart = learnt.outputs(values[2000:], inputs[2000:]) - outputs[2000:]
    return {"error": float(np.sqrt(np.mean(apart**2) / np.var(outputs[2000:], axis=0).mean()))}


def walls(k: int) -> Result:
    """A diode's saturation current and ideality, fitted from where steps overflow: what is left of the loss."""
    # Of 13 draws these are the ones whose search meets an overflow.
    rng = np.random.default_rng((0, 2, 4, 5, 6, 7)[k])
    text = (
        f"d\n*@train dm.is dm.n\nV1 a 0 0.5\nD1 a 0 dm\n.model dm d(is={10 ** rng.uniform(-13, -12):.3g} n=1)\n.end\n"
    )
    volts = np.linspace(0.1, 0.7, 13)
    current = 10 ** rng.uniform(-9, -8) * np.expm1(volts / (rng.uniform(1.5, 2.0) * 0.0258649))
    found = netlearn.train(netlearn.parse(text), {"V1": volts, "I(D1)": current}, optimizer="lbfgs", epochs=60)
    return {"left": max(found.loss / found.history[0].loss, 1e-15)}


def regressor(k: int) -> Result:
    """The score of the network made to measure on test data."""
    rng = np.random.default_rng(k)
    x = rng.normal(size=(150, 2 + k))
    y = x @ rng.normal(size=2 + k) + 0.3 * x[:, 0] * x[:, 1] + 0.1 * rng.normal(size=150)
    found = estimators.NetlistRegressor(random_state=k).fit(x[:100], y[:100])
    return {"score": found.score(x[100:], y[100:])}


def crossbars(k: int) -> Result:
    """The scale of weights that leaves room for making up for wires, and the largest conductance at it."""
    rng = np.random.default_rng(k)
    lines = weights.Lines(wire=10.0 ** (k - 1), driver=10.0, both=False)
    found = weights.programmed(rng.normal(size=(32, 16)), 1e-6, 1e-4, lines, pairs=True)
    return {"scale": found.scale, "largest": float(found.conductances.max())}


def boxes(k: int) -> Result:
    """The minimum of a quadratic function of 60 values in a box beside scipy's, and products with its matrix."""
    rng = np.random.default_rng(k)
    rows, right = rng.normal(size=(80, 60)) * np.geomspace(1.0, 100.0, 60), rng.normal(size=80)
    low, high, products = -rng.uniform(0, 0.02, 60), rng.uniform(0, 0.02, 60), []

    def product(v: np.ndarray) -> np.ndarray:
        products.append(1)
        return rows.T @ (rows @ v)

    found = boxed.Positive(None, product).minimum(-rows.T @ right, low, high)
    exact = lsq_linear(rows, right, (low, high), method="bvls", tol=1e-14).x
    least, reached = (0.5 * np.sum((rows @ each - right) ** 2) for each in (exact, found))
    return {"above": max(reached / least - 1.0, 0.0), "products": len(products)}


@cache
def half_trained(k: int) -> tuple[Any, dict[str, Any]]:
    """A network with data that have noise in them, after 20 iterations, and what trains it."""
    networks = claims()
    made = networks.regression(list(networks.KINDS)[k % 5], k, target="means", samples=60)
    data = {name: np.array(column) for name, column in made.data.items()}
    for name in (name for name in data if "(" in name):
        data[name] = data[name] + 0.05 * np.random.default_rng(k).normal(size=60)
    settings = {"data": data, "train": "R* min=10 max=10meg"}
    return netlearn.train(netlearn.parse(made.netlist), optimizer="lbfgs", epochs=20, **settings), settings


def crest(k: int) -> Result:
    """The part of the loss that a step is predicted to take away, beside what 300 iterations take."""
    begun, options = half_trained(k)
    further = netlearn.train(begun.netlist, optimizer="lbfgs", epochs=300, **options)
    project = open_project(begun.netlist, options["data"], overrides={"train": options["train"]})
    return {"predicted": settled.unsettled(local_of(project), 0.0, 300), "taken": 1.0 - further.loss / begun.loss}


def retrained(k: int) -> Result:
    """The loss that is left where three rows are forgotten and the rest trained again."""
    begun, options = half_trained(k)
    again = netlearn.unlearn(begun.netlist, rows=[0, 1, 2], verify=True, **options)
    assert again.retraining is not None
    return {"loss": again.retraining.losses[1]}


CONSTANTS = (
    Constant(calibration, "HOLDING", "ladders with diodes, no prior", calibrated, (*FAR, 1e6), ratio=False),
    Constant(calibration, "ROUGH", "ladders with diodes, a prior", with_prior, FAR, ratio=False),
    Constant(calibration, "FINE", "ladders with diodes, a prior", with_prior, (*FAR, 1e6), ratio=False),
    Constant(calibration, "ROUNDS", "ladders with diodes, a prior", with_prior, (0.125, 0.25, *HALF), ratio=False),
    Constant(calibration, "SETTLED", "ladders with diodes, a prior", with_prior, DECADES, ratio=False),
    Constant(in_the_loop, "SEARCHED", "ladders with diodes, a prior", in_steps, (0.1, 0.25, *HALF), ratio=False),
    Constant(solved_start, "RIDGE", "18 resistors for 10 outputs", ridge, (1e-8, *FAR, 1e6, 1e8), ratio=False),
    Constant(solved_start, "AGREED", "read-outs with a feedback", loose, DECADES, ratio=False),
    Constant(readout, "FELT", "read-outs with a feedback", loose, DECADES, ratio=False),
    Constant(linear_start, "LINEAR", "transconductances", superposed, (1e-7, *FAR, 1e7), ratio=False),
    Constant(emulator, "ALPHA", "emulators of networks with diodes", emulated, DECADES),
    Constant(emulator, "STEPS", "emulators of networks with diodes", emulated),
    Constant(emulator, "RIDGES", "emulators of networks with diodes", emulated, (1.0, 1e4), at=0),
    Constant(emulator, "RIDGES", "emulators of networks with diodes", emulated, (1e-4, 1.0), at=-1),
    Constant(lbfgs, "WALL", "diodes fitted past an overflow", walls, (0.1, *HALF, 10.0), 6),
    Constant(estimators, "REACH", "regressions", regressor, (0.1, *HALF, 10.0), ratio=False),
    Constant(boxed, "ROUNDS", "quadratic functions in boxes", boxes, (0.1, 0.25, *HALF), ratio=False),
    Constant(boxed, "EXACT", "quadratic functions in boxes", boxes, FAR, ratio=False),
    Constant(boxed, "ENOUGH", "quadratic functions in boxes", boxes, FAR, ratio=False),
    Constant(settled, "CREST", "networks after 20 iterations", crest, DECADES, ratio=False),
    Constant(unlearning, "EPOCHS", "networks that forget 3 of 60 rows", retrained),
    Constant(weights, "ROUNDS", "32x16 weights, wires of 0.1 Ω to 1 kΩ", crossbars, (1 / 30, 0.1, *HALF)),
)

if __name__ == "__main__":
    report(CONSTANTS, __doc__)
