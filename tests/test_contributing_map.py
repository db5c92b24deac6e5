"""CONTRIBUTING's map of the tree is true: what it names is there, and every folder of the package is on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAP = [line.split("|") for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `")]


def _named() -> set[str]:
    """The paths of the map's first column; a row's later names stand in the folder of its first."""
    found = set()
    for row in MAP:
        first, *others = re.findall(r"`([^`]+)`", row[1])
        base = Path(first.rstrip("/")).parent
        found |= {first.rstrip("/")}
        found |= {other.rstrip("/") if (ROOT / other).exists() else str(base / other.rstrip("/")) for other in others}
    return found


@pytest.mark.parametrize("path", sorted(_named()))
def test_what_the_map_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_folder_is_on_the_map() -> None:
    packages = {str(path.parent.relative_to(ROOT)) for path in (ROOT / "netlearn").glob("*/__init__.py")}
    top = {
        path for path in ("grammars", "netlists", "examples", "benchmarks", "docs", "tests") if (ROOT / path).is_dir()
    }
    assert not (packages | top) - _named()


def test_folders_inside_of_these_are_told_of() -> None:
    for row in MAP:
        home = ROOT / re.findall(r"`([^`]+)`", row[1])[0]
        inner = {path.parent.name for path in home.glob("*/__init__.py")} if home.parent.name == "netlearn" else set()
        assert inner <= set(re.findall(r"`(\w+)/`", row[2])), home


def test_folders_that_a_row_tells_of_are_inside_its_folder() -> None:
    for row in MAP:
        home = ROOT / re.findall(r"`([^`]+)`", row[1])[0]
        for inner in re.findall(r"`(\w+/)`", row[2]):
            assert (home / inner).is_dir() or (ROOT / inner).is_dir(), inner
