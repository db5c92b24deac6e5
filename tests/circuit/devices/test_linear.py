"""Closed-form derivatives of the linear devices against the complex step and differences."""

import numpy as np
import pytest

from netlearn.circuit.devices.base import Device, Environment
from netlearn.circuit.devices.linear import CCCS, CCVS, CURRENT_SOURCE, RESISTOR, VCCS, VCVS, VOLTAGE_SOURCE

DEVICES = [RESISTOR, VOLTAGE_SOURCE, CURRENT_SOURCE, VCCS, VCVS, CCCS, CCVS]
ENVIRONMENT = Environment()


def example(device):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3, len(device.unknowns)))
    values = {name: rng.uniform(0.5, 2, size=3) for name in device.parameters}
    return x, values


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_jacobian_is_the_derivative_of_the_residual(device):
    x, values = example(device)
    closed = np.broadcast_to(device.jacobian(x, values), (*x.shape, x.shape[-1]))
    np.testing.assert_allclose(closed, Device.jacobian(device, x, values), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_value_jacobian_against_central_differences(device):
    x, values = example(device)
    for name, value in values.items():
        up, down = (device.residual(x, {**values, name: value + h}) for h in (1e-6, -1e-6))
        np.testing.assert_allclose(
            device.value_jacobian(x, values, ENVIRONMENT, name), (up - down) / 2e-6, rtol=1e-8, atol=1e-8
        )


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_linear_devices_are_affine_and_conserve_current(device):
    x, values = example(device)
    base = device.residual(0 * x, values)
    np.testing.assert_allclose(
        device.residual(2 * x, values) - base, 2 * (device.residual(x, values) - base), atol=1e-12
    )
    np.testing.assert_allclose(device.residual(x, values)[..., :2].sum(axis=-1), 0, atol=1e-15)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_values_may_differ_by_sample(device):
    x, values = example(device)
    tiled = {name: np.tile(value, (4, 1)) for name, value in values.items()}
    np.testing.assert_array_equal(device.residual(x, tiled), device.residual(x, values))


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.name)
def test_reciprocal_devices_have_symmetric_jacobians(device):
    x, values = example(device)
    jacobian = np.asarray(device.jacobian(x, values))
    symmetric = np.allclose(jacobian, np.swapaxes(jacobian, -1, -2))
    assert symmetric == device.reciprocal
