"""Sweeps: what is varied, what a record holds, and taking a sweep up again; pandas reads the records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netlearn
from netlearn.errors import NetlearnError, OptionError
from netlearn.generate import new_netlist
from netlearn.learn.optimizers import Sgd
from netlearn.learn.rules import RULES
from netlearn.learn.rules.analytic import Analytic
from netlearn.netlist.netlist import parse, read
from netlearn.sweeps import load
from netlearn.variations import variants, varied_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    new = new_netlist("lattice", data="lattice.csv", rows=3, columns=3)
    (tmp_path / "lattice.csv").write_text(new.data)
    (tmp_path / "lattice.cir").write_text(new.netlist)
    return tmp_path / "lattice.cir"


@dataclass(frozen=True)
class Weak(Analytic):
    """A rule of one's own: the gradient, weakened."""

    part: float = 0.5

    def estimate(self, *arguments, **options):
        found = super().estimate(*arguments, **options)
        return type(found)(found.loss, self.part * found.gradient, found.outputs)


def test_texts_are_split_at_commas_outside_of_quotes_and_brackets() -> None:
    assert varied_in(["rule=analytic,cl beta=0.01", "output=V(a,b), V(c)", "corner='temp=0,27',\"temp=1\""]) == {
        "rule": ["analytic", "cl beta=0.01"],
        "output": ["V(a,b)", "V(c)"],
        "corner": ["temp=0,27", "temp=1"],
    }


def test_every_combination_is_trained_and_records_say_with_what(path: Path) -> None:
    vary = {"optimizer.lr": [0.01, 0.1], "rule": ["analytic", "cl beta=0.01"], "epochs": [2, 3]}
    found = netlearn.sweep(path, vary=vary, processes=1)
    assert len(found) == 8
    for record in found.records:
        rule = "analytic" if record["rule"] == "analytic" else "cl beta=0.01"
        optimizer = f"adam lr={record['optimizer.lr']}"
        result = netlearn.train(path, rule=rule, optimizer=optimizer, epochs=record["epochs"])
        assert record["train_loss"] == result.loss
        assert record["curve.loss"] == result.history.loss.tolist()
    assert {r["version"] for r in found.records} == {"0.1.0"}
    assert len({r["netlist_digest"] for r in found.records}) == 1
    assert {r["rule.beta"] for r in found.records if r["rule"] == "cl"} == {0.01}


def test_every_option_of_every_rule_can_be_varied_and_is_in_the_settings(path: Path) -> None:
    """Of the declarations: none is missing."""
    for name, cls in RULES.items():
        for entry in netlearn.options.options_of(cls):  # type: ignore[attr-defined]
            (found,) = variants(read(path), {"rule": [name], f"rule.{entry.name}": [getattr(cls(), entry.name)]}, {})
            assert getattr(found.settings.rule, entry.name) == getattr(cls(), entry.name)


def test_an_option_without_a_place_is_left_out_once(path: Path) -> None:
    found = netlearn.sweep(
        path, vary={"rule": ["analytic", "cl"], "rule.beta": ["0.1", "0.2"]}, epochs=1, processes=1
    )  # fmt: skip
    assert [(r["rule"], r.get("rule.beta")) for r in found.records] == [("analytic", None), ("cl", 0.1), ("cl", 0.2)]
    assert [row["rule.beta"] for row in found.summary()] == [None, 0.1, 0.2]


def test_objects_of_ones_own_are_varied_and_told_apart(path: Path, tmp_path: Path) -> None:
    results = tmp_path / "r.jsonl"
    vary = {"rule": [Weak(part=0.5), Weak(part=0.25), "analytic"], "optimizer": [Sgd(lr=0.01)]}
    found = netlearn.sweep(path, vary=vary, epochs=3, results=results, processes=1)
    assert [r["rule"].rpartition(".")[2] for r in found.records] == ["Weak", "Weak", "analytic"]
    assert [r.get("rule.part") for r in found.records] == [0.5, 0.25, None]
    losses = [r["train_loss"] for r in found.records]
    assert losses[2] < losses[0] < losses[1]
    netlearn.sweep(path, vary=vary, epochs=3, results=results, processes=1)
    assert len(load(results)) == 3
    # One that no other process could be given is trained in this one.

    class Local(Weak):
        pass

    assert not netlearn.sweep(path, vary={"rule": [Local()]}, seeds=2, epochs=1).records[0]["error"]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_pandas_reads_the_records_in_one_line(path: Path, tmp_path: Path, ending: str) -> None:
    results = tmp_path / f"r.{ending}"
    rules = ["analytic", "cl beta=0.1", "ep states=negative beta=1 unit=siemens"]
    vary = {"optimizer": ["adam lr=0.1", "sgd lr=0.01"], "rule": rules}
    found = netlearn.sweep(path, vary=vary, seeds=2, epochs=2, results=results, processes=1)
    frame = pd.read_parquet(results) if ending == "parquet" else pd.read_json(results, lines=True)
    assert len(frame) == 12
    assert frame.train_loss.to_numpy(float) == pytest.approx([r["train_loss"] for r in found.records], nan_ok=True)
    assert frame.train_loss.dtype == float
    assert list(frame["optimizer.lr"]) == [r["optimizer.lr"] for r in found.records]
    curves = [r["curve.loss"] for r in found.records if not r["error"]]
    assert np.concatenate(list(frame["curve.loss"].dropna())) == pytest.approx(np.concatenate(curves), rel=1e-12)
    pd.testing.assert_frame_equal(found.frame()[["rule", "train_loss"]], frame[["rule", "train_loss"]])


def test_the_summary_is_the_mean_and_the_deviation_of_the_sample(path: Path) -> None:
    found = netlearn.sweep(path, vary={"optimizer.lr": [0.01, 0.1]}, seeds=4, epochs=2, processes=1)
    means = found.frame().groupby("optimizer.lr").train_loss
    for row in found.summary():
        assert row["train_loss"] == pytest.approx(means.mean()[row["optimizer.lr"]], rel=1e-12)
        assert row["train_loss_std"] == pytest.approx(means.std()[row["optimizer.lr"]], rel=1e-12)
        assert row["seeds"] == 4
    assert np.isnan(netlearn.sweep(path, epochs=1).summary()[0]["train_loss_std"])


def test_a_sweep_goes_on_where_it_was_left(path: Path, tmp_path: Path) -> None:
    results = tmp_path / "r.parquet"
    netlearn.sweep(path, vary={"optimizer.lr": [0.1]}, epochs=1, results=results, processes=1)
    done: list[float] = []
    netlearn.sweep(
        path, vary={"optimizer.lr": [0.1, 0.2]}, epochs=1, results=results, processes=1,
        progress=lambda record, *_: done.append(record["optimizer.lr"]),
    )  # fmt: skip
    assert done == [0.2]
    assert len(pd.read_parquet(results)) == 2
    # Another netlist or other data are another training, wherever they lie; the same ones elsewhere are not.
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("lattice.cir", "lattice.csv"):
        (copy / name).write_bytes((tmp_path / name).read_bytes())
    netlearn.sweep(copy / "lattice.cir", vary={"optimizer.lr": [0.1]}, epochs=1, results=results, processes=1)
    assert len(load(tmp_path / "r.parquet.jsonl")) == 2
    text = (copy / "lattice.csv").read_text()
    (copy / "lattice.csv").write_text(text.rsplit("\n", 2)[0] + "\n")
    netlearn.sweep(copy / "lattice.cir", vary={"optimizer.lr": [0.1]}, epochs=1, results=results, processes=1)
    assert len(load(tmp_path / "r.parquet.jsonl")) == 3


def test_digests_say_what_was_read(path: Path) -> None:
    test = path.with_name("lattice.csv")
    (record,) = netlearn.sweep(path, vary={"epochs": [1]}, processes=1, test=test).records
    assert {name for name in record if "digest" in name} == {"netlist_digest", "data_digest", "test_digest"}
    assert record["data_digest"] == record["test_digest"] != record["netlist_digest"]


def test_data_can_be_varied(path: Path, tmp_path: Path) -> None:
    text = (tmp_path / "lattice.csv").read_text()
    (tmp_path / "few.csv").write_text("\n".join(text.splitlines()[:4]) + "\n")
    files = [str(tmp_path / name) for name in ("lattice.csv", "few.csv")]
    found = netlearn.sweep(path, vary={"data": files}, epochs=2, processes=1)
    for record, file in zip(found.records, files, strict=True):
        assert record["train_loss"] == netlearn.train(path, file, epochs=2).loss
        assert record["data"] == file


def test_any_executor_gives_the_same(path: Path) -> None:
    vary = {"optimizer.lr": [0.1, 0.2]}
    alone = netlearn.sweep(path, vary=vary, seeds=2, epochs=2, processes=1)
    with ThreadPoolExecutor(2) as executor:
        shared = netlearn.sweep(path, vary=vary, seeds=2, epochs=2, executor=executor)
    assert [r["curve.loss"] for r in shared.records] == [r["curve.loss"] for r in alone.records]
    with pytest.raises(NetlearnError, match="the executor takes no work"):
        netlearn.sweep(path, vary=vary, epochs=1, executor=executor)


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"optimiser.lr": [1]}, "did you mean 'optimizer'"),
        ({"optimizer.lrr": [1]}, "no 'optimizer.lrr' to vary in Adam"),
        ({"optimizer.lr": [-1.0]}, "above 0"),
        ({"optimizer.lr": ["fast"]}, "must be a number"),
        ({"optimizer.lr": []}, "has no values"),
        ({"rule": ["analytik"]}, "did you mean 'analytic'"),
        ({"rule.beta": [0.1]}, "no 'rule.beta' to vary in Analytic"),
        ({"loss.on": [0.9], "loss": ["mse"], "epochs": [1.5]}, "must be a whole number"),
        ({"train.min": [1.0]}, "vary 'train' as a whole"),
        ({"seed": [1, 2]}, "--seeds 10"),
        ({"batch": [3]}, "given, and varied"),
        (["optimizer.lr"], "varies nothing"),
    ],
)
def test_refuses(path: Path, vary: Any, message: str) -> None:
    given: dict[str, Any] = {} if "epochs" in vary else {"epochs": 1, "batch": 2, "processes": 1}
    with pytest.raises(OptionError, match=message):
        netlearn.sweep(path, vary=vary, **given)


def test_refuses_files_that_hold_no_records(path: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="names no form of records"):
        netlearn.sweep(path, results=tmp_path / "r.xlsx")
    with pytest.raises(OptionError, match="a sweep has seeds of its own"):
        netlearn.sweep(path, seed=3)
    with pytest.raises(netlearn.DataError, match="no data"):
        netlearn.sweep(parse("title\nV1 a 0 1\nR1 a b 1\nR2 b 0 1\n.end\n"), output="V(b)")
