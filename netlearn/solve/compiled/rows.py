"""Operations on rows of numbers, one number for each sample in step, as vector instructions.

A row has a multiple of LANES numbers. numba's own loops over so few numbers spend most of their
time on finding out whether the arrays overlap; here that is known, since a row is only ever changed
in place. With plain loops the factorization of a 16x16 lattice takes twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netlearn.arrays import Array
from netlearn.solve.compiled.jit import compiled

LANES = 8
"""As many float64 numbers as a vector register of 512 bits has; halves of it serve smaller ones."""

VECTOR = ir.VectorType(ir.DoubleType(), LANES)

TOGETHER = (5, 2, 1)
"""So many vectors of lanes one look into a list serves, as long as there are that many: derived from the 40 lanes of
listed eliminations, which are five vectors."""

Operation = Callable[..., None]
"""operation(builder, pointers, *factor): what is done to one vector of each row, the first being the target."""


def row_operation(operation: Operation, factors: int = 1) -> Callable[..., Any]:
    """An operation on rows, called from compiled code as operation(target, i, array, j, ..., [factor]).

    There may be several ``factors``, or none.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pairs = (len(values) - factors + 1) // 2
        kinds, rows = signature.args[0 : 2 * pairs : 2], signature.args[1 : 2 * pairs : 2]
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(kinds, values[0 : 2 * pairs : 2], strict=True)
        ]
        width = builder.extract_value(arrays[0].shape, 1)
        starts = [
            builder.mul(context.cast(builder, row, kind, types.intp), width)
            for kind, row in zip(rows, values[1 : 2 * pairs : 2], strict=True)
        ]
        numbers = zip(values[2 * pairs :], signature.args[2 * pairs :], strict=True)
        factor = [everywhere(builder, context.cast(builder, value, kind, types.float64)) for value, kind in numbers]
        zero, step = ir.Constant(width.type, 0), ir.Constant(width.type, LANES)
        with cgutils.for_range_slice(builder, zero, width, step, width.type) as (lane, _):
            pointers = [
                builder.bitcast(builder.gep(array.data, [builder.add(start, lane)]), VECTOR.as_pointer())
                for array, start in zip(arrays, starts, strict=True)
            ]
            operation(builder, pointers, *factor)
        return context.get_dummy_value()

    def declare(_: Any, *arguments: Any) -> Any:
        return types.void(*arguments), generate

    return declare


def everywhere(builder: Any, number: Any) -> Any:
    """A vector of copies of one number."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    single = builder.insert_element(undefined, number, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, undefined, mask)


def several_vectors(
    builder: Any,
    first: Any,
    width: Any,
    operation: Callable[[Any, list[Any]], None],
    together: tuple[int, ...] = TOGETHER,
) -> None:
    """operation(lane, totals) for all lanes up to ``width``, as many vectors of them together as there are totals."""
    for count in together:
        totals = [cgutils.alloca_once(builder, VECTOR) for _ in range(count)]
        step = ir.Constant(width.type, count * LANES)
        until = builder.sub(width, builder.urem(builder.sub(width, first), step))
        with cgutils.for_range_slice(builder, first, until, step, width.type) as (lane, _):
            operation(lane, totals)
        first = until


def vector_at(builder: Any, pointer: Any) -> Any:
    """The vector that a pointer shows."""
    return builder.load(pointer, align=8)


@compiled
def rows_of(count: int, lanes: int) -> Array:
    """So many rows of zeros, which begin where vectors do: across the lines of a cache each takes two loads."""
    numbers = np.zeros(count * lanes + LANES)
    first = -(numbers.ctypes.data // 8) % LANES
    return numbers[first : first + count * lanes].reshape((count, lanes))


@intrinsic
def subtract(typing: Any, a: Any, i: Any, b: Any, j: Any, c: Any, k: Any) -> Any:
    """a[i] -= b[j] * c[k]."""

    def operation(builder: Any, pointers: list[Any]) -> None:
        target, left, right = (vector_at(builder, pointer) for pointer in pointers)
        product = builder.fmul(left, right, flags=("contract",))
        builder.store(builder.fsub(target, product, flags=("contract",)), pointers[0], align=8)

    return row_operation(operation)(typing, a, i, b, j, c, k)


def _rows_off(count: int) -> Callable[..., Any]:
    """An operation that takes multiples of ``count`` rows of numbers off of others.

    Called as operation(target, columns, first, last, source, a, b, ..., factors, q), it is
    target[columns[p]] -= factors[q] * source[a + p - first], then factors[q + 1] * source[b + p - first] and so on, for
    all p from ``first`` to ``last``. The factors stay in registers, eight lanes at a time.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        target, columns, source, factors = (
            context.make_array(kinds[k])(context, builder, values[k]) for k in (0, 1, 4, 5 + count)
        )

        def number(k: int) -> Any:
            return context.cast(builder, values[k], kinds[k], types.intp)

        width, first, last, row = builder.extract_value(target.shape, 1), number(2), number(3), number(6 + count)
        starts = [builder.sub(number(5 + r), first) for r in range(count)]
        zero, one, step = (ir.Constant(width.type, value) for value in (0, 1, LANES))
        with cgutils.for_range_slice(builder, zero, width, step, width.type) as (lane, _):

            def place(array: Any, at: Any) -> Any:
                offset = builder.add(builder.mul(at, width), lane)
                return builder.bitcast(builder.gep(array.data, [offset]), VECTOR.as_pointer())

            own = [builder.add(row, ir.Constant(width.type, r)) for r in range(count)]
            held = [vector_at(builder, place(factors, each)) for each in own]
            with cgutils.for_range_slice(builder, first, last, one, width.type) as (p, _):
                into = place(target, builder.load(builder.gep(columns.data, [p])))
                total = vector_at(builder, into)
                for start, factor in zip(starts, held, strict=True):
                    number_there = vector_at(builder, place(source, builder.add(start, p)))
                    product = builder.fmul(number_there, factor, flags=("contract",))
                    total = builder.fsub(total, product, flags=("contract",))
                builder.store(total, into, align=8)
        return context.get_dummy_value()

    def declare(_: Any, *arguments: Any) -> Any:
        return types.void(*arguments), generate

    return declare


@intrinsic
def subtract_row(
    typing: Any, target: Any, columns: Any, first: Any, last: Any, source: Any, a: Any, factors: Any, q: Any
) -> Any:
    """target[columns[p]] -= factors[q] * source[a + p - first] for all p from ``first`` to ``last``."""
    return _rows_off(1)(typing, target, columns, first, last, source, a, factors, q)


@intrinsic
def subtract_two_rows(
    typing: Any, target: Any, columns: Any, first: Any, last: Any, source: Any, a: Any, b: Any, factors: Any, q: Any
) -> Any:
    """The same as two of ``subtract_row``, from ``a`` with factors[q] and from ``b`` with factors[q + 1]."""
    return _rows_off(2)(typing, target, columns, first, last, source, a, b, factors, q)


@intrinsic
def subtract_four_rows(
    typing: Any, target: Any, columns: Any, first: Any, last: Any, source: Any,
    a: Any, b: Any, c: Any, d: Any, factors: Any, q: Any,
) -> Any:  # fmt: skip
    """The same as four of ``subtract_row``."""
    return _rows_off(4)(typing, target, columns, first, last, source, a, b, c, d, factors, q)


@intrinsic
def subtract_products(typing: Any, y: Any, i: Any, columns: Any, first: Any, last: Any, source: Any) -> Any:
    """y[i] -= source[p] * y[columns[p]] for all p from ``first`` to ``last``; i is not among the columns."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        rows, places, factors = (context.make_array(kinds[k])(context, builder, values[k]) for k in (0, 2, 5))
        row, begin, end = (context.cast(builder, values[k], kinds[k], types.intp) for k in (1, 3, 4))
        width = builder.extract_value(rows.shape, 1)

        def taken_off(lane: Any, totals: list[Any]) -> None:
            def place(array: Any, at: Any, k: int) -> Any:
                offset = builder.add(builder.add(builder.mul(at, width), lane), ir.Constant(width.type, k * LANES))
                return builder.bitcast(builder.gep(array.data, [offset]), VECTOR.as_pointer())

            for k, kept in enumerate(totals):
                builder.store(vector_at(builder, place(rows, row, k)), kept)
            with cgutils.for_range_slice(builder, begin, end, ir.Constant(width.type, 1), width.type) as (p, _):
                other = builder.load(builder.gep(places.data, [p]))
                for k, kept in enumerate(totals):
                    left, right = vector_at(builder, place(factors, p, k)), vector_at(builder, place(rows, other, k))
                    product = builder.fmul(left, right, flags=("contract",))
                    builder.store(builder.fsub(builder.load(kept), product, flags=("contract",)), kept)
            for k, kept in enumerate(totals):
                builder.store(builder.load(kept), place(rows, row, k), align=8)

        several_vectors(builder, ir.Constant(width.type, 0), width, taken_off)
        return context.get_dummy_value()

    return types.void(y, i, columns, first, last, source), generate


@intrinsic
def add_multiples(typing: Any, total: Any, i: Any, y: Any, columns: Any, first: Any, last: Any, factors: Any) -> Any:
    """total[i] += factors[p] * y[columns[p]] for all p from ``first`` to ``last``, factors being one number each."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        sums, rows, places, numbers = (context.make_array(kinds[k])(context, builder, values[k]) for k in (0, 2, 3, 6))
        row, begin, end = (context.cast(builder, values[k], kinds[k], types.intp) for k in (1, 4, 5))
        width = builder.extract_value(sums.shape, 1)

        def added(lane: Any, totals: list[Any]) -> None:
            def place(array: Any, at: Any, k: int) -> Any:
                offset = builder.add(builder.add(builder.mul(at, width), lane), ir.Constant(width.type, k * LANES))
                return builder.bitcast(builder.gep(array.data, [offset]), VECTOR.as_pointer())

            for k, kept in enumerate(totals):
                builder.store(vector_at(builder, place(sums, row, k)), kept)
            with cgutils.for_range_slice(builder, begin, end, ir.Constant(width.type, 1), width.type) as (p, _):
                factor = everywhere(builder, builder.load(builder.gep(numbers.data, [p])))
                other = builder.load(builder.gep(places.data, [p]))
                for k, kept in enumerate(totals):
                    product = builder.fmul(vector_at(builder, place(rows, other, k)), factor, flags=("contract",))
                    builder.store(builder.fadd(builder.load(kept), product, flags=("contract",)), kept)
            for k, kept in enumerate(totals):
                builder.store(builder.load(kept), place(sums, row, k), align=8)

        several_vectors(builder, ir.Constant(width.type, 0), width, added)
        return context.get_dummy_value()

    return types.void(total, i, y, columns, first, last, factors), generate


@intrinsic
def multiply_add(typing: Any, a: Any, i: Any, b: Any, j: Any, c: Any, k: Any) -> Any:
    """a[i] += b[j] * c[k]."""

    def operation(builder: Any, pointers: list[Any]) -> None:
        target, left, right = (vector_at(builder, pointer) for pointer in pointers)
        product = builder.fmul(left, right, flags=("contract",))
        builder.store(builder.fadd(target, product, flags=("contract",)), pointers[0], align=8)

    return row_operation(operation)(typing, a, i, b, j, c, k)


@intrinsic
def multiply(typing: Any, a: Any, i: Any, b: Any, j: Any, c: Any, k: Any) -> Any:
    """a[i] = b[j] * c[k]."""

    def operation(builder: Any, pointers: list[Any]) -> None:
        left, right = (vector_at(builder, pointer) for pointer in pointers[1:])
        builder.store(builder.fmul(left, right), pointers[0], align=8)

    return row_operation(operation)(typing, a, i, b, j, c, k)


@intrinsic
def add(typing: Any, a: Any, i: Any, b: Any, j: Any, factor: Any) -> Any:
    """a[i] += b[j] * factor, the factor being one number."""

    def operation(builder: Any, pointers: list[Any], factor: Any) -> None:
        target, source = (vector_at(builder, pointer) for pointer in pointers)
        product = builder.fmul(source, factor, flags=("contract",))
        builder.store(builder.fadd(target, product, flags=("contract",)), pointers[0], align=8)

    return row_operation(operation)(typing, a, i, b, j, factor)


@intrinsic
def scale(typing: Any, a: Any, i: Any, factor: Any) -> Any:
    """a[i] *= factor, the factor being one number."""

    def operation(builder: Any, pointers: list[Any], factor: Any) -> None:
        builder.store(builder.fmul(vector_at(builder, pointers[0]), factor), pointers[0], align=8)

    return row_operation(operation)(typing, a, i, factor)


@intrinsic
def copy(typing: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
    """a[i] = b[j]."""

    def operation(builder: Any, pointers: list[Any]) -> None:
        builder.store(vector_at(builder, pointers[1]), pointers[0], align=8)

    return row_operation(operation)(typing, a, i, b, j)


@intrinsic
def clear(typing: Any, a: Any, i: Any) -> Any:
    """a[i] = 0."""

    def operation(builder: Any, pointers: list[Any]) -> None:
        builder.store(ir.Constant(VECTOR, [0.0] * LANES), pointers[0], align=8)

    return row_operation(operation)(typing, a, i)


@intrinsic
def spread(typing: Any, a: Any, i: Any, factor: Any) -> Any:
    """a[i] = factor, the factor being one number."""

    def operation(builder: Any, pointers: list[Any], factor: Any) -> None:
        builder.store(factor, pointers[0], align=8)

    return row_operation(operation)(typing, a, i, factor)


@intrinsic
def call(
    typing: Any,
    address: Any,
    count: Any,
    lanes: Any,
    reads: Any,
    moves: Any,
    writes: Any,
    slots: Any,
    crowd: Any,
    values: Any,
    y: Any,
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    e: Any,
) -> Any:
    """Call a function of ``codegen.laws`` by its address, with the addresses of its arrays."""
    integer, number = ir.IntType(64), ir.DoubleType()
    arrays = [integer.as_pointer()] * 5 + [number.as_pointer()] * 7

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [integer, integer, *arrays])
        places = [builder.inttoptr(part, array) for part, array in zip(given[3:], arrays, strict=True)]
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), [*given[1:3], *places])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 15), generate
