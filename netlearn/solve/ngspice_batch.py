"""ngspice's executable in batch mode, for machines without libngspice."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from netlearn.circuit.circuit import Circuit
from netlearn.circuit.devices.base import Array
from netlearn.errors import NgspiceError
from netlearn.solve.ngspice_deck import Deck, write_deck
from netlearn.solve.ngspice_forms import number
from netlearn.solve.ngspice_library import executable, missing
from netlearn.solve.ngspice_messages import not_found


def run_batch(circuit: Circuit, tolerances: Mapping[str, float], timeout: float, first: int) -> Array:
    """Operating points (S, N) of all samples, from one run of ``ngspice -b``.

    ``timeout`` is in seconds a sample; ``first`` is the number of the first sample in messages.
    """
    deck = write_deck(circuit, tolerances)
    samples = circuit.samples or 1
    base, places, values = deck.values(circuit)
    with tempfile.TemporaryDirectory(prefix="netlearn-") as folder:
        path = Path(folder)
        (path / "deck.cir").write_text("\n".join([*deck.lines[:-1], *control(deck, base, places, values), ".end", ""]))
        said, late = _run(path, timeout * samples)
        found = read_raw(path / "out.raw")
    x = np.empty((samples, circuit.size))
    for sample in range(samples):
        point = found[sample] if sample < len(found) else None
        if point is None and late:
            raise NgspiceError(
                f"ngspice took longer than {timeout:g} s at sample {first + sample} and was stopped",
                hint="allow more with --timeout",
            )
        if point is None:
            raise not_found(circuit, first + sample, said)
        x[sample] = [point[saved_name(vector)] for vector in deck.vectors]
    return x


def control(deck: Deck, base: Array, places: Array, values: Array) -> list[str]:
    """The commands that run all samples and write each operating point."""
    lines = [".control", "set filetype=binary", "set appendwrite"]
    if deck.explicit:
        lines += ["save " + " ".join(deck.vectors[start : start + 20]) for start in range(0, len(deck.vectors), 20)]
    lines += [deck.targets[k] + number(base[k]) for k in sorted(set(range(len(base))) - set(places.tolist()))]
    current = np.full(len(places), np.nan)
    for sample in values:
        changed = np.flatnonzero(sample != current)
        lines += [deck.targets[places[k]] + number(sample[k]) for k in changed]
        lines += ["op", "write out.raw", "destroy all"]
        current = sample
    return [*lines, "quit", ".endc"]


def saved_name(vector: str) -> str:
    """A vector's name in a rawfile."""
    return f"i({vector.removesuffix('#branch')})" if vector.endswith("#branch") else f"v({vector})"


def read_raw(path: Path) -> list[dict[str, float] | None]:
    """The first points of all plots of a binary rawfile; None for one that is no operating point."""
    plots: list[dict[str, float] | None] = []
    rest = path.read_bytes() if path.exists() else b""
    while rest:
        head, mark, rest = rest.partition(b"Binary:\n")
        if not mark:
            break
        header = head.decode(errors="replace")
        names = [line.split("\t")[2] for line in header.partition("Variables:\n")[2].splitlines() if "\t" in line]
        kind = np.dtype(complex if "Flags: complex" in header else float)
        size = kind.itemsize * len(names)
        numbers = np.frombuffer(rest[:size], kind).real.tolist() if len(rest) >= size else []
        rest = rest[size:]
        complete = len(numbers) == len(names) and "Plotname: Operating Point" in header
        plots.append(dict(zip(names, numbers, strict=True)) if complete else None)
    return plots


def _run(folder: Path, timeout: float) -> tuple[str, bool]:
    """What ngspice said, and whether it had to be stopped."""
    program = executable()
    if program is None:
        raise missing()
    with subprocess.Popen(
        # -n: no .spiceinit, which could hold commands.
        [program, "-n", "-b", "deck.cir"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            return said, True
    return said, False
