from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from netlearn.circuit.circuit import GROUND, Group
from netlearn.circuit.devices.diode import DIODE
from netlearn.circuit.devices.ideal_diode import IDEAL_DIODE
from netlearn.errors import ConvergenceError, NetlearnError
from netlearn.learn.checkpoint import load_checkpoint, save_checkpoint
from netlearn.learn.lbfgs import run_lbfgs
from netlearn.learn.loop import begin, measure, run
from netlearn.learn.loss import Loss
from netlearn.learn.model import Model
from netlearn.learn.optimizers import Adam, Lbfgsb, Momentum, Sgd
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch, Estimate
from netlearn.learn.schedule import Cosine, Exponential
from netlearn.learn.settings import LoopOptions
from netlearn.learn.state import Progress, TrainingState
from netlearn.learn.subset import Subset
from netlearn.learn.task import Task

DIODES = Group(
    DIODE,
    ["d1", "d2"],
    np.array([[3, GROUND, GROUND][: len(DIODE.unknowns)], [5, 4, 4][: len(DIODE.unknowns)]]),
    {name: np.full(2, value) for name, value in DIODE.parameters.items()},
)
IDEAL = Group(
    IDEAL_DIODE,
    ["d1"],
    np.array([[4, GROUND]]),
    {"ron": np.ones(1), "roff": np.full(1, 1e6), "vfwd": np.full(1, 0.01), "vrev": np.full(1, np.inf)}
    | {"rrev": np.full(1, np.nan), "area": np.ones(1), "m": np.ones(1)},
)


def trained(task: Task, state: TrainingState | None = None, **options: Any) -> TrainingState:
    search = run_lbfgs if isinstance(task.optimizer, Lbfgsb) else run
    return search(task, state or begin(task), **options)


def same(one: TrainingState, other: TrainingState) -> None:
    assert one.finished
    assert other.finished
    assert one.best is not None
    assert other.best is not None
    assert one.best.tobytes() == other.best.tobytes()
    assert one.theta.tobytes() == other.theta.tobytes()
    assert repr(one.history) == repr(other.history)


def test_lbfgs_reaches_in_all_coordinates_what_scipy_reaches_by_differences(make_task: Any) -> None:
    task = make_task()
    parameters, state = task.model.parameters, begin(task)

    def loss(logs: np.ndarray) -> float:
        return measure(task, task.data, replace(state, theta=np.exp(logs))).loss

    box = list(zip(np.log(parameters.lower), np.log(parameters.upper), strict=True))
    reference = minimize(loss, np.log(parameters.initial), bounds=box, options={"maxiter": 30, "maxfun": 10**5})
    for coordinates in ("log", "conductance", "resistance"):
        state = trained(make_task(coordinates=coordinates, optimizer=Lbfgsb(), options=LoopOptions(epochs=100)))
        assert state.best is not None
        assert state.best_score <= reference.fun * (1 + 1e-3)
        assert np.all(state.best >= parameters.lower)
        assert np.all(state.best <= parameters.upper)


@pytest.mark.parametrize("coordinates", ["log", "conductance", "resistance"])
@pytest.mark.parametrize("optimizer", [Sgd(3.0), Momentum(0.5), Adam(0.05)])
@pytest.mark.parametrize("batch", [0, 5])
def test_every_optimizer_lowers_the_loss(make_task: Any, optimizer: Any, batch: int, coordinates: str) -> None:
    task = make_task(optimizer=optimizer, options=LoopOptions(epochs=30, batch=batch), coordinates=coordinates)
    state = trained(task)
    assert state.best_score < 0.8 * state.history[0].loss
    assert len(state.history) == 31
    assert min(record.loss for record in state.history) == state.best_score


class Single:
    """Adam as a library might have it: its steps are numbers of single precision."""

    def __init__(self, lr: float) -> None:
        self.adam = Adam(lr)

    def start(self, size: int) -> Any:
        return self.adam.start(size)

    def step(self, state: Any, gradient: np.ndarray) -> tuple[np.ndarray, Any]:
        change, state = self.adam.step(state, gradient)
        return change.astype(np.float32), state


def test_small_steps_of_single_precision_are_not_lost(make_task: Any) -> None:
    options = LoopOptions(epochs=40)
    exact, single = (
        trained(make_task(optimizer=optimizer, options=options)) for optimizer in (Adam(2e-9), Single(2e-9))
    )
    np.testing.assert_allclose(single.u, exact.u, rtol=0, atol=1e-7 * 40 * 2e-9 + 1e-15)


def test_the_record_of_an_epoch_is_of_the_values_at_its_beginning(make_task: Any) -> None:
    for batch in (0, 5):
        task = make_task(classes=True, options=LoopOptions(epochs=3, batch=batch))
        state = trained(task)
        before = measure(task, task.data, begin(task)).loss
        after = measure(task, task.data, state).loss
        assert state.history[0].loss == pytest.approx(before, rel=1e-12)
        assert state.history[-1].loss == pytest.approx(after, rel=1e-12)
        assert 0 <= state.history[0].accuracy <= 1


class Stop:
    """A progress callback that interrupts after some steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, progress: Progress) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


KINDS: dict[str, dict[str, Any]] = {
    "full": {"options": LoopOptions(epochs=6)},
    "batches": {"options": LoopOptions(epochs=4, batch=5, seed=3), "optimizer": Momentum(0.3), "schedule": Cosine()},
    "classes": {"classes": True, "options": LoopOptions(epochs=4, batch=5)},
    "diodes": {"extra": (DIODES,), "options": LoopOptions(epochs=4, batch=5)},
    "layers": {"extra": (IDEAL,), "options": LoopOptions(epochs=4, batch=5)},
    "layers full": {"extra": (IDEAL,), "samples": 30, "options": LoopOptions(epochs=6)},
    "diodes aside": {"extra": (DIODES,), "aside": 4, "options": LoopOptions(epochs=4, batch=5)},
    "diodes aside full": {"extra": (DIODES,), "aside": 4, "options": LoopOptions(epochs=6)},
    "subset": {"subset": Subset(0.3), "options": LoopOptions(epochs=4, batch=5), "schedule": Exponential(0.9)},
    "turns": {"subset": Subset(0.3, by="turns", redraw="epoch"), "options": LoopOptions(epochs=4, batch=5)},
    "lbfgs": {"optimizer": Lbfgsb(), "options": LoopOptions(epochs=8)},
    "lbfgs diodes": {"optimizer": Lbfgsb(), "extra": (DIODES,), "options": LoopOptions(epochs=5)},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [1, 2, 4, 5])
def test_an_interrupted_run_resumes_to_the_same_bytes(make_task: Any, tmp_path: Path, kind: str, after: int) -> None:
    whole = trained(make_task(**KINDS[kind]))
    task = make_task(**KINDS[kind])
    path = tmp_path / "c.npz"
    interrupted = trained(task, progress=Stop(after))
    assert not interrupted.finished
    save_checkpoint(path, task, interrupted)
    same(whole, trained(task, load_checkpoint(path, make_task(**KINDS[kind]))))
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.npz"]


class Breaks(Analytic):
    """A rule that is interrupted in the middle of one of its estimates."""

    left = 6

    def estimate(self, model: Model, loss: Loss, theta: Any, batch: Batch, rng: np.random.Generator) -> Estimate:
        estimate = super().estimate(model, loss, theta, batch, rng)
        rng.random()
        Breaks.left -= 1
        if not Breaks.left:
            raise KeyboardInterrupt
        return estimate


def test_an_interruption_inside_a_step_loses_only_that_step(make_task: Any, tmp_path: Path) -> None:
    kind = {"extra": (DIODES,), "options": LoopOptions(epochs=5, batch=5), "rule": Breaks(), "subset": Subset(0.5)}
    Breaks.left = -1
    whole = trained(make_task(**kind))
    Breaks.left = 6
    task = make_task(**kind)
    interrupted = trained(task)
    assert not interrupted.finished
    assert (interrupted.epoch, interrupted.position) == (1, 10)
    save_checkpoint(tmp_path / "c.npz", task, interrupted)
    same(whole, trained(task, load_checkpoint(tmp_path / "c.npz", task)))


def test_a_checkpoint_of_something_else_is_refused(make_task: Any, tmp_path: Path) -> None:
    task, path = make_task(), tmp_path / "c.npz"
    save_checkpoint(path, task, trained(task, progress=Stop(2)))
    for other, what in [
        (make_task(optimizer=Adam(0.04)), "another optimizer"),
        (make_task(samples=13), "other data"),
        (make_task(extra=(DIODES,)), "another netlist"),
        (make_task(options=LoopOptions(epochs=10, seed=1)), "seed=0, not seed=1"),
        (make_task(subset=Subset(0.5)), "another subset"),
    ]:
        with pytest.raises(NetlearnError, match=f"made with {what}"):
            load_checkpoint(path, other)
    with pytest.raises(NetlearnError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.npz", task)
    path.write_bytes(b"nothing")
    with pytest.raises(NetlearnError, match="is not a netlearn checkpoint"):
        load_checkpoint(path, task)
    np.savez(path, notes=np.array([{}], dtype=object))
    with pytest.raises(NetlearnError, match="is not a netlearn checkpoint"):
        load_checkpoint(path, task)


def test_a_subset_leaves_the_rest_as_it_was(make_task: Any) -> None:
    task = make_task(subset=Subset(only="r[45]"), options=LoopOptions(epochs=5, batch=5))
    state = trained(task)
    moved = np.flatnonzero(state.theta != task.model.parameters.initial)
    np.testing.assert_array_equal(moved, [3, 4])
    task = make_task(subset=Subset(0.2, redraw="never"), options=LoopOptions(epochs=5, batch=5))
    count = round(0.2 * len(task.model.parameters))
    assert np.count_nonzero(trained(task).theta != task.model.parameters.initial) == count
    task = make_task(subset=Subset(0.2, redraw="step"), options=LoopOptions(epochs=5, batch=5))
    assert np.count_nonzero(trained(task).theta != task.model.parameters.initial) > count
    task = make_task(subset=Subset(0.2, by="turns"), options=LoopOptions(epochs=5), optimizer=Sgd(1.0))
    assert np.count_nonzero(trained(task).theta != task.model.parameters.initial) > 4 * count


def test_seeds(make_task: Any) -> None:
    options = LoopOptions(epochs=3, batch=5, seed=1)
    same(trained(make_task(options=options)), trained(make_task(options=options)))
    other = trained(make_task(options=replace(options, seed=2)))
    assert other.theta.tobytes() != trained(make_task(options=options)).theta.tobytes()


def test_patience_ends_training_and_keeps_the_best(make_task: Any) -> None:
    data = make_task().data
    task = make_task(
        data=data.part(np.arange(3)),
        validation=data.part(np.arange(3, 12)),
        optimizer=Adam(0.3),
        options=LoopOptions(epochs=200, patience=5),
    )
    state = trained(task)
    scores = [record.validation_loss for record in state.history]
    assert len(scores) < 200
    assert state.best_score == min(scores)
    assert state.best_epoch == int(np.argmin(scores)) == len(scores) - 1 - 5
    assert state.best is not None
    assert measure(task, task.validation, replace(state, theta=state.best)).loss == state.best_score


class Explodes(Analytic):
    """A rule whose estimate of one parameter's derivative is not a number."""

    def estimate(self, model: Model, loss: Loss, theta: Any, batch: Batch, rng: np.random.Generator) -> Estimate:
        estimate = super().estimate(model, loss, theta, batch, rng)
        gradient = estimate.gradient.copy()
        gradient[4] = np.nan
        return replace(estimate, gradient=gradient)


def test_what_is_not_finite_is_named_where_it_first_appears(make_task: Any) -> None:
    with pytest.raises(NetlearnError, match="the derivative of 'r5' is nan at the values as they are"):
        trained(make_task(rule=Explodes()))
    task = make_task()
    inputs = task.data.inputs.copy()
    inputs[7] = 1e200
    with pytest.raises(NetlearnError, match="the loss of sample 8 is inf at the values as they are"):
        trained(replace(task, data=replace(task.data, inputs=inputs)))


class Refuses(Analytic):
    """A rule for which the second sample of the third batch has no operating point."""

    batches = 0

    def estimate(self, model: Model, loss: Loss, theta: Any, batch: Batch, rng: np.random.Generator) -> Estimate:
        self.batches += 1
        self.seen = batch.inputs[1] if self.batches == 3 else None
        if self.batches == 3:
            raise ConvergenceError("no operating point found (3 samples failed in all)", sample=1)
        return super().estimate(model, loss, theta, batch, rng)


def test_a_sample_that_fails_in_a_batch_is_named_by_its_place_in_the_data(make_task: Any) -> None:
    rule = Refuses()
    task = make_task(rule=rule, options=LoopOptions(epochs=2, batch=4))
    with pytest.raises(ConvergenceError) as caught:
        trained(task)
    (place,) = np.flatnonzero((task.data.inputs == rule.seen).all(axis=1))
    assert caught.value.sample == place
    assert str(caught.value) == f"error: sample {place + 1}: no operating point found (3 samples failed in all)"


def test_no_epochs_change_nothing(make_task: Any) -> None:
    for optimizer in (Adam(), Lbfgsb()):
        task = make_task(options=LoopOptions(epochs=0), optimizer=optimizer)
        state = trained(task)
        np.testing.assert_array_equal(state.best, task.model.parameters.initial)
        assert len(state.history) == 1


def test_lbfgs_refuses_what_it_cannot_do(make_task: Any) -> None:
    with pytest.raises(NetlearnError, match="full batches"):
        trained(make_task(optimizer=Lbfgsb(), options=LoopOptions(batch=5)))
    with pytest.raises(NetlearnError, match="changing part"):
        trained(make_task(optimizer=Lbfgsb(), subset=Subset(0.5)))
