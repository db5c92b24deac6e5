"""What a training run, an evaluation and a netlist come to, in words, rows and plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from math import isnan
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.hessians import Spectrum
from netlearn.json_text import AT_A_TIME
from netlearn.learn.fit import Fit
from netlearn.learn.goals import GoalResult
from netlearn.report.tables import DIGITS, shown
from netlearn.results import Description, Evaluation, TrainResult
from netlearn.solve.accuracy import Residual

SHOWN = 6
"""How many of a spectrum are shown, by convention."""

FEW = 40
"""Up to so many trained values are printed, by convention: they fit on a screen."""

LISTED = 12
"""How many names a line lists before it says how many more there are, by convention."""


def training_lines(result: TrainResult) -> Iterator[str]:
    """A training run in a few lines."""
    first = result.history[0].loss if result.history else result.loss
    count = len(result.names)
    yield (
        f"{count} {'value' if count == 1 else 'values'} trained on {len(result.train)} samples"
        f" in {result.epochs} epochs and {result.seconds:.1f} s; the best are those of epoch {result.best_epoch}"
    )
    yield f"stopped   {result.stopped}"
    for note in result.notes:
        yield f"note      {note}"
    yield f"loss      {shown(first)} -> {shown(result.loss)}"
    yield from goal_lines(result.train.goals)
    if result.accuracy is not None:
        yield f"accuracy  {_percent(result.accuracy)}"
    if result.test is not None:
        accuracy = "" if result.test.accuracy is None else f", accuracy {_percent(result.test.accuracy)}"
        yield f"test      loss {shown(result.test.loss)}{accuracy} on {len(result.test)} samples of {result.test.data}"


VALUE_COLUMNS = ("value", "before", "after", "change", "bound")
ERROR_COLUMN = "standard error"


def value_table(result: TrainResult) -> tuple[list[str], list[list[object]]]:
    """Columns and rows: what has become of each trained value, and how well the data determine it."""
    rows, fit = _value_rows(result), result.fit
    if fit is None or not np.isfinite(fit.standard_errors).any():
        return list(VALUE_COLUMNS), rows
    return [*VALUE_COLUMNS, ERROR_COLUMN], [
        [*row, error] for row, error in zip(rows, _errors(fit.standard_errors), strict=True)
    ]


def fit_table(fit: Fit) -> tuple[list[str], list[list[object]]]:
    """Columns and rows: values with their standard errors."""
    rows: list[list[object]] = []
    for name, value, error in zip(fit.names, fit.values, _errors(fit.standard_errors), strict=True):
        rows.append([name, f"{value:.{DIGITS}g}", error])
    return ["value", "now", ERROR_COLUMN], rows


def fit_lines(fit: Fit) -> Iterator[str]:
    """The spread of the residuals, and which values the data hardly tell apart."""
    if not np.isfinite(fit.standard_errors).any():
        return
    yield f"residuals spread by {shown(fit.sigma)} with {fit.freedom} degrees of freedom"
    for first, second, correlation in fit.correlated()[:SHOWN]:
        yield f"correlated {first} and {second}: {correlation:.4f}"


def _errors(errors: Array) -> list[str]:
    return ["undetermined" if np.isinf(e) else "-" if np.isnan(e) else f"{e:.2g}" for e in errors.tolist()]


def _value_rows(result: TrainResult) -> list[list[object]]:
    rows: list[list[object]] = []
    for value in result.values:
        change = "-" if value.change is None else f"{100 * value.change:+.3g} %"
        after = f"{value.after:.{DIGITS}g}"
        rows.append([value.name, f"{value.before:.{DIGITS}g}", after, change, value.at or "-"])
    return rows


def training_values(result: TrainResult) -> dict[str, Any]:
    """A training run as plain values."""
    last = result.history[-1] if result.history else None
    return {
        "loss": result.loss,
        "accuracy": result.accuracy,
        "test": None if result.test is None else evaluation_values(result.test),
        "samples": len(result.train),
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "interrupted": result.interrupted,
        "stopped": result.stopped,
        "notes": result.notes,
        "seconds": result.seconds,
        "solves": last.solves if last else 0,
        "measurements": last.measurements if last else 0,
        "parameters": [
            {"name": value.name, "before": value.before, "after": value.after, "change": value.change, "at": value.at}
            for value in result.values
        ],
        "goals": [{**asdict(goal), "met": goal.met} for goal in result.train.goals],
        **({} if result.fit is None else {"fit": fit_values(result.fit)}),
        "history": result.history.records,
    }


def fit_values(fit: Fit) -> dict[str, Any]:
    """A fit as plain values; what is not determined by the data has no number."""
    return {
        "names": fit.names,
        "values": fit.values,
        "standard_errors": fit.standard_errors,
        "correlation": fit.correlation,
        "sigma": fit.sigma,
        "freedom": fit.freedom,
    }


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """An evaluation in a few lines."""
    yield f"samples   {len(evaluation)} of {evaluation.data}"
    for note in evaluation.notes:
        yield f"note      {note}"
    yield f"loss      {shown(evaluation.loss)}"
    yield from goal_lines(evaluation.goals)
    if evaluation.accuracy is not None:
        yield f"accuracy  {_percent(evaluation.accuracy)}"
    if not _powerless(evaluation):
        yield f"power     {shown(evaluation.power)} W dissipated in the mean"
    if evaluation.residual is not None:
        yield f"residual  {evaluation.residual.largest()}"


def evaluation_values(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as plain values, without its samples."""
    return {
        "data": evaluation.data,
        "samples": len(evaluation),
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "power": evaluation.power,
        "goals": [{**asdict(goal), "met": goal.met} for goal in evaluation.goals],
        **({} if evaluation.fit is None else {"fit": fit_values(evaluation.fit)}),
        **({} if evaluation.residual is None else {"residual": residual_values(evaluation.residual)}),
    }


def residual_values(residual: Residual) -> dict[str, Any]:
    """What Kirchhoff's laws lack as plain values: the largest of each kind, and beside what equations sum up."""
    nodes = len(residual.circuit.nodes)
    sizes = np.abs(residual.values)
    return {
        "amperes": float(sizes[:, :nodes].max(initial=0.0)),
        "volts": float(sizes[:, nodes:].max(initial=0.0)),
        "relative": float(residual.relative.max(initial=0.0)),
    }


def goal_lines(goals: Iterable[GoalResult]) -> Iterator[str]:
    """For each goal whether it is met, or by how much not and in which sample."""
    for goal in goals:
        unit = f" {goal.unit}" if goal.unit else ""
        if goal.met:
            yield f"goal      {goal.goal}: met in {goal.asked} of {goal.asked} samples"
            continue
        edge, side = (goal.low, "below") if goal.missed < 0 else (goal.high, "above")
        yield (
            f"goal      {goal.goal}: not met in {goal.failing} of {goal.asked} samples; {shown(goal.reached)}{unit} is "
            f"{abs(goal.missed):.4g}{unit} {side} {shown(edge)}{unit} in {goal.sample}"
        )


def sample_rows(evaluation: Evaluation) -> tuple[list[str], Iterator[list[object]]]:
    """Columns and rows of the samples: outputs, what was wanted, the loss, and the power in watts."""
    names = list(evaluation.names)
    wanted = ["predicted", "class"] if evaluation.classes else [f"wanted {name}" for name in names]
    power = [] if _powerless(evaluation) else ["power"]
    return ["sample", *names, *wanted, "loss", *power], _sample_rows(evaluation)


def _powerless(evaluation: Evaluation) -> bool:
    """Whether nobody knows the power, as of a chip."""
    return bool(np.isnan(evaluation.watts).all())


def _sample_rows(evaluation: Evaluation) -> Iterator[list[object]]:
    """A part of the samples at a time becomes Python's objects, which take many times the memory of arrays."""
    arrays = (evaluation.outputs, evaluation.targets, evaluation.losses, evaluation.watts)
    predicted = evaluation.predictions if evaluation.classes else None
    for first in range(0, len(evaluation), AT_A_TIME):
        part = slice(first, first + AT_A_TIME)
        outputs, targets, losses, watts = (array[part].tolist() for array in arrays)
        wanted: Iterable[list[object]]
        if predicted is not None:
            pairs = zip(predicted[part].tolist(), targets, strict=True)
            wanted = [[evaluation.classes[k] if k >= 0 else None for k in pair] for pair in pairs]
        else:
            wanted = [[None if isnan(value) else value for value in row] for row in targets]
        known = [losses] if _powerless(evaluation) else [losses, watts]
        parts = zip(outputs, wanted, *known, strict=True)
        yield from ([k, *out, *ends, *last] for k, (out, ends, *last) in enumerate(parts, start=first + 1))


def description_rows(description: Description) -> Iterator[tuple[str, str]]:
    """What is known of a netlist, as pairs of a heading and a line."""
    if description.elements is not None:
        kinds = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in description.elements)
        yield "elements", kinds or "none"
        yield "nodes", f"{description.nodes} besides ground"
        yield "circuit", "linear" if description.linear else "nonlinear"
    if description.breaking is not None:
        yield "co-content", _co_content(description)
    if description.trainable is not None:
        yield "trainable", _listed(description.trainable)
    if description.trained is not None:
        yield "trained", _listed(description.trained)
    if description.samples:
        test = f", and {description.test_samples} to test on" if description.test_samples else ""
        yield "samples", f"{description.samples}{test}"
        yield "inputs", _listed(description.inputs)
        yield "outputs", _listed(description.outputs)
    for goal in description.goals:
        yield "goal", goal
    for note in description.notes:
        yield "note", note
    if description.classes:
        yield "classes", _listed(description.classes)


def description_values(description: Description) -> dict[str, Any]:
    """What is in a netlist, as plain values; None where it is not known."""
    known = description.breaking is not None
    return {
        "elements": None if description.elements is None else dict(description.elements),
        "nodes": description.nodes,
        "branches": description.branches,
        "linear": description.linear,
        "co_content": {"breaking": description.breaking, "weights": dict(description.weights or ())} if known else None,
        "trainable": description.trainable,
        "trained": description.trained,
        "values": description.values,
        "samples": description.samples,
        "test_samples": description.test_samples,
        "inputs": description.inputs,
        "outputs": description.outputs,
        "goals": description.goals,
        "notes": description.notes,
        "classes": description.classes,
        "problems": [str(problem) for problem in description.problems],
    }


def _co_content(description: Description) -> str:
    """Whether energy-based rules follow the gradient here, and with which weights."""
    if description.breaking:
        return (
            f"none, because of {_listed(description.breaking)}: energy-based rules follow the gradient with "
            "reciprocal=correct only"
        )
    nodes: dict[str, list[str]] = {}
    for name, weight in description.weights or ():
        nodes.setdefault(f"{weight:.4g}", []).append(name)
    weighted = "; ".join(f"{weight} at {_listed(tuple(names))}" for weight, names in nodes.items())
    return f"weighted: {weighted}; 1 elsewhere" if weighted else "yes"


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "none"
    more = f", ... ({len(names)} in all)" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def spectrum_rows(found: Spectrum) -> Iterator[tuple[str, str]]:
    """A spectrum in a few lines, as pairs of a heading and a line."""
    soft = ", ".join(shown(value) for value in found.stiffness[:SHOWN])
    yield "stiffness", f"{len(found.stiffness)} modes of {shown(found.stiffness[0])} to {shown(found.stiffness[-1])} S"
    yield "soft modes", f"{soft} S"
    if len(found.curvature):
        yield "dimension", f"{found.dimension:.3g} of the response to the data"
        yield "curvature", ", ".join(shown(value) for value in found.curvature[:SHOWN])
    for heading, names, values in (
        ("susceptible", found.nodes, found.susceptibility),
        ("responsive", found.parameters, found.response),
        ("important", found.parameters, found.importance),
    ):
        if np.isnan(values).all():
            continue
        order = np.argsort(-np.nan_to_num(values, nan=-np.inf))[:SHOWN]
        yield heading, ", ".join(f"{names[int(k)]} ({values[k]:.3g})" for k in order)
    if not len(found.curvature):
        more = "" if found.parameters and not np.isnan(found.response).all() else "; *@output, what responds"
        yield "no data", f"which would tell the curvature of the cost, the dimension and what is important{more}"


def spectrum_values(found: Spectrum) -> dict[str, Any]:
    """A spectrum as plain values."""
    return {entry.name: getattr(found, entry.name) for entry in fields(found)}
