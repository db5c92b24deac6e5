"""Finding out before the work, not after, whether a netlist can be written."""

from __future__ import annotations

import os
from collections.abc import Iterable

from netlearn.atomic import Destination, check_output
from netlearn.netlist.netlist import Netlist


def check_netlist_output(
    target: Destination, changed: Netlist, inputs: Iterable[str | os.PathLike[str] | None] = ()
) -> None:
    """Check that a netlist can be written with the copies of what it includes, and over none of the ``inputs``.

    ``changed`` is the netlist with another value wherever the work may change one, so that it names all the copies.
    Raises OutputError.
    """
    target.check_unread(path for path in inputs if path is not None)
    *copies, (path, data) = changed.outputs(target.path, force=target.force)
    check_output(path, follow=target.named, size=len(data))
    for copy, content in copies:
        check_output(copy, follow=False, size=len(content))
