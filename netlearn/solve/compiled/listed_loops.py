"""Elimination of small matrices by a list of what is to be done: looking for that takes longer there than doing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.rows import LANES, VECTOR, multiply, several_vectors, subtract_products, vector_at

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import ListedElimination

Ending = Callable[..., Any]
"""ending(builder, total, *further): what becomes of a number when all products are taken off."""


def _settle(numbers: Any, ending: Ending, *arguments: Any) -> Any:
    """A function that settles one of ``numbers``, as ``settle`` says, and stores what ``ending`` makes of it.

    Arguments behind those of ``settle`` are further rows of ``numbers`` that the ending takes.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        rows, given, factors, sources = (context.make_array(kinds[k])(context, builder, values[k]) for k in range(4))
        target, entry, begin, end, *further = (
            context.cast(builder, values[k], kinds[k], types.intp) for k in range(4, len(kinds))
        )
        width = builder.extract_value(rows.shape, 1)
        zero = ir.Constant(width.type, 0)

        def settled(lane: Any, totals: list[Any]) -> None:
            count = len(totals)

            def place(array: Any, at: Any, k: int) -> Any:
                offset = builder.add(builder.add(builder.mul(at, width), lane), ir.Constant(width.type, k * LANES))
                return builder.bitcast(builder.gep(array.data, [offset]), VECTOR.as_pointer())

            with builder.if_else(builder.icmp_signed(">=", entry, zero)) as (known, new):
                with known:
                    for k in range(count):
                        builder.store(vector_at(builder, place(given, entry, k)), totals[k])
                with new:
                    for k in range(count):
                        builder.store(ir.Constant(VECTOR, [0.0] * LANES), totals[k])
            with cgutils.for_range_slice(builder, begin, end, ir.Constant(width.type, 1), width.type) as (p, _):
                factor, source = (
                    builder.sext(builder.load(builder.gep(each.data, [p])), width.type) for each in (factors, sources)
                )
                for k in range(count):
                    left, right = (vector_at(builder, place(rows, row, k)) for row in (factor, source))
                    product = builder.fmul(left, right, flags=("contract",))
                    builder.store(builder.fsub(builder.load(totals[k]), product, flags=("contract",)), totals[k])
            for k in range(count):
                total = ending(builder, builder.load(totals[k]), *(place(rows, row, k) for row in further))
                builder.store(total, place(rows, target, k), align=8)

        several_vectors(builder, zero, width, settled)
        return context.get_dummy_value()

    return types.void(numbers, *arguments), generate


@intrinsic
def settle(
    typing: Any, numbers: Any, data: Any, factors: Any, sources: Any, target: Any, entry: Any, first: Any, last: Any
) -> Any:
    """numbers[target] = data[entry], or 0 for an entry below zero, less all products of two other numbers.

    These are numbers[factors[p]] * numbers[sources[p]] for p from ``first`` to ``last``. The sum stays in registers.
    """
    return _settle(numbers, lambda builder, total: total, data, factors, sources, target, entry, first, last)


@intrinsic
def settle_inverse(
    typing: Any, numbers: Any, data: Any, factors: Any, sources: Any, target: Any, entry: Any, first: Any, last: Any
) -> Any:
    """The same with the inverse in numbers[target]."""

    def inverse(builder: Any, total: Any) -> Any:
        return builder.fdiv(ir.Constant(VECTOR, [1.0] * LANES), total)

    return _settle(numbers, inverse, data, factors, sources, target, entry, first, last)


@intrinsic
def settle_multiple(
    typing: Any, numbers: Any, data: Any, factors: Any, sources: Any,
    target: Any, entry: Any, first: Any, last: Any, further: Any,
) -> Any:  # fmt: skip
    """The same with numbers[further] times that in numbers[target]."""

    def multiple(builder: Any, total: Any, other: Any) -> Any:
        return builder.fmul(total, vector_at(builder, other))

    return _settle(numbers, multiple, data, factors, sources, target, entry, first, last, further)


@compiled
def eliminate_listed(listed: ListedElimination, data: Array, numbers: Array, y: Array) -> None:
    """As ``eliminate``, with the inverse pivots, U and L one below the other in ``numbers``."""
    along, entry, starts = len(y) > 0, listed.entry, listed.starts
    below = len(numbers) - len(listed.pivots)
    upper, lower, symmetric = len(listed.rows) - 1, numbers[below:], len(entry) == below
    for i in range(len(listed.rows) - 1):
        for q in range(listed.rows[i], listed.rows[i + 1]):
            pivot, k = listed.pivots[q], below + q
            if symmetric:
                multiply(numbers, k, numbers, listed.given[q], numbers, pivot)
            else:
                settle_multiple(
                    numbers, data, listed.factors, listed.sources, k, entry[k], starts[k], starts[k + 1], pivot
                )
        if along:
            subtract_products(y, i, listed.pivots, listed.rows[i], listed.rows[i + 1], lower)
        settle_inverse(numbers, data, listed.factors, listed.sources, i, entry[i], starts[i], starts[i + 1])
        for _ in range(listed.beside[i]):
            k = upper
            settle(numbers, data, listed.factors, listed.sources, k, entry[k], starts[k], starts[k + 1])
            upper += 1
