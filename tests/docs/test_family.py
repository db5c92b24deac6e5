"""Everything that the table of docs/family.md names is there: commands, directives, files, figures, pages and tests."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import netlearn
from netlearn.cli.group import COMMANDS, main
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROWS = [
    [cell.strip() for cell in line.strip("\n ")[1:-1].split(" | ")]
    for line in (DOCS / "family.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| system")
]
FOLDERS = ("netlists/", "docs/", "tests/", "examples/")


def test_there_are_twelve_systems() -> None:
    assert len(ROWS) == 12
    assert len({row[0] for row in ROWS}) == 12


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:30] for row in ROWS])
def test_what_a_row_names_is_there(row: list[str]) -> None:
    assert len(row) == 6
    _, what, run, figure, check, source = row
    assert re.search(r"\((19|20)\d\d\)", source)
    for span in re.findall(r"`([^`]+)`", " ".join(row)):
        if span.startswith("netlearn "):
            command, *words = shlex.split(span)[1:]
            assert command in COMMANDS
            for word in words:
                assert not word.startswith(FOLDERS) or (ROOT / word).exists(), word
            with main.get_command(None, command).make_context(command, words):  # type: ignore[arg-type, union-attr]
                pass
            for option in re.findall(r'--(\w+) ("[^"]+"|\S+)', span):
                if option[0] in DIRECTIVES:
                    read_directive(f"{option[0]} {shlex.split(option[1])[0]}", DIRECTIVES)
        elif span.startswith("*@"):
            read_directive(span.removeprefix("*@"), DIRECTIVES)
        elif span.startswith("netlearn."):
            assert span.removeprefix("netlearn.") in netlearn.__all__
        else:
            path = span.removeprefix("python ").split()[0]
            assert path.startswith(FOLDERS), span
            assert (ROOT / path).exists(), span
    sections = (DOCS / "claims" / "README.md").read_text(encoding="utf-8")
    claims = re.findall(r"\[(\w+)\]\(claims/README.md\)", figure)
    assert claims
    for name in claims:
        assert f"## {name}: " in sections
        assert (DOCS / "figures" / f"{name}.png").exists()
    for page in re.findall(r"\]\(([\w/]+\.md)\)", what):
        assert (DOCS / page).exists()
    assert "`" in run
    assert "`" in check
