"""scikit-learn's own callbacks, set by `set_callbacks`: its version 1.9 brought them, and there is nothing of them before."""

from __future__ import annotations

import copy
import warnings
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ModuleNotFoundError:
    CallbackSupportMixin = None

# What a fit under way changes in place; its other attributes it replaces.
CHANGED = (
    "coefs_",
    "intercepts_",
    "loss_curve_",
    "validation_scores_",
    "validation_loss_curve_",
    "_optimizer",
    "_state",
    "_random_state",
)


class FitTasks:
    """The tasks of one fit, as callbacks are told of them: the fit, and each of its epochs. By itself, tells nobody."""

    def __init__(self, estimator: Any = None, context: Any = None, **data: Any) -> None:
        self._estimator, self._fit, self._data = estimator, context, data
        self._epoch: Any = None
        # Whether epochs have anybody to be told to.
        self.watched = context is not None and hasattr(estimator, "_skl_callbacks")
        if context is not None:
            context.call_on_fit_task_begin(estimator=estimator, **data)

    def begin_epoch(self) -> None:
        if self.watched:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(
                estimator=self._estimator, reconstruction_attributes=self._as_fitted, **self._data
            )

    def end_epoch(self) -> bool:
        """Whether a callback ends the fit."""
        context, self._epoch = self._epoch, None
        return context is not None and self._ended(context)

    def drop_epoch(self) -> None:
        """End an epoch that was begun, but not made to its end."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=self._estimator)
            self._epoch = None

    def end(self) -> None:
        if self._fit is not None:
            self._ended(self._fit)

    def _ended(self, context: Any) -> bool:
        stops: bool = context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._as_fitted, **self._data
        )
        return stops

    def _as_fitted(self) -> dict[str, Any]:
        """Attributes of a copy of the estimator, which are those of a fit that ended now."""
        attributes = vars(self._estimator)
        kept = {name: attributes[name] for name in CHANGED if name in attributes}
        if self._estimator.early_stopping and self._estimator.solver != "lbfgs":
            kept |= {"coefs_": attributes["_best_coefs"], "intercepts_": attributes["_best_intercepts"]}
        return copy.deepcopy(kept) | {"_tasks": FitTasks(), "_validation": None}


if CallbackSupportMixin is None:

    class WithCallbacks:
        """A part of both estimators."""

        _tasks = FitTasks()

        def _begin_fit(self, X: Any, y: Any, sample_weight: Any) -> FitTasks:
            return FitTasks()

else:

    class WithCallbacks(CallbackSupportMixin):  # type: ignore[no-redef, misc]
        """A part of both estimators."""

        # Of the call of `fit` under way.
        _tasks = FitTasks()

        def set_callbacks(self: Any, *callbacks: Any) -> Any:
            """Set scikit-learn's callbacks, such as its ProgressBar, which are told of each epoch; returns the estimator.

            X and y come to them as they were given to `fit`, and a fitted_estimator as a fit that ended there would leave it:
            with early_stopping, with the best weights so far. One whose on_fit_task_end returns True ends the fit.
            """
            if self.solver == "lbfgs":
                warnings.warn(
                    f"Callbacks are told of the epochs of {type(self).__name__} with solver='sgd' or 'adam'; with "
                    "solver='lbfgs', of the fit as a whole alone.",
                    stacklevel=2,
                )
            return super().set_callbacks(*callbacks)

        def _begin_fit(self: Any, X: Any, y: Any, sample_weight: Any) -> FitTasks:
            """To be called once, at the beginning of a fit that scikit-learn's `_fit_context` encloses."""
            context = self._init_callback_context(max_subtasks=0 if self.solver == "lbfgs" else self.max_iter)
            metadata = None if sample_weight is None else {"sample_weight": sample_weight}
            return FitTasks(self, context, X=X, y=y, metadata=metadata)
