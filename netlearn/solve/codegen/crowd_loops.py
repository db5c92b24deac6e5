"""Loops of machine code over elements that outnumber their nodes, such as a crossbar's cells.

For each vector of samples what single terminals' functions are is worked out once for each node. Then elements follow
each other by the terminal of which there are fewest, the hub, whose currents and slopes are summed in registers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from netlearn.solve.codegen.graph import Node, reached
from netlearn.solve.codegen.law_loops import ElementLoop, LoopWriter
from netlearn.solve.codegen.separation import HERE, Separation
from netlearn.solve.codegen.vector_code import DOUBLE, INTEGER, TRUTHS, VECTOR, WIDTH, VectorCode


class CrowdLoop(ElementLoop):
    """``for vector of samples: for hub: for element``, with the builder inside of all."""

    def __init__(
        self,
        writer: LoopWriter,
        name: str,
        inputs: dict[str, str],
        separation: Separation | None,
        *,
        hub: int,
    ) -> None:
        super().__init__(writer, name, inputs, separation)
        self._hub = hub
        self.separation: Separation = separation or Separation(None, frozenset())  # type: ignore[arg-type]
        self._sums: dict[tuple[str, Any], Any] = {}
        self._flags: dict[str, Any] = {}
        self._at_hub: dict[int, Any] = {}
        self._before: Any = None
        self._mask: Any = None

    def __enter__(self) -> CrowdLoop:
        builder = self.builder
        self._entry, self._end = builder.block, self.function.append_basic_block()
        samples = builder.append_basic_block()
        runs, distinct = (builder.load(builder.gep(self.crowd, [_whole(k)])) for k in (0, 1))
        self._runs_at = _whole(2)
        self._distinct_at = builder.add(runs, _whole(3))
        self._places_at = builder.add(self._distinct_at, distinct)
        functions = max(1, len(self.separation.functions))
        self._values = builder.alloca(VECTOR, builder.mul(distinct, _whole(functions)))
        some = builder.icmp_signed("<", _whole(0), self.count)
        builder.cbranch(some, samples, self._end)
        builder.position_at_end(samples)
        self.sample = builder.phi(INTEGER)
        self.sample.add_incoming(_whole(0), self._entry)
        self._samples = samples
        self.element = _whole(0)
        self._runs = runs
        self._prepare(distinct)
        return self

    def __exit__(self, *problem: object) -> None:
        builder = self.builder
        further = builder.add(self.sample, _whole(WIDTH))
        self.sample.add_incoming(further, builder.block)
        builder.cbranch(builder.icmp_signed("<", further, self.lanes), self._samples, self._end)
        builder.position_at_end(self._end)
        builder.ret_void()

    def versions(self, nodes: list[Node]) -> Iterator[list[Node]]:
        """What holds for most vectors is found out once for each, and not once for each element."""
        builder, truth = self.builder, None
        within = {node.number for node in reached(nodes)}
        usual = {node: value for node, value in self.separation.usual.items() if node.number in within}
        if not usual:
            with self._hubs():
                yield nodes
            return
        code = VectorCode(builder, list(usual), self._given)
        for node, value in usual.items():
            one = code[node] if value else builder.not_(code[node])
            truth = one if truth is None else builder.and_(truth, one)
        usually, whole = self.separation.mostly(nodes), ir.IntType(WIDTH)
        every = builder.icmp_unsigned("==", builder.bitcast(truth, whole), whole(-1))
        alike, apart, end = (builder.append_basic_block() for _ in range(3))
        builder.cbranch(every, alike, apart)
        builder.position_at_end(alike)
        with self._hubs():
            yield usually
        builder.branch(end)
        builder.position_at_end(apart)
        # Each sample has its own version there, and none the other's, whose last bits may differ.
        for mask, version in ((truth, usually), (builder.not_(truth), nodes)):
            block, after = builder.append_basic_block(), builder.append_basic_block()
            builder.cbranch(builder.icmp_unsigned("!=", builder.bitcast(mask, whole), whole(0)), block, after)
            builder.position_at_end(block)
            self._mask = mask
            with self._hubs():
                yield version
            self._mask = None
            builder.branch(after)
            builder.position_at_end(after)
        builder.branch(end)
        builder.position_at_end(end)

    @contextmanager
    def _hubs(self) -> Iterator[None]:
        """Loops over hubs and their elements, with the builder inside."""
        builder = self.builder
        self._sums, self._flags, self._at_hub = {}, {}, {}
        run = _Counting(builder, _whole(0), self._runs)
        self.run = run.at
        first, last = (
            builder.load(builder.gep(self.crowd, [builder.add(self._runs_at, builder.add(run.at, _whole(k)))]))
            for k in (0, 1)
        )
        # What is the same for a whole run goes in front of this branch.
        self._before = builder.append_basic_block()
        builder.branch(self._before)
        builder.position_at_end(self._before)
        each = _Counting(builder, first, last)
        self._first, self.element = first, each.at
        yield
        each.close()
        self.element = first
        for (rows, to), total in self._sums.items():
            self.add_to(builder.load(total), self._pointer(rows, self.target(to)))
        for rows, truth in self._flags.items():
            found = builder.load(truth)
            super().flag(found if self._mask is None else builder.and_(found, self._mask), rows)
        run.close()
        self._before, self.element = None, _whole(0)

    def add(self, value: Any, rows: str, to: int | tuple[int, int]) -> None:
        if to in (self._hub, (self._hub, self._hub)):
            self.add_in_run(value, rows, to)
        else:
            super().add(value, rows, to)

    def add_in_run(self, value: Any, rows: str, to: Any) -> None:
        """Add to a sum that is written down where the run of elements ends."""
        total = self._sums[rows, to] = self._begun(_every(0.0))
        super().add_to(value, total)

    def add_to(self, value: Any, pointer: Any) -> None:
        if self._mask is None:
            super().add_to(value, pointer)
            return
        known = self.builder.load(pointer, align=8)
        self._store_masked(self.builder.fadd(known, value, flags=("contract",)), known, pointer)

    def store(self, value: Any, rows: str, row: Any) -> None:
        if self._mask is None:
            super().store(value, rows, row)
            return
        pointer = self._pointer(rows, row)
        self._store_masked(value, self.builder.load(pointer, align=8), pointer)

    def _store_masked(self, value: Any, known: Any, pointer: Any) -> None:
        self.builder.store(self.builder.select(self._mask, value, known), pointer, align=8)

    def flag(self, truth: Any, rows: str) -> None:
        known = self._flags[rows] = self._begun(ir.Constant(TRUTHS, None))
        self.builder.store(self.builder.or_(self.builder.load(known), truth), known)

    def _begun(self, value: ir.Constant) -> Any:
        """A place that has a value where a run begins."""
        with self._at_entry():
            place = self.builder.alloca(value.type)
        with self._at_run():
            self.builder.store(value, place)
        return place

    def _prepare(self, distinct: Any) -> None:
        """Work functions of terminals out for all nodes."""
        builder, separation = self.builder, self.separation
        ends: list[list[Any]] = []
        self.middles, self._reaches = [], []
        for _ in separation.middles:
            with self._at_entry():
                ends.append([builder.alloca(VECTOR) for _ in range(2)])
            for end, value in zip(ends[-1], (np.inf, -np.inf), strict=True):
                builder.store(_every(value), end)
        if separation.middles:
            loop = _Counting(builder, _whole(0), distinct)
            code = VectorCode(builder, separation.middles, lambda node: self._here(node, loop.at))
            for node, (least, most) in zip(separation.middles, ends, strict=True):
                for test, end in (("<", least), (">", most)):
                    value, known = code[node], builder.load(end)
                    builder.store(builder.select(builder.fcmp_ordered(test, value, known), value, known), end)
            loop.close()
        for least, most in ends:
            low, high = builder.load(least), builder.load(most)
            self.middles.append(builder.fmul(_every(0.5), builder.fadd(low, high)))
            self._reaches.append(builder.fmul(_every(0.5), builder.fsub(high, low)))
        if separation.functions:
            loop = _Counting(builder, _whole(0), distinct)
            code = VectorCode(builder, separation.functions, lambda node: self._here(node, loop.at))
            for f, node in enumerate(separation.functions):
                builder.store(code[node], self._value_at(loop.at, f), align=8)
            loop.close()

    def _here(self, node: Node, place: Any) -> Any:
        """An input of a function of terminals, at one of the nodes."""
        if node.operation == "input" and node.value[0] == "middle":
            return self.middles[node.value[1]]
        if node.operation == "input" and node.value == ("y", HERE):
            builder = self.builder
            row = builder.load(builder.gep(self.crowd, [builder.add(self._distinct_at, place)]))
            return self.load(self.inputs["y"], row)
        return super()._given(node)

    def _value_at(self, place: Any, function: int) -> Any:
        builder, count = self.builder, len(self.separation.functions)
        return builder.gep(self._values, [builder.add(builder.mul(place, _whole(count)), _whole(function))])

    def _given(self, node: Node) -> Any:
        if node.number in self._at_hub:
            return self._at_hub[node.number]
        if self._before is not None and self._of_run(node):
            element, self.element = self.element, self._first
            with self._at_run():
                found = self._at_hub[node.number] = self._loaded(node)
            self.element = element
            return found
        return self._loaded(node)

    def _of_run(self, node: Node) -> bool:
        """Whether it is given, and the same for all elements at a hub."""
        if node.number in self.writer.hoisted:
            return self.separation.shares(node)
        kinds = ("y", "change", "function")
        return node.operation == "input" and node.value[0] in kinds and node.value[-1] == self._hub

    def _loaded(self, node: Node) -> Any:
        builder = self.builder
        if node.operation == "input" and node.value[0] == "reach":
            return self._reaches[node.value[1]]
        if node.operation != "input" or node.value[0] != "function":
            return super()._given(node)
        _, function, terminal = node.value
        classes = self.writer.classes
        at = builder.add(builder.mul(self.element, _whole(len(classes))), _whole(classes[terminal]))
        place = builder.load(builder.gep(self.crowd, [builder.add(self._places_at, at)]))
        return builder.load(self._value_at(place, function), align=8)

    @contextmanager
    def _at_entry(self) -> Iterator[None]:
        with self.builder.goto_block(self._entry):
            yield

    @contextmanager
    def _at_run(self) -> Iterator[None]:
        with self.builder.goto_block(self._before):
            yield


class _Counting:
    """A loop from ``first`` to below ``last``, at once one round of it, with the builder inside."""

    def __init__(self, builder: ir.IRBuilder, first: Any, last: Any) -> None:
        self._builder, self._last, before = builder, last, builder.block
        self._body = builder.append_basic_block()
        builder.branch(self._body)
        builder.position_at_end(self._body)
        self.at = builder.phi(INTEGER)
        self.at.add_incoming(first, before)

    def close(self) -> None:
        """End the loop here."""
        builder = self._builder
        further, after = builder.add(self.at, _whole(1)), builder.append_basic_block()
        self.at.add_incoming(further, builder.block)
        builder.cbranch(builder.icmp_signed("<", further, self._last), self._body, after)
        builder.position_at_end(after)


def _whole(value: int) -> ir.Constant:
    return ir.Constant(INTEGER, value)


def _every(value: float) -> ir.Constant:
    return ir.Constant(VECTOR, [ir.Constant(DOUBLE, value)] * WIDTH)
