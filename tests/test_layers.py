"""Data flows one way: a folder of the package knows only those before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "netlearn"

KNOWS = {
    "circuit": set(),
    "solve": {"circuit"},
    "netlist": {"circuit"},
    "learn": {"circuit", "solve"},
}
"""Folders, and which others each may import; all may import the modules in FREE."""
FREE = {"errors", "options"}


def imported(path: Path) -> set[str]:
    """The folders and modules of the package that a file names in its imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("netlearn.")}
    return found


@pytest.mark.parametrize("folder", KNOWS)
def test_a_folder_knows_only_those_before_it(folder: str) -> None:
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    for path in files:
        assert imported(path) <= KNOWS[folder] | FREE | {folder}, path.relative_to(PACKAGE)


def test_only_the_command_line_knows_click() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "cli" not in path.relative_to(PACKAGE).parts:
            assert "import click" not in path.read_text(encoding="utf-8"), path
