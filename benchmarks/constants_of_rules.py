"""What constants of the learning rules and of their derivatives are worth: ``netlearn/learn/rules``, ``hessians``.

    python benchmarks/constants_of_rules.py [--only NAME]

The networks are the five kinds of ``docs/claims``, about 50 resistors each, with diodes where a rule is to be tried.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
from results_with_constants import DECADES, Constant, Result, claims, report

import netlearn
from netlearn import hessians
from netlearn.errors import NetlearnError
from netlearn.learn.rules import contrast, holomorphic, make_rule, nudged_phase, orders, reciprocity, relaxation
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.transforms import Transform
from netlearn.project import Project, open_project

TRANSISTORS = ".model dm nmos(level=1 vto=0.2 kp=1m)"


@cache
def lab(k: int, elements: str = "diodes") -> Any:
    """A network with diodes, with transistors of which gate and drain are joined, or with none."""
    networks = claims()
    made = networks.regression(list(networks.KINDS)[k % 5], k, diodes=elements != "none", target="random")
    if elements != "transistors":
        return made
    lines = made.netlist.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("D"):
            name, a, b, model = line.split()
            lines[i] = f"M{name} {a} {a} {b} {b} {model}"
        elif line.startswith(".model"):
            lines[i] = TRANSISTORS
    return networks.Lab("\n".join(lines), made.data, made.test)


def apart(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@cache
def diode_areas(k: int) -> Project:
    """A network whose diodes' areas are trained, too."""
    text = "\n".join(f"{line} area=1" if line.startswith("D") else line for line in lab(k).netlist.splitlines())
    return open_project(netlearn.parse(text), lab(k).data, overrides={"train": "R* D*.area"})


def quadrature(k: int) -> Result:
    """What equilibrium propagation says of diodes with a nudge as large as the network, beside 40 points."""

    def gradient() -> np.ndarray:
        project, rule = diode_areas(k), make_rule("ep", beta=1.0)
        given = project.samples()
        batch = Batch(given.inputs, given.targets)
        theta = project.parameters.initial
        found = rule.estimate(project.model, project.loss, theta, batch, np.random.default_rng(0)).gradient
        return found[np.char.startswith(np.char.lower(np.array(project.parameters.names)), "d")]

    found = gradient()
    with patch.object(contrast, "QUADRATURE", 40):
        return {"error": apart(found, gradient())}


def outcome(network: Any, beta: float) -> tuple[str, float]:
    """Whether a circle of that radius passes in silence, is warned of or refused, and the error of its gradient."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = network.gradient("holomorphic", beta=beta)
        except NetlearnError:
            return "refused", 0.0
    return "warned" if said else "passed", apart(found, network.gradient("analytic"))


def widest(k: int, accepted: tuple[str, ...]) -> Result:
    """The largest radius that is accepted, and the error of the gradient there."""
    network, low, high, error = lab(k), 0.1, 10.0, 0.0
    for _ in range(8):
        beta = (low * high) ** 0.5
        how, wrong = outcome(network, beta)
        if how in accepted:
            low, error = beta, wrong
        else:
            high = beta
    return {"radius": low, "error": error}


def suspected(k: int) -> Result:
    return widest(k, ("passed",))


def refused(k: int) -> Result:
    return widest(k, ("passed", "warned"))


def pieced(k: int) -> Result:
    """Transistors that open and shut on the circle, and smooth diodes, with the error of the nudges not asked."""
    found = {}
    with patch.multiple(holomorphic, SUSPECT=np.inf, DIVERGENT=np.inf):
        for kind in ("transistors", "diodes"):
            each = [outcome(lab(k, kind), beta) for beta in (0.03, 0.1, 0.3, 1.0)]
            found[f"worst error, {kind}"] = max(error for _, error in each)
            found[f"refused of 4, {kind}"] = sum(how == "refused" for how, _ in each)
    return found


def orders_of_nudges(k: int) -> Result:
    """The power of β of a force exp(βx) - 1, which is to be one, and its limit, which is to be x."""
    x = np.random.default_rng(k).normal(size=(5, 3))
    large, half = (np.expm1(step * x) for step in (orders.STEP, orders.STEP / 2))
    off = abs(np.log2(np.abs(large).max() / np.abs(half).max()) - 1.0)
    return {"off": off, "error": apart(orders._limit([large, half], [orders.STEP, orders.STEP / 2], 1), x)}


def hessian(k: int) -> Result:
    """The cost Hessian beside that of three steps with Richardson's extrapolation."""
    network = lab(k)
    project = network.project
    transform = Transform.of(project.parameters)
    size = len(transform.start)

    def gradient(u: np.ndarray) -> np.ndarray:
        theta = transform.outward(u)
        found = Analytic().estimate(network.model, project.loss, theta, network.batch, np.random.default_rng(0))
        return transform.gradient(theta, found.gradient)

    def differences(step: float) -> np.ndarray:
        sides = ([gradient(transform.start + sign * step * unit) for unit in np.eye(size)] for sign in (1, -1))
        above, below = (np.stack(side, axis=1) for side in sides)
        return (above - below) / (2 * step)

    @cache
    def exact() -> np.ndarray:
        coarse, middle, fine = (differences(step) for step in (4e-3, 2e-3, 1e-3))
        first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
        return (16 * second - first) / 15

    if k not in REFERENCES:
        REFERENCES[k] = exact()
    values, vectors = hessians._cost(network.model, project.loss, transform, network.batch)
    return {"error": apart((vectors * values) @ vectors.T, REFERENCES[k])}


REFERENCES: dict[int, np.ndarray] = {}


def sampled(k: int) -> Result:
    """The unit of nudges by some samples of a network with diodes, beside that by all 20."""

    def unit() -> float:
        network = lab(k)
        rule = make_rule("ep")
        point = network.model.forward(network.theta, network.batch.inputs)
        outputs = network.model.outputs(point)
        return rule.phase(network.model, network.project.loss, point, outputs, network.batch.targets).unit()

    found = unit()
    with patch.object(nudged_phase, "SAMPLED", 20):
        return {"unit": found / unit()}


def symmetric(k: int) -> Result:
    """Whether a network with diodes has a co-content, and one with a small transconductance has none."""
    network, found = lab(k), []
    lines = [line.split() for line in network.netlist.splitlines()]
    loaded = {node for line in lines if line[0].startswith("D") for node in line[1:3]} - {"0"}
    node, other = next(line[1:3] for line in lines if line[0].startswith("R") and loaded >= set(line[1:3]))
    for gain in (0.0, 1e-9, 1e-12):
        text = network.netlist.replace(".end", f"Gx {node} 0 {other} 0 {gain}\n.end") if gain else network.netlist
        project = open_project(netlearn.parse(text), network.data)
        point = project.model.forward(project.parameters.initial, network.batch.inputs)
        found.append(reciprocity.reciprocity(point.circuit, point.x, project.model.probes, project.parameters).exists)
    return {"without": found[0], "with 1 nS": found[1], "with 1 pS": found[2]}


def functions(k: int) -> Result:
    """exp(-100 A) v of a matrix with eigenvalues over six decades, beside that by all of them."""
    rng = np.random.default_rng(k)
    vectors = np.linalg.qr(rng.normal(size=(200, 200)))[0]
    values, vector, products = np.geomspace(1e-6, 1.0, 200), rng.normal(size=200), []

    def product(v: np.ndarray) -> np.ndarray:
        products.append(1)
        return vectors @ (values * (vectors.T @ v))

    found = relaxation.functions_of(product, vector, [lambda rates: -np.expm1(-100.0 * rates) / rates], 300)[0]
    exact = vectors @ (-np.expm1(-100.0 * values) / values * (vectors.T @ vector))
    return {"error": apart(found, exact), "products": len(products)}


FAR = (1e-4, 1e-2, 1.0, 1e2, 1e4)
CONSTANTS = (
    Constant(
        contrast, "QUADRATURE", "diodes, a nudge of 1, beside 40 points", quadrature, (1 / 3, 0.5, 1, 2), 5, False
    ),
    Constant(holomorphic, "SUSPECT", "largest radius in silence", suspected, (0.1, 0.5, 1.0, 2.0), 5, False),
    Constant(holomorphic, "DIVERGENT", "largest radius", refused, (0.2, 0.5, 1.0, 2.0), 5, False),
    Constant(holomorphic, "PIECED", "radii of 0.03 to 1", pieced, (0.5, 1.0, 2.0, 5.0, 20.0), 5, False),
    Constant(
        orders, "STEP", "a force exp(βx) - 1", orders_of_nudges, (2.0**-30, 2.0**-12, 0.25, 1.0, 4.0, 32.0), 5, False
    ),
    Constant(hessians, "STEP", "Hessians of networks with diodes", hessian, DECADES, 5, False),
    Constant(nudged_phase, "SAMPLED", "the unit of nudges", sampled, (0.25, 0.5, 1.0, 2.0), 5, False),
    Constant(reciprocity, "SYMMETRIC", "co-contents found", symmetric, (1e-7, *FAR, 1e7), 5, False),
    Constant(relaxation, "EXACT", "a function of a matrix", functions, FAR, 5, False),
)

if __name__ == "__main__":
    report(CONSTANTS, __doc__)
