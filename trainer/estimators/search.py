"""Search over settings of an estimator by cross-validation: scikit-learn's, with the fits made by threads of this process."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from joblib import parallel_config
from joblib.parallel import ThreadingBackend
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils._param_validation import Interval

from ..threads.number import most_threads, one_thread_each
from .evaluation import Evaluation
from .joblib_backend import on_dask


class _OneThreadEach(ThreadingBackend):  # type: ignore[misc]
    """joblib's threads, each of which makes one fit at a time, alone. evaluation: makes the fits of a search."""

    def __init__(self, evaluation: Evaluation | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._evaluation = evaluation

    def submit(self, func: Any, callback: Any = None) -> Any:
        """See joblib."""
        if self._evaluation is not None:
            for task, *_ in func.items:
                task.function = functools.partial(self._evaluation, task.function)
        return super().submit(functools.partial(_alone, func), callback)


def _alone(func: Callable[[], Any], *args: Any) -> Any:
    with one_thread_each():
        return func(*args)


class MLPSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Search for the best settings of an estimator by cross-validation.

    Results are those of scikit-learn's GridSearchCV or RandomizedSearchCV over the same estimator, to the same bits. All fits
    are made in this process: each by one thread, and no data are sent to other processes. MLPClassifier and MLPRegressor
    train outside of Python's lock, so their fits run side by side. Within `joblib.parallel_config("dask")` the fits are made on
    the Dask cluster of the current client instead, as those of GridSearchCV are.

    Parameters
    ----------
    estimator : estimator
        An MLPClassifier or MLPRegressor, or a pipeline that ends in one.

    param_grid : dict or list of dict
        Values to try, a list for each argument of the estimator: `{"alpha": [0.1, 0.01]}`. With n_iter also distributions
        with a method `rvs`, as those of `scipy.stats`.

    n_iter : int, default=None
        Number of settings drawn at random. Unless given, all combinations are tried.

    scoring : str, callable, list, tuple or dict, default=None
        Score or scores, as GridSearchCV takes them; the estimator's own unless given.

    n_jobs : int, default=None
        Number of threads; -1 stands for all processors. Unless given, `TILEPROP_NUM_THREADS`, or all processors at hand.

    refit : bool, str or callable, default=True
        Whether the best setting is fitted to all rows at the end; the name of its score where there are several.

    cv : int, splitter or iterable, default=None
        Number of folds, or how rows are divided; 5 folds unless given.

    verbose : int, default=0
        How much is printed.

    error_score : "raise" or float, default=nan
        Score of a fit that fails, or whether its error is raised.

    return_train_score : bool, default=False
        Whether the scores on the training rows are computed, too.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        Scores and times of each setting, as GridSearchCV has them.

    best_estimator_ : estimator
        Fitted to all rows with the best setting.

    best_params_ : dict
        The best setting.

    best_score_ : float
        Its mean score over the folds.

    best_index_ : int
        Its place in `cv_results_`.

    scorer_ : callable or dict
        The score or scores.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds of the last fit.

    multimetric_ : bool
        Whether there are several scores.

    classes_ : ndarray
        Labels of the classes, for a classifier.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    See Also
    --------
    sweep : Compares settings of a `Network` on validation rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tileprop.trainer import MLPRegressor, MLPSearchCV
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = MLPRegressor(solver="sgd", max_iter=20, tol=0.0, n_iter_no_change=20, random_state=0)
    >>> search = MLPSearchCV(model, {"hidden_layer_sizes": [(8,), (16,)]}, cv=3, n_jobs=1).fit(X, X[:, 0])
    >>> search.cv_results_["mean_test_score"].shape
    (2,)
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> MLPSearchCV:
        """Fit every setting to every fold, and the best one to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets: class labels, or numbers.

        **params : dict
            Arguments of the estimator's fit, such as sample_weight, and of the splitter, such as groups.

        Returns
        -------
        self : object
            The fitted search.
        """
        if on_dask():
            super().fit(X, y, **params)
            return self
        evaluation = Evaluation(own_score=self.scoring is None)
        # scikit-learn sets the filters of warnings in each thread, and threads put them back in any order.
        with warnings.catch_warnings(), parallel_config(backend=_OneThreadEach(evaluation), n_jobs=most_threads(None)):
            super().fit(X, y, **params)
        return self

    def _run_search(self, evaluate_candidates: Callable[[Any], Any]) -> None:
        if self.n_iter is None:
            evaluate_candidates(ParameterGrid(self.param_grid))
        else:
            evaluate_candidates(ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state))
