"""Fixtures that every test may use: ngspice as an independent judge."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

# Whether array operations or compiled loops do the work must not depend on how long these take to be compiled.
os.environ.setdefault("NETLEARN_COMPILE", "first")

TIGHT = {"reltol": 1e-9, "abstol": 1e-15, "vntol": 1e-12, "itl1": 1000}


@dataclass
class Ngspice:
    """Runs decks through ``ngspice -b`` and reads back every vector in full precision."""

    executable: str
    folder: Path
    runs: int = 0

    def run(
        self,
        deck: str,
        probes: Sequence[str] | None = None,
        analysis: str = "op",
        options: Mapping[str, float] = TIGHT,
        behaviour: str = "",
    ) -> dict[str, float]:
        """Lower-case vector names (``v(out)``, ``i(v1)``) and values of one deck.

        ``probes`` are further vectors to save, such as ``@d1[id]``; where one is a node inside an element,
        such as ``d1#internal``, only they are saved. ``analysis`` may be ``sens v(out)``, which gives ``r1``,
        ``v1``, ``d1:is`` and so on. The deck's own title, ``.options`` and ``.end`` stay; a deck that ngspice
        refuses fails the test with what it said. ``behaviour`` is ngspice's ``ngbehavior``, such as ``ltpsa``.
        """
        return self.run_many([deck], probes, analysis, options, behaviour)[0]

    def run_many(
        self,
        decks: Sequence[str],
        probes: Sequence[str] | None = None,
        analysis: str = "op",
        options: Mapping[str, float] = TIGHT,
        behaviour: str = "",
    ) -> list[dict[str, float]]:
        """The same for several decks, in one process."""
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir()
        settings = ".options " + " ".join(f"{name}={value!r}" for name, value in options.items())
        probes = probes or ()
        # Beside "all", ngspice takes no nodes inside elements.
        saves = " ".join(probes if any("#" in probe for probe in probes) else ["all", *probes])
        for k, deck in enumerate(decks):
            control = f".control\nset filetype=binary\nsave {saves}\n{analysis}\nwrite {k}.raw\ndestroy all\n.endc"
            (folder / f"{k}.cir").write_text(f"{_without_end(deck)}\n{settings}\n{control}\n.end\n", encoding="utf-8")
        script = "\n".join(["*ng_script", *(f"source {k}.cir" for k in range(len(decks))), ""])
        (folder / "all.cir").write_text(script, encoding="utf-8")
        done = subprocess.run(
            [self.executable, "-n", *([f"-Dngbehavior={behaviour}"] if behaviour else []), "-b", "all.cir"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
            text=True,
            errors="replace",
        )
        results = []
        for k, deck in enumerate(decks):
            raw = folder / f"{k}.raw"
            vectors = _read_raw(raw.read_bytes()) if raw.exists() else None
            if vectors is None:
                pytest.fail(f"ngspice refused deck {k}:\n{deck}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}")
            results.append(vectors)
        return results


def _without_end(deck: str) -> str:
    lines = deck.rstrip().splitlines()
    while lines and lines[-1].strip().lower() in (".end", ".op", ""):
        lines.pop()
    return "\n".join(lines)


def _read_raw(data: bytes) -> dict[str, float] | None:
    """The first point of a binary rawfile; None where the analysis left no result."""
    head, _, numbers = data.partition(b"Binary:\n")
    header = head.decode(errors="replace")
    if "Plotname: constants" in header:
        return None
    names = [line.split("\t")[2].lower() for line in header.partition("Variables:\n")[2].splitlines() if line.strip()]
    kind = np.complex128 if "Flags: complex" in header else np.float64
    values = np.frombuffer(numbers, dtype=kind)[: len(names)].real
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _missing(what: str) -> None:
    reason = f"{what} is not installed (sudo apt-get install ngspice libngspice0)"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def ngspice(tmp_path: Path) -> Ngspice:
    """The ngspice executable. Without it the test is skipped, and fails where CI=true."""
    executable = shutil.which("ngspice")
    if executable is None:
        _missing("the ngspice executable")
    assert executable is not None
    folder = tmp_path / "ngspice"
    folder.mkdir()
    return Ngspice(executable, folder)


@pytest.fixture
def libngspice() -> str:
    """The name of the ngspice library. Without it the test is skipped, and fails where CI=true."""
    name = find_library("ngspice")
    if name is None:
        _missing("libngspice")
    assert name is not None
    return name
