"""The examples of docs/rules.md, run as they stand, and its table of rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netlearn.learn.rules import RULES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


def test_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "docs/rules.md", "exec", dont_inherit=True), {"__name__": "example"})


def test_every_rule_is_described() -> None:
    described = set(re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.MULTILINE))
    assert described == set(RULES)
