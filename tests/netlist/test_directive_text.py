"""Options in the text of directives."""

from __future__ import annotations

import pytest

import netlearn
from netlearn.netlist.directive_text import with_directive_option


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*@loss cross_entropy scale=auto", "*@loss cross_entropy scale=39"),
        ("*@LOSS  Cross_Entropy  SCALE = auto ; why", "*@LOSS  Cross_Entropy  SCALE = 39 ; why"),
        ("*@loss cross_entropy", "*@loss cross_entropy scale=39"),
        ("*@loss cross_entropy ; scale=auto", "*@loss cross_entropy scale=39 ; scale=auto"),
    ],
)
def test_the_option_stands_in_the_directive(before: str, after: str) -> None:
    text = f"title\r\n*@output V(a)\r\n{before}\r\nV1 a 0 1\r\nR1 a 0 1\r\n"
    changed = with_directive_option(netlearn.parse(text), "loss", "cross_entropy", "scale", "39")
    assert str(changed) == text.replace(before, after)


def test_a_directive_that_is_not_there_comes_after_the_last_or_the_title() -> None:
    text = "title\n*@output V(a)\nV1 a 0 1\nR1 a 0 1\n.end\n"
    changed = with_directive_option(netlearn.parse(text), "loss", "cross_entropy", "scale", "39")
    assert str(changed) == text.replace("V(a)\n", "V(a)\n*@loss cross_entropy scale=39\n")
    text = text.replace("*@output V(a)\n", "")
    changed = with_directive_option(netlearn.parse(text), "loss", "cross_entropy", "scale", "39")
    assert str(changed) == text.replace("title\n", "title\n*@loss cross_entropy scale=39\n")
