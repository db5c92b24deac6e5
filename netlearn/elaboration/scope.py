"""Parameters and functions by name, found where ngspice finds them.

A subcircuit's body sees its own parameters first, then those of the body that its instance
stands in, and so on outwards: the chain of calls. Functions it sees in the chain of definitions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

from netlearn.circuit.circuit import TEMPERATURE
from netlearn.circuit.devices.base import ZERO_CELSIUS
from netlearn.circuit.devices.junction import K_OVER_Q
from netlearn.elaboration.scope_settings import ScopeSettings
from netlearn.elaboration.value_text import FunctionText, Text
from netlearn.elaboration.valuegraph import ValueGraph
from netlearn.errors import NetlistError, NetlistWarning, NominalWarning, did_you_mean
from netlearn.expressions.chance import DRAWING, is_drawn, with_deviates, worst_case_function
from netlearn.expressions.expression import Expression, ExpressionError, Operation, UserFunction, parse_expression
from netlearn.expressions.functions import KNOWN_CONSTANTS, is_clamp, is_random
from netlearn.netlist.dialect import Dialect
from netlearn.netlist.numbers import cut_by_ngspice, parse_number

_NAME = re.compile(r"[a-z_][\w.$#@]*", re.IGNORECASE)

_TEMPERATURES = frozenset((TEMPERATURE, "temp"))
"""What ngspice, PSpice and LTspice call the circuit's temperature in degrees Celsius."""
_AT_REST = frozenset(("time", "hertz"))
"""What is zero at an operating point."""
OUTSIDE = "in the value that an instance passes to a parameter, its own name is that of one around the instance"
_THERMAL_VOLTAGE = parse_expression(f"(temp+{ZERO_CELSIUS!r})*{K_OVER_Q!r}")


class Scope:
    """The names of one body: the netlist's own or one instance's of a subcircuit."""

    def __init__(
        self, graph: ValueGraph, settings: ScopeSettings, parent: Scope | None = None, around: Scope | None = None
    ) -> None:
        self.graph = graph
        self.settings = settings
        self.parent = parent
        self.around = around
        self.resolved: dict[str, int] = {}
        self.definitions: dict[str, Text] = {}
        self.passed: dict[str, Expression] = {}
        """Values that the instance passes and that use other names of this body, by name."""
        self._kept: set[str] = set()
        self.undeclared: dict[str, int] = {}
        """What the instance passes and the subcircuit does not list: it counts where nothing else has that name."""
        self.function_texts: dict[str, FunctionText] = {}
        self.reads: dict[str, int | None] = {}
        """What was read from outside this scope, None for nothing: as long as it stays the same, so does all else."""
        self._functions: dict[tuple[str, bool], UserFunction] = {}
        """Functions as they are in parameters and, apart from that, in behavioural sources."""
        self.draws: list[int] = []
        """Random numbers that are drawn here, once for each body."""

    def pass_in(self, name: str, quantity: int) -> None:
        """A parameter given by the instance; it comes before a definition in the body."""
        self.resolved[name] = quantity

    def pass_text(self, name: str, text: Text, expression: Expression) -> None:
        """The same, of a value that uses names of this body; its own name is that of the body around the instance."""
        self.definitions[name] = text
        self.passed[name] = expression

    def keep(self, name: str) -> None:
        """Let no later definition replace a parameter's."""
        self._kept.add(name)

    def is_kept(self, name: str) -> bool:
        """Whether ``keep`` was asked for that."""
        return name in self._kept

    def define(self, name: str, text: Text) -> None:
        """A parameter of this body; a later definition replaces an earlier one."""
        if name not in self.resolved and name not in self.passed and name not in self._kept:
            self.definitions[name] = text

    def forget(self, name: str) -> None:
        """Leave a definition out that is no number."""
        del self.definitions[name]

    def defines(self, name: str) -> bool:
        """Whether a parameter of that name can be read here."""
        return self._holder(name) is not None

    def find(self, name: str) -> int | None:
        """The quantity of a name, or None if nothing defines it."""
        holder = self._holder(name)
        if holder is None:
            return self._last_resort(name)
        if name not in holder.resolved:
            holder._resolve(name)
        quantity = holder.resolved[name]
        self._note(name, quantity, holder)
        return quantity

    def quantity(self, text: Text) -> int:
        """The quantity that a value in the text stands for: a number, a name or an expression."""
        literal = self._literal(text)
        if literal is not None:
            return literal
        if not text.braced and not _NAME.fullmatch(text.text):
            # ngspice reads the number in front of it and drops the rest.
            raise text.error(f"cannot read the value '{text.text[:40]}'", "an expression stands in braces: {...}")
        return self._bound(text, self.compile(text))

    def definition(self, name: str, text: Text) -> int:
        """The same as the value of a parameter: a quantity that no other name has, even where it equals one."""
        quantity = self.quantity(text)
        return quantity if self.graph.stands_at(quantity, text.source, text.start) else self.graph.named(name, quantity)

    def compile(self, text: Text, behavioural: bool = False) -> Expression:
        """The expression, functions written out."""
        try:
            expression = self._parsed(text.text, behavioural, self._own_functions())
            found = {name: self._function(name, text, behavioural) for name in expression.calls}
            compiled = expression.with_functions({name: function for name, function in found.items() if function})
        except ExpressionError as problem:
            raise text.error(problem.message, problem.hint, problem.offset, 1) from None
        self._judge(text, compiled, behavioural)
        return compiled

    def _parsed(self, text: str, behavioural: bool, own: frozenset[str]) -> Expression:
        if behavioural:
            # ngspice drops braces inside a behavioural expression: there they do not group.
            text = text.replace("{", " ").replace("}", " ")
        return parse_expression(text, behavioural, self.settings.dialect, own)

    def _judge(self, text: Text, expression: Expression, behavioural: bool) -> None:
        """Warn of what simulators read in different ways."""
        if self.settings.dialect is not Dialect.LTSPICE and not behavioural and not self.defines("pi"):
            for step in expression.steps:
                if step.kind == "name" and step.name == "pi":
                    self._warn(text, step, "'pi' is 3.14159... here and in LTspice; ngspice knows it in sources only")
                    break
        for step in expression.steps:
            if step.kind == "call" and is_random(step.function, len(step.inputs)):
                how = f"'{step.name}' is a random number to simulators; here it stands at its nominal value"
                self._warn(text, step, how, "netlearn tolerance draws it", NominalWarning)
            elif self.settings.dialect is Dialect.NGSPICE and step.kind == "call" and is_clamp(step.function):
                # ngspice ends with an error for any other function that it lacks, but has another one of this name.
                how = f"{step.name}(x, a, b) keeps x between a and b here, in LTspice and in PSpice"
                self._warn(text, step, f"{how}; ngspice does in its PSpice mode only", "write min(max(x, a), b)")
        exponent = expression.odd_power
        if exponent is not None:
            power = f"{exponent.value:g}"
            self._warn(
                text,
                exponent,
                f"to ngspice, and here, x^{power} is |x|^{power}; LTspice keeps the sign of x",
                f"write sgn(x)*abs(x)^{power} for a power with the sign of x, abs(x) where the sign does not matter",
            )

    def _warn(
        self, text: Text, step: Operation, message: str, hint: str = "", kind: type[NetlistWarning] = NetlistWarning
    ) -> None:
        error = text.error(message, hint, step.offset, max(len(step.name), 1))
        self.settings.warnings.append(kind(error.message, error.place, error.hint))

    def _literal(self, text: Text) -> int | None:
        value = parse_number(text.text.lower().replace("mil", "m") if text.braced else text.text)
        if value is None:
            return None
        if not math.isfinite(value):
            raise text.error(f"the number '{text.text}' is beyond what a float64 holds")
        if cut_by_ngspice(text.text) is not None:
            error = text.error(f"'{text.text}' is {value:g} here and in LTspice; ngspice ends the number at its letter")
            self.settings.warnings.append(NetlistWarning(error.message, error.place))
        return self.graph.literal(value, text.source, text.start, text.start + len(text.text))

    def _bound(self, text: Text, expression: Expression, own: str = "") -> int:
        inputs = []
        for name in expression.names:
            if name == DRAWING:
                inputs.append(self.graph.drawing)
                continue
            holder = self._seen_by(own, name)
            quantity = holder.find(name)
            if holder is not self:
                self.reads[name] = quantity
            if quantity is None:
                raise self._unknown(name, text, expression)
            inputs.append(quantity)
        if is_drawn(expression):
            expression, inputs = self._drawn(text, expression, inputs)
        return self._computed(text, expression, tuple(inputs))

    def _drawn(self, text: Text, expression: Expression, inputs: Sequence[int]) -> tuple[Expression, list[int]]:
        """The expression with deviates for its random numbers, and the quantities of its names."""
        known = dict(zip(expression.names, inputs, strict=True))
        environment = {name: self.graph.value(quantity) for name, quantity in known.items()}
        expression, calls = with_deviates(expression)
        for call in calls:
            known[call.name] = self.graph.draw(call.deviate(environment), text.place(call.offset, len(call.function)))
            self.draws.append(known[call.name])
        return expression, [known[name] for name in expression.names]

    def _seen_by(self, own: str, name: str) -> Scope:
        """Where the definition of ``own`` looks for ``name``: what an instance passes means its own name outside."""
        return self.parent if name == own and own in self.passed and self.parent is not None else self

    def _computed(self, text: Text, expression: Expression, inputs: tuple[int, ...]) -> int:
        only = expression.single
        if only is not None and only.kind == "name":
            return inputs[0]
        if only is not None:
            return self.graph.literal(float(only.value or 0.0), text.source, text.start, text.start + len(text.text))
        quantity = self.graph.compute(expression, inputs)
        value = self.graph.value(quantity)
        if not math.isfinite(value):
            given = ", ".join(
                f"{name}={self.graph.value(i):g}" for name, i in zip(expression.names, inputs, strict=True)
            )
            raise text.error(f"the expression gives {value}", f"at {given}" if given else "")
        return quantity

    def _resolve(self, name: str) -> None:
        """Evaluate a definition and those that it needs, in whatever order they stand."""
        progress: dict[tuple[Scope, str], Text] = {}
        stack: list[tuple[Scope, str]] = [(self, name)]
        while stack:
            scope, name = stack[-1]
            key = (scope, name)
            if name in scope.resolved:
                stack.pop()
                progress.pop(key, None)
                continue
            text = scope.definitions[name]
            literal = scope._literal(text)
            if literal is not None:
                scope.resolved[name] = literal
                continue
            expression = scope.passed.get(name) or scope.compile(text)
            missing = []
            for needed in expression.names:
                if needed == DRAWING:
                    continue
                holder = scope._seen_by(name, needed)._holder(needed)
                if holder is None:
                    if scope._last_resort(needed) is None:
                        circle = {name, *(waiting for _, waiting in progress)}
                        raise scope._unknown(needed, text, expression, circle)
                elif needed not in holder.resolved:
                    missing.append((holder, needed))
            progress[key] = text
            if any(each in progress for each in missing):
                raise _circle(progress, next(each for each in missing if each in progress))
            if missing:
                stack.extend(missing)
            else:
                bound = scope._bound(text, expression, name)
                if text.quoted:
                    error = text.error("this is an expression here; ngspice reads the first number of a text in quotes")
                    scope.settings.warnings.append(NetlistWarning(error.message, error.place, "put it into braces"))
                own = scope.graph.stands_at(bound, text.source, text.start)
                scope.resolved[name] = bound if own else scope.graph.named(name, bound)

    def _holder(self, name: str) -> Scope | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.resolved or name in scope.definitions:
                return scope
            scope = scope.parent
        return None

    def _note(self, name: str, quantity: int, holder: Scope | None) -> None:
        scope: Scope | None = self
        while scope is not None and scope is not holder:
            scope.reads[name] = quantity
            scope = scope.parent

    def _last_resort(self, name: str) -> int | None:
        """What a name means that no definition has."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.undeclared:
                self._note(name, scope.undeclared[name], scope)
                scope.reads[name] = None
                return scope.undeclared[name]
            scope = scope.parent
        return self._constant(name)

    def _constant(self, name: str) -> int | None:
        if name in _TEMPERATURES:
            quantity = self.graph.temperature(self.settings.temperature)
        elif name == "vt":
            quantity = self.graph.compute(_THERMAL_VOLTAGE, (self.graph.temperature(self.settings.temperature),))
        elif name == "gmin":
            quantity = self.graph.constant(self.settings.gmin)
        elif name in _AT_REST:
            quantity = self.graph.constant(0.0)
        elif name == "pi" or (name in KNOWN_CONSTANTS and self.settings.dialect is Dialect.LTSPICE):
            quantity = self.graph.constant(KNOWN_CONSTANTS[name])
        else:
            return None
        self._note(name, quantity, None)
        return quantity

    def _unknown(self, name: str, text: Text, expression: Expression, circle: Collection[str] = ()) -> NetlistError:
        """What to say of a name that means nothing; those in ``circle`` need it themselves, and are no remedy."""
        if "(" in name:
            return text.error(f"'{name}' can stand only in a behavioural source")
        offset = next((s.offset for s in expression.steps if s.kind == "name" and s.name == name), 0)
        hint = (
            "write exp(1)" if name == "e" else did_you_mean(name, [each for each in self.known() if each not in circle])
        )
        if name in self.passed:
            hint = OUTSIDE
        elif text.quoted:
            hint = f"{hint}{'; ' if hint else ''}a text in quotes is a number only where it reads as one"
        return text.error(f"unknown parameter '{name}'", hint, offset, len(name))

    def known(self) -> Sequence[str]:
        """All names that can be read here."""
        names: dict[str, None] = {}
        scope: Scope | None = self
        while scope is not None:
            names.update(dict.fromkeys([*scope.resolved, *scope.definitions]))
            scope = scope.parent
        return list(names)

    def _function(self, name: str, text: Text, behavioural: bool) -> UserFunction | None:
        """A ``.func`` function with all that it calls written out, without recursion.

        As in ngspice, what is in it has the meaning of the place where it is called.
        """
        scope = self._function_holder(name)
        if scope is None:
            return None
        waiting: list[tuple[Scope, str]] = [(scope, name)]
        trail: dict[str, None] = {}
        while waiting:
            scope, current = waiting[-1]
            if (current, behavioural) in scope._functions:
                trail.pop(current, None)
                waiting.pop()
                continue
            written = scope.function_texts[current]
            own = scope._own_functions()
            body = self._parsed(written.body.text, behavioural, own)
            called = {n: h for n in body.calls if (h := scope._function_holder(n))}
            missing = [(h, n) for n, h in called.items() if (n, behavioural) not in h._functions]
            trail[current] = None
            circle = next((n for _, n in missing if n in trail), None)
            if circle is not None:
                names = list(trail)
                shown = " -> ".join([*names[names.index(circle) :], circle])
                raise text.error(f"functions call each other in a circle: {shown}")
            if missing:
                waiting.extend(missing)
                continue
            functions = {n: h._functions[n, behavioural] for n, h in called.items()}
            made = UserFunction(written.arguments, body.with_functions(functions))
            own_wc = current == "wc" and not behavioural
            scope._functions[current, behavioural] = worst_case_function(made) if own_wc else made
        return scope._functions[name, behavioural]

    def _own_functions(self) -> frozenset[str]:
        """The functions that are defined here or further out: they come before built-in ones of the same name."""
        names: frozenset[str] = frozenset()
        scope: Scope | None = self
        while scope is not None:
            if scope.function_texts:
                names = names.union(scope.function_texts)
            scope = scope.around
        return names

    def _function_holder(self, name: str) -> Scope | None:
        scope: Scope | None = self
        while scope is not None and name not in scope.function_texts:
            scope = scope.around
        return scope


def _circle(progress: Mapping[tuple[Scope, str], Text], start: tuple[Scope, str]) -> NetlistError:
    """The error for parameters that depend on each other, the same from wherever one enters the circle."""
    keys = list(progress)
    loop = keys[keys.index(start) :]
    first = min(range(len(loop)), key=lambda i: loop[i][1])
    loop = [*loop[first:], *loop[: first + 1]]
    names = [name for _, name in loop]
    shown = " -> ".join(names if len(names) < 12 else [*names[:6], "...", *names[-4:]])
    passed = any(name in scope.passed for scope, name in loop)
    hint = "a value that an instance passes means the subcircuit's own parameters first" if passed else ""
    return progress[loop[0]].error(f"parameters depend on each other in a circle: {shown}", hint)
