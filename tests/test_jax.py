"""Netlists as functions in JAX, with JAX's own check of derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netlearn
from netlearn.differentiable import Differentiable
from netlearn.errors import DataError, NetlearnError, OptionError
from netlearn.learn.model import Model

jax = pytest.importorskip("jax", reason="JAX is not installed (pip install 'netlearn[jax]')")
import jax.numpy as jnp  # noqa: E402 where there is JAX
from jax.test_util import check_grads  # noqa: E402

from netlearn.jax import layer  # noqa: E402

LINEAR = """* two outputs
*@input (V1,-V3) V2
*@output V(b,a) I(V2) V(a)
*@train R* rr
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
TRANSISTOR = """* a stage
*@input V1 Rload temp
*@output V(c) V(e)
*@train R1 R2 Re
V1 vcc 0 5
R1 vcc b 47k
R2 b 0 10k
Rload vcc c 2k
Re e 0 470
Q1 c b e q
.model q npn(is=1f bf=100)
"""


@pytest.fixture(autouse=True)
def double() -> Any:
    with jax.enable_x64(True):
        yield


def points(text: str, seed: int = 0, samples: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if text is TRANSISTOR:
        return np.column_stack(
            [rng.uniform(4, 6, samples), rng.uniform(1e3, 3e3, samples), rng.uniform(0, 80, samples)]
        )
    return rng.uniform(-1, 1, (samples, 2))


@pytest.mark.parametrize("coordinates", ["log", "conductance", "resistance", "value"])
@pytest.mark.parametrize("text", [LINEAR, DIODES, TRANSISTOR], ids=["linear", "diodes", "transistor"])
def test_derivatives_pass_jax_s_own_check(text: str, coordinates: Any) -> None:
    net = layer(netlearn.parse(text), coordinates=coordinates)
    # Finite differences want arguments of about one, whatever the units.
    size = 1.0 if coordinates == "log" else jnp.abs(net.initial)
    x = jnp.asarray(points(text))
    scale = jnp.abs(x).max(axis=0)

    def function(relative: Any, parts: Any) -> Any:
        return net(net.initial + size * relative, parts * scale)

    check_grads(function, (jnp.zeros(len(net.names)), x / scale), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("text", [LINEAR, DIODES], ids=["linear", "diodes"])
def test_outputs_are_those_of_predict(text: str) -> None:
    net, x = layer(netlearn.parse(text)), points(text, samples=7)
    y = net(net.initial, x)
    np.testing.assert_allclose(y, netlearn.predict(netlearn.parse(text), x).outputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(net(net.initial, x[0]), y[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(net(net.initial, x.reshape(7, 1, 2))[:, 0], y)
    assert net.outputs == ("V(b,a)", "I(V2)", "V(a)")
    assert net.inputs == ("(V1,-V3)", "V2")
    assert net.names == ("rr", "r1", "r2", "r3", "r4", "r6", "r7")


@pytest.mark.parametrize("text", [LINEAR, DIODES], ids=["linear", "diodes"])
class TestTransformations:
    def test_jit(self, text: str) -> None:
        net, x = layer(netlearn.parse(text)), points(text)
        np.testing.assert_allclose(jax.jit(net)(net.initial, x), net(net.initial, x), rtol=1e-12)

        def loss(params: Any) -> Any:
            return jnp.sum(net(params, x) ** 2)

        np.testing.assert_allclose(jax.jit(jax.grad(loss))(net.initial), jax.grad(loss)(net.initial), rtol=1e-9)

    def test_vmap_over_samples(self, text: str) -> None:
        net, x = layer(netlearn.parse(text)), points(text)
        y = jax.vmap(net, in_axes=(None, 0))(net.initial, x)
        np.testing.assert_allclose(y, net(net.initial, x), rtol=1e-9)

        def each(params: Any, row: Any) -> Any:
            return jnp.sum(net(params, row) ** 3)

        rows = jax.vmap(jax.grad(each, argnums=(0, 1)), in_axes=(None, 0))(net.initial, x)
        for k in range(len(x)):
            by_params, by_x = jax.grad(each, argnums=(0, 1))(net.initial, x[k])
            np.testing.assert_allclose(rows[0][k], by_params, rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(rows[1][k], by_x, rtol=1e-7, atol=1e-12)

        def whole(params: Any) -> Any:
            return jnp.sum(jax.vmap(each, in_axes=(None, 0))(params, x))

        np.testing.assert_allclose(jax.grad(whole)(net.initial), rows[0].sum(axis=0), rtol=1e-7)

    def test_vmap_over_parameters_and_both(self, text: str) -> None:
        net, x = layer(netlearn.parse(text)), points(text, samples=3)
        params = net.initial + 0.1 * jnp.asarray(np.random.default_rng(1).normal(size=(3, len(net.names))))
        by_params = jax.vmap(net, in_axes=(0, None))(params, x)
        assert by_params.shape == (3, 3, 3)
        both = jax.vmap(net)(params, x)
        for k in range(3):
            np.testing.assert_allclose(by_params[k], net(params[k], x), rtol=1e-8)
            np.testing.assert_allclose(both[k], net(params[k], x[k]), rtol=1e-8)
        table = jax.vmap(jax.vmap(net, in_axes=(None, 0)), in_axes=(0, None))(params, x)
        np.testing.assert_allclose(table, by_params, rtol=1e-8)

        def loss(p: Any, rows: Any) -> Any:
            return jnp.sum(net(p, rows) ** 2)

        found = jax.vmap(jax.grad(loss, argnums=(0, 1)), in_axes=(0, None))(params, x)
        for k in range(3):
            wanted = jax.grad(loss, argnums=(0, 1))(params[k], x)
            for part, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(part[k], other, rtol=1e-7, atol=1e-12)

    def test_single_precision_in_and_out(self, text: str) -> None:
        net, x = layer(netlearn.parse(text)), points(text)
        y = net(net.initial.astype(jnp.float32), x.astype(np.float32))
        assert y.dtype == jnp.float32
        np.testing.assert_allclose(y, net(net.initial, x), rtol=2e-5, atol=1e-7)
        slope = jax.grad(lambda p: jnp.sum(net(p, x.astype(np.float32))))(net.initial.astype(jnp.float32))
        assert slope.dtype == jnp.float32


def test_a_layer_trains_between_others_and_writes_a_netlist() -> None:
    net = layer(netlearn.parse(LINEAR.replace("*@train R* rr", "*@train R* rr min=100 max=1meg")))
    x = points(LINEAR, samples=20)
    wanted = jnp.asarray(x @ np.array([[0.5], [0.2]]) + 0.1)

    def loss(weights: Any) -> Any:
        hidden = net(weights["net"], jnp.tanh(x))
        return jnp.mean((hidden @ weights["w"] + weights["b"] - wanted) ** 2)

    weights = {"net": net.initial, "w": jnp.ones((3, 1)) * 0.1, "b": jnp.zeros(1)}
    slope = jax.jit(jax.value_and_grad(loss))
    first, _ = slope(weights)
    for _ in range(150):
        value, change = slope(weights)
        weights = jax.tree.map(lambda w, d: w - 0.2 * d, weights, change)
        weights["net"] = net.project(weights["net"])
    assert value < 0.1 * first
    values = net.values(weights["net"])
    assert list(values) == list(net.names)
    netlist = net.netlist(weights["net"])
    assert netlist["R1"].value == pytest.approx(values["r1"])
    again = netlearn.predict(netlist, np.tanh(x)).outputs
    np.testing.assert_allclose(again, net(weights["net"], jnp.tanh(x)), rtol=1e-9)


def test_bounds_are_those_of_the_netlist() -> None:
    net = layer(netlearn.parse(LINEAR.replace("*@train R* rr", "*@train R1 min=500 max=2k")))
    for far, ohms in ((100.0, 500.0), (-100.0, 2000.0)):
        assert net.values(net.project(net.initial + far))["r1"] == ohms
    assert net.netlist(net.initial)["R1"].value == 1000.0


@pytest.mark.parametrize(
    ("params", "x", "said"),
    [
        (np.zeros(7), np.zeros(3), r"the inputs have the shape \(3,\), not \(\.\.\., 2\) for \(V1,-V3\) V2"),
        (np.zeros(6), np.zeros(2), r"the parameters have the shape \(6,\), not \(7,\)"),
        (np.zeros(7), 1.0, r"the inputs have the shape \(\)"),
    ],
)
def test_shapes_that_do_not_fit(params: Any, x: Any, said: str) -> None:
    net = layer(netlearn.parse(LINEAR))
    for function in (net, jax.jit(net)):
        with pytest.raises(DataError, match=said):
            function(params, x)


def test_mistakes_are_named() -> None:
    with pytest.raises(OptionError, match="there is nothing to measure"):
        layer(netlearn.parse("* none\nV1 a 0 1\nR1 a 0 1k\n"))
    with pytest.raises(OptionError, match="coordinates cannot be 'ohms'"):
        layer(netlearn.parse(LINEAR), coordinates="ohms")  # type: ignore[arg-type]
    with pytest.raises(NetlearnError, match="V9"):
        layer(netlearn.parse(LINEAR), input=["V9", "V2"])


def test_no_operating_point_is_an_error_that_says_why() -> None:
    # 1 + a² = (V1 - a)/R1 has no solution at V1 = 0.
    net = layer(netlearn.parse("* parabola\n*@output V(a)\nV1 p 0 0\nR1 p a 1k\nB1 a 0 I=1+V(a)*V(a)\n"))
    with pytest.raises(Exception, match="no operating point found"):
        net(net.initial, jnp.zeros((1, 1))).block_until_ready()


def test_points_found_just_now_are_not_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Differentiable(netlearn.parse(DIODES))
    x = points(DIODES)
    function.forward(function.initial, x)
    monkeypatch.setattr(Model, "forward", lambda *_: pytest.fail("solved again"))
    function.pullback(function.initial, x, np.ones((4, 3)))
