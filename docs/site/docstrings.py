"""Docstrings as netlearn writes them, ``name : what it is``, as mkdocstrings reads them."""

from __future__ import annotations

import re
from typing import Any

import griffe

_PARAMETER = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.*)$", re.MULTILINE)
_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n).+)*", re.MULTILINE)
_HEAD = "Parameters\n----------\n"


class OwnLines(griffe.Extension):
    """Puts what a parameter is on lines of its own, as its type stands in the signature, and examples into code blocks.

    What follows on the parameters goes before them, where it is no part of their section.
    """

    def on_object(self, *, obj: Any, **_: Any) -> None:
        if obj.docstring is None:
            return
        text = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
        before, head, after = text.partition(_HEAD)
        if head:
            section, _blank, rest = after.partition("\n\n")
            parts = [before.rstrip(), rest.strip(), head + _PARAMETER.sub(r"\1\n    \2", section)]
            text = "\n\n".join(part for part in parts if part)
        obj.docstring.value = text
