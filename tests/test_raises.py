"""What is raised is told in one way in all public docstrings: "Raises OptionError for ...", by names that exist."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Iterator

import pytest

import netlearn

SENTENCE = re.compile(r"(?<!\w)[Rr]aises\s[^.]*")
ERROR = re.compile(r"\b[A-Z]\w*(?:Errors?|Warning|Interrupt|Iteration)\b")


def docstrings() -> Iterator[tuple[str, str]]:
    """Names and docstrings of all public functions and classes, and of the public methods of these."""
    for name in netlearn.__all__:
        public = getattr(netlearn, name)
        if not callable(public):
            continue
        yield name, inspect.getdoc(public) or ""
        for own, member in vars(public).items() if inspect.isclass(public) else ():
            if not own.startswith("_"):
                yield f"{name}.{own}", inspect.getdoc(getattr(public, own, member)) or ""


TOLD = {name: text for name, text in docstrings() if re.search(SENTENCE, text)}


def test_many_tell() -> None:
    assert len(TOLD) > 40


@pytest.mark.parametrize("name", TOLD)
def test_what_is_raised_is_told_in_sentences_by_public_names(name: str) -> None:
    for line in TOLD[name].splitlines():
        assert line.strip().rstrip(":") not in ("Raises", "Raise"), "a sentence, not a section"
    for sentence in SENTENCE.findall(TOLD[name]):
        found = ERROR.findall(sentence)
        assert found, f"no class is named in '{sentence}'"
        for error in found:
            assert error in netlearn.__all__ or hasattr(builtins, error), error
