"""The README names what there is, and what it shows runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import netlearn.api  # noqa: F401 declares the last of the directives
from netlearn.cli import main
from netlearn.cli.group import COMMANDS
from netlearn.learn.loss import LOSSES
from netlearn.learn.optimizers import OPTIMIZERS
from netlearn.learn.rules import RULES
from netlearn.learn.schedule import SCHEDULES
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout, to run examples in."""
    (tmp_path / "netlists").mkdir()
    for pattern in ("iris*", "voltage_division*", "onestep*", "sensor_readout*"):
        for path in (ROOT / "netlists").glob(pattern):
            shutil.copy(path, tmp_path / "netlists")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    # As where the environment that netlearn is installed in is active.
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_that_can_be_chosen_is_named() -> None:
    for name in DIRECTIVES:
        assert f"| `*@{name}` |" in README, name
    for name in (*RULES, *LOSSES, *OPTIMIZERS, *SCHEDULES):
        assert f"`{name}`" in README, name
    for name in COMMANDS:
        assert f"netlearn {name}" in README or f"`{name}`" in README, name


def test_every_directive_that_is_shown_can_be_read() -> None:
    shown = re.findall(r"`\*@(\w+ [^`]+)`", README)
    assert len(shown) >= len(DIRECTIVES)
    for text in shown:
        read_directive(text, DIRECTIVES)


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_every_command_that_is_shown_runs(checkout: Path) -> None:
    # In the order in which they stand, as one may need what another wrote.
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    commands = re.findall(r"^netlearn (.+?)(?: +#.*)?$", "".join(blocks), re.MULTILINE)
    commands += re.findall(r"`netlearn ((?:train|check) [^`]+)`", README)
    assert len(commands) >= 6
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, f"netlearn {command}\n{result.output}\n{result.exception!r}"


def test_the_python_examples_run(checkout: Path) -> None:
    names: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(example, "README.md", "exec"), names)
    assert (checkout / "iris.trained.cir").exists()
    assert "R1  n1 n2 3300" in (checkout / "loaded.cir").read_text()
