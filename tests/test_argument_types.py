"""Arguments of public functions have the types that the functions declare, or are errors in words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pandas
import pytest

import netlearn
from netlearn.argument_types import checked, kinds_of
from netlearn.errors import DataError, NetlearnError, OptionError
from netlearn.netlist.netlist import Netlist

TEXT = "* t\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k\n*@goal V(out) = 0.3\n*@train R*\n*@options epochs=1\n.end\n"
DIVIDER = netlearn.parse(TEXT)
FACE: Any = netlearn
NETLIST: Any = DIVIDER
GRAPH = networkx.Graph([("0", "a")])
"""The same without types, as those would refuse what is tried."""
LATER = {"predictions", "cluster"}
"""What does nothing before it is gone through or entered."""
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: thing for name in netlearn.__all__ if not isinstance(thing := getattr(netlearn, name), type)
}
SINGLE = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
ARGUMENTS = [
    (function, name)
    for function in FUNCTIONS
    for name, parameter in inspect.signature(FUNCTIONS[function]).parameters.items()
    if parameter.kind in SINGLE and name not in ("data", "targets")
]
NOT_FOR_USERS = {
    "Differences": {"at"},
    "Judgement": {"at"},
    "Netlist": {"change", "edit", "outputs_at", "place"},
    "OperatingPoint": {"later", "of_states", "repeated"},
}
"""What the package calls alone, as it does all methods of a Design."""
METHODS: dict[str, Callable[..., Any]] = {
    f"{name}.{method}": function
    for name in netlearn.__all__
    if isinstance(thing := getattr(netlearn, name), type) and name != "Design"
    for method, function in inspect.getmembers(thing, inspect.isfunction)
    if not method.startswith("_") and method not in NOT_FOR_USERS.get(name, ())
}


def needed(function: Callable[..., Any], folder: Path) -> dict[str, object]:
    """What a function cannot be called without."""
    known = {"netlist": DIVIDER, "text": TEXT, "path": folder / "a.cir", "out": folder / "out", "graph": GRAPH}
    parameters = inspect.signature(function).parameters.values()
    lacking = [each.name for each in parameters if each.kind in SINGLE and each.default is each.empty]
    return {name: known.get(name, "V(out)") for name in lacking}


def is_checked(function: Any) -> bool:
    """Whether it was made by ``checked``, or wraps what was."""
    while function.__code__ is not example.__code__:
        if not hasattr(function, "__wrapped__"):
            return False
        function = function.__wrapped__
    return True


def test_every_public_function_is_checked() -> None:
    pictures = {f"plot.{name}": getattr(netlearn.plot, name) for name in netlearn.plot.__all__}
    public = {**FUNCTIONS, **METHODS, **pictures, "Trainer": netlearn.Trainer.__init__}
    lacking = [name for name, function in public.items() if kinds_of(inspect.unwrap(function))]
    assert [name for name in lacking if not is_checked(public[name])] == []
    assert {"from_networkx", "Netlist.add", "plot.network"} <= set(lacking)
    assert not is_checked(inspect.unwrap(netlearn.train))


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS, ids=[".".join(each) for each in ARGUMENTS])
def test_what_an_argument_cannot_be_is_an_error_in_words(name: str, argument: str, tmp_path: Path) -> None:
    (tmp_path / "a.cir").write_text(TEXT)
    function = FUNCTIONS[name]
    if name in LATER and argument in ("netlist", "forward"):
        pytest.skip("it is looked at later")
    with pytest.raises(NetlearnError):
        function(**{**needed(function, tmp_path), argument: object()})
    assert [path.name for path in tmp_path.iterdir()] == ["a.cir"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: FACE.sweep(DIVIDER, vary=3),
            "'vary' must be a mapping of texts to lists or a list of texts or a text, not 3",
        ),
        (lambda: FACE.sweep(DIVIDER, seeds="two"), "'seeds' must be a whole number or a list of whole numbers"),
        (lambda: FACE.sweep(DIVIDER, scatter="wide"), "'scatter' must be a number, not 'wide'"),
        (lambda: FACE.sweep(DIVIDER, executor=3), "'executor' must be an executor or None, not 3"),
        (lambda: FACE.sweep(DIVIDER, vary={"optimizer.lr": [0.1]}.items()), "'vary' must be a mapping"),
        (lambda: FACE.read(3), "'path' must be a path, not 3"),
        (lambda: FACE.read("a.cir", allow="libraries"), "'allow' must be a list of paths, not 'libraries'"),
        (lambda: FACE.parse(3), "'text' must be a text, not 3"),
        (lambda: FACE.new(3), "'kind' must be a text, not 3"),
        (lambda: FACE.explain(3), "'words' must be a list of texts"),
        (lambda: FACE.write_report(DIVIDER, 3), "'out' must be a path or None, not 3"),
        (lambda: FACE.write_report(3), "a int is not a netlist"),
        (lambda: FACE.elaborate(3), "a int is not a netlist"),
        (lambda: FACE.train(DIVIDER, resume=1), "'resume' must be True or False, not 1"),
        (lambda: FACE.train(DIVIDER, parts=True), "'parts' must be a whole number, not True"),
        (lambda: FACE.train(DIVIDER, progress=[3]), "'progress' must be a function or a list of functions or True"),
        (
            lambda: FACE.tolerance(DIVIDER, prices={"a": 1}),
            "'prices' must be a text or a mapping of numbers to numbers or None",
        ),
        (lambda: FACE.tolerance(DIVIDER, against="spectre"), "'against' cannot be 'spectre'"),
        (lambda: FACE.sensitivities(DIVIDER, "V(out)", against="spectre"), "'against' cannot be 'spectre'"),
        (lambda: NETLIST.add(3), "'text' must be a text, not 3"),
        (lambda: NETLIST.update(3), "'values' must be a mapping of texts to numbers or texts, not 3"),
        (lambda: NETLIST.remove(3), "'names' must be a list of texts"),
        (lambda: NETLIST.save(3), "'path' must be a path, not 3"),
        (lambda: NETLIST[3], "'name' must be a text, not 3"),
        (lambda: FACE.train(DIVIDER, aim="yeld"), "'aim' cannot be 'yeld'\n.*did you mean 'yield'"),
        (lambda: FACE.export(DIVIDER, "ngspice", output="V(out)", samples=0), "at least one sample is taken, not 0"),
        (lambda: FACE.check(DIVIDER, samples=-1), "at least one sample is taken, not -1"),
        (lambda: FACE.check(DIVIDER, floor=float("nan")), "'floor' must be a number at least 0, not nan"),
        (lambda: FACE.predict(DIVIDER, [[1.0]], input=[("V1", 3)]), "3 names nothing that an input could drive"),
        (lambda: FACE.predict(DIVIDER, [[1.0]], input=[3]), "3 names nothing that an input could drive"),
        (lambda: FACE.influence(DIVIDER, iterations=0), "there is at least one iteration, not 0"),
        (lambda: FACE.unlearn(DIVIDER, rows=[0], iterations=0), "there is at least one iteration, not 0"),
        (lambda: FACE.evaluate(DIVIDER, corner={"R1": []}), r"the corner 'R1' cannot be \[\]"),
        (lambda: FACE.evaluate(DIVIDER, corner={"R1": 1e3}), "the corner 'R1' cannot be 1000.0"),
        (lambda: FACE.evaluate(DIVIDER, corner={"R1": [float("nan")]}), r"the corner 'R1' cannot be \[nan\]"),
        (lambda: FACE.evaluate(DIVIDER, corner={3: [1.0]}), "the name of a corner is a text, not 3"),
        (lambda: FACE.evaluate(DIVIDER, corner={"R1": [1.0], "r1": [2.0]}), "the corner 'r1' is given twice"),
        (lambda: FACE.from_networkx(GRAPH, "a"), "'inputs' must be a list, not 'a'"),
        (lambda: FACE.from_networkx(GRAPH, positions=3), "'positions' must be a text or a mapping, not 3"),
        (lambda: FACE.from_networkx(GRAPH, train=3), "'train' must be a text or a list of texts, not 3"),
        (lambda: FACE.operating_point(DIVIDER).measure(["V(out)"]), "'probes' are given one by one, not in a list"),
        (lambda: FACE.plot.network(DIVIDER, outputs="out"), "'outputs' must be a list of texts or None, not 'out'"),
    ],
)
def test_the_error_says_what_the_argument_must_be(call: Callable[[], object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        call()


def test_targets_without_inputs_are_not_left_out() -> None:
    with pytest.raises(DataError, match="targets by themselves need inputs"):
        netlearn.evaluate(DIVIDER, targets=[0.3])


@checked
def example(
    count: int, share: float = 0.5, names: list[str] | tuple[str, ...] = (), netlist: Netlist | str = "", *words: str
) -> int:
    """An example."""
    return count


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert example(np.int64(3), np.float32(0.25)) == 3  # type: ignore[arg-type]
    assert example(10**400, 1) == 10**400


def test_numbers_of_other_libraries_do_what_python_s_do() -> None:
    kept = {"keep": "parameters", "keep_every": np.int64(1), "progress": np.bool_(False)}
    result = FACE.train(DIVIDER, epochs=np.int64(2), optimizer="adam lr=0.1", **kept)
    assert len(result.history.loss) == 3
    records = FACE.sweep(DIVIDER, vary={"optimizer.lr": [0.1]}, seeds=np.int64(2))
    assert len(records.records) == 2
    pcm = netlearn.parse(TEXT.replace(".end", "*@hardware device=pcm min=40k max=1meg\n.end"))
    assert FACE.realisations(pcm, at=np.int64(3600), count=2) is not None
    netlist = netlearn.parse(TEXT)
    values = {"R1": np.array(5.0), "R2": Decimal(7)}
    netlist.update(values)  # type: ignore[arg-type]
    netlist.update(pandas.Series({"V1": 3.0}))  # type: ignore[arg-type]
    assert [netlist[name].value for name in ("R1", "R2", "V1")] == [5.0, 7.0, 3.0]
    point = FACE.operating_point(DIVIDER, probes=np.array(["V(in)", "V(out)"]))
    np.testing.assert_allclose(point.measure("V(out)"), 0.5)


def test_classes_that_are_checked_elsewhere_are_let_through() -> None:
    assert example(1, netlist=3) == 1  # type: ignore[arg-type]


def test_what_is_missing_or_too_much_is_said_by_python() -> None:
    with pytest.raises(TypeError, match=r"example\(\) missing 1 required positional argument: 'count'"):
        example()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"example\(\) got an unexpected keyword argument 'weight'"):
        example(3, weight=1)  # type: ignore[call-arg]


def test_a_checked_function_is_described_as_it_is() -> None:
    assert example.__doc__ == "An example."
    assert list(inspect.signature(example).parameters) == ["count", "share", "names", "netlist", "words"]
