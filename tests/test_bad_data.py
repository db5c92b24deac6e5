"""Data that do not fit: named, and nothing that was trained is changed by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import netlearn
from netlearn.errors import DataError, NetlearnError
from netlearn.sklearn import NetlistClassifier, NetlistRegressor

NETLIST = netlearn.parse(
    "* t\n*@input V1 V2\n*@output V(b) V(c)\nV1 a 0 0\nV2 d 0 0\n"
    "R1 a b 1k\nR2 b 0 1k\nR3 d c 1k\nR4 c b 1k\nR5 c 0 1k\n.end\n"
)
DIVIDER = netlearn.parse("* t\n*@output V(b)\nV1 a 0 0\nR1 a b 1k\nR2 b 0 1k\n.end\n")
X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
Y = X @ [[0.3, 0.1], [0.1, 0.3]]
IRIS = "netlists/iris.cir"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (np.zeros((3, 3)), "3 columns of inputs, and .*names 2: V1 V2"),
        (np.zeros(3), r"shape \(3,\), not \(samples, inputs\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.zeros((0, 2)), "no rows of data"),
        (np.array([["a", "b"]]), "inputs hold 'a' in row 1"),
        (np.array([[1, 2], [3, "x"]], dtype=object), "inputs hold 'x' in row 2"),
        (np.zeros((2, 2), complex), "inputs hold complex128"),
        (np.zeros((2, 2), "datetime64[s]"), "inputs hold datetime64"),
        (np.full((2, 2), np.nan), "row 1, column 'V1': nan is not finite"),
        ([[1, 2], [3]], "rows of the data differ in length"),
        ({1, 2}, r"shape \(\)"),
        ({"V1": [1, 2], "V2": [1]}, "differ in length"),
        (pd.DataFrame({"V1": ["x", "y"], "V2": [1, 2]}), "column 'V1' .* not numbers"),
        (pd.DataFrame({"V1": [1, 2], "x": [1, 2]}), "'x' names no source"),
    ],
)
def test_inputs_of_a_wrong_shape_or_kind(inputs: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        netlearn.predict(NETLIST, inputs)
    with pytest.raises(DataError):
        netlearn.train(NETLIST, inputs, Y[: len(inputs)], epochs=1)


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        (Y[:5], "inputs of 12 samples and targets of 5"),
        (Y[:, :1], r"shape \(12, 1\), not \(samples, 2\)"),
        (np.zeros((12, 3)), r"shape \(12, 3\), not \(samples, 2\)"),
        (np.array([["a", "b"]] * 12), "targets hold 'a' in row 1"),
        (Y.astype(complex), "targets hold complex128"),
        ([[1, 2], [3]], "rows of the data differ in length"),
        (np.full((12, 2), np.nan), "nothing is asked of the outputs"),
    ],
)
def test_targets_of_a_wrong_shape_or_kind(targets: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        netlearn.train(NETLIST, X, targets, epochs=1)


def test_numbers_of_any_type_are_numbers() -> None:
    wanted = netlearn.predict(NETLIST, [[1.0, 2.0], [3.0, 4.0]]).outputs
    for kind in (object, int, np.int8, np.float32):
        assert np.array_equal(netlearn.predict(NETLIST, np.array([[1, 2], [3, 4]], dtype=kind)).outputs, wanted)
    assert netlearn.predict(NETLIST, np.array([[True, False]])).outputs.shape == (1, 2)


def test_columns_go_by_their_names_in_any_order() -> None:
    frame = pd.DataFrame(X, columns=["V1", "V2"])
    straight, turned = (netlearn.predict(NETLIST, frame[names]).outputs for names in (["V1", "V2"], ["V2", "V1"]))
    assert turned == pytest.approx(straight, rel=1e-12)
    assert straight == pytest.approx(netlearn.predict(NETLIST, X).outputs, rel=1e-12)
    data = pd.read_csv("netlists/iris_test.csv")
    assert netlearn.evaluate(IRIS, data[data.columns[::-1]]).loss == pytest.approx(netlearn.evaluate(IRIS, data).loss)
    with pytest.raises(DataError, match="no column 'Vpwn', which the training data has"):
        netlearn.predict(IRIS, data.drop(columns="Vpwn"))


def test_columns_of_an_estimator_are_in_the_order_of_training() -> None:
    """As scikit-learn wants it: other names and other orders are refused."""
    frame = pd.DataFrame(X, columns=["V1", "V2"])
    model = NetlistRegressor(NETLIST).fit(frame, Y)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        model.predict(frame[["V2", "V1"]])
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(np.zeros((2, 3)))
    with pytest.raises(NotFittedError):
        NetlistRegressor(NETLIST).predict(X)


def test_labels_that_training_did_not_know() -> None:
    data = pd.read_csv("netlists/iris_test.csv")
    wrong = data.copy()
    wrong.loc[3, "class"] = "rose"
    with pytest.raises(DataError, match="row 4: the class 'rose' is not among the training data") as caught:
        netlearn.evaluate(IRIS, wrong)
    assert "setosa, versicolor, virginica" in caught.value.hint
    with pytest.raises(NetlearnError, match="'rose' is not among"):
        netlearn.train(IRIS, test=wrong, epochs=1)
    # What is predicted asks for no labels: those that are there are not looked at.
    assert (netlearn.predict(IRIS, wrong).labels == netlearn.predict(IRIS, data).labels).all()
    inputs = data.drop(columns="class")
    model = NetlistClassifier(epochs=1).fit(inputs, data["class"])
    with pytest.raises(ValueError, match="'rose' is not among the classes"):
        model.partial_fit(inputs, wrong["class"])


def test_single_steps_take_whole_samples() -> None:
    trainer = netlearn.Trainer(NETLIST)
    before = trainer.values
    for inputs, targets in (([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0]), (["a", "b"], [1.0, 2.0])):
        with pytest.raises(DataError):
            trainer.step(inputs, targets)
    assert trainer.values == before


def test_what_an_array_masks_is_not_there() -> None:
    masked: Any = np.ma.masked_array(np.array([[1.0], [2.0]]), [[False], [True]])
    with pytest.raises(DataError, match="row 2, column 'v1': nan is not finite"):
        netlearn.predict(DIVIDER, masked)
    targets: Any = np.ma.masked_array(np.array([1, 9]), [False, True])
    assert netlearn.evaluate(DIVIDER, (np.array([[2.0], [2.0]]), targets)).loss == 0


def test_arrays_that_other_libraries_cannot_give_are_said_in_their_words() -> None:
    class Attached:
        def __array__(self, *_: object, **__: object) -> object:
            raise RuntimeError("use detach()")

    with pytest.raises(DataError, match="a Attached cannot be read as an array: use detach"):
        netlearn.predict(DIVIDER, Attached())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="row 1, column 'V1': -inf is not finite"):
        netlearn.predict(DIVIDER, {"V1": [-(10**400)]})


def test_rows_with_names_are_told_to_be_a_table() -> None:
    with pytest.raises(DataError, match=r"inputs are rows with names, not an array\n.*pandas.DataFrame"):
        netlearn.train(DIVIDER, [{"Vin": 1.0}, {"Vin": 2.0}], [[0.5], [1.0]], epochs=1)
