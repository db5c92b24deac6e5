"""A netlist may come from a stranger: nothing in it starts a process or reads outside its folder.

Every hostile netlist tries to make a file, the mark. Those that succeed with ngspice itself are
proven to be real attacks first.
"""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.elaboration.elaborate import elaborate
from netlearn.errors import NetlearnError
from netlearn.ngspice import solver as ngspice_module
from netlearn.ngspice import text_run
from netlearn.ngspice.export import flatten
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.ngspice.text import text_deck

MARK = "mark"
SECRET = "secret-content-of-another-folder"
DATA = "V1,V(out)\n1,0.5\n2,0.9\n"
DIVIDER = "*@data data.csv\n*@output V(out)\n*@train R*\n*@options epochs=1\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n"

TOUCH = f"`touch${{IFS}}{MARK}`"
"""A command without a blank, as it could stand in a name."""


def with_lines(*lines, title="title"):
    """A good netlist, and these lines."""
    return "\n".join([title, DIVIDER.rstrip(), *lines, ".end", ""])


ATTACKS_ON_NGSPICE = {
    "control block": with_lines(".control", f"shell touch {MARK}", ".endc"),
    "capital control block": with_lines(".model d d()", ".CONTROL", f"  SHELL touch {MARK}", ".ENDC"),
    "hidden command": with_lines(f"*# shell touch {MARK}"),
    "script's first line": with_lines(title=f"*ng_script\nshell touch {MARK}"),
    "back-quotes": with_lines(".control", "op", f"echo `touch {MARK}`", ".endc"),
    "csparam": with_lines(".csparam x={1}", ".control", "if $&x = 1", f"shell touch {MARK}", "end", ".endc"),
    "redirection": with_lines(".control", f"echo hello > {MARK}", ".endc"),
    "written file": with_lines(".control", "op", f"write {MARK}", ".endc"),
}
HOSTILE = {
    **ATTACKS_ON_NGSPICE,
    "chip": with_lines(f'*@options forward="command:touch {MARK}"'),
    "chip's own directive": with_lines(f"*@forward command:touch {MARK}"),
    "function of a file": with_lines("*@options forward=python:./hostile.py:run"),
    "system card": with_lines(f".system touch {MARK}", f".exec touch {MARK}", f".shell touch {MARK}"),
    "back-quotes in names": with_lines(f"R{TOUCH} out {TOUCH} 1k", f"R4 {TOUCH} 0 1k"),
    "dollar in names": with_lines(f"R$(touch${{IFS}}{MARK}) out $(touch${{IFS}}{MARK}) 1k"),
    "semicolon in names": with_lines(f"R3;shell${{IFS}}touch{MARK} out 0 1k"),
    "braces in names": with_lines(f"R3{{1}} out n{{{TOUCH}}} 1k", "R4 n{1} 0 1k"),
    "title": with_lines(title=f"{TOUCH}; shell touch {MARK}"),
    "shebang": with_lines(title=f"#! /usr/bin/touch {MARK}"),
    "continued control": with_lines(".con", "+trol", f"shell touch {MARK}", ".endc"),
    "control after a carriage return": with_lines(f"* x\r.control\rshell touch {MARK}\r.endc\r"),
    "control after a form feed": with_lines(f"* x\x0c.control\x0cshell touch {MARK}\x0c.endc"),
    "control after a next line": with_lines(f"* x\x85.control\x85shell touch {MARK}\x85.endc"),
    "Python in a parameter": with_lines(f".param p={{__import__('os').system('touch {MARK}')}}", "R3 out 0 {p}"),
    "Python in an expression": with_lines(f"B1 out 0 V=open('{MARK}','w')"),
    "function of the shell": with_lines(f'.func f(x) {{system("touch {MARK}")}}', "R3 out 0 {f(1)}"),
    "options and saves": with_lines(f".options filetype={TOUCH}", f".save {TOUCH}", f".print {TOUCH}"),
    "measure and title": with_lines(f".title {TOUCH}", f".meas op x param='system(\"touch {MARK}\")'"),
    "pipe as data": with_lines(f"*@data |touch_{MARK}"),
    "pipe as include": with_lines(f".include |touch {MARK}", f".include {TOUCH}"),
    "Python in a directive": with_lines(f"*@options epochs=__import__('os').system('touch${{IFS}}{MARK}')"),
    "joined lines": with_lines("R3 out 0 1k \\\\", ".control \\\\", f"shell touch {MARK} \\\\", ".endc"),
    "a code model that runs a program": with_lines(
        "A1 [out] clk [q] mm", f'.model mm d_process(process_file="/usr/bin/touch" process_params=["{MARK}"])'
    ),
    "options that are a shell's variables": with_lines(
        f".options sourcepath=. rawfile={MARK} editor=touch", ".tran 1 2"
    ),
    "code models": with_lines(f".pre_osdi {MARK}", f".codemodel {MARK}", ".control", f"pre_osdi {MARK}", ".endc"),
}
COMMANDS = [
    ["info"],
    ["op", "--forward", "ngspice"],
    ["check"],
    ["sens", "V(out)", "--against", "ngspice"],
    ["train", "-o", "trained.cir", "--forward", "ngspice"],
    ["flatten", "-o", "flat.cir"],
    ["export", "--to", "ngspice", "-o", "deck.cir"],
    ["export", "--to", "matrix", "-o", "matrix.npz"],
    ["import-values", "data.csv", "-o", "measured.cir"],
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The stranger's folder, which is also the working one."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "data.csv").write_text(DATA)
    (tmp_path / "secret.txt").write_text(SECRET + "\n")
    (tmp_path / "secret.csv").write_text(f"{SECRET}\n1\n")
    monkeypatch.chdir(inside)
    return inside


def run(arguments):
    """A command in this process: what it says and its exit code. A traceback fails the test."""
    from click.testing import CliRunner

    from netlearn.cli import main

    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit | NetlearnError), result.exception
    return result


def everything(file):
    """Use the netlist in every way there is; what was said."""
    said = []
    for name, *options in COMMANDS:
        result = run([name, file, *options])
        said.append(result.output)
        said.append(str(result.exception or ""))
    return "\n".join(said)


def marks(folder):
    return [str(path) for path in folder.parent.rglob("*mark*")]


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", ATTACKS_ON_NGSPICE)
def test_the_attack_is_a_real_one(attack, ngspice, folder):
    (folder / "bad.cir").write_text(ATTACKS_ON_NGSPICE[attack])
    subprocess.run([ngspice.executable, "-b", "bad.cir"], cwd=folder, capture_output=True, check=False, timeout=60)
    assert marks(folder)


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", HOSTILE)
def test_no_netlist_runs_a_command(attack, folder, libngspice):
    (folder / "bad.cir").write_bytes(HOSTILE[attack].encode("utf-8"))
    said = everything("bad.cir")
    assert not marks(folder)
    if attack in ("control block", "hidden command", "title", "csparam"):
        # These are good netlists otherwise, and must have been solved and exported.
        assert "0.5" in said
        assert (folder / "flat.cir").exists()
        assert (folder / "deck.cir").exists()


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", HOSTILE)
def test_nor_by_way_of_the_executable(attack, folder, ngspice, monkeypatch):
    monkeypatch.setattr(ngspice_module, "library", lambda: None)
    monkeypatch.setattr(text_run, "library", lambda: None)
    (folder / "bad.cir").write_bytes(HOSTILE[attack].encode("utf-8"))
    run(["eval", "bad.cir", "--forward", "ngspice"])
    assert not marks(folder)


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", HOSTILE)
def test_what_is_exported_is_harmless_too(attack, folder, ngspice):
    (folder / "bad.cir").write_bytes(HOSTILE[attack].encode("utf-8"))
    run(["flatten", "bad.cir", "-o", "flat.cir"])
    run(["export", "bad.cir", "--to", "ngspice", "-o", "deck.cir"])
    try:
        circuit = elaborate(netlearn.read("bad.cir")).circuit
    except NetlearnError:
        return
    titled = flatten(circuit, ["data `touch mark`", "x\n*# shell touch mark"], HOSTILE[attack])
    (folder / "titled.cir").write_text(titled)
    for name in filter(os.path.exists, ("flat.cir", "deck.cir", "titled.cir")):
        subprocess.run([ngspice.executable, "-b", name], cwd=folder, capture_output=True, check=False, timeout=60)
    assert not marks(folder)


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", HOSTILE)
def test_the_text_that_ngspice_judges_is_harmless(attack, folder, ngspice):
    (folder / "bad.cir").write_bytes(HOSTILE[attack].encode("utf-8"))
    try:
        deck = text_deck(netlearn.read("bad.cir"))
    except NetlearnError:
        return
    (folder / "deck.cir").write_text("\n".join([*deck.lines[:-1], ".op", ".end", ""]))
    for arguments in (["-b", "deck.cir"], ["-n", "-b", "deck.cir"]):
        subprocess.run([ngspice.executable, *arguments], cwd=folder, capture_output=True, check=False, timeout=60)
    assert not marks(folder)


@pytest.mark.parametrize(
    "line",
    [
        ".include ../secret.txt",
        ".include '../secret.txt'",
        '.lib "../secret.txt" tt',
        ".include ../inside/../secret.txt",
        ".include link.txt",
        ".include {absolute}",
        ".include /etc/passwd",
        "*@data ../secret.csv",
        "*@data {absolute}",
        "*@data link.csv",
        "*@data data.csv test=../secret.csv",
    ],
)
def test_nothing_outside_the_folder_is_read(line, folder):
    (folder / "link.txt").symlink_to("../secret.txt")
    (folder / "link.csv").symlink_to("../secret.csv")
    line = line.replace("{absolute}", str(folder.parent / ("secret.csv" if "data" in line else "secret.txt")))
    body = DIVIDER.replace("*@data data.csv\n", "") if "@data" in line else DIVIDER
    (folder / "bad.cir").write_text(f"title\n{body}{line}\n.end\n")
    for arguments in (
        ["info", "bad.cir"],
        ["op", "bad.cir"],
        ["eval", "bad.cir"],
        ["train", "bad.cir", "-o", "out.cir"],
    ):
        result = run(arguments)
        said = result.output + str(result.exception or "")
        assert SECRET not in said
        assert "root:" not in said
    assert result.exit_code == 2
    assert not (folder / "out.cir").exists()


class Bomb:
    """Makes the mark when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path(MARK),)


def test_data_and_checkpoints_are_not_unpickled(folder):
    array = np.array([Bomb(), Bomb()], dtype=object)
    columns: dict[str, Any] = {"V1": array, "V(out)": array}
    np.savez("bomb.npz", **columns)
    with zipfile.ZipFile("bomb.ckpt", "w") as archive:
        archive.writestr("theta.npy", Path("bomb.npz").read_bytes())
    (folder / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.npz", "raw.npz"):
        (folder / "bad.cir").write_text(f"title\n{DIVIDER.replace('data.csv', name)}.end\n")
        assert run(["train", "bad.cir", "-o", "out.cir"]).exit_code == 2
    (folder / "good.cir").write_text(f"title\n{DIVIDER}.end\n")
    for name in ("bomb.npz", "raw.npz", "bomb.ckpt"):
        assert run(["train", "good.cir", "-o", "out.cir", "--resume", "--checkpoint", name]).exit_code == 2
    assert not marks(folder)


@pytest.mark.ngspice
@pytest.mark.parametrize("batch", [False, True])
def test_a_start_up_file_in_the_folder_is_not_run(batch, folder, ngspice, libngspice, monkeypatch):
    for name in (".spiceinit", "spice.rc", "spinit"):
        (folder / name).write_text(f"shell touch {folder / MARK}\n")
    (folder / "good.cir").write_text(f"title\n{DIVIDER}.end\n")
    subprocess.run([ngspice.executable, "-b", "good.cir"], cwd=folder, capture_output=True, check=False, timeout=60)
    assert marks(folder), "ngspice itself would run it"
    (folder / MARK).unlink()
    monkeypatch.setenv("HOME", str(folder))
    if batch:
        monkeypatch.setattr(ngspice_module, "library", lambda: None)
        monkeypatch.setattr(text_run, "library", lambda: None)
    with NgspiceSolver(processes=1) as solver:
        op = solver.solve(elaborate(netlearn.read("good.cir")).circuit)
    assert op.voltage("out")[0] == pytest.approx(0.5)
    assert not marks(folder)


@pytest.mark.ngspice
def test_modules_in_the_folder_are_not_imported(folder, libngspice):
    for name in ("PySpice", "cffi", "numpy", "logging"):
        (folder / f"{name}.py").write_text(f"open({str(folder / MARK)!r}, 'w')\n")
    (folder / "good.cir").write_text(f"title\n{DIVIDER}.end\n")
    code = "import sys; sys.path.remove(''); from netlearn.cli import main; main()"
    root = str(Path(netlearn.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code, "op", "good.cir", "--forward", "ngspice"],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "0.5" in done.stdout
    assert not marks(folder)
