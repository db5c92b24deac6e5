"""Netlists as layers in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netlearn.differentiable import Coordinates, Differentiable
from netlearn.errors import NetlearnError
from netlearn.netlist.netlist import Netlist
from netlearn.overrides import NetlistLike
from netlearn.solve.operating_point import Solver

try:
    import torch
    from torch.autograd.function import once_differentiable
except ImportError:
    raise NetlearnError("netlearn.torch needs PyTorch", hint="pip install torch") from None


class _Apply(torch.autograd.Function):
    """The operating points on the host in double precision, and their adjoint."""

    @staticmethod
    def forward(ctx: Any, params: torch.Tensor, x: torch.Tensor, function: Differentiable) -> torch.Tensor:
        u, rows = _array(params), _array(x).reshape(-1, x.shape[-1])
        ctx.function = function
        ctx.save_for_backward(params, x)
        y = torch.from_numpy(np.ascontiguousarray(function.forward(u, rows)))
        return y.to(device=x.device, dtype=torch.result_type(params, x)).reshape(*x.shape[:-1], y.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        params, x = ctx.saved_tensors
        flat = _array(slopes).reshape(-1, slopes.shape[-1])
        by_u, by_x = ctx.function.pullback(_array(params), _array(x).reshape(-1, x.shape[-1]), flat)
        return (
            torch.from_numpy(by_u).to(params),
            torch.from_numpy(np.ascontiguousarray(by_x)).to(x).reshape(x.shape),
            None,
        )


class Layer(torch.nn.Module):
    """y = layer(x): what a netlist's outputs (..., o) are for inputs (..., p).

    ``params`` (P,) are the trained values in the coordinates of
    :class:`netlearn.differentiable.Differentiable`, whose parameters these are. Derivatives by them and
    by the inputs are exact, in reverse mode, once. Operating points are found on the host in double
    precision; y has the precision of the arguments. Raises NetlearnError for what the user can mend.
    """

    def __init__(
        self,
        netlist: NetlistLike,
        *,
        coordinates: Coordinates = "log",
        solver: Solver | str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self.function = Differentiable(netlist, coordinates=coordinates, solver=solver, **settings)
        self.params = torch.nn.Parameter(torch.from_numpy(self.function.initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (..., o). Raises DataError for a shape that does not fit."""
        self.function.check(tuple(self.params.shape), tuple(x.shape))
        return _Apply.apply(self.params, x if x.is_floating_point() else x.to(self.params.dtype), self.function)

    @torch.no_grad()
    def clamp_(self) -> None:
        """Move the parameters to the nearest values within the bounds of ``*@train``, as after a step."""
        low, high = (torch.from_numpy(bound).to(self.params) for bound in (self.function.lower, self.function.upper))
        self.params.clamp_(low, high)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the P trained values."""
        return self.function.names

    @property
    def values(self) -> Mapping[str, float]:
        """The trained values by name, in the netlist's units."""
        return self.function.values(_array(self.params))

    @property
    def netlist(self) -> Netlist:
        """The netlist with the present values."""
        return self.function.netlist(_array(self.params))

    def extra_repr(self) -> str:
        """What a module's text shows."""
        return f"{len(self.function.inputs)} -> {len(self.function.outputs)}, {len(self.names)} values"


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(device="cpu", dtype=torch.float64).numpy()
