"""A netlist's own text as a deck for ngspice, made safe.

The deck has the netlist's lines as they stand, with what they include in place, but only those that describe the
circuit: no ``.control``, no commands, no analyses, no line that reads a file or writes one. ngspice never opens a
file of the user's. What ngspice reads otherwise than netlearn does, which warnings tell, is written so that both
read the same: ``4k7`` as 4700, LTspice's and PSpice's functions as ``.func``, series resistances as resistors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from netlearn.circuit.devices.models import MODEL_TYPES
from netlearn.errors import NgspiceError
from netlearn.netlist.dialect import Dialect, dialect_of
from netlearn.netlist.letters import LETTERS
from netlearn.netlist.lines import LineReader
from netlearn.netlist.model_types import CODE_MODELS, DEVICE_MODELS
from netlearn.netlist.netlist import Netlist
from netlearn.netlist.numbers import cut_by_ngspice, format_number
from netlearn.netlist.source import Source
from netlearn.netlist.statements import (
    PARAMETER_CARDS,
    Assignment,
    Block,
    Card,
    Conditional,
    Element,
    Statement,
    Subcircuit,
    Word,
    first_step,
)
from netlearn.netlist.values import has_bare_blank
from netlearn.ngspice.element_forms import LTSPICE_WORDS, PROBE, both_coefficients, marks, named_area, pair_marks, slash
from netlearn.ngspice.foreign_functions import ForeignFunctions
from netlearn.ngspice.foreign_words import ForeignWords
from netlearn.ngspice.text_definitions import (
    check_names,
    has_ideal_diode,
    kinds_of,
    told_options,
    undeclared_parameters,
)
from netlearn.ngspice.text_lines import clean, logical, spliced
from netlearn.ngspice.text_names import DeckNames, Span

_CARDS = {"param": "param", "params": "param", "global_param": "param", "func": "func", "model": "model",
          "global": "global", "nodeset": "nodeset"}  # fmt: skip
"""Cards that come into the deck, and their names there."""
_MODEL_TYPES = DEVICE_MODELS | CODE_MODELS
_PSPICE_ONLY = re.compile(r"^[ \t]*\.model\s+\S+\s+(ako\b|vswitch\b|iswitch\b)", re.IGNORECASE | re.MULTILINE)
_RENAMED = {"t_measured": "tnom", "t_abs": "temp", "t_rel_global": "dtemp"}
EXPRESSION_NUMBER = re.compile(
    r"(?<![\w.#$])(?:\d++(?:meg|[rtgkmunpfµμ])\d++|(?:\d++\.?\d*+|\.\d++)μ[a-zΩ]*)(?![\w.])", re.IGNORECASE
)
_SAYINGS = ("mfg", "type", "part")
"""What makers write into models, which ngspice takes for a parameter where blanks stand around its ``=``."""


@dataclass(frozen=True)
class TextDeck:
    """Lines for ngspice, from the title to ``.end``, and how it has to read them.

    ``behaviour`` is its ``ngbehavior``. ``names`` are those that ngspice could not read, and what they are here.
    """

    lines: Sequence[str]
    behaviour: str = ""
    names: DeckNames = field(default_factory=DeckNames)


def text_deck(
    netlist: Netlist, settings: Sequence[str] = (), edits: Iterable[tuple[Source, int, int, str]] = ()
) -> TextDeck:
    """The deck of a netlist; ``settings`` are further lines, ``edits`` replace stretches of the text."""
    dialect = dialect_of(netlist)
    if dialect is Dialect.NGSPICE and any(_PSPICE_ONLY.search(part.source.text) for part in netlist.walk()):
        dialect = Dialect.PSPICE
    if dialect is not Dialect.LTSPICE and any(has_ideal_diode(part) for part in netlist.walk()):
        dialect = Dialect.LTSPICE
    edits = tuple(edits)
    writer = _Writer(netlist, dialect, edits, DeckNames.of(netlist))
    writer.body(netlist, netlist.statements)
    if writer.names.nodes or writer.names.elements:
        # What has a dot in its name is told from what is in an instance once all names are known.
        writer = _Writer(netlist, dialect, edits, writer.names)
        writer.body(netlist, netlist.statements)
    lines = ["netlearn", *writer.functions.lines(), *writer.foreign.lines(), *writer.lines, *settings, ".end"]
    return TextDeck(lines, dialect.value, writer.names)


class _Writer:
    def __init__(
        self, netlist: Netlist, dialect: Dialect, edits: Iterable[tuple[Source, int, int, str]], names: DeckNames
    ) -> None:
        self.whole = netlist
        self.lines: list[str] = []
        self.steps: dict[str, str] = {}
        self.names = names
        self.dialect = dialect
        self.edits: dict[Source, list[Span]] = {}
        for source, start, end, text in edits:
            self.edits.setdefault(source, []).append((start, end, text))
        self.undeclared = undeclared_parameters(netlist)
        self.kinds = kinds_of(netlist)
        self.unknown = {
            name for name, kind in self.kinds.items() if kind in MODEL_TYPES and not MODEL_TYPES[kind].in_ngspice
        }
        self.functions = ForeignFunctions(dialect)
        self.foreign = ForeignWords(netlist)

    # Statements ------------------------------------------------------------------------------

    def body(self, netlist: Netlist, statements: Iterable[Statement]) -> None:
        """The statements of a whole file or subcircuit. What ``.step`` gives a parameter outdoes all that ``.param``
        does, and so comes last."""
        outer, self.steps = self.steps, {}
        self.statements(netlist, statements)
        self.lines += self.steps.values()
        self.steps = outer

    def statements(self, netlist: Netlist, statements: Iterable[Statement]) -> None:
        for statement in statements:
            if isinstance(statement, Block):
                self._lines(statement.source, statement.start, statement.end, self._block_spans(statement), each=True)
            elif isinstance(statement, Element):
                self._element(statement)
            elif isinstance(statement, Card):
                self._card(netlist, statement)
            elif isinstance(statement, Subcircuit):
                self._subcircuit(netlist, statement)
            elif isinstance(statement, Conditional):
                self._conditional(netlist, statement)

    def _block_spans(self, block: Block) -> list[Span]:
        """The names in a run of plain resistor lines that have to change."""
        text = block.source.text
        words = [[Word(text[a:b], a, b) for a, b in line[:3]] for line in block.spans.tolist()]
        found = self.names.element_spans(name for name, *_ in words)
        return found + self.names.node_spans(node for _, *nodes in words for node in nodes)

    def _card(self, netlist: Netlist, card: Card) -> None:
        included = netlist.includes.get(card)
        if included is not None:
            self.statements(included, included.statements)
        elif card.name == "model":
            self._model(card)
        elif card.name in ("option", "options", "opt"):
            told = told_options(card, lambda word: clean(self._value(card.source, word)))
            self.lines += [f".options {told}"] if told else []
        elif card.name == "step":
            self._step(card)
        elif card.name in _CARDS:
            if card.name == "func":
                self.functions.defined(card.words[0].text)
            name = Word("", card.start, card.start + 1 + len(card.name))
            spans = [(name.start, name.end, f".{_CARDS[card.name]}")]
            if card.name in PARAMETER_CARDS:
                check_names(card, self.whole)
                spans += pair_marks(card)
            for pair in card.assignments:
                if "(" in pair.name.text:
                    self.functions.defined(pair.name.text.partition("(")[0])
            for pair in card.assignments:
                if has_bare_blank(pair.value.text):
                    spans += [(pair.value.start, pair.value.start, "{"), (pair.value.end, pair.value.end, "}")]
                spans += self._expression(pair.value)
                if card.name == "nodeset":
                    spans += self.names.expression_spans(pair.name.text, pair.name.start)
            if card.name == "global":
                spans += self.names.node_spans(card.words)
            if card.name == "nodeset":
                for word in card.words:
                    spans += self.names.expression_spans(word.text, word.start)
            if card.name == "func":
                spans += self._expression(card.words[-1])
            self._put(card, spans)

    def _model(self, card: Card) -> None:
        words = card.words
        kind = next((w.text.lower() for w in words[1:] if not w.text.lower().startswith("ako")), "")
        if kind not in _MODEL_TYPES and not (len(words) > 1 and words[1].text.lower().startswith("ako")):
            return
        spans: list[Span] = []
        for pair in card.assignments:
            name = pair.name.text.lower()
            if name in _RENAMED and self.dialect is Dialect.NGSPICE:
                spans.append((pair.name.start, pair.name.end, _RENAMED[name]))
            spans += self._expression(pair.value)
            if name in _SAYINGS and pair.value.text[:1].isalpha():
                spans.append((pair.name.start, pair.value.end, ""))
        self._put(card, spans)

    def _step(self, card: Card) -> None:
        stepped = first_step(card)
        if stepped is not None:
            name, value = stepped.name.text, clean(self._value(card.source, stepped.value))
            self.steps.setdefault(name.lower(), f".param {name}={value}")

    def _subcircuit(self, netlist: Netlist, subcircuit: Subcircuit) -> None:
        spans = pair_marks(subcircuit)
        check_names(subcircuit, self.whole)
        for pair in subcircuit.assignments:
            spans += self._expression(pair.value)
        spans += self.names.node_spans(subcircuit.nodes)
        extra = "".join(f" {name}=0" for name in self.undeclared.get(subcircuit.name.text.lower(), ()))
        self._put_header(subcircuit, spans, extra)
        self.body(netlist, subcircuit.body)
        self.lines.append(f".ends {clean(subcircuit.name.text)}")

    def _conditional(self, netlist: Netlist, conditional: Conditional) -> None:
        for number, alternative in enumerate(conditional.alternatives):
            word = ".else" if alternative.condition is None else ".if" if number == 0 else ".elseif"
            condition = "" if alternative.condition is None else f" {clean(alternative.condition.text)}"
            self.lines.append(word + condition)
            self.statements(netlist, alternative.body)
        self.lines.append(".endif")

    # Elements --------------------------------------------------------------------------------

    def _element(self, element: Element) -> None:
        if element.letter == "N" or (element.letter == "A" and self._code_model(element) not in CODE_MODELS):
            # Verilog-A is what runs, and some code models read files.
            return
        words = element.words
        count, sources = self._counts(element)
        spans = self.names.element_spans([element.name])
        if element.letter == "A":
            spans += self.names.port_spans(words[:count])
        else:
            spans += self.names.node_spans(words[:count])
        spans += self.names.source_spans(words[count : count + sources])
        if element.letter == "X":
            spans += [*slash(element), *pair_marks(element)]
        for word in words[count + sources :] if self.unknown else ():
            if word.text.lower() in self.unknown:
                message = f"ngspice has no model type '{self.kinds[word.text.lower()]}'"
                hint = "netlearn solves the circuit by itself; what ngspice is to solve needs other elements"
                raise NgspiceError(message, element.source.place(word.start, word.end), hint)
        added: list[str] = []
        for word in words[count + sources :]:
            spans += self._expression(word, alone=element.letter in "RCLVIEFGHKB")
        for word in element.calls:
            spans += self._expression(word)
        for pair in element.assignments:
            spans += self._expression(pair.value)
            if element.letter == "B" and "(" not in pair.value.text and not spans:
                spans += self.foreign.spans(pair.value.text, pair.value.start)
            if element.letter == "R" and PROBE.search(pair.value.text) and pair.value.text[0] not in "{'":
                spans += [(pair.value.start, pair.value.start, "{"), (pair.value.end, pair.value.end, "}")]
        if element.letter in "DJMQ" and count < len(words):
            spans += marks(element.source.text, element.name.end, words[count].start)
        if element.letter in "DQ":
            spans += named_area(element, count)
        elif element.letter == "R":
            spans += both_coefficients(element)
        if element.letter in "VILCR":
            more, added = self._ltspice(element)
            # What is taken out is not to be rewritten as well.
            spans = [span for span in spans if not any(a <= span[0] < b for a, b, _ in more)] + more
        self._put(element, spans)
        self.lines += added

    def _counts(self, element: Element) -> tuple[int, int]:
        """How many of the words are nodes, and how many after these are names of elements."""
        letter, words = element.letter, element.words
        polynomial = next((call for call in element.calls if call.text[:4].lower() == "poly"), None)
        digits = re.search(r"\d{1,9}", polynomial.text) if polynomial is not None else None
        if letter in "AX":
            return max(len(words) - 1, 0), 0
        if letter == "K":
            return 0, sum(word.text[:1].upper() == "L" for word in words)
        if letter in "EG":
            if digits is not None:
                return min(2 + 2 * int(digits[0]), len(words)), 0
            return (4 if len(words) > 4 and not element.calls else 2), 0
        if letter in "FH":
            return 2, int(digits[0]) if digits is not None else int(not element.calls)
        if letter == "W":
            return 2, 1
        if letter in "DJMQSZUOYPN":
            # The nodes end where the model begins.
            first = LETTERS[letter].nodes
            models = (k for k in range(first, len(words)) if self._is_model(words[k].text.lower()))
            return next(models, first), 0
        return LETTERS[letter].nodes, 0

    def _is_model(self, name: str) -> bool:
        return name in self.kinds or any(known.rpartition(".")[0] == name for known in self.kinds if "." in known)

    def _code_model(self, element: Element) -> str:
        return self.kinds.get(element.words[-1].text.lower(), "") if element.words else ""

    def _ltspice(self, element: Element) -> tuple[list[Span], list[str]]:
        """LTspice's resistances in other elements as resistors, and its words that ngspice does not know left out."""
        unknown = LTSPICE_WORDS[element.letter]
        pairs = {a.name.text.lower(): a for a in element.assignments if a.name.text.lower() in unknown}
        spans: list[Span] = [(a.name.start, a.value.end, "") for a in pairs.values()]
        words = list(element.words)
        for pair in element.assignments:
            if element.letter in "VI" and pair.name.text.lower() == "file":
                # A waveform in a file, which no one reads: the source has a DC value then.
                spans.append((pair.name.start, pair.value.end, ""))
                spans += [(word.start, word.end, "") for word in words[2:] if word.text.lower() == "pwl"]
        for at, word in enumerate(words):
            name = word.text.lower()
            if at < 2 or name not in unknown:
                continue
            spans.append((word.start, word.end, ""))
            if name not in ("load", "noiseless") and at + 1 < len(words):
                following = words[at + 1]
                spans.append((following.start, following.end, ""))
                pairs[name] = Assignment(word, following)
        added = []
        name = self.names.element(element.name.text)
        # Names that nothing in the netlist has.
        series, parallel, inside = (f"{name}_{what}_{self.names.stem}" for what in ("rser", "rpar", "inside"))
        values = {name: clean(self._value(element.source, a.value)) for name, a in pairs.items()}
        nodes = [self.names.node(word.text) for word in words[:2]]
        if "rser" in values and element.letter in "VL" and values["rser"] not in ("0", "0.0"):
            spans.append((words[0].start, words[0].end, inside))
            added.append(f"R{series} {nodes[0]} {inside} {values['rser']}")
        if "rpar" in values and element.letter in "LC":
            added.append(f"R{parallel} {nodes[0]} {nodes[1]} {values['rpar']}")
        return spans, added

    # Words -----------------------------------------------------------------------------------

    def _value(self, source: Source, word: Word) -> str:
        """A word with the edits and rewritten numbers that lie in it."""
        spans = [*self._expression(word), *self._edits(source, word.start, word.end)]
        return spliced(source.text, word.start, word.end, spans)

    def _expression(self, word: Word, alone: bool = True) -> list[Span]:
        """How an expression or a number has to change for ngspice to read the same in it."""
        text = word.text
        if alone and cut_by_ngspice(text) is not None:
            return [(word.start, word.end, format_number(cut_by_ngspice(text) or 0.0))]
        self.functions.read_in(text)
        is_expression = any(character in text for character in "({'\"&|~")
        # A model may be called 1N4148, which is a number to no one.
        if not is_expression and not (alone and EXPRESSION_NUMBER.search(text)):
            return []
        spans: list[Span] = []
        for match in EXPRESSION_NUMBER.finditer(text):
            value = cut_by_ngspice(match[0])
            if value is not None:
                spans.append((word.start + match.start(), word.start + match.end(), format_number(value)))
        self.functions.called_in(text)
        spans += self.names.expression_spans(text, word.start)
        spans += self.foreign.spans(text, word.start)
        if self.dialect is Dialect.NGSPICE:
            probes = [match.span() for match in PROBE.finditer(text)]
            for match in re.finditer(r"(?<![&|])[&|](?![&|])|~", text):
                if any(a <= match.start() < b for a, b in probes):
                    continue
                new = "!" if match[0] == "~" else match[0] * 2
                spans.append((word.start + match.start(), word.start + match.end(), new))
        return spans

    # Lines -----------------------------------------------------------------------------------

    def _edits(self, source: Source, start: int, end: int) -> list[Span]:
        return [edit for edit in self.edits.get(source, []) if start <= edit[0] and edit[1] <= end]

    def _put(self, statement: Statement, spans: Sequence[Span]) -> None:
        self._lines(statement.source, statement.start, statement.end, spans)

    def _put_header(self, statement: Statement, spans: Sequence[Span], extra: str) -> None:
        """The first logical line of a statement that has more."""
        reader = LineReader(statement.source.text)
        reader.position = statement.start
        line = reader.next()
        assert line is not None
        self._lines(statement.source, line.start, line.end, spans)
        self.lines[-1] += extra

    def _lines(self, source: Source, start: int, end: int, spans: Sequence[Span], each: bool = False) -> None:
        """The lines of a stretch of text: one logical line, or with ``each`` every one of its own."""
        edits = self._edits(source, start, end)
        kept = [span for span in spans if not any(a <= span[0] < b for a, b, _ in edits)]
        text = spliced(source.text, start, end, [*kept, *edits])
        pieces = [piece.lstrip(" \t\f\v") for piece in re.split(r"\r\n|\r|\n", text)]
        if "\\\\" in text:
            # Two backslashes join lines, whatever the next one starts with: here it is joined for good.
            pieces = [logical(text)]
        first = len(self.lines)
        for piece in pieces:
            # In its PSpice mode ngspice takes what stands after a $ for words.
            line = clean(logical(piece).rstrip() if ";" in piece or "$" in piece or "//" in piece else piece)
            if not line.strip() or line[0] in "*$;#" or line.startswith("//"):
                continue
            if len(self.lines) > first and line[0] != "+" and not each:
                line = f"+ {line}"
            self.lines.append(line)
