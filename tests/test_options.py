from dataclasses import dataclass, field
from typing import Literal

import pytest

from netlearn.errors import OptionError, Place
from netlearn.learn.settings import DIRECTIVES
from netlearn.netlist.directives import read_directive
from netlearn.options import Directive, Option, build, find, option, options_of


@dataclass(frozen=True)
class Thing:
    """Something with options, and a field that is none."""

    rate: float = option(0.5, "how fast", above=0.0, most=2.0)
    count: int | None = option(None, "how many", least=1)
    kind: Literal["big", "small"] = option("big", "which")
    loud: bool = option(False, "whether it says so")
    hidden: list[int] = field(default_factory=list)


def test_options_are_the_fields_that_say_so() -> None:
    rate, count, kind, loud = options_of(Thing)
    assert rate == Option("rate", float, 0.5, "how fast", above=0.0, most=2.0)
    assert count == Option("count", int, None, "how many", optional=True, least=1.0)
    assert (kind.kind, kind.choices, kind.noun) == (str, ("big", "small"), "big or small")
    assert loud.kind is bool
    assert rate.limits == " above 0 and at most 2"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [("rate", 1, 1.0), ("rate", 2.0, 2.0), ("count", 3.0, 3), ("count", None, None), ("kind", "small", "small")],
)
def test_values_that_fit(name: str, value: object, kept: object) -> None:
    made = getattr(build(Thing, {name: value}, "a thing"), name)
    assert made == kept
    assert type(made) is type(kept)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rate", 0.0, "'rate' must be a number above 0 and at most 2, not 0.0"),
        ("rate", 2.1, "not 2.1"),
        ("rate", float("nan"), "not nan"),
        ("rate", float("inf"), "not inf"),
        ("rate", "1", "'rate' must be a number, not '1'"),
        ("rate", True, "'rate' must be a number, not True"),
        ("rate", None, "'rate' must be a number, not None"),
        ("count", 0, "'count' must be a whole number at least 1, not 0"),
        ("count", 1.5, "'count' must be a whole number, not 1.5"),
        ("loud", 1, "'loud' must be yes or no, not 1"),
        ("kind", "bigg", "did you mean 'big'?"),
        ("raet", 1, "did you mean 'rate'?"),
        ("hidden", [1], "a thing has no option 'hidden'"),
    ],
)
def test_values_that_do_not_fit(name: str, value: object, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        build(Thing, {name: value}, "a thing", {name: Place("n.cir", 3, 4)})
    assert str(caught.value).startswith("n.cir:3:4: error: ")
    assert said in str(caught.value)


def test_parts_of_something_may_be_written_in_per_cent_wherever_they_are() -> None:
    texts = ["options validation=12.3%", "subset fraction=50%", "hardware noise=2% stuck=0.1%", "optimizer sgd lr=5%"]
    validation, fraction, hardware = (read_directive(text, DIRECTIVES).values for text in texts[:3])
    assert (validation, fraction) == ({"validation": 0.123}, {"fraction": 0.5})
    assert hardware == {"noise": 0.02, "stuck": 0.001}
    # The same number as any other: a checkpoint does not tell them apart.
    assert {type(value) for value in (*validation.values(), *hardware.values())} == {float}
    with pytest.raises(OptionError, match=r"'lr' is not given in per cent, as '5%'\n  help: write 0.05$"):
        read_directive(texts[3], DIRECTIVES)
    with pytest.raises(OptionError, match="'validation' must be a number at least 0 and below 1"):
        read_directive("options validation=150%", DIRECTIVES)


@dataclass(frozen=True)
class Pair:
    """Options that are wrong together."""

    low: float = option(0.0, "where it begins")
    high: float = option(1.0, "where it ends")

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise OptionError("'high' is not above the other one")


def test_options_that_do_not_go_together_are_placed_where_the_one_that_is_named_was_given() -> None:
    in_netlist = {"": Place("n.cir", 3, 1), "low": Place("n.cir", 3, 4), "high": Place("n.cir", 3, 9)}
    with pytest.raises(OptionError) as caught:
        build(Pair, {"low": 1.0, "high": 0.5}, "a pair", in_netlist)
    assert caught.value.place == in_netlist["high"]
    del in_netlist["high"]
    with pytest.raises(OptionError) as caught:
        build(Pair, {"low": 1.0, "high": 0.5}, "a pair", in_netlist)
    assert caught.value.place is None
    with pytest.raises(OptionError) as caught:
        build(Pair, {"low": 1.0}, "a pair", in_netlist)
    assert caught.value.place == in_netlist[""]


def test_a_thing_without_options_says_so() -> None:
    with pytest.raises(OptionError, match="'dull' has no options"):
        find({}, "rate", "'dull'")


def test_a_directive_knows_the_options_of_the_kind_that_its_word_names() -> None:
    directive = Directive("thing", "a thing", "NAME", kinds={"thing": Thing})
    assert list(directive.options_for(("thing",))) == ["rate", "count", "kind", "loud"]
    assert not directive.many
    assert Directive("things", "things", "NAME...").many
