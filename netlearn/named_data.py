"""Data that a netlist names, read from where it may be."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from netlearn.errors import DataError, NetlearnError, Place
from netlearn.learn.files import read_table
from netlearn.learn.samples import Unnamed
from netlearn.learn.table import Table
from netlearn.netlist.files import shown_path
from netlearn.netlist.netlist import Netlist


@contextmanager
def placed(place: Place | None) -> Iterator[None]:
    """Errors that have no place get this one."""
    try:
        yield
    except NetlearnError as error:
        if error.place is None:
            error.place = place
        raise


def read_named(netlist: Netlist, named: str, places: Mapping[str, Place], unnamed: Unnamed) -> Table:
    """Data that the netlist names: read only from the folders from which it may include files.

    A netlist may come from a stranger, and an error message would show what is in a file.
    """
    folder = netlist.files.origin
    path = Path(os.path.realpath(folder / named))
    place = places.get(f"data {named}", places.get("data test", places.get("data")))
    roots = (folder, *(Path(os.path.realpath(root)) for root in netlist.files.allow))
    if not any(path.is_relative_to(root) for root in roots):
        allowed = f"--allow-include {shlex.quote(shown_path(path.parent))}"
        hint = f"give the file as an option, or if you trust this netlist allow its folder: {allowed}"
        raise DataError(f"the data file '{named}' is outside the netlist's folder", place, hint)
    with placed(place):
        return read_table(Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path, unnamed)
