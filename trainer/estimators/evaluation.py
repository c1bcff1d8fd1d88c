"""One fit of a search and its scores. What fits to the same rows have in common is made once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection._validation import _score

from .classifier import MLPClassifier
from .known import Known
from .regressor import MLPRegressor

# Most memory for the rows of folds. Folds beyond it are made for each fit, as scikit-learn makes them.
KEPT_BYTES = 1 << 27
# Arguments of scikit-learn's `_fit_and_score` that are understood here.
UNDERSTOOD = {
    "scorer", "train", "test", "verbose", "parameters", "fit_params", "score_params", "return_train_score",
    "return_n_test_samples", "return_times", "return_parameters", "error_score", "split_progress", "candidate_progress",
    "caller", "callback_ctx",
}  # fmt: skip


class Fold:
    """Rows to train on, rows to score on, and what is known of them. numbers: those of the rows."""

    def __init__(self, X: np.ndarray, y: np.ndarray, train: Any, test: Any) -> None:
        self.numbers = train, test
        self.train, self.test = (X[train], y[train]), (X[test], y[test])
        self.known = Known()

    @property
    def nbytes(self) -> int:
        """Memory of the rows."""
        return sum(array.nbytes for array in (*self.train, *self.test))


class Evaluation:
    """Fits and scores of one search. own_score: whether the estimator's own `score` is wanted."""

    def __init__(self, own_score: bool) -> None:
        self._own_score = own_score
        self._folds: dict[int, Fold] = {}  # by the `id` of the numbers of the training rows
        self._kept = 0  # bytes
        self._valid: dict[int, Any] = {}  # settings by their `id`, which is theirs for as long as they are kept here

    def __call__(self, fit_and_score: Callable[..., Any], estimator: Any, X: Any, y: Any, **arguments: Any) -> Any:
        """The result of `fit_and_score`, which is scikit-learn's, for these arguments."""
        if not _is_plain(estimator, X, y, arguments):
            return fit_and_score(estimator, X, y, **arguments)
        estimator.set_params(**clone(arguments["parameters"], safe=False))
        started = time.time()
        fold = self._fold(X, y, arguments["train"], arguments["test"])
        with estimator._knowing(fold.known):
            try:
                self._fit(estimator, fold, arguments["parameters"])
            except Exception as error:  # for scikit-learn to treat, as `error_score` says
                return fit_and_score(_Failed(error), X, y, **arguments)
            fitted = time.time()
            result = {"fit_error": None, "test_scores": self._scores(estimator, *fold.test, arguments)}
            scored = time.time()
            if arguments["return_train_score"]:
                result["train_scores"] = self._scores(estimator, *fold.train, arguments)
        return {**result, "n_test_samples": len(fold.test[0]), "fit_time": fitted - started, "score_time": scored - fitted}

    def _fit(self, estimator: Any, fold: Fold, setting: Any) -> None:
        """The arguments of a setting are checked once, and not again for each fold, which would take 0.07 ms."""
        valid = id(setting) in self._valid
        with config_context(skip_parameter_validation=valid or get_config()["skip_parameter_validation"]):
            estimator.fit(*fold.train)
        self._valid[id(setting)] = setting

    def _scores(self, estimator: Any, X: np.ndarray, y: np.ndarray, arguments: dict[str, Any]) -> Any:
        if self._own_score and is_classifier(estimator) and y.ndim == 1 and y.dtype.kind in "biuU":
            try:
                return float(np.average(y == estimator.predict(X)))  # the accuracy; scikit-learn's takes ten times as long
            except ValueError:  # for scikit-learn to treat, too
                pass
        return _score(estimator, X, y, arguments["scorer"], {}, arguments["error_score"])

    def _fold(self, X: np.ndarray, y: np.ndarray, train: Any, test: Any) -> Fold:
        """The fold with these numbers of rows, which are the same objects for all its fits."""
        fold = self._folds.get(id(train))
        if fold is None or fold.numbers[0] is not train or fold.numbers[1] is not test:
            fold = Fold(X, y, train, test)
            if self._kept + fold.nbytes <= KEPT_BYTES:
                self._kept += fold.nbytes
                self._folds[id(train)] = fold
        return fold


class _Failed(BaseEstimator):  # type: ignore[misc]
    """An estimator whose fit has failed."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def set_params(self, **parameters: Any) -> _Failed:
        return self

    def fit(self, X: Any, y: Any) -> None:
        raise self.error


def _is_plain(estimator: Any, X: Any, y: Any, arguments: dict[str, Any]) -> bool:
    """Whether `Evaluation` makes this fit: of one of our estimators to arrays, without anything to print or to call."""
    return (
        type(estimator) in (MLPClassifier, MLPRegressor)
        and type(X) is np.ndarray
        and type(y) is np.ndarray
        and not arguments.keys() - UNDERSTOOD
        and not (arguments["fit_params"] or arguments["score_params"])
        and arguments["verbose"] <= 1
        and arguments.get("callback_ctx") is None
        and not hasattr(estimator, "_skl_callbacks")
    )
