"""What ``stopping`` states, for rows of numbers: its statements are evaluated for vectors of lanes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from netlearn.solve import stopping
from netlearn.solve.compiled.rows import VECTOR, row_operation, vector_at


class Lanes:
    """A vector of numbers that arithmetic of Python adds instructions for."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, other: Any) -> Any:
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(VECTOR, [float(other)] * VECTOR.count)

    def __add__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, self._with(other), flags=("contract",)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, self._with(other), flags=("contract",)))

    def __mul__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, self._with(other), flags=("contract",)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self.value, self._with(other)))

    def __abs__(self) -> Lanes:
        module, name = self.builder.module, f"llvm.fabs.v{VECTOR.count}f64"
        function = module.globals.get(name) or ir.Function(module, ir.FunctionType(VECTOR, [VECTOR]), name)
        return Lanes(self.builder, self.builder.call(function, [self.value]))

    def larger(self, other: Lanes) -> Lanes:
        """The larger of both, this one where the other one is NaN."""
        more = self.builder.fcmp_ordered(">", other.value, self.value)
        return Lanes(self.builder, self.builder.select(more, other.value, self.value))

    def worse(self, other: Lanes) -> Lanes:
        """The larger of both, NaN being the largest of all."""
        kept = self.builder.fcmp_ordered("<=", other.value, self.value)
        nan = self.builder.fcmp_unordered("uno", self.value, self.value)
        return Lanes(self.builder, self.builder.select(self.builder.or_(kept, nan), self.value, other.value))


def _loaded(builder: Any, pointers: list[Any]) -> list[Lanes]:
    return [Lanes(builder, vector_at(builder, pointer)) for pointer in pointers]


@intrinsic
def advance(
    typing: Any, y: Any, i: Any, change: Any, j: Any, second: Any, k: Any, move: Any, m: Any, reltol: Any, floor: Any
) -> Any:
    """y[i] -= change[j] + second[k], and the step beside tolerances, if it is larger, in move[m]."""

    def operation(builder: Any, pointers: list[Any], reltol: Any, floor: Any) -> None:
        now, step, more, most = _loaded(builder, pointers)
        after = now - (step + more)
        largest = abs(now).larger(abs(after))
        ratio = stopping.relative_step(step, largest, Lanes(builder, reltol), Lanes(builder, floor))
        builder.store(after.value, pointers[0], align=8)
        builder.store(most.worse(ratio).value, pointers[3], align=8)

    return row_operation(operation, 2)(typing, y, i, change, j, second, k, move, m, reltol, floor)


@intrinsic
def take_largest(typing: Any, most: Any, m: Any, y: Any, i: Any, factor: Any) -> Any:
    """The largest of most[m] and the magnitudes of y[i] times a factor, in most[m]."""

    def operation(builder: Any, pointers: list[Any], factor: Any) -> None:
        most, number = _loaded(builder, pointers)
        builder.store(most.larger(abs(number) * Lanes(builder, factor)).value, pointers[0], align=8)

    return row_operation(operation)(typing, most, m, y, i, factor)


@intrinsic
def take_size(typing: Any, worst: Any, m: Any, y: Any, i: Any) -> Any:
    """The magnitudes of y[i], if they are more, in worst[m], NaN being the largest of all."""

    def operation(builder: Any, pointers: list[Any]) -> None:
        worst, number = _loaded(builder, pointers)
        builder.store(worst.worse(abs(number)).value, pointers[0], align=8)

    return row_operation(operation)(typing, worst, m, y, i)


@intrinsic
def add_drive(
    typing: Any, size: Any, i: Any, total: Any, j: Any, drive: Any, k: Any, rounding: Any, m: Any, row_sum: Any
) -> Any:
    """size[i] = the magnitudes of total[j] and drive[k] and row_sum times rounding[m]; then total[j] += drive[k]."""

    def operation(builder: Any, pointers: list[Any], row_sum: Any) -> None:
        _, linear, drive, rounding = _loaded(builder, pointers)
        terms = abs(linear) + abs(drive) + rounding * Lanes(builder, row_sum)
        builder.store(terms.value, pointers[0], align=8)
        builder.store((linear + drive).value, pointers[1], align=8)

    return row_operation(operation)(typing, size, i, total, j, drive, k, rounding, m, row_sum)


@intrinsic
def take_worst(typing: Any, worst: Any, m: Any, total: Any, i: Any, size: Any, j: Any, floor: Any) -> Any:
    """What Kirchhoff's law misses in total[i], if it is more, in worst[m]."""

    def operation(builder: Any, pointers: list[Any], floor: Any) -> None:
        worst, missing, terms = _loaded(builder, pointers)
        found = stopping.imbalance(missing, terms, Lanes(builder, floor))
        builder.store(worst.worse(found).value, pointers[0], align=8)

    return row_operation(operation)(typing, worst, m, total, i, size, j, floor)
