"""Throw damaged netlists, data, directives and random expressions at netlearn, and look for what must not happen.

    nice python benchmarks/fuzz.py files --seconds 600
    nice python benchmarks/fuzz.py data --seconds 600
    nice python benchmarks/fuzz.py directives --seconds 600
    nice python benchmarks/fuzz.py expressions --seconds 600

Only errors of the project's own may escape, and none may take longer than ``SLOW`` seconds of processor time. Data
must be the same read as a whole and in parts. Expressions must have the values that ngspice gives them.
``fuzz_parser.py`` does the same to the parser alone, guided by the coverage that it reaches.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import netlearn
from netlearn.errors import NetlearnError
from netlearn.learn.files import read_table, table_chunks
from netlearn.learn.settings import DIRECTIVES

ROOT = Path(__file__).parents[1]
SLOW = 20.0
MOST_BYTES = 20_000

PIECES = [
    b"", b" ", b"\n", b"\r", b"\0", b"\x1b", b"\xff", b"0", b"-", b"1e999", b"1e-999", b"nan", b"inf", b"(", b")",
    b"{", b"}", b"'", b'"', b"=", b",", b";", b"+", b"*", b"*@", b".", b"$", b"\\", b"//", b".subckt a b\n",
    b".ends\n", b".include x\n", b".param ", b".model ", b"R1 ", b"X1 ", b"1k", b"meg", b"\xe2\x82\xac", b"1,2,3\n",
    b"V(a)", b"9" * 400, b"a" * 300,
]  # fmt: skip


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, moved, doubled, left out or put in."""
    content = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(content) + 1)
        to = min(len(content), at + int(rng.expovariate(0.1)))
        kind = rng.randrange(5)
        if kind == 0 and at < len(content):
            content[at] = rng.randrange(256)
        elif kind == 1:
            del content[at:to]
        elif kind == 2:
            content[at:at] = content[at:to]
        elif kind == 3:
            content[at:at] = rng.choice(PIECES)
        else:
            content[at:to] = rng.choice(PIECES)
    return bytes(content[:MOST_BYTES])


def files(folder: Path) -> Callable[[random.Random], bytes]:
    """Netlists that are described, solved and written in other forms."""
    corpus = [path for path in ROOT.glob("netlists/**/*.cir") if path.stat().st_size < MOST_BYTES]
    corpus += [path for path in ROOT.glob("tests/netlist/dialects/*") if path.is_file()]
    contents = [path.read_bytes() for path in sorted(corpus) if path.stat().st_size < MOST_BYTES]

    def once(rng: random.Random) -> bytes:
        data = damaged(rng.choice(contents), rng)
        path = folder / "n.cir"
        path.write_bytes(data)
        try:
            netlist = netlearn.read(path)
            description = netlearn.describe(netlist)
            str(description.problems)
            if (description.nodes or 0) <= 60 and not description.problems:
                netlearn.operating_point(netlist)
                netlearn.export(netlist, rng.choice(["json", "graphml", "csv"]))
        except NetlearnError as error:
            str(error)
        return data

    return once


def tables(rng: random.Random) -> tuple[str, bytes]:
    """A file of samples, as yet undamaged."""
    count, buffer = rng.randint(1, 6), io.BytesIO()
    columns: dict[str, np.ndarray] = {"V1": np.arange(count) / 3, "V(out)": np.arange(count) * 1e-3}
    if rng.random() < 0.4:
        columns["class"] = np.array([rng.choice(["a", "b c", "1", "001", ""]) for _ in range(count)])
    kind = rng.choice([".csv", ".csv", ".npz", ".parquet"])
    if kind == ".npz":
        np.savez(buffer, **columns)  # type: ignore[arg-type]
    elif kind == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({name: c.tolist() for name, c in columns.items()}), buffer)
    else:
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        text = ",".join(columns) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
        buffer.write(text.encode())
    return kind, buffer.getvalue()


def data(folder: Path) -> Callable[[random.Random], bytes]:
    """Tables, read as a whole and in parts."""

    def read(what: Callable[[], list[netlearn.learn.table.Table]]) -> tuple[object, ...] | None:
        try:
            parts = what()
        except NetlearnError as error:
            str(error)
            return None
        columns = {name: np.concatenate([part.columns[name] for part in parts]).tobytes() for name in parts[0].columns}
        labels = [label for part in parts if part.labels is not None for label in part.labels.tolist()]
        return columns, labels

    def once(rng: random.Random) -> bytes:
        kind, content = tables(rng)
        content = damaged(content, rng)
        path = folder / f"d{kind}"
        path.write_bytes(content)
        whole, parts = read(lambda: [read_table(path)]), read(lambda: list(table_chunks(path, 2)))
        if whole is not None and parts is not None and whole != parts:
            raise AssertionError("read in parts it is something else")
        if kind == ".csv" and (whole is None) != (parts is None):
            raise AssertionError("read in parts it is right, and wrong as a whole, or the other way round")
        return kind.encode() + b"\n" + content

    return once


WORDS = [
    "R*", "R1", "V1", "V(out)", "v( out )", "I(V1)", "{V(out)^2}", "'x y'", '"', "'", "(V1,-V2)", "(", ")", "-V1", "*",
    "data.csv", "../data.csv", "/dev/zero", "1", "-1", "0", "1e999", "nan", "inf", "1k", "5%", "±", "1,2", ",", "=",
    "a=b", "==", "; comment", "$ comment", "yes", "no", "none", "\x1b[2J", "\u202e", "é", "a" * 300, "[", "]",
]  # fmt: skip


def directive(rng: random.Random) -> str:
    """A line with words, options and values that may or may not belong to it."""
    entry = rng.choice(list(DIRECTIVES.values()))
    words = [rng.choice(WORDS) for _ in range(rng.randint(0, 3))]
    kinds = list(entry.kinds or ())
    options = list(entry.options)
    if kinds and rng.random() < 0.8:
        kind = rng.choice(kinds)
        words.insert(0, kind)
        options += list(netlearn.options.options_of(entry.kinds[kind]))
    for option in rng.sample(options, min(len(options), rng.randint(0, 3))):
        words.append(f"{option.name}={rng.choice([*WORDS, '0.5', '3', '1e9', '1e-9'])}")
    if rng.random() < 0.2:
        rng.shuffle(words)
    return f"*@{entry.name} {' '.join(words)}"


def directives(folder: Path) -> Callable[[random.Random], bytes]:
    """Directives of a small task, which is then described and trained for two epochs."""
    (folder / "data.csv").write_text("V1,V(out)\n1,0.3\n2,0.5\n-1,-0.2\n")
    circuit = "V1 in 0 1\nR1 in out 1k\nR2 out 0 2k\nR3 in m 1k\nR4 m out 1k\n.end\n"
    usual = ["*@data data.csv", "*@output V(out)", "*@options epochs=2"]

    def once(rng: random.Random) -> bytes:
        lines = [directive(rng) for _ in range(rng.randint(1, 3))]
        named = {line.split()[0] for line in lines}
        lines += [line for line in usual if line.split()[0] not in named]
        text = "\n".join(["title", *lines, circuit])
        path = folder / "n.cir"
        path.write_text(text)
        try:
            str(netlearn.describe(path).problems)
            settings = {} if any("epochs" in line for line in lines[:-1]) else {"epochs": 2}
            if not any(word in text for word in ("budget", "1e9", "1e999", "ngspice")):
                netlearn.train(path, epochs=settings.get("epochs", 2))
        except NetlearnError as error:
            str(error)
        return text.encode()

    return once


UNARY = [
    "sin", "cos", "tan", "exp", "ln", "log10", "log", "sqrt", "abs", "atan", "tanh", "sinh", "cosh", "asinh", "sgn",
    "u", "u2", "uramp", "floor", "ceil", "nint", "acos", "asin", "acosh", "atanh",
]  # fmt: skip
BINARY = ["min", "max", "pow", "pwr", "atan2"]
OPERATORS = ["+", "-", "*", "/", "**", "^", ">", "<", ">=", "<=", "==", "!=", "&&", "||"]


def expression(rng: random.Random, depth: int) -> str:
    """A random expression of a behavioural source in what ngspice documents."""
    kind = rng.random()
    if depth <= 0 or kind < 0.2:
        return rng.choice(["v(a)", "v(b)", "v(a,b)", "i(v1)", "2", "0.5", "3", "1.5k", "1m", "7", "pi"])
    below = [expression(rng, depth - 1) for _ in range(3)]
    if kind < 0.45:
        return f"{rng.choice(UNARY)}({below[0]})"
    if kind < 0.55:
        return f"{rng.choice(BINARY)}({below[0]}, {below[1]})"
    if kind < 0.6:
        return f"(({below[0]}) ? ({below[1]}) : ({below[2]}))"
    if kind < 0.68:
        return f"-{below[0]}"
    if kind < 0.75:
        return f"({below[0]})"
    return f"{below[0]}{rng.choice(OPERATORS)}{below[1]}"


def by_ngspice(text: str, folder: Path) -> dict[str, float] | None:
    """Node voltages of a deck, None where ngspice has none."""
    path = folder / "deck.cir"
    control = ".control\nset filetype=ascii\nop\nwrite out.raw\n.endc\n"
    path.write_text(text.replace(".end\n", f".options reltol=1e-9 vntol=1e-12 abstol=1e-15\n{control}.end\n"))
    raw = folder / "out.raw"
    raw.unlink(missing_ok=True)
    words = [shutil.which("ngspice") or "ngspice", "-n", "-b", path.name]
    subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    if not raw.exists() or "Plotname: Operating" not in (said := raw.read_text(errors="replace")):
        return None
    head, _, values = said.partition("Values:\n")
    names = [line.split("\t")[2] for line in head.partition("Variables:\n")[2].splitlines() if line.strip()]
    numbers = [line.split("\t")[-1] for line in values.splitlines() if line.strip()]
    return {name: float(number) for name, number in zip(names, numbers, strict=False)}


def by_netlearn(text: str) -> dict[str, float] | None:
    try:
        point = netlearn.operating_point(netlearn.parse(text, "<fuzz>"))
    except NetlearnError as error:
        str(error)
        return None
    return dict(zip(point.circuit.nodes, point.x[0].tolist(), strict=False))


def expressions(folder: Path) -> Callable[[random.Random], bytes]:
    """Sources of random expressions, some in one deck; where something differs, each by itself."""
    head = "title\nV1 a 0 {}\nV2 b 0 {}\nRa a 0 1k\n"

    def deck(sources: list[str], volts: tuple[float, float]) -> str:
        lines = [f"B{k} n{k} 0 V={text}\nR{k} n{k} 0 1k\n" for k, text in enumerate(sources)]
        return head.format(*volts) + "".join(lines) + ".end\n"

    def differs(sources: list[str], volts: tuple[float, float]) -> str:
        text = deck(sources, volts)
        theirs, ours = by_ngspice(text, folder), by_netlearn(text)
        if theirs is None or ours is None:
            if len(sources) > 1:
                return next(filter(None, (differs([each], volts) for each in sources)), "")
            # What only one of them refuses is for a person to look at: both have their reasons.
            return ""
        for k, source in enumerate(sources):
            one, other = ours[f"n{k}"], theirs.get(f"n{k}", math.nan)
            if math.isfinite(other) and abs(one - other) > 1e-6 * max(abs(one), abs(other), 1e-6):
                return f"V1={volts[0]} V2={volts[1]} {source}: {one!r}, and {other!r} by ngspice"
        return ""

    def once(rng: random.Random) -> bytes:
        sources = [expression(rng, rng.randint(1, 4)) for _ in range(12)]
        volts = (round(rng.uniform(-3, 3), 2), round(rng.uniform(-3, 3), 2))
        if said := differs(sources, volts):
            raise AssertionError(said)
        return "\n".join(sources).encode()

    return once


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["files", "data", "directives", "expressions"])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=int, default=0, help="How many at the most [no limit].")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    once = globals()[options.what](folder)
    deadline, times, found = time.monotonic() + options.seconds, 0, Counter[str]()
    while time.monotonic() < deadline and (not options.times or times < options.times):
        seed, began = options.seed * 1_000_000 + times, time.process_time()
        times += 1
        try:
            once(random.Random(seed))
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
            found[kind] += 1
            if found[kind] <= 3:
                print(f"seed {seed}: {kind}: {error}", flush=True)
                for path in folder.iterdir():
                    if path.is_file():
                        shutil.copy(path, folder.with_name(f"{folder.name}-{seed}-{path.name}"))
        if (taken := time.process_time() - began) > SLOW:
            found["slow"] += 1
            print(f"seed {seed}: {taken:.1f} s", flush=True)
    print(f"{times} tried, {dict(found) or 'nothing'} found")
    shutil.rmtree(folder)
    return min(1, len(found))


if __name__ == "__main__":
    sys.exit(main())
