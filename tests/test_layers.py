"""Only the command line knows click. The folders' order is held by import-linter's contracts in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "netlearn"


def test_only_the_command_line_knows_click() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "cli" not in path.relative_to(PACKAGE).parts:
            assert "import click" not in path.read_text(encoding="utf-8"), path
