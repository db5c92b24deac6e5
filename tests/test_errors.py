"""Errors point at their place, survive pickling and say what to do."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import netlearn
from netlearn.errors import (
    LONGEST,
    CheckFailed,
    NetlearnError,
    NetlearnErrors,
    NetlistError,
    Place,
    did_you_mean,
    raise_all,
)

PLACE = Place("iris.cir", 12, 7, 3, "R1 a b zzz 5")


def test_a_located_error_shows_the_line_and_a_caret_under_the_word():
    shown = str(NetlistError("unknown word 'zzz'", Place("iris.cir", 12, 8, 3, "R1 a b zzz 5"), hint="use a number"))
    first, line, caret, hint = shown.splitlines()
    assert first == "iris.cir:12:8: error: unknown word 'zzz'"
    assert line[caret.index("^") : caret.rindex("^") + 1] == "zzz"
    assert hint.strip() == "help: use a number"


def test_a_huge_line_is_cut_around_the_caret():
    text = "x" * 500_000 + "BAD" + "y" * 500_000
    shown = str(NetlistError("bad", Place("a.cir", 1, 500_001, 3, text)))
    _, line, caret = shown.splitlines()
    assert len(shown) < 500
    assert line[caret.index("^") : caret.rindex("^") + 1] == "BAD"


def test_the_chain_is_told_innermost_first():
    outer = Place("top.cir", 3, 1, 1, ".include a.inc")
    inner = Place("a.inc", 9, 1, 1, "X1 a b sub")
    shown = str(NetlistError("bad", Place("a.inc", 2, 1, 1, "R1 a", (outer, inner))))
    assert shown.index("a.inc:9:1") < shown.index("top.cir:3:1")


def test_exit_codes():
    assert NetlistError("x").exit_code == 2
    assert CheckFailed("x").exit_code == 1


@pytest.mark.parametrize(
    "error", [NetlistError("m", PLACE, "h"), NetlearnErrors([NetlistError("a"), NetlistError("b")])]
)
def test_errors_cross_process_boundaries(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_raise_all():
    raise_all([])
    with pytest.raises(NetlistError):
        raise_all([NetlistError("one")])
    with pytest.raises(NetlearnErrors) as caught:
        raise_all([NetlistError("one"), NetlistError("two")])
    assert "one" in str(caught.value)
    assert "two" in str(caught.value)


def test_did_you_mean():
    assert did_you_mean("otput", ["data", "output"]) == "did you mean 'output'?"
    assert did_you_mean("EPOCS", ["Epochs"]) == "did you mean 'Epochs'?"
    assert did_you_mean("v9999", ["i1", "r2", "i1"]) == "known: i1, r2"
    assert did_you_mean("zzz", ["data", "output"]) == "known: data, output"
    assert did_you_mean("zzz", []) == ""
    # Where letter case matters a word of another one is the nearest; the word itself is no remedy.
    assert did_you_mean("JSON", ["csv", "json"]) == "did you mean 'json'?"
    assert did_you_mean("cat", ["Dog", "CAT", "cut"]) == "did you mean 'CAT'?"
    assert did_you_mean("cat", ["cat"]) == ""


@pytest.mark.parametrize(
    ("function", "settings", "remedy"),
    [
        ("export", {"to": "JSON"}, "did you mean 'json'?"),
        ("train", {"Epochs": 3}, "did you mean 'epochs'?"),
        ("train", {"aim": "Yield"}, "did you mean 'yield'?"),
        ("operating_point", {"solver": "Newton"}, "did you mean 'newton'?"),
    ],
)
def test_a_word_of_another_letter_case_is_answered_with_the_right_one(
    function: str, settings: dict[str, Any], remedy: str
) -> None:
    netlist = netlearn.parse("* t\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n")
    with pytest.raises(NetlearnError) as caught:
        getattr(netlearn, function)(netlist, **settings)
    assert remedy in (caught.value.hint or "")


def test_a_message_that_quotes_a_huge_word_is_cut():
    shown = str(NetlearnError(f"'{'1' * 1_000_000}' is not a number"))
    assert len(shown) <= LONGEST
    assert shown.startswith("error: '111")
    assert shown.endswith("11' is not a number")


def test_a_warning_names_the_line_that_called_the_package() -> None:
    netlist = netlearn.parse("* t\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.noise v(b) V1 dec 1 1 10\n*@output V(b)\n.end\n")
    clamped = netlearn.parse("* t\n*@output V(b)\nV1 a 0 1\nR1 a b 1k\nB1 b 0 I=limit(v(b),0,1)\n.end\n")
    data = {"V1": [1.0, 2.0], "V(b)": [0.25, 0.5]}
    calls: dict[str, Callable[[], object]] = {
        "is left out of the flat netlist": lambda: netlearn.flatten(netlist),
        "not at a minimum of the training loss": lambda: netlearn.influence(netlist, data),
        # The circuit is worked out once, by functools.
        "keeps x between a and b here": lambda: netlearn.evaluate(clamped, data),
        # Inside a decorator of numpy's.
        "the loss of sample 1 is inf": lambda: netlearn.evaluate(clamped, {"V1": [1.0], "V(b)": [1e200]}),
        "there is no node 'c'": lambda: netlearn.plot.network(netlist, positions={"c": (0.0, 0.0)}),
    }
    for message, call in calls.items():
        with pytest.warns(UserWarning, match=message) as said:
            call()
        assert {each.filename for each in said} == {__file__}
