"""Patterns of text mean the same in every Python that netlearn supports."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A group, or a pattern that is filled in, repeated without giving anything back.
POSSESSIVE = re.compile(r"[)}](?:[+*?]|\{\{*\d*,?\d*\w*\}*\})\+")


def test_no_group_is_repeated_possessively() -> None:
    """Python up to 3.11.4, that of Debian 12 among them, gets it wrong (gh-106052); atomic groups it gets right."""
    assert POSSESSIVE.search(r"(?:ab|c)++")
    assert POSSESSIVE.search(r"(?:ab|c){2,3}+")
    assert POSSESSIVE.search(r"rf'{_WORD}*+'")
    assert not POSSESSIVE.search(r"(?>(?:ab|c)+)[^x]*+")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (*(ROOT / "grammars").glob("*.lark"), *(ROOT / "netlearn").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if POSSESSIVE.search(line)
    ]
    assert not found
