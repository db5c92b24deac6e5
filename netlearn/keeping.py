"""What a training run leaves on the disk, and that it leaves it whatever happens."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from netlearn.atomic import Destination, check_output, write_together
from netlearn.errors import CheckFailed, ChipError, NetlearnError, NgspiceError, OutputError, warn
from netlearn.interrupts import shielded
from netlearn.learn.checkpoint import check_checkpoint, is_checkpoint, save_checkpoint
from netlearn.learn.state import TrainingState
from netlearn.learn.task import Task
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.output_check import check_netlist_output

SAVE_EVERY = 60.0
"""Seconds between the checkpoints of a run that goes well, by convention: what a crash may cost."""


@dataclass
class Keeper:
    """Keeps the state of a training run: now and then, when it is interrupted or fails, and at the end.

    ``trained`` gives the netlist with the best values of a state.
    """

    task: Task
    trained: Callable[[TrainingState], Netlist]
    out: Destination | None = None
    checkpoint: Destination | None = None
    resume: bool = False
    written: tuple[Path, ...] = field(default=(), init=False)
    """The files that were written at the end, the netlist last."""
    _state: TrainingState | None = field(default=None, init=False)
    _saved: float = field(default_factory=time.monotonic, init=False)

    def check(self, start: TrainingState, inputs: tuple[str, ...]) -> None:
        """Find out before training whether everything can be written, and that no input is. Raises OutputError."""
        if self.out is not None:
            # Every value another one, so that all the files are named that training may change.
            moved = replace(start, best=None, aimed=None, theta=1.37 * start.theta + 1.0)
            check_netlist_output(self.out, self.trained(moved), inputs)
        if self.checkpoint is not None:
            self.checkpoint.check_unread(inputs)
            path = self.checkpoint.path
            check_output(path, follow=self.checkpoint.named)
            check_checkpoint(path, replaced=self.resume or self.checkpoint.named or self.checkpoint.force)

    def __call__(self, state: TrainingState) -> None:
        """Note the state after a step, and save a checkpoint if the last one is old."""
        self._state = state
        now = time.monotonic()
        if self.checkpoint is not None and now - self._saved > SAVE_EVERY:
            self._saved = now
            try:
                self.save(state)
            except OutputError as error:
                # Perhaps there is room again when the next one is due.
                warn(f"no checkpoint was saved: {error.message}")

    def save(self, state: TrainingState) -> None:
        """Save a checkpoint. Raises OutputError."""
        if self.checkpoint is not None:
            with shielded():
                save_checkpoint(self.checkpoint.path, self.task, state, follow=self.checkpoint.named)

    def interrupted(self, state: TrainingState) -> None:
        """Save a checkpoint, in the folder for temporary files if it must be. Raises OutputError."""
        try:
            self.save(state)
        except OutputError as error:
            assert self.checkpoint is not None
            with shielded():
                path = _elsewhere(self.checkpoint.path)
                save_checkpoint(path, self.task, state)
            error.hint = f"the run is kept in '{path}'; continue it with --resume --checkpoint '{path}'"
            raise

    def finish(self, state: TrainingState) -> Netlist:
        """Write the trained netlist, and remove the checkpoint that has become useless.

        Where it cannot be written any more, it is written into the folder for temporary files.
        Raises OutputError then.
        """
        netlist = self.trained(state)
        if self.out is None:
            return netlist
        with shielded():
            try:
                self.written = tuple(netlist.save(self.out.path, force=self.out.force, follow=self.out.named))
            except NetlearnError as error:
                path = _elsewhere(self.out.path)
                # As it would be in its own place, so that it can be moved there.
                files = netlist.outputs(self.out.path, force=True, follow=self.out.named)
                write_together([(path.with_name(file.name), data, False) for file, data in files])
                error.hint = f"the trained netlist is in '{path}' instead"
                error.exit_code = CheckFailed.exit_code
                raise
            if self.checkpoint is not None and is_checkpoint(self.checkpoint.path):
                self.checkpoint.path.unlink()
        return netlist

    @contextmanager
    def whatever_happens(self) -> Iterator[None]:
        """Where training fails, keep what it came to: the best values as a netlist, and the state in a checkpoint."""
        try:
            yield
        except BaseException as error:
            if self._state is not None:
                self._rescue(self._state, error)
            raise

    def _rescue(self, state: TrainingState, error: BaseException) -> None:
        kept = []
        if self.out is not None and state.best is not None and isinstance(error, NetlearnError):
            with suppress(NetlearnError):
                self.finish(state)
                kept.append(f"the best values until then are in '{self.out.path}'")
        # What the circuit or the settings brought about would come again.
        if self.checkpoint is not None and not (kept and not isinstance(error, NgspiceError | ChipError)):
            with suppress(NetlearnError):
                self.save(state)
                kept.append(f"--resume goes on from '{self.checkpoint.path}'")
        if isinstance(error, NetlearnError) and kept:
            error.hint = "; ".join(filter(None, (error.hint, *kept)))
            # As a file has been written.
            error.exit_code = CheckFailed.exit_code


@contextmanager
def after_training(out: Destination | None) -> Iterator[None]:
    """Say in errors that come after training that its values are written."""
    try:
        yield
    except NetlearnError as error:
        if out is not None:
            error.hint = "; ".join(filter(None, (error.hint, f"the trained netlist is in '{out.path}'")))
            error.exit_code = CheckFailed.exit_code
        raise


def _elsewhere(path: Path) -> Path:
    """A place of the same name in a new folder for temporary files."""
    return Path(tempfile.mkdtemp(prefix="netlearn-")) / path.name
