"""Files that a netlist's directives name, such as data, and what becomes of them where it is written elsewhere."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from netlearn.atomic import Destination
from netlearn.errors import NetlistWarning, warn
from netlearn.netlist.directives import files_named
from netlearn.netlist.files import KeptName, same_bytes, shown_path, unquoted
from netlearn.netlist.statements import Word

if TYPE_CHECKING:
    from netlearn.netlist.netlist import Netlist


def named_files(netlist: Netlist) -> list[Word]:
    """The words of a netlist's directives that name files."""
    return [word for line in netlist.directives if line.source is netlist.source for word in files_named(line)]


def tell_of_kept_names(kept: Iterable[KeptName], target: Path) -> None:
    """Warn of files that a netlist in another folder does not find, as its encoding cannot hold their names."""
    for source, word, path in kept:
        name = unquoted(word.text)
        message = f"the file is {source.encoding} and cannot hold '{path}', so that '{target}' still names '{name}'"
        # Bytes that are no text have no place in any encoding.
        other = f"save '{source.path}' as UTF-8 before" if path.isprintable() else "give that file another name"
        hint = f"copy that file to '{target.parent / name}', or {other}"
        warn(NetlistWarning(message, source.place(word.start, word.end), hint))


def tell_of_files_outside(netlist: Netlist, target: Destination) -> None:
    """Warn where a netlist that was written to another folder reads files outside of that, which is to be allowed."""
    if not netlist.is_moved(target.path, follow=target.named):
        return
    folder, own = target.folder, netlist.files.origin
    texts = [unquoted(word.text) for word in named_files(netlist)]
    named = [Path(os.path.realpath(own / text)) for text in texts if not same_bytes(own / text, folder / text)]
    # Of included files those that were changed are copied beside it.
    on_disk = set(netlist.files.originals.values())
    parts = [part for part in netlist.walk() if part.chain and part.source in on_disk]
    included = [Path(os.path.realpath(part.source.path)) for part in parts]
    outside = [
        file
        for file in (*named, *included)
        if not file.is_relative_to(folder) and netlist.source.holds(os.path.relpath(file, folder))
    ]
    if outside:
        first, above = os.path.relpath(outside[0], folder), os.path.commonpath([file.parent for file in outside])
        message = f"'{target.path}' reads files outside of its folder, such as '{first}'"
        hint = (
            f"add --allow-include {shlex.quote(shown_path(Path(above)))} to commands that read it, or allow= in Python"
        )
        warn(NetlistWarning(message, hint=hint))
