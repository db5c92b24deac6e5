"""Train resistive networks written as SPICE netlists."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netlearn.netlist.netlist import Netlist, parse, read

if TYPE_CHECKING:
    from netlearn.api import describe, evaluate, operating_point, train
    from netlearn.elaboration.elaborate import elaborate
    from netlearn.prediction import Prediction, predict, predict_file, predictions
    from netlearn.results import Evaluation, TrainResult

__all__ = [
    "Evaluation",
    "Netlist",
    "Prediction",
    "TrainResult",
    "describe",
    "elaborate",
    "evaluate",
    "operating_point",
    "parse",
    "predict",
    "predict_file",
    "predictions",
    "read",
    "train",
]

# Solvers take a second to import, which a program that only reads netlists need not wait for.
_ELSEWHERE = {
    name: f"netlearn.{module}"
    for module, names in {
        "api": ("describe", "evaluate", "operating_point", "train"),
        "elaboration.elaborate": ("elaborate",),
        "results": ("Evaluation", "TrainResult"),
        "prediction": ("Prediction", "predict", "predict_file", "predictions"),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'netlearn' has no attribute '{name}'")
    return getattr(import_module(_ELSEWHERE[name]), name)
