"""Operating points of many samples: ngspice as a library."""

# What is defined in a loop is run before its next turn.
# ruff: noqa: B023

from __future__ import annotations

from collections.abc import Iterator

from peer_rows.rows import Row, agree

TURNS = 5
"""So many times both sides are timed, of which the shortest counts; ngspice takes 40 ms for some rows."""


def ngspice(least: float, *, quick: bool) -> Iterator[Row]:
    """ngspice's ``alter`` loop, through PySpice."""
    import ctypes.util

    import numpy as np
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared
    from samples_per_second import clock, divider, judge, lattice, layered
    from written_networks import amplifiers, crossbar, transistor_lattice

    from netlearn.solve.internal import InternalSolver

    path = ctypes.util.find_library("ngspice")
    if path is None:
        raise ImportError("libngspice is not installed")
    NgSpiceShared.LIBRARY_PATH = path
    library, rng = NgSpiceShared.new_instance(), np.random.default_rng(0)
    networks = [
        divider(),
        layered(rng, "layers 129-100-10, junctions", 129, 100, 10),
        *(lattice(rng, n) for n in (10, 32)),
        *(transistor_lattice(rng, kind, side) for kind in ("BJT", "MOSFET", "JFET") for side in (6, 16, 32)),
        amplifiers(),
        crossbar(rng, 64, 20, "sinh"),
    ]
    for network in networks[:1] if quick else networks:
        drive = network.samples(rng, 1000)
        circuit = network.circuit(drive)
        judged = min(len(drive), network.judged, 200)
        # The second time it starts at what is known of the first.
        for _ in range(2):
            point = InternalSolver().solve(circuit)
        turns = []
        for _ in range(TURNS):
            ours = clock(lambda: InternalSolver().solve(circuit).x, least / TURNS) / len(drive)
            theirs, voltages = judge(library, network, drive[:judged])
            turns.append((ours, theirs))
        # Whatever disturbs a turn only makes it longer.
        ours, theirs = map(min, zip(*turns, strict=True))
        difference = float(np.abs(point.x[judged - 1, : len(network.nodes)] - voltages).max())
        yield Row(
            f"{network.name}, operating points of 1,000 samples",
            "ngspice 39, `alter` and `op`",
            theirs / ours,
            agree("ngspice", difference, 1e-9),
            50.0,
        )
