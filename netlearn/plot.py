"""Pictures of networks and of what they do. Each function draws into axes of matplotlib, or into new ones.

>>> import netlearn
>>> axes = netlearn.plot.network(netlearn.parse(netlearn.new("lattice").netlist))
>>> axes.figure.savefig("lattice.png")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netlearn.report.style import style

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netlearn.argument_types import checked
from netlearn.errors import OptionError
from netlearn.learn.history import Record
from netlearn.overrides import DataLike
from netlearn.report import answers, crossbars, curves
from netlearn.report.network import By, draw_network
from netlearn.report.subject import Drawable, Subject
from netlearn.results import Evaluation, TrainResult

__all__ = ["confusion", "crossbar", "loss", "network", "outputs"]


@checked
@style()
def network(
    of: Drawable,
    axes: Axes | None = None,
    *,
    by: By = "conductance",
    data: DataLike | None = None,
    positions: Mapping[str, Sequence[float]] | None = None,
    outputs: Iterable[str] | None = None,
    title: str = "",
) -> Axes:
    """Draw a network: its resistors, the wider and darker the more they conduct, its inputs, outputs and ground.

    Parameters
    ----------
    of : a netlist or the path of one, a circuit, an operating point, or the result of a training.
    axes : where to draw; new axes in a figure of their own if not given, which ``.figure.savefig`` saves.
    by : "conductance" in siemens, or "current" in amperes or "power" in watts, in the mean over the samples.
    data : the samples for current and power; else those that the netlist names, or its sources' own values.
    positions : where nodes lie, by name; else what ``*@position`` says, or else in layers or by distances.
    outputs : nodes to mark as outputs; else those of ``*@output``.

    Raises OptionError for another quantity and CircuitError for an unknown node.
    """
    subject = Subject.of(of)
    axes = _axes(axes)
    read = subject.outputs if outputs is None else tuple(outputs)
    places = positions or subject.positions
    draw_network(axes, subject.circuit, title, positions=places, outputs=read, by=by, point=subject.point_for(by, data))
    return axes


@checked
@style()
def crossbar(
    of: Drawable,
    axes: Axes | None = None,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    by: By = "conductance",
    data: DataLike | None = None,
    title: str = "",
) -> Axes:
    """Draw the resistors between rows and columns as a heat map; parallel ones add up.

    ``rows`` and ``columns`` are names of nodes; else nodes of sources are rows and what they are joined to are
    columns. All else is as in :func:`network`. Raises OptionError where there are no resistors between them.
    """
    subject = Subject.of(of)
    axes = _axes(axes)
    point = subject.point_for(by, data)
    crossbars.draw_crossbar(axes, subject.circuit, title, rows=rows, columns=columns, by=by, point=point)
    return axes


@checked
@style()
def loss(of: TrainResult | Sequence[Record], axes: Axes | None = None, *, title: str = "") -> Axes:
    """Draw the loss by epoch, of a training or of its history, with the accuracy where there are classes."""
    axes = _axes(axes)
    curves.draw_history(axes, of.history if isinstance(of, TrainResult) else of, title)
    return axes


@checked
@style()
def outputs(of: TrainResult | Evaluation, axes: Axes | None = None, *, title: str = "") -> Axes:
    """Draw each output against what it should be, on the test data of a training if there are any.

    Raises OptionError where there are classes instead of values.
    """
    axes = _axes(axes)
    answers.draw_outputs(axes, _evaluation(of), title)
    return axes


@checked
@style()
def confusion(of: TrainResult | Evaluation, axes: Axes | None = None, *, title: str = "") -> Axes:
    """Draw how many samples of each class were told to be of each, on the test data of a training if there are any.

    Raises OptionError without classes.
    """
    axes = _axes(axes)
    answers.draw_confusion(axes, _evaluation(of), title)
    return axes


def _evaluation(of: TrainResult | Evaluation) -> Evaluation:
    if isinstance(of, TrainResult):
        return of.train if of.test is None else of.test
    if not isinstance(of, Evaluation):
        raise OptionError(f"a {type(of).__name__} has no outputs and targets", hint="give a result, or an evaluation")
    return of


def _axes(axes: Axes | None) -> Axes:
    return Figure(layout="constrained").subplots() if axes is None else axes
