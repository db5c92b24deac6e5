"""A claim: numbers that are computed piece by piece, the figure and the sentences that are made of them.

Each script of this folder states one. The pieces are independent of each other, so that two
processes share them and a run that was interrupted goes on where it was: what is done stands in
``build/claims`` until the sources change. The numbers of a whole run are kept in
``docs/claims/results``, and the script's section of README.md is made of them, so that no sentence
can say anything else than its numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netlearn.arrays import Array
from netlearn.journal import Journal
from netlearn.report.figure import save_figure
from netlearn.solve.threads import set_threads
from netlearn.workers import Lost, results_of

HERE = Path(__file__).parent
FIGURES, RESULTS, README = HERE.parent / "figures", HERE / "results", HERE / "README.md"
PACKAGE, DONE = HERE.parents[1] / "netlearn", HERE.parents[1] / "build" / "claims"
DIGITS = 5

Key = tuple[Any, ...]
Results = Mapping[Key, Any]
"""What each piece came to, as plain numbers, lists and words, by its key."""


@dataclass(frozen=True)
class Claim:
    """``compute(*key)`` makes one piece; ``keys`` and ``small`` are those of the whole and of a quick version.

    ``sentences`` are Markdown under the heading ``title``, and raise AssertionError where numbers no longer bear them
    out; ``draw`` makes the figure.
    """

    name: str
    title: str
    compute: Callable[..., Any]
    keys: Sequence[Key]
    small: Sequence[Key]
    sentences: Callable[[Results], Iterable[str]]
    draw: Callable[[Results], Figure]
    uses: Sequence[Path] = ()
    """What else the pieces are made by, beside the script and the package."""

    def piece(self, key: Key) -> Any:
        """One piece, as it is kept."""
        return rounded(self.compute(*key))

    def run(self, keys: Sequence[Key], processes: int = 1) -> Results:
        """The pieces of these keys, in several processes; those that are done from where they are kept."""
        digest = self._digest()
        DONE.mkdir(parents=True, exist_ok=True)
        journal = Journal(DONE / f"{self.name}.jsonl", "a piece of a claim", "{", json.dumps, _entry)
        done = {tuple(entry["key"]): entry["value"] for entry in journal.entries() if entry["digest"] == digest}
        left = [key for key in keys if key not in done]
        set_threads(1)
        with journal.opened():
            for number, value in results_of(self.piece, left, processes):
                if isinstance(value, Lost):
                    raise SystemExit(f"{self.name} {left[number]}: {value}")
                done[left[number]] = value
                journal.add({"digest": digest, "key": left[number], "value": value})
                print(f"\r{self.name}: {len(done)} of {len(keys)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return {key: done[key] for key in keys}

    def section(self, results: Results) -> str:
        """The claim's part of README.md."""
        lines = "\n".join(self.sentences(results))
        return f"## {self.name}: {self.title}\n\n![{self.title}](../figures/{self.name}.png)\n\n{lines}\n"

    def stored(self) -> Results:
        """The numbers of the last whole run."""
        text = (RESULTS / f"{self.name}.json").read_text(encoding="utf-8")
        return {tuple(key): value for key, value in json.loads(text)}

    def _digest(self) -> str:
        """Of what the pieces are made by: where any of it has changed they are made anew."""
        own = [HERE / f"{name}.py" for name in (self.name, "claim", "networks")]
        sources = [*own, *self.uses, *sorted(PACKAGE.rglob("*.py"))]
        return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def _entry(found: Any) -> Any:
    """A line of what is done."""
    return {name: found[name] for name in ("digest", "key", "value")}


def main(claim: Claim) -> None:
    """Compute what is missing, write numbers, sentences and figure, and print the sentences."""
    parser = argparse.ArgumentParser(description=f"Regenerate docs/figures/{claim.name}.png and what is said of it.")
    parser.add_argument("--small", action="store_true", help="a quick version, printed only")
    parser.add_argument("--stored", action="store_true", help="from the numbers of the last whole run")
    chosen = parser.parse_args()
    # Numbers are to be the same to the last digit whether the solver's loops have been compiled before or not.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    if chosen.small:
        print(_lines({key: claim.piece(key) for key in claim.small}))
        return
    results = claim.stored() if chosen.stored else claim.run(claim.keys, processes=2)
    if not chosen.stored:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{claim.name}.json").write_text(_lines(results), encoding="utf-8")
    save_figure(claim.draw(results), FIGURES / f"{claim.name}.png")
    section = claim.section(results)
    README.write_text(with_section(README.read_text(encoding="utf-8"), claim.name, section), encoding="utf-8")
    print(section)


def _lines(results: Results) -> str:
    """Keys and values, a piece a line."""
    return "[\n" + ",\n".join(json.dumps([key, value]) for key, value in results.items()) + "\n]\n"


def with_section(text: str, name: str, section: str) -> str:
    """README.md with one section in place of its old one, or behind all others."""
    head, *parts = text.split("\n## ")
    own = section.removeprefix("## ")
    others = [part for part in parts if not part.startswith(f"{name}:")]
    place = next((i for i, part in enumerate(parts) if part.startswith(f"{name}:")), len(others))
    parts = [*others[:place], own, *others[place:]]
    return "\n\n## ".join([head.rstrip("\n"), *(part.strip("\n") for part in parts)]) + "\n"


def says(sentence: str, *holds: bool) -> str:
    """A sentence, as long as the numbers bear it out."""
    if not all(holds):
        raise AssertionError(f"the numbers no longer say: {sentence}")
    return sentence


def spread(values: Iterable[float], form: str = ".2g") -> str:
    """Mean ± standard deviation, by n - 1."""
    found = np.array(list(values), dtype=float)
    # Equal numbers differ by rounding.
    return f"{np.mean(found):{form}} ± {round(float(np.std(found, ddof=1)), 12):.2g}"


def geometric(values: Iterable[float], form: str = ".1e") -> str:
    """The geometric mean, and by what factor values differ from it: the standard deviation of logarithms, by n - 1."""
    found = np.log(np.array(list(values), dtype=float))
    factor = np.exp(np.std(found, ddof=1))
    return f"{np.exp(np.mean(found)):{form}} ×/÷ {factor:{'.2f' if factor < 10 else '.2g'}}"


def geometric_mean(values: Array) -> float:
    """Of positive values."""
    return float(np.exp(np.mean(np.log(values))))


def band(axes: Axes, x: Array, rows: Array, *, color: str, style: str = "-", label: str = "") -> None:
    """The geometric mean of positive rows (n, x), and a band of one standard deviation of logarithms, by n - 1."""
    logs = np.log(np.maximum(np.asarray(rows, dtype=float), 1e-300))
    mean, deviation = logs.mean(axis=0), logs.std(axis=0, ddof=1) if len(logs) > 1 else 0 * logs[0]
    axes.plot(x, np.exp(mean), style, color=color, ms=3, label=label)
    axes.fill_between(x, np.exp(mean - deviation), np.exp(mean + deviation), color=color, alpha=0.15, lw=0)


def bars(axes: Axes, x: Array, groups: Sequence[Array], *, logs: bool = False, **style: Any) -> None:
    """The mean of each group of values, and a standard deviation by n - 1 to both sides, of ``logs`` where asked."""
    rows = [np.log(group) if logs else np.asarray(group) for group in groups]
    mean, deviation = (np.array([f(row) for row in rows]) for f in (np.mean, lambda row: np.std(row, ddof=1)))
    low, middle, high = (np.exp(v) if logs else v for v in (mean - deviation, mean, mean + deviation))
    axes.errorbar(x, middle, (middle - low, high - middle), marker="o", ms=4, capsize=3, **style)


def rounded(value: Any) -> Any:
    """Plain values with a few digits, as they are kept."""
    if isinstance(value, Mapping):
        return {str(name): rounded(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}")
    return value.item() if isinstance(value, np.generic) else value
