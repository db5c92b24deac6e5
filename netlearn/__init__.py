"""Train circuits that are written as SPICE netlists.

What is public is what ``netlearn.__all__`` lists: a function for everything that a command does, what these
functions give, and the errors that they raise. The modules behind it may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netlearn.errors import (
    CheckFailed,
    ChipError,
    CircuitError,
    ConvergenceError,
    DataError,
    NetlearnError,
    NetlearnErrors,
    NetlistError,
    NetlistWarning,
    NgspiceError,
    OptionError,
    OutputError,
    Place,
    TooLargeError,
)

if TYPE_CHECKING:
    from netlearn.adjoint import adjoint_netlist
    from netlearn.api import operating_point, train
    from netlearn.calibration import Calibration, calibrate
    from netlearn.clusters import cluster
    from netlearn.comparison import Comparison, compare
    from netlearn.description import describe
    from netlearn.discrete.rounding import Rounding, round_values
    from netlearn.elaboration.design import Design
    from netlearn.elaboration.elaborate import elaborate
    from netlearn.evaluation import evaluate
    from netlearn.exports import export, flatten
    from netlearn.generate import NewNetlist
    from netlearn.generate import new_netlist as new
    from netlearn.graphs import from_networkx, to_networkx
    from netlearn.hessians import Spectrum, spectrum
    from netlearn.influences.ranking import Influence, influence
    from netlearn.influences.unlearning import Retraining, Unlearning, unlearn
    from netlearn.judge import Judgement, check
    from netlearn.learn.fit import Fit
    from netlearn.learn.goals import Goal, GoalResult
    from netlearn.matrices import CrossbarMatrix, crossbar_matrix, import_values
    from netlearn.netlist.netlist import Netlist, parse, read
    from netlearn.nudged import nudged_netlist
    from netlearn.onestep.new import OneStepNetlist, new_onestep
    from netlearn.prediction import Prediction, predict, predict_file, predictions
    from netlearn.rates import LearningRate, learning_rate
    from netlearn.realised import GoalSpread, Realisations, realisations, realise
    from netlearn.reference import explain
    from netlearn.report.page import Report, write_report
    from netlearn.results import Description, Evaluation, FoundValue, TrainResult, load_run
    from netlearn.sensitivity import sensitivities
    from netlearn.solve.difference import Differences
    from netlearn.solve.operating_point import OperatingPoint
    from netlearn.solve.sensitivity import Sensitivity
    from netlearn.sweeps import Sweep, sweep
    from netlearn.thermodynamic import thermodynamic_netlist
    from netlearn.tolerances.analysis import ToleranceResult, tolerance
    from netlearn.trainer import Trainer

__all__ = [
    "Calibration",
    "CheckFailed",
    "ChipError",
    "CircuitError",
    "Comparison",
    "ConvergenceError",
    "CrossbarMatrix",
    "DataError",
    "Description",
    "Design",
    "Differences",
    "Evaluation",
    "Fit",
    "FoundValue",
    "Goal",
    "GoalResult",
    "GoalSpread",
    "Influence",
    "Judgement",
    "LearningRate",
    "NetlearnError",
    "NetlearnErrors",
    "Netlist",
    "NetlistError",
    "NetlistWarning",
    "NewNetlist",
    "NgspiceError",
    "OneStepNetlist",
    "OperatingPoint",
    "OptionError",
    "OutputError",
    "Place",
    "Prediction",
    "Realisations",
    "Report",
    "Retraining",
    "Rounding",
    "Sensitivity",
    "Spectrum",
    "Sweep",
    "ToleranceResult",
    "TooLargeError",
    "TrainResult",
    "Trainer",
    "Unlearning",
    "adjoint_netlist",
    "calibrate",
    "check",
    "cluster",
    "compare",
    "crossbar_matrix",
    "describe",
    "elaborate",
    "evaluate",
    "explain",
    "export",
    "flatten",
    "from_networkx",
    "import_values",
    "influence",
    "learning_rate",
    "load_run",
    "new",
    "new_onestep",
    "nudged_netlist",
    "operating_point",
    "parse",
    "predict",
    "predict_file",
    "predictions",
    "read",
    "realisations",
    "realise",
    "round_values",
    "sensitivities",
    "spectrum",
    "sweep",
    "thermodynamic_netlist",
    "to_networkx",
    "tolerance",
    "train",
    "unlearn",
    "write_report",
]

# Solvers take a second to import, which a program that only reads netlists need not wait for, and the command must
# be able to be interrupted from its first moment.
_ELSEWHERE = {
    name: module
    for module, names in {
        "adjoint": ("adjoint_netlist",),
        "api": ("operating_point", "train"),
        "description": ("describe",),
        "evaluation": ("evaluate",),
        "calibration": ("Calibration", "calibrate"),
        "clusters": ("cluster",),
        "comparison": ("Comparison", "compare"),
        "discrete.rounding": ("Rounding", "round_values"),
        "elaboration.design": ("Design",),
        "elaboration.elaborate": ("elaborate",),
        "exports": ("export", "flatten"),
        "generate": ("NewNetlist", "new"),
        "judge": ("Judgement", "check"),
        "learn.fit": ("Fit",),
        "learn.goals": ("Goal", "GoalResult"),
        "matrices": ("CrossbarMatrix", "crossbar_matrix", "import_values"),
        "netlist.netlist": ("Netlist", "parse", "read"),
        "nudged": ("nudged_netlist",),
        "onestep.new": ("OneStepNetlist", "new_onestep"),
        "prediction": ("Prediction", "predict", "predict_file", "predictions"),
        "report.page": ("Report", "write_report"),
        "rates": ("LearningRate", "learning_rate"),
        "realised": ("GoalSpread", "Realisations", "realisations", "realise"),
        "reference": ("explain",),
        "results": ("Description", "Evaluation", "FoundValue", "TrainResult", "load_run"),
        "sensitivity": ("sensitivities",),
        "solve.difference": ("Differences",),
        "solve.operating_point": ("OperatingPoint",),
        "solve.sensitivity": ("Sensitivity",),
        "graphs": ("from_networkx", "to_networkx"),
        "hessians": ("Spectrum", "spectrum"),
        "influences.ranking": ("Influence", "influence"),
        "influences.unlearning": ("Retraining", "Unlearning", "unlearn"),
        "sweeps": ("Sweep", "sweep"),
        "thermodynamic": ("thermodynamic_netlist",),
        "tolerances.analysis": ("ToleranceResult", "tolerance"),
        "trainer": ("Trainer",),
    }.items()
    for name in names
}
_OWN_NAMES = {"new": "new_netlist"}
"""What is called otherwise in its module."""


_MODULES = ("jax", "plot", "sklearn", "torch")
"""What needs libraries that not everybody has, or that take long to import."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"netlearn.{name}")
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'netlearn' has no attribute '{name}'")
    return getattr(import_module(f"netlearn.{_ELSEWHERE[name]}"), _OWN_NAMES.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
