"""A netlist that is written to another folder finds its data from there, or says what it takes to read them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import netlearn
from netlearn.errors import NetlistWarning, OutputError
from netlearn.netlist.directives import files_named
from netlearn.netlist.netlist import parse

CLASSES = """\
* two classes
*@data sub/train.csv test="sub/other one.csv"  ; the samples
*@output V(n) V(p)
*@loss cross_entropy scale=2
*@hardware parts=stock.csv
*@options epochs=2
.include sub/load.lib
Vin in 0 1
R1 in p 1k
R2 in n 3k
R3 n 0 2k
.end
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "n.cir").write_text(CLASSES)
    (tmp_path / "a" / "sub" / "load.lib").write_text("Rp p 0 2k\n")
    (tmp_path / "a" / "sub" / "train.csv").write_text("Vin,class\n1,up\n-1,down\n2,up\n")
    (tmp_path / "a" / "sub" / "other one.csv").write_text("Vin,class\n0.5,up\n-2,down\n")
    (tmp_path / "a" / "stock.csv").write_text("value\n1k\n2k2\n3k3\n4k7\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["b/x.cir", "x.cir", "a/x.cir", "a/sub/x.cir"])
def test_a_trained_netlist_has_the_same_loss_in_another_folder(target, project, run):
    done = run("train", "a/n.cir", "-o", target, "--json")
    assert done.exit_code == 0, done.stderr
    trained = json.loads(done.stdout)
    text = Path(target).read_text()
    # Whatever is not in this folder or below it is read only where that is allowed.
    allowed = re.search(r"--allow-include (\S+)", done.stderr)
    assert (allowed is not None) == target.startswith(("b/", "a/sub/")), done.stderr
    assert ("*@classes" in text) == (target != "a/x.cir")
    plain = run("eval", target, "--json")
    if allowed is not None:
        assert f"'{target}' reads files outside of its folder" in done.stderr
        # Below its old folder only the list of parts is outside, which judging it does not need.
        assert (plain.exit_code == 2 and "--allow-include" in plain.stderr) or target.startswith("a/sub")
        plain = run("eval", target, "--json", "--allow-include", allowed[1])
    assert plain.exit_code == 0, plain.stderr
    assert json.loads(plain.stdout)["loss"] == trained["test"]["loss"]
    files = [word.text.strip('"') for line in parse(text, target, ["a"]).directives for word in files_named(line)]
    assert [os.path.realpath(Path(target).parent / file) for file in files] == [
        str(project / "a" / name) for name in ("sub/train.csv", "sub/other one.csv", "stock.csv")
    ]
    assert "  ; the samples" in text


def test_flat_netlists_and_results_name_their_data_from_where_they_are(project, run):
    done = run("flatten", "a/n.cir", "-o", "b/flat.cir")
    assert done.exit_code == 0
    assert '*@data ../a/sub/train.csv test="../a/sub/other one.csv"' in Path("b/flat.cir").read_text()
    assert "outside of its folder" in done.stderr
    result = netlearn.train("a/n.cir", epochs=1, hardware="parts=a/stock.csv")
    with pytest.warns(NetlistWarning, match="outside of its folder"):
        result.save("b/y.cir")
    result.save("z.cir")
    assert result.test is not None
    assert netlearn.evaluate("z.cir").loss == result.test.loss
    assert "*@classes down up" in Path("z.cir").read_text()


def test_a_text_without_a_folder_names_what_will_lie_beside_it(project):
    netlearn.parse(CLASSES.replace(".include sub/load.lib\n", "")).save("b/text.cir")
    assert "*@data sub/train.csv" in Path("b/text.cir").read_text()


def test_absolute_names_stay_and_what_is_no_directive_is_left_alone(project):
    lines = "t\n*@data /d/x.csv test=y.csv\n*@hardware faults=none parts='p q.csv'\n*@data 'open\n"
    lines += "*@output data=1\nR1 a 0 1\n"
    netlist = parse(lines, "a/k.cir")
    assert [word.text for line in netlist.directives for word in files_named(line)] == [
        "/d/x.csv", "y.csv", "'p q.csv'",
    ]  # fmt: skip
    ((_, data),) = netlist.outputs("b/k.cir")
    assert data.decode() == lines.replace("test=y.csv", "test=../a/y.csv").replace("'p q.csv'", "'../a/p q.csv'")


def test_data_that_lie_in_the_other_folder_as_well_are_read_there(project, run):
    """Copied beside it before or after, if they are the same; others of that name are not what it was trained on."""
    (project / "b" / "sub").mkdir()
    for name in ("stock.csv", "sub/train.csv", "sub/other one.csv", "sub/load.lib"):
        (project / "b" / name).write_bytes((project / "a" / name).read_bytes())
    done = run("train", "a/n.cir", "-o", "b/x.cir", "--json")
    text = Path("b/x.cir").read_text()
    assert '*@data sub/train.csv test="sub/other one.csv"  ; the samples\n' in text
    assert "parts=stock.csv" in text
    (project / "b" / "sub" / "train.csv").write_text("Vin,class\n1,up\n")
    assert run("train", "a/n.cir", "-o", "b/y.cir", "--json").exit_code == done.exit_code == 0
    assert '*@data ../a/sub/train.csv test="sub/other one.csv"  ; the samples\n' in Path("b/y.cir").read_text()


def test_what_goes_into_a_pipe_or_a_device_keeps_its_names(project):
    os.mkfifo("b/pipe")
    for target in ("/dev/null", "/dev/stdout", "/proc/self/fd/1", "b/pipe"):
        netlist = netlearn.read("a/n.cir")
        assert not netlist.is_moved(target)
        ((_, data),) = netlist.outputs(target)
        assert data.decode() == CLASSES
        netlist.elements["Rp"].value = 5e3
        with pytest.raises(OutputError, match=r"holds one file, and the included file 'a/sub/load.lib' changes, too"):
            netlist.outputs(target)


def test_a_flat_netlist_is_the_same_in_a_pipe(project):
    command = [sys.executable, "-m", "netlearn", "flatten", "a/n.cir"]
    environment = {**os.environ, "PYTHONPATH": str(Path(netlearn.__file__).parents[1])}
    plain, piped = (
        subprocess.run([*command, *out], capture_output=True, text=True, env=environment, check=True)
        for out in ([], ["-o", "/dev/stdout"])
    )
    assert piped.stdout == plain.stdout
    assert "*@data sub/train.csv" in plain.stdout
    assert piped.stderr == plain.stderr


LINKED = """\
* behind a link
*@data d.csv
*@output V(p)
*@options epochs=1
.include load.lib
Vin in 0 1
R1 in p 1k
.end
"""


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("nets", "lk", "out", "real/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "nets" / "n.cir").write_text(LINKED)
    (tmp_path / "nets" / "d.csv").write_text("Vin,V(p)\n1,0.5\n2,1\n")
    (tmp_path / "nets" / "load.lib").write_text("Rp p 0 2k\n")
    (tmp_path / "lk" / "n.cir").symlink_to("../nets/n.cir")
    (tmp_path / "out" / "m.cir").symlink_to("../real/deep/y.cir")
    (tmp_path / "real" / "deep" / "y.cir").write_text("old\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "target", "data", "included"),
    [
        ("lk/n.cir", "lk/n.trained.cir", "../nets/d.csv", "../nets/load.lib"),
        ("lk/n.cir", "out/o.cir", "../nets/d.csv", "../nets/load.lib"),
        ("lk/n.cir", "nets/o.cir", "d.csv", "load.lib"),
        ("nets/n.cir", "out/m.cir", "../../nets/d.csv", "../nets/load.lib"),
    ],
)
def test_data_are_named_from_where_links_lead(source, target, data, included, linked, run):
    """Data are read from beside the file that a link leads to, and includes from beside the link first."""
    named = () if target == "lk/n.trained.cir" else ("-o", target)
    done = run("train", source, *named, "--allow-include", "nets", "--json")
    assert done.exit_code == 0, done.stderr
    text = Path(target).read_text()
    assert f"*@data {data}\n" in text
    assert f".include {included}\n" in text
    judged = run("eval", target, "--allow-include", "nets", "--json")
    assert judged.exit_code == 0, judged.stderr
    assert ("reads files outside of its folder" in done.stderr) == (target != "nets/o.cir")
    flat = run("flatten", source, "-o", target, "--allow-include", "nets")
    assert flat.exit_code == 0, flat.stderr
    assert f"*@data {data}\n" in Path(target).read_text()


def test_a_netlist_over_the_file_that_a_link_leads_to_keeps_its_names(linked):
    netlist = netlearn.read("lk/n.cir", allow=["nets"])
    assert not netlist.is_moved("nets/n.cir")
    assert not netlist.is_moved("lk/n.cir")
    assert netlist.is_moved("lk/n.cir", follow=False)
    with pytest.raises(OutputError, match="is read by this run"):
        netlearn.train(netlist, out="nets/d.csv")


def test_hints_can_be_pasted_where_folders_have_blanks(project, run):
    (project / "my nets").mkdir()
    for name in ("d.csv", "p.csv"):
        (project / "my nets" / name).write_text("Vin,V(p)\n1,0.5\n")
    (project / "my nets" / "load.lib").write_text("Rp p 0 2k\n")
    own = "t\n*@options epochs=1\nVin in 0 1\nR1 in p 1k\nR2 p 0 1k\n"
    for lines in ('*@data "../my nets/d.csv"', '.include "../my nets/load.lib"', '*@hardware parts="../my nets/p.csv"'):
        Path("b/n.cir").write_text(f"{own}{lines}\n*@output V(p)\n")
        refused = run("train", "b/n.cir", *(("--data", "my nets/d.csv") if "@data" not in lines else ()))
        assert refused.exit_code == 2
        (hint,) = [line for line in refused.stderr.splitlines() if "--allow-include" in line]
        words = shlex.split(hint.partition("--allow-include")[2])
        assert Path(words[0]).resolve() == project / "my nets", hint
    Path("my nets/n.cir").write_text(f"{own}*@data d.csv\n*@output V(p)\n")
    moved = run("train", "my nets/n.cir", "-o", "b/o.cir")
    assert "--allow-include 'my nets' to commands" in moved.stderr


def test_names_that_the_encoding_lacks_stay_with_a_warning(project, run):
    (project / "jiří").mkdir()
    (project / "jiří" / "d.csv").write_text("Vin,V(p)\n1,0.5\n2,1\n")
    (project / "jiří" / "load.lib").write_text("Rp p 0 2k\n")
    (project / "jiří" / "lat.cir").write_bytes(LINKED.replace("behind", "für 20 µA").encode("latin-1"))
    done = run("train", "jiří/lat.cir", "-o", "b/o.cir", "--json")
    assert done.exit_code == 0, done.stderr
    trained = Path("b/o.cir").read_text(encoding="latin-1")
    assert "*@data d.csv\n" in trained
    assert ".include load.lib\n" in trained
    assert done.stderr.count("is latin-1 and cannot hold") == 2
    assert "cannot hold '../jiří/d.csv', so that 'b/o.cir' still names 'd.csv'" in done.stderr
    assert "outside of its folder" not in done.stderr
    for name in ("d.csv", "load.lib"):
        assert f"copy that file to 'b/{name}'" in done.stderr
        (project / "b" / name).write_bytes((project / "jiří" / name).read_bytes())
    assert run("eval", "b/o.cir").exit_code == 0


@pytest.mark.parametrize("folder", ["jiří", "bytes\udcff"])
def test_names_that_the_encoding_lacks_are_told_wherever_a_netlist_is_written(project, folder):
    (project / folder).mkdir()
    (project / folder / "d.csv").write_text("Vin,V(p)\n1,0.5\n2,1\n")
    text = "für 20 µA\n*@data d.csv\n*@input Vin\n*@output V(p)\nVin in 0 1\nR1 in p 1k\nR2 p 0 1k\n"
    encoding = "latin-1" if folder.isprintable() else "utf-8"
    (project / folder / "n.cir").write_bytes(text.encode(encoding))
    said = f"is {encoding} and cannot hold '../.*/d.csv', so that .* still names 'd.csv'"
    with pytest.warns(NetlistWarning, match=said):
        netlearn.read(f"{folder}/n.cir").outputs("b/n.cir")
    trained = netlearn.train(f"{folder}/n.cir", epochs=1)
    with pytest.warns(NetlistWarning, match=said):
        trained.save_run("run")
    assert "*@data d.csv\n" in Path("run/trained.cir").read_text(encoding=encoding)


def test_behind_a_link_names_stay_in_a_pipe_as_well(linked):
    ((_, data),) = netlearn.read("lk/n.cir", allow=["nets"]).outputs("/dev/stdout")
    assert data.decode() == LINKED
