"""Graphs as machine code that works on eight samples at a time.

The code is made with llvmlite, which numba brings, straight from the graph: some tenths of a second
for a device, where compiling a function takes numba seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from netlearn.solve.codegen.elementary import exponential, hyperbolic, intrinsic, logarithm
from netlearn.solve.codegen.graph import Node

WIDTH = 8
"""Samples in a vector: as many float64 numbers as a register of 512 bits has."""
SKIPPED_FROM = 12
"""What costs as much as so many additions is left out where no sample of a vector needs it: with half or twice as many
lattices of MOSFETs take as long within a fiftieth (benchmarks/block_sizes.py)."""

DOUBLE, INTEGER, TRUTH = ir.DoubleType(), ir.IntType(64), ir.IntType(1)
VECTOR, TRUTHS = ir.VectorType(DOUBLE, WIDTH), ir.VectorType(TRUTH, WIDTH)

_COSTS = {"exp": 20, "log": 25, "sinh": 40, "cosh": 25, "tanh": 45, "div": 5, "sqrt": 6, "pow": 200}
"""What functions take beside an addition, by convention: rough ones, as SKIPPED_FROM, which they are held against, may
be twice or half as much."""
_LIBM = frozenset({"sin", "cos", "tan", "asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2", "pow"})
"""Functions that the C library is called for, sample by sample."""
_INTRINSICS = {"abs": "llvm.fabs", "sqrt": "llvm.sqrt", "floor": "llvm.floor", "ceil": "llvm.ceil"} | {
    "trunc": "llvm.trunc",
    "rint": "llvm.rint",
}
_ORDERED = {"lt": "<", "le": "<=", "eq": "=="}

Guard = tuple[int, int]
"""The number of a selection's condition, and which of both branches that wants: 1 or 2."""


class VectorCode:
    """Emits the values of nodes into a function, at the builder's place.

    ``load`` gives the vector for an input or another node that is not to be worked out here, None
    for those that are.
    """

    def __init__(self, builder: ir.IRBuilder, nodes: Sequence[Node], load: Callable[[Node], Any]) -> None:
        self._builder, self._module = builder, builder.module
        self._values: dict[int, Any] = {}
        self._load = load
        self._order = list(_wanted(nodes, load))
        self._inputs = {node.number: () if load(node) is not None else node.inputs for node in self._order}
        self._guards = _guards(self._order, nodes, self._inputs)
        self._conditions = {node.inputs[0].number: node.inputs[0] for node in self._order if node.operation == "select"}
        self._done: set[int] = set()
        self._emit(self._order, frozenset())

    def __getitem__(self, node: Node) -> Any:
        return self._values[node.number]

    def _emit(self, nodes: Sequence[Node], inside: frozenset[Guard]) -> None:
        """Emit those of the nodes, in order, that nothing but ``inside`` guards, and what of others they take."""
        for node in nodes:
            if self._guards[node.number] != inside or node.number in self._done:
                continue
            for part in self._inputs[node.number]:
                if part.number not in self._done:
                    self._emit_guarded(part, inside)
            self._values[node.number] = self._value(node)
            self._done.add(node.number)

    def _emit_guarded(self, wanted: Node, inside: frozenset[Guard]) -> None:
        """Emit a node that is behind more guards than ``inside``, in a block that is left out where no sample wants it.

        All that can be emitted behind the same guard shares the block. A node behind further guards has blocks of its
        own in there, for which their conditions are needed too.
        """
        which, arm = guard = self._outermost(wanted, inside)
        within = inside | {guard}
        conditions = {number for number, _ in self._guards[wanted.number] - within}
        for node in self._lacking(wanted, *(node for node in self._order if node.number in conditions)):
            if not within <= self._guards[node.number] and node.number not in self._done:
                self._emit_guarded(node, inside)
        builder, condition = self._builder, self._values[which]
        truth = condition if arm == 1 else builder.not_(condition)
        some = builder.icmp_unsigned("!=", builder.bitcast(truth, ir.IntType(WIDTH)), ir.IntType(WIDTH)(0))
        before, earlier = builder.block, set(self._done)
        block, after = builder.append_basic_block(), builder.append_basic_block()
        builder.cbranch(some, block, after)
        builder.position_at_end(block)
        self._emit(self._ready(within), within)
        if wanted.number not in self._done:
            self._emit_guarded(wanted, within)
        end = builder.block
        builder.branch(after)
        builder.position_at_end(after)
        emitted = self._done - earlier
        taken = {
            part.number for node in self._order if node.number not in emitted for part in self._inputs[node.number]
        }
        for number in sorted(emitted):
            value = self._values.pop(number, None)
            if value is not None and number in taken:
                self._values[number] = result = builder.phi(value.type)
                result.add_incoming(value, end)
                result.add_incoming(ir.Constant(value.type, None), before)

    def _outermost(self, node: Node, inside: frozenset[Guard]) -> Guard:
        """A guard of the node beyond ``inside`` whose condition is not behind others."""
        further = sorted(self._guards[node.number] - inside)
        return next(guard for guard in further if self._guards[guard[0]] <= inside)

    def _lacking(self, *wanted: Node) -> list[Node]:
        """What is yet to be emitted for some nodes, in order."""
        lacking: dict[int, Node] = {}
        pending = list(wanted)
        while pending:
            node = pending.pop()
            if node.number not in self._done and node.number not in lacking:
                lacking[node.number] = node
                pending.extend(self._inputs[node.number])
        return [lacking[number] for number in sorted(lacking)]

    def _ready(self, within: frozenset[Guard]) -> list[Node]:
        """What can be emitted behind guards, in order."""
        ready, known = [], set(self._done)
        for node in self._order:
            if node.number in known or not within <= self._guards[node.number]:
                continue
            if all(part.number in known for part in self._inputs[node.number]):
                ready.append(node)
                known.add(node.number)
        return ready

    def _value(self, node: Node) -> Any:
        given = self._load(node)
        if given is not None:
            return given
        if node.operation == "constant":
            kind = TRUTHS if node.is_truth else VECTOR
            return ir.Constant(kind, [ir.Constant(kind.element, node.value)] * WIDTH)
        values = [self._values[part.number] for part in node.inputs]
        if node.operation == "cut":
            return values[0]
        if node.operation == "select":
            return self._builder.select(*values)
        return self._operation(node, values)

    def _operation(self, node: Node, v: list[Any]) -> Any:
        builder, name = self._builder, node.operation
        plain = {
            "add": builder.fadd,
            "sub": builder.fsub,
            "mul": builder.fmul,
            "div": builder.fdiv,
        }.get(name)
        if plain is not None:
            return plain(*v, flags=("contract",))
        if name == "neg":
            return builder.fneg(v[0])
        if name in _ORDERED:
            return builder.fcmp_ordered(_ORDERED[name], *v)
        if name == "ne":
            return builder.fcmp_unordered("!=", *v) if v[0].type == VECTOR else builder.xor(*v)
        if name in ("and", "or"):
            return (builder.and_ if name == "and" else builder.or_)(*v)
        if name == "not":
            return builder.not_(v[0])
        if name == "isnan":
            return builder.fcmp_unordered("uno", v[0], v[0])
        if name == "isfinite":
            infinite = ir.Constant(VECTOR, [ir.Constant(DOUBLE, float("inf"))] * WIDTH)
            return builder.fcmp_ordered("<", self._call("llvm.fabs", v), infinite)
        if name in ("min", "max"):
            # A NaN on either side comes through, as in numpy.
            first = builder.fcmp_unordered("<" if name == "min" else ">", *v)
            nan = builder.fcmp_unordered("uno", v[1], v[1])
            return builder.select(nan, v[1], builder.select(first, *v))
        if name == "exp":
            return exponential(builder, v[0], *self._between(node))
        if name == "log":
            return logarithm(builder, v[0])
        if name in ("sinh", "cosh", "tanh"):
            return hyperbolic(builder, name, v[0])
        if name in _INTRINSICS:
            return self._call(_INTRINSICS[name], v)
        assert name in _LIBM, name
        return self._one_by_one(name, v)

    def _between(self, node: Node) -> tuple[float, float]:
        """What the input of a function is at the least and at the most wherever the node is wanted, by its guards."""
        (x,), least, most = node.inputs, -math.inf, math.inf
        for number, arm in self._guards[node.number]:
            condition = self._conditions[number]
            if condition.operation in ("lt", "le"):
                low, high = condition.inputs if arm == 1 else condition.inputs[::-1]
                least = max(least, low.value) if high is x and low.operation == "constant" else least
                most = min(most, high.value) if low is x and high.operation == "constant" else most
        return least, most

    def _call(self, name: str, v: list[Any]) -> Any:
        return self._builder.call(intrinsic(self._module, name, VECTOR), v)

    def _one_by_one(self, name: str, v: list[Any]) -> Any:
        builder = self._builder
        function = self._module.globals.get(name)
        if function is None:
            function = ir.Function(self._module, ir.FunctionType(DOUBLE, [DOUBLE] * len(v)), name)
        result = ir.Constant(VECTOR, ir.Undefined)
        for lane in range(WIDTH):
            at = ir.Constant(ir.IntType(32), lane)
            value = builder.call(function, [builder.extract_element(each, at) for each in v])
            result = builder.insert_element(result, value, at)
        return result


def _wanted(nodes: Sequence[Node], load: Callable[[Node], Any]) -> Iterator[Node]:
    """What has to be worked out for some nodes, in order; nothing that only given ones are made of."""
    seen: dict[int, Node] = {}
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node.number not in seen:
            seen[node.number] = node
            if load(node) is None:
                pending.extend(node.inputs)
    for number in sorted(seen):
        yield seen[number]


def _guards(
    order: Sequence[Node], results: Sequence[Node], inputs: Mapping[int, Sequence[Node]]
) -> dict[int, frozenset[Guard]]:
    """For each node the selections' branches that alone it is for, as far as leaving them out pays."""
    guards: dict[int, frozenset[Guard]] = {node.number: frozenset() for node in results}
    for node in reversed(order):
        own = guards[node.number]
        for k, part in enumerate(inputs[node.number]):
            inner = own | {(node.inputs[0].number, k)} if node.operation == "select" and k > 0 else own
            guards[part.number] = guards[part.number] & inner if part.number in guards else inner
    costs: dict[Guard, float] = {}
    for node in order:
        for guard in guards[node.number]:
            costs[guard] = costs.get(guard, 0.0) + (200 if node.operation in _LIBM else _COSTS.get(node.operation, 1))
    dear = {guard for guard, cost in costs.items() if cost >= SKIPPED_FROM}
    return {number: own & dear for number, own in guards.items()}


def splat(builder: ir.IRBuilder, value: Any) -> Any:
    """One number in all places of a vector."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))


@cache
def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3)


@cache
def _engine() -> Any:
    # Functions of the C library are found in the process itself.
    llvm.load_library_permanently("")
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


def machine_code(module: ir.Module) -> Mapping[str, int]:
    """Addresses of a module's functions, which stay as long as the process."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_vectorization = tuning.slp_vectorization = False
    passes = llvm.create_pass_builder(_machine(), tuning)
    passes.getModulePassManager().run(parsed, passes)
    engine = _engine()
    engine.add_module(parsed)
    engine.finalize_object()
    return {
        function.name: engine.get_function_address(function.name) for function in module.functions if function.blocks
    }
