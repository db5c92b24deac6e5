"""Stretches of a file that are no SPICE text: encrypted ones, and those in Spectre's language."""

from __future__ import annotations

import re

# PSpice marks what it has encrypted by comments, LTspice by the first line of a file.
_ENCRYPTED = re.compile(r"\$CDNENCSTART|\*[ \t]*LTspice Encrypted File", re.IGNORECASE)
_ENDS = {
    "$": re.compile(r"^[ \t]*\$CDNENCFINISH[^\r\n]*", re.IGNORECASE | re.MULTILINE),
    "*": re.compile(r"^[ \t]*\*[ \t]*End\b[^\r\n]*", re.IGNORECASE | re.MULTILINE),
}
FOREIGN = re.compile(r"simulator\s|subckt|parameters|end|statistics", re.IGNORECASE)
"""What lines of other languages begin with, as those of few elements do."""
_LANGUAGE = re.compile(r"simulator\s+lang\s*=\s*(\w+)", re.IGNORECASE)
_BACK_TO_SPICE = re.compile(r"^[ \t]*simulator\s+lang\s*=\s*spice\b[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_WITHOUT_DOT = re.compile(r"(subckt|parameters|endlibrary|endsection|statistics|ends)(?=\s|\Z)", re.IGNORECASE)


def encrypted_end(text: str, start: int) -> int | None:
    """Where the encrypted stretch ends that begins at ``start``; None if none does."""
    if _ENCRYPTED.match(text, start) is None:
        return None
    end = _ENDS[text[start]].search(text, start + 1)
    return end.end() if end else len(text)


def language(line: str) -> str:
    """What a ``simulator lang=...`` line names, in lower case; empty for any other line."""
    match = _LANGUAGE.match(line)
    return match[1].lower() if match else ""


def spectre_end(text: str, start: int) -> int:
    """Where Spectre's language ends that begins at ``start``: before a line that goes back to SPICE, or at the end."""
    back = _BACK_TO_SPICE.search(text, start)
    return back.start() if back else len(text)


def spectre_card(line: str) -> str:
    """The word that begins a line of Spectre's language, which has no dot before it; empty for other lines."""
    match = _WITHOUT_DOT.match(line)
    return match[1] if match else ""
