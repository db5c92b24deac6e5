"""What is public: everything that a command does is a function, and what it gives prints short."""

from __future__ import annotations

import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

import netlearn
from netlearn.cli.group import COMMANDS

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"
DIVISION = NETLISTS / "voltage_division.cir"
NAMES = {
    "eval": "evaluate",
    "op": "operating_point",
    "info": "describe",
    "sens": "sensitivities",
    "check-syntax": "read",
    "help": "explain",
    "round": "round_values",
    "report": "write_report",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_function(command: str) -> None:
    name = NAMES.get(command, command.replace("-", "_"))
    assert name in netlearn.__all__
    assert callable(getattr(netlearn, name))


def test_dir_shows_what_is_public_and_every_name_is_there() -> None:
    assert set(netlearn.__all__) <= set(dir(netlearn))
    for name in netlearn.__all__:
        assert getattr(netlearn, name).__doc__


@pytest.mark.parametrize("name", netlearn.__all__)
def test_a_function_stays_one_after_its_module_was_imported(name: str) -> None:
    assert not hasattr(getattr(netlearn, name), "__path__")
    assert type(getattr(netlearn, name)).__name__ != "module"


def test_the_package_is_typed() -> None:
    assert (Path(netlearn.__file__).parent / "py.typed").is_file()


def test_reading_does_not_wait_for_solvers() -> None:
    code = "import sys, netlearn; print(any(name.startswith('scipy') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_results_print_short() -> None:
    trained = netlearn.train(DIVISION, epochs=3)
    things = [
        trained,
        trained.train,
        trained.netlist,
        netlearn.describe(DIVISION),
        netlearn.elaborate(trained.netlist),
        netlearn.elaborate(trained.netlist).circuit,
        netlearn.operating_point(DIVISION),
        netlearn.predict(trained.netlist, NETLISTS / "voltage_division_train.csv"),
        netlearn.compare(DIVISION, rules=["analytic"], epochs=1),
        netlearn.sweep(DIVISION, vary={"optimizer.lr": [0.1]}, epochs=1),
        netlearn.new("lattice"),
    ]
    xor = netlearn.read(NETLISTS / "xor.cir")
    things += [
        xor.elements,
        netlearn.Trainer(xor),
        netlearn.tolerance(xor, draws=20, tolerance=["R* 1%"]),
        netlearn.influence(trained.netlist),
        netlearn.unlearn(trained.netlist, rows=[1]),
        netlearn.learning_rate(xor, optimizer="sgd lr=0.1"),
        netlearn.sensitivities(xor, "V(yp)"),
        netlearn.write_report(xor, ngspice=False),
    ]
    for thing in things:
        assert len(repr(thing)) < 300 or isinstance(thing, list), type(thing)
        # And what they hold.
        held = thing[:3] if isinstance(thing, list) else [getattr(thing, name, None) for name in _properties(thing)]
        for each in held:
            first = each[0] if isinstance(each, list | tuple) and each else each
            if type(first).__module__.startswith("netlearn"):
                assert len(repr(first)) < 300, (type(thing), type(first))
            assert " object at 0x" not in repr(first), (type(thing), type(first))


def _properties(thing: object) -> list[str]:
    """The names of what a result holds: fields and properties."""
    own = [name for name, member in vars(type(thing)).items() if isinstance(member, property | cached_property)]
    return [name for name in {*own, *vars(thing)} if not name.startswith("_")]


def test_flatten_and_export_are_functions() -> None:
    flat = netlearn.flatten(DIVISION)
    point = netlearn.operating_point(netlearn.parse(flat))
    assert point.voltage("n4")[0] == pytest.approx(netlearn.operating_point(DIVISION).voltage("n4")[0], rel=1e-12)
    assert '"nodes"' in netlearn.export(DIVISION, "json")
    with pytest.raises(netlearn.OptionError, match="there is no form 'jsn'"):
        netlearn.export(DIVISION, "jsn")  # type: ignore[arg-type]


def test_goals_say_what_a_deck_prints_as_outputs_do() -> None:
    text = "* t\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n*@goal V(out) = 0.3\n"
    assert netlearn.export(netlearn.parse(text), "ngspice").count("print v(out)") == 1
    at_corners = netlearn.export(netlearn.parse(f"{text}*@corner R1=1k,2k\n*@output V(in)\n"), "ngspice")
    assert at_corners.count("print v(in)") == at_corners.count("print v(out)") == 2
    with pytest.raises(netlearn.OptionError, match="there is nothing to print"):
        netlearn.export(netlearn.parse(text.partition("*@")[0]), "ngspice")


def test_sensitivities_are_derivatives() -> None:
    netlist = netlearn.parse("* t\nV1 a 0 2\nR1 a b 1k\nR2 b 0 1k\n.end\n")
    by_name = {entry.element: entry.derivative for entry in netlearn.sensitivities(netlist, "V(b)")}
    assert by_name == pytest.approx({"v1": 0.5, "r1": -0.5e-3, "r2": 0.5e-3})


@pytest.mark.ngspice
def test_check_is_a_function(libngspice: str) -> None:
    assert netlearn.check(DIVISION).within(1e-9)


def test_an_error_shows_one_traceback() -> None:
    code = f"import netlearn; netlearn.train({str(DIVISION)!r}, rule='analytik')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert said.count("Traceback") == 1
    assert "analytik" in said
