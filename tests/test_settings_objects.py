"""What is given in Python in place of a directive is refused at the door if it is not one for its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlearn
from netlearn.errors import OptionError
from netlearn.learn.optimizers import Adam
from netlearn.learn.settings import DIRECTIVES

XOR = Path(__file__).resolve().parents[1] / "netlists" / "xor.cir"
SETTINGS = [name for name in DIRECTIVES if name not in ("data", "options")]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_number_is_no_setting(name: str) -> None:
    settings: dict[str, Any] = {name: 3}
    with pytest.raises(OptionError, match=f"3 cannot be the setting '{name}'"):
        netlearn.evaluate(XOR, **settings)


def test_a_class_is_not_an_object_of_it() -> None:
    optimizer: Any = Adam
    with pytest.raises(OptionError) as caught:
        netlearn.train(XOR, optimizer=optimizer, epochs=1)
    assert caught.value.hint == "give an object of it: Adam()"
    assert netlearn.train(XOR, optimizer=Adam(lr=0.1), epochs=1).history


def test_rows_are_numbers() -> None:
    rows: Any = ["a"]
    with pytest.raises(OptionError, match="'rows' must be a list of whole numbers"):
        netlearn.unlearn(XOR, rows=rows)
