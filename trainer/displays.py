"""Loss curves in scikit-learn's style of displays: computed once, drawn with `plot` as often as needed. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .errors import InputError
from .extras import require

# The label of the axes that hold the scores, by which a second display on the same axes finds them.
SCORE_AXES = "validation scores"
# The group ids of curves begin with this; the number of their display and its name follow.
GROUP = "loss curves of display"
# Curves of fewer epochs have markers as well.
FEW_EPOCHS = 15


class Losses(Protocol):
    """What has the losses of a fit, as `History`."""

    loss: list[float]
    val_loss: list[float]


class LossCurveDisplay:
    """Loss curves of a fit, made by `from_estimator` or `from_history` (needs matplotlib, extra `plot`).

    Parameters
    ----------
    loss_curve : sequence of float
        Training loss of each epoch.

    validation_loss_curve : sequence of float, default=None
        Validation loss of each epoch.

    validation_scores : sequence of float, default=None
        Validation score of each epoch, drawn on an axis of its own at the right.

    estimator_name : str, default=None
        What the legend writes above the curves.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the losses.

    score_ax_ : matplotlib Axes or None
        Axes with the scores, where there are any.

    figure_ : matplotlib Figure
        Figure that holds them.

    lines_ : list of matplotlib Line2D
        Training loss, validation loss and validation scores, those that are given: solid, dashed and dotted, each in a
        colour of its own.

    Examples
    --------
    >>> from tileprop import LossCurveDisplay
    >>> display = LossCurveDisplay(loss_curve=[0.9, 0.5, 0.4], validation_loss_curve=[0.8, 0.6, 0.7]).plot()
    >>> [line.get_label() for line in display.lines_]
    ['training loss', 'validation loss']
    """

    ax_: Any
    score_ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(
        self,
        *,
        loss_curve: Sequence[float],
        validation_loss_curve: Sequence[float] | None = None,
        validation_scores: Sequence[float] | None = None,
        estimator_name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.validation_scores = validation_scores
        self.estimator_name = estimator_name

    def plot(self, *, ax: Any = None, name: str | None = None, **line_kwargs: Any) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure unless given.

        name : str, default=None
            What the legend writes above the curves, instead of `estimator_name`.

        **line_kwargs : dict
            Options of matplotlib's `Axes.plot`, for every curve.

        Returns
        -------
        LossCurveDisplay
            This object, with the attributes above.

        Raises
        ------
        InputError
            For curves without an entry, or of different lengths.
        """
        self._check_lengths()
        line_class = require("matplotlib.lines", "LossCurveDisplay").Line2D
        style = require("matplotlib.cbook", "LossCurveDisplay").normalize_kwargs(line_kwargs, line_class)
        if ax is None:
            _, ax = require("matplotlib.pyplot", "LossCurveDisplay").subplots()
        score_ax = _score_axes(ax)
        if self.validation_scores is not None and score_ax is None:
            score_ax = ax.twinx()
            score_ax.set_label(SCORE_AXES)
            score_ax.set_ylabel("Validation score")
        before = [*ax.lines, *(score_ax.lines if score_ax is not None else [])]
        group = _group(before, self.estimator_name if name is None else name)
        curves = (
            (ax, self.loss_curve, "training loss", "-", "o"),
            (ax, self.validation_loss_curve, "validation loss", "--", "s"),
            (score_ax, self.validation_scores, "validation score", ":", "^"),
        )
        self.lines_ = []
        for axes, curve, label, linestyle, marker in curves:
            if curve is None:
                continue
            # Axes that lie over others have a colour cycle of their own, which begins anew.
            look = {"label": label, "color": f"C{len(before) + len(self.lines_)}", "linestyle": linestyle, "gid": group}
            look["marker"] = marker if len(curve) < FEW_EPOCHS else "none"
            self.lines_ += axes.plot(range(1, len(curve) + 1), curve, **{**look, **style})
        ax.set_xlabel("Epoch")
        ax.set_ylabel("Loss")
        ax.xaxis.get_major_locator().set_params(integer=True)
        _draw_legend(ax, score_ax)
        self.ax_, self.score_ax_, self.figure_ = ax, score_ax, ax.figure
        return self

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, name: str | None = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the curves of a fitted `MLPClassifier` or `MLPRegressor`, or of the one at the end of a pipeline or search.

        Parameters
        ----------
        estimator : estimator
            A fitted one. Of a Pipeline its last step counts, of GridSearchCV and other searches the best estimator, of
            TransformedTargetRegressor the regressor; they may be nested.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure unless given.

        name : str, default=None
            What the legend writes above the curves; the class of the estimator unless given.

        **kwargs : dict
            Options of matplotlib's `Axes.plot`, for every curve.

        Returns
        -------
        LossCurveDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            For an estimator that is not fitted.
        InputError
            For an estimator without loss curves.
        """
        require("sklearn.utils.validation", "LossCurveDisplay.from_estimator").check_is_fitted(estimator)
        estimator = _last_step(estimator)
        kind = type(estimator).__name__
        # An earlier fit with another solver leaves its loss_curve_ behind.
        if getattr(estimator, "solver", None) == "lbfgs":
            raise InputError(f"this {kind} has solver='lbfgs', which keeps no loss curve; it must be 'sgd' or 'adam'")
        if not hasattr(estimator, "loss_curve_"):
            raise InputError(f"estimator is a {kind}, without loss_curve_; it must be an MLPClassifier or MLPRegressor")
        display = cls(
            loss_curve=estimator.loss_curve_,
            validation_loss_curve=getattr(estimator, "validation_loss_curve_", None) or None,
            validation_scores=getattr(estimator, "validation_scores_", None),
            estimator_name=kind if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_history(cls, history: Losses, *, ax: Any = None, name: str | None = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the losses that `Network.fit` returned.

        Parameters
        ----------
        history : History
            The losses.

        ax : matplotlib Axes, default=None
            Where to draw; a new figure unless given.

        name : str, default=None
            What the legend writes above the curves.

        **kwargs : dict
            Options of matplotlib's `Axes.plot`, for every curve.

        Returns
        -------
        LossCurveDisplay
            The display, drawn.

        Raises
        ------
        InputError
            Where no epoch was finished.

        Examples
        --------
        >>> from tileprop import LossCurveDisplay, Network
        >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], epochs=5)
        >>> len(LossCurveDisplay.from_history(history).lines_)
        1
        """
        display = cls(loss_curve=history.loss, validation_loss_curve=history.val_loss or None, estimator_name=name)
        return display.plot(ax=ax, **kwargs)

    def _check_lengths(self) -> None:
        n = len(self.loss_curve)
        if n == 0:
            raise InputError("loss_curve is empty; it must have an entry for each epoch")
        for argument in ("validation_loss_curve", "validation_scores"):
            curve = getattr(self, argument)
            if curve is not None and len(curve) != n:
                raise InputError(f"{argument} has {len(curve)} entries; it must have {n}, one for each epoch of loss_curve")


def _last_step(estimator: Any) -> Any:
    """The estimator that predicts, inside pipelines, searches and regressors with a transformed target."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "best_params_"):
            kind = type(estimator).__name__
            raise InputError(f"this {kind} has refit=False, and so no best_estimator_; give it refit=True, and fit it again")
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "regressor_"):
            estimator = estimator.regressor_
        else:
            return estimator


def _group(before: list[Any], name: str | None) -> str:
    """A group id for the curves of a further display on the same axes."""
    number = len({line.get_gid() for line in before if _is_grouped(line)})
    return f"{GROUP} {number:06}: {'' if name is None else name}"


def _is_grouped(line: Any) -> bool:
    return str(line.get_gid()).startswith(GROUP)


def _score_axes(ax: Any) -> Any:
    """The axes for scores that an earlier display laid over `ax`, or None."""
    for other in ax.figure.axes:
        # Subplots that share their x axis are joined as well, but lie elsewhere.
        joined = other is not ax and ax.get_shared_x_axes().joined(ax, other)
        if joined and other.get_label() == SCORE_AXES and other.get_position().bounds == ax.get_position().bounds:
            return other
    return None


def _draw_legend(ax: Any, score_ax: Any) -> None:
    """One legend for both axes, display by display, each under its name."""
    lines, labels = ax.get_legend_handles_labels()
    if score_ax is not None:
        score_lines, score_labels = score_ax.get_legend_handles_labels()
        lines, labels = lines + score_lines, labels + score_labels
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    entries = list(zip(lines, labels, strict=True))
    shown = [entry for entry in entries if not _is_grouped(entry[0])]
    heading = require("matplotlib.lines", "LossCurveDisplay").Line2D([], [], linestyle="none")
    for group in sorted({line.get_gid() for line, _ in entries if _is_grouped(line)}):
        name = group.partition(": ")[2]
        shown += [(heading, name)] if name else []
        shown += [entry for entry in entries if entry[0].get_gid() == group]
    # On the upper axes no curve is drawn over it. There matplotlib avoids the scores alone; late in a fit, losses are low and
    # scores high.
    place = {} if score_ax is None else {"loc": "center right"}
    (ax if score_ax is None else score_ax).legend([line for line, _ in shown], [label for _, label in shown], **place)
