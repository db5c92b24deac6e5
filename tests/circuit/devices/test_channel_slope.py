"""What a volt at the gate adds to a channel's conductance, against differences of the devices' own currents."""

from __future__ import annotations

import numpy as np
import pytest

import netlearn
from netlearn.project import open_project

CHANNELS = {
    "nmos": ("M1 d g s 0 t w=20u l=2u", "nmos(vto=0.7 kp=100u lambda=0.05)", 0.7),
    "pmos": ("M1 d g s 0 t w=20u l=2u", "pmos(vto=-0.7 kp=40u)", -0.7),
    "body": ("M1 d g s 0 t", "nmos(vto=0.7 kp=100u gamma=0.5 phi=0.6)", 0.7),
    "level 2": ("M1 d g s 0 t", "nmos(level=2 vto=0.7 kp=100u)", 0.7),
    "level 3": ("M1 d g s 0 t", "nmos(level=3 vto=0.7 kp=100u theta=0.1)", 0.7),
    "level 6": ("M1 d g s 0 t", "nmos(level=6 vto=0.7 kc=50u nc=1.2)", 0.7),
    "njf": ("J1 d g s t 2", "njf(vto=-2 beta=1m is=0)", -2.0),
    "pjf": ("J1 d g s t", "pjf(vto=-2 beta=1m is=0)", 2.0),
}
CLOSED = {"nmos": 1e-3, "pmos": -4e-4, "body": 1e-4, "njf": 4e-3, "pjf": -2e-3}


@pytest.mark.parametrize("name", CHANNELS)
def test_slope_of_the_conductance(name: str) -> None:
    element, model, threshold = CHANNELS[name]
    text = f"channel\nV1 d 0 0\nV2 g 0 0\nV3 s 0 0\n{element}\n.model t {model}\n"
    circuit = open_project(netlearn.parse(text)).circuit
    (group,) = [group for group in circuit.groups if "g" in group.device.unknowns]
    device = group.device
    prepared = device.prepare(group.values, circuit.environment)
    ends = [k for k, end in enumerate(device.unknowns) if end == "d" or end.endswith("drain")]
    sign = float(np.sign(prepared["polarity"].real[0]))

    def conductance(over: float) -> float:
        """Siemens from drain to source at no drop, with the gate so far beyond the threshold."""
        x = np.zeros((2, 1, len(device.unknowns)))
        x[:, :, device.unknowns.index("g")] = threshold + sign * over
        x[0, :, ends] = 1e-6
        x[1, :, ends] = -1e-6
        current = device.residual(x, prepared)[..., ends[-1]]
        return float(current[0, 0] - current[1, 0]) / 2e-6

    found = device.channel_slope(prepared)
    assert found is not None
    assert found == pytest.approx(sign * (conductance(1.0) - conductance(0.0)), rel=1e-3)
    if name in CLOSED:
        assert found == pytest.approx(CLOSED[name], rel=1e-9)
