"""What the elements at a node compare that a trained voltage source holds: a transistor, its channel.

With v_ds the drop along a channel and v_g the gate's voltage, the contrast of two states is that of the derivative of
∫ i_ds dv_ds by v_g: ∫ ∂i_ds/∂v_g dv_ds from one to the other. Below saturation a level 1 transistor has ∂i_ds/∂v_g =
K v_ds, so that it is K (v_b² - v_a²)/2, the difference of the two squared drops, which is what each edge of the
boards of S. Dillavou and others compares, at whatever state ("Machine learning without a processor: Emergent learning
in a nonlinear analog network", PNAS 121, e2319718121, 2024).
"""

from __future__ import annotations

import numpy as np

from netlearn.arrays import Array
from netlearn.circuit.circuit import Circuit, Group
from netlearn.circuit.devices.base import Environment
from netlearn.errors import OptionError
from netlearn.learn.rules.contrast import path
from netlearn.learn.rules.source_shifts import SourceShifts
from netlearn.solve.contraction import transposed_products
from netlearn.solve.equations.assembly import MatrixTopology, with_ground


def source_contrast(
    circuit: Circuit,
    shifts: SourceShifts,
    before: Array,
    after: Array,
    weights: Array | float = 1.0,
    *,
    product: bool = False,
    drops: bool = False,
) -> Array:
    """∫ (after - before) · weights ∂F/∂dc (S, K) of the K trained sources between two states, (S, N) each.

    F are the equations without the sources, see SourceShifts. With ``product`` the derivative is that at ``before``.
    With ``drops`` each channel compares its squared drops, times what a volt at the gate adds to its conductance.
    """
    change = after - before
    weighted = weights * change
    # The sources' own currents are no unknowns here.
    weighted[:, shifts.currents] = 0.0
    topology = MatrixTopology.of(circuit)
    total = np.zeros((circuit.size, len(before)), weighted.dtype)
    here = shifts.moving()
    for g, group in enumerate(circuit.groups):
        if not len(group) or not here[np.asarray(group.index)].any():
            continue
        places, shares = (np.zeros(1), np.ones(1)) if product else path(group.device)
        states = [before + place * change for place in places]
        mine = transposed_products(group, weighted, states, shares, circuit.environment)
        if drops:
            _by_drops(
                group,
                mine,
                weighted,
                sum(share * state for share, state in zip(shares, states, strict=True)),
                circuit.environment,
            )
        total += topology.add_currents(g, mine)
    return np.asarray(total.T @ shifts.moved)


def _by_drops(group: Group, mine: Array, weighted: Array, state: Array, environment: Environment) -> None:
    """Put the slope of the squared drop in the place of the channel's at the gates."""
    slope = _slope(group, environment)
    if slope is None:
        return
    d, g, s = (group.device.unknowns.index(name) for name in ("d", "g", "s"))
    index = np.asarray(group.index)
    change, drop = (each[:, index[:, d]] - each[:, index[:, s]] for each in (with_ground(weighted), with_ground(state)))
    mine[:, :, g] = slope * drop * change


def _slope(group: Group, environment: Environment) -> Array | None:
    return group.device.channel_slope(group.device.prepare(group.values, environment))


def require_gates(circuit: Circuit, shifts: SourceShifts) -> None:
    """Raise OptionError where no trained source holds the gate of a transistor that has a channel."""
    here = shifts.moving()
    for group in circuit.groups:
        if len(group) and "g" in group.device.unknowns and _slope(group, circuit.environment) is not None:
            gates = np.asarray(group.index)[:, group.device.unknowns.index("g")]
            if here[gates].any():
                return
    raise OptionError(
        "contrast=drops is what transistors compare whose gates trained voltage sources hold, and there are none",
        hint="leave it out, or train the sources at the gates of MOSFETs or JFETs",
    )
