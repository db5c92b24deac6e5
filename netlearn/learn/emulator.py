"""A small network that stands for a circuit: outputs from values and inputs, with derivatives by both."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from netlearn.arrays import Array
from netlearn.errors import NetlearnError, OptionError
from netlearn.memory import in_words, most
from netlearn.solve.threads import one_thread


@dataclass(frozen=True)
class Emulator:
    """A layer of products, and a perceptron of tanh units for what that leaves, both trained by scikit-learn.

    The ``values`` (n, P) and ``inputs`` (n, p) are taken over ``scale`` from ``centre`` on, the values first. The layer
    of products ``linear`` (p + P + P p, o) is linear in inputs, in values and in the product of each two: what is
    left of any circuit that is linear in its inputs, near the values where it is. The ``weights`` (a, b) and ``biases``
    (b,) of the perceptron stand for the rest. What comes out is times ``size`` and ``shift`` more: outputs (n, o).
    """

    linear: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    centre: Array
    scale: Array
    shift: Array
    size: Array

    @classmethod
    def trained(cls, values: Array, inputs: Array, outputs: Array, hidden: Sequence[int], seed: int) -> Emulator:
        """The network that gives ``outputs`` (n, o), its perceptron from a random beginning.

        Raises NetlearnError where scikit-learn is not installed, and OptionError for what does not fit into memory.
        """
        many, driven = values.shape[1], inputs.shape[1]
        needed = 8 * 4 * len(values) * (driven + many + many * driven)
        if needed > most():
            raise OptionError(
                f"an emulator of {many} values and {driven} inputs takes {in_words(needed)} for {len(values)} measured "
                f"samples, and at most {in_words(most())} are taken on this machine",
                hint="make pairs smaller, train fewer values, or take rule spsa",
            )
        ridge, perceptron = _sklearn("linear_model").RidgeCV, _sklearn("neural_network").MLPRegressor
        both = np.concatenate([values, inputs], axis=1)
        centre, scale = both.mean(axis=0), _spread(both)
        u, x = np.split((both - centre) / scale, [values.shape[1]], axis=1)
        # Threads of BLAS lose time on matrices of this size, and sums come out in an order that may change.
        with one_thread(), warnings.catch_warnings():
            # A perceptron that has not converged is as good as it is.
            warnings.simplefilter("ignore")
            found = ridge(alphas=RIDGES).fit(_products(u, x), outputs)
            linear = np.asarray(found.coef_, dtype=float).reshape(outputs.shape[1], -1).T
            shift = np.broadcast_to(np.asarray(found.intercept_, dtype=float), outputs.shape[1:])
            rest = outputs - _products(u, x) @ linear - shift
            size = _spread(rest)
            network = perceptron(
                hidden_layer_sizes=tuple(hidden), activation="tanh", solver="lbfgs", alpha=ALPHA, max_iter=STEPS,
                random_state=seed, tol=1e-6,
            )  # fmt: skip
            network.fit(np.concatenate([u, x], axis=1), rest[:, 0] / size if rest.shape[1] == 1 else rest / size)
        layers = (tuple(np.asarray(v, dtype=float) for v in each) for each in (network.coefs_, network.intercepts_))
        weights, biases = layers
        return cls(linear, weights, biases, centre, scale, np.array(shift), size)

    def outputs(self, values: Array, inputs: Array) -> Array:
        """(n, o)."""
        u, x = self._scaled(values, inputs)
        return np.asarray(_products(u, x) @ self.linear + self.shift + self._layers(u, x)[-1] * self.size)

    def pullback(self, values: Array, inputs: Array, errors: Array) -> Array:
        """Σ_j errors_j ∂y_j/∂value of each sample, (n, P), for errors (n, o)."""
        u, x = self._scaled(values, inputs)
        *below, _ = self._layers(u, x)
        back = errors * self.size
        for weights, active in zip(self.weights[:0:-1], below[::-1], strict=True):
            back = (back @ weights.T) * (1.0 - active**2)
        many, driven = u.shape[1], x.shape[1]
        alone, mixed = self.linear[driven : driven + many], self.linear[driven + many :]
        by_value = (back @ self.weights[0].T)[:, :many] + errors @ alone.T
        by_value += np.einsum("kjo,sj,so->sk", mixed.reshape(many, driven, errors.shape[1]), x, errors)
        return np.asarray(by_value / self.scale[:many])

    def _scaled(self, values: Array, inputs: Array) -> tuple[Array, Array]:
        both = (np.concatenate([values, inputs], axis=1) - self.centre) / self.scale
        return both[:, : values.shape[1]], both[:, values.shape[1] :]

    def _layers(self, u: Array, x: Array) -> list[Array]:
        """What each layer of the perceptron gives; the last one is linear."""
        found, value = [], np.concatenate([u, x], axis=1)
        for k, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            value = value @ weights + bias
            if k < len(self.weights) - 1:
                value = np.tanh(value)
            found.append(value)
        return found

    def memory(self, name: str) -> dict[str, Array]:
        """The arrays by names that begin with ``name``."""
        layers = {f"{name}.w{k}": value for k, value in enumerate(self.weights)}
        layers |= {f"{name}.b{k}": value for k, value in enumerate(self.biases)}
        return layers | {f"{name}.{part}": getattr(self, part) for part in _PARTS}

    @classmethod
    def of(cls, memory: Mapping[str, Array], name: str, widths: tuple[int, int, int]) -> Emulator | None:
        """The network of such arrays for P values, p inputs and o outputs, None where there is none.

        Raises ValueError for what is no such network, and KeyError where a part is missing.
        """
        count = sum(key.startswith(f"{name}.w") for key in memory)
        if not count:
            return None
        weights, biases = (tuple(memory[f"{name}.{letter}{k}"] for k in range(count)) for letter in "wb")
        found = cls(weights=weights, biases=biases, **{part: memory[f"{name}.{part}"] for part in _PARTS})
        many, driven, outputs = widths
        layers = [many + driven, *(bias.size for bias in biases)]
        shapes: list[tuple[Array, tuple[int, ...]]] = [
            (w, (a, b)) for w, a, b in zip(weights, layers[:-1], layers[1:], strict=True)
        ]
        shapes += [(bias, (bias.size,)) for bias in biases]
        shapes += [(found.centre, (many + driven,)), (found.scale, (many + driven,))]
        shapes += [(found.shift, (outputs,)), (found.size, (outputs,)), (biases[-1], (outputs,))]
        shapes += [(found.linear, (many + driven + many * driven, outputs))]
        for value, shape in shapes:
            if value.dtype != np.float64 or value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"a part of the emulator is of shape {value.shape}, not finite of {shape}")
        if (found.scale <= 0).any() or (found.size <= 0).any():
            raise ValueError("a scale of the emulator is not above zero")
        return found


ALPHA = 1.0
"""scikit-learn's weight of the squares of the perceptron's weights: emulators of networks with diodes that have seen
100 settings err 1.7, 1.5, 1 and 1.6 times as much with 0.1, 1, 10 and 100 (n = 5)
(benchmarks/constants_of_learning.py), but from 60 samples with 10 they learn products alone
(tests/learn/rules/test_emulated.py)."""
STEPS = 200
"""Most iterations of L-BFGS for one training: scikit-learn's default; with half and with twice as many emulators of
networks with diodes err 0.86 and 1.0 times as much (factors 1.2 and 1.1, n = 5)
(benchmarks/constants_of_learning.py)."""
RIDGES = tuple(10.0**k for k in range(-6, 4))
"""Weights of the squares of the layer of products, of which cross-validation chooses: decades about what it does
choose, as emulators of networks with diodes are the same from 1e-2 on and up to 0.1 (n = 5)
(benchmarks/constants_of_learning.py)."""
_PARTS = ("linear", "centre", "scale", "shift", "size")


def _products(u: Array, x: Array) -> Array:
    """Inputs, values, and the products of each two, (n, p + P + P p)."""
    return np.concatenate([x, u, (u[:, :, None] * x[:, None, :]).reshape(len(u), -1)], axis=1)


def _sklearn(module: str) -> Any:
    try:
        return import_module(f"sklearn.{module}")
    except ImportError:
        raise NetlearnError("an emulator needs scikit-learn", hint="pip install 'netlearn[sklearn]'") from None


def _spread(values: Array) -> Array:
    spread = values.std(axis=0)
    return np.where(spread > 0, spread, 1.0)
