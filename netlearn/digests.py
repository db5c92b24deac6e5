"""What tells netlists, data and settings from others by what is in them."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable
from uuid import uuid4

import numpy as np

from netlearn.learn.table import Table
from netlearn.netlist.netlist import Netlist


def same_data(data: object, other: object) -> bool:
    """Whether data are the same: a path, or the very same object."""
    return data is other or (isinstance(data, str | os.PathLike) and data == other)


def identity(value: object) -> str:
    """What tells an object of a class of one's own from others, besides its options; nothing for netlearn's own."""
    if type(value).__module__.partition(".")[0] in ("netlearn", "builtins"):
        return ""
    try:
        return digest([pickle.dumps(value)])
    except Exception:
        # What cannot be pickled says it in words at the best, and else is never the same again.
        return f"{value!r} {uuid4().hex}"


def pickles(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def bytes_of(table: Table) -> Iterable[bytes]:
    for name in sorted(table.columns):
        yield name.encode("utf-8", "surrogateescape") + np.ascontiguousarray(table.columns[name]).tobytes()
    if table.labels is not None:
        yield "\n".join(table.labels.tolist()).encode("utf-8", "surrogateescape")


def texts_of(netlist: Netlist) -> Iterable[str]:
    """The netlist and all that it includes."""
    yield str(netlist)
    for included in netlist.includes.values():
        yield from texts_of(included)


def digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()
