"""Workers on this machine or on others, by Dask: its own retries, its own dashboard."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from netlearn.argument_types import checked
from netlearn.errors import NetlearnError, OptionError
from netlearn.executors import SAME
from netlearn.working_folder import ignoring

PATIENCE = 20.0
"""Seconds that a scheduler may take to answer, by convention: one that runs answers within a second."""
START = 300.0
"""Seconds that one of this machine may take, by convention: it may be busy with other things, and none that starts
takes minutes."""
_ADDRESS = re.compile(r"inproc://.+|(\w+://)?.+:\d{1,5}/?")
"""What an address is like: to others distributed answers with a traceback when the process ends."""
_CONFIGURATION = ("dask.yaml", "dask.yml", "distributed.yaml", "distributed.yml")


@checked
@contextmanager
def cluster(scheduler: str | None = None, *, workers: int | None = None) -> Iterator[Executor]:
    """Workers as an executor, to be given to :func:`netlearn.sweep`, :func:`netlearn.train` and the like.

    Parameters
    ----------
    scheduler : the address of a running Dask scheduler, such as ``tcp://host:8786``. Its workers need the same
        version of netlearn, or the numbers would not be those of this machine.
    workers : instead, so many processes on this machine. One that is killed is replaced, and its work done again.

    The ``address`` of the executor is the scheduler's, and its ``dashboard`` that of Dask's pages about the work, if
    Dask has what they need.

    Raises OptionError where Dask is not installed or not exactly one of the two is given, and NetlearnError for a
    scheduler that does not answer, has no workers, or has some without netlearn.

    >>> import netlearn
    >>> with netlearn.cluster(workers=2) as executor:  # doctest: +SKIP
    ...     found = netlearn.sweep("net.cir", vary={"optimizer.lr": [0.01, 0.1]}, executor=executor)
    """
    if (scheduler is None) == (workers is None):
        raise OptionError("a cluster is either a scheduler's or one of this machine", hint="give one of the two")
    if workers is not None and workers < 1:
        raise OptionError(f"a cluster needs at least one worker, not {workers}")
    if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
        raise OptionError(f"'{scheduler}' is no address of a scheduler", hint="such as tcp://host:8786")
    distributed = _distributed()
    with ExitStack() as stack:
        address = scheduler if workers is None else stack.enter_context(_local(distributed, workers))
        try:
            client = stack.enter_context(
                distributed.Client(address, timeout=PATIENCE if workers is None else START, set_as_default=False)
            )
        except Exception as error:
            # What is no address has the library fail in many ways, not all of which say anything.
            said = f"no scheduler answers at '{scheduler}' ({str(error) or type(error).__name__})"
            raise NetlearnError(said, hint="start one with 'dask scheduler', or --local-cluster N") from None
        check_workers(client, scheduler)
        executor = client.get_executor(pure=False)
        executor.address = client.scheduler.address
        executor.dashboard = client.dashboard_link if importlib.util.find_spec("bokeh") else ""
        yield executor


@contextmanager
def _local(distributed: Any, workers: int) -> Iterator[Any]:
    """Processes here, with their files in a folder of their own, that import nothing from the working one."""
    before = os.environ.get("PYTHONSAFEPATH")
    with tempfile.TemporaryDirectory(prefix="netlearn-dask-") as folder:
        # For those that replace killed ones, too.
        os.environ["PYTHONSAFEPATH"] = "1"
        try:
            with distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                local_directory=folder,
                # How much memory there is, the system says.
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            ) as found:
                yield found
        finally:
            if before is None:
                del os.environ["PYTHONSAFEPATH"]
            else:
                os.environ["PYTHONSAFEPATH"] = before


def _distributed() -> Any:
    try:
        with ignoring(*_CONFIGURATION):
            return import_module("distributed")
    except ImportError:
        raise OptionError("clusters take Dask", hint="pip install 'netlearn[dask]'") from None


def check_workers(client: Any, scheduler: str | None) -> None:
    """Raise NetlearnError where a scheduler has no workers, or one has not the same netlearn."""
    if not client.scheduler_info()["workers"]:
        raise NetlearnError(f"the scheduler at '{scheduler}' has no workers", hint="start some with 'dask worker'")
    # Functions that every Python has, as those of netlearn could not be sent to one without it.
    for function, argument in ((importlib.util.find_spec, "netlearn.sweeps"), (importlib.metadata.version, "netlearn")):
        for worker, found in client.run(function, argument, on_error="return").items():
            if found is None or isinstance(found, Exception):
                raise NetlearnError(f"the worker at {worker} cannot import netlearn ({found})", hint=SAME)
            if isinstance(found, str) and found != own_version():
                raise NetlearnError(f"the worker at {worker} has netlearn {found}", hint=SAME)


def own_version() -> str:
    """The version of netlearn in this process."""
    return importlib.metadata.version("netlearn")
