"""Whole figures, drawn without a screen and saved to files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from netlearn.report.style import UNSAFE_FORMATS, as_drawn, style

# isort: split
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from netlearn.atomic import write_atomically
from netlearn.circuit.circuit import Circuit
from netlearn.errors import OptionError
from netlearn.learn.history import Record
from netlearn.report.curves import draw_history
from netlearn.report.network import draw_network


@style()
def training_figure(history: Sequence[Record], circuit: Circuit, name: str = "") -> Figure:
    """The loss falling, and the network that came of it."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    draw_history(left, history, as_drawn(name))
    draw_network(right, circuit, "trained network")
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
