"""One page that shows a colleague what was asked of a circuit and what it does."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from netlearn.argument_types import checked
from netlearn.arguments import check_netlist
from netlearn.arrays import Array
from netlearn.atomic import Destination, check_output, write_together
from netlearn.errors import NetlearnError, NgspiceError, NominalWarning, OptionError, visible
from netlearn.evaluation import evaluation_of, notes_of
from netlearn.judge import Judgement, check
from netlearn.learn.data import Dataset, Layout, inputs_of
from netlearn.learn.goals import GoalResult
from netlearn.learn.settings import Settings
from netlearn.learn.table import asked_by
from netlearn.netlist.directives import FILE_OPTIONS
from netlearn.netlist.netlist import Netlist, read
from netlearn.netlist.output_check import read_with
from netlearn.netlist.statements import Kept
from netlearn.overrides import DataLike, NetlistLike, Overrides
from netlearn.project import Project, open_project
from netlearn.report.charts import histogram, losses, wanted_and_got
from netlearn.report.contents import PageContents, Value
from netlearn.report.engineering import engineering
from netlearn.report.schematic import VALUES, schematic
from netlearn.report.stress import stresses
from netlearn.report.tables import shown
from netlearn.results import Evaluation, TrainResult, load_run
from netlearn.solve.operating_point import OperatingPoint
from netlearn.tolerances.analysis import OutputSpread, tolerance

LISTED = 40
"""Rows of a table of values or samples, by convention; there are no more than so many, and the rest is counted."""
DRAWN = 6
"""Outputs whose distributions are drawn, by convention."""
SHARE = 5e-4
"""Shares of a spread below this are not shown, by convention: nothing would be seen of their bars."""
JUDGED = 40
"""Samples that ngspice is asked about, by convention: a report is not to take minutes, and 'netlearn check' asks about
all."""
STRESSED = 2000
"""Samples whose powers are looked at, by convention: a report is not to take minutes."""


@dataclass(frozen=True)
class Report:
    """A page of HTML that needs nothing else, and the files that were written."""

    html: str
    written: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"<report: {len(self.html)} characters of HTML>"


@checked
def write_report(
    source: NetlistLike | TrainResult,
    out: Destination | str | os.PathLike[str] | None = None,
    *,
    pdf: Destination | str | os.PathLike[str] | None = None,
    before: NetlistLike | None = None,
    data: DataLike | None = None,
    draws: int = 2000,
    ngspice: bool = True,
    allow: Sequence[str | os.PathLike[str]] = (),
    **settings: Unpack[Overrides],
) -> Report:
    """A page about a netlist or a training run: goals, outputs, values, loss, tolerances, stress and ngspice's view.

    Parameters
    ----------
    source : a netlist, the path of one, the result of a training, or a folder that ``save_run`` wrote.
    out : a file for the page; it needs no other file, and nothing from the network.
    pdf : a file for the same on paper; it takes ``pip install netlearn[pdf]``.
    before : the netlist as it was, where ``source`` is not a training that knows.
    data : the samples; else those that the netlist names.
    draws : of the tolerances, if there are any.
    ngspice : whether it is asked what it finds; where it is missing, the page says so.
    allow : folders that netlists may include files from, too.
    settings : as for :func:`netlearn.train`.

    Raises OptionError for a rating or a tolerance of nothing, and where ``pdf`` cannot be made; OutputError; and
    what reading and solving raise.
    """
    page, paper = Destination.of(out), Destination.of(pdf)
    for place in filter(None, (page, paper)):
        check_output(place.path, follow=place.named)
    maker = None if paper is None else _pdf_maker()
    netlist, result, former = _opened(source, before, allow)
    for place in filter(None, (page, paper)):
        place.check_unread(read_with(netlist))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NominalWarning)
        contents = _gathered(netlist, result, former, _Request(data, draws, ngspice, settings))
    html = _rendered(contents)
    files = []
    if page is not None:
        files.append((page.path, html.encode("utf-8"), page.named))
    if paper is not None and maker is not None:
        files.append((paper.path, maker(html), paper.named))
    write_together(files)
    return Report(html, tuple(path for path, _, _ in files))


def _opened(
    source: NetlistLike | TrainResult, before: NetlistLike | None, allow: Sequence[str | os.PathLike[str]]
) -> tuple[Netlist, TrainResult | None, Netlist | None]:
    """The netlist, the training that it comes from if that is known, and the netlist before."""
    if before is not None:
        check_netlist(before)
    former = before if before is None or isinstance(before, Netlist) else read(before, allow)
    if isinstance(source, TrainResult):
        return source.netlist, source, former
    check_netlist(source)
    if isinstance(source, Netlist):
        return source, None, former
    if Path(source).is_dir():
        result = load_run(source, allow)
        return result.netlist, result, former
    return read(source, allow), None, former


@dataclass(frozen=True)
class _Request:
    """What the page is to be about besides the netlist."""

    data: DataLike | None
    draws: int
    ngspice: bool
    settings: Mapping[str, Any]


def _gathered(netlist: Netlist, result: TrainResult | None, former: Netlist | None, request: _Request) -> PageContents:
    settings = request.settings
    project = open_project(netlist, request.data, None, settings)
    if result is not None and not settings:
        project = replace(project, settings=with_own_files(result.settings, project.settings))
    first = netlist.statements[0] if netlist.statements else None
    title = ""
    if isinstance(first, Kept) and first.what == "title":
        title = netlist.source.text[first.start : first.end].strip().lstrip("*").strip()
    contents = PageContents(title[:200] or Path(netlist.source.path).name, netlist.source.path)
    point, labels = _measured(project, result, contents)
    contents.values, contents.more_values = _values(project, result, former)
    if result is not None and len(result.history) > 1:
        contents.history = losses([record.loss for record in result.history])
    if former is not None and result is None:
        _loss_before(project, former, contents)
    contents.stress = stresses(point, project.settings.rating, labels)
    _tolerances(project, request, contents)
    if request.ngspice:
        _judged(netlist, request, contents)
    contents.circuit = schematic(project.circuit, project.settings.position)
    return contents


def with_own_files(settings: Settings, own: Settings) -> Settings:
    """Settings of a saved run with files as its netlist names them, which lies in another folder than before."""
    if settings.places:
        # Those of a run in memory know what came from its netlist.
        return settings
    places = {name: place for name, place in own.places.items() if name.split()[0] in FILE_OPTIONS}
    hardware = settings.hardware
    if hardware is not None and own.hardware is not None:
        named = [name for name in FILE_OPTIONS["hardware"] if f"hardware {name}" in places]
        # What was left out when it was trained stays so.
        files = {name: getattr(own.hardware, name) for name in named if getattr(hardware, name) is not None}
        hardware = replace(hardware, **files)
    return replace(settings, data=own.data, hardware=hardware, places=places)


def _measured(project: Project, result: TrainResult | None, contents: PageContents) -> tuple[OperatingPoint, list[str]]:
    """What goals and samples come to, and operating points for the powers."""
    evaluation: Evaluation | None = None
    layout, inputs, labels = Layout((), project.settings.output), np.zeros((1, 0)), [""]
    if project.has_samples or (result is not None and project.data is not None):
        table = project.table
        if project.settings.goal or table.labels is not None or any(asked_by(name) for name in table.columns):
            dataset, layout = project.dataset(table), project.layout
            evaluation = evaluation_of(project.plain_model, project.loss, layout, dataset)
        else:
            layout = project.input_layout(table)
            given = inputs_of(table, layout)
            dataset = Dataset(given, np.zeros((len(given), 0)), table.path, None, tuple(layout.corners))
        inputs, labels = dataset.inputs, [dataset.label(i) for i in range(len(dataset.inputs))]
    model = project.model_of(layout)
    some = np.linspace(0, len(inputs) - 1, min(len(inputs), STRESSED)).astype(int)
    point = model.forward(model.parameters.initial, inputs[some])
    contents.notes = [*(result.notes if result is not None else notes_of(project) if evaluation is not None else ())]
    units = tuple(getattr(model.measured, "units", ("",) * len(layout.outputs)))
    if evaluation is None:
        outputs = model.outputs(point)
        labels = [labels[i] for i in some]
    else:
        outputs = evaluation.outputs
        contents.goals, contents.accuracy = evaluation.goals, evaluation.accuracy
        first = result.history[0].loss if result is not None and result.history else None
        contents.loss = (first, evaluation.loss)
        contents.samples, contents.data = len(evaluation), evaluation.data
    _list_outputs(contents, layout, (outputs, evaluation), units, labels)
    return point, [labels[i] for i in some] if evaluation is not None else labels


def _list_outputs(
    contents: PageContents,
    layout: Layout,
    got: tuple[Array, Evaluation | None],
    units: Sequence[str],
    labels: Sequence[str],
) -> None:
    """The table of samples, and wanted against got where there are enough of them to see something."""
    (outputs, evaluation), contents.output_names = got, layout.outputs
    targets = None if evaluation is None or evaluation.targets.ndim != 2 else evaluation.targets
    # Bands of goals that are the same for all samples say nothing as dots.
    plain = not layout.aims or any(aim.columns for aim in layout.aims)
    asked = targets is not None and targets.shape == outputs.shape
    for s in range(min(len(outputs), LISTED)):
        row = [labels[s] or "as written"]
        for j, unit in enumerate(units):
            text = engineering(float(outputs[s, j]), unit)
            if asked and targets is not None and isfinite(targets[s, j]) and targets[s, j] != outputs[s, j]:
                text += f" (wanted {engineering(float(targets[s, j]), unit)})"
            row.append(text)
        contents.outputs.append(row)
    if evaluation is not None and evaluation.classes:
        contents.output_names = (*layout.outputs, "class", "taken for")
        for s, row in enumerate(contents.outputs):
            wanted = int(evaluation.targets[s])
            row += [evaluation.classes[wanted] if wanted >= 0 else "–", evaluation.classes[evaluation.predictions[s]]]
    contents.more_outputs = max(len(outputs) - LISTED, 0)
    if asked and targets is not None and plain and len(outputs) > 2:
        for j, name in enumerate(layout.outputs[:DRAWN]):
            if np.isfinite(targets[:, j]).any():
                contents.pictures.append(wanted_and_got(targets[:, j], outputs[:, j], units[j], f"{name}: got"))


def _values(project: Project, result: TrainResult | None, former: Netlist | None) -> tuple[list[Value], int]:
    """Values before and after: those that were trained, or that differ from the netlist before."""
    found: list[Value] = []
    if result is not None:
        for value in result.values:
            change = "–" if value.change is None else f"{100 * value.change:+.3g} %"
            unit = _unit(project, value.name)
            words = _number(value.before, unit), _number(value.after, unit)
            found.append(Value(value.name, *words, change, value.at or ""))
        return found[:LISTED], max(len(found) - LISTED, 0)
    if former is None:
        return [], 0
    elements = former.elements
    for name, view in project.netlist.elements.items():
        now, then = view.value, elements[name].value if name in elements else None
        if now == then:
            continue
        both = isinstance(now, float) and isinstance(then, float) and then != 0
        change = f"{100 * (now / then - 1):+.3g} %" if both else "new" if then is None else "–"  # type: ignore[operator]
        words = _number(then, _unit(project, name)), _number(now, _unit(project, name))
        found.append(Value(name, *words, change, ""))
    return found[:LISTED], max(len(found) - LISTED, 0)


def _number(value: object, unit: str) -> str:
    return engineering(value, unit, 6) if isinstance(value, float) else "–" if value is None else str(value)


def _unit(project: Project, name: str) -> str:
    """The unit of an element's own value, as far as it is known."""
    circuit = project.circuit
    if not circuit.has_element(name):
        return ""
    group, _ = circuit.element(name)
    return VALUES.get(circuit.groups[group].device.name, ("", ""))[1]


def _loss_before(project: Project, former: Netlist, contents: PageContents) -> None:
    if contents.loss is None:
        return
    earlier = replace(project, netlist=former, data=project.table, test=None)
    found = evaluation_of(earlier.plain_model, earlier.loss, earlier.layout, earlier.dataset(earlier.table))
    contents.loss = (found.loss, contents.loss[1])


def _tolerances(project: Project, request: _Request, contents: PageContents) -> None:
    design = project.design
    if not (project.settings.tolerance or design.spreading() or design.drawn()) or not contents.output_names:
        return
    found = tolerance(project.netlist, request.data, draws=request.draws, **request.settings)
    contents.tolerances = found
    widest: dict[str, OutputSpread] = {}
    for spread in found.spreads:
        if spread.output not in widest or spread.deviation > widest[spread.output].deviation:
            widest[spread.output] = spread
    bands = _bands(contents.goals)
    for spread in list(widest.values())[:DRAWN]:
        s, j = found.samples.index(spread.sample), found.probes.index(spread.output)
        values = found.outputs[:, s, j]
        ends = tuple(case.value for case in found.worst if case.output == spread.output)
        of = f"{spread.output} in {spread.sample}" if len(found.samples) > 1 else spread.output
        contents.histograms.append(
            histogram(
                values[np.isfinite(values)],
                spread.unit,
                title=of,
                nominal=spread.nominal,
                band=bands.get(_plain(spread.output)),
                ends=(min(ends), max(ends)),
            )
        )
        shares = [(part, share) for part, share in spread.shares.items() if share >= SHARE][:8]
        contents.shares.append((of, shares))


def _bands(goals: Sequence[GoalResult]) -> dict[str, tuple[float, float]]:
    """The band of each goal's probe, where it is the same for all samples as far as is known."""
    return {
        _plain(goal.goal.split(" =")[0].split(" min=")[0].split(" max=")[0].split(" within=")[0]): (goal.low, goal.high)
        for goal in goals
        if goal.low < goal.high
    }


def _plain(name: str) -> str:
    return "".join(name.lower().split())


def _judged(netlist: Netlist, request: _Request, contents: PageContents) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Judgement = check(netlist, request.data, samples=JUDGED, **request.settings)
    except NgspiceError as error:
        contents.judgement_lacks = error.message
        return
    except NetlearnError as error:
        contents.judgement_lacks = f"it could not be asked: {error.message}"
        return
    worst = found.largest_relative
    contents.judgement = {
        "samples": len(found.absolute),
        "unknowns": found.absolute.shape[1],
        "name": worst.name,
        "relative": worst.relative,
        "absolute": found.largest_absolute.absolute,
        "agrees": worst.relative <= 1e-6,
        "goals": [(goal.goal, goal.met) for goal in found.goals],
    }


def _rendered(contents: PageContents) -> str:
    environment = Environment(
        loader=PackageLoader("netlearn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.finalize = lambda value: visible(value) if type(value) is str else value
    environment.filters.update(
        engineering=engineering,
        percent=lambda part: f"{100 * part:.4g} %",
        shown=shown,
        finite=isfinite,
    )
    return environment.get_template("report.html").render(page=contents)


def _pdf_maker() -> Any:
    """From HTML to the bytes of a PDF. Raises OptionError where that cannot be."""
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetchingError
    except (ImportError, OSError) as error:
        hint = "pip install 'netlearn[pdf]', or print the page from a browser"
        raise OptionError(f"a PDF takes weasyprint, which is not there ({error})", hint=hint) from None

    def refuse(url: str, *_: object, **__: object) -> Any:
        raise URLFetchingError(f"'{url}' is not to be fetched")

    def made(html: str) -> bytes:
        return bytes(HTML(string=html, url_fetcher=refuse).write_pdf())

    return made
