"""A chip that is a program: one process, JSON lines both ways, whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import netlearn
from netlearn.chips.chip import Question, Terminals
from netlearn.chips.program import ChipProgram
from netlearn.errors import ChipError, NetlearnError, OptionError
from tests.chips.conftest import SAMPLES, Command

TERMINALS = Terminals(("r1", "r2"), ("ohm", "ohm"), ("v1",), ("V(out)",))
QUESTION = Question(np.array([1e3, 3e3]), np.array([[1.0], [2.0], [-4.0]]))
RIGHT = 0.75 * QUESTION.inputs


def asked(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "asked").read_text().splitlines()]


def answer(command: str, **more) -> tuple[np.ndarray, ChipProgram]:
    chip = ChipProgram(command.removeprefix("command:"), **more)
    try:
        chip.begin(TERMINALS)
        return chip.answer(TERMINALS, QUESTION), chip
    finally:
        chip.close()


def test_the_messages_are_those_of_the_specification(command: Command, tmp_path: Path) -> None:
    found, chip = answer(command())
    assert np.allclose(found, RIGHT, rtol=1e-14)
    first, second = asked(tmp_path)
    assert first == {
        "id": 1,
        "netlearn": "hello",
        "version": 1,
        "values": ["r1", "r2"],
        "units": ["ohm", "ohm"],
        "inputs": ["v1"],
        "outputs": ["V(out)"],
    }
    assert second == {"id": 2, "netlearn": "measure", "values": [1e3, 3e3], "inputs": [[1.0], [2.0], [-4.0]]}
    assert (chip.count.readings, chip.count.states, chip.count.programmed, chip.count.again) == (3, 3, 1, 0)


@pytest.mark.parametrize(("fault", "sizes"), [("batch", [2, 1]), ("part", [3, 2, 1])])
def test_the_rest_of_a_batch_is_asked_for(fault: str, sizes: list[int], command: Command, tmp_path: Path) -> None:
    found, _ = answer(command(fault))
    assert np.allclose(found, RIGHT, rtol=1e-14)
    questions = asked(tmp_path)[1:]
    assert [len(each["inputs"]) for each in questions] == sizes
    # Values go to the chip when they change, and not with every question.
    assert ["values" in each for each in questions] == [True] + [False] * (len(sizes) - 1)


def test_an_answer_that_comes_too_late_is_passed_over(command: Command) -> None:
    chip = ChipProgram(command("late").removeprefix("command:"))
    for _ in range(2):
        assert np.allclose(chip.answer(TERMINALS, QUESTION), RIGHT, rtol=1e-14)
    chip.close()


def test_a_chip_that_is_busy_is_asked_again(command: Command) -> None:
    with pytest.warns(UserWarning, match=r"said: busy: it is asked again \(1 of 2\)"):
        found, chip = answer(command("busy"))
    assert np.allclose(found, RIGHT, rtol=1e-14)
    assert chip.count.again == 1


def test_a_chip_that_dies_is_started_again_and_given_its_values_again(
    divider: Path, command: Command, tmp_path: Path
) -> None:
    whole = netlearn.train(divider, forward=command("gain"))
    (tmp_path / "asked").unlink()
    with pytest.warns(UserWarning, match=r"ended with status 7: it is asked again \(1 of 2\)"):
        found = netlearn.train(divider, forward=command("dies once"), rule="spsa", seed=3)
    same = netlearn.train(divider, forward=command(), rule="spsa", seed=3)
    assert np.array_equal(found.theta, same.theta)
    assert "asked again once" in found.notes[-1]
    assert "asked again" not in whole.notes[-1]


@pytest.mark.parametrize(
    ("fault", "place", "says", "helps"),
    [
        ("version", 1, "speaks version 2 of the protocol, and netlearn version 1", "chip_protocol"),
        ("prints", 1, "wrote what is not JSON", "standard error"),
        ("no json", 4, "wrote what is not JSON", "chip_protocol"),
        ("list", 2, 'no JSON object with the "id"', "chip_protocol"),
        ("few", 4, "sample 3: the chip gave too few: 0 outputs of 1, V(out)", "chip_protocol"),
        ("nan", 4, "sample 3: the chip gave NaN for V(out)", "chip_protocol"),
        ("word", 4, 'sample 3: the chip gave "0.5" for V(out)', "chip_protocol"),
        ("many", 2, "gave the outputs of 4 samples, and was asked for 3", "chip_protocol"),
        ("broken", 2, "the chip says: over range", ""),
        ("no batch", 1, '"batch" is how many samples', "chip_protocol"),
        ("kick", 1, "there is no nudge 'kick'", "known: current"),
    ],
)
def test_what_a_chip_says_wrong_is_told_with_its_line(
    fault: str, place: int, says: str, helps: str, divider: Path, command: Command
) -> None:
    with pytest.raises(ChipError) as caught:
        netlearn.train(divider, forward=command(fault))
    error = caught.value
    assert error.place is not None
    assert (error.place.path.startswith("output of '"), error.place.line) == (True, place)
    assert says in str(error)
    assert helps in error.hint


def test_what_the_chip_wrote_before_it_died_is_told(divider: Path, command: Command) -> None:
    with pytest.warns(UserWarning, match="asked again"), pytest.raises(ChipError) as caught:
        netlearn.train(divider, forward=command("dies"))
    assert "ended with status 7, asked 3 times" in caught.value.message
    assert caught.value.hint.startswith("it wrote last: RuntimeError: the bus is gone")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("command:", "names no program"),
        ("command:no-such-program-here x", "cannot be run: no such file"),
        ("command:python 'chip.py", "is not a command: no closing quotation"),
    ],
)
def test_a_command_that_cannot_be_run(text: str, says: str, divider: Path) -> None:
    with pytest.raises(ChipError, match=says):
        netlearn.train(divider, forward=text)


def test_a_chip_that_dies_or_hangs_before_it_is_asked_anything(divider: Path, command: Command) -> None:
    with pytest.raises(ChipError, match="ended with status 1 before it was asked anything") as caught:
        netlearn.evaluate(divider, forward=command("dies at start"))
    assert "no bus" in caught.value.hint
    with pytest.raises(ChipError, match=r"did not answer within 0.2 s before it was asked anything") as caught:
        answer(command("hangs at start"), timeout=0.2)
    assert "--timeout" in caught.value.hint


def test_a_chip_that_hangs_later_is_given_up(command: Command) -> None:
    chip = ChipProgram(command("hangs").removeprefix("command:"), retries=0)
    for _ in range(2):
        chip.answer(TERMINALS, QUESTION)
    chip.timeout = 0.3
    with pytest.raises(ChipError, match=r"sample 1: the chip '.*' did not answer within 0.3 s"):
        chip.answer(TERMINALS, QUESTION)


def test_a_chip_that_answers_nothing_is_asked_as_often_as_it_says(command: Command) -> None:
    with pytest.warns(UserWarning, match="outputs of no sample"), pytest.raises(ChipError, match="asked 2 times"):
        answer(command("none"), retries=1)


def test_what_was_measured_until_then_is_kept(divider: Path, command: Command, tmp_path: Path) -> None:
    out, kept = tmp_path / "out.cir", tmp_path / "kept.npz"
    with pytest.raises(NetlearnError) as caught:
        netlearn.train(divider, forward=command("few"), out=out, checkpoint=kept)
    assert f"the best values until then are in '{out}'" in caught.value.hint
    assert f"--resume goes on from '{kept}'" in caught.value.hint
    assert netlearn.evaluate(out).loss < netlearn.evaluate(divider).loss
    found = netlearn.train(divider, forward=command(), out=out, checkpoint=kept, resume=True)
    assert found.epochs == 12
    # Two steps before, and what was read in them.
    assert f"chip 'divider': {(2 + 11 + 1) * SAMPLES} readings" in found.notes[-1]


def test_every_reading_is_counted(divider: Path, command: Command) -> None:
    found = netlearn.train(divider, forward=command())
    assert f"chip 'divider': {14 * SAMPLES} readings, values given 14 times" in found.notes
    # One process, which is told once what the numbers are.
    assert [each["netlearn"] for each in asked(divider.parent)] == ["hello", *["measure"] * 14]
    assert [each.measurements for each in found.history] == [SAMPLES * k for k in range(13)]
    averaged = netlearn.train(divider, forward=command(), rule="in-the-loop averages=2", epochs=3)
    assert f"chip 'divider': {(2 * 4 + 1) * SAMPLES} readings" in averaged.notes[-1]
    assert (
        f"chip 'divider': {SAMPLES} readings, values given once" in netlearn.evaluate(divider, forward=command()).notes
    )


def test_a_directive_cannot_name_a_chip(tmp_path: Path) -> None:
    for line in (
        "*@options forward=command:sh",
        '*@options forward="command:touch mark"',
        "*@forward command:touch mark",
    ):
        path = tmp_path / "stranger.cir"
        path.write_text(f"title\n{line}\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n")
        with pytest.raises(OptionError, match="a directive cannot say 'forward'") as caught:
            netlearn.train(path, [[1.0]], [[0.5]], output=["V(b)"])
        assert caught.value.place is not None
        assert (caught.value.place.line, "any program" in caught.value.hint) == (2, True)


def test_what_a_prediction_has_until_the_chip_fails_is_in_its_file(
    divider: Path, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "answers.csv"
    with pytest.warns(UserWarning, match="asked again"), pytest.raises(ChipError) as caught:
        netlearn.predict_file(divider, tmp_path / "data.csv", out, forward=command("dies in part"))
    assert caught.value.hint.endswith(f"the first 2 samples are in '{out}'")
    assert (caught.value.sample, caught.value.exit_code) == (2, 1)
    assert np.allclose(np.loadtxt(out, skiprows=1), [2 / 3, 4 / 3])
    with pytest.raises(ChipError):
        netlearn.predict_file(divider, tmp_path / "data.csv", tmp_path / "none.csv", forward=command("broken"))
    assert not (tmp_path / "none.csv").exists()
