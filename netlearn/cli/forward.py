"""What finds operating points, as an option: a simulator, or where a command takes one a chip in the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from netlearn.chips.chip import RETRIES, TIMEOUT
from netlearn.chips.solver import WHERE
from netlearn.cli.combinations import refuse
from netlearn.errors import OptionError, did_you_mean
from netlearn.solve.internal import InternalSolver
from netlearn.solve.operating_point import Solver
from netlearn.solve.threads import VARIABLE, set_threads

Command = TypeVar("Command", bound=Callable[..., Any])

SIMULATORS = ("internal", "ngspice")
CHIPS = ("command:", "python:")


class ForwardName(click.ParamType):  # type: ignore[type-arg]
    """The name of a simulator, or where ``chips`` can be measured one of these."""

    name = "forward"

    def __init__(self, chips: bool) -> None:
        self.chips = chips

    def get_metavar(self, *_: Any, **__: Any) -> str:
        """What the help shows."""
        chips = "|command:PROGRAM|python:MODULE:FUNCTION" if self.chips else ""
        return f"[{'|'.join(SIMULATORS)}{chips}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself. Raises OptionError for another one."""
        if value in SIMULATORS or (self.chips and value.startswith(CHIPS)):
            return value
        if value.startswith(CHIPS):
            raise OptionError("this needs operating points, and a chip gives outputs alone", hint=WHERE)
        known = (*SIMULATORS, *(CHIPS if self.chips else ()))
        raise OptionError(f"there is no forward '{value}'", hint=did_you_mean(value, known))


def _forward(chips: bool) -> Callable[[Command], Command]:
    loop = ", or a chip in the loop, of which outputs alone are read" if chips else ""
    return click.option(
        "--forward",
        type=ForwardName(chips),
        default="internal",
        show_default=True,
        help=f"What finds the operating points{loop}.",
    )


flat_option = click.option(
    "--flat", is_flag=True, help="Give ngspice the flat circuit as netlearn reads it, instead of the netlist's text."
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    expose_value=False,
    callback=lambda _, __, count: set_threads(count),
    help=f"Threads of the internal solver, which do not change the result [all cores, or {VARIABLE}].",
)


def _timeout(of: str) -> Callable[[Command], Command]:
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help=f"How long {of}.",
    )


timeout = _timeout("ngspice may take for one sample")
processes = click.option(
    "--processes", type=click.IntRange(min=1), metavar="N", help="How many processes run ngspice [by the samples]."
)
_retries = click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=RETRIES,
    show_default=True,
    metavar="N",
    help="How often in a row a chip that did not answer, or ended, is asked for the same samples again.",
)


def forward_option(command: Command) -> Command:
    """What finds the operating points, and in how many threads."""
    return _forward(False)(flat_option(threads_option(command)))


def forward_by_name(command: Command) -> Command:
    """The same where the solver is opened elsewhere, as in other processes."""
    return _forward(False)(threads_option(command))


def forward_or_chip(command: Command) -> Command:
    """What finds the operating points or gives the outputs, in how many threads, and what limits it."""
    limits = _timeout("ngspice may take for one sample, or a chip for its next answer")
    return _forward(True)(flat_option(threads_option(limits(_retries(processes(command))))))


def chip_by_name(command: Command) -> Command:
    """The same where simulators are opened elsewhere, as in other processes."""
    limits = _timeout("a chip may take for its next answer")
    return _forward(True)(threads_option(limits(_retries(command))))


@contextmanager
def solver(
    forward: str,
    timeout: float,
    processes: int | None,
    *,
    flat: bool,
    retries: int = RETRIES,
    gradients: bool = False,
) -> Iterator[Solver]:
    """The solver that the options name. Ends ngspice's processes, or the chip, afterwards.

    Where ``gradients`` are wanted, netlearn's own threads work them out, wherever the operating points come from.
    """
    if flat and forward != "ngspice":
        raise OptionError("--flat says what ngspice is given", hint="add --forward ngspice")
    _check_limits(forward)
    if forward != "internal" and not gradients:
        refuse("--threads", beside="on " + forward, hint="it is about the internal solver: leave it out")
    if forward == "internal":
        yield InternalSolver()
        return
    if forward.startswith(CHIPS):
        with _chip(forward, timeout, retries) as chip:
            yield chip
        return
    # What runs ngspice takes a while to import, and most runs have no use for it.
    from netlearn.ngspice.own_text import TextSolver
    from netlearn.ngspice.solver import NgspiceSolver

    kind = NgspiceSolver if flat else TextSolver
    with kind(timeout=timeout, processes=processes) as found:
        yield found


def _check_limits(forward: str) -> None:
    """Raise OptionError for an option about something else than what the operating points come from."""
    if forward == "internal":
        hint = "add --forward ngspice, or leave it out"
        refuse("--timeout", "--processes", "--retries", beside="on the internal solver", hint=hint)
        return
    refuse("--solver", "--sweeps", beside="on " + forward, hint="these are of the internal solver: leave it out")
    if forward == "ngspice":
        refuse("--retries", beside="on ngspice", hint="it is about a chip: leave it out")
    else:
        refuse("--processes", beside="on a chip", hint="there is one chip: leave it out")


@contextmanager
def named_or_chip(forward: str, timeout: float, retries: int) -> Iterator[str | Solver]:
    """The name of a simulator, or the chip."""
    if forward.startswith(CHIPS):
        with _chip(forward, timeout, retries) as chip:
            yield chip
        return
    if timeout != TIMEOUT or retries != RETRIES:
        name = "--timeout" if timeout != TIMEOUT else "--retries"
        raise OptionError(f"{name} is about a chip here", hint="add --forward command:PROGRAM, or leave it out")
    yield forward


def _chip(forward: str, timeout: float, retries: int) -> Any:
    from netlearn.solvers import chip_of

    return chip_of(forward, timeout, retries)
