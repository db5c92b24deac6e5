"""Help in groups, with every option in it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from netlearn.cli.group import COMMANDS, main
from netlearn.cli.help import SECTIONS, SectionedCommand


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_every_option(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"], catch_exceptions=False).output
    found = main.get_command(click.Context(main), command)
    assert found is not None
    for option in found.params:
        if isinstance(option, click.Option):
            assert option.opts[-1] in shown


def test_the_help_of_train_is_in_groups() -> None:
    shown = CliRunner().invoke(main, ["train", "--help"], catch_exceptions=False).output
    heads = [shown.index(f"\n{head}:\n") for head in SECTIONS]
    assert heads == sorted(heads)
    task, training = shown[heads[0] : heads[1]], shown[heads[1] : heads[2]]
    assert "--loss" in task
    assert "Loss function to minimise" in task
    assert "--epochs" in training


@pytest.mark.parametrize("command", COMMANDS)
def test_many_options_are_in_groups_and_say_what_they_take(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"], catch_exceptions=False).output
    found = main.get_command(click.Context(main), command)
    assert found is not None
    assert len(found.params) < 7 or isinstance(found, SectionedCommand)
    for word in ("INTEGER", "FLOAT", "TEXT", "RANGE", "PATH"):
        assert word not in shown


def test_words_are_not_said_to_be_numbers() -> None:
    shown = CliRunner().invoke(main, ["new", "crossbar", "--help"], catch_exceptions=False).output
    assert "--cell WORD " in shown
    assert "--rows N " in shown
