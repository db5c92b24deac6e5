"""Every number that a module sets says what it is and where it is from: in a string below it, or a comment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "netlearn"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}

_SIMULATOR = "(ngspice|LTspice|SPICE)"
SOURCES = {
    "a publication": r"\b(1[6-9]|20)\d\d\b",
    "what simulators have": rf"\b(as|to|in|with|of) {_SIMULATOR}\b|\b{_SIMULATOR}( \d+)?('s\b| ha[sd]\b| takes?\b)",
    "a standard": r"\b(CODATA|IEEE|IEC|float64|float32|Unicode|POSIX)\b",
    "a program's or a library's default": r"\b(defaults?|documentation)\b|\bas \w+ ha(s|ve) it\b",
    "a definition": r"\bby (the )?definition\b",
    "a derivation": r"\bderived\b|\bexact (to|for|in)\b|\brounding\b",
    "a convention": r"\b(by|a) convention\b",
    "no size at all": r"\b(stands? (for|in)|number of the version|bits? of)\b",
}
"""Where numbers are from that were not measured, and the words that say so."""
MEASURED = re.compile(r"\b((?:benchmarks|docs/claims|tests)/[\w/]+\.py)\b")
"""The file that measures a number; figures stand beside it."""
FIGURE = re.compile(r"\d|\b(third|quarter|fifth|sixth|eighth|tenth|twentieth|thirtieth|fiftieth|hundredth)s?\b")


@dataclass(frozen=True)
class Constant:
    """Numbers that a module sets, and what is said of them."""

    names: tuple[str, ...]
    line: int
    said: str


def constants(text: str) -> Iterator[Constant]:
    """Those of a module's text."""
    lines, body = text.splitlines(), ast.parse(text).body
    for statement, following in zip(body, [*body, None][1:], strict=True):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not _numbers(statement.value):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = tuple(name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        # Comments above it and at the end of its lines.
        first = statement.lineno - 1
        while first and lines[first - 1].startswith("#"):
            first -= 1
        said = [line.partition("#")[2] for line in lines[first : statement.end_lineno]]
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            said.append(str(following.value.value))
        yield Constant(names, statement.lineno, " ".join(" ".join(said).split()))


def _numbers(value: ast.expr | None) -> bool:
    """Whether an expression is made of numbers, with names and functions among them or without."""
    match value:
        case ast.Constant(value=number):
            return isinstance(number, int | float | complex) and not isinstance(number, bool)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            return bool(parts) and all(map(_numbers, parts))
        case ast.BinOp(left=left, right=right):
            return _numbers(left) or _numbers(right)
        case ast.UnaryOp(operand=operand):
            return _numbers(operand)
        case ast.Call(func=ast.Name(id="float" | "int" | "min" | "max" | "round")):
            return any(isinstance(part, ast.Constant) and _numbers(part) for part in ast.walk(value))
        case _:
            return False


def missing(constant: Constant) -> str:
    """What a constant does not say; nothing if it says all."""
    if not constant.said:
        return "says nothing"
    files = MEASURED.findall(constant.said)
    for file in files:
        if not (ROOT / file).is_file():
            return f"is measured by {file}, which is not there"
        measures = (ROOT / file).read_text(encoding="utf-8")
        if file.startswith("benchmarks/") and not any(re.search(rf"\b{name}\b", measures) for name in constant.names):
            return f"is measured by {file}, which does not name it"
    if any(re.search(words, constant.said, re.IGNORECASE) for words in SOURCES.values()):
        return ""
    if files and not FIGURE.search(MEASURED.sub("", constant.said)):
        return f"is measured by {files[0]}, and no figure says what came out"
    return "" if files else "does not say where it is from"


@pytest.mark.parametrize("module", MODULES)
def test_numbers_say_where_they_are_from(module: str) -> None:
    found = [(constant, missing(constant)) for constant in constants(MODULES[module].read_text(encoding="utf-8"))]
    wrong = [f"line {constant.line}: {', '.join(constant.names)} {what}" for constant, what in found if what]
    assert not wrong, "\n".join([*wrong, "(CONTRIBUTING.md, 'Constants', has what may be said)"])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("A = 3", "says nothing"),
        ("A = 3\n'So many are kept.'", "does not say where it is from"),
        ("A, B = 1 << 4, -2.0\n'So many are kept.'", "does not say where it is from"),
        ("A = {'a': 1, 'b': 2}", "says nothing"),
        ("A = 4 * EPSILON  # Of no consequence.", "does not say where it is from"),
        ("A = 3\n'So many are kept, by convention.'", ""),
        ("# By the definition of the scale.\nA = 273.15", ""),
        ("A = 3\n'Half takes 1.2 times as long (benchmarks/nowhere.py).'", "which is not there"),
        ("NOT_THERE = 3\n'Half takes 1.2 times as long (benchmarks/parsing.py).'", "which does not name it"),
        ("MOST_KEPT = 3\n'As few as tests need (tests/test_constants.py).'", "no figure"),
        ("MOST_KEPT = 3\n'With 2 the tests fail (tests/test_constants.py).'", ""),
    ],
)
def test_what_is_missing_is_said(text: str, wrong: str) -> None:
    (constant,) = constants(text)
    said = missing(constant)
    assert wrong in said
    assert bool(said) == bool(wrong)


def test_what_is_no_number_is_left_alone() -> None:
    assert not list(constants("NAME = 'a'\nNAMES = ('a', 1)\nTRUE = True\nNONE = ()\nMADE = frozenset([1])\n"))
