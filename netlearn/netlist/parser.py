"""From a source's text to its statements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from netlearn.errors import NetlearnError, NetlistError, Place, raise_all
from netlearn.netlist.foreign_text import FOREIGN, language, spectre_card, spectre_end
from netlearn.netlist.garbage import no_garbage_collection
from netlearn.netlist.grammar import BadLine, Span, card_name, parse_line
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.lines import END_OF_FILE, Kind, LineReader, LogicalLine
from netlearn.netlist.numbers import parse_number, starts_like_number
from netlearn.netlist.open_blocks import OpenBlock, finished
from netlearn.netlist.plain_lines import plain_lines
from netlearn.netlist.slips import comment_slip, explained
from netlearn.netlist.source import Source
from netlearn.netlist.statements import (
    FILE_CARDS,
    Alternative,
    Assignment,
    Broken,
    Card,
    DirectiveLine,
    Element,
    Kept,
    Statement,
    Word,
)
from netlearn.netlist.superfluous import named, without_kind, without_params, without_slash

MOST_ERRORS = 20
"""Errors of one file, and of one circuit, by convention; a file that is not a netlist would have thousands."""
DEEPEST = 100
"""How deep subcircuits, conditions and sections may be in one another, by convention: guards against endless recursion;
people nest a few. What includes may be is said where they are read (see ``inclusions``)."""

# Blocks that are kept whole: what opens them, what closes them.
_KEPT_BLOCKS = {
    "control": ("endc", "control"),
    "prot": ("unprot", "protected"),
    "protect": ("unprotect", "protected"),
    "aliases": ("endaliases", "aliases"),
    "data": ("enddata", "data"),
}
# As a title such a line would be lost, and nobody means that.
_NO_TITLES = {
    *("param", "csparam", "global_param", "func", "model", "subckt", "if", "global", "option", "options", "temp"),
}
IN_BRACES = "an expression with blanks stands in braces or quotes"
_LATE_DIRECTIVE = re.compile(r"[\r\n][ \t\f\v]*+(\*@[^\r\n]*+)")


def _line_start(card: str) -> re.Pattern[str]:
    return re.compile(rf"(?:\A|(?<=[\r\n]))[ \t\f\v]*+\.{card}\b[^\r\n]*+", re.IGNORECASE)


def parse_source(source: Source, *, main: bool = True, chain: tuple[Place, ...] = ()) -> tuple[Statement, ...]:
    """The statements of a file. The first line of a ``main`` file is its title, whatever it says.

    Raises NetlistError up to 20 of them at once, each with its place.
    """
    parser = _Parser(source, chain, main)
    with no_garbage_collection():
        parser.read()
    raise_all(sorted(parser.errors, key=_line_and_column))
    return tuple(parser.scopes[0].body)


class _Parser:
    def __init__(self, source: Source, chain: tuple[Place, ...], main: bool) -> None:
        self.source = source
        self.main = main
        self.chain = chain
        self.reader = LineReader(source.text)
        self.errors: list[NetlearnError] = []
        self.broken = 0
        self.scopes = [OpenBlock("file", LogicalLine(Kind.STATEMENT, 0, 0, ""))]

    # Reading ---------------------------------------------------------------------------------

    def read(self) -> None:
        if self.main:
            self._title()
        while len(self.errors) < MOST_ERRORS:
            while (block := plain_lines(self.source, self.reader.position)) is not None:
                self._add(block)
                self.reader.position = block.end
                self.reader.physical_line()
            line = self.reader.next()
            if line is None:
                break
            if line.kind is Kind.DIRECTIVE:
                text = Word(line.text[2:], line.start + 2, line.end)
                self._add(DirectiveLine(self.source, line.start, line.end, text))
            elif line.kind is Kind.COMMAND:
                self._add(Kept(self.source, line.start, line.end, "command"))
            elif line.kind is Kind.ENCRYPTED:
                self._add(Kept(self.source, line.start, line.end, "encrypted"))
            elif line.kind is Kind.STRAY:
                self._wrong("'+' continues a line, but there is none before it", line.start, line.start + 1)
            elif line.text[0] == END_OF_FILE:
                self._rest(line)
            elif line.text[0] == ".":
                self._card(line)
            elif not FOREIGN.match(line.text) or not self._is_foreign(line):
                self._element(line)
        for scope in self.scopes[1:]:
            closing = {"subckt": ".ends", "if": ".endif", "lib": ".endl"}[scope.what]
            opening = scope.opening
            self._error(
                f".{scope.what} is never closed", opening.start, opening.end, f"a '{closing}' is missing before the end"
            )

    def _title(self) -> None:
        first = self.reader.physical_line()
        if first is None:
            return
        card = card_name(first.text)
        if first.text.startswith("*@") or card in FILE_CARDS or language(first.text):
            # ngspice reads an include even there.
            self.reader.position = 0
        elif card in _NO_TITLES:
            hint = "put a line with a title before it"
            self._error(f"the first line is the title, but this is a .{card} line", first.start, first.end, hint)
        else:
            self._add(Kept(self.source, first.start, first.end, "title"))

    # Other languages -------------------------------------------------------------------------

    def _is_foreign(self, line: LogicalLine) -> bool:
        """Keep what is in Spectre's language; in the netlist itself it is an error."""
        named, word = language(line.text), spectre_card(line.text)
        end = len(self.source.text)
        if named == "spectre":
            end = spectre_end(self.source.text, line.end)
            if self.main:
                message = "what follows is in Spectre's language, which netlearn does not read"
                self._error(message, line.start, line.end, "have it written as SPICE")
            self._add(Kept(self.source, line.start, end, "spectre"))
        elif named:
            return True
        elif word:
            message = f"'{word}' without a dot is of Spectre's language, which netlearn does not read"
            self._error(message, line.start, line.start + len(word), f"in SPICE it is .{word.replace('meters', 'm')}")
            del self.scopes[1:]
        else:
            return False
        self.reader.position = end
        return True

    # Elements --------------------------------------------------------------------------------

    def _element(self, line: LogicalLine) -> None:
        letter = LETTERS.get(line.text[0].upper())
        if letter is None:
            self._wrong(
                f"unknown element type '{line.text[0]}'", line.start, line.start + 1, "a comment starts with '*'"
            )
            return
        try:
            parts = parse_line(line.text)
        except BadLine as error:
            self._bad_line(line, error)
            return
        words = self._words(line, parts.words)
        if line.text[0] in "xX":
            words = without_slash(without_params(words))
        elif line.text[0] in "eEfFgGhH":
            words = without_kind(words)
        given = len(words) + len(parts.assignments) + len(parts.calls)
        name = self._word(line, parts.name)
        if len(words) < letter.nodes or given < letter.words:
            few = f"{max(letter.words, letter.nodes)} words after its name, not {given}"
            if given >= max(letter.words, letter.nodes):
                # Enough of them, but pairs and waveforms are no nodes.
                few = f"{letter.nodes} nodes, not {len(words)}"
            self._wrong(
                f"{letter.title} '{name.text}' needs at least {few}",
                line.start,
                line.end,
                comment_slip(self.source, line.start, line.end) or f"the form is: {letter.syntax}",
            )
            return
        # Node names may look like anything, so only what R, C, L, V and I have after their two nodes is judged.
        for word in words[2:] if line.text[0] in "rRcClLvViI" else ():
            if _unreadable(word.text):
                value, sign, part = word.text.partition("±")
                hint = f"write {value} tol={part}" if sign and value else "write it like 4.7k, 2e-3 or 10meg"
                self._wrong(f"'{word.text}' is not a number", word.start, word.end, hint)
        calls = self._words(line, parts.calls) if parts.calls else ()
        assignments = self._assignments(line, parts.assignments) if parts.assignments else ()
        if assignments and line.text[0] in "xX":
            assignments = named(assignments)
        self._add(Element(self.source, line.start, line.end, name, words, assignments, calls))

    # Cards -----------------------------------------------------------------------------------

    def _card(self, line: LogicalLine) -> None:
        name = card_name(line.text)
        if name in _KEPT_BLOCKS and self._kept_block(line, name):
            return
        # ngspice overlooks the .end of an included file.
        if name == "alter":
            closing = _line_start("end").search(self.source.text, line.end)
            end = closing.start() if closing else len(self.source.text)
            self._add(Kept(self.source, line.start, end, "alter"))
            self.reader.position = end
            return
        if name == "end" and self.main:
            self._rest(line)
            late = _LATE_DIRECTIVE.search(self.source.text, line.end)
            if late:
                self._error("a directive after .end is not read", late.start(1), late.end(1), "move it before .end")
            return
        try:
            parts = parse_line(line.text)
        except BadLine as error:
            self._bad_line(line, error)
            return
        words, assignments = self._words(line, parts.words), self._assignments(line, parts.assignments)
        if name == "subckt":
            words = without_params(words)
            if not words:
                self._error(".subckt needs a name", line.start, line.end, "the form is: .subckt name node ...")
                words = (Word("", line.end, line.end),)
            elif assignments and assignments[0].name.start < words[0].start:
                first = assignments[0]
                self._error("a subcircuit's name cannot have '=' in it", first.name.start, first.value.end)
            elif assignments and words[-1].start > assignments[0].name.start:
                stray = next(word for word in words if word.start > assignments[0].name.start)
                message = f"cannot read '{stray.text}' after the parameters"
                self._error(message, stray.start, stray.end, IN_BRACES)
                words = tuple(word for word in words if word.start < stray.start)
            self._open(OpenBlock("subckt", line, words, named(assignments)))
        elif name == "if":
            self._open(OpenBlock("if", line, words))
        elif name == "lib" and len(words) == 1 and line.end < self._last_endl:
            # One word is a section's name in a library, but LTspice's way to include a file elsewhere.
            self._open(OpenBlock("lib", line, words))
        elif name in ("ends", "endif", "endl"):
            self._close(line, name, words, assignments)
        elif name in ("elseif", "else"):
            self._branch(line, name, words, assignments)
        else:
            self._add(Card(self.source, line.start, line.end, name, words, assignments))

    def _rest(self, line: LogicalLine) -> None:
        self._add(Kept(self.source, line.start, len(self.source.text), "rest"))
        self.reader.position = len(self.source.text)

    def _kept_block(self, line: LogicalLine, name: str) -> bool:
        closing, what = _KEPT_BLOCKS[name]
        match = _line_start(closing).search(self.source.text, line.end)
        if match is None and name in ("aliases", "data"):
            return False
        # ngspice lets a file end inside of .control.
        end = match.end() if match else len(self.source.text)
        if what == "protected" and self._is_spice(line.end, match.start() if match else end):
            return False
        self._add(Kept(self.source, line.start, end, what))
        self.reader.position = end
        return True

    def _is_spice(self, start: int, end: int) -> bool:
        """Whether a stretch can be read, as what is only protected from being printed can."""
        try:
            parse_source(Source(self.source.path, self.source.text[start:end]), main=False)
        except NetlearnError:
            return False
        return True

    def _open(self, scope: OpenBlock) -> None:
        if len(self.scopes) > DEEPEST:
            self._error(f"nested more than {DEEPEST} deep", scope.opening.start, scope.opening.end)
            # Nothing sensible can be said of what follows.
            self.reader.position = len(self.source.text)
            del self.scopes[1:]
            return
        self.scopes.append(scope)

    def _stray(self, words: Sequence[Word]) -> None:
        """Keep words that mean nothing where they stand, to be warned of."""
        for word in words:
            self._add(Kept(self.source, word.start, word.end, "stray"))

    def _branch(
        self, line: LogicalLine, name: str, words: tuple[Word, ...], assignments: tuple[Assignment, ...]
    ) -> None:
        scope = self.scopes[-1]
        if scope.what != "if":
            self._error(f".{name} without .if", line.start, line.end)
            return
        if scope.branch == "else":
            self._error(f".{name} after .else", line.start, line.end, "the .else comes last")
        self._finish_branch(scope, line.start)
        scope.branch, scope.branch_line = name, line
        scope.words = words if name == "elseif" else ()
        self._stray((*(() if name == "elseif" else words), *(a.name for a in assignments)))

    def _finish_branch(self, scope: OpenBlock, end: int) -> None:
        line = scope.branch_line or scope.opening
        if scope.branch != "else" and not scope.words:
            self._error("a condition is missing", line.start, line.end, f"the form is: .{scope.branch} (expression)")
        condition = scope.words[0] if scope.words else None
        scope.alternatives.append(Alternative(self.source, line.start, end, condition, tuple(scope.body)))
        scope.body = []

    def _close(
        self, line: LogicalLine, name: str, words: tuple[Word, ...], assignments: tuple[Assignment, ...]
    ) -> None:
        what = {"ends": "subckt", "endif": "if", "endl": "lib"}[name]
        scope = self.scopes[-1]
        if scope.what != what:
            inner = f"; the .{scope.what} of line {self.source.line_number(scope.opening.start)} is still open"
            self._error(f".{name} without .{what}{inner if scope.what != 'file' else ''}", line.start, line.end)
            return
        start = scope.opening.start
        if what == "if":
            self._finish_branch(scope, line.start)
        elif name == "ends" and words:
            # ngspice overlooks a name that is merely wrong; one of an outer subcircuit shows that an .ends is missing.
            open_names = [outer.words[0].text.lower() for outer in self.scopes[1:-1] if outer.what == "subckt"]
            inner = scope.words[0].text
            if words[0].text.lower() in open_names and words[0].text.lower() != inner.lower():
                message = f".ends names '{words[0].text}', but the subcircuit '{inner}' inside of it is still open"
                self._error(message, words[0].start, words[0].end, "an '.ends' is missing before this line")
                while not (scope.what == "subckt" and scope.words[0].text.lower() == words[0].text.lower()):
                    self.scopes.pop()
                    scope = self.scopes[-1]
                start = scope.opening.start
        stray = (*words[0 if what == "if" else 1 :], *(a.name for a in assignments))
        if what != "if":
            # Within the part, as of a section nothing else may be read.
            self._stray(stray)
        self.scopes.pop()
        self._add(finished(self.source, start, line.end, scope))
        if what == "if":
            self._stray(stray)

    @cached_property
    def _last_endl(self) -> int:
        return max((match.start() for match in _line_start("endl").finditer(self.source.text)), default=-1)

    # Small things ----------------------------------------------------------------------------

    def _add(self, statement: Statement) -> None:
        self.scopes[-1].body.append(statement)

    def _word(self, line: LogicalLine, span: Span) -> Word:
        return Word(line.text[span[0] : span[1]], line.start + span[0], line.start + span[1])

    def _words(self, line: LogicalLine, spans: Sequence[Span]) -> tuple[Word, ...]:
        text, offset, new = line.text, line.start, tuple.__new__
        # What Word(...) calls, without the call in between: there is no line without words.
        return tuple([new(Word, (text[start:end], offset + start, offset + end)) for start, end in spans])

    def _assignments(self, line: LogicalLine, spans: Sequence[tuple[Span, Span]]) -> tuple[Assignment, ...]:
        return tuple([Assignment(self._word(line, name), self._word(line, value)) for name, value in spans])

    def _bad_line(self, line: LogicalLine, error: BadLine) -> None:
        hint = comment_slip(self.source, line.start, line.end) or error.hint
        self._wrong(error.message, line.start + error.start, line.start + error.end, hint)

    def _wrong(self, message: str, start: int, end: int, hint: str = "") -> None:
        """Note a line that cannot be read: an error at once, or once the part that it stands in is used."""
        if len(self.scopes) == 1:
            self._error(message, start, end, hint)
        elif self.broken < MOST_ERRORS:
            self.broken += 1
            error = NetlistError(message, self.source.place(start, end, self.chain), hint)
            self._add(Broken(self.source, start, end, explained(error)))

    def _error(self, message: str, start: int, end: int, hint: str = "") -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(explained(NetlistError(message, self.source.place(start, end, self.chain), hint)))


def _line_and_column(error: NetlearnError) -> tuple[int, int]:
    return (error.place.line, error.place.column) if error.place else (0, 0)


def _unreadable(text: str) -> bool:
    return starts_like_number(text) and parse_number(text) is None
