"""The pages of the site: what they show works, what they link to is there, and what is written by the program is whole.

`make site` builds it, strictly.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.cli.group import COMMANDS
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("users/*.md")])
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("rules.md", "benchmarks.md")
"""Pages whose examples other tests run, or that have none."""


@pytest.fixture
def hooks() -> Any:
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "site" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the checkout, to run examples in."""
    (tmp_path / "netlists").mkdir()
    for path in (ROOT / "netlists").glob("voltage_division*"):
        shutil.copy(path, tmp_path / "netlists")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(page: Path) -> list[tuple[str, str, str]]:
    return [(found[1], found[2] or "", found[3]) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.ngspice
def test_the_tutorial_works_from_an_empty_folder(folder: Path, libngspice: str) -> None:
    losses = []
    for kind, title, text in blocks(DOCS / "tutorial.md"):
        if title:
            (folder / title).write_text(text)
        elif kind == "console":
            for line in text.splitlines():
                words = shlex.split(line.removeprefix("$ netlearn "))
                result = CliRunner().invoke(
                    main, [*words, *(["--processes", "1"] if words[0] in ("compare", "sweep") else [])]
                )
                assert result.exit_code == 0, (line, result.stderr)
                losses += re.findall(r"loss +\S+ -> (\S+)", result.stdout)
        elif kind == "python":
            exec(compile(text, "tutorial.md", "exec"), {})
    assert float(losses[0]) < 1e-6
    assert (folder / "divider.png").exists()


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in (*ELSEWHERE, "tutorial.md")], ids=lambda p: p.stem)
def test_examples_in_python_run(page: Path, folder: Path) -> None:
    # A reader of a page goes on with what its examples have made.
    made: dict[str, Any] = {}
    for kind, _, text in blocks(page):
        if kind == "python":
            exec(compile(text, page.name, "exec"), made)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_directives_and_commands_that_are_shown_are_known(page: Path) -> None:
    for kind, _, text in blocks(page):
        for line in text.splitlines():
            if kind == "spice" and line.startswith("*@"):
                read_directive(line.removeprefix("*@"), DIRECTIVES)
            if kind == "console":
                command, *words = shlex.split(line.removeprefix("$ netlearn "))
                assert command in COMMANDS
                with main.get_command(None, command).make_context(command, words):  # type: ignore[arg-type, union-attr]
                    pass


def test_the_reference_has_all_that_is_public(hooks: Any) -> None:
    pages = dict(hooks.pages())
    for name in netlearn.__all__:
        thing = getattr(netlearn, name)
        assert f"::: {thing.__module__}.{thing.__name__}\n" in pages["reference/python.md"]
    for command in COMMANDS:
        assert f"## {command}\n" in pages["reference/commands.md"]
    for name, directive in DIRECTIVES.items():
        assert f"`*@{name}`" in pages["reference/directives.md"]
        for kind in directive.kinds:
            assert f"`*@{name} {kind}`" in pages["reference/directives.md"]
    for picture in re.findall(r"\(gallery/(\w+)\.png\)", pages["gallery.md"]):
        assert picture in (*hooks.NETWORKS, *hooks.SHIPPED)


def test_every_page_is_in_the_navigation_and_every_link_leads_somewhere(hooks: Any) -> None:
    navigation = re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2])
    written = {path for path, _ in hooks.pages()}
    assert {str(path.relative_to(DOCS)) for path in PAGES} | written | {"claims/README.md"} == set(navigation)
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8")):
            place = (page.parent / target).resolve().relative_to(DOCS)
            assert str(place) in navigation, (page, target)
