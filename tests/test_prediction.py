"""Outputs for new inputs."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import netlearn
from netlearn.errors import DataError, NetlearnError, OptionError
from netlearn.prediction import rows_at_a_time
from netlearn.project import open_project

DIVIDERS = """\
* three dividers
*@input V1 V2
*@output V(a) V(b) V(c)
*@classes red green blue
*@loss cross_entropy scale=3
V1 p 0 0
V2 q 0 0
R1 p a 1k
R2 a 0 1k
R3 q b 1k
R4 b 0 3k
R5 p c 2k
R6 q c 1k
"""
X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0], [2.0, 1.9]])
WANTED = np.stack([X[:, 0] / 2, 0.75 * X[:, 1], (X[:, 0] + 2 * X[:, 1]) / 3], axis=1)


def softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def test_outputs_labels_and_probabilities() -> None:
    prediction = netlearn.predict(netlearn.parse(DIVIDERS), X)
    np.testing.assert_allclose(prediction.outputs, WANTED, rtol=1e-12)
    assert prediction.scores is prediction.outputs
    assert prediction.names == ("V(a)", "V(b)", "V(c)")
    names = np.array(["red", "green", "blue"])
    assert prediction.labels.tolist() == names[WANTED.argmax(axis=1)].tolist()
    assert np.asarray(prediction).tolist() == prediction.labels.tolist()
    assert prediction.probabilities is not None
    np.testing.assert_allclose(prediction.probabilities, softmax(3 * WANTED), rtol=1e-12)
    assert len(prediction) == 4


def test_numbers_as_classes_are_numbers_again() -> None:
    prediction = netlearn.predict(netlearn.parse(DIVIDERS), X, classes=[3, 1, 2])
    assert prediction.labels.dtype.kind == "i"
    assert prediction.labels.tolist() == np.array([3, 1, 2])[WANTED.argmax(axis=1)].tolist()


def test_values_where_there_are_no_classes() -> None:
    netlist = netlearn.parse(DIVIDERS.replace("*@classes red green blue\n*@loss cross_entropy scale=3\n", ""))
    prediction = netlearn.predict(netlist, X, output="V(c) V(a,b)")
    np.testing.assert_allclose(prediction.outputs, np.stack([WANTED[:, 2], WANTED[:, 0] - WANTED[:, 1]], axis=1))
    assert prediction.probabilities is None
    np.testing.assert_array_equal(np.asarray(prediction), prediction.outputs)
    assert list(prediction.columns()) == ["V(c)", "V(a,b)"]


@pytest.mark.parametrize(
    "data",
    [
        {"v2": X[:, 1], "V1": X[:, 0]},
        pd.DataFrame({"V2": X[:, 1], "V1": X[:, 0]}),
        pl.DataFrame({"V2": X[:, 1], "V1": X[:, 0], "V(a)": [np.pi] * 4}),
        pd.DataFrame(X),
    ],
)
def test_columns_go_by_their_names(data: object) -> None:
    np.testing.assert_allclose(netlearn.predict(netlearn.parse(DIVIDERS), data).outputs, WANTED, rtol=1e-12)


def test_labels_in_the_data_are_not_looked_at() -> None:
    data = {"V1": X[:, 0], "V2": X[:, 1], "class": ["none", "of", "these", "known"]}
    np.testing.assert_allclose(netlearn.predict(netlearn.parse(DIVIDERS), data).outputs, WANTED, rtol=1e-12)


def test_what_a_source_is_not_driven_with_is_its_own_value() -> None:
    netlist = netlearn.parse(DIVIDERS.replace("V2 q 0 0", "V2 q 0 4").replace("*@input V1 V2\n", ""))
    prediction = netlearn.predict(netlist, {"V1": [1.0, 2.0]})
    np.testing.assert_allclose(prediction.outputs[:, 1], 3.0)


@pytest.mark.ngspice
def test_ngspice_predicts_the_same(libngspice: str) -> None:
    prediction = netlearn.predict(netlearn.parse(DIVIDERS), X, forward="ngspice")
    np.testing.assert_allclose(prediction.outputs, WANTED, rtol=1e-9)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A netlist that names its training data, of two classes."""
    (tmp_path / "train.csv").write_text("V2,V1,class\n0,1,one\n1,0,two\n")
    path = tmp_path / "net.cir"
    lines = [line for line in DIVIDERS.splitlines(keepends=True) if "@classes" not in line and "@input" not in line]
    path.write_text("".join(lines).replace("*@output V(a) V(b) V(c)", "*@output V(a) V(b)\n*@data train.csv"))
    return path


def test_the_training_data_say_the_classes_and_the_order_of_the_inputs(trained: Path) -> None:
    prediction = netlearn.predict(trained, X[:, ::-1])
    np.testing.assert_allclose(prediction.outputs, WANTED[:, :2], rtol=1e-12)
    assert prediction.classes == ("one", "two")
    with pytest.raises(DataError, match="there is no column 'V2', which the training data has"):
        netlearn.predict(trained, {"V1": [1.0]})


def test_labels_of_ones_own_count_where_the_netlist_names_data_of_values(tmp_path: Path) -> None:
    """As generated netlists do."""
    made = netlearn.new("layered", layers="2-3-3", samples=4)
    assert "*@output  V(l2_0) V(l2_1) V(l2_2)" in made.netlist
    path = tmp_path / "net.cir"
    path.write_text(made.netlist)
    (tmp_path / "data.csv").write_text(made.data)
    labels = ["one", "two", "three", "two"]
    result = netlearn.train(path, X, labels, epochs=3, classes="one two three")
    np.testing.assert_array_equal(netlearn.predict(result.netlist, X).classes, ["one", "two", "three"])
    again = netlearn.evaluate(result.netlist, X, labels)
    assert (again.loss, again.accuracy) == (result.loss, result.accuracy)
    told = netlearn.predict(path, X, classes=["one", "two", "three"], loss="cross_entropy scale=3")
    assert told.classes == ("one", "two", "three")
    assert told.probabilities is not None
    np.testing.assert_array_equal(told.labels, np.array(told.classes)[np.argmax(told.outputs, axis=1)])
    with pytest.warns(UserWarning, match="'data.csv' has no classes: the classes .* are taken to be one, three, two"):
        assert netlearn.evaluate(path, X, labels).classes == ("one", "three", "two")


def test_a_netlist_far_from_its_training_data_still_predicts(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "train.csv").unlink()
    with pytest.warns(UserWarning, match="'train.csv' is not there, which tells the classes of the outputs: no labels"):
        prediction = netlearn.predict(trained, X)
    np.testing.assert_allclose(prediction.outputs, WANTED[:, :2], rtol=1e-12)
    assert prediction.classes == ()
    assert prediction.labels.tolist() == ["V(a)", "V(b)", "V(b)", "V(b)"]


@pytest.mark.parametrize(
    ("data", "settings", "error", "said"),
    [
        (X[:, :1], {}, DataError, "there is 1 column of inputs, and *@input names 2: V1 V2"),
        ({"V1": [1.0]}, {}, DataError, "there is no column 'V2'"),
        ({"V1": [1.0], "V2": [1.0], "V3": [0.0]}, {}, DataError, "the column 'V3' names no source"),
        ({"V1": [1.0], "V2": [np.nan]}, {}, DataError, "row 1, column 'V2': nan is not finite"),
        (X.astype(str), {}, DataError, "inputs hold '1.0' in row 1, not numbers"),
        (X, {"classes": ["a", "b"]}, OptionError, "there are 2 classes and 3 outputs"),
        (X, {"output": "V(a) V(b) V(nowhere)"}, NetlearnError, "there is no node 'nowhere'"),
    ],
)
def test_what_does_not_fit(data: object, settings: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        netlearn.predict(netlearn.parse(DIVIDERS), data, **settings)
    assert said in str(caught.value)


def test_nothing_to_measure() -> None:
    netlist = netlearn.parse("* none\nV1 a 0 1\nR1 a 0 1k\n")
    with pytest.raises(OptionError, match="there is nothing to measure"):
        netlearn.predict(netlist, {"V1": [1.0]})


def test_samples_keep_their_numbers_through_all_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("netlearn.prediction.rows_at_a_time", lambda project: 4)
    # 1 + a² = (V1 - a)/1k has no solution at V1 = 0.
    netlist = netlearn.parse("* parabola\n*@output V(a)\nV1 p 0 0\nR1 p a 1k\nB1 a 0 I=1+V(a)*V(a)\n")
    pd.DataFrame({"V1": [5000.0] * 9 + [0.0]}).to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(NetlearnError, match="sample 10"):
        list(netlearn.predictions(netlist, tmp_path / "d.csv"))


@pytest.mark.parametrize("ending", [".csv", ".npz", ".parquet"])
def test_files_to_files(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlearn.prediction.rows_at_a_time", lambda project: 64)
    x = np.random.default_rng(0).normal(size=(1000, 2))
    frame = pd.DataFrame(x, columns=["V1", "V2"])
    if ending == ".csv":
        frame.to_csv(tmp_path / "x.csv", index=False)
    elif ending == ".npz":
        np.savez(tmp_path / "x.npz", X=x)
    else:
        frame.to_parquet(tmp_path / "x.parquet")
    netlist = netlearn.parse(DIVIDERS)
    assert netlearn.predict_file(netlist, tmp_path / f"x{ending}", tmp_path / f"y{ending}") == 1000
    wanted = netlearn.predict(netlist, x).columns()
    if ending == ".npz":
        with np.load(tmp_path / "y.npz") as archive:
            found = {name: archive[name] for name in archive.files}
    else:
        back = pd.read_csv(tmp_path / "y.csv") if ending == ".csv" else pd.read_parquet(tmp_path / "y.parquet")
        found = {name: back[name].to_numpy() for name in back}
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


def test_nothing_is_written_where_a_row_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("V1,V2\n" + "1,2\n" * 100_000 + "1,two\n")
    with pytest.raises(DataError, match="row 100001, column 'V2': 'two' is not a number"):
        netlearn.predict_file(netlearn.parse(DIVIDERS), tmp_path / "x.csv", tmp_path / "y.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    with pytest.raises(DataError, match="names no form of data"):
        netlearn.predict_file(netlearn.parse(DIVIDERS), tmp_path / "x.csv", tmp_path / "y.txt")


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlearn.prediction.rows_at_a_time", lambda project: 1000)
    netlist, peaks = netlearn.parse(DIVIDERS), []
    for count in (5_000, 50_000):
        np.savetxt(tmp_path / "x.csv", np.ones((count, 2)), delimiter=",", header="V1,V2", comments="")
        tracemalloc.start()
        netlearn.predict_file(netlist, tmp_path / "x.csv", tmp_path / "y.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_large_circuits_are_solved_for_fewer_samples_at_a_time() -> None:
    small = open_project(netlearn.parse(DIVIDERS))
    lines = [f"R{k} n{k} n{k + 1} 1k" for k in range(5000)]
    large = open_project(netlearn.parse("\n".join(["* chain", "V1 n0 0 1", *lines, "Rend n5000 0 1k", ""])))
    assert rows_at_a_time(small) > 10_000
    assert rows_at_a_time(large) < 1000


def test_operating_points_of_samples_need_no_targets() -> None:
    point = netlearn.operating_point(netlearn.parse(DIVIDERS), data=X)
    np.testing.assert_allclose(point.voltage("c"), WANTED[:, 2], rtol=1e-12)
    np.testing.assert_allclose(point.voltage("p", "q"), X[:, 0] - X[:, 1], rtol=1e-12)


@pytest.mark.parametrize("labels", [[False, True], [3, 5], ["no", "yes"]], ids=["truths", "numbers", "words"])
def test_labels_are_of_the_kind_that_classes_were(labels: list[object], tmp_path: Path) -> None:
    netlist = netlearn.parse(
        "two\n*@output V(a) V(b)\nV1 x 0 0\nR1 x a 1k\nR2 a 0 1k\nE1 y 0 x 0 -1\nR3 y b 1k\nR4 b 0 1k\n"
    )
    x = np.array([[1.0], [-1.0], [2.0]])
    y = np.array(labels)[[0, 1, 0]]
    result = netlearn.train(netlist, x, y, epochs=2)
    found = netlearn.predict(result.netlist, x).labels
    assert found.dtype == y.dtype
    assert np.array_equal(found, y)
    result.save(tmp_path / "two.cir")
    frame = pd.DataFrame(netlearn.predict(tmp_path / "two.cir", x).columns())
    frame.to_csv(tmp_path / "told.csv")
    assert pd.read_csv(tmp_path / "told.csv")["class"].tolist() == y.tolist()
