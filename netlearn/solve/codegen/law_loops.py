"""Loops of machine code over elements and samples, from the nodes of a law's graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llvmlite import ir

from netlearn.solve.codegen.graph import Node
from netlearn.solve.codegen.separation import Separation
from netlearn.solve.codegen.vector_code import DOUBLE, INTEGER, VECTOR, WIDTH, VectorCode, splat

ROWS = ("y", "a", "b", "c", "d", "e")
"""What rows the functions take: those of the unknowns, and five more that each of them has its own names for."""


class LoopWriter:
    """Writes functions that go through elements and samples, with loops of a kind ``loop``."""

    def __init__(
        self,
        module: ir.Module,
        hoisted: Sequence[Node],
        classes: Sequence[int],
        entries: Sequence[tuple[int, int]],
        kept: int,
        *,
        loop: Callable[..., ElementLoop],
    ) -> None:
        self.module, self.hoisted = module, {node.number: k for k, node in enumerate(hoisted)}
        self.classes = {t: k for k, t in enumerate(classes)}
        self.entries, self.kept = {pair: k for k, pair in enumerate(entries)}, kept
        self._loop = loop

    def step(
        self,
        parts: tuple[dict[int, Node], dict[tuple[int, int], Node], Node],
        kept: Sequence[Node],
        separation: Separation | None = None,
    ) -> None:
        """Rows: y, kept, mode, total, data, held."""
        total, slopes, held = parts
        rows: list[tuple[str, int | tuple[int, int]]] = [*(("c", t) for t in total), *(("d", pair) for pair in slopes)]
        with self._loop(self, "step", {"y": "y", "kept": "a", "mode": "b"}, separation) as loop:
            for flag, *values in loop.versions([held, *kept, *total.values(), *slopes.values()]):
                code = loop.code([flag, *values])
                for k, node in enumerate(values[: len(kept)]):
                    loop.store(code[node], "a", loop.kept(k))
                for (row, to), node in zip(rows, values[len(kept) :], strict=True):
                    loop.add(code[node], row, to)
                if not (flag.operation == "constant" and not flag.value):
                    loop.flag(code[flag], "e")

    def balance(self, parts: dict[int, tuple[Node, Node]], separation: Separation | None = None) -> None:
        """Rows: y, rounding, total, size."""
        with self._loop(self, "balance", {"y": "y", "rounding": "a"}, separation) as loop:
            for nodes in loop.versions([node for pair in parts.values() for node in pair]):
                code = loop.code(nodes)
                for row, total, size in zip(parts, nodes[::2], nodes[1::2], strict=True):
                    loop.add(code[total], "b", row)
                    loop.add(code[size], "c", row)

    def curve(self, parts: dict[int, Node]) -> None:
        """Rows: y, kept, change, second, data (not looked at), held."""
        with self._loop(self, "curve", {"y": "y", "kept": "a", "change": "b"}, None) as loop:
            zero = ir.Constant(VECTOR, [ir.Constant(DOUBLE, 0.0)] * WIDTH)
            for nodes in loop.versions(list(parts.values())):
                code = loop.code(nodes)
                free = loop.builder.fcmp_ordered("==", loop.load("e", ir.Constant(INTEGER, 0)), zero)
                for row, node in zip(parts, nodes, strict=True):
                    loop.add(loop.builder.select(free, code[node], zero), "c", row)

    def weigh(self, product: Node, separation: Separation | None = None) -> None:
        """Rows: y, change, and the sums, of each element one vector."""
        with self._loop(self, "weigh", {"y": "y", "change": "a"}, separation) as loop:
            builder = loop.builder
            for (node,) in loop.versions([product]):
                code = loop.code([node])
                at = builder.mul(loop.element, ir.Constant(INTEGER, WIDTH))
                place = builder.bitcast(builder.gep(loop.rows["b"], [at]), VECTOR.as_pointer())
                loop.add_to(code[node], place)


class ElementLoop:
    """A function, with the builder inside its two loops: ``for element: for vector of samples``."""

    def __init__(self, writer: LoopWriter, name: str, inputs: dict[str, str], separation: Separation | None) -> None:
        self.writer, self.inputs = writer, inputs
        self.separation = separation
        numbers, doubles = INTEGER.as_pointer(), DOUBLE.as_pointer()
        kinds = [INTEGER, INTEGER, *[numbers] * 5, doubles, *[doubles] * len(ROWS)]
        function = ir.Function(writer.module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.count, self.lanes, self.reads, self.moves, self.writes, self.slots, self.crowd, self.values, *rows = (
            function.args
        )
        self.rows = dict(zip(ROWS, rows, strict=True))
        for argument in function.args[2:]:
            argument.add_attribute("noalias")
        self.function, self.builder = function, ir.IRBuilder(function.append_basic_block())

    def __enter__(self) -> ElementLoop:
        builder = self.builder
        zero, entry = ir.Constant(INTEGER, 0), builder.block
        self._elements, inner, self._next = (self.function.append_basic_block() for _ in range(3))
        self._end = self.function.append_basic_block()
        some = builder.icmp_signed("<", zero, self.count)
        builder.cbranch(some, self._elements, self._end)
        builder.position_at_end(self._elements)
        self.element = builder.phi(INTEGER)
        self.element.add_incoming(zero, entry)
        builder.branch(inner)
        builder.position_at_end(inner)
        self.sample = builder.phi(INTEGER)
        self.sample.add_incoming(zero, self._elements)
        self._inner = inner
        return self

    def __exit__(self, *problem: object) -> None:
        builder = self.builder
        further = builder.add(self.sample, ir.Constant(INTEGER, WIDTH))
        self.sample.add_incoming(further, builder.block)
        builder.cbranch(builder.icmp_signed("<", further, self.lanes), self._inner, self._next)
        builder.position_at_end(self._next)
        following = builder.add(self.element, ir.Constant(INTEGER, 1))
        self.element.add_incoming(following, self._next)
        builder.cbranch(builder.icmp_signed("<", following, self.count), self._elements, self._end)
        builder.position_at_end(self._end)
        builder.ret_void()

    def versions(self, nodes: list[Node]) -> Iterator[list[Node]]:
        """The nodes to work out, and the builder where that is: as they are, or more than once by what holds there."""
        yield nodes

    def code(self, nodes: list[Node]) -> VectorCode:
        return VectorCode(self.builder, nodes, self._given)

    def _given(self, node: Node) -> Any:
        place = self.writer.hoisted.get(node.number)
        if place is not None:
            return self._value(place, node.is_truth)
        if node.operation != "input":
            return None
        kind = node.value[0]
        rows = self.inputs[kind]
        if kind in ("y", "change"):
            return self.load(rows, self._at(self.reads if kind == "y" else self.moves, node.value[1]))
        return self.load(rows, self.kept(node.value[1]) if kind == "kept" else ir.Constant(INTEGER, 0))

    def _value(self, place: int, truth: bool) -> Any:
        builder = self.builder
        at = builder.add(builder.mul(ir.Constant(INTEGER, place), self.count), self.element)
        vector = splat(builder, builder.load(builder.gep(self.values, [at])))
        if not truth:
            return vector
        return builder.fcmp_unordered("!=", vector, ir.Constant(VECTOR, [ir.Constant(DOUBLE, 0.0)] * WIDTH))

    def _at(self, numbers: Any, terminal: int) -> Any:
        builder, classes = self.builder, self.writer.classes
        at = builder.add(
            builder.mul(self.element, ir.Constant(INTEGER, len(classes))), ir.Constant(INTEGER, classes[terminal])
        )
        return builder.load(builder.gep(numbers, [at]))

    def target(self, to: int | tuple[int, int]) -> Any:
        """The row that a terminal's current or the slope of a pair of them is added to."""
        return self._at(self.writes, to) if isinstance(to, int) else self._slot(to)

    def _slot(self, pair: tuple[int, int]) -> Any:
        builder, entries = self.builder, self.writer.entries
        at = builder.add(
            builder.mul(self.element, ir.Constant(INTEGER, len(entries))), ir.Constant(INTEGER, entries[pair])
        )
        return builder.load(builder.gep(self.slots, [at]))

    def kept(self, number: int) -> Any:
        """The row of the element's own that keeps something for the next step."""
        builder = self.builder
        first = builder.mul(self.element, ir.Constant(INTEGER, self.writer.kept))
        return builder.add(first, ir.Constant(INTEGER, number))

    def _pointer(self, rows: str, row: Any) -> Any:
        builder = self.builder
        at = builder.add(builder.mul(row, self.lanes), self.sample)
        return builder.bitcast(builder.gep(self.rows[rows], [at]), VECTOR.as_pointer())

    def load(self, rows: str, row: Any) -> Any:
        return self.builder.load(self._pointer(rows, row), align=8)

    def store(self, value: Any, rows: str, row: Any) -> None:
        self.builder.store(value, self._pointer(rows, row), align=8)

    def add(self, value: Any, rows: str, to: int | tuple[int, int]) -> None:
        """Add to the row of a terminal or a pair of them."""
        self.add_to(value, self._pointer(rows, self.target(to)))

    def flag(self, truth: Any, rows: str) -> None:
        """Add to the first row where something is true."""
        self.add_to(self.builder.uitofp(truth, VECTOR), self._pointer(rows, ir.Constant(INTEGER, 0)))

    def add_to(self, value: Any, pointer: Any) -> None:
        """Add to what is at a place."""
        total = self.builder.fadd(self.builder.load(pointer, align=8), value, flags=("contract",))
        self.builder.store(total, pointer, align=8)
