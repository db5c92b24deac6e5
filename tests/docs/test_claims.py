"""Small versions of the figures in docs/claims, and what they must show."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

CLAIMS = Path(__file__).parents[2] / "docs" / "claims"


@pytest.fixture
def claim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script of that name."""
    monkeypatch.syspath_prepend(str(CLAIMS))
    return import_module(request.param)


def script(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("claim", [name], indirect=True)


@script("gradient_bias")
def test_bias_falls_with_the_nudge_as_predicted(claim: ModuleType) -> None:
    results = claim.run(True)
    for network in ("linear", "diodes"):
        for states, slope in (("positive", 1), ("negative", 1), ("centered", 2)):
            assert results.slopes[network, f"ep {states}"] == pytest.approx(slope, abs=0.1)
        assert results.analytic_bias[network] < 1e-6
    # With noise the best nudge is neither the smallest nor, one-sided, the largest.
    for states in ("positive", "negative"):
        errors = results.noisy[f"ep {states}"]
        assert 0 < np.argmin(errors) < len(errors) - 1
    assert results.analytic_noisy < min(errors.min() for errors in results.noisy.values())
    assert claim.draw(results).axes
    assert claim.report(results)


@script("contrastive_convex")
def test_contrastive_learning_descends_a_convex_function_without_hidden_nodes(claim: ModuleType) -> None:
    results = claim.run(True)
    assert results.wrong < 1e-6
    assert results.gaps["no hidden node"].min() > -1e-9
    assert results.curvature["no hidden node"] > -1e-6
    # With hidden nodes it is not convex everywhere.
    assert results.gaps["three hidden nodes"].min() < -1e-3
    assert np.all(np.diff(results.losses, axis=1) < 1e-12)
    assert claim.draw(results).axes


@script("kite")
def test_rate_of_convergence_and_the_kite(claim: ModuleType) -> None:
    results = claim.run(True)
    assert results.coercivity["generic"] > 0.01
    assert results.measured["generic"] == pytest.approx(results.bound["generic"], rel=0.02)
    assert results.coercivity["symmetric"] < 1e-6
    assert results.measured["symmetric"] == pytest.approx(results.predicted["symmetric"], rel=0.02)
    assert claim.draw(results).axes


@script("output_readout")
def test_outputs_are_enough_to_train_a_chip(claim: ModuleType) -> None:
    results = claim.run(True)
    last = {name: losses[-1] for (_, name), losses in results.losses.items()}
    readings = {name: counts[-1] for (_, name), counts in results.measurements.items()}
    assert last["in the loop"] < 0.5 * last["model alone"]
    assert readings["in the loop"] * 10 < readings["ep on the chip"]
    assert readings["model alone"] == 0
    assert claim.draw(results).axes


@script("seven_algorithms")
def test_seven_algorithms_run_side_by_side(claim: ModuleType) -> None:
    results = claim.run(True)
    for comparison in results.values():
        rows = comparison.summary()
        assert len(rows) == len(claim.LABELS) == 8
        assert all(row["failed"] == 0 for row in rows)
        assert all(o.curves["loss"][-1] < o.curves["loss"][0] for o in comparison.outcomes)
    assert len(claim.draw(results).axes) == 2


@script("subset_fraction")
def test_more_resistors_learn_faster(claim: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "RULES", ("analytic",))
    results = claim.run(True)
    assert len(results) == 12
    for rows in results.values():
        few, all_of_them = sorted(rows, key=lambda row: row["fraction"])
        assert all_of_them["loss"] < few["loss"]
    assert len(claim.draw(results).axes) == 9
