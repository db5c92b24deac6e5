"""What of a graph is worked out apart from the rest: once for each element, or by another function for this one."""

from __future__ import annotations

from collections.abc import Sequence

from netlearn.solve.codegen.graph import Node, reached


def frontier(results: Sequence[Node], last: set[int]) -> list[Node]:
    """Sums and differences of the inputs ``last`` that all else of the results is made of, if they are fewer."""
    order = reached(results)
    plain = {number: number in last for number in (node.number for node in order)}
    for node in order:
        if node.operation in ("add", "sub", "neg"):
            plain[node.number] = all(plain[part.number] for part in node.inputs)
    used = {part.number for node in order if not plain[node.number] for part in node.inputs}
    used |= {node.number for node in results}
    inputs = [node for node in order if node.number in last]
    wanted = [node for node in order if plain[node.number] and node.number in used]
    return wanted if len(wanted) <= len(inputs) else inputs


def coefficients(curve: Sequence[Node]) -> list[Node]:
    """What does not depend on the step, but on the unknowns, and is used by what depends on the step."""
    order = reached(curve)
    moves: dict[int, bool] = {}
    varies: dict[int, bool] = {}
    for node in order:
        kind = node.value[0] if node.operation == "input" else None
        moves[node.number] = kind == "change" or any(moves[part.number] for part in node.inputs)
        varies[node.number] = kind not in (None, "value") or any(varies[part.number] for part in node.inputs)
    used = {part.number for node in order if moves[node.number] for part in node.inputs}
    # A number with the other sign is no other number.
    for node in reversed(order):
        if node.number in used and not moves[node.number] and node.operation == "neg":
            used.remove(node.number)
            used.add(node.inputs[0].number)
    return [node for node in order if node.number in used and varies[node.number] and not moves[node.number]]


def hoisted(outputs: Sequence[Node]) -> list[Node]:
    """What does not differ by sample, and is used by something that does: worked out once for each element."""
    order = reached(list(outputs))
    fixed: dict[int, bool] = {}
    for node in order:
        own = node.operation != "input" or node.value[0] == "value"
        fixed[node.number] = own and all(fixed[part.number] for part in node.inputs)
    used = {part.number for node in order if not fixed[node.number] for part in node.inputs}
    used |= {node.number for node in outputs}
    return [node for node in order if fixed[node.number] and node.operation != "constant" and node.number in used]
