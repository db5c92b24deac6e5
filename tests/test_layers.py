"""Only the command line knows click. The folders' order is held by import-linter's contracts in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = ROOT / "netlearn", ROOT / "tests"


def test_only_the_command_line_knows_click() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "cli" not in path.relative_to(PACKAGE).parts:
            assert "import click" not in path.read_text(encoding="utf-8"), path


def test_nothing_is_kept_by_its_number_in_memory() -> None:
    """What has gone leaves its number to something else; tables are kept by objects, or by a circuit's wiring."""
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(r"\bid\(", path.read_text(encoding="utf-8")), path


def test_tests_put_nothing_in_place_of_private_names() -> None:
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:set|del)(?:attr|item)\([^()]*[\"'](?:[\w.]*\.)?_[a-z]", text), path


def test_the_map_of_contributing_is_true() -> None:
    """All that it names is there, and it names every folder of the package."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    named: set[Path] = set()
    for places, job in rows:
        first, *others = re.findall(r"`([^`]+)`", places)
        inside = [(ROOT / first, part) for part in re.findall(r"`([a-z_]+/)`", job)]
        for base, part in [(ROOT, first), *(((ROOT / first).parent, other) for other in others), *inside]:
            path = base / part if (base / part).exists() else ROOT / part
            assert path.exists(), part
            named.add(path)
    folders = {path.parent for path in PACKAGE.glob("*/__init__.py")} | {
        path.parent for path in (PACKAGE / "solve").glob("*/__init__.py")
    }
    assert folders <= named, folders - named


def test_matplotlib_comes_after_the_style_that_keeps_a_folder_s_settings_from_it() -> None:
    for path in PACKAGE.rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        drawing = [k for k, line in enumerate(lines) if line.startswith(("import matplotlib", "from matplotlib"))]
        styled = [k for k, line in enumerate(lines) if line.startswith(("import", "from")) and "report.style" in line]
        if drawing:
            assert styled, path
            assert styled[0] < drawing[0], path
