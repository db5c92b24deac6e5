"""Which files a netlist reads, which it may not, and which a changed one is written to."""

from __future__ import annotations

import filecmp
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netlearn.atomic import Destination
from netlearn.errors import NetlistError, OutputError, Place, did_you_mean
from netlearn.netlist.parser import parse_source
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Card, Conditional, Section, Statement, Subcircuit, Word

Output = tuple[Path, Source]
"""A file to write and its text."""

KeptName = tuple[Source, Word, str]
"""A text, a word of it that names a file, and the path that it should name but cannot in the text's encoding."""


class Files:
    """The files of one netlist: read once each, kept inside the folders that are allowed.

    ``main`` is the path of the netlist itself; its folder with all below is allowed, and
    ``allow`` names further ones. ``sources`` are the files as they are now, ``originals`` as
    they are on disk.
    """

    def __repr__(self) -> str:
        return f"<the files of {self.main}>"

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
        folder = Path(os.path.realpath(Path(main).parent))
        # A netlist given as a string has no folder of its own.
        own = [] if main.startswith("<") else [folder]
        self._roots = [*own, *(Path(os.path.realpath(path)) for path in self.allow)]
        self._folder = Path.cwd() if main.startswith("<") else folder
        self._folders: dict[str, tuple[Path, ...]] = {}
        """The folders of included files by their ``path``: as it was found, and with links followed."""
        if not main.startswith("<"):
            self._folders[main] = (Path(main).parent.absolute(), folder, Path(os.path.realpath(main)).parent)

    def replaced(self, new: Mapping[Source, Source]) -> Files:
        """The same files with some of them in an edited state."""
        sources = {path: new.get(source, source) for path, source in self.sources.items()}
        files = Files(self.main, self.allow, sources, self.originals)
        files._folders = self._folders
        return files

    def statements(self, source: Source, chain: tuple[Place, ...], *, main: bool) -> tuple[Statement, ...]:
        """The statements of a file, parsed once."""
        if source not in self._statements:
            self._statements[source] = parse_source(source, main=main, chain=chain)
        return self._statements[source]

    def find(self, name: str, including: Source, place: Place) -> Path | None:
        """The file that an include line names; None if there is none.

        Looks beside the including file, then beside the netlist.

        Raises NetlistError if it lies outside the allowed folders.
        """
        for folder in dict.fromkeys((*self._folders.get(including.path, ()), self._folder)):
            for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
                try:
                    # Links are followed before the check, so that none leads out.
                    path = Path(os.path.realpath(folder / spelling))
                    if not path.is_file():
                        continue
                except (OSError, ValueError, RuntimeError):
                    continue
                if not any(path.is_relative_to(root) for root in self._roots):
                    raise NetlistError(
                        f"'{name}' lies outside the netlist's folder",
                        place,
                        f"if you trust this netlist, allow it: --allow-include {shlex.quote(str(path.parent))}",
                    )
                self._folders.setdefault(shown_path(path), ((folder / spelling).parent, path.parent))
                return path
        return None

    def folder_of(self, source: Source) -> Path:
        """The folder that a file's own include lines are first looked up in."""
        return self._folder if source.path.startswith("<") else Path(os.path.realpath(Path(source.path).parent))

    @property
    def origin(self) -> Path:
        """The folder that data and what else the netlist's directives name are read from: its own, links followed."""
        return Path(os.path.realpath(self.main)).parent

    def load(self, path: Path, chain: tuple[Place, ...]) -> Source:
        """The file at ``path``, as edited if it was."""
        if path not in self.sources:
            try:
                source = Source.read(shown_path(path))
            except NetlistError as error:
                raise NetlistError(error.message, chain[-1] if chain else error.place, error.hint) from None
            self._folders.setdefault(source.path, (path.parent,))
            self.sources[path] = self.originals[path] = source
        return self.sources[path]


def shown_path(path: Path) -> str:
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


def section_of(statements: tuple[Statement, ...], name: str, path: str, place: Place | None) -> tuple[Statement, ...]:
    """The statements of a section of the library at ``path``. Raises NetlistError if it has none of that name."""
    sections = [statement for statement in statements if isinstance(statement, Section)]
    for section in sections:
        if unquoted(section.name.text).lower() == name.lower():
            return tuple(section.body)
    names = [section.name.text for section in sections]
    raise NetlistError(f"'{path}' has no section '{name}'", place, did_you_mean(name, names))


def unquoted(text: str) -> str:
    """A file name without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1] else text


def is_relative(word: str) -> bool:
    """Whether a file's name, with or without quotes, is relative to the file that it stands in."""
    return not (os.path.isabs(unquoted(word)) or unquoted(word).startswith("~"))


def outputs(
    files: Files,
    main: Source,
    lines: Mapping[Source, Mapping[Card, Source]],
    destination: Destination,
    named: Iterable[Word] = (),
) -> tuple[list[Output], list[KeptName]]:
    """The files to write for a netlist saved at ``destination``, the netlist itself last, and names that stay.

    ``main`` is the netlist's text, ``lines`` are the include lines of each file, with the text each names, and
    ``named`` are words of the netlist itself that name other files, such as data. Changed files become copies beside
    the target, named after it, that nothing else includes. In another folder files are named from there, and other
    files only where the same ones do not lie there, too. A pipe or a device is in no folder, and takes no copies.
    Where the encoding of the text lacks a character of the new name, the old one stays.

    Raises OutputError.
    """
    changed = _changed(files, main, lines)
    target, folder = destination.path, Path(os.path.realpath(destination.path.parent))
    # Includes are looked up beside a link, and data beside what it leads to.
    origin, end = files.origin, destination.folder
    names = _copy_names(changed, target)
    if destination.through and names:
        raise OutputError(
            f"'{target}' holds one file, and the included file '{changed[0].path}' changes, too",
            hint="name a file in a folder; a copy of what it includes is written beside it",
        )
    written: list[Output] = []
    kept: list[KeptName] = []
    for source in (*changed, main):
        moved = not destination.through and files.folder_of(source) != folder
        edits, renamed = [], []
        for card, child in lines[source].items():
            word = card.words[0]
            if child in names:
                edits.append((word.start, word.end, _quoted_like(word.text, names[child])))
            elif moved or (source is main and not destination.through and _lies_behind_link(main, word, child)):
                renamed.append((word, os.path.relpath(os.path.realpath(child.path), folder)))
        # What a text without a folder of its own names lies beside wherever it is written.
        if source is main and origin != end and not destination.through and not main.path.startswith("<"):
            for word in filter(lambda word: is_relative(word.text), named):
                original = origin / unquoted(word.text)
                if same_bytes(original, end / unquoted(word.text)):
                    continue
                renamed.append((word, os.path.relpath(original, end)))
        for word, path in renamed:
            if source.holds(path):
                edits.append((word.start, word.end, _quoted_like(word.text, Path(path).as_posix())))
            else:
                kept.append((source, word, path))
        if source is main:
            written.append((target, source.spliced(edits)))
        else:
            written.append((target.parent / names[source], source.spliced([*edits, _mark(source, target)])))
    read_only = {path for path, source in files.originals.items() if source.path != main.path}
    for place, _ in written:
        if Path(os.path.realpath(place)) in read_only and not _is_copy_for(place, target):
            raise OutputError(f"'{place}' is a file that the netlist includes, and those are never written over")
    return written, kept


def _lies_behind_link(main: Source, word: Word, child: Source) -> bool:
    """Whether a file is included from beside the file that a link leads to, and not from beside the link."""
    beside = Path(main.path).parent / unquoted(word.text)
    return os.path.islink(main.path) and os.path.realpath(beside) != os.path.realpath(child.path)


def foreign(written: Sequence[Output]) -> list[Path]:
    """Those of the files to write, besides the netlist itself, that are there and were not written for it."""
    *copies, (target, _) = written
    return [place for place, _ in copies if os.path.lexists(place) and not _is_copy_for(place, target)]


def _changed(files: Files, main: Source, lines: Mapping[Source, Mapping[Card, Source]]) -> list[Source]:
    """The included files to write, in the order in which they are read."""
    originals = set(files.originals.values())
    changed = {source for source in lines if source not in originals and source is not main}
    # A file that includes a changed one must name the copy, and so changes too.
    grown = True
    while grown:
        more = {source for source, cards in lines.items() if not changed.isdisjoint(cards.values())}
        grown = not more - {main} <= changed
        changed |= more - {main}
    return [source for source in lines if source in changed]


_MARK = re.compile(r"\* (.+) with the values of (.+), written by netlearn")


def _copy_names(sources: Iterable[Source], target: Path) -> dict[Source, str]:
    """``models.lib`` as ``out.models.lib`` for the target ``out.cir``, each name once."""
    names: dict[Source, str] = {}
    for source in sources:
        stem, suffix = os.path.splitext(_original_name(source))
        name, count = f"{target.stem}.{stem}{suffix}", 1
        while name in names.values() or name == target.name:
            count += 1
            name = f"{target.stem}.{stem}.{count}{suffix}"
        names[source] = name
    return names


def _original_name(source: Source) -> str:
    """The name of the file, or of the one that it is a copy of."""
    marked = _MARK.fullmatch(_first_line(source))
    return marked[1] if marked else re.split(r"[/\\]", source.path)[-1]


def _mark(source: Source, target: Path) -> tuple[int, int, str]:
    """The comment in a copy's first line that says what it was written for, as an edit."""
    first = _first_line(source)
    line = f"* {_original_name(source)} with the values of {target.name}, written by netlearn"
    # In an encoding that lacks a character of the name, it is escaped.
    line = line.encode(source.encoding, "backslashreplace").decode(source.encoding)
    return (0, len(first), line) if _MARK.fullmatch(first) else (0, 0, line + source.newline)


def _is_copy_for(place: Path, target: Path) -> bool:
    """Whether the file at a place is a copy that was written for the netlist at ``target``."""
    try:
        source = Source.read(place)
    except NetlistError:
        return False
    marked = _MARK.fullmatch(_first_line(source))
    return marked is not None and marked[2] == target.name.encode(source.encoding, "backslashreplace").decode(
        source.encoding
    )


def same_bytes(one: Path, other: Path) -> bool:
    """Whether both are files with the same content."""
    try:
        return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _first_line(source: Source) -> str:
    return re.split(r"[\r\n]", source.text, maxsplit=1)[0]


def _quoted_like(word: str, path: str) -> str:
    quote = word[0] if word[0] in "'\"" else '"' if re.search(r"[^\w./\\+-]", path) else ""
    return f"{quote}{path}{quote}"
