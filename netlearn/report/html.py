"""What notebooks show of results: small tables and a picture.

All text is escaped, as a stranger may have written it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from html import escape
from itertools import islice
from pathlib import Path

from netlearn.report.style import style

# isort: split
import numpy as np
from matplotlib.figure import Figure

from netlearn.circuit.circuit import Circuit
from netlearn.errors import NetlearnError, visible
from netlearn.netlist.netlist import Netlist
from netlearn.report.answers import draw_answers
from netlearn.report.crossbars import draw_crossbar, is_crossbar
from netlearn.report.figure import training_figure
from netlearn.report.network import draw_network
from netlearn.report.subject import Subject
from netlearn.report.summary import (
    description_rows,
    evaluation_lines,
    sample_rows,
    training_lines,
)
from netlearn.report.sweep import sweep_rows
from netlearn.report.tables import shown
from netlearn.results import Description, Evaluation, TrainResult
from netlearn.solve.operating_point import OperatingPoint
from netlearn.sweeps import Sweep

ROWS = 12
"""Rows of a table that are shown, by convention."""
COLUMNS = 8
"""Columns of a table that are shown, by convention: they fit on a page."""
DRAWN = 20_000
"""Elements beyond which no picture is made unasked, by convention: it would take seconds, and nothing would be seen."""
RESOLUTION = 80
"""Dots per inch of a picture, by convention."""


@singledispatch
def html_of(thing: object) -> str:
    """HTML of a netlist, a circuit, an operating point, a training, an evaluation, a description or a sweep."""
    return f"<pre>{_text(repr(thing))}</pre>"


@html_of.register
def _(netlist: Netlist) -> str:
    counts: dict[str, int] = {}
    for name in netlist.elements:
        counts[name[:1].upper()] = counts.get(name[:1].upper(), 0) + 1
    rows = [("elements", ", ".join(f"{count} {letter}" for letter, count in sorted(counts.items())) or "none")]
    rows += [("*@", line.text.text) for line in netlist.directives if not line.text.text.startswith("position")][:ROWS]
    try:
        subject = Subject.of(netlist)
    except NetlearnError as error:
        return _whole(Path(netlist.source.path).name, _pairs([*rows, ("problem", error.message)]))
    return _whole(Path(netlist.source.path).name, _pairs(rows), _network(subject))


@html_of.register
def _(circuit: Circuit) -> str:
    counts = ", ".join(f"{len(group)} {group.device.name}" for group in circuit.groups if len(group))
    rows = [("elements", counts or "none"), ("nodes", f"{len(circuit.nodes)} besides ground")]
    return _whole("circuit", _pairs(rows), _network(Subject(circuit)))


@html_of.register
def _(point: OperatingPoint) -> str:
    names = [*(f"v({name})" for name in point.circuit.nodes), *(f"i({name})" for name in point.circuit.branches)]
    samples = point.x[: COLUMNS - 1].T
    head = ["", *(f"sample {k + 1}" for k in range(samples.shape[1]))] if len(point.x) > 1 else ["", "value"]
    rows = [[name, *(f"{value:.6g}" for value in row)] for name, row in zip(names, samples.tolist(), strict=True)]
    return _whole(repr(point).strip("<>"), _table(head, rows, len(point.x) - samples.shape[1]))


@html_of.register
def _(result: TrainResult) -> str:
    lines = [line.split(None, 1) for line in list(training_lines(result))[1:]]
    title, rows = Path(result.netlist.source.path).name, [(pair[0], pair[-1]) for pair in lines]
    return _whole(title, _text(next(iter(training_lines(result)))), _pairs(rows), _image(training_figure(result)))


@html_of.register
def _(evaluation: Evaluation) -> str:
    rows = [(pair[0], pair[-1]) for pair in (line.split(None, 1) for line in evaluation_lines(evaluation))]
    columns, samples = sample_rows(evaluation)
    table = _table(columns, [[shown(cell) for cell in row] for row in islice(samples, ROWS)], 0, len(evaluation))
    return _whole("evaluation", _pairs(rows), _drawn(lambda axes: draw_answers(axes, evaluation)), table)


@html_of.register
def _(description: Description) -> str:
    rows = [*description_rows(description), *(("problem", problem.message) for problem in description.problems)]
    return _whole(Path(description.netlist.source.path).name, _pairs(rows))


@html_of.register
def _(sweep: Sweep) -> str:
    columns, rows = sweep_rows(sweep)
    return _whole(repr(sweep).strip("<>"), _table(columns, [[shown(cell) for cell in row] for row in rows]))


def _network(subject: Subject) -> str:
    circuit = subject.circuit
    if not 0 < sum(map(len, circuit.groups)) <= DRAWN:
        return ""
    if is_crossbar(circuit):
        return _drawn(lambda axes: draw_crossbar(axes, circuit))
    return _drawn(lambda axes: draw_network(axes, circuit, positions=subject.positions, outputs=subject.outputs))


@style()
def _drawn(draw: Callable[..., None]) -> str:
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    draw(figure.subplots())
    return _image(figure)


@style()
def _image(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=RESOLUTION)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode("ascii")}">'


def _whole(title: str, *parts: str) -> str:
    return "\n".join([f"<div><b>{_text(title)}</b>", *(f"<div>{part}</div>" for part in parts if part), "</div>"])


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    cells = (
        f'<tr><th style="text-align:left">{_text(a)}</th><td style="text-align:left">{_text(b)}</td></tr>'
        for a, b in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], more: int = 0, count: int | None = None) -> str:
    """A table of which the first rows and columns are shown; ``more`` columns were left out before."""
    wide = len(columns) - COLUMNS - 1
    shown_columns = list(range(len(columns))) if wide <= 0 else [*range(COLUMNS)]
    head = "".join(f"<th>{_text(columns[k])}</th>" for k in shown_columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(row[k])}</td>" for k in shown_columns) + "</tr>" for row in rows[:ROWS]
    )
    total = len(rows) if count is None else count
    left = [f"{total - ROWS} more rows"] if total > ROWS else []
    left += [f"{max(wide, 0) + more} more columns"] if wide > 0 or more > 0 else []
    return f"<table><tr>{head}</tr>{body}</table>{_text(', '.join(left))}"


def _text(value: object) -> str:
    said = f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
    return escape(visible(said[:500]))
