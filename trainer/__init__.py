"""Training on top of the kernels: networks, datasets, the epoch loop, files, the command line. NumPy and Numba alone.

What needs another package imports it when first used, and says what to install where it is missing.
"""

from typing import TYPE_CHECKING, Any

from .displays import LossCurveDisplay
from .errors import ClusterError, DivergenceError, InputError, MissingExtraError, ModelFormatError, TrainingWarning
from .exchange import (
    estimator_from_sklearn,
    export_c,
    export_onnx,
    from_sklearn,
    from_state_dict,
    register_skl2onnx,
    to_onnx,
    to_state_dict,
)
from .extras import require
from .fit.callbacks import StopHandle
from .fit.early_stopping import EarlyStopping
from .fit.history import History
from .fit.learning_rate import LearningRates, find_learning_rate
from .fit.loggers import CSVLogger, MLflow, TensorBoard
from .fit.optimizers import SGD, Adam, Nadam, RMSprop, Rprop
from .fit.schedules import Constant, Cosine, ExponentialDecay, InverseScaling, OneCycle, Plateau, StepDecay, WarmUp
from .gradient_check import check_gradients
from .many.cross_val_fit import CrossValidation, cross_val_fit
from .many.fit_many import fit_many
from .many.sweep import sweep
from .many.sweep_result import SweepResult
from .network import Network
from .rounds.exact import fit_exact
from .rounds.fitting import fit_rounds
from .solvers import LBFGS, LevenbergMarquardt
from .streams.array_source import ArraySource
from .streams.iterable_source import IterableSource
from .streams.source import Source
from .summary import Summary

if TYPE_CHECKING:
    from .estimators import DeepEnsembleClassifier, DeepEnsembleRegressor, MLPClassifier, MLPRegressor, MLPSearchCV, TableRecipe
    from .explanation.explain import explain
    from .streams.stream_recipe import StreamRecipe
    from .streams.tables import TableSource

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "ArraySource",
    "CSVLogger",
    "ClusterError",
    "Constant",
    "Cosine",
    "CrossValidation",
    "DeepEnsembleClassifier",
    "DeepEnsembleRegressor",
    "DivergenceError",
    "EarlyStopping",
    "ExponentialDecay",
    "History",
    "InputError",
    "InverseScaling",
    "IterableSource",
    "LearningRates",
    "LevenbergMarquardt",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "MLPSearchCV",
    "MLflow",
    "MissingExtraError",
    "ModelFormatError",
    "Nadam",
    "Network",
    "OneCycle",
    "Plateau",
    "RMSprop",
    "Rprop",
    "Source",
    "StepDecay",
    "StopHandle",
    "StreamRecipe",
    "Summary",
    "SweepResult",
    "TableRecipe",
    "TableSource",
    "TensorBoard",
    "TrainingWarning",
    "WarmUp",
    "check_gradients",
    "cross_val_fit",
    "estimator_from_sklearn",
    "explain",
    "export_c",
    "export_onnx",
    "find_learning_rate",
    "fit_exact",
    "fit_many",
    "fit_rounds",
    "from_sklearn",
    "from_state_dict",
    "register_skl2onnx",
    "sweep",
    "to_onnx",
    "to_state_dict",
]


# Loaded when first used: they need scikit-learn.
ESTIMATORS = (
    "DeepEnsembleClassifier", "DeepEnsembleRegressor", "MLPClassifier", "MLPRegressor", "MLPSearchCV", "TableRecipe",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "explain":  # its pages take as long to import as the rest of the trainer
        from .explanation.explain import explain

        return explain
    if name in ("StreamRecipe", "TableSource"):  # which read tables, as few programs do
        from .streams import stream_recipe, tables

        return getattr(stream_recipe if name == "StreamRecipe" else tables, name)
    if name in (
        "DeepEnsembleClassifier",
        "DeepEnsembleRegressor",
        "MLPClassifier",
        "MLPRegressor",
        "MLPSearchCV",
        "TableRecipe",
    ):
        require("sklearn", name)
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
