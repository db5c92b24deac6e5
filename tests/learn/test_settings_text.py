"""Settings as text, and back."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.learn.settings import Settings
from netlearn.learn.settings_text import directive_texts, settings_from
from netlearn.overrides import settings_for

NETLIST = """all that can be said
*@data "a file.csv" test=t.csv
*@input V1 (V2,-V3)
*@output V(a,b) I(V1)
*@classes "New York" '"x"'
*@loss cross_entropy scale=3.5
*@train R* X1.R3 min=100 max=1meg
*@train "R[1-3]" Rload
*@fix R4
*@rule cl beta=0.01
*@optimizer momentum lr=0.25 nesterov=yes
*@schedule cosine end=0.1
*@subset fraction=0.5 redraw=epoch
*@hardware series=e24
*@options epochs=7 batch=3 seed=11 patience=5 coordinates=conductance validation=0.25
V1 a 0 1
R1 a 0 1
"""


def stripped(settings: Settings) -> Settings:
    """Without places."""
    from dataclasses import replace

    return replace(settings, places={}, train=tuple(replace(entry, place=None) for entry in settings.train))


def test_all_settings_come_back() -> None:
    settings = settings_for(netlearn.parse(NETLIST), {})
    texts, unsaid = directive_texts(settings)
    assert not unsaid
    assert stripped(settings_from(texts)) == stripped(settings)
    assert texts["optimizer"] == ["momentum lr=0.25 nesterov=yes"]
    # The same texts are directives of a netlist.
    lines = [f"*@{name} {text}" for name, each in texts.items() for text in each]
    again = netlearn.parse("\n".join(["again", *lines, "V1 a 0 1", "R1 a 0 1", ""]))
    assert stripped(settings_for(again, {})) == stripped(settings)


def test_defaults_need_no_words() -> None:
    assert directive_texts(Settings()) == ({}, [])
    assert settings_from({}) == Settings()


@pytest.mark.parametrize("seed", range(20))
def test_any_number_comes_back_to_the_last_bit(seed: int) -> None:
    lr = float(np.exp(np.random.default_rng(seed).uniform(-50, 50)))
    settings = settings_for(netlearn.parse(NETLIST), {"optimizer": f"sgd lr={lr!r}"})
    assert settings_from(directive_texts(settings)[0]).optimizer == settings.optimizer


def test_objects_of_ones_own_are_listed() -> None:
    class Mine:
        def __repr__(self) -> str:
            return "Mine()"

        def value(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
            return outputs - targets

        def gradient(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
            return np.ones_like(outputs)

    texts, unsaid = directive_texts(settings_for(netlearn.parse(NETLIST), {"loss": Mine()}))
    assert unsaid == ["loss: Mine()"]
    assert "loss" not in texts
