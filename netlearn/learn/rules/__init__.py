"""Learning rules, by the names that directives and commands use for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from netlearn.errors import OptionError, did_you_mean
from netlearn.learn.rules.adjoint_circuit import AdjointCircuit
from netlearn.learn.rules.analytic import Analytic
from netlearn.learn.rules.base import Batch, Estimate, Rule
from netlearn.learn.rules.emulated import Emulated
from netlearn.learn.rules.energy import (
    AdjointCoupledLearning,
    ContrastiveLearning,
    CoupledLearning,
    EquilibriumPropagation,
)
from netlearn.learn.rules.finite_nudges import FiniteEP
from netlearn.learn.rules.frequency import FrequencyPropagation
from netlearn.learn.rules.generalized import GeneralizedEP
from netlearn.learn.rules.holomorphic import HolomorphicEP
from netlearn.learn.rules.in_the_loop import InTheLoop
from netlearn.learn.rules.perturbative import FiniteDifferences, Homodyne, Spsa
from netlearn.learn.rules.projector import Projector
from netlearn.learn.rules.second_order import GaussNewton, NaturalGradient
from netlearn.options import build

__all__ = [
    "RULES",
    "Analytic",
    "Batch",
    "CoupledLearning",
    "EquilibriumPropagation",
    "Estimate",
    "GeneralizedEP",
    "Rule",
    "make_rule",
]

RULES: Mapping[str, type] = {
    "analytic": Analytic,
    "projector": Projector,
    "gauss-newton": GaussNewton,
    "natural": NaturalGradient,
    "in-the-loop": InTheLoop,
    "adjoint-circuit": AdjointCircuit,
    "ep": EquilibriumPropagation,
    "cl": CoupledLearning,
    "contrastive": ContrastiveLearning,
    "al": AdjointCoupledLearning,
    "holomorphic": HolomorphicEP,
    "finite-ep": FiniteEP,
    "frequency": FrequencyPropagation,
    "differences": FiniteDifferences,
    "spsa": Spsa,
    "homodyne": Homodyne,
    "emulator": Emulated,
}


def make_rule(name: str, **options: object) -> Rule:
    """The rule of that name with these options. Raises OptionError for what is not known."""
    if name not in RULES:
        raise OptionError(f"there is no rule '{name}'", hint=did_you_mean(name, RULES))
    return cast(Rule, build(RULES[name], options, f"rule {name}"))
