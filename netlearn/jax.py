"""Netlists as differentiable functions in JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.differentiable import Coordinates, Differentiable
from netlearn.errors import NetlearnError
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import NetlistLike
from netlearn.solve.operating_point import Solver

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    raise NetlearnError("netlearn.jax needs JAX", hint="pip install 'netlearn[jax]'") from None


class JaxLayer:
    """y = layer(params, x): what a netlist's outputs are for trained values and inputs.

    ``params`` (P,) are the trained values in the coordinates of
    :class:`netlearn.differentiable.Differentiable`, ``x`` (..., p) the inputs and y (..., o) the
    outputs. Derivatives by both are exact, in reverse mode. ``jit`` and ``vmap`` over either
    argument work; samples are solved together, fastest as rows of one ``x``. The operating points
    are found on the host in double precision, and y has the precision of the arguments:
    ``jax.config.update("jax_enable_x64", True)`` gives all of it.
    """

    def __init__(self, function: Differentiable) -> None:
        self.function = function
        self._apply = _differentiated(function)

    def __call__(self, params: Any, x: Any) -> jax.Array:
        """Outputs (..., o). Raises DataError for shapes that do not fit."""
        params, x = jnp.asarray(params), jnp.asarray(x)
        self.function.check(params.shape, x.shape)
        dtype = jnp.result_type(params, x, jnp.float32)
        result: jax.Array = self._apply(params.astype(dtype), x.astype(dtype))
        return result

    def __reduce__(self) -> tuple[type[JaxLayer], tuple[Differentiable]]:
        """A copy, also in another process, is made anew of the function."""
        return JaxLayer, (self.function,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the P trained values."""
        return self.function.names

    @property
    def inputs(self) -> tuple[str, ...]:
        """What each of the p inputs drives."""
        return self.function.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """What each of the o outputs measures."""
        return tuple(self.function.outputs)

    @property
    def initial(self) -> jax.Array:
        """The params (P,) of the netlist as it is written."""
        return jnp.asarray(self.function.initial)

    def project(self, params: Any) -> jax.Array:
        """The nearest params within the bounds of ``*@train``."""
        params = jnp.asarray(params)
        return jnp.clip(params, self.function.lower.astype(params.dtype), self.function.upper.astype(params.dtype))

    def values(self, params: Any) -> Mapping[str, float]:
        """The trained values by name, in the netlist's units."""
        return self.function.values(np.asarray(params, dtype=float))

    def netlist(self, params: Any) -> Netlist:
        """The netlist with these values."""
        return self.function.netlist(np.asarray(params, dtype=float))


def layer(
    netlist: NetlistLike, *, coordinates: Coordinates = "log", solver: Solver | str | None = None, **settings: Any
) -> JaxLayer:
    """A netlist as a layer; the parameters are those of :class:`netlearn.differentiable.Differentiable`.

    Raises NetlearnError for what the user can mend.
    """
    return JaxLayer(Differentiable(netlist, coordinates=coordinates, solver=solver, **settings))


def _differentiated(function: Differentiable) -> Any:
    width = len(function.outputs)

    def solved(u: jax.Array, x: jax.Array) -> jax.Array:
        kind = jax.ShapeDtypeStruct((*x.shape[:-1], width), x.dtype)
        found: jax.Array = jax.pure_callback(forward, kind, u, x, vmap_method="expand_dims")
        return found

    def remembered(u: jax.Array, x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        return solved(u, x), (u, x)

    def pulled_back(arguments: tuple[jax.Array, jax.Array], slopes: jax.Array) -> Any:
        u, x = arguments
        kinds = jax.ShapeDtypeStruct(u.shape, u.dtype), jax.ShapeDtypeStruct(x.shape, x.dtype)
        return jax.pure_callback(backward, kinds, u, x, slopes, vmap_method="expand_dims")

    def forward(u: Any, x: Any) -> Array:
        u, x, batch = _together(u, x)
        dtype, x = x.dtype, x.astype(float)
        if u.ndim == 1:
            y = function.forward(u.astype(float), x.reshape(-1, x.shape[-1]))
        else:
            y = function.forward_each(*_rows(u, x, batch))
        return y.reshape(*x.shape[:-1], width).astype(dtype)

    def backward(u: Any, x: Any, slopes: Any) -> tuple[Array, Array]:
        u, x, batch = _together(u, x, slopes.shape[: u.ndim - 1])
        dtype, x = x.dtype, x.astype(float)
        shape = (*x.shape[:-1], width)
        slopes = np.broadcast_to(slopes, shape).astype(float).reshape(-1, width)
        if u.ndim == 1 and not batch:
            by_u, by_x = function.pullback(u.astype(float), x.reshape(-1, x.shape[-1]), slopes)
        else:
            each, by_x = function.pullback_each(*_rows(u, x, batch), slopes)
            samples = int(np.prod(x.shape[len(batch) : -1]))
            by_u = each.reshape(*batch, samples, each.shape[-1]).sum(axis=-2)
        return by_u.astype(dtype), by_x.reshape(x.shape).astype(dtype)

    apply = jax.custom_vjp(solved)
    apply.defvjp(remembered, pulled_back)
    return apply


def _together(u: Any, x: Any, more: tuple[int, ...] = ()) -> tuple[Array, Array, tuple[int, ...]]:
    """u, x and the axes that vmap has put before them; u (P,) alone where it is one for all."""
    u, x = np.asarray(u), np.asarray(x)
    axes = u.ndim - 1
    batch = np.broadcast_shapes(u.shape[:axes], x.shape[:axes], more)
    x = np.broadcast_to(x, (*batch, *x.shape[axes:]))
    return (u.reshape(u.shape[-1]) if u.size == u.shape[-1] else u), x, batch


def _rows(u: Array, x: Array, batch: tuple[int, ...]) -> tuple[Array, Array]:
    """u and x with a row for each sample."""
    axes = len(batch)
    lead = x.shape[axes:-1]
    u = u.astype(float) if u.ndim == 1 else u.astype(float).reshape(*u.shape[:-1], *(1,) * len(lead), u.shape[-1])
    rows = np.broadcast_to(u, (*batch, *lead, u.shape[-1])).reshape(-1, u.shape[-1])
    return rows, x.reshape(-1, x.shape[-1])
