"""Which files a netlist reads, which it may not, and which a changed one is written to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netlearn.errors import NetlistError, Place
from netlearn.netlist.parser import parse_source
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Card, Conditional, Statement, Subcircuit

Output = tuple[Path, Source]
"""A file to write and its text."""


class Files:
    """The files of one netlist: read once each, kept inside the folders that are allowed.

    ``main`` is the path of the netlist itself; its folder with all below is allowed, and
    ``allow`` names further ones. ``sources`` are the files as they are now, ``originals`` as
    they are on disk.
    """

    def __init__(
        self,
        main: str,
        allow: Sequence[str | os.PathLike[str]] = (),
        sources: Mapping[Path, Source] | None = None,
        originals: Mapping[Path, Source] | None = None,
    ) -> None:
        self.main = main
        self.allow = tuple(allow)
        self.sources = dict(sources or {})
        self.originals = dict(originals or {})
        self.parts: dict[tuple[str, str | None], Any] = {}
        """The files and library sections that were included, each once however often it is."""
        self._statements: dict[Source, tuple[Statement, ...]] = {}
        folder = Path(main).parent.resolve()
        # A netlist given as a string has no folder of its own.
        own = [] if main.startswith("<") else [folder]
        self._roots = [*own, *(Path(path).resolve() for path in self.allow)]
        self._folder = Path.cwd() if main.startswith("<") else folder

    def replaced(self, new: Mapping[Source, Source]) -> Files:
        """The same files with some of them in an edited state."""
        sources = {path: new.get(source, source) for path, source in self.sources.items()}
        return Files(self.main, self.allow, sources, self.originals)

    def statements(self, source: Source, chain: tuple[Place, ...], *, main: bool) -> tuple[Statement, ...]:
        """The statements of a file, parsed once."""
        if source not in self._statements:
            self._statements[source] = parse_source(source, main=main, chain=chain)
        return self._statements[source]

    def find(self, name: str, including: Source, place: Place) -> Path | None:
        """The file that an include line names; None if there is none.

        Looks beside the including file, then beside the netlist.

        Raises
        ------
        NetlistError : if it lies outside the allowed folders.
        """
        for folder in (Path(including.path).parent, self._folder):
            for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
                try:
                    # Links are followed before the check, so that none leads out.
                    path = (self._folder / folder / spelling).resolve()
                    if not path.is_file():
                        continue
                except (OSError, ValueError, RuntimeError):
                    continue
                if not any(path.is_relative_to(root) for root in self._roots):
                    raise NetlistError(
                        f"'{name}' lies outside the netlist's folder",
                        place,
                        f"if you trust this netlist, allow it: --allow-include {path.parent}",
                    )
                return path
        return None

    def load(self, path: Path, chain: tuple[Place, ...]) -> Source:
        """The file at ``path``, as edited if it was."""
        if path not in self.sources:
            try:
                source = Source.read(_shown(path))
            except NetlistError as error:
                raise NetlistError(error.message, chain[-1] if chain else error.place, error.hint) from None
            self.sources[path] = self.originals[path] = source
        return self.sources[path]


def _shown(path: Path) -> str:
    """The path as a user would write it: relative where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def flattened(statements: Sequence[Statement], into_subcircuits: bool = True) -> Iterator[Statement]:
    """The statements that count, at any depth: those of library sections count only where they are chosen."""
    for statement in statements:
        yield statement
        if isinstance(statement, Subcircuit) and into_subcircuits:
            yield from flattened(statement.body)
        elif isinstance(statement, Conditional):
            for branch in statement.alternatives:
                yield from flattened(branch.body, into_subcircuits)


def unquoted(text: str) -> str:
    """A file name without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1] else text


def trained_name(path: str) -> str:
    """``lib/models.inc`` as ``lib/models.trained.inc``, whichever way its folders are separated."""
    cut = max(path.rfind("/"), path.rfind("\\")) + 1
    stem, suffix = os.path.splitext(path[cut:])
    return f"{path[:cut]}{stem}.trained{suffix}"


def outputs(files: Files, main: Source, lines: Mapping[Source, Mapping[Card, Source]], target: Path) -> list[Output]:
    """The files to write for a netlist saved at ``target``, the netlist itself last.

    ``main`` is the netlist's text, and ``lines`` are the include lines of each file, with the text each names.
    """
    originals = {id(source) for source in files.originals.values()}
    changed = {source for source in lines if id(source) not in originals}
    # A file that includes a changed one must name the copy, and so changes too.
    grown = True
    while grown:
        more = {source for source, cards in lines.items() if not changed.isdisjoint(cards.values())} - changed
        changed |= more
        grown = bool(more)
    folder = target.parent.resolve()
    moved = not main.path.startswith("<") and Path(main.path).parent.resolve() != folder
    written: list[Output] = []
    for source, cards in lines.items():
        is_main = source is main
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
    read_only = {path for path, source in files.originals.items() if source.path != main.path}
    for place, _ in written:
        if place.resolve() in read_only:
            raise NetlistError(f"'{place}' is a file that the netlist includes, and those are never written over")
    return sorted(written, key=lambda pair: pair[0] == target)


def _quoted_like(word: str, path: str) -> str:
    quote = word[0] if word[0] in "'\"" else '"' if " " in path else ""
    return f"{quote}{path}{quote}"
