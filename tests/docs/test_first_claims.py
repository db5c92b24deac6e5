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
