"""Elimination of small matrices by a list of what is to be done: looking for that takes longer there than doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netlearn.arrays import Array
from netlearn.solve.compiled.arguments import HEAD, INVERSE, MULTIPLE
from netlearn.solve.compiled.jit import compiled
from netlearn.solve.compiled.rows import LANES, VECTOR, clear, several_vectors, subtract_products, vector_at

if TYPE_CHECKING:
    from netlearn.solve.compiled.arguments import ListedElimination

LISTED_TOGETHER = (5, 4, 2, 1)
"""So many vectors of lanes one look into the list serves, as long as there are that many: derived from the 40 lanes of
listed eliminations and the 32 of few samples, which are five vectors and four."""


@intrinsic
def settle_all(typing: Any, numbers: Any, data: Any, steps: Any) -> Any:
    """Do what the list says. Sums stay in registers, and what is to be done is read along memory.

    Each of the ``steps`` is HEAD integers and two more for each product. Number ``target`` is the matrix's entry
    ``start``, or the number ~``start``, less the products of pairs of numbers; of that the inverse is taken, or it is
    multiplied by the number ``further``, as ``kind`` says.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows, given, listed = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, values, strict=True)
        )
        width, length = builder.extract_value(rows.shape, 1), builder.extract_value(listed.shape, 0)
        kind_of_number = width.type

        def number(value: int) -> Any:
            return ir.Constant(kind_of_number, value)

        def told(at: Any) -> Any:
            return builder.sext(builder.load(builder.gep(listed.data, [at])), kind_of_number)

        def settled(lane: Any, totals: list[Any]) -> None:
            def place(start: Any, row: Any) -> Any:
                return builder.gep(start, [builder.add(builder.mul(row, width), lane)])

            def vector(start: Any, k: int) -> Any:
                return builder.bitcast(builder.gep(start, [number(k * LANES)]), VECTOR.as_pointer())

            at = cgutils.alloca_once(builder, kind_of_number)
            builder.store(number(0), at)
            head, body, after = (builder.append_basic_block(name) for name in ("step", "settle", "settled"))
            builder.branch(head)
            builder.position_at_end(head)
            first = builder.load(at)
            builder.cbranch(builder.icmp_signed("<", first, length), body, after)
            builder.position_at_end(body)
            kind, target, start, further, count = (told(builder.add(first, number(k))) for k in range(HEAD))
            # Of what is below zero the bits are turned over.
            sign = builder.ashr(start, number(63))
            base = builder.select(builder.icmp_signed("<", start, number(0)), rows.data, given.data)
            begin = place(base, builder.xor(start, sign))
            for k, total in enumerate(totals):
                builder.store(vector_at(builder, vector(begin, k)), total)
            products = builder.add(first, number(HEAD))
            end = builder.add(products, builder.shl(count, number(1)))
            with cgutils.for_range_slice(builder, products, end, number(2), kind_of_number) as (p, _):
                left, right = (place(rows.data, told(each)) for each in (p, builder.add(p, number(1))))
                for k, total in enumerate(totals):
                    one, other = (vector_at(builder, vector(each, k)) for each in (left, right))
                    product = builder.fmul(one, other, flags=("contract",))
                    builder.store(builder.fsub(builder.load(total), product, flags=("contract",)), total)
            builder.store(end, at)
            into, plain = place(rows.data, target), builder.append_basic_block("plain")
            inverse, multiple = (builder.append_basic_block(name) for name in ("inverse", "multiple"))
            choice = builder.switch(kind, plain)
            choice.add_case(number(INVERSE), inverse)
            choice.add_case(number(MULTIPLE), multiple)
            for block in (plain, inverse, multiple):
                builder.position_at_end(block)
                factor = place(rows.data, further)
                for k, total in enumerate(totals):
                    result = builder.load(total)
                    if block is inverse:
                        result = builder.fdiv(ir.Constant(VECTOR, [1.0] * LANES), result)
                    if block is multiple:
                        result = builder.fmul(result, vector_at(builder, vector(factor, k)))
                    builder.store(result, vector(into, k), align=8)
                builder.branch(head)
            builder.position_at_end(after)

        several_vectors(builder, number(0), width, settled, LISTED_TOGETHER)
        return context.get_dummy_value()

    return types.void(numbers, data, steps), generate


@compiled
def eliminate_listed(listed: ListedElimination, data: Array, numbers: Array, y: Array) -> None:
    """As ``eliminate``, with the inverse pivots, U and L one below the other in ``numbers``, and a row of zeros."""
    zero = len(numbers) - 1
    clear(numbers, zero)
    settle_all(numbers, data, listed.steps)
    if len(y) > 0:
        lower = numbers[zero - len(listed.pivots) : zero]
        for i in range(len(listed.rows) - 1):
            subtract_products(y, i, listed.pivots, listed.rows[i], listed.rows[i + 1], lower)
