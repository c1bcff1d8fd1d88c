"""What a warm start, or the next `partial_fit`, goes on with: arguments that would need other weights are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ...kernels.validation import heads_of
from ..errors import InputError
from ..scikit_learn_names import loss_parameters

_REMEDY = "Fit anew, with warm_start=False, or set the argument back"


def check_goes_on(estimator: Any, y: np.ndarray) -> None:
    """Raise InputError where the weights of the last fit do not fit the arguments, or the validated targets y."""
    had = tuple(W.shape[1] for W in estimator.coefs_[:-1])
    sizes = tuple(np.ravel(estimator.hidden_layer_sizes).tolist())
    if sizes != had:
        raise InputError(
            f"hidden_layer_sizes is {estimator.hidden_layer_sizes}; the weights to continue from have hidden layers "
            f"of {had}. {_REMEDY}"
        )
    dtype = estimator.coefs_[0].dtype
    if estimator.dtype is not None and dtype != estimator.dtype:
        raise InputError(f"dtype is {estimator.dtype!r}; the weights to continue from are {dtype.name}. {_REMEDY}")
    if is_classifier(estimator):
        return
    columns = 1 if y.ndim == 1 else y.shape[1]
    if columns != estimator.n_outputs_:
        raise InputError(f"y has {columns} columns; the weights to continue from are for {estimator.n_outputs_}")
    heads, outputs = heads_of(estimator.loss, **loss_parameters(estimator)), estimator.coefs_[-1].shape[1]
    if heads * columns != outputs:
        name = "quantile" if estimator.loss == "quantile" else "loss"
        raise InputError(
            f"{name} is {getattr(estimator, name)!r}, which takes {heads} outputs for each target; the weights that training "
            f"goes on with have {outputs // columns}. {_REMEDY}"
        )
    wanted = "exp" if estimator.loss == "poisson" else "identity"
    if wanted != estimator.out_activation_:
        raise InputError(
            f"loss is {estimator.loss!r}, which needs the output activation {wanted!r}; the network that training goes on with "
            f"has {estimator.out_activation_!r}. {_REMEDY}"
        )
