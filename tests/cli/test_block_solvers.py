"""``--solver`` and ``*@options solver=``, and what is said where there is no such solver or it does not get there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run

CIRCUIT = """two layers
v1 a 0 1
r1 a b 1k
r2 b c 2k
r3 c 0 3k
d1 b 0 dd
.model dd d(is=1e-14)
*@output V(c)
.end
"""
TRANSISTOR = CIRCUIT.replace("d1 b 0 dd", "q1 c b 0 qq").replace("dd d(is=1e-14)", "qq npn")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "layers.cir").write_text(CIRCUIT)
    (tmp_path / "transistor.cir").write_text(TRANSISTOR)
    (tmp_path / "said.cir").write_text(CIRCUIT.replace("*@output", "*@options solver=jacobi sweeps=2\n*@output"))
    (tmp_path / "wrong.cir").write_text(CIRCUIT.replace("*@output", "*@options solver=fast\n*@output"))
    (tmp_path / "data.csv").write_text("v1,V(c)\n1,0.3\n2,0.4\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_solver_gives_the_same_voltages(folder: Path, run: Run) -> None:
    def volts(*words: str) -> float:
        return float(json.loads(run("op", "layers.cir", "V(c)", "--json", *words).stdout)["V(c)"])

    for solver in ("gauss-seidel", "jacobi", "hybrid", "auto"):
        assert volts("--solver", solver) == pytest.approx(volts("--solver", "newton"), rel=1e-12)


def test_what_the_page_of_the_family_shows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    shown = re.findall(r"`netlearn (op \S+) --solver gauss-seidel`", (root / "docs" / "family.md").read_text())
    assert shown
    for words in shown:
        printed = [run(*words.split(), "--json", "--solver", solver).stdout for solver in ("gauss-seidel", "newton")]
        point, newton = map(json.loads, printed)
        assert point == pytest.approx(newton, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("command", [("eval", "--data", "data.csv"), ("predict", "--data", "data.csv"), ("op",)])
def test_what_the_netlist_says_counts_unless_the_command_line_says_otherwise(
    folder: Path, run: Run, command: tuple[str, ...]
) -> None:
    said = run(command[0], "said.cir", *command[1:])
    assert said.exit_code == 2
    assert "after 2 sweeps of solver=jacobi node 'b' still moves by" in said.stderr.replace("'c'", "'b'")
    assert "solver=hybrid or solver=newton" in said.stderr
    assert run(command[0], "said.cir", *command[1:], "--solver", "newton").exit_code == 0
    assert run(command[0], "said.cir", *command[1:], "--sweeps", "200").exit_code == 0


def test_training_that_does_not_get_there_writes_nothing(folder: Path, run: Run) -> None:
    said = run("train", "said.cir", "--data", "data.csv", "--out", "out.cir")
    assert said.exit_code == 2
    assert not (folder / "out.cir").exists()
    assert run("train", "said.cir", "--data", "data.csv", "--out", "out.cir", "--solver", "hybrid").exit_code == 0


def test_mistakes_are_told_with_place_and_remedy(folder: Path, run: Run) -> None:
    wrong = run("op", "wrong.cir")
    assert wrong.exit_code == 2
    assert "wrong.cir:8:18: error: 'solver' cannot be 'fast'" in wrong.stderr
    assert "known: auto, newton, gauss-seidel, jacobi, hybrid" in wrong.stderr
    assert run("op", "layers.cir", "--solver", "fast").exit_code == 2
    refused = run("op", "transistor.cir", "--solver", "gauss-seidel")
    assert refused.exit_code == 2
    assert "'q1' is a bjt" in refused.stderr
    assert "use solver=newton" in refused.stderr
    assert run("op", "transistor.cir", "--solver", "hybrid").exit_code == 0
