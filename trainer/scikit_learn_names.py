"""scikit-learn's names for what a network is made of, and ours; neither side is imported."""

from __future__ import annotations

from typing import Any

# Where they are not the same.
ACTIVATIONS = {"logistic": "sigmoid"}
LOSSES = {"squared_error": "sum_squared_error"}
# What losses take besides, of our estimators: an argument of theirs and of the network.
LOSS_PARAMETERS = {"quantile": "quantile", "huber": "delta"}


def network_arguments(estimator: Any) -> dict[str, Any]:
    """What `Network` is called with for an MLPClassifier or MLPRegressor, theirs or ours, that has coefs_; dtype apart."""
    hidden = estimator.activation
    names = [hidden] * (len(estimator.coefs_) - 1) if isinstance(hidden, str) else hidden
    return {
        "sizes": [estimator.coefs_[0].shape[0], *(W.shape[1] for W in estimator.coefs_)],
        "activation": [ACTIVATIONS.get(name, name) for name in names],
        "output_activation": ACTIVATIONS.get(estimator.out_activation_, estimator.out_activation_),
        "loss": LOSSES.get(estimator.loss, estimator.loss),
        **loss_parameters(estimator),
    }


def loss_parameters(estimator: Any) -> dict[str, Any]:
    """What the estimator's loss takes besides outputs and targets, by name."""
    name = LOSS_PARAMETERS.get(estimator.loss)
    return {} if name is None else {name: getattr(estimator, name)}
