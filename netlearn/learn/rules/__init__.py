"""Learning rules, by the names that directives and commands use for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from netlearn.errors import OptionError, did_you_mean
from netlearn.learn.model import Rule
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.energy import (
    AdjointCoupledLearning,
    ContrastiveLearning,
    CoupledLearning,
    EquilibriumPropagation,
    GeneralizedEP,
)
from netlearn.options import build

__all__ = ["RULES", "GeneralizedEP", "make_rule"]

RULES: Mapping[str, type] = {
    "analytic": Analytic,
    "ep": EquilibriumPropagation,
    "cl": CoupledLearning,
    "contrastive": ContrastiveLearning,
    "al": AdjointCoupledLearning,
}


def make_rule(name: str, **options: object) -> Rule:
    """The rule of that name with these options. Raises OptionError for what is not known."""
    if name not in RULES:
        raise OptionError(f"there is no rule '{name}'", hint=did_you_mean(name, RULES))
    return cast(Rule, build(RULES[name], options, f"rule {name}"))
