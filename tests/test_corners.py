"""Corners: every sample at all combinations of values that the netlist or an option says."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.errors import NetlearnError
from netlearn.netlist.netlist import parse
from netlearn.project import open_project


def test_corners_multiply_the_samples():
    text = "* t\n*@corner temp=-40,27 Rload=1k,2k\n*@corner vsup=4.5,5,5.5\n.param vsup=5\nV1 in 0 {vsup}\n"
    text += "R1 in a 1k tc1=1m\nRload a 0 1k\nV2 b 0 1\nR2 b a 1meg\n.end"
    prepared = open_project(parse(text, "t.cir"), {"V2": [0.0, 1.0], "V(a)": [1.0, 2.0]})
    data = prepared.dataset(prepared.table)
    assert prepared.layout.driven == ("V2", "temp", "rload", "vsup")
    assert len(data) == 2 * 2 * 2 * 3
    assert len(np.unique(data.inputs, axis=0)) == len(data)
    np.testing.assert_array_equal(data.targets[:12, 0], 1.0)
    assert data.label(13) == "sample 14 (row 2 at temp=-40 rload=1000 vsup=5)"
    model, inputs = prepared.plain_model, data.inputs
    outputs = model.outputs(model.forward(model.parameters.initial, inputs))
    v2, celsius, load, supply = inputs.T
    r1 = 1e3 * (1 + 1e-3 * (celsius - 27))
    expected = (supply / r1 + v2 / 1e6) / (1 / r1 + 1 / load + 1e-6)
    np.testing.assert_allclose(outputs[:, 0], expected, rtol=1e-12)


def test_corners_are_given_as_an_option_too_and_win_over_the_netlists(tmp_path: Path):
    (tmp_path / "t.cir").write_text(
        "* t\n*@data d.csv\n*@corner temp=0,100\nV1 in 0 1\nR1 in a 1k tc1=1m\nR2 a 0 1k\n.end\n"
    )
    (tmp_path / "d.csv").write_text("V1,V(a)\n1,0.5\n2,1\n")
    run = CliRunner().invoke(main, ["eval", str(tmp_path / "t.cir"), "--corner", "temp=27,50,75", "--csv"])
    assert run.exit_code == 0, run.output
    assert len(run.output.splitlines()) == 1 + 6
    by_object = netlearn.evaluate(tmp_path / "t.cir", corner={"temp": [27.0, 50.0, 75.0]})
    assert len(by_object) == 6


def test_the_rows_of_a_validation_part_are_kept_aside_with_all_their_corners():
    text = "* t\n*@corner temp=-40,27,125\nV1 in 0 1\nR1 in a 1k tc1=1m\nR2 a 0 1k\n.end"
    prepared = open_project(
        parse(text, "t.cir"), {"V1": np.arange(1.0, 11.0), "V(a)": np.arange(10.0)}, overrides={"validation": 0.3}
    )
    from netlearn.api import task_of

    task = task_of(prepared)
    assert task.validation is not None
    assert len(task.validation) == 9
    assert not set(task.data.inputs[:, 0]) & set(task.validation.inputs[:, 0])


@pytest.mark.parametrize(
    ("directive", "said"),
    [
        ("*@corner tmep=1,2", "did you mean 'temp'?"),
        ("*@corner temp=1,x", "'temp' must be a number, not 'x'"),
        ("*@corner", "the directive"),
        ("*@corner temp=0,5 temp=1", "'temp' is given twice"),
        ("*@options validation=0,5", "a decimal point is written as one: 0.5"),
        ("*@corner v1=1,2", "'V1' is a column and a corner as well"),
    ],
)
def test_a_corner_that_cannot_be_is_refused_with_its_place(directive, said):
    text = f"* t\n{directive}\nV1 in 0 1\nR1 in a 1k\nR2 a 0 1k\n.end"
    if directive == "*@corner":
        assert open_project(parse(text, "t.cir"), {"V1": [1.0], "V(a)": [0.5]}).settings.corner == {}
        return
    with pytest.raises(NetlearnError) as caught:
        _ = open_project(parse(text, "t.cir"), {"V1": [1.0], "V(a)": [0.5]}).driven
    assert said in str(caught.value)
    assert "t.cir:2:" in str(caught.value) or "<data>" in str(caught.value)


def test_training_at_corners_finds_what_is_right_at_all_of_them():
    """A divider whose upper resistor drifts: the closed form of the least squares over three temperatures."""
    text = (
        "* t\n*@corner temp=-40,27,125\n*@train R2\n*@optimizer lbfgs\nV1 in 0 1\nR1 in a 1k tc1=1m\nR2 a 0 500\n.end"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = netlearn.train(parse(text, "t.cir"), {"V1": [1.0], "V(a)": [0.5]})
    from scipy.optimize import minimize_scalar

    r1 = 1e3 * (1 + 1e-3 * (np.array([-40.0, 27.0, 125.0]) - 27))
    best = minimize_scalar(lambda r2: np.mean((r2 / (r1 + r2) - 0.5) ** 2), bounds=(100, 10e3), options={"xatol": 1e-9})
    assert result.theta[0] == pytest.approx(best.x, rel=1e-6)
