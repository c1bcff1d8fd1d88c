"""scikit-learn's callbacks, its own and recorded ones, on our estimators; before scikit-learn 1.9, that there are none."""

import sys
import warnings
from importlib import util

import numpy as np
import pandas
import pytest
from inside import steps_taken, velocity
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tileprop.trainer import MLPClassifier, MLPRegressor
from tileprop.trainer.estimators import callback_protocol

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PROTOCOL = util.find_spec("sklearn.callback") is not None
with_protocol = pytest.mark.skipif(not PROTOCOL, reason="scikit-learn has callbacks from 1.9 on")

ESTIMATORS = [MLPClassifier, MLPRegressor]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = np.where(X[:, 0] > 0, "yes", "no")
VALUES = X[:, 0] - X[:, 1]


def targets(Estimator):
    return LABELS if Estimator is MLPClassifier else VALUES


def make(Estimator, **arguments):
    return Estimator(**({"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (6,)} | arguments))


class Recording:
    """A callback that keeps what it is told; `stop_at`: the number of the epoch at which it ends the fit."""

    def __init__(self, stop_at=None):
        self.stop_at, self.told = stop_at, []

    def setup(self, estimator, context):
        self.told.append(("setup", context.task_name, {}))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.told.append(("begin", context.task_name, {"X": X, "y": y, "metadata": metadata, "fitted": fitted_estimator}))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.told.append(("end", context.task_name, {"X": X, "y": y, "metadata": metadata, "fitted": fitted_estimator}))
        return context.task_name == "epoch" and context.task_id == self.stop_at

    def teardown(self, estimator, context):
        self.told.append(("teardown", context.task_name, {}))

    @property
    def events(self):
        return [(event, task) for event, task, _ in self.told]

    def fitted(self, event, task):
        return [data["fitted"] for *what, data in self.told if what == [event, task]]


def epochs(n):
    """What is told of a fit of so many epochs."""
    inner = [("begin", "epoch"), ("end", "epoch")] * n
    return [("setup", "fit"), ("begin", "fit"), *inner, ("end", "fit"), ("teardown", "fit")]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_there_are_callbacks_where_scikit_learn_has_them(Estimator):
    assert hasattr(Estimator(), "set_callbacks") == PROTOCOL


def test_without_the_protocol_there_is_nothing_of_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = util.find_spec(callback_protocol.__name__)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not hasattr(module.WithCallbacks, "set_callbacks")
    tasks = module.WithCallbacks()._begin_fit(X, LABELS, None)
    tasks.begin_epoch()
    assert not tasks.watched
    assert not tasks.end_epoch()
    tasks.drop_epoch()
    tasks.end()


@with_protocol
@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_each_epoch_is_told(Estimator, solver):
    recording, y, weight = Recording(), targets(Estimator), np.linspace(1, 2, len(X))
    plain = make(Estimator, solver=solver).fit(X, y, sample_weight=weight)
    watched = make(Estimator, solver=solver).set_callbacks(recording).fit(X, y, sample_weight=weight)
    assert recording.events == epochs(5)
    assert watched.network_.theta.tobytes() == plain.network_.theta.tobytes()
    for event, _, data in recording.told:
        if event in ("begin", "end"):
            assert data["X"] is X
            assert data["y"] is y
            assert data["metadata"] == {"sample_weight": weight}
    assert set(vars(watched)) - set(vars(plain)) == {"_skl_callbacks"}


@with_protocol
@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_fitted_estimator_is_that_of_a_fit_of_so_many_epochs(Estimator, early_stopping):
    recording, y = Recording(), targets(Estimator)
    arguments = {"early_stopping": early_stopping, "learning_rate_init": 0.1, "tol": 0}
    model = make(Estimator, max_iter=8, **arguments).set_callbacks(recording).fit(X, y)
    before, after = recording.fitted("begin", "epoch"), recording.fitted("end", "epoch")
    assert recording.fitted("begin", "fit") == [None]
    for epoch, fitted in enumerate([*after, *recording.fitted("end", "fit")], start=1):
        expected = make(Estimator, max_iter=min(epoch, 8), **arguments).fit(X, y)
        np.testing.assert_array_equal(fitted.predict(X), expected.predict(X))
        for mine, other in zip(fitted.coefs_, expected.coefs_, strict=True):
            np.testing.assert_array_equal(mine, other)
        assert (fitted.n_iter_, fitted.loss_curve_) == (expected.n_iter_, expected.loss_curve_)
        assert fitted.validation_scores_ == expected.validation_scores_
        if epoch < 8:
            np.testing.assert_array_equal(before[epoch].coefs_[0], fitted.coefs_[0])
        assert not np.shares_memory(fitted.coefs_[0], model.coefs_[0])


@with_protocol
def test_the_fitted_estimator_may_be_trained_on_by_itself():
    """Its optimizer's state is its own, although it was copied in the middle of a fit."""
    recording = Recording()
    model = make(MLPRegressor).set_callbacks(recording).fit(X, VALUES)
    middle = recording.fitted("end", "epoch")[2]
    assert not np.shares_memory(velocity(middle._state), velocity(model._state))
    assert steps_taken(middle._state) == 3
    assert steps_taken(model._state) == 5


@with_protocol
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_callback_ends_the_fit(Estimator):
    recording, y = Recording(stop_at=2), targets(Estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = make(Estimator).set_callbacks(recording).fit(X, y)
    assert model.n_iter_ == 3
    assert recording.events == epochs(3)
    assert model.network_.theta.tobytes() == make(Estimator, max_iter=3).fit(X, y).network_.theta.tobytes()


@with_protocol
def test_an_epoch_that_is_not_made_is_ended_all_the_same():
    """Where another callback ends the fit, and where it diverges: nothing of it is fitted."""
    recording = Recording()
    make(MLPRegressor, callbacks=[lambda running: running.history.epochs == 2]).set_callbacks(recording).fit(X, VALUES)
    assert recording.events == epochs(3)
    assert [fitted is None for fitted in recording.fitted("end", "epoch")] == [False, False, True]
    diverging = make(MLPRegressor, solver="sgd", learning_rate_init=1e6, activation="identity", early_stopping=True)
    recording = Recording()
    diverging.set_callbacks(recording).fit(1e6 * X, 1e6 * VALUES)
    assert recording.events == epochs(diverging.n_iter_)


@with_protocol
def test_a_failed_fit_tears_its_callbacks_down():
    recording = Recording()
    diverging = make(MLPRegressor, solver="sgd", learning_rate_init=1e6, activation="identity", momentum=0)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        diverging.set_callbacks(recording).fit(1e6 * X, 1e6 * VALUES)
    assert recording.events[-1] == ("teardown", "fit")
    assert ("end", "fit") not in recording.events
    assert "_tasks" not in vars(diverging)


@with_protocol
def test_of_lbfgs_the_fit_alone_is_told():
    recording, model = Recording(), make(MLPRegressor, solver="lbfgs", early_stopping=True)
    with pytest.warns(UserWarning, match="Callbacks are told of the epochs of MLPRegressor with solver='sgd' or 'adam'"):
        model.set_callbacks(recording)
    model.fit(X, VALUES)
    assert recording.events == epochs(0)
    (fitted,) = recording.fitted("end", "fit")
    np.testing.assert_array_equal(fitted.predict(X), model.predict(X))


@with_protocol
def test_partial_fit_tells_nothing():
    recording = Recording()
    make(MLPRegressor).set_callbacks(recording).partial_fit(X, VALUES)
    assert recording.told == []


# scikit-learn's own -------------------------------------------------------------------------------------------------------


@with_protocol
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_scores_of_every_epoch(Estimator):
    """Of frames, too: X comes with its names, so that nothing warns of their absence."""
    from sklearn.callback import ScoringMonitor

    frame, y = pandas.DataFrame(X, columns=list("abcd")), targets(Estimator)
    name = "accuracy" if Estimator is MLPClassifier else "r2"
    monitor = ScoringMonitor(scoring=name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make(Estimator).set_callbacks(monitor).fit(frame, y)
        expected = [make(Estimator, max_iter=n).fit(frame, y).score(frame, y) for n in range(1, 6)]
    log = monitor.get_logs()
    assert log.estimator_name == Estimator.__name__
    assert [row[name] for row in log.data if row["task_name"] == "epoch"] == expected
    assert [row[name] for row in log.data if row["task_name"] == "fit"] == [model.score(frame, y)]


@with_protocol
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_progress_bar_over_a_pipeline(Estimator, capsys):
    from sklearn.callback import ProgressBar

    model = make_pipeline(StandardScaler(), make(Estimator)).set_callbacks(ProgressBar(max_propagation_depth=None))
    model.fit(X, targets(Estimator))
    lines = [line for line in capsys.readouterr().out.splitlines() if Estimator.__name__ in line]
    assert len(lines) == 1
    assert f"Pipeline - fit-final-estimator | {Estimator.__name__} - fit #1" in lines[0]
    assert "100%" in lines[0]


@with_protocol
@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.full)])
def test_callbacks_in_a_grid(n_jobs, capsys):
    """The bar is set on the search, which hands it on; scores are asked of the estimator, whose clones keep the monitor."""
    from sklearn.callback import ProgressBar, ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = make(MLPClassifier).set_callbacks(monitor)
    assert clone(model)._skl_callbacks == [monitor]
    grid = GridSearchCV(model, {"alpha": [1e-4, 1e-2]}, cv=2, n_jobs=n_jobs)
    grid.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, LABELS)
    log = monitor.get_logs()
    assert log.estimator_name == "GridSearchCV"
    fits = 2 * 2 + 1
    assert [row["task_name"] for row in log.data].count("epoch") == 5 * fits
    assert capsys.readouterr().out.count("MLPClassifier - fit") == fits


@with_protocol
def test_scores_of_a_cross_validation():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    cross_val_score(make(MLPClassifier).set_callbacks(monitor), X, LABELS, cv=3)
    assert [len(log.data) for log in monitor.get_logs(select="all")] == [1 + 5] * 3
