"""A netlist as a function of its trained values and its inputs, with its derivatives by both."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import Any, Literal

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import DataError, OptionError
from netlearn.learn.adjoint import Adjoint
from netlearn.learn.model import Model
from netlearn.learn.samples import drive_of
from netlearn.learn.transforms import Transform
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import NetlistLike
from netlearn.project import open_project
from netlearn.signature import signature_of
from netlearn.solve.operating_point import OperatingPoint, Solver

REMEMBERED = 8
"""How many operating points are kept for the derivatives that are asked for next: by convention, as a derivative is
mostly asked for right after its values, and line searches go back by a few."""

Coordinates = Literal["log", "conductance", "resistance", "value"]


class Differentiable:
    """y = f(u, x): outputs (S, o) of a netlist with trained values u (P,) at inputs x (S, p).

    Parameters
    ----------
    netlist : a netlist or the path of one.
    coordinates : what u is of a resistance: "log", the logarithm of the conductance in siemens;
        "conductance" or "resistance", relative to the mean of all; or "value", the netlist's own
        number. Other parameters are relative to their size, or their own numbers for "value".
    solver : what finds operating points; the internal solver by its method, such as "hybrid", or a solver.
    settings : as for ``train``; of use here are ``input``, ``output``, ``train`` and ``fix``.

    Derivatives are those of the adjoint method (Director and Rohrer, 1969), exact at the operating
    point. Raises NetlearnError for what the user can mend.
    """

    def __init__(
        self,
        netlist: NetlistLike,
        *,
        coordinates: Coordinates = "log",
        solver: Solver | str | None = None,
        **settings: Any,
    ) -> None:
        if coordinates not in ("log", "conductance", "resistance", "value"):
            raise OptionError(f"coordinates cannot be '{coordinates}'", hint="log, conductance, resistance or value")
        opened = open_project(netlist, None, solver, settings)
        self._project, self._unnamed = signature_of(opened)
        parameters = self._project.parameters
        self.names = tuple(parameters.names)
        self.outputs = self._project.layout.outputs
        self.inputs = tuple(self._unnamed.words)
        self._own = coordinates == "value"
        self._transform = Transform.of(
            parameters, "log" if coordinates == "value" else coordinates, self._project.design.parameter_place
        )
        self._model = self._project.model
        places = {name.lower(): j for j, name in enumerate(self._project.layout.inputs)}
        self._spread = np.zeros((len(self.inputs), len(places)))
        for i, word in enumerate(self.inputs):
            for name, sign in drive_of(word):
                self._spread[i, places[name.lower()]] = sign
        self._points: OrderedDict[tuple[bytes, bytes], tuple[Array, OperatingPoint]] = OrderedDict()
        self._lock = Lock()

    @property
    def initial(self) -> Array:
        """u (P,) of the netlist as it is written."""
        return np.array(self._project.parameters.initial if self._own else self._transform.start, dtype=float)

    @property
    def lower(self) -> Array:
        """The lower bounds (P,) of u."""
        return np.array(self._transform.bounds[0] if self._own else self._transform.lower)

    @property
    def upper(self) -> Array:
        """The upper bounds (P,) of u."""
        return np.array(self._transform.bounds[1] if self._own else self._transform.upper)

    def values(self, u: Array) -> Mapping[str, float]:
        """The trained values by name, in the netlist's units."""
        return dict(zip(self.names, self._theta(np.asarray(u, dtype=float)).tolist(), strict=True))

    def netlist(self, u: Array) -> Netlist:
        """The netlist with the values of u, within their bounds."""
        inside = np.clip(np.asarray(u, dtype=float), self.lower, self.upper)
        return self._project.design.write(self._project.parameters, self._theta(inside))

    def forward(self, u: Array, x: Array) -> Array:
        """y (S, o) at u (P,) and x (S, p). Raises NetlearnError where there is no operating point."""
        if not len(x):
            return np.zeros((0, len(self.outputs)))
        return self._model.outputs(self._solved(u, x)[1])

    def pullback(self, u: Array, x: Array, slopes: Array) -> tuple[Array, Array]:
        """From derivatives (S, o) by y to derivatives by u, summed over samples, and by x: (P,) and (S, p)."""
        if not len(x):
            return np.zeros(len(self.names)), np.zeros(x.shape)
        theta, point = self._solved(u, x)
        adjoint = Adjoint(self._model, theta, x @ self._spread, point, slopes)
        by_theta = adjoint.by_parameters()
        return self._by_u(theta, by_theta), np.ascontiguousarray(adjoint.by_inputs() @ self._spread.T)

    def forward_each(self, u: Array, x: Array) -> Array:
        """y (S, o) with values of their own for each sample: u (S, P), x (S, p)."""
        if not len(x):
            return np.zeros((0, len(self.outputs)))
        return self._each.outputs(self._each.forward(np.zeros(0), self._together(u, x)))

    def pullback_each(self, u: Array, x: Array, slopes: Array) -> tuple[Array, Array]:
        """From derivatives (S, o) by y to derivatives by u and by x, each sample's: (S, P) and (S, p)."""
        if not len(x):
            return np.zeros((0, len(self.names))), np.zeros(x.shape)
        model, both = self._each, self._together(u, x)
        slope = Adjoint(model, np.zeros(0), both, model.forward(np.zeros(0), both), slopes).by_inputs()
        by_inputs, by_theta = slope[:, : self._spread.shape[1]], slope[:, self._spread.shape[1] :]
        theta = both[:, self._spread.shape[1] :]
        each = [self._by_u(row, derivative) for row, derivative in zip(theta, by_theta, strict=True)]
        return np.array(each).reshape(theta.shape), by_inputs @ self._spread.T

    def check(self, parameters: tuple[int, ...], inputs: tuple[int, ...]) -> None:
        """Raise DataError where arrays of these shapes cannot be u and x."""
        if not parameters or parameters[-1] != len(self.names):
            raise DataError(f"the parameters have the shape {parameters}, not ({len(self.names)},)")
        if not inputs or inputs[-1] != len(self.inputs):
            said = " ".join(self.inputs)
            raise DataError(f"the inputs have the shape {inputs}, not (..., {len(self.inputs)}) for {said}")

    @cached_property
    def _each(self) -> Model:
        """The circuit as a function of its inputs and its trained values, which then are inputs too."""
        layout = self._project.layout
        return self._project.model_of(replace(layout, inputs=(*layout.inputs, *self.names)))

    def _together(self, u: Array, x: Array) -> Array:
        theta = np.array([self._theta(row) for row in u]).reshape(u.shape)
        return np.concatenate([x @ self._spread, theta], axis=1)

    def _theta(self, u: Array) -> Array:
        return u if self._own else self._transform.outward(u)

    def _by_u(self, theta: Array, by_theta: Array) -> Array:
        return by_theta if self._own else self._transform.gradient(theta, by_theta)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy, also in another process, begins with: all but the points that were found just now."""
        return {**vars(self), "_points": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=Lock())

    def _solved(self, u: Array, x: Array) -> tuple[Array, OperatingPoint]:
        """θ and the operating points, from memory if they were found just now."""
        key = u.tobytes(), x.tobytes()
        with self._lock:
            found = self._points.get(key)
        if found is None:
            theta = self._theta(u)
            found = theta, self._model.forward(theta, x @ self._spread)
            with self._lock:
                self._points[key] = found
                while len(self._points) > REMEMBERED:
                    self._points.popitem(last=False)
        return found
