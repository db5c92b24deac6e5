"""A stranger's folder is the working one: none of its files is obeyed, imported or run by any command.

What a file would do there is proven first, with the library that reads it.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import netlearn
from netlearn.cli import main
from netlearn.cli.group import COMMANDS
from netlearn.solve.compiled import jit
from netlearn.working_folder import ignoring, private

ROOT = Path(netlearn.__file__).parent.parent
ESCAPE = "\x1b]0;mark\x07"

MODULES = (
    "PIL", "PySpice", "_pickle", "bokeh", "cffi", "click", "cloudpickle", "codecs", "concurrent", "dask", "distributed",
    "jax", "json", "lark", "llvmlite", "logging", "matplotlib", "msgpack", "multiprocessing", "netlearn", "networkx",
    "numba", "numpy", "pickle", "re", "rich", "runpy", "scipy", "selectors", "sitecustomize", "sklearn", "socket",
    "struct", "tblib", "threadpoolctl", "toolz", "tornado", "tqdm", "typing", "usercustomize", "yaml",
)  # fmt: skip
CONFIGURATIONS = {
    ".numba_config.yaml": "cache_dir: .\n",
    "matplotlibrc": "text.usetex: True\nbackend: module://mark\n",
    ".spiceinit": "shell touch mark\n",
    "spinit": "shell touch mark\n",
    "spice.rc": "shell touch mark\n",
    "pyproject.toml": "\x00",
    "setup.cfg": "\x00",
    "setup.py": "open('mark', 'w')\n",
    "dask.yaml": "distributed: {scheduler: {preload: [mark]}}\n",
    "distributed.yaml": "distributed: {scheduler: {preload: [mark]}}\n",
    ".env": "LD_PRELOAD=./mark.so\nNUMBA_CACHE_DIR=.\n",
    ".pdbrc": "open('mark', 'w')\n",
    "python.pth": "import mark\n",
    "pyvenv.cfg": "home = .\n",
    "fonts.conf": "<fontconfig><dir>.</dir></fontconfig>",
    "logging.conf": "[loggers]\nkeys=root\n",
    "PySpice.yaml": "mark",
}
WATCH = """
import os, sys
here = os.getcwd()
def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "import") and isinstance(arguments[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if event != "import" and os.path.dirname(path) == here and log is not None:
            os.write(log, os.path.basename(path).encode() + b"\\n")
log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.addaudithook(watch)
from netlearn.cli import main
main(prog_name="netlearn")
"""
"""Runs a command and lists the files of the working folder that were opened by Python code."""

ARGUMENTS = {
    "train": ["xor.cir", "-o", "out.cir", "--epochs", "2", "--plot=figure.png"],
    "eval": ["xor.cir"],
    "predict": ["xor.cir", "--data", "xor.csv"],
    "op": ["xor.cir", "--forward", "ngspice"],
    "check": ["xor.cir"],
    "sens": ["xor.cir", "V(h1)"],
    "compare": ["xor.cir", "--rules", "analytic", "--seeds", "2", "--epochs", "2", "--processes", "2"],
    "sweep": ["xor.cir", "--vary", "optimizer.lr=0.1,0.2", "--epochs", "2", "--processes", "2"],
    "new": ["layered", "out.cir"],
    "help": ["rule", "cl"],
    "check-syntax": ["xor.cir"],
    "flatten": ["xor.cir"],
    "tolerance": ["xor.cir", "--tolerance", "R* 1%", "--draws", "20"],
    "round": ["xor.cir", "--series", "e24", "--budget", "200", "-o", "out.cir"],
    "export": ["xor.cir", "--to", "json"],
    "import-values": ["xor.cir", "matrix.csv", "-o", "out.cir"],
    "calibrate": ["xor.cir", "--measured", "xor.csv", "--train", "Rx1p_h1", "--prior", "20%", "-o", "out.cir"],
    "influence": ["xor.cir"],
    "unlearn": ["xor.cir", "--rows", "2", "-o", "out.cir"],
}
"""What follows each command; just a netlist for those that are not named."""

WARNINGS = dict.fromkeys(("influence", "unlearn"), "warning: the values are not at a minimum of the training loss")
"""What is rightly said of the netlist by commands that want a trained one."""


class Bomb:
    """Makes the mark when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch mark",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that holds a good netlist with its data, and everything else that somebody might read."""
    inside = tmp_path / "inside"
    inside.mkdir()
    for name in ("xor.cir", "xor.csv"):
        (inside / name).write_bytes((ROOT / "netlists" / name).read_bytes())
    (inside / "matrix.csv").write_text(netlearn.crossbar_matrix(inside / "xor.cir").csv())
    for name, text in CONFIGURATIONS.items():
        (inside / name).write_text(text)
    for name in MODULES:
        (inside / f"{name}.py").write_text("open('mark', 'w')\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("latex", "xelatex", "gs"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {inside}/mark\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(inside)
    return inside


@pytest.fixture(scope="module")
def machine_code(tmp_path_factory):
    """The names of the files that hold compiled functions, below the folder for them."""
    assert jit.CACHE is not None
    subprocess.run(
        [sys.executable, "-m", "netlearn", "eval", str(ROOT / "netlists/xor.cir"), "-q"], cwd=ROOT, check=True
    )
    found = [path.relative_to(jit.CACHE) for path in Path(jit.CACHE).rglob("*.nbi")]
    assert found
    return found


def run(*command):
    return subprocess.run(
        [sys.executable, "-P", *command], capture_output=True, text=True, check=False, timeout=300, errors="replace"
    )


def plant_bombs(folder, names):
    bomb = pickle.dumps(Bomb())
    for name in names:
        assert jit.CACHE is not None
        for place in (folder / name, folder / Path(jit.CACHE).name / name):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(bomb)


def test_compiled_code_in_the_folder_is_a_real_attack(folder):
    program = folder.parent / "program.py"
    program.write_text("import numba\n@numba.njit(cache=True)\ndef f(x):\n    return x + 1\nprint(f(1))\n")
    assert run(str(program)).stdout == "2\n"
    (kept,) = folder.rglob("program.f-*.nbi")
    kept.write_bytes(pickle.dumps(Bomb()))
    run(str(program))
    assert (folder / "mark").exists()


def test_settings_of_figures_in_the_folder_are_a_real_attack(folder):
    (folder / "matplotlibrc").write_text("text.usetex: True\n")
    run("-c", "from matplotlib.figure import Figure; f = Figure(); f.suptitle('x'); f.savefig('x.png')")
    assert (folder / "mark").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_nothing_that_it_was_not_given(command, folder, machine_code):
    plant_bombs(folder, machine_code)
    names = {path.name for path in folder.iterdir()}
    log = folder.parent / "log"
    done = run("-c", WATCH, str(log), command, *ARGUMENTS.get(command, ["xor.cir"]))
    assert done.returncode == 0 or command not in ARGUMENTS, done.stderr
    said = done.stderr.splitlines()
    assert [line for line in said if command not in WARNINGS or not line.startswith(WARNINGS[command])] == []
    assert not (folder / "mark").exists()
    opened = set(log.read_text().split())
    assert opened & names <= {"xor.cir", "xor.csv", "matrix.csv"}
    assert command in ("new", "help") or "xor.cir" in opened


def test_the_workers_of_a_cluster_read_nothing_either(folder):
    """Nor do those that take the place of killed ones."""
    log = folder.parent / "log"
    command = ("sweep", "xor.cir", "--local-cluster", "1", "--vary", "optimizer.lr=0.1", "--epochs", "1", "-q")
    done = run("-c", WATCH, str(log), *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (folder / "mark").exists()
    (folder / "killing.py").write_text(
        "import os, sys, netlearn\n"
        "if __name__ == '__main__':\n"
        "    with netlearn.cluster(workers=1) as executor:\n"
        "        print(executor.submit(os._exit, 1).exception() is not None)\n"
        "        print(executor.submit(len, 'abc').result())\n"
    )
    assert run(str(folder / "killing.py")).stdout == "True\n3\n"
    assert not (folder / "mark").exists()


@pytest.mark.parametrize("text", ["cache_locator_classes: mark.Locator", "- nonsense", "cache_dir: [", "opt: 9"])
def test_no_setting_of_numba_is_taken_from_the_folder(text, folder):
    (folder / ".numba_config.yaml").write_text(text)
    done = run("-c", "from netlearn.cli import main; main()", "eval", "xor.cir", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert "loss" in done.stdout


def test_settings_of_figures_need_not_even_be_text(folder):
    (folder / "matplotlibrc").write_bytes(b"\xff\xfe\n")
    done = run("-c", "from netlearn.cli import main; main()", "train", "xor.cir", "--epochs", "1", "--plot", "x.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "x.svg").exists()


def test_figures_that_latex_sets_are_refused(folder):
    done = run("-c", "from netlearn.cli import main; main()", "train", "xor.cir", "--epochs", "1", "--plot", "x.pgf")
    assert done.returncode == 2
    assert "names no format" in done.stderr
    assert "pgf" not in done.stderr.partition("known endings")[2]


@pytest.mark.parametrize("name", ["a$b$c", "a$\\frac$", "x$x$", "a\\$b$"])
def test_names_with_dollars_are_drawn_as_they_are(name, folder):
    netlist = f"title\n*@data d.csv\n*@output V({name})\n*@train R*\nV1 in 0 1\nR1 in {name} 1k\nR2 {name} 0 1k\n.end\n"
    (folder / "d.csv").write_text(f"V1,V({name})\n1,0.3\n")
    (folder / "$a_{$.cir").write_text(netlist)
    command = ("train", "$a_{$.cir", "--epochs", "1", "--plot", "x.svg")
    done = run("-c", "from netlearn.cli import main; main()", *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"<!-- {name} -->" in (folder / "x.svg").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_control_characters_are_shown_escaped(command, tmp_path, monkeypatch):
    """In names, in the file's name, in what is wrong and in what is right."""
    monkeypatch.chdir(tmp_path)
    name = f"n{ESCAPE}\x9b31m\u202e"
    lines = ["*@data d.csv", f"*@output V({name})", "*@train R*", "V1 in 0 1", f"R1 in {name} 1k", f"R2 {name} 0 1k"]
    Path("d.csv").write_text(f"V1,V({name})\n1,0.3\n")
    for file, more in (("good", ""), ("bad", f"Q{ESCAPE} 1 2\n.{ESCAPE}\n")):
        Path(f"{file}{ESCAPE}.cir").write_text("\n".join(["title", *lines, f"{more}.end\n"]))
        arguments = [each.replace("xor.cir", f"{file}{ESCAPE}.cir") for each in ARGUMENTS.get(command, ["xor.cir"])]
        arguments = [each.replace("V(h1)", f"V({name})") for each in arguments]
        if command in ("flatten", "export"):
            # A deck is not for people to read, unless it is printed to a terminal.
            arguments += ["-o", "deck.cir"]
        result = CliRunner().invoke(main, [command, *arguments])
        said = result.output + result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
        assert file == "good" or command in ("new", "help") or "mark" in said


def test_imports_see_another_folder_only_where_there_is_a_file_to_keep_from_them(folder):
    with ignoring(".numba_config.yaml"):
        assert Path.cwd() == Path("/")
    assert Path.cwd() == folder
    with ignoring("nothing"):
        assert Path.cwd() == folder
    with pytest.raises(ZeroDivisionError), ignoring("matplotlibrc"):
        raise ZeroDivisionError
    assert Path.cwd() == folder


def test_only_folders_of_ones_own_hold_machine_code(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    assert private(folder)
    assert private(tmp_path / "link" / "b")
    assert not private(tmp_path / "missing")
    for mode in (0o777, 0o770, 0o1777):
        folder.chmod(mode)
        assert not private(folder), mode
    folder.chmod(0o755)
    folder.parent.chmod(0o777)
    assert not private(folder)
    assert not private(tmp_path / "link" / "b")
    folder.parent.chmod(0o1777)
    assert private(folder)
