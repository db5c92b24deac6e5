"""Which files a changed netlist is written to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netlearn.errors import NetlistError
from netlearn.netlist.files import unquoted
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Card

if TYPE_CHECKING:
    from netlearn.netlist.netlist import Netlist


def trained_name(path: str) -> str:
    """``lib/models.inc`` as ``lib/models.trained.inc``, whichever way its folders are separated."""
    cut = max(path.rfind("/"), path.rfind("\\")) + 1
    stem, suffix = os.path.splitext(path[cut:])
    return f"{path[:cut]}{stem}.trained{suffix}"


def outputs(netlist: Netlist, target: Path) -> list[tuple[Path, Source]]:
    """The files to write for a netlist saved at ``target``, the netlist itself last."""
    lines: dict[Source, dict[Card, Source]] = {}
    for part in netlist.walk():
        lines.setdefault(part.source, {}).update((card, child.source) for card, child in part.includes.items())
    originals = {id(source) for source in netlist.files.originals.values()}
    changed = {source for source in lines if id(source) not in originals}
    # A file that includes a changed one must name the copy, and so changes too.
    grown = True
    while grown:
        more = {source for source, cards in lines.items() if not changed.isdisjoint(cards.values())} - changed
        changed |= more
        grown = bool(more)
    folder = target.parent.resolve()
    moved = not netlist.source.path.startswith("<") and Path(netlist.source.path).parent.resolve() != folder
    written: list[tuple[Path, Source]] = []
    for source, cards in lines.items():
        is_main = source is netlist.source
        if not is_main and source not in changed:
            continue
        edits = []
        for card, child in cards.items():
            word = card.words[0]
            if is_main and moved:
                path = Path(os.path.relpath(Path(child.path).resolve(), folder)).as_posix()
            elif child in changed:
                path = unquoted(word.text)
            else:
                continue
            edits.append(
                (word.start, word.end, _quoted_like(word.text, trained_name(path) if child in changed else path))
            )
        written.append((target if is_main else Path(trained_name(source.path)), source.spliced(edits)))
    read_only = {path for path, source in netlist.files.originals.items() if source.path != netlist.source.path}
    for place, _ in written:
        if place.resolve() in read_only:
            raise NetlistError(f"'{place}' is a file that the netlist includes, and those are never written over")
    return sorted(written, key=lambda pair: pair[0] == target)


def _quoted_like(word: str, path: str) -> str:
    quote = word[0] if word[0] in "'\"" else '"' if " " in path else ""
    return f"{quote}{path}{quote}"
