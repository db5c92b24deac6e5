"""ngspice from the command line: as the one that measures while training, as the judge, and where it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from netlearn.ngspice import solver as ngspice_module
from netlearn.ngspice import text_run
from netlearn.ngspice.process import WorkerProcess
from netlearn.tolerances.worst_case import WorstCase, confirmed

Run = Callable[..., Result]

THERMAL = 1.380649e-23 * 300.15 / 1.602176634e-19
CURVE = """\
* the parameters of a diode from its curve
*@data curve.csv
*@output V(a)
*@loss mse
*@train dm.is min=1f max=1n
*@train dm.n min=0.8 max=3
*@optimizer lbfgs
*@options epochs=100
I1 0 a 0
D1 a 0 dm
.model dm d (is=1e-13 n=1) ; to be found
.end
"""
CLAMPED = """\
* a divider with a clamp
*@data data.csv
*@output V(out)
*@train R* min=10 max=1meg
*@optimizer sgd lr=0.2
*@options epochs=3 batch=2
V1 in 0 1
R1 in out 1k
R2 out 0 2k
D1 out 0 dm
{diode}
.end
"""


@pytest.fixture
def curve(tmp_path: Path) -> Path:
    """A diode, and its curve at is=1e-12 and n=1.3 by Shockley's equation."""
    current = np.geomspace(1e-6, 1e-2, 9)
    rows = zip(current.tolist(), (1.3 * THERMAL * np.log1p(current / 1e-12)).tolist(), strict=True)
    (tmp_path / "curve.csv").write_text("I1,V(a)\n" + "".join(f"{i!r},{v!r}\n" for i, v in rows))
    path = tmp_path / "curve.cir"
    path.write_text(CURVE)
    return path


@pytest.fixture
def clamped(divider: Path) -> Path:
    """The divider with a diode, which makes it nonlinear and leaves it reciprocal."""
    divider.write_text(CLAMPED.format(diode=".model dm d(is=1n)"))
    return divider


def numbers(path: Path, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, path.read_text(), re.MULTILINE)]


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize("forward", ["internal", "ngspice"])
def test_a_diodes_parameters_are_found_from_its_curve_and_written_back(curve: Path, run: Run, forward: str) -> None:
    out = curve.with_name("found.cir")
    result = run("train", curve, "-o", out, "--forward", forward)
    assert result.exit_code == 0, result.stderr
    ((saturation, emission),) = re.findall(r"^\.model dm d \(is=(\S+) n=(\S+)\) ; to be found$", out.read_text(), re.M)
    assert float(saturation) == pytest.approx(1e-12, rel=1e-4)
    assert float(emission) == pytest.approx(1.3, rel=1e-5)
    assert [line for line in out.read_text().splitlines() if not line.startswith(".model")] == [
        line for line in CURVE.splitlines() if not line.startswith(".model")
    ]
    assert run("check", out, "-q").exit_code == 0


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize("rule", ["analytic", "ep beta=1e-4 unit=siemens", "cl beta=1e-2"])
def test_a_rule_trains_to_the_same_values_through_ngspice(clamped: Path, run: Run, rule: str) -> None:
    found = []
    for forward in ("internal", "ngspice"):
        out = clamped.with_name(f"{forward}.cir")
        result = run("train", clamped, "-o", out, "--forward", forward, "--rule", rule)
        assert result.exit_code == 0, result.stderr
        found.append(numbers(out, r"^R\d \w+ \w+ (\S+)"))
    assert found[0] != [1e3, 2e3]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_an_ideal_diode_is_checked_too(clamped: Path, run: Run) -> None:
    clamped.write_text(CLAMPED.format(diode=".model dm d(ron=1 roff=1meg vfwd=0.3)"))
    assert run("check", clamped, "-q").exit_code == 0
    rows = json.loads(run("sens", clamped, "V(out)", "--against", "ngspice", "--json").stdout)
    (bend,) = (row for row in rows if row["of"] == "vfwd")
    # Beyond its bend it is a source of vfwd behind ron.
    conductance = {"r1": 1e-3, "r2": 0.5e-3, "d1": 1.0}
    assert bend["dV(out)"] == pytest.approx((1 - 1e-6) / sum(conductance.values()), rel=1e-6)
    assert bend["by ngspice"] == pytest.approx(bend["dV(out)"], rel=1e-6)


FLIP_FLOP = """\
* a flip-flop, set by a nodeset
VCC v 0 5
RC1 v c1 1k
RC2 v c2 1k
RB1 c2 b1 10k
RB2 c1 b2 10k
Q1 c1 b1 0 qm
Q2 c2 b2 0 qm
.model qm npn
{nodeset}
.temp 85
.end
"""


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize(
    ("nodeset", "low", "high"),
    [(".nodeset v(c1)=5 v(c2)=0", 4.0, 5.0), (".nodeset v(c1)=0 v(c2)=5", 0.0, 0.2), ("", 1.0, 1.3)],
    ids=["high", "low", "between"],
)
def test_of_several_operating_points_it_is_the_same_one(
    tmp_path: Path, run: Run, nodeset: str, low: float, high: float
) -> None:
    path = tmp_path / "flip_flop.cir"
    path.write_text(FLIP_FLOP.format(nodeset=nodeset))
    for forward in ("internal", "ngspice"):
        listed = run("op", path, "--csv", "--forward", forward).stdout
        (voltage,) = re.findall(r"^v\(c1\),([^,]+),", listed, re.MULTILINE)
        assert low < float(voltage) < high
    for words in (("check",), ("sens", "V(c1)", "--against", "ngspice")):
        result = run(words[0], path, *words[1:], "-q")
        assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    "words", [("check",), ("sens", "V(out)", "--against", "ngspice"), ("train", "--forward", "ngspice")]
)
def test_a_missing_ngspice_is_said_with_the_command_that_installs_it(
    clamped: Path, run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "/nowhere/libngspice.so")
    files = {path: path.read_bytes() for path in clamped.parent.iterdir()}
    result = run(words[0], clamped, *words[1:])
    assert result.exit_code == 2
    assert "neither libngspice nor the ngspice executable is installed" in result.stderr
    assert "sudo apt-get install libngspice0 ngspice" in result.stderr
    assert {path: path.read_bytes() for path in clamped.parent.iterdir()} == files


@pytest.mark.ngspice
@pytest.mark.usefixtures("libngspice")
@pytest.mark.parametrize("words", [("check",), ("train", "--forward", "ngspice")])
def test_what_takes_too_long_is_stopped(clamped: Path, run: Run, words: tuple[str, ...]) -> None:
    result = run(words[0], clamped, "--timeout", "1e-6", *words[1:])
    assert result.exit_code == 2
    assert "ngspice took longer than 1e-06 s" in result.stderr
    assert "--timeout" in result.stderr


@pytest.mark.ngspice
@pytest.mark.usefixtures("libngspice")
@pytest.mark.parametrize("flat", [(), ("--flat",)])
def test_training_goes_on_where_ngspice_crashes(
    flat: tuple[str, ...], clamped: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ("train", clamped, "--forward", "ngspice", *flat, "--epochs", "4", "-q", "-o")
    assert run(*train, clamped.with_name("undisturbed.cir")).exit_code == 0
    replies: list[int] = []
    killed: list[int] = []

    class Fragile(WorkerProcess):
        def receive(self) -> Any:
            reply = super().receive()
            replies.append(self.process.pid)
            if len(replies) % 9 == 0:
                killed.append(self.process.pid)
                os.kill(self.process.pid, signal.SIGSEGV)
            return reply

    monkeypatch.setattr(ngspice_module if flat else text_run, "WorkerProcess", Fragile)
    result = run(*train, clamped.with_name("disturbed.cir"))
    assert result.exit_code == 0, result.stderr
    assert len(set(killed)) >= 2
    assert clamped.with_name("disturbed.cir").read_bytes() == clamped.with_name("undisturbed.cir").read_bytes()


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
@pytest.mark.parametrize(("name", "samples"), [("iris", 150), ("xor", 4), ("digits", 3)])
def test_ngspice_runs_the_exported_netlists(name: str, samples: int, run: Run, tmp_path: Path) -> None:
    netlist, deck = Path(__file__).parents[2] / "netlists" / f"{name}.cir", tmp_path / "deck.cir"
    assert run("export", netlist, "--to", "ngspice", "--samples", samples, "-o", deck).exit_code == 0
    ngspice = shutil.which("ngspice")
    assert ngspice is not None
    done = subprocess.run([ngspice, "-n", "-b", deck], capture_output=True, text=True, timeout=60, check=False)
    printed = [float(value) for value in re.findall(r"^v\(\S+ = (\S+)", done.stdout, re.MULTILINE)]
    rows = evaluated(name, netlist, run, samples, tmp_path)
    np.testing.assert_allclose(np.reshape(printed, (samples, -1)), rows, rtol=1e-6, atol=1e-9)


def evaluated(name: str, netlist: Path, run: Run, samples: int, folder: Path) -> Any:
    """Outputs (samples, o) of the internal solver, at the samples that export takes."""
    pieces = [netlist.with_name(file) for file in (f"{name}.csv", f"{name}_train.csv", f"{name}_test.csv")]
    tables = [piece.read_text().splitlines() for piece in pieces if piece.exists()]
    rows = [row for table in tables for row in table[1:]]
    taken = [rows[k] for k in np.linspace(0, len(rows) - 1, samples).astype(int)]
    (folder / "taken.csv").write_text("\n".join([tables[0][0], *taken, ""]))
    listed = json.loads(run("eval", netlist, "--data", folder / "taken.csv", "--json").stdout)
    return np.array([[value for key, value in row.items() if key.startswith("V(")] for row in listed["outputs"]])


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_an_exported_deck_prints_nodes_inside_elements(run: Run, tmp_path: Path) -> None:
    netlist, deck = tmp_path / "inner.cir", tmp_path / "deck.cir"
    netlist.write_text("* inner\nV1 c 0 2\nR1 c b 100k\nQ1 c b 0 qm\n.model qm npn(rc=10 rb=20 re=1)\n.end\n")
    probes = ["V(b)", "V(q1#collcx)", "V(q1#base)", "V(q1#emitter)", "I(V1)"]
    assert run("export", netlist, "--to", "ngspice", "--output", " ".join(probes), "-o", deck).exit_code == 0
    ngspice = shutil.which("ngspice")
    assert ngspice is not None
    done = subprocess.run([ngspice, "-n", "-b", deck], capture_output=True, text=True, timeout=60, check=False)
    printed = re.findall(r"^([vi]\(\S+) = (\S+)$", done.stdout, re.MULTILINE)
    assert [name for name, _ in printed] == [probe.lower() for probe in probes]
    found = dict(re.findall(r"^(\S+\)),(\S+),[VA]$", run("op", netlist, "--csv").stdout, re.MULTILINE))
    for name, value in printed:
        assert float(value) == pytest.approx(float(found[name]), rel=1e-8), name


@pytest.mark.ngspice
@pytest.mark.usefixtures("libngspice")
@pytest.mark.parametrize(("seconds", "code"), [("inf", 0), ("1e300", 0), ("nan", 2), ("-1", 2)])
def test_a_limit_of_time_may_be_none(seconds: str, code: int, divider: Path, run: Run) -> None:
    result = run("eval", divider, "--forward", "ngspice", "--timeout", seconds)
    assert result.exit_code == code, result.stderr


@pytest.mark.ngspice
def test_ngspice_behind_a_script_is_stopped_too(
    divider: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    seconds = f"98{os.getpid()}.125"
    (folder / "ngspice").write_text(f"#!/bin/sh\nsleep {seconds}\n")
    (folder / "ngspice").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for module in ("solver", "text_run"):
        monkeypatch.setattr(f"netlearn.ngspice.{module}.library", lambda: None)
    result = run("op", divider, "--forward", "ngspice", "--timeout", "0.3")
    assert result.exit_code == 2
    assert "took longer than 0.3 s" in result.stderr
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert seconds not in listed


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_worst_cases_in_csv_are_judged_by_ngspice_too(run: Run, clamped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("tolerance", clamped, "--tolerance", "R* 5%", "--draws", "8", "--csv")
    alone = run(*words)
    judged = run(*words, "--against", "ngspice")
    assert (judged.exit_code, judged.stdout) == (0, alone.stdout), judged.stderr
    assert alone.stdout.startswith("output")

    def off(trials: Any, cases: list[WorstCase], other: Any) -> list[WorstCase]:
        return [replace(case, by_ngspice=1.1 * case.by_ngspice) for case in confirmed(trials, cases, other)]

    monkeypatch.setattr("netlearn.tolerances.analysis.confirmed", off)
    failed = run(*words, "--against", "ngspice")
    assert (failed.exit_code, failed.stdout) == (1, alone.stdout)
    assert "by ngspice" in failed.stderr
