"""The example of Q-learning: masked targets, values as tables have them, and a netlist for ngspice."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib import util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import netlearn

pytest.importorskip("gymnasium", reason="gymnasium is not installed: pip install 'netlearn[rl]'")

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "q_learning.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = util.spec_from_file_location("example_of_q_learning", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    return script


def test_values_are_linear_and_only_what_was_done_is_learned(example: ModuleType) -> None:
    random = np.random.default_rng(0)
    features, actions = random.normal(size=(40, 3)), random.integers(3, size=40)
    weights = random.normal(size=(2, 3))
    settings = {
        "coordinates": "conductance",
        "optimizer": "sgd lr=1",
        "rule": "gauss-newton damping=1e-6",
        "loss": "mse",
    }
    network = example.QNetwork(3, 3, 5.0, **settings)
    taken = actions[actions < 2]
    wanted = np.einsum("sf,sf->s", features[actions < 2], weights[taken])
    before = network(features)[:, 2]
    for _ in range(2):
        network.step(features[actions < 2], taken, wanted)
    assert np.allclose(network(features)[:, :2], features @ weights.T, atol=1e-5)
    assert np.allclose(network(features)[:, 2], before, atol=1e-12)


def test_the_bonus_is_that_of_a_table_where_features_are_cells(example: ModuleType) -> None:
    bonus = example.Bonus(4, 2, 3.0, 0.25)
    visits = np.array([[5, 1], [2, 0], [0, 0], [1, 7]])
    cells, actions = np.indices(visits.shape)
    for cell, action, count in zip(cells.ravel(), actions.ravel(), visits.ravel(), strict=True):
        bonus.see(np.eye(4)[[cell] * count], np.full(count, action))
    bonus.renew()
    assert np.allclose(bonus(np.eye(4)), 3.0 / np.sqrt(visits + 0.25))


def test_values_of_a_grid_are_those_of_value_iteration(example: ModuleType, tmp_path: Path) -> None:
    """Also in the netlist that is saved, driven by the cell before the goal."""
    world = replace(example.grid(), steps=700)
    run = example.learn(world, seed=3)
    wanted = example.tabular(world)
    assert wanted.max() == pytest.approx(1.0)
    found = run.network(np.eye(16))
    assert np.allclose(found.max(axis=1), wanted.max(axis=1), atol=0.05)
    assert np.all(run.rewards[-5:] == 1.0)
    run.network.trainer.save(tmp_path / "q.cir")
    text = (
        (tmp_path / "q.cir")
        .read_text()
        .replace("Vp14 p14 0 0", "Vp14 p14 0 1")
        .replace("Vn14 n14 0 0", "Vn14 n14 0 -1")
    )
    point = netlearn.operating_point(netlearn.parse(text))
    currents = point.measure(*(f"I(Va{a})" for a in range(4))).ravel()
    assert np.allclose(currents / example.HIGHEST, found[14], rtol=1e-9)


def test_without_gymnasium_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "gymnasium.py").write_text("raise ModuleNotFoundError('gymnasium', name='gymnasium')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import runpy; sys.argv[1:] = ['grid']; "
    code += f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("error: this needs gymnasium: pip install 'netlearn[rl]'")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--save", "nowhere/q.cir"], "there is no folder to write 'nowhere/q.cir' into"),
        (["--plot", "nowhere/q.png"], "there is no folder to write 'nowhere/q.png' into"),
        (["--plot", "q.xyz"], "'q.xyz' does not end in .pdf, .png or .svg"),
        (["--seeds", "0"], "--seeds takes a number of at least 1"),
    ],
)
def test_what_cannot_be_is_said_before_a_life_is_lived(
    words: list[str],
    says: str,
    example: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["q_learning.py", "grid", *words])
    with pytest.raises(SystemExit) as stopped:
        example.main()
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
