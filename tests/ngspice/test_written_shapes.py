"""Netlists of the shapes that people write, as the fuzzer of ``check`` makes them: ngspice agrees on their text."""

from __future__ import annotations

import importlib.util
import random
import warnings
from pathlib import Path

import pytest

from netlearn.ngspice.text_run import TextRunner

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz_text.py"


@pytest.mark.ngspice
def test_every_shape_is_solved_alike(libngspice):
    spec = importlib.util.spec_from_file_location("fuzz_text", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    with warnings.catch_warnings(), TextRunner(processes=1) as runner:
        warnings.simplefilter("ignore")
        for shape in fuzz.SHAPES:
            found = []
            for seed in range(4):
                text = "\n".join([f"* {shape.__name__}", *shape(random.Random(seed)), ".end", ""])
                found.append(fuzz.compared(text, runner))
            assert all(how != "differ" for how, _ in found), (shape.__name__, found)
            assert any(how == "agree" for how, _ in found), (shape.__name__, found)
