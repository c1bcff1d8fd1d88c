"""Displays: what is on them, read from matplotlib's own objects, and scikit-learn's on our estimators."""

import numpy as np
import pytest
from tileprop.trainer import History, InputError, MissingExtraError, displays
from tileprop.trainer.displays import LossCurveDisplay

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from sklearn.compose import TransformedTargetRegressor  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, NotFittedError  # noqa: E402
from sklearn.inspection import DecisionBoundaryDisplay  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from tileprop.trainer.estimators import MLPClassifier, MLPRegressor  # noqa: E402

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 2))
LABELS = np.where(X[:, 0] > 0, "right", "left")
THREE = np.digitize(X[:, 1], [-0.4, 0.4])
VALUES = X[:, 0] - X[:, 1]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def small(estimator, **arguments):
    return estimator(hidden_layer_sizes=(4,), max_iter=3, random_state=0, **arguments)


def curves(axes):
    return [(line.get_label(), list(line.get_ydata())) for line in axes.lines]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_training_loss_alone():
    display = LossCurveDisplay(loss_curve=[3.0, 2.0, 1.5])
    assert display.plot() is display
    assert curves(display.ax_) == [("training loss", [3.0, 2.0, 1.5])]
    assert list(display.lines_[0].get_xdata()) == [1, 2, 3]
    assert display.score_ax_ is None
    assert display.figure_ is display.ax_.figure
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Epoch", "Loss")
    assert legend(display.ax_) == ["training loss"]


def test_all_curves():
    display = LossCurveDisplay(
        loss_curve=np.array([3.0, 2.0]), validation_loss_curve=(4.0, 3.0), validation_scores=[0.5, 0.9], estimator_name="net"
    ).plot()
    assert curves(display.ax_) == [("training loss", [3.0, 2.0]), ("validation loss", [4.0, 3.0])]
    assert curves(display.score_ax_) == [("validation score", [0.5, 0.9])]
    assert display.score_ax_.get_ylabel() == "Validation score"
    assert display.lines_ == [*display.ax_.lines, *display.score_ax_.lines]
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--", ":"]
    assert len({line.get_color() for line in display.lines_}) == 3
    assert len({line.get_marker() for line in display.lines_}) == 3
    assert display.ax_.get_legend() is None
    assert legend(display.score_ax_) == ["net", "training loss", "validation loss", "validation score"]
    display.figure_.canvas.draw()


@pytest.mark.parametrize("style", [{"color": "red", "linewidth": 3}, {"c": "red", "lw": 3}])
def test_arguments_of_plot(style):
    _, ax = plt.subplots()
    display = LossCurveDisplay(loss_curve=[3.0], validation_loss_curve=[4.0], validation_scores=[0.5], estimator_name="net")
    display.plot(ax=ax, name="other", **style)
    assert display.ax_ is ax
    assert all((line.get_color(), line.get_linewidth()) == ("red", 3) for line in display.lines_)
    assert legend(display.score_ax_)[0] == "other"


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_two_displays_on_the_same_axes(layout):
    figure, (above, below) = plt.subplots(2, sharex=True, layout=layout)
    first = LossCurveDisplay(loss_curve=[3.0], validation_scores=[0.5], estimator_name="a").plot(ax=above)
    figure.canvas.draw()
    second = LossCurveDisplay(loss_curve=[2.0], validation_scores=[0.6], estimator_name="b").plot(ax=above)
    third = LossCurveDisplay(loss_curve=[1.0], estimator_name="c").plot(ax=above)
    elsewhere = LossCurveDisplay(loss_curve=[1.0], validation_scores=[0.7]).plot(ax=below)
    assert first.score_ax_ is second.score_ax_ is third.score_ax_
    assert elsewhere.score_ax_ is not first.score_ax_
    assert len(figure.axes) == 4
    assert above.get_legend() is None
    scored = ["training loss", "validation score"]
    assert legend(first.score_ax_) == ["a", *scored, "b", *scored, "c", "training loss"]
    lines = [*first.lines_, *second.lines_, *third.lines_]
    assert len({line.get_color() for line in lines}) == 5
    assert [text.get_text() for text in elsewhere.score_ax_.get_legend().get_texts()] == scored


@pytest.mark.parametrize(("estimator", "y"), [(MLPClassifier, LABELS), (MLPRegressor, VALUES)])
def test_from_estimator(estimator, y):
    fitted = small(estimator).fit(X, y)
    display = LossCurveDisplay.from_estimator(fitted)
    assert curves(display.ax_) == [("training loss", fitted.loss_curve_)]
    assert legend(display.ax_) == [estimator.__name__, "training loss"]
    assert display.score_ax_ is None
    assert LossCurveDisplay.from_estimator(fitted, name="n", color="red").lines_[0].get_color() == "red"


def test_from_estimator_with_early_stopping():
    fitted = small(MLPClassifier, early_stopping=True).fit(X, LABELS)
    _, ax = plt.subplots()
    display = LossCurveDisplay.from_estimator(fitted, ax=ax, name="net")
    assert display.ax_ is ax
    assert curves(display.score_ax_) == [("validation score", fitted.validation_scores_)]


def test_from_estimator_with_validation_losses():
    fitted = small(MLPRegressor).fit(X, VALUES)
    fitted.validation_loss_curve_ = [3.0, 2.0, 1.0]
    assert curves(LossCurveDisplay.from_estimator(fitted).ax_)[1] == ("validation loss", [3.0, 2.0, 1.0])


def test_estimators_without_a_curve():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPClassifier())
    refitted = small(MLPClassifier).fit(X, LABELS).set_params(solver="lbfgs").fit(X, LABELS)
    with pytest.raises(InputError, match="this MLPClassifier has solver='lbfgs', which keeps no loss curve"):
        LossCurveDisplay.from_estimator(refitted)
    with pytest.raises(InputError, match="estimator is a LinearRegression, without loss_curve_"):
        LossCurveDisplay.from_estimator(LinearRegression().fit(X, VALUES))


def test_a_line_of_the_user_s_own_stays_in_the_legend():
    _, ax = plt.subplots()
    ax.plot([1, 2], [3, 3], label="goal")
    LossCurveDisplay(loss_curve=[3.0, 2.0], estimator_name="net").plot(ax=ax)
    assert legend(ax) == ["goal", "net", "training loss"]


def test_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), small(MLPClassifier)).fit(X, LABELS)
    display = LossCurveDisplay.from_estimator(pipeline)
    assert curves(display.ax_) == [("training loss", pipeline[-1].loss_curve_)]
    assert legend(display.ax_)[0] == "MLPClassifier"
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.0, 1.0]}, cv=2).fit(X, LABELS)
    best = search.best_estimator_[-1].loss_curve_
    assert curves(LossCurveDisplay.from_estimator(search).ax_) == [("training loss", best)]
    scaled = TransformedTargetRegressor(small(MLPRegressor), transformer=StandardScaler()).fit(X, VALUES)
    assert curves(LossCurveDisplay.from_estimator(scaled).ax_) == [("training loss", scaled.regressor_.loss_curve_)]
    with pytest.raises(InputError, match="this GridSearchCV has refit=False"):
        LossCurveDisplay.from_estimator(GridSearchCV(pipeline, {}, cv=2, refit=False).fit(X, LABELS))
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(GridSearchCV(pipeline, {}))
    with pytest.raises(InputError, match="estimator is a StandardScaler, without loss_curve_"):
        LossCurveDisplay.from_estimator(make_pipeline(StandardScaler()).fit(X))


def test_from_history():
    display = LossCurveDisplay.from_history(History(9, [3.0, 2.0], val_loss=[4.0, 3.0]))
    assert curves(display.ax_) == [("training loss", [3.0, 2.0]), ("validation loss", [4.0, 3.0])]
    named = LossCurveDisplay.from_history(History(9, [3.0]), ax=display.ax_, name="b", alpha=0.5)
    assert named.ax_ is display.ax_
    assert curves(display.ax_)[2] == ("training loss", [3.0])
    assert legend(display.ax_) == ["training loss", "validation loss", "b", "training loss"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss_curve": []}, "loss_curve is empty; it must have an entry for each epoch"),
        ({"loss_curve": [1.0, 2.0], "validation_loss_curve": [1.0]}, "validation_loss_curve has 1 entries; it must have 2"),
        ({"loss_curve": [1.0], "validation_scores": []}, "validation_scores has 0 entries; it must have 1"),
    ],
)
def test_curves_that_cannot_be_drawn(arguments, message):
    with pytest.raises(InputError, match=message):
        LossCurveDisplay(**arguments).plot()
    assert not plt.get_fignums()


def test_without_matplotlib(monkeypatch):
    def missing(module, purpose):
        raise MissingExtraError(f"{purpose} needs {module}")

    monkeypatch.setattr(displays, "require", missing)
    with pytest.raises(MissingExtraError, match="LossCurveDisplay needs matplotlib"):
        LossCurveDisplay(loss_curve=[1.0]).plot()


@pytest.mark.parametrize(
    ("estimator", "y", "response_method"),
    [
        (MLPClassifier, LABELS, "auto"),
        (MLPClassifier, LABELS, "predict_proba"),
        (MLPClassifier, LABELS, "predict"),
        (MLPClassifier, THREE, "auto"),
        (MLPClassifier, THREE, "predict"),
        (MLPRegressor, VALUES, "auto"),
    ],
)
def test_decision_boundaries_of_scikit_learn(estimator, y, response_method):
    fitted = small(estimator).fit(X, y)
    display = DecisionBoundaryDisplay.from_estimator(fitted, X, grid_resolution=7, response_method=response_method)
    assert display.response.shape[:2] == (7, 7)
    place = [[display.xx0[2, 5], display.xx1[2, 5]]]
    if estimator is MLPRegressor:
        np.testing.assert_allclose(display.response[2, 5], fitted.predict(place)[0])
    elif response_method == "predict":
        assert fitted.classes_[int(display.response[2, 5])] == fitted.predict(place)[0]
    else:
        np.testing.assert_allclose(np.ravel(display.response[2, 5])[-1], fitted.predict_proba(place)[0, -1])
