"""Netlists as estimators: scikit-learn's own checks, and its own estimators as judges."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_dont_overwrite_parameters, parametrize_with_checks

import netlearn
from netlearn.errors import DataError, NetlearnError, OptionError
from netlearn.learn.loss import CrossEntropy
from netlearn.sklearn import NetlistClassifier, NetlistRegressor

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"
PAIRS = [("Vslp", "-Vsln"), ("Vswp", "-Vswn"), ("Vplp", "-Vpln"), ("Vpwp", "-Vpwn")]

pytestmark = pytest.mark.filterwarnings("ignore:the loss has not moved")


@parametrize_with_checks([NetlistClassifier(epochs=25, random_state=0), NetlistRegressor(epochs=25, random_state=0)])  # type: ignore[untyped-decorator]
def test_scikit_learn_s_own_checks(estimator: object, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_classes_that_resistors_tell_apart_without_error_do_not_lead_them_out_of_bounds() -> None:
    # The loss falls for ever where the samples are separable, and the conductances would with it.
    net = NetlistClassifier()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_dont_overwrite_parameters("NetlistClassifier", net)
    x = np.random.default_rng(0).uniform(0, 3, (20, 3))
    net = NetlistClassifier(random_state=1).fit(x, x[:, 0].astype(int))
    ohms = np.array([element.value for element in net.netlist_.find("R*")])
    assert np.all((ohms >= 1.0) & (ohms <= 1e9))


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    data = load_iris()
    return data.data, data.target_names[data.target]


def test_a_shipped_netlist_in_a_pipeline(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = iris
    net = NetlistClassifier(NETLISTS / "iris.cir", input=PAIRS, epochs=40, random_state=0)
    pipeline = make_pipeline(MinMaxScaler((-1, 1)), net)
    scores = cross_val_score(pipeline, x, y, cv=3)
    assert scores.mean() > 0.93
    pipeline.fit(x, y)
    volts = pipeline[:-1].transform(x)
    # The trained netlist predicts by itself what the estimator predicts.
    again = netlearn.predict(net.netlist_, volts, input=PAIRS)
    np.testing.assert_allclose(net.decision_function(volts), again.outputs, rtol=1e-12)
    assert pipeline.predict(x).tolist() == again.labels.tolist()
    assert again.probabilities is not None
    np.testing.assert_allclose(net.predict_proba(volts), again.probabilities, rtol=1e-9)
    assert net.n_iter_ == 40
    assert net.history_.loss[-1] < 0.2 * net.history_.loss[0]


def test_a_grid_search_over_settings(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = iris
    grid = {"optimizer": ["sgd lr=1e-6", "adam lr=0.1"], "epochs": [3, 15]}
    net = NetlistClassifier(NETLISTS / "iris.cir", input=PAIRS, batch=0, scaling=True)
    search = GridSearchCV(net, grid, cv=2).fit(x, y)
    assert search.best_params_ == {"optimizer": "adam lr=0.1", "epochs": 15}
    assert search.best_score_ > 0.7


def test_the_network_made_to_measure_is_as_good_as_logistic_regression(iris: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = make_classification(300, 6, n_informative=4, n_classes=3, n_redundant=1, random_state=4)
    ours = NetlistClassifier(random_state=0).fit(x[:200], y[:200])
    theirs = LogisticRegression(C=np.inf).fit(x[:200], y[:200])
    assert ours.score(x[200:], y[200:]) > theirs.score(x[200:], y[200:]) - 0.03
    agreement = np.mean(ours.predict(x) == theirs.predict(x))
    assert agreement > 0.95


def test_a_regressor_is_as_good_as_least_squares() -> None:
    x, y = load_diabetes(return_X_y=True)
    ours = NetlistRegressor(random_state=0).fit(x, y)
    theirs = LinearRegression().fit(x, y)
    assert ours.score(x, y) > theirs.score(x, y) - 0.01
    assert np.corrcoef(ours.predict(x), theirs.predict(x))[0, 1] > 0.99


def test_several_targets_and_units() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    y = x @ rng.normal(size=(3, 2)) * np.array([1e-6, 1e6]) + np.array([3e-6, -1e6])
    net = NetlistRegressor(random_state=0).fit(x, y)
    predicted = net.predict(x)
    assert predicted.shape == (100, 2)
    np.testing.assert_allclose(predicted / np.std(y, axis=0), y / np.std(y, axis=0), atol=1e-2)


def test_a_nonlinear_netlist_learns_what_no_linear_one_can() -> None:
    table = pd.read_csv(NETLISTS / "xor.csv")
    x = table[["Vx1p", "Vx2p"]].to_numpy()
    y = table["V(yp,yn)"].to_numpy()
    pairs = [("Vx1p", "-Vx1n"), ("Vx2p", "-Vx2n")]
    net = NetlistRegressor(NETLISTS / "xor.cir", input=pairs, epochs=100).fit(x, y)
    np.testing.assert_allclose(net.predict(x), y, atol=3e-2)
    assert LinearRegression().fit(x, y).score(x, y) < 0.01


TWO = """* two classes
*@input V1 V2
*@output V(a) V(b)
*@optimizer adam lr=0.1
*@options epochs=60
V1 x 0 0
V2 y 0 0
Vb b0 0 1
R1 x a 1k
R2 y a 3k
R3 x b 2k
R4 y b 1k
"""


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (80, 2))
    return x, np.where(x[:, 0] > x[:, 1], "up", "down")


def test_columns_of_a_frame_go_by_name(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    frame = pd.DataFrame({"V2": x[:, 1], "V1": x[:, 0]})
    text = TWO.replace("*@input V1 V2\n", "")
    by_name = NetlistClassifier(netlearn.parse(text), random_state=0).fit(frame, y)
    by_order = NetlistClassifier(netlearn.parse(TWO), random_state=0).fit(x, y)
    assert by_name.feature_names_in_.tolist() == ["V2", "V1"]
    np.testing.assert_allclose(by_name.decision_function(frame), by_order.decision_function(x), rtol=1e-12)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        by_name.predict(frame[["V1", "V2"]])
    # Names that mean nothing to the netlist are left to the order.
    foreign = pd.DataFrame(x, columns=["sepal", "petal"])
    named = NetlistClassifier(netlearn.parse(TWO), random_state=0).fit(foreign, y)
    np.testing.assert_array_equal(named.predict(foreign), by_order.predict(x))


def test_outputs_are_in_the_order_of_the_netlist_s_classes(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    text = TWO.replace("*@output", "*@classes up down\n*@output")
    net = NetlistClassifier(netlearn.parse(text), random_state=0).fit(x, y)
    assert net.classes_.tolist() == ["down", "up"]
    assert net.score(x, y) == 1.0
    assert netlearn.predict(net.netlist_, x).labels.tolist() == net.predict(x).tolist()
    with pytest.raises(OptionError, match="the class 'sideways' is not among those of"):
        NetlistClassifier(netlearn.parse(text)).fit(x, np.where(y == "up", y, "sideways"))


@pytest.mark.parametrize("labels", [[True, False], [2, 7], [1.0, 2.0], ["a ", "a"]])
def test_labels_of_any_kind(samples: tuple[np.ndarray, np.ndarray], labels: list[object]) -> None:
    x, y = samples
    own = np.where(y == "up", np.array(labels[0]), np.array(labels[1]))
    net = NetlistClassifier(netlearn.parse(TWO), random_state=0).fit(x, own)
    assert net.score(x, own) > 0.97
    assert net.predict(x).dtype == own.dtype


def test_passes_continue_and_need_the_classes_first(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    net = NetlistClassifier(netlearn.parse(TWO), batch=20, random_state=0)
    with pytest.raises(ValueError, match="must be given the classes"):
        net.partial_fit(x, y)
    only_up = y == "up"
    net.partial_fit(x[only_up], y[only_up], classes=["down", "up"])
    scores = []
    for _ in range(40):
        net.partial_fit(x, y)
        scores.append(net.score(x, y))
    assert scores[-1] > 0.97
    assert net.n_iter_ == 40 * 4 + -(-int(only_up.sum()) // 20)
    assert net.predict_proba(x).shape == (80, 2)
    with pytest.raises(ValueError, match="not those of the first call"):
        net.partial_fit(x, y, classes=["down", "left"])
    with pytest.raises(ValueError, match="'left' is not among the classes"):
        net.partial_fit(x[:1], ["left"])


def test_passes_of_a_regressor_are_steps_of_training() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (50, 2))
    y = x @ [[0.3, 0.8], [0.7, 0.2]]
    net = NetlistRegressor(netlearn.parse(TWO), random_state=0)
    for _ in range(60):
        net.partial_fit(x, y)
    assert net.score(x, y) > 0.95


def test_a_warm_start_goes_on(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    warm = NetlistClassifier(netlearn.parse(TWO), warm_start=True, epochs=5, random_state=0).fit(x, y)
    first = warm.history_.loss
    warm.fit(x, y)
    assert warm.history_.loss[0] == pytest.approx(first.min(), rel=0.2)
    assert warm.history_.loss[-1] < first[-1]
    cold = NetlistClassifier(netlearn.parse(TWO), epochs=5, random_state=0).fit(x, y).fit(x, y)
    assert cold.history_.loss[0] == first[0]


def test_a_warm_start_refuses_other_features_and_targets(samples: tuple[np.ndarray, np.ndarray]) -> None:
    """One feature would stand for both, if numpy had its way."""
    x, y = samples
    classifier = NetlistClassifier(netlearn.parse(TWO), epochs=1, warm_start=True).fit(x, y)
    values = x[:, 0] - x[:, 1]
    regressor = NetlistRegressor(epochs=1, warm_start=True).fit(x, values)
    for estimator, wanted in ((classifier, y), (regressor, values)):
        with pytest.raises(ValueError, match=f"X has 1 features, but {type(estimator).__name__} is expecting 2"):
            estimator.fit(x[:, :1], wanted)
    with pytest.raises(ValueError, match="y has 2 targets for each sample, and the first had 1"):
        regressor.fit(x, np.stack([values, values], axis=1))
    assert regressor.predict(x).shape == (len(x),)
    assert regressor.fit(x, values.reshape(-1, 1)).predict(x).shape == (len(x), 1)


def test_probabilities_only_where_the_loss_has_them(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    for net in (
        NetlistClassifier(netlearn.parse(TWO), loss="mse"),
        NetlistClassifier(netlearn.parse(TWO.replace("*@output", "*@loss mse on=0.3\n*@output"))),
    ):
        assert not hasattr(net, "predict_proba")
        assert not hasattr(net.fit(x, y), "predict_proba")
        assert net.score(x, y) > 0.95
    assert hasattr(NetlistClassifier(), "predict_proba")
    assert hasattr(NetlistClassifier(loss="Cross_Entropy scale=2"), "predict_proba")
    given = NetlistClassifier(netlearn.parse(TWO), loss=CrossEntropy(5.0), random_state=0).fit(x, y)
    np.testing.assert_allclose(np.exp(given.predict_log_proba(x)), given.predict_proba(x))


@pytest.mark.ngspice
def test_ngspice_may_be_what_predicts(samples: tuple[np.ndarray, np.ndarray], libngspice: str) -> None:
    x, y = samples
    judged = NetlistClassifier(netlearn.parse(TWO), forward="ngspice", epochs=2, random_state=0).fit(x, y)
    ours = NetlistClassifier(netlearn.parse(TWO), epochs=2, random_state=0).fit(x, y)
    np.testing.assert_allclose(judged.decision_function(x), ours.decision_function(x), rtol=1e-6, atol=1e-9)


def test_estimators_are_cloned_and_pickled(samples: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = samples
    net = NetlistClassifier(netlearn.parse(TWO), epochs=3, random_state=0).fit(x, y)
    copy = clone(net)
    with pytest.raises(NotFittedError):
        copy.predict(x)
    np.testing.assert_array_equal(copy.fit(x, y).decision_function(x), net.decision_function(x))
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.partial_fit(x, y).predict(x), net.partial_fit(x, y).predict(x))


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"netlist": netlearn.parse(TWO), "input": ["V1"]}, DataError, "2 columns of inputs, and *@input names 1"),
        ({"netlist": netlearn.parse(TWO), "output": "V(a)"}, OptionError, "there are 1 outputs and 2 classes"),
        ({"netlist": netlearn.parse(TWO), "optimizer": "adm"}, OptionError, "did you mean 'adam'"),
        ({"netlist": "nowhere.cir"}, NetlearnError, "nowhere.cir"),
        ({"input": ["V1", "V2"]}, OptionError, "there is none"),
        ({"scaling": "some"}, OptionError, "scaling must be"),
        ({"netlist": netlearn.parse(TWO), "train": "Rx*"}, OptionError, "matches no"),
    ],
)
def test_mistakes_are_named(
    samples: tuple[np.ndarray, np.ndarray], settings: dict, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        NetlistClassifier(**settings).fit(*samples)
    assert said in str(caught.value)
