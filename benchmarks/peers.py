"""netlearn beside the tools that do the same work: one row for each, on the same numbers, with answers that agree.

    python benchmarks/peers.py [--rows drn ngspice] [--least 1.0] [--quick] [--python PATH]

Every row runs in a process of its own with one thread on both sides. Times are processor time without loading,
reading, compiling and the first call, and only their ratios are printed, beside what they are meant to be at least; a
row ends with an error where the answers do not agree. A peer that is not installed is skipped with the reason. Some
peers want other versions of what others want: they can be in an environment of their own, together with what netlearn
depends on, whose interpreter ``--python`` names. docs/benchmarks.md has the table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NETLEARN_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1") | {
    "NETLEARN_COMPILE": "first",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""What makes OpenBLAS, which numpy and scipy have, take other kernels than the processor's own: other libraries do not
ask for it, so that it is left out."""

PEERS: dict[str, tuple[str, str, str]] = {
    "drn": ("torch", "deep_networks", "drn"),
    "ngspice": ("PySpice", "ngspice_alter", "ngspice"),
    "crossbar": ("scipy", "crossbars", "crossbar"),
    "cells": ("sklearn", "cells", "epoch"),
    "jax": ("jax", "diode_lattices", "dense_newton"),
    "circulax": ("circulax", "diode_lattices", "beside_circulax"),
    "neospice": ("neospice", "diode_lattices", "beside_neospice"),
    "pyspice": ("PySpice", "diode_lattices", "beside_pyspice"),
}
"""The package that each needs, and the module of ``peer_rows`` and the function that have its rows."""


def has(python: str, package: str) -> bool:
    """Whether an interpreter finds a package."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    return subprocess.run([python, "-c", look, package], capture_output=True, check=False).returncode == 0


def here(names: list[str], least: float, quick: bool) -> None:
    """Print the rows of some peers, in this process."""
    warnings.simplefilter("ignore")
    for name in names:
        _, module, function = PEERS[name]
        for row in getattr(import_module(f"peer_rows.{module}"), function)(least, quick=quick):
            print(row, flush=True)


def main() -> None:
    # Else arrays would answer while the loops are compiled.
    os.environ.setdefault("NETLEARN_COMPILE", "first")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", choices=PEERS, default=list(PEERS), metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--least", type=float, default=1.0, help="seconds of processor time for each number")
    parser.add_argument("--quick", action="store_true", help="the smallest of each")
    parser.add_argument(
        "--python", action="append", default=[], metavar="PATH", help="an interpreter to look for peers in; repeatable"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.here:
        here(chosen.rows, chosen.least, chosen.quick)
        return
    print("| work | peer | peer's time / netlearn's | goal | difference |\n|---|---|---:|---:|---|", flush=True)
    skipped, failed = [], 0
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    for name in chosen.rows:
        package = PEERS[name][0]
        python = next((python for python in (sys.executable, *chosen.python) if has(python, package)), None)
        if python is None:
            skipped.append(f"{name}: skipped, as the package {package} is not installed")
            continue
        words = [python, __file__, "--here", "--rows", name, "--least", str(chosen.least)]
        done = subprocess.run(
            [*words, *(["--quick"] if chosen.quick else [])],
            env={name: value for name, value in os.environ.items() if name not in KERNELS}
            | ONE_THREAD
            | {"PYTHONPATH": paths},
            check=False,
        )
        failed += done.returncode != 0
    print("\n" + "\n".join(skipped))
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
