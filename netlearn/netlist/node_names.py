"""What a node is called by the word that names it."""

from __future__ import annotations

import re


def node_name(text: str) -> str:
    """What a word that names a node calls it: in lower case, and without quotes around it, which ngspice drops.

    Quotes around more than one word stay.

    >>> node_name('"/VIN"'), node_name('"a b"')
    ('/vin', '"a b"')
    """
    inside = text[1:-1]
    quoted = text[0] == text[-1] == '"' and inside and not re.search(r'[\s,()"]', inside)
    return (inside if quoted else text).lower()
