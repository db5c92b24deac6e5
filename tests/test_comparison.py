"""Comparisons of learning rules: their runs, their outcomes, and taking them up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn import sweeps
from netlearn.comparison import Comparison, Run, compare, varied_by
from netlearn.errors import OptionError
from netlearn.generate import new_netlist
from netlearn.learn import loop
from netlearn.report.comparison import comparison_figure
from netlearn.sweeps import Plan, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    new = new_netlist("lattice", data="lattice.csv", rows=3, columns=3)
    (tmp_path / "lattice.csv").write_text(new.data)
    (tmp_path / "lattice.cir").write_text(new.netlist)
    return tmp_path / "lattice.cir"


def test_runs(path: Path) -> None:
    varied = varied_by(["analytic", "ep states=positive", "cl beta=0.1"], [0.5, 1.0], [1e-5, 1e-4], {})
    plan = Plan.of(path, None, vary=varied, seeds=2, scatter=2.0, settings={})
    assert len(plan.runs) == 2 * 2 + 2 * 2 * 2 + 2 * 2
    assert {(v.given["rule"], v.given["rule.beta"]) for v in plan.variants} == {
        ("analytic", None), ("ep states=positive", 1e-05), ("ep states=positive", 0.0001), ("cl beta=0.1", None),
    }  # fmt: skip


def test_each_run_is_the_training_that_it_names(path: Path) -> None:
    found = compare(path, rules=["analytic", "ep"], fractions=[0.5], betas=[1e-5], epochs=5, processes=1)
    assert [o.run for o in found.outcomes] == [Run("analytic", None, 0.5, 0), Run("ep", 1e-5, 0.5, 0)]
    for outcome, rule in zip(found.outcomes, ("analytic", "ep beta=1e-5"), strict=True):
        result = netlearn.train(path, rule=rule, subset="fraction=0.5", epochs=5, seed=0)
        assert outcome.loss == result.loss
        assert outcome.curves is not None
        assert outcome.curves["loss"] == [record.loss for record in result.history]
    # One adjoint solve is free; equilibrium propagation in its centered form takes three states.
    assert found.outcomes[1].solves == 3 * found.outcomes[0].solves
    assert found.outcomes[1].measurements > found.outcomes[0].measurements


def test_seeds_start_elsewhere_and_processes_change_nothing(path: Path) -> None:
    one = compare(path, rules=["analytic"], seeds=3, epochs=3, processes=1)
    two = compare(path, rules=["analytic"], seeds=3, epochs=3, processes=2)
    first = [o.curves["loss"][0] for o in one.outcomes if o.curves]
    assert len(set(first)) == 3
    assert first[0] == netlearn.train(path, epochs=1).history[0].loss
    assert [o.loss for o in one.outcomes] == [o.loss for o in two.outcomes]
    (row,) = one.summary()
    assert row["seeds"] == 3
    assert row["loss"] == pytest.approx(np.mean([o.loss for o in one.outcomes]))
    assert row["loss_std"] == pytest.approx(np.std([o.loss for o in one.outcomes]))
    same = compare(path, rules=["analytic"], seeds=2, epochs=1, scatter=1.0, processes=1)
    assert same.outcomes[0].curves == same.outcomes[1].curves


def test_takes_up_where_it_was_left(path: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    compare(path, rules=["analytic"], epochs=2, results=results, processes=1)
    trained: list[Run] = []
    again = compare(
        path, rules=["analytic", "cl"], epochs=2, results=results, processes=1,
        progress=lambda outcome, done, total: trained.append(outcome.run),
    )  # fmt: skip
    assert [run.rule for run in trained] == ["cl"]
    assert len(results.read_text().splitlines()) == 2
    # The same from scratch, whatever took how long.
    fresh = compare(path, rules=["analytic", "cl"], epochs=2, processes=1)
    for taken, made in zip(again.outcomes, fresh.outcomes, strict=True):
        assert (taken.run, taken.loss) == (made.run, made.loss)
        assert taken.curves is not None
        assert made.curves is not None
        for name, curve in made.curves.items():
            assert np.array_equal(taken.curves[name], curve, equal_nan=True)
    # Another task does not take these.
    compare(path, rules=["analytic"], epochs=3, results=results, processes=1)
    assert len(results.read_text().splitlines()) == 3


def test_a_line_cut_off_is_trained_again_and_others_are_refused(path: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    compare(path, rules=["analytic", "cl"], epochs=1, results=results, processes=1)
    text = results.read_text()
    results.write_text(text[:-20])
    assert [record["rule"] for record in load(results)] == ["analytic"]
    # What is trained again takes its place.
    for _ in range(2):
        again = compare(path, rules=["analytic", "cl"], epochs=1, results=results, processes=1)
        assert [o.run.rule for o in again.outcomes] == ["analytic", "cl"]
        assert len(results.read_text().splitlines()) == 2
    results.write_text("what is this\n" + text)
    with pytest.raises(OptionError, match=r"results.jsonl:1 is not a record"):
        compare(path, rules=["analytic"], epochs=1, results=results)


def test_a_failed_run_is_an_outcome(path: Path) -> None:
    found = compare(path, rules=["analytic", "ep states=negative beta=1 unit=siemens"], epochs=2, processes=1)
    assert found.outcomes[0].error == ""
    assert "nudge" in found.outcomes[1].error
    assert np.isnan(found.outcomes[1].loss)
    assert [row["failed"] for row in found.summary()] == [0, 1]
    assert json.loads(found.as_json())[1]["loss"] is None


def test_what_failed_is_tried_again(path: Path, tmp_path: Path) -> None:
    results, failing = tmp_path / "results.jsonl", ["ep states=negative beta=1 unit=siemens"]
    tried: list[str] = []
    for _ in range(2):
        compare(
            path, rules=failing, epochs=1, results=results, processes=1,
            progress=lambda outcome, done, total: tried.append(outcome.error),
        )  # fmt: skip
    assert len(tried) == 2
    assert all(tried)


def test_goes_on_after_it_was_killed(path: Path, tmp_path: Path) -> None:
    """Killed with the second run under way, it trains only what is not in the file."""
    results = tmp_path / "results.jsonl"
    program = (
        "import sys, time\nfrom netlearn.comparison import compare\n"
        "compare(sys.argv[1], rules=['analytic', 'cl', 'ep'], epochs=3, results=sys.argv[2], processes=1,\n"
        "        progress=lambda *_: (print('done', flush=True), time.sleep(60)))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, path, results], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        process.kill()
    assert len(load(results)) == 1
    trained: list[str] = []
    found = compare(
        path, rules=["analytic", "cl", "ep"], epochs=3, results=results, processes=1,
        progress=lambda outcome, done, total: trained.append(outcome.run.rule),
    )  # fmt: skip
    assert trained == ["cl", "ep"]
    fresh = compare(path, rules=["analytic", "cl", "ep"], epochs=3, processes=1)
    assert [o.loss for o in found.outcomes] == [o.loss for o in fresh.outcomes]


def test_figure_shows_what_there_is(path: Path) -> None:
    found = compare(path, rules=["analytic", "ep"], fractions=[0.3, 1.0], seeds=2, epochs=3, processes=1)
    figure = comparison_figure(found)
    losses, final = figure.axes[0], figure.axes[3]
    legend = losses.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "analytic, 30 %",
        "analytic",
        "ep, 30 %",
        "ep",
    ]
    drawn = losses.get_lines()[1].get_ydata()
    wanted = np.mean([o.curves["loss"] for o in found.outcomes[2:4] if o.curves], axis=0)
    assert np.asarray(drawn) == pytest.approx(wanted)
    assert final.get_xlabel() == "fraction updated in a step"
    assert comparison_figure(Comparison(found.outcomes[:1])).axes


def test_whatever_else_is_varied_stands_beside_the_rules_and_in_the_records(path: Path) -> None:
    found = compare(path, rules=["analytic"], vary={"optimizer.lr": [0.01, 0.1]}, epochs=2, processes=1)
    assert [row["varied"] for row in found.summary()] == ["optimizer.lr=0.01", "optimizer.lr=0.1"]
    assert [o.record["optimizer.lr"] for o in found.outcomes] == [0.01, 0.1]
    assert [o.record["subset.fraction"] for o in found.outcomes] == [1.0, 1.0]
    with pytest.raises(OptionError, match="'rule' is compared already"):
        compare(path, rules=["analytic"], vary={"rule": ["cl"]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rules": ["analytik"]}, "did you mean 'analytic'"),
        ({"rules": []}, "nothing to compare"),
        ({"fractions": [0.0]}, "above 0 and at most 1"),
        ({"betas": [0.0]}, "above 0"),
        ({"rules": ["analytic"], "betas": [-1.0]}, "above 0"),
        ({"betas": [float("inf")]}, "above 0"),
        ({"scatter": 0.5}, "at least 1"),
        ({"scatter": float("nan")}, "at least 1"),
    ],
)
def test_refuses(path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        compare(path, epochs=1, processes=1, **options)  # type: ignore[arg-type]


def test_a_run_whose_process_is_killed_is_named_and_the_others_are_kept(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.jsonl"
    trained = netlearn.train

    def killed(*arguments: Any, **settings: Any) -> Any:
        if settings["rule"].startswith("cl"):
            os.kill(os.getpid(), signal.SIGKILL)
        return trained(*arguments, **settings)

    monkeypatch.setattr(sweeps, "train", killed)
    found = compare(path, rules=["analytic", "cl", "ep"], epochs=2, results=results, processes=2)
    assert [bool(o.error) for o in found.outcomes] == [False, True, False]
    assert found.outcomes[1].error == "its process was ended by SIGKILL, 2 times"
    monkeypatch.undo()
    tried: list[str] = []
    again = compare(
        path, rules=["analytic", "cl", "ep"], epochs=2, results=results, processes=2,
        progress=lambda outcome, done, total: tried.append(outcome.run.rule),
    )  # fmt: skip
    assert tried == ["cl"]
    assert not any(o.error for o in again.outcomes)


def test_what_an_interrupted_run_came_to_is_no_outcome(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.jsonl"
    advance = loop.advance

    def interrupted(task: Any, state: Any) -> Any:
        if state.epoch == 1:
            raise KeyboardInterrupt
        return advance(task, state)

    monkeypatch.setattr(loop, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(path, rules=["analytic"], epochs=5, results=results, processes=1)
    assert not results.exists()


def test_other_test_data_are_another_task(path: Path, tmp_path: Path) -> None:
    results, test = tmp_path / "results.jsonl", tmp_path / "test.csv"
    text = (tmp_path / "lattice.csv").read_text()
    for lines in (3, 5):
        test.write_text("\n".join(text.splitlines()[:lines]) + "\n")
        found = compare(path, rules=["analytic"], epochs=1, results=results, processes=1, test=test)
        assert found.outcomes[0].test_loss == netlearn.train(path, epochs=1, test=test).test.loss  # type: ignore[union-attr]
