"""What notebooks show: small, whole, and with nothing in it that a stranger's text could do."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from IPython.core.formatters import HTMLFormatter

import netlearn

EVIL = "<script>alert(1)</script>"
NETLIST = f"""\
* {EVIL}
*@output V(<b>out)
*@train R*
V1 in 0 1
R1 in <b>out 1k
R2 <b>out 0 1k
.end
"""
DATA = {"V1": [1.0, 2.0], "V(<b>out)": [0.3, 0.6]}


class Tags(HTMLParser):
    """The tags of a text, which must be closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def things():
    netlist = netlearn.parse(NETLIST, f"{EVIL}.cir")
    result = netlearn.train(netlist, DATA, epochs=3)
    return {
        "netlist": netlist,
        "circuit": netlearn.elaborate(netlist).circuit,
        "result": result,
        "evaluation": result.train,
        "point": netlearn.operating_point(netlist, data=DATA),
        "description": netlearn.describe(netlist, DATA),
        "sweep": netlearn.sweep(netlist, DATA, vary={"optimizer.lr": [0.1]}, epochs=1),
    }


@pytest.mark.parametrize(
    ("name", "says", "picture"),
    [
        ("netlist", "2 R", True),
        ("circuit", "2 resistor", True),
        ("result", "loss", True),
        ("evaluation", "wanted V(&lt;b&gt;out)", True),
        ("point", "v(&lt;b&gt;out)", False),
        ("description", "trainable", False),
        ("sweep", "optimizer.lr", False),
    ],
)
def test_notebooks_show_tables_and_pictures(things, name, says, picture):
    text = HTMLFormatter()(things[name])
    assert Tags(text).seen <= {"div", "b", "table", "tr", "th", "td", "img"}
    assert says in text
    assert ("data:image/png;base64," in text) == picture
    assert EVIL not in text
    assert len(text) < 200_000


def test_long_tables_are_cut_and_say_so():
    netlist = netlearn.parse(netlearn.new("lattice").netlist)
    text = netlearn.operating_point(netlist, data={f"V{k}": [0.0] * 20 for k in (1, 2, 3)})._repr_html_()
    assert "more rows, 13 more columns" in text
    assert len(text) < 10_000


def test_a_netlist_with_a_mistake_shows_the_mistake():
    assert "problem" in netlearn.parse("* t\nR1 a b {nothing}\n.end\n")._repr_html_()


def test_a_crossbar_is_shown_as_one(monkeypatch):
    from netlearn.report import html

    drawn = []
    monkeypatch.setattr(html, "draw_crossbar", lambda axes, circuit: drawn.append(circuit))
    netlearn.parse(netlearn.new("crossbar", inputs=8, outputs=4).netlist)._repr_html_()
    assert len(drawn) == 1
    netlearn.parse(netlearn.new("lattice").netlist)._repr_html_()
    assert len(drawn) == 1
