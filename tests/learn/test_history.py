"""The history of a run: as a sequence, as arrays and as a DataFrame, with the parameters on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

import netlearn
from netlearn.errors import NetlearnError, OptionError, OutputError
from netlearn.learn.history import History, Record
from netlearn.learn.kept_parameters import store_of
from netlearn.learn.state import Progress

DIVIDER = "* divider\n*@output V(b)\nV1 a 0 0\nR1 a b 1k\nR2 b 0 1k\n"
DATA = {"V1": [1.0, 2.0, -1.0], "V(b)": [0.2, 0.4, -0.2]}


def trained(**settings: object) -> netlearn.TrainResult:
    return netlearn.train(netlearn.parse(DIVIDER), DATA, **{"epochs": 10, **settings})  # type: ignore[arg-type]


def test_records_are_a_sequence_arrays_and_a_frame() -> None:
    history = trained(validation=0.4).history
    assert len(history) == 11
    assert [record.epoch for record in history] == list(range(11))
    assert history[-1] == history.records[-1]
    assert history[2:4] == history.records[2:4]
    np.testing.assert_array_equal(history.loss, [record.loss for record in history])
    np.testing.assert_array_equal(history.validation_loss, [record.validation_loss for record in history])
    assert np.isnan(history.accuracy).all()
    frame = history.frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.index.name == "epoch"
    np.testing.assert_array_equal(frame["loss"], history.loss)
    np.testing.assert_array_equal(frame["solves"], history.solves)
    assert History.of(history.array()) == history
    assert History() == History(())
    assert History.of(History().array()) == History()


@pytest.mark.parametrize("settings", [{}, {"batch": 2}, {"optimizer": "lbfgs"}])
def test_parameters_are_kept_as_they_were_at_the_beginning_of_epochs(settings: dict[str, object]) -> None:
    seen: dict[int, np.ndarray] = {}

    def watch(progress: Progress) -> None:
        if progress.step == 0 and progress.theta is not None:
            seen[progress.epoch] = progress.theta

    result = trained(keep="parameters", keep_every=3, progress=watch, **settings)
    history = result.history
    assert history.kept is not None
    assert history.parameters is not None
    assert history.kept.tolist() == [epoch for epoch in history.epoch.tolist() if epoch % 3 == 0]
    np.testing.assert_array_equal(history.parameters[0], result.initial)
    if "optimizer" not in settings:
        for epoch, theta in zip(history.kept.tolist()[1:], history.parameters[1:], strict=True):
            np.testing.assert_array_equal(theta, seen[epoch])
    # The loss at each of them is the one that was recorded.
    for epoch, (r1, r2) in zip(history.kept.tolist(), history.parameters, strict=True):
        netlist = netlearn.parse(DIVIDER)
        netlist.update({"R1": float(r1), "R2": float(r2)})
        assert netlearn.evaluate(netlist, DATA).loss == pytest.approx(history.loss[epoch], rel=1e-12)
    frame = history.frame(parameters=True)
    assert list(frame.columns)[-2:] == ["r1", "r2"]
    assert frame["r1"].notna().sum() == len(history.kept)


@pytest.mark.parametrize("ending", [".npz", ".zarr"])
def test_parameters_in_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"theta{ending}"
    result = trained(keep="parameters", keep_in=path)
    wanted = trained(keep="parameters").history.parameters
    assert wanted is not None
    assert result.history.parameters is not None
    np.testing.assert_array_equal(np.asarray(result.history.parameters), wanted)
    if ending == ".npz":
        with np.load(path) as archive:
            np.testing.assert_array_equal(archive["parameters"], wanted)
            assert archive["names"].tolist() == ["r1", "r2"]
            assert archive["epochs"].tolist() == list(range(11))
    else:
        array = zarr.open_array(str(path), mode="r")
        np.testing.assert_array_equal(array[:], wanted)
        assert array.attrs["names"] == ["r1", "r2"]
        assert array.attrs["epochs"] == list(range(11))
        with pytest.raises(OptionError, match="is there already"):
            trained(keep="parameters", keep_in=path)


@pytest.mark.parametrize("ending", [None, ".npz", ".zarr"])
def test_an_interruption_loses_no_parameters(tmp_path: Path, ending: str | None) -> None:
    where = None if ending is None else tmp_path / f"theta{ending}"
    whole = trained(keep="parameters", batch=2, epochs=6).history
    steps = 0

    def interrupt(_: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise KeyboardInterrupt

    settings = {"keep": "parameters", "keep_in": where, "batch": 2, "epochs": 6, "checkpoint": tmp_path / "c.npz"}
    assert trained(progress=interrupt, **settings).interrupted
    history = trained(resume=True, **settings).history
    assert whole.kept is not None
    assert history.kept is not None
    assert history.kept.tolist() == whole.kept.tolist()
    np.testing.assert_array_equal(np.asarray(history.parameters), whole.parameters)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"keep": "everything"}, "'everything' cannot be kept"),
        ({"keep": "parameters", "keep_every": 0}, "at least 1, not 0"),
        ({"keep": "parameters", "keep_every": 1.5}, r"must be a whole number, not 1\.5"),
        ({"keep_in": "a.npz"}, "no word to keep them"),
        ({"keep": "parameters", "keep_in": "a.csv"}, "names no form of arrays"),
    ],
)
def test_what_cannot_be_kept(settings: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        trained(**settings)


def test_a_file_that_cannot_be_written_is_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        trained(
            keep="parameters",
            keep_in=tmp_path / "no" / "theta.npz",
            progress=lambda progress: pytest.fail("trained"),
        )


def test_zarr_chunks_hold_a_few_epochs_and_are_resized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlearn.learn.kept_parameters.CHUNK", 4 * 8 * 2)
    store = store_of("parameters", 2, tmp_path / "t.zarr", ("a", "b"))
    assert store is not None
    for epoch in range(0, 22, 2):
        store.take(epoch, np.array([epoch, -epoch], float))
    store.close()
    again = store_of("parameters", 2, tmp_path / "t.zarr", ("a", "b"), resumed=True)
    assert again is not None
    for epoch in (20, 22):
        again.take(epoch, np.array([epoch, epoch], float))
    again.close()
    epochs, values = again.arrays()
    assert epochs.tolist() == list(range(0, 24, 2))
    np.testing.assert_array_equal(np.asarray(values)[:, 0], epochs)
    np.testing.assert_array_equal(np.asarray(values)[-3:, 1], [-18, 20, 22])
    with pytest.raises(OptionError, match="holds other parameters"):
        store_of("parameters", 2, tmp_path / "t.zarr", ("a",), resumed=True)


def test_a_frame_without_the_parameters_says_how_to_keep_them() -> None:
    with pytest.raises(NetlearnError, match='train with keep="parameters"'):
        History((Record(0, 1.0),)).frame(parameters=True)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
class TestCallbacks:
    def test_they_get_parameters_gradient_and_outputs(self, optimizer: str) -> None:
        said: list[Progress] = []
        result = trained(optimizer=optimizer, progress=[said.append, lambda progress: None])
        first = said[0]
        assert first.theta is not None
        assert first.gradient is not None
        assert first.outputs is not None
        np.testing.assert_allclose(first.outputs[:, 0], [0.5, 1.0, -0.5], rtol=1e-12)
        # d/dR of the mean of (V1 R2/(R1+R2) - t)², by hand, at 1k and 1k.
        v, t = np.array(DATA["V1"]), np.array(DATA["V(b)"])
        slope = np.mean(2 * (v / 2 - t) * v) * 1e3 / 2e3**2
        np.testing.assert_allclose(first.gradient, [-slope, slope], rtol=1e-9)
        assert said[-1].epoch == result.history[-1].epoch

    @pytest.mark.parametrize("at", [0, 3])
    def test_one_may_end_the_training(self, optimizer: str, at: int) -> None:
        def stop(progress: Progress) -> None:
            if progress.epoch >= at:
                raise StopIteration("good enough")

        result = trained(optimizer=optimizer, progress=stop)
        assert result.stopped == "good enough"
        assert not result.interrupted
        assert result.epochs <= at + 1
