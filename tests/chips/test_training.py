"""Training on chips, programs and functions: what rules need, and that the chip's own error is what falls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.errors import ChipError, OptionError
from netlearn.evaluation import evaluate
from netlearn.learn.rules import RULES
from netlearn.learn.rules.circuitry import Circuitry
from netlearn.solve.internal import InternalSolver
from tests.chips.conftest import SAMPLES, Command
from tests.test_programs import gone, running

OUTPUTS = ("in-the-loop", "differences", "spsa", "homodyne")


def ideal(values, inputs):
    """The divider as its netlist has it."""
    return inputs * values[1] / (values[0] + values[1])


@pytest.mark.parametrize("rule", OUTPUTS)
def test_rules_that_need_outputs_alone_are_those_of_the_simulator_on_an_exact_chip(
    rule: str, divider: Path, command: Command
) -> None:
    told = netlearn.train(divider, rule=rule)
    for chip in (command(), ideal):
        found = netlearn.train(divider, forward=chip, rule=rule)
        # The ratio: what both resistances do together moves no output, and Adam makes steps of rounding there.
        assert np.divide(*found.theta) == pytest.approx(np.divide(*told.theta), rel=1e-6), chip


def test_the_chips_error_is_what_falls(divider: Path, command: Command) -> None:
    found = netlearn.train(divider, forward=command("gain"), epochs=60)
    assert "rule in-the-loop, as a chip gives outputs alone" in found.notes
    assert found.loss < 1e-6
    # The chip multiplies by 1.1 what its model says.
    assert netlearn.evaluate(found.netlist).outputs[0, 0] == pytest.approx(0.25 / 1.1, rel=1e-2)
    assert np.isnan(found.train.watts).all()
    assert found.fit is None


@pytest.mark.parametrize("rule", ["ep", "ep nudge=current", "cl", "contrastive", "al", "finite-ep", "frequency"])
def test_rules_of_two_phases_are_those_of_the_simulator_on_a_chip_that_is_nudged(
    rule: str, divider: Path, command: Command
) -> None:
    told = netlearn.train(divider, rule=rule, epochs=4)
    found = netlearn.train(divider, rule=rule, epochs=4, forward=command("nudged"))
    assert np.allclose(found.theta, told.theta, rtol=1e-6)


def test_ep_takes_the_nudges_that_there_are(divider: Path, command: Command, tmp_path: Path) -> None:
    told = netlearn.train(divider, rule="ep nudge=current", epochs=2)
    found = netlearn.train(divider, rule="ep", epochs=2, forward=command("currents"))
    assert np.allclose(found.theta, told.theta, rtol=1e-6)
    pushed = [json.loads(line).get("nudge") for line in (tmp_path / "asked").read_text().splitlines()]
    assert all(list(each) == ["current"] for each in pushed if each)
    with pytest.raises(OptionError, match=r"puts a clamp at the outputs, and the chip can be nudged by current alone"):
        netlearn.train(divider, rule="cl", epochs=2, forward=command("currents"))


def test_a_function_that_can_be_nudged(divider: Path) -> None:
    def chip(values, inputs, read=("V(out)",), push=None):
        r1, r2 = values
        out = inputs[:, 0] * r2 / (r1 + r2)
        if push is not None:
            out = push.clamp[:, 0]
        known = {"V(out)": out, "V(in)": inputs[:, 0]}
        return np.stack([known[name] for name in read or ("V(out)",)], axis=1)

    chip.nudges = ["clamp"]  # type: ignore[attr-defined]
    told = netlearn.train(divider, rule="cl", epochs=4)
    assert np.allclose(netlearn.train(divider, rule="cl", epochs=4, forward=chip).theta, told.theta, rtol=1e-6)


@pytest.mark.parametrize("rule", sorted(set(RULES)))
def test_what_a_rule_needs_is_said_before_anything_is_measured(rule: str, divider: Path) -> None:
    asked = []

    def chip(values, inputs):
        asked.append(inputs)
        return ideal(values, inputs)

    if getattr(RULES[rule], "reads", None) == "outputs":
        return
    with pytest.raises(OptionError) as caught:
        netlearn.train(divider, forward=chip, rule=rule)
    assert "in-the-loop, differences, spsa, homodyne" in caught.value.hint
    assert not asked


def test_what_a_chip_cannot_be_asked(divider: Path, command: Command) -> None:
    for wrong in (
        lambda: netlearn.operating_point(divider, command()),
        lambda: evaluate(divider, forward=ideal, residual=True),
        lambda: evaluate(divider, forward=ideal, errors=True),
        lambda: netlearn.train(divider, forward=ideal, loss="mse power=1"),
        lambda: netlearn.train(divider, forward=ideal, aim="yield"),
        lambda: netlearn.compare(divider, rules=["spsa"], processes=2, forward=ideal),
        lambda: netlearn.train(divider, forward=ideal, executor=ThreadPoolExecutor()),
        lambda: netlearn.train(divider, forward=3),  # type: ignore[arg-type]
    ):
        with pytest.raises(OptionError):
            wrong()


def test_prediction_and_comparison_and_the_trainer_measure(divider: Path, command: Command) -> None:
    gain = command("gain")
    assert netlearn.predict(divider, [[3.0]], forward=gain).outputs == pytest.approx(2.2)
    found = netlearn.compare(divider, rules=["spsa", "in-the-loop"], seeds=2, forward=gain)
    assert [outcome.error for outcome in found.outcomes] == [""] * 4
    # Readings of the loss after training are not those of a rule.
    assert [o.measurements for o in found.outcomes if o.run.rule == "in-the-loop"] == [12 * SAMPLES] * 2
    with netlearn.Trainer(divider, forward=gain, input=["V1"]) as trainer:
        before = trainer.loss([[1.0]], [[0.25]])
        for _ in range(20):
            trainer.step([[1.0]], [[0.25]])
        assert trainer.loss([[1.0]], [[0.25]]) < 0.05 * before
        chip = trainer._opened  # noqa: SLF001
    assert chip is not None


def test_a_trainer_reads_as_often_as_its_rule_averages(divider: Path) -> None:
    asked = []

    def chip(values, inputs):
        asked.append(values)
        return ideal(values, inputs)

    trainer = netlearn.Trainer(divider, forward=chip, input=["V1"], rule="in-the-loop averages=5")
    trainer.step([1.0], [0.25])
    assert (len(asked), trainer.state.measurements) == (5, 5)


FUNCTIONS = {
    "shape": ("return inputs.ravel()[:2]", r"gave an array \(2,\), and not \(3, 1\)"),
    "text": ("return 'no'", "gave 'no', and not numbers"),
    "nan": ("return inputs * float('nan')", r"sample 1: '.*chip_nan.py:f' gave nan for V\(out\)"),
    "none": ("return None", r"gave None, and not numbers \(3, 1\)"),
    "complex": ("return inputs + 1j", r"gave array\(\[\[ 1\.\+1\.j\](.|\n)*, and not numbers \(3, 1\)"),
    "raises": ("return inputs / values['r1']", "IndexError"),
    "divides": ("return 1 / 0", "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_does_wrong(name: str, divider: Path, tmp_path: Path) -> None:
    body, says = FUNCTIONS[name]
    path = tmp_path / f"chip_{name}.py"
    path.write_text(f"def f(values, inputs):\n    {body}\n")
    with pytest.raises(ChipError, match=says) as caught:
        netlearn.train(divider, forward=f"python:{path}:f")
    assert caught.value.__cause__ is None
    if "Error" in says:
        place = caught.value.place
        assert place is not None
        assert (place.path, place.line, place.text.strip()) == (str(path), 2, body)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("python:", "names no function"),
        ("python:no_such_module_here:f", "there is no module 'no_such_module_here' where Python looks"),
        ("python:{folder}/nothing.py:f", "there is no file"),
        ("python:{folder}/broken.py:f", "cannot be imported: SyntaxError"),
        ("python:{folder}/raising.py:f", "cannot be imported: KeyError: 'bus'"),
        ("python:{folder}/lacking.py:f", "cannot be imported: ModuleNotFoundError"),
        ("python:{folder}/quitting.py:f", "it ends Python"),
        ("python:{folder}/good.py:measuer", "has no function 'measuer'"),
        ("python:{folder}/good.py:number", "is 3, and no function"),
    ],
)
def test_a_function_that_is_not_there(text: str, says: str, divider: Path, tmp_path: Path) -> None:
    for name, lines in {
        "broken": "def f(:",
        "raising": "{}['bus']",
        "lacking": "import no_such_module_here",
        "quitting": "raise SystemExit(3)",
        "good": "number = 3\ndef measure(values, inputs): ...",
    }.items():
        (tmp_path / f"{name}.py").write_text(lines + "\n")
    with pytest.raises(ChipError) as caught:
        netlearn.evaluate(divider, forward=text.format(folder=tmp_path))
    assert says in str(caught.value)
    assert caught.value.__cause__ is None
    if "measuer" in text:
        assert caught.value.hint == "did you mean 'measure'?"


def test_a_module_is_not_looked_for_in_the_working_folder(
    divider: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_chip.py").write_text(
        "from my_own_part import gain\ndef f(values, inputs): return gain * inputs\n"
    )
    (tmp_path / "my_own_part.py").write_text("gain = 0.25\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChipError, match="there is no module 'my_own_chip'") as caught:
        netlearn.evaluate(divider, forward="python:my_own_chip:f")
    assert "python:./my_own_chip.py:" in caught.value.hint
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert netlearn.evaluate(divider, forward="python:my_own_chip.py:f").loss == 0.0


ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc on this system")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_chip_ends_with_the_training_and_all_that_it_has_started(
    number: signal.Signals, divider: Path, command: Command
) -> None:
    seconds = f"97{os.getpid()}.{number:02d}"
    words = ["train", str(divider), "--epochs", "1000000", "--forward", command("child", seconds)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from netlearn.cli import run; run()", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    asked = divider.with_name("asked")
    deadline = time.monotonic() + 120
    while not (asked.exists() and asked.read_text().count("\n") > 4 and running(seconds)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    said, wrong = process.communicate(timeout=120)
    assert gone(seconds)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "Traceback" not in said + wrong
        assert "--resume" in wrong


@pytest.mark.parametrize("digits", [None, 0])
def test_an_interruption_reads_no_more(digits: int | None, divider: Path) -> None:
    asked = []

    def chip(values, inputs):
        asked.append(values)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return ideal(values, inputs)

    found = netlearn.train(divider, forward=chip, digits=digits)
    assert found.interrupted
    assert len(asked) == 3
    assert found.loss == pytest.approx(min(each.loss for each in found.history))
    assert np.isnan(found.train.outputs).all()


GATES = """two transistors whose gates are trained
*@output V(o)
*@input V1
*@train Vg*
*@optimizer sgd lr=0.003
*@options epochs=3
V1 a 0 1
M1 a g1 o 0 nm
Rb o 0 1k
Vg1 g1 0 2.5
M2 o g2 0 0 nm
Vg2 g2 0 1.8
.model nm nmos(vto=0.7 kp=1m)
"""


@pytest.mark.parametrize("rule", ["cl", "ep", "al"])
def test_voltages_of_gates_are_trained_on_a_chip_that_is_nudged(rule: str) -> None:
    """What a transistor compares stands at its own terminals, which are read though nothing of it is trained."""
    netlist = netlearn.parse(GATES)
    model = netlearn.Trainer(netlist)._project.model  # noqa: SLF001

    def chip(values, inputs, read=None, push=None):
        circuit = model.circuit(values, inputs)
        if push is not None:
            circuit = Circuitry(push.current, push.conductance, push.clamp).attach(circuit, model.probes)
        return InternalSolver().solve(circuit).measure(*(read or ("V(o)",)))

    chip.nudges = ("current", "conductance", "clamp")  # type: ignore[attr-defined]
    data = np.array([[1.0], [0.5]]), np.array([[0.45], [0.2]])
    told, found = (netlearn.train(netlist, *data, rule=rule, forward=each) for each in ("internal", chip))
    assert np.allclose(found.theta, told.theta, rtol=1e-9)
    assert told.loss < 0.8 * told.history[0].loss


def test_crossbars_that_are_made_train_with_a_chip_as_they_are(tmp_path: Path) -> None:
    """No rule stands in them, so that the chip's is taken, and its gain of 1.1 is made up for."""
    weights = np.random.default_rng(0).normal(size=(4, 2))
    made = netlearn.new("crossbar", weights=weights)
    (tmp_path / "bar.cir").write_text(made.netlist)
    (tmp_path / "data.csv").write_text(made.data)

    def chip(values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        g = 1 / values.reshape(4, 4)
        return np.asarray(1.1 * inputs @ (g[:, ::2] - g[:, 1::2]))

    found = netlearn.train(tmp_path / "bar.cir", forward=chip)
    assert "rule in-the-loop, as a chip gives outputs alone" in found.notes
    assert found.loss < 1e-6 * found.history[0].loss
