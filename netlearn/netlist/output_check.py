"""Finding out before the work, not after, whether a netlist can be written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from netlearn.atomic import Destination, check_output
from netlearn.netlist.files import unquoted
from netlearn.netlist.named_files import named_files
from netlearn.netlist.netlist import Netlist


def read_with(netlist: Netlist) -> tuple[Path, ...]:
    """The files that are read with a netlist: those that it includes, and those that its directives name."""
    folder = netlist.files.origin
    names = dict.fromkeys(unquoted(word.text) for word in named_files(netlist))
    named = [folder / name for name in names if os.path.isfile(folder / name)]
    main = os.path.realpath(netlist.source.path)
    return (*(path for path in netlist.files.sources if os.path.realpath(path) != main), *named)


def check_netlist_output(
    target: Destination, changed: Netlist, inputs: Iterable[str | os.PathLike[str] | None] = ()
) -> None:
    """Check that a netlist can be written with the copies of what it includes, and over none of the ``inputs``.

    ``changed`` is the netlist with another value wherever the work may change one, so that it names all the copies.
    Raises OutputError.
    """
    target.check_unread([*(path for path in inputs if path is not None), *read_with(changed)])
    # Whoever writes it tells of names that stay.
    *copies, (path, data) = changed.outputs_at(target)[0]
    check_output(path, follow=target.named, size=len(data))
    for copy, content in copies:
        check_output(copy, follow=False, size=len(content))
