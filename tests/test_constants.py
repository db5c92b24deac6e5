"""Every number that a module sets says what it is: in a string below it, or a comment."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "netlearn"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


def _is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool)
    if isinstance(value, ast.Tuple):
        return bool(value.elts) and all(map(_is_number, value.elts))
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    return isinstance(value, ast.UnaryOp) and _is_number(value.operand)


@pytest.mark.parametrize("module", MODULES)
def test_numbers_are_explained(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    lines, body = text.splitlines(), ast.parse(text).body
    for statement, following in zip(body, [*body, None][1:], strict=True):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not _is_number(statement.value):
            continue
        said = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        before, line = lines[statement.lineno - 2], lines[statement.lineno - 1]
        assert said or "#" in line or before.lstrip().startswith("#"), f"line {statement.lineno}: {line}"
