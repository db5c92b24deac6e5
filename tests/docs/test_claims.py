"""The claims of docs/claims: what is written of them are their numbers, and small versions of them run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

CLAIMS = Path(__file__).parents[2] / "docs" / "claims"
NAMES = sorted(path.stem for path in CLAIMS.glob("*.py") if path.stem not in {"claim", "networks"})
README = (CLAIMS / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script of that name."""
    monkeypatch.syspath_prepend(str(CLAIMS))
    yield import_module(request.param)
    for name in ("claim", "networks", *NAMES):
        sys.modules.pop(name, None)


def claim(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("script", [name], indirect=True)


def small(script: ModuleType) -> dict[tuple[Any, ...], Any]:
    return {key: script.CLAIM.piece(key) for key in script.CLAIM.small}


@pytest.mark.parametrize("script", NAMES, indirect=True)
def test_what_is_written_are_the_numbers(script: ModuleType) -> None:
    """The section of README.md is what the script makes of the numbers that are kept, with at least five networks."""
    found = script.CLAIM
    assert found.name == Path(script.__file__ or "").stem
    stored = found.stored()
    assert set(stored) == set(found.keys)
    assert found.section(stored).strip() in README
    said = [int(n) for n in re.findall(r"n = (\d+)", found.section(stored))]
    assert said
    assert min(said) >= 5
    assert found.draw(stored).axes
    assert (CLAIMS.parent / "figures" / f"{found.name}.png").exists()


def test_every_claim_is_written_of_once() -> None:
    assert sorted(re.findall(r"^## (\w+):", README, re.MULTILINE)) == NAMES


@claim("kite")
def test_numbers_are_remade(script: ModuleType) -> None:
    """What is kept is what computing it again gives."""
    key = script.CLAIM.keys[0]
    again = script.CLAIM.piece(key)
    stored = script.CLAIM.stored()[key]
    assert again["measured"] == pytest.approx(stored["measured"], rel=1e-3)


@claim("kite")
def test_sentences_that_numbers_do_not_bear_out_are_refused(script: ModuleType) -> None:
    stored = {key: dict(value) for key, value in script.CLAIM.stored().items()}
    for value in stored.values():
        value["measured"] *= 2
    with pytest.raises(AssertionError, match="the numbers no longer say"):
        script.CLAIM.section(stored)


@claim("kite")
def test_interrupted_runs_go_on_where_they_were(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was done is not done again, and counts no more once a source has changed."""
    made: list[int] = []

    def compute(number: int) -> dict[str, float]:
        if number == 2 and 2 not in made:
            made.append(number)
            raise KeyboardInterrupt
        made.append(number)
        return {"value": number / 3}

    monkeypatch.setattr(sys.modules["claim"], "DONE", tmp_path)
    found = replace(script.CLAIM, compute=compute)
    keys = [(number,) for number in range(4)]
    with pytest.raises(KeyboardInterrupt):
        found.run(keys)
    assert made == [0, 1, 2]
    assert found.run(keys) == {(n,): {"value": float(f"{n / 3:.5g}")} for n in range(4)}
    assert made == [0, 1, 2, 2, 3]
    with (tmp_path / "kite.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"digest": "cut off')
    assert found.run(keys) == found.run(keys)
    assert made == [0, 1, 2, 2, 3]
    other = tmp_path / "other.py"
    other.write_text("ANOTHER = True\n")
    replace(found, uses=(other,)).run(keys)
    assert made == [0, 1, 2, 2, 3, 0, 1, 2, 3]


def test_sections_are_put_in_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CLAIMS))
    with_section = import_module("claim").with_section
    text = "# head\n\n## a: first\n\none\n\n## b: second\n\ntwo\n"
    assert with_section(text, "a", "## a: new\n\nthree\n") == "# head\n\n## a: new\n\nthree\n\n## b: second\n\ntwo\n"
    assert with_section(text, "c", "## c: more\n\nthree\n").endswith("two\n\n## c: more\n\nthree\n")


@claim("gradient_bias")
def test_bias_falls_with_the_nudge_as_predicted(script: ModuleType) -> None:
    for value in small(script).values():
        for name, power in (
            ("1 positive", 1),
            ("1 centered", 2),
            ("2 positive", 2),
            ("3 positive", 3),
            ("3 centered", 6),
        ):
            slopes = script.slopes(script.STRENGTHS, np.array([value[f"order {name}"]]))
            assert slopes == pytest.approx([power], rel=0.05)
        assert value["differences"] < 1e-6
        errors = value["noisy ep positive"]
        assert 0 < np.argmin(errors) < len(errors) - 1
        assert value["readout"] < min(errors)


@claim("kite")
def test_rate_of_convergence_and_the_kite(script: ModuleType) -> None:
    for (name, *_), value in small(script).items():
        assert value["measured"] == pytest.approx(value["predicted"], rel=0.02)
        assert (value["coercivity"] > 0.01) == (name == "generic")


@claim("output_readout")
def test_outputs_are_enough_to_train_a_chip(script: ModuleType) -> None:
    results = small(script)
    for seed in (0, 1):
        found = {key[3]: value for key, value in results.items() if key[0] == seed}
        assert found["loop"]["losses"][-1] < 0.5 * found["model"]["losses"][-1]
        assert found["loop"]["losses"][-1] < found["ep 0.001"]["losses"][-1]
        assert found["loop"]["readings"] * 10 < found["ep 0.001"]["readings"]


@claim("seven_algorithms")
def test_algorithms_run_side_by_side(script: ModuleType) -> None:
    assert len(script.RULES) == 23
    for value in small(script).values():
        assert np.isfinite(value["test"])


@claim("subset_fraction")
def test_fewer_updates_are_worse(script: ModuleType) -> None:
    results = small(script)
    for seed in (0, 1):
        steps = {
            key[4]: value["score"]
            for key, value in results.items()
            if key[:4] == ("regression", "layered", seed, "steps")
        }
        assert steps[1.0] < steps[0.2]


@claim("contrastive_convex")
def test_contrastive_learning_descends_a_convex_function_without_hidden_nodes(script: ModuleType) -> None:
    for (what, hidden, *_), value in small(script).items():
        if what == "chords":
            assert value["wrong"] < 1e-5
            assert (value["below"] == 0) == (hidden == 0)
        else:
            assert value["full trail"][-1] < value["full trail"][0]
            assert value["stochastic trail"][-1] < value["stochastic trail"][0]


@claim("end_to_end")
def test_weights_make_equilibrium_propagation_exact(script: ModuleType) -> None:
    for (_, _, rule, *_), value in small(script).items():
        assert value["first"] == pytest.approx(16.0 if rule == "ep unweighted" else 1.0, rel=1e-3)
        assert value["second"] == pytest.approx(1.0, rel=1e-3)
        assert value["losses"][-1] < value["losses"][0]


@claim("backward_mismatch")
def test_backward_elements_that_are_off_turn_the_gradient(script: ModuleType) -> None:
    for (_, mismatch, *_), value in small(script).items():
        assert (value["first"] < 1e-3) == (mismatch == 0.0)


@claim("second_order")
def test_curvature_is_worth_something(script: ModuleType) -> None:
    results = small(script)
    for kind in ("layered", "complete"):
        after = {key[3]: value["after"] for key, value in results.items() if key[1] == kind}
        assert after["Gauss-Newton"] < after["Gauss-Newton, by Adam"]


@claim("perturbation_noise")
def test_more_readings_leave_less_noise(script: ModuleType) -> None:
    results = small(script)
    for rule in ("differences", "spsa", "homodyne"):
        few, many = (results["layered", 0, rule, effort, 2]["error"] for effort in (1, 10))
        assert many < few


@claim("asymmetric_devices")
def test_asymmetry_is_the_friction_of_hamiltonian_descent(script: ModuleType) -> None:
    losses = {key[2:4]: value["loss"] for key, value in small(script).items()}
    assert losses["hamiltonian", 0.9] < losses["hamiltonian", 0.0]
    assert losses["hamiltonian", 0.9] < losses["sgd", 0.9]


@claim("one_step")
def test_errors_of_one_step_regression_go_with_gain_and_noise(script: ModuleType) -> None:
    errors = {key[:2]: value["coefficients"] for key, value in small(script).items()}
    assert errors["gain", 1e5] / errors["gain", 1e7] == pytest.approx(100, rel=0.1)
    assert errors["noise", 1e-2] / errors["noise", 1e-3] == pytest.approx(10, rel=0.2)
    assert errors["levels", 64] < 0.5


@claim("block_solvers")
def test_blocks_find_what_newtons_method_finds(script: ModuleType) -> None:
    for (diodes, *_), value in small(script).items():
        assert max(value[method]["off"] for method in script.METHODS) < 1e-12
        assert value["jacobi"]["iterations"] > value["gauss-seidel"]["iterations"] > value["newton"]["iterations"]
        assert not value["chosen"], diodes


@claim("emulators")
def test_a_calibrated_model_is_nearer_to_the_chip(script: ModuleType) -> None:
    results = small(script)
    for seed in (0, 1):
        angles = {key[2]: np.mean(np.array(value)[:, 1]) for key, value in results.items() if key[0] == seed}
        assert angles["calibrated"] < angles["model"]
        assert angles["emulator"] < 60


@pytest.mark.ngspice
@claim("wires")
def test_training_through_the_wires_takes_their_error_away(script: ModuleType, libngspice: str) -> None:
    """Eight epochs take most of it; ngspice finds the same outputs."""
    results = small(script)
    assert all(value["after"] < 0.2 * value["before"] for value in results.values())
    assert [value["ngspice"] < 1e-9 for value in results.values() if "ngspice" in value] == [True, True]


@claim("transistor_edges")
def test_channels_turn_away_from_the_gradient_with_their_drops(script: ModuleType) -> None:
    for (what, *_), value in small(script).items():
        if what == "angles":
            assert np.all(np.diff(value["channel"]) > 0)
            assert max(value["correct"]) < 1e-3 < value["channel"][0]
        else:
            assert all(np.isfinite(each["loss"]) for each in value.values())
