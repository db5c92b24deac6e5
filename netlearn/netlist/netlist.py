"""The netlist: its text, its statements, its files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from netlearn.argument_types import checked
from netlearn.atomic import Destination, write_together
from netlearn.errors import NetlearnError, NetlistError, OutputError, Place, raise_all
from netlearn.netlist import inclusions
from netlearn.netlist.additions import check_addition
from netlearn.netlist.bodies import BodyNames
from netlearn.netlist.edits import Edit, refuse_repeated
from netlearn.netlist.elements import Elements, ElementView
from netlearn.netlist.files import Files, KeptName, flattened, foreign, outputs, section_of, unquoted
from netlearn.netlist.garbage import no_garbage_collection
from netlearn.netlist.models import Models
from netlearn.netlist.named_files import named_files, tell_of_files_outside, tell_of_kept_names
from netlearn.netlist.parameters import ParameterValues
from netlearn.netlist.parser import MOST_ERRORS
from netlearn.netlist.source import Source
from netlearn.netlist.statements import Card, DirectiveLine, Kept, Statement, Word
from netlearn.netlist.values import value_edit
from netlearn.netlist.waiting import WRITING, Waiting, only_numbers
from netlearn.notebook import InNotebooks


class Netlist(InNotebooks):
    """A netlist, or a file or library section that one includes.

    The text is the netlist: ``str(netlist)`` is what was read, to the last character, and
    whatever is changed is a stretch of that text.

    >>> import netlearn
    >>> netlist = netlearn.parse('''* divider
    ... V1 in 0 DC 1
    ... R1 in out 1k  ; upper
    ... R2 out 0 {2*k}
    ... .param k=1k
    ... .end
    ... ''')
    >>> list(netlist.elements)
    ['V1', 'R1', 'R2']
    >>> netlist["r1"].value, netlist["R2"].value, netlist["R1"].nodes
    (1000.0, '{2*k}', ('in', 'out'))
    >>> netlist["R1"].value = "4.7kOhm"
    >>> netlist["R2"].value = 330
    >>> netlist.add("R3 out 0 10meg", after="R2")
    >>> netlist.remove("V1")
    >>> [element.value for element in netlist.find("R*")]
    [4700.0, 330.0, 10000000.0]
    >>> print(netlist, end="")
    * divider
    R1 in out 4.7kOhm  ; upper
    R2 out 0 330
    R3 out 0 10meg
    .param k=1k
    .end
    >>> netlist.parameters["k"] = 2200
    >>> netlist.add("D1 out 0 dm area=2", after="R3")
    >>> netlist["D1"].parameters["area"] = 3
    >>> dict(netlist.parameters), dict(netlist["D1"].parameters)
    ({'k': 2200.0}, {'area': 3.0})
    >>> diode = netlearn.parse("diode\\n.model dm D(IS=1e-14 RS=2)")
    >>> diode.models["dm"]["rs"] = 0.5
    >>> print(diode)
    diode
    .model dm D(IS=1e-14 RS=0.5)
    """

    def __init__(
        self,
        source: Source,
        files: Files,
        section: str | None = None,
        chain: tuple[Place, ...] = (),
    ) -> None:
        self._source = source
        self._files = files
        self.section = section
        self.chain = chain
        """The include lines that led here, the outermost first."""
        self._waiting: Waiting | None = None

    # What is in it ---------------------------------------------------------------------------

    @property
    def source(self) -> Source:
        """The text that it stands in."""
        self._write()
        return self._source

    @property
    def files(self) -> Files:
        """The files that have been read."""
        self._write()
        return self._files

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of this file, or of the chosen section of it.

        Raises NetlistError for what is wrong in the text, up to 20 errors at once.
        """
        statements = self.files.statements(self.source, self.chain, main=not self.chain)
        if self.section is None:
            return statements
        return section_of(statements, self.section, self._source.path, self.chain[-1] if self.chain else None)

    @cached_property
    def directives(self) -> tuple[DirectiveLine, ...]:
        """The ``*@`` lines of this file, also those that stand inside of subcircuits."""
        return tuple(statement for statement in flattened(self.statements) if isinstance(statement, DirectiveLine))

    @cached_property
    def body(self) -> BodyNames:
        """What the netlist defines by name at its top level."""
        # Bodies of subcircuits are read when they are asked for: from this text, though numbers may wait for the next.
        part = Netlist(self.source, self._files, self.section, self.chain)
        with no_garbage_collection():
            return BodyNames().read(part, part.statements)

    @property
    def parameters(self) -> ParameterValues:
        """The values of ``.param`` lines; see :class:`netlearn.netlist.parameters.ParameterValues`."""
        return ParameterValues(self)

    @property
    def models(self) -> Models:
        """The ``.model`` cards by name; see :class:`netlearn.netlist.models.Models`."""
        return Models(self)

    @cached_property
    def elements(self) -> Elements:
        """The element lines by name; see :class:`netlearn.netlist.elements.Elements`."""
        return Elements(self)

    @property
    def known(self) -> Elements:
        """The elements at the places that they had before numbers were set whose text is not written yet."""
        return self.elements if self._waiting is None else self._waiting.elements

    def now(self, source: Source, word: Word) -> Word:
        """A word at such a place as it is now."""
        return word if self._waiting is None else self._waiting.now(source, word)

    @checked
    def __getitem__(self, name: str) -> ElementView:
        return self.known[name]

    @checked
    def find(self, pattern: str) -> list[ElementView]:
        """The elements of the top level whose names match a glob such as ``R*``, in the order of the text."""
        return self.known.find(pattern)

    @property
    def includes(self) -> Mapping[Card, Netlist]:
        """The files that were read, by the line that names them."""
        return self._loaded[0]

    @property
    def missing(self) -> Mapping[Card, NetlistError]:
        """The files that are not there, as the errors to raise if they turn out to be needed."""
        return self._loaded[1]

    @property
    def broken(self) -> Mapping[Card, NetlearnError]:
        """Include lines in subcircuits and conditions that cannot be followed, as the errors to raise if they count."""
        return self._loaded[2]

    @cached_property
    def _loaded(self) -> tuple[dict[Card, Netlist], dict[Card, NetlistError], dict[Card, NetlearnError]]:
        return inclusions.loaded(self)

    def include(self, card: Card, path: Path, place: Place) -> Netlist:
        """The file that a line of this one names, or its section."""
        section = unquoted(card.words[1].text).lower() if card.name == "lib" and len(card.words) > 1 else None
        # The chain that led here belongs to the whole, not to each link.
        chain = (*self.chain, replace(place, chain=()))
        source = self.files.load(path, chain)
        part: Netlist = self.files.parts.setdefault((source.path, section), Netlist(source, self.files, section, chain))
        return part

    def walk(self) -> Iterator[Netlist]:
        """This netlist and all that it includes, at any depth, each file or section once."""
        return inclusions.walk(self)

    def check(self) -> None:
        """Parse everything that is included.

        Raises NetlistError for what is wrong in any file, up to 20 errors at once.
        """
        errors: list[NetlearnError] = []
        for _ in inclusions.walk(self, errors):
            if len(errors) >= MOST_ERRORS:
                break
        raise_all(errors[:MOST_ERRORS])
        inclusions.check(self)

    @property
    def label(self) -> str:
        """What errors call it: the path, with the section if it is one."""
        return self.source.path if self.section is None else f"{self.source.path} {self.section}"

    def place(self, start: int, end: int | None = None) -> Place:
        """Where the characters [start, end) of this file are."""
        return self.source.place(start, end, self.chain)

    def __str__(self) -> str:
        return self.source.text

    def __repr__(self) -> str:
        return f"Netlist({self.source.path!r})"

    # Changing it -----------------------------------------------------------------------------

    def edit(self, edits: Iterable[Edit]) -> Netlist:
        """A copy in which some stretches of the text are replaced, in this file or in included ones.

        Raises ValueError if two edits overlap.
        """
        self._write()
        return self._edited(edits)

    def _edited(self, edits: Iterable[Edit]) -> Netlist:
        by_source: dict[Source, list[tuple[int, int, str]]] = {}
        for source, start, end, text in edits:
            by_source.setdefault(source, []).append((start, end, text))
        new = {source: source.spliced(part) for source, part in by_source.items()}
        return Netlist(new.get(self._source, self._source), self._files.replaced(new), self.section, self.chain)

    def change(self, edits: Iterable[Edit]) -> None:
        """Replace stretches of the text in place.

        Raises NetlistError if the text is no netlist then; it is left as it was.
        """
        edits, waiting = list(edits), self._waiting
        if only_numbers(edits):
            waiting = (waiting or Waiting(self.elements)).take(edits)
            new = Netlist(self._source, self._files, self.section, self.chain)
        else:
            new, waiting = self._edited(edits if waiting is None else waiting.before(edits)), None
            new.check()
        # All that is worked out from the text goes; what asks for it anew asks for the text, which is written then.
        self.__dict__ = {**vars(new), "_waiting": waiting}

    def _write(self) -> None:
        """Write the numbers that wait into the text, nothing of which has been worked out meanwhile."""
        with WRITING:
            if self._waiting is not None:
                new = self._edited(self._waiting.before(()))
                new.check()
                vars(self).update(_source=new._source, _files=new._files, _waiting=None)

    def __getstate__(self) -> dict[str, object]:
        # A copy has elements of its own: they are of one netlist.
        return vars(Netlist(self.source, self._files, self.section, self.chain))

    @checked
    def update(self, values: Mapping[str, float | str]) -> None:
        """Set the values of many elements at once.

        Raises OptionError for an unknown element, for one that is given twice, or what is neither a number nor an
        expression, and NetlistError for an element without a value.
        """
        found = [(*self.known.found(name), value) for name, value in values.items()]
        refuse_repeated(zip(values, ((line.source, line.start) for line, _, _ in found), strict=True))
        self.change([value_edit(element, value, body.is_model) for element, body, value in found])

    @checked
    def add(self, text: str, after: str | None = None) -> None:
        """Add lines after the element ``after``, or at the end of the netlist.

        They may be elements, ``.model``, ``.param`` and ``.subckt`` definitions and ``*@`` directives. Raises
        NetlistError for other text, or where something of that name is there already or in it twice, and OptionError
        if there is no element ``after``.
        """
        check_addition(text, self.elements, self.body)
        source, position = self.source, len(self.source.text)
        if after is not None:
            element = self.elements.statement(after)
            source, position = element.source, element.source.whole_lines(element.start, element.end)[1]
        elif isinstance(self.statements[-1], Kept) and self.statements[-1].what == "rest":
            position = source.whole_lines(self.statements[-1].start, self.statements[-1].start)[0]
        newline = source.newline
        lines = newline.join(text.strip().splitlines()) + newline
        if position and source.text[position - 1] not in "\r\n":
            lines = newline + lines
        self.change([(source, position, position, lines)])

    @checked
    def remove(self, *names: str) -> None:
        """Remove elements, each with its whole line.

        Raises OptionError if there is no such element, or one is given twice.
        """
        elements = [self.elements.statement(name) for name in names]
        refuse_repeated(zip(names, ((line.source, line.start) for line in elements), strict=True))
        self.change([(part.source, *part.source.whole_lines(part.start, part.end), "") for part in elements])

    @checked
    def save(self, path: str | os.PathLike[str], *, force: bool = False, follow: bool = True) -> list[Path]:
        """Write the netlist to ``path``; the files written, this one last.

        An included file that was edited is written as a copy beside ``path`` and named after it
        (``models.lib`` as ``out.models.lib`` for ``out.cir``), its first line says so, and the
        line that includes it names the copy. Every file is written whole or not at all. In another folder
        data and other files are named from there; a warning tells of those outside of it, which are read only
        where that is allowed.

        Parameters
        ----------
        force : whether copies may take the place of files that were not written for ``path``.
        follow : whether a link at ``path`` is followed; see :func:`netlearn.atomic.check_output`.

        Raises OutputError if a file cannot, or must not, be written, and NetlistError if a file's encoding
        lacks a character that an edit brought in.
        """
        target = Destination(Path(path), follow, force)
        written, kept = self.outputs_at(target)
        *copies, main = written
        write_together([*((*copy, False) for copy in copies), (*main, follow)])
        tell_of_kept_names(kept, target.path)
        tell_of_files_outside(self, target)
        return [place for place, _ in written]

    @checked
    def outputs(
        self, path: str | os.PathLike[str], *, force: bool = False, follow: bool = True
    ) -> list[tuple[Path, bytes]]:
        """What :meth:`save` would write, and where. Raises OutputError, as far as it can be known before.

        A warning tells of files that the netlist would not name from there, as its encoding cannot hold their names.
        """
        target = Destination(Path(path), follow, force)
        written, kept = self.outputs_at(target)
        tell_of_kept_names(kept, target.path)
        return written

    def outputs_at(self, target: Destination) -> tuple[list[tuple[Path, bytes]], list[KeptName]]:
        """The same, and in place of the warning the names that stay."""
        lines: dict[Source, dict[Card, Source]] = {}
        for part in self.walk():
            lines.setdefault(part.source, {}).update((card, child.source) for card, child in part.includes.items())
        files, kept = outputs(self.files, self.source, lines, target, named_files(self))
        if not target.force and (others := foreign(files)):
            raise OutputError(
                f"'{others[0]}' is there already and was not written for '{target.path.name}'",
                hint="--force writes over it; another name after -o makes other copies",
            )
        return [(place, source.encode()) for place, source in files], kept

    @checked
    def is_moved(self, path: str | os.PathLike[str], *, follow: bool = True) -> bool:
        """Whether ``path`` lies in another folder than the netlist, if that has been read from one.

        Links are followed: data are read from the folder of what they lead to. A link at ``path`` is
        where ``follow`` says so. What is written into a pipe or a device, such as ``/dev/stdout``, lies in none.
        """
        target = Destination(Path(path), follow)
        return not self.source.path.startswith("<") and not target.through and self.files.origin != target.folder


@checked
def read(path: str | os.PathLike[str], allow: Sequence[str | os.PathLike[str]] = ()) -> Netlist:
    """Read a netlist with all that it includes.

    Parameters
    ----------
    path : the netlist's file.
    allow : folders from which it may include files, besides its own folder and those below.

    Raises NetlistError for what is wrong in the files, up to 20 errors at once, each with its place.
    """
    source = Source.read(path)
    files = Files(source.path, allow)
    resolved = Path(os.path.realpath(path))
    files.sources[resolved] = files.originals[resolved] = source
    netlist = Netlist(source, files)
    netlist.check()
    return netlist


@checked
def parse(text: str, path: str = "<string>", allow: Sequence[str | os.PathLike[str]] = ()) -> Netlist:
    """A netlist from its text, the first line of which is its title; ``path`` is what errors call it.

    Raises NetlistError as :func:`read` does.
    """
    if not text.strip() or "\0" in text:
        raise NetlistError(
            "the text is empty" if not text.strip() else "this is binary data, not a netlist", Place(path, 1)
        )
    netlist = Netlist(Source(path, text), Files(path, allow))
    netlist.check()
    return netlist
