"""Networks and estimators from scikit-learn's fitted `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..extras import require
from ..network import Network
from ..scikit_learn_names import network_arguments

if TYPE_CHECKING:
    from ..estimators import MLPClassifier, MLPRegressor


def from_sklearn(estimator: Any) -> Network:
    """A network with the parameters, activations, loss and dtype of a fitted MLPClassifier or MLPRegressor, theirs or ours.

    Its outputs (n, n_out) are the regressor's predictions, or the classifier's probabilities, of two classes the second one's;
    with the losses "quantile" and "gaussian_nll" all levels, or the logarithms of the variances after the means.
    """
    _check_fitted(estimator)
    parameters = [array.ravel() for layer in zip(estimator.coefs_, estimator.intercepts_, strict=True) for array in layer]
    theta = np.concatenate(parameters)
    return Network(**network_arguments(estimator), dtype=theta.dtype, initial=theta)


def estimator_from_sklearn(estimator: Any) -> MLPClassifier | MLPRegressor:
    """tileprop's estimator with the arguments, parameters and fitted attributes of one of scikit-learn's, all copied.

    It predicts the same, and may be trained on; what an optimizer remembers of its steps begins anew.
    """
    require("sklearn", "estimator_from_sklearn")
    from ..estimators import MLPClassifier, MLPRegressor

    _check_fitted(estimator)
    kind = MLPClassifier if hasattr(estimator, "classes_") else MLPRegressor
    ours: Any = kind(**estimator.get_params(deep=False))
    fitted = {name: value for name, value in vars(estimator).items() if name not in ours.get_params() and name != "_optimizer"}
    vars(ours).update(copy.deepcopy(fitted))
    return ours


def _check_fitted(estimator: Any) -> None:
    if not hasattr(estimator, "coefs_"):
        raise InputError(f"estimator is {estimator!r:.80}; it must be an MLPClassifier or MLPRegressor that is fitted")
