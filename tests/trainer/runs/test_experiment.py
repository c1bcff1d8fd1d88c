"""The run behind `tileprop train`: fair splits, scaling from the training rows alone, true figures."""

import math

import numpy as np
import pytest
from tileprop.trainer import DivergenceError, InputError, MissingExtraError
from tileprop.trainer.data.datasets import Dataset, load_dataset
from tileprop.trainer.runs.evaluation import score
from tileprop.trainer.runs.experiment import training_targets
from tileprop.trainer.runs.preparation import prepare, split_rows, untrained_model
from tileprop.trainer.runs.settings import LOSSES, Settings

pytest.importorskip("sklearn")
metrics = pytest.importorskip("sklearn.metrics")


def run_experiment(settings):
    return prepare(settings).train()


def dataset(y, task="classification", name="data"):
    y = np.array(y)
    classes = tuple(f"c{i}" for i in range(int(y.max()) + 1)) if task == "classification" else ()
    return Dataset(name, np.arange(2.0 * len(y)).reshape(-1, 2), y, ("a", "b"), task, classes)


@pytest.mark.parametrize(
    ("test_size", "validation_size", "sizes"), [(0.2, 0.1, (43, 5, 12)), (0, 0.5, (30, 30, 0)), (0.5, 0, (30, 0, 30))]
)
def test_split(test_size, validation_size, sizes):
    data = dataset([0, 0, 1, 2, 2, 2] * 10)
    split = split_rows(data, test_size, validation_size, 0)
    assert tuple(len(rows) for rows in vars(split).values()) == sizes
    assert sorted(np.concatenate(list(vars(split).values()))) == list(range(60))
    for rows in vars(split).values():
        if rows.size:
            np.testing.assert_allclose(np.bincount(data.y[rows]) / rows.size, [1 / 3, 1 / 6, 1 / 2], atol=0.12)


def test_the_seed_decides_about_the_split():
    data = dataset(np.linspace(0, 1, 30), "regression")
    splits = [split_rows(data, 0.2, 0.1, seed).test.tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (dataset([0, 0, 0, 0, 1]), (0.4, 0.1), "data: class 'c1' has a single row to be divided by test_size 0.4"),
        (dataset([0, 1, 0, 1]), (0.2, 0.1), "test_size 0.2 divides 4 rows into 3 and 1, and each part needs 2"),
        (dataset([0, 1, 2] * 4), (0.25, 0.1), "validation_size 0.1 divides 9 rows into 8 and 1, and each part needs 3"),
        (dataset([0, 1, 2] * 4), (0.9, 0.0), "test_size 0.9 divides 12 rows into 1 and 11"),
        (dataset([0.5, 1.5, 2.5], "regression"), (0.2, 0.1), "divides 3 rows into 2 and 1, and each part needs 2"),
    ],
)
def test_too_few_rows(data, arguments, message):
    with pytest.raises(InputError, match=message + ".*or 0 for none"):
        split_rows(data, *arguments, 0)


def test_scaling_sees_the_training_rows_alone():
    data = dataset(np.linspace(0, 1, 30), "regression")
    rows = np.arange(10)
    model = untrained_model(data, rows, Settings("data"))
    assert model.recipe.scaling.mean.tolist() == data.rows[rows].mean(axis=0).tolist()
    assert model.target_scaling.mean == pytest.approx([data.y[rows].mean()])


@pytest.mark.parametrize(
    ("settings", "sizes", "activations", "loss"),
    [
        (Settings("iris"), [4, 64, 64, 3], ["silu", "silu", "softmax"], "log_loss"),
        (Settings("iris", hidden=(), loss="mse"), [4, 3], ["sigmoid"], "mse"),
        (Settings("diabetes", hidden=(5,), activation="relu"), [10, 5, 1], ["relu", "identity"], "squared_error"),
    ],
)
def test_networks(settings, sizes, activations, loss):
    data = load_dataset(settings.source)
    plan = untrained_model(data, np.arange(20), settings).network.plan
    assert (plan.sizes, plan.activations, plan.loss) == (sizes, activations, loss)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(dtype):
    data = load_dataset("iris")
    assert untrained_model(data, np.arange(150), Settings("iris", dtype=dtype)).predict_proba(data.rows).shape == (150, 3)
    assert untrained_model(data, np.arange(150), Settings("iris", dtype=dtype)).network.dtype == dtype


def test_classification_figures():
    outcome = run_experiment(Settings("iris", epochs=8, seed=1))
    data, split, model = outcome.dataset, outcome.split, outcome.model
    names = np.array(data.class_names)
    for part, rows in vars(split).items():
        assert outcome.scores[part] == metrics.accuracy_score(names[data.y[rows]], model.predict(data.rows[rows]))
        assert outcome.losses[part] == pytest.approx(
            metrics.log_loss(data.y[rows], model.predict_proba(data.rows[rows])), rel=1e-4
        )
    assert outcome.history.epochs == len(outcome.history.val_loss) == 8
    assert outcome.history.n_samples == len(split.training)
    assert outcome.history.val_loss[-1] == pytest.approx(outcome.losses["validation"], rel=1e-6)
    assert outcome.scores["test"] > 0.8


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer", "diabetes"])
def test_the_best_epoch_is_kept(name):
    """The validation loss of the model is the lowest of the run, and the one that is shown."""
    outcome = run_experiment(Settings(name, epochs=60, patience=5))
    history, rows = outcome.history, outcome.split.validation
    assert outcome.kept_epoch == np.argmin(history.val_loss) + 1 == history.kept_epoch
    assert outcome.losses["validation"] == pytest.approx(min(history.val_loss), rel=1e-6)
    T = training_targets(outcome.dataset, outcome.model)[rows]
    assert outcome.model.network.loss(outcome.model.prepare(outcome.dataset.rows, rows), T) == outcome.losses["validation"]
    if outcome.stopped_early:
        assert history.stopped == "callback"
        assert history.epochs == outcome.kept_epoch + 6
    else:
        assert history.epochs == 60


def test_training_ends_when_the_loss_no_longer_falls():
    for patience in (1, 3):
        outcome = run_experiment(Settings("digits", epochs=60, patience=patience))
        lowest = np.minimum.accumulate(outcome.history.val_loss)
        assert outcome.stopped_early
        assert outcome.history.epochs == outcome.kept_epoch + patience + 1
        assert lowest[-1] == lowest[-2 - patience]


def test_without_early_stopping_the_last_epoch_is_kept():
    for settings in ({"early_stopping": False}, {"validation_size": 0.0}):
        outcome = run_experiment(Settings("digits", epochs=15, **settings))
        assert (outcome.kept_epoch, outcome.history.epochs, outcome.stopped_early) == (15, 15, False)
    assert outcome.losses["training"] < 0.02


def test_balanced_classes(tmp_path):
    """The loss is that of rows whose classes count the same, in each part; the rare class is found more often."""
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=600) < 0.1).astype(int)
    np.savez(tmp_path / "rare.npz", X=rng.normal(size=(600, 2)) + y[:, None], y=y)
    given = {"source": str(tmp_path / "rare.npz"), "epochs": 20, "hidden": (4,)}
    usual, balanced = (run_experiment(Settings(**given, class_weight=weight)) for weight in ("none", "balanced"))
    recalls = [outcome.evaluations["test"].classes["1"].recall for outcome in (usual, balanced)]
    assert recalls[0] < recalls[1]
    data, split = balanced.dataset, balanced.split
    shares = np.bincount(data.y[split.training]) / len(split.training)
    for part, rows in vars(split).items():
        expected = metrics.log_loss(
            data.y[rows], balanced.model.predict_proba(data.rows[rows]), sample_weight=0.5 / shares[data.y[rows]]
        )
        assert balanced.losses[part] == pytest.approx(expected, rel=1e-4)
    assert balanced.losses["validation"] == pytest.approx(min(balanced.history.val_loss), rel=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"dropout": 0.3}, {"weight_decay": 0.5}, {"schedule": "cosine"}, {"label_smoothing": 0.2}, {"optimizer": "nadam"}],
)
def test_settings_reach_the_training(change):
    usual, changed = (run_experiment(Settings("iris", epochs=4, **more)) for more in ({}, change))
    assert usual.history.loss[-1] != changed.history.loss[-1]
    assert math.isfinite(changed.history.loss[-1])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("source", ["iris", "diabetes"])
def test_every_loss_learns(source, loss):
    if (source, loss) == ("diabetes", "log_loss"):
        return
    outcome = run_experiment(Settings(source, loss=loss, epochs=25))
    assert outcome.evaluations["test"].beats_baseline


def test_evaluations_are_of_rows_that_were_not_trained_on():
    outcome = run_experiment(Settings("iris", epochs=8))
    assert outcome.evaluations.keys() == {"validation", "test"}
    scores = outcome.evaluations["test"].scores
    assert scores["accuracy"].model == outcome.scores["test"]
    assert scores["log loss"].model == pytest.approx(outcome.losses["test"], rel=1e-4)
    assert run_experiment(Settings("xor", test_size=0, validation_size=0, epochs=2)).evaluations == {}


def test_regression_is_evaluated_in_the_targets_unit():
    outcome = run_experiment(Settings("diabetes", epochs=10))
    data, rows, known = outcome.dataset, outcome.split.test, outcome.split.training
    errors = data.y[rows] - outcome.model.predict(data.rows[rows])
    scores = outcome.evaluations["test"].scores
    assert scores["RMSE"].model == pytest.approx(np.sqrt((errors**2).mean()))
    assert scores["MAE"].baseline == pytest.approx(np.abs(data.y[rows] - data.y[known].mean()).mean())
    assert 30 < scores["RMSE"].model < scores["RMSE"].baseline < 100
    assert scores["R2"].model == pytest.approx(outcome.scores["test"])
    assert outcome.loss_name == "loss (standardised target)"


def test_regression_figures():
    outcome = run_experiment(Settings("diabetes", epochs=10, hidden=(), learning_rate=0.02, seed=2))
    data, rows = outcome.dataset, outcome.split.test
    expected = metrics.r2_score(data.y[rows], outcome.model.predict(data.rows[rows]))
    assert outcome.scores["test"] == pytest.approx(expected, rel=1e-12)
    assert outcome.score_name == "R2"
    assert outcome.scores["test"] > 0.2


def test_several_targets(tmp_path):
    X = np.random.default_rng(0).normal(size=(200, 3))
    np.savez(tmp_path / "data.npz", X=X, y=np.column_stack((X[:, 0] * 1000 + 7, X[:, 1] - X[:, 2])))
    outcome = run_experiment(Settings(str(tmp_path / "data.npz"), epochs=30, hidden=(), learning_rate=0.02))
    data, rows = outcome.dataset, outcome.split.test
    assert outcome.scores["test"] == pytest.approx(metrics.r2_score(data.y[rows], outcome.model.predict(data.rows[rows])))
    assert outcome.scores["test"] > 0.95


def test_nothing_held_out():
    outcome = run_experiment(Settings("xor", test_size=0, validation_size=0, epochs=2))
    assert list(outcome.scores) == list(outcome.losses) == ["training"]
    assert outcome.history.val_loss == []


def test_r2_of_equal_targets_is_not_a_number():
    outcome = run_experiment(Settings("diabetes", epochs=1, hidden=()))
    assert np.isnan(score("regression", np.ones(3), outcome.model.predict(outcome.dataset.rows[:3])))


def test_the_seed_decides_about_everything():
    first, second, other = (run_experiment(Settings("moons", epochs=2, seed=seed)) for seed in (3, 3, 4))
    assert first.model.network.theta.tobytes() == second.model.network.theta.tobytes()
    assert first.history.val_loss == second.history.val_loss
    assert first.model.network.theta.tobytes() != other.model.network.theta.tobytes()


def test_the_seed_decides_about_the_initial_weights():
    data, rows = load_dataset("iris"), np.arange(150)
    first, second, other = (untrained_model(data, rows, Settings("iris", seed=seed)).network.theta for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("loss", ["mse", "squared_error"])
def test_classes_by_squares(loss):
    outcome = run_experiment(Settings("iris", loss=loss, epochs=20))
    assert outcome.model.network.plan.loss == loss
    assert outcome.scores["test"] > 0.8


def test_digits_by_default():
    assert run_experiment(Settings("digits", epochs=20)).scores["test"] >= 0.95


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_digits_with_any_seed(seed):
    assert run_experiment(Settings("digits", seed=seed)).scores["test"] >= 0.95


def test_the_median_epoch_tells_the_speed():
    outcome = run_experiment(Settings("xor", epochs=3))
    outcome.history.seconds[:] = [9.0, 2.0, 1.0]
    assert outcome.samples_per_second == outcome.history.n_samples / 2.0


def test_divergence():
    with pytest.raises(DivergenceError, match="diverged in epoch"):
        run_experiment(Settings("diabetes", optimizer="sgd", learning_rate=1e6, activation="relu"))


def test_missing_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"splitting the rows needs scikit-learn: pip install 'tileprop\[sklearn\]'"):
        run_experiment(Settings("xor"))
