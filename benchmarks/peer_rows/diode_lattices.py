"""Lattices with a diode at each node: operating points of many samples, and the gradient of a mean squared error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import netlearn
from netlearn.circuit.devices.junction import thermal_voltage
from netlearn.learn.loss import Mse
from netlearn.learn.rules import make_rule
from netlearn.learn.rules.base import Batch
from netlearn.project import open_project
from peer_rows.rows import Row, agree, beside

SATURATION = 1e-14
VT = float(thermal_voltage(300.15))
GOALS = {"op": 20.0, "op with gradient": 50.0}


class DiodeLattice:
    """``side`` x ``side`` nodes, a resistor between neighbours, a diode from each to ground, two corners driven.

    The output is the voltage of a third corner. Gradients are by conductance or by resistance, as a peer has them.
    """

    def __init__(self, side: int, samples: int) -> None:
        rng = np.random.default_rng(0)
        self.side, self.count, self.samples = side, side * side, samples
        number = np.arange(self.count).reshape(side, side)
        pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
        self.a, self.b = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
        self.ohms = rng.uniform(100, 1000, len(self.a))
        self.volts, self.wanted = rng.uniform(0, 1, (samples, 2)), rng.uniform(0, 0.5, samples)
        self.driven, self.read = (0, self.count - 1), side - 1
        edges = enumerate(zip(self.a, self.b, self.ohms, strict=True))
        self.lines = [
            "diode lattice",
            *(f"V{k} n{node} 0 0" for k, node in enumerate(self.driven)),
            *(f"R{k} n{p} n{q} {float(r)!r}" for k, (p, q, r) in edges),
            *(f"D{i} n{i} 0 dm" for i in range(self.count)),
            f".model dm d(is={SATURATION!r})",
        ]
        output = f"V(n{self.read})"
        columns = {"V0": self.volts[:, 0], "V1": self.volts[:, 1], output: self.wanted}
        project = open_project(netlearn.parse("\n".join([*self.lines, f"*@output {output}", ".end"])), columns)
        self.model, self.theta, self.rule = project.model, project.parameters.initial, make_rule("analytic")

    def values(self) -> Any:
        """netlearn's outputs (samples,) in volts."""
        return self.model.outputs(self.model.forward(self.theta, self.volts))[:, 0]

    def gradient(self) -> Any:
        """netlearn's gradient by the resistances, from operating points that are found anew."""
        batch = Batch(self.volts, self.wanted[:, None])
        return self.rule.estimate(self.model, Mse(), self.theta, batch, np.random.default_rng(0)).gradient

    def rows(
        self,
        peer: str,
        least: float,
        most: float,
        *,
        values: Callable[[], Any],
        gradient: Callable[[], Any] | None = None,
        adjoint: str = "",
    ) -> Iterator[Row]:
        """A row for the operating points, and one for the gradient by the resistances where the peer has one.

        ``most`` is how far voltages may be apart, in volts.
        """
        work = f"lattice {self.side}×{self.side}, a diode at each node, {self.samples:,} samples, "
        said = agree(peer, float(np.abs(self.values() - np.asarray(values())).max()), most)
        yield Row(f"{work}op", peer, beside(self.values, values, least), said, GOALS["op"])
        if gradient is None:
            return
        one, other = self.gradient(), np.asarray(gradient())
        cosine = float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
        said = f"1 - cosine {agree(peer, 1.0 - cosine, 1e-6)}"
        ratio = beside(self.gradient, gradient, least)
        yield Row(f"{work}op with gradient", f"{peer}, {adjoint}", ratio, said, GOALS["op with gradient"])


def lattices(quick: bool, samples: int, *sides: int) -> Iterator[DiodeLattice]:
    """Of these sizes with so many samples, or a small one with few."""
    for side in (5,) if quick else sides:
        yield DiodeLattice(side, 20 if quick else samples)


def dense_newton(least: float, *, quick: bool) -> Iterator[Row]:
    """A dense Newton with its adjoint, in JAX."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def functions(lattice: DiodeLattice) -> dict[str, Callable[[], Any]]:
        count, a, b = lattice.count, lattice.a, lattice.b
        free = np.setdiff1d(np.arange(count), lattice.driven)
        place = np.argsort(np.concatenate([free, lattice.driven]))

        def laplacian(g: Any) -> Any:
            zero = jnp.zeros((count, count))
            return zero.at[a, a].add(g).at[b, b].add(g).at[a, b].add(-g).at[b, a].add(-g)

        def kirchhoff(v: Any, r: Any, held: Any) -> Any:
            whole = jnp.concatenate([v, held])[place]
            diodes = SATURATION * jnp.expm1(jnp.minimum(whole / VT, 80.0)) + 1e-12 * whole
            return (laplacian(1 / r) @ whole + diodes)[free]

        @jax.custom_vjp
        def solve(r: Any, held: Any) -> Any:
            def step(state: Any) -> Any:
                v, _, steps = state
                move = jnp.linalg.solve(jax.jacfwd(kirchhoff)(v, r, held), kirchhoff(v, r, held))
                # Small steps keep exponentials from running away.
                move = jnp.clip(move, -0.3, 0.3)
                return v - move, jnp.abs(move).max(), steps + 1

            going = (jnp.full(len(free), 0.3), jnp.inf, 0)
            return jax.lax.while_loop(lambda s: (s[1] > 1e-9) & (s[2] < 100), step, going)[0]

        def forward(r: Any, held: Any) -> Any:
            v = solve(r, held)
            return v, (v, r, held)

        def backward(kept: Any, towards: Any) -> Any:
            v, r, held = kept
            adjoint = jnp.linalg.solve(jax.jacfwd(kirchhoff)(v, r, held).T, towards)
            return jax.vjp(lambda r: kirchhoff(v, r, held), r)[1](-adjoint)[0], jnp.zeros_like(held)

        solve.defvjp(forward, backward)
        read, drives = int(np.searchsorted(free, lattice.read)), jnp.asarray(lattice.volts)
        value = jax.jit(lambda r: jax.vmap(solve, (None, 0))(r, drives)[:, read])
        gradient = jax.jit(jax.grad(lambda r: jnp.mean((value(r) - lattice.wanted) ** 2)))
        return {
            "values": lambda: value(lattice.ohms).block_until_ready(),
            "gradient": lambda: gradient(lattice.ohms).block_until_ready(),
        }

    for lattice in lattices(quick, 200, 6, 10):
        yield from lattice.rows("dense Newton in JAX", least, 1e-7, **functions(lattice), adjoint="adjoint")


def beside_circulax(least: float, *, quick: bool) -> Iterator[Row]:
    """circulax with the backend that it takes by itself, all samples by ``vmap`` in one compiled function."""
    from importlib.metadata import version

    import equinox
    import jax
    import jax.numpy as jnp
    from circulax import compile_circuit
    from circulax.components.electronic import Diode, Resistor, VoltageSource

    jax.config.update("jax_enable_x64", True)

    def functions(lattice: DiodeLattice) -> dict[str, Callable[[], Any]]:
        resistors = {f"R{k}": {"component": "r", "settings": {"R": float(r)}} for k, r in enumerate(lattice.ohms)}
        diode = {"component": "d", "settings": {"Is": SATURATION, "Vt": VT}}
        parts = {"GND": {"component": "ground"}} | resistors | {f"D{i}": diode for i in range(lattice.count)}
        parts |= {f"V{k}": {"component": "v", "settings": {"V": 0.0}} for k in range(2)}
        # The first end at a node stands for it, the diode's.
        nets = [("GND,p1", f"{name},p2") for name in parts if name[0] in "DV"]
        nets += [(f"D{node},p1", f"V{k},p1") for k, node in enumerate(lattice.driven)]
        for end, nodes in (("p1", lattice.a), ("p2", lattice.b)):
            nets += [(f"D{node},p1", f"R{k},{end}") for k, node in enumerate(nodes)]
        netlist = {"instances": parts, "nets": [{"p1": one, "p2": other} for one, other in nets]}
        circuit = compile_circuit(netlist, {"r": Resistor, "d": Diode, "v": VoltageSource})
        read, start = circuit.port_map[f"D{lattice.read},p1"], jnp.zeros(circuit.sys_size)
        ohms, drives = jnp.asarray(lattice.ohms), jnp.asarray(lattice.volts)

        def output(r: Any, v: Any) -> Any:
            groups = dict(circuit.groups)
            groups["r"] = equinox.tree_at(lambda group: group.params.R, groups["r"], r)
            groups["v"] = equinox.tree_at(lambda group: group.params.V, groups["v"], v)
            return circuit.solver.solve_dc(groups, start)[read]

        value = jax.jit(lambda r: jax.vmap(output, (None, 0))(r, drives))
        gradient = jax.jit(jax.grad(lambda r: jnp.mean((value(r) - lattice.wanted) ** 2)))
        return {
            "values": lambda: value(ohms).block_until_ready(),
            "gradient": lambda: gradient(ohms).block_until_ready(),
        }

    for lattice in lattices(quick, 1000, 6, 10, 16):
        found = functions(lattice)
        if lattice.side > 10:
            # It asks for more than 20 GB.
            del found["gradient"]
        yield from lattice.rows(
            f"circulax {version('circulax')}", least, 1e-5, **found, adjoint="its own gradient by JAX"
        )


def beside_neospice(least: float, *, quick: bool) -> Iterator[Row]:
    """neospice, which keeps its symbolic factorization when sources change, and its adjoint sensitivities."""
    import neospice

    simulator = neospice.Simulator()

    def functions(lattice: DiodeLattice) -> dict[str, Callable[[], Any]]:
        circuit = simulator.parse("\n".join([*lattice.lines, ".op", ".end"]))
        node, names = f"n{lattice.read}", [f"R{k}" for k in range(len(lattice.ohms))]

        def drive(volts: Any) -> None:
            for k, value in enumerate(volts.tolist()):
                circuit.update_param(f"V{k}", value)

        def values() -> Any:
            found = []
            for volts in lattice.volts:
                drive(volts)
                found.append(simulator.re_solve(circuit).voltage(node))
            return np.array(found)

        def gradient() -> Any:
            total = np.zeros(len(names))
            for volts, wanted in zip(lattice.volts, lattice.wanted, strict=True):
                drive(volts)
                found = simulator.sensitivity(circuit, [f"v({node})"], names)
                total += 2.0 * (found.values[0] - wanted) * np.asarray(found.jacobian[0])
            return total / lattice.samples

        return {"values": values, "gradient": gradient}

    for lattice in lattices(quick, 1000, 6, 10, 16):
        yield from lattice.rows(
            f"neospice {neospice.__version__}", least, 1e-5, **functions(lattice), adjoint="its adjoint sensitivities"
        )


def beside_pyspice(least: float, *, quick: bool) -> Iterator[Row]:
    """PySpice as its guide shows it: a circuit of objects, and ``operating_point()`` for each sample."""
    import ctypes.util
    import logging

    from PySpice.Spice.Netlist import Circuit
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

    path = ctypes.util.find_library("ngspice")
    if path is None:
        raise ImportError("libngspice is not installed")
    NgSpiceShared.LIBRARY_PATH = path
    logging.disable()

    def values(lattice: DiodeLattice) -> Callable[[], Any]:
        circuit = Circuit("diode lattice")
        circuit.model("dm", "D", IS=SATURATION)
        sources = [circuit.V(k, f"n{node}", circuit.gnd, 0.0) for k, node in enumerate(lattice.driven)]
        for k, (p, q, r) in enumerate(zip(lattice.a, lattice.b, lattice.ohms, strict=True)):
            circuit.R(k, f"n{p}", f"n{q}", float(r))
        for i in range(lattice.count):
            circuit.D(i, f"n{i}", circuit.gnd, model="dm")
        simulator = circuit.simulator(temperature=27, nominal_temperature=27)

        def all_samples() -> Any:
            found = []
            for volts in lattice.volts:
                for source, value in zip(sources, volts, strict=True):
                    source.dc_value = float(value)
                found.append(float(simulator.operating_point()[f"n{lattice.read}"][0]))
            return np.array(found)

        return all_samples

    for lattice in lattices(quick, 200, 6, 10):
        yield from lattice.rows("PySpice, operating_point() in a loop", least, 1e-5, values=values(lattice))
