"""Netlists as layers in PyTorch, with PyTorch's own check of derivatives, and JAX beside it."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.errors import DataError, NetlearnError

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

from netlearn.torch import Layer  # noqa: E402 where there is PyTorch

LINEAR = """* two outputs
*@input (V1,-V3) V2
*@output V(b,a) I(V2) V(a)
*@train R* rr min=100 max=1meg
V1 x 0 0
V2 y 0 0
V3 z 0 0
R1 x a 1k
R2 y a 3k
R3 x b 2k
R4 y b 1k
R5 a b {2*rr}
R6 a z 5k
R7 b 0 5k
.param rr=1k
"""
DIODES = LINEAR + "D1 a 0 d\nD2 0 b d\n.model d d(is=1n)\n"


def points(samples: int = 4) -> Any:
    return torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (samples, 2)))


@pytest.mark.parametrize("coordinates", ["log", "conductance", "resistance"])
@pytest.mark.parametrize("text", [LINEAR, DIODES], ids=["linear", "diodes"])
def test_derivatives_pass_pytorch_s_own_check(text: str, coordinates: Any) -> None:
    net = Layer(netlearn.parse(text), coordinates=coordinates)

    def function(params: Any, x: Any) -> Any:
        return torch.func.functional_call(net, {"params": params}, (x,))

    x = points().requires_grad_()
    assert torch.autograd.gradcheck(function, (net.params, x), eps=1e-6, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("text", [LINEAR, DIODES], ids=["linear", "diodes"])
def test_jax_says_the_same(text: str) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install 'netlearn[jax]')")
    from netlearn.jax import layer

    x = points(6)
    net = Layer(netlearn.parse(text))
    inputs = x.clone().requires_grad_()
    loss = (net(inputs) ** 3).sum()
    loss.backward()
    with jax.enable_x64(True):
        function = layer(netlearn.parse(text))
        value, slopes = jax.value_and_grad(lambda p, z: (function(p, z) ** 3).sum(), argnums=(0, 1))(
            function.initial, x.numpy()
        )
    assert float(value) == pytest.approx(loss.item(), rel=1e-12)
    assert net.params.grad is not None
    np.testing.assert_allclose(net.params.grad.numpy(), slopes[0], rtol=1e-9)
    np.testing.assert_allclose(inputs.grad.numpy(), slopes[1], rtol=1e-9)


def test_outputs_are_those_of_predict() -> None:
    net, x = Layer(netlearn.parse(DIODES)), points(7)
    y = net(x)
    wanted = netlearn.predict(netlearn.parse(DIODES), x.numpy()).outputs
    np.testing.assert_allclose(y.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)
    assert net(x[0]).shape == (3,)
    assert torch.equal(net(x.reshape(7, 1, 2))[:, 0], y)
    assert net(torch.zeros(3, 2, dtype=torch.int64)).shape == (3, 3)
    assert "2 -> 3, 7 values" in repr(net)


def test_a_layer_trains_between_others_and_writes_a_netlist() -> None:
    torch.manual_seed(0)
    net = Layer(netlearn.parse(LINEAR))
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), net, torch.nn.Linear(3, 1)).double()
    x = torch.randn(40, 3, dtype=torch.float64)
    wanted = x[:, :1] - 0.5 * x[:, 1:2]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), wanted)
        loss.backward()
        optimizer.step()
        net.clamp_()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert net.netlist["R1"].value == pytest.approx(net.values["r1"])
    hidden = model[:2](x).detach()
    again = netlearn.predict(net.netlist, hidden.numpy()).outputs
    np.testing.assert_allclose(again, net(hidden).detach().numpy(), rtol=1e-9, atol=1e-12)


def test_bounds_precision_and_state() -> None:
    net = Layer(netlearn.parse(LINEAR))
    with torch.no_grad():
        net.params.add_(100.0)
    net.clamp_()
    # A parameter that a resistance is a multiple of is positive, and trains by its logarithm as resistances do.
    assert [net.values[name] for name in net.names] == [100.0] * 7
    single = Layer(netlearn.parse(DIODES)).float()
    y = single(points().float())
    assert y.dtype == torch.float32
    y.sum().backward()
    assert single.params.grad is not None
    assert single.params.grad.dtype == torch.float32
    saved = copy.deepcopy(single.state_dict())
    with torch.no_grad():
        single.params.add_(0.5)
    single.load_state_dict(saved)
    assert torch.equal(single(points().float()), y)


def test_mistakes_are_named() -> None:
    net = Layer(netlearn.parse(LINEAR))
    with pytest.raises(DataError, match=r"the inputs have the shape \(4, 3\)"):
        net(torch.zeros(4, 3))
    with pytest.raises(NetlearnError, match="there is nothing to measure"):
        Layer(netlearn.parse("* none\nV1 a 0 1\nR1 a 0 1k\n"))
    x = points().requires_grad_()
    (slope,) = torch.autograd.grad(net(x).pow(2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_without_input_words_the_sources_are_the_inputs() -> None:
    netlist = netlearn.parse(LINEAR.replace("*@input (V1,-V3) V2\n", ""))
    net = Layer(netlist)
    assert net.function.inputs == ("v1", "v2", "v3")
    x = np.random.default_rng(0).uniform(-1, 1, (4, 3))
    found = net(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, netlearn.predict(netlist, x).outputs, rtol=1e-9)
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install 'netlearn[jax]')")
    with jax.enable_x64(True):
        layer = netlearn.jax.layer(netlist)
        np.testing.assert_allclose(layer(layer.initial, x), found, rtol=1e-9)


def test_a_layer_is_copied_and_kept_whole() -> None:
    net, x = Layer(netlearn.parse(DIODES)), points()
    with torch.no_grad():
        net.params.add_(0.1)
    y = net(x)
    kept = io.BytesIO()
    torch.save(net, kept)
    kept.seek(0)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.load(kept, weights_only=False)]
    assert all(torch.equal(other(x), y) for other in copies)
    with torch.no_grad():
        copies[0].params.add_(0.5)
    assert not torch.equal(copies[0](x), y)
    assert torch.equal(net(x), y)
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install 'netlearn[jax]')")
    with jax.enable_x64(True):
        function = netlearn.jax.layer(netlearn.parse(DIODES))
        for other in (copy.deepcopy(function), pickle.loads(pickle.dumps(function))):
            np.testing.assert_allclose(other(net.params.detach().numpy(), x.numpy()), y.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("text", [LINEAR, DIODES], ids=["linear", "diodes"])
def test_no_samples_have_no_outputs_and_no_slopes(text: str) -> None:
    net, x = Layer(netlearn.parse(text)), torch.zeros(0, 2, dtype=torch.float64, requires_grad=True)
    y = net(x)
    assert y.shape == (0, 3)
    y.sum().backward()
    assert net.params.grad is not None
    assert torch.equal(net.params.grad, torch.zeros(7, dtype=torch.float64))
    assert x.grad is not None
    assert x.grad.shape == (0, 2)
    assert net(torch.zeros(4, 0, 2)).shape == (4, 0, 3)
    jax = pytest.importorskip("jax", reason="JAX is not installed (pip install 'netlearn[jax]')")
    function = netlearn.jax.layer(netlearn.parse(text))
    params, none = jax.numpy.tile(function.initial, (4, 1)), jax.numpy.zeros((4, 0, 2))
    assert jax.vmap(function)(params, none).shape == (4, 0, 3)
    slopes = jax.vmap(jax.grad(lambda p, z: function(p, z).sum()))(params, none)
    np.testing.assert_array_equal(slopes, np.zeros((4, 7)))
