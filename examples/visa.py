"""A bench of instruments in the loop, spoken to by PyVISA: a source, programmable resistors and a scanning voltmeter.

    netlearn train netlists/voltage_division.cir --forward python:examples/visa.py:measure

Without instruments they are simulated by pyvisa-sim, with the board of chip.py behind them. With instruments, name
PyVISA's backend in the variable VISA ("@py", or "@ivi") and their addresses and commands below.

    pip install "netlearn[visa]"
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyvisa

NETLIST = Path(__file__).resolve().parents[1] / "netlists" / "voltage_division.cir"
SOURCE, RESISTORS, METER = "GPIB0::5::INSTR", "GPIB0::6::INSTR", "GPIB0::7::INSTR"
CHANNELS = ("V(n4)", "V(n7)")
"""What the voltmeter's channels are connected to, in the order of the netlist's outputs."""


class Bench:
    """The instruments of a bench: ``bench(values, inputs)`` programs, drives and reads them."""

    def __init__(self, manager: pyvisa.ResourceManager) -> None:
        self.source, self.resistors, self.meter = (
            manager.open_resource(address, read_termination="\n", write_termination="\n")
            for address in (SOURCE, RESISTORS, METER)
        )
        self.programmed: np.ndarray | None = None

    def __call__(self, values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """values (P,) in ohms, inputs (S, p) in volts; outputs (S, o) in volts."""
        if self.programmed is None or not np.array_equal(values, self.programmed):
            for number, ohms in enumerate(values, start=1):
                self.resistors.write(f"RES {number},{ohms:.6e}")
            self.programmed = values
        rows = []
        for sample in inputs:
            for channel, volts in enumerate(sample, start=1):
                self.source.write(f"SOUR{channel}:VOLT {volts:.9e}")
            rows.append([float(self.meter.query(f"MEAS:VOLT? (@{k})")) for k in range(1, len(CHANNELS) + 1)])
        return np.array(rows)


def measure(values: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """What the bench reads; it is opened at the first call."""
    return opened()(values, inputs)


@cache
def opened() -> Bench:
    """The bench, of the instruments that VISA names, or simulated."""
    backend = os.environ.get("VISA", "@sim")
    manager = pyvisa.ResourceManager(backend)
    if backend == "@sim":
        simulate(manager)
    return Bench(manager)


def simulate(manager: pyvisa.ResourceManager) -> None:
    """Put instruments with a board behind them into pyvisa-sim."""
    from chip import Board
    from pyvisa_sim.component import NoResponse
    from pyvisa_sim.devices import Device

    board = Board(str(NETLIST), mismatch=0.2, noise=1e-4)
    resistors, sources = list(board.ohms), list(board.volts)

    class Instrument(Device):
        """One that hands its commands to the board, and answers what the board says."""

        def __init__(self, name: str) -> None:
            super().__init__(name, b";")
            self.add_error_handler("ERROR")
            self.add_eom("GPIB INSTR", "\n", "\n")

        def write(self, data: bytes) -> None:
            command = data.decode().strip()
            self.add_dialogue(command, answer(command))
            super().write(data)

    def answer(command: str) -> Any:
        word, _, rest = command.partition(" ")
        if word == "RES":
            which, ohms = rest.split(",")
            board.ohms[resistors[int(which) - 1]] = float(ohms)
        elif word.startswith("SOUR"):
            board.volts[sources[int(word[4:].partition(":")[0]) - 1]] = float(rest)
        elif word == "MEAS:VOLT?":
            channel = int(rest.strip("(@)"))
            return f"{board.read([CHANNELS[channel - 1]], list(CHANNELS), {})[0]:.9e}"
        # What is only set is not answered.
        return NoResponse

    devices: Any = manager.visalib.devices  # type: ignore[attr-defined]
    for address, name in ((SOURCE, "source"), (RESISTORS, "resistors"), (METER, "meter")):
        devices.add_device(address, Instrument(name))
