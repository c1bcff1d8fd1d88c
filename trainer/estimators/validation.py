"""Validation: on rows set aside, or on given ones; what early stopping looks at."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, check_scoring, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import _check_sample_weight, validate_data

from ..arrays import refuse_masked

# X, y as given, sample weights or None, and y as the network takes it.
Validation = tuple[Any, np.ndarray, "np.ndarray | None", np.ndarray]


class Validating:
    """A part of both estimators."""

    # Of the call of `fit` under way: X_val, y_val, sample_weight_val.
    _validation: tuple[Any, Any, Any] | None = None

    def _split(self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None) -> tuple[Any, Any, Any, Validation]:
        """X, y and sample weights to train on, and what is set aside."""
        weights = [] if sample_weight is None else [sample_weight]
        parts = train_test_split(
            X,
            y,
            *weights,
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=_labels(y) if is_classifier(self) and self.n_outputs_ == 1 else None,
        )
        X, X_val, y, t_val, *split_weights = parts
        if X_val.shape[0] < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        y_val = self._label_binarizer.inverse_transform(t_val) if is_classifier(self) else t_val
        weight, weight_val = split_weights or (None, None)
        return X, y, weight, (X_val, y_val, weight_val, t_val)

    def _given_validation(self: Any) -> Validation | None:
        """What `fit` was given to validate on, checked; None where that is nothing."""
        if self._validation is None:
            return None
        X, y, sample_weight = self._validation
        refuse_masked(X_val=X, y_val=y, sample_weight_val=sample_weight)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=not is_classifier(self),
            dtype=(np.float64, np.float32),
            reset=False,
        )
        targets = y
        if is_classifier(self):
            unknown = np.setdiff1d(unique_labels(y), self.classes_)
            if len(unknown):
                raise ValueError(f"`y_val` has classes not in `self.classes_`: {unknown}")
            targets = self._label_binarizer.transform(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._with_class_weight(sample_weight, X, y)
        return X, y, sample_weight, targets.reshape(len(y), -1)

    def _with_class_weight(self: Any, sample_weight: Any, X: Any, y: Any) -> Any:
        """Sample weights times their classes', or None for neither."""
        if getattr(self, "class_weight", None) is None:
            return sample_weight
        weight = compute_sample_weight(self.class_weight, y)
        return weight if sample_weight is None else weight * _check_sample_weight(sample_weight, X)

    def _score(self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """What early stopping looks at, the higher the better."""
        if self.scoring is None:
            # scikit-learn's own fails, before 1.9, on classes that are words.
            predicted = self._predict(X, check_input=False)
            if predicted.dtype.kind == "f" and not np.isfinite(predicted).all():
                return np.nan
            return float((accuracy_score if is_classifier(self) else r2_score)(y, predicted, sample_weight=sample_weight))
        if self.scoring == "loss":
            return -float(self.validation_loss_curve_[-1])
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        with warnings.catch_warnings():
            # X has been checked, and its names are gone.
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            return float(check_scoring(self, self.scoring)(self, X, y, **weights))


def _labels(y: np.ndarray) -> np.ndarray:
    """The texts by which scikit-learn tells the rows of y apart, one-hot or of a single column.

    It makes them row by row, and while NumPy does that, what a signal handler raises is lost.
    """
    no, yes = (str(number) for number in np.array([0, 1], y.dtype))
    if y.shape[1] == 1:
        return np.where(y.ravel(), yes, no)
    texts = [" ".join(yes if i == label else no for i in range(y.shape[1])) for label in range(y.shape[1])]
    return np.array(texts)[y.argmax(axis=1)]
