"""Results in folders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlearnError, NetlistError, OutputError
from netlearn.learn.loss import Mse

TWO = """* two classes
*@output V(a) V(b)
*@options epochs=5 batch=10
V1 x 0 0
V2 y 0 0
R1 x a 1k
R2 y a 3k
R3 x b 2k
R4 y b 1k
"""


@pytest.fixture
def result() -> netlearn.TrainResult:
    x = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    y = np.where(x[:, 0] > x[:, 1], "first", "second")
    return netlearn.train(netlearn.parse(TWO), x, y, test=(x[:5], y[:5]), keep="parameters", keep_every=2)


def test_a_run_comes_back(result: netlearn.TrainResult, tmp_path: Path) -> None:
    assert result.save_run(tmp_path / "run") == tmp_path / "run"
    again = netlearn.load_run(tmp_path / "run")
    assert str(again.netlist) == str(result.netlist)
    for name in ("names", "best_epoch", "interrupted", "seconds", "stopped", "notes", "loss", "accuracy", "epochs"):
        assert getattr(again, name) == getattr(result, name), name
    for name in ("theta", "initial"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    assert again.history == result.history
    assert again.history.kept is not None
    assert again.history.kept.tolist() == [0, 2, 4]
    np.testing.assert_array_equal(np.asarray(again.history.parameters), np.asarray(result.history.parameters))
    assert again.test is not None
    assert result.test is not None
    for part, before in ((again.train, result.train), (again.test, result.test)):
        for name in ("inputs", "outputs", "targets", "losses"):
            np.testing.assert_array_equal(getattr(part, name), getattr(before, name))
        assert (part.loss, part.accuracy, part.classes, part.names) == (
            before.loss,
            before.accuracy,
            before.classes,
            before.names,
        )
    assert again.settings.loss == result.settings.loss
    assert again.settings.options == result.settings.options
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["arrays.npz", "run.json", "trained.cir"]


def test_what_is_kept_is_plain(result: netlearn.TrainResult, tmp_path: Path) -> None:
    result.save_run(tmp_path / "run")
    values = json.loads((tmp_path / "run" / "run.json").read_text())
    assert values["format"] == 1
    assert values["settings"]["options"] == ["epochs=5 batch=10"]
    with np.load(tmp_path / "run" / "arrays.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["theta"], result.theta)


def test_a_run_is_written_over_by_a_run_and_nothing_else_is(result: netlearn.TrainResult, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    result.save_run(folder)
    (folder / "notes.txt").write_text("mine")
    result.save_run(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already and is not a run"):
        result.save_run(tmp_path / "other")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="exists already and is not a run"):
        result.save_run(tmp_path / "file")
    with pytest.raises(OutputError, match="there is no folder"):
        result.save_run(tmp_path / "no" / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other", "run"]


@dataclass(frozen=True)
class Doubled(Mse):
    """A loss of one's own."""


def test_objects_of_ones_own_are_said_to_be_missing(tmp_path: Path) -> None:
    data = {"V1": [1.0], "V2": [0.5], "V(a)": [0.2], "V(b)": [0.1]}
    result = netlearn.train(netlearn.parse(TWO), data, loss=Doubled(), epochs=1, batch=0)
    again = netlearn.load_run(result.save_run(tmp_path / "run"))
    assert again.notes == ("not in the run that was saved: loss: Doubled(power=0.0, on=1.0, off=0.0)",)
    assert again.loss == result.loss
    assert again.settings.loss is None


def test_a_folder_that_holds_no_run(result: netlearn.TrainResult, tmp_path: Path) -> None:
    with pytest.raises(NetlearnError, match="holds no run"):
        netlearn.load_run(tmp_path)
    for name, content in (
        ("run.json", "{"),
        ("run.json", '{"format": 2}'),
        ("run.json", "[]"),
        ("run.json", '{"format": 1}'),
        ("arrays.npz", "PK"),
    ):
        result.save_run(tmp_path / "run")
        (tmp_path / "run" / name).write_text(content)
        with pytest.raises(NetlearnError):
            netlearn.load_run(tmp_path / "run")
    result.save_run(tmp_path / "run")
    np.savez(tmp_path / "run" / "arrays.npz", theta=np.array([{}], dtype=object))
    with pytest.raises(NetlearnError, match=r"can be read"):
        netlearn.load_run(tmp_path / "run")
    (tmp_path / "run" / "trained.cir").unlink()
    with pytest.raises(NetlearnError):
        netlearn.load_run(tmp_path / "run")


def test_a_netlist_that_includes_files_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "load.inc").write_text("R9 b 0 5k\n")
    (tmp_path / "net.cir").write_text("* net\n*@output V(b)\n.include lib/load.inc\nV1 a 0 1\nR1 a b 1k\n")
    data = {"V1": [1.0], "V(b)": [0.7]}
    result = netlearn.train(tmp_path / "net.cir", data, train="R1", epochs=2)
    folder = result.save_run(tmp_path / "run")
    with pytest.raises(NetlistError):
        netlearn.load_run(folder)
    again = netlearn.load_run(folder, allow=[tmp_path])
    assert netlearn.evaluate(again.netlist, data).loss == result.loss
