"""Progress of long work, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from netlearn.comparison import Outcome
from netlearn.discrete.told import told_of_search
from netlearn.learn.state import Callback
from netlearn.learn.state import Progress as Step
from netlearn.solve.compiled.load import being_compiled, told_of_compiling
from netlearn.sweeps import Record

SEARCHING = "searching for parts, operating points"


@contextmanager
def training_progress(quiet: bool) -> Iterator[Callback | None]:
    """A callback that draws a bar on the standard error output; None where nobody would see it."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.fields[doing]}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("", total=None, doing="preparing", figures="")

        def step(progress: Step) -> None:
            bar.update(
                line,
                total=progress.epochs * progress.steps,
                completed=progress.epoch * progress.steps + progress.step % progress.steps,
                doing=f"epoch {progress.epoch}/{progress.epochs}{', compiling meanwhile' * being_compiled()}",
                figures=f"loss {progress.record.loss:.4g}  best {progress.best:.4g}",
            )

        def searched(solved: int, budget: int) -> None:
            bar.update(line, total=budget, completed=solved, doing=SEARCHING, figures=f"{solved}/{budget}")

        def compiling() -> None:
            bar.update(line, doing="compiling, once on this machine")

        with told_of_compiling(compiling), told_of_search(searched):
            yield step


@contextmanager
def search_progress(quiet: bool) -> Iterator[None]:
    """A bar for a search for parts while the context lasts, where somebody sees it."""
    with _counted(quiet) as told:
        if told is None:
            yield
            return
        with told_of_search(lambda solved, budget: told(SEARCHING, solved, budget)):
            yield


@contextmanager
def comparison_progress(quiet: bool) -> Iterator[Callable[[Outcome, int, int], None] | None]:
    """The same for the runs of a comparison."""
    with _counted(quiet) as told:
        yield None if told is None else lambda outcome, done, total: told(outcome.run.text, done, total)


@contextmanager
def sweep_progress(quiet: bool) -> Iterator[Callable[[Record, int, int], None] | None]:
    """The same for the trainings of a sweep."""
    with _counted(quiet) as told:
        yield None if told is None else lambda record, done, total: told(f"seed {record['seed']}", done, total)


@contextmanager
def _counted(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("training", total=None)
        yield lambda said, done, total: bar.update(line, description=said, completed=done, total=total)
