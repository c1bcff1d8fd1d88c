"""Validation: on rows set aside, or on given ones; what early stopping looks at."""

from __future__ import annotations

import inspect
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
from ..errors import InputError
from .inputs import as_given_targets, in_dtype

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
        y = as_given_targets(self, "y_val", y)
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
        targets = targets.reshape(X.shape[0], -1)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        return in_dtype("X_val", X, self.coefs_[0].dtype), y, self._with_class_weight(sample_weight, targets), targets

    def _with_class_weight(self: Any, sample_weight: np.ndarray | None, y: np.ndarray) -> np.ndarray | None:
        """Sample weights times those of the classes, or None for neither. y: validated, as the network takes it."""
        if getattr(self, "class_weight", None) is None:
            return sample_weight
        weight: np.ndarray = compute_sample_weight(self.class_weight, self._label_binarizer.inverse_transform(y))
        return weight if sample_weight is None else weight * sample_weight

    def _warn_of_weights(self: Any, sample_weight: np.ndarray | None) -> None:
        """Say once a fit that early stopping scores without the weights, where the scorer takes none."""
        if not self.early_stopping or sample_weight is None or self.scoring in (None, "loss"):
            return
        if not _takes_weights(check_scoring(self, self.scoring)):
            warnings.warn(
                f"scoring={_name_of(self.scoring)} takes no sample weights; early stopping scores every validation row equally",
                stacklevel=2,
            )

    def _score(self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """What early stopping looks at, the higher the better. Raises InputError for a score that is not defined."""
        if self.scoring == "loss":
            return -float(self.validation_loss_curve_[-1])
        score = self._scored(X, y, sample_weight)
        if np.isnan(score) and np.isfinite(self._forward_pass_fast(X, check_input=False)).all():
            own = "accuracy" if is_classifier(self) else "r2"
            name = repr(own) if self.scoring is None else _name_of(self.scoring)
            raise InputError(
                f"scoring={name} is NaN on the {X.shape[0]} validation rows after epoch {self.n_iter_}, so that early stopping "
                "cannot compare epochs. Give more validation rows (r2 needs two, ranking scores need every class), or another "
                "scoring, 'loss' for instance"
            )
        return score

    def _scored(self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        if self.scoring is None:
            # scikit-learn's own fails, before 1.9, on classes that are words.
            predicted = self._predict(X, check_input=False)
            if predicted.dtype.kind == "f" and not np.isfinite(predicted).all():
                return np.nan
            return float((accuracy_score if is_classifier(self) else r2_score)(y, predicted, sample_weight=sample_weight))
        scorer = check_scoring(self, self.scoring)
        weights = {} if sample_weight is None or not _takes_weights(scorer) else {"sample_weight": sample_weight}
        with warnings.catch_warnings():
            # X has been checked, and its names are gone.
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            return float(scorer(self, X, y, **weights))


def _takes_weights(scorer: Any) -> bool:
    """Whether a scorer, scikit-learn's or a callable, takes sample_weight."""
    try:
        parameters = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters.values()
    except (TypeError, ValueError):  # of a builtin
        return True
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def _name_of(scoring: Any) -> str:
    return repr(scoring) if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))


def _labels(y: np.ndarray) -> np.ndarray:
    """The texts by which scikit-learn tells the rows of y apart, one-hot or of a single column.

    It makes them row by row, and while NumPy does that, what a signal handler raises is lost.
    """
    no, yes = (str(number) for number in np.array([0, 1], y.dtype))
    if y.shape[1] == 1:
        return np.where(y.ravel(), yes, no)
    texts = [" ".join(yes if i == label else no for i in range(y.shape[1])) for label in range(y.shape[1])]
    return np.array(texts)[y.argmax(axis=1)]
