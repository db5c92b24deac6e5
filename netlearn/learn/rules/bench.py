"""The states of a chip that can be nudged: voltages that are read, free and nudged, in the place of solved ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netlearn.arrays import Array
from netlearn.chips.chip import Push
from netlearn.chips.solver import OnChip
from netlearn.circuit.circuit import GROUND
from netlearn.errors import OptionError
from netlearn.learn.model import Model
from netlearn.learn.rules.base import Batch
from netlearn.learn.rules.circuitry import Circuitry, require_free
from netlearn.learn.rules.source_shifts import SourceShifts
from netlearn.solve.operating_point import OperatingPoint


@dataclass(frozen=True)
class Bench:
    """A chip at ``theta`` (P,) and ``inputs`` (S, p), and which of the circuit's unknowns are read off it.

    These are the ``unknowns`` (n,) at the terminals of what is trained, by the names ``probes``: all that a local
    rule compares. ``simulated`` are the operating points that the model has, which stand for what is not read.
    """

    chip: OnChip
    theta: Array
    inputs: Array
    simulated: OperatingPoint
    unknowns: Array
    probes: tuple[str, ...]

    def free(self, outputs: tuple[str, ...]) -> OperatingPoint:
        """The free state, with the outputs that were read at the same time. Raises ChipError."""
        read = self.chip.probed(self.theta, self.inputs, (*outputs, *self.probes))
        count = len(outputs)
        return replace(self.simulated, x=self._state(read[:, count:]), read=read[:, :count], linearization=None)

    def nudged(self, circuitry: Circuitry) -> Array:
        """The state (S, N) with circuitry at the outputs. Raises ChipError, and OptionError for other circuitry."""
        push = Push(circuitry.current, circuitry.conductance, circuitry.clamp)
        can = self.chip.nudges()
        lacking = [name for name in push.kinds if name not in can]
        if lacking:
            raise OptionError(
                f"this rule puts a {' and a '.join(lacking)} at the outputs, and the chip can be nudged by "
                f"{', '.join(can)} alone",
                hint="ep nudge=current, al and frequency take currents, cl and contrastive clamps",
            )
        return self._state(self.chip.probed(self.theta, self.inputs, self.probes, push))

    def _state(self, read: Array) -> Array:
        x = np.array(self.simulated.x)
        x[:, self.unknowns] = read
        return x


def free_state(model: Model, theta: Array, batch: Batch) -> tuple[OperatingPoint, Bench | None]:
    """The free state of a batch, and the bench that it was read at if the model is of a chip.

    Raises what the solver or the chip raises, and OptionError for an output that cannot be nudged on a chip.
    """
    if model.chip is None:
        return model.forward(theta, batch.inputs, batch.start), None
    simulated = model.simulated.forward(theta, batch.inputs, batch.start)
    circuit, probes = simulated.circuit, model.probes
    currents = np.flatnonzero(probes.currents(circuit))
    if len(currents):
        raise OptionError(
            f"the output {probes.names[int(currents[0])]} is a current, and a chip's voltages alone are nudged",
            hint="take in-the-loop, differences, spsa or homodyne",
        )
    require_free(circuit, probes)
    unknowns = _terminals(model)
    nodes = len(circuit.nodes)
    names = (f"V({circuit.nodes[k]})" if k < nodes else f"I({circuit.branches[k - nodes]})" for k in unknowns.tolist())
    bench = Bench(model.chip, theta, batch.inputs, simulated, unknowns, tuple(names))
    return bench.free(tuple(model.measured.names)), bench


def _terminals(model: Model) -> Array:
    """The unknowns (n,) at the terminals of all elements with trained values, and of those that trained sources move.

    A source whose voltage is trained has its contrast in the elements at the nodes that move with it (see channel.py).
    """
    circuit = model.parameters.circuit
    found = [SourceShifts.of(circuit, model.probes, model.parameters).neighbours(circuit)]
    for binding in model.parameters.bindings:
        if binding.trained and binding.column[0] >= 0:
            found.append(np.ravel(circuit.groups[binding.column[0]].index[np.asarray(binding.elements)]))
    unknowns = np.unique(np.concatenate(found))
    return np.asarray(unknowns[unknowns != GROUND])
