"""The commands besides training: what they print, and their exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from netlearn.cli.group import COMMANDS

Run = Callable[..., Result]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, run: Run) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5


def test_the_list_of_commands(run: Run) -> None:
    result = run("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", result.stdout, re.MULTILINE)


def test_eval_prints_samples_loss_and_targets(divider: Path, run: Run) -> None:
    result = run("eval", divider)
    assert "V(out)" in result.stdout
    assert "0.666667" in result.stdout
    rows = list(csv.DictReader(io.StringIO(run("eval", divider, "--csv").stdout)))
    assert [float(row["V(out)"]) for row in rows] == pytest.approx([2 / 3, 4 / 3, -2 / 3])
    assert [float(row["wanted V(out)"]) for row in rows] == [0.25, 0.5, -0.25]
    printed = json.loads(run("eval", divider, "--json").stdout)
    expected = np.mean((np.array([2 / 3, 4 / 3, -2 / 3]) - [0.25, 0.5, -0.25]) ** 2)
    assert printed["loss"] == pytest.approx(expected)
    assert "V(out)" not in run("eval", divider, "--quiet").stdout


def test_op_as_table_csv_and_json(divider: Path, run: Run) -> None:
    expected = {"v(in)": 1.0, "v(out)": 2 / 3, "i(v1)": -1 / 3000}
    assert json.loads(run("op", divider, "--json").stdout) == pytest.approx(expected)
    rows = csv.DictReader(io.StringIO(run("op", divider, "--csv").stdout))
    assert {row["name"]: float(row["value"]) for row in rows} == pytest.approx(expected)
    assert "0.666667" in run("op", divider).stdout


def test_info_says_what_would_be_trained(divider: Path, run: Run) -> None:
    text = run("info", divider).stdout
    assert re.search(r"^trained +r1, r2$", text, re.MULTILINE)
    assert re.search(r"^samples +3$", text, re.MULTILINE)
    printed = json.loads(run("info", divider, "--fix", "R1", "--json").stdout)
    assert printed["trained"] == ["r2"]
    assert printed["elements"] == {"voltage source": 1, "resistor": 2}
    assert printed["problems"] == []


@pytest.mark.parametrize(
    ("elements", "said", "breaking", "weights"),
    [
        ("", "yes", [], {}),
        (
            "E1 a 0 out 0 4\nF1 0 out E1 0.25\nR3 a 0 1k\n",
            "weighted: 0.0625 at a; 1 elsewhere",
            [],
            {"a": 0.0625},
        ),
        ("E1 x 0 in 0 -1\nR3 x out 1k\n", "yes", [], {}),
        ("G1 out 0 in 0 1u\nG2 in 0 out 0 1u\n", "yes", [], {}),
        ("Q1 out b 0 m\nR3 b out 10k\n.model m npn\n", "none, because of q1: energy-based", ["q1"], {}),
    ],
    ids=["resistors", "an amplifier pair", "an inverted input", "two transconductances", "a transistor"],
)
def test_info_says_whether_energy_based_rules_are_right(
    divider: Path, run: Run, elements: str, said: str, breaking: list[str], weights: dict[str, float]
) -> None:
    divider.write_text(divider.read_text().replace(".end", f"{elements}.end"))
    assert re.search(rf"^co-content {re.escape(said)}", run("info", divider).stdout, re.MULTILINE)
    assert json.loads(run("info", divider, "--json").stdout)["co_content"] == {"breaking": breaking, "weights": weights}


def test_info_names_what_is_not_supported(divider: Path, run: Run) -> None:
    divider.write_text(divider.read_text().replace(".end", "Z1 out in 0 zm\n.model zm nmf\n.end"))
    result = run("info", divider)
    assert result.exit_code == 0
    assert "MESFET" in result.stdout
    assert f"{divider}:12:1" in result.stdout


def test_check_syntax_counts_and_fails(divider: Path, run: Run) -> None:
    result = run("check-syntax", divider)
    assert result.exit_code == 0
    assert "2 R, 1 V" in result.stdout
    wrong = divider.with_name("wrong.cir")
    wrong.write_text("title\nR1 a b 1..2\n.end\n")
    result = run("check-syntax", divider, wrong)
    assert result.exit_code == 2
    assert f"{wrong}:2:" in result.stderr
    assert "2 files, 1 of them cannot be read" in result.stdout
    printed = json.loads(run("check-syntax", divider, wrong, "--json").stdout)
    assert [entry["error"] is None for entry in printed] == [True, False]
    assert printed[0]["counts"]["R"] == 2


def test_flatten_gives_the_same_operating_point(divider: Path, run: Run) -> None:
    text = "* two\n.param r=1k\n.subckt half a b\nR1 a b {2*r}\nR2 b 0 {r+r}\n.ends\nV1 in 0 1\nX1 in out half\n.end\n"
    divider.write_text(text)
    flat = divider.with_name("flat.cir")
    assert run("flatten", divider, "-o", flat).exit_code == 0
    assert "subckt" not in flat.read_text().lower()
    before, after = (json.loads(run("op", path, "--json").stdout) for path in (divider, flat))
    assert after == pytest.approx(before)
    assert run("flatten", divider).stdout == flat.read_text()


def test_export_forms(divider: Path, run: Run) -> None:
    assert json.loads(run("export", divider, "--to", "json").stdout)["nodes"] == ["in", "out"]
    assert run("export", divider, "--to", "csv").stdout.splitlines()[0].startswith("element,")
    graph = divider.with_name("graph.xml")
    assert run("export", divider, "--to", "graphml", "-o", graph).exit_code == 0
    assert "graphml" in graph.read_text()
    result = run("export", divider, "--to", "csv", "-o", divider.parent)
    assert result.exit_code == 2


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_ngspice_runs_the_exported_deck(divider: Path, run: Run) -> None:
    deck = divider.with_name("deck.cir")
    assert run("export", divider, "--to", "ngspice", "-o", deck).exit_code == 0
    ngspice = shutil.which("ngspice")
    assert ngspice is not None
    done = subprocess.run([ngspice, "-n", "-b", deck], capture_output=True, text=True, timeout=60, check=False)
    values = [float(value) for value in re.findall(r"^v\(out\) = (\S+)", done.stdout, re.MULTILINE)]
    assert values == pytest.approx([2 / 3, 4 / 3, -2 / 3])


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_check_passes_and_fails_by_its_tolerance(divider: Path, run: Run) -> None:
    result = run("check", divider)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^samples +3,", result.stdout, re.MULTILINE)
    # Without a floor even the last digit of a result counts.
    divider.write_text(divider.read_text().replace("V1 in  0 1", "V1 in  0 1\nD1 out 0 d\n.model d d(is=1n)"))
    result = run("check", divider, "--tolerance", "0", "--floor", "0", "--json")
    assert result.exit_code == 1
    assert "differs by" in result.stderr
    assert json.loads(result.stdout)["passed"] is False


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_sens_against_a_closed_form_and_ngspice(divider: Path, run: Run) -> None:
    printed = json.loads(run("sens", divider, "V(out)", "--against", "ngspice", "--json").stdout)
    # v = R2 / (R1 + R2): dv/dR1 = -R2 / (R1 + R2)^2, dv/dR2 = R1 / (R1 + R2)^2
    expected = {"v1": 2 / 3, "r1": -2000 / 3000**2, "r2": 1000 / 3000**2}
    assert {row["element"]: row["dV(out)"] for row in printed} == pytest.approx(expected)
    assert {row["element"]: row["by ngspice"] for row in printed} == pytest.approx(expected, rel=1e-4)
    failed = run("sens", divider, "V(out)", "--against", "ngspice", "--tolerance", "0", "-q")
    assert failed.exit_code == 1


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_sens_names_what_changes_too_little_to_be_judged(divider: Path, run: Run) -> None:
    # In breakdown the saturation current shifts the knee by as much as it takes away.
    lines = ["zener", "Vin in 0 12", "Rz in z 470", "DZ 0 z dz", "RL z 0 1k"]
    divider.write_text("\n".join([*lines, ".model dz D(Is=1e-15 Rs=.25 Bv=4.7 Ibv=20m)", ".end", ""]))
    result = run("sens", divider, "V(z)", "--against", "ngspice")
    assert result.exit_code == 0, result.stderr
    assert "not judged by is of dz" in result.stdout
    rows = json.loads(run("sens", divider, "V(z)", "--against", "ngspice", "--json").stdout)
    (by_is,) = (row for row in rows if row["of"] == "is")
    assert by_is["difference"] > 1e-3


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_sens_leaves_open_what_ngspice_has_no_number_for(divider: Path, run: Run) -> None:
    text = divider.read_text().replace("R1 in  out 1k", "R1 in  out {k} tc1=1m")
    text = text.replace("V1 in  0", ".param k=1000\nV1 in  0")
    divider.write_text(text)
    result = run("sens", divider, "V(out)", "--against", "ngspice")
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stdout.splitlines() if "temperature" in line)
    assert line.count(" - ") == 2
    assert "nan" not in result.stdout
    rows = {
        row["of"]: row for row in json.loads(run("sens", divider, "V(out)", "--against", "ngspice", "--json").stdout)
    }
    assert rows["parameter"]["dV(out)"] == pytest.approx(-2000 / 3000**2)
    # By differences on the text, as .sens knows no .param.
    assert rows["parameter"]["by ngspice"] == pytest.approx(-2000 / 3000**2, rel=1e-6)
    assert rows["temperature"]["dV(out)"] == pytest.approx(-2000 / 3000**2 * 1000 * 1e-3)
    assert rows["temperature"]["by ngspice"] is None
    assert rows["temperature"]["difference"] is None


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_sens_by_ngspice_alone(divider: Path, run: Run) -> None:
    rows = json.loads(run("sens", divider, "V(out)", "--forward", "ngspice", "--json").stdout)
    expected = {"v1": 2 / 3, "r1": -2000 / 3000**2, "r2": 1000 / 3000**2}
    assert {row["element"]: row["dV(out)"] for row in rows} == pytest.approx(expected, rel=1e-6)
    refused = run("sens", divider, "V(out)", "--forward", "ngspice", "--against", "ngspice")
    assert refused.exit_code == 2


def test_sens_by_parameters_goes_through_expressions(divider: Path, run: Run) -> None:
    text = (
        divider.read_text()
        .replace("R1 in  out 1k", "R1 in  out {r*k}")
        .replace("V1 in  0", ".param r=500 k=2\nV1 in  0")
    )
    divider.write_text(text)
    rows = {row["element"]: row["dV(out)"] for row in json.loads(run("sens", divider, "V(out)", "--json").stdout)}
    # v = 2000 / (r k + 2000)
    assert rows["r1"] == pytest.approx(-2000 / 3000**2)
    assert rows["r"] == pytest.approx(-2 * 2000 / 3000**2)
    assert rows["k"] == pytest.approx(-500 * 2000 / 3000**2)


def test_sens_at_a_sample(divider: Path, run: Run) -> None:
    rows = json.loads(run("sens", divider, "V(out)", "--sample", "2", "--json").stdout)
    assert {row["element"]: row["dV(out)"] for row in rows}["r2"] == pytest.approx(2 * 1000 / 3000**2)
    assert run("sens", divider, "V(out)", "--sample", "9").exit_code == 2
    assert run("sens", divider, "V(aut)").exit_code == 2


@pytest.mark.ngspice
@pytest.mark.usefixtures("ngspice")
def test_training_through_ngspice_gives_the_same_values(divider: Path, run: Run) -> None:
    outs = [divider.with_name(name) for name in ("a.cir", "b.cir")]
    for out, forward in zip(outs, ("internal", "ngspice"), strict=True):
        result = run("train", divider, "-o", out, "--forward", forward, "--epochs", "5")
        assert result.exit_code == 0, result.stderr
    a, b = ([float(line.split()[3]) for line in out.read_text().splitlines() if line.startswith("R")] for out in outs)
    assert a == pytest.approx(b, rel=1e-6)


def test_warnings_are_lines_of_their_own_unless_quiet(divider: Path, run: Run) -> None:
    divider.write_text(divider.read_text().replace(".end", ".include absent.lib\n.end"))
    result = run("train", divider)
    assert result.exit_code == 0
    # Once, although what is written is elaborated again.
    assert result.stderr.count(": warning: ") == 1
    assert "divider.cir:12:10: warning: there is no file 'absent.lib'" in result.stderr
    assert ": warning: " not in result.stdout
    for command in ("eval", "op", "info"):
        assert run(command, divider).stderr.count("warning: there is no file") == 1
    assert run("eval", divider, "--quiet").stderr == ""
    assert run("check-syntax", divider).stderr.count("warning: there is no file") == 1
