"""What a netlist is warned of is said once in one call, however often it is elaborated there."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable

import pytest

import netlearn
from netlearn.errors import NetlistWarning

NETLIST = """two sources that ngspice reads in another way
*@input V1
*@output V(b)
*@train R*
V1 a 0 1
B1 b 0 I=1m*limit(v(a),0,1)
B2 b 0 I=1u*limit(v(a),0,2)
R1 b 0 1k
R2 a b 1k
.end
"""
DATA = {"V1": [1.0, 2.0], "V(b)": [0.2, 0.3]}
CALLS: dict[str, Callable[[netlearn.Netlist], object]] = {
    "train": lambda netlist: netlearn.train(netlist, DATA, epochs=2),
    "train for parts": lambda netlist: netlearn.train(netlist, DATA, epochs=2, hardware="series=E12"),
    "train over tolerances": lambda n: netlearn.train(n, DATA, epochs=2, aim="tolerance", draws=2, tolerance="R* 1%"),
    "Trainer": netlearn.Trainer,
    "evaluate": lambda netlist: netlearn.evaluate(netlist, DATA),
    "predict": lambda netlist: netlearn.predict(netlist, {"V1": [1.0]}),
    "operating point": netlearn.operating_point,
    "round": lambda netlist: netlearn.round_values(netlist, DATA, hardware="series=E12"),
    "export": lambda netlist: netlearn.export(netlist, "json"),
    "graph": netlearn.to_networkx,
}


@pytest.mark.parametrize("name", CALLS)
def test_each_place_is_warned_of_once(name: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        CALLS[name](netlearn.parse(NETLIST))
    places = Counter(str(each.message.place) for each in told if isinstance(each.message, NetlistWarning))
    assert places == {"<string>:6:13": 1, "<string>:7:13": 1}


def test_another_call_says_it_again() -> None:
    netlist = netlearn.parse(NETLIST)
    for _ in range(2):
        with pytest.warns(NetlistWarning, match="keeps x between a and b"):
            netlearn.evaluate(netlist, DATA)
