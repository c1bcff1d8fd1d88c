"""scikit-learn's `MLPClassifier` and `MLPRegressor`, trained by the kernels. Needs the extra `sklearn`.

They are scikit-learn's own classes, with its validation, initial weights, order of batches, stopping and messages; what is
replaced is what takes time. With the same `random_state` they go through the same weights, up to rounding. `TableRecipe`
prepares frames for them. The deep ensembles are classes of our own, of several networks that predict together.
"""

from .classifier import MLPClassifier
from .deep_ensemble_classifier import DeepEnsembleClassifier
from .deep_ensemble_regressor import DeepEnsembleRegressor
from .regressor import MLPRegressor
from .table_recipe import TableRecipe

__all__ = ["DeepEnsembleClassifier", "DeepEnsembleRegressor", "MLPClassifier", "MLPRegressor", "TableRecipe"]
