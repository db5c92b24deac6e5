"""Elimination of small matrices by a list of what is to be done: looking for that takes longer there than doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.rows import LANES, VECTOR, clear, copy, invert, multiply, subtract, vector_at

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import ListedElimination

TOGETHER = (5, 2, 1)
"""So many vectors of lanes one look into the list serves, as long as there are that many."""


@intrinsic
def subtract_listed(typing: Any, numbers: Any, targets: Any, sources: Any, first: Any, last: Any, factor: Any) -> Any:
    """numbers[targets[p]] -= numbers[factor] * numbers[sources[p]] for all p from ``first`` to ``last``.

    The factors stay in registers.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        rows, into, out_of = (context.make_array(kinds[k])(context, builder, values[k]) for k in range(3))
        begin, end, row = (context.cast(builder, values[k], kinds[k], types.intp) for k in (3, 4, 5))
        width = builder.extract_value(rows.shape, 1)

        def subtracted(lane: Any, count: int) -> None:
            def place(at: Any, k: int) -> Any:
                offset = builder.add(builder.add(builder.mul(at, width), lane), ir.Constant(width.type, k * LANES))
                return builder.bitcast(builder.gep(rows.data, [offset]), VECTOR.as_pointer())

            held = [vector_at(builder, place(row, k)) for k in range(count)]
            with cgutils.for_range_slice(builder, begin, end, ir.Constant(width.type, 1), width.type) as (p, _):
                target, source = (
                    builder.sext(builder.load(builder.gep(each.data, [p])), width.type) for each in (into, out_of)
                )
                for k, factors in enumerate(held):
                    product = builder.fmul(vector_at(builder, place(source, k)), factors, flags=("contract",))
                    total = vector_at(builder, place(target, k))
                    builder.store(builder.fsub(total, product, flags=("contract",)), place(target, k), align=8)

        done = ir.Constant(width.type, 0)
        for count in TOGETHER:
            step = ir.Constant(width.type, count * LANES)
            until = builder.sub(width, builder.urem(builder.sub(width, done), step))
            with cgutils.for_range_slice(builder, done, until, step, width.type) as (lane, _):
                subtracted(lane, count)
            done = until
        return context.get_dummy_value()

    return types.void(numbers, targets, sources, first, last, factor), generate


@compiled
def eliminate_listed(listed: ListedElimination, data: Array, numbers: Array, y: Array) -> None:
    """As ``eliminate``, with the inverse pivots, U and L one below the other in ``numbers``."""
    along = len(y) > 0
    for k in range(len(listed.entry)):
        if listed.entry[k] >= 0:
            copy(numbers, k, data, listed.entry[k])
        else:
            clear(numbers, k)
    below = len(numbers) - len(listed.pivots)
    for i in range(len(listed.rows) - 1):
        for q in range(listed.rows[i], listed.rows[i + 1]):
            multiply(numbers, below + q, numbers, listed.given[q], numbers, listed.pivots[q])
            subtract_listed(numbers, listed.targets, listed.sources, listed.starts[q], listed.starts[q + 1], below + q)
            if along:
                subtract(y, i, numbers, below + q, y, listed.pivots[q])
        invert(numbers, i)
