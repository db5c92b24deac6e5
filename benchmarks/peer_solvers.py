"""What ``peers.py`` measures netlearn against, where the peer is an algorithm and not a package."""

from __future__ import annotations

import ctypes.util
import time
from itertools import pairwise
from typing import Any

import numpy as np
from peer_circuits import Layered, TextCircuit
from scipy import sparse
from scipy.sparse.linalg import spsolve

from netlearn.arrays import Array


class FastDrn:
    """Coordinate descent by layers (B. Scellier, A fast algorithm to simulate nonlinear resistive networks, ICML 2024).

    A layer's nodes are not joined to each other, so that with the others held each goes to the mean of its
    neighbours' voltages, weighed by conductance, and no further than its diode lets it. ``sweeps`` of that are one
    state. The gradient is that of equilibrium propagation, centered: of each conductance (Δv)²/2, the mean over
    samples. As published that is an array over samples and elements; with ``products`` it comes from matrix products.
    """

    def __init__(self, network: Layered, sweeps: int, dtype: Any, *, products: bool) -> None:
        self.sweeps, self.products, sizes = sweeps, products, network.sizes
        shapes = list(pairwise(sizes))
        parts = np.split(1.0 / network.theta, np.cumsum([a * b for a, b in shapes])[:-1])
        self.g = [part.reshape(shape).astype(dtype) for part, shape in zip(parts, shapes, strict=True)]
        self.inputs, self.targets = network.inputs.astype(dtype), network.targets.astype(dtype)
        self.resistance = network.theta
        hidden = np.split(network.rising, np.cumsum(sizes[1:-1])[:-1])
        self.low = [np.where(rising, 0.0, -np.inf).astype(dtype) for rising in hidden]
        self.high = [np.where(rising, np.inf, 0.0).astype(dtype) for rising in hidden]

    def state(self, start: list[Array] | None, beta: float) -> list[Array]:
        """The layers' voltages, outputs pulled towards their targets by ``beta`` siemens."""
        g, depth, batch = self.g, len(self.g), len(self.inputs)
        if start is None:
            start = [self.inputs, *(np.zeros((batch, part.shape[1]), part.dtype) for part in g)]
        v = list(start)
        for _ in range(self.sweeps):
            for layer in range(1, depth + 1):
                pull, total = v[layer - 1] @ g[layer - 1], g[layer - 1].sum(axis=0)
                if layer < depth:
                    pull, total = pull + v[layer + 1] @ g[layer].T, total + g[layer].sum(axis=1)
                    v[layer] = np.clip(pull / total, self.low[layer - 1], self.high[layer - 1])
                else:
                    v[layer] = (pull + beta * self.targets) / (total + beta)
        return v

    def gradient(self, strength: float) -> Array:
        """The derivative of the mean squared error by each resistance; ``strength`` is β over the outputs' own g."""
        beta = strength * float(self.g[-1].sum(axis=0).mean())
        free = self.state(None, 0.0)
        up, down = self.state(free, beta), self.state(free, -beta)
        parts = []
        for layer in range(len(self.g)):
            ends = [(state[layer], state[layer + 1]) for state in (up, down)]
            parts.append((self._energy(*ends[0]) - self._energy(*ends[1])).ravel())
        by_conductance = np.concatenate(parts) / (2.0 * beta)
        # The nudge β (y - t)² / 2 is half of the outputs' squared error, whose mean over outputs Mse takes.
        scale = 2.0 / self.targets.shape[1]
        return -scale * by_conductance / self.resistance**2

    def _energy(self, before: Array, after: Array) -> Array:
        if not self.products:
            return 0.5 * ((before[:, :, None] - after[:, None, :]) ** 2).mean(axis=0)
        own, other = (before * before).mean(axis=0), (after * after).mean(axis=0)
        return 0.5 * (own[:, None] + other) - before.T @ after / len(before)


class JaxNewton:
    """Newton's method with dense Jacobians on a lattice with diodes, all samples by vmap, with an adjoint."""

    def __init__(self, circuit: TextCircuit) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        edges, g = circuit.details["edges"], 1.0 / circuit.details["resistances"]
        count = int(edges.max()) + 1
        p, n = edges.T
        laplacian = np.zeros((count, count))
        for rows, columns, sign in ((p, p, 1), (n, n, 1), (p, n, -1), (n, p, -1)):
            np.add.at(laplacian, (rows, columns), sign * g)
        drive = np.zeros((count, 2))
        drive[0, 0] = drive[-1, 1] = 0.01
        matrix, drive = jnp.asarray(laplacian + np.diag(drive.sum(axis=1))), jnp.asarray(drive)
        vt, saturation = 1.38064852e-23 * 300.15 / 1.6021766208e-19, 1e-14

        def current(x: Any) -> Any:
            return saturation * (jnp.exp(jnp.clip(x / vt, -50.0, 80.0)) - 1.0) + 1e-12 * x

        def residual(x: Any, volts: Any) -> Any:
            return matrix @ x + current(x) - drive @ volts

        jacobian = jax.jacfwd(residual)

        def solve(volts: Any) -> Any:
            def step(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
                x, _, k = state
                change = jnp.linalg.solve(jacobian(x, volts), residual(x, volts))
                # Steps up the exponential are cut, as SPICE cuts them.
                return x - jnp.clip(change, -0.1, 0.1), jnp.abs(change).max(), k + 1

            def going(state: tuple[Any, Any, Any]) -> Any:
                return (state[1] > 1e-10) & (state[2] < 200)

            return jax.lax.while_loop(going, step, (jnp.zeros(count), jnp.inf, 0))[0]

        def both(volts: Any) -> tuple[Any, Any]:
            x = solve(volts)
            return x, jnp.linalg.solve(jacobian(x, volts).T, jnp.ones(count))

        self._solve, self._both = jax.jit(jax.vmap(solve)), jax.jit(jax.vmap(both))

    def solve(self, drive: Array) -> Array:
        return np.asarray(self._solve(drive))

    def gradient(self, drive: Array) -> tuple[Array, Array]:
        x, adjoint = self._both(drive)
        return np.asarray(x), np.asarray(adjoint)


def crossbar_currents(resistances: Array, wire: float, volts: Array) -> Array:
    """Column currents (S, columns) from the equations of all wires' nodes and one call of scipy, badcrossbar's way."""
    rows, columns = resistances.shape
    count = rows * columns
    word = np.arange(count).reshape(rows, columns)
    bit, g = word + count, 1.0 / wire
    p = np.concatenate([word[:, :-1].ravel(), bit[:-1].ravel(), word.ravel()])
    n = np.concatenate([word[:, 1:].ravel(), bit[1:].ravel(), bit.ravel()])
    conductance = np.concatenate([np.full(2 * count - rows - columns, g), 1.0 / resistances.ravel()])
    diagonal = np.zeros(2 * count)
    np.add.at(diagonal, p, conductance)
    np.add.at(diagonal, n, conductance)
    diagonal[word[:, 0]] += g
    diagonal[bit[-1]] += g
    places, own = (np.concatenate([p, n]), np.concatenate([n, p])), np.arange(2 * count)
    entries = np.concatenate([-conductance, -conductance, diagonal])
    at = np.concatenate([places[0], own]), np.concatenate([places[1], own])
    matrix = sparse.coo_array((entries, at), shape=(2 * count, 2 * count)).tocsc()
    right = np.zeros((2 * count, len(volts)))
    right[word[:, 0]] = volts.T * g
    return np.asarray(spsolve(matrix, right)[bit[-1]] * g).T


def load_ngspice() -> Any:
    """The library through PySpice. Raises ImportError or OSError."""
    import logging

    logging.disable(logging.WARNING)
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

    NgSpiceShared.LIBRARY_PATH = ctypes.util.find_library("ngspice")
    if NgSpiceShared.LIBRARY_PATH is None:
        raise OSError("libngspice is not installed")
    return NgSpiceShared.new_instance()


def alter_loop(library: Any, circuit: TextCircuit, drive: Array) -> tuple[float, dict[str, float]]:
    """Seconds for each sample by ``alter`` and ``op``, and the node voltages of the last one, at close tolerances."""
    library.load_circuit(circuit.text)

    def point(row: Array) -> None:
        for name, volts in zip(circuit.inputs, row.tolist(), strict=True):
            library.exec_command(f"alter {name} = {volts!r}")
        library.exec_command("op")

    begun = time.process_time()
    for row in drive:
        point(row)
        library.exec_command("destroy all")
    seconds = (time.process_time() - begun) / len(drive)
    library.exec_command("option reltol=1e-9 vntol=1e-12 abstol=1e-15")
    library.exec_command("op")
    plot = library.plot(None, library.last_plot)
    names = [name for name in circuit.circuit.nodes if name in plot or f"V({name})" in plot]
    voltages = {name: float(plot[name if name in plot else f"V({name})"]._data[0]) for name in names}
    library.exec_command("destroy all")
    library.exec_command("remcirc")
    return seconds, voltages
