"""Kill trainings, comparisons, sweeps, calibrations and draws of tolerances at random moments: nothing is lost or left.

    nice python benchmarks/kills.py --kills 200

Each work is done once without interruption. Then it is begun again in an empty folder, killed up to three times
(SIGKILL, SIGTERM, SIGINT and SIGHUP by turns), and ended by the same command with what resumes it. What it writes
must be the same bytes (but for the seconds that runs took), inputs must be as they were, a trained netlist must be
whole or not there, and a minute after a kill no process of it may be left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import netlearn.api
import netlearn.comparison
import netlearn.keeping
from netlearn.cli import run

NUMBERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LINEAR = """* a divider
*@data data.csv
*@output V(out)
*@train R*
V1 in 0 1
R1 in out 1k tol=5%
R2 out 0 2k tol=5%
R3 in m 3k
R4 m out 1k
.end
"""
NONLINEAR = LINEAR.replace("R4 m out 1k", "R4 m out 1k\nD1 m 0 dm\n.model dm d")
DATA = "V1,V(out)\n" + "".join(f"{k / 8!r},{k / 24!r}\n" for k in range(-8, 9))


@dataclass(frozen=True)
class Work:
    """A command, what continues it, what it writes, and its netlist."""

    words: tuple[str, ...]
    output: str
    netlist: str = LINEAR
    more: tuple[str, ...] = ()
    """What the command needs where a checkpoint is there."""


CHECKPOINT = "n.trained.checkpoint.npz"
TRAIN = ("train", "n.cir", "--quiet")
CHIP = (*TRAIN, "--epochs", "20", "--batch", "4", "--rule")
SHORT = ("--quiet", "--processes", "2", "--epochs", "60")
WORKS = {
    "batches": Work((*TRAIN, "--epochs", "40", "--batch", "2", "--optimizer", "adam"), "n.trained.cir"),
    "diode": Work((*TRAIN, "--epochs", "20", "--batch", "4"), "n.trained.cir", NONLINEAR),
    "aside": Work((*TRAIN, "--epochs", "100", "--validation", "0.2"), "n.trained.cir", NONLINEAR),
    "lbfgs": Work((*TRAIN, "--epochs", "100", "--optimizer", "lbfgs gtol=0"), "n.trained.cir", NONLINEAR),
    "subset": Work((*TRAIN, "--epochs", "100", "--subset", "fraction=0.5", "--rule", "cl"), "n.trained.cir"),
    "hardware": Work((*TRAIN, "--epochs", "100", "--hardware", "noise=0.02"), "n.trained.cir"),
    "compare": Work(("compare", "n.cir", "--rules", "analytic,cl", "--seeds", "3", *SHORT), "n.compare.jsonl"),
    "sweep": Work(("sweep", "n.cir", "--seeds", "4", *SHORT), "n.sweep.jsonl"),
    "loop": Work((*CHIP, "in-the-loop calibrate=20 pairs=60"), "n.trained.cir", NONLINEAR),
    "emulator": Work((*CHIP, "emulator every=5 explore=1 hidden=4"), "n.trained.cir"),
    "calibrate": Work(
        ("calibrate", "n.cir", "--measured", "data.csv", "--prior", "20%", "--quiet"), "n.calibrated.cir", NONLINEAR
    ),
    "tolerance": Work(
        ("tolerance", "n.cir", "--draws", "10000", "--journal", "t.jsonl", "--json"), "said", NONLINEAR
    ),
}  # fmt: skip


def begin(words: Sequence[str], folder: Path) -> int:
    """Start the command in a copy of this process, which has imported what it needs, and give its number."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        said = os.open("said", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        wrong = os.open("wrong", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.dup2(said, 1)
        os.dup2(wrong, 2)
        sys.argv = ["netlearn", *words]
        run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def session(number: int) -> list[int]:
    """The processes that belong to the session of a process, itself among them, that are not waiting to be buried."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, leader = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):
                continue
            if int(leader) == number and state != "Z":
                found.append(int(entry.name))
    return found


def ended(number: int) -> int:
    """Wait for a command, and give its exit code as ``subprocess`` has it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def prepared(work: Work, folder: Path) -> None:
    folder.mkdir()
    (folder / "n.cir").write_text(work.netlist)
    (folder / "data.csv").write_text(DATA)
    # What is killed at once says nothing.
    (folder / "wrong").touch()


def result(work: Work, folder: Path) -> object:
    """What a command has written, without the seconds that it took, in an order of its own."""
    data = (folder / work.output).read_bytes()
    if work.output.endswith(".cir"):
        return data
    lines = [json.loads(line) for line in data.splitlines()] if work.output.endswith(".jsonl") else [json.loads(data)]
    return sorted(json.dumps(_timeless(line), sort_keys=True) for line in lines)


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        timed = ("seconds", "time", "started", "finished", "host", "python", "platform", "version")
        return {key: _timeless(entry) for key, entry in value.items() if key not in timed}
    return [_timeless(entry) for entry in value] if isinstance(value, list) else value


def resumed(work: Work, folder: Path) -> tuple[str, ...]:
    return (*work.words, "--resume") if (folder / CHECKPOINT).exists() else work.words


class Wrong(Exception):
    """Something was lost or left."""


def killed(work: Work, folder: Path, rng: random.Random, whole: object, seconds: float) -> Counter[str]:
    """Kill a work up to three times, then let it end, and see what is there. Raises Wrong."""
    counted: Counter[str] = Counter()
    prepared(work, folder)
    before = {name: (folder / name).read_bytes() for name in ("n.cir", "data.csv")}
    for _ in range(rng.randint(1, 3)):
        words, how = resumed(work, folder), rng.choice(NUMBERS)
        number = begin(words, folder)
        time.sleep(rng.uniform(0, 1.1 * seconds))
        os.kill(number, how)
        code = ended(number)
        counted["killed" if code in {-how, 130} else "had ended"] += 1
        if code not in {-how, 130, 0}:
            raise Wrong(f"{how.name} ends it with {code}: {(folder / 'wrong').read_text()[-2000:]}")
        deadline = time.monotonic() + 60
        while left := session(number):
            if time.monotonic() > deadline:
                for each in left:
                    os.kill(each, signal.SIGKILL)
                raise Wrong(f"processes are left after {how.name}: {left}")
            time.sleep(0.02)
        if "Traceback" in (folder / "wrong").read_text():
            raise Wrong((folder / "wrong").read_text()[-2000:])
        if work.output.endswith(".cir") and (folder / work.output).exists() and result(work, folder) != whole:
            raise Wrong(f"{work.output} is not whole after {how.name}")
        counted["resumed"] += (folder / CHECKPOINT).exists()
        if code == 0:
            break
    code = ended(begin(resumed(work, folder), folder))
    if code:
        raise Wrong(f"the last run ends with {code}: {(folder / 'wrong').read_text()[-2000:]}")
    if result(work, folder) != whole:
        raise Wrong("what is written in the end differs from that of a run without interruption")
    if before != {name: (folder / name).read_bytes() for name in before}:
        raise Wrong("an input has been changed")
    strange = {path.name for path in folder.iterdir() if path.name.startswith(".") or path.name == CHECKPOINT}
    if strange:
        raise Wrong(f"files are left: {strange}")
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--works", nargs="+", default=list(WORKS), choices=list(WORKS))
    options = parser.parse_args()
    netlearn.keeping.SAVE_EVERY = 0.02
    rng, counted, wrong = random.Random(options.seed), Counter[str](), 0
    root = Path(tempfile.mkdtemp(prefix="kills-"))
    wholes, seconds = {}, {}
    for name in options.works:
        work, folder = WORKS[name], root / f"{name}-whole"
        prepared(work, folder)
        began = time.monotonic()
        if code := ended(begin(work.words, folder)):
            print(f"{name} ends with {code}: {(folder / 'wrong').read_text()}")
            return 1
        wholes[name], seconds[name] = result(work, folder), time.monotonic() - began
    rounds = 0
    while counted["killed"] < options.kills:
        name = options.works[rounds % len(options.works)]
        rounds += 1
        folder = root / f"{name}-{rounds}"
        try:
            counted += killed(WORKS[name], folder, rng, wholes[name], seconds[name])
        except Wrong as error:
            wrong += 1
            print(f"{name}: {error}\n  see {folder}", flush=True)
            if wrong > 20:
                break
            continue
        shutil.rmtree(folder)
    print(f"{rounds} works, {dict(counted)}, {wrong} wrong; seconds without interruption: "
          + ", ".join(f"{name} {took:.2f}" for name, took in seconds.items()))  # fmt: skip
    if not wrong:
        shutil.rmtree(root)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
