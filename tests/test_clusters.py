"""Dask's workers: what they find is what is found alone, even if they are killed, and what is wrong is said."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn import clusters
from netlearn.cli import main
from netlearn.errors import NetlearnError, OptionError

distributed = pytest.importorskip("distributed")

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"
DIVISION = NETLISTS / "voltage_division.cir"
VARY = {"optimizer.lr": [0.01, 0.1]}


@pytest.fixture(scope="module")
def executor() -> Any:
    with netlearn.cluster(workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def client(executor: Any) -> Any:
    with distributed.Client(executor.address, set_as_default=False) as found:
        yield found


def kill_one(client: Any) -> None:
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)


def told(records: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def test_a_sweep_loses_nothing_when_a_worker_is_killed(executor: Any, client: Any, tmp_path: Path) -> None:
    done: list[int] = []

    def killing(record: Any, count: int, total: int) -> None:
        if not done:
            kill_one(client)
        done.append(count)

    results = tmp_path / "r.jsonl"
    shared = netlearn.sweep(
        DIVISION, vary=VARY, seeds=3, epochs=3, executor=executor, progress=killing, results=results
    )  # fmt: skip
    alone = netlearn.sweep(DIVISION, vary=VARY, seeds=3, epochs=3, processes=1)
    assert done == [1, 2, 3, 4, 5, 6]
    assert json.dumps(told(shared.records)) == json.dumps(told(alone.records))
    assert len(results.read_text().splitlines()) == 6


def test_a_training_in_parts_loses_nothing_either(executor: Any, client: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def killing(said: Any) -> None:
        if said.epoch == 2:
            kill_one(client)

    path = NETLISTS / "xor.cir"
    shared = netlearn.train(path, epochs=4, executor=executor, parts=2, progress=killing)
    with ThreadPoolExecutor(1) as one:
        alone = netlearn.train(path, epochs=4, executor=one, parts=2)
    assert np.array_equal(shared.theta, alone.theta)
    assert str(shared.netlist) == str(alone.netlist)


def test_the_command_works_on_a_scheduler(executor: Any, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    words = ["sweep", str(DIVISION), "--scheduler", executor.address, "--epochs", "1", "--seeds", "2", "-o", str(out)]
    result = CliRunner().invoke(main, [*words, "-q"])
    assert (result.exit_code, result.stderr) == (0, "")
    alone = netlearn.sweep(DIVISION, epochs=1, seeds=2, processes=1)
    losses = [json.loads(line)["train_loss"] for line in out.read_text().splitlines()]
    assert sorted(losses) == sorted(record["train_loss"] for record in alone.records)


def test_a_worker_without_netlearn_is_named(executor: Any, client: Any) -> None:
    worker = next(iter(client.scheduler_info()["workers"]))
    # A None among the modules is how Python says that there is none.
    kept = client.run(_hide, workers=[worker])
    try:
        with pytest.raises(NetlearnError, match=f"the worker at {worker} cannot import netlearn") as caught:
            clusters.check_workers(client, executor.address)
        assert "install the same version" in caught.value.hint
    finally:
        client.run(_show, workers=[worker])
    assert list(kept.values()) == [True]
    clusters.check_workers(client, executor.address)


def _hide() -> bool:
    import sys

    hidden = {name: sys.modules[name] for name in list(sys.modules) if name.partition(".")[0] == "netlearn"}
    sys.hidden = hidden  # type: ignore[attr-defined]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    sys.modules["netlearn"] = None  # type: ignore[assignment]
    return True


def _show() -> None:
    import sys

    sys.modules.pop("netlearn", None)
    sys.modules.update(sys.hidden)  # type: ignore[attr-defined]


def test_another_version_is_refused(executor: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "own_version", lambda: "9.9")
    with pytest.raises(NetlearnError, match=r"has netlearn 0\.1\.0"):
        clusters.check_workers(client, executor.address)


def test_a_dead_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "PATIENCE", 0.5)
    for wrong in ("tcp://127.0.0.1:9", "nonsense://x:1"):
        with pytest.raises(NetlearnError, match="no scheduler answers at"), netlearn.cluster(wrong):
            pass
    result = CliRunner().invoke(main, ["sweep", str(DIVISION), "--scheduler", "tcp://127.0.0.1:9"])
    assert result.exit_code == 2
    assert "no scheduler answers at 'tcp://127.0.0.1:9'" in result.stderr
    assert not DIVISION.with_suffix(".sweep.jsonl").exists()


def test_a_scheduler_that_dies_under_way_or_has_no_workers_is_told() -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(NetlearnError, match="has no workers"),
        netlearn.cluster(empty.scheduler_address),
    ):
        pass
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as dying:

        def close(*_: object) -> None:
            dying.close()

        with (
            pytest.raises(NetlearnError, match=r"shut down|takes no work|ended"),
            netlearn.cluster(dying.scheduler_address) as executor,
        ):
            netlearn.sweep(DIVISION, vary=VARY, seeds=200, epochs=2, executor=executor, progress=close)


def test_clusters_are_one_thing_or_the_other() -> None:
    for wrong in ({}, {"scheduler": "tcp://x", "workers": 1}, {"workers": 0}):
        with pytest.raises(OptionError, match="cluster"), netlearn.cluster(**wrong):  # type: ignore[arg-type]
            pass
