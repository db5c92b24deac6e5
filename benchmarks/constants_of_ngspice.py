"""What constants of ``netlearn/ngspice`` are worth: the measurement behind what their strings say.

    python benchmarks/constants_of_ngspice.py [--only NAME]

SAMPLES_PER_PROCESS: seconds of two processes beside those of one, by the number of samples; take a machine with two
cores to spare. STEP: how far central differences are from the adjoint method, by the step. DOUBT: how far ngspice's
``.sens`` is from it. SAME: the relative difference up to which two readings are the same, and which circuits pass.
TIGHT: how far node voltages are from the internal solver's.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from samples_per_second import lattice
from written_networks import transistor_lattice

import netlearn
from netlearn.circuit.circuit import Circuit
from netlearn.ngspice import deck, process, sensitivity, text_sensitivity, text_solution
from netlearn.ngspice.solver import NgspiceSolver
from netlearn.solve.internal import InternalSolver
from netlearn.solve.sensitivity import Sensitivity

NETLISTS = Path(__file__).resolve().parents[1] / "netlists"
PROBES = {
    "bjt_bias": ("V(c,e)", 0),
    # At the last sample the current is far above what ngspice takes for zero.
    "diode_fit": ("I(V1)", -1),
    "sensor_readout": ("V(out)", 0),
    "summing_amplifier": ("V(out)", 0),
    "thermistor_bridge": ("V(p,n)", 0),
    "xor": ("V(yp,yn)", 0),
}
"""Netlists, what of them is differentiated, and at which sample."""
OF_NOTE = 1e-3
"""Values are compared whose change by a part changes the probe by at least so much of what the most telling does."""
ALMOST = """a divider whose first resistor is {0}
V1 a 0 1
R1 a b 1k {1}
R2 b 0 2k
.options temp={2}
*@input V1
*@output V(b)
.end
"""
CHANGED = {
    "as it is written": ALMOST.format("as it is written", "", 27),
    "taken twice": ALMOST.format("taken twice", "m=2", 27),
    "0.01 K warmer": ALMOST.format("warm", "tc1=1m", 27.01),
    "0.0001 K warmer": ALMOST.format("warm", "tc1=1m", 27.0001),
}


def circuits() -> dict[str, Callable[[int], Circuit]]:
    """Circuits by the number of their samples."""
    rng = np.random.default_rng(0)
    networks = {
        "2x2 diodes": lattice(rng, 2),
        "6x6 diodes": lattice(rng, 6),
        "12x12 diodes": lattice(rng, 12),
        "3x3 bipolar transistors": transistor_lattice(rng, "BJT", 3),
        "3x3 MOSFETs": transistor_lattice(rng, "MOSFET", 3),
    }
    return {
        name: lambda samples, network=network: network.circuit(network.samples(rng, samples))
        for name, network in networks.items()
    }


def processes(samples: int, made: Callable[[int], Circuit]) -> tuple[float, float]:
    """Seconds of two processes beside those of one, least of four: started for it, and with the processes there."""
    circuit, seconds = made(samples), {1: [np.inf, np.inf], 2: [np.inf, np.inf]}
    for _ in range(4):
        for count, least in seconds.items():
            with NgspiceSolver(processes=count) as solver:
                for way in range(2):
                    begun = time.perf_counter()
                    solver.solve(circuit)
                    least[way] = min(least[way], time.perf_counter() - begun)
    fresh, again = np.divide(seconds[2], seconds[1])
    return fresh, again


def samples_of_a_process() -> Iterator[str]:
    own = process.SAMPLES_PER_PROCESS
    for name, made in circuits().items():
        words = []
        for samples in (own // 2, own, 4 * own):
            fresh, again = processes(samples, made)
            words.append(f"{samples} samples {again:.2f}, {fresh:.2f} with the start")
        yield f"process.SAMPLES_PER_PROCESS: {name}: two processes take of the time of one: {'; '.join(words)}"


def tolerances() -> Iterator[str]:
    ways = {
        "with its own defaults": {"reltol": 1e-3, "abstol": 1e-12, "vntol": 1e-6, "itl1": 500.0},
        "with LOOSER": text_solution.LOOSER,
        "with TIGHT": deck.TIGHT,
        "a thousand times tighter": {**deck.TIGHT, "reltol": 1e-12, "abstol": 1e-18, "vntol": 1e-15},
    }
    for name, made in circuits().items():
        words, circuit = [], made(20)
        ours = InternalSolver().solve(circuit).x[:, : len(circuit.nodes)]
        for way, each in ways.items():
            try:
                with NgspiceSolver(tolerances=each, processes=1) as solver:
                    off = np.abs(solver.solve(circuit).x[:, : len(circuit.nodes)] - ours).max()
                words.append(f"{off:.0e} V {way}")
            except netlearn.NetlearnError:
                words.append(f"none found {way}")
        yield f"deck.TIGHT: {name}: node voltages are off by {', '.join(words)}"


def found(name: str, *, flat: bool) -> list[Sensitivity]:
    """Sensitivities of a netlist's probe that are of note, with ngspice's beside them."""
    path, (probe, sample) = NETLISTS / f"{name}.cir", PROBES[name]
    if sample < 0:
        sample += len(np.loadtxt(path.with_suffix(".csv"), delimiter=",", skiprows=1))
    table = netlearn.sensitivities(path, probe, sample=sample, against="ngspice", flat=flat)
    known = [each for each in table if np.isfinite(each.by_differences) and each.value]
    largest = max(abs(each.derivative * each.value) for each in known)
    return [each for each in known if abs(each.derivative * each.value) > OF_NOTE * largest]


def differences() -> Iterator[str]:
    own = sensitivity.STEP
    for name in PROBES:
        words = []
        for step in np.multiply(own, (0.01, 0.1, 1.0, 10.0, 100.0)).tolist():
            # Differences of all.
            with patch.multiple(sensitivity, STEP=step, DOUBT=0.0):
                off = [abs(each.by_differences / each.derivative - 1) for each in found(name, flat=True)]
            words.append(f"{step:.0e} {np.median(off):.1e} (at most {max(off):.1e})")
        yield f"sensitivity.STEP: {name}: {', '.join(words)}"


def sens() -> Iterator[str]:
    own = sensitivity.DOUBT
    with patch.object(sensitivity, "DOUBT", 0.0):
        for name in PROBES:
            off = np.array([abs(each.by_sens / each.derivative - 1) for each in found(name, flat=True)])
            off = np.sort(off[np.isfinite(off)])
            if len(off):
                right, wrong = off[off < own], off[off >= own]
                yield (
                    f"sensitivity.DOUBT: {name}: .sens is off by at most {right.max(initial=0):.1e} in {len(right)} of "
                    f"{len(off)} values, else by at least {wrong.min(initial=np.inf):.1e}"
                )


def readings() -> Iterator[str]:
    own, decided = text_sensitivity.SAME, {}
    plain = text_sensitivity.text_differences

    def noted(*given: Any, **more: Any) -> dict[tuple[str, str], sensitivity.Slope]:
        result = plain(*given, **more)
        decided[name].append(bool(result))
        return result

    sources = {name: netlearn.parse(text) for name, text in CHANGED.items()}
    for same in (1e-15, own, 1e-7, 1e-5):
        passing = []
        with (
            patch.multiple(text_sensitivity, SAME=same, text_differences=noted),
            patch.object(sensitivity, "DOUBT", 0.0),
        ):
            for name in (*PROBES, *sources):
                decided[name] = []
                if name in sources:
                    netlearn.sensitivities(sources[name], "V(b)", against="ngspice")
                else:
                    found(name, flat=False)
                if any(decided[name]):
                    passing.append(name)
        yield f"text_sensitivity.SAME: up to {same:.0e} the same: {', '.join(passing)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="constants whose name holds this text")
    only = parser.parse_args().only
    warnings.simplefilter("ignore")
    parts = {
        "SAMPLES_PER_PROCESS": samples_of_a_process,
        "STEP": differences,
        "DOUBT": sens,
        "SAME": readings,
        "TIGHT": tolerances,
    }
    for name, lines in parts.items():
        if only in name:
            for line in lines():
                print(line, flush=True)


if __name__ == "__main__":
    main()
