"""What functions may be given as a netlist and as data."""

from __future__ import annotations

import os

from netlearn.errors import DataError, OptionError
from netlearn.netlist.netlist import Netlist, read
from netlearn.overrides import DataLike, NetlistLike


def with_targets(data: DataLike | None, targets: object) -> DataLike | None:
    """Inputs and targets as one. Raises DataError for targets without inputs, or with a file."""
    if targets is None:
        return data
    if data is None or isinstance(data, str | os.PathLike):
        raise DataError("targets by themselves need inputs in Python", hint="give both, as train(netlist, X, y)")
    return data, targets


def netlist_of(netlist: NetlistLike) -> Netlist:
    """The netlist itself, or the file read. Raises OptionError for what is neither."""
    if isinstance(netlist, Netlist):
        return netlist
    check_netlist(netlist)
    return read(netlist)


def check_netlist(given: object) -> None:
    """Raise OptionError for what is neither a netlist nor the path of one."""
    if not isinstance(given, Netlist | str | os.PathLike):
        graph = hasattr(given, "edges") and hasattr(given, "nodes")
        hint = "netlearn.from_networkx(graph, ...) makes one" if graph else "give a path, or netlearn.parse(text)"
        held = getattr(given, "netlist", None)
        if isinstance(held, Netlist | str):
            hint = "give its .netlist" if isinstance(held, Netlist) else "netlearn.parse(...) makes one of its .netlist"
        raise OptionError(f"a {type(given).__name__} is not a netlist", hint=hint)
