"""Disks that are full at every write of every command: what was there stays, what is written is whole, and it is said.

On a small file system, which takes the rights of an administrator to make, room is left for one page more each
time; beside it files are limited in size, which any user can ask for.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from netlearn.cli import main
from netlearn.learn import loop
from tests.cli.conftest import DATA, NETLIST

PAGE = 4096
ROOMS = (0, 1, 2, 3, 5, 8, 32)
"""Pages that are left for a command to write."""
DRAWN = (0, 1, 6, 64)
"""The same for a command that draws a figure, which takes its time."""

WORDS = {
    "train": ("train", "divider.cir", "--epochs", "3", "--plot", "loss.png", "--quiet"),
    "train with includes": ("train", "outer.cir", "--data", "data.csv", "--epochs", "2", "--quiet"),
    "export": ("export", "divider.cir", "--to", "graphml", "-o", "c.graphml"),
    "predict to csv": ("predict", "divider.cir", "--data", "inputs.csv", "-o", "p.csv", "--quiet"),
    "predict to npz": ("predict", "divider.cir", "--data", "inputs.csv", "-o", "p.npz", "--quiet"),
    "compare": (
        "compare", "divider.cir", "--rules", "analytic,cl", "--epochs", "3", "--processes", "1", "--plot", "c.svg",
        "--quiet",
    ),
}  # fmt: skip
OUTPUTS = {
    "train": ("divider.trained.cir", "loss.png"),
    "train with includes": ("outer.trained.cir", "outer.trained.inner.inc"),
    "export": ("c.graphml",),
    "predict to csv": ("p.csv",),
    "predict to npz": ("p.npz",),
    "compare": ("divider.compare.jsonl", "c.svg"),
}
GROWING = ("divider.compare.jsonl",)
"""Files that are added to, of which a part is worth something."""


@pytest.fixture(params=["disk", "limit"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = request.param == "disk"
    if mounted:
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("making a small file system takes the rights of an administrator")
        words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small file system can be made here: {done.stderr.strip()}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(place)
    try:
        yield place
    finally:
        monkeypatch.undo()
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def inputs() -> None:
    Path("data.csv").write_text(DATA)
    Path("divider.cir").write_text(NETLIST)
    Path("inputs.csv").write_text("V1\n" + "".join(f"{k / 7!r}\n" for k in range(600)))
    Path("outer.cir").write_text("outer\nV1 in 0 1\n.include inner.inc\n*@train R*\n*@output V(out)\n.end\n")
    Path("inner.inc").write_text("* inner\nR1 in out 1k\nR2 out 0 2k\n" + "* padding\n" * 600)


@contextmanager
def room_for(pages: int, folder: Path) -> Iterator[None]:
    """Leave room for so many pages, on the disk or in each file."""
    if os.path.ismount(folder):
        filler = folder / "filler"
        free = os.statvfs(folder).f_bavail - pages
        filler.write_bytes(bytes(max(0, free) * PAGE))
        try:
            yield
        finally:
            filler.unlink()
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (pages * PAGE // 2, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run(*words: str) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = CliRunner().invoke(main, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.name != "filler"}


def same(name: str, one: bytes, other: bytes) -> bool:
    if name.endswith((".svg", ".png", ".jsonl")):
        # A figure has an id of its own each time, and a result the seconds that it took.
        return len(one) > 0.9 * len(other)
    return one == other


@pytest.mark.parametrize(
    ("kind", "old"),
    [*((kind, False) for kind in WORDS), *((kind, True) for kind in WORDS if kind not in {"train", "compare"})],
)
def test_every_write_of_every_command(kind: str, old: bool, folder: Path) -> None:
    inputs()
    before = contents()
    assert run(*WORDS[kind]).exit_code == 0
    whole = {name: Path(name).read_bytes() for name in OUTPUTS[kind]}
    refused = 0
    for pages in DRAWN if kind in {"train", "compare"} else ROOMS:
        for name in OUTPUTS[kind]:
            Path(name).unlink(missing_ok=True)
        if old:
            # What an earlier run has written, of which nothing may be lost.
            run(*WORDS[kind], *(["--epochs", "1"] if "train" in kind else []))
        there = contents()
        with room_for(pages, folder):
            result = run(*WORDS[kind])
            after = contents()
        assert {name: after[name] for name in before} == before
        assert not [name for name in after if name.startswith(".")]
        assert set(after) <= set(before) | set(OUTPUTS[kind])
        for name in OUTPUTS[kind]:
            if name in after and not (name in there and after[name] == there[name]):
                assert name in GROWING or same(name, after[name], whole[name]), (pages, name)
                assert after[name] or name in GROWING
        if result.exit_code == 0:
            assert all(name in after for name in OUTPUTS[kind])
        else:
            refused += 1
            assert result.exit_code in {1, 2}
            assert any(said in result.stderr for said in ("No space left", "File too large")), result.stderr
            assert "Traceback" not in result.output
    assert refused
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("pages", [0, 1])
def test_a_disk_that_fills_while_training_costs_nothing(
    pages: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs()
    text = Path("divider.cir").read_text() + "* padding\n" * 900
    Path("divider.cir").write_text(text)
    assert run(*WORDS["train"]).exit_code == 0
    whole = Path("divider.trained.cir").read_bytes()
    Path("divider.trained.cir").unlink()
    before = contents()

    def filled(*given: object) -> object:
        state = loop.run(*given)  # type: ignore[arg-type]
        blocked.__enter__()
        return state

    blocked = room_for(pages, folder)
    monkeypatch.setattr("netlearn.api.run", filled)
    # The folder for temporary files is limited with all others.
    limited = not os.path.ismount(folder)
    result = CliRunner().invoke(main, WORDS["train"][:4])
    after = contents()
    blocked.__exit__(None, None, None)
    assert result.exit_code in ({1, 2} if limited else {1})
    assert {name: data for name, data in after.items() if not name.endswith(".npz")} == before
    if not limited:
        assert "the trained netlist is in '" in result.stderr
        (kept,) = tmp_path.glob("netlearn-*/divider.trained.cir")
        assert kept.read_bytes() == whole


def test_predictions_in_parts_leave_nothing_behind(folder: Path) -> None:
    inputs()
    np.savez("d.npz", V1=np.linspace(0, 1, 2000))
    there = contents()
    for ending in (".csv", ".npz", ".parquet"):
        with room_for(2, folder):
            result = run("predict", "divider.cir", "--data", "d.npz", "-o", f"p{ending}")
            assert result.exit_code == 2, result.output
            assert contents() == there
