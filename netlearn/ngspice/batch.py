"""ngspice's executable in batch mode, for machines without libngspice."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from netlearn import programs
from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit
from netlearn.errors import NgspiceError
from netlearn.netlist.numbers import format_number
from netlearn.ngspice.deck import Deck, save_commands, write_deck
from netlearn.ngspice.library import executable, missing
from netlearn.ngspice.messages import Crashed, not_found, took_longer


def run_batch(circuit: Circuit, tolerances: Mapping[str, float], timeout: float, first: int) -> Array:
    """Operating points (S, N) of all samples, from one run of ``ngspice -b``.

    ``timeout`` is in seconds a sample; ``first`` is the place of the first sample, which messages count from 1.
    """
    deck = write_deck(circuit, tolerances)
    samples = circuit.samples or 1
    base, places, values = deck.values(circuit)
    with tempfile.TemporaryDirectory(prefix="netlearn-") as folder:
        path = Path(folder)
        (path / "deck.cir").write_text("\n".join([*deck.lines[:-1], *control(deck, base, places, values), ".end", ""]))
        try:
            said, late = run(path, timeout * samples)
        except Crashed as crash:
            at = first + len(read_raw(path / "out.raw"))
            raise NgspiceError(f"ngspice {crash}", hint="try the internal solver", sample=at) from None
        plots = read_raw(path / "out.raw")
    found = [vectors if kind == "Operating Point" else None for kind, vectors in plots]
    x = np.empty((samples, circuit.size))
    for sample in range(samples):
        point = found[sample] if sample < len(found) else None
        if point is None and late:
            raise took_longer(timeout, first + sample)
        if point is None:
            raise not_found(circuit, first + sample, said)
        x[sample] = [point[saved_name(vector)] for vector in deck.vectors]
    return x


def control(deck: Deck, base: Array, places: Array, values: Array) -> list[str]:
    """The commands that run all samples and write each operating point."""
    lines = [".control", "set filetype=binary", "set appendwrite"]
    if deck.explicit:
        lines += save_commands(deck.vectors)
    lines += [deck.targets[k] + format_number(base[k]) for k in sorted(set(range(len(base))) - set(places.tolist()))]
    current = np.full(len(places), np.nan)
    for sample in values:
        changed = np.flatnonzero(sample != current)
        lines += [deck.targets[places[k]] + format_number(sample[k]) for k in changed]
        lines += ["op", "write out.raw", "destroy all"]
        current = sample
    return [*lines, "quit", ".endc"]


def saved_name(vector: str) -> str:
    """A vector's name in a rawfile, in lower case."""
    return f"i({vector.removesuffix('#branch')})" if vector.endswith("#branch") else f"v({vector.lower()})"


def sens_batch(circuit: Circuit, probe: str, timeout: float, tolerances: Mapping[str, float]) -> dict[str, float]:
    """ngspice's ``.sens`` of a probe in the deck's names, by vector name."""
    found, said = run_sens(write_deck(circuit, tolerances).lines, (), probe, timeout)
    if found is None:
        raise not_found(circuit, 0, said)
    return found


def run_sens(
    lines: Sequence[str], commands: Sequence[str], probe: str, timeout: float, behaviour: str = ""
) -> tuple[dict[str, float] | None, str]:
    """``.sens`` of a deck with some commands before it: values by vector name, if there are any, and what was said.

    Raises NgspiceError if it takes longer than ``timeout`` seconds.
    """
    control = [".control", "set filetype=binary", *commands, f"sens {probe}", "write out.raw", "quit", ".endc"]
    with tempfile.TemporaryDirectory(prefix="netlearn-") as folder:
        path = Path(folder)
        (path / "deck.cir").write_text("\n".join([*lines[:-1], *control, ".end", ""]), encoding="utf-8")
        said, late = run(path, timeout, behaviour)
        plots = read_raw(path / "out.raw")
    if late:
        raise took_longer(timeout)
    for kind, vectors in plots:
        if kind == "Sensitivity Analysis":
            # A rawfile has the names of voltages within v( ).
            return {name.removeprefix("v(").removesuffix(")"): value for name, value in vectors.items()}, said
    return None, said


def read_raw(path: Path) -> list[tuple[str, dict[str, float]]]:
    """All plots of a binary rawfile: what analysis each is from, and its first point by vector name."""
    plots: list[tuple[str, dict[str, float]]] = []
    rest = path.read_bytes() if path.exists() else b""
    while rest:
        head, _, rest = rest.partition(b"Binary:\n")
        header = head.decode(errors="replace")
        names = [
            line.split("\t")[2].lower() for line in header.partition("Variables:\n")[2].splitlines() if "\t" in line
        ]
        kind = np.dtype(complex if "Flags: complex" in header else float)
        size = kind.itemsize * len(names)
        if len(rest) < size or not names:
            break
        values = np.frombuffer(rest[:size], kind).real.tolist()
        rest = rest[size:]
        analysis = header.partition("Plotname: ")[2].partition("\n")[0]
        plots.append((analysis, dict(zip(names, values, strict=True))))
    return plots


def run(folder: Path, timeout: float, behaviour: str = "") -> tuple[str, bool]:
    """What ngspice said of ``deck.cir`` in a folder, and whether it had to be stopped. Raises Crashed,
    and NgspiceError where it cannot be run.

    ``behaviour`` is its ``ngbehavior``.
    """
    program = executable()
    if program is None:
        raise missing()
    dialect = [f"-Dngbehavior={behaviour}"] if behaviour else []
    try:
        # -n: no .spiceinit, which could hold commands. One thread, as by OMP_NUM_THREADS, which ngspice does not heed.
        finished = programs.run([program, "-n", "-Dnum_threads=1", *dialect, "-b", "deck.cir"], folder, timeout)
    except OSError as error:
        raise NgspiceError(str(error)) from None
    if finished.crash:
        raise Crashed(finished.crash)
    return finished.said, finished.late
