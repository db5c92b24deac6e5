"""The parameters that a netlist's ``.param`` and ``.subckt`` lines give, by name."""

from __future__ import annotations

from collections.abc import Mapping

from netlearn.errors import UnknownNameError
from netlearn.netlist.bodies import GivenPair
from netlearn.netlist.elements import Editable
from netlearn.netlist.pairs import Pairs


class ParameterValues(Pairs):
    """The ``.param`` values of a netlist by name, included files among it.

    Of several definitions the last one counts, in whatever branch of a condition it stands. A parameter of
    an instance goes by the path of calls that leads to it, ``X1.k``: the value that the instance passes, if it
    passes one, else what the subcircuit gives, which is that of all its instances.
    """

    def __init__(self, netlist: Editable) -> None:
        super().__init__(netlist, braced=True)
        self._owner = netlist

    def _given(self) -> Mapping[str, GivenPair]:
        return self._owner.known.body.parameters

    def _what(self) -> str:
        return "the netlist"

    def _find(self, name: str) -> GivenPair | None:
        found = self._given().get(name)
        if found is None and "." in name:
            path, _, last = name.rpartition(".")
            body = self._owner.known.body_at(path)
            found = None if body is None else body.parameters.get(last)
        return found

    def _unknown(self, name: str) -> UnknownNameError:
        path, _, last = name.lower().rpartition(".")
        body = self._owner.known.body_at(path)
        if body is not None and last in body.functions:
            return UnknownNameError(f"'{name}' is a function, which has no value that could be set")
        error = super()._unknown(name)
        where = "" if body is None else f"{path}." if path else ""
        if body is not None and path and body.parameters:
            known = ", ".join(f"{where}{known}" for known in list(body.parameters)[:8])
            error.hint = f"known: {known}"
        elif not path and not error.hint:
            error.hint = "the netlist has no .param line: write one into it"
        return error
