"""Influence of rows against fits that really leave each one out."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.errors import CircuitError, OptionError
from tests.influences.tasks import ROWS, columns, crossbar, fitted, samples, transconductances


def left_out(inputs: Array, wanted: Array) -> Array:
    """The least squares weights (n, 4) without each row."""
    return np.stack([fitted(np.delete(inputs, r, axis=0), np.delete(wanted, r)) for r in range(ROWS)])


def predicted(weights: Array, inputs: Array) -> Array:
    return np.asarray(np.column_stack([inputs, np.ones(len(inputs))]) @ weights)


@pytest.mark.parametrize("kind", ["transconductances", "crossbar"])
def test_leaving_one_out_is_exact_for_a_linear_read_out(kind: str) -> None:
    inputs, wanted = samples()
    others, asked = samples(1)
    weights = fitted(inputs, wanted)
    netlist, output, scale = (
        (transconductances(weights), "V(out)", 1.0)
        if kind == "transconductances"
        else (crossbar(weights), "I(Vsense)", 1e-3)
    )
    data, test = columns(inputs, wanted, output, scale), columns(others, asked, output, scale)
    found = netlearn.influence(netlist, data, test=test, damping=0.0)
    now = np.mean((predicted(weights, others) - asked) ** 2)
    changes = [np.mean((predicted(w, others) - asked) ** 2) - now for w in left_out(inputs, wanted)]
    assert found.changes == pytest.approx(scale**2 * np.array(changes), rel=1e-7, abs=1e-10 * scale**2)
    assert found.value == pytest.approx(scale**2 * now)
    assert found.of == "the test loss"
    assert found.curvature
    assert found.rows.tolist() == list(range(ROWS))
    # The outlier has the most.
    assert found.order[0] == ROWS - 1
    assert found.losses.sum() == pytest.approx(scale**2 * np.mean((predicted(weights, inputs) - wanted) ** 2))


def test_influence_on_a_probe_at_a_sample_and_on_the_training_loss() -> None:
    inputs, wanted = samples()
    netlist, data = transconductances(fitted(inputs, wanted)), columns(inputs, wanted, "V(out)")
    now, others = predicted(fitted(inputs, wanted), inputs), left_out(inputs, wanted)
    on_probe = netlearn.influence(netlist, data, probe="V(out)", sample=4, damping=0.0)
    assert on_probe.changes == pytest.approx([predicted(w, inputs)[4] - now[4] for w in others], rel=1e-7, abs=1e-10)
    assert on_probe.of == "V(out), at sample 5"
    on_power = netlearn.influence(netlist, data, probe="{V(out)/2}", damping=0.0)
    assert on_power.changes == pytest.approx([np.mean(predicted(w, inputs) - now) / 2 for w in others], abs=1e-10)
    on_loss = netlearn.influence(netlist, data, damping=0.0)
    assert on_loss.of == "the training loss"
    assert np.all(on_loss.changes > 0)


def test_without_a_matrix_it_is_of_first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Koh and Liang have it: ∇fᵀ(ΣJᵀHJ)⁻¹∇ℓ."""
    inputs, wanted = samples()
    monkeypatch.setattr("netlearn.influences.local.HELD", 0)
    netlist, data = transconductances(fitted(inputs, wanted)), columns(inputs, wanted, "V(out)")
    found = netlearn.influence(netlist, data, probe="V(out)", sample=4, damping=0.0)
    assert not found.curvature
    design = np.column_stack([inputs, np.ones(ROWS)])
    errors = design @ fitted(inputs, wanted) - wanted
    assert found.changes == pytest.approx(errors * (design @ np.linalg.solve(design.T @ design, design[4])), rel=1e-6)
    unlearned = netlearn.unlearn(netlist, data, rows=[2], damping=0.0)
    again = fitted(np.delete(inputs, 2, axis=0), np.delete(wanted, 2))
    assert unlearned.after == pytest.approx(1e-3 * again, rel=1e-8)


def test_refusals() -> None:
    inputs, wanted = samples()
    netlist, data = transconductances(fitted(inputs, wanted)), columns(inputs, wanted, "V(out)")
    with pytest.raises(OptionError, match="a sample is where a probe is read"):
        netlearn.influence(netlist, data, sample=1)
    with pytest.raises(CircuitError, match="no node 'nowhere'"):
        netlearn.influence(netlist, data, probe="V(nowhere)")
    with pytest.raises(OptionError, match="damping"):
        netlearn.influence(netlist, data, damping=-1.0)
