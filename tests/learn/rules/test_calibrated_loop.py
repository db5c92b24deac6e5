"""A chip in the loop whose model is calibrated by what is measured, and training that goes on where it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.arrays import Array
from netlearn.errors import NetlearnError, OptionError
from netlearn.learn.loss import Mse
from netlearn.learn.model import Model
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive
from tests.helpers import RNG, random_task

FACTORS = np.exp(0.5 * RNG(5).normal(size=13))


class Chip:
    """A solver in which every resistance is off by its factor."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def solve(self, circuit: Any, start: Any = None) -> Any:
        resistance = circuit.groups[0].values["resistance"] * FACTORS
        return self.model.solver.solve(circuit.with_values({(0, "resistance"): resistance}))


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_calibrated_model_has_the_chips_own_gradient() -> None:
    model, theta, batch = random_task(3)
    rng, plain = RNG(0), InTheLoop(chip=Chip(model))
    rule = InTheLoop(chip=Chip(model), calibrate=30)
    memory: Any = {}
    for step in range(31):
        # As training would move them.
        here = theta * np.exp(0.2 * rng.normal(size=len(theta)))
        found = rule.estimate(model, Mse(), here, Batch(batch.inputs, batch.targets, None, step, memory), rng)
        memory = found.memory
    true = FACTORS * Analytic().estimate(model, Mse(), FACTORS * here, batch, rng).gradient
    uncalibrated = plain.estimate(model, Mse(), here, batch, rng).gradient
    assert cosine(found.gradient * here, true * here) > 0.99999
    np.testing.assert_allclose(found.gradient, true, rtol=1e-3, atol=1e-3 * np.abs(true).max())
    assert cosine(uncalibrated * here, true * here) < 0.99
    assert found.measurements == batch.targets.size
    assert len(memory["pairs.theta"]) == 31 * 5
    assert memory["deviation"].shape == theta.shape


@pytest.mark.parametrize("text", ["calibrate=every 50", "calibrate=50", 'calibrate="every 50"', "calibrate = EVERY 50"])
def test_calibrate_is_said_as_every_so_many(text: str) -> None:
    given = read_directive(f"rule in-the-loop {text} noise=1m", DIRECTIVES)
    assert given.words == ("in-the-loop",)
    assert given.values == {"calibrate": 50, "noise": 1e-3}


@pytest.mark.parametrize("text", ["calibrate=every", "calibrate=every other", "calibrate=often", "calibrate=0"])
def test_what_is_no_number_of_steps_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="'calibrate' must be a whole number"):
        read_directive(f"rule in-the-loop {text}", DIRECTIVES)


NETLIST = """* a ladder
*@output V(out) V(m)
*@train R*
*@rule {rule}
*@options epochs=12 batch=3
V1 in 0 1
R1 in out 1k
R2 out 0 2k
R3 out m 3k
R4 m 0 5k
D1 m 0 dm
.model dm d
.end
"""
DATA = {"V1": np.linspace(0.2, 2, 9), "V(out)": np.linspace(0.1, 0.9, 9), "V(m)": np.linspace(0.05, 0.5, 9)}


@pytest.mark.parametrize(
    "rule", ["in-the-loop calibrate=every 7 noise=1m", "emulator every=4 explore=1 begin=4 hidden=4 noise=1m"]
)
def test_an_interruption_changes_nothing(tmp_path: Path, rule: str) -> None:
    netlist = netlearn.parse(NETLIST.format(rule=rule))
    whole = netlearn.train(netlist, DATA)
    steps = 0

    def interrupt(_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 20:
            raise KeyboardInterrupt

    path = tmp_path / "run.npz"
    part = netlearn.train(netlist, DATA, checkpoint=path, progress=interrupt)
    assert part.interrupted
    with np.load(path) as arrays:
        assert {"rule.pairs.theta", "rule.pairs.outputs"} <= set(arrays.files)
    resumed = netlearn.train(netlist, DATA, checkpoint=path, resume=True)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    assert resumed.history[-1] == whole.history[-1]
    assert whole.loss < whole.history[0].loss
    assert any("calibrated by 108 measured samples" in note for note in whole.notes) == ("calibrate" in rule)


@pytest.mark.parametrize("name", ["rule.pairs.theta", "rule.pairs.outputs", "rule.deviation"])
def test_a_memory_that_was_changed_is_refused(tmp_path: Path, name: str) -> None:
    netlist, path = netlearn.parse(NETLIST.format(rule="in-the-loop calibrate=7")), tmp_path / "run.npz"

    calls = iter(range(5))

    def interrupt(_: object) -> None:
        if next(calls) == 4:
            raise KeyboardInterrupt

    netlearn.train(netlist, DATA, checkpoint=path, progress=interrupt)
    with np.load(path) as found:
        arrays = dict(found)
    for wrong in (arrays[name][:-1], np.full_like(arrays[name], np.nan), None):
        changed = {key: value for key, value in arrays.items() if key != name}
        np.savez(path, **(changed if wrong is None else {**changed, name: wrong}))
        with pytest.raises(NetlearnError, match="changed or damaged"):
            netlearn.train(netlist, DATA, checkpoint=path, resume=True)


@pytest.mark.parametrize("rule", ["in-the-loop calibrate=7", "emulator"])
def test_lbfgs_is_refused(rule: str) -> None:
    with pytest.raises(OptionError, match="lbfgs takes one function"):
        netlearn.train(netlearn.parse(NETLIST.format(rule=rule)), DATA, optimizer="lbfgs", batch=0)


@pytest.mark.parametrize("rule", ["in-the-loop calibrate=7", "emulator"])
def test_an_executor_is_refused(rule: str) -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(OptionError, match="remembers what it measured"):
        netlearn.train(netlearn.parse(NETLIST.format(rule=rule)), DATA, executor=executor)


def test_offsets_of_a_chips_outputs_do_not_pass_for_its_values() -> None:
    model, theta, batch = random_task(3)
    shift = np.array([0.02, -0.03])

    class Shifted(Chip):
        def solve(self, circuit: Any, start: Any = None) -> Any:
            point = super().solve(circuit)
            return replace(point, read=model.outputs(point) + shift)

    off = {}
    for offsets in (False, True):
        rule, rng = InTheLoop(chip=Shifted(model), calibrate=20, offsets=offsets), RNG(0)
        memory: dict[str, Array] = {}
        for step in range(21):
            here = theta * np.exp(0.2 * rng.normal(size=len(theta)))
            found = rule.estimate(model, Mse(), here, Batch(batch.inputs, batch.targets, None, step, memory), rng)
            memory = dict(found.memory or {})
        # The resistor across a source shows in no output, and of the others voltages tell all but a common factor.
        wrong = np.delete(memory["deviation"] - np.log(FACTORS), 7)
        off[offsets] = np.abs(wrong - wrong.mean())
    assert off[True].max() < 1e-3
    assert off[False].max() > 10 * off[True].max()
