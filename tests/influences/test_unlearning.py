"""Unlearning against least squares without the rows, and against training again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import DataError, OptionError
from tests.influences.tasks import ROWS, columns, crossbar, fitted, samples, transconductances

NETLISTS = Path(__file__).parents[2] / "netlists"


@pytest.mark.parametrize("rows", [[3], [0, 5, 13]])
def test_is_exact_for_a_linear_read_out(rows: list[int]) -> None:
    """Transconductances and a current into a resistor: what is left is the least squares fit of the other rows."""
    inputs, wanted = samples()
    kept = np.delete(np.arange(ROWS), rows)
    found = netlearn.unlearn(
        transconductances(fitted(inputs, wanted)), columns(inputs, wanted, "V(out)"), rows=rows, damping=0.0
    )
    again = fitted(inputs[kept], wanted[kept])
    assert found.after == pytest.approx(1e-3 * again, rel=1e-9)
    assert found.rows.tolist() == rows
    assert found.unsettled < 1e-20
    assert not np.allclose(found.before, found.after, rtol=1e-3)
    # The text holds what is said.
    there = netlearn.evaluate(found.netlist, columns(inputs[kept], wanted[kept], "V(out)"))
    assert there.loss == pytest.approx(found.losses_after[1], rel=1e-12)


def test_is_exact_for_conductances_into_a_virtual_ground() -> None:
    inputs, wanted = samples()
    weights = fitted(inputs, wanted)
    data = columns(inputs, wanted, "I(Vsense)", 1e-3)
    found = netlearn.unlearn(crossbar(weights), data, rows=[13], damping=0.0)
    assert 1e3 / found.after == pytest.approx(fitted(inputs[:-1], wanted[:-1]), rel=1e-9)


def test_bounds_hold_as_in_a_fit_within_them() -> None:
    """A transconductance that would leave its bounds is held there, and the others make up for it."""
    from scipy.optimize import lsq_linear

    inputs, wanted = samples()
    weights = fitted(inputs, wanted)
    kept = np.column_stack([inputs, np.ones(ROWS)])[:-1]
    free = fitted(inputs[:-1], wanted[:-1])
    bound = float(weights[0] + free[0]) / 2
    ends = (bound, np.inf) if free[0] < weights[0] else (-np.inf, bound)
    low, high = np.array([ends[0], *3 * [-np.inf]]), np.array([ends[1], *3 * [np.inf]])
    words = f"min={1e-3 * bound!r}" if np.isfinite(ends[0]) else f"max={1e-3 * bound!r}"
    found = netlearn.unlearn(
        transconductances(weights),
        columns(inputs, wanted, "V(out)"),
        rows=[13],
        damping=0.0,
        train=[f"G1 {words}", "G2 G3 I1"],
    )
    assert found.after == pytest.approx(1e-3 * lsq_linear(kept, wanted[:-1], (low, high), tol=1e-14).x, rel=1e-7)
    assert found.after[0] == 1e-3 * bound
    assert [name.lower() for name in found.at_bounds] == [found.names[0].lower()]
    fixed = netlearn.unlearn(
        transconductances(weights), columns(inputs, wanted, "V(out)"), rows=[13], damping=0.0, fix="G2 I1"
    )
    without = np.linalg.lstsq(kept[:, [0, 2]], wanted[:-1] - kept[:, [1, 3]] @ weights[[1, 3]], rcond=None)[0]
    # The gradient by what is fixed does not count; the rest is fitted around it.
    assert len(fixed.after) == 2
    assert fixed.after == pytest.approx(1e-3 * without, rel=1e-6)


def test_a_row_at_several_corners_is_forgotten_at_all_of_them() -> None:
    inputs, wanted = samples()
    loads = np.array([1.0, 2.0])
    design = np.concatenate([load * np.column_stack([inputs, np.ones(ROWS)]) for load in loads])
    weights = np.linalg.lstsq(design, np.tile(wanted, 2), rcond=None)[0]
    kept = np.tile(np.arange(ROWS) != 13, 2)
    again = np.linalg.lstsq(design[kept], np.tile(wanted, 2)[kept], rcond=None)[0]
    found = netlearn.unlearn(
        transconductances(weights, "*@corner Rload=1k,2k"),
        columns(inputs, wanted, "V(out)"),
        rows=[13],
        damping=0.0,
    )
    assert found.after == pytest.approx(1e-3 * again, rel=1e-9)


def trained(tmp_path: Path, name: str, rows: int, epochs: int, train: str = "R* min=100 max=1meg") -> netlearn.Netlist:
    """A shipped netlist whose values are trained to their minimum on the first rows of its data."""
    for part, count in (("train", rows), ("test", 40)):
        lines = (NETLISTS / f"{name}_{part}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / f"{name}_{part}.csv").write_text("".join(lines[: count + 1]), encoding="utf-8")
    begin = tmp_path / f"{name}.cir"
    begin.write_bytes((NETLISTS / f"{name}.cir").read_bytes())
    settings = {"optimizer": "lbfgs", "epochs": epochs, "batch": 0, "schedule": "constant", "train": train}
    return netlearn.train(begin, **settings).netlist  # type: ignore[arg-type]


def near(once: netlearn.Unlearning, part: float = 0.3) -> None:
    """One step covers most of the way to training again, on what is forgotten, what remains and test data."""
    assert once.retraining is not None
    ways = zip(once.retraining.before, once.retraining.after, strict=True)
    assert all(after < part * before for before, after in ways)
    # What is forgotten is less well known, and what is left a little better.
    assert once.losses_after[0] > once.losses_before[0]
    assert once.losses_after[1] < once.losses_before[1]


def test_comes_near_to_training_again_on_diabetes_and_nearer_by_more_steps(tmp_path: Path) -> None:
    netlist = trained(tmp_path, "diabetes", 300, 200)
    once, thrice = (netlearn.unlearn(netlist, rows=[3, 30, 77], steps=steps, verify=True) for steps in (1, 3))
    near(once, 0.02)
    near(thrice, 1e-3)


def test_comes_near_to_training_again_on_iris(tmp_path: Path) -> None:
    """The last layer, whose outputs are far from linear in it."""
    train = "Rh* min=100 max=1meg"
    near(netlearn.unlearn(trained(tmp_path, "iris", 100, 150, train), rows=[66, 9], verify=True, train=train))


def test_comes_near_to_training_again_on_digits() -> None:
    """Threes and eights, by the means of four parts of their pictures."""
    from sklearn.datasets import load_digits

    pictures, digits = load_digits(return_X_y=True)
    chosen = np.flatnonzero((digits == 3) | (digits == 8))[:250]
    parts = pictures[chosen].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4) / 8 - 1
    volts = np.column_stack([parts, -parts, np.ones(len(parts)), -np.ones(len(parts))])
    columns = {f"V{k + 1}": column for k, column in enumerate(volts.T)} | {"class": digits[chosen].astype(str)}
    data, test = ({name: column[part] for name, column in columns.items()} for part in (slice(200), slice(200, None)))
    new = netlearn.new("layered", layers="10-2", inputs=10, outputs=2, seed=0)
    task = {"test": test, "loss": "cross_entropy scale=10", "train": "R* min=10 max=10meg"}
    begun = netlearn.parse(new.netlist)
    netlist = netlearn.train(begun, data, optimizer="lbfgs", epochs=200, **task).netlist  # type: ignore[arg-type]
    near(netlearn.unlearn(netlist, data, rows=[5, 33, 70], verify=True, **task))  # type: ignore[arg-type]


def test_hardware_writes_what_it_can(tmp_path: Path) -> None:
    netlist = trained(tmp_path, "diabetes", 100, 100)
    rough = netlearn.unlearn(netlist, rows=[5], hardware="min=100 max=1meg levels=4096 spacing=log search=no")
    steps = np.log(rough.after / 100) / np.log(1e4) * 4095
    assert steps == pytest.approx(np.rint(steps), abs=1e-6)
    stuck = netlearn.unlearn(netlist, rows=[5], hardware="min=100 max=1meg stuck=0.5")
    assert np.sum(stuck.after == stuck.before) == len(stuck.names) // 2
    digits = netlearn.unlearn(netlist, rows=[5], digits=3)
    assert all(float(f"{value:.3g}") == value for value in digits.after)
    noisy = netlearn.unlearn(netlist, rows=[5], digits=3, hardware="noise=0.02")
    assert all(float(f"{value:.3g}") == value for value in noisy.after)


def test_an_untrained_netlist_is_said_to_be_one() -> None:
    inputs, wanted = samples()
    data = columns(inputs, wanted, "V(out)")
    untrained = transconductances(np.array([0.1, 0.1, 0.1, 0.1]))
    with pytest.warns(UserWarning, match="not at a minimum of the training loss: a step could still take 0.8"):
        found = netlearn.unlearn(untrained, data, rows=[2])
    assert found.unsettled > 0.8
    with pytest.warns(UserWarning, match="train first, or further"):
        netlearn.influence(untrained, data)


class TestRefusals:
    """What cannot be forgotten."""

    def unlearn(self, **settings: object) -> None:
        inputs, wanted = samples()
        netlist = transconductances(fitted(inputs, wanted))
        netlearn.unlearn(netlist, columns(inputs, wanted, "V(out)"), **settings)  # type: ignore[arg-type]

    def test_all_rows(self) -> None:
        with pytest.raises(DataError, match="nothing would be left: all 14 rows"):
            self.unlearn(rows=range(ROWS))

    @pytest.mark.parametrize("row", [ROWS, -1])
    def test_rows_that_are_not_there(self, row: int) -> None:
        with pytest.raises(OptionError, match=f"there is no row {row + 1}, only 1 to 14"):
            self.unlearn(rows=[2, row])

    def test_no_rows_and_rows_twice(self) -> None:
        inputs, wanted = samples()
        with pytest.raises(OptionError, match="say which rows"):
            self.unlearn()
        with pytest.raises(OptionError, match="no rows are named"):
            self.unlearn(rows=[])
        with pytest.raises(OptionError, match="rows are given twice"):
            self.unlearn(rows=[1], forget=columns(inputs[:1], wanted[:1], "V(out)"))

    def test_rows_that_are_not_in_the_data(self) -> None:
        inputs, wanted = samples()
        with pytest.raises(DataError, match="row 2 is not in"):
            self.unlearn(forget=columns(inputs[:2], wanted[:2] + np.array([0.0, 1e-3]), "V(out)"))
        twice = {name: np.repeat(values[:1], 2) for name, values in columns(inputs, wanted, "V(out)").items()}
        with pytest.raises(DataError, match="row 2 is not in '<data>' so often"):
            self.unlearn(forget=twice)

    def test_columns_that_do_not_match(self) -> None:
        inputs, wanted = samples()
        rows = dict(columns(inputs[:1], wanted[:1], "V(out)"))
        with pytest.raises(DataError, match="the training data has no column 'V9'"):
            self.unlearn(forget={**rows, "V9": [1.0]})
        del rows["V2"]
        with pytest.raises(DataError, match="there is no column 'V2', which the training data has"):
            self.unlearn(forget=rows)

    def test_a_copy_that_stays_is_told(self) -> None:
        inputs, wanted = samples()
        data = {name: np.append(values, values[0]) for name, values in columns(inputs, wanted, "V(out)").items()}
        netlist = transconductances(fitted(np.vstack([inputs, inputs[:1]]), np.append(wanted, wanted[0])))
        with pytest.warns(
            UserWarning, match="more than once: row 1 is forgotten, and what is the same stands in row 15"
        ):
            found = netlearn.unlearn(netlist, data, forget=columns(inputs[:1], wanted[:1], "V(out)"))
        assert found.rows.tolist() == [0]

    def test_validation_rows_were_not_learned_from(self) -> None:
        with pytest.raises(DataError, match="was kept for validation: nothing was learned from it"):
            self.unlearn(rows=range(7), validation=0.3)

    @pytest.mark.parametrize("damping", [-1.0, np.nan, np.inf])
    def test_damping(self, damping: float) -> None:
        with pytest.raises(OptionError, match="damping must be a number at least 0"):
            self.unlearn(rows=[1], damping=damping)

    def test_steps_and_power(self) -> None:
        with pytest.raises(OptionError, match="at least one step, not 0"):
            self.unlearn(rows=[1], steps=0)
        with pytest.raises(OptionError, match="this one counts power"):
            self.unlearn(rows=[1], loss="mse power=0.1")
