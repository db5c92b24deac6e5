"""Commands on circuits of a node or two, from one sample to more than compiled loops take at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore::netlearn.NetlistWarning")

CLIPPERS = {
    "clipper": "r1 a b 1k\nr2 b 0 3k\nd1 b 0 dm",
    "two": "r1 a b 1k\nr2 b 0 3k\nr3 a c 2k\nd1 b 0 dm\nd2 c 0 dm",
}


@pytest.mark.parametrize("rule", ["analytic", "ep", "cl"])
@pytest.mark.parametrize("name", CLIPPERS)
def test_clippers_are_trained_with_any_number_of_samples(
    name: str, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    model = ".model dm d(ron=10 roff=1meg vfwd=0.3)"
    Path("c.cir").write_text(f"{name}\nv1 a 0 1\n{CLIPPERS[name]}\n{model}\n*@train r*\n*@output V(b)\n.end\n")
    for samples in (1, 16, 20):
        x = np.linspace(-1.0, 1.0, samples)
        rows = [f"{v!r},{min(0.4 * v, 0.2)!r}" for v in x.tolist()]
        Path("d.csv").write_text("\n".join(["v1,V(b)", *rows, ""]))
        words = ("c.cir", "--data", "d.csv", "--rule", rule, "--epochs", 2, "--batch", samples, "--force")
        told = run("train", *words)
        assert told.exit_code == 0, told.stderr


@pytest.mark.parametrize("solver", ["auto", "newton", "gauss-seidel", "jacobi", "hybrid"])
def test_what_sources_hold_is_predicted_by_every_solver(
    solver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.cir").write_text("held\nv1 a 0 1\nd1 a 0 dm\n.model dm d(ron=10 roff=1meg vfwd=0)\n*@output I(v1)\n.end\n")
    for samples in (1, 16, 40):
        x = np.linspace(0.5, 1.0, samples)
        Path("d.csv").write_text("\n".join(["v1", *map(repr, x.tolist()), ""]))
        told = run("predict", "c.cir", "--data", "d.csv", "--out", "p.csv", "--solver", solver)
        assert told.exit_code == 0, told.stderr
        found = np.loadtxt("p.csv", delimiter=",", skiprows=1, ndmin=2)
        np.testing.assert_allclose(found[:, -1], -x / 10.0, rtol=1e-9)
