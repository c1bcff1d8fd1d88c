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
    """Make a network from a fitted MLPClassifier or MLPRegressor, scikit-learn's or tileprop's.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted estimator.

    Returns
    -------
    Network
        Network with its parameters, activations, loss and dtype. It predicts the regressor's values, or the classifier's
        probabilities; of two classes the second one's. With the losses "quantile" and "gaussian_nll" it predicts all levels, or
        the means and then the logarithms of the variances.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    InputError
        If it is not an MLPClassifier or MLPRegressor.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> from tileprop.trainer import from_sklearn
    >>> X = np.linspace(0, 1, 20)[:, None]
    >>> original = MLPRegressor(hidden_layer_sizes=5, solver="lbfgs", max_iter=1000, random_state=0).fit(X, X[:, 0])
    >>> bool(np.allclose(from_sklearn(original).predict(X)[:, 0], original.predict(X)))
    True
    """
    _check_fitted(estimator)
    parameters = [array.ravel() for layer in zip(estimator.coefs_, estimator.intercepts_, strict=True) for array in layer]
    theta = np.concatenate(parameters)
    return Network(**network_arguments(estimator), dtype=theta.dtype, initial=theta)


def estimator_from_sklearn(estimator: Any) -> MLPClassifier | MLPRegressor:
    """Make one of tileprop's estimators from one of scikit-learn's that is fitted.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted estimator.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Estimator of tileprop, with copies of the arguments, parameters and fitted attributes. It predicts the same, and may be
        trained on, with fresh moments of the optimizer.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    InputError
        If it is not an MLPClassifier or MLPRegressor.
    MissingExtraError
        If scikit-learn is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> from tileprop.trainer import estimator_from_sklearn
    >>> X = np.linspace(0, 1, 20)[:, None]
    >>> original = MLPRegressor(hidden_layer_sizes=5, solver="lbfgs", max_iter=1000, random_state=0).fit(X, X[:, 0])
    >>> bool(np.allclose(estimator_from_sklearn(original).predict(X), original.predict(X)))
    True
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
        raise InputError(f"estimator is {estimator!r:.80}; it must be a fitted MLPClassifier or MLPRegressor")
