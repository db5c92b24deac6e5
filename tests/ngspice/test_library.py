"""Finding libngspice, and what PySpice's interface does with what ngspice says."""

import subprocess
import sys

import numpy as np
import pytest

from netlearn.circuit.circuit import GROUND, Circuit, Group
from netlearn.circuit.devices.behavioural import behavioural_current_source
from netlearn.circuit.devices.linear import RESISTOR, VOLTAGE_SOURCE
from netlearn.errors import ConvergenceError, NgspiceError
from netlearn.ngspice import library as library_module
from netlearn.ngspice.library import library
from netlearn.ngspice.sensitivity import ngspice_sensitivities
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.probes.names import probes_of


def divider():
    resistors = Group(RESISTOR, ["r1", "r2"], np.array([[0, 1], [1, GROUND]]), {"resistance": np.array([2e3, 1e3])})
    source = Group(VOLTAGE_SOURCE, ["v1"], np.array([[0, GROUND, 2]]), {"dc": np.array([[3.0], [6.0]])})
    return Circuit(["in", "out"], ["v1"], (resistors, source))


@pytest.mark.parametrize("name", ["libngspice.so", "libngspice.so.0", "libngspice.so.0.0.6"])
@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "LIBRARY_PATH"])
def test_found_where_a_path_variable_says(name, variable, tmp_path, monkeypatch):
    monkeypatch.setattr(library_module, "find_library", lambda _: None)
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    (tmp_path / name).touch()
    monkeypatch.setenv(variable, f"/nowhere:{tmp_path}")
    assert library() == str(tmp_path / name)


def test_the_named_library_goes_first_even_if_it_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "mine.so"))
    assert library() is None
    (tmp_path / "mine.so").touch()
    assert library() == str(tmp_path / "mine.so")


@pytest.mark.ngspice
def test_a_broken_library_is_said_or_the_executable_serves(ngspice, tmp_path, monkeypatch):
    (tmp_path / "libngspice.so").write_text("not a library")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "libngspice.so"))
    with NgspiceSolver() as solver:
        np.testing.assert_allclose(solver.solve(divider()).voltage("out"), [1, 2])
    found = ngspice_sensitivities(divider(), probes_of(divider(), ["V(out)"]))
    assert found["v1", "dc"] == pytest.approx(1 / 3, rel=1e-5)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NgspiceError, match=r"libngspice cannot be loaded.*\n.*apt-get install libngspice0"):
        NgspiceSolver().solve(divider())
    with pytest.raises(NgspiceError, match="libngspice cannot be loaded"):
        ngspice_sensitivities(divider(), probes_of(divider(), ["V(out)"]))


OURS = """
import sys
from netlearn.ngspice.library import shared
ngspice = shared(sys.argv[1])
ngspice.exec_command("unheard of")
print(ngspice.said())
"""
THEIRS = """
import sys
from PySpice.Spice.NgSpice.Shared import NgSpiceShared
NgSpiceShared.LIBRARY_PATH = sys.argv[1]
NgSpiceShared.new_instance().exec_command("unheard of")
"""


@pytest.mark.ngspice
def test_lines_on_ngspices_standard_error_are_no_failure(libngspice):
    """ngspice 43 writes harmless notes there, for which PySpice's own class raises."""

    def run(code):
        return subprocess.run(
            [sys.executable, "-c", code, libngspice], capture_output=True, text=True, check=False, timeout=60
        )

    assert "NgSpiceCommandError" in run(THEIRS).stderr
    done = run(OURS)
    assert done.returncode == 0
    assert "no such command" in done.stdout
    assert "Unsupported" not in done.stderr


class NoSolution:
    """i = v² + 1 has no root where no other current flows."""

    def __call__(self, controls, values):
        return controls[..., 0] ** 2 + values["offset"]

    def spice(self, controls, values):
        return f"({controls[0]})^2+({values['offset']!r})"


@pytest.mark.ngspice
def test_a_sample_without_an_operating_point_is_named(libngspice):
    source = behavioural_current_source(NoSolution(), 1, {"offset": 0.0})
    groups = (Group(source, ["b1"], np.array([[0, GROUND, 0]]), {"offset": np.array([[-1.0], [-4.0], [1.0]])}),)
    with (
        NgspiceSolver() as solver,
        pytest.raises(ConvergenceError, match="sample 3: ngspice found no operating point: node 'a' did not settle"),
    ):
        solver.solve(Circuit(["a"], [], groups))
