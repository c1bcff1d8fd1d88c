"""What users give as X and y, where scikit-learn's own validation says too little or takes too little."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse
from sklearn.base import is_classifier

from ..arrays import as_real
from ..errors import InputError
from ..sparse_inputs import SparseInputs


def in_dtype(name: str, X: Any, dtype: DTypeLike) -> Any:
    """X, dense or sparse, in the given dtype. Raises InputError for numbers that are infinite in it."""
    wanted = np.dtype(dtype)
    if X.dtype == wanted:
        return X
    if not issparse(X):
        return as_real(name, X, wanted)
    with np.errstate(over="ignore"):
        converted = X.astype(wanted)
    wrong = ~np.isfinite(converted.data)
    if wrong.any():
        raise InputError(
            f"{name} contains {X.data[wrong][0]}, which is too large for {wanted.name}; scale {name}, or give dtype='float64'"
        )
    return converted


def as_rows(X: Any) -> Any:
    """Validated X as a fit takes it; sparse columns become sparse rows."""
    return SparseInputs(X.tocsr()) if issparse(X) else X


def as_given_targets(estimator: Any, name: str, y: Any) -> Any:
    """y, dense for a regressor. Raises InputError for labels that cannot be sorted: None, or words among numbers."""
    if issparse(y):
        return y if is_classifier(estimator) else y.toarray()
    if y is None or not is_classifier(estimator) or getattr(getattr(y, "dtype", None), "kind", "O") != "O":
        return y
    try:
        labels = np.asarray(y)
    except ValueError:  # lists of several lengths, which scikit-learn explains
        return y
    if labels.dtype != object:
        return y
    labels = labels.ravel()
    for i, label in enumerate(labels):
        if label is None:
            raise InputError(f"{name} holds None at [{i}]; remove such rows, or fill them with a label")
    words = [isinstance(label, str) for label in labels]
    if any(words) and not all(words):
        word, other = labels[words.index(True)], labels[words.index(False)]
        if other == other:  # NaN is scikit-learn's to refuse
            raise InputError(
                f"{name} holds words and other labels, {word!r} and {other!r} for instance; give labels of one kind, "
                f"{name}.astype(str) for instance"
            )
    return y
