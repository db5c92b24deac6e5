"""The shipped netlists reach the levels that their comments state, and ngspice agrees about their circuits."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"
EVERY = [path for path in sorted(NETLISTS.glob("*.cir")) if not path.name.endswith(".trained.cir")]
BY_NGSPICE = NETLISTS / "differential_stage.cir"
SHIPPED = [path for path in EVERY if path != BY_NGSPICE]


def _table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a data file with one target, read without netlearn."""
    with (NETLISTS / name).open(newline="") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=float)
    return rows[:, :-1], rows[:, -1]


def test_voltage_division_to_a_tenth_of_a_millivolt() -> None:
    result = netlearn.train(NETLISTS / "voltage_division.cir")
    assert result.test is not None
    assert result.test.loss < 1e-8
    assert np.max(np.abs(result.test.outputs - result.test.targets)) < 1e-4


def test_voltage_division_by_coupled_learning() -> None:
    result = netlearn.train(NETLISTS / "voltage_division.cir", rule="cl")
    assert result.test is not None
    assert result.test.loss < 1e-8


@pytest.mark.parametrize("seed", [0, 1])
def test_iris_gets_95_percent_of_unseen_flowers_right(seed: int) -> None:
    result = netlearn.train(NETLISTS / "iris.cir", seed=seed)
    assert result.test is not None
    assert len(result.test) == 50
    assert result.test.accuracy is not None
    assert result.test.accuracy >= 0.95


def test_diabetes_comes_within_1_percent_of_least_squares() -> None:
    result = netlearn.train(NETLISTS / "diabetes.cir")
    inputs, targets = _table("diabetes_train.csv")
    unseen, wanted = _table("diabetes_test.csv")
    weights, *_ = np.linalg.lstsq(np.c_[inputs, np.ones(len(inputs))], targets)
    least = np.mean((np.c_[unseen, np.ones(len(unseen))] @ weights - wanted) ** 2)
    assert result.test is not None
    assert result.test.loss < 1.01 * least


def test_xor_is_learned() -> None:
    result = netlearn.train(NETLISTS / "xor.cir")
    assert np.max(np.abs(result.train.outputs - result.train.targets)) < 1e-3
    assert list(np.sign(result.train.outputs[:, 0])) == [-1, 1, 1, -1]


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_coupled_learning_teaches_transistors_xor(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no co-content, because mn.* break reciprocity"):
        result = netlearn.train(NETLISTS / "transistor_xor.cir")
    assert np.max(np.abs(result.train.outputs - result.train.targets)) < 1e-3
    assert list(np.sign(result.train.outputs[:, 0])) == [-1, 1, 1, -1]
    # Elsewhere it names its data from there, outside of its folder.
    trained = result.save(tmp_path / "transistor_xor.cir")
    checked = CliRunner().invoke(main, ["check", str(trained), "--allow-include", str(NETLISTS)])
    assert checked.exit_code == 0, checked.output


def test_no_linear_network_does_xor() -> None:
    linear = netlearn.parse(
        "\n".join(line for line in (NETLISTS / "xor.cir").read_text().splitlines() if not line.startswith("D")),
        str(NETLISTS / "xor.cir"),
    )
    result = netlearn.train(linear)
    # The best that is linear in the inputs is to answer zero always.
    assert result.loss > 0.99 * 0.2**2


def test_diode_fit_finds_what_the_readings_were_made_of() -> None:
    result = netlearn.train(NETLISTS / "diode_fit.cir")
    made = {"dm.is": 2.7e-9, "dm.n": 1.8, "dm.rs": 0.6, "dm.eg": 1.1}
    assert result.fit is not None
    for name, value, error in zip(result.names, result.theta, result.fit.standard_errors, strict=True):
        assert abs(value - made[name]) < 3 * error
        assert error < 0.02 * value
    # The readings are right to 2 %.
    assert result.fit.sigma == pytest.approx(0.02, rel=0.2)


def test_homodyne_comes_as_far_as_the_exact_gradient() -> None:
    result = netlearn.train(NETLISTS / "homodyne.cir")
    exact = netlearn.train(NETLISTS / "homodyne.cir", rule="analytic")
    assert result.loss < float(np.var(result.train.targets)) / 50
    assert result.loss < 1.2 * exact.loss


def test_hamiltonian_descent_is_not_pulled_to_the_middle_by_noise() -> None:
    def kept_aside(optimizer: str | None, seed: int) -> float:
        history = netlearn.train(NETLISTS / "hamiltonian.cir", optimizer=optimizer, seed=seed).history
        losses = [record.validation_loss for record in history]
        return float(np.mean(losses[-75:]) / losses[0])

    own, plain = ([kept_aside(optimizer, seed) for seed in range(3)] for optimizer in (None, "sgd lr=1"))
    assert max(own) < 0.08
    assert np.mean(np.log(own)) < np.mean(np.log(plain))


@pytest.mark.parametrize("seed", range(3))
def test_contrastive_learning_comes_to_the_same_from_anywhere(seed: int) -> None:
    text, rng = (NETLISTS / "contrastive.cir").read_text(), np.random.default_rng(seed)
    elsewhere = re.sub(r"(?m)^(R\d.*) 1e\+03$", lambda found: f"{found[1]} {rng.uniform(500, 3000):.4g}", text)
    assert elsewhere.count(" 1e+03") == 0
    result = netlearn.train(netlearn.parse(elsewhere, str(NETLISTS / "contrastive.cir")))
    assert np.max(np.abs(result.train.outputs - result.train.targets)) < 1e-5


@pytest.mark.timeout(1500)
def test_digits_gets_97_percent_of_unseen_digits_right() -> None:
    result = netlearn.train(NETLISTS / "digits.cir")
    assert result.test is not None
    assert len(result.test) == 360
    assert result.test.accuracy is not None
    assert result.test.accuracy >= 0.97


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize(
    ("name", "samples", "tolerance"),
    [
        ("voltage_division", 5, 1e-9),
        ("iris", 150, 1e-9),
        ("diabetes", 100, 1e-9),
        ("xor", 4, 1e-6),
        ("digits", 3, 1e-6),
        ("transistor_xor", 4, 1e-6),
    ],
)
def test_ngspice_finds_the_same_voltages_and_currents(name: str, samples: int, tolerance: float) -> None:
    words = ["check", str(NETLISTS / f"{name}.cir"), "--samples", str(samples), "--tolerance", str(tolerance)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize(("name", "epochs"), [("iris", 20), ("xor", 50), ("digits", 1)])
def test_ngspice_confirms_what_was_trained(name: str, epochs: int, tmp_path: Path) -> None:
    for path in NETLISTS.glob(f"{name}*.csv"):
        shutil.copy(path, tmp_path)
    trained = netlearn.train(NETLISTS / f"{name}.cir", epochs=epochs).save(tmp_path / f"{name}.cir")
    result = CliRunner().invoke(main, ["check", str(trained), "--samples", "4"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("script", ["make_data.py", "make_netlists.py", "make_taught.py"])
def test_the_scripts_make_the_shipped_files(script: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, NETLISTS / script, tmp_path], check=True, timeout=120)
    made = list(tmp_path.iterdir())
    assert made
    for path in made:
        assert path.read_bytes() == (NETLISTS / path.name).read_bytes()


@pytest.mark.ngspice
def test_a_stage_of_transistors_that_only_ngspice_knows_learns_its_gain(ngspice, tmp_path: Path) -> None:
    """A few steps, and what they have come to in ngspice, run on the trained text by itself."""
    before = netlearn.evaluate(BY_NGSPICE, forward="ngspice").loss
    result = netlearn.train(BY_NGSPICE, forward="ngspice", epochs=12)
    assert result.loss < before / 5
    inputs, targets = _table("differential_stage.csv")
    text = result.netlist.source.text
    for row, target, output in zip(inputs, targets, result.train.outputs[:, 0], strict=True):
        deck = text.replace("Vp inp 0 0.9", f"Vp inp 0 {row[0]}").replace("Vn inn 0 0.9", f"Vn inn 0 {row[1]}")
        found = ngspice.run(deck)
        assert found["v(outp)"] - found["v(outn)"] == pytest.approx(output, abs=1e-9)
        assert abs(output - target) < 0.1
    result.save(tmp_path / "trained.cir")
    changed = [
        (old.split()[0], old != new)
        for old, new in zip(BY_NGSPICE.read_text().splitlines(), text.splitlines(), strict=True)
        if old[:1].isalpha()
    ]
    assert {name for name, moved in changed if moved} == {"R1", "R2", "Rt"}


def test_what_only_ngspice_knows_is_named_where_it_stands() -> None:
    with pytest.raises(netlearn.NetlistError, match=r"level 14 \(BSIM4\) is not supported") as caught:
        netlearn.train(BY_NGSPICE)
    assert caught.value.place is not None
    assert "--forward ngspice" in caught.value.hint
    assert "netlearn train differential_stage.cir --forward ngspice" in BY_NGSPICE.read_text()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_netlist_says_what_it_is_and_has_its_data(path: Path) -> None:
    description = netlearn.describe(path)
    assert description.problems == ()
    text = path.read_text()
    # What is solved by its operating point has no data to train on.
    assert f"netlearn train {path.name}" in text if description.samples else f"netlearn op {path.name}" in text
