"""The circuit of one-step regression against scikit-learn, numpy, closed forms and ngspice."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier

import netlearn
from netlearn.cli import main
from netlearn.errors import DataError, OptionError
from netlearn.onestep.new import OneStepNetlist

Run = Callable[..., Result]
SHIPPED = Path(__file__).parents[2] / "netlists" / "onestep.cir"
LINE = {"x": [0.25, 0.34, 0.41, 0.52, 0.67, 0.78], "y": [0.82, 0.93, 1.17, 1.28, 1.71, 1.83]}


def coefficients(made: OneStepNetlist, tmp_path: Path) -> np.ndarray:
    """What the circuit comes to, (m, K)."""
    (tmp_path / "targets.csv").write_text(made.data)
    data = tmp_path / "targets.csv" if made.data else None
    return netlearn.operating_point(netlearn.parse(made.netlist), data=data).measure(*made.outputs).T


@pytest.fixture(scope="module")
def patients() -> tuple[np.ndarray, np.ndarray]:
    data = load_diabetes(scaled=False)
    return data.data[:120], data.target[:120]


@pytest.mark.parametrize(
    ("options", "like"),
    [
        ({}, LinearRegression()),
        ({"center": True}, LinearRegression()),
        ({"intercept": False}, LinearRegression(fit_intercept=False)),
        ({"ridge": 10.0}, Ridge(10.0)),
        ({"ridge": 10.0, "center": True}, Ridge(10.0)),
        ({"ridge": 1e4, "center": True, "penalty": "ground"}, Ridge(1e4)),
        ({"ridge": 1e4, "intercept": False, "penalty": "ground"}, Ridge(1e4, fit_intercept=False)),
    ],
)
def test_diabetes_as_scikit_learn_has_it(
    options: dict[str, object], like: LinearRegression, patients, tmp_path
) -> None:
    inputs, progression = patients
    made = netlearn.new_onestep(inputs, progression, gain=1e11, **options)
    like.fit(inputs, progression)
    wanted = np.append(like.coef_, like.intercept_)[: len(made.outputs)]
    assert made.solution[:, 0] == pytest.approx(wanted, rel=1e-9)
    found = coefficients(made, tmp_path)
    sizes = np.append(inputs.std(axis=0), 1.0)[: len(made.outputs)]
    assert np.linalg.norm((found[:, 0] - wanted) * sizes) < 1e-6 * np.linalg.norm(wanted * sizes)
    assert made.predict(found, inputs)[:, 0] == pytest.approx(like.predict(inputs), rel=1e-6)


def test_the_last_layer_of_digits_behind_a_random_one(tmp_path: Path) -> None:
    inputs, digits = load_digits(return_X_y=True)
    made = netlearn.new_onestep(inputs[:150], digits[:150].astype(str), hidden=20, ridge=1.0, gain=1e9)
    like = RidgeClassifier(1.0).fit(made.problem.columns, digits[:150])
    found = coefficients(made, tmp_path)
    assert found.shape == (21, 10)
    assert found == pytest.approx(np.vstack([like.coef_.T, like.intercept_]), rel=1e-5, abs=1e-6)
    assert made.problem.layer is not None
    told = made.predict(found, inputs[150:])
    assert (told == like.predict(made.problem.layer(inputs[150:])).astype(str)).all()
    assert np.mean(told == digits[150:].astype(str)) > 0.6


def test_two_classes_are_one_target_and_several_targets_are_samples(tmp_path: Path) -> None:
    inputs, digits = load_digits(return_X_y=True)
    some = np.flatnonzero(digits < 2)[:60]
    columns = {f"p{k}": inputs[some, k] for k in (20, 36, 43)}
    two = netlearn.new_onestep({**columns, "class": np.array(["no", "yes"])[digits[some]]}, gain=1e9)
    assert two.data == ""
    assert np.mean(two.predict(coefficients(two, tmp_path), inputs[some][:, [20, 36, 43]]) == "yes") > 0.3
    both = {**columns, "a": digits[some] + 0.1 * inputs[some, 10], "b": inputs[some, 11]}
    for center in (True, False):
        made = netlearn.new_onestep(both, target="b,A", gain=1e9, center=center)
        assert list(made.problem.wanted) == ["b", "a"]
        wanted, *_ = np.linalg.lstsq(
            np.column_stack([*columns.values(), np.ones(60)]), np.column_stack([both["b"], both["a"]])
        )
        assert coefficients(made, tmp_path) == pytest.approx(wanted, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("gain", [30.0, 1e3, 1e5])
def test_finite_gain_by_its_closed_form(gain: float, tmp_path: Path) -> None:
    """With positive data: each row attenuates its residual by its own load, and D/A stands beside XᵀX."""
    made = netlearn.new_onestep(LINE, gain=gain, scale=False)
    x = np.column_stack([LINE["x"], np.ones(6)])
    rows = 1 / (1 + (x.sum(axis=1) + 1) / gain)
    wanted = np.linalg.solve(np.diag(x.sum(axis=0)) / gain + x.T @ (rows[:, None] * x), x.T @ (rows * LINE["y"]))
    found = coefficients(made, tmp_path)[:, 0]
    assert found == pytest.approx(wanted, rel=1e-9)
    exact = np.polyfit(LINE["x"], LINE["y"], 1)
    weights = np.sqrt(x.sum(axis=0))
    missing = np.linalg.norm(weights * (found - exact)) / np.linalg.norm(weights * exact)
    assert missing < 1 / (1 + made.loop_gain) + 1 / (1 + made.written.rows)


@pytest.mark.ngspice
def test_the_shipped_netlist_in_ngspice(ngspice) -> None:
    text = SHIPPED.read_text()
    exact = np.polyfit(LINE["x"], LINE["y"], 1)
    found = ngspice.run(text)
    mine = netlearn.operating_point(SHIPPED).measure("V(w_x)", "V(w_intercept)")[0]
    assert [found["v(w_x)"], found["v(w_intercept)"]] == pytest.approx(mine, rel=1e-12)
    said = [float(number) for number in re.findall(r"\d\.\d{5}\b", text)[:4]]
    assert said == pytest.approx([*mine, *exact], abs=5e-6)
    assert mine == pytest.approx(exact, rel=1e-3)
    assert np.any(np.abs(mine - exact) > 1e-5)


@pytest.mark.ngspice
@pytest.mark.parametrize("options", [{"center": True, "ridge": 0.1, "wire": 2.0}, {"levels": 8, "noise": 0.05}])
def test_ngspice_finds_the_same_coefficients(options: dict[str, object], ngspice, tmp_path: Path) -> None:
    made = netlearn.new_onestep(LINE, **options)
    found = ngspice.run(made.netlist)
    mine = coefficients(made, tmp_path)[:, 0]
    assert [found[f"v(w_{name})"] for name in ("x", "intercept")] == pytest.approx(mine, rel=1e-12)


def test_wires_by_a_closed_form_and_by_their_lengths(tmp_path: Path) -> None:
    made = netlearn.new_onestep({"x": [0.5], "y": [1.0]}, intercept=False, scale=False, wire=300.0, gain=1e12)
    # One device of 20 kΩ with a stretch of wire on both sides.
    assert coefficients(made, tmp_path)[0, 0] == pytest.approx((20e3 + 600) / 10e3, rel=1e-9)
    data = {"a": [1.0, -2.0, 0.0], "b": [-1.0, 1.0, 3.0], "y": [1.0, 2.0, 5.0]}
    text = netlearn.new_onestep(data, intercept=False, scale=False, wire=0.5).netlist
    wires = nx.Graph()
    for name, one, other, ohms in (line.split() for line in text.splitlines() if line.startswith("Rw")):
        assert name
        wires.add_edge(one, other, weight=float(ohms))
    lengths = {
        (start, end): nx.shortest_path_length(wires, start, end, weight="weight") / 0.5
        for start, end in [
            ("w_a", "fpa_1d"), ("m_a", "fma_2d"), ("w_b", "fpb_3d"), ("n1", "fpa_1c"), ("n1", "fmb_1c"),
            ("n3", "fpb_3c"), ("r3", "bp3_bd"), ("c_b", "bm1_bc"), ("c_b", "bp3_bc"),
        ]
    }  # fmt: skip
    # Driven lines stand in pairs, upright and inverted; each line begins at its amplifier.
    assert list(lengths.values()) == [1, 2, 3, 1, 4, 3, 2, 2, 5]
    assert not nx.has_path(wires, "w_a", "m_a")


def test_levels_and_noise_of_writing() -> None:
    rng = np.random.default_rng(3)
    data = {"a": rng.uniform(-1, 1, 300), "b": rng.uniform(-1, 1, 300), "y": rng.uniform(size=300)}
    exact = netlearn.new_onestep(data, intercept=False)
    levels = netlearn.new_onestep(data, intercept=False, levels=5).written
    assert set(np.abs(levels.forward).ravel()) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert np.abs(levels.forward - exact.written.forward).max() <= 0.125
    noisy = netlearn.new_onestep(data, intercept=False, noise=0.1).written
    first, second = (np.log(each / exact.written.forward).ravel() for each in (noisy.forward, noisy.backward))
    assert np.std([first, second], axis=1) == pytest.approx([0.1, 0.1], rel=0.1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15
    again = netlearn.new_onestep(data, intercept=False, noise=0.1)
    assert np.array_equal(again.written.forward, noisy.forward)
    assert not np.array_equal(
        netlearn.new_onestep(data, noise=0.1, seed=1, intercept=False).written.forward, noisy.forward
    )


def test_names_of_columns_become_names_of_nodes(tmp_path: Path) -> None:
    data = {"Room count": [1.0, 2.0, 4.0, 3.0], "room-count": [0.0, 1.0, 0.5, 2.0], "ø": [1.0, 0.0, 3.0, 1.0]}
    made = netlearn.new_onestep({**data, "Price ($)": [1.0, 2.0, 3.0, 4.5]}, gain=1e10)
    assert list(made.problem.names) == ["room_count", "room_count_2", "x3", "intercept"]
    assert coefficients(made, tmp_path) == pytest.approx(made.solution, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("a,b,c\n1,2,3\n2,3,5\n", {}, "there are 2 rows for 3 coefficients"),
        (
            "a,b,c,y\n1,2,3,1\n2,3,5,1\n3,5,8,2\n4,5,9,2\n1,4,5,6\n",
            {},
            "collinear: 'c' is a combination of 'a' and 'b'",
        ),
        ("a,b,y\n1,2,3\n2,2,5\n3,2,1\n", {}, "collinear: 'b' is a combination of the intercept"),
        ("a,b,y\n1,0,3\n2,0,5\n3,0,1\n", {}, "the column 'b' is zero in all rows"),
        ("a,city,y\n1,Rome,3\n2,Bari,4\n", {}, "column 'city': 'Rome' is not a number"),
        ("a,b,y\n1,nan,3\n2,1,5\n3,2,1\n", {}, "column 'b': nan is not finite"),
        ("a,b,y\n1,,3\n2,1,5\n3,2,1\n", {}, "column 'b': there is no number"),
        ("a,V(b),y\n1,,3\n2,1,5\n3,2,1\n", {}, "row 1, column 'V(b)': there is no number"),
        ("a,class\n1,p\n2,p\n3,p\n", {}, "there is one class only, 'p'"),
        ("a,class\n1,p\n2,\n3,q\n", {}, "row 2 has no class"),
        ("y\n1\n2\n3\n", {}, "no column to predict from"),
    ],
)
def test_data_without_an_answer(text: str, options: dict[str, object], says: str, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(DataError, match=re.escape(says)):
        netlearn.new_onestep(tmp_path / "d.csv", **options)


@pytest.mark.parametrize(
    ("options", "says", "hint"),
    [
        ({"gain": 2.0}, "too low to close the loop of the rows", "--gain"),
        ({"gain": 10.0}, "least about the loop gain is 0.53", "--gain 2e3 leaves 1 % of error; --center"),
        ({"ridge": 1e-9, "penalty": "ground"}, "takes amplifiers with a gain of", "--penalty feedback"),
        ({"target": "z"}, "no column 'z' to predict", "known: x, y"),
        ({"center": True, "intercept": False}, "the means of the columns must stay", ""),
        ({"gane": 3.0}, "no option 'gane'", "did you mean 'gain'"),
        ({"intercept": False, "gain": 1.0}, "of the rows: the devices of one load", "--gain"),
    ],
)
def test_options_that_do_not_go(options: dict[str, object], says: str, hint: str) -> None:
    with pytest.raises(OptionError, match=re.escape(says)) as caught:
        netlearn.new_onestep(LINE, **options)
    assert hint in caught.value.hint


def test_a_ridge_answers_where_least_squares_has_no_one_answer(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs, wanted = rng.normal(size=(3, 5)), rng.normal(size=3)
    made = netlearn.new_onestep(inputs, wanted, ridge=0.1, gain=1e9)
    like = Ridge(0.1).fit(inputs, wanted)
    assert coefficients(made, tmp_path)[:, 0] == pytest.approx([*like.coef_, like.intercept_], rel=1e-5)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, list(words))

    rows = "".join(f"{x},{y}\n" for x, y in zip(LINE["x"], LINE["y"], strict=True))
    Path("line.csv").write_text("x,y\n" + rows)
    made = run("new", "onestep", "line.csv", "--gain", "1e9")
    assert made.exit_code == 0, made.stderr
    assert "read by   netlearn op line.onestep.cir --outputs\n" in made.stdout
    read = run("op", "line.onestep.cir", "--outputs", "--csv").stdout.splitlines()
    assert [line.split(",")[0] for line in read[1:]] == ["V(w_x)", "V(w_intercept)"]
    assert [float(line.split(",")[1]) for line in read[1:]] == pytest.approx(np.polyfit(LINE["x"], LINE["y"], 1))
    assert run("new", "onestep", "line.csv").exit_code == 2
    low = run("new", "onestep", "line.csv", "--gain", "500", "--force")
    assert re.search(r"loop gain .*: up to .*% of a coefficient is missing", low.stdout)
    both = run("new", "onestep", "line.csv", "--target", "x,y", "-o", "no.cir")
    assert both.exit_code == 2
    assert "no column to predict from" in both.stderr
    assert not Path("no.cir").exists()
    Path("kinds.csv").write_text("a,b,class\n1,2,p\n2,1,q\n3,3,r\n0,1,p\n2,2,q\n1,5,r\n")
    assert run("new", "onestep", "kinds.csv", "-o", "kinds.cir").exit_code == 0
    table = run("op", "kinds.cir", "--outputs", "--data", "kinds.targets.csv", "--csv")
    assert len(table.stdout.splitlines()) == 4, table.stderr
    Path("plain.cir").write_text("plain\nV1 a 0 1\nR1 a 0 1\n.end\n")
    nothing = run("op", "plain.cir", "--outputs")
    assert nothing.exit_code == 2
    assert "names no outputs" in nothing.stderr


def test_no_name_of_a_column_adds_a_line() -> None:
    made = netlearn.new_onestep({"x": LINE["x"], "y\rR9 a 0 1\nR9 b 0 1": LINE["y"]}, None)
    assert "R9" not in netlearn.parse(made.netlist).elements
