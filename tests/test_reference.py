"""What is said of directives is what they are declared to be, all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result

import netlearn
from netlearn.errors import OptionError
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive
from netlearn.options import options_of
from netlearn.reference import entries, entry_of, markdown
from netlearn.topologies.kinds import TOPOLOGIES

Run = Callable[..., Result]


def test_every_directive_kind_and_option_is_there_with_its_default() -> None:
    said = {entry.title: entry for entry in entries()}
    for name, directive in DIRECTIVES.items():
        assert {row.name for row in said[f"*@{name}"].rows} == {option.name for option in directive.options}
        for kind, cls in directive.kinds.items():
            entry = said[f"*@{name} {kind}"]
            assert {row.name for row in entry.rows} == {option.name for option in options_of(cls)}
            assert entry.text
            for row, option in zip(entry.rows, options_of(cls), strict=True):
                # A default can be given, and is then what it was.
                given = read_directive(f"{name} {kind} {row.name}='{row.default}'", DIRECTIVES).values[row.name]
                assert given == option.default or str(given) == f"{option.default}", row
    assert {f"netlearn new {kind}" for kind in TOPOLOGIES} <= set(said)


def test_units_stand_where_the_help_says_them() -> None:
    units = {row.name: row.unit for row in entry_of("hardware").rows}
    assert (units["min"], units["max"], units["levels"]) == ("Ω", "Ω", "")
    assert {row.name: row.unit for row in entry_of("rule", "ep").rows}["noise"] == "V or A"
    assert "| `min` | a number, or none | Ω | `none` |" in markdown(entry_of("hardware"))


@pytest.mark.parametrize(
    ("words", "says", "not_"),
    [
        ((), "rule       learning rule", "beta"),
        (("rule",), "One of: analytic", "  beta ="),
        (("rule", "cl"), "  beta = a number", "  patience"),
        (("cl",), "*@rule cl", "*@loss"),
        (("*@rule", "CL", "beta"), "  beta =", "  states ="),
        (("optimizer.lr",), "*@optimizer sgd", "  decay ="),
        (("options.epochs",), "passes over the training data", "  seed ="),
        (("new", "lattice"), "  rows = a whole number at least 2 [8]", "  radius"),
        (("new", "onestep"), "netlearn new onestep DATA --option value...", "radius"),
        (("onestep.gain",), "  gain = a number above 0 [100000]", "  levels ="),
        (("new",), "geometric mean of the first resistances", "  radius"),
    ],
)
def test_help_of_the_command(run: Run, words: tuple[str, ...], says: str, not_: str) -> None:
    result = run("help", *words)
    assert result.exit_code == 0
    assert says in result.stdout
    assert not_ not in result.stdout
    assert result.stdout == netlearn.explain(*words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rul",), "did you mean 'rule'"),
        (("rule", "cll"), "did you mean 'cl'"),
        (("rule.cl.betta",), "did you mean 'beta'"),
        (("options", "epoch"), "did you mean 'epochs'"),
    ],
)
def test_what_there_is_not(run: Run, words: tuple[str, ...], says: str) -> None:
    result = run("help", *words)
    assert result.exit_code == 2
    assert says in result.stderr
    with pytest.raises(OptionError):
        netlearn.explain(*words)


@pytest.fixture
def run() -> Run:
    """Runs a command in this process."""
    from click.testing import CliRunner

    from netlearn.cli import main

    return lambda *words: CliRunner().invoke(main, list(words))
