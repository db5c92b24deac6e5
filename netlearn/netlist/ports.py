"""The ports of XSPICE's code models: ``%vd[a b]``, ``%vnam(V1)``, ``~clock``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netlearn.netlist.statements import Word

_PORT = re.compile(r"%\w+|[^\s\[\](){}~,%]+")


def ports(words: Iterable[Word]) -> Iterator[tuple[Word, bool]]:
    """What is connected by a code model's words, and whether it is the source whose current a port reads, not a node.

    Kinds of ports and ``null``, which is no connection, are left out.
    """
    kind = ""
    for word in words:
        for piece in _PORT.finditer(word.text):
            if piece[0].startswith("%"):
                kind = piece[0].lower()
            elif piece[0].lower() != "null":
                yield Word(piece[0], word.start + piece.start(), word.start + piece.end()), kind == "%vnam"
