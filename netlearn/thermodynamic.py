"""The network of resistors and capacitors that finds the step of a natural gradient, as SPICE text."""

from __future__ import annotations

from typing import Any

import numpy as np

from netlearn.argument_types import checked
from netlearn.arrays import Array
from netlearn.errors import OptionError
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.second_order import NaturalGradient
from netlearn.netlist.numbers import format_number
from netlearn.overrides import DataLike, NetlistLike
from netlearn.project import open_project

SIEMENS, FARADS = 1e-3, 1e-9
"""The conductance that stands for the curvature along the gradient, and the capacitance of each node: by convention,
for a time constant of 1 µs."""
LARGEST = 200
"""Up to so many values are written, by convention, as a resistor or two stand between any two of them: 20,000 or twice
as many."""
MOMENTS = 1000
"""Steps of the transient analysis, at least: by convention, more than a figure shows; ngspice makes its own smaller by
``reltol``."""
NOTHING = 1e-12
"""Conductances below this part of the largest are left out: derived from the tolerance of solvers, 1e-12."""


@checked
def thermodynamic_netlist(netlist: NetlistLike, data: DataLike | None = None, **settings: Any) -> str:
    """The network whose voltages relax to the step of the rule, at the netlist's values and all training data.

    Node ``xK`` stands for the K-th trained value: a volt is a step of the size that the text says. From node to node go
    the conductances of F + λI, those of positive entries to a copy that an ideal amplifier inverts; a node's own is to
    ground, or where it is negative to an ideal amplifier of gain two. Each node has a capacitor, and a current in
    proportion to the gradient. ``ngspice -b`` runs it for the rule's time and prints what is read; its operating
    point is the step that conjugate gradients find. There is no thermal noise in it.

    ``settings`` are as for :func:`netlearn.train`. Raises OptionError for a rule that has no such network, for too many
    values, and where the gradient is zero.
    """
    project = open_project(netlist, data, overrides=settings)
    rule = project.settings.rule
    if not (isinstance(rule, NaturalGradient) and rule.solver == "thermodynamic"):
        hint = 'choose one that has: --rule "natural solver=thermodynamic"'
        raise OptionError("this rule has no thermodynamic network", project.settings.places.get("rule"), hint)
    names, theta = project.parameters.names, np.asarray(project.parameters.initial, dtype=float)
    if len(names) > LARGEST:
        raise OptionError(
            f"the network of {len(names)} values has a resistor between any two of them, and at most {LARGEST} are "
            "written",
            hint="train fewer, as in --train 'Rh*'",
        )
    given = project.samples()
    _, metric = rule.metric(project.model, project.loss, theta, Batch(given.inputs, given.targets))
    if metric is None:
        raise OptionError("the gradient is zero, so that there is no step to find")
    matrix = np.stack([metric.product(unit) for unit in np.eye(len(names))], axis=1) / metric.along
    right = metric.gradient / metric.along
    relaxation = rule.relaxation
    # The largest current is that of a volt over the unit of conductance.
    volt = float(np.abs(right).max())
    tau = FARADS / SIEMENS
    lines = [
        f"* {project.netlist.source.path}: the network that relaxes to the step of its rule",
        f"* a volt is {volt!r} of the gradient that the rule gives: by the logarithm of a value, or in its own size",
        *(f"* x{k + 1} is {name}" for k, name in enumerate(names)),
        ".options reltol=1e-6 vntol=1n abstol=1f method=gear",
        *_elements((matrix + matrix.T) / 2, right / volt, charged=relaxation.charged),
    ]
    time, average = tau * relaxation.time, tau * relaxation.average
    end = max(time + average, tau * 1e-6)
    lines.append(f".tran {end / MOMENTS:.6g} {end:.9g} 0 {end / MOMENTS:.6g} uic")
    for k in range(len(names)):
        read = f"avg v(x{k + 1}) from={time:.9g} to={end:.9g}" if average else f"find v(x{k + 1}) at={end:.9g}"
        lines.append(f".meas tran x{k + 1} {read}")
    return "\n".join([*lines, ".print tran v(x1)", ".end", ""])


def _elements(matrix: Array, right: Array, *, charged: bool) -> list[str]:
    """The elements for A x = b, in units of ``SIEMENS`` and volts."""
    lines = []
    firm = np.abs(matrix) > NOTHING * np.abs(matrix).max()
    count = len(matrix)
    own = np.diag(matrix) - (np.abs(matrix) * firm).sum(axis=1) + np.abs(np.diag(matrix))
    inverted = ((matrix > 0) & firm & ~np.eye(count, dtype=bool)).any(axis=1)
    for k in range(count):
        name, first = k + 1, float(right[k]) if charged else 0.0
        lines.append(f"C{name} x{name} 0 {FARADS:g} ic={first!r}")
        if right[k]:
            lines.append(f"I{name} 0 x{name} {SIEMENS * float(right[k])!r}")
        if inverted[k]:
            lines.append(f"E{name} n{name} 0 0 x{name} 1")
        if own[k] < 0:
            lines.append(f"Ed{name} d{name} 0 x{name} 0 2")
        if own[k]:
            lines.append(f"R{name} x{name} {f'd{name}' if own[k] < 0 else '0'} {_ohms(own[k])}")
    for j, k in zip(*np.nonzero(np.triu(firm, 1)), strict=True):
        a, b, ohms = j + 1, k + 1, _ohms(matrix[j, k])
        if matrix[j, k] < 0:
            lines.append(f"R{a}_{b} x{a} x{b} {ohms}")
        else:
            lines += [f"R{a}_{b} x{a} n{b} {ohms}", f"R{b}_{a} x{b} n{a} {ohms}"]
    return lines


def _ohms(conductance: float) -> str:
    return format_number(1.0 / (SIEMENS * abs(float(conductance))))
