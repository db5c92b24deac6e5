"""Work on executors: what comes of it is the same wherever it is done, and what goes wrong there is said."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.errors import NetlearnError, OptionError
from netlearn.executors import AHEAD, KilledAgain, Sent, as_they_come, in_order
from netlearn.generate import new_netlist
from netlearn.workers import Lost, results_of

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"


class Failing(Executor):
    """An executor on which everything fails in one way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


class KilledWorker(Exception):
    """Called like Dask's."""


@pytest.fixture(scope="module")
def threads() -> Any:
    with ThreadPoolExecutor(3) as executor:
        yield executor


def test_results_come_with_their_numbers_or_in_order(threads: Executor) -> None:
    assert dict(as_they_come(str, [3, 1, 2], threads)) == {0: "3", 1: "1", 2: "2"}
    assert list(in_order(str, iter(range(100)), threads)) == [str(k) for k in range(100)]


def test_no_more_than_a_few_are_under_way(threads: Executor) -> None:
    asked: list[int] = []

    def items() -> Any:
        for k in range(1000):
            asked.append(k)
            yield k

    results = in_order(str, items(), threads)
    assert next(results) == "0"
    assert len(asked) <= AHEAD


def test_what_ends_workers_again_and_again_is_lost_or_an_error() -> None:
    executor = Failing(KilledWorker("x"))
    ((_, found),) = as_they_come(str, [1], executor)
    assert isinstance(found, KilledAgain)
    ((_, lost),) = results_of(str, [1], executor=executor)
    assert isinstance(lost, Lost)
    assert str(lost) == "its worker was ended again and again"
    with pytest.raises(NetlearnError, match="ended again and again"):
        list(in_order(str, [1], executor))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ModuleNotFoundError("No module named 'netlearn'", name="netlearn"), "a worker cannot import netlearn"),
        (ModuleNotFoundError("x", name="other"), "x"),
        (ZeroDivisionError("as it is"), "as it is"),
    ],
)
def test_errors_of_workers(error: Exception, says: str) -> None:
    kind = NetlearnError if "cannot import" in says else type(error)
    for run in (as_they_come, in_order):
        with pytest.raises(kind, match=says):
            list(run(str, [1], Failing(error)))


def test_an_executor_that_was_shut_down_is_told() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(NetlearnError, match="the executor takes no work"):
        netlearn.sweep(NETLISTS / "voltage_division.cir", epochs=1, executor=executor)


def _end(_: int) -> None:
    import os

    os._exit(1)


def test_a_pool_whose_process_ends_is_told() -> None:
    with ProcessPoolExecutor(1) as executor, pytest.raises(NetlearnError, match="processes have ended"):
        list(as_they_come(_end, [1], executor))


@pytest.mark.parametrize("rule", ["analytic", "ep beta=1e-3", "spsa"])
@pytest.mark.parametrize("name", ["voltage_division", "xor"])
def test_a_gradient_in_parts_is_the_same_whoever_makes_them(threads: Executor, rule: str, name: str) -> None:
    """And that of the whole batch, but for roundoff, where nothing is random."""
    path, settings = NETLISTS / f"{name}.cir", {"rule": rule, "epochs": 4, "batch": 3}
    with ThreadPoolExecutor(1) as alone:
        one = netlearn.train(path, executor=alone, parts=3, **settings)  # type: ignore[arg-type]
    many = netlearn.train(path, executor=threads, parts=3, **settings)  # type: ignore[arg-type]
    assert np.array_equal(one.theta, many.theta)
    assert str(one.netlist) == str(many.netlist)
    assert one.history == many.history
    if rule != "spsa":
        whole = netlearn.train(path, **settings)  # type: ignore[arg-type]
        assert many.history.loss == pytest.approx(whole.history.loss, rel=1e-6)
        assert (many.history.solves == whole.history.solves).all()


def test_a_step_in_parts_is_the_mean_over_the_batch(threads: Executor) -> None:
    steps: list[Any] = []
    for executor in (None, threads):
        netlearn.train(
            NETLISTS / "xor.cir", epochs=1, executor=executor, parts=4, progress=lambda said: steps.append(said.last)
        )
    assert steps[1].gradient == pytest.approx(steps[0].gradient, rel=1e-6, abs=1e-12 * np.abs(steps[0].gradient).max())


def test_an_interrupted_training_in_parts_goes_on_to_the_same(threads: Executor, tmp_path: Path) -> None:
    path, kept = NETLISTS / "voltage_division.cir", tmp_path / "kept.npz"

    def stop(said: Any) -> None:
        if said.epoch == 2:
            raise KeyboardInterrupt

    whole = netlearn.train(path, epochs=4, executor=threads, parts=3)
    assert netlearn.train(path, epochs=4, executor=threads, parts=3, checkpoint=kept, progress=stop).interrupted
    again = netlearn.train(path, epochs=4, executor=threads, parts=3, checkpoint=kept, resume=True)
    assert np.array_equal(again.theta, whole.theta)


def test_what_parts_cannot_do_is_refused(threads: Executor) -> None:
    path = NETLISTS / "voltage_division.cir"
    with pytest.raises(OptionError, match="weighs all samples together"):
        netlearn.train(path, rule="natural", epochs=1, executor=threads)
    with pytest.raises(OptionError, match="at least one part"):
        netlearn.train(path, epochs=1, executor=threads, parts=0)
    with pytest.raises(NetlearnError, match="cannot be sent to other processes"):
        Sent.of(lambda: 0)


def test_a_bad_sample_is_called_by_its_own_number(threads: Executor) -> None:
    """Not by that in its part."""
    netlist = netlearn.parse("* t\n*@output V(b)\nV1 a 0 0\nB1 a b I=v(a,b)/1k+sqrt(v(a))*1u\nR1 b 0 1k\n.end\n")
    data = {"V1": [1.0, 1.0, 1.0, -5.0], "V(b)": [0.5] * 4}
    said = []
    for executor in (None, threads):
        with pytest.raises(NetlearnError) as caught:
            netlearn.train(netlist, data, epochs=1, executor=executor, parts=2)
        said.append((caught.value.message, caught.value.sample))
    assert said[0] == said[1]


def test_predictions_are_the_same_and_in_order(threads: Executor, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("netlearn.prediction.HELD", 1)
    made = new_netlist("lattice", samples=500)
    (tmp_path / "net.cir").write_text(made.netlist)
    (tmp_path / "data.csv").write_text(made.data)
    alone = netlearn.predict(tmp_path / "net.cir", tmp_path / "data.csv")
    shared = netlearn.predict(tmp_path / "net.cir", tmp_path / "data.csv", executor=threads)
    assert np.array_equal(alone.outputs, shared.outputs)
    for name, executor in (("alone", None), ("shared", threads)):
        out = tmp_path / f"{name}.csv"
        netlearn.predict_file(tmp_path / "net.cir", tmp_path / "data.csv", out, executor=executor)
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "shared.csv").read_bytes()


def test_evaluations_are_the_same(threads: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlearn.evaluation.HELD", 1)
    monkeypatch.setattr("netlearn.evaluation.LEAST_ROWS", 2)
    alone, shared = (netlearn.evaluate(NETLISTS / "xor.cir", executor=each) for each in (None, threads))
    assert np.array_equal(alone.outputs, shared.outputs)
    assert np.array_equal(alone.watts, shared.watts)
    assert alone.loss == shared.loss


def test_draws_of_tolerances_are_the_same(threads: Executor) -> None:
    netlist = netlearn.parse("* t\n*@output V(b)\n*@tolerance R* 5%\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n")
    alone = netlearn.tolerance(netlist, draws=3000)
    assert np.array_equal(netlearn.tolerance(netlist, draws=3000, executor=threads).outputs, alone.outputs)
