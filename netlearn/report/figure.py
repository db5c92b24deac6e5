"""Whole figures, drawn without a screen and saved to files."""

from __future__ import annotations

import io
from pathlib import Path

from netlearn.report.style import UNSAFE_FORMATS, as_drawn, style

# isort: split
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from netlearn.atomic import write_atomically
from netlearn.errors import OptionError
from netlearn.report.answers import draw_answers
from netlearn.report.crossbars import draw_crossbar, is_crossbar
from netlearn.report.curves import draw_history
from netlearn.report.network import draw_network
from netlearn.report.subject import Subject
from netlearn.results import TrainResult


@style()
def training_figure(result: TrainResult, name: str = "") -> Figure:
    """The loss falling, what is got beside what was wanted, and the network that came of it.

    On the test data, if there are any. A crossbar is drawn as a heat map.
    """
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.3))
    draw_history(left, result.history, as_drawn(name))
    shown = result.train if result.test is None else result.test
    draw_answers(middle, shown, "training data" if result.test is None else "test data")
    subject = Subject.of(result)
    if is_crossbar(subject.circuit):
        draw_crossbar(right, subject.circuit, "trained crossbar")
    else:
        draw_network(right, subject.circuit, "trained network", positions=subject.positions, outputs=subject.outputs)
    return figure


def check_format(path: Path) -> None:
    """Raise OptionError where a file's ending names no format of pictures."""
    known = FigureCanvasBase.get_supported_filetypes().keys() - UNSAFE_FORMATS
    if path.suffix[1:].lower() not in known:
        raise OptionError(f"'{path}' names no format of pictures", hint=f"known endings: {', '.join(sorted(known))}")


@style()
def save_figure(figure: Figure, path: Path, *, follow: bool = True) -> None:
    """Save a figure in the format that the file's ending names, whole or not at all.

    Raises OptionError for an unknown format, and OutputError for what cannot be written.
    """
    check_format(path)
    # No date goes into the file, so that the same figure is the same file.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:].lower(), dpi=150, metadata=metadata)
    write_atomically(path, buffer.getvalue(), follow=follow)
