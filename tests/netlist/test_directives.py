from typing import Any

import pytest
from hypothesis import given as given_text
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from netlearn.errors import NetlearnError, NetlearnErrors, OptionError
from netlearn.learn.optimizers import Adam, Sgd
from netlearn.learn.settings import DIRECTIVES, LoopOptions, Settings, overridden, settings_of
from netlearn.learn.subset import Subset
from netlearn.learn.trained import Trained
from netlearn.netlist.directives import read_directive, read_directives
from netlearn.netlist.netlist import parse
from netlearn.options import Given


def lines(*texts: str) -> str:
    return "\n".join(["title", "V1 a 0 1", "R1 a 0 1k", *(f"*@{text}" for text in texts), ".end", ""])


def given(*texts: str) -> list[Given]:
    return read_directives(parse(lines(*texts), "n.cir").directives, DIRECTIVES)


def settings(*texts: str) -> Settings:
    return settings_of(given(*texts))


def test_every_directive_of_a_netlist() -> None:
    made = settings(
        "Data   iris_train.csv test='iris test.csv'",
        "OUTPUT V(o1) V(o2, o3), I(V1) ; three of them",
        "loss   cross_entropy scale=20",
        "train  R* X1.R3 min=100 max=1meg",
        "train  gain min=-2",
        "fix    Rbias*",
        "rule   analytic",
        "optimizer ADAM lr = 5m $ a comment",
        "schedule cosine end=0.1",
        "subset fraction=0.2 by=largest redraw=never",
        "options epochs=200 batch=16 patience=none",
        "options seed=1k",
    )
    assert (made.data.train, made.data.test) == ("iris_train.csv", "iris test.csv")
    assert made.output == ("V(o1)", "V(o2,o3)", "I(V1)")
    trained = [(entry.pattern, entry.min, entry.max) for entry in made.train]
    assert trained == [("R*", 100.0, 1e6), ("X1.R3", 100.0, 1e6), ("gain", -2.0, float("inf"))]
    assert made.fix == ("Rbias*",)
    assert made.optimizer == Adam(0.005)
    assert made.subset == Subset(0.2, by="largest", redraw="never")
    assert made.options == LoopOptions(epochs=200, batch=16, seed=1000)
    assert str(made.places["output I(V1)"]) == "n.cir:5:27"
    assert str(made.train[1].place) == "n.cir:7:13"


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", "4:3", "a directive needs a name"),
        ("optmizer adam", "4:3", "unknown directive 'optmizer'|did you mean 'optimizer'?"),
        ("options epoch=3", "4:11", "has no option 'epoch'|did you mean 'epochs'?"),
        ("options epochs=-1", "4:18", "'epochs' must be a whole number at least 0, not -1"),
        ("options epochs=abc", "4:18", "'epochs' must be a whole number, not 'abc'"),
        ("options epochs=1.5", "4:18", "'epochs' must be a whole number, not 1.5"),
        ("options epochs=none", "4:18", "'epochs' must be a whole number, not 'none'"),
        ("options epochs=3 epochs=4", "4:20", "'epochs' is given twice"),
        ("options 5", "4:11", "'5' has no meaning in '*@options'"),
        ("options coordinates=logs", "4:23", "did you mean 'log'?"),
        ("optimizer adm", "4:13", "unknown optimizer 'adm'|did you mean 'adam'?"),
        ("rule coupled-learning", "4:8", "unknown rule 'coupled-learning'|did you mean 'cl'?"),
        ("rule EquilibriumPropagation", "4:8", "unknown rule|did you mean 'ep'?"),
        ("rule bptt", "4:8", "unknown rule 'bptt'|'netlearn help rule' says what each is"),
        ("optimizer adam lr=0", "4:21", "'lr' must be a number above 0, not 0.0"),
        ("optimizer adam momentum=1", "4:18", "'adam' has no option 'momentum'"),
        ("optimizer momentum nesterov=perhaps", "4:31", "'nesterov' must be yes or no"),
        ("optimizer adam sgd", "4:18", "takes one NAME, and 'sgd' is a second"),
        ("rule analytic beta=1", "4:17", "'analytic' has no option 'beta'"),
        ("data a.csv b.csv", "4:14", "takes one FILE"),
        ("output V(a", "4:11", "unexpected '('"),
        ("loss mse on=", "4:15", "ends too early"),
        ('data "a.csv', "4:8", "unexpected '\"'"),
        ("subset fraction=1.1", "4:19", "'fraction' must be a number above 0 and at most 1"),
    ],
)
def test_what_is_wrong_is_placed_at_its_word(text: str, at: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        settings(text)
    message = str(caught.value)
    assert message.startswith(f"n.cir:{at}: error: ")
    for part in said.split("|"):
        assert part in message


@pytest.mark.parametrize(
    ("texts", "at", "said"),
    [
        (("optimizer adam", "optimizer sgd"), "5:3", "'*@optimizer' is given twice|the first is at n.cir:4:3"),
        (("options seed=1", "options seed=2"), "5:11", "'seed' is given twice|the first is at n.cir:4:11"),
        (("optimizer lr=0.1",), "4:3", "'*@optimizer' needs a name"),
        (("train min=3",), "4:3", "needs at least one pattern"),
        (("train R* min=3 max=1",), "4:12", "the lower bound 3 is above the upper bound 1"),
    ],
)
def test_lines_that_contradict_each_other(texts: tuple[str, ...], at: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        settings(*texts)
    assert str(caught.value).startswith(f"n.cir:{at}: error: ")
    for part in said.split("|"):
        assert part in str(caught.value)


def test_all_wrong_lines_are_reported_at_once() -> None:
    with pytest.raises(NetlearnErrors) as caught:
        settings("optmizer adam", "options seed=1", "loss msse")
    assert [str(error.place) for error in caught.value.errors] == ["n.cir:4:3", "n.cir:6:8"]


def over(netlist: list[str], *texts: str) -> Settings:
    return settings_of(overridden(given(*netlist), [read_directive(text, DIRECTIVES) for text in texts]))


def test_overrides_win() -> None:
    lines = ["options epochs=5 seed=3", "optimizer adam lr=0.1 beta1=0.5", "train R1", "data a.csv test=b.csv"]
    assert over(lines, "options epochs=7").options == LoopOptions(epochs=7, seed=3)
    assert over(lines, "optimizer lr=0.2").optimizer == Adam(0.2, beta1=0.5)
    assert over(lines, "optimizer sgd").optimizer == Sgd()
    assert over(lines, "optimizer adam lr=0.3").optimizer == Adam(0.3, beta1=0.5)
    assert over(lines, "train R2 min=1", "train R3").train == (Trained("R2", min=1.0), Trained("R3"))
    assert over(lines, "data c.csv").data.test == "b.csv"
    assert over([], "output V(a)", "output V(b)").output == ("V(a)", "V(b)")


def test_errors_in_overrides_have_no_place() -> None:
    with pytest.raises(OptionError) as caught:
        read_directive("optimizer adam lr=x", DIRECTIVES)
    assert caught.value.place is None


@pytest.mark.parametrize("text", ["train " + "(" * 5000, "output " + "V(a)" * 20000, "a" * 100000, "x" + " =" * 5000])
def test_absurd_lines_end_in_an_error_or_a_result(text: str) -> None:
    try:
        made: Any = read_directive(text, DIRECTIVES)
    except NetlearnError as error:
        made = error
    assert made is not None


WORDS = [
    *DIRECTIVES,
    "adam",
    "mse",
    "V(a,b)",
    "R*",
    "lr",
    "epochs",
    "=",
    "=",
    "1k",
    "(",
    ")",
    '"',
    "'",
    ";",
    "$",
    ",",
    "\t",
]


@given_text(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=12), st.sampled_from(["", " "]))
@hypothesis_settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(words: list[str], between: str) -> None:
    text = between.join(words)
    try:
        settings_of([read_directive(text, DIRECTIVES)])
    except NetlearnError:
        return
    assert text.strip()


def test_the_table_has_help_for_every_option() -> None:
    for directive in DIRECTIVES.values():
        assert directive.help
        options = directive.options_for(()).values() if not directive.kinds else []
        assert all(entry.help for entry in options)
        for kind in directive.kinds:
            assert all(entry.help for entry in directive.options_for((kind,)).values())


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("corner temp=-40:125", "list the values, such as temp=-40,42.5,125"),
        ("corner temp=-40..125", "list the values, such as temp=-40,42.5,125"),
        ("corner temp=-40-125", "list the values, such as temp=-40,42.5,125"),
        ("corner rload=1k-10k", "list the values, such as rload=1k,5500,10k"),
        ("corner vsup=1e-3:5e-3", "list the values, such as vsup=1e-3,0.003,5e-3"),
        ("corner temp=[-40,27,125]", "list the values, such as temp=-40,27,125"),
        ("corner temp='-40 27 125'", "list the values, such as temp=-40,27,125"),
        ("corner temp=-40/27/125", "list the values, such as temp=-40,27,125"),
        ("corner temp=-40 27 125", "the values of a name stand together: NAME=value,value"),
        ("position a=1:2", "list the values, such as a=1,2"),
        ("goal V(b)=1:2", "write min=1 max=2"),
        ("goal V(b) min=1..2", "write min=1 max=2"),
        ("train R* min=10:100k", "write min=10 max=100k"),
        ("hardware levels=16 min=1k-10k", "write min=1k max=10k"),
        ("options epochs=10:20", "give one value"),
        ("optimizer adam lr=0.1:0.01", "give one value"),
        ("hardware noise=1%:2%", "give one value"),
    ],
)
def test_ranges_and_other_lists_are_answered_with_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_directive(text, DIRECTIVES)
    assert caught.value.hint == remedy
    _, _, said = remedy.partition("such as ")
    if said:
        assert read_directive(f"{text.split(maxsplit=1)[0]} {said}", DIRECTIVES).values
